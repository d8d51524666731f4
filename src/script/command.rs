//! Commands of a script: counted forms, missing tables, and what is expected of the RMM.

use super::ending::PlayError;
use super::error::ScriptError;
use super::grammar::{Answer, Arg, Invocation, Value};
use super::picture::Picture;
use super::player::Run;
use super::row::OverImage;
use super::words::{self, AutoKind};
use crate::abi::addr::{Hex, Level, PAGE_SIZE, align_down};
use crate::abi::address_range::AddressRange;
use crate::abi::command::{CallRegs, Command, CommandInfo};
use crate::abi::granule_size::GranuleSize;
use crate::abi::status::Status;
use crate::rmi::Outcome;
use crate::session::{Action, Expected, Mismatch, Step};

/// Where a register of a counted command comes from.
pub(super) enum Input {
    /// The value of the first command, and how much further each one is.
    Value { first: u64, stride: u64 },
    /// A new granule for each command.
    Auto { delegated: bool },
    /// The granule in which the image is shown.
    Window(u64),
}

impl Run<'_, '_> {
    /// A command of the script: once, counted, over an image, or until all is done.
    pub(super) fn command(
        &mut self,
        invocation: &Invocation,
        info: &'static CommandInfo,
    ) -> Result<(), PlayError> {
        let picture = self.image_arg(invocation)?;
        let count = self.count(invocation, picture.as_ref())?;
        let mut inputs = Vec::new();
        for name in info.inputs {
            inputs.push(self.input(invocation, info, name, count)?);
        }
        let answer = invocation.answer.as_ref();
        let mut next = 0;
        while next < count {
            let number = next;
            next += 1;
            let mut regs: CallRegs = [info.fid, 0, 0, 0, 0, 0, 0];
            for (reg, input) in regs[1..].iter_mut().zip(&inputs) {
                *reg = match input {
                    Input::Value { first, stride } => first + number * stride,
                    Input::Auto { delegated } => self.take(1, *delegated)?,
                    Input::Window(pa) => *pa,
                };
                if let (Input::Window(pa), Some(picture)) = (input, &picture) {
                    self.show_granule(picture, number, *pa)?;
                }
            }
            let regs = self.session.world().profile().taken(regs);
            if picture.as_ref().is_some_and(|picture| !picture.is_known()) {
                let outcome = self.execute(&regs, answer)?;
                self.shown_unknown(invocation, info, &regs, &outcome);
            } else if invocation.has("all") && info.inputs.contains(&"top") {
                self.until_top(info, regs, answer)?;
            } else if invocation.has("all") {
                self.until_ended(&regs, answer)?;
            } else {
                let outcome = self.execute(&regs, answer)?;
                if let Some(picture) = picture.as_ref().filter(|_| outcome.is_success()) {
                    let (inputs, number) = (&inputs, next);
                    let over = OverImage { info, inputs, answer, picture, number, count };
                    next += self.create_data_row(&over);
                }
            }
        }
        Ok(())
    }

    fn count(
        &mut self,
        invocation: &Invocation,
        picture: Option<&Picture>,
    ) -> Result<u64, PlayError> {
        let (count, span) = match (picture, invocation.arg("count")) {
            (Some(picture), _) => {
                (picture.count(self.granule_size().bytes()), invocation.verb.span)
            }
            (None, Some(Arg { value: Value::Number(expr), .. })) => return Ok(self.counted(expr)?),
            (None, Some(arg)) => (self.arg(invocation, "count")?, arg.value.span()),
            (None, None) => return Ok(1),
        };
        Ok(self.checked_count(count, span)?)
    }

    fn input(
        &mut self,
        invocation: &Invocation,
        info: &'static CommandInfo,
        name: &str,
        count: u64,
    ) -> Result<Input, PlayError> {
        let alias = if name == "addr" { "base" } else { name };
        let Some(arg) = invocation.arg(name).or_else(|| invocation.arg(alias)) else {
            // Only DATA_CREATE with an image gets here without `data` or `src`.
            if name == "src" {
                return Ok(Input::Window(self.window()?));
            }
            return Ok(Input::Auto { delegated: true });
        };
        let first = match &arg.value {
            Value::Auto { ns, .. } => {
                let kind = words::auto_kind(info.name, name);
                return Ok(Input::Auto { delegated: kind == AutoKind::Delegated && !ns });
            }
            Value::Number(expr) => self.number_with(expr, words::values(info.name, name))?,
            value => self.value(value)?,
        };
        let stride = self.stride(invocation, name)?;
        let last = stride.checked_mul(count - 1).and_then(|len| first.checked_add(len));
        let Some(last) = last else {
            let message = format!("`{name}` passes the end of 64-bit addresses");
            return Err(self.error(arg.value.span(), message).into());
        };
        if words::auto_kind(info.name, name) != AutoKind::Nothing {
            self.state.auto.avoid(first, (last - first).saturating_add(1));
        }
        Ok(Input::Value { first, stride })
    }

