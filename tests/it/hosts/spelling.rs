//! A command line means the same however its options are spelled and ordered.

use proptest::prelude::*;
use rimsim::host::kvmtool::{self, Version};
use rimsim::host::{Call, Vm};

use super::cases::host;
use super::inputs::Inputs;
use crate::cases;

/// An option with a value: its letter, its name, an abbreviation that all versions know, a value.
type Option4 = (Option<char>, &'static str, &'static str, String);

/// How an option and its value are written.
#[derive(Clone, Copy, Debug)]
enum Spelling {
    Long,
    LongAttached,
    Abbreviated,
    Short,
    ShortAttached,
}

const SPELLINGS: [Spelling; 5] = [
    Spelling::Long,
    Spelling::LongAttached,
    Spelling::Abbreviated,
    Spelling::Short,
    Spelling::ShortAttached,
];

fn spell((letter, long, abbreviation, value): &Option4, spelling: Spelling) -> Vec<String> {
    let value = value.clone();
    match (spelling, letter) {
        (Spelling::LongAttached, _) => vec![format!("--{long}={value}")],
        (Spelling::Abbreviated, _) => vec![format!("--{abbreviation}"), value],
        (Spelling::Short, Some(letter)) => vec![format!("-{letter}"), value],
        (Spelling::ShortAttached, Some(letter)) => vec![format!("-{letter}{value}")],
        _ => vec![format!("--{long}"), value],
    }
}

fn kernel() -> impl Strategy<Value = String> {
    let names = vec!["k4k.img", "k1m.img", "k_bss_mix.img", "k_off10000.img", "k_small_isz.img"];
    prop::sample::select(names).prop_map(String::from)
}

/// Options that say one thing each, so that their order does not matter.
fn options() -> impl Strategy<Value = Vec<Option4>> {
    let initrds = vec!["i1.cpio", "i3.cpio", "i4095.cpio", "i65533.cpio", "i1m1.cpio"];
    let initrd = prop::option::of(prop::sample::select(initrds));
    let memory = (64_u64..6000, prop::option::of(2048_u64..5000));
    let params = prop::option::of("[a-z =]{0,40}");
    let seed = prop::option::of(any::<u64>());
    let algo = prop::option::of(prop::sample::select(&["sha256", "sha512"][..]));
    let irqchip = prop::option::of(prop::sample::select(&["gicv3", "gicv3-its"][..]));
    (kernel(), initrd, memory, 1_u32..40, params, seed, algo, irqchip).prop_map(
        |(kernel, initrd, (ram, base), cpus, params, seed, algo, irqchip)| {
            let base = base.map_or(String::new(), |base| format!("@{base}M"));
            let mut options: Vec<Option4> = vec![
                (Some('k'), "kernel", "ker", kernel),
                (Some('m'), "mem", "mem", format!("{ram}M{base}")),
                (Some('c'), "cpus", "cp", cpus.to_string()),
            ];
            let initrd = initrd.map(|name| (Some('i'), "initrd", "init", name.into()));
            options.extend(initrd);
            // An empty value can not be attached to a letter.
            let params = params.filter(|text| !text.is_empty());
            options.extend(params.map(|text| (Some('p'), "params", "par", text)));
            options.extend(seed.map(|seed| (None, "kaslr-seed", "kas", format!("{seed:#x}"))));
            options
                .extend(algo.map(|name| (None, "measurement-algo", "measurement-a", name.into())));
            options.extend(irqchip.map(|name| (None, "irqchip", "irq", name.into())));
            options
        },
    )
}

fn flags() -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(vec!["--rng", "--balloon", "--pmu", "--nodefaults"], 0..=4)
}

fn versions() -> impl Strategy<Value = Version> {
    prop::sample::select(&Version::ALL[..6])
}

fn plan(words: &[String], version: Version) -> Result<Vm, String> {
    let vm = kvmtool::plan(words, version, &host(), &mut Inputs::default(), None);
    // Remarks stand in the order of the options.
    vm.map(|vm| Vm { remarks: Vec::new(), ..vm }).map_err(|error| {
        let text = error.to_string();
        text.split_once(": ").map_or(text.clone(), |(_, why)| why.into())
    })
}

