//! What the RMM does with an exception that a Realm takes to it (TF-RMM `runtime/core/exit.c`,
//! `inject_exp.c`).

use crate::abi::addr::{Ipa, Level};
use crate::abi::esr::{self, fsc};
use crate::abi::params::realm_flags;
use crate::abi::plane_run::{plane_flags, pstate};
use crate::abi::rec_run::RecExit;
use crate::model::granule::Granule;
use crate::model::plane_context::sysreg;
use crate::model::rec::{LastExit, Rec};
use crate::model::rtt::Ripas;
use crate::model::world::World;

/// How an exception was handled.
#[allow(clippy::large_enum_variant, reason = "an exit ends the run; it is moved twice")]
pub(super) enum Handled {
    /// The REC exits.
    Exit(RecExit),
    /// The Realm goes on at its exception vector.
    Injected,
    /// The Realm goes on after the instruction.
    Resume,
    /// Plane 0 takes it. `done` says that nobody tries the instruction again: plane 0 is told the
    /// PC behind it.
    ToPlane0 { done: bool },
}

/// Where a synchronous exception goes, from VBAR_EL1 on: from the current level with SP_ELx, with
/// SP_EL0, and from EL0. VBAR_EL1 is zero until plane 0 writes an auxiliary plane's.
const VECTOR_SYNC: u64 = 0x200;
const VECTOR_SP_EL0: u64 = 0x000;
const VECTOR_LOWER_LEVEL: u64 = 0x400;

/// Handles a synchronous exception of an auxiliary plane that plane 0 takes; none of the others.
fn to_plane_0(world: &mut World, granule: Granule, syndrome: LastExit) -> Option<Handled> {
    let rec = &world.recs[&granule];
    let planes = &rec.planes;
    if planes.active() == 0 {
        return None;
    }
    let class = syndrome.esr & esr::ec::MASK;
    let done = match class {
        // HVC is taken behind the instruction, and TF-RMM passes WFI and WFE itself.
        esr::ec::HVC | esr::ec::WFX => true,
        esr::ec::FPU | esr::ec::SVE | esr::ec::SME if planes.traps(plane_flags::TRAP_SIMD) => false,
        esr::ec::DATA_ABORT | esr::ec::INST_ABORT if !is_external(syndrome.esr) => {
            let ipa = esr::fault_ipa(syndrome.hpfar);
            let realm = &world.realms[&rec.owner];
            let protected = realm.rtt.is_protected(ipa);
            let empty = protected && is_empty(world, granule, ipa);
            let fetched_outside = class == esr::ec::INST_ABORT && !protected;
            // A data access by which a plane violates permissions of Unprotected memory is the
            // Host's business by the text; TF-RMM crashes.
            let violates = fsc::is_permission(syndrome.esr) && protected;
            if !(violates || empty || fetched_outside) {
                return None;
            }
            false
        }
        _ => return None,
    };
    Some(Handled::ToPlane0 { done })
}

/// Handles a synchronous exception.
///
/// The first use of vector registers after an entry traps to the RMM, which restores them and has
/// the instruction tried again; the Realm does not notice. SME no Realm has.
pub(super) fn handle(world: &mut World, granule: Granule, syndrome: LastExit) -> Handled {
    if let Some(handled) = to_plane_0(world, granule, syndrome) {
        return handled;
    }
    match syndrome.esr & esr::ec::MASK {
        esr::ec::DATA_ABORT => data_abort(world, granule, syndrome),
        esr::ec::INST_ABORT => instruction_abort(world, granule, syndrome),
        esr::ec::SYSREG => sysreg(world.rec_mut(granule), syndrome.esr),
        esr::ec::WFX => {
            world.rec_mut(granule).advance();
            let esr = syndrome.esr & (esr::ec::MASK | esr::WFX_TI);
            Handled::Exit(RecExit { esr, ..RecExit::default() })
        }
        esr::ec::HVC => {
            inject_undefined(world.rec_mut(granule));
            Handled::Injected
        }
        esr::ec::FPU => Handled::Resume,
        esr::ec::SVE if has_sve(world, granule) => Handled::Resume,
        esr::ec::SVE | esr::ec::SME => {
            inject_undefined(world.rec_mut(granule));
            Handled::Injected
        }
        // Anything else is reported without a syndrome.
        _ => Handled::Exit(RecExit::default()),
    }
}

