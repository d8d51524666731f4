//! How much a script may do. A line of text can ask for all memory of a machine, and many lines for
//! it many times: no honest script comes near to this.
//!
//! Counted are steps, each as many times as it touches pages. What a script takes of our memory
//! follows from what it does to the machine: a page of it that holds something takes some 32 bytes
//! (its own 4 KiB if the Host wrote bytes there), a translation table some 12 KiB.

use super::ending::PlayError;
use super::error::ScriptError;
use super::load::LoadedScript;
use super::player::Run;
use crate::abi::addr::PAGE_SIZE;
use crate::session::{Action, Check};

/// Most steps of one play: some for each granule of the largest machine, 256 GiB.
pub const MAX_WORK: u64 = 1 << 28;

/// What an action counts as: one, and one more for each page.
pub(super) fn work_of(action: &Action) -> u64 {
    let pages = match action {
        Action::Zero { len_bytes, .. }
        | Action::Fill { len_bytes, .. }
        | Action::Check(Check::Peek { len_bytes, .. }) => len_bytes / PAGE_SIZE,
        Action::Write { bytes, .. } => bytes.len() as u64 / PAGE_SIZE,
        Action::Image { count_granules, .. } => *count_granules,
        _ => 0,
    };
    1 + pages
}

impl Run<'_, '_> {
    /// Takes from what may yet be done. What no machine has ends elsewhere, and soon.
    pub(super) fn work(&mut self, work: u64) -> Result<(), ScriptError> {
        let pages = self.session.world().platform().page_count();
        match self.state.left_work.checked_sub(work.min(pages)) {
            Some(left) => self.state.left_work = left,
            None => return Err(self.mistake(&format!("a script does at most {MAX_WORK} steps"))),
        }
        Ok(())
    }
}

/// Nobody is shown a RIM of an image that is not what it was: what was printed since the files were
/// looked at before is forgotten if one has changed.
pub(super) fn check_files(
    script: &LoadedScript,
    printed: &mut Vec<String>,
    checked: usize,
) -> Result<(), PlayError> {
    let unchanged = script.opened().iter().try_for_each(|image| image.check_unchanged());
    if unchanged.is_err() {
        printed.truncate(checked);
    }
    Ok(unchanged?)
}
