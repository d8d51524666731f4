//! Scripts that are played.

use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::model::granule::GranuleState;

const REALM: &str = "RealmParams { s2sz=40, num_bps=1, num_wps=1, vmid=1, rtt_base=auto, \
    rtt_level_start=1, rtt_num_start=2 }";

/// A Realm with 4 MiB of RAM, three granules of contents and a REC; tables by the player.
fn short_boot() -> String {
    format!(
        "platform \"small\"
         image fw = fill 10000 seed=7
         let base = 0x8000_0000
         rtt auto
         let rd = auto
         REALM_CREATE rd=rd params_ptr={REALM}
         RTT_INIT_RIPAS rd=rd base=base top=base+4MiB all
         DATA_CREATE rd=rd ipa=base image=fw flags=measure
         REC_CREATE rd=rd rec=auto params_ptr=RecParams {{ flags=runnable, pc=base, aux=auto }}
         REALM_ACTIVATE rd=rd
         print rim\n"
    )
}

/// The same, every command and every address written out.
const LONG_BOOT: &str = "
    platform \"small\"
    let rd = 0x8000_0000
    let base = 2GiB
    let params = RealmParams {
        s2sz=40, num_bps=1, num_wps=1, vmid=2, rtt_base=0x8000_2000, rtt_level_start=1,
        rtt_num_start=2
    }
    GRANULE_DELEGATE base=rd count=32
    REALM_CREATE rd=rd params_ptr=params
    RTT_CREATE rd=rd rtt=0x8000_4000 ipa=base level=2
    RTT_INIT_RIPAS rd=rd base=base top=base+4MiB => RMI_SUCCESS out_top=0x8040_0000
    RTT_CREATE rd=rd rtt=0x8000_5000 ipa=base level=3
    fill pa=0x8011_0000 len=10000 seed=7
    DATA_CREATE rd=rd data=0x8000_6000 ipa=base src=0x8011_0000 flags=1 count=3
    let aux = 0x8000_A000
    REC_CREATE rd=rd rec=0x8000_9000 params_ptr=RecParams {
        flags=1, pc=base, num_aux=16, aux=[aux, aux+4KiB, aux+8KiB, aux+12KiB, aux+16KiB,
            aux+20KiB, aux+24KiB, aux+28KiB, aux+32KiB, aux+36KiB, aux+40KiB, aux+44KiB,
            aux+48KiB, aux+52KiB, aux+56KiB, aux+60KiB]
    }
    REALM_ACTIVATE rd=rd
    print rim";

fn rim(printed: &str) -> &str {
    printed.split(' ').next_back().unwrap()
}

#[test]
fn rtt_auto_gives_the_rim_of_explicit_commands() {
    let (short, long) = (play(&short_boot()), play(LONG_BOOT));
    short.result.unwrap_or_else(|error| panic!("{error}"));
    long.result.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(rim(&short.printed[0]), rim(&long.printed[0]));
    assert_eq!(rim(&short.printed[0]).len(), "sha256:".len() + 64);
    for world in [&short.world, &long.world] {
        world.invariants().unwrap();
    }
}

#[test]
fn neither_the_machine_nor_the_rmm_changes_a_rim() {
    let mut rims = Vec::new();
    for preset in crate::abi::presets::PRESETS {
        for profile in Profile::ALL_1_0 {
            let machine = format!("rmm \"{profile}\"\nplatform \"{}\"", preset.name);
            let played = play(&short_boot().replace("platform \"small\"", &machine));
            played.result.unwrap_or_else(|error| panic!("{machine}: {error}"));
            rims.push(rim(&played.printed[0]).to_owned());
        }
    }
    rims.dedup();
    assert_eq!(rims.len(), 1, "{rims:?}");
}

#[test]
fn the_examples_are_canonical_and_play() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec-vectors/scripts");
    let run = |name| {
        let path = directory.join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        let canonical = parse(name, &text).unwrap().to_string();
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &canonical).unwrap();
        } else {
            assert_eq!(canonical, text, "{name} is not canonical; BLESS=1 rewrites it");
        }
        assert!(text.lines().count() <= 40);
        let played = play_loaded(load(&path).unwrap_or_else(|error| panic!("{error}")), false);
        played.result.unwrap_or_else(|error| panic!("{error}"));
        played.printed
    };
    assert_eq!(run("linux-boot.rmi").len(), 1);
    let two = run("two-realms.rmi");
    assert_eq!(rim(&two[0]), rim(&two[1]));
    assert_ne!(two[0], two[1]);
}