fn data_abort(world: &mut World, granule: Granule, syndrome: LastExit) -> Handled {
    if let Some(handled) = external_abort(world, granule, syndrome) {
        return handled;
    }
    let ipa = esr::fault_ipa(syndrome.hpfar);
    if outside_or_empty(world, granule, ipa) {
        inject_sea(world.rec_mut(granule), syndrome);
        return Handled::Injected;
    }
    let LastExit { esr, far, hpfar } = syndrome;
    let rtt_tree = rtt_tree(world, granule);
    if is_protected(world, granule, ipa) {
        let esr = esr & esr::NOT_EMULATED_MASK;
        return Handled::Exit(RecExit { esr, hpfar, rtt_tree, ..RecExit::default() });
    }
    if esr & esr::ISV == 0 && world.profile().tells_unprotected_aborts_apart() {
        let esr = esr & (esr::NOT_EMULATED_MASK | esr::IL);
        return Handled::Exit(RecExit { esr, hpfar, rtt_tree, ..RecExit::default() });
    }
    let esr_seen = esr & esr::EMULATED_MASK;
    let mut exit = RecExit { esr: esr_seen, hpfar, rtt_tree, ..RecExit::default() };
    exit.far = far & 0xFFF;
    if esr & esr::WNR != 0 {
        exit.gprs[0] = world.recs[&granule].operand(esr::srt(esr)) & esr::access_mask(esr);
    }
    Handled::Exit(exit)
}

fn instruction_abort(world: &mut World, granule: Granule, syndrome: LastExit) -> Handled {
    if let Some(handled) = external_abort(world, granule, syndrome) {
        return handled;
    }
    let LastExit { esr, hpfar, .. } = syndrome;
    let ipa = esr::fault_ipa(hpfar);
    if outside_or_empty(world, granule, ipa) || !is_protected(world, granule, ipa) {
        inject_sea(world.rec_mut(granule), syndrome);
        return Handled::Injected;
    }
    let translation = fsc::TRANSLATION_L0..fsc::TRANSLATION_L0 + 4;
    if !translation.contains(&(esr & esr::FSC_MASK)) {
        return Handled::Exit(RecExit::default());
    }
    let (esr, rtt_tree) = (esr & esr::NOT_EMULATED_MASK, rtt_tree(world, granule));
    Handled::Exit(RecExit { esr, hpfar, rtt_tree, ..RecExit::default() })
}

/// The tree of RTTs that the Host is told of, where there are planes.
fn rtt_tree(world: &World, granule: Granule) -> u64 {
    let rec = &world.recs[&granule];
    world.realms[&rec.owner].planes.tree_of(rec.active_plane()) as u64
}

/// External aborts are reported to the Host; a recoverable one is injected as well.
fn external_abort(world: &mut World, granule: Granule, syndrome: LastExit) -> Option<Handled> {
    const SET_UER: u64 = 0;
    if !is_external(syndrome.esr) {
        return None;
    }
    if syndrome.esr & esr::SET_MASK == SET_UER {
        inject_sea(world.rec_mut(granule), syndrome);
    }
    let esr = syndrome.esr & esr::NOT_EMULATED_MASK;
    Some(Handled::Exit(RecExit { esr, ..RecExit::default() }))
}

/// Whether an abort was external.
fn is_external(syndrome: u64) -> bool {
    let code = syndrome & esr::FSC_MASK;
    code == fsc::SEA || fsc::SEA_TTW.contains(&code)
}

