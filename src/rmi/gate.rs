//! How a command's failure conditions are written down and walked.
//!
//! [`failures!`] declares a command's table as data: the specification's name of each condition,
//! the status it gives, which RMM has it, which conditions the specification puts before it, and
//! one line of our own words. The rows stand in the order in which TF-RMM checks, which is a linear
//! extension of the specification's partial order.
//!
//! A command's `check` walks its table with a [`Gate`], one line a row. A check that later lines
//! rely on *returns* what it proved. The gate panics if code and table drift apart: that costs
//! a compare or two a row and stays on in release builds.

use std::fmt;

use crate::abi::granule_size::GranuleSize;
use crate::abi::profile::{Edition, Profile, Rmm};
use crate::abi::status::{MemReq, ReturnCode, Status};

/// One row of a command's failure table.
#[derive(Debug, PartialEq, Eq)]
pub struct FailureRow {
    /// The specification's name of the condition. One name may stand in two rows, where TF-RMM
    /// checks it in two places.
    pub id: &'static str,
    /// The status of the failure.
    pub status: Status,
    /// The RMMs that have the row.
    pub which: Which,
    /// Names of conditions that the specification puts before this one.
    pub after: &'static [&'static str],
    /// What failed, in our words.
    pub text: &'static str,
}

impl FailureRow {
    /// Whether the row is part of the table under `profile`.
    #[must_use]
    pub fn applies(&self, profile: Profile) -> bool {
        self.which.has(profile)
    }
}

/// A set of RMMs: which of them have a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Which(u8);

impl Which {
    /// Whether the RMM of a profile is one of them.
    #[must_use]
    pub const fn has(self, profile: Profile) -> bool {
        self.meets(Self::of(profile))
    }

    /// The RMM of a profile alone.
    const fn of(profile: Profile) -> Self {
        match (profile.edition(), profile.rmm()) {
            (Edition::V1, Rmm::TfRmm) => which::TfRmm1,
            (Edition::V1, Rmm::Spec) => which::Spec,
            (Edition::V2, _) if profile.makes_realms_in_steps() => which::Steps,
            (Edition::V2, _) if profile.psci_complete_names_target() => which::V2Older,
            (Edition::V2, _) => which::V2Bet3,
        }
    }

    const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// A failure table as a type: one variant a row.
pub(super) trait Rows: Copy + fmt::Debug + 'static {
    const ROWS: &'static [FailureRow];
    fn index(self) -> usize;
    fn row(self) -> &'static FailureRow {
        &Self::ROWS[self.index()]
    }
}

/// Declares a command's failure table: `Variant "id" Status Which [after, …] "text";`, where
/// `Which` is a name of [`which`].
macro_rules! failures {
    ($(#[$doc:meta])* $name:ident { $( $variant:ident $id:literal $status:ident $which:ident
        [$($after:literal),*] $text:literal; )+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(clippy::enum_variant_names, reason = "conditions are named by the specification")]
        pub(super) enum $name { $( #[doc = $text] $variant, )+ }
        impl $crate::rmi::gate::Rows for $name {
            const ROWS: &'static [$crate::rmi::FailureRow] = &[ $( $crate::rmi::FailureRow {
                id: $id,
                status: $crate::abi::status::Status::$status,
                which: $crate::rmi::gate::which::$which,
                after: &[$($after),*],
                text: $text,
            }, )+ ];
            fn index(self) -> usize {
                self as usize
            }
        }
    };
}
pub(super) use failures;

/// Which RMMs have a row; the names are those that `failures!` takes. The commands of 2.0 are
/// TF-RMM's under the text's profile too.
#[allow(non_upper_case_globals, reason = "they read as words of the table")]
pub(super) mod which {
    use super::Which;

