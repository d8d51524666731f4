//! The same VM under RMM 1.0 and 2.0: what the specification changes is told apart from the rest.

use rimsim::World;
use rimsim::explain::{Explanation, Trail, compare, read_events};
use rimsim::script::{MemoryFiles, Player, load_from};
use rimsim::session::Session;

use crate::cli::stdout;
use crate::explain::planted::{LKVM, boot, explain};

/// What a VM has, whatever the RMM.
#[derive(Clone, Copy)]
struct Vm {
    bps: u64,
    kernel: u64,
    x0: u64,
    algo: &'static str,
    more: bool,
    second: bool,
    rec_first: bool,
    ram: &'static str,
}

const PLAIN: Vm = Vm {
    bps: 1,
    kernel: 1,
    x0: 7,
    algo: "sha256",
    more: false,
    second: false,
    rec_first: false,
    ram: "8MiB",
};

/// A boot in the order of an edition's Hosts.
fn script(edition: &str, vm: Vm) -> String {
    let Vm { bps, kernel, x0, algo, more, second, rec_first, ram } = vm;
    let (begin, contents, aux, end) = match edition {
        "1.0" => ("", "DATA_CREATE", ", aux=auto", ""),
        _ => ("RMM_ACTIVATE\n", "RTT_DATA_MAP_INIT", "", " all"),
    };
    let ripas = format!("RTT_INIT_RIPAS rd=rd base=0x8000_0000 top=0x8000_0000+{ram} all\n");
    let (before, after) = if edition == "1.0" { (&*ripas, "") } else { ("", &*ripas) };
    let mut data = format!(
        "image kernel = fill 4KiB seed={kernel}
{contents} rd=rd ipa=0x8020_0000 image=kernel flags=measure\n"
    );
    if more {
        data += &format!(
            "image more = fill 4KiB seed=9\n{contents} rd=rd ipa=0x8030_0000 image=more flags=1\n"
        );
    }
    let rec = |number: u64| {
        format!(
            "REC_CREATE rd=rd rec=auto params_ptr=RecParams {{
    flags=runnable, mpidr={number}, pc=0x8020_0000, gprs=[{x0}]{aux}
}}{end}\n"
        )
    };
    let mut recs = rec(0);
    if second {
        recs += &rec(1);
    }
    let built = if rec_first { recs + &data } else { data + &recs };
    format!(
        "spec \"{edition}\"\nplatform \"fvp\"\n{begin}rtt auto\nlet rd = auto
REALM_CREATE rd=rd params_ptr=RealmParams {{
    s2sz=40, num_bps={bps}, num_wps=1, hash_algo={algo}, rtt_base=auto, rtt_level_start=1,
    rtt_num_start=2
}}
{before}{built}{after}REALM_ACTIVATE rd=rd\n"
    )
}

fn trail(edition: &str, vm: Vm) -> Trail {
    let text = script(edition, vm);
    let mut files = MemoryFiles([("boot.rmi".into(), text.clone().into())].into());
    let mut player = Player::new(load_from("boot.rmi", &mut files).expect("a script"));
    let (platform, profile) = player.setup();
    let mut session = Session::new(World::new(platform, profile));
    player.play(&mut session).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let log = session.world().realms().next().expect("a Realm").1.log();
    Trail::of_log(edition, log.algo(), log.rule(), log.events().clone())
}

fn by_rule(explanation: &Explanation) -> Vec<&str> {
    explanation.by_rule.iter().map(|group| group.what.as_str()).collect()
}

fn planted(explanation: &Explanation) -> Vec<String> {
    let groups = explanation.groups.iter();
    groups
        .flat_map(|group| {
            let fields = group.fields.iter();
            fields.map(|field| format!("{}: {} {} {}", group.what, field.name, field.a, field.b))
        })
        .collect()
}

const RULE: &str = "the rule of the RIM";
const RIPAS: &str = "RIPAS is measured on one side";
const NAME: &str = "the name of what measures contents";

#[test]
fn the_same_vm_differs_by_the_specification_alone() {
    let [old, new] = ["1.0", "2.0"].map(|edition| trail(edition, PLAIN));
    let told = compare(&old, &new);
    assert_eq!(by_rule(&told), [RULE, RIPAS, NAME]);
    assert!(!told.is_equal());
    assert_eq!((told.first, told.groups.len(), told.same_before), (None, 0, 3));
    let ripas = &told.by_rule[1].fields[0];
    assert_eq!(ripas.a, "4 extensions, 0x8000_0000..0x8080_0000");
    assert_eq!(ripas.b, "not measured");
    assert_eq!(
        (&*told.by_rule[2].fields[0].a, &*told.by_rule[2].fields[0].b),
        ("RMI_DATA_CREATE", "RMI_RTT_DATA_MAP_INIT")
    );
    // Each edition by itself has nothing to tell, and the other way around is the same.
    for same in ["1.0", "2.0"] {
        let told = compare(&trail(same, PLAIN), &trail(same, PLAIN));
        assert!(told.is_equal() && told.by_rule.is_empty());
    }
    let back = compare(&new, &old);
    assert_eq!((by_rule(&back), back.first.as_ref()), (vec![RULE, RIPAS, NAME], None));
}

