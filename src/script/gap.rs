//! What a script says nobody knows, and the Realms whose RIM it hides.

use std::fmt;

use super::ending::PlayError;
use super::grammar::{Expr, Invocation};
use super::player::Run;
use crate::abi::addr::Hex;
use crate::abi::command::{CallRegs, CommandInfo};
use crate::abi::params::DATA_MEASURE;
use crate::model::realm::RealmState;
use crate::rmi::Outcome;
use crate::session::Place;

/// Why the RIM of a Realm can not be known: the first thing that hides it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The statement.
    pub place: Place,
    /// What is not known.
    pub what: String,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: not known: {}", self.place, self.what)
    }
}

impl Run<'_, '_> {
    /// `unknown`: hides the RIM of one Realm, or of all that it can have been done to. What is done
    /// to a Realm after it was activated does not change its RIM.
    pub(super) fn unknown(&mut self, rd: Option<&Expr>, what: &str) -> Result<(), PlayError> {
        let world = self.session.world();
        let is_new = |rd: u64| world.realm(rd).map(|realm| realm.state() == RealmState::New);
        let rds: Vec<u64> = match rd {
            None => {
                world.realms().map(|(rd, _)| rd.0).filter(|rd| is_new(*rd) == Some(true)).collect()
            }
            Some(rd) => {
                let rd = self.number(rd)?;
                let new = is_new(rd).ok_or_else(|| self.mistake("there is no such Realm"))?;
                if new { vec![rd] } else { Vec::new() }
            }
        };
        rds.into_iter().for_each(|rd| self.hide(rd, what));
        Ok(())
    }

    /// Bytes that nobody knows were shown to a command that succeeded.
    pub(super) fn shown_unknown(
        &mut self,
        invocation: &Invocation,
        info: &CommandInfo,
        regs: &CallRegs,
        outcome: &Outcome,
    ) {
        let input = |name| info.inputs.iter().position(|input| *input == name).map(|i| regs[i + 1]);
        let measured = input("flags").is_some_and(|flags| flags & DATA_MEASURE != 0);
        if let (Some(rd), Some(ipa), true) =
            (input("rd"), input("ipa"), measured && outcome.is_success())
        {
            let name = &invocation.verb.text;
            self.hide(rd, &format!("the contents of IPA {}, which {name} measures", Hex(ipa)));
        }
    }

    fn hide(&mut self, rd: u64, what: &str) {
        let place = self.place();
        self.state.gaps.entry(rd).or_insert_with(|| Gap { place, what: what.to_owned() });
    }
}
