//! The contents of delegable memory, as the Host and the Realms see it.
//!
//! Contents are [`Page`]s: zero until somebody writes, shared with an image until somebody stores.
//! Pages that follow each other in an image are one row, however many they are.
//! A page has 4 KiB whatever a granule has, so memory stays as it is when the RMM is given granules
//! of another size. Which granules the Host may touch is the GPT's business ([`super::world`]).

use super::granule::{Granule, Granules};
use super::memory_chunk::{CHUNK, Chunk};
use crate::abi::addr::PAGE_LEN;
use crate::abi::granule_size::GranuleSize;
use crate::measure::contents::Contents;
use crate::measure::page::Page;

/// The contents of every granule. Memory that was never written costs eight bytes per 2 MiB, an
/// image's pages in a row little more.
#[derive(Clone, Debug)]
pub struct Memory {
    size: GranuleSize,
    chunks: Vec<Option<Box<Chunk>>>,
}

impl Memory {
    pub(crate) fn new(granules: &Granules) -> Self {
        let size = granules.size();
        let pages = granules.count() as usize * size.len_bytes() / PAGE_LEN;
        Self { size, chunks: vec![None; pages.div_ceil(usize::from(CHUNK))] }
    }

    /// The same memory in granules of another size.
    pub(crate) fn resize(&mut self, size: GranuleSize) {
        self.size = size;
    }

    /// The first page of a granule, where structures lie.
    #[must_use]
    #[inline]
    pub fn page(&self, granule: Granule) -> Page {
        self.page_at(granule, 0)
    }

    /// The page of a granule that has the byte at `offset`.
    #[must_use]
    #[inline(always)]
    pub fn page_at(&self, granule: Granule, offset: usize) -> Page {
        let (chunk, i) = self.place(granule, offset);
        self.chunks[chunk].as_ref().map_or(Page::Zero, |chunk| chunk.page(i))
    }

    /// The contents of a granule.
    #[must_use]
    #[inline(always)]
    pub fn contents(&self, granule: Granule) -> Contents {
        match self.size {
            GranuleSize::K4 => self.page(granule).into(),
            GranuleSize::K16 | GranuleSize::K64 => self.contents_of_pages(granule),
        }
    }

    fn contents_of_pages(&self, granule: Granule) -> Contents {
        let (first, row_pages) = self.row(granule);
        // Granules do not cross chunks, which have a multiple of their pages.
        if row_pages >= self.size.pages() {
            return Contents::from_first(self.size, first);
        }
        let offsets = (0..self.size.len_bytes()).step_by(PAGE_LEN);
        let pages: Vec<_> = offsets.map(|offset| self.page_at(granule, offset)).collect();
        Contents::from_pages(self.size, &pages)
    }

    /// The contents of a granule, and of how many from it on they are known to follow each other.
    pub(crate) fn contents_in_row(&self, granule: Granule) -> (Contents, u64) {
        let (first, row_pages) = self.row(granule);
        match row_pages / self.size.pages() {
            0 => (self.contents(granule), 1),
            granules => (Contents::from_first(self.size, first), granules),
        }
    }

    /// The first page of a granule, and how many from it on are known to follow each other.
    fn row(&self, granule: Granule) -> (Page, u64) {
        let (chunk, i) = self.place(granule, 0);
        let (first, count) = match &self.chunks[chunk] {
            Some(chunk) => chunk.row(i),
            None => (Page::Zero, CHUNK - i),
        };
        (first, count.into())
    }

    /// Whether all of a granule is zero.
    #[must_use]
    pub(crate) fn is_wiped(&self, granule: Granule) -> bool {
        let mut pages = (0..self.size.len_bytes()).step_by(PAGE_LEN);
        pages.all(|offset| self.page_at(granule, offset) == Page::Zero)
    }

    /// Replaces the page of a granule that has the byte at `offset`.
    #[inline(always)]
    pub(crate) fn set_page_at(&mut self, granule: Granule, offset: usize, page: Page) {
        let (chunk, i) = self.place(granule, offset);
        self.set_row(chunk, i, 1, page);
    }

    /// Gives granules in a row, `count` in all, `contents` and what follows them in their image or
    /// stream.
    pub(crate) fn set_in_row(&mut self, granule: Granule, count: u64, contents: &Contents) {
        let Some(first) = contents.first_of_consecutive() else {
            debug_assert_eq!(count, 1, "mixed pages have nothing after them");
            return self.set_contents(granule, contents);
        };
        let (mut done, pages) = (0, count * self.size.pages());
        let (mut chunk, mut i) = self.place(granule, 0);
        while done < pages {
            let room = (pages - done).min((CHUNK - i).into());
            let room = u16::try_from(room).expect("a chunk at most");
            self.set_row(chunk, i, room, first.following(done));
            (chunk, i, done) = (chunk + 1, 0, done + u64::from(room));
        }
    }

    #[inline(always)]
    fn set_row(&mut self, chunk: usize, i: u16, count: u16, first: Page) {
        match &mut self.chunks[chunk] {
            None if first.is_zero() => {}
            chunk => set_in_chunk(chunk, i, count, first),
        }
    }

