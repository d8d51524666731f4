//! Who signs a result.

use std::path::PathBuf;

use clap::Args as ClapArgs;

#[derive(Clone, Debug, Default, ClapArgs)]
#[command(next_help_heading = "Signing")]
pub(crate) struct SignArgs {
    /// Sign the result with the private key in this file: PEM, DER or JWK (P-256: ES256, P-384:
    /// ES384, P-521: ES512)
    #[arg(long, value_name = "KEY", conflicts_with_all = ["sign_cmd", "sign_pub"])]
    pub(crate) sign_key: Option<PathBuf>,
    /// Sign the result by a command that has the key: a smart card, an HSM, a service
    ///
    /// Words are split as a shell does, and no shell runs. The command reads the bytes to be signed
    /// (not their digest) from standard input, and answers on standard output with the signature: r
    /// and s, or the DER of both, or either in base64. RIMSIM_SIGN_ALG in its environment says
    /// ES256, ES384 or ES512. The answer is checked with --sign-pub. An example:
    /// --sign-cmd "openssl dgst -sha384 -sign key.pem"
    #[arg(long, value_name = "COMMAND")]
    pub(crate) sign_cmd: Option<String>,
    /// The public key, or the certificate, whose signature --sign-cmd has to give: PEM, DER or JWK
    #[arg(long, value_name = "KEY", requires = "sign_cmd")]
    pub(crate) sign_pub: Option<PathBuf>,
}

impl SignArgs {
    /// The option that asks for a signature, if one does.
    pub(crate) fn asks(&self) -> Option<&'static str> {
        match (&self.sign_key, &self.sign_cmd) {
            (Some(_), _) => Some("--sign-key"),
            (None, Some(_)) => Some("--sign-cmd"),
            (None, None) => None,
        }
    }
}