    /// How far apart the values of an argument are in a counted command.
    fn stride(&mut self, invocation: &Invocation, name: &str) -> Result<u64, ScriptError> {
        match name {
            "addr" | "data" | "src" => Ok(self.granule_size().bytes()),
            "ipa" | "desc" => {
                let level = match invocation.arg("level").map(|arg| &arg.value) {
                    Some(Value::Number(expr)) => Level::from_register(self.number(expr)?),
                    _ => None,
                };
                Ok(self.granule_size().entry_bytes(level.unwrap_or(Level::PAGE)))
            }
            _ => Ok(0),
        }
    }

    /// The one granule in which images are shown to the RMM.
    fn window(&mut self) -> Result<u64, PlayError> {
        if let Some(window) = self.state.window {
            return Ok(window);
        }
        let window = self.take(1, false)?;
        self.state.window = Some(window);
        Ok(window)
    }

    /// Shows granule `number` of a picture at `pa`.
    fn show_granule(&mut self, picture: &Picture, number: u64, pa: u64) -> Result<(), PlayError> {
        let pages = self.granule_size().pages();
        let mut pages = (0..pages).map(|page| (number * pages + page, pa + page * PAGE_SIZE));
        pages.try_for_each(|(page, pa)| self.show(picture, page, pa))
    }

    /// Shows page `number` of a picture at `pa`.
    pub(super) fn show(
        &mut self,
        picture: &Picture,
        number: u64,
        pa: u64,
    ) -> Result<(), PlayError> {
        if let Some((image, offset)) = picture.whole_page(number) {
            self.go_on()?;
            let item = self.item;
            let place = || item.statement.span.in_file(&item.text.file);
            return self.session.show(pa, image, offset, place).map_err(|fault| self.fault(&fault));
        }
        picture.show(number, pa).try_for_each(|action| self.step(action).map(|_| ()))
    }

    /// Goes on from `out_top` until `top` is reached, as a Host does.
    fn until_top(
        &mut self,
        info: &'static CommandInfo,
        mut regs: CallRegs,
        answer: Option<&Answer>,
    ) -> Result<(), PlayError> {
        let x = |name| 1 + info.inputs.iter().position(|input| *input == name).expect("an input");
        let (base, top) = (x("base"), x("top"));
        loop {
            let outcome = self.execute(&regs, answer)?;
            let out_top = outcome.regs()[1];
            let progress = outcome.is_success() && out_top > regs[base];
            if !progress || out_top >= regs[top] {
                return Ok(());
            }
            regs[base] = out_top;
        }
    }

    /// Calls the RMM; in `rtt auto`, makes the tables that it misses. Then compares.
    pub(super) fn execute(
        &mut self,
        regs: &CallRegs,
        answer: Option<&Answer>,
    ) -> Result<Outcome, PlayError> {
        let wants_rtt_error = answer.is_some_and(|answer| answer.status == Some(Status::Rtt));
        let mut above = None;
        let outcome = loop {
            let outcome = self.call_for(regs, answer)?;
            let missing = missing_table(&outcome, self.granule_size());
            let missing = missing.filter(|(.., level)| above < Some(*level));
            match missing {
                Some((rd, ipa, level)) if self.state.rtt_auto && !wants_rtt_error => {
                    self.make_table(rd, ipa, level)?;
                    above = Some(level);
                }
                _ => break outcome,
            }
        };
        self.judge(regs, &outcome, answer)?;
        Ok(outcome)
    }

    /// Remembers what a command that succeeded has made or destroyed.
    pub(super) fn remember(&mut self, command: Command) {
        match command {
            Command::RealmCreate { rd, .. } => drop(self.state.realms.insert(rd)),
            Command::RealmDestroy { rd } => {
                self.state.gaps.remove(&rd);
                self.state.realms.remove(&rd);
                self.state.recs.remove_realm(rd);
            }
            Command::RecCreate { rd, rec, .. } | Command::RecCreateBegin { rd, rec, .. } => {
                self.state.recs.add(rd, rec);
            }
            _ => {}
        }
    }

    /// Remembers what a call has made, and compares its answer with what is wanted.
    pub(super) fn judge(
        &mut self,
        regs: &CallRegs,
        outcome: &Outcome,
        answer: Option<&Answer>,
    ) -> Result<(), PlayError> {
        if let Some(command) = outcome.command().filter(|_| outcome.is_success()) {
            self.remember(command);
        }
        match answer {
            Some(answer) => {
                let mismatches = self.compare(answer, outcome)?;
                if !mismatches.is_empty() {
                    self.report(&command_text(regs, outcome.command()), mismatches)?;
                }
            }
            None if outcome.is_success() || outcome.awaits().is_some() => {}
            None => {
                let text = command_text(regs, outcome.command());
                let lacks_table = missing_table(outcome, self.granule_size()).is_some();
                let hint = match lacks_table && !self.state.rtt_auto {
                    true => "; after `rtt auto` the player makes such tables",
                    false => "",
                };
                return Err(self.refused(text, format!("{outcome}{hint}")));
            }
        }
        Ok(())
    }

