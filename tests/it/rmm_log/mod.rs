//! Logs of an RMM: what is found in them, and the Realms that come of it.

mod as_scripts;
mod gaps;
mod v2;
pub(crate) mod vmm;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use rimsim::abi::command::Command;
use rimsim::abi::params::{RealmParams, RecParams};
use rimsim::abi::status::{MemReq, Status};
use rimsim::measure::rim::Measurement;
use rimsim::rmm_log::{At, Call, Import, ImportError, Log, Need, Options, import, params, read};
use rimsim::script::{Player, load};
use rimsim::session::{Action, Observer, Record, Session, Step};
use rimsim::{Profile, World, conform, vector};

use crate::cli::Folder;

/// Writes a log as TF-RMM does, and what it does not print: contents and parameters.
#[derive(Default)]
struct Writer {
    log: String,
    realms: Vec<Realm>,
    /// Operations under way, by their handles.
    begun: BTreeMap<u64, Command>,
}

struct Realm {
    rd: u64,
    params: String,
    recs: u32,
    pages: Vec<(u64, Vec<u8>)>,
    /// When it was activated.
    rim: Option<Measurement>,
}

impl Observer for Writer {
    fn observe(&mut self, step: &Step, record: &Record, world: &World) {
        let Action::Call(regs) = &step.action else { return };
        let Some(outcome) = &record.outcome else { return };
        let (Some(command), Some(code)) = (outcome.command(), outcome.code()) else { return };
        let info = command.info();
        if info.handle_input().is_some() {
            write!(self.log, "      SMC_RMI_{:19}", info.name).expect("a text");
        } else {
            write!(self.log, "SMC_RMI_{:25}", info.name).expect("a text");
        }
        for value in &regs[1..=info.inputs.len()] {
            write!(self.log, " {value:x}").expect("a text");
        }
        write!(self.log, " > {}", code.status.name()).expect("a text");
        if code.status == Status::Rtt {
            write!(self.log, " {:x}", code.index).expect("a text");
        }
        // Of what begins an operation no outputs but the handle, and what is asked for; of
        // OP_CONTINUE two.
        let donate = outcome.awaits() == Some(MemReq::Donate);
        let outputs = match (code.status, info.handle_input()) {
            (Status::Incomplete, None) => 1 + usize::from(donate),
            (Status::Success | Status::Incomplete, Some(_)) => info.outputs.len().min(2),
            (Status::Success, None) if info.outputs.first() == Some(&"handle") => 0,
            (Status::Success, None) => info.outputs.len(),
            _ => 0,
        };
        for value in &outcome.regs()[1..=outputs] {
            write!(self.log, " {value:x}").expect("a text");
        }
        self.log.push('\n');
        if let Some(x) = outcome.handle_reg() {
            self.begun.insert(outcome.regs()[x], command);
        }
        if code.status == Status::Success {
            let handle = info.handle_input().map(|x| regs[1 + x]);
            let ended = handle.and_then(|handle| self.begun.remove(&handle));
            self.keep(&ended.unwrap_or(command), world);
        }
    }
}

impl Writer {
    fn keep(&mut self, command: &Command, world: &World) {
        let page = |pa| world.host_page(pa).expect("a page of the Host").to_bytes();
        match *command {
            Command::RealmCreate { rd, params_ptr } => {
                let profile = world.profile();
                let params = realm_params(&RealmParams::read(&page(params_ptr), profile), profile);
                self.realms.push(Realm { rd, params, recs: 0, pages: Vec::new(), rim: None });
            }
            Command::RecCreate { rd, params_ptr, .. }
            | Command::RecCreateBegin { rd, params_ptr, .. } => {
                let realm = self.realm(rd);
                realm.recs += 1;
                let params = RecParams::read(&page(params_ptr));
                let text = rec_params(realm.recs, &params, world.profile());
                realm.params.push_str(&text);
            }
            Command::DataCreate { rd, ipa, src, .. }
            | Command::RttDataMapInit { rd, ipa, src, .. } => {
                self.realm(rd).pages.push((ipa, page(src).to_vec()));
            }
            Command::RealmActivate { rd } => {
                let rim = world.realm(rd).expect("a Realm").log().rim_now();
                self.realm(rd).rim = Some(rim);
            }
            _ => {}
        }
    }

