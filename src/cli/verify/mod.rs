//! `rimsim verify`

mod args;
mod boot;
mod ear;
mod expect;
mod policy;
mod report;

pub(crate) use args::VerifyArgs;

use args::{Allowed, VerifyFormat};
use ear::Ear;
use expect::{Expected, Sources};
use report::Told;

use std::io;
use std::path::{Path, PathBuf};

use crate::abi::profile::RemReading;
use crate::cli::causes::Line;
use crate::cli::chains::{self, Booted};
use crate::cli::console::Console;
use crate::cli::error::{CliError, usage};
use crate::cli::exit::Exit;
use crate::cli::input::{public_key, read_limited, read_token};
use crate::cli::options::CacheArgs;
use crate::cli::request::{WordFile, is_request};
use crate::cli::search::{SearchArgs, Told as Searched, search};
use crate::cli::signer::Signer;
use crate::cli::why::{self, Told as Why};
use crate::encoding::shown::ShowPath as _;
use crate::encoding::text::from_hex;
use crate::evidence::{Accept, Asked, Demands, Lifecycle, Target, Token, compare, near_misses};
use crate::host::OptionChange;
use crate::measure::rim::Measurement;
use crate::refvalue::time;
use crate::search::Shard;

/// Longest file that a challenge is read from, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

pub(crate) fn run(args: &VerifyArgs, console: &mut Console) -> io::Result<Exit> {
    match judged(args) {
        Ok((told, form)) => {
            match form {
                Form::Text => told.text(console)?,
                Form::Json => console.json(&told.json())?,
                Form::Ear(ear) => match ear.result(&told) {
                    Ok(result) => console.text(&result)?,
                    Err(CliError(exit, text)) => {
                        console.error(&text);
                        return Ok(exit);
                    }
                },
            }
            Ok(told.end(console))
        }
        Err(CliError(exit, text)) => {
            console.error(&text);
            Ok(exit)
        }
    }
}

/// The form of the result, with what it takes.
enum Form {
    Text,
    Json,
    Ear(Box<Ear>),
}

fn judged(args: &VerifyArgs) -> Result<(Told, Form), CliError> {
    let args = policy::with_policy(args)?;
    let form = form(&args)?;
    let of_file = [
        ("--realm", args.realm.is_some()),
        ("--expect-key", args.expect_key.is_some()),
        ("--trust-anchor", args.trust_anchor.is_some()),
    ];
    if let Some((option, _)) = of_file.iter().find(|(_, is_given)| *is_given)
        && args.expect.is_empty()
    {
        return Err(usage(format!("{option}: it says something of --expect, and there is none")));
    }
    Ok((verify(&args)?, form))
}

fn form(args: &VerifyArgs) -> Result<Form, CliError> {
    if let Some(option) = args.sign.asks()
        && args.format != VerifyFormat::Ear
    {
        return Err(usage(format!("{option}: only --format ear is signed")));
    }
    Ok(match args.format {
        VerifyFormat::Text => Form::Text,
        VerifyFormat::Json => Form::Json,
        VerifyFormat::Ear => {
            let issued_at_secs = args.at.ok_or_else(|| {
                usage(
                    "--format ear: a result says when it was made; no clock is asked, --at says it"
                        .to_owned(),
                )
            })?;
            let policy = args.policy.as_ref().map(|path| path.shown().to_string());
            let signer = Signer::read(&args.sign, None)?;
            Form::Ear(Box::new(Ear { issued_at_secs, policy, signer }))
        }
    })
}

fn verify(args: &VerifyArgs) -> Result<Told, CliError> {
    let cpak = args.cpak.as_deref().map(|path| public_key("--cpak", path)).transpose()?;
    let challenge = args.challenge.as_deref().map(challenge).transpose()?;
    let name = args.token.display().to_string();
    let bytes = read_token(&args.token)?;
    let accept = Accept { unknown_claims: args.allow_unknown_claims, padded: args.accept_padded };
    let token = Token::read(&bytes, accept).map_err(|error| usage(format!("{name}: {error}")))?;
    let hasher = args.hashing.hasher()?;
    let sources = Sources {
        paths: &args.expect,
        rims: &args.expect_rim,
        realm: args.realm.as_deref(),
        key: args.expect_key.as_deref(),
        anchors: args.trust_anchor.as_deref(),
        outside: args.outside,
        files: args.hashing.files(),
    };
    let booted = booted(args)?;
    let Expected { realms: expectations, not_verified } = match &booted {
        Some(booted) => boot::expected(booted)?,
        None => sources.read(&hasher)?,
    };
    let nothing = || usage("nothing is expected".to_owned());
    let claims = &token.realm_claims;
    let asked = Asked { challenge, at: args.at.map(|at| (at, time::print(at))) };
    let mut comparison = compare(claims, &expectations, &asked).ok_or_else(nothing)?;
    let mut searched = None;
    let mut near = Vec::new();
    let (mut why, mut explained) = (None, None);
    if !comparison.has_rim() {
        match &args.why {
            Some(file) => explained = Some(explain(file.as_deref(), args, claims.rim)?),
            None => why = Some(why_line(args)),
        }
        near = near_misses(claims, &expectations);
        if let Some(file) = &args.search {
            searched = Some(search_for(file.as_deref(), args, &claims.rim.to_string())?);
        }
    }
    let boot = match &booted {
        Some(booted) => boot::explained(booted, &claims.rems, args.ccel.as_deref())?,
        None => None,
    };
    demands(args).judge(&token, &mut comparison);
    let checks = token.checks(cpak.as_ref());
    Ok(Told {
        name,
        checks,
        expected: expectations[comparison.index].name.clone(),
        expected_count: expectations.len(),
        not_verified,
        comparison,
        near,
        searched,
        why,
        explained,
        boot,
        token,
    })
}

