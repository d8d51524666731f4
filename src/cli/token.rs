//! `rimsim token`

use std::io;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use crate::cli::console::Console;
use crate::cli::error::{CliError, usage};
use crate::cli::exit::Exit;
use crate::cli::input::{public_key, read_token};
use crate::cli::options::Format;
use crate::encoding::shown::ShowPath as _;
use crate::encoding::text::{base64, hex};
use crate::evidence::{
    Accept, Check, Component, PlatformClaims, PlatformProfile, RealmClaims, Sign1, Token,
};

/// Print a CCA attestation token: both halves, each claim, and what holds them together
///
/// Nothing is expected of the token, and nothing that it says is judged; `rimsim verify` does that.
/// Checked are its form, the realm token's signature by the key in it, the binding of the two
/// halves and, with --cpak, the platform token's signature.
///
/// Exit code 0: what was checked is good. 3: a signature or the binding is wrong. 2: it is no
/// token.
#[derive(Debug, ClapArgs)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct TokenArgs {
    /// The token, or - for standard input: CBOR, hexadecimal or base64 of it, Trustee's or ratsd's
    /// JSON, or a report of Linux's TSM (its folder, or the file `outblob` in it)
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The CCA Platform Attestation Key: a public key of P-384, P-256 or P-521, as PEM, DER or JWK
    #[arg(long, value_name = "KEY")]
    cpak: Option<PathBuf>,
    /// Pass over claims that the token's profile does not have; they are named, and not judged
    #[arg(long)]
    allow_unknown_claims: bool,
    /// Take measurements that old tokens pad with zeros (`sha-256` in 64 bytes) without the zeros
    #[arg(long)]
    accept_padded: bool,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

const EXAMPLES: &str = "\
Examples:
  What is in this token?
      rimsim token token.cbor
  Inside a Realm, of a challenge:
      report=/sys/kernel/config/tsm/report/r0; mkdir $report; cat nonce > $report/inblob
      rimsim token $report
  The RIM alone:
      rimsim token --format json token.cbor | jq -r .rim.hex";

