//! The lock file: what made a RIM, as TOML.
//!
//! Deterministic bytes: the same measurement gives the same file. Paths are relative to the file's
//! folder, with `/` between their parts.

use std::fmt::Write as _;

use serde::Deserialize;

use crate::cli::request::{NoRequest, RequestWords};
use crate::encoding::marked_line::MarkedPlace;
use crate::encoding::text::{from_hex, hex};
use crate::encoding::toml_text::{self, Spanned, quoted};
use crate::measure::rim::{HashAlgo, Measurement};
use crate::measure::rule::RimRule;

/// The form that is written and read.
pub(super) const VERSION: u32 = 1;
/// The tool, as it writes itself down.
pub(crate) const TOOL: &str = concat!("rimsim ", env!("CARGO_PKG_VERSION"));
const HEADER: &str = "\
# A measurement that `rimsim check` makes again and compares, and `rimsim lock --update` renews.
# Paths are relative to this file.
";

/// A lock file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LockFile {
    version: Version,
    /// Name and version of the program that wrote it.
    pub(crate) tool: String,
    pub(crate) rim: Rim,
    pub(crate) measure: Option<MeasureTable>,
    pub(crate) script: Option<ScriptTable>,
    pub(crate) chain: Option<ChainTable>,
    pub(crate) boot: Option<Beside>,
    pub(crate) events: Option<Beside>,
    pub(crate) device_tree: Option<Tree>,
    #[serde(default)]
    pub(crate) input: Vec<Input>,
}

/// The RIM, and how it is made.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rim {
    algorithm: Algorithm,
    value: Hex,
    rule: Rule,
}

/// A VMM's command line and what it runs on.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MeasureTable {
    /// What `rimsim measure` takes.
    pub(crate) arguments: Vec<String>,
    pub(crate) vmm: String,
    pub(crate) vmm_version: String,
    pub(crate) host: String,
    /// What the host offers, `key = value`.
    pub(crate) platform: Vec<String>,
    /// What was assumed, with the options that decide it.
    #[serde(default)]
    pub(crate) assumed: Vec<String>,
}

/// A script.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScriptTable {
    pub(crate) path: String,
    /// The profile of the RMM.
    pub(crate) profile: String,
    /// The machine.
    pub(crate) platform: String,
    pub(crate) realm: Option<String>,
}

/// A chain of measured boot: its REMs, and what was resolved of its VM.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChainTable {
    pub(crate) path: String,
    rem1: Hex,
    rem2: Hex,
    rem3: Hex,
    rem4: Hex,
    pub(crate) vmm: String,
    pub(crate) vmm_version: String,
    pub(crate) host: String,
    /// What the host offers, `key = value`.
    pub(crate) platform: Vec<String>,
    /// What was assumed of the VM and of the boot.
    #[serde(default)]
    pub(crate) assumed: Vec<String>,
}

impl ChainTable {
    /// A chain of the VM in `vm`.
    pub(crate) fn new(path: String, rems: &[Measurement; 4], vm: MeasureTable) -> Self {
        let [rem1, rem2, rem3, rem4] = rems.map(|rem| Hex(rem.as_bytes().to_vec()));
        let MeasureTable { vmm, vmm_version, host, platform, assumed, .. } = vm;
        Self { path, rem1, rem2, rem3, rem4, vmm, vmm_version, host, platform, assumed }
    }

    /// The REMs in hexadecimal.
    pub(crate) fn rems(&self) -> [String; 4] {
        self.rem_bytes().map(hex)
    }

    /// The REMs, as long as their algorithm says.
    pub(crate) fn rem_bytes(&self) -> [&[u8]; 4] {
        let Self { rem1, rem2, rem3, rem4, .. } = self;
        [rem1, rem2, rem3, rem4].map(|rem| rem.0.as_slice())
    }
}

/// A file beside the lock file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Beside {
    pub(crate) path: String,
    pub(crate) sha256: Sha256Hex,
}

