//! A piece of memory: pages, of which those in a row cost no more than the first.

use crate::measure::page::Page;

/// Pages of a chunk: 2 MiB of memory.
pub(super) const CHUNK: u16 = 512;

/// Most rows of a chunk, before each page has a place of its own.
const MOST_ROWS: usize = 8;

/// Pages that are kept together.
#[derive(Clone, Debug)]
pub(super) enum Chunk {
    /// Rows one after the other, the first from page 0 on.
    Rows(Vec<Row>),
    /// Every page.
    Pages(Box<[Page; CHUNK as usize]>),
}

/// Pages of an image or a stream in a row, or zeros, up to where the next row begins.
#[derive(Clone, Debug)]
pub(super) struct Row {
    start: u16,
    first: Page,
}

impl Chunk {
    /// Zeros.
    pub(super) fn new() -> Self {
        Self::Rows(vec![Row { start: 0, first: Page::Zero }])
    }

    /// Page `i`.
    pub(super) fn page(&self, i: u16) -> Page {
        match self {
            Self::Rows(rows) => {
                let row = &rows[row_of(rows, i)];
                row.first.following(u64::from(i - row.start))
            }
            Self::Pages(pages) => pages[usize::from(i)].clone(),
        }
    }

    /// Page `i`, and how many from it on are known to follow each other.
    pub(super) fn row(&self, i: u16) -> (Page, u16) {
        let end = match self {
            Self::Rows(rows) => rows.get(row_of(rows, i) + 1).map_or(CHUNK, |row| row.start),
            Self::Pages(_) => i + 1,
        };
        (self.page(i), end - i)
    }

    /// Makes page `i` and those after it, `count` in all, what follows `first`.
    pub(super) fn set(&mut self, i: u16, count: u16, first: Page) {
        match self {
            Self::Pages(pages) => {
                for (n, page) in (0..).zip(&mut pages[usize::from(i)..usize::from(i + count)]) {
                    *page = first.following(n);
                }
            }
            Self::Rows(rows) => {
                set_row(rows, Row { start: i, first }, i + count);
                if rows.len() > MOST_ROWS {
                    let page = |i| self.page(u16::try_from(i).expect("below 512"));
                    *self = Self::Pages(Box::new(std::array::from_fn(page)));
                }
            }
        }
    }
}

/// The row that page `i` is in.
fn row_of(rows: &[Row], i: u16) -> usize {
    rows.iter().rposition(|row| row.start <= i).expect("the first begins with page 0")
}

/// Puts a row that ends before `end` in the place of what is there.
fn set_row(rows: &mut Vec<Row>, row: Row, end: u16) {
    let before = row_of(rows, row.start);
    let next = rows.get(before + 1).map_or(CHUNK, |next| next.start);
    // Two cases are so frequent that they are worth a way of their own: what is there already, and
    // pages that come in their order, by which the row before grows.
    if end <= next && follows(&rows[before], &row) {
        return;
    }
    let grows = before > 0 && rows[before].start == row.start && follows(&rows[before - 1], &row);
    if grows && end < next {
        rows[before] = rest(&rows[before], end);
        return;
    }
    let last = row_of(rows, end - 1);
    let next = rows.get(last + 1).map_or(CHUNK, |next| next.start);
    let head = (rows[before].start < row.start).then(|| rows[before].clone());
    let tail = (end < next).then(|| rest(&rows[last], end));
    rows.splice(before..=last, [head, Some(row), tail].into_iter().flatten());
    rows.dedup_by(|next, before| follows(before, next));
}

/// What is left of a row from page `start` on.
fn rest(row: &Row, start: u16) -> Row {
    Row { start, first: row.first.following(u64::from(start - row.start)) }
}

/// Whether `next` goes on where `row` ends.
fn follows(row: &Row, next: &Row) -> bool {
    row.first.is_followed_by(&next.first, u64::from(next.start - row.start))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::measure::image::Image;

    fn first(which: u8, offset: u64, images: &[Arc<Image>]) -> Page {
        match which {
            0 => Page::Zero,
            1 => Page::from_bytes(&[9; 4096]),
            2 => Page::stream(5, offset * 4096),
            _ => {
                let image = Arc::clone(&images[usize::from(which) % images.len()]);
                Page::Image { image, offset: offset * 4096 }
            }
        }
    }

    proptest! {
        /// A chunk has the pages that were put into it last, and knows rows that are there.
        #[test]
        fn a_chunk_is_its_pages(
            sets in prop::collection::vec((0..5_u8, 0..CHUNK, 1..40_u16, any::<bool>()), 1..40),
        ) {
            let images = [3, 4].map(|byte| Arc::new(Image::from_bytes("a", vec![byte; 1 << 20])));
            let mut chunk = Chunk::new();
            let mut pages = vec![Page::Zero; CHUNK.into()];
            for (which, i, count, in_place) in sets {
                // Much of it where it lies in its image, so that rows meet.
                let offset = if in_place { u64::from(i) } else { 7 };
                let first = first(which, offset, &images);
                let count = if which == 1 { 1 } else { count.min(CHUNK - i) };
                chunk.set(i, count, first.clone());
                for n in 0..count {
                    pages[usize::from(i + n)] = first.following(n.into());
                }
            }
            for (i, page) in (0..CHUNK).zip(&pages) {
                prop_assert_eq!(&chunk.page(i), page);
                let (first, count) = chunk.row(i);
                prop_assert!(count >= 1 && i + count <= CHUNK);
                prop_assert_eq!(&first, page);
                let last = u64::from(count) - 1;
                prop_assert_eq!(&first.following(last), &pages[usize::from(i + count - 1)]);
            }
        }
    }

    /// An image page by page, as a Host shows it, is one row, wherever it begins.
    #[test]
    fn pages_in_order_are_one_row() {
        let image = Arc::new(Image::from_bytes("a", vec![1; 4 << 20]));
        let mut chunk = Chunk::new();
        for i in 3..CHUNK {
            let (image, offset) = (Arc::clone(&image), u64::from(i) * 4096);
            chunk.set(i, 1, Page::Image { image, offset });
            let Chunk::Rows(rows) = &chunk else { panic!("rows") };
            assert!(rows.len() <= 3, "{i}");
        }
        assert_eq!(chunk.row(4).1, CHUNK - 4);
        for i in (0..CHUNK).step_by(2) {
            chunk.set(i, 1, Page::from_bytes(&[7; 4096]));
        }
        assert!(matches!(chunk, Chunk::Pages(_)), "many rows are pages");
    }
}
