//! `rimsim explain` as a process: planted differences are the ones that are named.

use crate::cli::{Folder, stdout};

/// An arm64 kernel of 100 KB with a BSS, and an initrd of 60 KB.
pub(crate) fn boot(name: &str) -> Folder {
    let folder = Folder::new(name);
    let mut kernel: Vec<u8> = (0..100_000_u32).map(|i| (i * 7 % 251) as u8 | 1).collect();
    kernel[..64].fill(0);
    kernel[16..24].copy_from_slice(&200_000_u64.to_le_bytes());
    kernel[56..60].copy_from_slice(b"ARM\x64");
    let initrd: Vec<u8> = (0..60_000_u32).map(|i| (i * 11 % 241) as u8 | 1).collect();
    folder.file("Image", &kernel).file("initrd", initrd);
    kernel[70_000] ^= 1;
    folder.file("Image.one-bit", &kernel);
    kernel.extend([9; 5000]);
    folder.file("Image.longer", &kernel);
    folder.file("initrd.other", (0..60_000_u32).map(|i| (i % 239) as u8).collect::<Vec<_>>());
    folder
}

pub(crate) const LKVM: &str = "-- lkvm run --realm --restricted_mem -c 2 -m 256M --irqchip=gicv3 \
                    --console serial --network mode=none -k Image -i initrd";

pub(crate) fn explain(folder: &Folder, a: &str, b: &str) -> String {
    folder.file("a.args", a).file("b.args", b);
    let output = folder.rimsim(&["explain", "-v", "a.args", "b.args"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{a}\n{b}\n{stderr}");
    stdout(&output)
}

/// A change of a boot's command line, and what has to be named of it.
type Planted<'t> = (&'t str, String, &'t [&'t str]);

