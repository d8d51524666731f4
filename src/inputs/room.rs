//! Memory that is asked for before it is needed, because a list that can not grow ends the program.
//!
//! What is asked for is given back at once, so it can be gone again where others take it meanwhile;
//! and a system that promises more memory than it has promises it here too.

use std::hint::black_box;
use std::io::{self, Read};

/// What a byte of a text takes once it is read: the most for texts that people and programs write.
/// Readers say what the worst take, which can be ten times as much.
const TIMES: u64 = 32;

/// Asks for memory.
///
/// # Errors
/// If it is not to be had.
pub(crate) fn room(bytes: u64) -> io::Result<()> {
    let mut room = Vec::<u8>::new();
    let asked = usize::try_from(bytes).map(|bytes| room.try_reserve_exact(bytes));
    if matches!(black_box(&asked), Ok(Ok(()))) {
        // Memory that nobody looks at need not be asked for.
        black_box(room.as_mut_ptr());
        return Ok(());
    }
    let why =
        format!("there are no {} MiB of memory, which this can take", bytes.div_ceil(1 << 20));
    Err(io::Error::new(io::ErrorKind::OutOfMemory, why))
}

/// Reads at most so many bytes to the end, and asks for the memory that their contents can take.
///
/// # Errors
/// If they can not be read, or there is not as much memory.
pub(crate) fn read_to_end(from: impl Read, most: u64, bytes: &mut Vec<u8>) -> io::Result<()> {
    from.take(most).read_to_end(bytes)?;
    room_of(bytes.len() as u64)
}

/// Asks for the memory that a text of this length can take.
///
/// # Errors
/// If it is not to be had.
pub(crate) fn room_of(len_bytes: u64) -> io::Result<()> {
    room(len_bytes.saturating_mul(TIMES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_to_be_had_is_an_error() {
        assert!(room(1 << 20).is_ok());
        for bytes in [1 << 60, u64::MAX] {
            let error = room(bytes).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
            assert!(error.to_string().contains(" MiB of memory"), "{error}");
        }
    }
}
