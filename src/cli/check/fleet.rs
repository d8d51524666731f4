//! The lock of a table, made again and compared row by row.

use std::collections::BTreeSet;
use std::io;

use serde_json::{Value, json};

use super::args::{CheckArgs, CheckFormat};
use crate::cli::console::{Console, notes};
use crate::cli::error::{CliError, usage};
use crate::cli::exit::Exit;
use crate::cli::junit::{self, Ended};
use crate::cli::locks::{Change, FleetLock, Hashing, Row, TOOL, fleet_again, fleet_changes};
use crate::cli::parts::first_difference;
use crate::encoding::shown::ShowPath as _;

/// Rows that are told one by one.
const MAX_TOLD: usize = 20;

pub(super) struct Checked {
    old: FleetLock,
    new: FleetLock,
    changes: Vec<Change>,
    remarks: Vec<String>,
}

/// Makes the table of a lock again.
pub(super) fn check(args: &CheckArgs, text: &str) -> Result<Checked, CliError> {
    let path = &args.file;
    let old = FleetLock::read(text).map_err(|why| usage(format!("{}:{why}", path.shown())))?;
    let hashing = Hashing { hashing: args.hashing.clone(), cache: args.cache.clone().into() };
    let new = fleet_again(&old, path, &hashing, args.outside)?;
    let mut remarks = Vec::new();
    if old.tool != TOOL {
        remarks.push(format!("locked by {}, and this is {TOOL}", old.tool));
    }
    Ok(Checked { changes: fleet_changes(&old, &new), remarks, old, new })
}

impl Checked {
    /// Every row, as locked and as it is now.
    fn rows(&self) -> impl Iterator<Item = (String, &Row, &Row)> {
        let named = self.old.named_rows();
        named.zip(&self.new.row).map(|((name, old), new)| (name, old, new))
    }

    /// The first thing of a row that is otherwise: what the Realm is created with, a range of RAM,
    /// contents, a vCPU. None if it is as locked, or the lock does not know what it was made of.
    fn first(&self, old: &Row, new: &Row) -> Option<String> {
        let (old, new) = (self.old.parts_of(old), self.new.parts_of(new));
        if old.is_empty() || new.is_empty() { None } else { first_difference(&old, &new) }
    }

    fn others(&self) -> Vec<(String, &Row, &Row)> {
        self.rows().filter(|(_, old, new)| !old.is_as(new)).collect()
    }

    /// What the rows that are others have in common, and no other row has.
    fn only(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (column, name) in self.old.matrix.columns.iter().enumerate() {
            let values = |are_as_locked: bool| {
                let rows = self.rows().filter(|(_, old, new)| old.is_as(new) == are_as_locked);
                rows.map(|(_, old, _)| old.values[column].as_str()).collect::<BTreeSet<_>>()
            };
            let (changed, same) = (values(false), values(true));
            if !changed.is_empty() && !same.is_empty() && changed.is_disjoint(&same) {
                let values: Vec<_> = changed.into_iter().collect();
                found.push(format!("{name}={}", values.join(" or ")));
            }
        }
        found
    }

    pub(super) fn tell(&self, args: &CheckArgs, console: &mut Console) -> io::Result<Exit> {
        let others = self.others();
        match args.format {
            CheckFormat::Json => console.json(&self.document(args))?,
            CheckFormat::Junit => {
                let ended = |(name, old, new)| (name, self.ended(old, new));
                let tests: Vec<_> = self.rows().map(ended).collect();
                console.bytes(junit::document("rimsim check", &tests).as_bytes())?;
            }
            CheckFormat::Text => self.text(args, &others, console)?,
        }
        if others.is_empty() {
            for change in &self.changes {
                console.note(&format!("{change}; the RIMs are the same"));
            }
        }
        let reasons = self.rows().filter(|(_, old, new)| old.refused != new.refused);
        let reasons = reasons.filter_map(|(name, old, new)| {
            let (_, now) = old.refused.as_ref().zip(new.refused.as_ref())?;
            Some(format!("{name}: refused for another reason now: {now}"))
        });
        let reasons: Vec<_> = reasons.collect();
        reasons.iter().take(MAX_TOLD).for_each(|reason| console.note(reason));
        if reasons.len() > MAX_TOLD {
            let more = reasons.len() - MAX_TOLD;
            console.note(&format!("{more} more are refused for another reason now"));
        }
        notes::note("the lock assumes:", self.old.matrix.assumed.iter().cloned(), console);
        self.remarks.iter().for_each(|remark| console.note(remark));
        Ok(if others.is_empty() { Exit::Good } else { Exit::Mismatch })
    }

