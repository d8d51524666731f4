//! The size of granules, as options have it.

use clap::ValueEnum;

use crate::abi::granule_size::GranuleSize;

/// A size of granules.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Granule {
    #[value(name = "4k")]
    K4,
    #[value(name = "16k")]
    K16,
    #[value(name = "64k")]
    K64,
}

impl From<Granule> for GranuleSize {
    fn from(granule: Granule) -> Self {
        match granule {
            Granule::K4 => Self::K4,
            Granule::K16 => Self::K16,
            Granule::K64 => Self::K64,
        }
    }
}
