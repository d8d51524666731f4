//! Every file of `spec-vectors` is a test of its own, and so is every example of the README and
//! every file of `tests/console`.
//!
//! `BLESS=1` rewrites outputs.

mod console;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use rimsim::conform::{replay, replay_in};
use rimsim::script::{self, PlayError, Player};
use rimsim::session::Session;
use rimsim::vector::Writer;
use rimsim::{Profile, World};

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec-vectors");
    let mut trials = Vec::new();
    let recorded = [("rmm-1.0", &Profile::ALL_1_0[..]), ("rmm-2.0", &[Profile::TF_RMM_2])];
    let paths = recorded.into_iter().flat_map(|(folder, profiles)| {
        files(&root.join(folder), "json").into_iter().map(move |path| (path, profiles))
    });
    for (path, profiles) in paths {
        for profile in profiles.iter().copied() {
            let name = path.strip_prefix(&root).expect("below the root").display();
            let name = format!("{profile} {name}");
            let path = path.clone();
            trials.push(Trial::test(name, move || conforms(&path, profile)));
        }
    }
    for path in files(&root, "rmi") {
        let name = format!("script {}", path.strip_prefix(&root).expect("below it").display());
        trials.push(Trial::test(name, move || script_holds(&path)));
    }
    let console = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/console");
    trials.extend(console::trials(files(&console, "console")));
    for (index, example) in readme_examples().into_iter().enumerate() {
        let name = format!("README {}", example.command);
        trials.push(Trial::test(name, move || example.holds(index)));
    }
    trials.push(Trial::test("README tour", tour));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// All files below `dir` with this extension, sorted.
fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(&dir).expect("a folder of the project") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn conforms(path: &Path, profile: Profile) -> Result<(), Failed> {
    let text = std::fs::read(path)?;
    let vector = rimsim::vector::read(&path.display().to_string(), &text)?;
    let report = replay(&vector, profile, []);
    let Some(failure) = report.failures.first() else { return Ok(()) };
    let text = failure.mismatches.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    let label = failure.label.as_deref().unwrap_or("");
    let count = report.failures.len();
    Err(format!("{} {label}: {text} ({count} steps differ)", failure.place).into())
}

/// What a script has to begin with if the RMM is to refuse it.
const REFUSED: &str = "# Refused:";

/// Plays a script. Its expectations have to hold; printing and parsing it gives it back; what it
/// did, exported as a vector, happens again.
fn script_holds(path: &Path) -> Result<(), Failed> {
    let text = std::fs::read_to_string(path)?;
    let name = path.display().to_string();
    let parsed = script::parse(&name, &text)?;
    if script::parse(&name, &parsed.to_string())? != parsed {
        return Err("printing and parsing it gives another script".into());
    }
    let mut player = Player::new(script::load(path)?);
    let (platform, profile) = player.setup();
    let mut writer = Writer::new(Vec::new(), "exported", profile.edition(), &platform, "test");
    let mut session = Session::new(World::new(platform, profile));
    session.observe(&mut writer);
    let played = player.play(&mut session);
    drop(session);
    match played {
        Ok(()) if text.starts_with(REFUSED) => return Err("nothing was refused".into()),
        Err(PlayError::Refused(_)) if text.starts_with(REFUSED) => {}
        other => other?,
    }
    let vector = rimsim::vector::read("exported", &writer.finish()?)?;
    // By the rules of the script; but measurements are in every vector as TF-RMM makes them.
    let world = World::new(vector.platform.clone(), profile.measuring_as_tf_rmm());
    let mut session = Session::new(world);
    let report = replay_in(&mut session, &vector);
    match report.failures.first() {
        None => Ok(()),
        Some(failure) => Err(format!("exported: {failure:?}").into()),
    }
}

/// A command in a `console` block of the README, and the lines it prints.
struct Example {
    command: String,
    output: String,
}

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
const FENCE: &str = "```";

