//! The arguments of `rimsim verify`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

use crate::cli::candidates::Budget;
use crate::cli::options::{HashingArgs, OutsideArgs, SignArgs};
use crate::evidence::{Lifecycle, Required};
use crate::refvalue::time;

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
#[derive(Clone, Debug, ClapArgs)]
#[command(after_long_help = EXAMPLES)]
#[command(group = clap::ArgGroup::new("expectation")
    .required(true)
    .multiple(true)
    .args(["expect", "expect_rim", "policy"]))]
pub(crate) struct VerifyArgs {
    /// The token, or - for standard input: CBOR, hexadecimal or base64 of it, Trustee's or ratsd's
    /// JSON, or a report of Linux's TSM (its folder under /sys/kernel/config/tsm/report, or the
    /// file `outblob` in it)
    #[arg(value_name = "TOKEN")]
    pub(super) token: PathBuf,
    /// What the Realm is expected to be: a CoRIM, signed or not, a script (.rmi), arguments of
    /// `rimsim measure` (.args), a lock of `rimsim lock` or `rimsim matrix`, a chain of measured
    /// boot (.toml), or JSON (see below). May be given several times, but for a chain: then one of
    /// all that is expected has to fit
    #[arg(long, value_name = "FILE")]
    pub(super) expect: Vec<PathBuf>,
    /// The expected RIM alone: hexadecimal, base64, `sha256:HEX`, or a file (@FILE) with either
    #[arg(long, value_name = "RIM|@FILE")]
    pub(super) expect_rim: Vec<String>,
    /// The guest's event log (the bytes behind its ACPI table CCEL): if a REM is not what the chain
    /// of --expect predicts, the log says which measurement differs
    #[arg(long, value_name = "FILE")]
    pub(super) ccel: Option<PathBuf>,
    /// Which Realm of a script or document, by name; any of them if it is not said
    #[arg(long, value_name = "NAME")]
    pub(super) realm: Option<String>,
    /// The public key that has to have signed every --expect, which are CoRIMs: PEM, DER or JWK, or
    /// a certificate of it
    #[arg(long, value_name = "KEY")]
    pub(super) expect_key: Option<PathBuf>,
    /// Certificates that are trusted, as PEM or DER: every --expect is a CoRIM that came with
    /// certificates (`x5chain`) that lead from its signer to one of them
    ///
    /// Basic constraints, key usages and names are checked, and --at says when all certificates
    /// have to hold, the trusted one too. Revocation is not asked.
    #[arg(long, value_name = "FILE")]
    pub(super) trust_anchor: Option<PathBuf>,
    /// What a token is judged by, in TOML: the long options of this list, but for those of one run
    /// (see below). Files that it names lie below its folder. An option that is given takes the
    /// place of what it says
    #[arg(long, value_name = "FILE")]
    pub(super) policy: Option<PathBuf>,
    /// The challenge that the token has to answer; shorter ones are padded with zeros to 64 bytes
    #[arg(long, value_name = "HEX|@FILE")]
    pub(super) challenge: Option<String>,
    /// The time at which expectations have to hold: 2026-12-31T23:59:59Z, or a date (UTC). Without
    /// it no clock is asked, and whether a CoRIM is valid is not judged
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    pub(super) at: Option<i64>,
    /// States that the platform may be in: unknown, assembly-and-test, provisioning, secured,
    /// other-debug, recoverable-debug, decommissioned, or any
    ///
    /// With --cpak it is `secured` unless this says otherwise; without --cpak it is not judged
    /// unless this is given.
    #[arg(long, value_name = "STATE,…", value_delimiter = ',', value_parser = lifecycle)]
    pub(super) lifecycle: Vec<Allowed>,
    /// What has to be compared, or to have a value: rim, rem1 to rem4, rpv, challenge or validity,
    /// each alone (an expectation has to say it) or, but for validity, as NAME=HEX; NAME=VALUE of
    /// token-profile, realm-instance-id, mec-policy, implementation-id, instance-id,
    /// platform-config, platform-profile, verification-service
    #[arg(long, value_name = "NAME[=VALUE],…", value_delimiter = ',',
        value_parser = Required::from_text)]
    pub(super) require: Vec<Required>,
    /// The CCA Platform Attestation Key: a public key of P-384, P-256 or P-521, as PEM, DER or JWK,
    /// or a certificate, of which nothing but the key is looked at
    #[arg(long, value_name = "KEY")]
    pub(super) cpak: Option<PathBuf>,
    /// Pass over claims that the token's profile does not have; they are named, and not judged
    #[arg(long)]
    pub(super) allow_unknown_claims: bool,
    /// Take measurements that old tokens pad with zeros (`sha-256` in 64 bytes) without the zeros
    #[arg(long)]
    pub(super) accept_padded: bool,
    /// If the RIM is none that was expected, search for the parameters that make it: with the
    /// arguments of `rimsim search` in FILE, or, without FILE, with those of --expect FILE.args
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub(super) search: Option<Option<PathBuf>>,
    /// If the RIM is none that was expected, say why, as `rimsim why` does: of the VM in FILE
    /// (arguments of `rimsim measure`, or a domain of libvirt), or, without FILE, of that in
    /// --expect FILE.args. The exit code stays 3
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub(super) why: Option<Option<PathBuf>>,
    /// How long --why searches, in the forms of `rimsim why --budget` (20, 5m, 5000c)
    #[arg(long, value_name = "SECONDS|TIME|Nc", default_value = "20",
        value_parser = Budget::of_seconds, requires = "why")]
    pub(super) why_budget: Budget,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = VerifyFormat::Text)]
    pub(super) format: VerifyFormat,
    /// A signed attestation result (--format ear) is a JSON Web Token
    #[command(flatten)]
    pub(super) sign: SignArgs,
    #[command(flatten)]
    pub(super) outside: OutsideArgs,
    #[command(flatten)]
    pub(super) hashing: HashingArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum VerifyFormat {
    /// Lines for people and scripts
    Text,
    /// One JSON document with "schema": "rimsim/1"
    Json,
    /// An EAT Attestation Result: a trustworthiness vector of AR4SI for the platform and one for
    /// the Realm, with reasons. Takes --at
    Ear,
}

