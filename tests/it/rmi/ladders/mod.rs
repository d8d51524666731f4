//! One ladder a command, of both editions.

pub(crate) mod v1;
pub(crate) mod v2;
