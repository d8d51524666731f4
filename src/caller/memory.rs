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
