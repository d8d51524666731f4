//! What the software of a Realm runs into: aborts, traps and interrupts.

use rimsim::model::program::{GuestAction, GuestActionError, GuestEvent, MAX_QUEUED, Program};
use rimsim::session::{Action, Fault, Place, Session, Step};
use rimsim::{Command, Profile};

use crate::running_realm::{
    DATA, DATA2, DESTROYED_IPA, EMPTY_DATA, EMPTY_IPA, EMUL_MMIO, Enter, FAR, FIQ, INJECT_SEA, IRQ,
    NO_MEMORY, RunningRealm, SERROR, SYNC, TRAP_WFE, TRAP_WFI,
};

const DATA_ABORT: u64 = 0x24 << 26;
const INST_ABORT: u64 = 0x20 << 26;
const SAME_LEVEL: u64 = 1 << 26;
const IL: u64 = 1 << 25;
const ISV: u64 = 1 << 24;
const SF: u64 = 1 << 15;
const EA: u64 = 1 << 9;
const WNR: u64 = 1 << 6;
const SEA: u64 = 0x10;

fn load(ipa: u64) -> GuestAction {
    GuestAction::Load { ipa, size_bytes: 8, rt: 3 }
}

fn store(ipa: u64) -> GuestAction {
    GuestAction::Store { ipa, size_bytes: 8, rt: 3 }
}

/// The exception that REC 0 took in its last entry: PC, ESR and FAR.
fn exception(lab: &RunningRealm) -> Option<[u64; 3]> {
    lab.log(0).iter().find_map(|event| match event {
        GuestEvent::Exception { pc, esr, far, .. } => Some([*pc, *esr, *far]),
        _ => None,
    })
}

/// Lets REC 0 do something and expects that it took this exception and went on.
#[track_caller]
fn takes(lab: &mut RunningRealm, action: GuestAction, esr: u64, far: u64) {
    let shown = format!("{action}");
    assert_eq!(lab.act(0, action).reason(), FIQ, "{shown}");
    let taken = exception(lab).unwrap_or_else(|| panic!("{shown}: no exception"));
    assert_eq!(taken, [0x200, esr, far], "{shown}: {:#x} {esr:#x}", taken[1]);
}

#[test]
fn empty_addresses_and_those_past_the_ipa_space_abort_in_the_realm() {
    for geometry in [&[][..], &[("flags", 1), ("s2sz", 52), ("rtt_level_start", u64::MAX)]] {
        let mut lab = RunningRealm::with(Profile::TF_RMM, geometry);
        let valid = ISV | 3 << 22 | 3 << 16 | SF;
        let top = 2 * lab.ns;
        let mut outside = vec![EMPTY_IPA, EMPTY_DATA, FAR, lab.ns - 8, (1 << 52) - 8];
        outside.extend([top, top + 0x1000].iter().filter(|ipa| **ipa < 1 << 52));
        outside.retain(|ipa| *ipa < lab.ns || *ipa >= top);
        for ipa in outside {
            let class = DATA_ABORT + SAME_LEVEL;
            takes(&mut lab, load(ipa), class | IL | valid | EA | SEA, ipa);
            takes(&mut lab, store(ipa), class | IL | valid | WNR | EA | SEA, ipa);
            let bytes = GuestAction::LoadBytes { ipa, len_bytes: 4 };
            takes(&mut lab, bytes, class | IL | EA | SEA, ipa);
            let fetch = GuestAction::Exec { ipa };
            takes(&mut lab, fetch, (INST_ABORT + SAME_LEVEL) | IL | EA | SEA, ipa);
        }
        // An address with more bits than an IPA can have is refused by stage 1, and is not taken
        // for the IPA that its lower bits are.
        for ipa in [1 << 52, 1 << 52 | NO_MEMORY, 1 << 63, u64::MAX - 7, u64::MAX] {
            let class = DATA_ABORT + SAME_LEVEL;
            takes(&mut lab, load(ipa), class | IL, ipa);
            takes(&mut lab, store(ipa), class | IL | WNR, ipa);
            takes(&mut lab, GuestAction::Exec { ipa }, (INST_ABORT + SAME_LEVEL) | IL, ipa);
        }
        // Instructions come from Protected memory only.
        let exec = (INST_ABORT + SAME_LEVEL) | IL | EA | SEA;
        for ipa in [lab.ns, lab.ns + 0x1000] {
            takes(&mut lab, GuestAction::Exec { ipa }, exec, ipa);
        }
    }
}

