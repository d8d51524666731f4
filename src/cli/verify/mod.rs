//! `rimsim verify`

mod boot;
mod expect;
mod report;

use expect::{Expected, Sources};
use report::Told;

use std::io;
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;

use crate::abi::profile::RemReading;
use crate::cli::chains::{self, Booted};
use crate::cli::console::Console;
use crate::cli::error::{CliError, usage};
use crate::cli::exit::Exit;
use crate::cli::input::{public_key, read_limited, read_token};
use crate::cli::options::{Format, HashingArgs, OutsideArgs};
use crate::cli::request::{WordFile, is_request};
use crate::cli::search::{SearchArgs, Told as Searched, search};
use crate::encoding::shown::ShowPath as _;
use crate::encoding::text::from_hex;
use crate::evidence::{Accept, Asked, Demands, Lifecycle, Required, Token, compare, near_misses};
use crate::refvalue::time;

/// Longest file that a challenge is read from, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Check a CCA attestation token, and compare it with what the Realm is expected to be
///
/// Reads the token strictly, checks that the realm token is signed by the key in it and that the
/// platform token vouches for that key, checks the platform token's signature if its key is given,
/// and compares. Without --cpak anybody may have made the token: the result says "unsigned
/// comparison". With --cpak the platform has to be secured (--lifecycle) and no dummy of this
/// simulator. Its firmware is in the JSON document, and is not judged; --require judges its
/// configuration.
///
/// Exit code 0: all that was asked for is as it should be. 3: a value differs, or a signature or
/// the binding of the two tokens is wrong, or the CoRIM's signature is. 2: what was given is no
/// token, or no expectation.
#[derive(Debug, ClapArgs)]
#[command(after_long_help = EXAMPLES)]
#[command(group = clap::ArgGroup::new("expectation")
    .required(true)
    .multiple(true)
    .args(["expect", "expect_rim"]))]
pub(crate) struct VerifyArgs {
    /// The token, or - for standard input: CBOR, hexadecimal or base64 of it, Trustee's or ratsd's
    /// JSON, or a report of Linux's TSM (its folder under /sys/kernel/config/tsm/report, or the
    /// file `outblob` in it)
    #[arg(value_name = "TOKEN")]
    token: PathBuf,
    /// What the Realm is expected to be: a CoRIM, signed or not, a script (.rmi), arguments of
    /// `rimsim measure` (.args), a chain of measured boot (.toml), or JSON (see below). May be
    /// given several times, but for a chain: then one of all that is expected has to fit
    #[arg(long, value_name = "FILE")]
    expect: Vec<PathBuf>,
    /// The expected RIM alone: hexadecimal, base64, `sha256:HEX`, or a file (@FILE) with either
    #[arg(long, value_name = "RIM|@FILE")]
    expect_rim: Vec<String>,
    /// The guest's event log (the bytes behind its ACPI table CCEL): if a REM is not what the chain
    /// of --expect predicts, the log says which measurement differs
    #[arg(long, value_name = "FILE", requires = "expect")]
    ccel: Option<PathBuf>,
    /// Which Realm of a script or document, by name; any of them if it is not said
    #[arg(long, value_name = "NAME", requires = "expect")]
    realm: Option<String>,
    /// The public key that has to have signed every --expect, which are CoRIMs: PEM, DER or JWK
    #[arg(long, value_name = "KEY", requires = "expect")]
    expect_key: Option<PathBuf>,
    /// The challenge that the token has to answer; shorter ones are padded with zeros to 64 bytes
    #[arg(long, value_name = "HEX|@FILE")]
    challenge: Option<String>,
    /// The time at which expectations have to hold: 2026-12-31T23:59:59Z, or a date (UTC). Without
    /// it no clock is asked, and whether a CoRIM is valid is not judged
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    at: Option<i64>,
    /// States that the platform may be in: unknown, assembly-and-test, provisioning, secured,
    /// other-debug, recoverable-debug, decommissioned, or any
    ///
    /// With --cpak it is `secured` unless this says otherwise; without --cpak it is not judged
    /// unless this is given.
    #[arg(long, value_name = "STATE,…", value_delimiter = ',', value_parser = lifecycle)]
    lifecycle: Vec<Allowed>,
    /// What has to be compared, or to have a value: rim, rem1 to rem4, rpv, challenge or validity,
    /// each alone (an expectation has to say it) or, but for validity, as NAME=HEX; NAME=VALUE of
    /// token-profile, realm-instance-id, mec-policy, implementation-id, instance-id,
    /// platform-config, platform-profile, verification-service
    #[arg(long, value_name = "NAME[=VALUE],…", value_delimiter = ',',
        value_parser = Required::from_text)]
    require: Vec<Required>,
    /// The CCA Platform Attestation Key: a public key of P-384, P-256 or P-521, as PEM,
    /// DER or JWK
    #[arg(long, value_name = "KEY")]
    cpak: Option<PathBuf>,
    /// Pass over claims that the token's profile does not have; they are named, and not judged
    #[arg(long)]
    allow_unknown_claims: bool,
    /// Take measurements that old tokens pad with zeros (`sha-256` in 64 bytes) without the zeros
    #[arg(long)]
    accept_padded: bool,
    /// If the RIM is none that was expected, search for the parameters that make it: with the
    /// arguments of `rimsim search` in FILE, or, without FILE, with those of --expect FILE.args
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    search: Option<Option<PathBuf>>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    outside: OutsideArgs,
    #[command(flatten)]
    hashing: HashingArgs,
}