fn check<const N: usize>(
    folder: &str,
    planted: impl Fn(&dyn Fn(&str, &str) -> String) -> [Planted<'static>; N],
) {
    let folder = boot(folder);
    let plain = format!("--host kvm-v10 kvmtool {LKVM}");
    let with = |from: &str, to: &str| {
        assert!(plain.contains(from), "{from}");
        plain.replace(from, to)
    };
    for (what, other, texts) in planted(&with) {
        let told = explain(&folder, &plain, &other);
        for text in texts {
            assert!(told.contains(text), "{what}: `{text}` is not in\n{told}");
        }
        assert!(told.contains("varies with"), "{what}");
    }
}

#[test]
fn planted_differences_of_contents_are_named() {
    check("contents", |with| {
        [
            (
                "one bit of the kernel",
                with("-k Image", "-k Image.one-bit"),
                &[
                    "then the contents:",
                    "byte 0x170 of the granule",
                    "1 of 25 granules of Image differs",
                ],
            ),
            ("a longer kernel", with("-k Image", "-k Image.longer"), &["of Image differ"]),
            (
                "another initrd",
                with("-i initrd", "-i initrd.other"),
                &["granules of initrd differ"],
            ),
            (
                "no initrd",
                with(" -i initrd", ""),
                &["/chosen:linux,initrd-start: A <0x0 ", "B not there"],
            ),
            (
                "the command line",
                with("-k Image", "-p quiet -k Image"),
                &["then the device tree:", "/chosen:bootargs: A \"", "quiet"],
            ),
            ("vCPUs", with("-c 2", "-c 3"), &["/cpus/cpu@2: A not there, B empty"]),
            (
                "one vCPU",
                with("-c 2", "-c 1"),
                &["/cpus/cpu@0:enable-method: A \"psci\", B not there"],
            ),
            ("an ITS", with("gicv3", "gicv3-its"), &["/intc/msic: A not there"]),
            (
                "more RAM",
                with("256M", "512M"),
                &["memory: A 0x8000_0000..0x9000_0000, B 0x8000_0000..0xa000_0000"],
            ),
            ("RAM elsewhere", with("256M", "256M@4G"), &["s2sz: A 33, B 34"]),
        ]
    });
}

#[test]
fn planted_differences_of_hosts_are_named() {
    check("hosts", |with| {
        [
            ("breakpoints", with("--host", "--num-bps 4 --host"), &["num_bps: A 5, B 3"]),
            ("watchpoints", with("--host", "--num-wps 2 --host"), &["num_wps: A 3, B 1"]),
            (
                "SVE",
                with("--host", "--sve-vl 512 --host"),
                &["sve_vl: A 0, B 3", "flags: A 0x0, B 0x2"],
            ),
            (
                "a PMU",
                with("--realm", "--realm --pmu").replace("--host", "--pmu-counters 6 --host"),
                &["pmu_num_ctrs: A 0, B 6", "/pmu: A not there"],
            ),
            (
                "the algorithm",
                with("--realm", "--realm --measurement-algo=sha512"),
                &["hash algorithm: A sha256, B sha512"],
            ),
            (
                "the order of KVM",
                with("kvm-v10", "kvm-v12"),
                &["another command comes next", "A RMI_RTT_INIT_RIPAS", "B RMI_DATA_CREATE"],
            ),
            (
                "the alignment of the VMM",
                with("kvmtool ", "--vmm-version B1 kvmtool "),
                &["granules that only one side has"],
            ),
            (
                "RIPAS of the BSS only",
                with("kvmtool ", "--vmm-version B0 kvmtool "),
                &["another command comes next", "memory whose RIPAS is set"],
            ),
            (
                "a console",
                with("--console serial", "--console virtio"),
                &["/chosen:bootargs", "console=hvc0"],
            ),
            ("a device", with("mode=none", "mode=user"), &["/pci:interrupt-map: A empty, B <"]),
        ]
    });
}

#[test]
fn what_is_equal_is_equal() {
    let folder = boot("equal");
    let plain = format!("--host kvm-v10 kvmtool {LKVM}");
    folder.file("a.args", &plain).file("b.args", plain.replace("v10", "v8") + "  # an alias");
    let output = folder.rimsim(&["explain", "a.args", "b.args"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&output).starts_with("equal: "), "{}", stdout(&output));

    // The same boot as a script, as saved events of the script, and of the measurement.
    let words = shlex::split(&plain).expect("words");
    let options = ["measure", "--script-out", "boot.rmi", "--events-out", "boot.events"];
    let args: Vec<_> = options.into_iter().chain(words.iter().map(String::as_str)).collect();
    assert!(folder.rimsim(&args).status.success());
    let args = ["run", "--events-out", "replayed.events", "boot.rmi"];
    assert!(folder.rimsim(&args).status.success());
    for other in ["boot.rmi", "boot.events", "replayed.events"] {
        let output = folder.rimsim(&["explain", "a.args", other]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{other}: {}{stderr}", stdout(&output));
    }
    // Saved events have digests, not bytes: the granule is still named.
    folder.file("b.args", plain.replace("-k Image", "-k Image.one-bit"));
    let output = folder.rimsim(&["explain", "boot.events", "b.args", "--format", "json"]);
    assert_eq!(output.status.code(), Some(3));
    let document: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert_eq!(document["schema"], "rimsim/1");
    assert_eq!(document["equal"], false);
    assert_eq!(document["first"]["fields"][0]["a"], "Image+0x1_1000");
    assert_eq!(document["differences"][0]["what"], "1 of 25 granules of Image differs");
}

/// The registers and the level of RIPAS, which no command line of a VMM changes alone.
#[test]
fn scripts_that_differ_in_one_operand() {
    let folder = Folder::new("operands");
    let script = |gpr: u64, pc: u64, flags: &str, before: &str, ripas: &str| {
        format!(
            "rtt auto\nlet rd = auto\nREALM_CREATE rd=rd params_ptr=RealmParams {{
    s2sz=40, num_bps=1, num_wps=1, rtt_base=auto, rtt_level_start=1, rtt_num_start=2
}}
{before}RTT_INIT_RIPAS rd=rd base=0x8000_0000 top=0x8000_0000+{ripas} all
image page = text:\"page\"\nDATA_CREATE rd=rd ipa=0x8000_0000 image=page flags={flags}
REC_CREATE rd=rd rec=auto params_ptr=RecParams {{
    flags=runnable, mpidr=0, pc={pc}, gprs=[{gpr}], aux=auto
}}
"
        )
    };
    let plain = script(1, 2, "measure", "", "2MiB");
    folder.file("a.rmi", &plain);
    let table = "let t = auto\nRTT_CREATE rd=rd rtt=t ipa=0x8000_0000 level=2\nlet u = auto\n\
                 RTT_CREATE rd=rd rtt=u ipa=0x8000_0000 level=3\n";
    for (other, texts) in [
        (script(7, 2, "measure", "", "2MiB"), ["x0: A 0x1, B 0x7", "a register of runnable REC 0"]),
        (script(1, 9, "measure", "", "2MiB"), ["pc: A 0x2, B 0x9", "pc=0x2"]),
        (script(1, 2, "0", "", "2MiB"), ["the granule's flags", "flags: A 0x1, B 0x0"]),
        (
            script(1, 2, "measure", table, "2MiB"),
            [
                "RTT level: A 2 (2 MiB entries), B 3 (4 KiB entries)",
                "1 x 0x20_0000, B 512 x 0x1000",
            ],
        ),
        (script(1, 2, "measure", "", "4MiB"), ["another command comes next", "memory whose RIPAS"]),
    ] {
        folder.file("b.rmi", &other);
        let output = folder.rimsim(&["explain", "a.rmi", "b.rmi"]);
        let told = stdout(&output);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{other}\n{told}{stderr}");
        for text in texts {
            assert!(told.contains(text), "`{text}` is not in\n{told}");
        }
    }
    // One side ends.
    let shorter = plain.split("REC_CREATE").next().expect("a part");
    folder.file("b.rmi", shorter);
    let told = stdout(&folder.rimsim(&["explain", "a.rmi", "b.rmi"]));
    assert!(told.contains("one side ends here") && told.contains("B nothing more"), "{told}");
}