/// One thing more that the VM or the Host did: it alone is named, and under its edition's command.
#[test]
fn one_thing_more_is_named_alone() {
    let old = trail("1.0", PLAIN);
    let cases: [(Vm, &[&str]); 6] = [
        (Vm { bps: 3, ..PLAIN }, &["a parameter of the Realm: num_bps 1 3"]),
        (
            Vm { kernel: 2, ..PLAIN },
            &["1 of 1 granules of stream 0x1 differs: first at 0x8020_0000 stream 0x1+0x0 stream \
               0x2+0x0"],
        ),
        (Vm { x0: 8, ..PLAIN }, &["a register of runnable REC 0: x0 0x7 0x8"]),
        (
            Vm { more: true, ..PLAIN },
            &["granules that only one side has: granules none 1, the first at 0x8030_0000"],
        ),
        (Vm { second: true, ..PLAIN }, &["the number of runnable RECs: runnable RECs 1 2"]),
        (
            Vm { rec_first: true, ..PLAIN },
            &["the order of what is measured: order RMI_REALM_CREATE, RMI_DATA_CREATE, \
               RMI_REC_CREATE RMI_REALM_CREATE, RMI_REC_CREATE, RMI_DATA_CREATE"],
        ),
    ];
    for (vm, wanted) in cases {
        let told = compare(&old, &trail("2.0", vm));
        assert_eq!(by_rule(&told), [RULE, RIPAS, NAME]);
        assert_eq!(planted(&told), wanted);
        assert!(told.first.is_some());
    }
    // RAM is not in a RIM of 2.0: the RIM of 1.0 alone shows it, and nothing else is planted.
    let told = compare(&old, &trail("2.0", Vm { ram: "16MiB", ..PLAIN }));
    assert_eq!((by_rule(&told), told.first.as_ref()), (vec![RULE, RIPAS, NAME], None));
    let contents = compare(&old, &trail("2.0", Vm { kernel: 2, ..PLAIN })).first.expect("one");
    assert!(contents.a.expect("A").starts_with("RMI_DATA_CREATE ipa="));
    assert!(contents.b.expect("B").starts_with("RMI_RTT_DATA_MAP_INIT ipa="));
}

/// SHA-384 came with 2.0; SHA-512 is somebody's choice.
#[test]
fn a_new_hash_algorithm_is_of_the_specification() {
    let old = trail("1.0", PLAIN);
    let hash = "a hash algorithm that one edition does not have";
    let told = compare(&old, &trail("2.0", Vm { algo: "sha384", ..PLAIN }));
    assert_eq!((by_rule(&told), told.first.as_ref()), (vec![RULE, RIPAS, hash, NAME], None));
    let both = compare(&old, &trail("2.0", Vm { algo: "sha384", x0: 8, ..PLAIN }));
    assert_eq!(planted(&both), ["a register of runnable REC 0: x0 0x7 0x8"]);
    let chosen = compare(&old, &trail("2.0", Vm { algo: "sha512", ..PLAIN }));
    assert_eq!(by_rule(&chosen), [RULE, RIPAS, NAME]);
    let first = chosen.first.expect("a difference");
    assert_eq!(first.fields[0].name, "hash_algo");
}

