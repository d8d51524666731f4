//! Measurement logs: what is read in them, and the Realms and REMs that come of it.

mod cc_firmware;

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use rimsim::World;
use rimsim::abi::profile::RemReading;
use rimsim::event_log::Rems;
use rimsim::event_log::{
    At, Log, Payload, RebuildError, Registers, read, rebuild, rems, wrong_digests,
};
use rimsim::host::kvm::StageKind;
use rimsim::host::kvmtool::{self, Version};
use rimsim::host::vmm::Context;
use rimsim::host::{Vm, qemu};
use rimsim::measure::image::Image;
use rimsim::measure::rim::HashAlgo;
use rimsim::script::{Player, load_from};
use rimsim::session::Session;
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::cli::{Folder, stdout};
use crate::hosts::boot::{Realm, boot};
use crate::hosts::cases::host;
use crate::hosts::inputs::Inputs;

const CONCATENATED: RemReading = RemReading::Concatenated;
const SHA256: u16 = 0x0B;
const SHA512: u16 = 0x0D;

/// Writes a log as the Linaro VMMs do, from their sources' structures.
pub(crate) struct Writer(pub(crate) Vec<u8>);

impl Writer {
    pub(crate) fn new(banks: &[(u16, u16)]) -> Self {
        let mut event = b"Spec ID Event03\0".to_vec();
        event.extend([0, 0, 0, 0, 0, 2, 106, 2]);
        event.extend(u32::try_from(banks.len()).expect("few").to_le_bytes());
        for (algorithm, len) in banks {
            event.extend(algorithm.to_le_bytes());
            event.extend(len.to_le_bytes());
        }
        event.push(0);
        let mut log = Vec::new();
        log.extend([0, 0, 0, 0, 3, 0, 0, 0]);
        log.extend([0; 20]);
        log.extend(u32::try_from(event.len()).expect("short").to_le_bytes());
        log.extend(event);
        Self(log)
    }

    pub(crate) fn event(
        &mut self,
        index: u32,
        kind: u32,
        digests: &[(u16, Vec<u8>)],
        data: &[u8],
    ) -> &mut Self {
        self.0.extend(index.to_le_bytes());
        self.0.extend(kind.to_le_bytes());
        self.0.extend(u32::try_from(digests.len()).expect("few").to_le_bytes());
        for (algorithm, digest) in digests {
            self.0.extend(algorithm.to_le_bytes());
            self.0.extend(digest);
        }
        self.0.extend(u32::try_from(data.len()).expect("short").to_le_bytes());
        self.0.extend(data);
        self
    }

    fn tag(&mut self, tag: u32, data: &[u8]) -> &mut Self {
        let len = u32::try_from(data.len()).expect("short");
        let data = [&tag.to_le_bytes()[..], &len.to_le_bytes(), data].concat();
        self.event(0, 6, &[], &data)
    }

    fn words(&mut self, tag: u32, words: &[u64]) -> &mut Self {
        let data: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.tag(tag, &data)
    }

    fn image(&mut self, name: &str, base: u64, len: u64, digests: &[(u16, Vec<u8>)]) -> &mut Self {
        let mut data = vec![u8::try_from(name.len()).expect("short")];
        data.extend(name.as_bytes());
        data.extend(base.to_le_bytes());
        data.extend(len.to_le_bytes());
        self.event(0, 0x13, digests, &data)
    }
}