#[test]
fn missing_memory_exits_and_is_tried_again() {
    for (ipa, fetch) in [(NO_MEMORY, false), (DESTROYED_IPA, false), (NO_MEMORY, true)] {
        let mut lab = RunningRealm::new(Profile::TF_RMM);
        let action = if fetch { GuestAction::Exec { ipa } } else { store(ipa + 8) };
        let exit = lab.act(0, action);
        let class = if fetch { INST_ABORT } else { DATA_ABORT };
        assert_eq!((exit.reason(), exit.syndrome()), (SYNC, [class | 7, 0, ipa >> 8]));
        assert_eq!(exit.gprs(), [0; 31], "nothing of the Realm's registers");
        assert_eq!(lab.run(0, &Enter::default()).syndrome()[0], class | 7);
        if ipa == NO_MEMORY {
            let (rd, data) = (lab.rd, lab.scene.delegated());
            lab.scene.must(Command::DataCreateUnknown { rd, data, ipa });
            assert_eq!(lab.run(0, &Enter::default()).reason(), FIQ);
            let [_, GuestEvent::Exec { .. } | GuestEvent::Store { .. }] = lab.log(0) else {
                panic!("{:?}", lab.log(0));
            };
        }
    }
}

#[test]
fn accesses_cross_granules_whole_or_not_at_all() {
    let mut lab = RunningRealm::new(Profile::TF_RMM);
    lab.act(0, load(DATA2 - 4));
    let [_, GuestEvent::Load { value, .. }] = lab.log(0) else { panic!("{:?}", lab.log(0)) };
    assert_eq!(*value, 0xDBDB_DBDB_DADA_DADA);
    // The second half is missing: the first stays as it is, and the fault names the second.
    let before = lab.load(NO_MEMORY - 16, 16);
    let bytes = vec![1; 32];
    let exit = lab.act(0, GuestAction::StoreBytes { ipa: NO_MEMORY - 16, bytes });
    assert_eq!(exit.syndrome(), [DATA_ABORT | 7, 0, NO_MEMORY >> 8]);
    let rec = lab.recs[0];
    lab.world().clear_guest(rec);
    assert_eq!(lab.load(NO_MEMORY - 16, 16), before);
    // From the Host's memory into what is not mapped, and the other way round.
    let ns = lab.ns;
    let exit = lab.act(0, load(ns + 0xFFC));
    assert_eq!(exit.syndrome()[2], (ns + 0x1000) >> 8);
    lab.world().clear_guest(rec);
    takes(&mut lab, load(ns - 4), exception_of_load(), ns - 4);
}

fn exception_of_load() -> u64 {
    (DATA_ABORT + SAME_LEVEL) | IL | ISV | 3 << 22 | 3 << 16 | SF | EA | SEA
}

#[test]
fn the_host_emulates_what_is_not_mapped() {
    // Size, register, what the Host answers, and what the Realm finds.
    for (size_bytes, rt, answer, seen) in [
        (1, 5, u64::MAX, 0xFF),
        (2, 0, u64::MAX, 0xFFFF),
        (4, 30, u64::MAX, 0xFFFF_FFFF),
        (8, 5, u64::MAX, u64::MAX),
        (8, 31, u64::MAX, 0),
    ] {
        let mut lab = RunningRealm::new(Profile::TF_RMM);
        let ipa = lab.ns + 0x1234;
        let before = lab.scene.world.rec(lab.recs[0]).unwrap().gprs().to_owned();
        let exit = lab.act(0, GuestAction::Load { ipa, size_bytes, rt });
        let sf = if size_bytes == 8 { SF } else { 0 };
        let size = u64::from(size_bytes.trailing_zeros()) << 22;
        let esr = DATA_ABORT | ISV | size | sf | 7;
        assert_eq!(exit.syndrome(), [esr, 0x234, (ipa & !0xFFF) >> 8], "without the register");
        let enter = Enter { gprs: [answer; 31], ..Enter::flags(EMUL_MMIO) };
        assert_eq!(lab.run(0, &enter).reason(), FIQ);
        let [_, GuestEvent::Emulated { value, .. }] = lab.log(0) else { panic!() };
        assert_eq!(*value, seen);
        let mut expected = before;
        if let Some(gpr) = expected.get_mut(usize::from(rt)) {
            *gpr = seen;
        }
        assert_eq!(*lab.scene.world.rec(lab.recs[0]).unwrap().gprs(), expected);
        // It is done, so it can not be emulated once more.
        let again = lab.enter(0, &enter);
        assert_eq!(again.failure().unwrap().condition(), "rec_mmio", "{again}");
    }
}

#[test]
fn stores_hand_their_value_to_the_host() {
    for (size_bytes, rt, seen) in
        [(1, 3, 0x88), (2, 3, 0x7788), (4, 3, 0x5566_7788), (8, 3, VALUE), (8, 31, 0)]
    {
        let mut lab = RunningRealm::new(Profile::TF_RMM);
        let ipa = lab.ns + 0x1000;
        lab.queue(0, GuestAction::SetReg { n: 3, value: VALUE });
        let exit = lab.act(0, GuestAction::Store { ipa, size_bytes, rt });
        assert_eq!((exit.syndrome()[0] & WNR, exit.gprs()[0]), (WNR, seen));
        assert_eq!(exit.gprs()[1..], [0; 30]);
    }
}

