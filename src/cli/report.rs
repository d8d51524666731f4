//! `rimsim report`

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use sha2::{Digest as _, Sha256};

use super::args::RmmArg;
use super::input::{Input, read_limited};
use super::replay::Setup;
use super::{Console, Exit};
use crate::lint::Linter;
use crate::measure::hasher::Hasher;
use crate::report::{self, Finding, InputFile, RealmReport, Report};

/// Longest script or vector whose bytes are hashed for the page.
const MAX_INPUT_BYTES: u64 = 256 << 20;

/// Make a page about Realms: their memory, what was measured, findings
///
/// The page is one file without anything from elsewhere. It shows the map of the Realm's addresses,
/// which can be zoomed, the RIM after each measured event, what `rimsim lint` finds, the platform
/// and the digests of the inputs.
#[derive(Debug, ClapArgs)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct ReportArgs {
    /// Scripts (.rmi) or vectors (.json)
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Where the page is written
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    rmm: RmmArg,
}

const EXAMPLES: &str = "\
Examples:
  Look at a Realm:
      rimsim report boot.rmi -o report.html";

pub(super) fn run(args: &ReportArgs, console: &mut Console) -> io::Result<Exit> {
    let setup = Setup {
        platform: None,
        profile: args.rmm.rmm,
        rem: args.rmm.rem,
        hasher: Hasher::default(),
    };
    let mut exit = Exit::Good;
    let mut page = Report::default();
    let mut titles = Vec::new();
    for path in &args.files {
        let input = match Input::open(path) {
            Ok(input) => input,
            Err(problem) => {
                console.error(&problem.to_string());
                return Ok(problem.exit());
            }
        };
        let file = path.display().to_string();
        let mut linter = Linter::new();
        let ended = input.replay(&setup, [&mut linter as _]);
        exit = exit.and(ended.exit);
        page.messages.extend(ended.messages.iter().cloned());
        page.platform = ended.world.platform().to_toml();
        ended.world.profile().name().clone_into(&mut page.rmm);
        let rds: Vec<u64> = ended.world.realms().map(|(rd, _)| rd.0).collect();
        for rd in rds {
            let name = format!("{file}: {}", ended.name_of(rd));
            page.realms.extend(RealmReport::new(&ended.world, rd, &name));
        }
        let found = linter.finish().into_iter().map(|finding| Finding {
            severity: finding.rule.severity.name().to_owned(),
            id: finding.rule.id.to_owned(),
            place: finding.place.to_string(),
            message: finding.message.clone(),
        });
        page.findings.extend(found);
        inputs(&file, &input, &mut page.inputs);
        titles.push(file);
    }
    page.title = titles.join(", ");
    for message in &page.messages {
        console.error(message);
    }
    if let Err(error) = fs::write(&args.out, report::write(&page)) {
        console.error(&format!("{}: {error}", args.out.display()));
        return Ok(Exit::Io);
    }
    Ok(exit)
}

fn inputs(file: &str, input: &Input, inputs: &mut Vec<InputFile>) {
    // A pipe was read already and has no second time.
    let again = fs::metadata(file).is_ok_and(|metadata| metadata.is_file());
    if let Some(bytes) = again.then(|| read_limited(file.as_ref(), MAX_INPUT_BYTES).ok()).flatten()
    {
        let (name, len_bytes) = (file.to_owned(), bytes.len() as u64);
        inputs.push(InputFile { name, len_bytes, sha256: Some(sha256(&bytes)) });
    }
    let Input::Script(script) = input else { return };
    for image in script.images() {
        let sha256 = image.is_known().then(|| sha256(image.bytes_from(0)));
        let (name, len_bytes) = (image.name().to_owned(), image.len_bytes());
        inputs.push(InputFile { name, len_bytes, sha256 });
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
