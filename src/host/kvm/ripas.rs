//! INIT_RIPAS: a range becomes RAM, in the largest entries that fit.

use super::profile::Generation;
use super::rmi::{by_rmm, walk_level};
use super::{Kvm, StageKind, create, range_text, refused};
use crate::abi::addr::{GRANULE_SIZE, Level, is_aligned};
use crate::abi::command::Command;
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
            let command = Command::RttInitRipas { rd, base: ipa, top };
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
                self.create_tables(ipa, walked, wanted, &place)?;
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
        let level = self.start_level.map_or(own, u64::from);
        Level::from_register(level).expect("0 to 3")
    }
}

/// The level whose entries are as large as `ipa..top` allows (`find_map_level`).
fn map_level(ipa: u64, top: u64, start_level: Level) -> Level {
    let mut level = Level::PAGE;
    while let Some(parent) = level.parent().filter(|parent| *parent >= start_level) {
        let size = parent.entry_size_bytes();
        if !is_aligned(ipa, size) || ipa.checked_add(size).is_none_or(|end| end > top) {
            break;
        }
        level = parent;
    }
    level
}
