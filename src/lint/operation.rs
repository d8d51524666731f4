//! Rules about stateful operations (2.0): what begins in one call and ends in another.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::Finding;
use super::realm::RealmLog;
use super::rules::rule;
use super::{Call, params};
use crate::abi::addr::Hex;
use crate::abi::command::Command;
use crate::abi::params::{RealmParams, RecParams};
use crate::measure::event::RecEvent;
use crate::model::world::World;
use crate::rmi::Outcome;
use crate::session::Place;

/// A stateful operation that is under way, and how it was when it began.
#[derive(Debug)]
pub(super) struct Begun {
    command: Command,
    place: Place,
    /// The Realm that had the RD.
    realm: Option<u64>,
    /// What the parameters asked for, where they are known.
    asked: Option<Asked>,
    /// Whether a finding says already that it can not end well.
    pub(super) is_told: bool,
}

/// What the parameters of a creation ask for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Realm(Box<RealmParams>),
    /// What the RIM would have of a REC; `None` if it is not runnable.
    Rec(Option<Box<RecEvent>>),
}

impl Asked {
    /// What the parameters of a command ask for now.
    fn of(call: &Call<'_>, command: Command) -> Option<Self> {
        let profile = call.world.profile();
        match command {
            Command::RealmCreate { params_ptr, .. } => params::read(call, params_ptr, |page| {
                Self::Realm(Box::new(RealmParams::read(page, profile)))
            }),
            Command::RecCreateBegin { params_ptr, .. } => params::read(call, params_ptr, |page| {
                let params = RecParams::read(page);
                Self::Rec(params.runnable().then(|| Box::new(RecEvent::new(&params))))
            }),
            _ => None,
        }
    }
}

/// The operations that are under way, by their handles.
#[derive(Debug, Default)]
pub(super) struct Operations {
    begun: BTreeMap<u64, Begun>,
    /// RD and handle of those that make a REC.
    recs: BTreeSet<(u64, u64)>,
}

impl Operations {
    /// What a call is about: itself, or the command whose operation it ends.
    pub(super) fn ended(
        &mut self,
        called: Command,
        outcome: &Outcome,
        world: &World,
    ) -> (Command, Option<Begun>) {
        let handle = called.info().handle_input().map(|input| called.encode()[1 + input]);
        let over =
            |handle: &u64| outcome.awaits().is_none() && world.operations().find(*handle).is_none();
        match handle.filter(over).and_then(|handle| self.forget(handle)) {
            Some(begun) => (begun.command, Some(begun)),
            None => (called, None),
        }
    }

    fn forget(&mut self, handle: u64) -> Option<Begun> {
        let begun = self.begun.remove(&handle)?;
        if let Command::RecCreateBegin { rd, .. } = begun.command {
            self.recs.remove(&(rd, handle));
        }
        Some(begun)
    }

    /// Remembers what a call has begun.
    pub(super) fn begin(&mut self, call: &Call<'_>, realms: &BTreeMap<u64, RealmLog>) {
        let Some(x) = call.outcome.handle_reg() else { return };
        let command = call.command;
        let realm = match command {
            Command::RecCreateBegin { rd, .. } => realms.get(&rd).map(|realm| realm.number),
            _ => None,
        };
        let (place, asked) = (call.place.clone(), Asked::of(call, command));
        let begun = Begun { command, place, realm, asked, is_told: false };
        let handle = call.outcome.regs()[x];
        self.forget(handle);
        if let Command::RecCreateBegin { rd, .. } = command {
            self.recs.insert((rd, handle));
        }
        self.begun.insert(handle, begun);
    }

    /// A Realm was activated: no REC that is on its way can be made any more.
    pub(super) fn activated(&mut self, activated: u64, call: &Call<'_>, log: &mut RealmLog) {
        for (_, handle) in self.recs.range((activated, 0)..=(activated, u64::MAX)) {
            if let Some(begun) = self.begun.get_mut(handle)
                && let Command::RecCreateBegin { rec, .. } = begun.command
            {
                begun.is_told = true;
                let rec = Hex(rec);
                let what =
                    || format!("REC_CREATE of {rec} has not ended, and is refused from now on");
                log.report("activate-incomplete", call.place, what);
            }
        }
    }

    /// What nobody went on with.
    pub(super) fn finish(self) -> Vec<Finding> {
        let open = self.begun.into_iter().filter(|(_, begun)| !begun.is_told);
        let finding = |(handle, begun): (u64, Begun)| {
            let name = begun.command.info().name;
            let message = format!("{name} has not ended; it waits under handle {handle}");
            let rd = matches!(begun.command.info().inputs.first(), Some(&"rd"));
            let rd = rd.then(|| begun.command.encode()[1]);
            Finding { rule: rule("operation-left-open"), place: begun.place, rd, message, count: 1 }
        };
        open.map(finding).collect()
    }
}

/// A Realm was made; its creation may have taken several calls.
pub(super) fn realm_created(call: &Call<'_>, log: &mut RealmLog, params_ptr: u64) {
    params_changed(call, log, "realm-params-changed", params_ptr);
}

/// A REC whose creation took several calls.
pub(super) fn rec_created(call: &Call<'_>, log: &mut RealmLog, params_ptr: u64) {
    let Some(begun) = call.begun else { return };
    if begun.realm != Some(log.number) {
        let what = || {
            let was = if begun.realm.is_some() { "of another Realm" } else { "no Realm's" };
            format!("when REC_CREATE began the RD was {was}: the REC is part of this one")
        };
        log.report("rec-in-other-realm", call.place, what);
    }
    params_changed(call, log, "rec-params-changed", params_ptr);
}

/// Reports a creation whose parameters ask for something else than when it began.
fn params_changed(call: &Call<'_>, log: &mut RealmLog, id: &str, params_ptr: u64) {
    let before = call.begun.and_then(|begun| begun.asked.as_ref());
    let now = Asked::of(call, call.command);
    if let (Some(before), Some(now)) = (before, &now)
        && before != now
    {
        let what = || {
            let (params, name) = (Hex(params_ptr), call.command.info().name);
            format!("the parameters at {params} changed before {name} ended; the last count")
        };
        log.report(id, call.place, what);
    }
}
