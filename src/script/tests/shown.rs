//! What `print` shows besides RIMs.

use super::*;

const BOOT: &str = "platform \"small\"
image fw = fill 10000 seed=7
let base = 0x8000_0000
rtt auto
let rd = auto
REALM_CREATE rd=rd params_ptr=RealmParams { s2sz=40, num_bps=1, num_wps=1, vmid=7, \
    rtt_base=auto, rtt_level_start=1, rtt_num_start=2 }
RTT_INIT_RIPAS rd=rd base=base top=base+4MiB all
DATA_CREATE rd=rd ipa=base image=fw flags=measure
let rec = auto
REC_CREATE rd=rd rec=rec params_ptr=RecParams { flags=runnable, pc=base, gprs=[5], aux=auto }
";

fn printed(more: &str) -> Vec<String> {
    play(&format!("{BOOT}{more}\n")).printed
}

#[test]
fn tables_are_a_tree() {
    let lines = printed("print rtt rd");
    assert!(lines[0].starts_with("rtt 0x") && lines[0].ends_with(" from level 1, 40 IPA bits"));
    let shown: Vec<String> = lines
        .iter()
        .map(|line| {
            // Where granules lie is the player's choice.
            let line = line.split(" at 0x").next().unwrap_or_default();
            line.trim_end().to_owned()
        })
        .collect();
    let has = |text: &str| shown.iter().any(|line| line == text);
    for line in [
        "  table of level 1",
        "    0x0..0x8000_0000 UNASSIGNED EMPTY, 2 entries",
        "    0x8000_0000..0xc000_0000 TABLE",
        "      table of level 2",
        "        0x8000_0000..0x8020_0000 TABLE",
        "          table of level 3",
        "            0x8000_3000..0x8020_0000 UNASSIGNED RAM, 509 entries",
        "        0x8020_0000..0x8040_0000 UNASSIGNED RAM",
        "        0x8040_0000..0xc000_0000 UNASSIGNED EMPTY, 510 entries",
    ] {
        assert!(has(line), "{line}\n{}", shown.join("\n"));
    }
    // Two roots, which cover all of 2^40 bytes.
    assert_eq!(shown.iter().filter(|line| *line == "  table of level 1").count(), 2);
    assert!(shown.last().is_some_and(|line| line.contains("..0x100_0000_0000 UNASSIGNED_NS")));
}

#[test]
fn things_are_shown_and_nothing_is_changed() {
    let all = "print realm rd\nprint rec rec\nprint granule rd\nprint granule 0\nprint operations";
    let lines = printed(all);
    let has = |text: &str| lines.iter().any(|line| line.contains(text));
    for text in [
        " NEW",
        "  rim sha256:",
        "ipa_width=40 rtt_level_start=1 rtt_num_start=2 vmid=7 hash_algo=sha256",
        "  next rec_index 1",
        " runnable",
        " index=0 mpidr=0x0",
        "  pc=0x8000_0000",
        "  x0=0x5",
        " RD realm",
        "granule 0x0 none: not in delegable memory",
        "operations none",
    ] {
        assert!(has(text), "{text}\n{}", lines.join("\n"));
    }
    let rim = |lines: &[String]| lines.last().cloned();
    assert_eq!(rim(&printed(&format!("{all}\nprint rim"))), rim(&printed("print rim")));
    for (nothing, text) in [
        ("print rtt 0x8000_0000", "there is no Realm with this RD"),
        ("print realm 1", "there is no Realm with this RD"),
        ("print rec rd", "there is no REC here"),
    ] {
        assert!(printed(nothing)[0].contains(text), "{nothing}");
    }
}

#[test]
fn nobody_prints_without_end() {
    let text = format!("{BOOT}{}", "print rtt rd\n".repeat(60_000));
    let played = play(&text);
    let error = played.result.unwrap_err().to_string();
    assert!(error.contains("a script does at most"), "{error}");
    assert!(played.printed.len() <= 1 << 16);
}

#[test]
fn a_rim_that_nobody_knows_is_not_shown() {
    let lines = printed("unknown \"what\"\nprint realm rd");
    assert!(lines.iter().any(|line| line == "  rim unknown: what"), "{lines:?}");
}

#[test]
fn all_mistakes_are_told_the_first_first() {
    let text = "let a = 1\nRTT_MAKE rd=a\nlet p = RealmParams {\n s2size=1,\nvmid=2\n}\n\
        rtt atuo\nrtt auto\ncall 1 2 3 4 5 6 7 8\n";
    let error = parse("s.rmi", text).unwrap_err();
    let places: Vec<_> = error.messages().iter().map(|text| text[..10].to_owned()).collect();
    assert_eq!(places, ["s.rmi:2:1:", "s.rmi:4:2:", "s.rmi:7:5:", "s.rmi:9:20"]);
    assert_eq!(error.to_string(), error.messages().join("\n"));
    let error = parse("s.rmi", &"RTT_MAKE\n".repeat(1000)).unwrap_err();
    assert_eq!((error.others.len(), error.place.line), (19, 1));

    let text = "let a = x + 1\nlet b = a\ncall b y\nimage k = z[0..1]\nload pa=0 image=k\n";
    let Err(LoadError::Script(error)) = loaded(text) else { panic!("it is wrong") };
    let texts: Vec<_> = error.messages();
    let heads = texts.iter().filter_map(|text| text.lines().next()).collect::<Vec<_>>();
    assert_eq!(
        heads,
        [
            "test.rmi:1:9: unknown symbol x",
            "test.rmi:3:8: unknown symbol y",
            "test.rmi:4:11: unknown image z",
        ]
    );
    let many = format!("include \"b\"\n{}", "call x\n".repeat(30));
    let Err(LoadError::Script(error)) = loaded_with(&many, &[("b", b"call y\ncall z")]) else {
        panic!("it is wrong")
    };
    assert_eq!((error.others.len(), &*error.place.file), (19, "b"));
}

#[test]
fn a_table_that_lacks_is_hinted_at() {
    let text = BOOT.replace("rtt auto\n", "");
    let error = play(&text).result.unwrap_err().to_string();
    assert!(error.contains("after `rtt auto` the player makes such tables"), "{error}");
}

/// Permissions that are not those of the tree are shown, and tell entries apart.
#[test]
fn permissions_of_entries_are_shown() {
    let text = include_str!("../../../spec-vectors/scripts/planes-run-2.rmi");
    let change = "RTT_SET_S2AP rd=rd rec=rec base=shared top=shared+4KiB\n";
    let parts: Vec<&str> = text.splitn(4, change).collect();
    let shown = |count: usize| {
        let lines = play(&(parts[..=count].join(change) + change + "print rtt rd\n")).printed;
        lines.into_iter().filter(|line| line.contains(" permission ")).collect::<Vec<_>>()
    };
    // The plane that may read by the index runs in the last of three trees.
    assert_eq!([shown(0), shown(1)], [Vec::<String>::new(), Vec::new()]);
    let line = &shown(2)[..];
    assert!(matches!(line, [only] if only.ends_with(" permission 8")), "{line:?}");
}
