//! Where a reference value comes from: the provenance block of JSON results.

use serde::Serialize;

/// All that a RIM depends on, so that anybody can calculate it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Provenance {
    /// The program.
    pub tool: Tool,
    /// Whose rules the RMM followed.
    pub profile: String,
    /// By which rule it makes RIMs.
    pub rim_rule: &'static str,
    /// The simulated machine: a preset's name, or that of a file.
    pub platform: String,
    /// The VMM and the words of its command line, if it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vmm: Option<Vmm>,
    /// What was assumed, each with the option that decides it; nothing of scripts and vectors.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub assumed: Vec<String>,
    /// Every file that was read, in the order in which it was named.
    pub inputs: Vec<InputFile>,
}

/// A program and its version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tool {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

/// This program.
pub const TOOL: Tool = Tool { name: "rimsim", version: env!("CARGO_PKG_VERSION") };

/// A VMM, as it was simulated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Vmm {
    /// Its name.
    pub name: String,
    /// The version whose behaviour was simulated.
    pub version: String,
    /// The KVM under it.
    pub host: String,
    /// The words of its command line.
    pub args: Vec<String>,
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InputFile {
    /// What it is: `script`, `image`, `platform`, `vector`, `caps`, …
    pub kind: &'static str,
    /// The name by which it was asked for.
    pub name: String,
    /// The file, where that is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Its length in bytes.
    pub size: u64,
    /// SHA-256 of its bytes, in hexadecimal; `None` if only digests of it are known.
    pub sha256: Option<String>,
}