    fn realm(&mut self, rd: u64) -> &mut Realm {
        let realm = self.realms.iter_mut().rev().find(|realm| realm.rd == rd);
        realm.expect("a Realm that was created")
    }
}

fn realm_params(params: &RealmParams, profile: Profile) -> String {
    let RealmParams { flags, s2sz, sve_vl, num_bps, num_wps, pmu_num_ctrs, hash_algo, .. } = params;
    let rpv: String = params.rpv.iter().map(|byte| format!("{byte:02x}")).collect();
    let vmid = match profile.realm_params().field("vmid") {
        Some(_) => format!("vmid={}", params.vmid),
        None => format!("flags1={}, num_aux_planes={}", params.flags1, params.num_aux_planes),
    };
    format!(
        "let realm_params = RealmParams {{ flags={flags}, s2sz={s2sz}, sve_vl={sve_vl}, \
         num_bps={num_bps}, num_wps={num_wps}, pmu_num_ctrs={pmu_num_ctrs}, hash_algo={hash_algo}, \
         {vmid}, rpv=hex:\"{rpv}\", rtt_base=auto, rtt_level_start={}, rtt_num_start={} }}\n",
        params.rtt_level_start, params.rtt_num_start
    )
}

fn rec_params(number: u32, params: &RecParams, profile: Profile) -> String {
    let RecParams { flags, mpidr, pc, gprs, .. } = params;
    let aux = if profile.rec_params().field("aux").is_some() { ", aux=auto" } else { "" };
    format!(
        "let rec_params_{number} = RecParams {{ flags={flags}, mpidr={mpidr}, pc={pc}, \
         gprs={gprs:?}{aux} }}\n"
    )
}

/// Imports Realm `number` of a log and plays the script.
fn replay(folder: &Folder, log: &Log, number: usize, realm: &Realm, platform: &str) -> String {
    folder.file("platform.toml", platform);
    let mut options = Options { realm: number, complete: true, ..Options::default() };
    options.platform = Some("platform.toml".to_owned());
    options.params = params("params.rmi", realm.params.as_bytes()).expect("parameters");
    for (i, (ipa, bytes)) in realm.pages.iter().enumerate() {
        let name = format!("page_{i}.bin");
        folder.file(&name, bytes);
        options.at.push(At { ipa: *ipa, name, len_bytes: bytes.len() as u64 });
    }
    let Import { script, needs, .. } = import(log, &options).expect("a script");
    assert_eq!(needs, [], "everything is given");
    let text = script.to_string();
    assert_eq!(rimsim::script::parse("again", &text).expect("a script"), script);
    folder.file("boot.rmi", &text);
    let loaded = load(&folder.path("boot.rmi")).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let mut player = Player::new(loaded);
    let (platform, profile) = player.setup();
    let mut session = Session::new(World::new(platform, profile));
    player.play(&mut session).unwrap_or_else(|error| panic!("{error}\n{text}"));
    player.printed().concat()
}

/// Every activated Realm of a folder's vectors, by way of a log: how many, with how many granules.
fn same_realms(of: &str) -> (usize, usize) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec-vectors").join(of);
    let mut files: Vec<_> =
        fs::read_dir(root).expect("vectors").map(|file| file.expect("a file").path()).collect();
    files.sort();
    let (mut realms, mut measured) = (0, 0);
    for file in files {
        let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
        let text = fs::read(&file).expect("a vector");
        let vector = vector::read(&name, &text).expect("a vector");
        let mut writer = Writer::default();
        let profile = Profile::default().in_edition(vector.edition);
        let world = World::new(vector.platform.clone(), profile);
        let mut session = Session::new(world);
        session.observe(&mut writer);
        assert!(conform::replay_in(&mut session, &vector).failures.is_empty(), "{name}");
        drop(session);
        let log = read(writer.log.as_bytes()).expect("a log");
        assert_eq!((log.tally.torn, log.edition), (0, vector.edition), "{name}");
        let folder = Folder::new(&format!("rmm-log-{}", of.replace('/', "-")));
        for (i, realm) in writer.realms.iter().enumerate() {
            let Some(rim) = realm.rim else { continue };
            let printed = replay(&folder, &log, i + 1, realm, &vector.platform.to_toml());
            assert!(printed.contains(&rim.to_string()), "{name}: {printed} and not {rim}");
            realms += 1;
            measured += realm.pages.len();
        }
    }
    (realms, measured)
}

