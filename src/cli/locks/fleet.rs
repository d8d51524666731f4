//! The lock of a table: what made many RIMs, as TOML. The same table gives the same bytes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;

use super::again::{inputs_of, put_inputs};
use super::file::{Algorithm, Hex, Input, Rule, TOOL, VERSION, Version, check_version, list};
use super::source::{File, Hashing, arguments, caps_files, file};
use crate::cli::candidates::{SettingLine, add_axis, written};
use crate::cli::error::{CliError, usage};
use crate::cli::options::{OutsideArgs, Purpose};
use crate::cli::places::folder;
use crate::cli::request::RequestWords;
use crate::cli::table::{self, Asked, Combination, Table};
use crate::encoding::shown::ShowPath as _;
use crate::encoding::toml_text::{self, quoted};
use crate::host::Vmm;
use crate::measure::rim::Measurement;
use crate::predict::DEVICE_TREE;
use crate::search::{Axis, Shard};

const HEADER: &str = "\
# A table of RIMs that `rimsim check` makes again and compares. Paths are relative to this file.
";
/// Longest lock that is read back, in bytes.
const MAX_LEN_BYTES: usize = 4 << 20;

/// The lock of a table.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FleetLock {
    version: Version,
    /// Name and version of the program that wrote it.
    pub(crate) tool: String,
    pub(crate) matrix: MatrixTable,
    #[serde(default)]
    pub(crate) input: Vec<Input>,
    pub(crate) row: Vec<Row>,
}

/// What `rimsim matrix` was asked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MatrixTable {
    /// What all rows have.
    pub(crate) arguments: Vec<String>,
    /// What is varied: `cpus=1,2`.
    pub(crate) axes: Vec<String>,
    pub(crate) columns: Vec<String>,
    #[serde(default)]
    pub(crate) assumed: Vec<String>,
    /// What rows are made of, each once. Locks of before have none.
    #[serde(default)]
    parts: Vec<String>,
}

/// One combination.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    /// In the order of the columns.
    pub(crate) values: Vec<String>,
    algorithm: Option<Algorithm>,
    rim: Option<Hex>,
    rule: Option<Rule>,
    /// Why there is no RIM.
    pub(crate) refused: Option<String>,
    /// What it is made of, by place in the table's list.
    #[serde(default)]
    parts: Vec<u32>,
}

impl Row {
    /// The RIM, unless the combination was refused.
    pub(crate) fn measurement(&self) -> Option<Measurement> {
        let (algorithm, rim) = (self.algorithm.as_ref()?, self.rim.as_ref()?);
        Measurement::from_bytes(algorithm.0, &rim.0)
    }

    /// Whether it is the same RIM by the same rule, or there is none in both.
    pub(crate) fn is_as(&self, other: &Self) -> bool {
        (self.measurement(), self.rule) == (other.measurement(), other.rule)
    }
}

