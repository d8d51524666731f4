//! Images as a user has them: files that are odd, change, are cached, or are only digests.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use crate::cli::{Folder, stdout};

/// A Realm with the image at the start of its memory.
pub(crate) fn script(image: &str, algo: &str) -> String {
    format!(
        "platform \"fvp\"
image kernel = {image}
rtt auto
let rd = auto
REALM_CREATE rd=rd params_ptr=RealmParams {{
    s2sz=40, num_bps=1, num_wps=1, hash_algo={algo}, rtt_base=auto, rtt_level_start=1,
    rtt_num_start=2
}}
DATA_CREATE rd=rd ipa=0x8000_0000 image=kernel flags=measure
"
    )
}

pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    };
    // Zero granules among the others.
    (0..len).map(|i| if (i >> 12) % 5 == 3 { 0 } else { next() }).collect()
}

pub(crate) fn rim(folder: &Folder, args: &[&str]) -> String {
    let output = folder.rimsim(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    stdout(&output)
}

#[test]
fn threads_and_kernels_do_not_change_the_rim() {
    let folder = Folder::new("threads");
    folder.file("kernel", noise(3_000_001)).file("a.rmi", script("\"kernel\"", "sha256"));
    let expected = rim(&folder, &["run", "a.rmi"]);
    for threads in ["1", "2", "7"] {
        for kernel in ["sha2", "shani", "avx2", "avx512", "armv8"] {
            let args = ["run", "--threads", threads, "--hasher", kernel, "a.rmi"];
            let output = folder.rimsim(&args);
            let unable = String::from_utf8_lossy(&output.stderr).contains("this processor has no");
            assert!(unable || stdout(&output) == expected, "{args:?}");
        }
    }
    folder.fails(&["run", "--threads", "0", "a.rmi"], 2, "--threads");
    folder.fails(&["run", "--threads", "1000000", "a.rmi"], 2, "at most 1024");
    folder.fails(&["run", "--hasher", "md5", "a.rmi"], 2, "sha2, shani, avx2, avx512, armv8");
    let chosen = |name: &str| {
        folder.command(&["run", "a.rmi"]).env("RIMSIM_HASH", name).output().expect("run")
    };
    assert_eq!(stdout(&chosen("sha2")), expected);
    let wrong = chosen("md5");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("RIMSIM_HASH=md5"));
}

#[test]
fn images_of_any_length() {
    let folder = Folder::new("lengths");
    folder.file("a.rmi", script("\"kernel\"", "sha256")).file("kernel", "");
    folder.fails(&["run", "a.rmi"], 1, "is empty");
    let mut seen = Vec::new();
    for len in [1, 4095, 4096, 4097, (1 << 20) - 1, 1 << 20, (1 << 20) + 1] {
        // A file that is read and one that is mapped have the same RIM as their bytes padded.
        let mut bytes = noise(len);
        bytes[len - 1] = 1;
        let short = rim(folder.file("kernel", &bytes), &["run", "a.rmi"]);
        bytes.resize(len.next_multiple_of(4096), 0);
        let padded = rim(folder.file("kernel", &bytes), &["run", "a.rmi"]);
        assert_eq!(short, padded, "{len}");
        seen.push(short);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 7, "all lengths differ in their last bytes");
}

#[test]
fn an_image_longer_than_the_ipa_space_is_refused_by_the_rmm() {
    let folder = Folder::new("ipa-space");
    let script = script("\"kernel\"", "sha256")
        .replace("s2sz=40", "s2sz=33")
        .replace("rtt_level_start=1", "rtt_level_start=2")
        .replace("rtt_num_start=2", "rtt_num_start=8")
        .replace("ipa=0x8000_0000", "ipa=0xffff_f000");
    folder.file("kernel", noise(2 * 4096)).file("a.rmi", script);
    folder.fails(&["run", "a.rmi"], 4, "ipa_bound");
}

#[test]
fn holes_are_zeros() {
    let folder = Folder::new("holes");
    let file = File::create(folder.path("kernel")).expect("a file");
    file.set_len(64 << 20).expect("room");
    std::os::unix::fs::FileExt::write_all_at(&file, &noise(70_000), (9 << 20) + 17).expect("write");
    folder.file("a.rmi", script("\"kernel\"", "sha512"));
    let sparse = rim(&folder, &["run", "a.rmi"]);
    let bytes = std::fs::read(folder.path("kernel")).expect("read");
    // Written whole, it has no holes.
    assert_eq!(rim(folder.file("kernel", bytes), &["run", "a.rmi"]), sparse);
}

