//! Commands on one line of text: a stage with granules of every kind, called by name.
//!
//! A line of a table gives arguments and, for the commands that read a structure, fields of it. A
//! value is a name of [`Stage::names`], a number, or `name+number`. RMM 2.0 adds operations that
//! wait (`v2`).

mod v2;

use std::collections::BTreeMap;

use rimsim::abi::command::CommandInfo;
use rimsim::model::granule::Gpt;
use rimsim::model::program::GuestAction;
use rimsim::rmi::Outcome;
use rimsim::{Command, Edition, Pa, Profile, World};

use crate::small_machine::{
    BLOCK, ENTER_FIELDS, Fields, GRANULE, HIGH_RAM, REC_FIELDS, SmallMachine, page, realm_fields,
    realm_values, revision,
};

/// Column names and values of one command.
pub(crate) type Line<'t> = BTreeMap<&'t str, &'t str>;

/// First IPA of the Unprotected half of the stage's Realms of 33 bits.
const NS: u64 = 1 << 32;

#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) names: BTreeMap<&'static str, u64>,
}

impl Stage {
    pub(crate) fn new(profile: Profile) -> Self {
        let mut scene = SmallMachine::new(profile);
        let mut names = BTreeMap::from([("odd", BLOCK + 1), ("outside", GRANULE)]);
        names.insert("revision", revision(profile.edition()));
        granules(&mut scene, &mut names);
        realms(&mut scene, &mut names);
        requests(&mut scene, &mut names);
        if profile.edition() == Edition::V2 {
            v2::set(&mut scene, &mut names);
        }
        Self { world: scene.world, names }
    }

    pub(crate) fn value(&self, text: &str) -> u64 {
        if let Some((name, offset)) = text.split_once('+') {
            return self.value(name) + self.value(offset);
        }
        if let Some(value) = self.names.get(text) {
            return *value;
        }
        let digits = text.replace('_', "");
        let number = match (digits.strip_prefix("0x"), digits.strip_prefix('-')) {
            (Some(hex), _) => u64::from_str_radix(hex, 16).ok(),
            (_, Some(minus)) => minus.parse().ok().map(u64::wrapping_neg),
            _ => digits.parse().ok(),
        };
        number.unwrap_or_else(|| panic!("{text:?} is neither a name nor a number"))
    }

    /// The command of a line. Writes the structure that the command reads, if its address lets it.
    pub(crate) fn command(&mut self, info: &CommandInfo, line: &Line<'_>) -> Command {
        let mut regs = [0; 7];
        regs[0] = info.fid;
        for (reg, input) in regs[1..].iter_mut().zip(info.inputs) {
            let text = line.get(input).unwrap_or_else(|| panic!("{}: no {input}", info.name));
            *reg = self.value(text);
        }
        let edition = self.world.profile().edition();
        let steps = if edition == Edition::V2 { v2::prepare(self, info, line) } else { &[][..] };
        let argument = |name: &&str| info.inputs.contains(name) || steps.contains(name);
        let fields = line.iter().filter(|(name, _)| !argument(name));
        let fields: Fields<'_> = fields.map(|(name, text)| (*name, self.value(text))).collect();
        let bytes = match info.name {
            "REALM_CREATE" => {
                let mut values = realm_values(99, self.names["run"]);
                values.extend([("s2sz", 40), ("rtt_num_start", 2)]);
                values.extend(fields);
                if edition == Edition::V2 {
                    values.remove("vmid");
                }
                Some(page(realm_fields(edition), &values))
            }
            "REC_ENTER" => Some(page(ENTER_FIELDS, &fields)),
            "REC_CREATE" => {
                let mut values = Fields::new();
                if edition == Edition::V1 {
                    values.insert("aux2", self.names["free3"]);
                }
                values.extend(fields);
                Some(page(REC_FIELDS, &values))
            }
            _ => {
                assert!(fields.is_empty(), "{} has no {fields:?}", info.name);
                None
            }
        };
        let command = Command::decode(&regs, edition).expect("a row of the command table");
        if let (Some(bytes), Command::RealmCreate { params_ptr, .. })
        | (Some(bytes), Command::RecCreate { params_ptr, .. })
        | (Some(bytes), Command::RecCreateBegin { params_ptr, .. })
        | (Some(bytes), Command::RecEnter { run_ptr: params_ptr, .. }) = (bytes, command)
            && params_ptr % GRANULE == 0
        {
            // An address where the Host can not write is what some lines are about.
            let _ = self.world.host_write_page(params_ptr, &bytes);
        }
        command
    }

    /// Executes a line on a copy of the stage, a creation of several steps to its end.
    pub(crate) fn play(&self, info: &CommandInfo, line: &Line<'_>) -> (Command, Outcome) {
        let mut stage = self.clone();
        let command = stage.command(info, line);
        let outcome = stage.world.execute(command);
        (command, v2::to_end(&mut stage, command, line, outcome))
    }
}

