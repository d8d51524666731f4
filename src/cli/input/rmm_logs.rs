//! Logs of an RMM in the place of a script: which files are one, and what else the script needs.

use std::path::{Path, PathBuf};

use super::file::{Input, Problem};
use super::read::{read_limited, read_settings, text_name};
use crate::abi::platform::Platform;
use crate::cli::options::RmmLogArgs;
use crate::cli::reach::Reach;
use crate::encoding::marked_line::about_file;
use crate::measure::image::Image;
use crate::rmm_log::{self, At, Import, ImportError, Log, MAX_LOG_BYTES, Need, Options};
use crate::script::{self, MAX_TEXT_BYTES};

/// What is done about contents that nobody has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contents {
    /// They are asked for: something is said of the RIM.
    Needed,
    /// They are zeros: only the order of calls is looked at.
    Unseen,
}

/// A file that can be replayed.
pub(crate) struct Opened {
    pub(crate) input: Input,
    /// It is a log: what people should know of it.
    pub(crate) log: Option<Vec<String>>,
}

/// Attaches images and parameters.
pub(crate) fn options(
    images: &[(u64, PathBuf)],
    params: Option<&Path>,
    realm: usize,
    platform: &str,
) -> Result<Options, Problem> {
    let platform = Some(machine(platform)?);
    let mut options = Options { realm, platform, ..Options::default() };
    attach(images, &mut options)?;
    if let Some(path) = params {
        let text = read_limited(path, MAX_TEXT_BYTES)
            .map_err(|source| Problem::Io { path: path.to_owned(), source })?;
        let params = rmm_log::params(&path.display().to_string(), &text);
        options.params = params.map_err(|source| Problem::Params { source: source.into() })?;
    }
    Ok(options)
}

/// How a script names a machine: a preset, or a file where it stands.
fn machine(name: &str) -> Result<String, Problem> {
    let wrong = |error: &dyn std::fmt::Display| Problem::Platform(about_file(name, error));
    if !name.ends_with(".toml") {
        Platform::preset(name).map_err(|error| match name.contains(['.', '/']) {
            true => wrong(&"the name of a platform's file ends in .toml"),
            false => Problem::Platform(error.to_string()),
        })?;
        return Ok(name.to_owned());
    }
    let path = Path::new(name);
    let io = |source| Problem::Io { path: path.to_owned(), source };
    Platform::from_toml(&read_settings(path).map_err(io)?).map_err(|error| wrong(&error))?;
    let absolute = std::path::absolute(path).map_err(io)?;
    Ok(text_name(&absolute).map_err(io)?.to_owned())
}

/// Attaches images where they stand.
fn attach(images: &[(u64, PathBuf)], options: &mut Options) -> Result<(), Problem> {
    for (ipa, path) in images {
        let image = Image::open(path)?;
        let absolute = std::path::absolute(path)
            .map_err(|source| Problem::Io { path: path.clone(), source })?;
        let name = text_name(&absolute);
        let name = name.map_err(|source| Problem::Io { path: path.clone(), source })?.to_owned();
        options.at.push(At { ipa: *ipa, name, len_bytes: image.len_bytes() });
    }
    Ok(())
}

