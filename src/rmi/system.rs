//! RMI_VERSION and RMI_FEATURES.

use super::gate::{Checked, Gate, Outputs, failures};
use super::{Plan, Rmi};
use crate::abi::addr::Hex;
use crate::model::world::World;

pub(super) struct Version {
    pub(super) req: u64,
}

failures! {
    /// RMI_VERSION. The text calls it no failure condition, but it has the status of one.
    VersionRows {
        Revision "revision" Input All [] "the requested revision is not spoken";
    }
}

pub(super) struct VersionPlan {
    spoken: u64,
}

impl Rmi for Version {
    type Rows = VersionRows;
    type Plan = VersionPlan;

    fn check(&self, _: &World, mut gate: Gate<'_>) -> Checked<VersionPlan> {
        let (req, spoken) = (self.req, gate.profile().rmi_revision());
        // X1 and X2 name the lower and the higher revision whatever X0 says.
        gate.ensure(VersionRows::Revision, req == spoken, || {
            let [req_text, spoken] = [req, spoken].map(revision);
            format!("revision {req_text} ({}) is not {spoken}", Hex(req))
        })
        .map_err(|failure| failure.with_output(1, spoken).with_output(2, spoken))?;
        gate.pass::<VersionRows, _>(VersionPlan { spoken })
    }
}

/// Minor in bits 15:0, major in 30:16.
fn revision(number: u64) -> String {
    format!("{}.{}", number >> 16 & 0x7FFF, number & 0xFFFF)
}

impl Plan for VersionPlan {
    type Answer = Outputs;

    fn apply(self, _: &mut World) -> Outputs {
        [self.spoken, self.spoken, 0, 0]
    }
}

pub(super) struct Features {
    pub(super) index: u64,
}

failures! {
    /// RMI_FEATURES never fails; the row keeps the table from being empty.
    FeaturesRows {
        Never "never" Input All [] "RMI_FEATURES does not fail";
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
    type Answer = Outputs;

    fn apply(self, world: &mut World) -> Outputs {
        [world.platform().feature_register(world.profile(), self.index), 0, 0, 0]
    }
}
