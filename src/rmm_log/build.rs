//! Calls of a log to a script that makes one Realm.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::data::{Contents, From};
use super::gap::gaps;
use super::memory;
use super::operation::{self, Joined};
use super::stand_in;
use super::vmm::{self, Own, VmmLine, VmmStep};
use super::{Call, Import, ImportError, Log, LogGap, Need, Options};
use crate::abi::addr::{GRANULE_SIZE, Hex, Pa, is_aligned};
use crate::abi::address_range::AddressRange;
use crate::abi::command::{Command, CommandInfo};
use crate::abi::edition::Edition;
use crate::abi::granule_size::GranuleSize;
use crate::abi::params::DATA_MEASURE;
use crate::abi::profile::Profile;
use crate::abi::ranges::Ranges;
use crate::abi::status::Status;
use crate::script::statements::{self, arg, hex, invoke, invoke_all, name, statement, symbol};
use crate::script::{Answer, Kind, MAX_TEXT_BYTES, Script, Span, Statement};

/// Outputs that say where something lies: the script's own granules lie elsewhere.
const PLACES: [&str; 4] = ["desc", "data", "rtt", "range"];
/// Most granules that one call of a log adds to a Realm; of more, nothing.
const MAX_GRANULES: u64 = 512;
/// Most statements of a script: each takes at least eight bytes of text.
const MAX_STATEMENTS: usize = (MAX_TEXT_BYTES / 8) as usize;
/// Forms of addresses in the flags of commands of RMM 2.0.
const FORM: u64 = 0b11;
const SINGLE: u64 = 1;
const LIST: u64 = 2;

/// Makes a script of the calls that built one Realm: from its REALM_CREATE to its REALM_ACTIVATE,
/// or to its end. Other Realms, REC_ENTER and what needs a running Realm are left out.
///
/// Granules are delegated when they are first used, whatever the log says of it. Each call expects
/// the log's status, and its outputs but addresses of granules.
///
/// # Bounds
/// Time and memory grow with the length of the log, memory by at most 60 bytes for each byte of
/// it. A script that would be longer than one may be is an error, and there are at most
/// [`MAX_IMAGES`](super::MAX_IMAGES) images.
///
/// # Errors
/// If the log makes no such Realm, follows another specification, or would be too long a script.
pub fn import(log: &Log, options: &Options) -> Result<Import, ImportError> {
    options.check()?;
    let _span = tracing::info_span!("import", calls = log.calls.len()).entered();
    let Joined { calls, failed, endless, realms_in_steps } = operation::join(&log.calls);
    let calls = realm(log, calls, options.realm.max(1))?;
    let edition = log.edition;
    let contents = contents_command(edition).name;
    let own = vmm::own(log, &calls, contents);
    let mut builder = Builder {
        edition,
        realms_in_steps,
        contents: Contents::new(&options.at, &calls, &own),
        delegated: Ranges::default(),
        logged: Ranges::default(),
        populated: Ranges::default(),
        statements: Vec::new(),
        needs: Vec::new(),
        run: None,
        params: 0,
        left_out: failed,
        has_unseen: false,
        line: 0,
        lines: Vec::new(),
        known: defined(&options.params),
    };
    let gaps = gaps(log, &calls, &endless, contents, &own, options);
    builder.all(&calls, &gaps, &own)?;
    let is_manual = calls.iter().any(|call| call.command.name == "RTT_CREATE" && call.is_success());
    let mut statements: Vec<Statement> = Vec::new();
    let platform = options.platform.as_deref().unwrap_or("fvp");
    if edition != Edition::default() {
        statements.push(statement(Kind::Spec(name(edition.name()))));
    }
    if realms_in_steps {
        // The one profile that does so.
        statements.push(statement(Kind::Rmm(name(Profile::TF_RMM_NEXT.name()))));
    }
    statements.push(statement(Kind::Platform(name(platform))));
    let mut memory = memory::memory(platform, &calls, &own);
    statements.append(&mut memory.statements);
    statements.push(statement(Kind::Empty));
    statements.extend(builder.contents.definitions());
    statements.push(statement(Kind::RttAuto(!is_manual)));
    // The RMM had been activated when the Realm was made, whether the log begins before or after.
    if CommandInfo::of_name("RMM_ACTIVATE", edition).is_some() {
        statements.push(statement(invoke("RMM_ACTIVATE", Vec::new())));
    }
    statements.push(statement(Kind::Empty));
    statements.extend(options.params.iter().filter(|line| line.kind != Kind::Empty).cloned());
    let mut remarks = builder.remarks();
    remarks.extend(own.remarks(contents));
    remarks.extend(memory.remark);
    let mut needs: Vec<Need> = builder.contents.needs().collect();
    needs.append(&mut builder.needs);
    let mut lines = vec![0; statements.len()];
    statements.append(&mut builder.statements);
    lines.append(&mut builder.lines);
    let script = Script { file: "import.rmi".into(), statements };
    if script.to_string().len() as u64 > MAX_TEXT_BYTES {
        return Err(ImportError::LongScript);
    }
    let statements = script.statements.len();
    tracing::info!(statements, gaps = gaps.len(), needs = needs.len(), "made a script");
    Ok(Import { script, needs, remarks, gaps, lines })
}

