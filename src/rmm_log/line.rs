//! Finds calls in a console's bytes.
//!
//! The forms, by TF-RMM's history of runtime/core/handler.c: before v0.3 `SMC_RMM_` and always five
//! arguments, padded; then as many as the command takes; from May 2024 on `SMC_RMI_`. The status is
//! a name, or X0 in hexadecimal if it is none that the RMM knows. A level, or outputs, follow. From
//! 2026 on calls that go on with an operation are indented, and RMI_INCOMPLETE is followed by its
//! handle and by what is asked for.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::ftrace::{self, Event};
use super::islet;
use super::vmm::{self, VmmLine};
use super::{ImportError, MAX_LOG_BYTES};
use crate::abi::addr::Level;
use crate::abi::command::CommandInfo;
use crate::abi::edition::Edition;
use crate::abi::status::{ReturnCode, Status};

/// Longest line that can show a call, in bytes.
const MAX_LINE_BYTES: usize = 4096;
/// Most CPUs whose calls can be open at one time.
const MAX_OPEN: usize = 1024;
/// Lines that are named of those that were torn.
const NAMED_LINES: usize = 8;
/// Commands that change a RIM, or what later commands measure of RIPAS; and those that go on with
/// an operation, which may be one of these.
const MEASURED: [&str; 13] = [
    "REALM_CREATE",
    "REALM_ACTIVATE",
    "REALM_DESTROY",
    "REC_CREATE",
    "DATA_CREATE",
    "RTT_DATA_MAP_INIT",
    "RTT_INIT_RIPAS",
    "RTT_CREATE",
    "RTT_DESTROY",
    "RTT_FOLD",
    "OP_CONTINUE",
    "OP_MEM_DONATE",
    "OP_MEM_RECLAIM",
];
/// The arguments that the oldest form always prints.
const OLD_ARGS: usize = 5;
/// Outputs that a call has at most.
const MAX_OUTPUTS: usize = 4;
/// What a call tells that begins an operation: its handle, and perhaps what it asks for.
pub(super) const INCOMPLETE_OUTPUTS: usize = 2;

/// One call of the Host, as a log shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The log's line, from 1.
    pub line: u32,
    /// The command.
    pub command: &'static CommandInfo,
    /// Its arguments, as many as it takes.
    pub args: Vec<u64>,
    /// What X0 said.
    pub status: Status,
    /// The index, where the log has it.
    pub index: Option<u8>,
    /// Outputs from X1 on, as many as the log has. Of a stateful operation that begins the first is
    /// its handle.
    pub outputs: Vec<u64>,
}

/// Lines with the beginning of a call that can not be read to its end, or the mark of lost ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The log's line, from 1.
    pub line: u32,
    /// The command, where its name can be read.
    pub command: Option<&'static CommandInfo>,
    /// Its RD, where that can be read.
    pub rd: Option<u64>,
}

impl Torn {
    /// Whether the call can have changed the RIM of the Realm whose RD is at `rd`.
    #[must_use]
    pub fn could_touch(&self, rd: u64) -> bool {
        let measured = self.command.is_none_or(|command| MEASURED.contains(&command.name));
        measured && self.rd.is_none_or(|own| own == rd)
    }
}

/// The calls of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// In the log's order.
    pub calls: Vec<Call>,
    /// What is torn, in the log's order.
    pub torn: Vec<Torn>,
    /// What kvmtool says of the Realms that it builds, in the log's order.
    pub vmm: Vec<VmmLine>,
    /// The oldest edition that has all of their commands.
    pub edition: Edition,
    /// What the lines were.
    pub tally: Tally,
}

/// How many lines were what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// All of them.
    pub lines: u64,
    /// Calls of Realms (`SMC_RSI_…`).
    pub realm_calls: u64,
    /// Commands that are not simulated, and build no Realm.
    pub other_commands: u64,
    /// Lines with the beginning of a call that can not be read to its end.
    pub torn: u64,
    /// The first of these lines.
    pub torn_lines: Vec<u32>,
    /// Trace events of a kernel that show no registers, or were lost: nothing comes of them.
    pub bare_events: u64,
    /// Lines of other software, and empty ones.
    pub skipped: u64,
}

