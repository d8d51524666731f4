//! Profiles of tokens: each as a row of a table, padded measurements, and what `World` makes.

use rimsim::Profile;
use rimsim::evidence::{Accept, Collection, MecPolicy, Token, TokenProfile, rim_of_token};

use super::tokens::{believed, cpak};
use crate::evidence::token_maker::{
    Maker, RIM, array, bytes, collection, head, int, map, records, text,
};
use crate::running_realm::RunningRealm;

/// Every profile is read in either collection, and says what it has.
#[test]
fn profiles_are_rows_of_a_table() {
    let made = Maker::of_2024();
    let (realm, platform) = (made.realm.sign(), made.platform.sign());
    let named = vec![
        (int(44234), array(&[int(263), bytes(&platform)])),
        (text("__cmwc_t"), text("tag:example.com,2026:any")),
        (int(44241), array(&[int(263), bytes(&realm)])),
    ];
    let halves = [(44241, realm), (44234, platform)];
    let mut draft = made.clone();
    draft.realm.put(44243, text("private"));
    draft.realm.put(44244, int(1));
    draft.realm.put(44257, bytes(&[7; 48]));
    draft.realm.remove(256);
    draft.platform.put(265, text("tag:arm.com,2024:cca_platform#2.0.0"));
    draft.platform.put(2394, int(1));
    draft.platform.put(2404, array(&[map(&vec![(int(1), int(2))])]));
    for (token, collection) in [
        (made.token(), Collection::Cmw),
        (records(&halves), Collection::Cmw),
        ([head(6, 907), map(&named)].concat(), Collection::Cmw),
        (collection(&halves), Collection::Eat),
        (draft.token(), Collection::Cmw),
    ] {
        let read = believed(&token, &cpak(&made)).expect("a token");
        assert_eq!(read.collection, collection);
        let claims = &read.realm_claims;
        assert_eq!(
            (claims.profile, claims.mec_policy),
            (TokenProfile::Arm2024, Some(MecPolicy::Private))
        );
        assert_eq!(rim_of_token(&token).as_deref(), Ok(&RIM[..]));
    }
    let read = believed(&draft.token(), &cpak(&made)).expect("a token");
    assert_eq!(read.realm_claims.allows_live_activation, Some(true));
    assert_eq!(read.realm_claims.devices_hash.as_deref(), Some(&[7; 48][..]));
    let identity = read.platform_claims.identity.expect("a platform");
    assert_eq!(identity.others, [(2394, "client id"), (2404, "extension devices")]);
    // TF-RMM 0.8: a MEC policy, and no profile.
    let mut early = Maker::legacy();
    early.tag = 907;
    early.realm.put(256, bytes(&[1; 33]));
    early.realm.put(44243, int(0));
    let read = believed(&early.token(), &cpak(&early)).expect("a token");
    assert_eq!(read.realm_claims.profile, TokenProfile::Legacy);
    assert_eq!(read.realm_claims.instance_id, Some([1; 33]));
}

/// Digests that old tools made longer are named, and taken only if that is wanted.
#[test]
fn padded_measurements_have_a_name() {
    let mut made = Maker::legacy();
    let padded = |byte: u8| bytes(&[&[byte; 32][..], &[0; 32]].concat());
    made.realm.put(44238, padded(0xA5));
    made.realm.put(44239, array(&[padded(1), padded(0), bytes(&[2; 32]), padded(3)]));
    let error = Token::read(&made.token(), Accept::default()).unwrap_err().to_string();
    assert!(error.contains("it is sha-256, padded to 64 bytes with zeros"), "{error}");
    let accept = Accept { padded: true, ..Accept::default() };
    let token = Token::read(&made.token(), accept).expect("a token");
    assert_eq!(token.realm_claims.rim.as_bytes(), RIM);
    assert_eq!(token.realm_claims.rems[3].as_bytes(), [3; 32]);
    assert_eq!(token.padded.len(), 4);
    assert!(token.padded[0].contains("claim 44238 (RIM): sha-256, padded to 64 bytes"));
    made.realm.put(44238, bytes(&[&[0xA5; 32][..], &[0; 31], &[1]].concat()));
    assert!(Token::read(&made.token(), accept).is_err(), "one byte of it is no zero");
}

/// What a Realm under RMM 2.0 gets is what TF-RMM 0.9 writes, in its order.
#[test]
fn realms_of_rmm_2_get_tokens_of_2024() {
    let claims_of = |bytes: &[u8]| {
        let token = Token::read(bytes, Accept::default()).expect("a token");
        let rak = token.realm_claims.rak().expect("a key");
        assert_eq!(believed(bytes, &rak), Ok(token.clone()));
        token
    };
    let mut lab = RunningRealm::new(Profile::TF_RMM);
    for profile in TokenProfile::ALL {
        lab.world().set_token_profile(profile);
        let token = claims_of(&lab.clone().fetch_token(7, 0x1000));
        assert_eq!(token.realm_claims.profile, profile);
        let is_new = profile == TokenProfile::Arm2024;
        assert_eq!(token.collection == Collection::Cmw, is_new);
        assert_eq!(token.realm_claims.mec_policy, is_new.then_some(MecPolicy::Shared));
        assert_eq!(token.realm_claims.instance_id.is_some(), is_new);
        let keys: Vec<i64> = keys_of(&token.realm.payload);
        if is_new {
            assert_eq!(keys, [10, 256, 44235, 44237, 44236, 44240, 44243, 265, 44238, 44239]);
        }
    }
}

/// The keys of a map of byte strings, texts, numbers and lists of byte strings, in their order.
fn keys_of(bytes: &[u8]) -> Vec<i64> {
    let mut decoder = minicbor::Decoder::new(bytes);
    let count = decoder.map().expect("a map").expect("a length");
    let mut next = || {
        let key = decoder.i64().expect("a key");
        decoder.skip().expect("a value");
        key
    };
    (0..count).map(|_| next()).collect()
}