/// What the chain of --expect boots, if that is one.
fn booted(args: &VerifyArgs) -> Result<Option<Booted>, CliError> {
    let Some(path) = args.expect.iter().find(|path| chains::is_chain(path)) else {
        let wrong = || usage("--ccel: only a chain (.toml) says what a log should have".into());
        return if args.ccel.is_some() { Err(wrong()) } else { Ok(None) };
    };
    if args.expect.len() + args.expect_rim.len() > 1 {
        return Err(usage(format!("{}: a chain (.toml) is expected alone", path.shown())));
    }
    let of_corim = [("--expect-key", &args.expect_key), ("--trust-anchor", &args.trust_anchor)];
    if let Some((option, _)) = of_corim.iter().find(|(_, key)| key.is_some()) {
        return Err(usage(format!("{option}: {} is no signed CoRIM", path.shown())));
    }
    let reading = RemReading::Concatenated;
    chains::open(path, args.outside, &args.hashing, reading, &mut Console::new()).map(Some)
}

/// What is demanded besides what is expected.
fn demands(args: &VerifyArgs) -> Demands {
    let has_cpak = args.cpak.is_some();
    Demands {
        lifecycles: lifecycles(&args.lifecycle, has_cpak),
        required: args.require.clone(),
        a_platform: has_cpak,
    }
}

/// The states that are allowed; any if there are none.
fn lifecycles(asked: &[Allowed], has_cpak: bool) -> Vec<Lifecycle> {
    if asked.is_empty() && has_cpak {
        return vec![Lifecycle::Secured];
    }
    let states: Option<Vec<Lifecycle>> = asked.iter().map(|Allowed(state)| *state).collect();
    states.unwrap_or_default()
}

/// A challenge as the RMM takes it: 64 bytes, zeros at the end.
fn challenge(text: &str) -> Result<[u8; 64], CliError> {
    let wrong = |why: &dyn std::fmt::Display| usage(format!("--challenge: {why}"));
    let bytes = match text.strip_prefix('@') {
        Some(path) => {
            let path = Path::new(path);
            let trouble = |error| CliError(Exit::Io, format!("{}: {error}", path.shown()));
            read_limited(path, MAX_FILE_BYTES).map_err(trouble)?
        }
        None => {
            let digits = text.strip_prefix("0x").unwrap_or(text);
            from_hex(digits).map_err(|error| wrong(&error))?
        }
    };
    let mut padded = [0; 64];
    match padded.get_mut(..bytes.len()) {
        None => Err(wrong(&format!("{} bytes, and it has at most 64", bytes.len()))),
        Some([]) => Err(wrong(&"it is empty")),
        Some(start) => {
            start.copy_from_slice(&bytes);
            Ok(padded)
        }
    }
}

/// The command that says why a RIM is another, with the command line that was expected or the
/// place for one.
fn why_line(args: &VerifyArgs) -> String {
    let own = args.expect.iter().find(|path| is_request(path));
    let words = own.and_then(|path| WordFile::read(path, "measure").ok()).map(|file| file.words);
    let quoted = |words| OptionChange { without: Vec::new(), with: words }.to_string();
    let line = words.map_or_else(|| "VMM -- COMMAND LINE".to_owned(), quoted);
    format!("rimsim why {} {line}", quoted(vec![args.token.display().to_string()]))
}

/// What `rimsim why` says of a token's RIM and the VM that it should have been.
fn explain(file: Option<&Path>, args: &VerifyArgs, rim: Measurement) -> Result<Why, CliError> {
    let wrong = |CliError(exit, why)| CliError(exit, format!("--why: {why}"));
    let own = args.expect.iter().map(PathBuf::as_path).find(|path| is_request(path));
    let no_line = || {
        let why = "say --why=FILE with arguments of `rimsim measure`, or --expect FILE.args";
        usage(format!("--why: there is no command line: {why}"))
    };
    let line = Line::of(file.or(own).ok_or_else(no_line)?, args.outside).map_err(wrong)?;
    let Line { guest, responder, mut hashing, vmm } = line.ok_or_else(no_line)?;
    hashing.copy |= args.hashing.copy;
    why::why(why::Asked {
        target: Target { rim, remark: None },
        is_token: true,
        rems: None,
        candidates: &[],
        variants: &[],
        locks: &[],
        seen: None,
        shard: Shard::WHOLE,
        budget: args.why_budget,
        guest: &guest,
        responder: &responder,
        hashing: &hashing,
        cache: &CacheArgs::default(),
        vmm: &vmm,
    })
    .map_err(wrong)
}

/// Searches for the parameters that make a RIM.
fn search_for(file: Option<&Path>, args: &VerifyArgs, rim: &str) -> Result<Searched, CliError> {
    let searching = |CliError(exit, why)| CliError(exit, format!("--search: {why}"));
    let own = args.expect.iter().map(PathBuf::as_path).find(|path| is_request(path));
    let Some(path) = file.or(own) else {
        let why = "say --search=FILE with arguments of `rimsim search`, or --expect FILE.args";
        return Err(usage(format!("--search: there is no command line: {why}")));
    };
    let subcommand = if file.is_some() { "search" } else { "measure" };
    let file = WordFile::read(path, subcommand);
    let parsed = file.and_then(|file| file.parsed(SearchArgs::of(rim, &file.words)));
    let mut parsed = parsed.map_err(searching)?;
    parsed.guest.reach = args.outside.reach_of(path);
    search(&parsed).map_err(searching)
}