#[test]
fn a_log_of_a_vector_is_the_same_realm() {
    let (realms, measured) = same_realms("rmm-1.0/a_happy");
    assert!(realms > 50 && measured > 500, "{realms} Realms, {measured} granules");
}

#[test]
fn a_log_of_a_vector_of_2_0_is_the_same_realm() {
    let (realms, measured) = same_realms("rmm-2.0/a_happy");
    assert!(realms > 50 && measured > 100, "{realms} Realms, {measured} granules");
    // Where interrupts split what is mapped, too.
    let (realms, _) = same_realms("rmm-2.0/c_teardown");
    assert!(realms > 0, "{realms} Realms");
}

/// A Realm with a table, two granules and a REC, as a RMM of today prints it.
pub(crate) const BOOT: &str = "\
SMC_RMI_REALM_CREATE              88000000 88100000 > RMI_SUCCESS
SMC_RMI_RTT_INIT_RIPAS            88000000 80000000 80400000 > RMI_ERROR_RTT 1
SMC_RMI_RTT_CREATE                88000000 88004000 80000000 2 > RMI_SUCCESS
SMC_RMI_RTT_INIT_RIPAS            88000000 80000000 80400000 > RMI_SUCCESS 80400000
SMC_RMI_RTT_CREATE                88000000 88005000 80200000 3 > RMI_SUCCESS
SMC_RMI_DATA_CREATE               88000000 88006000 80200000 88101000 1 > RMI_SUCCESS
SMC_RMI_DATA_CREATE               88000000 88007000 80201000 88101000 1 > RMI_SUCCESS
SMC_RMI_REC_CREATE                88000000 88010000 88102000 > RMI_SUCCESS
SMC_RMI_REALM_ACTIVATE            88000000 > RMI_SUCCESS
";

const SCRIPT: &str = "\
platform \"fvp\"

image hole_80200000 = unknown 8192
rtt manual

let realm_params = RealmParams {
    s2sz=40, num_bps=1, num_wps=1, rtt_base=auto, rtt_level_start=1, rtt_num_start=2
}  # a stand-in: no log shows parameters
GRANULE_DELEGATE addr=0x8800_0000
REALM_CREATE rd=0x8800_0000 params_ptr=realm_params => RMI_SUCCESS
unknown rd=0x8800_0000 \"line 1 of the log: the parameters of REALM_CREATE: `let \
realm_params = RealmParams { … }` in --params FILE\"
RTT_INIT_RIPAS rd=0x8800_0000 base=0x8000_0000 top=0x8040_0000 => RMI_ERROR_RTT(1)
GRANULE_DELEGATE addr=0x8800_4000
RTT_CREATE rd=0x8800_0000 rtt=0x8800_4000 ipa=0x8000_0000 level=0x2 => RMI_SUCCESS
RTT_INIT_RIPAS rd=0x8800_0000 base=0x8000_0000 top=0x8040_0000 => RMI_SUCCESS out_top=0x8040_0000
GRANULE_DELEGATE addr=0x8800_5000
RTT_CREATE rd=0x8800_0000 rtt=0x8800_5000 ipa=0x8020_0000 level=0x3 => RMI_SUCCESS
GRANULE_DELEGATE base=0x8800_6000 count=0x2
DATA_CREATE rd=0x8800_0000 ipa=0x8020_0000 data=0x8800_6000 image=hole_80200000 flags=0x1
let rec_params_1 = RecParams { flags=runnable, mpidr=0x0, aux=auto }  # a stand-in: no log shows \
parameters
GRANULE_DELEGATE addr=0x8801_0000
REC_CREATE rd=0x8800_0000 rec=0x8801_0000 params_ptr=rec_params_1 => RMI_SUCCESS
unknown rd=0x8800_0000 \"line 8 of the log: the parameters of REC_CREATE: `let \
rec_params_1 = RecParams { … }` in --params FILE\"
REALM_ACTIVATE rd=0x8800_0000 => RMI_SUCCESS
print rim rd=0x8800_0000
";

