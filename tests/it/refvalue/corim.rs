//! CoRIMs: against recorded files, against an independent reader, and damaged in every way.

use std::fs;
use std::path::Path;

use p384::ecdsa::signature::Verifier as _;
use rimsim::measure::rim::{HashAlgo, Measurement};
use rimsim::refvalue::RealmReference;
use rimsim::refvalue::corim::{Comid, Corim, CorimProfile, Entity, Id, Validity, read};
use rimsim::refvalue::sign::{self, Algorithm, Document, Meta, PublicKey, SigningKey};

/// Keys of tests: nobody else's.
const P384_PKCS8: &str = include_str!("../../corim/p384-pkcs8.pem");
const P256_SEC1: &str = include_str!("../../corim/p256-sec1.pem");

fn example(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corim").join(name);
    fs::read(path).expect("a readable file")
}

fn digest(algo: HashAlgo, seed: u8) -> Measurement {
    let bytes: Vec<u8> =
        (0..=u8::MAX).map(|i| seed.wrapping_add(i)).take(algo.len_bytes()).collect();
    Measurement::from_bytes(algo, &bytes).expect("the algorithm's length")
}

fn bare(algo: HashAlgo, seed: u8) -> RealmReference {
    RealmReference::new(digest(algo, seed))
}

/// Everything that there can be: several Realms of all algorithms, in two tags.
fn full() -> Corim {
    let mut realms: Vec<_> = HashAlgo::ALL.into_iter().map(|algo| bare(algo, 0x10)).collect();
    for (i, algo) in HashAlgo::ALL.into_iter().enumerate() {
        let seed = [0x40, 0x41, 0x42][i];
        let mut realm = bare(algo, seed).with_rpv([seed; 64]);
        for rem in 0..=i {
            realm = realm.with_rem(rem * 2 % 4, digest(algo, seed + 5)).expect("one algorithm");
        }
        realms.push(realm);
    }
    let mut corim = Corim::of(realms.clone());
    let entity = |name: &str, reg_id: Option<&str>, roles: &[i64]| Entity {
        name: name.into(),
        reg_id: reg_id.map(str::to_owned),
        roles: roles.to_vec(),
    };
    corim.tags.push(Comid {
        language: Some("en-GB".into()),
        id: Id::Text("another".into()),
        version: Some(7),
        entities: vec![entity("Maker", None, &[0, 1])],
        realms: realms[..1].to_vec(),
    });
    corim.validity = Validity::new(Some(1_640_908_800), 1_767_139_200);
    let url = Some("https://acme.example");
    corim.entities = vec![entity("ACME Ltd", url, &[Entity::CREATOR, Entity::SIGNER])];
    corim
}

