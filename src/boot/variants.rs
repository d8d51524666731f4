//! What a chain leaves open, otherwise: one thing changed at a time, and attempts with exits.

use super::chain::{Chain, Count, GrubName, LinuxName, Stage, StubName};
use super::profile::{Grub, LinuxStub, SYSTEMD_STUBS};

/// Most attempts and failed exits that are tried.
const MAX_REPEATED: u32 = 3;

/// Other chains that boot the same files, each with what is otherwise in it.
#[must_use]
pub fn variants(chain: &Chain) -> Vec<(String, Chain)> {
    let mut made: Vec<(String, Chain)> = Vec::new();
    let mut add = |what: String, edit: &dyn Fn(&mut Chain)| {
        let mut other = chain.clone();
        edit(&mut other);
        if other != *chain {
            made.push((what, other));
        }
    };
    for failed in 0..=MAX_REPEATED {
        for exits in 0..=MAX_REPEATED {
            let what = format!("firmware.failed_attempts = {failed}, exit.failed_exits = {exits}");
            add(what, &|chain| {
                chain.firmware.failed_attempts = Some(Count(failed));
                chain.exit.failed_exits = Some(Count(exits));
            });
        }
    }
    let separator = !chain.firmware.separator.unwrap_or(true);
    add(format!("firmware.separator = {separator}"), &|chain| {
        chain.firmware.separator = Some(separator);
    });
    add("exit.reached = false".into(), &|chain| chain.exit.reached = false);
    add("no [disk]".into(), &|chain| chain.disk = None);
    if let Some(super::chain::Value::Order(order)) = chain.variables.get("BootOrder") {
        for at in 1..order.len().min(8) {
            let mut other = order.clone();
            other.swap(at - 1, at);
            let what = format!("variables.BootOrder = {other:?}");
            add(what, &|chain| {
                let value = super::chain::Value::Order(other.clone());
                chain.variables.insert("BootOrder".into(), value);
            });
        }
    }
    for (i, stage) in chain.boot.iter().enumerate().take(8) {
        for (what, stage) in stages(stage) {
            add(format!("boot[{}].{what}", i + 1), &|chain| chain.boot[i] = stage.clone());
        }
    }
    made
}

/// What a stage could be otherwise.
fn stages(stage: &Stage) -> Vec<(String, Stage)> {
    let mut made = Vec::new();
    match stage {
        Stage::Uki(uki) => {
            for stub in &SYSTEMD_STUBS {
                let mut other = uki.clone();
                other.stub = Some(StubName(stub));
                made.push((format!("stub = \"{}\"", stub.name), Stage::Uki(other)));
            }
            for (name, stub) in LinuxStub::ALL {
                let mut other = uki.clone();
                other.kernel_stub = Some(LinuxName(stub));
                made.push((format!("kernel_stub = \"{name}\""), Stage::Uki(other)));
            }
        }
        Stage::Linux(linux) => {
            for (name, stub) in LinuxStub::ALL {
                let mut other = linux.clone();
                other.stub = Some(LinuxName(stub));
                made.push((format!("stub = \"{name}\""), Stage::Linux(other)));
            }
            for measured in [false, true] {
                let mut other = linux.clone();
                other.measured = Some(measured);
                made.push((format!("measured = {measured}"), Stage::Linux(other)));
            }
        }
        Stage::Grub(grub) => {
            for cc in [false, true] {
                let mut other = grub.clone();
                other.cc = Some(cc);
                made.push((format!("cc = {cc}"), Stage::Grub(other)));
            }
            for (name, profile) in Grub::ALL {
                let mut other = grub.clone();
                other.profile = Some(GrubName(profile));
                made.push((format!("profile = \"{name}\""), Stage::Grub(other)));
            }
        }
        _ => {}
    }
    made
}