const EXAMPLES: &str = "\
What is compared:
  RIM and hash algorithm; of CoRIMs whatever else their triples say; of
  the lock of a chain also REMs; of scripts and of what `run`
  prints also REMs that are not zero; of these, of arguments and of what `measure` prints also an
  RPV that is not zero; of other JSON whatever it says. If several Realms are expected, one of
  them has to fit; the answer names it.

JSON for --expect: what `rimsim run`, `measure` or `matrix` prints with --format json, or
  {\"rim\": \"HEX\", \"hash_algo\": \"sha256\",
   \"rems\": [\"HEX\", null, null, null], \"rpv\": \"HEX\"}
  with everything but `rim` left out as you like; or a list of these, each with a \"name\".

A policy (--policy FILE.toml), all of it optional but what is expected:
  expect = [\"realm.corim\"]           expect-rim = [\"sha256:HEX\"]
  realm = \"NAME\"                      expect-key = \"signer.pem\"
  trust-anchor = \"roots.pem\"
  cpak = \"cpak.pem\"                   lifecycle = [\"secured\"]
  require = [\"rpv\", \"mec-policy=private\"]
  accept-padded = false               allow-unknown-claims = false

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
  Against a CoRIM whose signer's certificates came with it:
      rimsim verify token.cbor --expect realm.corim --trust-anchor roots.pem --at 2026-12-31
  The same on the last day of the year, of a Realm with its own encryption context:
      rimsim verify token.cbor --expect realm.corim --expect-key signer.pem --cpak cpak.pem \\
          --at 2026-12-31 --require rpv,validity,mec-policy=private
  In CI, by a policy, as a signed attestation result for others:
      rimsim verify token.cbor --policy policy.toml --challenge @nonce --at 2026-12-31 \\
          --format ear --sign-key verifier.pem
  What is otherwise, if it is not the expected VM?
      rimsim verify token.cbor --expect boot.args --why
  Which host was it, if it was not the expected one?
      rimsim verify token.cbor --expect boot.args --search";

/// A state that a platform may be in; `None` is any.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowed(pub(super) Option<Lifecycle>);

pub(super) fn lifecycle(name: &str) -> Result<Allowed, String> {
    let names = || Lifecycle::ALL.map(Lifecycle::name).join(", ");
    match (name, Lifecycle::from_name(name)) {
        ("any", _) => Ok(Allowed(None)),
        (_, Some(state)) => Ok(Allowed(Some(state))),
        _ => Err(format!("there are {} and any", names())),
    }
}