/// Reads the bytes of a console.
///
/// # Bounds
/// Time and memory grow with the length, memory by at most 60 bytes for each byte. A log longer
/// than [`MAX_LOG_BYTES`] is an error.
///
/// # Errors
/// If they are too many, or have commands that no edition has together.
pub fn read(bytes: &[u8]) -> Result<Log, ImportError> {
    if bytes.len() as u64 > MAX_LOG_BYTES {
        return Err(ImportError::TooLong);
    }
    let mut reader = Reader::default();
    for bytes in bytes.split(|byte| *byte == b'\n') {
        reader.number = reader.number.saturating_add(1);
        reader.log.tally.lines += 1;
        reader.line(bytes);
    }
    let traced = reader.traced.values().map(|(line, _)| *line);
    let traced: Vec<u32> = traced.collect();
    traced.into_iter().for_each(|line| reader.torn(line, ""));
    for Open { line, text, .. } in std::mem::take(&mut reader.open).into_values() {
        reader.torn(line, &text);
    }
    reader.log.torn.sort_by_key(|torn| torn.line);
    settle(&mut reader.log)?;
    let Log { calls, torn, tally, .. } = &reader.log;
    let (lines, calls, torn) = (tally.lines, calls.len(), torn.len());
    tracing::info!(size_bytes = bytes.len(), lines, calls, torn, "read a log");
    Ok(reader.log)
}

/// Finds the edition of a log: names say it, and what a name means depends on it.
fn settle(log: &mut Log) -> Result<(), ImportError> {
    let lacks = |edition: Edition| {
        let has = move |call: &Call| CommandInfo::of_name(call.command.name, edition).is_some();
        log.calls.iter().find(move |call| !has(call))
    };
    let Some(edition) = Edition::ALL.into_iter().find(|edition| lacks(*edition).is_none()) else {
        let mut alone: Vec<(&Call, Edition)> = Edition::ALL
            .into_iter()
            .filter_map(|edition| Some((lacks(edition)?, edition)))
            .map(|(call, _)| (call, call.command.edition()))
            .collect();
        alone.sort_by_key(|(call, _)| call.line);
        let (first, last) = (alone[0], alone[alone.len() - 1]);
        return Err(ImportError::Mixed {
            line: last.0.line,
            name: last.0.command.name,
            edition: last.1.name(),
            other_line: first.0.line,
            other: first.0.command.name,
            other_edition: first.1.name(),
        });
    };
    log.edition = edition;
    for call in &mut log.calls {
        let command = CommandInfo::of_name(call.command.name, edition);
        call.command = command.expect("the edition has all of them");
        let told = if call.status == Status::Incomplete { INCOMPLETE_OUTPUTS } else { 0 };
        call.outputs.truncate(call.command.outputs.len().max(told));
    }
    Ok(())
}

#[derive(Default)]
struct Reader {
    log: Log,
    number: u32,
    /// Those of the last line with a call.
    quote_marks: usize,
    /// Calls without their end, by CPU.
    open: BTreeMap<Option<u32>, Open>,
    /// Trace events of calls without their end, by task: line and registers.
    traced: BTreeMap<String, (u32, Vec<u64>)>,
}

struct Open {
    line: u32,
    text: String,
    /// The last line that was taken for a part of it.
    last: u32,
}

