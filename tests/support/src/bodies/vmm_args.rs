//! The target `vmm_args`: a byte that chooses VMM, version and overrides, then the words of a
//! command line, one a line.

use std::sync::Arc;

use rimsim::host::kvmtool::{self, Version};
use rimsim::host::vmm::Context;
use rimsim::host::{Caps, Files, Overrides, Refusal, Vm, cloud_hypervisor, qemu};
use rimsim::measure::image::{Image, ImageError};

use super::host_caps;

/// Words of one command line.
const MOST_WORDS: usize = 64;
/// Versions of VMMs in all.
const CHOICES: usize = Version::ALL.len() + qemu::VERSIONS.len() + cloud_hypervisor::VERSIONS.len();

/// Files by the first letters of their names.
struct Letters;

impl Files for Letters {
    fn open(&mut self, name: &str) -> Result<Arc<Image>, ImageError> {
        let path = name.to_owned();
        let bytes = match name.as_bytes() {
            [] | [0 | b'e', ..] => return Err(ImageError::Empty { path }),
            [b'd', ..] => return Err(ImageError::Directory { path }),
            // A kernel: text offset and image size follow from the name.
            [b'k', rest @ ..] => {
                let mut header = vec![0; 4096 + rest.len()];
                let mut number = [0; 16];
                let len = rest.len().min(number.len());
                number[..len].copy_from_slice(&rest[..len]);
                header[8..24].copy_from_slice(&number);
                header[56..60].copy_from_slice(b"ARM\x64");
                header
            }
            [b'z', ..] => vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0],
            [first, ..] => vec![*first; usize::from(*first) * 97],
        };
        Ok(Arc::new(Image::from_bytes(path, bytes)))
    }
}

/// Reads a command line twice: it makes the same VM or the same error, and a VM has what KVM needs.
pub fn run(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(rest);
    let words: Vec<String> = text.split('\n').take(MOST_WORDS).map(str::to_owned).collect();
    let (overrides, choice) = (usize::from(*choice) / CHOICES, usize::from(*choice) % CHOICES);
    let overrides = OVERRIDES[overrides % OVERRIDES.len()]();
    match (plan(choice, &words, &overrides), plan(choice, &words, &overrides)) {
        (Ok(vm), Ok(again)) => {
            assert_eq!(vm, again, "one command line makes one VM");
            check(&vm);
            let cpus = u32::try_from(vm.vcpus.len()).expect("few");
            assert!(overrides.cpus.is_none_or(|wanted| wanted == cpus), "{cpus} vCPUs");
        }
        (Err(error), Err(again)) => assert_eq!(error.to_string(), again.to_string()),
        _ => panic!("a command line is either good or bad"),
    }
}

/// What may be otherwise than the line says; in the first of them nothing is.
const OVERRIDES: [fn() -> Overrides; 7] = [
    Overrides::default,
    || Overrides { cpus: Some(3), ..Overrides::default() },
    || Overrides { mem_bytes: Some(256 << 20), ..Overrides::default() },
    || Overrides { append: Some("a, b=\"c\" ,,".to_owned()), ..Overrides::default() },
    || Overrides { log: Some(true), ..Overrides::default() },
    || Overrides {
        cpus: Some(8),
        mem_bytes: Some(3 << 30),
        append: Some(String::new()),
        log: Some(false),
        ..Overrides::default()
    },
    || Overrides { payload_window_bytes: Some(64 << 20), ..Overrides::default() },
];

fn plan(choice: usize, words: &[String], overrides: &Overrides) -> Result<Vm, Refusal> {
    let caps = Caps { sve_vls: vec![128, 256], gicv2: true, ..host_caps() };
    let files = &mut Letters;
    let device_tree = Some(Arc::new(Image::from_bytes("dtb", vec![1; 5000])));
    if let Some(version) = Version::ALL.get(choice) {
        // Half of them with their own device tree.
        let supplied = device_tree.filter(|_| words.len().is_multiple_of(2));
        return kvmtool::plan_with(words, *version, &caps, files, supplied, overrides);
    }
    let device_tree = device_tree.filter(|_| words.len().is_multiple_of(2));
    let mut context = Context { caps: &caps, files, device_tree };
    let rest = choice - Version::ALL.len();
    match qemu::VERSIONS.get(rest) {
        Some(version) => qemu::vm_with(version.name, words, &mut context, overrides),
        None => {
            let version = cloud_hypervisor::VERSIONS[rest - qemu::VERSIONS.len()].name;
            cloud_hypervisor::vm_with(version, words, &mut context, overrides)
        }
    }
}

fn check(vm: &Vm) {
    assert!(!vm.vcpus.is_empty() && vm.vcpus.len() <= 512);
    for region in &vm.regions {
        assert!(region.ipa.start < region.ipa.end);
        assert!(region.ipa.start % 4096 == 0 && region.ipa.end % 4096 == 0);
        if let Some(image) = &region.image {
            let len = region.ipa.end - region.ipa.start;
            assert!(region.fill_bytes + image.len_bytes() <= len);
        }
    }
}
