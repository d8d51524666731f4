//! The Host's memory.

use super::HostError;
use crate::abi::addr::{GRANULE_SIZE, Pa};
use crate::abi::platform::Platform;
use crate::session::Place;

/// Granules of the Host, handed out upwards and never taken back.
#[derive(Debug)]
pub(crate) struct Memory {
    /// What is left of each DRAM range, lowest first.
    rest: Vec<(u64, u64)>,
    /// The granule in which lists of memory go to and fro.
    pub(super) list: Option<Pa>,
    /// Who the steps are of.
    pub(crate) place: Place,
}

impl Memory {
    /// All memory of a machine, for steps of `name`.
    pub(crate) fn new(platform: &Platform, name: &str) -> Self {
        let rest = platform.dram.iter().map(|dram| dram.range()).map(|r| (r.start, r.end));
        Self { rest: rest.collect(), list: None, place: Place::file(name) }
    }

    /// The first of `count` granules in a row, aligned to their size if `count` is a power of two.
    pub(super) fn take(&mut self, count: u64) -> Result<Pa, HostError> {
        self.find(count).ok_or(HostError::NoMemory { count_granules: count })
    }

    /// Offers granules in a row, `most` at most, and hands out as many of them as `user` says.
    /// They are those that [`Memory::take`] would hand out one after the other.
    #[cfg(feature = "hosts")]
    pub(crate) fn take_row(&mut self, most: u64, user: impl FnOnce(Pa, u64) -> u64) -> u64 {
        let row = self.rest.iter_mut().find_map(|(next, end)| {
            let at = next.checked_next_multiple_of(GRANULE_SIZE)?;
            let count = end.saturating_sub(at) / GRANULE_SIZE;
            (count > 0).then_some((next, at, count.min(most)))
        });
        let Some((next, at, count)) = row else { return 0 };
        let taken = user(Pa(at), count);
        if taken > 0 {
            *next = at + taken * GRANULE_SIZE;
        }
        taken
    }

    fn find(&mut self, count: u64) -> Option<Pa> {
        let len_bytes = count.checked_mul(GRANULE_SIZE)?;
        let align = len_bytes.checked_next_power_of_two()?;
        self.rest.iter_mut().find_map(|(next, end)| {
            let at = next.checked_next_multiple_of(align)?;
            let top = at.checked_add(len_bytes).filter(|top| *top <= *end)?;
            *next = top;
            Some(Pa(at))
        })
    }
}