const EXAMPLES: &str = "\
What is compared:
  RIM and hash algorithm; of CoRIMs whatever else their triples say; of scripts and of what `run`
  prints also REMs that are not zero; of these, of arguments and of what `measure` prints also an
  RPV that is not zero; of other JSON whatever it says. If several Realms are expected, one of
  them has to fit; the answer names it.

JSON for --expect: what `rimsim run`, `measure` or `matrix` prints with --format json, or
  {\"rim\": \"HEX\", \"hash_algo\": \"sha256\",
   \"rems\": [\"HEX\", null, null, null], \"rpv\": \"HEX\"}
  with everything but `rim` left out as you like; or a list of these, each with a \"name\".

Examples:
  Is this the Realm that a script builds?
      rimsim verify token.cbor --expect boot.rmi
  Inside a Realm: did it answer this challenge, and is it the one that was predicted?
      report=/sys/kernel/config/tsm/report/r0; mkdir $report; cat nonce > $report/inblob
      rimsim verify $report --expect predicted.json --challenge @nonce
  With the platform's key, so that it is evidence, against somebody's signed CoRIM:
      rimsim verify token.cbor --expect realm.corim --expect-key signer.pem --cpak cpak.pem
  RIM and REMs of a boot with firmware; a wrong REM is explained by the guest's log:
      rimsim verify token.cbor --expect chain.toml --ccel CCEL
  The same on the last day of the year, of a Realm with its own encryption context:
      rimsim verify token.cbor --expect realm.corim --expect-key signer.pem --cpak cpak.pem \\
          --at 2026-12-31 --require rpv,validity,mec-policy=private
  Which host was it, if it was not the expected one?
      rimsim verify token.cbor --expect boot.args --search";

pub(crate) fn run(args: &VerifyArgs, console: &mut Console) -> io::Result<Exit> {
    match verify(args) {
        Ok(told) => told.tell(args.format, console),
        Err(CliError(exit, text)) => {
            console.error(&text);
            Ok(exit)
        }
    }
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
    if !comparison.has_rim() {
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
    if args.expect_key.is_some() {
        return Err(usage(format!("--expect-key: {} is no signed CoRIM", path.shown())));
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

/// A state that a platform may be in; `None` is any.
#[derive(Clone, Copy, Debug)]
struct Allowed(Option<Lifecycle>);

fn lifecycle(name: &str) -> Result<Allowed, String> {
    let names = || Lifecycle::ALL.map(Lifecycle::name).join(", ");
    match (name, Lifecycle::from_name(name)) {
        ("any", _) => Ok(Allowed(None)),
        (_, Some(state)) => Ok(Allowed(Some(state))),
        _ => Err(format!("there are {} and any", names())),
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