/// The device tree that was measured.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tree {
    pub(crate) path: String,
    /// IPA of its first byte.
    pub(crate) base: u64,
    pub(crate) sha256: Sha256Hex,
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// What the command line calls it, or the option that gives it.
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) size: u64,
    pub(crate) sha256: Sha256Hex,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u32")]
pub(super) struct Version;

impl TryFrom<u32> for Version {
    type Error = String;

    fn try_from(found: u32) -> Result<Self, String> {
        if found == VERSION {
            return Ok(Self);
        }
        Err(format!("the form of version {found}; this program reads version {VERSION}"))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Algorithm(pub(super) HashAlgo);

impl TryFrom<String> for Algorithm {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let found = HashAlgo::from_name(&name).map(Self);
        found.ok_or_else(|| format!("`{name}` is none of {}", HashAlgo::names()))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Rule(pub(super) RimRule);

impl TryFrom<String> for Rule {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let known = RimRule::ALL.map(RimRule::name).join(", ");
        let found = RimRule::from_name(&name).map(Self);
        found.ok_or_else(|| format!("`{name}` is no rule of a RIM; there are {known}"))
    }
}

/// Reads nothing but the version, which decides what else may stand there.
pub(super) fn check_version(text: &str) -> Result<(), String> {
    #[derive(Deserialize)]
    struct OnlyVersion {
        #[serde(rename = "version")]
        _version: Version,
    }
    toml_text::read::<OnlyVersion>(text).map(|_| ())
}

/// Bytes in lower-case hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Hex(pub(super) Vec<u8>);

impl TryFrom<String> for Hex {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        // A lock is written in one way, so that equal locks are equal texts.
        let lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        let bytes = from_hex(&text).ok().filter(|_| lower);
        bytes.map(Self).ok_or_else(|| "no bytes in lower-case hexadecimal".to_owned())
    }
}

/// A SHA-256 in lower-case hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Sha256Hex(pub(crate) String);

impl TryFrom<String> for Sha256Hex {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let len = Hex::try_from(text.clone())?.0.len();
        if len == 32 { Ok(Self(text)) } else { Err(format!("a SHA-256 has 32 bytes, not {len}")) }
    }
}

impl Rim {
    pub(crate) fn new(rim: &Measurement, rule: RimRule) -> Self {
        Self {
            algorithm: Algorithm(rim.algo()),
            value: Hex(rim.as_bytes().to_vec()),
            rule: Rule(rule),
        }
    }

    pub(crate) fn measurement(&self) -> Measurement {
        let rim = Measurement::from_bytes(self.algorithm.0, &self.value.0);
        rim.expect("the length was compared when the file was read")
    }

    pub(crate) const fn rule(&self) -> RimRule {
        self.rule.0
    }
}

/// What stands around the VM of a lock.
pub(crate) struct Surroundings<'l> {
    pub(crate) platform: &'l [String],
    pub(crate) assumed: &'l [String],
}

