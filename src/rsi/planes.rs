//! RSI_PLANE_ENTER, RSI_PLANE_SYSREG_READ and RSI_PLANE_SYSREG_WRITE, and the way back to plane 0
//! (2.0; TF-RMM `runtime/rsi/planes.c`, `handle_plane_n_exit` of `runtime/core/exit.c`).

use super::{Caller, Missing, Outcome};
use crate::abi::gic::{self, CpuInterface, LrRule};
use crate::abi::plane_run::{EXIT_OFFSET, PlaneEnter, PlaneExit, PlaneExitReason, plane_flags};
use crate::abi::rec_run::RecExit;
use crate::abi::rsi::result;
use crate::model::granule::Granule;
use crate::model::plane_context::sysreg::{self, number};
use crate::model::rec::LastExit;
use crate::model::world::World;

/// System registers of a plane that plane 0 can reach.
const PLANE_SYSREGS: &[u64] = &[
    number(3, 3, 14, 2, 1), // CNTP_CTL_EL0
    number(3, 3, 14, 2, 2), // CNTP_CVAL_EL0
    number(3, 3, 14, 3, 1), // CNTV_CTL_EL0
    number(3, 3, 14, 3, 2), // CNTV_CVAL_EL0
    number(3, 0, 4, 1, 0),  // SP_EL0
    number(3, 3, 13, 0, 2), // TPIDR_EL0
    number(3, 3, 13, 0, 3), // TPIDRRO_EL0
    number(3, 0, 1, 0, 1),  // ACTLR_EL1
    number(3, 0, 5, 1, 0),  // AFSR0_EL1
    number(3, 0, 5, 1, 1),  // AFSR1_EL1
    number(3, 0, 10, 3, 0), // AMAIR_EL1
    number(3, 0, 2, 1, 0),  // APIAKeyLo_EL1
    number(3, 0, 2, 1, 1),  // APIAKeyHi_EL1
    number(3, 0, 2, 1, 2),  // APIBKeyLo_EL1
    number(3, 0, 2, 1, 3),  // APIBKeyHi_EL1
    number(3, 0, 2, 2, 0),  // APDAKeyLo_EL1
    number(3, 0, 2, 2, 1),  // APDAKeyHi_EL1
    number(3, 0, 2, 2, 2),  // APDBKeyLo_EL1
    number(3, 0, 2, 2, 3),  // APDBKeyHi_EL1
    number(3, 0, 2, 3, 0),  // APGAKeyLo_EL1
    number(3, 0, 2, 3, 1),  // APGAKeyHi_EL1
    number(2, 1, 9, 0, 0),  // BRBCR_EL1
    number(3, 0, 14, 1, 0), // CNTKCTL_EL1
    number(3, 0, 13, 0, 1), // CONTEXTIDR_EL1
    number(3, 0, 1, 0, 2),  // CPACR_EL1
    number(3, 2, 0, 0, 0),  // CSSELR_EL1
    number(3, 0, 12, 1, 1), // DISR_EL1
    sysreg::ELR_EL1,
    sysreg::ESR_EL1,
    sysreg::FAR_EL1,
    number(3, 0, 10, 2, 0), // MAIR_EL1
    number(2, 0, 0, 2, 0),  // MDCCINT_EL1
    sysreg::MDSCR_EL1,
    number(3, 0, 10, 2, 3), // PIR_EL1
    number(3, 0, 10, 2, 2), // PIRE0_EL1
    number(3, 0, 10, 2, 4), // POR_EL1
    number(3, 4, 4, 1, 0),  // SP_EL1
    sysreg::SCTLR_EL1,
    sysreg::SPSR_EL1,
    number(3, 0, 2, 0, 2),  // TCR_EL1
    number(3, 0, 2, 0, 3),  // TCR2_EL1
    number(3, 0, 13, 0, 4), // TPIDR_EL1
    sysreg::VBAR_EL1,
    number(3, 0, 1, 2, 0), // ZCR_EL1
    number(3, 0, 7, 4, 0), // PAR_EL1
    number(3, 0, 2, 0, 0), // TTBR0_EL1
    number(3, 0, 2, 0, 1), // TTBR1_EL1
    sysreg::PMCR_EL0,
    number(3, 3, 14, 15, 7), // PMCCFILTR_EL0
    number(3, 3, 9, 13, 0),  // PMCCNTR_EL0
    number(3, 3, 9, 12, 1),  // PMCNTENSET_EL0
    number(3, 0, 9, 14, 1),  // PMINTENSET_EL1
    number(3, 3, 9, 14, 3),  // PMOVSSET_EL0
    number(3, 3, 9, 12, 5),  // PMSELR_EL0
    number(3, 3, 9, 14, 0),  // PMUSERENR_EL0
];

/// Whether plane 0 can reach a register of a plane. Bit 16 asks for 128 bits, which no machine here
/// has.
fn is_reachable(register: u64) -> bool {
    let of_counter = [sysreg::PMEVCNTR, sysreg::PMEVTYPER].contains(&(register & !sysreg::COUNTER))
        && register & sysreg::COUNTER < sysreg::COUNTERS;
    of_counter || PLANE_SYSREGS.contains(&register)
}

