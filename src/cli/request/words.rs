//! What a file may ask for: a VM, the host under it, and files to read.
//!
//! *Invariant:* a file never makes the program write, sign or run anything. So its words are parsed
//! by a form of their own that has nothing else, not by that of `measure`.

use std::path::{Path, PathBuf};

use clap::Parser;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::boot::Boot;
use crate::cli::error::{CliError, usage};
use crate::cli::exit::Exit;
use crate::cli::input::{command_line, read_settings};
use crate::cli::options::{
    CacheArgs, GuestArgs, HashingArgs, LineArgs, OutsideArgs, Purpose, ResponderArgs, VmmArgs,
};
use crate::encoding::marked_line::MarkedPlace;
use crate::encoding::shell;
use crate::encoding::shown::ShowPath as _;

/// The words of a lock, or of a file with arguments when its command line is found.
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

/// The words of a file with arguments, or of a chain's `[measure] vm`: what `rimsim measure` takes,
/// but for what it writes and prints. Where the command line is may stand there too.
#[derive(Debug, Parser)]
#[command(name = "request", disable_help_flag = true, disable_version_flag = true)]
pub(crate) struct FileWords {
    #[command(flatten)]
    pub(crate) guest: GuestArgs,
    #[command(flatten)]
    pub(crate) responder: ResponderArgs,
    #[command(flatten)]
    pub(crate) hashing: HashingArgs,
    #[command(flatten)]
    pub(crate) line: LineArgs,
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
    "--baseline",
    "--budget",
    "--candidate",
    "--ccel",
    "--chain",
    "--challenge",
    "--check",
    "--cmdline",
    "--complete",
    "--corim-id",
    "--corim-out",
    "--corim-profile",
    "--cpak",
    "--cpus",
    "--deny",
    "--deviations",
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
    "--grammar",
    "--granule",
    "--hash-algo",
    "--image",
    "--initdata",
    "--join",
    "--learn",
    "--lifecycle",
    "--list",
    "--lock",
    "--lock-out",
    "--log-complete",
    "--log-platform",
    "--log-realm",
    "--mem",
    "--name",
    "--no-events",
    "--not-after",
    "--not-before",
    "--option-variant",
    "--out",
    "--output",
    "--params",
    "--pid",
    "--platform",
    "--policy",
    "--qemu-log",
    "--range",
    "--realm",
    "--refusals",
    "--registers",
    "--rem",
    "--require",
    "--rim",
    "--rounds",
    "--script",
    "--script-out",
    "--search",
    "--seen",
    "--shard",
    "--short",
    "--show",
    "--sign-chain",
    "--sign-cmd",
    "--sign-key",
    "--sign-pub",
    "--size",
    "--step",
    "--tag-id",
    "--token",
    "--token-out",
    "--token-profile",
    "--trust-anchor",
    "--trust-mtime",
    "--update",
    "--vary",
    "--why",
    "--why-budget",
    "--with-rpv",
    "-o",
];

/// Why words are no request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoRequest {
    /// The number of the word that is wrong, from 0, if it is one.
    pub(crate) word: Option<usize>,
    pub(crate) text: String,
}

impl FileWords {
    /// Reads the words.
    ///
    /// # Errors
    /// If one of them is no part of a request, or they name a process.
    pub(crate) fn of(name: &str, words: &[impl AsRef<str>]) -> Result<Self, NoRequest> {
        let read: Self = parse(name, words)?;
        if read.line.pid.is_some() {
            let text = "--pid: a process is another one tomorrow; write its command line here";
            let word = words.iter().position(|word| has_option(word.as_ref(), "--pid"));
            return Err(NoRequest { word, text: text.into() });
        }
        Ok(read)
    }
}

impl RequestWords {
    /// Reads the words.
    ///
    /// # Errors
    /// If one of them is no part of a request; the text names it.
    pub(crate) fn of<W: AsRef<str>>(words: &[W]) -> Result<Self, NoRequest> {
        parse("request", words)
    }

    /// The arguments in a file, as a shell would read them.
    pub(crate) fn in_file(path: &Path, outside: OutsideArgs) -> Result<Self, CliError> {
        let file = WordFile::read(path, "measure")?;
        let place = |CliError(exit, text)| CliError(exit, format!("{}: {text}", path.shown()));
        let FileWords { mut guest, responder, hashing, mut line } =
            file.parsed(FileWords::of("request", &file.words))?;
        let reach = outside.reach_of(path);
        line.found_in().try_for_each(|(_, named)| reach.check_named(named)).map_err(place)?;
        let vmm = command_line(&line, &mut guest, outside).map_err(place)?;
        guest.reach = reach;
        Ok(Self { guest, responder, hashing, cache: CacheArgs::default(), vmm })
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

/// Reads words of a file by a form that has nothing but what a file may ask for.
pub(crate) fn parse<P: Parser>(name: &str, words: &[impl AsRef<str>]) -> Result<P, NoRequest> {
    let all = [name].into_iter().chain(words.iter().map(AsRef::as_ref));
    P::try_parse_from(all).map_err(|error| {
        let option = wrong_option(&error);
        let words = words.iter().map(AsRef::as_ref).take_while(|word| *word != "--");
        let mut words = words.enumerate();
        let found = words.find(|(_, word)| option.is_some_and(|option| has_option(word, option)));
        NoRequest { word: found.map(|(i, _)| i), text: told(&error) }
    })
}

/// The option that an error is about, as the user wrote it.
fn wrong_option(error: &clap::Error) -> Option<&str> {
    match error.get(ContextKind::InvalidArg)? {
        ContextValue::String(text) => text.split([' ', '=']).next(),
        ContextValue::Strings(list) => list.first()?.split([' ', '=']).next(),
        _ => None,
    }
}

/// Whether a word is an option, with its value or without.
fn has_option(word: &str, option: &str) -> bool {
    let rest = word.strip_prefix(option);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('=') || !option.starts_with("--"))
}

/// A file with the arguments of a subcommand.
#[derive(Debug)]
pub(crate) struct WordFile {
    path: PathBuf,
    text: String,
    /// Without the names of the program and the subcommand.
    pub(crate) words: Vec<String>,
    /// Where each begins in the text, in bytes.
    starts: Vec<usize>,
}

impl WordFile {
    /// Reads the words as a shell would.
    pub(crate) fn read(path: &Path, subcommand: &str) -> Result<Self, CliError> {
        let shown = path.shown();
        let text =
            read_settings(path).map_err(|error| CliError(Exit::Io, format!("{shown}: {error}")))?;
        let (words, starts) = words_of(&text, subcommand).map_err(|open| {
            let why = MarkedPlace::at(&text, open).told("a quotation mark is not closed");
            usage(format!("{shown}:{why}"))
        })?;
        Ok(Self { path: path.to_owned(), text, words, starts })
    }

