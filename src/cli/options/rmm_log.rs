//! What the command line adds to a log of an RMM.

use std::path::PathBuf;

use clap::Args as ClapArgs;

/// What the user knows and a log does not.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Logs of an RMM")]
pub(crate) struct RmmLogArgs {
    /// The bytes that the Host put into the Realm from this IPA on
    #[arg(long, value_name = "IPA=FILE", value_parser = at)]
    pub(crate) at: Vec<(u64, PathBuf)>,
    /// A script that defines `realm_params`, and `rec_params_1` and so on for the RECs
    #[arg(long, value_name = "FILE")]
    pub(crate) params: Option<PathBuf>,
    /// Which of the log's Realms
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) log_realm: usize,
    /// The machine of the log: a preset or a TOML file
    #[arg(long, value_name = "NAME|FILE", default_value = "fvp")]
    pub(crate) log_platform: String,
    /// The RMM prints every call that succeeds: what the log does not show was not done
    #[arg(long = "log-complete")]
    pub(crate) complete: bool,
}

impl Default for RmmLogArgs {
    fn default() -> Self {
        Self {
            at: Vec::new(),
            params: None,
            log_realm: 1,
            log_platform: "fvp".to_owned(),
            complete: false,
        }
    }
}

/// An address and a file: `IPA=FILE`.
pub(crate) fn at(text: &str) -> Result<(u64, PathBuf), String> {
    let (ipa, file) = text.split_once('=').ok_or("it is IPA=FILE, such as 0x80200000=Image")?;
    let digits = ipa.replace('_', "");
    let number = match digits.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => digits.parse(),
    };
    let ipa = number.map_err(|_| format!("{ipa} is no address, such as 0x80200000"))?;
    Ok((ipa, file.into()))
}
