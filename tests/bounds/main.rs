//! How work and memory grow with what is read: counts of instructions and of bytes, no times.
//!
//! Each case makes an input of any size, the worst of its kind that somebody thought of. It is read
//! in three sizes, each twice the one before. What is the same for all falls out of the
//! differences, and their logarithm is the exponent: 1 for what grows with the input, 2 for what
//! looks at everything again for each part.

mod cases;
mod inputs;
mod readers;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use cases::CASES;
use readers::Reader;

/// One kind of input and what is done with it.
pub(crate) struct Case {
    /// What is read, and what it has very many of.
    pub(crate) name: &'static str,
    /// What works on it.
    pub(crate) readers: &'static [Reader],
    /// An input with so many of it.
    pub(crate) make: fn(usize) -> Vec<u8>,
    /// Reads it, and panics if it is not what it should be.
    pub(crate) run: fn(&[u8]),
    /// How many there are in the smallest.
    pub(crate) count: usize,
    /// Most bytes of memory for each byte of the input.
    pub(crate) most_memory: u64,
}

/// Sizes of one case.
const SIZES: [usize; 3] = [1, 2, 4];
/// What n log n comes to for inputs as small as these, and some more for tables that double.
const MOST_EXPONENT: f64 = 1.25;

pub(crate) fn all() -> impl Iterator<Item = &'static Case> {
    CASES.iter().copied().flatten()
}

/// The exponent with which counts of the three sizes grow.
fn exponent(counts: [u64; 3]) -> f64 {
    let [small, middle, large] = counts.map(|count| count as f64);
    // Differences of next to nothing say nothing.
    let (first, second) = ((middle - small).max(1.0), (large - middle).max(1.0));
    if second < small / 50.0 { 0.0 } else { (second / first).log2() }
}

#[test]
fn exponents_are_what_they_should_be() {
    assert!((exponent([1100, 1200, 1400]) - 1.0).abs() < 1e-9);
    assert!((exponent([2000, 5000, 17000]) - 2.0).abs() < 1e-9);
    assert!(exponent([1000, 1001, 1004]).abs() < 1e-9, "nothing grows");
}

#[test]
fn memory_grows_with_what_is_read() {
    let mut wrong = Vec::new();
    for case in all() {
        let [mut totals, mut peaks, mut lens] = [[0; 3]; 3];
        for (i, size) in SIZES.into_iter().enumerate() {
            let input = (case.make)(case.count * size);
            let used = allocation_counter::measure(|| (case.run)(&input));
            (totals[i], peaks[i], lens[i]) = (used.bytes_total, used.bytes_max, input.len() as u64);
        }
        let Case { name, most_memory, .. } = case;
        let (all, most) = (exponent(totals), exponent(peaks));
        // What does not depend on the input (a machine, tables of keywords) is in all of them.
        let for_each = peaks[2].saturating_sub(peaks[1]) / (lens[2] - lens[1]);
        eprintln!(
            "{name}: {lens:?} bytes, {peaks:?} in memory ({most:.2}, {for_each} for each), \
                   {totals:?} in all ({all:.2})"
        );
        if all > MOST_EXPONENT || most > MOST_EXPONENT || for_each > *most_memory {
            wrong.push(format!("{name}: exponents {all:.2} and {most:.2}, {for_each} for each"));
        }
    }
    assert_eq!(wrong, [] as [&str; 0]);
}

/// What valgrind looks for: it writes down what was counted when one of the two ends.
#[inline(never)]
fn input_of_case(case: &Case, size: usize) -> Vec<u8> {
    (case.make)(case.count * size)
}

#[inline(never)]
fn measured_case(case: &Case, input: &[u8]) {
    (case.run)(input);
}

/// Every so many cases are one process's: they run side by side.
const PARTS: usize = 2;
/// Names the part of a process, by number.
const PART_VARIABLE: &str = "RIMSIM_BOUNDS_PART";

/// Is called again under valgrind by the test below, once for each part.
#[test]
fn every_case_runs() {
    let part = std::env::var(PART_VARIABLE).ok().map(|part| part.parse().expect("a number"));
    let (first, step) = part.map_or((0, 1), |part: usize| (part, PARTS));
    for case in all().skip(first).step_by(step) {
        for size in SIZES {
            let input = input_of_case(case, size);
            measured_case(case, &input);
        }
    }
}

#[test]
fn steps_grow_with_what_is_read() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bounds");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder for temporary files");
    let program = std::env::current_exe().expect("the name of this program");
    let start = |part: usize| {
        let mut command = Command::new("valgrind");
        command
            .arg("--tool=callgrind")
            .arg(format!("--callgrind-out-file=part{part}"))
            .args(["--dump-after=*input_of_case*", "--dump-after=*measured_case*"])
            .arg(&program)
            .args(["--exact", "every_case_runs", "--test-threads=1"])
            .envs([("RAYON_NUM_THREADS", "1"), (PART_VARIABLE, &part.to_string())])
            .current_dir(&folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
    };
    let runs: Result<Vec<_>, _> = (0..PARTS).map(start).collect();
    let runs = match runs {
        Ok(runs) => runs,
        Err(why) => {
            let test = "bounds::steps_grow_with_what_is_read";
            let skipped = Path::new(env!("CARGO_TARGET_TMPDIR")).join("skipped");
            fs::create_dir_all(&skipped).expect("the folder of temporary files");
            let text = format!("{test}: needs valgrind: {why}\n");
            fs::write(skipped.join(test.replace("::", "-")), text).expect("a file of the test");
            return eprintln!("skipped: needs valgrind: {why}");
        }
    };
    for run in runs {
        let run = run.wait_with_output().expect("it ran");
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    }
    // Every other file counts what made an input.
    let count = |part: usize, number: usize| {
        let file = folder.join(format!("part{part}.{}", 2 * number));
        let text = fs::read_to_string(file).expect("a file for each input");
        let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
        total.expect("a total").trim().parse::<u64>().expect("a number")
    };
    let mut wrong = Vec::new();
    for (i, Case { name, .. }) in all().enumerate() {
        let first = SIZES.len() * (i / PARTS) + 1;
        let counts = std::array::from_fn(|size| count(i % PARTS, first + size));
        let exponent = exponent(counts);
        eprintln!("{name}: {counts:?} instructions ({exponent:.2})");
        if exponent > MOST_EXPONENT {
            wrong.push(format!("{name}: {counts:?} instructions, exponent {exponent:.2}"));
        }
    }
    assert_eq!(wrong, [] as [&str; 0]);
}