    /// Replaces all of a granule, which has as many pages as `contents`.
    #[inline(always)]
    pub(crate) fn set_contents(&mut self, granule: Granule, contents: &Contents) {
        debug_assert_eq!(contents.size(), self.size, "a granule of this memory");
        match self.size {
            GranuleSize::K4 => self.set_page_at(granule, 0, contents.page(0)),
            GranuleSize::K16 | GranuleSize::K64 => self.set_pages(granule, contents),
        }
    }

    fn set_pages(&mut self, granule: Granule, contents: &Contents) {
        for (i, offset) in (0..).zip((0..self.size.len_bytes()).step_by(PAGE_LEN)) {
            self.set_page_at(granule, offset, contents.page(i));
        }
    }

    /// Makes all of a granule zero.
    #[inline(always)]
    pub(crate) fn wipe(&mut self, granule: Granule) {
        self.set_page_at(granule, 0, Page::Zero);
        for offset in (PAGE_LEN..self.size.len_bytes()).step_by(PAGE_LEN) {
            self.set_page_at(granule, offset, Page::Zero);
        }
    }

    /// The `len` bytes of a granule from `offset` on; the two are at most its size.
    pub(crate) fn read(&self, granule: Granule, offset: usize, len: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(len);
        while bytes.len() < len {
            let at = offset + bytes.len();
            let (start, wanted) = (at % PAGE_LEN, len - bytes.len());
            self.page_at(granule, at).with_bytes(|page| {
                bytes.extend_from_slice(&page[start..(start + wanted).min(PAGE_LEN)]);
            });
        }
        bytes
    }

    /// Writes bytes into a granule; `offset + bytes.len()` is at most the granule's size.
    pub(crate) fn store(&mut self, granule: Granule, offset: usize, bytes: &[u8]) {
        let (mut at, mut rest) = (offset, bytes);
        while !rest.is_empty() {
            let start = at % PAGE_LEN;
            let (piece, tail) = rest.split_at(rest.len().min(PAGE_LEN - start));
            let mut page = self.page_at(granule, at).to_bytes();
            page[start..start + piece.len()].copy_from_slice(piece);
            self.set_page_at(granule, at, Page::from_bytes(&page));
            (at, rest) = (at + piece.len(), tail);
        }
    }

    #[inline(always)]
    fn place(&self, granule: Granule, offset: usize) -> (usize, u16) {
        let page = (Granules::index(granule) << (self.size.shift() - 12)) + offset / PAGE_LEN;
        let i = page % usize::from(CHUNK);
        (page / usize::from(CHUNK), u16::try_from(i).expect("less than a chunk"))
    }
}

/// What is left of [`Memory::set_row`] where there is something to write: not in the way of the
/// zeros that most commands leave.
#[inline(never)]
fn set_in_chunk(chunk: &mut Option<Box<Chunk>>, i: u16, count: u16, first: Page) {
    chunk.get_or_insert_with(|| Box::new(Chunk::new())).set(i, count, first);
}

impl PartialEq for Memory {
    /// Memories are equal if all bytes are, however they are stored.
    fn eq(&self, other: &Self) -> bool {
        let page = |chunk: &Option<Box<Chunk>>, i| {
            chunk.as_ref().map_or(Page::Zero, |chunk| chunk.page(i))
        };
        self.chunks.len() == other.chunks.len()
            && self.chunks.iter().zip(&other.chunks).all(|(a, b)| {
                a.is_none() && b.is_none() || (0..CHUNK).all(|i| page(a, i) == page(b, i))
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
        let granules = Granules::new(&Platform::default(), GranuleSize::K4);
        let mut memory = Memory::new(&granules);
        let granule = granules.find(0x8000_1000).unwrap();
        memory.wipe(granule);
        assert!(memory.chunks.iter().all(Option::is_none));
        memory.store(granule, 4094, &[1, 2]);
        assert_eq!(memory.page(granule).to_bytes()[4093..], [0, 1, 2]);
        let fresh = Memory::new(&granules);
        assert_ne!(memory, fresh);
        memory.store(granule, 4094, &[0, 0]);
        assert_eq!(memory, fresh);
    }

    #[test]
    fn granules_of_any_size_show_the_same_bytes() {
        let platform = Platform::default();
        let small = Granules::new(&platform, GranuleSize::K4);
        let mut memory = Memory::new(&small);
        memory.store(small.find(0x8001_4000).unwrap(), 9, &[1]);
        memory.store(small.find(0x8001_7000).unwrap(), 4095, &[2]);
        let large = small.resized(&platform, GranuleSize::K16);
        memory.resize(GranuleSize::K16);
        let granule = large.find(0x8001_4000).unwrap();
        let mut expected = vec![0; 16384];
        (expected[9], expected[16383]) = (1, 2);
        assert_eq!(*memory.contents(granule).bytes(), *expected);
        assert_eq!(memory.read(granule, 4000, 12384), expected[4000..]);
        memory.store(granule, 4094, &[3; 5000]);
        expected[4094..9094].fill(3);
        assert_eq!(*memory.contents(granule).bytes(), *expected);
        let copy = large.find(0x8002_0000).unwrap();
        memory.set_contents(copy, &memory.contents(granule));
        assert_eq!(memory.contents(copy), memory.contents(granule));
        memory.wipe(granule);
        assert!(memory.is_wiped(granule) && !memory.is_wiped(copy));
        memory.store(copy, 0, &vec![0; 16384]);
        assert_eq!(memory, Memory::new(&large));
    }
}