/// Two hosts of one VMM, by their command lines.
#[test]
fn hosts_of_two_editions() {
    let folder = boot("explain-editions");
    let old = format!("--host kvm-v12 kvmtool {LKVM}");
    let new = format!("--host kvm-v14 kvmtool {}", LKVM.replace("--restricted_mem ", ""));
    let told = explain(&folder, &old, &new);
    assert!(told.contains("what the specification makes different, whatever the VM is:"), "{told}");
    assert!(told.contains("RMM: A 1.0, B 2.0"), "{told}");
    assert!(told.ends_with("none differs\n"), "{told}");
    let told = explain(&folder, &old, &new.replace("-k Image", "-k Image.one-bit"));
    for text in [
        "of what both rules measure, by VM or Host:",
        "  B RMI_RTT_DATA_MAP_INIT ipa=",
        "- 1 of 25 granules of Image differs",
    ] {
        assert!(told.contains(text), "`{text}` is not in\n{told}");
    }
    let json = folder.rimsim(&["explain", "a.args", "b.args", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(json["by_rule"].as_array().map(Vec::len), Some(3));
    assert_eq!(json["equal"], false);
}

/// Saved events and listings are in the words of their edition.
#[test]
fn events_are_named_by_their_edition() {
    let folder = boot("explain-events");
    for (edition, command, other) in
        [("1.0", "DATA_CREATE", "RTT_DATA_MAP_INIT"), ("2.0", "RTT_DATA_MAP_INIT", "DATA_CREATE")]
    {
        folder.file("boot.rmi", script(edition, PLAIN));
        let listed = folder.rimsim(&["run", "--events", "--events-out", "boot.events", "boot.rmi"]);
        let json = folder.rimsim(&["run", "--events", "--format", "json", "boot.rmi"]);
        let saved = std::fs::read_to_string(folder.path("boot.events")).expect("events");
        for text in [stdout(&listed), stdout(&json), saved] {
            assert!(text.contains(command) && !text.contains(other), "{edition}: {text}");
        }
        let equal = folder.rimsim(&["explain", "boot.rmi", "boot.events"]);
        assert!(stdout(&equal).starts_with("equal: "), "{edition}");
        assert_eq!(equal.status.code(), Some(0), "{edition}");
    }
}

/// What a few bytes of a file say is told as a few bytes: 2^40 RTT entries on either side, of which
/// all but the last are equal.
#[test]
fn ranges_of_saved_events_are_never_entries() {
    let saved = |top: u64| {
        let head = "{\"schema\":\"rimsim/1\",\"kind\":\"events\",\"name\":\"x\",\
                    \"hash_algo\":\"sha256\",\"rim_rule\":\"rmm-1.0\"}";
        let ripas = |base: u64, top: u64| {
            format!(
                "{{\"command\":\"RMI_RTT_INIT_RIPAS\",\"base\":\"{base:#x}\",\"top\":\"{top:#x}\",\
                 \"entry\":\"0x1000\"}}"
            )
        };
        // In another number of commands on either side.
        let middle = top / 0x3000 * 0x1000;
        let text = format!("{head}\n{}\n{}\n", ripas(0, middle), ripas(middle, top));
        read_events(text.as_bytes()).expect("saved events")
    };
    let (a, b) = (saved(1 << 52), saved((1 << 52) - 0x1000));
    let told = compare(&a, &b);
    assert_eq!(told.same_before, (1 << 40) - 1);
    let first = told.first.expect("a difference");
    assert_eq!(first.what, "one side ends here");
    let operands = "RMI_RTT_INIT_RIPAS base=0xf_ffff_ffff_f000 top=0x10_0000_0000_0000";
    assert_eq!((first.a.as_deref(), first.b), (Some(operands), None));
    assert_eq!(told.groups.len(), 1, "{:?}", told.groups);
    assert_eq!(told.groups[0].what, "memory whose RIPAS is set");
    assert!(compare(&a, &saved(1 << 52)).is_equal());
}

/// Two releases of one edition's TF-RMM: what the later one changed is said, in either direction.
#[test]
fn two_releases_of_tf_rmm_are_told_apart() {
    let folder = crate::cli::Folder::new("explained_releases");
    let script = |rmm: &str| {
        let text = script("2.0", PLAIN);
        let whole = text.replacen("\n}\n", "\n} all\n", 1);
        format!("rmm \"{rmm}\"\n{whole}")
    };
    folder.file("old.rmi", script("tf-rmm-0.9")).file("next.rmi", script("tf-rmm-next"));
    let output = folder.rimsim(&["explain", "old.rmi", "next.rmi"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let text = stdout(&output);
    for line in [
        "RMM: A tf-rmm-0.9, B tf-rmm-next",
        "how RIMs begin: A with the digest of the parameters, B with zeros: of the parameters only",
        "REALM_CREATE, REALM_DESTROY: A one call, B an operation: the Host gives granules",
        "PSCI_COMPLETE: A X2 is target_rec, X3 the status, B X2 is the status",
        "GRANULE_TRACKING_GET: A X3 is the end",
        "RMM_DEACTIVATE: A not there (-1), B makes the RMM inactive again",
        "what both rules measure is equal",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!text.contains("the RMM's edition"), "it is one edition: {text}");
    let turned = stdout(&folder.rimsim(&["explain", "next.rmi", "old.rmi"]));
    assert!(
        turned.contains("RMM_DEACTIVATE: A makes the RMM inactive again, B not there"),
        "{turned}"
    );
}