impl FleetLock {
    /// The lock of a table that all `arguments` give, with the files of capabilities that they
    /// name, for a file at `path`.
    pub(crate) fn of<'t>(
        table: &'t Table,
        line: &SettingLine<'_>,
        arguments: Vec<String>,
        caps: Vec<File>,
        path: &Path,
    ) -> Result<Self, CliError> {
        let axes = table.axes.iter().map(|axis| said(axis, line));
        let mut axes = axes.collect::<Result<Vec<String>, CliError>>()?;
        if let Some(algos) = &table.algos {
            let names: Vec<_> = algos.iter().map(|algo| algo.name()).collect();
            axes.push(format!("hash-algo={}", names.join(",")));
        }
        let mut places: BTreeMap<&str, u32> = BTreeMap::new();
        let mut parts: Vec<String> = Vec::new();
        let mut place = |part: &'t String| {
            *places.entry(part).or_insert_with(|| {
                parts.push(part.clone());
                u32::try_from(parts.len() - 1).expect("there are not so many rows")
            })
        };
        let row = |combination: &'t Combination| {
            let made = combination.rim.as_ref();
            Row {
                values: combination.values.clone(),
                algorithm: made.ok().map(|(rim, _)| Algorithm(rim.algo())),
                rim: made.ok().map(|(rim, _)| Hex(rim.as_bytes().to_vec())),
                rule: made.ok().map(|(_, rule)| Rule(*rule)),
                refused: made.err().cloned(),
                parts: combination.parts.iter().map(&mut place).collect(),
            }
        };
        let mut files = caps;
        for (name, path, image) in &table.read {
            let is_tree = name.starts_with(&format!("{DEVICE_TREE} "));
            let name = if is_tree { DEVICE_TREE.to_owned() } else { name.clone() };
            files.push(file(name, path.clone(), image));
        }
        let row = table.rows.iter().map(row).collect();
        Ok(Self {
            version: Version,
            tool: TOOL.to_owned(),
            matrix: MatrixTable {
                arguments,
                axes,
                columns: table.columns.iter().map(|name| (*name).to_owned()).collect(),
                assumed: table.assumptions.iter().map(ToString::to_string).collect(),
                parts,
            },
            input: inputs_of(&files, path)?,
            row,
        })
    }

    /// The rows, and their names: what a row has and another has not, with the names of the
    /// columns.
    pub(crate) fn named_rows(&self) -> impl Iterator<Item = (String, &Row)> {
        let varies = |column: &usize| {
            let mut values = self.row.iter().map(|row| &row.values[*column]);
            let first = values.next();
            values.any(|value| Some(value) != first)
        };
        let columns: Vec<_> = (0..self.matrix.columns.len()).filter(varies).collect();
        self.row.iter().map(move |row| {
            let part = |i: &usize| format!("{}={}", self.matrix.columns[*i], row.values[*i]);
            let all: Vec<_> = columns.iter().map(part).collect();
            (if all.is_empty() { "the one row".to_owned() } else { all.join(", ") }, row)
        })
    }

    /// Whether a text is the lock of a table, and not that of one RIM.
    pub(crate) fn is_one(text: &str) -> bool {
        text.lines().any(|line| line.trim_end() == "[matrix]")
    }

    /// Reads such a lock. The error begins with line and column, or says which row is wrong.
    ///
    /// # Bounds
    /// Time and memory grow with the length, memory by at most 300 bytes for each byte. The file
    /// has at most 4 MiB.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        check_version(text)?;
        let lock: Self = toml_text::read(text)?;
        for (number, row) in (1..).zip(&lock.row) {
            let wrong = |why: &str| Err(format!("1:1: row {number}: {why}"));
            if row.values.len() != lock.matrix.columns.len() {
                return wrong("it has not as many values as there are columns");
            }
            let whole = [row.algorithm.is_some(), row.rim.is_some(), row.rule.is_some()];
            if whole.contains(&row.refused.is_some()) {
                return wrong("it has a RIM with algorithm and rule, or the reason why not");
            }
            let count = lock.matrix.parts.len();
            if row.parts.iter().any(|part| usize::try_from(*part).is_ok_and(|at| at >= count)) {
                return wrong("it has a part that the table has not");
            }
            if row.rim.is_some() && row.measurement().is_none() {
                return wrong("its RIM is not as long as its algorithm says");
            }
        }
        let made = RequestWords::of(&lock.matrix.arguments);
        made.map_err(|error| format!("1:1: the arguments: {}", error.text)).map(|_| lock)
    }

    /// What a row is made of, as far as that is kept.
    pub(crate) fn parts_of(&self, row: &Row) -> Vec<&str> {
        let part =
            |part: &u32| self.matrix.parts[usize::try_from(*part).expect("32 bits")].as_str();
        row.parts.iter().map(part).collect()
    }

    /// The file's text. What rows are made of is left out where there is no room for it.
    ///
    /// # Errors
    /// If it is longer than what is read back.
    pub(crate) fn to_text(&self) -> Result<String, CliError> {
        let text = self.text();
        if text.len() <= MAX_LEN_BYTES {
            return Ok(text);
        }
        let mut less = self.clone();
        less.matrix.parts.clear();
        less.row.iter_mut().for_each(|row| row.parts.clear());
        let text = less.text();
        if text.len() <= MAX_LEN_BYTES {
            return Ok(text);
        }
        let (len, most) = (text.len(), MAX_LEN_BYTES);
        Err(usage(format!("--lock-out: the lock has {len} bytes, and at most {most} are read")))
    }

    fn text(&self) -> String {
        let mut text = HEADER.to_owned();
        let mut line = |key: &str, value: &str| {
            let _ = writeln!(text, "{key} = {value}");
        };
        line("version", &VERSION.to_string());
        line("tool", &quoted(&self.tool));
        line("\n[matrix]\narguments", &list(&self.matrix.arguments));
        line("axes", &list(&self.matrix.axes));
        line("columns", &list(&self.matrix.columns));
        if !self.matrix.assumed.is_empty() {
            line("assumed", &list(&self.matrix.assumed));
        }
        if !self.matrix.parts.is_empty() {
            line("parts", &list(&self.matrix.parts));
        }
        for input in &self.input {
            line("\n[[input]]\nname", &quoted(&input.name));
            line("path", &quoted(&input.path));
            line("size", &input.size.to_string());
            line("sha256", &quoted(&input.sha256.0));
        }
        for row in &self.row {
            let values: Vec<_> = row.values.iter().map(|value| quoted(value)).collect();
            line("\n[[row]]\nvalues", &format!("[{}]", values.join(", ")));
            if let (Some(rim), Some(rule)) = (row.measurement(), row.rule) {
                line("algorithm", &quoted(rim.algo().name()));
                line("rim", &quoted(&rim.to_string()));
                line("rule", &quoted(rule.0.name()));
            }
            if let Some(why) = &row.refused {
                line("refused", &quoted(why));
            }
            if !row.parts.is_empty() {
                let parts: Vec<_> = row.parts.iter().map(ToString::to_string).collect();
                line("parts", &format!("[{}]", parts.join(", ")));
            }
        }
        text
    }
}

