//! `matrix`: every row is what `measure` says of it alone.

use std::process::Output;

use serde_json::Value;

use crate::cli::{Folder, stdout};
use crate::hosts::inputs::kernel;

fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.file("Image", kernel("Image", 9000, 20_000, 0)).file("initrd", [7; 5000]);
    folder
}

fn rows(output: &Output) -> Vec<Value> {
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&document["schema"], &document["command"]), (&"rimsim/1".into(), &"matrix".into()));
    document["rows"].as_array().expect("rows").clone()
}

/// Holds each row against a `measure` with the arguments that `single` makes of its values; how
/// many have a RIM.
fn compare(
    folder: &Folder,
    axes: &[&str],
    vmm: &[&str],
    single: impl Fn(&Value) -> (Vec<String>, Vec<String>),
) -> usize {
    let output = folder.rimsim(&[&["matrix", "--format", "json"], axes, vmm].concat());
    let rows = rows(&output);
    let mut measured = 0;
    for row in &rows {
        let (before, behind) = single(&row["values"]);
        let before = before.iter().map(String::as_str);
        let words: Vec<&str> =
            ["measure"].into_iter().chain(before).chain(vmm.iter().copied()).collect();
        let behind: Vec<&str> = behind.iter().map(String::as_str).collect();
        let alone = folder.rimsim(&[words, behind].concat());
        match row["rim"].as_str() {
            Some(rim) => {
                assert_eq!(stdout(&alone), format!("{rim}\n"), "{row} {alone:?}");
                measured += 1;
            }
            None => {
                let why = row["refused"].as_str().expect("a reason");
                let said = String::from_utf8_lossy(&alone.stderr);
                assert!(said.contains(&format!("error: {why}\n")), "{row}: {said}");
            }
        }
    }
    let code = if measured == rows.len() { 0 } else { 4 };
    assert_eq!(output.status.code(), Some(code));
    measured
}

fn text(values: &Value, name: &str) -> String {
    values[name].as_str().unwrap_or_else(|| panic!("{name} in {values}")).to_owned()
}

#[test]
fn rows_of_kvmtool_are_single_measures() {
    let folder = folder("matrix_kvmtool");
    let line = ["kvmtool", "--", "lkvm", "run", "--realm", "-k", "Image", "-i", "initrd"];
    let axes = [
        "--cpus=1,3",
        "--mem=16M,96M",
        "--host=kvm-v5,kvm-v10",
        "--hash-algo=sha256,sha512",
        "--vary=num-bps=16",
    ];
    let measured = compare(&folder, &axes, &line, |values| {
        let before = ["host", "num-bps"].map(|name| format!("--{name}={}", text(values, name)));
        let behind = [
            "-c".to_owned(),
            text(values, "cpus"),
            "-m".to_owned(),
            text(values, "mem"),
            format!("--measurement-algo={}", text(values, "hash-algo")),
        ];
        (before.to_vec(), behind.to_vec())
    });
    assert_eq!(measured, 16);
    // The algorithm is the Realm's here, not an option of a VMM that would do nothing with it.
    let line = "matrix --format json --host kvm-v12 --hash-algo sha256,sha512 kvmtool -- \
                lkvm run --realm --restricted_mem -k Image -m 96M -c 1";
    let rows = rows(&folder.rimsim(&line.split_whitespace().collect::<Vec<_>>()));
    assert!(rows[0]["rim"].is_string(), "{rows:?}");
    let why = rows[1]["refused"].as_str().expect("a reason");
    assert!(why.contains("has no call for it and takes sha256"), "{why}");
}

/// Also the algorithm that a command line has of its own.
#[test]
fn rows_of_qemu_are_single_measures() {
    let folder = folder("matrix_qemu");
    let line = [
        "qemu",
        "--",
        "qemu-system-aarch64",
        "-accel",
        "kvm",
        "-cpu",
        "host",
        "-M",
        "virt,gic-version=3,confidential-guest-support=rme0",
        "-object",
        "rme-guest,id=rme0",
        "-kernel",
        "Image",
    ];
    let axes = ["--cpus=1-2", "--mem=256M", "--platform=fvp,qemu-max+kvm", "--vmm-version=cca-v3"];
    let measured = compare(&folder, &axes, &line, |values| {
        let mut before = vec![format!("--vmm-version={}", text(values, "vmm-version"))];
        before.extend(text(values, "platform").split('+').map(|name| format!("--caps={name}")));
        let behind =
            ["-smp".to_owned(), text(values, "cpus"), "-m".to_owned(), text(values, "mem")];
        (before, behind.to_vec())
    });
    assert!(measured > 0);
}

