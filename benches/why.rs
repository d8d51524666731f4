//! 200 planted mistakes: how many does `rimsim why` find, and how long does it take?
//!
//! `cargo bench --bench why` plants them over kvmtool, QEMU, libvirt, kata and cloud-hypervisor,
//! alone and in pairs, and prints what was found, the rate, the times, and which were not found.
//! Behind `--`: `seconds=20` (the budget), `kernel=1024` (the kernel's size in KiB), `of=1/4` (each
//! fourth of them from the first on).

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rimsim_support::planted::{self, Answer, Plant};

const COUNT: usize = 200;
const SEED: u64 = 7;

fn main() {
    // `cargo test --benches` only asks whether it starts.
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    let words: Vec<String> = std::env::args().collect();
    let said = |key: &str| words.iter().find_map(|word| word.strip_prefix(key)).map(str::to_owned);
    let number = |key: &str, value: usize| {
        said(key).map_or(value, |text| text.parse().expect("a number behind the ="))
    };
    let (seconds, kernel_kib) = (number("seconds=", 20), number("kernel=", 1024));
    let part = said("of=").unwrap_or_else(|| "1/1".into());
    let (first, step) = part.split_once('/').expect("of=1/4");
    let (first, step): (usize, usize) = (first.parse().expect("first"), step.parse().expect("of"));
    let folder = Folder::new(kernel_kib << 10);
    let plants = planted::planted(COUNT, SEED);
    let mut tried: Vec<(Answer, Duration)> = Vec::new();
    for (index, plant) in plants.iter().enumerate().skip(first - 1).step_by(step) {
        let (answer, took, text) = folder.ask(plant, seconds);
        if answer != Answer::Named {
            let Plant { family, kinds, fixes, .. } = plant;
            println!("{answer:?} after {:.2} s: {index}, {family}: {kinds:?}", took.as_secs_f64());
            println!("    to be named: {fixes:?}");
            println!("    said: {}", plant.said.join(" ").escape_debug());
            println!("    {}", text.trim().replace('\n', "\n    "));
        }
        tried.push((answer, took));
    }
    tell(&tried);
}

fn tell(tried: &[(Answer, Duration)]) {
    let count = |wanted: Answer| tried.iter().filter(|(answer, _)| *answer == wanted).count();
    let mut times: Vec<f64> = tried.iter().map(|(_, took)| took.as_secs_f64()).collect();
    times.sort_by(f64::total_cmp);
    let found = count(Answer::Named);
    println!("found and named {found}/{}", tried.len());
    println!("wrong and confident {}", count(Answer::Wrong));
    println!(
        "others named {}, nothing found {}",
        count(Answer::OthersNamed),
        count(Answer::Nothing)
    );
    println!(
        "seconds to answer: median {:.2}, 9 of 10 within {:.2}, worst {:.2}",
        times[times.len() / 2],
        times[times.len() * 9 / 10],
        times[times.len() - 1],
    );
}

/// A folder with what the command lines name, gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(kernel_bytes: usize) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-why");
        let _ = std::fs::remove_dir_all(&path);
        for (name, bytes) in planted::files(kernel_bytes) {
            let file = path.join(name);
            std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
            std::fs::write(file, bytes).expect("a file");
        }
        Self(path)
    }

    fn run(&self, words: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rimsim"));
        let output = command.args(words).current_dir(&self.0).output().expect("the command");
        let text = String::from_utf8(output.stdout).expect("text");
        if text.is_empty() { String::from_utf8_lossy(&output.stderr).into_owned() } else { text }
    }

    /// The answer to a plant, how long it took, and its text.
    fn ask(&self, plant: &Plant, seconds: usize) -> (Answer, Duration, String) {
        for (file, text) in planted::DOMAINS.iter().zip(plant.domains.iter().flatten()) {
            std::fs::write(self.0.join(file), text).expect("a file");
        }
        let with = |start: &[&str], words: &[String]| {
            let all: Vec<&str> =
                start.iter().copied().chain(words.iter().map(String::as_str)).collect();
            self.run(&all)
        };
        // What stands for `why` alone is no part of what is measured.
        let runs = plant.runs_measured();
        let rim = with(&["-q", "measure"], &runs);
        let rim = rim.trim();
        if rim.len() < 64 || rim.contains(' ') {
            return (Answer::Nothing, Duration::ZERO, format!("what runs is refused: {rim}"));
        }
        let begun = Instant::now();
        let budget = seconds.to_string();
        let text = with(&["-q", "why", rim, "--budget", &budget], &plant.said);
        (plant.answer(&text), begun.elapsed(), text)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