/// The calls without where they stand.
pub(crate) fn calls(log: &str) -> Vec<Call> {
    let log = read(log.as_bytes()).expect("a log");
    assert_eq!(log.tally.torn, 0);
    log.calls.into_iter().map(|call| Call { line: 0, ..call }).collect()
}

#[test]
fn a_script_names_what_the_log_lacks() {
    let made = import(&read(BOOT.as_bytes()).expect("a log"), &Options::default());
    let Import { script, needs, remarks, gaps, lines } = made.expect("a script");
    assert_eq!(script.to_string(), SCRIPT);
    assert_eq!((remarks, gaps), (Vec::new(), Vec::new()));
    let of_calls: Vec<u32> = lines.into_iter().filter(|line| *line != 0).collect();
    assert_eq!(of_calls, [1, 1, 1, 1, 2, 3, 3, 4, 5, 5, 6, 6, 8, 8, 8, 8, 9, 9]);
    assert_eq!(
        needs.iter().map(Need::to_string).collect::<Vec<_>>(),
        [
            "contents of IPA 0x8020_0000..0x8020_2000: --at 0x8020_0000=FILE, or a file \
             hole_80200000.bin",
            "parameters of line 1: `let realm_params = RealmParams { … }` in --params FILE",
            "parameters of line 8: `let rec_params_1 = RecParams { … }` in --params FILE",
        ]
    );
}

#[test]
fn dialects_are_one_log() {
    let expected = calls(BOOT);
    assert_eq!(expected.len(), BOOT.lines().count());
    let by_line = |f: &dyn Fn(usize, &str) -> String| -> String {
        BOOT.lines().enumerate().map(|(i, line)| f(i, line)).collect()
    };
    let old = |_: usize, line: &str| {
        let (call, answer) = line.split_once(" > ").expect("an answer");
        let mut words = call.split_whitespace();
        let name = words.next().expect("a name").replace("SMC_RMI", "SMC_RMM");
        let args = words.chain(["0"; 5]).take(5).map(|word| format!(" {word:>8}"));
        let mut text = format!("{name:<29}{} > {answer}", args.collect::<String>());
        text.push_str("\r\n");
        text
    };
    let in_pieces = |i: usize, line: &str| {
        // Another CPU prints between the pieces of one call.
        let (call, answer) = line.split_once(" > ").expect("an answer");
        let other = "[cpu9] ns: > prompt\n";
        format!("[{i}.25] [cpu{}] {call}\n{other}[{i}.26] [cpu{0}]  > {answer}\n", i % 4)
    };
    let colours = |i: usize, line: &str| {
        format!("\u{1b}[0m[{i:5}.000001] \u{1b}[32;1mINFO:\u{1b}[0m    {line}\u{1b}[K\r\r\n")
    };
    let dialects = [
        ("prefix", by_line(&|_, line| format!("INFO:    {line}\n"))),
        ("glued prefix", by_line(&|_, line| format!("[rmm]{line}\n"))),
        ("CR LF", BOOT.replace('\n', "\r\n")),
        ("five arguments", by_line(&old)),
        ("colours, time", by_line(&colours)),
        ("CPUs", by_line(&in_pieces)),
        ("hex with 0x", BOOT.replace(" 8", " 0x8")),
        ("level in parentheses", BOOT.replace("RTT 1", "RTT(1)")),
        ("raw X0", BOOT.replace("RMI_ERROR_RTT 1", "104").replace("RMI_SUCCESS", "0")),
        ("one line", BOOT.replace('\n', " ")),
        ("junk", by_line(&|i, line| format!("Booting CPU {i} é \u{0}\n\n{line}\n> _\n"))),
        ("RSI", by_line(&|_, line| format!("SMC_RSI_IPA_STATE_SET 1 2 > RSI_SUCCESS\n{line}\n"))),
    ];
    for (name, text) in dialects {
        assert_eq!(calls(&text), expected, "{name}");
    }
}