/// The calls of one Realm, of those that were joined.
fn realm<'l>(
    log: &Log,
    all: Vec<Cow<'l, Call>>,
    number: usize,
) -> Result<Vec<Cow<'l, Call>>, ImportError> {
    if log.calls.is_empty() && log.tally.bare_events > 0 {
        return Err(ImportError::NoRegisters { events: log.tally.bare_events });
    }
    if log.calls.is_empty() {
        return Err(ImportError::NoCalls { lines: log.tally.lines });
    }
    let creates = |call: &Call| call.command.name == "REALM_CREATE" && call.is_success();
    let begins: Vec<usize> = (0..all.len()).filter(|i| creates(&all[*i])).collect();
    if begins.is_empty() {
        return Err(ImportError::NoRealm { calls: log.calls.len() });
    }
    let too_few = ImportError::NoSuchRealm { realms: begins.len(), asked: number };
    let begin = *begins.get(number - 1).ok_or(too_few)?;
    let rd = all[begin].args[0];
    let mut calls = Vec::new();
    let mut recs = BTreeSet::new();
    for (i, call) in all.into_iter().enumerate() {
        let name = call.command.name;
        if name.starts_with("GRANULE_") && name.ends_with("DELEGATE") && call.is_success() {
            calls.push(call);
            continue;
        }
        let could_be_draft = log.edition == Edition::default();
        let draft = could_be_draft
            && matches!(name, "DATA_CREATE" | "REC_CREATE" | "RTT_CREATE")
            && call.args[0] != rd
            && call.args[1] == rd
            && i > begin;
        if draft {
            return Err(ImportError::Draft { line: call.line, name });
        }
        let own =
            call.arg("rd") == Some(rd) || name == "REC_DESTROY" && recs.contains(&call.args[0]);
        if i < begin || !own {
            continue;
        }
        if name == "REC_CREATE" && call.is_success() {
            recs.insert(call.args[1]);
        }
        let ends = matches!(name, "REALM_ACTIVATE" | "REALM_DESTROY") && call.is_success();
        calls.push(call);
        if ends {
            break;
        }
    }
    Ok(calls)
}

/// Granules that are added to a Realm one after the other.
struct Run {
    ipa: u64,
    data: u64,
    flags: u64,
    rd: u64,
    from: From,
    count: u64,
    /// The log's line of the first.
    line: u32,
    /// The physical granules follow each other.
    in_a_row: bool,
}

struct Builder<'o> {
    edition: Edition,
    /// REALM_CREATE and REALM_DESTROY are operations.
    realms_in_steps: bool,
    contents: Contents<'o>,
    /// Granules that the script has delegated.
    delegated: Ranges,
    /// Granules that the log's Host has delegated.
    logged: Ranges,
    /// IPAs to which kvmtool's lines gave contents.
    populated: Ranges,
    statements: Vec<Statement>,
    needs: Vec<Need>,
    run: Option<Run>,
    /// RECs so far.
    params: u32,
    left_out: u64,
    /// Something was mapped that the script does not map.
    has_unseen: bool,
    /// The log's line of the call that is looked at, and those of the statements.
    line: u32,
    lines: Vec<u32>,
    known: BTreeSet<String>,
}