/// What holds of every VM.
fn check(vm: &Vm) {
    let ram = &vm.slots[0].ipa;
    assert!(ram.end <= 1 << (vm.ipa_bits - 1), "RAM is in the protected half");
    for (index, region) in vm.regions.iter().enumerate() {
        assert!(ram.start <= region.ipa.start && region.ipa.end <= ram.end);
        assert!(region.ipa.start % 4096 == 0 && region.ipa.end % 4096 == 0);
        let image = region.image.as_ref().expect("contents");
        let len = region.ipa.end - region.ipa.start;
        assert!(region.fill_bytes + image.len_bytes() <= len);
        assert_eq!(vm.calls.iter().filter(|call| **call == Call::Populate(index)).count(), 1);
    }
    let tree = vm.regions.last().expect("a device tree");
    assert_eq!((tree.name, tree.ipa.end - tree.ipa.start), ("dtb", 0x1_0000));
    assert_eq!(vm.vcpus[0].gprs[0], tree.ipa.start);
    let create = vm.calls.iter().position(|call| *call == Call::CreateRealm);
    let recs = vm.calls.iter().position(|call| *call == Call::FinalizeRec(0));
    assert!(create < recs);
    assert_eq!(vm.calls.last(), Some(&Call::Activate));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(60)))]

    #[test]
    fn order_and_spelling_do_not_matter(
        options in options(),
        flags in flags(),
        version in versions(),
        keys in prop::collection::vec((any::<u32>(), prop::sample::select(&SPELLINGS[..])), 16),
    ) {
        let plain = options.iter().flat_map(|option| spell(option, Spelling::Long));
        let flat: Vec<String> =
            plain.chain(flags.iter().map(|flag| String::from(*flag))).collect();
        let canonical = [vec!["run".into(), "--realm".into()], flat].concat();

        let spelled = options.iter().zip(&keys).map(|(option, key)| (key.0, spell(option, key.1)));
        let switches = ["--realm"].into_iter().chain(flags);
        let switches = switches.zip(keys.iter().rev());
        let switches = switches.map(|(flag, key)| (key.0, vec![flag.to_owned()]));
        let mut shuffled: Vec<_> = spelled.chain(switches).collect();
        shuffled.sort_by_key(|(key, _)| *key);
        let shuffled: Vec<String> = shuffled.into_iter().flat_map(|(_, words)| words).collect();

        let vm = plan(&canonical, version);
        prop_assert_eq!(&vm, &plan(&shuffled, version));
        // Options that are repeated, the last one as before, change nothing.
        let twice = [canonical.clone(), canonical[1..].to_vec()].concat();
        prop_assert_eq!(&vm, &plan(&twice, version));
        if let Ok(vm) = vm {
            check(&vm);
        }
    }

    #[test]
    fn no_words_panic(words in prop::collection::vec("(--)?[-a-z0-9=@,]{0,12}", 0..8)) {
        for version in Version::ALL {
            let _ = plan(&words, version);
        }
    }
}

#[test]
fn numbers_and_defaults_as_kvmtool_reads_them() {
    let good = |line: &str| {
        let words: Vec<String> = line.split(' ').map(String::from).collect();
        plan(&words, Version::Eac5).unwrap_or_else(|error| panic!("{line}: {error}"))
    };
    let base = good("run --realm -c 4 -m 256M -k k4k.img -i i1.cpio --kaslr-seed 255");
    for line in [
        "lkvm run --realm -c4 -m256 -kk4k.img -ii1.cpio --kaslr-seed 0xff",
        "/usr/bin/lkvm run --realm -c 0x4 -m 256m -k k4k.img -i i1.cpio --kaslr-seed=0377",
        "--realm -c 4cpus -m 262144k k4k.img -i i1.cpio --kaslr-seed 255.5",
        "run --realm -c 4294967300 -m 268435456b -k k4k.img -i i1.cpio --kaslr 255",
        "run --no-realm --realm -c 9 -c 4 -m 1G -m 256M@2G -k x -k k4k.img -i i1.cpio --kas 255",
        "run --realm -c 4 -m +256 -k k4k.img -i i1.cpio -p x --no-params --kaslr-seed 255",
        "run --realm -c 4 -m 256M -k k4k.img -i i1.cpio --kaslr-seed 255 --debug --no-debug",
    ] {
        assert_eq!(good(line), base, "{line}");
    }
    // Without -m: 64 MiB for each vCPU and three more.
    let ram = &good("run --realm -c 5 -k k4k.img").slots[0].ipa;
    assert_eq!(ram.end - ram.start, 512 << 20);
    // More vCPUs than the host allows are limited to what it allows.
    assert_eq!(good("run --realm -c 600 -m 256M -k k4k.img").vcpus.len(), 512);
}
