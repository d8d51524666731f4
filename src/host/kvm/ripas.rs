//! INIT_RIPAS: a range becomes RAM, in the largest entries that fit.

use super::rmi::by_rmm;
use super::{Kvm, StageKind, create, range_text, refused};
use crate::abi::addr::{GRANULE_SIZE, Ipa, Level};
use crate::abi::command::Command;
use crate::caller::{map_level, walk_level};
use crate::host::profile::Generation;
use crate::host::vm::Refusal;

impl Kvm<'_, '_> {
    /// Makes `base..top` RAM (`realm_init_ipa_state`).
    ///
    /// Where the RMM's walk ended as deep as the range needs, the entry holds something already.
    /// The series v12 skips the page; those before give up; those after, whose RMM takes such
    /// entries, try again, which would never end.
    pub(super) fn init_ripas(&mut self, base: u64, top: u64) -> Result<(), Refusal> {
        let place = format!("INIT_RIPAS {}", range_text(base, top));
        let rd = self.created(&place)?;
        self.is_new(&place)?;
        let start_level = self.start_level();
        let mut ipa = base;
        while ipa < top {
            let command = Command::rtt_init_ripas(rd, Ipa(ipa)..Ipa(top));
            let outcome = self.call(command);
            if outcome.is_success() {
                ipa = outcome.regs()[1];
                continue;
            }
            let Some(walked) = walk_level(&outcome) else {
                return Err(by_rmm(&place, command, &outcome));
            };
            let wanted = map_level(ipa, top, start_level);
            if walked < wanted {
                self.create_tables(rd, Ipa(ipa), [walked, wanted], &place)?;
            } else if self.host.generation == Generation::KvmDriven {
                ipa += GRANULE_SIZE;
            } else {
                let what = match self.host.generation {
                    Generation::Rmm20 => "KVM would try again for ever",
                    _ => "ENXIO",
                };
                let why = format!(
                    "the walk ended at level {walked}, and the range asks for level {wanted} \
                     ({what}): {command} => {outcome}"
                );
                return Err(refused(place, why));
            }
        }
        self.stage(rd, StageKind::Ripas { base, top });
        Ok(())
    }

    fn start_level(&self) -> Level {
        let (own, _) = create::geometry(self.vm.ipa_bits.into());
        let asked = self.unseen.start_level.map(u64::from);
        asked.map_or(own, |level| Level::from_register(level).expect("0 to 3"))
    }
}
