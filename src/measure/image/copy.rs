//! Copies of files: memory of this process that nobody else can write to.
//!
//! A mapping shows what other programs write to the file meanwhile, and not every such write can be
//! noticed. A copy can not change; and since the file is compared with the whole copy after it was
//! made, all of the copy was in the file at one time, between the last byte that was copied and the
//! first that was compared, unless bytes were changed and changed back.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use memmap2::{Mmap, MmapOptions};

/// Bytes that are copied or compared at a time: as many as stay in the processor's caches.
const PIECE_BYTES: usize = 1 << 16;

/// Why there is no copy.
#[derive(Debug)]
pub(super) enum CopyError {
    Io(io::Error),
    /// The file changed while it was copied; a byte at this offset is another.
    Changed(u64),
    /// So many bytes are needed, and so many are there.
    Memory(u64, u64),
}

impl From<io::Error> for CopyError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Copies the pieces `data` of a file of `len_bytes`; what lies between them is zero and takes no
/// memory.
pub(super) fn copy(file: &File, len_bytes: u64, data: &[Range<u64>]) -> Result<Mmap, CopyError> {
    let needed = data.iter().map(|piece| piece.end - piece.start).sum();
    if let Some(available) = available_bytes().filter(|available| *available < needed) {
        return Err(CopyError::Memory(needed, available));
    }
    let len = usize::try_from(len_bytes).map_err(io::Error::other)?;
    let mut copy = MmapOptions::new().len(len).no_reserve_swap().map_anon()?;
    for (at, range) in pieces(data) {
        file.read_exact_at(&mut copy[range], at).map_err(|error| shorter(error, at))?;
    }
    let mut again = vec![0; PIECE_BYTES.min(len)];
    for (at, range) in pieces(data) {
        let again = &mut again[..range.len()];
        file.read_exact_at(again, at).map_err(|error| shorter(error, at))?;
        let then = &copy[range];
        if again != then {
            let first = again.iter().zip(then).take_while(|(now, then)| now == then).count();
            return Err(CopyError::Changed(at + first as u64));
        }
    }
    Ok(copy.make_read_only()?)
}

fn shorter(error: io::Error, at: u64) -> CopyError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => CopyError::Changed(at),
        _ => CopyError::Io(error),
    }
}

/// Offset in the file, and the same bytes in the copy.
fn pieces(data: &[Range<u64>]) -> impl Iterator<Item = (u64, Range<usize>)> {
    let place = |offset: u64| usize::try_from(offset).expect("inside of what is in memory");
    data.iter().flat_map(move |piece| {
        piece.clone().step_by(PIECE_BYTES).map(move |at| {
            let end = piece.end.min(at + PIECE_BYTES as u64);
            (at, place(at)..place(end))
        })
    })
}

/// How much memory can be taken before something has to be killed; `None` if nobody says.
///
/// That of the machine, or less if a control group of this process has less left.
fn available_bytes() -> Option<u64> {
    let number = |path: &str| std::fs::read_to_string(path).ok()?.trim_end().parse::<u64>().ok();
    let of_machine = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
        Some(line.trim().strip_suffix("kB")?.trim_end().parse::<u64>().ok()? << 10)
    });
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok();
    let own = groups.as_deref().and_then(|text| text.lines().find_map(|l| l.strip_prefix("0::")));
    let mut group = own.unwrap_or("/").to_owned();
    let mut least = of_machine;
    loop {
        let folder = format!("/sys/fs/cgroup{}", group.trim_end_matches('/'));
        let limit = number(&format!("{folder}/memory.max"));
        let left = limit.zip(number(&format!("{folder}/memory.current")));
        let left = left.map(|(limit, used)| limit.saturating_sub(used));
        least = [least, left].into_iter().flatten().min();
        match group.rfind('/') {
            Some(end) if group.len() > 1 => group.truncate(end.max(1)),
            _ => return least,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_the_pieces_and_zeros_between_them() {
        let path = std::env::temp_dir().join(format!("rimsim-copy-{}", std::process::id()));
        let bytes: Vec<u8> = (0..3_000_000_u32).map(|i| i.to_le_bytes()[1] | 1).collect();
        std::fs::write(&path, &bytes).expect("a file");
        let file = File::open(&path).expect("the file");
        let copy_all = |len| copy(&file, len, &Vec::from_iter(std::iter::once(0..len)));
        let whole = copy_all(3_000_000).expect("a copy");
        assert!(whole[..] == bytes);
        let parts = copy(&file, 3_000_000, &[5..9, 2_000_000..3_000_000]).expect("a copy");
        assert!(parts[5..9] == bytes[5..9] && parts[2_000_000..] == bytes[2_000_000..]);
        assert!(parts[9..2_000_000].iter().chain(&parts[..5]).all(|byte| *byte == 0));
        let past = copy_all(4_000_000);
        assert!(matches!(past, Err(CopyError::Changed(_))));
        let much = copy_all(1 << 60);
        assert!(matches!(much, Err(CopyError::Memory(needed, _)) if needed == 1 << 60));
        std::fs::remove_file(path).expect("removed");
    }
}
