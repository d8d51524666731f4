//! `--shard`: the parts are the whole.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Folder, stdout};
use crate::hosts::inputs::kernel;

const GUEST: &str = "--host kvm-v10 kvmtool -- lkvm run --realm --restricted_mem -c 1 -m 256M \
                     --irqchip=gicv3 -k Image -p quiet";

fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.file("Image", kernel("shards", 8192, 8192, 0));
    folder
}

impl Folder {
    /// The document of a command, and its exit code.
    fn document(&self, options: &str, guest: &str) -> (Value, i32) {
        let words: Vec<&str> = options.split(' ').chain(guest.split_whitespace()).collect();
        let output = self.rimsim(&words);
        let stderr = String::from_utf8_lossy(&output.stderr);
        let document = serde_json::from_slice(&output.stdout);
        let document = document.unwrap_or_else(|_| panic!("{words:?}: {stderr}"));
        (document, output.status.code().expect("it ended"))
    }

    fn rim_of(&self, guest: &str) -> String {
        let words: Vec<&str> =
            ["-q", "measure"].into_iter().chain(guest.split_whitespace()).collect();
        stdout(&self.rimsim(&words)).trim().to_owned()
    }
}

/// The items of a document's list, as text.
fn items(document: &Value, list: &str) -> Vec<String> {
    document[list].as_array().expect("a list").iter().map(Value::to_string).collect()
}

#[test]
fn parts_of_a_matrix_are_its_rows() {
    let folder = folder("shards-matrix");
    let options = "matrix --format json --cpus 1-3 --vary num-bps=2-4 --hash-algo sha512";
    let (whole, _) = folder.document(options, GUEST);
    for count in [1, 2, 4, 20] {
        let parts: Vec<String> = (1..=count)
            .flat_map(|part| {
                let options = format!("{options} --shard {part}/{count}");
                items(&folder.document(&options, GUEST).0, "rows")
            })
            .collect();
        assert_eq!(parts, items(&whole, "rows"), "{count} parts");
    }
}

#[test]
fn parts_of_a_search_find_what_it_finds() {
    let folder = folder("shards-search");
    let rim = folder.rim_of(&format!("--num-bps 5 --num-wps 3 {GUEST}"));
    let options = format!(
        "search --format json --rim {rim} --vary num-bps=2-9 --vary num-wps=2-9 --vary lpa2"
    );
    let candidates = |found: &Value| -> Vec<String> {
        let matches = found["matches"].as_array().expect("a list");
        matches.iter().flat_map(|one| items(one, "candidates")).collect()
    };
    let (whole, code) = folder.document(&options, GUEST);
    assert_eq!(code, 0);
    let (mut found, mut tried) = (Vec::new(), 0);
    for part in 1..=3 {
        let (document, code) = folder.document(&format!("{options} --shard {part}/3"), GUEST);
        let here = candidates(&document);
        assert_eq!(code, if here.is_empty() { 3 } else { 0 });
        tried += document["tried"].as_u64().expect("a number");
        found.extend(here);
    }
    assert_eq!(found, candidates(&whole));
    assert_eq!(tried, whole["tried"].as_u64().expect("a number"));
}

#[test]
fn parts_of_why_explain_what_it_explains() {
    let folder = folder("shards-why");
    let rim = folder.rim_of(&GUEST.replace("256M", "1G"));
    // Without time, what is one change is tried all the same.
    let options = format!("why --format json --budget 0 {rim}");
    let (whole, _) = folder.document(&options, GUEST);
    let (mut found, mut tried) = (BTreeSet::new(), 0);
    for part in 1..=2 {
        let (document, _) = folder.document(&format!("{options} --shard {part}/2"), GUEST);
        tried += document["tried"].as_u64().expect("a number");
        found.extend(items(&document, "explanations"));
    }
    assert_eq!(found, items(&whole, "explanations").into_iter().collect());
    assert!(!found.is_empty());
    assert_eq!(tried, whole["tried"].as_u64().expect("a number"));
    for wrong in ["0/2", "3/2", "x"] {
        let words = ["why", &rim, "--shard", wrong, "kvmtool", "--", "--realm"];
        folder.fails(&words, 2, "write I/N, such as 1/4 to 4/4 for four parts");
    }
}

/// What `why` changes in a command line, `search` is told to vary.
#[test]
fn options_are_varied_as_a_shell_reads_them() {
    let folder = folder("shards-options");
    folder.file("Image-old", kernel("shards-old", 12_288, 16_384, 0));
    let rim = folder.rim_of(&GUEST.replace("-k Image -p quiet", "-k Image-old -p 'quiet'"));
    let words: Vec<&str> = ["search", "--rim", &rim, "--vary", "lpa2=false"].to_vec();
    let variants = ["--option-variant", "", "--option-variant", "-k Image-old -p \"'quiet'\""];
    let guest: Vec<&str> = GUEST.split_whitespace().collect();
    let output = folder.rimsim(&[&words[..], &variants, &guest].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let text = stdout(&output);
    assert!(text.contains(r#"option-variant = -k Image-old -p "'quiet'""#), "{text}");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("not varied: host, "), "{stderr}");
    let open = [&words[..], &["--option-variant", "'a"], &guest].concat();
    folder.fails(&open, 2, "--option-variant 'a: a quotation mark is not closed");
}