/// Opens a script, a vector, or a log. One whose name ends in `.log` is a log; any other that is no
/// vector is one if it has lines of an RMM and does not read as a script.
pub(crate) fn open(
    path: &Path,
    args: &RmmLogArgs,
    contents: Contents,
    reach: &Reach,
    source: &mut dyn script::Source,
) -> Result<Opened, Problem> {
    let has = |wanted: &str| path.extension().is_some_and(|extension| extension == wanted);
    let plain = has("rmi") || has("json") || path.is_dir();
    let bytes = if plain {
        None
    } else {
        let read = read_limited(path, MAX_LOG_BYTES);
        Some(read.map_err(|source| Problem::Io { path: path.to_owned(), source })?)
    };
    let Some(bytes) = bytes else {
        return Ok(Opened { input: Input::open_with(path, reach, source)?, log: None });
    };
    let shown = path.display().to_string();
    let is_log =
        has("log") || rmm_log::is_log(&bytes) && script::parse_bytes(&shown, &bytes).is_err();
    if !is_log {
        return Ok(Opened { input: Input::of_bytes(path, bytes, reach, source)?, log: None });
    }
    let mut options =
        options(&args.at, args.params.as_deref(), args.log_realm, &args.log_platform)?;
    options.complete = args.complete;
    let log_error =
        |source: ImportError| Problem::Log { path: path.to_owned(), source: source.into() };
    let log = rmm_log::read(&bytes).map_err(log_error)?;
    let import = import_beside(&log, &mut options, path, path)?;
    let missing: Vec<String> = import
        .needs
        .iter()
        .filter(|need| match need {
            Need::Contents { .. } => contents == Contents::Needed,
            Need::Params { .. } => true,
        })
        .map(ToString::to_string)
        .collect();
    if !missing.is_empty() {
        return Err(Problem::Needs { path: path.to_owned(), needs: missing });
    }
    let mut remarks = remarks(&log, &import);
    if contents == Contents::Unseen && !import.needs.is_empty() {
        let known = "contents that the log does not have are not needed: the order is judged";
        remarks.push(known.to_owned());
    }
    let remarks = remarks.iter().map(|remark| format!("{shown}: {remark}")).collect();
    let input = load(path, &import, &bytes, source)?;
    Ok(Opened { input, log: Some(remarks) })
}

/// Makes a script of a log. Contents that it does not have are looked for beside `script`; errors
/// name `path`.
pub(crate) fn import_beside(
    log: &Log,
    options: &mut Options,
    path: &Path,
    script: &Path,
) -> Result<Import, Problem> {
    let log_error =
        |source: ImportError| Problem::Log { path: path.to_owned(), source: source.into() };
    let import = rmm_log::import(log, options).map_err(log_error)?;
    let holes = import.needs.iter().filter_map(|need| match need {
        Need::Contents { ipa, file } => Some((ipa.start, script.with_file_name(file))),
        Need::Params { .. } => None,
    });
    let found: Vec<_> = holes.filter(|(_, file)| file.exists()).collect();
    if found.is_empty() {
        return Ok(import);
    }
    attach(&found, options)?;
    rmm_log::import(log, options).map_err(log_error)
}

/// The script of a log, whose places are those of the log.
fn load(
    path: &Path,
    import: &Import,
    log: &[u8],
    source: &mut dyn script::Source,
) -> Result<Input, Problem> {
    let script = import.script.to_string().into_bytes();
    // It names what the user named with --at.
    let named = Reach::default();
    let Input::Script(mut loaded) = Input::of_bytes(path, script, &named, source)? else {
        unreachable!("what an import makes is a script")
    };
    let statements = import.script.statements.iter().zip(&import.lines);
    let lines = statements.filter(|(statement, _)| statement.kind != script::Kind::Empty);
    let text = String::from_utf8_lossy(log).into_owned();
    loaded.came_from(&path.display().to_string(), text, lines.map(|(_, line)| *line));
    Ok(Input::Script(loaded))
}

/// What people should know of a log before they believe what comes of it.
pub(crate) fn remarks(log: &Log, import: &Import) -> Vec<String> {
    let tally = &log.tally;
    let mut remarks = Vec::new();
    if !tally.torn_lines.is_empty() {
        let lines: Vec<String> = tally.torn_lines.iter().map(u32::to_string).collect();
        let more = tally.torn > lines.len() as u64;
        let more = if more { " and more" } else { "" };
        remarks.push(format!("calls that can not be read, in lines {}{more}", lines.join(", ")));
    }
    if tally.bare_events > 0 {
        remarks.push(ImportError::NoRegisters { events: tally.bare_events }.to_string());
    }
    remarks.extend(import.remarks.iter().cloned());
    let gap = |gap: &rmm_log::LogGap| format!("line {}: not known: {}", gap.line, gap.what);
    remarks.extend(import.gaps.iter().map(gap));
    if !import.gaps.is_empty() {
        let hidden = "the RIM can not be known: the script says `unknown` where the log has gaps";
        remarks.push(hidden.to_owned());
    }
    remarks
}
