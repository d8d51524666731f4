//! kvmtool's lines between the RMM's, Islet's form, and memory that the platform does not have.

use rimsim::rmm_log::{Options, import, read};

use crate::cli::{Folder, stdout};
use crate::hosts::inputs::kernel;

pub(crate) const PARAMS: &str = "let realm_params = RealmParams {
    flags=0, s2sz=33, sve_vl=0, num_bps=5, num_wps=3, pmu_num_ctrs=0, hash_algo=sha256, vmid=1,
    rtt_base=auto, rtt_level_start=2, rtt_num_start=8
}
let rec_params_1 = RecParams {
    flags=runnable, mpidr=0x0, pc=0x8000_0000, gprs=[0x8fe0_0000], aux=auto
}
";

/// A console with the RMM's lines and kvmtool's, on a machine with other memory than an FVP.
pub(crate) const CONSOLE: &str = "\
  Debug: (arm/fdt.c) dump_fdt:32: Wrote 65536 bytes to dtb /mnt/guest.dtb
SMC_RMI_REALM_CREATE          17ffb000 19581000 > RMI_SUCCESS
SMC_RMI_REC_AUX_COUNT         17ffb000 > RMI_SUCCESS 10
Debug: realm_init_ipa_range:88: Initialized IPA range (80000000 - a0000000) as RAM

Debug: Populated Realm memory area : 80000000 - 80010000 (size 65536 bytes)
Debug: Populated Realm memory area : 8fe00000 - 8fe10000 (size 65536 bytes)
SMC_RMI_REC_CREATE            17ffb000 26d85000 26d84000 > RMI_SUCCESS
SMC_RMI_REALM_ACTIVATE        17ffb000 > RMI_SUCCESS
";

/// No RMM gives contents to an IPA that has some: which of the lines is true nobody knows.
#[test]
fn contents_that_come_twice_are_a_gap() {
    let again = "Debug: Populated Realm memory area : 8000f000 - 80011000 (size 8192 bytes)\n";
    let at = CONSOLE.find("Debug: Populated Realm memory area : 8fe0").expect("a line");
    let twice = format!("{}{again}{}", &CONSOLE[..at], &CONSOLE[at..]);
    let log = read(twice.as_bytes()).expect("a log");
    let made = import(&log, &Options::default()).expect("a script");
    let gaps: Vec<_> = made.gaps.iter().map(|gap| (gap.line, gap.what.as_str())).collect();
    let what = "what lies at IPA 0x8000_f000..0x8001_1000, which kvmtool's lines give contents \
                more than once";
    assert_eq!(gaps, [(7, what)]);
    let text = made.script.to_string();
    assert_eq!(text.matches("ipa=0x8000_f000").count(), 0, "{text}");
    assert_eq!(text.matches("ipa=0x8001_0000").count(), 1, "{text}");
}

/// What kvmtool's lines and files make is the RIM of its command line.
#[test]
fn kvmtool_says_what_the_rmm_does_not() {
    let folder = Folder::new("vmm-lines");
    folder.file("Image", kernel("Image", 9000, 20_000, 0)).file("params.rmi", PARAMS);
    folder.file("console.log", CONSOLE);
    let measure = "measure -q --host kvm-v10 --num-bps 6 --num-wps 4 --dtb-out guest.dtb \
                   kvmtool -- lkvm run --realm -c 1 -m 512M --irqchip=gicv3 -k Image";
    let rim = stdout(&folder.rimsim(&measure.split_whitespace().collect::<Vec<_>>()));
    let images = ["--at", "0x80000000=Image", "--at", "0x8fe00000=guest.dtb"];
    let words = ["import", "console.log", "--params", "params.rmi", "-o", "boot.rmi"];
    let output = folder.rimsim(&[&words[..], &images].concat());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    for text in [
        "10 lines: 4 calls of the Host, 0 of Realms, 4 lines of kvmtool, 0 torn, 2 others",
        "line 4: RTT_INIT_RIPAS is by kvmtool's lines",
        "line 6: DATA_CREATE is by kvmtool's lines",
        "line 1: kvmtool wrote its device tree, 65536 bytes, to /mnt/guest.dtb",
        "0x17ff_b000 is no memory of fvp",
    ] {
        assert!(said.contains(text), "{text}: {said}");
    }
    let run = folder.rimsim(&["run", "--allow-outside", "boot.rmi"]);
    assert_eq!(stdout(&run), rim, "{}", String::from_utf8_lossy(&run.stderr));
    // Without the files it is known what is missing.
    let output = folder.rimsim(&words);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3));
    assert!(said.contains("contents of IPA 0x8fe0_0000..0x8fe1_0000"), "{said}");
}

