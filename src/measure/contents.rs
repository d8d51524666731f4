//! The contents of one granule as it is measured, whatever its size.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::hasher::Hasher;
use super::kernel::Digest;
use super::page::Page;
use super::rim::HashAlgo;
use crate::abi::addr::PAGE_LEN;
use crate::abi::granule_size::GranuleSize;

/// What a granule holds: one page or several, which never change.
#[derive(Clone)]
pub struct Contents {
    size: GranuleSize,
    pages: Pages,
}

#[derive(Clone)]
enum Pages {
    /// All of them are the first, or follow it in its image or stream.
    Consecutive(Page),
    /// Others, as many as the granule has.
    Mixed(Arc<[Page]>),
}

/// Bytes where they are, or made because they are nowhere.
#[derive(Debug)]
pub enum View<'a> {
    /// In an image or in memory.
    Borrowed(&'a [u8]),
    /// A stream's, an image's last bytes with zeros after them, or pieces put together.
    Made(Box<[u8]>),
}

/// What is known of a granule without hashing it.
#[derive(Debug)]
pub(super) enum Look<'a> {
    /// All bytes are zero.
    Zero,
    /// Its digest.
    Digest(Digest),
    /// Only its bytes.
    Bytes(View<'a>),
}

impl Deref for View<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Made(bytes) => bytes,
        }
    }
}

impl From<Page> for Contents {
    /// A granule of 4 KiB.
    fn from(page: Page) -> Self {
        Self { size: GranuleSize::K4, pages: Pages::Consecutive(page) }
    }
}

impl Contents {
    /// A granule that begins with `first` and goes on in its image or stream. After bytes of its
    /// own, which have nothing after them, come zeros.
    #[must_use]
    pub fn from_first(size: GranuleSize, first: Page) -> Self {
        if size == GranuleSize::K4 || !matches!(first, Page::Owned(_)) {
            return Self { size, pages: Pages::Consecutive(first) };
        }
        let zeros = (1..size.pages()).map(|_| Page::Zero);
        Self { size, pages: Pages::Mixed(std::iter::once(first).chain(zeros).collect()) }
    }

    /// A granule of these pages.
    ///
    /// # Panics
    /// If there are more or fewer pages than such a granule has.
    #[must_use]
    pub fn from_pages(size: GranuleSize, pages: &[Page]) -> Self {
        assert_eq!(pages.len() as u64, size.pages(), "a granule has whole pages");
        let first = &pages[0];
        let mut rest = (1..).zip(&pages[1..]);
        // Past an image's end is nothing but zeros: a row, too, so that a digest of it is found.
        let follows = |(i, page): (u64, &Page)| {
            first.is_followed_by(page, i) || page.is_zero() && first.ends_within(i)
        };
        let pages = if rest.all(follows) {
            Pages::Consecutive(first.clone())
        } else {
            Pages::Mixed(pages.into())
        };
        Self { size, pages }
    }

    /// The granule's size.
    #[must_use]
    pub const fn size(&self) -> GranuleSize {
        self.size
    }

    /// The first page, if it says what the others are: they go on in its image or stream.
    #[must_use]
    pub const fn first_of_consecutive(&self) -> Option<&Page> {
        match &self.pages {
            Pages::Consecutive(first) => Some(first),
            Pages::Mixed(_) => None,
        }
    }

    /// The pages in order; those of a row are not made, the first stands for them.
    #[must_use]
    pub fn pages(&self) -> &[Page] {
        match &self.pages {
            Pages::Consecutive(first) => std::slice::from_ref(first),
            Pages::Mixed(pages) => pages,
        }
    }

    /// Page `i`, of as many as the granule has.
    #[must_use]
    #[inline]
    pub fn page(&self, i: u64) -> Page {
        match &self.pages {
            Pages::Consecutive(first) if first.ends_within(i) => Page::Zero,
            Pages::Consecutive(first) => first.following(i),
            Pages::Mixed(pages) => pages[usize::try_from(i).expect("sixteen at most")].clone(),
        }
    }

