//! `rimsim version`: what this program is.

use std::io;
use std::sync::LazyLock;

use clap::Args as ClapArgs;
use serde_json::json;

use crate::abi::profile::Edition;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::options::Format;

/// Print the version, the commit, the editions of the specification, and the features
#[derive(Debug, ClapArgs)]
pub(crate) struct VersionArgs {
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Whoever builds from a repository says it: `RIMSIM_COMMIT=$(git rev-parse HEAD) cargo build`.
const COMMIT: Option<&str> = option_env!("RIMSIM_COMMIT");

/// The features that this program was built with.
fn features() -> Vec<&'static str> {
    let all = [
        ("asm", cfg!(feature = "asm")),
        ("cli", cfg!(feature = "cli")),
        ("evidence", cfg!(feature = "evidence")),
        ("hosts", cfg!(feature = "hosts")),
        ("toml", cfg!(feature = "toml")),
    ];
    all.into_iter().filter(|(_, is_there)| *is_there).map(|(name, _)| name).collect()
}

/// What stands behind the program's name: `--version`.
pub(crate) fn long() -> &'static str {
    static LONG: LazyLock<String> = LazyLock::new(|| {
        let editions = Edition::ALL.map(Edition::name).join(", ");
        let commit = COMMIT.unwrap_or("unknown");
        let features = features().join(", ");
        format!(
            "{VERSION}\ncommit: {commit}\neditions of DEN0137: {editions}\nfeatures: {features}"
        )
    });
    &LONG
}

pub(crate) fn run(args: &VersionArgs, console: &mut Console) -> io::Result<Exit> {
    match args.format {
        Format::Text => console.text(&format!("rimsim {}", long()))?,
        Format::Json => console.json(&json!({
            "schema": "rimsim/1",
            "command": "version",
            "version": VERSION,
            "commit": COMMIT,
            "editions": Edition::ALL.map(Edition::name),
            "features": features(),
        }))?,
    }
    Ok(Exit::Good)
}
