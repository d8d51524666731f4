//! What a chain leaves open: what no file says, otherwise.

use std::fmt;

use super::chain::{Chain, Count, GrubName, LinuxName, Stage, StubName, Value};
use super::event::Rem;
use super::profile::{Firmware, Grub, LinuxStub, SYSTEMD_STUBS, SystemdStub};

/// Most attempts and failed exits that are tried.
const MAX_REPEATED: u32 = 3;
/// Most stages of which something is tried.
const MAX_STAGES: usize = 8;
/// Most options of a BootOrder that change places.
const MAX_ORDERED: usize = 8;

/// One thing of a chain that is otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Boot options that failed first.
    Attempts(u32),
    /// Failed calls of ExitBootServices.
    Exits(u32),
    /// Whether boot services end.
    Reached(bool),
    /// Whether the first attempt is followed by a separator.
    Separator(bool),
    /// The disk has no partition table that is measured.
    NoDisk,
    /// Another order of boot options.
    Order(Vec<u16>),
    /// Something of a stage, by its place in the chain.
    Stage(usize, StageSetting),
}

/// One thing of a stage that is otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StageSetting {
    /// The systemd-stub of a UKI.
    Stub(&'static SystemdStub),
    /// What Linux measures.
    Linux(LinuxStub),
    /// What the Linux in a UKI measures.
    KernelStub(LinuxStub),
    /// Whether a kernel is measured when it is loaded.
    Measured(bool),
    /// Whether GRUB measures through CC.
    Cc(bool),
    /// Which GRUB.
    Grub(Grub),
}

/// The field of a chain and its value.
impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attempts(count) => write!(f, "firmware.failed_attempts = {count}"),
            Self::Exits(count) => write!(f, "exit.failed_exits = {count}"),
            Self::Reached(reached) => write!(f, "exit.reached = {reached}"),
            Self::Separator(separator) => write!(f, "firmware.separator = {separator}"),
            Self::NoDisk => f.write_str("no [disk]"),
            Self::Order(order) => write!(f, "variables.BootOrder = {order:?}"),
            Self::Stage(at, setting) => write!(f, "boot[{}].{setting}", at + 1),
        }
    }
}

impl fmt::Display for StageSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stub(stub) => write!(f, "stub = \"{}\"", stub.name),
            Self::Linux(stub) => write!(f, "stub = \"{}\"", stub.name()),
            Self::KernelStub(stub) => write!(f, "kernel_stub = \"{}\"", stub.name()),
            Self::Measured(measured) => write!(f, "measured = {measured}"),
            Self::Cc(cc) => write!(f, "cc = {cc}"),
            Self::Grub(grub) => write!(f, "profile = \"{}\"", grub.name()),
        }
    }
}

impl Setting {
    /// The chain with this in it.
    #[must_use]
    pub fn in_chain(&self, chain: &Chain) -> Chain {
        let mut made = chain.clone();
        match self {
            Self::Attempts(count) => made.firmware.failed_attempts = Some(Count(*count)),
            Self::Exits(count) => made.exit.failed_exits = Some(Count(*count)),
            Self::Reached(reached) => made.exit.reached = *reached,
            Self::Separator(separator) => made.firmware.separator = Some(*separator),
            Self::NoDisk => made.disk = None,
            Self::Order(order) => {
                made.variables.insert("BootOrder".into(), Value::Order(order.clone()));
            }
            Self::Stage(at, setting) => {
                if let Some(stage) = made.boot.get_mut(*at) {
                    setting.put(stage);
                }
            }
        }
        made
    }

    /// The REMs that can be others by it.
    #[must_use]
    pub fn rems(&self, firmware: Option<&Firmware>) -> Vec<Rem> {
        match self {
            Self::Attempts(_) | Self::Exits(_) | Self::Reached(_) | Self::NoDisk => vec![Rem::BOOT],
            Self::Separator(_) => {
                let index = firmware.map_or(2, |firmware| firmware.ready_separator);
                Rem::from_index(index).into_iter().collect()
            }
            // The first option of an order decides on what is handed over.
            Self::Order(_) => vec![Rem::FIRMWARE, Rem::LOADER],
            Self::Stage(_, setting) => match setting {
                StageSetting::Linux(_) | StageSetting::KernelStub(_) | StageSetting::Cc(_) => {
                    vec![Rem::LOADER]
                }
                StageSetting::Measured(_) => vec![Rem::BOOT],
                StageSetting::Stub(_) | StageSetting::Grub(_) => vec![Rem::BOOT, Rem::LOADER],
            },
        }
    }
}

