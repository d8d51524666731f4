//! What an argument of a command is: addresses that a Host mixes up most, each a type of its own.
//!
//! All of them can hold any address. Whether a granule is what a command needs is for its failure
//! conditions to say. A pair in the wrong order does not compile:
//!
//! ```
//! # use rimsim::{Command, Data, Edition, Ipa, Pa, Rd, Src};
//! # let (rd, data, src) = (Rd(Pa(0x1000)), Data(Pa(0x2000)), Src(Pa(0x3000)));
//! Command::data_create(Edition::V1, rd, data, Ipa(0), src, 1);
//! ```
//!
//! ```compile_fail,E0308
//! # use rimsim::{Command, Data, Edition, Ipa, Pa, Rd, Src};
//! # let (rd, data, src) = (Rd(Pa(0x1000)), Data(Pa(0x2000)), Src(Pa(0x3000)));
//! Command::data_create(Edition::V1, rd, src, Ipa(0), data, 1);
//! ```

use std::fmt;

use super::addr::Pa;

macro_rules! granules {
    ($( $(#[$doc:meta])* $name:ident; )+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Pa);

        impl $name {
            /// The address as a register holds it.
            #[must_use]
            pub const fn addr(self) -> u64 {
                self.0.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+ };
}

granules! {
    /// A Realm Descriptor: the granule that a Realm is known by.
    Rd;
    /// A REC: the granule that a Realm Execution Context is known by.
    Rec;
    /// The REC that made a PSCI request.
    CallingRec;
    /// The REC that a PSCI request is about.
    TargetRec;
    /// A granule that becomes memory of a Realm.
    Data;
    /// A granule of the Host whose contents are copied.
    Src;
    /// A granule that becomes a Realm Translation Table.
    Rtt;
    /// A granule of the Host with RmiRealmParams or RmiRecParams.
    ParamsPtr;
    /// A granule of the Host with RmiRecRun.
    RunPtr;
}

impl From<Rec> for CallingRec {
    fn from(rec: Rec) -> Self {
        Self(rec.0)
    }
}

impl From<Rec> for TargetRec {
    fn from(rec: Rec) -> Self {
        Self(rec.0)
    }
}