#[test]
fn expectations_that_are_met() {
    let text = "
        call 0xc4000156 1 2 3 => SMC_NOT_SUPPORTED
        call 0xc4000150 0x1_0000 => RMI_SUCCESS lower=0x1_0000
        VERSION req=0x1_0001 => RMI_ERROR_INPUT
        REALM_ACTIVATE rd=0x8000_0000 => RMI_ERROR_INPUT rd_state
        REALM_ACTIVATE rd=1 => RMI_ERROR_INPUT(0) rd_align
        FEATURES index=1 => RMI_SUCCESS value=0
        rtt auto
        let rd = auto
        expect rim rd=rd none
        REALM_CREATE rd=rd params_ptr=RealmParams { s2sz=40, num_bps=1, num_wps=1,
            rtt_base=auto, rtt_level_start=1, rtt_num_start=2 }
        RTT_READ_ENTRY rd=rd ipa=0 level=3 => RMI_SUCCESS walk_level=1 state=UNASSIGNED ripas=EMPTY
        DATA_CREATE_UNKNOWN rd=rd ipa=0 data=auto => RMI_ERROR_RTT(1) rtt_walk
        DATA_CREATE_UNKNOWN rd=rd ipa=0 data=auto count=2
        RTT_READ_ENTRY rd=rd ipa=0x1000 level=3 => RMI_SUCCESS walk_level=3 state=ASSIGNED
        RTT_CREATE rd=rd rtt=auto ipa=0x4000_0000 level=3
        RTT_MAP_UNPROTECTED rd=rd ipa=0x80_0000_0000 level=2 desc=0x8020_0000 count=2
        DATA_DESTROY rd=rd ipa=0 count=2 => RMI_SUCCESS
        expect granule rd RD realm
        expect granule 0 none\n";
    let played = play(text);
    played.result.unwrap_or_else(|error| panic!("{error}"));
    played.world.invariants().unwrap();
}

#[test]
fn what_the_host_does_in_its_memory() {
    let text = "
        let page = auto ns
        poke pa=page+1 bytes=text:\"FW CONTENT\"
        peek pa=page bytes=text:\"\\tFW\"
        peek pa=page+1 bytes=text:\"FW CONTENT\"
        pas pa=page secure
        peek pa=page gpf
        expect granule page UNDELEGATED secure
        pas pa=page ns
        image k = hex:\"112233\"
        load pa=page image=k
        peek pa=page bytes=hex:\"11223300\"
        zero pa=page len=2
        peek pa=page bytes=hex:\"000033\"\n";
    let played = play_loaded(loaded(text).unwrap(), true);
    let error = played.result.unwrap_err().to_string();
    let expected = ": got 0046572043, wanted 094657";
    assert!(error.starts_with("test.rmi:4:9: memory 0x8_8000_0000: memory at"), "{error}");
    assert_eq!((error.lines().count(), error.contains(expected)), (4, false), "{error}");
    assert!(error.ends_with("^"), "{error}");
}

#[test]
fn refusals_name_the_command_and_the_reason() {
    let text = "let rd = 0x8000_0000\nREALM_ACTIVATE rd=rd";
    let error = play(text).result.unwrap_err();
    assert!(matches!(&error, PlayError::Refused(_)));
    let shown = error.to_string();
    let start = "test.rmi:2:1: RMI_REALM_ACTIVATE rd=0x8000_0000: RMI_ERROR_INPUT";
    assert!(shown.starts_with(start) && shown.contains("rd_state"), "{shown}");
    assert!(shown.ends_with("2 | REALM_ACTIVATE rd=rd\n  | ^"), "{shown}");
    let fault = ending("let a = auto\npoke pa=a bytes=hex:\"00\"");
    assert!(fault.starts_with("test.rmi:2:1: poke: granule protection fault"), "{fault}");
    assert!(ending("pas pa=0x8000_0004 secure").contains("0x8000_0004 is inside a granule"));
    assert!(ending("zero pa=0 len=1").contains("no memory at 0x0"));
    assert!(ending("call 0xc4000156").contains("SMC_NOT_SUPPORTED"));
}

