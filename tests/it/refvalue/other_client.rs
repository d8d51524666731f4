//! What is written, read by somebody else's verifier library: the crate `corim` (Microsoft) with
//! its profile of CCA Realms (draft-ydb-rats-cca-endorsements-04).

use corim::profile::ProfileRegistry;
use corim::profile::cca::CcaRealmProfile;
use corim::validate::decode_and_validate_full_at_with_registry as validated;
use rimsim::measure::rim::{HashAlgo, Measurement};
use rimsim::refvalue::RealmReference;
use rimsim::refvalue::corim::{Corim, CorimProfile, Validity};

/// 2026-11-29.
const NOW: i64 = 1_795_910_400;

fn realm(algo: HashAlgo, seed: u8) -> RealmReference {
    let digest = |seed| Measurement::from_bytes(algo, &vec![seed; algo.len_bytes()]);
    let realm = RealmReference::new(digest(seed).expect("its length"));
    let realm = realm.with_rem(1, digest(seed + 1).expect("its length"));
    realm.expect("one algorithm").with_rpv([seed; 64])
}

#[test]
fn another_verifier_takes_both_profiles() {
    let mut registry = ProfileRegistry::new();
    registry.register(Box::new(CcaRealmProfile::new()));
    for algo in HashAlgo::ALL {
        let named = [1, 50].map(|seed| (format!("web {seed}"), realm(algo, seed)));
        let several = Corim::of(vec![realm(algo, 1), realm(algo, 50)]);
        for corim in [Corim::of(vec![realm(algo, 9)]), several, Corim::named(named.into_iter())] {
            for profile in CorimProfile::ALL {
                let dated = Validity::new(Some(NOW - 9), NOW + 9);
                let corim = Corim { profile, validity: dated, ..corim.clone() };
                let bytes = corim.to_cbor();
                let read = validated(&bytes, NOW, &registry);
                let read = read.unwrap_or_else(|error| panic!("{profile:?} {algo:?}: {error}"));
                assert_eq!(read.comids.len(), corim.tags.len());
                assert!(validated(&bytes, NOW + 10, &registry).is_err(), "expired");
            }
        }
    }
    // It does look: a key of measurements that the profile does not have is refused.
    let corim =
        Corim { profile: CorimProfile::Draft04, ..Corim::of(vec![realm(HashAlgo::ALL[0], 1)]) };
    let mut bytes = corim.to_cbor();
    let at = bytes.windows(8).position(|window| window == b"cca.rem1").expect("a REM");
    bytes[at + 7] = b'7';
    assert!(validated(&bytes, NOW, &registry).is_err());
}