/// The auxiliary plane that X1 names.
fn aux_plane(caller: &Caller<'_>) -> Option<usize> {
    caller.realm().planes.find(caller.reg(1)).filter(|plane| *plane > 0)
}

pub(super) fn enter(caller: &mut Caller<'_>) -> Outcome {
    let run_ipa = caller.reg(2);
    let plane = aux_plane(caller).filter(|_| caller.is_protected_page(run_ipa));
    let Some(plane) = plane else { return caller.input_error() };
    let (granule, offset) = match caller.place(run_ipa) {
        Ok(place) => place,
        Err(missing) => return caller.missing_at(&missing, run_ipa),
    };
    let page = caller.world.memory.page_at(granule, offset);
    let enter = page.with_bytes(PlaneEnter::read);
    let profile = caller.world.profile();
    let platform = caller.world.platform();
    let hcr = enter.gicv3_hcr | gic::HCR_OF_PLANE;
    let cpu = CpuInterface::of(platform, hcr, &enter.gicv3_lrs);
    let owns_gic = enter.flags & plane_flags::OWN_GIC != 0;
    let refused = enter.pstate & profile.plane_pstate_refused() != 0;
    let bad_lrs = profile.plane_enter_checks_lrs()
        && !owns_gic
        && cpu.check_lrs(platform, LrRule::TfRmm20).is_err();
    if refused || bad_lrs {
        return caller.input_error();
    }
    caller.rec_mut().enter_plane(plane, &enter, cpu);
    Outcome::Entered
}

pub(super) fn sysreg_read(caller: &mut Caller<'_>) -> Outcome {
    let (plane, register) = (aux_plane(caller), caller.reg(2));
    match plane.filter(|_| is_reachable(register)) {
        Some(plane) => {
            let value = caller.rec().planes.sysregs(plane).get(register);
            caller.answer(result::SUCCESS, [value, 0, 0])
        }
        None => caller.input_error(),
    }
}

pub(super) fn sysreg_write(caller: &mut Caller<'_>) -> Outcome {
    let (plane, register, value) = (aux_plane(caller), caller.reg(2), caller.reg(3));
    match plane.filter(|_| is_reachable(register)) {
        Some(plane) => {
            caller.rec_mut().planes.sysregs_mut(plane).set(register, value);
            caller.answer(result::SUCCESS, [0; 3])
        }
        None => caller.input_error(),
    }
}

/// How an auxiliary plane was left: what plane 0 is told of it besides registers.
#[derive(Clone, Copy)]
pub(crate) struct PlaneLeft {
    pub(crate) reason: PlaneExitReason,
    /// Where the plane would go on.
    pub(crate) pc: u64,
    pub(crate) syndrome: LastExit,
}

/// Leaves an auxiliary plane: tells plane 0 in its RsiPlaneRun, and lets it run.
///
/// # Errors
/// If the structure's memory is gone: nothing changes, and the REC exits.
#[allow(clippy::result_large_err, reason = "an exit ends the run; it is moved twice")]
pub(crate) fn leave(world: &mut World, rec: Granule, left: PlaneLeft) -> Result<(), RecExit> {
    let mut caller = Caller { world, rec };
    let run_ipa = caller.rec().plane_0_gpr(2);
    let status = match caller.place(run_ipa) {
        Ok((granule, offset)) => {
            let exit = exit_of(&caller, left);
            caller.world.memory.store(granule, offset + EXIT_OFFSET, &exit.to_bytes());
            result::SUCCESS
        }
        // Plane 0 made the page EMPTY itself; what the plane was is lost.
        Err(Missing::Empty) => result::ERROR_INPUT,
        Err(Missing::Memory(level)) => return Err(RecExit::stage2_data_abort(run_ipa, level)),
    };
    let keeps_abort = caller.world.profile().keeps_aborts_of_planes();
    caller.rec_mut().leave_plane(status, keeps_abort);
    Ok(())
}

fn exit_of(caller: &Caller<'_>, left: PlaneLeft) -> PlaneExit {
    let rec = caller.rec();
    let sysregs = rec.sysregs();
    let gic = rec.planes.own_gic().unwrap_or(&rec.gic);
    let PlaneLeft { reason, pc, syndrome: LastExit { esr, far, hpfar } } = left;
    PlaneExit {
        reason,
        pc,
        pstate: rec.planes.pstate,
        gprs: rec.gprs,
        esr,
        far,
        hpfar,
        gicv3_hcr: gic.hcr,
        gicv3_lrs: gic.lrs,
        sctlr_el1: sysregs.get(sysreg::SCTLR_EL1),
        vbar_el1: sysregs.get(sysreg::VBAR_EL1),
        elr_el1: sysregs.get(sysreg::ELR_EL1),
    }
}

/// Whether a call of an auxiliary plane is for plane 0 to answer.
pub(super) fn is_for_plane_0(caller: &Caller<'_>, function: u64) -> bool {
    let host_call = function == crate::abi::rsi::fid::HOST_CALL;
    let planes = &caller.rec().planes;
    planes.active() > 0 && (!host_call || planes.traps(plane_flags::TRAP_HC))
}