#[test]
fn a_pipe_is_an_image() {
    let folder = Folder::new("pipe");
    let bytes = noise(300_000);
    folder.file("kernel", &bytes).file("a.rmi", script("\"kernel\"", "sha256"));
    folder.file("b.rmi", script("\"/dev/stdin\"", "sha256"));
    let expected = rim(&folder, &["run", "a.rmi"]);
    let mut command = folder.command(&["run", "--allow-outside", "b.rmi"]);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.expect("started");
    child.stdin.take().expect("piped").write_all(&bytes).expect("written");
    assert_eq!(stdout(&child.wait_with_output().expect("ended")), expected);
}

pub(crate) fn age(path: &Path, seconds: u64) {
    let file = File::options().write(true).open(path).expect("a file");
    let time = file.metadata().expect("its").modified().expect("time");
    file.set_modified(time + std::time::Duration::from_secs(seconds)).expect("set");
}

#[test]
fn digests_stand_for_an_image() {
    let folder = Folder::new("digests");
    folder.file("kernel", noise(150_000));
    for algo in ["sha256", "sha512"] {
        folder.file("a.rmi", script("\"kernel\"", algo));
        folder.file("b.rmi", script("digests \"kernel.rimd\"", algo));
        let output = folder.rimsim(&["digests", "kernel", "-o", "kernel.rimd"]);
        assert_eq!(
            stdout(&output),
            "sha256 37 granules, 7 zero, image of 150000 bytes\n\
             sha512 37 granules, 7 zero, image of 150000 bytes\n"
        );
        assert_eq!(rim(&folder, &["run", "a.rmi"]), rim(&folder, &["run", "b.rmi"]));
    }
    let shown = rim(&folder, &["digests", "--show", "kernel.rimd", "--format", "json"]);
    let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(shown["schema"], "rimsim/1");
    assert_eq!(shown["lists"][1]["zero_granules"], 7);

    // Digests by one algorithm are of no use to a Realm with the other.
    rim(&folder, &["digests", "kernel", "-o", "kernel.rimd", "--algo", "sha256"]);
    folder.fails(&["run", "b.rmi"], 4, "only digests are known");
    folder.file("b.rmi", script("digests \"kernel.rimd\"", "sha256"));
    folder.fails(&["run", "--export", "b.json", "b.rmi"], 2, "a vector has all bytes");

    let with = |more: &str| script("digests \"kernel.rimd\"", "sha256") + more;
    for (more, code, text) in [
        ("image head = kernel[0..4096]\nload pa=0x8000_0000 image=head", 2, "it can not be cut"),
        ("load pa=0x8800_0000 image=kernel\npeek pa=0x8800_0000 bytes=text:\"x\"", 3, "digests"),
        ("load pa=0x8800_0000 image=kernel\npoke pa=0x8800_0003 bytes=text:\"x\"", 4, "digests"),
        (
            "load pa=0x8800_0000 image=kernel\nREC_CREATE rd=rd rec=auto params_ptr=0x8800_0000",
            4,
            "digests",
        ),
    ] {
        folder.file("c.rmi", with(more));
        folder.fails(&["run", "c.rmi"], code, text);
    }
    // A whole granule may be replaced.
    folder.file("c.rmi", with("load pa=0x8800_0000 image=kernel\nzero pa=0x8800_0000 len=4096\n"));
    rim(&folder, &["run", "c.rmi"]);

    folder.file("d.rmi", script("digests \"kernel\"", "sha256"));
    folder.fails(&["run", "d.rmi"], 2, "is no file of digests");
    folder.fails(&["digests", "--show", "kernel"], 2, "is no file of digests");
    folder.fails(&["digests", "kernel"], 2, "--out");
    folder.fails(&["digests", "kernel", "-o", "kernel"], 1, "would be overwritten");
    folder.fails(&["digests", "nothing", "-o", "x"], 1, "nothing");
    folder.fails(&["digests", "kernel", "-o", "no/x"], 1, "no/x");
}

