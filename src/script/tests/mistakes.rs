//! Wrong scripts, and what is said about them.

use super::*;

fn message(text: &str) -> String {
    let error = parse("s.rmi", text).map(|script| format!("accepted: {script}"));
    let error = error.unwrap_err().to_string();
    error.lines().next().unwrap_or_default().to_owned()
}

const WRONG: &[(&str, &str)] = &[
    ("RTT_MAKE rd=1", "1:1: unknown command RTT_MAKE; did you mean RTT_CREATE?"),
    (
        "\n\n  realm_activate rd=1",
        "3:3: unknown command realm_activate; did you mean REALM_ACTIVATE?",
    ),
    ("GRANULE_DELEGATE adr=1", "1:18: GRANULE_DELEGATE has no argument adr; did you mean addr?"),
    ("GRANULE_DELEGATE", "1:1: GRANULE_DELEGATE lacks addr"),
    ("GRANULE_DELEGATE addr=1 base=2", "1:1: `addr` and `base` are the same argument"),
    ("RTT_CREATE rd=1 ipa=2", "1:1: RTT_CREATE lacks rtt, level"),
    ("RTT_CREATE rd=1 rd=2", "1:17: `rd` is given twice"),
    ("DATA_CREATE rd=1 ipa=2 flags=0", "1:1: DATA_CREATE lacks data, src"),
    (
        "image a = zeros 1\nDATA_CREATE rd=1 ipa=2 flags=0 image=a src=1",
        "2:1: `image` and `src` exclude",
    ),
    ("DATA_CREATE rd=1 ipa=2 flags=0 image=3", "1:38: `image` takes the name of an image"),
    ("REALM_ACTIVATE rd", "1:16: unexpected `rd` after REALM_ACTIVATE; arguments are written rd=…"),
    ("REALM_ACTIVATE rd=1 all", "1:21: unexpected `all` after REALM_ACTIVATE"),
    ("REALM_ACTIVATE rd=1 rd=", "1:24: expected a value, found the end of the script"),
    ("REALM_ACTIVATE rd=1 => RMI_ERROR_INPTU", "1:24: expected RMI_SUCCESS, "),
    (
        "REALM_ACTIVATE rd=1 => RMI_ERROR_INPUT rd_stat",
        "1:40: REALM_ACTIVATE has no condition rd_stat that gives RMI_ERROR_INPUT; did you",
    ),
    ("REALM_ACTIVATE rd=1 => RMI_SUCCESS top=1", "1:36: REALM_ACTIVATE has no output top"),
    ("REALM_ACTIVATE rd=1 => RMI_ERROR_RTT(4)", "1:38: the index has to be a level, -1 to 3"),
    ("REALM_ACTIVATE rd=1 => RMI_ERROR_REALM(-1)", "1:41: the index has to be 0 to 255"),
    ("RTT_CREATE rd=1 rtt=2 ipa=auto level=2", "1:27: `auto` chooses granules, and `ipa` is none"),
    ("RTT_CREATE rd=1 rtt=auto 2 ipa=0 level=2", "1:21: `rtt` is one granule"),
    ("RTT_CREATE rd=[1] rtt=2", "1:15: `rd` takes one number, not a list"),
    ("let a = RealmParms {}", "1:9: unknown structure RealmParms; did you mean RealmParams?"),
    (
        "let a = RealmParams { s2size=1 }",
        "1:23: RealmParams has no field s2size; did you mean s2sz?",
    ),
    ("let a = RealmParams { s2sz=1, s2sz=1 }", "1:31: `s2sz` is given twice"),
    ("let a = RealmParams { s2sz=1 s2sz=1 }", "1:30: expected `,` or `}`, found `s2sz`"),
    ("let a = RealmParams { s2sz=[1] }", "1:28: `s2sz` takes one number, not a list"),
    ("let a = RealmParams { rpv=1 }", "1:27: `rpv` takes bytes"),
    ("let a = RealmParams { da=1 }", "1:23: `da` is a flag, and stands without a value"),
    ("let a = RealmParams { da, sve, da }", "1:32: `da` is given twice"),
    ("let a = RealmParams { mec_shared }", "1:34: expected `=`, found `}`"),
    ("let a = RealmParams { runnable }", "1:32: expected `=`, found `}`"),
    ("let a = RealmParams { mec=shared, mec=private }", "1:35: `mec` is given twice"),
    ("let a = RealmParams { lfa=hex:\"00\" }", "1:27: `lfa` takes one number, not bytes"),
    (
        "let a = RealmParams { plane=1 }",
        "1:23: RealmParams has no field plane; did you mean planes?",
    ),
    ("let a = RecParams { gprs=1 }", "1:26: `gprs` is a list: [a, b]"),
    ("let a = RecParams { gprs=[1,2,3,4,5,6,7,8,9] }", "1:26: `gprs` has 8 elements, these are 9"),
    ("let a = RecParams { pc=auto }", "1:24: `auto` chooses granules, and `pc` is none"),
    ("let a = RecParams { pc=RecParams {} }", "1:24: a field can not be a structure"),
    ("let a = RecParams {\n pc=1,\n", "3:1: expected a field, found the end of the script"),
    ("let runnable = 1", "1:5: `runnable` is a word of the language"),
    ("let auto = 1", "1:5: `auto` is a word of the language"),
    ("let a = auto + 1", "1:14: expected the end of the line, found `+`"),
    ("let a = 1 + auto", "1:13: `auto` stands alone, not in an expression"),
    ("let a = (1", "1:11: expected `)`, found the end of the script"),
    ("let a = 0x", "1:9: 0x is not a hexadecimal number"),
    ("let a = 12ab", "1:9: unknown unit in 12ab"),
    ("let a = 18446744073709551616", "1:9: 18446744073709551616 does not fit in 64 bits"),
    ("let a = 16777216TiB", "1:9: 16777216TiB does not fit in 64 bits"),
    ("let a = 1 @", "1:11: unexpected character `@`"),
    ("let é = 1", "1:5: unexpected character `é`"),
    ("let a = \u{0}", "1:9: unexpected character U+0000"),
    ("image a = b", "1:12: expected `[`, found the end of the script"),
    ("image a = \"b", "1:11: this text has no closing `\"`"),
    ("image a = \"\\q\"", "1:12: unknown escape"),
    ("image a = hex:\"abc\"", "1:15: hex:\"…\" takes pairs of hexadecimal digits"),
    ("image a = md5:\"abc\"", "1:11: `md5:` begins nothing"),
    ("expect rim sha256:abcd", "1:19: a sha256 digest has 64 hexadecimal digits; found 4"),
    (
        "expect rim",
        "1:11: expected sha256:…, sha512:…, sha384:… or none, found the end of the script",
    ),
    ("expect granule 0 UNDELEGATE", "1:18: expected UNDELEGATED, "),
    ("rmm tf-rmx", "1:5: no RMM is called tf-rmx; there are tf-rmm, spec"),
    ("rtt atuo", "1:5: expected auto, manual, found `atuo`; did you mean auto?"),
    ("call 1 2 3 4 5 6 7 8", "1:20: a call has the registers X0 to X6"),
    ("peek pa=1", "1:1: `peek` takes bytes=…, or `gpf` and perhaps len=…"),
    ("pas pa=1", "1:1: `pas` takes ns, secure, root or aap"),
    ("poke pa=1 bytes=2", "1:17: `bytes` takes hex:\"…\" or text:\"…\""),
    ("platform fvp", "1:10: expected the platform's name in quotes, found `fvp`"),
    (
        "REALM_ACTIVATE rd=1 REALM_ACTIVATE rd=2",
        "1:21: unexpected `REALM_ACTIVATE` after REALM_ACTIVATE",
    ),
    ("=> RMI_SUCCESS", "1:1: expected a command, found `=>`"),
];

