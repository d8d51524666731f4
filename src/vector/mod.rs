//! The JSON format of recorded behaviour: a platform and steps with what the RMM answered.
//!
//! One document a file; `spec-vectors/README.md` describes it. [`read()`] makes the same
//! [`Step`](crate::session::Step)s of it that scripts are made of, [`Writer`] writes any session
//! down in it.

mod format;
mod read;
mod write;

pub use format::platform_of;
pub use read::{Vector, VectorError, read};
pub use write::Writer;