impl Builder<'_> {
    /// Calls, gaps and kvmtool's lines, in the log's order.
    fn all(
        &mut self,
        calls: &[Cow<'_, Call>],
        gaps: &[LogGap],
        vmm: &Own<'_>,
    ) -> Result<(), ImportError> {
        let rd = calls.iter().find_map(|call| call.arg("rd"));
        let mut gaps = gaps.iter().peekable();
        let mut steps = vmm.steps.iter().peekable();
        for call in calls {
            while let Some(step) = steps.next_if(|step| step.line < call.line) {
                while let Some(gap) = gaps.next_if(|gap| gap.line < step.line) {
                    self.gap(gap, rd);
                }
                self.vmm(step, rd);
            }
            // What is missing before REALM_ACTIVATE has its line.
            let ends = matches!(call.command.name, "REALM_ACTIVATE" | "REALM_DESTROY");
            let line = call.line.saturating_add(u32::from(ends && call.is_success()));
            while let Some(gap) = gaps.next_if(|gap| gap.line < line) {
                self.gap(gap, rd);
            }
            self.call(call, calls);
            if self.statements.len() > MAX_STATEMENTS {
                return Err(ImportError::LongScript);
            }
        }
        steps.for_each(|step| self.vmm(step, rd));
        self.flush();
        gaps.for_each(|gap| self.gap(gap, rd));
        Ok(())
    }

    fn push(&mut self, kind: Kind) {
        self.statements.push(statement(kind));
        self.lines.push(self.line);
    }

    /// A statement that says what is not known of the Realm.
    fn gap(&mut self, gap: &LogGap, rd: Option<u64>) {
        self.flush();
        self.line = gap.line;
        let rd = rd.map(hex);
        let what = name(&format!("line {} of the log: {}", gap.line, gap.what));
        self.push(Kind::Unknown { rd, what });
    }

    /// What kvmtool says that it did.
    fn vmm(&mut self, step: &VmmLine, rd: Option<u64>) {
        let Some(rd) = rd else { return };
        self.flush();
        self.line = step.line;
        match &step.what {
            VmmStep::InitRipas(ipa) => {
                self.push(statements::init_ripas(hex(rd), ipa.start, ipa.end));
            }
            VmmStep::Populate(all) => {
                // What has contents already is a gap.
                for (base, top) in self.populated.gaps(all.start, all.end) {
                    self.populate(base, top, rd, step.line);
                }
                self.populated.insert(all.start, all.end);
            }
            VmmStep::DumpTree { .. } => {}
        }
    }

    /// Contents of kvmtool's, a statement for each piece of a file.
    fn populate(&mut self, mut ipa: u64, top: u64, rd: u64, line: u32) {
        while ipa < top && self.statements.len() <= MAX_STATEMENTS {
            let end = self.contents.end_of(ipa, top);
            let count = (end - ipa) / GRANULE_SIZE;
            let flags = DATA_MEASURE;
            let from = self.contents.find(ipa, flags);
            self.run = Some(Run { ipa, data: 0, flags, rd, from, count, line, in_a_row: false });
            self.flush();
            ipa = end;
        }
    }

    fn call(&mut self, call: &Call, all: &[Cow<'_, Call>]) {
        self.line = call.line;
        if matches!(call.status, Status::Busy | Status::Blocked) {
            // It depends on what others did at that moment.
            self.left_out += 1;
            return;
        }
        match call.command.name {
            "GRANULE_DELEGATE" | "GRANULE_RANGE_DELEGATE" => {
                let (base, top) = granules(call);
                if is_aligned(base, GRANULE_SIZE) && base < top {
                    self.logged.insert(base, top);
                }
            }
            "GRANULE_UNDELEGATE" | "GRANULE_RANGE_UNDELEGATE" => self.undelegate(call),
            "DATA_CREATE" | "RTT_DATA_MAP_INIT" if call.is_success() => self.data_create(call),
            "RTT_DATA_MAP" => self.data_map(call),
            "RTT_UNPROT_MAP" if call.args[3] & FORM != SINGLE => {
                self.left_out += 1;
                self.has_unseen = true;
            }
            "RTT_DATA_UNMAP" | "RTT_UNPROT_UNMAP" => self.unmap(call),
            "REALM_CREATE" if call.is_success() => self.realm_create(call, all),
            "REC_CREATE" if call.is_success() => self.rec_create(call),
            // Their answer depends on pages that no log has.
            "REALM_CREATE" | "REC_CREATE" | "RTT_SET_RIPAS" => self.left_out += 1,
            "RTT_READ_ENTRY" if self.has_unseen => self.left_out += 1,
            "REALM_ACTIVATE" => {
                self.plain(call, None);
                if call.is_success() {
                    self.print_rim(call);
                }
            }
            "REALM_DESTROY" if call.is_success() => {
                self.flush();
                self.print_rim(call);
                self.plain(call, None);
            }
            _ => self.plain(call, None),
        }
    }

    fn print_rim(&mut self, call: &Call) {
        self.push(Kind::PrintRim { rd: Some(hex(call.args[0])) });
    }

    fn undelegate(&mut self, call: &Call) {
        let (base, top) = granules(call);
        self.logged.remove(base, top);
        let one = top.saturating_sub(base) <= GRANULE_SIZE;
        if one && self.delegated.contains(base) && is_aligned(base, GRANULE_SIZE) {
            self.flush();
            self.delegated.remove(base, base.saturating_add(GRANULE_SIZE));
            self.plain(call, None);
        }
    }

    /// REALM_CREATE, with parameters that the user has to give.
    fn realm_create(&mut self, call: &Call, all: &[Cow<'_, Call>]) {
        let symbol = "realm_params";
        self.create(call, "RealmParams", symbol, || stand_in::realm_params(symbol, all));
    }

    /// REC_CREATE, with parameters that the user has to give.
    fn rec_create(&mut self, call: &Call) {
        let (number, edition) = (self.params, self.edition);
        self.params += 1;
        let symbol = format!("rec_params_{}", self.params);
        let stand_in = || stand_in::rec_params(&symbol, number, edition);
        self.create(call, "RecParams", &symbol, stand_in);
    }

    /// A call with parameters. Where nobody gave them, others stand in their place, and what they
    /// are is said not to be known.
    fn create(
        &mut self,
        call: &Call,
        structure: &'static str,
        symbol: &str,
        stand_in: impl FnOnce() -> Statement,
    ) {
        if self.known.contains(symbol) {
            return self.plain(call, Some(symbol));
        }
        self.flush();
        self.needs.push(Need::Params { structure, symbol: symbol.to_owned(), line: call.line });
        self.statements.push(stand_in());
        self.lines.push(self.line);
        self.plain(call, Some(symbol));
        let what = name(&stand_in::unknown(structure, symbol, call.command, call.line));
        self.push(Kind::Unknown { rd: call.arg("rd").map(hex), what });
    }

    /// A call as the log has it; `params` is a symbol in the place of `params_ptr`.
    fn plain(&mut self, call: &Call, params: Option<&str>) {
        self.flush();
        for granule in ["rd", "rec", "rtt", "data"] {
            let verb = call.command.name;
            let creates = verb.ends_with("_CREATE")
                || matches!(verb, "DATA_CREATE_UNKNOWN" | "RTT_DATA_MAP_INIT");
            if let Some(pa) = call.arg(granule).filter(|_| creates) {
                self.delegate_for(call, pa);
            }
        }
        let inputs = call.command.inputs.iter().zip(&call.args);
        let args = inputs.map(|(input, value)| match params {
            Some(params) if *input == "params_ptr" => arg(input, symbol(params)),
            _ => arg(input, hex(*value)),
        });
        // The operation was carried out to its end in the log.
        let in_steps = self.realms_in_steps && operation::is_of_realm(call);
        let has_handle = call.command.outputs.first() == Some(&"handle");
        let is_operation = (in_steps || has_handle) && call.is_success();
        let invoke = if is_operation { invoke_all } else { invoke };
        self.push(expecting(invoke(call.command.name, args.collect()), answer(call)));
    }

    /// Delegates a granule as the log's Host must have done it.
    fn delegate_for(&mut self, call: &Call, pa: u64) {
        let surely = call.status != Status::Input || self.logged.contains(pa);
        if surely && is_aligned(pa, GRANULE_SIZE) && !self.delegated.contains(pa) {
            self.delegated.insert(pa, pa.saturating_add(GRANULE_SIZE));
            self.delegate(pa, 1);
        }
    }

    /// The statement that delegates granules in a row.
    fn delegate(&mut self, base: u64, count: u64) {
        let command = Command::delegate(self.edition, Pa(base));
        let info = command.info();
        if info.inputs.contains(&"top") {
            let top = base.saturating_add(count * GRANULE_SIZE);
            let args = vec![arg("base", hex(base)), arg("top", hex(top))];
            let invoke = if count == 1 { invoke } else { invoke_all };
            self.push(invoke(info.name, args));
        } else if count == 1 {
            self.push(invoke(info.name, vec![arg("addr", hex(base))]));
        } else {
            self.push(invoke(info.name, vec![arg("base", hex(base)), arg("count", hex(count))]));
        }
    }

    /// RTT_DATA_MAP of one range; a list lies in a page that no log has.
    fn data_map(&mut self, call: &Call) {
        let [_, base, top, flags, oaddr] = call.args[..] else { return };
        let out_top = call.outputs.first().copied().unwrap_or(top);
        let count = out_top.saturating_sub(base) / GRANULE_SIZE;
        let depends_on_granules = call.status == Status::Input;
        let too_many = count > MAX_GRANULES;
        if flags & FORM != SINGLE || depends_on_granules || call.is_success() && too_many {
            self.left_out += 1;
            self.has_unseen |= call.is_success();
            return;
        }
        self.flush();
        if call.is_success() {
            let range = AddressRange::decode(oaddr, GranuleSize::K4);
            let first = range.base.0;
            let top = first.saturating_add(count * GRANULE_SIZE);
            for (base, top) in self.delegated.gaps(first, top) {
                self.delegated.insert(base, top);
                self.delegate(base, (top - base) / GRANULE_SIZE);
            }
        }
        self.plain(call, None);
    }

    /// A command that unmaps, without the list that it writes.
    fn unmap(&mut self, call: &Call) {
        let mut call = call.clone();
        if call.args[3] & FORM == LIST {
            call.args[3..].fill(0);
            call.outputs.truncate(1);
        }
        self.plain(&call, None);
    }

    fn data_create(&mut self, call: &Call) {
        let [rd, data, ipa, _, flags] = call.args[..] else { return };
        let from = self.contents.find(ipa, flags);
        if let Some(run) = &mut self.run
            && run.ipa.checked_add(run.count * GRANULE_SIZE) == Some(ipa)
            && run.flags == flags
            && run.from.goes_on(from, run.count)
        {
            let next = run.data.checked_add(run.count * GRANULE_SIZE);
            run.in_a_row &= next == Some(data) && !self.delegated.contains(data);
            run.count += 1;
            return;
        }
        self.flush();
        let in_a_row = !self.delegated.contains(data) && is_aligned(data, GRANULE_SIZE);
        self.run = Some(Run { ipa, data, flags, rd, from, count: 1, line: call.line, in_a_row });
    }

    /// Writes down the granules that went on.
    fn flush(&mut self) {
        let Some(run) = self.run.take() else { return };
        let Run { ipa, data, flags, rd, from, count, line, in_a_row } = run;
        let now = std::mem::replace(&mut self.line, line);
        let (definition, image) = self.contents.piece(from, count);
        definition.into_iter().for_each(|definition| self.push(definition.kind));
        if in_a_row {
            self.delegated.insert(data, data.saturating_add(count * GRANULE_SIZE));
            self.delegate(data, count);
        }
        let verb = contents_command(self.edition).name;
        let data = in_a_row.then_some(data);
        self.push(statements::contents(verb, hex(rd), ipa, data, &image, hex(flags)));
        self.line = now;
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let contents = contents_command(self.edition).name;
        if self.left_out > 0 {
            remarks.push(format!(
                "{} calls are left out, whose answer depends on pages that no log has",
                self.left_out
            ));
        }
        for at in self.contents.unused() {
            let ipa = Hex(at.ipa);
            remarks.push(format!("no {contents} shows {} at {ipa}", at.name));
        }
        remarks
    }
}

/// The granules that a command of a range has dealt with, or the one of a command without, as a
/// range of addresses.
fn granules(call: &Call) -> (u64, u64) {
    let base = call.args[0];
    let end = call.outputs.first().copied().filter(|_| call.command.inputs.contains(&"top"));
    let count = end.map_or(1, |end| end.saturating_sub(base) / GRANULE_SIZE);
    (base, base.saturating_add(count.saturating_mul(GRANULE_SIZE)))
}

/// The command that gives a NEW Realm contents.
fn contents_command(edition: Edition) -> &'static CommandInfo {
    CommandInfo::data_create(edition)
}

fn expecting(kind: Kind, answer: Answer) -> Kind {
    let Kind::Invoke(mut invocation) = kind else { return kind };
    invocation.answer = Some(answer);
    Kind::Invoke(invocation)
}

fn answer(call: &Call) -> Answer {
    let outputs = call.command.outputs.iter().zip(&call.outputs);
    let outputs = outputs.filter(|(output, _)| !PLACES.contains(output));
    Answer {
        status: Some(call.status),
        index: call.index,
        condition: None,
        outputs: outputs.map(|(output, value)| (name(output), hex(*value))).collect(),
        span: Span::default(),
    }
}

fn defined(params: &[Statement]) -> BTreeSet<String> {
    let names = params.iter().filter_map(|statement| match &statement.kind {
        Kind::Let { name, .. } => Some(name.text.clone()),
        _ => None,
    });
    names.collect()
}