impl Reader {
    fn line(&mut self, bytes: &[u8]) {
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        if has_call(bytes) {
            self.quote_marks = quote_marks(bytes);
        }
        let bytes = unquoted(bytes, self.quote_marks);
        if bytes.len() <= MAX_LINE_BYTES && vmm::could_be(bytes) && self.vmm(&plain(bytes)) {
            return;
        }
        let islet = (bytes.len() <= MAX_LINE_BYTES && islet::could_be(bytes))
            .then(|| islet::as_tf_rmm(&plain(bytes)))
            .flatten();
        if let Some(text) = islet {
            if !self.call(self.number, &text) {
                self.torn(self.number, &text);
            }
            return;
        }
        let matters = could_matter(bytes) || ftrace::could_be(bytes) || !self.open.is_empty();
        if bytes.len() > MAX_LINE_BYTES || !matters {
            if has_call(bytes) {
                self.torn(self.number, "");
            } else {
                self.log.tally.skipped += 1;
            }
            return;
        }
        let text = plain(bytes);
        if !text.contains("SMC_R")
            && let Some(event) = ftrace::event(&text)
        {
            self.event(&event);
            return;
        }
        let cpu = cpu(&text);
        let starts: Vec<usize> = text.match_indices("SMC_R").map(|(at, _)| at).collect();
        let Some(first) = starts.first() else {
            self.rest(cpu, &text);
            return;
        };
        if let Some(open) = self.open.remove(&cpu) {
            // The line before was cut off, and its end stands before this call, if anywhere.
            let whole = format!("{} {}", open.text, tail(&text[..*first]));
            if !whole.contains(" > ") || !self.call(open.line, &whole) {
                self.torn(open.line, &whole);
            }
        }
        for (i, start) in starts.iter().enumerate() {
            let end = starts.get(i + 1).copied();
            let part = text[*start..end.unwrap_or(text.len())].trim_end();
            if end.is_none() && is_open(part) && is_call(part) {
                if self.open.len() < MAX_OPEN {
                    let (line, text) = (self.number, part.to_owned());
                    self.open.insert(cpu, Open { line, text, last: line });
                    continue;
                }
                self.torn(self.number, part);
            } else if !self.call(self.number, part) {
                self.torn(self.number, part);
            }
        }
    }

    /// A line of kvmtool; false if it is none.
    fn vmm(&mut self, text: &str) -> bool {
        let line = self.number;
        match vmm::read(text) {
            vmm::Read::Step(what) => self.log.vmm.push(VmmLine { line, what }),
            vmm::Read::Torn(command) => self.torn(line, &format!("SMC_RMI_{command} ")),
            vmm::Read::Nothing => return false,
        }
        true
    }

    /// A line that begins no call: the end of one that is open on this CPU, or nothing.
    fn rest(&mut self, cpu: Option<u32>, text: &str) {
        let Some(open) = self.open.get_mut(&cpu) else {
            self.log.tally.skipped += 1;
            return;
        };
        let follows = self.number == open.last + 1 && open.text.len() < MAX_LINE_BYTES;
        let end = if open.text.ends_with('>') {
            // Mail programs break lines behind the arrow, too.
            follows.then(|| text.trim()).filter(|text| is_answer(text)).map(str::to_owned)
        } else if text.contains("> ") {
            Some(tail(text))
        } else if follows && is_piece(text) {
            // Arguments alone, or with the arrow: the answer is on the next line.
            open.text.push(' ');
            open.text.push_str(text.trim());
            open.last = self.number;
            return;
        } else {
            None
        };
        let Some(end) = end else {
            self.log.tally.skipped += 1;
            return;
        };
        let (line, whole) = (open.line, format!("{} {end}", open.text));
        self.open.remove(&cpu);
        if !self.call(line, &whole) {
            self.torn(line, &whole);
        }
    }

