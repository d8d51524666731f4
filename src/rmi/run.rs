//! RMI_REC_ENTER: the checks, what the Host's answer to the last exit does to the REC, and the run
//! until the next exit.

use super::gate::{Checked, Failure, Gate, NO_OUTPUTS, Outputs, failures};
use super::{Plan, Rmi};
use crate::abi::addr::Hex;
use crate::abi::esr;
use crate::abi::gic::{CpuInterface, HCR_EN, HCR_HOST_MASK};
use crate::abi::plane_run::PlaneExitReason;
use crate::abi::rec_run::{EXIT_OFFSET, RecEnter, RecExit, enter_flags};
use crate::abi::rsi::{response, result};
use crate::guest::{self, Answer};
use crate::model::granule::{Granule, GranuleState};
use crate::model::realm::RealmState;
use crate::model::rec::{LastExit, Rec};
use crate::model::rtt::Ripas;
use crate::model::world::World;
use crate::rsi::{self, PlaneLeft};

pub(super) struct Enter {
    pub(super) rec: u64,
    pub(super) run_ptr: u64,
}

failures! {
    /// RMI_REC_ENTER.
    ///
    /// TF-RMM looks at `run_ptr` twice before it runs the REC, and once more when it writes the
    /// exit.
    EnterRows {
        RunAlign "run_align" Input All [] "`run_ptr` is not granule aligned";
        RunBound "run_bound" Input All [] "`run_ptr` is not delegable memory";
        RunState "run_pas" Input All [] "`run_ptr` is delegated";
        RecAlign "rec_align" Input All [] "`rec` is not granule aligned";
        RecBound "rec_bound" Input All [] "`rec` is not delegable memory";
        RecGranState "rec_gran_state" Input All [] "`rec` is not a REC granule";
        RecState "rec_state" Rec All ["run_bound", "rec_bound", "rec_gran_state"]
            "the REC is running";
        RunRead "run_pas" Input All [] "`run_ptr` is not in the Non-secure PAS";
        RealmNew "realm_state" Realm All ["run_bound", "rec_bound", "rec_gran_state"]
            "the Realm is NEW";
        RealmOff "system_off" Realm All ["run_bound", "rec_bound", "rec_gran_state"]
            "the Realm is SYSTEM_OFF";
        RealmZombie "realm_state" Realm V2 [] "the Realm was terminated";
        Runnable "rec_runnable" Rec All ["run_bound", "rec_bound", "rec_gran_state"]
            "the REC is not runnable";
        PsciPending "rec_psci_pending" Rec All ["run_bound", "rec_bound", "rec_gran_state"]
            "a PSCI request is pending";
        Gicv3 "rec_gicv3" Rec All ["run_bound", "rec_bound", "rec_gran_state"]
            "the GICv3 registers are not valid";
        InjectSea "inject_sea" Rec TfRmm []
            "a SEA is to be injected, and the last exit was no abort at an Unprotected IPA";
        Mmio "rec_mmio" Rec All ["run_bound", "rec_bound", "rec_gran_state"]
            "an access is to be emulated, and the last exit was none that can be";
        PlaneRun "plane_run" Input V2 []
            "plane 0 is to run again, and the page of its RSI_PLANE_ENTER is gone";
        ExitWrite "run_pas" Input All [] "`run_ptr` was taken away while the REC ran";
    }
}

pub(super) struct EnterPlan {
    run: Granule,
    rec: Granule,
    enter: RecEnter,
}

