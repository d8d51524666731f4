//! The target `lock_file`: bytes as the text of a lock.

use rimsim::cli::fuzzing::lock;

/// What is a lock is written, and is the same lock when it is read again.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some(written) = lock(text) else { return };
    let again = lock(&written).expect("what was written is a lock");
    assert_eq!(again, written, "a lock is written in one way");
}
