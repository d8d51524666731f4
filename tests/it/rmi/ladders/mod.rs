//! One ladder a command, of both editions.

mod aux_and_devices;
pub(crate) mod v1;
pub(crate) mod v2;