#[test]
fn unmet_expectations_are_mismatches() {
    let zeros = format!("expect rim sha256:{}", "0".repeat(64));
    let error = play(&(short_boot() + &zeros)).result.unwrap_err();
    let PlayError::Mismatch(unmet, 1) = &error else { panic!("{error}") };
    assert_eq!(unmet[0].mismatch.what, "rim");

    let text = "REALM_ACTIVATE rd=0 => RMI_ERROR_RTT(3)
        REALM_ACTIVATE rd=0 => RMI_ERROR_INPUT rd_state
        VERSION req=0x1_0000 => RMI_SUCCESS lower=1 higher=2
        GRANULE_UNDELEGATE base=0 count=2000 => RMI_SUCCESS";
    assert!(matches!(play(text).result, Err(PlayError::Mismatch(unmet, 1)) if unmet.len() == 1));
    let error = play_loaded(loaded(text).unwrap(), true).result.unwrap_err();
    let PlayError::Mismatch(unmet, 2004) = &error else { panic!("{error}") };
    assert_eq!(unmet.len(), MAX_MISMATCHES);
    let lines: Vec<String> = unmet[..4].iter().map(Unmet::to_string).collect();
    assert!(lines[0].starts_with("test.rmi:1:1: RMI_REALM_ACTIVATE rd=0x0: status: got"));
    assert!(lines[1].contains("condition: got rd_bound, wanted rd_state\n"), "{}", lines[1]);
    assert!(lines[2].contains("lower: got 0x1_0000, wanted 0x1\n"), "{}", lines[2]);
    assert!(error.to_string().ends_with("and 1004 more"));
}

const WRONG: &[(&str, &str)] = &[
    ("let a = 0xffff_ffff_ffff_ffff + 1", "1:9: the value does not fit in 64 bits"),
    ("let a = 1TiB*1TiB*1TiB*1TiB", "1:9: the value does not fit in 64 bits"),
    ("let a = -0x8000_0000_0000_0001", "1:9: the value does not fit in 64 bits"),
    ("let a = align_up(1, 3)", "1:21: 3 is not a power of two"),
    ("let a = align_up(1, 0)", "1:21: 0 is not a power of two"),
    ("image k = zeros 0", "1:7: an image has at least one byte"),
    ("image k = fill 2GiB seed=0", "1:16: a `fill` has at most 1073741824 bytes; found 2147483648"),
    ("image k = zeros 5\nimage s = k[2..6]", "2:13: 2..6 is no part of the image"),
    ("GRANULE_DELEGATE base=0 count=0", "1:31: a count of 0: at least 1 is needed"),
    ("GRANULE_DELEGATE base=0 count=-1", "1:31: a count of -1: at least 1 is needed"),
    ("let a = auto 0", "1:14: a count of 0: at least 1 is needed"),
    (
        "GRANULE_DELEGATE base=0 count=0xffff_ffff_ffff_ffff",
        "1:31: a count of 18446744073709551615",
    ),
    ("GRANULE_DELEGATE base=-4096 count=2", "1:23: `addr` passes the end of 64-bit addresses"),
    ("let a = auto 0xffff_ffff_ffff_ffff", "1:14: a count of 18446744073709551615"),
    ("let a = auto 10000000", "1:1: no place for `auto`: 10000000 granules in a row"),
    (
        "image z = zeros 0xffff_ffff_ffff_ffff\nload pa=0 image=z",
        "2:1: a count of 4503599627370496",
    ),
    ("image z = zeros 8KiB\nload pa=-4096 image=z", "2:1: this passes the end of 64-bit addresses"),
    ("zero pa=0x8000_0000 len=-1", "1:1: this passes the end"),
    ("peek pa=0 gpf len=2MiB", "1:19: a `peek` has at most 1048576 bytes"),
    ("let a = RealmParams { s2sz=256 }", "1:28: `s2sz` has 8 bits, and 256 has more"),
    ("let a = RealmParams { vmid=-32769 }", "1:28: `vmid` has 16 bits, and -32769 has more"),
    ("let a = RealmParams { rtt_base=auto }", "1:32: rtt_base=auto takes 1 to 16 tables, not 0"),
    ("let a = RecParams { aux=auto 17 }", "1:25: RecParams has room for 16, not 17"),
    ("print rim", "1:1: there is no Realm; say which with rd=…"),
    ("call 1 => RMI_SUCCESS lower=1", "1:23: the command has no output lower"),
];