impl StageSetting {
    fn put(&self, stage: &mut Stage) {
        match (self, stage) {
            (Self::Stub(stub), Stage::Uki(uki)) => uki.stub = Some(StubName(stub)),
            (Self::KernelStub(stub), Stage::Uki(uki)) => uki.kernel_stub = Some(LinuxName(*stub)),
            (Self::Linux(stub), Stage::Linux(linux)) => linux.stub = Some(LinuxName(*stub)),
            (Self::Measured(measured), Stage::Linux(linux)) => linux.measured = Some(*measured),
            (Self::Cc(cc), Stage::Grub(grub)) => grub.cc = Some(*cc),
            (Self::Grub(profile), Stage::Grub(grub)) => grub.profile = Some(GrubName(*profile)),
            _ => {}
        }
    }
}

/// What a chain leaves open, one list for each thing: what it could be besides what is said.
#[must_use]
pub fn open(chain: &Chain) -> Vec<Vec<Setting>> {
    let separator = chain.firmware.separator.unwrap_or(true);
    let mut axes = vec![
        (0..=MAX_REPEATED).map(Setting::Attempts).collect(),
        (0..=MAX_REPEATED).map(Setting::Exits).collect(),
        vec![Setting::Separator(!separator)],
        vec![Setting::Reached(!chain.exit.reached)],
    ];
    if chain.disk.is_some() {
        axes.push(vec![Setting::NoDisk]);
    }
    if let Some(Value::Order(order)) = chain.variables.get("BootOrder") {
        axes.push(orders(order));
    }
    for (i, stage) in chain.boot.iter().enumerate().take(MAX_STAGES) {
        for axis in of_stage(stage) {
            axes.push(axis.into_iter().map(|setting| Setting::Stage(i, setting)).collect());
        }
    }
    for axis in &mut axes {
        axis.retain(|setting: &Setting| !says(chain, setting));
    }
    axes.retain(|axis| !axis.is_empty());
    axes
}

/// Whether a chain says this, or what it does not say is taken to be this.
fn says(chain: &Chain, setting: &Setting) -> bool {
    let default = match setting {
        Setting::Attempts(count) => *count == 0 && chain.firmware.failed_attempts.is_none(),
        Setting::Exits(count) => *count == 0 && chain.exit.failed_exits.is_none(),
        _ => false,
    };
    default || setting.in_chain(chain) == *chain
}

/// Orders in which one option stands elsewhere: first, or before the one before it.
fn orders(order: &[u16]) -> Vec<Setting> {
    let mut made: Vec<Setting> = Vec::new();
    for at in 1..order.len().min(MAX_ORDERED) {
        let mut swapped = order.to_vec();
        swapped.swap(at - 1, at);
        let mut first = order.to_vec();
        first[..=at].rotate_right(1);
        for order in [swapped, first].map(Setting::Order) {
            if !made.contains(&order) {
                made.push(order);
            }
        }
    }
    made
}

/// What of a stage no file says.
fn of_stage(stage: &Stage) -> Vec<Vec<StageSetting>> {
    let linux =
        |kind: fn(LinuxStub) -> StageSetting| LinuxStub::ALL.map(|(_, stub)| kind(stub)).to_vec();
    match stage {
        Stage::Uki(_) => {
            let stubs = SYSTEMD_STUBS.iter().map(StageSetting::Stub).collect();
            vec![stubs, linux(StageSetting::KernelStub)]
        }
        Stage::Linux(_) => {
            vec![linux(StageSetting::Linux), [false, true].map(StageSetting::Measured).to_vec()]
        }
        Stage::Grub(_) => {
            let grubs = Grub::ALL.map(|(_, grub)| StageSetting::Grub(grub)).to_vec();
            vec![[false, true].map(StageSetting::Cc).to_vec(), grubs]
        }
        _ => Vec::new(),
    }
}

/// Other chains that boot the same files, each with what is otherwise in it: one thing, or attempts
/// together with exits.
#[must_use]
pub fn variants(chain: &Chain) -> Vec<(String, Chain)> {
    let axes = open(chain);
    let mut made: Vec<(String, Chain)> = Vec::new();
    for setting in axes.iter().flatten() {
        made.push((setting.to_string(), setting.in_chain(chain)));
    }
    let is = |kind: fn(&Setting) -> bool| axes.iter().flatten().filter(move |one| kind(one));
    for attempts in is(|setting| matches!(setting, Setting::Attempts(_))) {
        for exits in is(|setting| matches!(setting, Setting::Exits(_))) {
            made.push((format!("{attempts}, {exits}"), exits.in_chain(&attempts.in_chain(chain))));
        }
    }
    made
}