impl Rmi for Enter {
    type Rows = EnterRows;
    type Plan = EnterPlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<EnterPlan> {
        use EnterRows as F;
        let rows = [F::RunAlign, F::RunBound, F::RunState];
        let run = gate.granule_in(rows, world, self.run_ptr, GranuleState::Undelegated)?;
        let rows = [F::RecAlign, F::RecBound, F::RecGranState];
        let granule = gate.granule_in(rows, world, self.rec, GranuleState::Rec)?;
        let rec = &world.recs[&granule];
        gate.ensure(F::RecState, !rec.running, || "the REC is running".into())?;
        gate.host_readable(F::RunRead, world, run)?;
        let enter = world.memory.page(run).with_bytes(|page| RecEnter::read(page, gate.profile()));
        let state = world.realms[&rec.owner].state;
        let found = || format!("the Realm is {}; ACTIVE is needed", state.name());
        gate.ensure_at(F::RealmNew, state != RealmState::New, 0, found)?;
        let off_index = u8::from(gate.profile().enter_names_realm_state());
        gate.ensure_at(F::RealmOff, state != RealmState::SystemOff, off_index, found)?;
        gate.ensure(F::RealmZombie, state != RealmState::Zombie, found)?;
        gate.ensure(F::Runnable, rec.runnable, || {
            format!("REC {} was not made runnable, or switched itself off", Hex(self.rec))
        })?;
        gate.ensure(F::PsciPending, !rec.psci_pending, || {
            format!("REC {} waits for RMI_PSCI_COMPLETE", Hex(self.rec))
        })?;
        let gic = invalid_gic(world, &enter);
        gate.ensure(F::Gicv3, gic.is_none(), || gic.unwrap_or_default())?;
        let sea = enter.has(enter_flags::INJECT_SEA);
        let unprotected = aborted_at_unprotected(world, rec);
        gate.ensure(F::InjectSea, !sea || unprotected, || {
            format!("inject_sea is set; {}", last_exit_text(rec))
        })?;
        let emulate = enter.has(enter_flags::EMUL_MMIO) && !(sea && unprotected);
        let emulatable = rec.last_exit.esr & esr::ec::MASK == esr::ec::DATA_ABORT
            && rec.last_exit.esr & esr::ISV != 0
            && (unprotected || gate.profile().emulates_protected());
        gate.ensure(F::Mmio, !emulate || emulatable, || {
            format!("emul_mmio is set; {}", last_exit_text(rec))
        })?;
        gate.ensure(F::PlaneRun, true, String::new)?;
        gate.ensure(F::ExitWrite, true, String::new)?;
        gate.pass::<F, _>(EnterPlan { run, rec: granule, enter })
    }
}

/// The virtual CPU interface that the Host hands in: in RmiRecEnter, or as it has programmed it.
fn handed_in(world: &World, enter: &RecEnter) -> CpuInterface {
    match world.profile().gic_is_in_run_page() {
        true => CpuInterface::of(world.platform(), enter.gicv3_hcr, &enter.gicv3_lrs),
        false => world.cpu_interface,
    }
}

/// What is wrong with it.
fn invalid_gic(world: &World, enter: &RecEnter) -> Option<String> {
    let (profile, gic) = (world.profile(), handed_in(world, enter));
    let foreign = gic.hcr & !HCR_HOST_MASK;
    if profile.gic_is_in_run_page() && foreign != 0 {
        return Some(format!("gicv3_hcr has bits {} that are not the Host's", Hex(foreign)));
    }
    gic.check_lrs(world.platform(), profile.enter_lrs()).err().map(|error| error.to_string())
}

/// Whether the last exit was a Data Abort at an Unprotected IPA.
fn aborted_at_unprotected(world: &World, rec: &Rec) -> bool {
    let LastExit { esr, hpfar, .. } = rec.last_exit;
    esr & esr::ec::MASK == esr::ec::DATA_ABORT
        && !world.realms[&rec.owner].rtt.is_protected(esr::fault_ipa(hpfar))
}

fn last_exit_text(rec: &Rec) -> String {
    let LastExit { esr, hpfar, .. } = rec.last_exit;
    let ipa = Hex(esr::fault_ipa(hpfar));
    match esr & esr::ec::MASK {
        esr::ec::DATA_ABORT if esr & esr::ISV == 0 => {
            format!("the last exit was a Data Abort at IPA {ipa} without a valid syndrome")
        }
        esr::ec::DATA_ABORT => format!("the last exit was a Data Abort at IPA {ipa}"),
        _ => "the last exit was no Data Abort".into(),
    }
}

impl Plan for EnterPlan {
    /// Fails if the run page was taken away while the REC ran.
    type Answer = Checked<Outputs>;

    fn apply(self, world: &mut World) -> Checked<Outputs> {
        let Self { run, rec: granule, enter } = self;
        let answer = answer_access(world, granule, &enter);
        world.rec_mut(granule).running = true;
        let exit = match rsi::complete_host_call(world, granule, &enter) {
            Err(exit) => {
                guest::did_not_run(world, granule);
                exit
            }
            Ok(()) => {
                let Some(answer) = take_from_plane(world, granule, &enter, answer) else {
                    guest::did_not_run(world, granule);
                    world.rec_mut(granule).running = false;
                    let detail = "the page that X2 of RSI_PLANE_ENTER names is not there any more";
                    return Err(Failure::late(EnterRows::PlaneRun, detail.into()));
                };
                answer_requests(world, granule, &enter);
                let mut exit = guest::run(world, granule, enter.flags, answer);
                exit_gic(world, granule, &mut exit);
                exit
            }
        };
        world.rec_mut(granule).running = false;
        if !world.permits_ns(run) {
            let pa = world.granules.pa(run);
            let detail = format!("granule {pa} is not the Host's any more; the exit is lost");
            return Err(Failure::late(EnterRows::ExitWrite, detail));
        }
        world.memory.store(run, EXIT_OFFSET, &exit.to_bytes());
        Ok(NO_OUTPUTS)
    }
}

