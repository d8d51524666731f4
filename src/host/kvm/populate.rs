//! POPULATE: a region of guest memory gets its contents, granule by granule.

use std::ops::Range;
use std::sync::Arc;

use super::rmi::by_rmm;
use super::{Kvm, StageKind, range_text, refused};
use crate::abi::addr::{GRANULE_LEN, GRANULE_SIZE, Ipa, Level, Pa, is_aligned};
use crate::abi::args::{Data, Rd, Src};
use crate::abi::command::Command;
use crate::abi::params::DATA_MEASURE;
use crate::caller::walk_level;
use crate::host::vm::{Refusal, Region};
use crate::session::Action;

/// Granules that are copied from at a time: 2 MiB.
const WINDOW_GRANULES: u64 = 512;

impl Kvm<'_, '_> {
    pub(super) fn populate(&mut self, index: usize) -> Result<(), Refusal> {
        let vm = self.vm;
        let region = &vm.regions[index];
        let Range { start: base, end: top } = region.ipa;
        let place = format!("POPULATE {} ({})", range_text(base, top), region.name);
        let rd = self.created(&place)?;
        self.is_new(&place)?;
        self.check_range(region, &place)?;
        let window = match self.window {
            Some(window) => window,
            None => self.granules(WINDOW_GRANULES, &place)?,
        };
        self.window = Some(window);
        let flags = if region.measured { DATA_MEASURE } else { 0 };
        let edition = self.edition();
        let count = (top - base) / GRANULE_SIZE;
        for first in (0..count).step_by(usize::try_from(WINDOW_GRANULES).expect("small")) {
            let shown = WINDOW_GRANULES.min(count - first);
            self.show(region, first..first + shown, window);
            let place_of = |i: u64| {
                let ipa = Ipa(base + (first + i) * GRANULE_SIZE);
                (ipa, Src(Pa(window.0 + i * GRANULE_SIZE)))
            };
            let mut i = 0;
            while i < shown {
                let (ipa, src) = place_of(i);
                let data = Data(self.delegated(&place)?);
                let command = Command::data_create(edition, rd, data, ipa, src, flags);
                self.data_create(command, rd, ipa, &place)?;
                let (ipa, src) = place_of(i + 1);
                i += 1 + self.create_data_row((rd, ipa), src, flags, shown - i - 1);
            }
        }
        let measured = region.measured;
        self.stage(rd, StageKind::Data { base, top, source: region.name, measured });
        Ok(())
    }

    /// One granule's contents, after its tables are there.
    fn data_create(
        &mut self,
        command: Command,
        rd: Rd,
        ipa: Ipa,
        place: &str,
    ) -> Result<(), Refusal> {
        let outcome = self.call(command);
        if outcome.is_success() {
            return Ok(());
        }
        match walk_level(&outcome) {
            Some(level) if level < Level::PAGE => {
                self.create_tables(rd, ipa, [level, Level::PAGE], place)?;
                self.must(command, place)?;
                Ok(())
            }
            Some(_) => {
                let why = format!("populated already (ENXIO): {command} => {outcome}");
                Err(refused(place, why))
            }
            None => Err(by_rmm(place, command, &outcome)),
        }
    }

    fn check_range(&self, region: &Region, place: &str) -> Result<(), Refusal> {
        let Range { start: base, end: top } = region.ipa;
        if base >= top {
            return Err(refused(place, "the range is empty (EINVAL)"));
        }
        let page = self.caps.host_page_size;
        if !is_aligned(base, page.bytes()) || !is_aligned(top, page.bytes()) {
            let why = format!("the range has to be aligned to the host's pages of {page} (EINVAL)");
            return Err(refused(place, why));
        }
        let slot = self.vm.slots.iter().find(|slot| slot.ipa.contains(&base));
        let Some(slot) = slot.filter(|slot| top <= slot.ipa.end) else {
            return Err(refused(place, "the range does not lie in one memory slot (EINVAL)"));
        };
        if self.host.generation.is_kvm_driven() && !slot.guest_memfd {
            let why = format!(
                "memory slot {} has no guest_memfd (EINVAL), which kvmtool gives it with \
                 --restricted_mem",
                slot.id
            );
            return Err(refused(place, why));
        }
        Ok(())
    }

    /// Puts some granules of a region into the window: zeros, a first granule that begins with
    /// zeros, whole granules of the image, zeros.
    fn show(&mut self, region: &Region, granules: Range<u64>, window: Pa) {
        let pa_of = |granule: u64| window.0 + (granule - granules.start) * GRANULE_SIZE;
        let (fill, image) = (region.fill_bytes, region.image.as_ref());
        let len_bytes = image.map_or(0, |image| image.len_bytes());
        // Granule numbers where the parts begin, within those that are shown.
        let clamp = |granule: u64| granule.clamp(granules.start, granules.end);
        let head = fill / GRANULE_SIZE;
        let body = fill.div_ceil(GRANULE_SIZE);
        let end = fill.saturating_add(len_bytes).div_ceil(GRANULE_SIZE);
        self.zero(pa_of(granules.start), clamp(head) - granules.start);
        let Some(image) = image else {
            self.zero(pa_of(granules.start), granules.end - granules.start);
            return;
        };
        if head < body && granules.contains(&head) {
            let offset = fill % GRANULE_SIZE;
            let offset_len = usize::try_from(offset).expect("inside a granule");
            let bytes = image.bytes_from(0);
            let bytes = bytes[..bytes.len().min(GRANULE_LEN - offset_len)].to_vec();
            let data = vec![(u16::try_from(offset).expect("inside a granule"), bytes)];
            self.act(Action::Page { pa: pa_of(head), data });
        }
        let (from, to) = (clamp(body), clamp(end.max(body)));
        if from < to {
            let image = Arc::clone(image);
            let offset = from * GRANULE_SIZE - fill;
            self.act(Action::Image { pa: pa_of(from), image, offset, count_granules: to - from });
        }
        self.zero(pa_of(to), granules.end - to);
    }

    fn zero(&mut self, pa: u64, count_granules: u64) {
        if count_granules > 0 {
            self.act(Action::Zero { pa, len_bytes: count_granules * GRANULE_SIZE });
        }
    }
}