    /// TF-RMM of 1.0.
    pub(in crate::rmi) const TfRmm1: Which = Which(1);
    /// The text of 1.0.
    pub(in crate::rmi) const Spec: Which = Which(2);
    /// 2.0 before its third beta.
    pub(in crate::rmi) const V2Older: Which = Which(4);
    /// The third beta of 2.0.
    pub(in crate::rmi) const V2Bet3: Which = Which(16);
    /// 2.0 whose Realms are made by one call.
    pub(in crate::rmi) const V2Once: Which = Which(V2Older.0 | V2Bet3.0);
    /// 2.0 whose Realms are made by stateful operations.
    pub(in crate::rmi) const Steps: Which = Which(8);
    /// 2.0.
    pub(in crate::rmi) const V2: Which = Which(V2Once.0 | Steps.0);
    /// All whose Realms are made by one call.
    pub(in crate::rmi) const Once: Which = Which(V1.0 | V2Once.0);
    /// All whose Host names the REC that a PSCI request is about.
    pub(in crate::rmi) const Named: Which = Which(V1.0 | V2Older.0);
    /// All that remember it.
    pub(in crate::rmi) const Remembered: Which = Which(V2Bet3.0 | Steps.0);
    /// 1.0, whoever implements it.
    pub(in crate::rmi) const V1: Which = Which(TfRmm1.0 | Spec.0);
    /// TF-RMM of both editions.
    pub(in crate::rmi) const TfRmm: Which = Which(TfRmm1.0 | V2.0);
    /// All.
    pub(in crate::rmi) const All: Which = Which(V1.0 | V2.0);
}

/// X1 to X4 after a success; registers that the command does not define are zero.
pub(super) type Outputs = [u64; 4];

/// Outputs of a command that has none.
pub(super) const NO_OUTPUTS: Outputs = [0; 4];

/// What a command answers after its check has passed.
#[derive(Debug)]
pub(super) enum Answer {
    /// RMI_SUCCESS, with X1 to X4.
    Success(Outputs),
    /// RMI_INCOMPLETE: an operation waits. With X1 to X4.
    Incomplete(MemReq, Outputs),
    /// A failure of a command that has had some effect.
    Failed(Box<Failure>),
}

impl From<Outputs> for Answer {
    fn from(outputs: Outputs) -> Self {
        Self::Success(outputs)
    }
}

impl From<Checked<Outputs>> for Answer {
    fn from(answer: Checked<Outputs>) -> Self {
        answer.map_or_else(Self::Failed, Self::Success)
    }
}

/// A failure condition that held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    row: &'static FailureRow,
    index: u8,
    detail: String,
    outputs: Outputs,
}

impl Failure {
    /// The failure table's row.
    #[must_use]
    pub fn row(&self) -> &'static FailureRow {
        self.row
    }

    /// The specification's name of the condition.
    #[must_use]
    pub fn condition(&self) -> &'static str {
        self.row.id
    }

    /// The return code that X0 has.
    #[must_use]
    pub fn code(&self) -> ReturnCode {
        ReturnCode { status: self.row.status, index: self.index }
    }

    /// The values that were compared.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// A failure that TF-RMM reports after the command had its effect.
    pub(super) fn late<R: Rows>(row: R, detail: String) -> Box<Self> {
        Box::new(Self { row: row.row(), index: 0, detail, outputs: NO_OUTPUTS })
    }

    /// A failure of a row that a command meets in the middle of its work.
    pub(super) fn at<R: Rows>(row: R, index: u8, detail: String) -> Box<Self> {
        Box::new(Self { row: row.row(), index, detail, outputs: NO_OUTPUTS })
    }

    /// A failure whose row stands in no command's table.
    pub(super) fn of(row: &'static FailureRow, detail: String) -> Box<Self> {
        Box::new(Self { row, index: 0, detail, outputs: NO_OUTPUTS })
    }

    /// A failure of a row by its number in a table; see [`Failure::row_number`].
    pub(super) fn remembered<R: Rows>(row: usize, detail: String) -> Box<Self> {
        Box::new(Self { row: &R::ROWS[row], index: 0, detail, outputs: NO_OUTPUTS })
    }

    /// The number of the row in the table of `R`, if it stands there.
    pub(super) fn row_number<R: Rows>(&self) -> Option<usize> {
        R::ROWS.iter().position(|row| row == self.row)
    }

    /// The failure with a value in output register `x` (1 is X1).
    pub(super) fn with_output(mut self: Box<Self>, x: usize, value: u64) -> Box<Self> {
        self.outputs[x - 1] = value;
        self
    }

    /// X1 to X4; some commands say how far they looked although they failed.
    pub(super) fn outputs(&self) -> Outputs {
        self.outputs
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.code(), self.row.id, self.detail)
    }
}

/// The result of a check. Failures are boxed: they are rare, and successes should be small.
pub(super) type Checked<T> = Result<T, Box<Failure>>;

/// What a survey saw of each row, in table order.
pub type Survey = Vec<(&'static FailureRow, bool)>;

/// What a survey writes down while it goes on after failures.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) seen: Survey,
    first: Option<Box<Failure>>,
}

