//! RealmParams and RecParams, read from a granule of Host memory and written into one.

mod builder;
mod structures;

pub use builder::{
    DEFAULT_DEBUG, DEFAULT_S2SZ, DEFAULT_VMID, RealmParamsBuilder, RecParamsBuilder,
};
pub use structures::{
    DATA_MEASURE, MAX_REC_AUX, REC_CREATE_GPRS, REC_RUNNABLE, RealmParams, RecParams, Rpv,
    realm_flags,
};