    /// What was made of the words, or the error with its place.
    pub(crate) fn parsed<P>(&self, made: Result<P, NoRequest>) -> Result<P, CliError> {
        made.map_err(|NoRequest { word, text }| {
            let at = word.and_then(|word| self.starts.get(word));
            let shown = self.path.shown();
            usage(match at {
                Some(at) => format!("{shown}:{}", MarkedPlace::at(&self.text, *at).told(text)),
                None => format!("{shown}: {text}"),
            })
        })
    }
}

/// The words of a text and where each begins, without the names of the program and the subcommand
/// before them; or where the quotation mark stands that is not closed.
///
/// # Bounds
/// Time and memory grow with the length, memory by at most 200 bytes for each byte. The file has
/// at most 4 MiB.
pub(crate) fn words_of(text: &str, subcommand: &str) -> Result<(Vec<String>, Vec<usize>), usize> {
    let mut starts = starts_of(text)?;
    let mut words = shell::split(text).unwrap_or_default();
    for name in ["rimsim", subcommand] {
        if words.first().is_some_and(|word| word == name) {
            words.remove(0);
            starts.remove(0);
        }
    }
    Ok((words, starts))
}

/// Where the words of a shell begin; or where a quotation mark, or an escape at the end, is left
/// open.
fn starts_of(text: &str) -> Result<Vec<usize>, usize> {
    let mut starts = Vec::new();
    let mut chars = text.bytes().enumerate();
    while let Some((start, first)) = chars.next() {
        match first {
            b' ' | b'\t' | b'\n' => continue,
            b'#' => {
                chars.find(|(_, c)| *c == b'\n');
                continue;
            }
            _ => starts.push(start),
        }
        let mut next = Some((start, first));
        while let Some((at, c)) = next {
            match c {
                b' ' | b'\t' | b'\n' => break,
                b'\\' => drop(chars.next().ok_or(at)?),
                b'\'' => drop(chars.find(|(_, c)| *c == b'\'').ok_or(at)?),
                b'"' => loop {
                    match chars.next().ok_or(at)?.1 {
                        b'"' => break,
                        b'\\' => drop(chars.next().ok_or(at)?),
                        _ => {}
                    }
                },
                _ => {}
            }
            next = chars.next();
        }
    }
    Ok(starts)
}

fn told(error: &clap::Error) -> String {
    let text = || error.to_string().trim_end().trim_start_matches("error: ").to_owned();
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
            ("--sign-cmd", "x"),
            ("--digest-cache", "x"),
            ("--format", "json"),
            ("--token-out", "x"),
        ] {
            let joined = format!("{option}={value}");
            for words in [vec![option, value, "kvmtool"], vec![joined.as_str(), "kvmtool"]] {
                let words = [vec!["--host", "kvm-v12"], words].concat();
                let NoRequest { word, text } = RequestWords::of(&words).expect_err(option);
                assert!(text.contains("is no part of a request"), "{option}: {text}");
                assert!(text.contains(option) && word == Some(2), "{text}");
            }
        }
        let words = ["--host=kvm-v12", "--dtb", "a.dtb", "kvmtool", "--", "-c", "2", "-o"];
        let args = RequestWords::of(&words).expect("good");
        assert_eq!(args.vmm.argv, ["-c", "2", "-o"]);
    }

    #[test]
    fn words_begin_where_a_shell_sees_them() {
        for text in [
            "",
            " # only this",
            "rimsim measure --host=a \\\n  'b c'd\t# --x\n\"e\\\"f\" g#h \u{e9} i",
            "a\\ b '' \"\" c",
        ] {
            let starts = starts_of(text).expect("closed");
            let words = shell::split(text).expect("closed");
            assert_eq!(starts.len(), words.len(), "{text}");
            for (start, word) in starts.iter().zip(&words) {
                let first = shell::split(&text[*start..]).expect("closed").remove(0);
                assert_eq!(first, *word, "{text}");
            }
        }
        for (text, open) in [("a 'b", 2), ("a b\"c\\\"", 3), ("a \\", 2)] {
            assert_eq!(starts_of(text), Err(open), "{text}");
            assert_eq!(shell::split(text), None);
        }
    }
}
