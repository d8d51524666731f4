//! The page about chains.

use std::fs;

use serde_json::Value;

use super::boot::folder;
use super::stdout;

#[test]
fn a_boot_in_time() {
    let folder = folder("boot-report");
    folder.file("fw.fd", vec![7; 0x3000]);
    let chain = fs::read_to_string(folder.path("c_uki-sha256.toml")).expect("a chain");
    let vm = "[measure]\nvm = \"kvmtool -- lkvm run --realm -c 2 -m 512M -f fw.fd\"\n";
    let chain = chain.replace("hash_algo = \"sha256\"\n", vm);
    folder.file("<b>.toml", chain.replace("[1]", "[1, 2]"));
    folder.file("chain.toml", &chain);
    let report = |files: &[&str]| {
        let output = folder.rimsim(&[&["report", "-o", "page.html"], files].concat());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        fs::read_to_string(folder.path("page.html")).expect("a page")
    };
    let page = report(&["chain.toml"]);
    let booted = stdout(&folder.rimsim(&["boot", "--format", "json", "chain.toml"]));
    let booted: Value = serde_json::from_str(&booted).expect("JSON");
    let events = booted["events"].as_array().expect("events");
    assert_eq!(page.matches("class=\"lane on\"").count(), events.len());
    for event in events {
        let (digest, after) = (&event["digest"], &event["after"]);
        let (digest, after) = (digest.as_str().expect("hex"), after.as_str().expect("hex"));
        let row = format!("{digest}<br>rem{} {after}</span>", event["rem"]);
        assert!(page.contains(&row), "{row}");
    }
    for part in [
        "<h3>29 measurements in time, and the register after each</h3>",
        "scope=\"rowgroup\">[[boot]] 1 (uki)</th>",
        "section .osrel, 23 bytes",
        "varies with the UKI: with the file of this section",
        "assumed variables.SecureBoot, PK, KEK, db, dbx = absent",
        "<td class=\"name\">chain.toml</td><td>chain</td>",
        "uki.bin</td>",
        "Intermediate physical addresses",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(page.contains(&format!("RIM</span> {}", booted["rim"].as_str().expect("hex"))));
    assert_eq!(page, report(&["chain.toml"]), "equal bytes");
    // Two of them: registers beside each other, and where they differ. Names are no markup.
    let page = report(&["chain.toml", "<b>.toml"]);
    assert!(!page.contains("<b>") && page.contains("&lt;b&gt;.toml</h2>"), "names are text");
    assert!(page.contains("chain.toml and &lt;b&gt;.toml</h2>"));
    let told = "then event 9: BootOrder Boot0001 differs";
    assert!(page.contains(told), "{told}");
    assert!(page.contains("<td>rem1</td>"));
    folder.fails(&["report", "-o", "x.html", "no.toml"], 1, "no.toml");
}
