//! REMs, and how they come to be.

use super::event::Rem;
use crate::abi::profile::RemReading;
use crate::measure::rim::{HashAlgo, Measurement, extend};

/// The four REMs of a Realm, and the value after each extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rems {
    /// The values in the end: REM 1 to 4 by RSI's index.
    pub values: [Measurement; 4],
    /// How many extensions made each.
    pub counts: [usize; 4],
    /// What each extension left in its REM.
    pub after: Vec<Measurement>,
}

impl Rems {
    /// Extends zeros by these, in order.
    pub fn of<'d>(
        algo: HashAlgo,
        reading: RemReading,
        extensions: impl IntoIterator<Item = (Rem, &'d [u8])>,
    ) -> Self {
        let mut rems =
            Self { values: [Measurement::zero(algo); 4], counts: [0; 4], after: Vec::new() };
        for (rem, digest) in extensions {
            let value = &mut rems.values[rem.slot()];
            *value = extend(*value, digest, reading);
            rems.counts[rem.slot()] += 1;
            rems.after.push(*value);
        }
        rems
    }
}