fn granules(scene: &mut SmallMachine, names: &mut BTreeMap<&'static str, u64>) {
    names.insert("host", scene.host());
    names.insert("params", scene.host());
    let host_pair = scene.host();
    names.insert("host_pair", host_pair.next_multiple_of(2 * GRANULE));
    scene.host();
    names.insert("secure", scene.with_gpt(Gpt::Secure));
    names.insert("aap", scene.with_gpt(Gpt::Aap));
    for name in ["free", "free1", "free2", "free3"] {
        names.insert(name, scene.delegated());
    }
    names.insert("run", scene.delegated_run(4));
    scene.must(Command::GranuleDelegate { addr: HIGH_RAM });
    names.insert("high", HIGH_RAM);
}

fn realms(scene: &mut SmallMachine, names: &mut BTreeMap<&'static str, u64>) {
    // VMID 1: NEW, with tables, data, a mapping, and a REC.
    let rd = scene.realm(&[]);
    scene.tables(rd, 0, 3);
    names.insert("data", scene.data(rd, 0, 0xDA));
    scene.tables(rd, 0x40_0000, 3);
    scene.tables(rd, NS, 3);
    scene.map_host(rd, NS, names["host"]);
    names.extend([("rd", rd), ("rec", scene.rec(rd, 0, &[("flags", 1)])), ("ns", NS)]);

    // ACTIVE, with a REC that can run and one that can not.
    let active = scene.realm(&[]);
    let runs = scene.rec(active, 0, &[("flags", 1)]);
    let idle = scene.rec(active, 1, &[]);
    scene.must(Command::RealmActivate { rd: active });
    names.extend([("active", active), ("active_rec", runs), ("idle_rec", idle)]);

    // ACTIVE, with as many RECs as can be.
    let full = scene.realm(&[]);
    for mpidr in 0..3 {
        scene.rec(full, mpidr, &[]);
    }
    scene.must(Command::RealmActivate { rd: full });
    names.insert("full", full);

    // NEW with a live table, NEW and empty, and one that starts at level 2.
    let tables = scene.realm(&[]);
    scene.tables(tables, 0, 2);
    let empty = scene.realm(&[]);
    let low = scene.realm(&[("s2sz", 32), ("rtt_level_start", 2), ("rtt_num_start", 4)]);
    names.extend([("tables", tables), ("empty", empty), ("low", low)]);
}

/// An ACTIVE Realm with a table of pages at 0 and RECs that can run or not; its RD and RECs.
fn active<const N: usize>(scene: &mut SmallMachine, runnable: [u64; N]) -> (u64, [u64; N]) {
    let rd = scene.realm(&[]);
    scene.tables(rd, 0, 3);
    let mut mpidr = 0;
    let recs = runnable.map(|flags| {
        mpidr += 1;
        scene.rec(rd, mpidr - 1, &[("flags", flags)])
    });
    scene.must(Command::RealmActivate { rd });
    (rd, recs)
}

/// RECs that wait for the Host.
fn requests(scene: &mut SmallMachine, names: &mut BTreeMap<&'static str, u64>) {
    let smc = |regs: &[u64]| vec![GuestAction::Smc(regs.to_vec())];
    // CPU_ON of a REC that is off, and of one that is on.
    let cpu_on = 0xC400_0003;
    let (_, [asks, off, other]) = active(scene, [1, 0, 1]);
    scene.run(asks, smc(&[cpu_on, 1, 0x1000, 7]));
    names.extend([("asks", asks), ("off_rec", off), ("other_rec", other)]);
    let (_, [asks, on]) = active(scene, [1, 1]);
    scene.run(asks, smc(&[cpu_on, 1, 0x1000, 7]));
    names.extend([("asks_on", asks), ("on_rec", on)]);

    // RIPAS changes: inside a block, less than a block, and of two pages.
    let ipa_state_set = 0xC400_0197;
    let (rd, recs) = active(scene, [1; 3]);
    let ranges = [(0x20_1000, 0x20_4000), (0x40_0000, 0x40_2000), (0x1000, 0x3000)];
    for (rec, (base, top)) in recs.into_iter().zip(ranges) {
        scene.run(rec, smc(&[ipa_state_set, base, top, 1, 0]));
    }
    let [inside, less, pages] = recs;
    names.extend([("changes", rd), ("inside", inside), ("less", less), ("pages", pages)]);

    // SYSTEM_OFF.
    let (_, [stopped]) = active(scene, [1]);
    scene.run(stopped, smc(&[0x8400_0008]));
    names.insert("stopped", stopped);

    // A Host that takes the run page away while the REC runs.
    let (_, [robbed]) = active(scene, [1]);
    let delegate = Command::delegate(scene.edition(), Pa(names["host"]));
    let steal = GuestAction::HostSmc(delegate.encode().to_vec());
    scene.world.queue_guest(robbed, 0, steal).expect("a possible action");
    names.insert("robbed", robbed);
}
