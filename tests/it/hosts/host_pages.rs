//! Hosts with pages of 16 and 64 KiB: what QEMU pads and merges, and the RIM of it, worked out from
//! the rules alone.

use std::collections::{BTreeMap, BTreeSet};

use rimsim::abi::granule_size::GranuleSize;
use rimsim::host::kvm::StageKind;
use rimsim::host::vmm::Context;
use rimsim::host::{Caps, Refusal, Vm, qemu};

use super::boot::boot;
use super::cases::host;
use super::made_files::{Made, bytes};
use crate::naive_rim::NaiveRim;

const RAM: u64 = 0x4000_0000;
const MIB: u64 = 1 << 20;
const RAM_BYTES: u64 = 8 * MIB;
const PAGE: u64 = 4096;

/// A kernel with an arm64 header: where it begins in RAM, and its bytes, which are all its memory.
fn kernel(offset: u64, len: usize) -> Vec<u8> {
    let mut file = bytes(1, len);
    file[8..16].copy_from_slice(&offset.to_le_bytes());
    file[16..24].copy_from_slice(&(len as u64).to_le_bytes());
    file[56..60].copy_from_slice(b"ARM\x64");
    file
}

fn caps(page: GranuleSize) -> Caps {
    Caps { host_page_size: page, ..host() }
}

fn vm(program: &str, page: GranuleSize, made: &mut Made) -> Result<Vm, Refusal> {
    let line = "-accel kvm -cpu host -M virt,gic-version=3,confidential-guest-support=r -object \
                rme-guest,id=r -m 8M -nodefaults -kernel kernel -initrd initrd";
    let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
    let caps = caps(page);
    let mut context = Context { caps: &caps, files: made, device_tree: None };
    qemu::vm(program, &argv, &mut context)
}

/// Where images lie: at their offset; behind half of RAM or the kernel, at a page of 4 KiB; at the
/// 2 MiB behind that. The device tree's bytes are QEMU's affair, and a buffer of 1 MiB.
fn images(made: &Made, offset: u64, tree: Vec<u8>) -> Vec<(u64, Vec<u8>)> {
    let (kernel, initrd) = (made.0["kernel"].clone(), made.0["initrd"].clone());
    let end = RAM + offset + kernel.len() as u64;
    let initrd_base = end.max(RAM + RAM_BYTES / 2).next_multiple_of(PAGE);
    let tree_base = (initrd_base + initrd.len() as u64).next_multiple_of(2 * MIB);
    let mut tree = tree;
    tree.resize(1 << 20, 0);
    vec![(RAM + offset, kernel), (initrd_base, initrd), (tree_base, tree)]
}

/// What is populated, by pages of 4 KiB, in order of addresses: each image with zeros up to the
/// host's pages. `None` if a page of the host holds two images, which only one program merges.
fn populated(
    images: &[(u64, Vec<u8>)],
    host_page: u64,
    merges: bool,
) -> Option<BTreeMap<u64, [u8; 4096]>> {
    let mut pages: BTreeMap<u64, [u8; 4096]> = BTreeMap::new();
    for (base, bytes) in images {
        let from = base / host_page * host_page;
        let to = (base + bytes.len() as u64).next_multiple_of(host_page);
        for page in (from..to).step_by(4096) {
            let is_new = !pages.contains_key(&page);
            if !is_new && !merges {
                return None;
            }
            pages.entry(page).or_insert([0; 4096]);
        }
        let mut rest = &bytes[..];
        let mut at = *base;
        while !rest.is_empty() {
            let start = usize::try_from(at % PAGE).expect("inside");
            let (these, others) = rest.split_at(rest.len().min(4096 - start));
            let page = pages.get_mut(&(at - at % PAGE)).expect("it was made");
            page[start..start + these.len()].copy_from_slice(these);
            (rest, at) = (others, at + these.len() as u64);
        }
    }
    Some(pages)
}

