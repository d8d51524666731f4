//! Laws over interleavings of Host and Realm (`play`).

use proptest::prelude::*;
use rimsim::Profile;

use crate::play::Play;
use crate::steps::Record;

proptest! {
    #![proptest_config(ProptestConfig { cases: crate::cases(24), ..ProptestConfig::default() })]

    /// 19 to 22, 24, 29, 37 to 39, and 1 to 6, 31 to 33 and 42 with Realms that run.
    #[test]
    fn interleavings_of_host_and_realm(
        records in prop::collection::vec(any::<Record>(), 1..200),
        text in any::<bool>(),
    ) {
        let mut play = Play::new(Profile::ALL[usize::from(text)]);
        for record in &records {
            play.step(record);
        }
    }
}