#[test]
fn wrong_scripts_are_refused_where_they_are_wrong() {
    for (text, expected) in WRONG {
        let found = message(text);
        let found = found.strip_prefix("s.rmi:").unwrap_or(&found);
        assert!(found.starts_with(expected), "{text}\n found    {found}\n expected {expected}");
    }
}

#[test]
fn the_source_line_is_shown() {
    let error = parse("s.rmi", "let a = 1\nRTT_FOLD rd=a ipa=0 levle=3").unwrap_err();
    let expected = "s.rmi:2:21: RTT_FOLD has no argument levle; did you mean level?\n\
        \u{20} |\n\
        2 | RTT_FOLD rd=a ipa=0 levle=3\n\
        \u{20} |                     ^";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn texts_that_are_not_utf8_are_refused_with_their_place() {
    let error = parse_bytes("s.rmi", b"let a = 1\nlet \xff = 1").unwrap_err();
    assert!(error.to_string().starts_with("s.rmi:2:5: byte 14 (0xff) is not UTF-8"), "{error}");
    assert!(parse_bytes("s.rmi", b"let a = 1").is_ok());
}

#[test]
fn depth_and_length_are_limited() {
    let deep = |n: usize| format!("let a = {}1{}", "(".repeat(n), ")".repeat(n));
    assert!(parse("s.rmi", &deep(100)).is_ok());
    assert!(message(&deep(1_000_000)).contains("more than 128 operators"));
    assert!(message(&format!("let a = 1{}", "+1".repeat(1_000_000))).contains("more than 128"));
    assert!(message(&format!("let a = {}1", "-".repeat(1_000_000))).contains("more than 128"));
    assert!(message(&"let a=RecParams{pc=".repeat(100_000)).contains("expected `,`"));
    assert!(message(&format!("let a={}", "RecParams{pc=".repeat(100_000))).contains("structure"));
    assert!(message(&format!("let a=RecParams{{gprs={}", "[".repeat(100_000))).contains("a value"));
    let long = " ".repeat(usize::try_from(MAX_TEXT_BYTES).unwrap() + 1);
    assert!(message(&long).contains("longer than 4 MiB"));
    assert_eq!(parse("", &long[1..]).unwrap().statements.len(), 0);
}

fn load_message(text: &str, others: &[(&str, &[u8])]) -> String {
    let error = loaded_with(text, others).map(|_| "loaded").unwrap_err().to_string();
    error.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn includes_are_limited() {
    let include: &[u8] = b"include \"./a.rmi\"";
    let cycle = load_message("include \"a.rmi\"", &[("a.rmi", include)]);
    assert_eq!(cycle, "a.rmi:1:9: a.rmi includes itself: test.rmi -> a.rmi -> a.rmi");

    let texts: Vec<(String, String)> =
        (0..20).map(|i| (format!("{i}"), format!("include \"{}\"\n", i + 1))).collect();
    let files: Vec<(&str, &[u8])> =
        texts.iter().map(|(name, text)| (name.as_str(), text.as_bytes())).collect();
    assert!(load_message("include \"0\"", &files).contains("14:1:9: more than 16 files include"));

    let bomb: Vec<(String, String)> =
        (0..3).map(|i| (format!("{i}"), format!("include \"{}\"\n", i + 1).repeat(9))).collect();
    let mut files: Vec<(&str, &[u8])> =
        bomb.iter().map(|(name, text)| (name.as_str(), text.as_bytes())).collect();
    files.push(("3", b""));
    assert!(load_message("include \"0\"", &files).contains("more than 256 files"));

    let big = "#".repeat(3 << 20);
    let twice = load_message("include \"b\"\ninclude \"b\"", &[("b", big.as_bytes())]);
    assert_eq!(twice, "test.rmi:2:9: with b the script is longer than 4 MiB");
}

#[test]
fn files_that_are_missing_are_named_with_the_statement() {
    let missing = load_message("\ninclude \"x/a.rmi\"", &[]);
    assert_eq!(missing, "x/a.rmi: entity not found (named in test.rmi:2:9)");
    let inner = load_message("include \"x/a.rmi\"", &[("x/a.rmi", b"image i = \"i.bin\"")]);
    assert_eq!(inner, "x/i.bin: entity not found (named in x/a.rmi:1:11)");
    let empty = load_message("image i = \"i\"", &[("i", b"")]);
    assert!(empty.starts_with("i: is empty"), "{empty}");
    let directory = load(std::path::Path::new("/")).unwrap_err().to_string();
    assert_eq!(directory, "/: is a directory");
    let platform = load_message("platform \"fvpp\"", &[]);
    assert!(platform.starts_with("test.rmi:1:10: no preset is called \"fvpp\"; there are"));
}

#[test]
fn the_machine_is_chosen_once_and_first() {
    let twice = load_message("rmm spec\nrmm spec", &[]);
    assert_eq!(twice, "test.rmi:2:1: `rmm` is given twice");
    let late = load_message("let a = auto\nplatform \"fvp\"", &[]);
    assert_eq!(late, "test.rmi:2:1: `platform` has to stand before the first action");
}

const UNKNOWN: &[(&str, &str)] = &[
    ("let a = rd", "1:9: unknown symbol rd"),
    ("let count = 1\nlet a = cuont", "2:9: unknown symbol cuont; did you mean count?"),
    ("let a = 1\nlet a = 1", "2:5: `a` is defined already, at test.rmi:1:5"),
    ("image k = zeros 1\nimage k = zeros 1", "2:7: `k` is defined already, at test.rmi:1:7"),
    ("let a = len(k)", "1:9: unknown image k"),
    ("image k = zeros 1\nlet a = k", "2:9: `k` is an image, not a number; its length is len(k)"),
    ("call a", "1:6: unknown symbol a"),
    ("REALM_ACTIVATE rd=runnable", "1:19: unknown symbol runnable"),
    ("VERSION req=0 => RMI_SUCCESS lower=x", "1:36: unknown symbol x"),
    ("let p = RecParams { gprs=[0, x] }", "1:30: unknown symbol x"),
    ("load pa=0 image=k", "1:17: unknown image k"),
];

#[test]
fn names_that_nothing_defines_are_found_before_the_play() {
    for (text, expected) in UNKNOWN {
        let found = load_message(text, &[]);
        let found = found.strip_prefix("test.rmi:").unwrap_or(&found);
        assert!(found.starts_with(expected), "{text}\n found    {found}\n expected {expected}");
    }
}
