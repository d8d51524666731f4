//! The target `qemu_args`: a byte that chooses the version, then words of QEMU's command line, one
//! a line, after those of a machine whose tree can be made.

use std::sync::Arc;

use rimsim::host::vmm::Context;
use rimsim::host::{Caps, Files, Refusal, qemu};
use rimsim::measure::image::{Image, ImageError};

use super::host_caps;

/// Words of one command line.
const MOST_WORDS: usize = 64;
/// QEMU's tree is a buffer of this size.
const TREE_BYTES: usize = 1 << 20;

/// Files as long as their names say.
struct Lengths;

impl Files for Lengths {
    fn open(&mut self, name: &str) -> Result<Arc<Image>, ImageError> {
        let bytes = vec![0xA5; name.len() * 1013 + 1];
        Ok(Arc::new(Image::from_bytes(name.to_owned(), bytes)))
    }
}

/// Makes the tree twice: the same tree, or the same error. As a Realm's, the VM has it too.
pub fn run(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    let version = qemu::VERSIONS[usize::from(*choice) % qemu::VERSIONS.len()].name;
    let start = match choice / 16 % 3 {
        0 => "-M virt,dtb-randomness=off -cpu max",
        1 => "-M virt,dtb-randomness=off -accel kvm -cpu host",
        _ => {
            "-M virt,confidential-guest-support=r -object rme-guest,id=r -accel kvm -cpu host \
             -kernel k"
        }
    };
    let text = String::from_utf8_lossy(rest);
    let words = start.split(' ').chain(text.split('\n').take(MOST_WORDS));
    let words: Vec<String> = words.filter(|word| !word.is_empty()).map(str::to_owned).collect();
    let (its, gicv2) = (choice % 2 == 0, choice % 4 == 1);
    let caps = Caps { sve_vls: vec![128], its, gicv2, ..host_caps() };
    let files = &mut Lengths;
    let mut context = Context { caps: &caps, files, device_tree: None };
    let tree = |context: &mut Context<'_>| {
        let made = qemu::device_tree(version, &words, context);
        made.map_err(|error: Refusal| error.to_string())
    };
    let made = tree(&mut context);
    assert_eq!(made, tree(&mut context), "one command line makes one tree");
    // A tree that the command line names is as it is.
    let named = words.iter().any(|word| word.contains("dtb=") || word.ends_with("-dtb"));
    if let Ok(made) = &made {
        assert!(named || made.bytes.len() == TREE_BYTES);
    }
    if let (Ok(vm), Ok(made)) = (qemu::vm(version, &words, &mut context), made) {
        let region = vm.regions.iter().find(|region| region.name == "dtb").expect("a tree");
        let image = region.image.as_ref().expect("contents");
        assert_eq!((region.ipa.start, image.bytes_from(0)), (made.base, &made.bytes[..]));
    }
}
