//! One token of a real script is another: the place, and a word that helps.

use super::*;

const SCRIPT: &str = r#"platform "fvp"
rmm tf-rmm
spec "1.0"
image kernel = "Image"
image part = kernel[0..64KiB]
image noise = fill 8KiB seed=7
let ram = 0x8000_0000
let page = auto ns
rtt auto
let rd = auto
REALM_CREATE rd=rd params_ptr=RealmParams {
    s2sz=40, num_bps=1, num_wps=1, hash_algo=sha256, flags=sve|pmu, rtt_base=auto,
    rtt_level_start=1, rtt_num_start=2
}
RTT_INIT_RIPAS rd=rd base=ram top=ram+256MiB all
DATA_CREATE rd=rd ipa=ram+2MiB image=kernel flags=measure
let rec = auto
REC_CREATE rd=rd rec=rec params_ptr=RecParams { flags=runnable, pc=ram+2MiB, aux=auto }
GRANULE_DELEGATE addr=page => RMI_SUCCESS
poke pa=ram bytes=hex:"00ff"
peek pa=ram gpf
REALM_ACTIVATE rd=rd
DATA_DESTROY rd=rd ipa=0 => RMI_ERROR_RTT(1) rtt_walk top=0x4000_0000
expect granule page DELEGATED realm
print rim
note "done"
"#;

