//! An override is the command line written with that option, for any line; words are not looked at.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::select;
use rimsim::host::kvmtool::{self, Version};
use rimsim::host::vmm::Context;
use rimsim::host::{Caps, OptionChange, Overrides, Refusal, Vm, cloud_hypervisor, qemu};
use rimsim::measure::image::Image;

use super::cases::host;
use super::inputs::Inputs;

/// A program, its version, and what is added to a line for an override.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Vmm {
    Kvmtool(Version),
    Qemu,
    CloudHypervisor,
}

fn caps() -> Caps {
    Caps { its: true, ..host() }
}

fn run(vmm: Vmm, argv: &[String], overrides: &Overrides) -> Result<Vm, Refusal> {
    let (caps, mut files) = (caps(), Inputs::default());
    let tree = || Some(Arc::new(Image::from_bytes("dtb", vec![1; 100])));
    let device_tree = if let Vmm::Kvmtool(Version::RealmVm) = vmm { tree() } else { None };
    match vmm {
        Vmm::Kvmtool(version) => {
            kvmtool::plan_with(argv, version, &caps, &mut files, device_tree, overrides)
        }
        Vmm::Qemu => {
            let mut context = Context { caps: &caps, files: &mut files, device_tree };
            qemu::vm_with("cca-v3", argv, &mut context, overrides)
        }
        Vmm::CloudHypervisor => {
            let mut context = Context { caps: &caps, files: &mut files, device_tree: tree() };
            cloud_hypervisor::vm_with("arm-rme", argv, &mut context, overrides)
        }
    }
}

