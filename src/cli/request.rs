//! What a file may ask for: a VM, the host under it, and files to read.
//!
//! *Invariant:* a file never makes the program write, sign or run anything. So its words are parsed
//! by a form of their own that has nothing else, not by that of `measure`.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, Parser};

use super::args::{Args, Command};
use super::hashing::HashingArgs;
use super::measure_args::{GuestArgs, MeasureArgs, ResponderArgs, VmmArgs};

/// The words of a lock or of a file with arguments.
#[derive(Debug, Parser)]
#[command(name = "request", disable_help_flag = true, disable_version_flag = true)]
pub(super) struct RequestWords {
    #[command(flatten)]
    guest: GuestArgs,
    #[command(flatten)]
    responder: ResponderArgs,
    #[command(flatten)]
    hashing: HashingArgs,
    #[command(flatten)]
    vmm: VmmArgs,
}

impl RequestWords {
    /// Reads the words.
    ///
    /// # Errors
    /// If one of them is no part of a request; the text names it.
    pub(super) fn of<'w>(words: impl Iterator<Item = &'w str>) -> Result<Self, String> {
        Self::try_parse_from(["request"].into_iter().chain(words)).map_err(|error| told(&error))
    }

    /// The same with nothing to write.
    pub(super) fn into_measure(self) -> Result<MeasureArgs, String> {
        let plain = Args::try_parse_from(["rimsim", "measure", "kvmtool"]);
        match plain.map_err(|error| error.to_string())?.command {
            Command::Measure(plain) => {
                let Self { guest, responder, hashing, vmm } = self;
                Ok(MeasureArgs { guest, responder, hashing, vmm, ..plain })
            }
            _ => Err("these are no arguments of `measure`".to_owned()),
        }
    }
}

fn told(error: &clap::Error) -> String {
    let text = || error.to_string().trim_end().to_owned();
    if error.kind() != ErrorKind::UnknownArgument {
        return text();
    }
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidArg) else {
        return text();
    };
    if !known(word) {
        return text();
    }
    format!(
        "`{word}` is no part of a request: a file says what is measured, and only the command line \
         what is written, signed, kept or printed"
    )
}

/// Whether some subcommand has this option.
fn known(word: &str) -> bool {
    let name = word.trim_start_matches('-').split('=').next().unwrap_or_default();
    let short = name.chars().next().filter(|_| !word.starts_with("--"));
    let args = Args::command();
    args.get_subcommands()
        .flat_map(|command| command.get_arguments())
        .any(|arg| arg.get_long() == Some(name) || short.is_some() && arg.get_short() == short)
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
        let args =
            RequestWords::of(words.into_iter()).and_then(RequestWords::into_measure).expect("good");
        assert_eq!(args.vmm.argv, ["-c", "2", "-o"]);
        assert!(args.dtb_out.is_none() && args.reference.output.is_none());
    }
}