#[test]
fn torn_calls_are_counted_and_not_guessed() {
    let log = "\
SMC_RMI_REALM_CREATE SMC_RMI_REC_CREATE 1 2 3 > RMI_SUCCESS > RMI_SUCCESS
SMC_RMI_REALM_CREATE 88000000 > RMI_SUCCESS
SMC_RMI_REALM_CREATE 88000000 8810zz00 > RMI_SUCCESS
SMC_RMI_REALM_CREATE 88000000 88100000 > RMI_SUCC
SMC_RMI_REALM_CREATE 88000000 888888888888888888 > RMI_SUCCESS
SMC_RMI_PDEV_CREATE 1 2 > RMI_SUCCESS
SMC_RMI_REALM_CREATE 88000000
";
    let tally = read(log.as_bytes()).expect("a log").tally;
    assert_eq!((tally.torn, tally.torn_lines), (6, vec![1, 2, 3, 4, 5, 7]));
    assert_eq!((tally.lines, tally.other_commands, tally.skipped), (8, 1, 1));
}

#[test]
fn wrong_logs_say_what_is_wrong() {
    let fails = |log: &str, options: &Options| {
        let error = read(log.as_bytes()).and_then(|log| import(&log, options));
        error.expect_err("no script").to_string()
    };
    let plain = Options::default();
    let create = BOOT.lines().next().expect("a line");
    assert_eq!(
        fails("", &plain),
        "no line of 1 shows a call of the RMM, such as `SMC_RMI_REALM_CREATE 88000000 88001000 > \
         RMI_SUCCESS`"
    );
    assert_eq!(
        fails("SMC_RMI_REALM_CREATE 1 2 > RMI_ERROR_INPUT", &plain),
        "1 calls and no REALM_CREATE that succeeds"
    );
    assert_eq!(
        fails(BOOT, &Options { realm: 2, ..Options::default() }),
        "the log makes 1 Realms, and there is no number 2"
    );
    assert_eq!(
        fails(&format!("{BOOT}SMC_RMI_RTT_DATA_MAP_INIT 1 2 3 4 5 > RMI_SUCCESS"), &plain),
        "line 10: RTT_DATA_MAP_INIT is a command of RMM 2.0, and DATA_CREATE of line 6 is one of \
         RMM 1.0: a log is of one RMM"
    );
    assert_eq!(
        fails(&format!("{create}\nSMC_RMM_REC_CREATE 88001000 88000000 3 > RMI_SUCCESS"), &plain),
        "line 2: REC_CREATE names the Realm second, as drafts before RMM 1.0-eac did; logs of RMM \
         from 1.0 on are understood"
    );
}

#[test]
fn wrong_images_and_parameters_say_what_is_wrong() {
    let fails = |options: &Options| {
        let log = read(BOOT.as_bytes()).expect("a log");
        import(&log, options).expect_err("no script").to_string()
    };
    let at = |ipa, len_bytes| Options {
        at: vec![At { ipa, name: "Image".to_owned(), len_bytes }],
        ..Options::default()
    };
    assert_eq!(
        fails(&at(0x800, 1)),
        "Image can not stand at 0x800: the IPA is no multiple of 4096"
    );
    assert_eq!(fails(&at(0, 0)), "Image can not stand at 0x0: it is empty");
    let bad = params("params.rmi", b"let realm_params = RealmParams {}\nrtt auto\n");
    assert_eq!(
        bad.expect_err("a statement that plays").to_string(),
        "params.rmi:2: only `let NAME = RealmParams { … }` and its like can stand here"
    );
    assert!(matches!(params("p", b"let x"), Err(ImportError::Script(_))));
}

