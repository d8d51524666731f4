//! kvmtool command lines that start no Realm, each with its reason.

use rimsim::host::kvmtool::{self, Version};
use rimsim::host::{Layer, Refusal};

use super::cases::host;
use super::inputs::Inputs;

/// What is added to a good command line, and the error.
///
/// The good one comes first, so that the last of repeated options is the bad one.
const ADDED: &str = include_str!("kvmtool_refusals.txt");

/// The version, the words and the expected error of each entry.
fn entries() -> Vec<(Version, &'static str, &'static str)> {
    let blocks = ADDED.split("\n\n").filter(|block| !block.trim().is_empty());
    let entry = |block: &'static str| {
        let (command, error) = block.trim_end().split_once('\n').expect("two lines");
        let (version, words) = command.split_once(": ").expect("a version");
        (Version::named(version).expect("a version"), words, error)
    };
    blocks.map(entry).collect()
}

fn error(version: Version, line: &str) -> String {
    let unquoted = |word: &str| word.replace("''", "").replace('~', " ");
    let words: Vec<_> = line.split_whitespace().map(unquoted).collect();
    match kvmtool::plan(&words, version, &host(), &mut Inputs::default(), None) {
        Ok(vm) => panic!("`{line}` starts a VM of {} bits", vm.ipa_bits),
        Err(error @ Refusal::Refused { by: Layer::Kvm, .. }) => format!("KVM: {error}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn every_bad_command_line_says_why() {
    let entries = entries();
    assert!(entries.len() >= 60, "{} entries", entries.len());
    let mut made = String::new();
    for (version, words, _) in &entries {
        let name = version.alias().unwrap_or(version.name());
        made += &format!("{name}: {words}\n{}\n\n", error(*version, words));
    }
    if std::env::var_os("BLESS").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/hosts/kvmtool_refusals.txt");
        std::fs::write(path, format!("{}\n", made.trim_end())).expect("a file of the project");
        return;
    }
    assert_eq!(made.trim_end(), ADDED.trim_end());
}