#[test]
fn recorded_files_are_read_and_written_again() {
    for (name, algo, rpv) in [
        ("sha256.cbor", HashAlgo::Sha256, None),
        ("sha512-rpv.cbor", HashAlgo::Sha512, Some([0; 64])),
    ] {
        let bytes = example(name);
        let corim = read(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(corim.to_cbor(), bytes, "{name}");
        let [realm] = corim.tags[0].realms.as_slice() else { panic!("{name}") };
        assert_eq!((realm.algorithm(), realm.rpv().copied()), (algo, rpv), "{name}");
        // All but the tag's UUID, which whoever wrote the file made by a rule of its own.
        let mut own = Corim::of(vec![realm.clone()]);
        assert_ne!(own.tags[0].id, corim.tags[0].id);
        own.tags[0].id = corim.tags[0].id.clone();
        assert_eq!(own.to_cbor(), bytes, "{name}");
    }
}

/// The ids, calculated with Python's `uuid.uuid5`.
#[test]
fn ids_depend_on_the_values_alone() {
    let rim = digest(HashAlgo::Sha256, 1);
    let one = Corim::of(vec![RealmReference::new(rim)]);
    assert_eq!(one.id, Id::Text("cca-realm-0102030405060708".into()));
    let uuid = |text: &str| Id::Uuid(uuid::Uuid::parse_str(text).expect("a UUID").into_bytes());
    assert_eq!(one.tags[0].id, uuid("a1b14888-5383-54b1-850a-b8af42006825"));
    let two = Corim::of(vec![RealmReference::new(rim), bare(HashAlgo::Sha256, 2)]);
    assert_eq!(two.tags[0].id, uuid("a2ffc4b5-0de8-532f-a67b-c6f7a1b35e1e"));
    assert_eq!(two.id, Id::Text("cca-realms-a2ffc4b50de8532f".into()));
    let instance = Corim::of(vec![RealmReference::new(rim).with_rpv([0; 64])]);
    assert_ne!(instance.tags[0].id, one.tags[0].id, "other contents");
}

/// What another implementation sees, as our own types.
fn seen_by_others(map: &corim_rs::CorimMap<'_>) -> Corim {
    use corim_rs::{
        ConciseTagTypeChoice, CorimIdTypeChoice, CorimRoleTypeChoice, ProfileTypeChoice,
    };
    let Some(ProfileTypeChoice::Uri(profile)) = &map.profile else { panic!("no profile") };
    assert_eq!(profile.0.0, "tag:arm.com,2025:cca_realm#1.0.0");
    assert!(map.dependent_rims.is_none() && map.extensions.is_none());
    let CorimIdTypeChoice::Tstr(id) = &map.id else { panic!("an id that is no text") };
    let tags = map.tags.iter().map(|tag| match tag {
        ConciseTagTypeChoice::Mid(tag) => comid_seen(tag.as_ref()),
        other => panic!("{other:?}"),
    });
    let role = |role: &CorimRoleTypeChoice| match role {
        CorimRoleTypeChoice::ManifestCreator => Entity::CREATOR,
        CorimRoleTypeChoice::ManifestSigner => Entity::SIGNER,
        CorimRoleTypeChoice::Extension(other) => *other,
    };
    let entities = map.entities.iter().flatten().map(|entity| Entity {
        name: entity.entity_name.to_string(),
        reg_id: entity.reg_id.as_ref().map(|uri| uri.0.0.to_string()),
        roles: entity.role.iter().map(role).collect(),
    });
    let seconds = |time: &corim_rs::IntegerTime| i64::try_from(time.0.0.0).expect("64 bits");
    let validity = map.rim_validity.as_ref().map(|period| {
        let begin = period.not_before.as_ref().map(seconds);
        Validity::new(begin, seconds(&period.not_after)).expect("a period")
    });
    Corim {
        profile: CorimProfile::Veraison,
        id: Id::Text(id.to_string()),
        tags: tags.collect(),
        validity,
        entities: entities.collect(),
    }
}

fn comid_seen(tag: &corim_rs::ConciseMidTag<'_>) -> Comid {
    use corim_rs::{ComidRoleTypeChoice, TagIdTypeChoice};
    assert!(tag.linked_tags.is_none() && tag.extensions.is_none());
    let id = match &tag.tag_identity.tag_id {
        TagIdTypeChoice::Tstr(text) => Id::Text(text.to_string()),
        TagIdTypeChoice::Uuid(uuid) => Id::Uuid(uuid.0.0),
        other => panic!("{other:?}"),
    };
    let role = |role: &ComidRoleTypeChoice| match role {
        ComidRoleTypeChoice::TagCreator => 0,
        ComidRoleTypeChoice::Creator => 1,
        other => panic!("{other:?}"),
    };
    let entities = tag.entities.iter().flatten().map(|entity| Entity {
        name: entity.entity_name.to_string(),
        reg_id: entity.reg_id.as_ref().map(|uri| uri.0.0.to_string()),
        roles: entity.role.iter().map(role).collect(),
    });
    let triples = tag.triples.reference_triples.as_ref().expect("reference triples");
    Comid {
        language: tag.language.as_ref().map(ToString::to_string),
        id,
        version: tag
            .tag_identity
            .tag_version
            .map(|version| u64::try_from(version.0).expect("a version")),
        entities: entities.collect(),
        realms: triples.iter().map(realm_seen).collect(),
    }
}

fn realm_seen(triple: &corim_rs::ReferenceTripleRecord<'_>) -> RealmReference {
    use corim_rs::{
        ClassIdTypeChoice, HashAlgorithm, MeasuredElementTypeChoice, RawValueTypeChoice,
    };
    assert!(triple.ref_env.instance.is_none() && triple.ref_env.group.is_none());
    let class = triple.ref_env.class.as_ref().expect("a class");
    assert!(class.vendor.is_none() && class.model.is_none() && class.layer.is_none());
    let Some(ClassIdTypeChoice::Bytes(class_id)) = &class.class_id else { panic!("no class-id") };
    let mut realm = None;
    for claim in &triple.ref_claims {
        assert!(claim.authorized_by.is_none());
        let Some(MeasuredElementTypeChoice::Tstr(mkey)) = &claim.mkey else { panic!("no mkey") };
        let value = claim.mval.digests.as_ref().map(|digests| {
            let [digest] = digests.as_slice() else { panic!("{mkey}: not one digest") };
            let algo = match digest.alg {
                HashAlgorithm::Sha256 => HashAlgo::Sha256,
                HashAlgorithm::Sha512 => HashAlgo::Sha512,
                _ => HashAlgo::ALL.into_iter().find(|a| a.len_bytes() == 48).expect("SHA-384"),
            };
            Measurement::from_bytes(algo, digest.val.as_ref()).expect("exactly its length")
        });
        let raw = claim.mval.raw.as_ref().map(|raw| match &raw.raw_value {
            RawValueTypeChoice::TaggedBytes(bytes) => {
                <[u8; 64]>::try_from(bytes.as_ref().as_ref() as &[u8]).expect("64 bytes")
            }
            other => panic!("{other:?}"),
        });
        realm = Some(match (mkey.as_ref(), realm.take(), value, raw) {
            ("cca.rim", None, Some(rim), None) => {
                assert_eq!(rim.as_bytes(), class_id.as_ref().as_ref() as &[u8]);
                RealmReference::new(rim)
            }
            ("cca.rpv", Some(realm), None, Some(rpv)) => RealmReference::with_rpv(realm, rpv),
            (name, Some(realm), Some(rem), None) => {
                let index = name.strip_prefix("cca.rem").expect("a REM").parse().expect("a number");
                RealmReference::with_rem(realm, index, rem).expect("one algorithm")
            }
            other => panic!("{other:?}"),
        });
    }
    realm.expect("a RIM")
}

#[test]
fn another_implementation_reads_what_is_written() {
    let mut all = vec![full()];
    for algo in HashAlgo::ALL {
        all.push(Corim::of(vec![bare(algo, 3)]));
        all.push(Corim::of(vec![bare(algo, 3).with_rpv([8; 64]), bare(algo, 4)]));
    }
    for corim in all {
        let bytes = corim.to_cbor();
        let theirs = corim_rs::Corim::from_cbor(bytes.as_slice()).expect("a CoRIM");
        assert_eq!(seen_by_others(theirs.as_unsigned_ref().expect("unsigned")), corim);
        assert_eq!(read(&bytes).as_ref(), Ok(&corim));
    }
}

#[test]
fn every_truncation_and_every_addition_is_an_error() {
    let meta = Meta { signer: "ACME Ltd".into(), uri: None, validity: None };
    let key = SigningKey::from_pem(P384_PKCS8).expect("a key");
    for bytes in [full().to_cbor(), sign::sign(&full(), &meta, &key)] {
        assert!(sign::read(&bytes).is_ok());
        for len in 0..bytes.len() {
            assert!(sign::read(&bytes[..len]).is_err(), "the first {len} bytes");
        }
        for more in [0x00, 0x40, 0xA0, 0xF6, 0xFF] {
            let longer = [bytes.as_slice(), &[more]].concat();
            let error = sign::read(&longer).expect_err("bytes behind the end").to_string();
            assert!(error.contains("1 bytes behind its end"), "{error}");
        }
    }
}

/// One bit of a file: either it is an error, or something else is read.
#[test]
fn no_flipped_bit_goes_unnoticed() {
    let corim = full();
    let bytes = corim.to_cbor();
    for at in 0..bytes.len() * 8 {
        let mut other = bytes.clone();
        other[at / 8] ^= 1 << (at % 8);
        if let Ok(read) = read(&other) {
            assert_ne!(read, corim, "bit {at}");
        }
    }
}

#[test]
fn signatures_are_those_of_cose() {
    let corim = Corim::of(vec![bare(HashAlgo::Sha512, 9)]);
    let validity = Validity::new(None, 1_767_139_200);
    let uri = Some("https://acme.example".to_owned());
    let meta = Meta { signer: "ACME Ltd signing key".into(), uri, validity };
    for (pem, algorithm, alg) in
        [(P384_PKCS8, Algorithm::Es384, &[0x38, 0x22][..]), (P256_SEC1, Algorithm::Es256, &[0x26])]
    {
        let key = SigningKey::from_pem(pem).expect("a key");
        let bytes = sign::sign(&corim, &meta, &key);
        assert_eq!(bytes, sign::sign(&corim, &meta, &key), "deterministic");
        let Ok(Document::Signed(signed)) = sign::read(&bytes) else { panic!("not signed") };
        assert_eq!((&signed.corim, &signed.meta), (&corim, &meta));
        assert_eq!((signed.algorithm, key.algorithm()), (algorithm, algorithm));
        assert_eq!(signed.verify(&key.public()), Ok(()));

        // The same by hand: d2 84 58 len protected a0 59 len payload 58 len signature.
        assert_eq!(bytes[..3], [0xD2, 0x84, 0x58]);
        let (protected, rest) = bytes[4..].split_at(usize::from(bytes[3]));
        assert!(protected.starts_with(&[&[0xA4, 0x01], alg].concat()), "{protected:02x?}");
        assert_eq!(rest[0], 0xA0, "nothing unprotected");
        let payload = corim.to_cbor();
        let (head, rest) = rest[1..].split_at(3);
        let len = u16::try_from(payload.len()).expect("short").to_be_bytes();
        assert_eq!(head, [0x59, len[0], len[1]]);
        let (inner, rest) = rest.split_at(payload.len());
        assert_eq!(inner, payload);
        let signature = &rest[2..];
        let message = [
            &[0x84, 0x6A][..],
            b"Signature1",
            &[0x58, bytes[3]],
            protected,
            &[0x40],
            head,
            &payload,
        ]
        .concat();
        let good = match algorithm {
            Algorithm::Es384 => {
                use p384::pkcs8::DecodePrivateKey as _;
                let key = p384::SecretKey::from_pkcs8_pem(pem).expect("a key");
                let key = p384::ecdsa::VerifyingKey::from(key.public_key());
                let signature = p384::ecdsa::Signature::from_slice(signature).expect("96 bytes");
                key.verify(&message, &signature).is_ok()
            }
            Algorithm::Es256 => {
                let begin = pem.find("-----BEGIN EC PRIVATE").expect("SEC1");
                let key = p256::SecretKey::from_sec1_pem(&pem[begin..]).expect("a key");
                let key = p256::ecdsa::VerifyingKey::from(key.public_key());
                let signature = p256::ecdsa::Signature::from_slice(signature).expect("64 bytes");
                key.verify(&message, &signature).is_ok()
            }
            Algorithm::Es512 => unreachable!("no key of P-521 signs"),
        };
        assert!(good, "{algorithm:?}");

        // Another implementation takes it apart.
        let theirs = corim_rs::Corim::from_cbor(bytes.as_slice()).expect("a signed CoRIM");
        let theirs = theirs.as_signed().expect("signed");
        assert_eq!(seen_by_others(&theirs.corim_map), corim);
        assert_eq!(theirs.kid, key.public().thumbprint());
    }
}

#[test]
fn wrong_signatures_are_refused() {
    let corim = Corim::of(vec![bare(HashAlgo::Sha256, 9)]);
    let meta = Meta { signer: "ACME Ltd".into(), uri: None, validity: None };
    let key = SigningKey::from_pem(P384_PKCS8).expect("a key");
    let bytes = sign::sign(&corim, &meta, &key);
    let other = PublicKey::from_pem(P256_SEC1).expect("a key");
    let read = |bytes: &[u8]| match sign::read(bytes) {
        Ok(Document::Signed(signed)) => Ok(signed),
        Ok(Document::Unsigned(_)) => panic!("unsigned"),
        Err(error) => Err(error),
    };
    let error = read(&bytes).expect("good").verify(&other).unwrap_err().to_string();
    assert_eq!(error, "it is signed with ES384, and the key is for ES256");
    // Each bit: either it can not be read, or the signature does not hold.
    let mut refused = 0;
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        if let Ok(signed) = read(&damaged) {
            refused += 1;
            assert!(signed.verify(&key.public()).is_err(), "byte {at}");
        }
    }
    assert!(refused > 96 + 32, "{refused}: the signature and the key's id at least");
}
