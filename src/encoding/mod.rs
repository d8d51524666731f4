//! How bytes are written: the only place that reads or writes an encoding.
//!
//! Nothing here knows what the bytes mean, or anything else of this crate: that a key signs tokens,
//! or that a map has claims, is said by those who call. So there is one rule for what is well
//! formed, and no two readers that disagree.

#[cfg(feature = "evidence")]
pub mod cbor;
#[cfg(feature = "evidence")]
pub mod cose;
pub(crate) mod fdt;
#[cfg(feature = "cli")]
pub(crate) mod jws;
#[cfg(feature = "evidence")]
pub mod keys;
pub(crate) mod marked_line;
#[cfg(feature = "cli")]
pub(crate) mod markup;
pub(crate) mod nearest;
#[cfg(feature = "hosts")]
pub(crate) mod shell;
pub mod shown;
pub mod text;
#[cfg(feature = "toml")]
pub(crate) mod toml_text;
#[cfg(feature = "evidence")]
pub mod x509;
