//! What a file may ask for: a VM, the host under it, and files to read.
//!
//! *Invariant:* a file never makes the program write, sign or run anything. So its words are parsed
//! by a form of their own that has nothing else, not by that of `measure`.

use std::path::Path;

use clap::Parser;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::boot::Boot;
use crate::cli::error::{CliError, usage};
use crate::cli::exit::Exit;
use crate::cli::input::read_settings;
use crate::cli::options::{
    CacheArgs, GuestArgs, HashingArgs, OutsideArgs, Purpose, ResponderArgs, VmmArgs,
};
use crate::encoding::shown::ShowPath as _;

/// The words of a lock or of a file with arguments.
#[derive(Debug, Parser)]
#[command(name = "request", disable_help_flag = true, disable_version_flag = true)]
pub(crate) struct RequestWords {
    #[command(flatten)]
    pub(crate) guest: GuestArgs,
    #[command(flatten)]
    pub(crate) responder: ResponderArgs,
    #[command(flatten)]
    pub(crate) hashing: HashingArgs,
    /// Digests that may be used: whatever the command line says.
    #[arg(skip)]
    pub(crate) cache: CacheArgs,
    #[command(flatten)]
    pub(crate) vmm: VmmArgs,
}

/// Options that only the command line has: what they ask for is written, signed, kept, printed, or
/// no matter of one VM. In the order of their names; a test holds it against the subcommands.
pub(crate) const NO_REQUEST: &[&str] = &[
    "--accept-padded",
    "--against",
    "--algo",
    "--allow-outside",
    "--allow-refused",
    "--allow-unknown-claims",
    "--append-variant",
    "--at",
    "--budget",
    "--ccel",
    "--challenge",
    "--cmdline",
    "--complete",
    "--corim-id",
    "--corim-out",
    "--cpak",
    "--cpus",
    "--deny",
    "--digest-cache",
    "--dir",
    "--domain",
    "--dtb-candidate",
    "--dtb-out",
    "--entity",
    "--events",
    "--events-out",
    "--exceptions",
    "--expect",
    "--expect-key",
    "--expect-rem",
    "--expect-rim",
    "--explain",
    "--export",
    "--force",
    "--format",
    "--granule",
    "--hash-algo",
    "--image",
    "--initdata",
    "--learn",
    "--list",
    "--log-complete",
    "--log-platform",
    "--log-realm",
    "--mem",
    "--no-events",
    "--not-after",
    "--not-before",
    "--out",
    "--output",
    "--params",
    "--pid",
    "--platform",
    "--qemu-log",
    "--realm",
    "--registers",
    "--rem",
    "--rim",
    "--rounds",
    "--script",
    "--script-out",
    "--search",
    "--show",
    "--sign-key",
    "--size",
    "--tag-id",
    "--token",
    "--token-out",
    "--token-profile",
    "--trust-mtime",
    "--update",
    "--vary",
    "--with-rpv",
    "-o",
];

impl RequestWords {
    /// Reads the words.
    ///
    /// # Errors
    /// If one of them is no part of a request; the text names it.
    pub(crate) fn of<'w>(words: impl Iterator<Item = &'w str>) -> Result<Self, String> {
        Self::try_parse_from(["request"].into_iter().chain(words)).map_err(|error| told(&error))
    }

    /// The arguments in a file, as a shell would read them.
    pub(crate) fn in_file(path: &Path, outside: OutsideArgs) -> Result<Self, CliError> {
        let mut read = Self::of(words(path, "measure")?.iter().map(String::as_str))
            .map_err(|why| usage(format!("{}: {why}", path.shown())))?;
        read.guest.reach = outside.reach_of(path);
        Ok(read)
    }

    /// The VM that is asked for.
    pub(crate) const fn boot(&self) -> Boot<'_> {
        let Self { guest, responder, hashing, cache, vmm } = self;
        Boot { guest, responder, hashing, cache, vmm, purpose: Purpose::Reliance }
    }
}

/// Whether a file's name says that it holds arguments of `rimsim measure`.
pub(crate) fn is_request(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "args")
}

/// The words of a file, without the program's and the subcommand's name before them.
pub(crate) fn words(path: &Path, subcommand: &str) -> Result<Vec<String>, CliError> {
    let shown = path.shown();
    let text =
        read_settings(path).map_err(|error| CliError(Exit::Io, format!("{shown}: {error}")))?;
    words_of(&text, subcommand)
        .ok_or_else(|| usage(format!("{shown}: a quotation mark is not closed")))
}

/// The words of a text, as [`words`]; none if a quotation mark is not closed.
pub(crate) fn words_of(text: &str, subcommand: &str) -> Option<Vec<String>> {
    let mut words = shlex::split(text)?;
    for name in ["rimsim", subcommand] {
        if words.first().is_some_and(|word| word == name) {
            words.remove(0);
        }
    }
    Some(words)
}

fn told(error: &clap::Error) -> String {
    let text = || error.to_string().trim_end().to_owned();
    if error.kind() != ErrorKind::UnknownArgument {
        return text();
    }
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidArg) else {
        return text();
    };
    if !is_no_request(word) {
        return text();
    }
    format!(
        "`{word}` is no part of a request: a file says what is measured, and only the command line \
         what is written, signed, kept or printed"
    )
}

/// Whether some subcommand has this option.
fn is_no_request(word: &str) -> bool {
    let option = word.split('=').next().unwrap_or_default();
    let short = option.len() > 2 && !option.starts_with("--");
    let option = if short { option.get(..2).unwrap_or(option) } else { option };
    NO_REQUEST.contains(&option)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_never_writes() {
        for (option, value) in [
            ("--dtb-out", "x"),
            ("--script-out", "x"),
            ("--events-out", "x"),
            ("--output", "x"),
            ("-o", "x"),
            ("--sign-key", "x"),
            ("--digest-cache", "x"),
            ("--format", "json"),
            ("--token-out", "x"),
        ] {
            let joined = format!("{option}={value}");
            for words in [vec![option, value, "kvmtool"], vec![joined.as_str(), "kvmtool"]] {
                let error = RequestWords::of(words.into_iter()).expect_err(option);
                assert!(error.contains("is no part of a request"), "{option}: {error}");
                assert!(error.contains(option), "{error}");
            }
        }
        let words = ["--host=kvm-v12", "--dtb", "a.dtb", "kvmtool", "--", "-c", "2", "-o"];
        let args = RequestWords::of(words.into_iter()).expect("good");
        assert_eq!(args.vmm.argv, ["-c", "2", "-o"]);
    }
}