/// What the Host's answer does to the REC before it runs: GIC registers, injected aborts, emulated
/// accesses.
fn answer_access(world: &mut World, granule: Granule, enter: &RecEnter) -> Answer {
    let gic = handed_in(world, enter);
    let unprotected = aborted_at_unprotected(world, &world.recs[&granule]);
    let rec = world.rec_mut(granule);
    rec.gic = gic;
    let last = rec.last_exit;
    if enter.has(enter_flags::INJECT_SEA) && unprotected {
        guest::inject_sea(rec, last);
        return Answer::Exception;
    }
    if !enter.has(enter_flags::EMUL_MMIO) {
        return Answer::None;
    }
    if last.esr & esr::WNR == 0 {
        rec.set_operand(esr::srt(last.esr), esr::loaded(last.esr, enter.gprs[0]));
    }
    rec.advance();
    Answer::Emulated
}

/// Gives plane 0 the REC, if another plane has it and the Host wants it back, hands in an abort, or
/// has an interrupt for the GIC's owner. `None` if plane 0 can not be told.
fn take_from_plane(
    world: &mut World,
    granule: Granule,
    enter: &RecEnter,
    answer: Answer,
) -> Option<Answer> {
    let profile = world.profile();
    let waits = match profile.any_list_register_waits() {
        true => world.cpu_interface.is_used(),
        false => world.cpu_interface.is_pending(),
    };
    let rec = world.rec_mut(granule);
    let (plane, pc, last) = (rec.active_plane(), rec.pc, rec.last_exit);
    let forced = enter.has(enter_flags::FORCE_P0);
    let sea = answer == Answer::Exception;
    let interrupted = waits && rec.planes.own_gic().is_some();
    if plane == 0 || !(forced || sea || interrupted) {
        if plane > 0 && profile.rec_enter_resets_plane_traps() {
            // WFI and WFE trap by the same bits here and in RsiPlaneEnterFlags, two higher.
            rec.planes.set_wfx_traps(enter.flags >> enter_flags::TRAP_WFI.trailing_zeros());
        }
        return Some(answer);
    }
    let reason = match (sea, forced) {
        (true, _) => PlaneExitReason::Sync,
        (false, true) => profile.forced_plane_exit(),
        (false, false) => PlaneExitReason::Irq,
    };
    rsi::leave_plane(world, granule, PlaneLeft { reason, pc, syndrome: last }).ok()?;
    guest::was_left(world, granule, plane, pc, answer);
    Some(Answer::None)
}

/// What the Host answered to requests: the response to a RIPAS change and to one of permissions,
/// values of system registers, devices.
fn answer_requests(world: &mut World, granule: Granule, enter: &RecEnter) {
    let rec = world.rec_mut(granule);
    let last = rec.last_exit;
    complete_ripas_change(rec, enter);
    rsi::complete_s2ap_change(world, granule, enter);
    let rec = world.rec_mut(granule);
    let is_sysreg = last.esr & esr::ec::MASK == esr::ec::SYSREG;
    if is_sysreg && last.esr & esr::SYSREG_READ != 0 {
        rec.set_operand(esr::sysreg_rt(last.esr), enter.gprs[0]);
    }
    rsi::complete_vdev_request(rec);
    rec.last_exit = LastExit::default();
}

/// Answers RSI_IPA_STATE_SET: how far the Host came, and whether it refused.
fn complete_ripas_change(rec: &mut Rec, enter: &RecEnter) {
    let change = rec.ripas_change;
    if change.base == change.top {
        return;
    }
    let refused = enter.has(enter_flags::RIPAS_RESPONSE);
    let unfinished = change.addr != change.top;
    rec.gprs[0] = result::SUCCESS;
    rec.gprs[1] = change.addr;
    rec.gprs[2] = if change.ripas() == Ripas::Ram && unfinished && refused {
        response::REJECT
    } else {
        response::ACCEPT
    };
    rec.ripas_change.base = 0;
    rec.ripas_change.top = 0;
}

/// What comes back of the virtual CPU interface. No interrupt is delivered here, so it is what the
/// Host handed in, switched off.
fn exit_gic(world: &mut World, granule: Granule, exit: &mut RecExit) {
    if !world.profile().gic_is_in_run_page() {
        world.cpu_interface.hcr &= !HCR_EN;
        return;
    }
    let gic = &world.recs[&granule].gic;
    (exit.gicv3_hcr, exit.gicv3_lrs) = (gic.hcr, gic.lrs);
}