#[test]
fn forms_and_exit_codes() {
    let folder = folder("matrix_forms");
    let line = ["kvmtool", "--", "--realm", "-k", "Image"];
    let with = |args: &[&'static str]| [&["matrix"], args, &line[..]].concat();
    let table = folder.rimsim(&with(&["--cpus=1", "--mem=256M"]));
    assert_eq!(table.status.code(), Some(0));
    let rim =
        stdout(&folder.rimsim(&[&["measure"], &line[..], &["-c", "1", "-m", "256M"]].concat()));
    assert_eq!(stdout(&table), format!("cpus  mem   rim\n1     256M  {rim}"));
    let csv = stdout(&folder.rimsim(&with(&["--cpus=1", "--mem=256M", "--format=csv"])));
    let head = "cpus,mem,algorithm,rim,refused,rim_rule";
    assert_eq!(csv, format!("{head}\n1,256M,sha256,{},,rmm-1.0\n", rim.trim()));
    let refused = ["--cpus=1", "--host=kvm-v10,kvm-v12", "--mem=256M", "--format=csv"];
    let output = folder.rimsim(&with(&refused));
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let allowed = folder.rimsim(&with(&[&refused[..], &["--allow-refused"]].concat()));
    assert_eq!((allowed.status.code(), allowed.stdout), (Some(0), output.stdout));
    for (args, code, text) in [
        (
            &["--cpus=1-4096", "--vary=num-bps=2-64"][..],
            2,
            "258048 combinations; there can be 65536",
        ),
        (&["--cpus=0"], 2, "--cpus 0: cpus: `0` is no number from 1"),
        (&["--mem=64"], 2, "no size such as 512M"),
        (&["--host=kvm-v10,kvm"], 2, "--host kvm-v10,kvm"),
        (&["--platform=fvp,nothing"], 2, "no such preset"),
        (&["--hash-algo=sha1"], 2, "`sha1` is none of sha256, sha384 or sha512"),
        (&["--cpus=1", "--vary=cpus=2"], 2, "cpus is varied already"),
    ] {
        folder.fails(&with(args), code, text);
    }
    folder.fails(
        &["matrix", "--cpus=1,2", "kvmtool", "--", "--realm", "-k", "nothing"],
        1,
        "nothing",
    );
}

/// The CoRIM has each RIM of the table once, in its order.
#[test]
fn a_corim_of_a_matrix() {
    let folder = folder("matrix_corim");
    let line = ["kvmtool", "--", "--realm", "-c", "1", "-m", "128M", "-k", "Image"];
    // Breakpoints of one number on two hosts that measure alike.
    let axes = ["--host=kvm-v10,kvm-v12", "--vary=num-bps=2,6", "--corim-out=all.cbor"];
    let output = folder.rimsim(&[&["matrix", "--format=json"], &axes[..], &line].concat());
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let mut rims: Vec<String> = Vec::new();
    for row in rows(&output) {
        rims.extend(row["rim"].as_str().map(str::to_owned).filter(|rim| !rims.contains(rim)));
    }
    let bytes = std::fs::read(folder.path("all.cbor")).expect("a CoRIM");
    let corim = rimsim::refvalue::corim::read(&bytes).expect("a CoRIM");
    let found: Vec<String> = corim.realms().map(|realm| realm.rim().to_string()).collect();
    assert_eq!(found, rims);
    assert!(rims.len() >= 2);
    let named = [&["matrix", "--corim-id=mine"], &axes[..], &line].concat();
    assert_eq!(folder.rimsim(&named).status.code(), Some(4));
    let bytes = std::fs::read(folder.path("all.cbor")).expect("a CoRIM");
    let corim = rimsim::refvalue::corim::read(&bytes).expect("a CoRIM");
    assert_eq!(corim.id, rimsim::refvalue::corim::Id::Text("mine".into()));
    let none = ["matrix", "--host=kvm-v12", "--corim-out=none.cbor"];
    folder.fails(&[&none, &line[..]].concat(), 4, "every combination is refused");
    assert!(!folder.path("none.cbor").exists());
}

#[test]
fn threads_do_not_change_a_matrix() {
    let folder = folder("matrix_threads");
    let with = |threads| {
        let line = ["--cpus=1-4", "--mem=128M,256M", "kvmtool", "--", "--realm", "-k", "Image"];
        folder.rimsim(&[&["matrix", "--threads", threads], &line[..]].concat()).stdout
    };
    assert_eq!(with("1"), with("3"));
}

/// The log of QEMU's own object, however the object is written and whatever else is called so.
#[test]
fn rows_with_and_without_a_log_are_single_measures() {
    let folder = folder("matrix_log");
    let json = r#"{"qom-type":"rme-guest","id":"r"}"#;
    let logged = r#"{"qom-type":"rme-guest","id":"r","measurement-log":true}"#;
    for (object, with_log) in [
        ("rme-guest,id=r", "rme-guest,id=r,measurement-log=on"),
        ("id=r,qom-type=rme-guest", "id=r,measurement-log=on,qom-type=rme-guest"),
        (json, logged),
    ] {
        let line = |object: &'static str| {
            let start = ["qemu", "--", "-name", "rme-guest-1", "-accel", "kvm", "-cpu", "host"];
            let machine = ["-M", "virt,confidential-guest-support=r", "-m", "64M"];
            [&start[..], &machine, &["-kernel", "Image", "-object", object]].concat()
        };
        let matrix = ["matrix", "--format", "json", "--vary", "log=false,true"];
        let output = folder.rimsim(&[&matrix[..], &line(object)].concat());
        let rims: Vec<Value> = rows(&output).into_iter().map(|row| row["rim"].clone()).collect();
        let alone = |object| stdout(&folder.rimsim(&[vec!["measure"], line(object)].concat()));
        assert_eq!(format!("{}\n", rims[0].as_str().expect("a RIM")), alone(object));
        assert_eq!(format!("{}\n", rims[1].as_str().expect("a RIM")), alone(with_log));
        assert_ne!(rims[0], rims[1]);
    }
}