/// A trapped system register access.
///
/// ID registers read as zero here: their values are the hardware's and not simulated. The CPU
/// interface of the GIC is the Host's business; everything else reads as zero, writes ignored.
fn sysreg(rec: &mut Rec, syndrome: u64) -> Handled {
    rec.advance();
    let icc = syndrome & esr::sysreg(3, 3, 15, 8, 0) == esr::sysreg(3, 0, 12, 8, 0);
    let pmr = syndrome & esr::sysreg(3, 7, 15, 15, 7) == esr::sysreg(3, 0, 4, 6, 0);
    let read = syndrome & esr::SYSREG_READ != 0;
    let rt = esr::sysreg_rt(syndrome);
    if icc || pmr {
        let mut exit = RecExit { esr: syndrome, ..RecExit::default() };
        if !read {
            exit.gprs[0] = rec.operand(rt);
        }
        return Handled::Exit(exit);
    }
    if read {
        rec.set_operand(rt, 0);
    }
    Handled::Resume
}

/// Makes the Realm take a Synchronous External Abort for an abort it took to the RMM.
pub(crate) fn inject_sea(rec: &mut Rec, syndrome: LastExit) {
    let kept = !(esr::FSC_MASK | esr::FNV | esr::S1PTW);
    inject_abort(rec, syndrome.esr & kept | fsc::SEA | esr::EA, syndrome.far);
}

/// Makes the Realm take an abort at `far`. The class in `syndrome` is that of a lower level's; an
/// abort at EL1 is one of the same level.
pub(super) fn inject_abort(rec: &mut Rec, syndrome: u64, far: u64) {
    let level = if rec.planes.at_el0() { 0 } else { esr::ec::SAME_LEVEL };
    rec.sysregs_mut().set(sysreg::FAR_EL1, far);
    inject(rec, syndrome + level);
}

/// Makes the Realm take an Undefined Instruction exception.
pub(super) fn inject_undefined(rec: &mut Rec) {
    inject(rec, esr::IL);
}

fn inject(rec: &mut Rec, syndrome: u64) {
    let (pc, before) = (rec.pc, rec.planes.pstate);
    let vector = match before & pstate::MODE {
        pstate::EL0T => VECTOR_LOWER_LEVEL,
        pstate::EL1T => VECTOR_SP_EL0,
        _ => VECTOR_SYNC,
    };
    let sysregs = rec.sysregs_mut();
    sysregs.set(sysreg::ESR_EL1, syndrome);
    sysregs.set(sysreg::ELR_EL1, pc);
    sysregs.set(sysreg::SPSR_EL1, before);
    let base = sysregs.get(sysreg::VBAR_EL1);
    rec.pc = base.wrapping_add(vector);
    rec.planes.pstate = pstate::EL1H | pstate::DAIF | before & pstate::KEPT;
}

fn outside_or_empty(world: &World, granule: Granule, ipa: u64) -> bool {
    let realm = &world.realms[&world.recs[&granule].owner];
    if ipa >= realm.rtt.ipa_top() {
        return true;
    }
    is_empty(world, granule, ipa)
}

/// Whether the primary tree says that memory is EMPTY, whichever tree a plane runs in.
fn is_empty(world: &World, granule: Granule, ipa: u64) -> bool {
    let realm = &world.realms[&world.recs[&granule].owner];
    let walk = world.walk(realm, Ipa(ipa), Level::PAGE);
    world.tables.entry(walk).ripas() == Some(Ripas::Empty)
}

fn is_protected(world: &World, granule: Granule, ipa: u64) -> bool {
    world.realms[&world.recs[&granule].owner].rtt.is_protected(ipa)
}

/// Whether the Realm was created with SVE.
fn has_sve(world: &World, granule: Granule) -> bool {
    world.realms[&world.recs[&granule].owner].has_flag(realm_flags::SVE)
}