    /// Whether its bytes are known, not only a digest of them.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.pages().iter().all(Page::is_known)
    }

    /// Whether its bytes or their digest by `algo` are known.
    #[must_use]
    pub fn can_be_measured(&self, algo: HashAlgo) -> bool {
        self.is_known() || self.known_digest(algo).is_some()
    }

    /// Its digest, if it is known without hashing.
    #[must_use]
    pub fn known_digest(&self, algo: HashAlgo) -> Option<Digest> {
        match self.look(0, algo) {
            Look::Zero => Some(Hasher::zero_granule(algo, self.size)),
            Look::Digest(digest) => Some(digest),
            Look::Bytes(_) => None,
        }
    }

    /// The bytes; images are not copied unless the granule passes their end.
    #[must_use]
    pub fn bytes(&self) -> View<'_> {
        let len = self.size.len_bytes();
        match &self.pages {
            Pages::Consecutive(page) => page.bytes(0, len),
            Pages::Mixed(pages) => {
                let pieces: Vec<_> = pages.iter().map(|page| page.bytes(0, PAGE_LEN)).collect();
                View::Made(pieces.iter().flat_map(|piece| piece.iter().copied()).collect())
            }
        }
    }

    /// The granule `count` further on: of the same image or stream, or the same again.
    pub(crate) fn following(&self, count: u64) -> Self {
        let pages = match &self.pages {
            Pages::Consecutive(page) => {
                Pages::Consecutive(page.following(count * self.size.pages()))
            }
            mixed @ Pages::Mixed(_) => mixed.clone(),
        };
        Self { size: self.size, pages }
    }

    /// Whether `next` is, by where its bytes come from, the granule `count` further on.
    #[inline]
    pub(super) fn is_followed_by(&self, next: &Self, count: u64) -> bool {
        match (&self.pages, &next.pages) {
            (Pages::Consecutive(page), Pages::Consecutive(next_page)) if self.size == next.size => {
                let pages = count.checked_mul(self.size.pages());
                pages.is_some_and(|pages| page.is_followed_by(next_page, pages))
            }
            _ => false,
        }
    }

    /// What is known of the granule `count` further on.
    pub(super) fn look(&self, count: u64, algo: HashAlgo) -> Look<'_> {
        let (size, distance) = (self.size, count * self.size.bytes());
        match &self.pages {
            Pages::Consecutive(Page::Zero) => Look::Zero,
            Pages::Consecutive(Page::Image { image, offset }) => {
                image.look(offset + distance, algo, size)
            }
            Pages::Consecutive(page) => Look::Bytes(page.bytes(distance, size.len_bytes())),
            Pages::Mixed(_) => Look::Bytes(self.bytes()),
        }
    }

    /// The page that says best where the bytes came from: the first that is not zero.
    #[must_use]
    pub fn main_page(&self) -> &Page {
        let pages = self.pages();
        pages.iter().find(|page| !page.is_zero()).unwrap_or(&pages[0])
    }

    /// Says where the bytes came from: `zero`, `host memory` or a file and an offset; of several
    /// pieces, that of the main one.
    #[must_use]
    pub fn origin(&self) -> impl fmt::Display + '_ {
        self.main_page().origin()
    }
}

impl PartialEq for Contents {
    /// Contents are equal if their bytes are, wherever they came from.
    fn eq(&self, other: &Self) -> bool {
        if self.size != other.size {
            return false;
        }
        match (&self.pages, &other.pages) {
            (Pages::Consecutive(a), Pages::Consecutive(b)) if self.size == GranuleSize::K4 => {
                a == b
            }
            (Pages::Consecutive(a), Pages::Consecutive(b)) if a.is_followed_by(b, 0) => true,
            _ => *self.bytes() == *other.bytes(),
        }
    }
}

impl Eq for Contents {}

impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Contents({}, {})", self.size, self.origin())
    }
}