    /// A trace event. One task makes one call at a time; others make theirs between.
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Start { task, regs } => match ftrace::command(regs[0]) {
                None => self.log.tally.skipped += 1,
                Some(_) if self.traced.len() >= MAX_OPEN && !self.traced.contains_key(*task) => {
                    self.torn(self.number, "");
                }
                Some(_) => {
                    let before = self.traced.insert((*task).into(), (self.number, regs.clone()));
                    before.into_iter().for_each(|(line, _)| self.torn(line, ""));
                }
            },
            Event::End { task, fid, results } => match ftrace::command(*fid) {
                None => self.log.tally.skipped += 1,
                Some(command) => {
                    let begun = self.traced.remove(*task);
                    let (line, regs) = begun.unwrap_or_else(|| (self.number, Vec::new()));
                    let same = regs.first().is_some_and(|begun| begun == fid);
                    match command {
                        None => self.log.tally.other_commands += 1,
                        Some(command) => match ftrace::call(line, command, &regs, results) {
                            Some(call) if same => self.log.calls.push(call),
                            _ => self.torn(line, ""),
                        },
                    }
                }
            },
            Event::Bare => self.log.tally.bare_events += 1,
            Event::Lost => {
                self.log.tally.bare_events += 1;
                self.torn(self.number, "");
            }
            Event::Torn => self.torn(self.number, ""),
        }
    }

    /// Keeps what can be read of a call that is torn.
    fn torn(&mut self, line: u32, text: &str) {
        let mut words = text.split_ascii_whitespace();
        let name = words.next().unwrap_or_default();
        let name = name.strip_prefix("SMC_RMI_").or_else(|| name.strip_prefix("SMC_RMM_"));
        let command = name.and_then(CommandInfo::by_name);
        let rd = command.and_then(|command| {
            let at = command.inputs.iter().position(|input| *input == "rd")?;
            // What stands in the line's last place may be cut off.
            let word = words.clone().nth(at).filter(|_| words.clone().nth(at + 1).is_some());
            word.and_then(hex)
        });
        self.log.torn.push(Torn { line, command, rd });
        let tally = &mut self.log.tally;
        tally.torn += 1;
        if tally.torn_lines.len() < NAMED_LINES {
            tally.torn_lines.push(line);
        }
    }

    /// Reads one call; false if the text is none.
    fn call(&mut self, line: u32, text: &str) -> bool {
        let mut words = text.split_ascii_whitespace();
        let Some(name) = words.next() else { return false };
        if name.starts_with("SMC_RSI") {
            self.log.tally.realm_calls += 1;
            return true;
        }
        let short = name.strip_prefix("SMC_RMI_").or_else(|| name.strip_prefix("SMC_RMM_"));
        let Some(short) = short else { return false };
        let Some(command) = CommandInfo::by_name(short) else {
            self.log.tally.other_commands += 1;
            return true;
        };
        let call = call(line, command, words);
        let good = call.is_some();
        self.log.calls.extend(call);
        good
    }
}

fn call<'t>(
    line: u32,
    command: &'static CommandInfo,
    mut words: impl Iterator<Item = &'t str>,
) -> Option<Call> {
    let mut args = Vec::new();
    loop {
        match words.next()? {
            ">" | "->" | "=>" => break,
            word if args.len() < OLD_ARGS => args.push(hex(word)?),
            _ => return None,
        }
    }
    // The oldest forms of VERSION print the version in the status's place.
    if command.name == "VERSION" {
        args.truncate(command.inputs.len());
        return Some(Call::success(line, command, args));
    }
    let wanted = command.inputs.len();
    if args.len() != wanted && args.len() != OLD_ARGS {
        return None;
    }
    args.truncate(wanted);
    let answer = words.next()?;
    let (name, in_parentheses) = match answer.split_once('(') {
        Some((name, index)) => (name, Some(level(index.strip_suffix(')')?)?)),
        None => (answer, None),
    };
    let (status, mut index) = match Status::from_name(name) {
        Some(status) => (status, in_parentheses),
        None => {
            let code = ReturnCode::unpack(hex(name)?)?;
            (code.status, Some(code.index))
        }
    };
    let mut words = words.map_while(hex);
    if status == Status::Rtt && index.is_none() {
        index = words.next().and_then(|index| u8::try_from(index).ok());
    }
    let index = index.filter(|_| status == Status::Rtt);
    if !index.is_none_or(is_level) {
        return None;
    }
    let outputs = words.take(MAX_OUTPUTS).collect();
    Some(Call { line, command, args, status, index, outputs })
}

impl Call {
    fn success(line: u32, command: &'static CommandInfo, args: Vec<u64>) -> Self {
        Self { line, command, args, status: Status::Success, index: None, outputs: Vec::new() }
    }

    /// Whether the RMM did it.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.status == Status::Success
    }

    /// The argument with this name.
    #[must_use]
    pub fn arg(&self, name: &str) -> Option<u64> {
        let position = self.command.inputs.iter().position(|input| *input == name)?;
        self.args.get(position).copied()
    }
}

/// Whether a text has what a log of an RMM, or of a kernel that calls one, is read for.
#[must_use]
pub fn is_log(bytes: &[u8]) -> bool {
    let marks: [&[u8]; 4] =
        [b"SMC_RMI_", b"SMC_RMM_", b"arm_smccc_start: ", b"arm_smccc_smc_start: "];
    (0..bytes.len()).any(|at| marks.iter().any(|mark| bytes[at..].starts_with(mark)))
}

