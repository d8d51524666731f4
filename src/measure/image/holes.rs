//! Where a sparse file has nothing.

use std::fs::File;
use std::ops::Range;

use rustix::fs::{SeekFrom, seek};

/// Pieces of data that are remembered: a file with more is taken as whole from there on.
const MAX_PIECES: usize = 1 << 20;

/// The parts of a file that hold data; everything else reads as zero.
#[derive(Debug)]
pub(super) struct Holes {
    /// Ascending, apart from each other, in bytes. Empty for a file without holes.
    data: Vec<Range<u64>>,
    any: bool,
}

impl Holes {
    /// Bytes that have none.
    pub(super) const NONE: Self = Self { data: Vec::new(), any: false };

    /// Asks the file system. One that can not say has no holes.
    pub(super) fn of(file: &File, len_bytes: u64) -> Self {
        let mut data: Vec<Range<u64>> = Vec::new();
        let mut at = 0;
        while at < len_bytes {
            let start = match seek(file, SeekFrom::Data(at)) {
                Ok(start) => start.min(len_bytes),
                // There is no data after `at`.
                Err(rustix::io::Errno::NXIO) => break,
                Err(_) => return Self::NONE,
            };
            let end = if data.len() < MAX_PIECES {
                seek(file, SeekFrom::Hole(start)).unwrap_or(len_bytes).min(len_bytes)
            } else {
                len_bytes
            };
            if start < end {
                data.push(start..end);
            }
            at = end.max(start + 1);
        }
        let whole = matches!(&data[..], [all] if *all == (0..len_bytes));
        if whole { Self::NONE } else { Self { data, any: true } }
    }

    /// The pieces of a file of `len_bytes` that are no holes.
    pub(super) fn data(&self, len_bytes: u64) -> Vec<Range<u64>> {
        if self.any { self.data.clone() } else { std::iter::once(0..len_bytes).collect() }
    }

    /// Whether nothing of `bytes` is in the file. What lies past its end is not.
    pub(super) fn hold(&self, bytes: Range<u64>) -> bool {
        self.any && {
            let next = self.data.partition_point(|piece| piece.end <= bytes.start);
            self.data.get(next).is_none_or(|piece| piece.start >= bytes.end)
        }
    }

    /// Where the data that `offset` lies in, or that follows it, ends; `u64::MAX` if no hole is
    /// known.
    pub(super) fn start_after(&self, offset: u64) -> u64 {
        let next = self.data.partition_point(|piece| piece.end <= offset);
        self.data.get(next).map_or(u64::MAX, |piece| piece.end)
    }

    /// The end of the hole that `offset` lies in: the next byte of data, or `u64::MAX`.
    pub(super) fn end(&self, offset: u64) -> u64 {
        let next = self.data.partition_point(|piece| piece.end <= offset);
        self.data.get(next).map_or(u64::MAX, |piece| piece.start.max(offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    #[test]
    fn holes_are_where_nothing_was_written() {
        let path = std::env::temp_dir().join(format!("rimsim-holes-{}", std::process::id()));
        let file = File::create_new(&path).expect("a file");
        file.set_len(1 << 30).expect("room");
        let piece = [1; 4096];
        for offset in [64 << 20, 65 << 20, (1 << 30) - 4096] {
            file.write_all_at(&piece, offset).expect("written");
        }
        let file = File::open(&path).expect("the file");
        let holes = Holes::of(&file, 1 << 30);
        std::fs::remove_file(path).expect("removed");
        // A file system without holes has none to show.
        if holes.any {
            assert!(holes.hold(0..64 << 20));
            assert!(!holes.hold(0..(64 << 20) + 1));
            assert!(!holes.hold(64 << 20..(64 << 20) + 4096));
            assert!(holes.hold((66 << 20)..(67 << 20)));
            assert!(!holes.hold((1 << 30) - 8192..1 << 30));
            assert!(holes.end(0) <= 64 << 20);
        }
        assert!(!Holes::NONE.hold(0..4096));
    }
}