/// Walks a failure table in order.
///
/// What asks it about a row is always inlined, and so are the conditions of many commands. Nothing
/// that is rarely done is given the gate itself. So its fields stay in registers, its place in the
/// table is a constant where a row is named, and a condition that holds is a comparison or two.
#[derive(Debug)]
pub(super) struct Gate<'s> {
    profile: Profile,
    /// The RMM of the profile.
    rmm: Which,
    granule: GranuleSize,
    next: usize,
    notes: Option<&'s mut Notes>,
}

impl<'s> Gate<'s> {
    /// A gate that ends at the first failure.
    #[inline]
    pub(super) fn new(profile: Profile, granule: GranuleSize) -> Self {
        Self { profile, rmm: Which::of(profile), granule, next: 0, notes: None }
    }

    /// A gate that begins in the middle of a table, at `row`: a command of several steps.
    pub(super) fn resume<R: Rows>(profile: Profile, granule: GranuleSize, row: R) -> Self {
        Self { next: row.index(), ..Self::new(profile, granule) }
    }

    /// A gate that goes on after failures as far as it can and notes which conditions hold. What it
    /// returns in the end is the first failure all the same.
    pub(super) fn survey(profile: Profile, granule: GranuleSize, notes: &'s mut Notes) -> Self {
        Self { notes: Some(notes), ..Self::new(profile, granule) }
    }

    pub(super) fn profile(&self) -> Profile {
        self.profile
    }

    /// The size of the RMM's granules.
    pub(super) fn granule_size(&self) -> GranuleSize {
        self.granule
    }

    /// A condition that no later line relies on.
    #[inline(always)]
    pub(super) fn ensure<R: Rows>(
        &mut self,
        row: R,
        good: bool,
        detail: impl FnOnce() -> String,
    ) -> Checked<()> {
        self.ensure_at(row, good, 0, detail)
    }

    /// As [`Gate::ensure`], with the index of the return code.
    #[inline(always)]
    pub(super) fn ensure_at<R: Rows>(
        &mut self,
        row: R,
        good: bool,
        index: u8,
        detail: impl FnOnce() -> String,
    ) -> Checked<()> {
        self.advance(row);
        if good && self.notes.is_none() || !self.has(row.row()) {
            return Ok(());
        }
        let row = row.row();
        let Some(notes) = self.notes.as_deref_mut() else { return Err(failed(row, index, detail)) };
        note(notes, row, good);
        if !good && notes.first.is_none() {
            notes.first = Some(failed(row, index, detail));
        }
        Ok(())
    }

    /// A row that the code says nothing about because it does not apply.
    pub(super) fn skip<R: Rows>(&mut self, row: R) {
        assert!(!self.has(row.row()), "row `{}` was skipped", row.row().id);
    }

    /// A condition that yields what later lines need.
    #[inline(always)]
    pub(super) fn some<R: Rows, T>(
        &mut self,
        row: R,
        value: Option<T>,
        detail: impl FnOnce() -> String,
    ) -> Checked<T> {
        self.some_at(row, value, 0, detail)
    }

    /// As [`Gate::some`], with the index of the return code.
    #[inline(always)]
    pub(super) fn some_at<R: Rows, T>(
        &mut self,
        row: R,
        value: Option<T>,
        index: u8,
        detail: impl FnOnce() -> String,
    ) -> Checked<T> {
        self.advance(row);
        let row = row.row();
        assert!(self.has(row), "row `{}` yields a value but does not apply", row.id);
        let mut earlier = None;
        if let Some(notes) = self.notes.as_deref_mut() {
            note(notes, row, value.is_some());
            // An earlier `ensure` that failed outranks this one.
            earlier = notes.first.take_if(|_| value.is_none());
        }
        value.ok_or_else(|| earlier.unwrap_or_else(|| failed(row, index, detail)))
    }

    /// The end of a check that leaves the rows from `row` on to a later step, or has looked at them
    /// for each of many things.
    pub(super) fn pause<R: Rows, T>(mut self, row: R, plan: T) -> Checked<T> {
        self.advance(row);
        self.end(plan)
    }

    /// The end of a table whose rows from the failure's on were looked at more than once.
    pub(super) fn meet<T>(self, failure: Box<Failure>) -> Checked<T> {
        let Some(notes) = self.notes else { return Err(failure) };
        note(notes, failure.row, false);
        Err(notes.first.take().unwrap_or(failure))
    }

