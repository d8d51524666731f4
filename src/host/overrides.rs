//! What is to be otherwise than a command line says.

use crate::abi::params::Rpv;

/// Values that take the place of a command line's own.
///
/// A VMM applies them to the options that it has read, as if each were written once more behind the
/// others (or, where an option can be there only once, in its place), with the option's checks.
/// Words are never edited. A VMM that has no such option refuses the value by the option's name.
/// Device tree and version have arguments of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Number of vCPUs.
    pub cpus: Option<u32>,
    /// Size of RAM in bytes.
    pub mem_bytes: Option<u64>,
    /// The command line of the guest's kernel.
    pub append: Option<String>,
    /// Whether there is a measurement log.
    pub log: Option<bool>,
    /// The personalization value of a Realm. It can be given only once, so a command line that has
    /// another is refused.
    pub rpv: Option<Rpv>,
    /// How much of RAM kvmtool uses for images, in bytes.
    pub payload_window_bytes: Option<u64>,
}
