//! The target `saved_events`: bytes as two files of saved events, which are compared.

use rimsim::explain::{compare, read_events};

/// What parts the two files.
const BETWEEN: &[u8] = b"\n--\n";

/// A trail is equal to itself, and what differs from A to B differs from B to A.
pub fn run(data: &[u8]) {
    let at = data.windows(BETWEEN.len()).position(|found| found == BETWEEN);
    let (a, b) = at.map_or((data, data), |at| (&data[..at], &data[at + BETWEEN.len()..]));
    let (a, b) = (read_events(a), read_events(b));
    for trail in [&a, &b].into_iter().flatten() {
        assert!(compare(trail, trail).is_equal());
    }
    let (Ok(a), Ok(b)) = (a, b) else { return };
    let (there, back) = (compare(&a, &b), compare(&b, &a));
    assert_eq!(there.is_equal(), back.is_equal());
}