#[test]
fn import_as_a_process() {
    let folder = Folder::new("import");
    folder.file("boot.log", BOOT).file("Image", [7; 5000]);
    folder.file(
        "params.rmi",
        "let realm_params = RealmParams { s2sz=40, num_bps=1, num_wps=1, rtt_base=auto, \
         rtt_level_start=1, rtt_num_start=2 }
let rec_params_1 = RecParams { flags=runnable, aux=auto }
",
    );
    let output = folder.rimsim(&["import", "boot.log", "-o", "bare.rmi"]);
    let stderr = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("10 lines: 9 calls of the Host, 0 of Realms, 0 torn, 1 others"));
    assert!(stderr.contains("contents of IPA 0x8020_0000..0x8020_2000"), "{stderr}");
    folder.fails(&["run", "bare.rmi"], 3, "the parameters of REALM_CREATE");
    // A machine that the script could not have.
    folder.file("bad.toml", "name = 7\n");
    for (name, code, why) in [
        ("none", 2, "none"),
        ("Image", 2, "Image"),
        ("./Image", 2, "the name of a platform's file ends in .toml"),
        ("none.toml", 1, "none.toml: No such file"),
        ("bad.toml", 2, "bad.toml:1:8: "),
    ] {
        folder.fails(&["import", "boot.log", "--platform", name, "-o", "x.rmi"], code, why);
        assert!(!folder.path("x.rmi").exists(), "{name}");
    }
    // One that it has wherever it stands itself.
    folder.file("own.toml", crate::cli::stdout(&folder.rimsim(&["platforms", "fvp"])));
    std::fs::create_dir(folder.path("below")).expect("a folder");
    let own = ["import", "boot.log", "--platform", "own.toml", "-o", "below/own.rmi"];
    assert_eq!(folder.rimsim(&own).status.code(), Some(3));
    folder.fails(&["run", "--allow-outside", "below/own.rmi"], 3, "the parameters of REALM_CREATE");
    let args = ["import", "boot.log", "--at", "0x8020_0000=Image", "--params", "params.rmi"];
    let output = folder.rimsim(&[&args[..], &["-o", "boot.rmi"]].concat());
    assert!(output.stderr.ends_with(b"1 others\n"), "{output:?}");
    let rim = crate::cli::stdout(&folder.rimsim(&["run", "boot.rmi"]));
    assert_eq!(rim.lines().next().map(str::len), Some(64), "{rim}");
    // A result that the simulator does not have is a mismatch.
    folder.file("other.log", BOOT.replace("RTT 1", "RTT 2"));
    let args = [&["import", "other.log"], &args[2..], &["-o", "other.rmi"]].concat();
    assert!(folder.rimsim(&args).status.success());
    folder.fails(&["run", "other.rmi"], 3, "RMI_ERROR_RTT");
    folder.fails(&["import", "nothing.log"], 1, "nothing.log");
    folder.file("none.log", "SMC_RMI_REALM_CREATE 1 2 > RMI_ERROR_INPUT");
    folder.fails(&["import", "none.log", "-o", "x.rmi"], 2, "error: none.log: 1 calls and no");
    folder.fails(&["import", "Image"], 2, "no line of 1 shows a call of the RMM");
    folder.fails(&["import", "boot.log", "--at", "Image"], 2, "it is IPA=FILE");
    folder.fails(&["import", "boot.log", "--at", "x=Image"], 2, "x is no address");
    let json = ["import", "boot.log", "-o", "bare.rmi", "--format", "json"];
    let document = crate::cli::stdout(&folder.rimsim(&json));
    assert!(document.contains("\"schema\": \"rimsim/1\""), "{document}");
    assert!(document.contains("\"symbol\": \"rec_params_1\""), "{document}");
}
