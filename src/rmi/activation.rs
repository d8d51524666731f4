//! RMI_RMM_CONFIG_GET, RMI_RMM_CONFIG_SET and RMI_RMM_ACTIVATE, and what waits for the last (2.0).

use super::gate::{Checked, Failure, Gate, NO_OUTPUTS, Outputs, Row, failures, which};
use super::{Plan, Rmi};
use crate::abi::command::Command;
use crate::abi::status::Status;
use crate::measure::page::Page;
use crate::model::granule::{Granule, GranuleState};
use crate::model::world::World;

static INACTIVE: Row = Row {
    id: "rmm_state",
    status: Status::Global,
    which: which::V2,
    after: &[],
    text: "the RMM is not active",
};
static ACTIVE: Row = Row { text: "the RMM is active already", ..INACTIVE };

/// The failure of a command that the state of the RMM as a whole does not allow. It stands before
/// the tables of all commands.
pub(super) fn barred(world: &World, command: &Command) -> Option<Box<Failure>> {
    if !world.profile().boots_inactive() {
        return None;
    }
    match command {
        Command::Version { .. }
        | Command::Features { .. }
        | Command::RmmConfigGet { .. }
        | Command::GranuleTrackingGet { .. } => None,
        Command::RmmConfigSet { .. } | Command::RmmActivate {} => {
            world.active.then(|| Failure::of(&ACTIVE, "RMI_RMM_ACTIVATE was called".into()))
        }
        _ => (!world.active).then(inactive),
    }
}

/// The failure of what needs an active RMM.
pub(super) fn inactive() -> Box<Failure> {
    Failure::of(&INACTIVE, "RMI_RMM_ACTIVATE has to come first".into())
}

pub(super) struct Activate;

failures! {
    /// RMI_RMM_ACTIVATE takes no memory in TF-RMM, and so has no failure but that of its state.
    ActivateRows {
        Never "never" Input All [] "RMI_RMM_ACTIVATE does not fail in itself";
    }
}

pub(super) struct ActivatePlan;

impl Rmi for Activate {
    type Rows = ActivateRows;
    type Plan = ActivatePlan;

    fn check(&self, _: &World, mut gate: Gate<'_>) -> Checked<ActivatePlan> {
        gate.ensure(ActivateRows::Never, true, String::new)?;
        gate.pass::<ActivateRows, _>(ActivatePlan)
    }
}

impl Plan for ActivatePlan {
    type Answer = Outputs;

    fn apply(self, world: &mut World) -> Outputs {
        world.active = true;
        NO_OUTPUTS
    }
}

pub(super) struct ConfigGet {
    pub(super) config_ptr: u64,
}

failures! {
    /// RMI_RMM_CONFIG_GET.
    ConfigGetRows {
        Align "config_align" Input All [] "`config_ptr` is not granule aligned";
        Bound "config_bound" Input All [] "`config_ptr` is not delegable memory";
        State "config_pas" Input All [] "`config_ptr` is delegated";
        Read "config_pas" Input All [] "`config_ptr` is not in the Non-secure PAS";
    }
}

pub(super) struct ConfigGetPlan {
    config: Granule,
}

impl Rmi for ConfigGet {
    type Rows = ConfigGetRows;
    type Plan = ConfigGetPlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<ConfigGetPlan> {
        use ConfigGetRows as F;
        let rows = [F::Align, F::Bound, F::State];
        let config = gate.granule_in(rows, world, self.config_ptr, GranuleState::Undelegated)?;
        gate.host_readable(F::Read, world, config)?;
        gate.pass::<F, _>(ConfigGetPlan { config })
    }
}

impl Plan for ConfigGetPlan {
    type Answer = Outputs;

    /// The configuration is that after boot: regions of 1 GiB, granules of 4 KiB, both coded as 0.
    fn apply(self, world: &mut World) -> Outputs {
        world.memory.set_page(self.config, Page::Zero);
        NO_OUTPUTS
    }
}

pub(super) struct ConfigSet {
    pub(super) config_ptr: u64,
}

failures! {
    /// RMI_RMM_CONFIG_SET. TF-RMM takes only the configuration that it has.
    ConfigSetRows {
        Align "config_align" Input All [] "`config_ptr` is not granule aligned";
        Bound "config_bound" Input All [] "`config_ptr` is not delegable memory";
        State "config_pas" Input All [] "`config_ptr` is delegated";
        Read "config_pas" Input All [] "`config_ptr` is not in the Non-secure PAS";
        Supported "config_supp" Input All [] "TF-RMM has no other granule or region size";
    }
}

pub(super) struct ConfigSetPlan;

impl Rmi for ConfigSet {
    type Rows = ConfigSetRows;
    type Plan = ConfigSetPlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<ConfigSetPlan> {
        use ConfigSetRows as F;
        let rows = [F::Align, F::Bound, F::State];
        let config = gate.granule_in(rows, world, self.config_ptr, GranuleState::Undelegated)?;
        gate.host_readable(F::Read, world, config)?;
        let (region, granule) = world.memory.page(config).with_bytes(|page| {
            let (words, _) = page.as_chunks::<8>();
            (u64::from_le_bytes(words[0]), u64::from_le_bytes(words[1]))
        });
        gate.ensure(F::Supported, region == 0 && granule == 0, || {
            format!(
                "tracking_region_size is {region} and rmi_granule_size {granule}; TF-RMM has 0 \
                 (1 GiB) and 0 (4 KiB)"
            )
        })?;
        gate.pass::<F, _>(ConfigSetPlan)
    }
}

impl Plan for ConfigSetPlan {
    type Answer = Outputs;

    fn apply(self, _: &mut World) -> Outputs {
        NO_OUTPUTS
    }
}