#[test]
fn a_golden_of_the_text() {
    let folder = boot("golden");
    let plain = format!("--host kvm-v10 kvmtool {LKVM}");
    let verbose = explain(&folder, &plain, &plain.replace("-k Image", "-k Image.one-bit"));
    assert_eq!(
        verbose,
        "A: a.args
B: b.args

what is said otherwise:
- the kernel: `-k Image` against `-k Image.one-bit`

the first 146 extensions are equal; then the contents:
  A RMI_DATA_CREATE ipa=0x8001_1000 flags=0x1 Image+0x1_1000
  B RMI_DATA_CREATE ipa=0x8001_1000 flags=0x1 Image.one-bit+0x1_1000
    from: A Image+0x1_1000, B Image.one-bit+0x1_1000
    byte 0x170 of the granule: A 31 37 3f 45 4d 53 5b 61, B 30 37 3f 45 4d 53 5b 61
    varies with the file itself; a kernel, initrd or firmware of another build

all differences:
- 1 of 25 granules of Image differs
    first at 0x8001_1000: A Image+0x1_1000, B Image.one-bit+0x1_1000
    varies with the file itself; a kernel, initrd or firmware of another build
"
    );
    let told = stdout(&folder.rimsim(&["explain", "a.args", "b.args"]));
    let short: Vec<&str> = verbose
        .lines()
        .filter(|line| !line.contains("varies with") && !line.contains("from: A"))
        .filter(|line| !line.contains("byte 0x170"))
        .collect();
    assert!(told.lines().eq(short), "without -v neither bytes nor the same again: {told}");
}

/// Each difference of two command lines is told as the option that makes it, before all events.
#[test]
fn causes_are_options() {
    let folder = boot("causes");
    let host = "--host kvm-v10 --num-bps 6 --num-wps 4";
    let plain = format!("{host} kvmtool {LKVM}");
    for (other, said) in [
        (plain.replace("-m 256M", "-m 512M"), "- RAM: `-m 256M` against `-m 512M`"),
        (
            plain.replace("--network mode=none ", ""),
            "- network devices: `--network mode=none` against nothing",
        ),
        (
            plain.replace("--num-bps 6", "--num-bps 16"),
            "- the host's breakpoints (10 fewer): `--num-bps 6` against `--num-bps 16`",
        ),
        (
            plain.replace("kvm-v10", "kvm-v12"),
            "- the host's KVM: `--host kvm-v10` against `--host kvm-v12`",
        ),
    ] {
        let other = other.replace("-c 2", "-c 2 --name other");
        let told = explain(&folder, &plain, &other);
        let causes = told.split("\n\n").nth(1).expect("a paragraph");
        assert!(causes.starts_with(&format!("what is said otherwise:\n{said}")), "{told}");
        assert!(!causes.contains("--name"), "it reaches no Realm: {told}");
    }
    // What is said otherwise and measured alike is told apart.
    let other = plain.replace("-c 2", "-c 3").replace("--restricted_mem ", "");
    let told = explain(&folder, &plain, &other);
    let apart = "said otherwise, and alone it changes nothing:\n\
                 - guest_memfd: `--restricted_mem` against nothing";
    assert!(told.contains(apart), "{told}");
}

#[test]
fn lines_that_are_refused_are_explained() {
    let folder = boot("causes-refused");
    let plain = format!("--host kvm-v12 kvmtool {LKVM}");
    let other = plain.replace("--restricted_mem ", "").replace("256M", "512M");
    folder.file("good.args", &plain).file("refused.args", other);
    let first = "what is said otherwise:\n- guest_memfd: `--restricted_mem` against nothing\n";
    for (sides, first) in [
        (["good.args", "refused.args"], first.to_owned()),
        (
            ["refused.args", "good.args"],
            first.replace(
                "`--restricted_mem` against nothing",
                "nothing against `--restricted_mem`",
            ),
        ),
    ] {
        let output = folder.rimsim(&["explain", sides[0], sides[1]]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{stderr}");
        assert!(stderr.contains("refused.args: ") && stderr.contains("guest_memfd"), "{stderr}");
        let told = stdout(&output);
        assert!(told.starts_with(&first), "{told}");
        assert!(told.contains("alone it changes nothing:\n- RAM: "), "{told}");
    }
    let both = folder.rimsim(&["explain", "refused.args", "refused.args"]);
    assert_eq!(both.status.code(), Some(4));
    // Of two sides that end differently the more telling counts, whichever stands first.
    folder.file("open.args", "kvmtool -- \"lkvm");
    for (other, exit) in [("open.args", 2), ("missing.args", 1), ("missing.rmi", 1)] {
        for sides in [["refused.args", other], [other, "refused.args"]] {
            let output = folder.rimsim(&["explain", sides[0], sides[1]]);
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(exit), "{sides:?}: {stderr}");
            assert!(stderr.contains("guest_memfd") && stderr.contains(other), "{stderr}");
            assert!(output.stdout.is_empty(), "nothing is compared: {output:?}");
        }
    }
}