/// The log that the VMM of a Realm would have written, and the files that it loaded.
pub(crate) fn written(vm: &Vm, realm: &Realm) -> (Writer, Vec<At>) {
    let mut log = Writer::new(&[(SHA512, 64)]);
    let mut version = b"VM VERSION\0\0\0\0\0\0".to_vec();
    version.extend([&b"QEMU"[..], &[0; 28], b"9.1.91", &[0; 34]].concat());
    version.extend([&[0; 8][..], &[2, 0, 0, 0], &[0; 12]].concat());
    log.event(0, 3, &[(0, vec![0; 64])], &version);
    let mut files = Vec::new();
    for stage in &realm.stages {
        match stage.kind {
            StageKind::RealmCreate(params) => {
                let mut data = params.flags.to_le_bytes().to_vec();
                for value in [
                    params.s2sz,
                    params.sve_vl,
                    params.num_bps,
                    params.num_wps,
                    params.pmu_num_ctrs,
                    params.hash_algo.into(),
                ] {
                    data.push(u8::try_from(value).expect("a byte"));
                }
                data.extend([0xAA, 0xBB]);
                log.tag(1, &data);
            }
            StageKind::Ripas { base, top } => {
                log.words(2, &[base, top - base]);
            }
            StageKind::Rec { flags, pc, gprs, .. } => {
                log.words(3, &[&[flags, pc][..], &gprs].concat());
            }
            StageKind::Data { base, measured: false, top, source } => {
                log.image(source, base, top - base, &[]);
            }
            StageKind::Data { base, top, source, .. } => {
                let region = vm.regions.iter().find(|region| region.ipa.start == base);
                let region = region.expect("the region of the stage");
                let mut image = region.image.clone().expect("contents");
                let mut start = base + region.fill_bytes;
                // A log has no word for granules before the first that has contents.
                if region.fill_bytes >= 4096 {
                    let zeros = usize::try_from(region.fill_bytes).expect("it fits");
                    let bytes = [&vec![0; zeros], image.bytes_from(0)].concat();
                    (image, start) = (Arc::new(Image::from_bytes("filled", bytes)), base);
                }
                let mut bytes = image.bytes_from(0).to_vec();
                bytes.resize(usize::try_from(top - start).expect("it fits"), 0);
                log.image(source, start, top - start, &[(SHA512, Sha512::digest(&bytes).to_vec())]);
                // Half of them are found by their digest alone.
                let ipa = files.len().is_multiple_of(2).then_some(start);
                files.push(At { ipa, image });
            }
            StageKind::Activate => {}
        }
    }
    (log, files)
}

/// The RIM of a log's operations.
fn rebuilt(log: &Log, files: &[At]) -> String {
    let mut made = rebuild(log, files).expect("a Realm");
    assert_eq!((&made.needs[..], &made.wrong[..]), (&[][..], &[][..]));
    let mut player = Player::new(load_from("log.rmi", &mut made).expect("a script"));
    let (platform, profile) = player.setup();
    let mut session = Session::new(World::new(platform, profile));
    player.play(&mut session).unwrap_or_else(|error| panic!("{error}\n{}", made.text));
    let world = session.into_world();
    let (_, realm) = world.realms().next().expect("a Realm");
    realm.log().rim_now().to_string()
}

fn round_trip(vm: &Vm, host_name: &str) {
    let realm = boot(host_name, &host(), vm).expect("a Realm");
    let (writer, files) = written(vm, &realm);
    let log = read(&writer.0).expect("a log");
    assert_eq!(wrong_digests(&log), []);
    assert_eq!(rebuilt(&log, &files), realm.rim());
    // Room behind the events is no event.
    for filling in [0, 0xFF] {
        let mut padded = writer.0.clone();
        padded.resize(padded.len() + 100, filling);
        let again = read(&padded).expect("a log");
        assert_eq!((again.padding_bytes, &again.events), (100, &log.events));
    }
}

fn qemu_vm(line: &str) -> Vm {
    let argv: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    let (caps, mut files) = (host(), Inputs::default());
    let mut context = Context { caps: &caps, files: &mut files, device_tree: None };
    qemu::vm("cca-v3", &argv, &mut context).expect("a VM")
}