const VALUE: u64 = 0x1122_3344_5566_7788;

#[test]
fn the_host_passes_an_abort_on() {
    let mut lab = RunningRealm::new(Profile::TF_RMM);
    let ipa = lab.ns + 0x1000;
    for action in [load(ipa), store(ipa), GuestAction::LoadBytes { ipa, len_bytes: 64 }] {
        lab.act(0, action);
        // A SEA makes the other flag idle.
        assert_eq!(lab.run(0, &Enter::flags(INJECT_SEA | EMUL_MMIO)).reason(), FIQ);
        let [pc, esr, far] = exception(&lab).expect("an exception");
        assert_eq!((pc, esr & 0x3F, esr >> 26, far), (0x200, SEA, 0x25, ipa));
    }
}

#[test]
fn what_happened_last_is_kept_by_entries_that_fail() {
    let mut lab = RunningRealm::new(Profile::TF_RMM);
    lab.act(0, load(lab.ns + 0x1000));
    let wrong = Enter { hcr: 1, ..Enter::flags(EMUL_MMIO) };
    assert_eq!(lab.enter(0, &wrong).failure().unwrap().condition(), "rec_gicv3");
    assert_eq!(lab.run(0, &Enter::flags(EMUL_MMIO)).reason(), FIQ);
    assert!(matches!(lab.log(0), [_, GuestEvent::Emulated { .. }]));
}

#[test]
fn wfi_and_wfe_exit_if_they_are_trapped() {
    for (wfe, flags, exits) in [
        (false, 0, false),
        (false, TRAP_WFE, false),
        (false, TRAP_WFI, true),
        (true, 0, false),
        (true, TRAP_WFI, false),
        (true, TRAP_WFE, true),
    ] {
        let mut lab = RunningRealm::new(Profile::TF_RMM);
        lab.queue(0, GuestAction::Wfx { wfe });
        let exit = lab.run(0, &Enter::flags(flags));
        let expected = if exits { (SYNC, 1 << 26 | u64::from(wfe)) } else { (FIQ, 0) };
        assert_eq!((exit.reason(), exit.syndrome()[0]), expected, "{wfe} {flags:#x}");
        let pc = lab.scene.world.rec(lab.recs[0]).unwrap().pc();
        assert_eq!(pc, 0x1004, "either way it is done");
    }
}

#[test]
fn interrupts_errors_and_hypervisor_calls() {
    let mut lab = RunningRealm::new(Profile::TF_RMM);
    assert_eq!(lab.act(0, GuestAction::Irq).reason(), IRQ);
    assert_eq!(lab.act(0, GuestAction::Fiq).reason(), FIQ);
    let exit = lab.act(0, GuestAction::Serror { esr: 0x2F << 26 | IL | 0x1F << 8 | 0x11 });
    let seen = 0b111 << 10 | EA | 0x11;
    assert_eq!((exit.reason(), exit.syndrome()), (SERROR, [seen, 0, 0]));
    takes(&mut lab, GuestAction::Hvc, IL, 0);
}

#[test]
fn vector_registers_are_the_rmms_business() {
    for (sve, class, undefined) in [
        (0, 0x07, false),
        (0, 0x19, true),
        (0, 0x1D, true),
        (2, 0x07, false),
        (2, 0x19, false),
        (2, 0x1D, true),
    ] {
        let mut lab = RunningRealm::with(Profile::TF_RMM, &[("flags", sve)]);
        let sync = GuestAction::Sync { esr: class << 26 | IL, far: 0, hpfar: 0 };
        assert_eq!(lab.act(0, sync).reason(), FIQ, "{class:#x}");
        let pc = lab.scene.world.rec(lab.recs[0]).unwrap().pc();
        let seen = exception(&lab);
        assert_eq!(seen.map(|[_, esr, _]| esr), undefined.then_some(IL), "{class:#x}");
        assert_eq!(pc, if undefined { 0x200 } else { 0x1000 }, "tried again");
    }
}

