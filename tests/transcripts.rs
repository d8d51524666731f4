//! What README and guide show of commands has to be what the commands print.
//!
//! A block of `console` is one command of `rimsim`, run in the project's folder. A block of
//! `console tour` is a session of a shell in an empty folder, in which `spec-vectors` stands: a
//! line that begins with `$ ` is a command, one with `> ` goes on with it, others are its output.
//!
//! `BLESS=1` writes down what commands print, for a person to read the difference.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use libtest_mimic::{Failed, Trial};

const FENCE: &str = "```";
const EXAMPLE: &str = "```console\n";
const TOUR: &str = "```console tour\n";

/// The tests of all pages.
pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for page in pages() {
        let text = std::fs::read_to_string(&page).expect("a page");
        let name = page.file_stem().expect("a name").to_string_lossy().into_owned();
        for (index, block) in blocks(&text, EXAMPLE).into_iter().enumerate() {
            let command = block.lines().next().unwrap_or_default();
            let command = command.trim_start_matches("$ rimsim ").to_owned();
            let page = page.clone();
            let title = format!("page {name}: {command}");
            trials.push(Trial::test(title, move || holds(&page, EXAMPLE, index, example)));
        }
        for (index, _) in blocks(&text, TOUR).into_iter().enumerate() {
            let page = page.clone();
            let title = format!("page {name}: tour {}", index + 1);
            trials.push(Trial::test(title, move || holds(&page, TOUR, index, tour)));
        }
    }
    trials
}

fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = std::fs::read_dir(root.join("src/guide")).expect("the guide");
    let guide = guide.map(|entry| entry.expect("an entry").path());
    let mut pages: Vec<_> =
        guide.filter(|path| path.extension().is_some_and(|e| e == "md")).collect();
    pages.push(root.join("README.md"));
    pages.sort();
    pages
}

/// What stands in the blocks of one kind.
fn blocks<'t>(text: &'t str, kind: &str) -> Vec<&'t str> {
    let pieces = text.split(kind).skip(1);
    pieces.map(|piece| piece.split(FENCE).next().unwrap_or_default()).collect()
}

/// Compares a block with what its commands print now.
fn holds(
    page: &Path,
    kind: &str,
    index: usize,
    play: fn(&str) -> Result<String, Failed>,
) -> Result<(), Failed> {
    let text = std::fs::read_to_string(page)?;
    let block = blocks(&text, kind)[index];
    let now = play(block)?;
    if now == block {
        return Ok(());
    }
    if std::env::var_os("BLESS").is_some() {
        return bless(page, kind, index, &now);
    }
    Err(format!("{} says\n{block}\nand it is now\n{now}", page.display()).into())
}

/// Writes a block into its page.
fn bless(page: &Path, kind: &str, index: usize, now: &str) -> Result<(), Failed> {
    // Trials run side by side; each rewrites a whole file.
    static WRITING: Mutex<()> = Mutex::new(());
    let _guard = WRITING.lock()?;
    let text = std::fs::read_to_string(page)?;
    let mut pieces: Vec<String> = text.split(kind).map(str::to_owned).collect();
    let piece = &mut pieces[index + 1];
    let (_, after) = piece.split_once(FENCE).ok_or("the block ends")?;
    *piece = format!("{now}{FENCE}{after}");
    Ok(std::fs::write(page, pieces.join(kind))?)
}

/// One command, and what it prints in the project's folder.
fn example(block: &str) -> Result<String, Failed> {
    let first = block.lines().next().unwrap_or_default();
    let command = first.strip_prefix("$ rimsim ").ok_or("an example runs rimsim")?;
    let both = command.strip_suffix(" 2>&1");
    let output = Command::new(env!("CARGO_BIN_EXE_rimsim"))
        .args(both.unwrap_or(command).split_whitespace())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()?;
    let errors = if both.is_some() { String::from_utf8(output.stderr)? } else { String::new() };
    Ok(format!("{first}\n{errors}{}", String::from_utf8(output.stdout)?))
}

/// A session of one shell, with what each command prints.
fn tour(block: &str) -> Result<String, Failed> {
    let mut commands: Vec<String> = Vec::new();
    for line in block.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            commands.push(format!("{command}\n"));
        } else if let (Some(more), Some(last)) = (line.strip_prefix("> "), commands.last_mut()) {
            *last += &format!("{more}\n");
        }
    }
    let folder = tempfile::tempdir()?;
    let marked = commands.iter().map(|command| format!("printf '\\001'\n{command}"));
    let root = env!("CARGO_MANIFEST_DIR");
    let script = format!("ln -s {root}/spec-vectors spec-vectors\n{}", marked.collect::<String>());
    let bin = Path::new(env!("CARGO_BIN_EXE_rimsim")).parent().ok_or("a folder")?;
    let path = format!("{}:{}", bin.display(), std::env::var("PATH")?);
    let mut shell = Command::new("sh");
    let output = shell.args(["-c", &script]).env("PATH", path).current_dir(&folder).output()?;
    let stdout = String::from_utf8(output.stdout)?;
    let shown = commands.iter().zip(stdout.split('\u{1}').skip(1)).map(|(command, printed)| {
        let lines = command.trim_end().replace('\n', "\n> ");
        format!("$ {lines}\n{printed}")
    });
    let shown: String = shown.collect();
    if shown == block {
        return Ok(shown);
    }
    // For whoever looks for the reason.
    let errors = String::from_utf8_lossy(&output.stderr);
    if std::env::var_os("BLESS").is_none() && !errors.is_empty() {
        return Err(format!("it is now\n{shown}\nwith errors\n{errors}").into());
    }
    Ok(shown)
}
