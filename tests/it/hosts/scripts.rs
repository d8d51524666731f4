//! A boot that was written down as a script is the same boot when the script is played.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;
use rimsim::World;
use rimsim::host::kvmtool::{self, Version};
use rimsim::host::vmm::Context;
use rimsim::host::{Caps, Refusal, Vm, cloud_hypervisor, qemu};
use rimsim::measure::image::Image;
use rimsim::script::{self, Player};
use rimsim::session::Session;

use super::boot::{Realm, boot};
use super::cases::host;
use super::inputs::Inputs;

/// Plays a boot's script in a folder of its own, and gives the RIM.
fn replay(realm: &Realm) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("script-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let folder: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).expect("it works");
    std::fs::write(folder.join("boot.rmi.toml"), realm.machine.to_toml()).expect("it works");
    for (suffix, bytes) in &realm.script.attachments {
        std::fs::write(folder.join(format!("boot.rmi.{suffix}")), bytes).expect("it works");
    }
    std::fs::write(folder.join("boot.rmi"), &realm.script.text).expect("it works");
    let mut player = Player::new(script::load(&folder.join("boot.rmi")).expect("it works"));
    let (platform, profile) = player.setup();
    assert_eq!(platform, realm.machine);
    let mut session = Session::new(World::new(platform, profile));
    player.play(&mut session).unwrap_or_else(|error| panic!("{error}\n{}", realm.script.text));
    let rd = session.world().realms().next().expect("a Realm").0;
    let rim = session.world_mut().rim(rd.0).expect("a RIM").to_string();
    std::fs::remove_dir_all(&folder).expect("it works");
    rim
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn one_of(values: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    proptest::sample::select(values)
}

/// A command line of one of the VMMs, and the KVM that it runs on.
fn command_line() -> impl Strategy<Value = (&'static str, &'static str, &'static str, String)> {
    let kvmtool = (
        one_of(&["A", "B0", "B1", "B2", "C"]),
        one_of(&["256M", "300M", "1G", "2049M"]),
        1_u32..4,
        one_of(&["k4k.img", "k64kx3.img", "k64k_oddoff.img", "k1m.img"]),
        one_of(&["", "-i i1.cpio", "-i i4095.cpio", "-i i1m1.cpio", "-i izero2m.cpio"]),
        one_of(&["kvm-v10", "kvm-eac5", "kvm-v12"]),
    );
    let kvmtool = kvmtool.prop_map(|(version, ram, cpus, kernel, initrd, host)| {
        let line = format!("lkvm run --realm -m {ram} -c {cpus} -k {kernel} {initrd}");
        let line = match version {
            "A" => line,
            _ => format!("{line} --restricted_mem"),
        };
        ("kvmtool", version, host, line)
    });
    let qemu = (
        one_of(&["cca-v3", "linaro-2025", "rmi", "nvidia-11.0", "realm-vm"]),
        one_of(&["256M", "1G", "3000M", "5G"]),
        1_u32..4,
        one_of(&["-kernel k4k.img", "-kernel k64k_oddoff.img", "-bios f4k.fd"]),
        one_of(&["", ",measurement-log=on", ",measurement-algorithm=sha256"]),
        one_of(&["kvm-v10", "kvm-v12"]),
    );
    let qemu = qemu.prop_map(|(version, ram, cpus, payload, object, host)| {
        let driven = ["rmi", "nvidia-11.0"].contains(&version);
        let host = match version {
            "linaro-2025" => "kvm-v10",
            _ if driven => "kvm-v12",
            _ => host,
        };
        // KVM drives only what it can measure.
        let algo = if host == "kvm-v12" && !driven { ",measurement-algorithm=sha256" } else { "" };
        let object = match (version, object) {
            ("rmi", ",measurement-algorithm=sha256") | ("nvidia-11.0", _) => "",
            _ => object,
        };
        let line = format!(
            "-M virt,confidential-guest-support=rme0 -accel kvm -cpu host -m {ram} -smp {cpus} \
             -object rme-guest,id=rme0{object}{algo} {payload}"
        );
        ("qemu", version, host, line)
    });
    let cloud = (one_of(&["512M", "1G"]), one_of(&["", "--kernel k64k_off.img"]), 1_u32..3);
    let cloud = cloud.prop_map(|(ram, kernel, cpus)| {
        let line = format!("--platform arm_rme=on --memory size={ram} --cpus boot={cpus} {kernel}");
        ("cloud-hypervisor", "arm-rme", "kvm-v10", line)
    });
    prop_oneof![kvmtool, qemu, cloud]
}

fn vm(vmm: &str, version: &str, line: &str, caps: &Caps) -> Result<Vm, Refusal> {
    let (argv, mut files) = (words(line), Inputs::default());
    let dtb = Some(Arc::new(Image::from_bytes("dtb", vec![0xD0; 5001])));
    if vmm == "kvmtool" {
        let version = Version::named(version).expect("a version");
        return kvmtool::plan(&argv, version, caps, &mut files, None);
    }
    let mut context = Context { caps, files: &mut files, device_tree: dtb };
    let read = if vmm == "qemu" { qemu::vm } else { cloud_hypervisor::vm };
    read(version, &argv, &mut context)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::cases(24)))]

    #[test]
    fn scripts_of_boots_give_the_same_rim((vmm, version, host_name, line) in command_line()) {
        let caps = host();
        let vm = vm(vmm, version, &line, &caps).unwrap_or_else(|error| panic!("{line}: {error}"));
        // A command line of one generation may be refused by the KVM of another.
        if let Ok(realm) = boot(host_name, &caps, &vm) {
            prop_assert!(realm.script.text.lines().count() < 100, "{}", realm.script.text);
            prop_assert_eq!(replay(&realm), realm.rim());
        }
    }
}

#[test]
fn a_gibibyte_is_one_statement() {
    let ram = 2_u64 << 30;
    let caps = host();
    let mut vm = vm("kvmtool", "B2", "--realm -c 1 -m 2G -k k4k.img", &caps).expect("it works");
    let zeros = &mut vm.regions[0];
    (zeros.image, zeros.fill_bytes, zeros.ipa) = (None, 0, ram..ram + (64 << 20));
    let realm = boot("kvm-v10", &caps, &vm).expect("it works");
    let text = &realm.script.text;
    assert!(text.lines().count() < 40, "{text}");
    assert!(text.contains("image piece_1 = zeros 67108864"), "{text}");
    assert_eq!(replay(&realm), realm.rim());
}
