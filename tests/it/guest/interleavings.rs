//! Laws over interleavings of Host and Realm (`interleaving`).

use std::collections::BTreeMap;

use proptest::prelude::*;
use rimsim::Profile;

use crate::interleaving::Play;
use crate::random_steps::Record;

/// Ends of commands that have to be seen.
const ENDS: &[(&str, &str)] =
    &[("REC_ENTER", "exit 0, exit 1, exit 2, exit 3, exit 4, exit 5, exit 6")];

/// The RMMs that Realms run under.
const PLAYED: [Profile; 3] = [Profile::TF_RMM, Profile::SPEC, Profile::TF_RMM_2];

proptest! {
    #![proptest_config(ProptestConfig { cases: crate::cases(24), ..ProptestConfig::default() })]

    /// 19 to 22, 24, 29, 37 to 39, and 1 to 6, 31 to 33 and 42 with Realms that run.
    #[test]
    fn interleavings_of_host_and_realm(
        records in prop::collection::vec(any::<Record>(), 1..200),
        which in 0..PLAYED.len(),
    ) {
        let mut play = Play::new(PLAYED[which]);
        for record in &records {
            play.step(record);
        }
    }
}

/// A play that only fails proves nothing.
#[test]
fn plays_go_everywhere() {
    let mut seen = BTreeMap::new();
    let mut state = 0_u64;
    for profile in PLAYED.repeat(6) {
        let mut play = Play::new(profile);
        for _ in 0..150 {
            state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
            let record = (state ^ state >> 31).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
            play.step(&record);
        }
        for (end, count) in play.seen {
            *seen.entry(end).or_insert(0) += count;
        }
    }
    for (command, ends) in ENDS {
        for end in ends.split(", ") {
            let count = seen.get(&(*command, end.to_owned())).copied().unwrap_or(0);
            assert!(count > 0, "{command} {end}: {seen:?}");
        }
    }
}
