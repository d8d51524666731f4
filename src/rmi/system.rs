//! RMI_VERSION and RMI_FEATURES.

use super::gate::{Checked, Gate, Outputs, failures};
use super::{Plan, Rmi};
use crate::abi::addr::Hex;
use crate::model::world::World;

/// The one revision of the interface that is spoken: 1.0 (minor in 15:0, major in 30:16).
const REVISION_1_0: u64 = 1 << 16;

pub(super) struct Version {
    pub(super) req: u64,
}

failures! {
    /// RMI_VERSION. The text calls it no failure condition, but it has the status of one.
    VersionRows {
        Revision "revision" Input Both [] "the requested revision is not 1.0";
    }
}

pub(super) struct VersionPlan;

impl Rmi for Version {
    type Rows = VersionRows;
    type Plan = VersionPlan;

    fn check(&self, _: &World, mut gate: Gate<'_>) -> Checked<VersionPlan> {
        let req = self.req;
        // X1 and X2 name the lower and the higher revision whatever X0 says.
        gate.ensure(VersionRows::Revision, req == REVISION_1_0, || {
            format!("revision {}.{} ({}) is not 1.0", req >> 16 & 0x7FFF, req & 0xFFFF, Hex(req))
        })
        .map_err(|failure| failure.with_output(1, REVISION_1_0).with_output(2, REVISION_1_0))?;
        gate.pass::<VersionRows, _>(VersionPlan)
    }
}

impl Plan for VersionPlan {
    fn apply(self, _: &mut World) -> Outputs {
        [REVISION_1_0, REVISION_1_0, 0, 0]
    }
}

pub(super) struct Features {
    pub(super) index: u64,
}

failures! {
    /// RMI_FEATURES never fails; the row keeps the table from being empty.
    FeaturesRows {
        Never "never" Input Both [] "RMI_FEATURES does not fail";
    }
}

pub(super) struct FeaturesPlan {
    index: u64,
}

impl Rmi for Features {
    type Rows = FeaturesRows;
    type Plan = FeaturesPlan;

    fn check(&self, _: &World, mut gate: Gate<'_>) -> Checked<FeaturesPlan> {
        gate.ensure(FeaturesRows::Never, true, String::new)?;
        gate.pass::<FeaturesRows, _>(FeaturesPlan { index: self.index })
    }
}

impl Plan for FeaturesPlan {
    fn apply(self, world: &mut World) -> Outputs {
        let value = if self.index == 0 { world.platform().feature_register_0() } else { 0 };
        [value, 0, 0, 0]
    }
}
