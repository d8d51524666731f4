//! What a Realm asks of the RMM by SMC: RSI and PSCI.
//!
//! Each call reads the REC's registers and answers as [`Outcome`] says. No RSI
//! command has a mandated order of failures; the order here is TF-RMM's.

mod attestation;
mod config;
mod host_call;
mod ipa_state;
mod measurement;
mod permissions;
mod planes;
mod psci;
mod vdev;

use crate::abi::addr::{Ipa, Level, PAGE_SIZE, is_aligned};
use crate::abi::rec_run::RecExit;
use crate::abi::rsi::{FEATURE_0_DA, SVE_HINT, fid, psci as psci_abi, result};
use crate::model::granule::Granule;
use crate::model::realm::Realm;
use crate::model::rec::Rec;
use crate::model::rtt::{Ripas, Rtte};
use crate::model::world::World;
pub(crate) use host_call::complete as complete_host_call;
pub(crate) use permissions::{complete as complete_s2ap_change, tree as s2ap_tree};
pub(crate) use planes::{PlaneLeft, leave as leave_plane};
pub(crate) use vdev::complete as complete_vdev_request;

/// What happens after a Realm's SMC.
pub(crate) enum Outcome {
    /// The Realm goes on and finds the result in its registers.
    Return,
    /// The REC exits; the PC is past the SMC.
    Exit(RecExit),
    /// The REC exits as if the SMC had aborted; the PC is still at it.
    Abort(RecExit),
    /// An auxiliary plane runs in the place of plane 0, whose PC is still at the SMC.
    Entered,
    /// The SMC of an auxiliary plane is an exception that plane 0 takes.
    ToPlane0,
}

/// SMCCC 1.2.
const SMCCC_1_2: u64 = 1 << 16 | 2;

/// Carries out the SMC that the REC's registers describe.
pub(crate) fn call(world: &mut World, rec: Granule) -> Outcome {
    let mut caller = Caller { world, rec };
    let function = caller.reg(0) & 0xFFFF_FFFF & !SVE_HINT;
    if planes::is_for_plane_0(&caller, function) {
        return Outcome::ToPlane0;
    }
    match function {
        fid::SMCCC_VERSION => caller.answer(SMCCC_1_2, [0; 3]),
        fid::VERSION => {
            let asked = caller.reg(1);
            let [lowest, highest] = caller.world.profile().rsi_revisions();
            let known = (lowest..=highest).contains(&asked);
            let status = if known { result::SUCCESS } else { result::ERROR_INPUT };
            let lower = if known { asked } else { highest };
            caller.answer(status, [lower, highest, 0])
        }
        fid::FEATURES => {
            let value = if caller.reg(1) == 0 && caller.realm().da { FEATURE_0_DA } else { 0 };
            caller.answer(result::SUCCESS, [value, 0, 0])
        }
        fid::MEASUREMENT_READ => measurement::read(&mut caller),
        fid::MEASUREMENT_EXTEND => measurement::extend(&mut caller),
        fid::ATTESTATION_TOKEN_INIT => attestation::init(&mut caller),
        fid::ATTESTATION_TOKEN_CONTINUE => attestation::go_on(&mut caller),
        fid::REALM_CONFIG => config::call(&mut caller),
        fid::IPA_STATE_SET => ipa_state::set(&mut caller),
        fid::IPA_STATE_GET => ipa_state::get(&mut caller),
        fid::HOST_CALL => host_call::call(&mut caller),
        _ if is_psci(function) => psci::call(&mut caller),
        _ if caller.world.profile().rsi_has_planes_and_devices() => {
            call_of_planes_and_devices(&mut caller, function)
        }
        _ => caller.answer(result::NOT_SUPPORTED, [0; 3]),
    }
}

