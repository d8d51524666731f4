//! The World and the flat model, given the same actions.

use rimsim::model::granule::{Gpt, GranuleState};
use rimsim::model::realm::RealmState;
use rimsim::rmi::Outcome;
use rimsim::{Command, Edition, Profile, World};

use crate::flat_rmm::{Flat, Use};
use crate::ipa_view::view;
use crate::random_steps::Action;
use crate::small_machine::platform;

/// The World and the flat model side by side.
pub struct WorldAndFlat {
    pub world: World,
    pub flat: Flat,
}

impl WorldAndFlat {
    pub fn new(profile: Profile) -> Self {
        let world = World::new(platform(), profile);
        Self { flat: Flat::new(&world), world }
    }

    /// Does the same to both; they have to answer alike.
    pub fn act(&mut self, action: &Action) -> Option<Outcome> {
        match action {
            Action::Call(regs) => {
                let expected = Command::decode(regs, Edition::V1).map(|command| {
                    let read = |pa| self.world.host_page(pa).ok().map(|page| page.to_bytes());
                    let host = |pa: u64| if pa.is_multiple_of(0x1000) { read(pa) } else { None };
                    (command, self.flat.execute(command, &host))
                });
                let outcome = self.world.call(regs);
                match expected {
                    Some((command, Some(answer))) => {
                        let shown = format!("{command:x?}: {outcome}");
                        assert_eq!(*outcome.regs(), answer, "{shown}");
                    }
                    Some((_, None)) => {}
                    None => assert_eq!(*outcome.regs(), [u64::MAX, 0, 0, 0, 0]),
                }
                Some(outcome)
            }
            Action::Page(pa, bytes) => {
                let written =
                    pa.is_multiple_of(0x1000) && self.world.host_write_page(*pa, bytes).is_ok();
                let host = matches!(self.flat.uses.get(pa), None | Some(Use::Foreign { ns: true }));
                assert!(!written || host, "{pa:#x}");
                None
            }
            Action::Gpt(pa, gpt) => {
                if self.world.set_gpt(*pa, *gpt).is_ok() {
                    self.flat.uses.remove(pa);
                    if *gpt != Gpt::Ns {
                        self.flat.uses.insert(*pa, Use::Foreign { ns: *gpt == Gpt::Aap });
                    }
                }
                None
            }
        }
    }

    /// Compares everything that both know.
    pub fn compare(&mut self) {
        let granules = self.world.granules();
        let used = granules.delegated().map(|(granule, state)| {
            let state = match state {
                GranuleState::Undelegated => unreachable!("not delegated"),
                GranuleState::Delegated => Use::Delegated,
                GranuleState::Rd => Use::Rd,
                GranuleState::Rec => Use::Rec,
                GranuleState::RecAux => Use::RecAux,
                GranuleState::RdAux => unreachable!("the flat model is of 1.0"),
                GranuleState::Data => Use::Data,
                GranuleState::Rtt => Use::Rtt,
                GranuleState::Partial => unreachable!("not in RMM 1.0"),
            };
            (granules.pa(granule).0, state)
        });
        let ours = |state: &Use| !matches!(state, Use::Foreign { .. });
        let expected = self.flat.uses.iter().filter(|(_, state)| ours(state));
        assert!(used.eq(expected.map(|(pa, state)| (*pa, *state))), "granules differ");

        let rds: Vec<_> = self.world.realms().map(|(rd, _)| rd.0).collect();
        assert!(rds.iter().eq(self.flat.realms.keys()), "Realms differ");
        for rd in rds {
            let flat = &self.flat.realms[&rd];
            assert_eq!(self.world.rim(rd).expect("a Realm").slot(), &flat.rim.slot, "RIM");
            let realm = self.world.realm(rd).expect("a Realm");
            assert_eq!(realm.state() == RealmState::Active, flat.active);
            assert_eq!(u64::from(realm.vmid()), flat.vmid);
            assert_eq!(realm.next_rec_index(), flat.next_index);
            assert_eq!(realm.recs().len(), self.flat.rec_count(rd));
            let extensions: u64 = realm.log().events().iter().map(|e| e.extensions()).sum();
            assert_eq!(extensions, flat.rim.extensions);
            assert_eq!(view(&self.world, realm), flat.view);
        }
    }
}