/// The RIM: a VMM that drives sets the RIPAS of all RAM first, in entries of 2 MiB; a KVM that
/// drives does so last, for what is not populated: pages where there is a table, else 2 MiB.
fn folded(vm: &Vm, host: &str, page: GranuleSize, pages: &BTreeMap<u64, [u8; 4096]>) -> String {
    let realm = boot(host, &caps(page), vm).expect("a Realm");
    let StageKind::RealmCreate(params) = realm.stages[0].kind else { panic!("parameters first") };
    let mut rim = NaiveRim::of_realm(&params);
    let blocks = || (RAM..RAM + RAM_BYTES).step_by(2 << 20);
    let drives_itself = host == "kvm-v12";
    let rec = |rim: &mut NaiveRim| {
        let vcpu = &vm.vcpus[0];
        rim.rec(1, vcpu.pc, vcpu.gprs);
    };
    if !drives_itself {
        blocks().for_each(|block| rim.ripas(block, block + 2 * MIB));
    }
    pages.iter().for_each(|(ipa, bytes)| rim.data(*ipa, 1, bytes));
    rec(&mut rim);
    if drives_itself {
        let tables: BTreeSet<u64> = pages.keys().map(|ipa| ipa / (2 * MIB) * 2 * MIB).collect();
        for block in blocks() {
            if !tables.contains(&block) {
                rim.ripas(block, block + 2 * MIB);
                continue;
            }
            for ipa in (block..block + 2 * MIB).step_by(4096) {
                if !pages.contains_key(&ipa) {
                    rim.ripas(ipa, ipa + PAGE);
                }
            }
        }
    }
    let len = if params.hash_algo == 1 { 64 } else { 32 };
    let expected: String = rim.slot[..len].iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(realm.rim(), expected, "{host} {page}");
    expected
}

#[test]
fn images_are_padded_and_merged_by_pages_of_the_host() {
    // Offset and length of the kernel: aligned; at a page of 4 KiB; inside one; its end in the page
    // of 64 KiB that holds the initrd; that of 16 KiB too.
    let kernels = [
        (0x8_0000, 100_000),
        (0x8_1000, 100_000),
        (0x8_0010, 100_000),
        ((4 << 20) - 0x1_4000, 97_920),
        ((4 << 20) - 0x1_8000, 100_000),
    ];
    let programs = [
        ("cca-v3", "kvm-v10"),
        ("linaro-2025", "kvm-v10"),
        ("rmi", "kvm-v12"),
        ("nvidia-11.0", "kvm-v12"),
    ];
    let mut outcomes = BTreeMap::new();
    for (offset, len) in kernels {
        let mut made =
            Made(BTreeMap::from([("kernel", kernel(offset, len)), ("initrd", bytes(2, 5000))]));
        for (program, host) in programs {
            for page in [GranuleSize::K4, GranuleSize::K16, GranuleSize::K64] {
                let tree = vm(program, GranuleSize::K4, &mut made).expect("pages of 4 KiB do");
                let tree = tree.regions.iter().find(|region| region.name == "dtb");
                let tree = tree.and_then(|region| region.image.clone()).expect("a tree");
                let images = images(&made, offset, tree.bytes_from(0).to_vec());
                let merges = program == "nvidia-11.0";
                let name = format!("{program} {page} {offset:#x} {len}");
                let Some(pages) = populated(&images, page.bytes(), merges) else {
                    let error = vm(program, page, &mut made).expect_err(&name).to_string();
                    assert!(error.contains("overlaps the kernel"), "{name}: {error}");
                    outcomes.insert(name, "refused".to_owned());
                    continue;
                };
                let vm = vm(program, page, &mut made).unwrap_or_else(|no| panic!("{name}: {no}"));
                outcomes.insert(name, folded(&vm, host, page, &pages));
            }
        }
    }
    let refused = outcomes.values().filter(|outcome| *outcome == "refused").count();
    // The last kernel shares its page of 16 KiB and of 64 KiB, the one before that of 64 KiB alone.
    assert_eq!((outcomes.len(), refused), (60, 9));
    // What the sizes change is the padding: of these kernels' ends it is of each a different one.
    let of = |page: &str| outcomes[&format!("rmi {page} 0x80000 100000")].clone();
    assert!(of("4k") != of("16k") && of("16k") != of("64k"));
}

#[test]
fn a_program_that_gives_kvm_the_first_byte_needs_it_aligned() {
    for (offset, page, fits) in [
        (0x8_0000, GranuleSize::K64, true),
        (0x8_1000, GranuleSize::K4, true),
        (0x8_1000, GranuleSize::K16, false),
        (0x8_0010, GranuleSize::K4, false),
    ] {
        let mut made =
            Made(BTreeMap::from([("kernel", kernel(offset, 100_000)), ("initrd", bytes(2, 5000))]));
        let vm = vm("cca-v4", page, &mut made);
        // Whether this program writes a boot stub was not seen, and that is said.
        let says = |vm: &Vm| vm.assumed.iter().any(|assumed| assumed.key == "stub");
        assert!(vm.as_ref().map_or(true, says));
        let error = vm.as_ref().map_or_else(ToString::to_string, |_| String::new());
        assert_eq!(vm.is_ok(), fits, "{error}");
        assert!(fits || error.contains("which is no page of the host"), "{error}");
    }
}
