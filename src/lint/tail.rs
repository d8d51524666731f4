//! Which granules of the Host were written in part, over what was there.

use std::collections::BTreeMap;

use crate::abi::addr::{GRANULE_SIZE, align_down};
use crate::measure::contents::Contents;
use crate::session::Action;

/// Fewer bytes than this are a poke, not the end of a file.
const MIN_FILE_BYTES: u64 = 256;

/// Where the last file ended in each granule of the Host that a file ended in.
#[derive(Debug, Default)]
pub(super) struct Tails(BTreeMap<u64, u64>);

impl Tails {
    pub(super) fn see(&mut self, action: &Action) {
        match action {
            Action::Write { pa, bytes } => self.written(*pa, bytes.len() as u64),
            Action::Fill { pa, len_bytes, .. } => self.written(*pa, *len_bytes),
            Action::Page { pa, .. } => self.forget(*pa, GRANULE_SIZE),
            Action::Zero { pa, len_bytes } => self.forget(*pa, *len_bytes),
            Action::Image { pa, count_granules, .. } => {
                self.forget(*pa, count_granules.saturating_mul(GRANULE_SIZE));
            }
            _ => {}
        }
    }

    fn written(&mut self, pa: u64, len_bytes: u64) {
        let end = pa.saturating_add(len_bytes);
        let last = align_down(end, GRANULE_SIZE);
        self.forget(pa, len_bytes);
        if last >= pa && end - last >= MIN_FILE_BYTES {
            self.0.insert(last, end - last);
        }
    }

    fn forget(&mut self, pa: u64, len_bytes: u64) {
        let base = align_down(pa, GRANULE_SIZE);
        let end = pa.saturating_add(len_bytes);
        while let Some(granule) = self.0.range(base..end.max(base)).next().map(|(key, _)| *key) {
            self.0.remove(&granule);
        }
    }

    /// Where in the granule at `src` bytes begin that were there before a file was put over them.
    pub(super) fn dirty(&self, src: u64, content: &Contents) -> Option<u64> {
        let from = *self.0.get(&src)?;
        let start = usize::try_from(from).ok()?;
        let dirty = |bytes: &[u8]| bytes.iter().any(|byte| *byte != 0);
        (content.is_known() && dirty(&content.bytes()[start..])).then_some(from)
    }
}