#[test]
fn mistakes_that_show_when_played() {
    for (text, expected) in WRONG {
        let played = play(text);
        let found = played.result.expect_err(text);
        assert!(matches!(found, PlayError::Script(_)), "{text}: {found}");
        let found = found.to_string();
        let found = found.strip_prefix("test.rmi:").unwrap_or(&found);
        assert!(found.starts_with(expected), "{text}\n found    {found}\n expected {expected}");
    }
}

#[test]
fn ipas_at_the_edges_are_for_the_rmm_to_refuse() {
    let realm = format!("rtt auto\nlet rd = auto\nREALM_CREATE rd=rd params_ptr={REALM}\n");
    for ipa in ["0x7f_ffff_f000", "0x80_0000_0000", "-4096", "0x100_0000_0000", "1"] {
        let text = format!("{realm}DATA_CREATE_UNKNOWN rd=rd ipa={ipa} data=auto");
        let expected = if ipa == "0x7f_ffff_f000" { "nothing" } else { "test.rmi:4:1: RMI_DATA" };
        assert!(ending(&text).starts_with(expected), "{ipa}: {}", ending(&text));
    }
    let last = "let a = -1\nRTT_INIT_RIPAS rd=rd base=a-4095 top=a all";
    assert!(ending(&(realm + last)).contains("RMI_ERROR_INPUT"));
}

#[test]
fn a_large_image_takes_one_window_and_no_memory() {
    let text = format!(
        "rtt auto\nlet rd = auto\nREALM_CREATE rd=rd params_ptr={REALM}
         image z = zeros 16MiB - 1\nimage k = z[1..8MiB]
         DATA_CREATE rd=rd ipa=0 image=z flags=1\nDATA_CREATE rd=rd ipa=1GiB image=k flags=0"
    );
    let played = play(&text);
    played.result.unwrap_or_else(|error| panic!("{error}"));
    let data = played.world.granules().delegated();
    assert_eq!(data.filter(|(_, state)| *state == GranuleState::Data).count(), 6144);
    assert!(played.steps > 3 * 6144);
}

#[test]
fn the_only_realm_is_the_one_that_is_left() {
    let realm = |name: &str, vmid: u64| {
        let params = REALM.replace("vmid=1", &format!("vmid={vmid}"));
        format!("let {name} = auto\nREALM_CREATE rd={name} params_ptr={params}\n")
    };
    let two = realm("a", 1) + &realm("b", 2);
    assert!(ending(&(two.clone() + "print rim")).contains("there are several Realms"));
    assert_eq!(ending(&(two + "REALM_DESTROY rd=a\nprint rim")), "nothing");
}

#[test]
fn includes_share_symbols() {
    let common: &[u8] = b"let base = 2MiB\nimage fw = \"fw.bin\"";
    let files: [(&str, &[u8]); 2] = [("lib/c.rmi", common), ("lib/fw.bin", b"abc")];
    let text = "include \"lib/c.rmi\"\nlet p = auto ns\nload pa=p image=fw\n\
        peek pa=p bytes=text:\"abc\"\nlet end = base + len(fw)";
    let played = play_loaded(loaded_with(text, &files).unwrap(), false);
    played.result.unwrap_or_else(|error| panic!("{error}"));
}

