//! A policy: what a token is judged by, in a file, for those who judge again and again.

use std::path::Path;

use serde::Deserialize;

use super::args::{VerifyArgs, lifecycle};
use crate::cli::error::{CliError, usage};
use crate::cli::exit::Exit;
use crate::cli::input::read_settings;
use crate::encoding::marked_line::MarkedPlace;
use crate::encoding::shown::ShowPath as _;
use crate::encoding::toml_text::{self, Spanned};
use crate::evidence::Required;

/// What a policy may say: what options of the same names say. It names no output, no token and no
/// time, so that it can make nobody write, and does not grow old in silence.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Policy {
    expect: Vec<Spanned<String>>,
    expect_rim: Vec<String>,
    realm: Option<String>,
    expect_key: Option<Spanned<String>>,
    trust_anchor: Option<Spanned<String>>,
    cpak: Option<Spanned<String>>,
    lifecycle: Vec<Spanned<String>>,
    require: Vec<Spanned<String>>,
    allow_unknown_claims: bool,
    accept_padded: bool,
}

/// The arguments with what the policy of --policy says. An option that is given takes the place of
/// what the policy says of it.
pub(super) fn with_policy(args: &VerifyArgs) -> Result<VerifyArgs, CliError> {
    let mut args = args.clone();
    let Some(path) = args.policy.clone() else { return Ok(args) };
    let text = read_settings(&path)
        .map_err(|error| CliError(Exit::Io, format!("--policy {}: {error}", path.shown())))?;
    let policy: Policy = toml_text::read(&text)
        .map_err(|error| usage(format!("--policy {}:{error}", path.shown())))?;
    let source = Source { path: &path, text: &text };
    let reach = args.outside.reach_of(&path);
    let file = |name: &Spanned<String>| {
        let named = path.with_file_name(name.get_ref());
        match reach.check(&named) {
            Ok(()) => Ok(named),
            Err(error) => Err(source.wrong(name, format!("{}: {error}", named.shown()))),
        }
    };
    if args.expect.is_empty() && args.expect_rim.is_empty() {
        args.expect = policy.expect.iter().map(file).collect::<Result<_, _>>()?;
        args.expect_rim = policy.expect_rim;
    }
    args.realm = args.realm.or(policy.realm);
    for (own, said) in [
        (&mut args.expect_key, policy.expect_key),
        (&mut args.trust_anchor, policy.trust_anchor),
        (&mut args.cpak, policy.cpak),
    ] {
        if own.is_none() {
            *own = said.as_ref().map(file).transpose()?;
        }
    }
    if args.lifecycle.is_empty() {
        args.lifecycle = source.read(&policy.lifecycle, "lifecycle", lifecycle)?;
    }
    if args.require.is_empty() {
        args.require = source.read(&policy.require, "require", Required::from_text)?;
    }
    args.allow_unknown_claims |= policy.allow_unknown_claims;
    args.accept_padded |= policy.accept_padded;
    if args.expect.is_empty() && args.expect_rim.is_empty() {
        let why = "nothing is expected: say `expect` or `expect-rim` in it, or --expect";
        return Err(usage(format!("--policy {}: {why}", path.shown())));
    }
    Ok(args)
}

/// Where a policy stands.
struct Source<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Source<'_> {
    fn wrong(&self, value: &Spanned<String>, why: impl std::fmt::Display) -> CliError {
        let why = MarkedPlace::at(self.text, value.span().start).told(why);
        usage(format!("--policy {}:{why}", self.path.shown()))
    }

    /// Reads each value of a list.
    fn read<T>(
        &self,
        list: &[Spanned<String>],
        key: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>, CliError> {
        let one = |value: &Spanned<String>| {
            let read = read(value.get_ref());
            read.map_err(|why| self.wrong(value, format!("{key}: {why}")))
        };
        list.iter().map(one).collect()
    }
}