    /// The end of the table: every row has been looked at.
    #[inline(always)]
    pub(super) fn pass<R: Rows, T>(self, plan: T) -> Checked<T> {
        assert!(
            R::ROWS[self.next..].iter().all(|row| !self.has(row)),
            "rows left unchecked from `{}` on",
            R::ROWS[self.next].id
        );
        self.end(plan)
    }

    #[inline(always)]
    fn end<T>(self, plan: T) -> Checked<T> {
        self.notes.and_then(|notes| notes.first.take()).map_or(Ok(plan), Err)
    }

    /// Whether the RMM has a row.
    #[inline(always)]
    fn has(&self, row: &FailureRow) -> bool {
        row.which.meets(self.rmm)
    }

    /// Goes on to a row.
    #[inline(always)]
    fn advance<R: Rows>(&mut self, row: R) {
        if self.next != row.index() {
            assert_skipped::<R>(self.rmm, self.next, row.index());
        }
        self.next = row.index() + 1;
    }
}

/// The rows from one to another are those that the RMM does not have.
#[inline(always)]
fn assert_skipped<R: Rows>(rmm: Which, from: usize, to: usize) {
    assert!(from < to, "row `{}` is out of order", R::ROWS[to].id);
    for row in &R::ROWS[from..to] {
        assert!(!row.which.meets(rmm), "row `{}` was skipped", row.id);
    }
}

#[cold]
fn note(notes: &mut Notes, row: &'static FailureRow, good: bool) {
    notes.seen.push((row, good));
}

/// The failure of a row. Its words are made where the row stands, so that nothing is made ready for
/// them before they are needed.
#[inline(always)]
fn failed(row: &'static FailureRow, index: u8, detail: impl FnOnce() -> String) -> Box<Failure> {
    boxed(row, index, detail())
}

#[cold]
fn boxed(row: &'static FailureRow, index: u8, detail: String) -> Box<Failure> {
    Box::new(Failure { row, index, detail, outputs: NO_OUTPUTS })
}

#[cfg(test)]
mod tests {
    use super::*;

    failures! {
        /// A table to try the gate with.
        Sample {
            A "a" Input All [] "a";
            B "b" Input TfRmm ["a"] "b";
            C "c" Realm All ["a"] "c";
        }
    }

    fn nothing() -> String {
        String::new()
    }

    fn check(mut gate: Gate<'_>, a: bool, b: bool, c: Option<u8>) -> Checked<u8> {
        gate.ensure(Sample::A, a, nothing)?;
        gate.ensure(Sample::B, b, nothing)?;
        let c = gate.some(Sample::C, c, nothing)?;
        gate.pass::<Sample, _>(c)
    }

    #[test]
    fn the_first_failure_wins_and_rows_of_another_rmm_do_not_count() {
        let tf = || Gate::new(Profile::TF_RMM, GranuleSize::K4);
        assert_eq!(check(tf(), true, true, Some(7)), Ok(7));
        assert_eq!(check(tf(), false, false, None).unwrap_err().condition(), "a");
        assert_eq!(check(tf(), true, false, None).unwrap_err().condition(), "b");
        let spec = Gate::new(Profile::SPEC, GranuleSize::K4);
        assert_eq!(check(spec, true, false, None).unwrap_err().condition(), "c");
    }

    #[test]
    fn a_survey_sees_every_row_and_answers_the_first_failure() {
        let mut notes = Notes::default();
        let gate = Gate::survey(Profile::TF_RMM, GranuleSize::K4, &mut notes);
        let failure = check(gate, true, false, None);
        assert_eq!(failure.unwrap_err().condition(), "b");
        let seen: Vec<_> = notes.seen.iter().map(|(row, good)| (row.id, *good)).collect();
        assert_eq!(seen, [("a", true), ("b", false), ("c", false)]);
    }

    fn panics(f: impl FnOnce() + std::panic::UnwindSafe) -> bool {
        std::panic::catch_unwind(f).is_err()
    }

    #[test]
    fn drift_between_code_and_table_is_loud() {
        let gate = || Gate::new(Profile::TF_RMM, GranuleSize::K4);
        assert!(panics(|| drop(gate().ensure(Sample::B, true, nothing))), "skipped");
        assert!(panics(|| drop(gate().pass::<Sample, _>(()))), "left unchecked");
        assert!(
            panics(|| {
                let mut gate = gate();
                let _ = gate.ensure(Sample::A, true, nothing);
                let _ = gate.ensure(Sample::A, true, nothing);
            }),
            "twice"
        );
    }
}
