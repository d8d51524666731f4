//! PSCI, as far as the RMM answers it; what needs another REC is for the Host to complete.

use super::{Caller, Outcome};
use crate::abi::rec_run::{ExitReason, RecExit};
use crate::abi::rsi::{fid, psci};
use crate::model::realm::RealmState;

/// PSCI 1.1.
const VERSION_1_1: u64 = 1 << 16 | 1;

pub(super) fn call(caller: &mut Caller<'_>) -> Outcome {
    match caller.world.profile().psci_function(caller.reg(0)) {
        psci::VERSION => caller.answer(VERSION_1_1, [0; 3]),
        psci::FEATURES => {
            let known = is_known(caller.reg(1) & 0xFFFF_FFFF);
            caller.answer(if known { psci::SUCCESS } else { psci::NOT_SUPPORTED }, [0; 3])
        }
        psci::CPU_OFF => {
            caller.rec_mut().runnable = false;
            notify(caller)
        }
        psci::SYSTEM_OFF | psci::SYSTEM_RESET => system_off(caller),
        function if psci::CPU_SUSPEND.contains(&function) => notify(caller),
        function if psci::CPU_ON.contains(&function) => cpu_on(caller),
        function if psci::AFFINITY_INFO.contains(&function) => affinity_info(caller),
        _ => caller.answer(psci::NOT_SUPPORTED, [0; 3]),
    }
}

fn is_known(function: u64) -> bool {
    let pairs = [psci::CPU_SUSPEND, psci::CPU_ON, psci::AFFINITY_INFO];
    let single =
        [psci::CPU_OFF, psci::SYSTEM_OFF, psci::SYSTEM_RESET, psci::FEATURES, fid::SMCCC_VERSION];
    pairs.iter().flatten().chain(&single).any(|known| *known == function)
}

/// An exit that tells the Host of the call; the Realm's result is success, whatever it does.
fn notify(caller: &mut Caller<'_>) -> Outcome {
    let exit = forward(caller, 1);
    caller.set_result(psci::SUCCESS, [0; 3]);
    Outcome::Exit(exit)
}

fn system_off(caller: &mut Caller<'_>) -> Outcome {
    let state = caller.realm().state;
    caller.realm_mut().state = RealmState::SystemOff;
    caller.world.realm_tally.realm_went(Some(state), Some(RealmState::SystemOff));
    Outcome::Exit(forward(caller, 1))
}

fn cpu_on(caller: &mut Caller<'_>) -> Outcome {
    let (target, entry_point) = (target(caller), caller.reg(2));
    if !caller.realm().rtt.is_protected(entry_point) {
        return caller.answer(psci::INVALID_ADDRESS, [0; 3]);
    }
    let Some(target) = target else {
        return caller.answer(psci::INVALID_PARAMETERS, [0; 3]);
    };
    if target == caller.rec().index {
        return caller.answer(psci::ALREADY_ON, [0; 3]);
    }
    request(caller)
}

fn affinity_info(caller: &mut Caller<'_>) -> Outcome {
    let lowest_level = caller.reg(2);
    let Some(target) = target(caller).filter(|_| lowest_level == 0) else {
        return caller.answer(psci::INVALID_PARAMETERS, [0; 3]);
    };
    if target == caller.rec().index {
        return caller.answer(psci::SUCCESS, [0; 3]);
    }
    request(caller)
}

/// The index of the REC that X1 names, if the Realm has it.
fn target(caller: &Caller<'_>) -> Option<u64> {
    let (index, realm) = (psci::rec_index(caller.reg(1)), caller.realm());
    // RECs that are made one after the other leave no index out.
    let is_one = match caller.world.profile().takes_recs_in_any_order() {
        true => realm.recs.iter().any(|rec| caller.world.recs[rec].index == index),
        false => index < realm.next_rec_index,
    };
    is_one.then_some(index)
}

/// An exit whose call the Host has to complete; the registers stay until then.
fn request(caller: &mut Caller<'_>) -> Outcome {
    let index = psci::rec_index(caller.reg(1));
    let recs = &caller.world.recs;
    let target = caller.realm().recs.iter().copied().find(|rec| recs[rec].index == index);
    let rec = caller.rec_mut();
    (rec.psci_pending, rec.psci_target) = (true, target);
    Outcome::Exit(forward(caller, 2))
}

fn forward(caller: &Caller<'_>, count: usize) -> RecExit {
    let mut exit = RecExit { exit_reason: ExitReason::Psci, ..RecExit::default() };
    exit.gprs[..count].copy_from_slice(&caller.rec().gprs[..count]);
    exit
}
