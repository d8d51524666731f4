//! The laws that every REC_ENTER keeps, whatever the Realm does in it.

use std::collections::BTreeMap;

use rimsim::model::program::{GuestAction, GuestEvent};
use rimsim::model::realm::RealmState;
use rimsim::model::rec::Rec;
use rimsim::rmi::Outcome;
use rimsim::{Command, World};

use crate::call_laws::ranked;
use crate::ipa_view::view;
use crate::naive_rim;
use crate::running_realm::{Exit, PSCI, REJECT, RIPAS_CHANGE};

/// Everything that was queued, by number.
pub type Queued = BTreeMap<u64, GuestAction>;

/// One REC_ENTER with the worlds before and after it.
struct Entry<'w> {
    rec: u64,
    run_ptr: u64,
    before: &'w World,
    after: &'w World,
    queued: &'w Queued,
}

/// Checks one REC_ENTER. The world before it has passed this check.
pub fn check_entry(before: &World, outcome: &Outcome, after: &World, queued: &Queued) {
    let Some(command @ Command::RecEnter { rec, run_ptr }) = outcome.command() else {
        panic!("{outcome} is no entry");
    };
    // 32: the same world and call, the same answer and world.
    let mut again = before.clone();
    assert_eq!(again.execute(command), *outcome, "law 32");
    assert!(again == *after, "law 32");
    let survey = before.survey(command);
    if survey.iter().any(|(_, good)| !good) {
        assert!(!outcome.is_success(), "law 33: {outcome}");
        ranked(outcome, &survey);
        return assert!(before == after, "law 31: {outcome}");
    }
    let entry = Entry { rec, run_ptr, before, after, queued };
    let contents = before.rec(rec).expect("there is one");
    // 38.
    let owner = before.granules().pa(contents.owner()).0;
    let state = before.realm(owner).expect("it has RECs").state();
    let can = contents.runnable() && !contents.psci_pending() && !contents.running();
    assert!(can && state == RealmState::Active, "law 38");
    after.invariants().unwrap_or_else(|violation| panic!("{violation}"));
    entry.running();
    entry.measurements(owner);
    entry.translation();
    entry.ripas_change(contents);
    entry.psci(outcome);
    if !outcome.is_success() {
        assert_eq!(outcome.failure().map(|failure| failure.condition()), Some("run_pas"));
        assert!(after.host_page(run_ptr).is_err(), "law 33: {outcome}");
    }
}