/// A domain of libvirt is a side like any other.
#[test]
fn domains_are_explained() {
    let folder = boot("causes-domain");
    let domain = |mib: u32| {
        format!(
            "<domain type='kvm'><name>vm</name><memory unit='MiB'>{mib}</memory><vcpu>2</vcpu>\
             <os><type arch='aarch64' machine='virt'>hvm</type><kernel>Image</kernel></os>\
             <features><gic version='3'/></features><cpu mode='host-passthrough'/>\
             <launchSecurity type='cca'/></domain>"
        )
    };
    folder.file("a.xml", domain(512)).file("b.xml", domain(1024));
    let output = folder.rimsim(&["explain", "a.xml", "b.xml"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    let told = stdout(&output);
    assert!(told.contains("- RAM: `-m size=524288k` against `-m size=1048576k`"), "{told}");
}

#[test]
fn what_can_not_be_compared() {
    let folder = boot("uncomparable");
    folder
        .file("a.args", format!("kvmtool {LKVM}"))
        .file("open.args", "kvmtool -- \"lkvm")
        .file("wrong.args", "kvmtool -- lkvm run -m 1G -k Image")
        .file("other.args", "--no-such-option kvmtool -- lkvm")
        .file("none.rmi", "note \"nothing\"\n")
        .file("refused.rmi", "REALM_ACTIVATE rd=0x8000_0000\n")
        .file("bad.events", "{}\n")
        .file("empty.events", "");
    let head = "{\"schema\":\"rimsim/1\",\"kind\":\"events\",\"name\":\"x\",\
                \"hash_algo\":\"sha256\",\"rim_rule\":\"rmm-1.0\"}\n";
    let line = |line: &str| format!("{head}{line}\n");
    folder
        .file("head.events", head)
        .file("json.events", line("{"))
        .file("digest.events", line(
            "{\"command\":\"RMI_DATA_CREATE\",\"ipa\":\"0x0\",\"flags\":\"0x1\",\"digest\":\"00\",\
             \"from\":\"x\"}",
        ))
        .file("many.events", line(
            "{\"command\":\"RMI_RTT_INIT_RIPAS\",\"base\":\"0x0\",\"top\":\"0xfffffffffffff000\",\
             \"entry\":\"0x1000\"}",
        ))
        .file("ripas.events", line(
            "{\"command\":\"RMI_RTT_INIT_RIPAS\",\"base\":\"0x1000\",\"top\":\"0x0\",\
             \"entry\":\"0x1000\"}",
        ))
        .file("byte.events", line(
            "{\"command\":\"RMI_RTT_INIT_RIPAS\",\"base\":\"0x0\",\"top\":\"0x1000000\",\
             \"entry\":\"0x1\"}",
        ))
        .file("ipa.events", line(
            "{\"command\":\"RMI_DATA_CREATE\",\"ipa\":\"0x10\",\"flags\":\"0x0\",\"from\":\"x\"}",
        ))
        .file("long.events", format!("{head}{}", " ".repeat(70_000)));
    for (b, code, text) in [
        ("open.args", 2, "a quotation mark is not closed"),
        ("wrong.args", 2, "realm"),
        ("other.args", 2, "--no-such-option"),
        ("none.rmi", 2, "no Realm is left"),
        ("refused.rmi", 4, "rd_state"),
        ("bad.events", 2, "line 1"),
        ("empty.events", 2, "there are no events"),
        ("head.events", 2, "nothing was measured"),
        ("json.events", 2, "line 2"),
        ("digest.events", 2, "line 2: `digest` is not 32 bytes"),
        ("many.events", 2, "line 2: the range ends at 0xffff_ffff_ffff_f000, above 52 bits of IPA"),
        ("ripas.events", 2, "line 2: the range 0x1000..0x0 is not made of entries"),
        ("byte.events", 2, "line 2: `entry` is 0x1, which is no RTT entry's size"),
        ("ipa.events", 2, "line 2: `ipa` is 0x10, which is no granule's"),
        ("long.events", 2, "line 2: it is longer than"),
        ("missing.events", 1, "missing.events"),
    ] {
        folder.fails(&["explain", "a.args", b], code, text);
    }
}