/// The VM without what is said of the command line; or why there is none.
fn outcome(made: Result<Vm, Refusal>) -> Result<Vm, String> {
    let made = made.map(|vm| Vm { remarks: Vec::new(), ..vm });
    made.map_err(|refusal| refusal.to_string())
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn overrides() -> impl Strategy<Value = Overrides> {
    let cpus = select(vec![None, None, Some(1), Some(3), Some(8), Some(254), Some(600)]);
    let mem = select(vec![None, None, Some(64_u64 << 20), Some(256 << 20), Some(3 << 30)]);
    let append = select(vec![None, None, Some(""), Some("quiet root=/dev/vda"), Some("-m 1G, ,")]);
    let log = select(vec![None, None, Some(true), Some(false)]);
    (cpus, mem, append, log).prop_map(|(cpus, mem_bytes, append, log)| Overrides {
        rpv: None,
        cpus,
        mem_bytes,
        append: append.map(str::to_owned),
        log,
        payload_window_bytes: None,
        options: OptionChange::default(),
    })
}

/// Groups of words of a good line, any of them, in any order, and how many.
fn lines(
    base: &'static [&'static [&'static str]],
    more: &'static [&'static [&'static str]],
) -> impl Strategy<Value = Vec<String>> {
    let chosen = proptest::sample::subsequence(more.to_vec(), 0..=more.len());
    let all = chosen.prop_map(move |chosen| [base, &chosen].concat());
    all.prop_shuffle().prop_map(|groups| strings(&groups.concat()))
}

const KVMTOOL: &[&[&str]] = &[&["--realm"], &["-k", "k4k.img"], &["--irqchip", "gicv3"]];
const KVMTOOL_MORE: &[&[&str]] = &[
    &["-c", "2"],
    &["-c5"],
    &["--cpus=1"],
    &["-m", "128M"],
    &["--mem=300M@3G"],
    &["-p", "console=ttyS0"],
    &["--params=-c 4"],
    &["--measurement-algo", "sha512"],
    &["-i", "i3.cpio"],
    &["--restricted_mem"],
    &["--name", "--measurement-log"],
    &["--measurement-log"],
    &["-d", "-m"],
    &["--dev", "-p"],
];

const QEMU: &[&[&str]] = &[
    &["-accel", "kvm"],
    &["-cpu", "host"],
    &["-kernel", "k4k.img"],
    &["-M", "virt,confidential-guest-support=rme0"],
];
const QEMU_MORE: &[&[&str]] = &[
    &["-smp", "2"],
    &["-smp", "4,sockets=2"],
    &["-smp", "maxcpus=8"],
    &["-m", "1G"],
    &["-m", "size=512M,slots=2,maxmem=4G"],
    &["-append", "rme-guest"],
    &["-name", "rme-guest-1"],
    &["-machine", "append=other"],
    &["-initrd", "i3.cpio"],
    &["-object", "rme-guest,id=other,measurement-log=on"],
    &["-append", "-smp"],
];
/// Ways to write the object.
const OBJECTS: &[&str] = &[
    "rme-guest,id=rme0",
    "id=rme0,qom-type=rme-guest",
    "qom-type=rme-guest,id=rme0,measurement-log=on",
    "rme-guest,id=rme0,measurement-log=off",
    r#"{"qom-type":"rme-guest","id":"rme0"}"#,
    r#"{"id":"rme0","measurement-log":true,"qom-type":"rme-guest"}"#,
];

const CLOUD: &[&[&str]] = &[&["--kernel", "k4k.img"], &["--platform", "arm_rme=on"]];
const CLOUD_MORE: &[&[&str]] = &[
    &["--cpus", "boot=2"],
    &["--memory", "size=1G"],
    &["--cmdline", "quiet"],
    &["--initramfs", "i3.cpio"],
    &["--console", "off"],
];

/// The object with the log on or off.
fn with_log(object: &str, on: bool) -> String {
    let word = if on { "on" } else { "off" };
    match serde_json::from_str::<serde_json::Value>(object) {
        Ok(mut json) => {
            json["measurement-log"] = on.into();
            json.to_string()
        }
        Err(_) => format!("{object},measurement-log={word}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::cases(150)))]

    #[test]
    fn kvmtool_takes_them_as_its_options(
        version in select(Version::ALL.to_vec()),
        line in lines(KVMTOOL, KVMTOOL_MORE),
        overrides in overrides(),
    ) {
        let mut written = line.clone();
        written.extend(overrides.cpus.iter().flat_map(|n| ["-c".into(), n.to_string()]));
        let bytes = overrides.mem_bytes.iter();
        written.extend(bytes.flat_map(|n| ["-m".into(), format!("{}K", n >> 10)]));
        let append = overrides.append.iter();
        written.extend(append.flat_map(|text| ["-p".into(), text.clone()]));
        written.extend(overrides.log.map(|on| {
            if on { "--measurement-log" } else { "--no-measurement-log" }.to_owned()
        }));
        let plain = outcome(run(Vmm::Kvmtool(version), &written, &Overrides::default()));
        let other = outcome(run(Vmm::Kvmtool(version), &line, &overrides));
        match (plain, other) {
            // The negation is named in the line, and something else may have been meant by it.
            (Err(plain), Err(other)) => {
                let alone = |text: &str| text.split("; did you mean").next().map(str::to_owned);
                prop_assert_eq!(alone(&plain.replace("--no-m", "--m")), alone(&other));
            }
            (plain, other) => prop_assert_eq!(plain, other),
        }
    }

    #[test]
    fn qemu_takes_them_as_its_options(
        line in lines(QEMU, QEMU_MORE),
        object in select(OBJECTS.to_vec()),
        before in any::<bool>(),
        overrides in overrides(),
    ) {
        let join = |object: String| {
            let object = vec!["-object".to_owned(), object];
            if before { [object, line.clone()].concat() } else { [line.clone(), object].concat() }
        };
        let logged = overrides.log.map_or(object.to_owned(), |on| with_log(object, on));
        let mut written = join(logged);
        // What else of -smp has to be changed with the number.
        let says = |text: &str| line.iter().any(|word| word == text);
        let smp = |n: &u32| match (says("maxcpus=8"), says("4,sockets=2")) {
            (true, _) if *n <= 8 => format!("cpus={n}"),
            (true, true) => format!("cpus={n},maxcpus={n},sockets={n}"),
            (true, false) => format!("cpus={n},maxcpus={n}"),
            (false, true) => format!("cpus={n},sockets={n}"),
            (false, false) => format!("cpus={n}"),
        };
        written.extend(overrides.cpus.iter().flat_map(|n| ["-smp".into(), smp(n)]));
        let bytes = overrides.mem_bytes.iter();
        written.extend(bytes.flat_map(|n| ["-m".into(), format!("{}M", n >> 20)]));
        let append = overrides.append.iter();
        written.extend(append.flat_map(|text| ["-append".into(), text.clone()]));
        let plain = outcome(run(Vmm::Qemu, &written, &Overrides::default()));
        prop_assert_eq!(plain, outcome(run(Vmm::Qemu, &join(object.to_owned()), &overrides)));
    }

    #[test]
    fn cloud_hypervisor_takes_them_as_its_options(
        line in lines(CLOUD, CLOUD_MORE),
        overrides in overrides(),
    ) {
        let made = outcome(run(Vmm::CloudHypervisor, &line, &overrides));
        if overrides.append.is_some() || overrides.log.is_some() {
            let why = made.expect_err("no such option");
            let named = ["--cmdline", "--platform measurement_log", "--cpus boot"];
            prop_assert!(named.iter().any(|name| why.starts_with(name)), "{}", why);
            return Ok(());
        }
        let mut written = line;
        for (option, value) in [
            ("--cpus", overrides.cpus.map(|n| format!("boot={n}"))),
            ("--memory", overrides.mem_bytes.map(|n| format!("size={}M", n >> 20))),
        ] {
            let Some(value) = value else { continue };
            match written.iter().position(|word| word == option) {
                Some(at) => written[at + 1] = value,
                None => written.extend([option.to_owned(), value]),
            }
        }
        prop_assert_eq!(made, outcome(run(Vmm::CloudHypervisor, &written, &Overrides::default())));
    }
}

/// The lines in which a word that begins with `rme-guest` is not the object's.
#[test]
fn the_log_is_that_of_the_machines_object() {
    let base = ["-accel", "kvm", "-cpu", "host", "-kernel", "k4k.img"];
    let machine = ["-M", "virt,confidential-guest-support=rme0"];
    for (more, object) in [
        (&["-name", "rme-guest-1"][..], OBJECTS[0]),
        (&[], OBJECTS[1]),
        (&[], OBJECTS[4]),
        (&["-append", "rme-guest"], OBJECTS[5]),
        (&["-object", "rme-guest,id=other"], OBJECTS[0]),
    ] {
        let line = strings(&[&base[..], &machine, more, &["-object", object]].concat());
        let made = |log: bool| {
            let overrides = Overrides { log: Some(log), ..Overrides::default() };
            run(Vmm::Qemu, &line, &overrides).expect(object)
        };
        let logs = |vm: &Vm| vm.regions.iter().filter(|region| region.name == "log").count();
        assert_eq!((logs(&made(true)), logs(&made(false))), (1, 0), "{object} {more:?}");
    }
    let overrides = Overrides { log: Some(true), ..Overrides::default() };
    let object = ["-object", "rme-guest,id=rme0"];
    let line = strings(&[&base[..], &["-M", "virt"], &object].concat());
    let refused = run(Vmm::Qemu, &line, &overrides).expect_err("no Realm").to_string();
    assert!(refused.starts_with("-object rme-guest,measurement-log: "), "{refused}");
}

/// What is taken where a line is silent, by key; an override says it.
#[test]
fn silence_is_told() {
    let keys = |vmm: Vmm, line: &[&str], overrides: &Overrides| {
        let vm = run(vmm, &strings(line), overrides).expect("a VM");
        vm.assumed.iter().map(|assumed| assumed.key).collect::<Vec<_>>()
    };
    let none = Overrides::default();
    let all = Overrides { cpus: Some(2), mem_bytes: Some(64 << 20), ..Overrides::default() };
    let lkvm = ["--realm", "-k", "k4k.img"];
    let old = Vmm::Kvmtool(Version::BssOnly);
    let more = [&lkvm[..], &["-c", "1", "-d", "missing.img"]].concat();
    assert_eq!(keys(old, &more, &none), ["ram", "hash", "irqchip", "disk"]);
    let more = [&lkvm[..], &["--measurement-algo", "sha256", "--irqchip", "gicv3"]].concat();
    assert_eq!(keys(old, &more, &all), [""; 0]);
    // A device tree that is given shows no interrupt controller of kvmtool's.
    let more = [&lkvm[..], &["--dtb", "opaque16k.dtb", "-c", "600", "-m", "64M"]].concat();
    assert_eq!(keys(Vmm::Kvmtool(Version::Linaro), &more, &none), ["hash", "vcpus"]);
    let qemu = QEMU.concat();
    let qemu = [&qemu[..], &["-object", OBJECTS[0]]].concat();
    let everything = ["ram", "vcpus", "hash", "irqchip", "its"];
    assert_eq!(keys(Vmm::Qemu, &qemu, &none), everything);
    let said = ["-M", "virt,gic-version=3,its=on,confidential-guest-support=rme0"];
    assert_eq!(keys(Vmm::Qemu, &[&qemu[..], &said].concat(), &all), ["hash"]);
    let cloud = CLOUD.concat();
    assert_eq!(keys(Vmm::CloudHypervisor, &cloud, &none), ["ram", "vcpus", "hash"]);
    assert_eq!(keys(Vmm::CloudHypervisor, &cloud, &all), ["hash"]);
}
