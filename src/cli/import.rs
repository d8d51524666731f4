//! `rimsim import`

use std::io;
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use serde_json::json;

use crate::cli::console::{Console, hex};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::input::{Problem, read_limited, rmm_logs};
use crate::cli::options::{Format, at};
use crate::inputs;
use crate::outputs::OutputPath;
use crate::rmm_log::{self, Import, ImportError, Log, MAX_LOG_BYTES, Need};

/// Make a script of the calls that an RMM's console shows
///
/// Reads the lines that TF-RMM prints (`SMC_RMI_DATA_CREATE 88000000 … > RMI_SUCCESS`) from a
/// console's log, whatever stands before or between them. The script makes one of the log's Realms
/// again and expects the answers that the log has: `rimsim run` compares them. Logs of RMM 1.0 and
/// of 2.0 are told apart by their commands; of 2.0 the calls of a stateful operation become the one
/// command that began it.
///
/// What the log does not have is listed on standard error, and stands in the script: `unknown` for
/// calls that are torn or not shown, for contents, and for parameters, in whose place others stand
/// so that the calls can be played. `run` prints no RIM of such a Realm, and nobody makes reference
/// values of it. The script is written all the same, and the exit code is 3
/// as long as something is missing.
///
/// TF-RMM as it is published prints neither contents nor RIPAS. kvmtool with `--loglevel debug`
/// says both on the same console: its lines take their place, with the tables that KVM makes.
/// Islet's form (`RMI: DATA_CREATE [88B3D000, …] > [0]`) is read as well. Where the log's granules
/// are no memory of the platform, the script says where memory is.
///
/// A trace of the Host's kernel (ftrace, `trace-cmd report`) is read too if its events show
/// registers: `arm_smccc_start: call=… fn=c4000153 args={…}` and `arm_smccc_end: … res={…}`, a pair
/// that was proposed for Linux in 2021 and is not in mainline. KVM has no event for RMI calls; its
/// own (`kvm_…`) and `arm_smccc_smc_…` have no registers, are counted, and give nothing. Traces are
/// read as those of RMM 1.0.
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
    /// The RMM prints every call that succeeds: what the log does not show was not done
    #[arg(long)]
    complete: bool,
    /// Where the script is written; standard output if it is not said
    #[arg(short, long, value_name = "FILE")]
    out: Option<OutputPath>,
    /// Form of what is said of the log
    #[arg(long, value_enum, default_value_t = Format::Text, requires_if("json", "out"))]
    format: Format,
}

const EXAMPLES: &str = "\
`rimsim lint`, `explain` and `report` take logs too, with the same --at and --params.

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
  let rec_params_1 = RecParams { flags=runnable, pc=0x8020_0000, aux=auto }
RMM 2.0 takes auxiliary granules otherwise: leave out aux.";

pub(crate) fn run(args: &ImportArgs, console: &mut Console) -> io::Result<Exit> {
    let (log, import) = match make(args) {
        Ok(made) => made,
        Err(problem) => return Ok(problem.tell(console)),
    };
    let text = import.script.to_string();
    match &args.out {
        None => console.text(text.trim_end())?,
        Some(path) => {
            if let Err(error) = console.outputs().write(path, text.as_bytes()) {
                let CliError(exit, text) = error.into();
                console.error(&text);
                return Ok(exit);
            }
        }
    }
    match args.format {
        Format::Text => say(&log, &import, console),
        Format::Json => console.json(&document(&log, &import))?,
    }
    Ok(if import.is_whole() { Exit::Good } else { Exit::Mismatch })
}

fn make(args: &ImportArgs) -> Result<(Log, Import), Problem> {
    let io = |path: &Path, source| Problem::Io { path: path.to_owned(), source };
    let shown: Vec<_> = args.logs.iter().map(|path| path.display().to_string()).collect();
    let log_error =
        |source: ImportError| Problem::Log { path: shown.join(", ").into(), source: source.into() };
    let mut bytes = Vec::new();
    for path in &args.logs {
        let read = if path.as_os_str() == "-" {
            let mut text = Vec::new();
            inputs::read_to_end(inputs::stdin(), MAX_LOG_BYTES + 1, &mut text).map(|()| text)
        } else {
            read_limited(path, MAX_LOG_BYTES)
        };
        let mut text = read.map_err(|error| io(path, error))?;
        bytes.append(&mut text);
        if args.logs.len() > 1 {
            bytes.push(b'\n');
        }
        if bytes.len() as u64 > MAX_LOG_BYTES {
            return Err(log_error(ImportError::TooLong));
        }
    }
    let mut options =
        rmm_logs::options(&args.at, args.params.as_deref(), args.realm, &args.platform)?;
    let log = rmm_log::read(&bytes).map_err(log_error)?;
    options.complete = args.complete;
    let place = args.out.as_deref().unwrap_or(Path::new("script.rmi"));
    let path = shown.join(", ");
    let import = rmm_logs::import_beside(&log, &mut options, Path::new(&path), place)?;
    Ok((log, import))
}

fn say(log: &Log, import: &Import, console: &mut Console) {
    let tally = &log.tally;
    let vmm = match log.vmm.len() {
        0 => String::new(),
        count => format!("{count} lines of kvmtool, "),
    };
    console.say(&format!(
        "{} lines: {} calls of the Host, {} of Realms, {vmm}{} torn, {} others",
        tally.lines,
        log.calls.len(),
        tally.realm_calls,
        tally.torn,
        tally.skipped
    ));
    rmm_logs::remarks(log, import).iter().for_each(|remark| console.note(remark));
    if !import.needs.is_empty() {
        console.say("The RIM needs what the log does not have:");
        import.needs.iter().for_each(|need| console.say(&format!("  {need}")));
    }
}

fn document(log: &Log, import: &Import) -> serde_json::Value {
    let needs = import.needs.iter().map(|need| match need {
        Need::Contents { ipa, file } => json!({
            "kind": "contents",
            "base": hex(ipa.start),
            "top": hex(ipa.end),
            "file": file,
        }),
        Need::Params { structure, symbol, line } => {
            json!({ "kind": "params", "structure": structure, "symbol": symbol, "line": line })
        }
    });
    let gap = |gap: &rmm_log::LogGap| json!({ "line": gap.line, "what": gap.what });
    json!({
        "schema": "rimsim/1",
        "command": "import",
        "lines": log.tally.lines,
        "calls": log.calls.len(),
        "realm_calls": log.tally.realm_calls,
        "vmm_lines": log.vmm.len(),
        "torn": log.tally.torn,
        "torn_lines": log.tally.torn_lines,
        "bare_events": log.tally.bare_events,
        "skipped": log.tally.skipped,
        "needs": needs.collect::<Vec<_>>(),
        "gaps": import.gaps.iter().map(gap).collect::<Vec<_>>(),
        "remarks": import.remarks,
    })
}