#[test]
fn bench_measures_what_it_says() {
    let folder = Folder::new("bench");
    let args = ["bench", "--size", "2MiB", "--rounds", "1", "--dir", ".", "--format", "json"];
    let document: serde_json::Value = serde_json::from_str(&rim(&folder, &args)).expect("JSON");
    assert_eq!(document["schema"], "rimsim/1");
    for part in ["baseline", "pipeline", "one_thread", "ratio", "copied", "cached", "fold"] {
        for algo in ["sha256", "sha512"] {
            assert!(document[part][algo].as_f64().is_some_and(|speed| speed > 0.0), "{part}");
        }
    }
    assert!(document["commands_per_s"].as_f64().is_some_and(|speed| speed > 0.0));
    assert!(document["kernels"]["sha512"]["sha2"].is_f64());
    for part in ["log", "span_ns"] {
        for listener in ["nobody", "refuses", "takes"] {
            assert!(document[part][listener].as_f64().is_some_and(|cost| cost > 0.0), "{part}");
        }
    }
    for part in ["memory_copy", "counted_granules_per_s", "start_ms"] {
        assert!(document[part].as_f64().is_some_and(|speed| speed > 0.0), "{part}");
    }
    for process in ["measure", "run", "digests"] {
        let ratio = document["processes"][process].as_f64();
        assert!(ratio.is_some_and(|ratio| ratio > 0.0), "{process}");
    }
    assert!(document["limit"]["sha512"]["most"].as_f64().is_some_and(|most| most > 0.0));
    folder.fails(&["--log", "off", "bench", "--size", "2MiB"], 2, "measures what they cost");
    let left = std::fs::read_dir(folder.path("")).expect("the folder").count();
    assert_eq!(left, 0, "the image is removed");
    // Against itself, in both forms; and against what is no run.
    folder.file("before.json", document.to_string());
    let mut args = vec!["bench", "--size", "1MiB", "--rounds", "1", "--hasher", "sha2", "--dir"];
    args.extend([".", "--baseline", "before.json"]);
    let output = folder.rimsim(&args);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("before.json: was of size_bytes 2097152 and now 1048576"), "{said}");
    let text = crate::cli::stdout(&output);
    assert!(text.lines().any(|line| line.starts_with("pipeline sha384 ")), "{text}");
    args.extend(["--format", "json"]);
    let again: serde_json::Value = serde_json::from_str(&rim(&folder, &args)).expect("JSON");
    let ratio = &again["against"]["ratios"]["kernels sha256 sha2"];
    assert!(ratio.as_f64().is_some_and(|ratio| ratio > 0.0), "{again}");
    folder.file("other.json", "{\"schema\": \"rimsim/1\"}");
    // Granules of another size are measured alike, but for what has none.
    args.extend(["--granule", "64K"]);
    let output = folder.rimsim(&args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("was of size_bytes 2097152 and now 1048576"), "{said}");
    assert!(said.contains("granule_bytes 4096 and now 65536"), "{said}");
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(document["granule_bytes"], 65536);
    assert!(document["processes"]["digests"].is_f64() && document["processes"]["run"].is_null());
    folder.fails(&["bench", "--baseline", "other.json"], 2, "bench --format json");
    folder.file("other.json", "{");
    folder.fails(&["bench", "--baseline", "other.json"], 2, "is no JSON");
    folder.fails(&["bench", "--baseline", "nothing"], 1, "nothing");
    folder.fails(&["bench", "--size", "1K"], 2, "at least 1MiB");
    folder.fails(&["bench", "--size", "1EiB"], 2, "EiB");
    folder.fails(&["bench", "--size", "2MiB", "--dir", "nowhere"], 1, "nowhere");
}

/// What a run asks before it believes its result, for everything that can happen to a file.
#[test]
fn files_that_change_are_noticed() {
    use rimsim::measure::event::{DataEvent, MeasuredEvent};
    use rimsim::measure::image::Image;
    use rimsim::measure::log::EventLog;
    use rimsim::measure::page::Page;
    use rimsim::measure::rim::HashAlgo;

    let folder = Folder::new("changes");
    let path = folder.path("kernel");
    let changes: [(&str, &dyn Fn()); 5] = [
        ("had 2097152 bytes and has 4096", &|| {
            File::options().write(true).open(&path).expect("it").set_len(4096).expect("shorter");
        }),
        ("and has 2097153", &|| {
            folder.file("kernel", noise((2 << 20) + 1));
        }),
        ("it was written to", &|| {
            folder.file("kernel", noise(2 << 20));
            age(&path, 1);
        }),
        ("its times, its names or other attributes", &|| {
            let modified = std::fs::metadata(&path).expect("it").modified().expect("time");
            std::thread::sleep(std::time::Duration::from_millis(30));
            folder.file("kernel", noise(2 << 20));
            let file = File::options().write(true).open(&path).expect("it");
            file.set_modified(modified).expect("set back");
        }),
        ("another file has its name", &|| {
            folder.file("other", noise(2 << 20));
            std::fs::rename(folder.path("other"), &path).expect("renamed");
        }),
    ];
    for (what, change) in changes {
        folder.file("kernel", noise(2 << 20));
        let image = std::sync::Arc::new(Image::open(&path).expect("an image"));
        assert!(image.check_unchanged().is_ok());
        change();
        // Measuring what is gone ends nobody.
        let mut log = EventLog::new(HashAlgo::Sha256);
        for offset in (0..2 << 20).step_by(4096) {
            let content = Page::Image { image: image.clone(), offset }.into();
            let ipa = rimsim::abi::addr::Ipa(offset);
            log.push(MeasuredEvent::Data(DataEvent { ipa, flags: 1, content }));
        }
        log.rim();
        let error = image.check_unchanged().expect_err("changed").to_string();
        assert!(error.contains(what), "{error}");
    }
    std::fs::remove_file(&path).expect("removed");
}
