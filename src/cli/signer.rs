//! Who signs results: a key in a file, or a command that has one (a smart card, an HSM, a service).

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use crate::cli::error::{CliError, usage};
use crate::cli::exit::Exit;
use crate::cli::input::{public_key, read_limited, signing_key};
use crate::cli::options::SignArgs;
use crate::encoding::keys::{PublicKey, SigningKey};
use crate::encoding::shell;
use crate::encoding::shown::ShowPath as _;
use crate::encoding::text::from_base64;
use crate::encoding::x509;

/// Longest answer of a command, in bytes: a signature has less than two hundred.
const MAX_ANSWER_BYTES: usize = 64 << 10;
/// Longest file with certificates, in bytes.
const MAX_CHAIN_BYTES: u64 = 1 << 20;
/// The variable in which a command finds the algorithm: `ES256`, `ES384` or `ES512`.
const ALGORITHM: &str = "RIMSIM_SIGN_ALG";

/// Signs what it is given.
#[derive(Clone, Debug)]
pub(crate) struct Signer {
    public: PublicKey,
    chain: Vec<Vec<u8>>,
    with: With,
}

#[derive(Clone, Debug)]
enum With {
    Key(SigningKey),
    Command(Vec<String>),
}

impl Signer {
    /// The signer that arguments say, if they say one, with the certificates of `chain`.
    pub(crate) fn read(args: &SignArgs, chain: Option<&Path>) -> Result<Option<Self>, CliError> {
        let key = args.sign_key.as_deref().map(|path| signing_key("--sign-key", path));
        let (certificates, certified) = match chain.map(read_chain).transpose()? {
            Some((certificates, key)) => (certificates, Some(key)),
            None => (Vec::new(), None),
        };
        let said = args.sign_pub.as_deref().map(|path| public_key("--sign-pub", path));
        let said = said.transpose()?;
        let (public, with) = match (key.transpose()?, &args.sign_cmd) {
            (Some(key), _) => (key.public(), With::Key(key)),
            (None, Some(text)) => {
                let words = shell::split(text).filter(|words| !words.is_empty());
                let words = words.ok_or_else(|| {
                    usage(format!("--sign-cmd {text:?}: it has no words, or quotes do not end"))
                })?;
                let public = said.or_else(|| certified.clone()).ok_or_else(|| {
                    usage("--sign-cmd: --sign-pub says whose signature it has to be".to_owned())
                })?;
                (public, With::Command(words))
            }
            (None, None) if chain.is_some() => {
                return Err(usage("--sign-chain: nobody signs; see --sign-key".to_owned()));
            }
            (None, None) => return Ok(None),
        };
        if certified.is_some_and(|key| key != public) {
            let why = "its first certificate is not that of the key that signs";
            return Err(usage(format!("--sign-chain: {why}")));
        }
        Ok(Some(Self { public, chain: certificates, with }))
    }

    /// The key to verify with.
    pub(crate) const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Certificates of that key, the signer's first, in DER.
    pub(crate) fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    /// The signature as COSE has it: r and s.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CliError> {
        match &self.with {
            With::Key(key) => Ok(key.sign(message)),
            With::Command(words) => {
                let wrong = |why: String| {
                    CliError(Exit::Io, format!("--sign-cmd {}: {why}", words.join(" ")))
                };
                let answer =
                    asked(words, self.public.algorithm().name(), message).map_err(wrong)?;
                self.signature_in(&answer, message).ok_or_else(|| {
                    let (count, alg) = (answer.len(), self.public.algorithm().name());
                    wrong(format!(
                        "it answered {count} bytes, which are no {alg} signature of --sign-pub \
                         over what it was given"
                    ))
                })
            }
        }
    }

    /// The signature in an answer: r and s, or DER of them, or either in base64.
    fn signature_in(&self, answer: &[u8], message: &[u8]) -> Option<Vec<u8>> {
        let text = std::str::from_utf8(answer).ok().map(str::trim);
        let decoded = text.and_then(|text| from_base64(text).ok());
        let forms = std::iter::once(answer.to_vec()).chain(decoded);
        let mut raw = forms.flat_map(|bytes| {
            let der = self.public.raw_signature(&bytes);
            std::iter::once(bytes).chain(der)
        });
        raw.find(|raw| {
            raw.len() == self.public.algorithm().signature_len_bytes()
                && self.public.verifies(message, raw)
        })
    }
}

fn read_chain(path: &Path) -> Result<(Vec<Vec<u8>>, PublicKey), CliError> {
    let shown = path.shown();
    let bytes = read_limited(path, MAX_CHAIN_BYTES)
        .map_err(|error| CliError(Exit::Io, format!("--sign-chain {shown}: {error}")))?;
    x509::chain_of(&bytes).map_err(|error| usage(format!("--sign-chain {shown}: {error}")))
}

/// What a command answers on standard output to a message on standard input.
fn asked(words: &[String], algorithm: &str, message: &[u8]) -> Result<Vec<u8>, String> {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).env(ALGORITHM, algorithm);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let (Some(mut stdin), Some(stdout)) = (stdin, stdout) else {
        return Err("it has no standard input or output".to_owned());
    };
    let mut answer = Vec::new();
    let read = thread::scope(|scope| {
        // A command that does not read to the end has its reasons: its answer tells.
        scope.spawn(move || {
            let _ = stdin.write_all(message);
        });
        let limit = MAX_ANSWER_BYTES as u64 + 1;
        let read = stdout.take(limit).read_to_end(&mut answer);
        if answer.len() > MAX_ANSWER_BYTES {
            let _ = child.kill();
        }
        read
    });
    let status = child.wait().map_err(|error| error.to_string())?;
    read.map_err(|error| error.to_string())?;
    if answer.len() > MAX_ANSWER_BYTES {
        return Err(format!("it answered more than {MAX_ANSWER_BYTES} bytes"));
    }
    if status.success() { Ok(answer) } else { Err(format!("it ended with {status}")) }
}