impl LockFile {
    /// What stands around the VM; nothing of a script.
    pub(crate) fn surroundings(&self) -> Option<Surroundings<'_>> {
        match (&self.measure, &self.chain) {
            (Some(MeasureTable { platform, assumed, .. }), _)
            | (None, Some(ChainTable { platform, assumed, .. })) => {
                Some(Surroundings { platform, assumed })
            }
            (None, None) => None,
        }
    }

    pub(crate) fn new(rim: Rim, input: Vec<Input>) -> Self {
        Self {
            version: Version,
            tool: TOOL.to_owned(),
            rim,
            measure: None,
            script: None,
            chain: None,
            boot: None,
            events: None,
            device_tree: None,
            input,
        }
    }

    /// Reads a lock file. The error begins with line and column.
    ///
    /// # Bounds
    /// Time and memory grow with the length, memory by at most 300 bytes for each byte. The file
    /// has at most 4 MiB.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        check_version(text)?;
        let file: Self = toml_text::read(text)?;
        let line_of = |key: &str| {
            let line = text.lines().position(|line| line.trim_start().starts_with(key));
            format!("{}:1", line.unwrap_or(0) + 1)
        };
        let (len, wanted) = (file.rim.value.0.len(), file.rim.algorithm.0.len_bytes());
        if len != wanted {
            let (at, algo) = (line_of("value"), file.rim.algorithm.0.name());
            return Err(format!("{at}: a RIM of {len} bytes; {algo} gives {wanted}"));
        }
        if let Some(chain) = &file.chain {
            let rems = [&chain.rem1, &chain.rem2, &chain.rem3, &chain.rem4];
            if let Some(i) = rems.iter().position(|rem| rem.0.len() != wanted) {
                let (at, len) = (line_of(&format!("rem{}", i + 1)), rems[i].0.len());
                return Err(format!("{at}: a REM of {len} bytes; those of this RIM have {wanted}"));
            }
            if file.measure.is_some() || file.script.is_some() {
                let at = line_of("[chain]");
                let why = "a [chain] beside [measure] or [script]; there is one of them";
                return Err(format!("{at}: {why}"));
            }
            return Ok(file);
        }
        match (&file.measure, &file.script) {
            (Some(_), Some(_)) => {
                let at = line_of("[script]");
                Err(format!("{at}: a [script] beside [measure]; there is one of them"))
            }
            (None, None) => Err("1:1: neither [measure] nor [script] nor [chain]".to_owned()),
            (Some(measure), None) => {
                let made = RequestWords::of(&measure.arguments);
                made.map_err(|error| argument_error(text, error)).map(|_| file)
            }
            (None, Some(_)) => Ok(file),
        }
    }

    /// The file's text.
    pub(crate) fn to_text(&self) -> String {
        let mut text = HEADER.to_owned();
        let mut line = |key: &str, value: &str| {
            let _ = writeln!(text, "{key} = {value}");
        };
        line("version", &VERSION.to_string());
        line("tool", &quoted(&self.tool));
        line("\n[rim]\nalgorithm", &quoted(self.rim.algorithm.0.name()));
        line("value", &quoted(&self.rim.measurement().to_string()));
        line("rule", &quoted(self.rim.rule.0.name()));
        if let Some(measure) = &self.measure {
            line("\n[measure]\nvmm", &quoted(&measure.vmm));
            line("vmm_version", &quoted(&measure.vmm_version));
            line("host", &quoted(&measure.host));
            line("arguments", &list(&measure.arguments));
            around(&mut line, &measure.platform, &measure.assumed);
        }
        if let Some(script) = &self.script {
            line("\n[script]\npath", &quoted(&script.path));
            line("profile", &quoted(&script.profile));
            line("platform", &quoted(&script.platform));
            if let Some(realm) = &script.realm {
                line("realm", &quoted(realm));
            }
        }
        if let Some(chain) = &self.chain {
            line("\n[chain]\npath", &quoted(&chain.path));
            for (number, rem) in (1..).zip(chain.rems()) {
                line(&format!("rem{number}"), &quoted(&rem));
            }
            line("vmm", &quoted(&chain.vmm));
            line("vmm_version", &quoted(&chain.vmm_version));
            line("host", &quoted(&chain.host));
            around(&mut line, &chain.platform, &chain.assumed);
        }
        if let Some(boot) = &self.boot {
            line("\n[boot]\npath", &quoted(&boot.path));
            line("sha256", &quoted(&boot.sha256.0));
        }
        if let Some(events) = &self.events {
            line("\n[events]\npath", &quoted(&events.path));
            line("sha256", &quoted(&events.sha256.0));
        }
        if let Some(tree) = &self.device_tree {
            line("\n[device_tree]\npath", &quoted(&tree.path));
            line("base", &format!("{:#x}", tree.base));
            line("sha256", &quoted(&tree.sha256.0));
        }
        for input in &self.input {
            line("\n[[input]]\nname", &quoted(&input.name));
            line("path", &quoted(&input.path));
            line("size", &input.size.to_string());
            line("sha256", &quoted(&input.sha256.0));
        }
        text
    }
}