#[test]
fn logs_of_qemu_build_what_was_measured() {
    let base = "-accel kvm -cpu host -M virt,gic-version=3,confidential-guest-support=rme0";
    for (object, rest) in [
        ("measurement-log=on,measurement-algorithm=sha256", "-m 512M -kernel k64k_off.img"),
        ("measurement-log=on", "-m 1G -smp 2 -kernel k4k1.img -initrd i4097.cpio"),
        ("measurement-log=off", "-m 256M -kernel k4k.img -initrd i1.cpio"),
    ] {
        let line = format!("{base} -object rme-guest,id=rme0,{object} {rest}");
        let vm = qemu_vm(&line);
        let unmeasured = vm.regions.iter().filter(|region| !region.measured).count();
        assert_eq!(unmeasured, usize::from(object.contains("log=on")));
        round_trip(&vm, "kvm-v10");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::cases(6)))]

    #[test]
    fn logs_of_kvmtool_build_what_was_measured(
        version in prop_oneof![
            Just(Version::RamFirst64k), Just(Version::RamFirst4k), Just(Version::BssOnly)
        ],
        cpus in 1_u32..4,
        mem in 64_u32..300,
        initrd in prop_oneof![Just(""), Just("-i i1.cpio"), Just("-i i4097.cpio")],
        kernel in prop_oneof![Just("k4k.img"), Just("k200k5.img"), Just("k64k_off.img")],
    ) {
        let line = format!(
            "--realm --restricted_mem -c {cpus} -m {mem}M --irqchip=gicv3 -k {kernel} {initrd}"
        );
        let argv: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let vm = kvmtool::plan(&argv, version, &host(), &mut Inputs::default(), None);
        round_trip(&vm.expect("a VM"), "kvm-v10");
    }
}

/// Index, type, digests and data.
type AnyEvent = (u32, u32, Vec<(u16, Vec<u8>)>, Vec<u8>);

/// An event as anybody could write it, most of them nearly right.
fn any_event() -> impl Strategy<Value = AnyEvent> {
    let kind = prop_oneof![
        4 => Just(6_u32),
        2 => Just(0x13),
        1 => Just(3),
        1 => Just(4),
        1 => Just(0x8000_0002),
        1 => Just(0x8000_000A),
        1 => any::<u32>(),
    ];
    let digests = proptest::collection::vec((Just(SHA256), Just(vec![5; 32])), 0..2);
    let word = prop_oneof![Just(0_u64), Just(1 << 31), Just(4096), Just(!0), any::<u64>()];
    let words = proptest::collection::vec(word, 0..12);
    let tag = (1_u32..4, words.clone(), 0_usize..20).prop_map(|(tag, words, len)| {
        let mut rest: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        rest.truncate(if tag == 1 { len } else { rest.len() });
        let len = u32::try_from(rest.len()).expect("short");
        [&tag.to_le_bytes()[..], &len.to_le_bytes(), &rest].concat()
    });
    let blob = words.prop_map(|words| {
        let words = words.iter().flat_map(|word| word.to_le_bytes());
        [3, b'D', b'T', b'B'].into_iter().chain(words).collect::<Vec<u8>>()
    });
    let data = prop_oneof![3 => tag, 3 => blob, 1 => proptest::collection::vec(any::<u8>(), 0..60)];
    (prop_oneof![4 => Just(0_u32), 1 => any::<u32>()], kind, digests, data)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::cases(300)))]

    /// Whatever stands in a log is read or refused, and a script of it is one.
    #[test]
    fn any_log_is_read_or_refused(events in proptest::collection::vec(any_event(), 0..8)) {
        let mut writer = p1();
        for (index, kind, digests, data) in &events {
            writer.event(*index, *kind, digests, data);
        }
        match read(&writer.0) {
            Err(error) => prop_assert!(error.event >= 3 && !error.why.is_empty()),
            Ok(log) => {
                prop_assert_eq!(log.used_bytes + log.padding_bytes, writer.0.len() as u64);
                let made = rems(&log, HashAlgo::Sha256, Registers::Pcr, RemReading::Concatenated);
                let count = made.values.iter().map(|rem| rem.count).sum::<u64>();
                prop_assert!(count <= events.len() as u64);
                for wrong in wrong_digests(&log) {
                    prop_assert!((3..=2 + events.len()).contains(&wrong.event));
                }
                match rebuild(&log, &[]) {
                    Err(error) => prop_assert!(!error.to_string().is_empty()),
                    Ok(made) => prop_assert!(rimsim::script::parse("x", &made.text).is_ok()),
                }
            }
        }
    }
}

