//! Why two RIMs differ.

mod across_editions;
pub(crate) mod planted;