/// What is wrong with the arguments of a lock, with its place.
fn argument_error(text: &str, NoRequest { word, text: why }: NoRequest) -> String {
    #[derive(Deserialize)]
    struct Places {
        measure: Arguments,
    }
    #[derive(Deserialize)]
    struct Arguments {
        arguments: Vec<Spanned<String>>,
    }
    let places: Option<Places> = toml_text::read(text).ok();
    let arguments = places.map(|places| places.measure.arguments).unwrap_or_default();
    // The whole list, if no word is to blame.
    let at = arguments.get(word.unwrap_or(0)).map_or(0, |word| word.span().start);
    MarkedPlace::at(text, at).told(format!("the arguments: {why}"))
}

/// What stands around a VM: the platform, and what was assumed if anything was.
fn around(line: &mut impl FnMut(&str, &str), platform: &[String], assumed: &[String]) {
    line("platform", &list(platform));
    if !assumed.is_empty() {
        line("assumed", &list(assumed));
    }
}

pub(super) fn list(words: &[String]) -> String {
    let lines: String = words.iter().map(|word| format!("    {},\n", quoted(word))).collect();
    format!("[\n{lines}]")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> LockFile {
        let rim = Measurement::from_bytes(HashAlgo::Sha256, &[7; 32]).expect("a RIM");
        let sha256 = || Sha256Hex("ab".repeat(32));
        let input = Input { name: "a \"b\"".into(), path: "x/y".into(), size: 7, sha256: sha256() };
        LockFile {
            measure: Some(MeasureTable {
                arguments: vec![
                    "--host=kvm-v10".into(),
                    "kvmtool".into(),
                    "--".into(),
                    "a\nb".into(),
                ],
                vmm: "kvmtool".into(),
                vmm_version: "x".into(),
                host: "kvm-v10".into(),
                platform: vec!["num_bps = 6".into()],
                assumed: vec!["num_bps 6 (--num-bps)".into()],
            }),
            events: Some(Beside { path: "e".into(), sha256: sha256() }),
            device_tree: Some(Tree { path: "d".into(), base: 1 << 31, sha256: sha256() }),
            ..LockFile::new(Rim::new(&rim, RimRule::Rmm10), vec![input])
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut file = file();
        assert_eq!(LockFile::read(&file.to_text()), Ok(file.clone()));
        file.measure = None;
        let (path, profile, platform) = ("a.rmi".into(), "tf-rmm".into(), "fvp".into());
        file.script = Some(ScriptTable { path, profile, platform, realm: Some("rd".into()) });
        assert_eq!(LockFile::read(&file.to_text()), Ok(file));
    }

    #[test]
    fn damage_is_told_with_line_and_column() {
        let text = file().to_text();
        for (from, to, message) in [
            ("version = 1", "version = 2", "3:11: the form of version 2; this program reads"),
            ("version = 1\n", "", "missing field `version`"),
            ("tool = ", "tol = ", "4:1: unknown field `tol`"),
            ("value = \"07", "value = \"0", "8:9: no bytes in lower-case hexadecimal"),
            ("value = \"07", "value = \"", "8:1: a RIM of 31 bytes; sha256 gives 32"),
            ("\"sha256\"", "\"sha1\"", "7:13: `sha1` is none of sha256, sha384 or sha512"),
            ("rule = \"rmm-1.0\"", "rule = \"x\"", "9:8: `x` is no rule of a RIM"),
            ("size = 7", "size = -7", "invalid value: integer `-7`"),
            ("sha256 = \"abab", "sha256 = \"ab", "a SHA-256 has 32 bytes, not 31"),
            ("[measure]", "[measur]", "unknown field `measur`"),
            ("host = ", "host ", "expected"),
        ] {
            let damaged = text.replacen(from, to, 1);
            assert_ne!(damaged, text, "{from}");
            let error = LockFile::read(&damaged).expect_err(message);
            assert!(error.contains(message), "{error}");
            assert!(error.split(':').take(2).all(|n| n.parse::<u32>().is_ok()), "{error}");
        }
        for end in 0..text.len() {
            let _ = LockFile::read(&text[..end]);
        }
    }
}
