//! Logs of CC firmware: which registers they mean, and what is said where REMs can not be known.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::{Folder, stdout};
use crate::event_log::Writer;

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("spec-vectors/measured-boot")
}

/// The REMs were calculated apart from rimsim, from the rules of the firmware.
#[test]
fn logs_of_firmware_have_their_recorded_rems() {
    let folder = Folder::new("cc_log_rems");
    let lines = fs::read_to_string(vectors().join("rems.txt")).expect("a file");
    assert_eq!(lines.lines().count(), 8);
    for line in lines.lines() {
        let mut words = line.split(' ');
        let file = vectors().join(words.next().expect("a name"));
        let output = folder.rimsim(&["log", file.to_str().expect("UTF-8")]);
        assert_eq!(output.status.code(), Some(0), "{line}: {output:?}");
        let wanted: Vec<String> =
            words.zip(1..).map(|(value, n)| format!("rem{n} {value}")).collect();
        let text = stdout(&output);
        let found: Vec<&str> = text.lines().filter(|line| line.starts_with("rem")).collect();
        assert_eq!(found, wanted);
    }
}

fn log() -> Writer {
    let mut log = Writer::new(&[(0x0B, 32)]);
    log.event(1, 13, &[(0x0B, vec![7; 32])], b"one");
    log
}

#[test]
fn a_rem_that_can_not_be_known_is_not_printed() {
    let folder = Folder::new("cc_log_unknown");
    let none = |name: &str, place: &str| {
        let output = folder.rimsim(&["log", name]);
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        let text = stdout(&output);
        for n in 1..=4 {
            assert!(text.contains(&format!("\nrem{n} unknown ({place}")), "{text}");
        }
        let json = stdout(&folder.rimsim(&["log", name, "--format", "json"]));
        let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        for rem in json["rems"].as_array().expect("four") {
            assert!(rem["value"].is_null() && rem["unknown"].is_string(), "{rem}");
        }
        folder.fails(
            &["log", name, "--expect-rem", &format!("2={}", "ab".repeat(32))],
            3,
            "REM 2 is unknown",
        );
    };
    let mut writer = log();
    writer.event(9, 13, &[(0x0B, vec![8; 32])], b"of a TPM");
    folder.file("index", &writer.0);
    none("index", "event 2, byte 0x76: a Realm has no register 9)");
    folder.fails(&["log", "index"], 3, "--registers pcr");
    let cut = &writer.0[..writer.0.len() - 3];
    folder.file("cut", cut);
    none("cut", "event 2, byte 0xa8: ");
    let mut writer = log();
    writer.event(2, 13, &[], b"no digest");
    folder.file("digest", &writer.0);
    let text = stdout(&folder.rimsim(&["log", "digest"]));
    assert!(text.contains("\nrem2 unknown (event 2, byte 0x76: no digest"), "{text}");
    assert!(text.contains("\nrem1 ") && !text.contains("rem1 unknown"), "{text}");
    folder.fails(&["log", "digest"], 3, "a REM can not be known: event 2");
}

#[test]
fn events_are_read_as_what_they_are() {
    let folder = Folder::new("cc_log_forms");
    let mut writer = log();
    writer.event(3, 6, &[(0x0B, vec![8; 32])], b"LOADED_IMAGE::LoadOptions\0");
    // The first event of TDX's firmware has register 1.
    writer.0[0] = 1;
    folder.file("tag", &writer.0);
    let output = folder.rimsim(&["log", "tag", "-v"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = stdout(&output);
    assert!(text.contains("2 rem3 EV_EVENT_TAG \"LOADED_IMAGE::LoadOptions\" sha256:08"), "{text}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("read as mr"), "{said}");
}

#[test]
fn the_acpi_table_is_not_the_log() {
    let folder = Folder::new("cc_log_table");
    let mut table = [&b"CCEL"[..], &56_u32.to_le_bytes(), &[1, 0], b"ARMLTDEDK2    "].concat();
    table.resize(36, 0);
    table.extend([4, 0, 0, 0]);
    table.extend(65536_u64.to_le_bytes());
    table.extend(0x8123_0000_u64.to_le_bytes());
    let sum = table.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    table[9] = 0_u8.wrapping_sub(sum);
    folder.file("CCEL", &table);
    let says = "the ACPI table CCEL of Arm CCA, which says that a log of 65536 bytes lies at \
                0x81230000; the log itself is /sys/firmware/acpi/tables/data/CCEL";
    folder.fails(&["log", "CCEL"], 2, says);
    table[9] ^= 1;
    folder.file("CCEL", &table).file("begin", &table[..20]);
    folder.fails(&["log", "CCEL"], 2, "its checksum is wrong");
    folder.fails(&["log", "begin"], 2, "20 of its 56 bytes");
}