/// Whether a line is worth a second look: most lines of a console are not.
fn could_matter(bytes: &[u8]) -> bool {
    bytes.windows(5).any(|window| window == b"SMC_R") || bytes.contains(&b'>')
}

/// Whether bytes begin a call of the Host.
fn has_call(bytes: &[u8]) -> bool {
    bytes.windows(6).any(|window| window == b"SMC_RM")
}

/// How many marks of a mail that quotes it a line begins with.
fn quote_marks(bytes: &[u8]) -> usize {
    let marks = bytes.iter().take_while(|byte| matches!(byte, b'>' | b' '));
    marks.filter(|byte| **byte == b'>').count()
}

/// The line without so many marks.
fn unquoted(mut bytes: &[u8], marks: usize) -> &[u8] {
    for _ in 0..marks {
        let Some(rest) = bytes.strip_prefix(b">") else { break };
        bytes = rest.strip_prefix(b" ").unwrap_or(rest);
    }
    bytes
}

/// Whether the answer of a call does not stand in its line.
fn is_open(part: &str) -> bool {
    !part.contains('>') || part.ends_with('>') && part.matches('>').count() == 1
}

/// Whether a line is an answer and nothing else: a status, and perhaps outputs.
fn is_answer(text: &str) -> bool {
    let mut words = text.split_ascii_whitespace();
    let status = words.next().is_some_and(|word| word.starts_with("RMI_") || hex(word).is_some());
    status && words.all(|word| hex(word).is_some())
}

/// Whether a line is arguments of a call and nothing else, perhaps with the arrow after them.
fn is_piece(text: &str) -> bool {
    let text = text.trim();
    let args = text.strip_suffix('>').unwrap_or(text);
    args.split_ascii_whitespace().all(|word| hex(word).is_some()) && !text.is_empty()
}

fn is_call(text: &str) -> bool {
    ["SMC_RMI_", "SMC_RMM_"].iter().any(|start| text.starts_with(start))
}

/// The text without colours and control characters; a terminal's commands leave a gap.
fn plain(bytes: &[u8]) -> Cow<'_, str> {
    if bytes.iter().all(|byte| (b' '..=b'~').contains(byte)) {
        return String::from_utf8_lossy(bytes);
    }
    let mut text = String::with_capacity(bytes.len());
    let mut bytes = bytes.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            0x1B => {
                if bytes.next_if_eq(&b'[').is_some() {
                    while bytes.next_if(|byte| (b' '..=b'?').contains(byte)).is_some() {}
                }
                bytes.next();
            }
            b' '..=b'~' => text.push(char::from(byte)),
            // TF-RMM's own prints do not have them, serial lines do.
            0 => {}
            _ => text.push(' '),
        }
    }
    Cow::Owned(text)
}

/// The number after `cpu` before any call: `[cpu1]`, `CPU 3:`, `cpu#2`.
fn cpu(text: &str) -> Option<u32> {
    let prefix = text.split("SMC_R").next().unwrap_or_default().to_ascii_lowercase();
    let (_, after) = prefix.split_once("cpu")?;
    let after = after.trim_start_matches([' ', '#', ':', '=', '_']);
    let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
    after[..end].parse().ok()
}

/// What can be the end of a call: from the arguments before the first `>` on.
fn tail(text: &str) -> String {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let Some(arrow) = words.iter().position(|word| *word == ">") else { return String::new() };
    let args = words[..arrow].iter().rev().take_while(|word| hex(word).is_some()).count();
    words[arrow - args..].join(" ")
}

pub(super) fn hex(word: &str) -> Option<u64> {
    let digits = word.strip_prefix("0x").unwrap_or(word);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain.then(|| u64::from_str_radix(digits, 16).ok()).flatten()
}

/// Whether an index of RMI_ERROR_RTT can be one.
pub(super) fn is_level(index: u8) -> bool {
    Level::from_register(i64::from(index.cast_signed()).cast_unsigned()).is_some()
}

fn level(text: &str) -> Option<u8> {
    text.parse::<i8>().map(i8::cast_unsigned).ok()
}