/// Lines that are torn, or that could be another Realm's, make no RIM.
#[test]
fn lines_that_say_too_little_are_gaps() {
    let gaps = |log: &str| {
        let log = read(log.as_bytes()).expect("a log");
        let gaps = import(&log, &Options::default()).expect("a script").gaps;
        gaps.into_iter().map(|gap| (gap.line, gap.what)).collect::<Vec<_>>()
    };
    assert_eq!(gaps(CONSOLE), []);
    let torn = CONSOLE.replace("80010000 (size 65536 bytes)", "800");
    let gap = (6, "a call that is torn".to_owned());
    assert_eq!(gaps(&torn), [gap]);
    let other = "SMC_RMI_REALM_CREATE 18000000 19582000 > RMI_SUCCESS\n";
    let two = CONSOLE.replacen("SMC_RMI_REC_AUX", &format!("{other}SMC_RMI_REC_AUX"), 1);
    let [(5, what)] = &gaps(&two)[..] else { panic!("{:?}", gaps(&two)) };
    assert!(what.contains("builds more than one at that time"), "{what}");
    // What the RMM prints itself is exact, and is not done twice.
    let data = "SMC_RMI_DATA_CREATE 17ffb000 26e00000 80000000 19583000 1 > RMI_SUCCESS\n";
    let both = CONSOLE.replacen("SMC_RMI_REC_CREATE", &format!("{data}SMC_RMI_REC_CREATE"), 1);
    let made = import(&read(both.as_bytes()).expect("a log"), &Options::default());
    let text = made.expect("a script").script.to_string();
    assert_eq!(text.matches("DATA_CREATE").count(), 1, "{text}");
    assert!(text.contains("RTT_INIT_RIPAS"), "{text}");
    // Of an RMM of 2.0 RIPAS is not measured.
    let text = CONSOLE.replace("SMC_RMI_REC_AUX_COUNT         17ffb000 > RMI_SUCCESS 10\n", "");
    let modern = text.replacen(
        "SMC_RMI_REALM_CREATE",
        "SMC_RMI_GRANULE_RANGE_DELEGATE 17ffb000 17ffc000 > RMI_SUCCESS 17ffc000\n\
         SMC_RMI_REALM_CREATE",
        1,
    );
    let made = import(&read(modern.as_bytes()).expect("a log"), &Options::default());
    let text = made.expect("a script").script.to_string();
    assert!(text.contains("RTT_DATA_MAP_INIT rd=0x17ff_b000 ipa=0x8000_0000"), "{text}");
}

/// Islet's calls are the same calls.
#[test]
fn islet_prints_in_its_own_form() {
    let islet: String = CONSOLE
        .lines()
        .filter(|line| line.starts_with("SMC_RMI_"))
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let arrow = words.iter().position(|word| *word == ">").expect("an arrow");
            let name = &words[0]["SMC_RMI_".len()..];
            let results = [&["0"], &words[arrow + 2..]].concat();
            let (args, results) = (words[1..arrow].join(", "), results.join(", "));
            format!("[TRACE]monitor::event -- RMI: {name:20} [{args}] > [{results}]\n")
        })
        .collect();
    let tf_rmm: String = CONSOLE
        .lines()
        .filter(|line| line.starts_with("SMC_RMI_"))
        .map(|line| format!("{line}\n"))
        .collect();
    let calls = |log: &str| read(log.as_bytes()).expect("a log").calls;
    assert_eq!(calls(&islet), calls(&tf_rmm));
    assert_eq!(calls(&islet).len(), 4);
    let torn = read(b"RMI: DATA_CREATE [17ffb000, 26e00000, 80").expect("a log").torn;
    assert_eq!((torn.len(), torn[0].rd), (1, Some(0x17ff_b000)));
    // Islet's own arguments in the order of a draft are refused as TF-RMM's are.
    let draft = islet.replacen("17ffb000, 26d85000, 26d84000", "26d85000, 17ffb000, 26d84000", 1);
    let error = import(&read(draft.as_bytes()).expect("a log"), &Options::default());
    assert!(error.expect_err("a draft").to_string().contains("names the Realm second"));
}
