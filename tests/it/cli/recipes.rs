//! Scripts of VMMs that are no profiles, which users change to their own VM.

use std::path::{Path, PathBuf};

use crate::cli::{Folder, stdout};

fn recipes() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/recipes")
}

/// Each plays as it is, makes no mistake that the RIM would show, and says how well it is known.
#[test]
fn recipes_play() {
    let folder = Folder::new("recipes");
    let mut files: Vec<PathBuf> = std::fs::read_dir(recipes())
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rmi"))
        .collect();
    files.sort();
    assert!(files.len() >= 3);
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a script");
        assert!(text.contains("# Certainty: inferred.") && text.contains("yours"), "{text}");
        let name = file.to_str().expect("UTF-8");
        let output = folder.rimsim(&["run", name]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let rim = stdout(&output);
        let is_hex = rim.trim().bytes().all(|byte| byte.is_ascii_hexdigit());
        assert!(is_hex && rim.trim().len() == 64, "{name}: {rim}");
        // virtCCA is taken to have no RIPAS: that is what its only finding says.
        let findings = stdout(&folder.rimsim(&["lint", name]));
        let known = name.ends_with("virtcca.rmi") && findings.contains("the Realm has no RAM");
        assert!(findings.lines().count() == usize::from(known), "{findings}");
    }
}

/// The two ranges of virtCCA are measured without their seams.
#[test]
fn gaps_of_virtcca_are_zeros() {
    let folder = Folder::new("recipe-virtcca");
    let file = recipes().join("virtcca.rmi");
    let text = std::fs::read_to_string(&file).expect("a script");
    let splitmix = |len: usize, seed: u64| -> Vec<u8> {
        let mut state = seed;
        let words = std::iter::repeat_with(|| {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let word = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            (word ^ (word >> 31)).to_le_bytes()
        });
        words.take(len / 8).flatten().collect()
    };
    // ldr x0; mov x1, x2, x3; ldr x4; br x4, and the two addresses.
    let code: [u32; 6] =
        [0x5800_00c0, 0xaa1f_03e1, 0xaa1f_03e2, 0xaa1f_03e3, 0x5800_0084, 0xd61f_0080];
    let mut first: Vec<u8> = code.iter().flat_map(|word| word.to_le_bytes()).collect();
    first.extend([0x4820_0000_u64, 0x4020_0000].iter().flat_map(|address| address.to_le_bytes()));
    first.resize(2 << 20, 0);
    first.extend(splitmix(64 << 10, 1));
    let mut second = splitmix(20 << 10, 2);
    second.resize(2 << 20, 0);
    second.extend(splitmix(64 << 10, 3));
    second.resize(4 << 20, 0);
    folder.file("first", first).file("second", second);
    let (before, rest) = text.split_once("DATA_CREATE").expect("contents");
    let (_, after) = rest.split_once("\n\n").expect("the RECs");
    let whole = format!(
        "{before}image first = \"first\"\nimage second = \"second\"\n\
         DATA_CREATE rd=rd ipa=ram image=first flags=measure\n\
         DATA_CREATE rd=rd ipa=initrd_ipa image=second flags=measure\n{after}"
    );
    folder.file("whole.rmi", whole);
    let rim = stdout(&folder.rimsim(&["run", "whole.rmi"]));
    assert_eq!(rim, stdout(&folder.rimsim(&["run", file.to_str().expect("UTF-8")])));
    assert!(!rim.is_empty());
}
