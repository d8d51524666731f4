//! RMI_RMM_CONFIG_GET, RMI_RMM_CONFIG_SET, RMI_RMM_ACTIVATE and RMI_RMM_DEACTIVATE, and what waits
//! for an active RMM (2.0).

use super::gate::{Checked, Failure, FailureRow, Gate, NO_OUTPUTS, Outputs, failures, which};
use super::{Plan, Rmi};
use crate::abi::addr::{Hex, PAGE_LEN, Pa};
use crate::abi::command::Command;
use crate::abi::granule_size::GranuleSize;
use crate::abi::status::Status;
use crate::measure::page::Page;
use crate::model::granule::{Granule, GranuleState};
use crate::model::world::World;

/// Every command but those that tell of the RMM can fail by it.
pub(super) static INACTIVE: FailureRow = FailureRow {
    id: "rmm_state",
    status: Status::Global,
    which: which::V2,
    after: &[],
    text: "the RMM is not active",
};
static ACTIVE: FailureRow = FailureRow { text: "the RMM is active already", ..INACTIVE };

/// The failure of a command that the state of the RMM as a whole does not allow. It stands before
/// the tables of all commands.
#[inline]
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

pub(super) struct Deactivate;

failures! {
    /// RMI_RMM_DEACTIVATE (TF-RMM `runtime/rmi/activate.c` behind 9a7f8ef4). The memory that the
    /// RMM was given for its tables stays its own there, so the command is one call.
    DeactivateRows {
        Idle "op_state" Busy All [] "a stateful operation is under way";
        Granules "granule_state" Global All [] "a granule is delegated";
    }
}

pub(super) struct DeactivatePlan;

impl Rmi for Deactivate {
    type Rows = DeactivateRows;
    type Plan = DeactivatePlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<DeactivatePlan> {
        use DeactivateRows as F;
        let waits = world.operations.iter().next();
        gate.ensure(F::Idle, waits.is_none(), || {
            let handle = waits.map(|(handle, _)| handle.to_register()).unwrap_or_default();
            format!("an operation waits under handle {handle}")
        })?;
        let used = world.granules.delegated().next();
        gate.ensure(F::Granules, used.is_none(), || {
            let shown = |(granule, state)| (world.granules.pa(granule), state);
            let (pa, state) = used.map_or((Pa(0), GranuleState::Undelegated), shown);
            format!("granule {pa} is {state}; all have to be UNDELEGATED")
        })?;
        gate.pass::<F, _>(DeactivatePlan)
    }
}

impl Plan for DeactivatePlan {
    type Answer = Outputs;

    fn apply(self, world: &mut World) -> Outputs {
        world.active = false;
        NO_OUTPUTS
    }
}

pub(super) struct ConfigGet {
    pub(super) config_ptr: u64,
}

failures! {
    /// RMI_RMM_CONFIG_GET.
    ConfigGetRows {
        Null "config_ptr" Input All [] "`config_ptr` is zero";
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
        gate.ensure(F::Null, self.config_ptr != 0, || "`config_ptr` is 0".into())?;
        let rows = [F::Align, F::Bound, F::State];
        let config = gate.granule_in(rows, world, self.config_ptr, GranuleState::Undelegated)?;
        gate.host_readable(F::Read, world, config)?;
        gate.pass::<F, _>(ConfigGetPlan { config })
    }
}

impl Plan for ConfigGetPlan {
    type Answer = Outputs;

    /// The sizes of tracking regions and of granules: a page, whatever these are.
    fn apply(self, world: &mut World) -> Outputs {
        let mut page = [0; PAGE_LEN];
        page[..8].copy_from_slice(&world.tracking_region.to_le_bytes());
        page[8..16].copy_from_slice(&world.granule_size().code().to_le_bytes());
        world.memory.set_page_at(self.config, 0, Page::from_bytes(&page));
        NO_OUTPUTS
    }
}

pub(super) struct ConfigSet {
    pub(super) config_ptr: u64,
}

failures! {
    /// RMI_RMM_CONFIG_SET. TF-RMM takes only the configuration that it has; the text's RMM is given
    /// any of the machine's granule sizes, and any size of regions that goes with it.
    ConfigSetRows {
        Null "config_ptr" Input All [] "`config_ptr` is zero";
        Align "config_align" Input All [] "`config_ptr` is not granule aligned";
        Bound "config_bound" Input All [] "`config_ptr` is not delegable memory";
        State "config_pas" Input All [] "`config_ptr` is delegated";
        Read "config_pas" Input All [] "`config_ptr` is not in the Non-secure PAS";
        Supported "config_supp" Input All [] "the RMM has no such granule or region size";
    }
}

pub(super) struct ConfigSetPlan {
    size: GranuleSize,
    region: u64,
}

impl Rmi for ConfigSet {
    type Rows = ConfigSetRows;
    type Plan = ConfigSetPlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<ConfigSetPlan> {
        use ConfigSetRows as F;
        gate.ensure(F::Null, self.config_ptr != 0, || "`config_ptr` is 0".into())?;
        let rows = [F::Align, F::Bound, F::State];
        let config = gate.granule_in(rows, world, self.config_ptr, GranuleState::Undelegated)?;
        gate.host_readable(F::Read, world, config)?;
        let (region, code) = world.memory.page(config).with_bytes(|page| {
            let (words, _) = page.as_chunks::<8>();
            (u64::from_le_bytes(words[0]), u64::from_le_bytes(words[1]))
        });
        let sizes = world.platform().granule_sizes(gate.profile());
        let all_regions = gate.profile().has_all_tracking_regions();
        let has_region = |size: &GranuleSize| {
            (all_regions || region == 0) && size.tracking_region_bytes(region).is_some()
        };
        let size = GranuleSize::from_code(code);
        let size = size.filter(|size| sizes.contains(size) && has_region(size));
        let size = gate.some(F::Supported, size, || {
            let shown = |size: &GranuleSize| {
                let regions: &[u64] = if all_regions { &[0, 1] } else { &[0] };
                let bytes = |code: &u64| Some((*code, size.tracking_region_bytes(*code)?));
                let region = |(code, bytes)| format!("{code} ({})", Hex(bytes));
                let regions: Vec<_> = regions.iter().filter_map(bytes).map(region).collect();
                format!("{} ({size}) with {}", size.code(), regions.join(" or "))
            };
            let sizes: Vec<_> = sizes.iter().map(shown).collect();
            format!(
                "rmi_granule_size is {code} and tracking_region_size {region}; the RMM has {}",
                sizes.join(", ")
            )
        })?;
        gate.pass::<F, _>(ConfigSetPlan { size, region })
    }
}

impl Plan for ConfigSetPlan {
    type Answer = Outputs;

    fn apply(self, world: &mut World) -> Outputs {
        world.set_granule_size(self.size);
        world.tracking_region = self.region;
        NO_OUTPUTS
    }
}