impl Entry<'_> {
    fn log(&self) -> &[GuestEvent] {
        self.after.guest(self.rec).map_or(&[], |program| program.log())
    }

    /// Whether the Host made calls while the REC ran.
    fn is_nested(&self) -> bool {
        self.log().iter().any(|event| matches!(event, GuestEvent::Host { .. }))
    }

    fn recs(world: &World) -> impl Iterator<Item = (u64, &Rec)> {
        let recs = world.realms().flat_map(|(_, realm)| realm.recs());
        let pa = |granule: &_| world.granules().pa(*granule).0;
        recs.map(move |rec| (pa(rec), world.rec(pa(rec)).expect("listed")))
    }

    /// 37: nobody runs when the Host has its PE back, and what runs is neither entered, destroyed
    /// nor changed.
    fn running(&self) {
        assert!(Self::recs(self.after).all(|(_, rec)| !rec.running()), "law 37");
        assert!(self.after.rec(self.rec).is_some(), "law 37");
        for event in self.log() {
            let GuestEvent::Host { id, regs } = event else { continue };
            let Some(GuestAction::HostSmc(call)) = self.queued.get(id) else { continue };
            let call = std::array::from_fn(|i| call.get(i).copied().unwrap_or(0));
            match Command::decode(&call, self.before.profile().edition()) {
                Some(Command::RecDestroy { rec } | Command::RecDestroyBegin { rec })
                    if rec == self.rec =>
                {
                    assert_eq!(regs[0], 3, "law 37");
                }
                Some(Command::RecEnter { rec, .. } | Command::RttSetRipas { rec, .. })
                    if rec == self.rec =>
                {
                    assert!([1, 3].contains(&regs[0]), "law 37: {:#x}", regs[0]);
                }
                Some(Command::PsciComplete { calling_rec, .. }) if calling_rec == self.rec => {
                    assert_eq!(regs[0], 1, "law 37");
                }
                _ => {}
            }
        }
    }

    /// 24 and 29: the RIM of a Realm that can run does not change, and a REM changes by what its
    /// Realm extends it by.
    fn measurements(&self, owner: u64) {
        for (rd, realm) in self.before.realms() {
            let Some(after) = self.after.realm(rd.0) else {
                assert!(self.is_nested(), "law 40");
                continue;
            };
            if realm.state() != RealmState::New {
                assert!(realm.log().events() == after.log().events(), "law 24");
                let rim = |world: &World| world.clone().rim(rd.0);
                assert_eq!(rim(self.before), rim(self.after), "law 24");
            }
            let nested = self.is_nested();
            assert!(nested || rd.0 == owner || realm == after, "law 42");
            if rd.0 == owner && !nested {
                assert!(realm.rems().map(|rem| *rem.slot()).len() == 4);
                self.rems(rd.0);
            }
        }
    }

    fn rems(&self, rd: u64) {
        let slots = |world: &World| world.realm(rd).expect("it is").rems().map(|rem| *rem.slot());
        let realm = self.before.realm(rd).expect("it is");
        let sha512 = realm.rems()[0].algo().len_bytes() == 64;
        let mut expected = slots(self.before);
        for event in self.log() {
            let GuestEvent::Smc { id, gprs } = event else { continue };
            // What the registers said at an SMC that was no action of its own is not known.
            let Some(GuestAction::Smc(call)) = self.queued.get(id) else { return };
            if call[0] != 0xC400_0193 || gprs[0] != 0 {
                continue;
            }
            let slot = &mut expected[usize::try_from(call[1]).expect("1 to 4") - 1];
            let value: Vec<u8> = call[3..].iter().flat_map(|word| word.to_le_bytes()).collect();
            let size = usize::try_from(call[2]).expect("at most 64");
            let message = [&slot[..if sha512 { 64 } else { 32 }], &value[..size]].concat();
            *slot = naive_rim::hash(sha512, &message);
        }
        assert!(slots(self.after) == expected, "law 29");
    }

    /// 19: a Realm alone changes no translation, no RIPAS and no granule.
    fn translation(&self) {
        if self.is_nested() {
            return;
        }
        let (was, is) = (self.before.granules(), self.after.granules());
        assert!(was.delegated().eq(is.delegated()), "law 6");
        for (rd, realm) in self.before.realms() {
            let after = self.after.realm(rd.0).expect("no Realm is destroyed");
            assert_eq!(view(self.before, realm), view(self.after, after), "law 19");
        }
    }

    /// 22: the Realm hears how far the Host came. 20: a new request starts at its base.
    fn ripas_change(&self, before: &Rec) {
        let change = before.ripas_change();
        let Some(GuestEvent::In { gprs, .. }) = self.log().first() else { return };
        if change.base != change.top {
            assert_eq!(gprs[..2], [0, change.addr], "law 22");
            let flags = self.before.host_read(self.run_ptr, 8).expect("it was read");
            let refused = u64::from(flags[0]) & REJECT != 0;
            let rejects = refused && change.value == 1 && change.addr != change.top;
            assert_eq!(gprs[2], u64::from(rejects), "law 22");
        }
        let after = self.after.rec(self.rec).expect("it is there").ripas_change();
        let new = after.addr == after.base && after.base < after.top;
        assert!(new || (after.base, after.top) == (0, 0), "law 20");
    }

    /// 39: who waits for the Host has asked it.
    fn psci(&self, outcome: &Outcome) {
        let asks = |fid: u64| [3, 4].contains(&(fid & 0xFF)) && (fid & 0xBFFF_FF00) == 0x8400_0000;
        for (pa, rec) in Self::recs(self.after) {
            assert!(!rec.psci_pending() || asks(rec.gprs()[0] & 0xFFFF_FFFF), "law 39: {pa:#x}");
        }
        if !outcome.is_success() {
            return;
        }
        let exit = Exit::read(self.after, self.run_ptr).expect("it was written");
        let rec = self.after.rec(self.rec).expect("it is there");
        let asked = exit.reason() == PSCI && asks(exit.gprs()[0] & 0xFFFF_FFFF);
        assert_eq!(rec.psci_pending(), asked, "law 39");
        assert!(exit.reason() <= 6, "no reason has this number");
        let [base, top, _] = exit.ripas();
        let change = rec.ripas_change();
        if exit.reason() == RIPAS_CHANGE {
            assert_eq!([base, top], [change.base, change.top]);
        } else {
            assert_eq!([base, top, change.base, change.top], [0; 4]);
        }
    }
}