fn readme_examples() -> Vec<Example> {
    let text = std::fs::read_to_string(README).expect("the README");
    let blocks = text.split("```console\n").skip(1);
    let example = |block: &str| {
        let block = block.split(FENCE).next().unwrap_or_default();
        let (first, output) = block.split_once('\n').expect("a command line");
        let command = first.strip_prefix("$ rimsim ").expect("an example runs rimsim");
        Example { command: command.to_owned(), output: output.to_owned() }
    };
    blocks.map(example).collect()
}

impl Example {
    /// Runs the command in the project's folder and compares what it prints.
    fn holds(&self, index: usize) -> Result<(), Failed> {
        let both = self.command.strip_suffix(" 2>&1");
        let words = both.unwrap_or(&self.command).split_whitespace();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_rimsim"))
            .args(words)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()?;
        let mut got = String::from_utf8(output.stdout)?;
        if both.is_some() {
            got.insert_str(0, &String::from_utf8(output.stderr)?);
        }
        if std::env::var_os("BLESS").is_some() {
            return bless(index, &got);
        }
        if got == self.output {
            return Ok(());
        }
        Err(format!("it printed\n{got}\nand the README says\n{}", self.output).into())
    }
}

/// Writes the output of example `index` into the README.
fn bless(index: usize, output: &str) -> Result<(), Failed> {
    // Trials run side by side; each rewrites the whole file.
    static WRITING: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _guard = WRITING.lock()?;
    let text = std::fs::read_to_string(README)?;
    let mut pieces: Vec<String> = text.split("```console\n").map(str::to_owned).collect();
    let piece = &mut pieces[index + 1];
    let (command, rest) = piece.split_once('\n').ok_or("a command line")?;
    let (_, after) = rest.split_once(FENCE).ok_or("the block ends")?;
    *piece = format!("{command}\n{output}{FENCE}{after}");
    std::fs::write(README, pieces.join("```console\n"))?;
    Ok(())
}

const TOUR: &str = "```console tour\n";

/// Plays the README's tour in an empty folder, by one shell, and compares what each command prints.
///
/// A line that begins with `$ ` is a command, one with `> ` goes on with it; others are its output.
fn tour() -> Result<(), Failed> {
    let text = std::fs::read_to_string(README)?;
    let (before, rest) = text.split_once(TOUR).ok_or("the README has a tour")?;
    let (block, after) = rest.split_once(FENCE).ok_or("the tour ends")?;
    let mut commands: Vec<String> = Vec::new();
    for line in block.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            commands.push(format!("{command}\n"));
        } else if let (Some(more), Some(last)) = (line.strip_prefix("> "), commands.last_mut()) {
            *last += &format!("{more}\n");
        }
    }
    let folder = std::env::temp_dir().join(format!("rimsim-tour-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let marked = commands.iter().map(|command| format!("printf '\\001'\n{command}"));
    let root = env!("CARGO_MANIFEST_DIR");
    let script = format!("ln -s {root}/spec-vectors spec-vectors\n{}", marked.collect::<String>());
    let bin = Path::new(env!("CARGO_BIN_EXE_rimsim")).parent().ok_or("a folder")?;
    let path = format!("{}:{}", bin.display(), std::env::var("PATH")?);
    let mut shell = std::process::Command::new("sh");
    let output = shell.args(["-c", &script]).env("PATH", path).current_dir(&folder).output()?;
    std::fs::remove_dir_all(&folder)?;
    let stdout = String::from_utf8(output.stdout)?;
    let shown = commands.iter().zip(stdout.split('\u{1}').skip(1)).map(|(command, printed)| {
        let lines = command.trim_end().replace('\n', "\n> ");
        format!("$ {lines}\n{printed}")
    });
    let got: String = shown.collect();
    if std::env::var_os("BLESS").is_some() {
        return Ok(std::fs::write(README, format!("{before}{TOUR}{got}{FENCE}{after}"))?);
    }
    if got == block {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(format!("it printed\n{got}\nand the README says\n{block}\n{errors}").into())
}