/// Statements that make sense in some order, and need no other one to be understood.
const PIECES: &[&str] = &[
    "rtt auto",
    "rtt manual",
    "GRANULE_DELEGATE base=0x8000_0000 count=9 => RMI_SUCCESS",
    "GRANULE_UNDELEGATE base=0x8000_0000 count=4 => RMI_SUCCESS",
    "REALM_CREATE rd=rd params_ptr=RealmParams { s2sz=40, num_bps=1, num_wps=1, rtt_base=auto, \
        rtt_level_start=1, rtt_num_start=2 } => RMI_SUCCESS",
    "RTT_INIT_RIPAS rd=rd base=0 top=9MiB all => RMI_SUCCESS",
    "RTT_INIT_RIPAS rd=rd base=far top=-1 all => RMI_ERROR_INPUT",
    "DATA_CREATE rd=rd ipa=0x1000 image=k flags=measure => RMI_SUCCESS",
    "DATA_CREATE rd=rd ipa=1GiB-4KiB image=s flags=0 data=two => RMI_ERROR_RTT",
    "DATA_CREATE_UNKNOWN rd=rd ipa=page data=auto count=3 => RMI_SUCCESS",
    "DATA_DESTROY rd=rd ipa=0 count=7 => RMI_SUCCESS",
    "RTT_CREATE rd=rd rtt=auto ipa=0 level=-1 => RMI_ERROR_INPUT",
    "RTT_MAP_UNPROTECTED rd=rd ipa=0x80_0000_0000 level=2 desc=0 count=600 => RMI_SUCCESS",
    "RTT_UNMAP_UNPROTECTED rd=rd ipa=0x80_0000_0000 level=4 count=2 => RMI_SUCCESS top=1",
    "REC_CREATE rd=rd rec=auto params_ptr=RecParams { aux=auto } => RMI_SUCCESS",
    "RTT_SET_RIPAS rd=rd rec=page base=0 top=page all => RMI_ERROR_INPUT",
    "REC_ENTER rec=two run_ptr=RecEnter { flags=trap_wfi } => RMI_ERROR_REC",
    "REALM_ACTIVATE rd=rd => RMI_SUCCESS",
    "REALM_DESTROY rd=rd => RMI_SUCCESS",
    "load pa=page image=k",
    "peek pa=page+1 bytes=text:\"abcdefghij\"",
    "peek pa=two gpf",
    "pas pa=page secure",
    "pas pa=page ns",
    "zero pa=page len=8KiB",
    "expect granule page UNDELEGATED ns",
    "expect rim rd=rd none",
    "print rim",
];

proptest! {
    #[test]
    fn no_order_of_statements_makes_the_player_panic(
        pieces in prop::collection::vec(prop::sample::select(PIECES), 0..40)
    ) {
        let mut text = "platform \"small\"\n".to_owned();
        text += "let page = auto ns\nlet two = auto 2\nlet rd = auto\nimage k = zeros 5000\n";
        text += "image s = k[1..5]\n";
        text += "let far = -4096\n";
        for piece in pieces {
            text += piece;
            text += "\n";
        }
        let played = play_loaded(loaded(&text).unwrap(), true);
        prop_assert!(played.world.invariants().is_ok());
    }
}

#[test]
fn answers_name_the_state_of_the_rmm_and_what_an_operation_fails_with() {
    let text = r#"spec "2.0"
platform "small"
GRANULE_RANGE_DELEGATE base=0x8000_0000 top=0x8000_1000 => RMI_ERROR_GLOBAL rmm_state
RMM_ACTIVATE
let rec = auto
# Nothing is looked at before the last step.
REC_CREATE rd=0x8000_0000 rec=rec params_ptr=0x8000_1000 all => RMI_ERROR_INPUT rd_state
REC_CREATE rd=0x8000_0000 rec=rec params_ptr=0x8000_1000 => RMI_INCOMPLETE
OP_MEM_RECLAIM handle=0 list_ptr=0x8000_1000 list_count=1 => RMI_ERROR_INPUT op_state
OP_CONTINUE handle=7 flags=0 => RMI_ERROR_INPUT handle
"#;
    let played = play(text);
    assert!(played.result.is_ok(), "{:?}", played.result);
    let wrong = text.replace("=> RMI_ERROR_INPUT handle", "=> RMI_ERROR_REALM num_recs");
    let error = play(&wrong).result.unwrap_err().to_string();
    assert!(error.contains("wanted RMI_ERROR_REALM"), "{error}");
}