/// A claim: number, name, what it says.
type Claim = (i64, &'static str, Value);

pub(crate) fn run(args: &TokenArgs, console: &mut Console) -> io::Result<Exit> {
    let (token, checks) = match read(args) {
        Ok(read) => read,
        Err(CliError(exit, text)) => {
            console.error(&text);
            return Ok(exit);
        }
    };
    match args.format {
        Format::Text => text(&token, &checks, console)?,
        Format::Json => console.json(&document(args, &token, &checks))?,
    }
    not_judged(&token).iter().for_each(|line| console.note(&format!("not judged: {line}")));
    let is_wrong = checks.iter().any(|check| check.is_good == Some(false));
    Ok(if is_wrong { Exit::Mismatch } else { Exit::Good })
}

fn read(args: &TokenArgs) -> Result<(Token, [Check; 3]), CliError> {
    let cpak = args.cpak.as_deref().map(|path| public_key("--cpak", path)).transpose()?;
    let bytes = read_token(&args.file)?;
    let accept = Accept { unknown_claims: args.allow_unknown_claims, padded: args.accept_padded };
    let token = Token::read(&bytes, accept)
        .map_err(|error| usage(format!("{}: {error}", args.file.shown())))?;
    let checks = token.checks(cpak.as_ref());
    Ok((token, checks))
}

fn realm_claims(claims: &RealmClaims) -> Vec<Claim> {
    let rems: Vec<String> = claims.rems.iter().map(|rem| hex(rem.as_bytes())).collect();
    let activation = |allowed: bool| if allowed { "allow" } else { "disallow" };
    let all = [
        (265, "profile", claims.profile.claim().map(Value::from)),
        (10, "challenge", Some(hex(&claims.challenge).into())),
        (256, "instance id", claims.instance_id.map(|id| hex(&id).into())),
        (44235, "RPV", Some(hex(&claims.rpv).into())),
        (44236, "hash algorithm", Some(claims.hash_algo.iana_name().into())),
        (44237, "RAK", Some(hex(&claims.rak).into())),
        (44238, "RIM", Some(hex(claims.rim.as_bytes()).into())),
        (44239, "REMs", Some(rems.into())),
        (44240, "RAK hash algorithm", Some(claims.rak_hash_algo.iana_name().into())),
        (44243, "MEC policy", claims.mec_policy.map(|policy| policy.name().into())),
        (44244, "LFA policy", claims.allows_live_activation.map(|one| activation(one).into())),
        (44257, "devices token hash", claims.devices_hash.as_deref().map(|one| hex(one).into())),
    ];
    let there = all.into_iter();
    there.filter_map(|(number, name, value)| Some((number, name, value?))).collect()
}

fn platform_claims(claims: &PlatformClaims) -> Vec<Claim> {
    let mut list: Vec<Claim> = vec![
        (265, "profile", claims.profile.name().into()),
        (10, "challenge", hex(&claims.challenge).into()),
    ];
    let Some(one) = &claims.identity else { return list };
    let state = format!("{} ({:#06x})", one.lifecycle_name(), one.lifecycle);
    list.extend([
        (256, "instance id", hex(&one.instance_id).into()),
        (2395, "lifecycle", state.into()),
        (2396, "implementation id", hex(&one.implementation_id).into()),
        (2399, "software components", one.components.iter().map(Component::json).collect()),
    ]);
    let service = one.verification_service.as_ref();
    list.extend(service.map(|text| (2400, "verification service", text.as_str().into())));
    list.push((2401, "configuration", hex(&one.config).into()));
    list.push((2402, "hash algorithm", one.hash_algo.as_str().into()));
    let others = one.others.iter();
    list.extend(others.map(|(number, name)| (*number, *name, "there, not looked into".into())));
    list
}

fn not_judged(token: &Token) -> Vec<String> {
    let mut list = vec!["the Realm: nothing was expected (see `rimsim verify`)".to_owned()];
    list.push(match token.platform_claims.profile {
        PlatformProfile::Dummy => {
            "a platform: the platform token is this simulator's dummy, no platform is behind it"
                .to_owned()
        }
        _ => "the platform: implementation, firmware and lifecycle are printed as they are".into(),
    });
    let unsigned = [&token.platform, &token.realm].into_iter().flat_map(|half| &half.unsigned);
    list.extend(unsigned.map(|parameter| format!("{parameter}: nothing signs it")));
    let padded = token.padded.iter();
    list.extend(padded.map(|one| format!("{one}: the zeros are no part of a digest")));
    list.extend(token.passed.iter().map(|claim| format!("{claim}: it has no meaning")));
    list
}

fn text(token: &Token, checks: &[Check], console: &mut Console) -> io::Result<()> {
    let mut line = |what: &str, value: &str| console.result(&format!("{what:<29}{value}"));
    line("form", token.collection.name())?;
    line("token profile", token.realm_claims.profile.name())?;
    for (name, half, claims) in [
        ("realm token", &token.realm, realm_claims(&token.realm_claims)),
        ("platform token", &token.platform, platform_claims(&token.platform_claims)),
    ] {
        line(name, half.alg.name())?;
        for (number, name, value) in claims {
            let what = format!("  {number:<6}{name}");
            match value {
                Value::String(text) => line(&what, &text)?,
                Value::Array(items) => {
                    for (i, item) in (1..).zip(&items) {
                        let what = if i == 1 { what.as_str() } else { "" };
                        line(what, &format!("{i}: {}", in_words(item)))?;
                    }
                }
                other => line(&what, &other.to_string())?,
            }
        }
    }
    let rim = base64(token.realm_claims.rim.as_bytes());
    line("RIM in base64", &rim)?;
    for check in checks {
        line(check.what, &format!("{:<13} {}", check.verdict(), check.detail))?;
    }
    Ok(())
}

/// An item of a list: itself, or a component in one line.
fn in_words(item: &Value) -> String {
    let Value::Object(fields) = item else { return item.as_str().unwrap_or_default().to_owned() };
    let there = fields.iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
    let words: Vec<String> = there.map(|(name, value)| format!("{name} {value}")).collect();
    words.join(", ")
}

fn document(args: &TokenArgs, token: &Token, checks: &[Check]) -> Value {
    let half = |half: &Sign1, claims: Vec<Claim>| {
        let claim =
            |(number, name, value): Claim| json!({ "claim": number, "name": name, "value": value });
        json!({
            "alg": half.alg.name(),
            "claims": claims.into_iter().map(claim).collect::<Vec<_>>(),
        })
    };
    let claims = &token.realm_claims;
    let is_signed = checks.iter().all(|check| check.is_good == Some(true));
    json!({
        "schema": "rimsim/1",
        "command": "token",
        "token": args.file.display().to_string(),
        "collection_tag": token.collection.tag(),
        "token_profile": claims.profile.name(),
        "rim": {
            "algorithm": claims.hash_algo.name(),
            "hex": hex(claims.rim.as_bytes()),
            "base64": base64(claims.rim.as_bytes()),
        },
        "signed": is_signed,
        "checks": checks.iter().map(Check::json).collect::<Vec<_>>(),
        "realm_token": half(&token.realm, realm_claims(claims)),
        "platform_token": half(&token.platform, platform_claims(&token.platform_claims)),
        "not_judged": not_judged(token),
    })
}