    fn ended(&self, old: &Row, new: &Row) -> Ended {
        if old.is_as(new) {
            return Ended::Good;
        }
        let mut lines = vec![format!("locked {}", said(old)), format!("now    {}", said(new))];
        lines.extend(self.first(old, new).map(|first| format!("first  {first}")));
        lines.extend(self.changes.iter().map(|change| format!("changed: {change}")));
        Ended::Failed("the RIM changed".to_owned(), lines.join("\n"))
    }

    fn text(
        &self,
        args: &CheckArgs,
        others: &[(String, &Row, &Row)],
        console: &mut Console,
    ) -> io::Result<()> {
        let (shown, count) = (args.file.shown(), self.old.row.len());
        if others.is_empty() {
            return console.result(&format!("{shown}: {count} rows, all as locked"));
        }
        console.result(&format!("{shown}: {} of {count} RIMs changed", others.len()))?;
        for (name, old, new) in others.iter().take(MAX_TOLD) {
            console.result(&format!("{name}:"))?;
            console.result(&format!("  locked {}", said(old)))?;
            console.result(&format!("  now    {}", said(new)))?;
            if let Some(first) = self.first(old, new) {
                console.result(&format!("  first  {first}"))?;
            }
        }
        if others.len() > MAX_TOLD {
            let more = others.len() - MAX_TOLD;
            console.result(&format!("and {more} more; --format json has all"))?;
        }
        for change in &self.changes {
            console.result(&format!("changed: {change}"))?;
        }
        if self.changes.is_empty() {
            let why = if self.old.tool == TOOL {
                "what the VMM finds under a name is something else, or the lock was edited"
            } else {
                "this program measures otherwise than the locking one"
            };
            console.result(&format!("no input changed: {why}"))?;
        }
        for what in self.only() {
            console.result(&format!("only rows with {what} changed"))?;
        }
        Ok(())
    }

    fn document(&self, args: &CheckArgs) -> Value {
        let row = |(_, old, new): (String, &Row, &Row)| {
            let columns = self.old.matrix.columns.iter().zip(&old.values);
            let values = columns.map(|(name, value)| (name.clone(), json!(value)));
            json!({
                "values": values.collect::<serde_json::Map<_, _>>(),
                "equal": old.is_as(new),
                "locked": old.measurement().map(|rim| rim.to_string()),
                "locked_refused": old.refused,
                "rim": new.measurement().map(|rim| rim.to_string()),
                "refused": new.refused,
                "first": self.first(old, new),
            })
        };
        let others = self.others();
        json!({
            "schema": "rimsim/1",
            "command": "check",
            "lock": args.file.display().to_string(),
            "equal": others.is_empty(),
            "tool": self.old.tool,
            "columns": self.old.matrix.columns,
            "rows": self.rows().map(row).collect::<Vec<_>>(),
            "changed": others.len(),
            "only": self.only(),
            "changes": self.changes.iter().map(Change::json).collect::<Vec<_>>(),
            "assumed": self.old.matrix.assumed,
            "remarks": self.remarks,
        })
    }
}

/// A row's RIM, or why there is none.
fn said(row: &Row) -> String {
    match (row.measurement(), &row.refused) {
        (Some(rim), _) => rim.to_string(),
        (None, why) => format!("refused: {}", why.as_deref().unwrap_or_default()),
    }
}