/// What stands there once, what somebody writes instead, and what is said.
const TYPOS: &[(&str, &str, &str)] = &[
    ("platform \"fvp\"", "platfrom \"fvp\"", "1:1 did you mean platform?"),
    (
        "platform \"fvp\"",
        "platform fvp",
        "1:10 expected the platform's name in quotes, found `fvp`",
    ),
    ("platform \"fvp\"", "platform \"fpv\"", "1:10 did you mean fvp?"),
    ("platform \"fvp\"", "platform 'fvp'", "1:10 texts stand in plain quotes: \"…\""),
    (
        "platform \"fvp\"",
        "platform = \"fvp\"",
        "1:10 expected the platform's name in quotes, found `=`",
    ),
    ("rmm tf-rmm", "rmm tfrmm", "2:5 did you mean tf-rmm?"),
    ("rmm tf-rmm", "rmm tf-rm", "2:5 did you mean tf-rmm?"),
    ("rmm tf-rmm", "rmn tf-rmm", "2:1 did you mean rmm?"),
    ("rmm tf-rmm", "rmm \"tf-rmm-nxt\"", "2:5 did you mean tf-rmm-next?"),
    ("spec \"1.0\"", "spec 1.0", "3:6 expected the edition in quotes, found a number"),
    ("spec \"1.0\"", "spec \"1.1\"", "3:6 there are 1.0 and 2.0"),
    ("spec \"1.0\"", "sepc \"1.0\"", "3:1 did you mean spec?"),
    ("image kernel = \"Image\"", "image kernel \"Image\"", "4:14 expected `=`, found a text"),
    (
        "image kernel = \"Image\"",
        "image kernel = Image",
        "4:21 expected `[`, found the end of the line",
    ),
    ("image kernel = \"Image\"", "image kernel = \"Image", "4:16 this text has no closing `\"`"),
    ("image kernel = \"Image\"", "imgae kernel = \"Image\"", "4:1 did you mean image?"),
    (
        "image kernel = \"Image\"",
        "kernel = \"Image\"",
        "4:1 a number is named by `let kernel = …`, bytes by `image kernel = …`",
    ),
    ("kernel[0..64KiB]", "kernle[0..64KiB]", "5:14 did you mean kernel?"),
    ("kernel[0..64KiB]", "kernel[0-64KiB]", "5:28 expected `..`, found `]`"),
    ("kernel[0..64KiB]", "kernel[0..64KB]", "5:24 did you mean 64KiB?"),
    ("kernel[0..64KiB]", "kernel(0..64KiB)", "5:20 expected `[`, found `(`"),
    ("kernel[0..64KiB]", "kernel[0..64KiB", "6:1 expected `]`, found `image`"),
    ("fill 8KiB seed=7", "fil 8KiB seed=7", "6:19 expected `[`, found a number"),
    ("fill 8KiB seed=7", "fill 8KiB sed=7", "6:25 did you mean seed?"),
    ("fill 8KiB seed=7", "fill 8KiB seed 7", "6:30 expected `=`, found a number"),
    ("fill 8KiB seed=7", "fill 8K seed=7", "6:20 did you mean 8KiB?"),
    (
        "let ram = 0x8000_0000",
        "ram = 0x8000_0000",
        "7:1 a number is named by `let ram = …`, bytes by `image ram = …`",
    ),
    ("let ram = 0x8000_0000", "let ram 0x8000_0000", "7:9 expected `=`, found a number"),
    ("let ram = 0x8000_0000", "let ram == 0x8000_0000", "7:10 expected a value, found `=`"),
    ("let ram = 0x8000_0000", "let ram = 8000_000g", "7:11 did you mean 8000000GiB?"),
    (
        "let ram = 0x8000_0000",
        "let ram = 0x8000_000g",
        "7:11 0x8000_000g is not a hexadecimal number",
    ),
    ("let ram = 0x8000_0000", "let ram := 0x8000_0000", "7:9 values follow a `=`"),
    ("let ram = 0x8000_0000", "lte ram = 0x8000_0000", "7:1 did you mean let?"),
    (
        "let ram = 0x8000_0000",
        "let ram = 0x8000_0000;",
        "7:22 each statement has a line of its own",
    ),
    ("let ram = 0x8000_0000", "let ram = 0x8000_0000 // RAM", "7:23 comments begin with #"),
    ("let page = auto ns", "let page = atuo ns", "8:17 expected the end of the line, found `ns`"),
    ("let page = auto ns", "let page = auto nss", "8:17 expected the end of the line, found `nss`"),
    (
        "let page = auto ns",
        "let page = auto, ns",
        "8:16 arguments have blanks between them, no commas",
    ),
    ("let page = auto ns", "let pgae = auto ns", "19:23 did you mean pgae?"),
    ("let page = auto ns", "let auto = auto ns", "8:5 `auto` is a word of the language"),
    ("rtt auto", "rtt atuo", "9:5 did you mean auto?"),
    ("rtt auto", "rtt_auto", "9:1 did you mean rtt auto?"),
    ("rtt auto", "rtt = auto", "9:5 expected auto, manual, found `=`"),
    ("rtt auto", "rtt on", "9:5 expected auto, manual, found `on`"),
    ("let rd = auto", "let rd auto", "10:8 expected `=`, found `auto`"),
    (
        "let rd = auto",
        "rd = auto",
        "10:1 a number is named by `let rd = …`, bytes by `image rd = …`",
    ),
    ("let rd = auto", "let rdd = auto", "11:17 did you mean rdd?"),
    ("REALM_CREATE rd", "REALM_CRAETE rd", "11:1 did you mean REALM_CREATE?"),
    ("REALM_CREATE rd", "realm_create rd", "11:1 did you mean REALM_CREATE?"),
    ("REALM_CREATE rd", "REALMCREATE rd", "11:1 did you mean REALM_CREATE?"),
    ("REALM_CREATE rd", "REALM_CREATE dr", "11:14 did you mean rd?"),
    (
        "rd=rd params_ptr=RealmParams",
        "rd=rd, params_ptr=RealmParams",
        "11:19 arguments have blanks between them, no commas",
    ),
    ("rd=rd params_ptr=RealmParams", "rd=rd params=RealmParams", "11:20 did you mean params_ptr?"),
    (
        "rd=rd params_ptr=RealmParams",
        "rd=rd params_ptr=RealmParam",
        "11:31 did you mean RealmParams?",
    ),
    (
        "rd=rd params_ptr=RealmParams",
        "rd=rd params_ptr=RealmParameters",
        "11:31 did you mean RealmParams?",
    ),
    (
        "rd=rd params_ptr=RealmParams",
        "rd: rd params_ptr=RealmParams",
        "11:14 values follow a `=`: rd=…",
    ),
    ("s2sz=40", "s2zs=40", "12:5 did you mean s2sz?"),
    (
        "s2sz=40",
        "s2sz:40",
        "12:5 digests are sha256:… and its like, bytes hex:\"…\" and text:\"…\"",
    ),
    ("s2sz=40", "s2sz=40;", "12:12 each statement has a line of its own"),
    ("s2sz=40, num_bps=1", "s2sz=40 num_bps=1", "12:13 expected `,` or `}`, found `num_bps`"),
    ("num_wps=1", "num_wp=1", "12:25 did you mean num_wps?"),
    ("num_wps=1", "num_wps=one", "12:33 unknown symbol one"),
    ("hash_algo=sha256", "hash_algo=sha-256", "12:46 did you mean sha256?"),
    ("hash_algo=sha256", "hash_algo=SHA256", "12:46 did you mean sha256?"),
    ("hash_algo=sha256", "hash_algo=\"sha256\"", "12:46 expected a value, found a text"),
    ("hash_algo=sha256", "hash_algo=sha265", "12:46 did you mean sha256?"),
    ("hash_algo=sha256", "hash-algo=sha256", "12:40 expected `=`, found `-`"),
    ("flags=sve", "flags=svw", "12:60 did you mean sve?"),
    ("flags=sve", "flag=sve", "12:54 did you mean flags?"),
    ("pmu, rtt_base", "pmuu, rtt_base", "12:64 did you mean pmu?"),
    ("rtt_base=auto", "rttbase=auto", "12:69 did you mean rtt_base?"),
    ("rtt_level_start=1", "rtt_start_level=1", "13:5 RealmParams has no field rtt_start_level"),
    ("rtt_num_start=2", "rtt_num_start=[2]", "13:38 `rtt_num_start` takes one number, not a list"),
    ("RTT_INIT_RIPAS", "RTT_INIT_RIPAZ", "15:1 did you mean RTT_INIT_RIPAS?"),
    ("RTT_INIT_RIPAS", "INIT_RIPAS", "15:1 did you mean RTT_INIT_RIPAS?"),
    ("base=ram top", "bsae=ram top", "15:22 did you mean base?"),
    ("base=ram top", "base=rma top", "15:27 did you mean ram?"),
    ("base=ram top", "base top", "15:22 arguments are written base=…"),
    ("top=ram+256MiB", "top=ram+256MB", "15:39 did you mean 256MiB?"),
    ("top=ram+256MiB", "top=ram+256M", "15:39 did you mean 256MiB?"),
    ("top=ram+256MiB", "top=ram+ 256 MiB", "15:44 unexpected `MiB` after RTT_INIT_RIPAS"),
    ("256MiB all", "256MiB alll", "15:46 did you mean all?"),
    ("DATA_CREATE", "DATA_CREAT", "16:1 did you mean DATA_CREATE?"),
    ("DATA_CREATE", "DATA_MAP", "16:1 did you mean RTT_DATA_MAP?"),
    ("image=kernel flags", "image=Kernel flags", "16:38 did you mean kernel?"),
    ("image=kernel flags", "image=\"Image\" flags", "16:38 expected a value, found a text"),
    (
        "image=kernel flags",
        "img=kernel flags",
        "16:32 its arguments are rd, ipa, flags, data, src, image, count",
    ),
    ("flags=measure", "flags=measured", "16:51 did you mean measure?"),
    ("flags=measure", "flags=yes", "16:51 the words here are no_measure, measure"),
    ("flags=measure", "flag=measure", "16:45 did you mean flags?"),
    ("REC_CREATE", "REC_CREATED", "18:1 did you mean REC_CREATE?"),
    ("rec=rec", "rec=rce", "18:22 did you mean rec?"),
    ("rec=rec", "rec", "18:18 arguments are written rec=…"),
    ("flags=runnable", "flags=runable", "18:55 did you mean runnable?"),
    ("flags=runnable", "flags=true", "18:55 the words here are not_runnable, runnable"),
    ("pc=ram+2MiB", "PC=ram+2MiB", "18:65 did you mean pc?"),
    ("pc=ram+2MiB", "pc=ram+2MiB;", "18:76 each statement has a line of its own"),
    ("aux=auto }", "aux=auto )", "18:87 expected `,` or `}`, found `)`"),
    ("aux=auto }", "axu=auto }", "18:78 did you mean aux?"),
    ("addr=page", "adr=page", "19:18 did you mean addr?"),
    ("addr=page", "addr page", "19:18 arguments are written addr=…"),
    ("=> RMI_SUCCESS", "-> RMI_SUCCESS", "19:29 what should come of it is written => STATUS"),
    ("=> RMI_SUCCESS", "=> RMI_SUCESS", "19:31 did you mean RMI_SUCCESS?"),
    ("=> RMI_SUCCESS", "= RMI_SUCCESS", "19:28 what should come of it is written => STATUS"),
    ("=> RMI_SUCCESS", "=> SUCCESS", "19:31 did you mean RMI_SUCCESS?"),
    ("bytes=hex:\"00ff\"", "bytes=\"00ff\"", "20:19 expected a value, found a text"),
    (
        "bytes=hex:\"00ff\"",
        "bytes=hex:\"00f\"",
        "20:23 hex:\"…\" takes pairs of hexadecimal digits",
    ),
    (
        "bytes=hex:\"00ff\"",
        "bytes=hex:00ff",
        "20:19 digests are sha256:… and its like, bytes hex:\"…\" and text:\"…\"",
    ),
    ("bytes=hex:\"00ff\"", "byte=hex:\"00ff\"", "20:13 did you mean bytes?"),
    ("peek pa=ram gpf", "peek pa=ram gfp", "21:13 did you mean gpf?"),
    ("peek pa=ram gpf", "peek pa=ram", "21:1 `peek` takes bytes=…, or `gpf` and perhaps len=…"),
    ("peek pa=ram gpf", "peak pa=ram gpf", "21:1 did you mean peek?"),
    ("REALM_ACTIVATE", "REALM_ACTIVE", "22:1 did you mean REALM_ACTIVATE?"),
    ("REALM_ACTIVATE rd=rd", "REALM_ACTIVATE rd", "22:16 arguments are written rd=…"),
    ("RMI_ERROR_RTT(1)", "RMI_ERROR_RTT(4)", "23:43 the index has to be a level, -1 to 3"),
    ("RMI_ERROR_RTT(1)", "RMI_ERROR_RT(1)", "23:29 did you mean RMI_ERROR_RTT?"),
    ("rtt_walk top", "rtt_wlak top", "23:46 did you mean rtt_walk?"),
    ("rtt_walk top", "rtt_walk tpo", "23:55 did you mean top?"),
    ("expect granule", "expct granule", "24:1 did you mean expect?"),
    ("expect granule", "expect granul", "24:8 did you mean granule?"),
    ("page DELEGATED", "page DELEGATE", "24:21 did you mean DELEGATED?"),
    ("page DELEGATED", "pgae DELEGATED", "24:16 did you mean page?"),
    ("DELEGATED realm", "DELEGATED relam", "24:31 did you mean realm?"),
    ("print rim", "print rimm", "25:7 did you mean rim?"),
    ("print rim", "prnt rim", "25:1 did you mean print?"),
    ("note \"done\"", "note done", "26:6 expected a text in quotes, found `done`"),
    ("note \"done\"", "note “done”", "26:6 texts stand in plain quotes: \"…\""),
];

#[test]
fn one_wrong_token_is_told_at_its_place_with_a_word_that_helps() {
    assert!(TYPOS.len() >= 100, "{}", TYPOS.len());
    assert!(loaded_with(SCRIPT, &[("Image", &[1; 70_000])]).is_ok());
    let mut wrong = Vec::new();
    for (right, typed, wanted) in TYPOS {
        assert_eq!(SCRIPT.matches(right).count(), 1, "{right}");
        let text = SCRIPT.replacen(right, typed, 1);
        let found = match loaded_with(&text, &[("Image", &[1; 70_000])]) {
            Ok(_) => "accepted".to_owned(),
            Err(error) => error.to_string(),
        };
        let found = found.lines().next().unwrap_or_default().trim_start_matches("test.rmi:");
        let (place, word) = wanted.split_once(' ').unwrap_or_default();
        if !found.starts_with(&format!("{place}: ")) || !found.contains(word) || word.is_empty() {
            wrong.push(format!("{right}\t{typed}\t{found}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
