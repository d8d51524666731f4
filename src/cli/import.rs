//! `rimsim import`

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use serde_json::json;

use super::args::Format;
use super::input::read_limited;
use super::{Console, Exit};
use crate::abi::addr::Hex;
use crate::measure::image::Image;
use crate::rmm_log::{self, At, Import, ImportError, Log, MAX_LOG_BYTES, Need, Options};
use crate::script::MAX_TEXT_BYTES;

/// Make a script of the calls that an RMM's console shows
///
/// Reads the lines that TF-RMM prints (`SMC_RMI_DATA_CREATE 88000000 … > RMI_SUCCESS`) from a
/// console's log, whatever stands before or between them. The script makes one of the log's Realms
/// again and expects the answers that the log has: `rimsim run` compares them. What the log does
/// not have is listed on standard error.
#[derive(Debug, ClapArgs)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct ImportArgs {
    /// The logs, read one after the other; `-` is standard input
    #[arg(required = true, value_name = "LOG")]
    logs: Vec<PathBuf>,
    /// The bytes that the Host put into the Realm from this IPA on
    #[arg(long, value_name = "IPA=FILE", value_parser = at)]
    at: Vec<(u64, PathBuf)>,
    /// A script that defines `realm_params`, and `rec_params_1` and so on for the RECs
    #[arg(long, value_name = "FILE")]
    params: Option<PathBuf>,
    /// Which of the log's Realms
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    realm: usize,
    /// The machine that the script names: a preset or a TOML file
    #[arg(long, value_name = "NAME|FILE", default_value = "fvp")]
    platform: String,
    /// Where the script is written; standard output if it is not said
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Form of what is said of the log
    #[arg(long, value_enum, default_value_t = Format::Text, requires_if("json", "out"))]
    format: Format,
}

const EXAMPLES: &str = "\
Examples:
  What does the log still need?
      rimsim import console.log -o boot.rmi
  Give it, and compute the RIM:
      rimsim import console.log --at 0x80200000=Image --params params.rmi -o boot.rmi
      rimsim run boot.rmi

params.rmi has what no log shows:
  let realm_params = RealmParams {
      s2sz=40, num_bps=1, num_wps=1, rtt_base=auto, rtt_level_start=1, rtt_num_start=2
  }
  let rec_params_1 = RecParams { flags=runnable, pc=0x8020_0000, aux=auto }";

pub(super) fn at(text: &str) -> Result<(u64, PathBuf), String> {
    let (ipa, file) = text.split_once('=').ok_or("it is IPA=FILE, such as 0x80200000=Image")?;
    let digits = ipa.replace('_', "");
    let number = match digits.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => digits.parse(),
    };
    let ipa = number.map_err(|_| format!("{ipa} is no address, such as 0x80200000"))?;
    Ok((ipa, file.into()))
}

/// Why there is no script.
enum Trouble {
    Io(String),
    Usage(String),
}

impl From<ImportError> for Trouble {
    fn from(error: ImportError) -> Self {
        Self::Usage(error.to_string())
    }
}

pub(super) fn run(args: &ImportArgs, console: &mut Console) -> io::Result<Exit> {
    let (log, import) = match make(args) {
        Ok(made) => made,
        Err(Trouble::Io(text)) => {
            console.error(&text);
            return Ok(Exit::Io);
        }
        Err(Trouble::Usage(text)) => {
            console.error(&text);
            return Ok(Exit::Usage);
        }
    };
    let text = import.script.to_string();
    match &args.out {
        None => console.result(text.trim_end())?,
        Some(path) => {
            if let Err(error) = fs::write(path, &text) {
                console.error(&format!("{}: {error}", path.display()));
                return Ok(Exit::Io);
            }
        }
    }
    match args.format {
        Format::Text => say(&log, &import, console),
        Format::Json => console.json(&document(&log, &import))?,
    }
    Ok(Exit::Good)
}

fn make(args: &ImportArgs) -> Result<(Log, Import), Trouble> {
    let io = |path: &Path, error| Trouble::Io(format!("{}: {error}", path.display()));
    let mut bytes = Vec::new();
    for path in &args.logs {
        let read = if path.as_os_str() == "-" {
            let mut text = Vec::new();
            io::stdin().take(MAX_LOG_BYTES + 1).read_to_end(&mut text).map(|_| text)
        } else {
            read_limited(path, MAX_LOG_BYTES)
        };
        let mut text = read.map_err(|error| io(path, error))?;
        bytes.append(&mut text);
        if args.logs.len() > 1 {
            bytes.push(b'\n');
        }
        if bytes.len() as u64 > MAX_LOG_BYTES {
            return Err(ImportError::TooLong.into());
        }
    }
    let mut options =
        Options { realm: args.realm, platform: Some(args.platform.clone()), ..Options::default() };
    for (ipa, path) in &args.at {
        let image = Image::open(path).map_err(|error| Trouble::Io(error.to_string()))?;
        let absolute = std::path::absolute(path).map_err(|error| io(path, error))?;
        let name = absolute.display().to_string();
        options.at.push(At { ipa: *ipa, name, len_bytes: image.len_bytes() });
    }
    if let Some(path) = &args.params {
        let text = read_limited(path, MAX_TEXT_BYTES).map_err(|error| io(path, error))?;
        options.params = rmm_log::params(&path.display().to_string(), &text)?;
    }
    let log = rmm_log::read(&bytes)?;
    let import = rmm_log::import(&log, &options)?;
    Ok((log, import))
}

fn say(log: &Log, import: &Import, console: &mut Console) {
    let tally = &log.tally;
    console.say(&format!(
        "{} lines: {} calls of the Host, {} of Realms, {} torn, {} others",
        tally.lines,
        log.calls.len(),
        tally.realm_calls,
        tally.torn,
        tally.skipped
    ));
    if !tally.torn_lines.is_empty() {
        let lines: Vec<String> = tally.torn_lines.iter().map(u32::to_string).collect();
        console.note(&format!("calls that can not be read, in lines {}", lines.join(", ")));
    }
    import.remarks.iter().for_each(|remark| console.note(remark));
    if !import.needs.is_empty() {
        console.say("The RIM needs what the log does not have:");
        import.needs.iter().for_each(|need| console.say(&format!("  {need}")));
    }
}

fn document(log: &Log, import: &Import) -> serde_json::Value {
    let needs = import.needs.iter().map(|need| match need {
        Need::Contents { ipa, file } => json!({
            "kind": "contents",
            "base": Hex(ipa.start).to_string(),
            "top": Hex(ipa.end).to_string(),
            "file": file,
        }),
        Need::Params { structure, symbol, line } => {
            json!({ "kind": "params", "structure": structure, "symbol": symbol, "line": line })
        }
    });
    json!({
        "schema": "rimsim/1",
        "command": "import",
        "lines": log.tally.lines,
        "calls": log.calls.len(),
        "realm_calls": log.tally.realm_calls,
        "torn": log.tally.torn,
        "torn_lines": log.tally.torn_lines,
        "skipped": log.tally.skipped,
        "needs": needs.collect::<Vec<_>>(),
        "remarks": import.remarks,
    })
}