/// An axis as `--vary` takes it for this line.
fn said(axis: &Axis, line: &SettingLine<'_>) -> Result<String, CliError> {
    let (text, mut read) = (written(axis), Vec::new());
    if add_axis(&text, line, &mut read).is_ok() && read.first() == Some(axis) {
        return Ok(text);
    }
    let name = axis.parameter.name();
    Err(usage(format!("--lock-out: the values of {name} can not be written down as a list")))
}

/// The table of a lock, made again.
///
/// # Errors
/// If its inputs can not be read, or its axes give other combinations than it has rows.
pub(crate) fn fleet_again(
    old: &FleetLock,
    path: &Path,
    hashing: &Hashing,
    outside: OutsideArgs,
) -> Result<FleetLock, CliError> {
    let wrong = |why: String| usage(format!("{}: {why}", path.shown()));
    let mut request = arguments(&old.matrix.arguments, hashing).map_err(wrong)?;
    let (from, guest) = (folder(path), &mut request.guest);
    guest.reach = outside.reach_of(path);
    put_inputs(&old.input, from, guest)?;
    let line_vmm = Vmm::from_name(&request.vmm.vmm).map_err(usage)?;
    let (mut axes, mut algos) = (Vec::new(), None);
    for text in &old.matrix.axes {
        match text.strip_prefix("hash-algo=") {
            Some(list) => algos = table::algos(Some(list))?,
            None => {
                let (argv, guest) = (&request.vmm.argv, &request.guest);
                let line = SettingLine { vmm: line_vmm, argv, guest };
                add_axis(text, &line, &mut axes).map_err(|CliError(_, why)| wrong(why))?;
            }
        }
    }
    let hasher = request.hashing.hasher()?;
    let files = request.cache.files(&request.hashing, &hasher, Purpose::Reliance)?;
    let (guest, vmm) = (&request.guest, &request.vmm);
    let (names_all, keeps_parts, shard, hasher) = (false, true, Shard::WHOLE, &hasher);
    let asked = Asked { axes, algos, guest, vmm, files, hasher, names_all, shard, keeps_parts };
    let mut caps = caps_files(guest)?;
    for file in &mut caps {
        let known = old.input.iter().find(|input| from.join(&input.path) == file.path);
        if let Some(input) = known {
            file.name.clone_from(&input.name);
        }
    }
    let arguments = old.matrix.arguments.clone();
    let line = SettingLine { vmm: line_vmm, argv: &vmm.argv, guest };
    let new = FleetLock::of(&table::table(asked)?, &line, arguments, caps, path)?;
    if !old.row.iter().map(|row| &row.values).eq(new.row.iter().map(|row| &row.values)) {
        let why = "its axes give other combinations than it has rows";
        return Err(usage(format!("{}: {why}", path.shown())));
    }
    Ok(new)
}