#[test]
fn system_registers_of_the_interrupt_controller_are_the_hosts() {
    let sysreg = |op0: u64, op1: u64, crn: u64, crm: u64, op2: u64| {
        op0 << 20 | op2 << 17 | op1 << 14 | crn << 10 | 3 << 5 | crm << 1
    };
    let dir = sysreg(3, 0, 12, 11, 1);
    let sgi1r = sysreg(3, 0, 12, 11, 5);
    let pmr = sysreg(3, 0, 4, 6, 0);
    let mut lab = RunningRealm::new(Profile::TF_RMM);
    for register in [dir, sgi1r, pmr] {
        lab.queue(0, GuestAction::SetReg { n: 3, value: VALUE });
        let exit = lab.act(0, GuestAction::SysReg { esr: register | IL });
        assert_eq!(exit.syndrome(), [0x18 << 26 | IL | register, 0, 0]);
        assert_eq!(exit.gprs()[0], VALUE, "what is written");
        // A read: the Host's value arrives with the next entry.
        let exit = lab.act(0, GuestAction::SysReg { esr: register | IL | 1 });
        assert_eq!(exit.gprs()[0], 0);
        lab.run(0, &Enter { gprs: [0x99; 31], ..Enter::default() });
        assert_eq!(lab.scene.world.rec(lab.recs[0]).unwrap().gprs()[3], 0x99);
    }
    // Any other reads as zero and takes writes, without an exit.
    for register in [sysreg(3, 0, 0, 4, 0), sysreg(3, 3, 14, 2, 1), sysreg(2, 0, 0, 0, 0)] {
        lab.queue(0, GuestAction::SysReg { esr: register | IL });
        lab.queue(0, GuestAction::SetReg { n: 3, value: VALUE });
        assert_eq!(lab.act(0, GuestAction::SysReg { esr: register | IL | 1 }).reason(), FIQ);
        assert_eq!(lab.scene.world.rec(lab.recs[0]).unwrap().gprs()[3], 0);
    }
}

#[test]
fn exceptions_with_a_syndrome_of_their_own() {
    let mut lab = RunningRealm::new(Profile::TF_RMM);
    let sync = |esr, ipa: u64| GuestAction::Sync { esr, far: 0x888, hpfar: ipa >> 8 };
    // A permission fault without a valid syndrome: reported, and nobody can emulate it.
    let exit = lab.act(0, sync(DATA_ABORT | IL | 0xF, lab.ns));
    assert_eq!(exit.syndrome(), [DATA_ABORT | 0xF, 0x888, lab.ns >> 8]);
    assert_eq!(lab.enter(0, &Enter::flags(EMUL_MMIO)).status(), Some(rimsim::Status::Rec));
    // An external abort: reported; the recoverable one the Realm takes as well.
    for (set, taken) in [(3, false), (0, true)] {
        let esr = DATA_ABORT | IL | set << 11 | SEA;
        let exit = lab.act(0, sync(esr, DATA));
        assert_eq!(exit.syndrome(), [esr & !IL, 0, 0]);
        let pc = lab.scene.world.rec(lab.recs[0]).unwrap().pc();
        assert_eq!(pc == 0x200, taken);
    }
    // An SMC makes the call that the registers describe.
    lab.queue(0, GuestAction::SetReg { n: 0, value: 0x8400_0000 });
    lab.act(0, sync(0x17 << 26 | IL, 0));
    assert_eq!(lab.result(0)[0], 0x1_0001);
    // What nobody knows is an exit without a syndrome.
    let exit = lab.act(0, sync(0x3F << 26 | IL | 0xFFFF, DATA));
    assert_eq!((exit.reason(), exit.syndrome(), exit.gprs()), (SYNC, [0; 3], [0; 31]));
}

/// A script that does not stop queueing is stopped, and what was queued still runs and ends.
#[test]
fn endless_queues_end() {
    let lab = RunningRealm::new(Profile::TF_RMM);
    let (rec, run_ptr) = (lab.recs[0], lab.runs[0]);
    let mut session = Session::new(lab.scene.world);
    let action = GuestAction::Wfx { wfe: false };
    let step = Step::new(Action::Guest { rec, id: 0, action }, Place::file("endless"));
    let mut queued = 0;
    let refused = loop {
        let record = session.step(&step);
        match record.fault {
            None => queued += 1,
            Some(_) => break record,
        }
    };
    assert_eq!(queued, MAX_QUEUED);
    assert!(matches!(refused.fault, Some(Fault::Guest(GuestActionError::QueueFull))));
    assert_eq!(refused.mismatches.len(), 1, "a vector that does this does not conform");
    let enter = Command::RecEnter { rec, run_ptr }.encode();
    let record = session.step(&Step::new(Action::Call(enter), Place::file("endless")));
    assert!(record.outcome.is_some_and(|outcome| outcome.is_success()));
    assert_eq!(session.world().guest(rec).map(Program::pending_count), Some(0));
}

#[test]
fn list_registers_come_back() {
    let mut lab = RunningRealm::new(Profile::TF_RMM);
    let mut enter = Enter { hcr: 0x40FE, ..Enter::default() };
    enter.lrs[0] = 1 << 62 | 1 << 41 | 0xF8 << 48 | 27;
    assert_eq!(lab.run(0, &enter).gic(), [0x40FE, enter.lrs[0]]);
    assert_eq!(lab.run(0, &Enter::default()).gic(), [0, 0]);
}
