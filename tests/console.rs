//! What commands print and how they end: each file of `tests/console` is a test.
//!
//! ```text
//! # What it shows.
//!
//! == boot.rmi                        a file of the test's folder, up to `==`
//! GRANULE_DELEGATE addr=0x8000_0000
//! ==
//! ++ spec-vectors/scripts/Image      a file of the project, copied into the folder
//!
//! $ rimsim run boot.rmi              a command, run in the folder
//! ! note: …                          a line of standard error
//! > 0545…                            a line of standard output
//! = 4                                the exit code, if it is not 0
//! ```
//!
//! Words are split as a shell does; nothing else of a shell is there. `BLESS=1` writes down what
//! commands print, for a person to read the difference.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::{Failed, Trial};

/// The tests of a folder.
pub(crate) fn trials(files: Vec<PathBuf>) -> impl Iterator<Item = Trial> {
    files.into_iter().map(|path| {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        Trial::test(format!("console {name}"), move || holds(&path, &name))
    })
}

/// Runs the commands of a file and compares, or writes down, what they print.
fn holds(path: &Path, name: &str) -> Result<(), Failed> {
    let text = std::fs::read_to_string(path)?;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("console-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder)?;
    let told = play(&text, &folder);
    std::fs::remove_dir_all(&folder)?;
    let told = told?;
    if told == text {
        return Ok(());
    }
    if std::env::var_os("BLESS").is_some() {
        return Ok(std::fs::write(path, told)?);
    }
    let differs = told.lines().zip(text.lines()).position(|(new, old)| new != old);
    let line = differs.unwrap_or_else(|| told.lines().count().min(text.lines().count())) + 1;
    Err(format!("{}:{line}: it is now\n{told}", path.display()).into())
}

/// The text with what its commands print now.
fn play(text: &str, folder: &Path) -> Result<String, Failed> {
    let mut told = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        writeln!(told, "{line}")?;
        if let Some(name) = line.strip_prefix("== ") {
            let mut file = String::new();
            for line in lines.by_ref() {
                writeln!(told, "{line}")?;
                if line == "==" {
                    break;
                }
                writeln!(file, "{line}")?;
            }
            std::fs::write(folder.join(name), file)?;
        } else if let Some(path) = line.strip_prefix("++ ") {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
            let name = path.file_name().ok_or("a file's name")?;
            std::fs::copy(&path, folder.join(name))?;
        } else if let Some(command) = line.strip_prefix("$ rimsim ") {
            while lines.next_if(|line| line.starts_with(['!', '>', '='])).is_some() {}
            told += &run(command, folder)?;
        } else if !line.is_empty() && !line.starts_with('#') {
            return Err(format!("{line}: neither a command, a file nor a comment").into());
        }
    }
    Ok(told)
}

/// What a command prints and how it ends.
fn run(command: &str, folder: &Path) -> Result<String, Failed> {
    let words = shlex::split(command).ok_or("quotes that do not end")?;
    let output = Command::new(env!("CARGO_BIN_EXE_rimsim"))
        .args(words)
        .current_dir(folder)
        .env("XDG_CACHE_HOME", folder.join(".user"))
        .env_remove("RIMSIM_LOG")
        .output()?;
    let mut told = String::new();
    for (mark, bytes) in [('!', output.stderr), ('>', output.stdout)] {
        for line in String::from_utf8(bytes)?.lines() {
            let gap = if line.is_empty() { "" } else { " " };
            // How long it took is nobody's promise.
            let timed = line.strip_suffix(" GB/s").and_then(|line| line.split_once(" in "));
            match timed {
                Some((line, _)) => writeln!(told, "{mark}{gap}{line} in …")?,
                None => writeln!(told, "{mark}{gap}{line}")?,
            }
        }
    }
    match output.status.code() {
        Some(0) => {}
        Some(code) => writeln!(told, "= {code}")?,
        None => return Err(format!("{command}: ended by a signal").into()),
    }
    Ok(told)
}