#[test]
fn a_script_ends() {
    let mut files = MemoryFiles([("a.rmi".into(), short_boot().into())].into());
    let mut player = Player::new(load_from("a.rmi", &mut files).unwrap());
    let (platform, profile) = player.setup();
    let mut play = |most_work| {
        player.most_work = most_work;
        let mut session = Session::new(World::new(platform.clone(), profile));
        player.play(&mut session).map_err(|error| error.to_string())
    };
    let least = (0..400).find(|most| play(*most).is_ok()).expect("a few steps");
    // A step for each call at least, and not many more.
    assert!((10..200).contains(&least), "{least}");
    let error = play(least - 1).unwrap_err();
    assert!(error.contains("a script does at most 268435456 steps"), "{error}");
    // One statement asks for a page for each that the machine has.
    let text = "platform \"small\"\nzero pa=0x8000_0000 len=64MiB\n";
    let mut files = MemoryFiles([("a.rmi".into(), text.into())].into());
    let mut player = Player::new(load_from("a.rmi", &mut files).unwrap());
    player.most_work = 1000;
    let (platform, profile) = player.setup();
    let error = player.play(&mut Session::new(World::new(platform, profile))).unwrap_err();
    assert!(error.to_string().contains("a.rmi:2:1: a script does at most"), "{error}");
}

/// A Realm of RMM 2.0 with these fields besides those that every Realm needs.
fn with_fields(edition: &str, fields: &str) -> Played {
    play(&format!(
        "spec \"{edition}\"
         {activate}
         let p1 = auto 2
         let p2 = auto 2
         let rd = auto
         REALM_CREATE rd=rd params_ptr=RealmParams {{ {fields}, s2sz=40, num_bps=1, num_wps=1,
             rtt_base=auto, rtt_level_start=1, rtt_num_start=2 }}
         print rim\n",
        activate = if edition == "2.0" { "RMM_ACTIVATE" } else { "" },
    ))
}

#[test]
fn flags_and_parts_of_fields_are_written_by_their_names() {
    let planes = |played: &Played| {
        let realm = played.world.realms().next().expect("a Realm").1.clone();
        let planes = realm.planes().clone();
        (played.printed.clone(), planes.num_aux(), planes.tree_per_plane())
    };
    let aux = "aux_rtt_base=[p1, p2]";
    let long = with_fields(
        "2.0",
        &format!("flags=da+mec_private+lfa_1, num_aux_planes=2, flags1=rtt_tree_pp, {aux}"),
    );
    long.result.as_ref().expect("it is made");
    for short in [
        "da, mec=private, lfa=allow, planes=2, rtt_tree_pp",
        "rtt_tree_pp, planes=1+1, lfa=1, flags=da, mec=1",
        "flags=mec_private|da, mec=private, lfa=allow, num_aux_planes=2, planes=2, flags1=1",
    ] {
        let played = with_fields("2.0", &format!("{short}, {aux}"));
        played.result.as_ref().unwrap_or_else(|error| panic!("{short}: {error}"));
        assert_eq!(planes(&played), planes(&long), "{short}");
    }
    assert_eq!(planes(&long).1, 2);
    let plain = with_fields("2.0", "mec=shared, lfa=disallow, planes=0");
    assert_ne!(plain.printed, long.printed, "tf-rmm-0.9 measures the flags");
    for (edition, fields, message) in [
        ("2.0", "flags=mec_private, mec=shared", "`flags` says 1 where `mec` says 0"),
        ("2.0", "num_aux_planes=1, planes=2", "`num_aux_planes` says 1 where `planes` says 2"),
        // Whichever of them stands first, and however the other is said.
        ("2.0", "planes=2, num_aux_planes=0", "`num_aux_planes` says 0 where `planes` says 2"),
        ("2.0", "mec=shared, mec_private", "`flags` says 1 where `mec` says 0"),
        ("2.0", "lfa=allow, lfa_2", "`flags` says 2 where `lfa` says 1"),
        ("2.0", "lfa_1, lfa_2", "`flags` says 1 where `lfa_2` says 2"),
        ("2.0", "planes=0x1_0000_0000", "`planes` has 32 bits, and 4294967296 has more"),
        ("2.0", "lfa=4", "`lfa` has 2 bits, and 4 has more"),
        ("2.0", "mec=sharde", "unknown symbol sharde"),
        ("1.0", "mec=private", "RealmParams of RMM 1.0 has no field mec"),
        ("1.0", "rtt_tree_pp", "RealmParams of RMM 1.0 has no field rtt_tree_pp"),
    ] {
        let text = format!("spec \"{edition}\"\nlet a = RealmParams {{ {fields} }}\n");
        let error = loaded(&text).map(|script| play_loaded(script, false).result);
        let shown = match error {
            Ok(result) => result.unwrap_err().to_string(),
            Err(error) => error.to_string(),
        };
        assert!(shown.contains(message), "{fields}: {shown}");
    }
}
