//! The figures that this project promises, measured in one run: `cargo bench --bench table`.
//!
//! Ratios hold on other machines better than speeds do. Files of 5 GiB are written to the target
//! folder and removed; the page cache has to hold them, or the disk is measured.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const GIB: u64 = 1 << 30;

fn main() {
    // `cargo test --benches` only asks whether it starts.
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    let folder = Folder::new();
    let bench = rimsim_bench(&folder);
    let number = |part: &str, algo: &str| bench[part][algo].as_f64().expect("a number");
    println!("{:<62} {:>9} {:>9}", "", "to reach", "measured");
    for (algo, wanted) in [("sha256", "≥ 3.2"), ("sha512", "≥ 5.5")] {
        row(&format!("pipeline / baseline, {algo}, 1 GiB"), wanted, number("ratio", algo));
    }
    for algo in ["sha256", "sha512"] {
        let what = format!("pipeline / (fastest kernel x threads), {algo}");
        row(&what, "≥ 0.85", number("of_ideal", algo));
        row("    the same / what the fold leaves of it", "", number("of_bound", algo));
    }
    folder.noise("gib", GIB);
    folder.noise("4gib", 4 * GIB);
    for algo in ["sha256", "sha512"] {
        folder.script(algo, &["4gib"]);
        let alone = 4.0 * 1.073_741_824 / number("pipeline", algo);
        let run = best_of(3, || folder.seconds(&["run", "boot.rmi"]));
        row(&format!("rimsim run of 4 GiB / pipeline alone, {algo}"), "≤ 1.15", run / alone);
    }
    sparse(&folder);
    folder.script("sha256", &["4gib", "4gib"]);
    row(
        "private memory for 8 GiB of images, MiB",
        "≤ 128",
        folder.private_mib(&["run", "boot.rmi"]),
    );
    for (algo, wanted) in [("sha256", "≤ 0.08"), ("sha512", "≤ 0.15")] {
        folder.script(algo, &["gib"]);
        let args = ["run", "--digest-cache", "cache", "--trust-mtime", "boot.rmi"];
        folder.seconds(&args);
        let again = best_of(5, || folder.seconds(&args));
        row(&format!("seconds to measure 1 GiB again from the cache, {algo}"), wanted, again);
        row("    of which the fold alone takes", "", 1.073_741_824 / number("fold", algo));
        row(&format!("pipeline of a copy / pipeline, {algo}"), "", number("copied", algo));
    }
}

/// 64 GiB with 1 GiB of data, against the data alone.
fn sparse(folder: &Folder) {
    let path = folder.path("sparse");
    let file = File::create(&path).expect("a file");
    file.set_len(64 * GIB).expect("a sparse file");
    let mut at = GIB;
    let noise = std::fs::read(folder.path("gib")).expect("the noise");
    for piece in noise.chunks(64 << 20) {
        std::os::unix::fs::FileExt::write_all_at(&file, piece, at).expect("written");
        at += 4 * GIB - (64 << 20);
    }
    let digests = |image: &str| {
        best_of(3, || folder.seconds(&["digests", image, "-o", "out.rimd", "--algo", "sha256"]))
    };
    let (whole, alone) = (digests("sparse"), digests("gib"));
    row("digests of sparse 64 GiB with 1 GiB of data / of 1 GiB", "≤ 1.5", whole / alone);
    folder.script("sha256", &["gib"]);
    let run_alone = best_of(3, || folder.seconds(&["run", "boot.rmi"]));
    folder.script("sha256", &["sparse"]);
    let run = folder.seconds(&["run", "boot.rmi"]);
    row("    the same as RIMs: every zero granule is folded too", "", run / run_alone);
}

fn row(what: &str, wanted: &str, value: f64) {
    println!("{what:<62} {wanted:>9} {value:>9.3}");
}

fn best_of(rounds: u32, mut seconds: impl FnMut() -> f64) -> f64 {
    (0..rounds).map(|_| seconds()).fold(f64::INFINITY, f64::min)
}

fn rimsim_bench(folder: &Folder) -> Value {
    let output = folder.command(&["bench", "--format", "json", "--dir", "."]).output();
    let output = output.expect("the command");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("table");
        // What an interrupted run left behind.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn noise(&self, name: &str, len_bytes: u64) {
        let mut out = BufWriter::new(File::create(self.path(name)).expect("a file"));
        let mut state = len_bytes | 1;
        for _ in 0..len_bytes / 8 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            out.write_all(&state.to_le_bytes()).expect("room");
        }
        out.flush().expect("room");
    }

    /// A Realm with one image after the other.
    fn script(&self, algo: &str, images: &[&str]) {
        let mut text = format!(
            "platform \"table.toml\"\nrtt auto\nlet rd = auto
REALM_CREATE rd=rd params_ptr=RealmParams {{
    s2sz=40, num_bps=1, num_wps=1, hash_algo={algo}, rtt_base=auto, rtt_level_start=1,
    rtt_num_start=2
}}
let ipa0 = 0
"
        );
        for (i, image) in images.iter().enumerate() {
            let next = i + 1;
            text += &format!(
                "image i{i} = \"{image}\"\nDATA_CREATE rd=rd ipa=ipa{i} image=i{i} flags=measure\n\
                 let ipa{next} = ipa{i} + len(i{i})\n"
            );
        }
        std::fs::write(self.path("boot.rmi"), text).expect("a script");
        let preset = self.command(&["platforms", "tf-rmm-host"]).output().expect("the command");
        let preset = String::from_utf8(preset.stdout).expect("text");
        // Room for 64 GiB of data, its tables, and the Host.
        let roomy = preset.replace(&(64 * GIB).to_string(), &(80 * GIB).to_string());
        std::fs::write(self.path("table.toml"), roomy).expect("a platform");
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rimsim"));
        command.args(args).current_dir(&self.0);
        command
    }

    fn seconds(&self, args: &[&str]) -> f64 {
        let began = Instant::now();
        let output = self.command(args).output().expect("the command");
        let seconds = began.elapsed().as_secs_f64();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        seconds
    }

    /// The most anonymous memory that was seen, looking a hundred times a second.
    fn private_mib(&self, args: &[&str]) -> f64 {
        let mut child = self.command(args).stdout(Stdio::null()).spawn().expect("the command");
        let status = format!("/proc/{}/status", child.id());
        let mut most_kib = 0.0_f64;
        while child.try_wait().expect("a child").is_none() {
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"));
            let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
            most_kib = most_kib.max(kib.unwrap_or(0.0));
            std::thread::sleep(Duration::from_millis(10));
        }
        most_kib / 1024.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
