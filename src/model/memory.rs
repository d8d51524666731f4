//! The contents of delegable memory, as the Host and the Realms see it.
//!
//! Contents are [`Page`]s: zero until somebody writes, shared with an image until somebody stores.
//! Which granules the Host may touch is the GPT's business ([`super::world`]).

use super::granule::{Granule, Granules};
use crate::abi::addr::GranuleBytes;
use crate::measure::page::Page;

/// Granules whose pages are kept together: 2 MiB of memory.
const CHUNK: usize = 512;

type Chunk = Box<[Page; CHUNK]>;

/// The contents of every granule. Memory that was never written costs eight bytes per 2 MiB.
#[derive(Clone, Debug)]
pub struct Memory {
    chunks: Vec<Option<Chunk>>,
}

impl Memory {
    pub(crate) fn new(granules: &Granules) -> Self {
        Self { chunks: vec![None; (granules.count() as usize).div_ceil(CHUNK)] }
    }

    /// The contents of a granule.
    #[must_use]
    pub fn page(&self, granule: Granule) -> &Page {
        const ZERO: &Page = &Page::Zero;
        let (chunk, i) = Self::place(granule);
        self.chunks[chunk].as_ref().map_or(ZERO, |chunk| &chunk[i])
    }

    pub(crate) fn set_page(&mut self, granule: Granule, page: Page) {
        let (chunk, i) = Self::place(granule);
        match &mut self.chunks[chunk] {
            Some(chunk) => chunk[i] = page,
            None if page.is_zero() => {}
            empty => {
                let mut chunk: Chunk = Box::new([const { Page::Zero }; CHUNK]);
                chunk[i] = page;
                *empty = Some(chunk);
            }
        }
    }

    /// Writes a few bytes into a granule; `offset + bytes.len()` is at most the granule's size.
    pub(crate) fn store(&mut self, granule: Granule, offset: usize, bytes: &[u8]) {
        let mut contents: GranuleBytes = self.page(granule).to_bytes();
        contents[offset..offset + bytes.len()].copy_from_slice(bytes);
        self.set_page(granule, Page::from_bytes(&contents));
    }

    fn place(granule: Granule) -> (usize, usize) {
        let index = Granules::index(granule);
        (index / CHUNK, index % CHUNK)
    }
}

impl PartialEq for Memory {
    /// Memories are equal if all bytes are, however they are stored.
    fn eq(&self, other: &Self) -> bool {
        let all_zero = |chunk: &Chunk| chunk.iter().all(|page| *page == Page::Zero);
        self.chunks.len() == other.chunks.len()
            && self.chunks.iter().zip(&other.chunks).all(|(a, b)| match (a, b) {
                (None, None) => true,
                (Some(a), Some(b)) => a == b,
                (Some(chunk), None) | (None, Some(chunk)) => all_zero(chunk),
            })
    }
}

impl Eq for Memory {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::platform::Platform;

    #[test]
    fn stores_overlay_and_zero_costs_nothing() {
        let granules = Granules::new(&Platform::default());
        let mut memory = Memory::new(&granules);
        let granule = granules.find(0x8000_1000).unwrap();
        memory.set_page(granule, Page::Zero);
        assert!(memory.chunks.iter().all(Option::is_none));
        memory.store(granule, 4094, &[1, 2]);
        assert_eq!(memory.page(granule).to_bytes()[4093..], [0, 1, 2]);
        let fresh = Memory::new(&granules);
        assert_ne!(memory, fresh);
        memory.store(granule, 4094, &[0, 0]);
        assert_eq!(memory, fresh);
    }
}