    /// A call that perhaps is to be refused; observers are told before it is.
    pub(super) fn call_for(
        &mut self,
        regs: &CallRegs,
        answer: Option<&Answer>,
    ) -> Result<Outcome, PlayError> {
        self.go_on()?;
        let meant = answer.map(|answer| answer.status).filter(|it| *it != Some(Status::Success));
        let Some(status) = meant else { return self.call(regs) };
        let place = self.item.statement.span.in_file(&self.item.text.file);
        let expected = Some(Expected::Refusal { status });
        let record = self.session.step(&Step { expected, ..Step::new(Action::Call(*regs), place) });
        match record.fault {
            None => Ok(record.outcome.expect("a call has an outcome")),
            Some(fault) => Err(self.fault(&fault)),
        }
    }

    pub(super) fn make_table(&mut self, rd: u64, ipa: u64, level: Level) -> Result<(), PlayError> {
        let rtt = self.take(1, true)?;
        let size = self.granule_size();
        let covers = level.parent().map_or(u64::MAX, |parent| size.entry_bytes(parent));
        let ipa = align_down(ipa, covers);
        self.must_succeed(Command::RttCreate { rd, rtt, ipa, level: level.to_register() })
    }

    /// A command that the player makes on its own account.
    pub(super) fn must_succeed(&mut self, command: Command) -> Result<(), PlayError> {
        let regs = self.session.world().profile().encode(&command);
        let outcome = self.call(&regs)?;
        if outcome.is_success() {
            return Ok(());
        }
        Err(self.refused(
            format!("{} (for `auto`)", command_text(&regs, Some(command))),
            outcome.to_string(),
        ))
    }

    fn compare(&self, answer: &Answer, outcome: &Outcome) -> Result<Vec<Mismatch>, ScriptError> {
        let mut mismatches = Vec::new();
        let mut differ = |what: &str, got: String, wanted: String| {
            mismatches.push(Mismatch { what: what.to_owned(), got, wanted });
        };
        let code = outcome.code();
        let same_status = code.map(|code| code.status) == answer.status;
        let same_index = answer.index.is_none() || code.map(|code| code.index) == answer.index;
        if !same_status || !same_index {
            let wanted = super::print::status_text(answer);
            differ("status", outcome.to_string(), wanted);
        }
        if let Some(condition) = &answer.condition {
            let got = outcome.failure().map_or("none", |failure| failure.condition());
            if got != condition.text {
                differ("condition", got.to_owned(), condition.text.clone());
            }
        }
        let names = outcome.command().map_or(&[] as &[&str], |command| command.info().outputs);
        let owner = outcome.command().map_or("", |command| command.info().name);
        for (name, expr) in &answer.outputs {
            let Some(position) = names.iter().position(|known| *known == name.text) else {
                let message = format!("the command has no output {}", name.text);
                return Err(self.error(name.span, message));
            };
            let wanted = self.number_with(expr, words::values(owner, &name.text))?;
            let got = outcome.regs()[position + 1];
            if got != wanted {
                differ(&name.text, Hex(got).to_string(), Hex(wanted).to_string());
            }
        }
        Ok(mismatches)
    }
}

/// The table without which the RMM could not go on: RD, an IPA that it covers, and its level.
///
/// The index of RMI_ERROR_RTT is the level at which the walk ended. If that is above the level that
/// the command needs, a table is missing just below it.
fn missing_table(outcome: &Outcome, size: GranuleSize) -> Option<(u64, u64, Level)> {
    let code = outcome.code().filter(|code| code.status == Status::Rtt)?;
    let found = Level::from_register(i64::from(code.index.cast_signed()).cast_unsigned())?;
    let (rd, ipa, needed) = match outcome.command()? {
        Command::DataCreate { rd, ipa, .. }
        | Command::DataCreateUnknown { rd, ipa, .. }
        | Command::RttDataMapInit { rd, ipa, .. } => (rd, ipa, Level::PAGE),
        // Lists may have other blocks; who writes one makes its tables.
        Command::RttDataMap { rd, base, flags: 1, oaddr, .. }
        | Command::RttUnprotMap { rd, base, flags: 1, oaddr, .. } => {
            (rd, base, AddressRange::decode(oaddr, size).level)
        }
        Command::RttInitRipas { rd, base, .. } | Command::RttSetRipas { rd, base, .. } => {
            (rd, base, Level::PAGE)
        }
        Command::RttMapUnprotected { rd, ipa, level, .. } => {
            (rd, ipa, Level::from_register(level)?)
        }
        Command::RttCreate { rd, ipa, level, .. } => {
            (rd, ipa, Level::from_register(level)?.parent()?)
        }
        _ => return None,
    };
    let level = found.child()?;
    (found < needed).then_some((rd, ipa, level))
}

fn command_text(regs: &CallRegs, command: Option<Command>) -> String {
    let Some(command) = command else { return format!("call {}", Hex(regs[0])) };
    format!("RMI_{command}")
}