#[test]
fn a_log_has_few_operations() {
    let mut writer = p1();
    for _ in 0..=4096 {
        writer.words(2, &[0x8000_0000, 4096]);
    }
    let log = read(&writer.0).expect("a log");
    let error = rebuild(&log, &[]).expect_err("too many").to_string();
    assert!(error.contains("event 4099: more than 4096 operations"), "{error}");
}

/// The published log of a Realm's parameters alone, and its RIM (vector P1): the bytes are those
/// that tests/event_log.rs of veraison/cca-realm-measurements builds.
fn p1() -> Writer {
    let mut log = Writer::new(&[(SHA256, 32), (SHA512, 64)]);
    let zeros = [(SHA256, vec![0; 32])];
    let mut version = b"VM VERSION\0\0\0\0\0\0".to_vec();
    version.extend([&b"kvmtool"[..], &[0; 25], &[0; 40]].concat());
    for word in [2_u64 << 20, 1 << 10, 1 << 30] {
        version.extend(word.to_le_bytes());
    }
    version.extend(128_u32.to_le_bytes());
    log.event(0, 3, &zeros, &version);
    let params = [1, 0, 0, 0, 14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 48, 0, 5, 3, 0, 0];
    log.event(0, 6, &zeros, &params);
    log
}

#[test]
fn the_published_log_has_its_published_rim() {
    let bytes = p1().0;
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec-vectors/published/p1.log");
    assert!(std::fs::read(kept).expect("a file") == bytes);
    let log = read(&bytes).expect("a log");
    let Payload::Vmm { name, machine, log: place, .. } = &log.events[0].payload else {
        panic!("{:?}", log.events[0])
    };
    assert_eq!((name.as_str(), *machine), ("kvmtool", Some((1 << 30, 128))));
    assert_eq!(*place, Some((2 << 20, 1 << 10)));
    let rim = "8960d56826370aaa6fc9b3a041d4240689582ba41e2ad8bb8f9adf6d2a0cd5e7";
    assert_eq!(rebuilt(&log, &[]), rim);

    let folder = Folder::new("event_log_p1");
    folder.file("p1.bin", &bytes);
    let output = folder.rimsim(&["log", "p1.bin", "--expect-rim", rim, "--script-out", "p1.rmi"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(stdout(&output).ends_with(&format!("\nrim {rim}\n")));
    assert_eq!(stdout(&folder.rimsim(&["run", "p1.rmi"])), format!("{rim}\n"));
}

/// REM 1 of the README's tour, and values of an independent calculation.
#[test]
fn rems_follow_the_digests() {
    let value: Vec<u8> = (1..=32).collect();
    let mut writer = Writer::new(&[(SHA256, 32), (0x0C, 48)]);
    let sha384 = |data: &[u8]| Sha384::digest(data).to_vec();
    writer
        .event(1, 0x8000_0009, &[(SHA256, value.clone()), (0x0C, vec![9; 48])], b"tables")
        .event(5, 4, &[(0x0C, sha384(&[0; 4]))], &[0; 4])
        .event(9, 0x8000_0003, &[], b"no digest")
        .event(0, 13, &[(SHA256, vec![7; 32])], b"too late");
    let log = read(&writer.0).expect("a log");
    assert_eq!(wrong_digests(&log), []);
    let by = |registers| rems(&log, HashAlgo::Sha256, registers, RemReading::Concatenated);
    let found = by(Registers::Pcr);
    let naive = |value: &[u8]| {
        let digest = Sha256::digest([&[0; 32][..], value].concat());
        digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let rem1 = "0b8f4c5b6adc4c087ab9f43aaeb6007084c264adcaa3cb07176b792342850412";
    let text = |rems: &Rems, i: usize| rems.values[i].value.clone().map(|rem| rem.to_string());
    assert_eq!(text(&found, 0).as_deref(), Ok(rem1));
    assert_eq!(text(&found, 1), Ok(naive(&sha384(&[0; 4]))));
    assert!(text(&found, 2).is_err_and(|why| why.contains("event 3, byte ")));
    assert_eq!(text(&found, 3), Ok("0".repeat(64)));
    assert_eq!(found.remarks.len(), 1, "{:?}", found.remarks);
    let found = by(Registers::Mr);
    for i in 0..4 {
        let why = text(&found, i).expect_err("an event of register 5");
        assert!(why.contains("event 2, byte ") && why.contains("no register 5"), "{why}");
    }
    let above = read(Writer::new(&[(SHA256, 32)]).event(16, 5, &[], b"x").0.as_slice());
    let made = rems(&above.expect("a log"), HashAlgo::Sha256, Registers::Pcr, CONCATENATED);
    assert!(made.values.iter().all(|rem| rem.value.is_err()));
    assert_eq!(rebuild(&log, &[]).expect_err("no Realm"), RebuildError::NoRealm);
}

#[test]
fn digests_that_are_not_those_of_their_data_are_named() {
    let folder = Folder::new("event_log_digests");
    let kernel: Vec<u8> = (0..5000_u32).map(|i| u8::try_from(i % 251).expect("a byte")).collect();
    folder.file("Image", &kernel).file("other", &kernel[1..]).file("longer", [0; 6000]);
    let mut writer = p1();
    let digest = vec![(SHA256, Sha256::digest(&kernel).to_vec())];
    writer
        .words(2, &[0x8000_0000, 0x10_0000])
        .image("KERNEL", 0x8000_0123, 5000, &digest)
        .event(1, 4, &[(SHA256, Sha256::digest([0; 4]).to_vec())], &[0; 4])
        .event(1, 4, &[(SHA256, Sha256::digest([1, 0, 0, 0]).to_vec())], b"failed");
    folder.file("good.log", &writer.0);
    let good = ["log", "good.log", "--image", "Image"];
    assert_eq!(folder.rimsim(&good).status.code(), Some(0));
    let placed = ["log", "good.log", "--at", "0x80000123=Image"];
    assert_eq!(stdout(&folder.rimsim(&placed)), stdout(&folder.rimsim(&good)));
    let at = |file| format!("--at=0x80000123={file}");
    folder.fails(&["log", "good.log", &at("other")], 3, "the sha256 digest of other is ");
    folder.fails(&["log", "good.log", &at("longer")], 3, "longer has 6000 bytes, and the event");
    folder.fails(&["log", "good.log", &at("nothing")], 1, "nothing: ");
    let needs = folder.rimsim(&["log", "good.log"]);
    assert_eq!(needs.status.code(), Some(0));
    let said = String::from_utf8_lossy(&needs.stderr).into_owned();
    assert!(said.contains("\"KERNEL\", 5000 bytes: --at 0x8000_0123=FILE, of which"), "{said}");
    let rim = "ab".repeat(32);
    folder.fails(&["log", "good.log", "--expect-rim", &rim], 2, "not complete");
    folder.fails(&[&good[..], &["--expect-rim", &rim]].concat(), 3, "and expected is abab");
    folder.fails(&[&good[..], &["--expect-rem", &format!("1={rim}")]].concat(), 3, "REM 1 is ");
    let first = "8960d56826370aaa6fc9b3a041d4240689582ba41e2ad8bb8f9adf6d2a0cd5e7";
    folder.fails(&[&good[..], &["--expect-rim", first]].concat(), 3, "after REALM_CREATE");

    let mut writer = p1();
    writer.event(2, 4, &[(SHA256, vec![5; 32])], &[0; 4]);
    writer.event(0, 3, &[(SHA256, vec![1; 32])], b"noise");
    folder.file("bad.log", &writer.0);
    folder.fails(&["log", "bad.log"], 3, "event 3: the sha256 digest of EV_SEPARATOR is 0505");
    folder.fails(&["log", "bad.log"], 3, "event 4: EV_NO_ACTION is not measured");
}

/// Where the log's Realm and a predicted one part is said as `explain` says it.
#[test]
fn the_first_place_at_which_two_part() {
    let folder = Folder::new("event_log_part");
    folder.file("p1.log", p1().0);
    let other = "platform \"fvp\"\nlet rd = auto\n\
                 REALM_CREATE rd=rd params_ptr=RealmParams { s2sz=48, num_bps=4, num_wps=3, \
                 rtt_base=auto, rtt_level_start=0, rtt_num_start=1 }\n";
    folder.file("other.rmi", other).file("same.rmi", other.replace("bps=4", "bps=5"));
    let output = folder.rimsim(&["log", "p1.log", "--expect", "other.rmi"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stdout(&output).contains("num_bps: A 5, B 4"), "{}", stdout(&output));
    let json = ["log", "p1.log", "--expect", "same.rmi", "--format", "json"];
    let output = folder.rimsim(&json);
    assert_eq!(output.status.code(), Some(0));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(document["schema"], "rimsim/1");
    assert_eq!(document["events"][1]["name"], "EV_EVENT_TAG");
    assert_eq!(document["explanation"], serde_json::Value::Null);
}

#[test]
fn a_device_tree_in_the_log_is_contents() {
    let tree: Vec<u8> = [&[0xD0, 0x0D, 0xFE, 0xED][..], &[3; 200]].concat();
    let mut writer = p1();
    let zeros = [(SHA256, vec![0; 32])];
    writer.event(0, 3, &zeros, &[&b"DTB\0\0\0\0\0\0\0\0\0\0\0\0\0"[..], &tree].concat()).image(
        "DTB",
        0x8000_0000,
        204,
        &[(SHA256, Sha256::digest(&tree).to_vec())],
    );
    let log = read(&writer.0).expect("a log");
    let image = Arc::new(Image::from_bytes("dtb", tree));
    let without = rebuilt(&log, &[]);
    assert_eq!(without, rebuilt(&log, &[At { ipa: Some(0x8000_0000), image }]));
}

/// What a writer adds to the first event of a log, and what is said of it.
type Wrong = (fn(&mut Writer), &'static str);

fn with(change: fn(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::new(&[(SHA256, 32)]);
    change(&mut writer);
    writer.0
}

fn add(log: &mut Writer, kind: u32, digests: &[(u16, Vec<u8>)], data: &[u8]) {
    log.event(0, kind, digests, data);
}

fn tag(log: &mut Writer, tag: u32, words: &[u64]) {
    log.words(tag, words);
}

fn realm(log: &mut Writer, byte: u8) {
    log.tag(1, &[byte; 14]);
}

/// What is refused, with the event and the byte.
#[test]
fn wrong_logs() {
    const WRONG: [Wrong; 14] = [
        (|log| log.0.clear(), "event 0, byte 0x0: the index takes 4 bytes"),
        (|log| log.0.fill(1), "a log begins with EV_NO_ACTION"),
        (|log| log.0.fill(0), "EV_PREBOOT_CERT of index 0"),
        (|log| log.0[32] = b's', "the signature is \"spec ID Event03\""),
        (|log| log.0[60] = 4, "digests of sha1 with 32 bytes"),
        (|log| log.0[56] = 0, "0 algorithms; there are 1 to 16"),
        (|log| add(log, 4, &[(SHA512, vec![1; 64])], &[]), "a digest of sha512"),
        (|log| add(log, 4, &vec![(SHA256, vec![1; 32]); 2], &[]), "a second digest of sha256"),
        (|log| add(log, 6, &[], &[1, 0, 0]), "3 bytes, where tag and length"),
        (|log| add(log, 0x8000_000A, &[], b"x"), "UEFI_PLATFORM_FIRMWARE_BLOB2"),
        (|log| tag(log, 1, &[0]), "REALM_CREATE has 14 bytes of data, and 8"),
        (|log| tag(log, 2, &[u64::MAX, 1]), "pass 64 bits"),
        (|log| tag(log, 3, &[0; 9]), "REC_CREATE has 80 bytes of data, and 72"),
        (|log| log.0.extend([0, 1, 0]), "event 1, byte 0x41: the index takes 4 bytes"),
    ];
    for (change, wanted) in WRONG {
        let error = read(&with(change)).expect_err(wanted).to_string();
        assert!(error.contains(wanted), "{error}");
    }
}

fn early_ripas(log: &mut Writer) {
    tag(log, 2, &[0, 4096]);
    realm(log, 0);
}

fn huge_ripas(log: &mut Writer) {
    realm(log, 0);
    tag(log, 2, &[0, u64::MAX]);
}

#[test]
fn logs_that_build_no_realm() {
    const WRONG: [Wrong; 5] = [
        (|log| tag(log, 2, &[0, 4096]), "the parameters of a Realm"),
        (|log| (0..2).for_each(|_| realm(log, 0)), "event 2: a second REALM_CREATE"),
        (early_ripas, "RTT_INIT_RIPAS before REALM_CREATE"),
        (|log| realm(log, 9), "hash algorithm 9"),
        (huge_ripas, "more than 8 TiB"),
    ];
    for (change, wanted) in WRONG {
        let log = read(&with(change)).expect("a log");
        let error = rebuild(&log, &[]).expect_err(wanted).to_string();
        assert!(error.contains(wanted), "{error}");
    }
}

/// A log ends between two events or not at all; nothing that is changed goes unnoticed as an event
/// of another length, and nothing panics.
#[test]
fn every_truncation_and_every_bit() {
    let vm = qemu_vm(
        "-accel kvm -cpu host -M virt,gic-version=3,confidential-guest-support=rme0 -m 256M \
         -object rme-guest,id=rme0,measurement-log=on -kernel k4k.img",
    );
    let realm = boot("kvm-v10", &host(), &vm).expect("a Realm");
    let bytes = written(&vm, &realm).0.0;
    let whole = read(&bytes).expect("a log");
    let ends: Vec<u64> = whole.events.iter().map(|event| event.offset).collect();
    for len in 0..bytes.len() {
        // What is left may be all zero, which is padding.
        match read(&bytes[..len]) {
            Ok(log) => {
                assert!(ends.contains(&log.used_bytes), "{len}");
                assert_eq!(log.events, whole.events[..log.events.len()]);
                assert_eq!(log.used_bytes + log.padding_bytes, len as u64);
            }
            Err(error) => assert!(error.offset <= len as u64),
        }
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[len] ^= 1 << bit;
            if let Ok(log) = read(&changed) {
                let _ = wrong_digests(&log);
                let _ = rebuild(&log, &[]);
            }
        }
    }
}

#[test]
fn a_log_can_not_speak_to_the_terminal() {
    let folder = Folder::new("event_log_text");
    let mut writer = p1();
    writer.event(8, 13, &[(SHA256, vec![1; 32])], b"\x1b[31m");
    writer.image("\x1b]0;x", 0x8000_0000, 4096, &[]);
    folder.file("a.log", &writer.0);
    let output = folder.rimsim(&["log", "a.log"]);
    assert!(!output.stdout.contains(&0x1b) && !output.stderr.contains(&0x1b), "{output:?}");
    assert!(stdout(&output).contains("\\x1b]0;x"));
}
