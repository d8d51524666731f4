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
use crate::cli::input::{read_key, read_limited, read_settings};
use crate::cli::options::{Format, HashingArgs, OutsideArgs};
use crate::cli::request::{WordFile, is_request};
use crate::cli::search::{SearchArgs, Told as Searched, search};
use crate::encoding::shown::ShowPath as _;
use crate::encoding::text::from_hex;
use crate::evidence::{Accept, PublicKey, Token, compare, near_misses, token_bytes};

/// Longest file that a token or a challenge is read from, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// What Linux's TSM calls the provider of CCA reports.
const PROVIDER: &str = "arm_cca_guest";

/// Check a CCA attestation token, and compare it with what the Realm is expected to be
///
/// Reads the token strictly, checks that the realm token is signed by the key in it and that the
/// platform token vouches for that key, checks the platform token's signature if its key is given,
/// and compares. Without --cpak anybody may have made the token: the result says "unsigned
/// comparison". What the platform says of itself (firmware, lifecycle) is in the JSON document, and
/// is not judged.
///
/// Exit code 0: all that was asked for is as it should be. 3: a value differs, or a signature or
/// the binding of the two tokens is wrong, or the CoRIM's signature is. 2: what was given is no
/// token, or no expectation.
#[derive(Debug, ClapArgs)]
#[command(after_long_help = EXAMPLES)]
#[command(group = clap::ArgGroup::new("expectation").required(true).args(["expect", "expect_rim"]))]
pub(crate) struct VerifyArgs {
    /// The token: CBOR, or hexadecimal or base64 of it, or a report of Linux's TSM (its folder
    /// under /sys/kernel/config/tsm/report, or the file `outblob` in it)
    #[arg(value_name = "TOKEN")]
    token: PathBuf,
    /// What the Realm is expected to be: a CoRIM, signed or not, a script (.rmi), arguments of
    /// `rimsim measure` (.args), a chain of measured boot (.toml), or JSON (see below)
    #[arg(long, value_name = "FILE")]
    expect: Option<PathBuf>,
    /// The expected RIM alone: hexadecimal, base64, `sha256:HEX`, or a file (@FILE) with either
    #[arg(long, value_name = "RIM|@FILE")]
    expect_rim: Option<String>,
    /// The guest's event log (the bytes behind its ACPI table CCEL): if a REM is not what the chain
    /// of --expect predicts, the log says which measurement differs
    #[arg(long, value_name = "FILE", requires = "expect")]
    ccel: Option<PathBuf>,
    /// Which Realm of a script or document, by name; any of them if it is not said
    #[arg(long, value_name = "NAME", requires = "expect")]
    realm: Option<String>,
    /// The public key that has to have signed the CoRIM of --expect: PEM, DER or JWK
    #[arg(long, value_name = "KEY", requires = "expect")]
    expect_key: Option<PathBuf>,
    /// The challenge that the token has to answer; shorter ones are padded with zeros to 64 bytes
    #[arg(long, value_name = "HEX|@FILE")]
    challenge: Option<String>,
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
  them has to fit.

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
    let cpak = args.cpak.as_deref().map(public_key).transpose()?;
    let challenge = args.challenge.as_deref().map(challenge).transpose()?;
    let name = args.token.display().to_string();
    let file = read_token(&args.token)?;
    let bytes = token_bytes(&file).map_err(|error| usage(format!("{name}: {error}")))?;
    if bytes.is_empty() {
        return Err(usage(format!("{name}: is empty")));
    }
    let accept = Accept { unknown_claims: args.allow_unknown_claims, padded: args.accept_padded };
    let token = Token::read(&bytes, accept).map_err(|error| usage(format!("{name}: {error}")))?;
    let hasher = args.hashing.hasher()?;
    let sources = Sources {
        file: args.expect.as_deref(),
        rim: args.expect_rim.as_deref(),
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
    let comparison = compare(claims, &expectations, challenge.as_ref()).ok_or_else(nothing)?;
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
    let platform_signature = cpak.as_ref().map(|cpak| token.check_platform_signature(cpak));
    Ok(Told {
        name,
        realm_signature: token.check_realm_signature(),
        bound: token.is_bound(),
        platform_signature,
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
    let Some(path) = args.expect.as_deref().filter(|path| chains::is_chain(path)) else {
        let wrong = || usage("--ccel: only a chain (.toml) says what a log should have".into());
        return if args.ccel.is_some() { Err(wrong()) } else { Ok(None) };
    };
    if args.expect_key.is_some() {
        return Err(usage(format!("--expect-key: {} is no signed CoRIM", path.shown())));
    }
    let reading = RemReading::Concatenated;
    chains::open(path, args.outside, &args.hashing, reading, &mut Console::new()).map(Some)
}

/// The bytes of a file, or of the report that a folder is.
fn read_token(path: &Path) -> Result<Vec<u8>, CliError> {
    let beside = path.file_name().is_some_and(|name| name == "outblob");
    let folder = if path.is_dir() {
        Some(path)
    } else {
        path.parent().filter(|folder| beside && folder.join("provider").exists())
    };
    let Some(folder) = folder else {
        return read_limited(path, MAX_FILE_BYTES).map_err(|error| io_trouble(path, &error));
    };
    let text = |name: &str| {
        let path = folder.join(name);
        let read = read_settings(&path).map(|text| text.trim().to_owned());
        read.map_err(|error| io_trouble(&path, &error))
    };
    let provider = text("provider")?;
    if provider != PROVIDER {
        let path = folder.shown();
        let why = format!("the provider is {provider:?}; CCA tokens come from {PROVIDER:?}");
        return Err(usage(format!("{path}: {why}")));
    }
    // Whoever writes a challenge between the two readings makes another token.
    let before = text("generation")?;
    let outblob = folder.join("outblob");
    let bytes =
        read_limited(&outblob, MAX_FILE_BYTES).map_err(|error| io_trouble(&outblob, &error))?;
    let after = text("generation")?;
    if before != after {
        let why = format!("generation went from {before} to {after} while the token was read");
        return Err(CliError(Exit::Io, format!("{}: {why}", folder.shown())));
    }
    Ok(bytes)
}

fn io_trouble(path: &Path, error: &io::Error) -> CliError {
    CliError(Exit::Io, format!("{}: {error}", path.shown()))
}

fn public_key(path: &Path) -> Result<PublicKey, CliError> {
    let file = read_key(path).map_err(|error| io_trouble(path, &error))?;
    PublicKey::from_bytes(&file).map_err(|error| usage(format!("--cpak {}: {error}", path.shown())))
}

/// A challenge as the RMM takes it: 64 bytes, zeros at the end.
fn challenge(text: &str) -> Result<[u8; 64], CliError> {
    let wrong = |why: &dyn std::fmt::Display| usage(format!("--challenge: {why}"));
    let bytes = match text.strip_prefix('@') {
        Some(path) => {
            let path = Path::new(path);
            read_limited(path, MAX_FILE_BYTES).map_err(|error| io_trouble(path, &error))?
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
    let own = args.expect.as_deref().filter(|path| is_request(path));
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