/// The calls that only 2.0 has.
fn call_of_planes_and_devices(caller: &mut Caller<'_>, function: u64) -> Outcome {
    match function {
        fid::VDEV_DMA_ENABLE => vdev::dma_enable(caller),
        fid::VDEV_DMA_DISABLE => vdev::dma_disable(caller),
        fid::VDEV_GET_INFO => vdev::get_info(caller),
        fid::VDEV_VALIDATE_MAPPING => vdev::validate_mapping(caller),
        fid::MEM_GET_PERM_VALUE => permissions::get_value(caller),
        fid::MEM_SET_PERM_VALUE => permissions::set_value(caller),
        fid::MEM_SET_PERM_INDEX => permissions::set_index(caller),
        fid::PLANE_ENTER => planes::enter(caller),
        fid::PLANE_SYSREG_READ => planes::sysreg_read(caller),
        fid::PLANE_SYSREG_WRITE => planes::sysreg_write(caller),
        _ => caller.answer(result::NOT_SUPPORTED, [0; 3]),
    }
}

fn is_psci(function: u64) -> bool {
    let base = function & !0xFFFF;
    [0x8400_0000, 0xC400_0000].contains(&base) && psci_abi::NUMBERS.contains(&(function & 0xFFFF))
}

/// The REC that calls.
struct Caller<'w> {
    world: &'w mut World,
    rec: Granule,
}

/// Why a Realm's address can not be used.
enum Missing {
    /// The RIPAS is EMPTY.
    Empty,
    /// The Host has to provide memory; the walk stopped at this level.
    Memory(Level),
}

impl Caller<'_> {
    fn rec(&self) -> &Rec {
        &self.world.recs[&self.rec]
    }

    fn rec_mut(&mut self) -> &mut Rec {
        self.world.rec_mut(self.rec)
    }

    fn realm(&self) -> &Realm {
        &self.world.realms[&self.rec().owner]
    }

    fn realm_mut(&mut self) -> &mut Realm {
        let owner = self.rec().owner;
        self.world.realms.get_mut(&owner).expect("a Realm with RECs is not destroyed")
    }

    fn reg(&self, n: usize) -> u64 {
        self.rec().gprs[n]
    }

    /// Writes X0 to X3 and goes back to the Realm. SMCCC has X4 and up preserved.
    fn answer(&mut self, x0: u64, x1_to_x3: [u64; 3]) -> Outcome {
        self.set_result(x0, x1_to_x3);
        Outcome::Return
    }

    /// Answers RSI_ERROR_INPUT.
    fn input_error(&mut self) -> Outcome {
        self.answer(result::ERROR_INPUT, [0; 3])
    }

    fn set_result(&mut self, x0: u64, x1_to_x3: [u64; 3]) {
        let gprs = &mut self.rec_mut().gprs;
        gprs[0] = x0;
        gprs[1..4].copy_from_slice(&x1_to_x3);
    }

    /// Whether `ipa` is a page of the Protected IPA space. Realm and RMM share pages of 4 KiB,
    /// whatever the RMM's granules are.
    fn is_protected_page(&self, ipa: u64) -> bool {
        is_aligned(ipa, PAGE_SIZE) && self.realm().rtt.is_protected(ipa)
    }

    /// The granule behind a Protected IPA, and where in it that is.
    fn place(&self, ipa: u64) -> Result<(Granule, usize), Missing> {
        let walk = self.world.walk(self.realm(), Ipa(ipa), Level::PAGE);
        match self.world.tables.entry(walk) {
            Rtte::Assigned { pa, ripas: Ripas::Ram } => {
                let offset = ipa & (walk.entry_bytes() - 1);
                self.world.place(pa.0 + offset).ok_or(Missing::Memory(walk.level))
            }
            Rtte::Unassigned(Ripas::Empty) | Rtte::Assigned { ripas: Ripas::Empty, .. } => {
                Err(Missing::Empty)
            }
            _ => Err(Missing::Memory(walk.level)),
        }
    }

    /// What comes of a call whose operand is not there. The address reported is that in X1.
    fn missing(&mut self, missing: &Missing) -> Outcome {
        self.missing_at(missing, self.reg(1))
    }

    /// The same for an operand whose address is reported.
    fn missing_at(&mut self, missing: &Missing, ipa: u64) -> Outcome {
        match missing {
            Missing::Empty => self.input_error(),
            Missing::Memory(level) => Outcome::Abort(RecExit::stage2_data_abort(ipa, *level)),
        }
    }
}
