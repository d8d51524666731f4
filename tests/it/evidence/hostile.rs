//! Hostile tokens and CoRIMs, by a mutator that always makes the same ones: nothing malformed is
//! read, however well it is signed, and nothing that another key signed is believed.

use rimsim::encoding::x509::Anchors;
use rimsim::evidence::{Accept, Asked, Expectation, PublicKey, Token, compare};
use rimsim::refvalue::sign::{self, Document};

use crate::cli::Folder;
use crate::evidence::certificates::{Made, chain, signed_corim};
use crate::evidence::token_maker::{Half, Key, Maker, RIM, bytes, collection, head, int, records};
use crate::evidence::tokens::{believed, cpak};

/// Numbers that look random (splitmix64).
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("below the end")
    }

    /// One change of some bytes, whatever it makes of them.
    fn changed(&mut self, good: &[u8]) -> Vec<u8> {
        let mut bytes = good.to_vec();
        let (at, byte) = (self.below(good.len()), self.next().to_le_bytes()[0]);
        let end = good.len().min(at + 1 + self.below(40));
        match self.next() % 8 {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, byte),
            2 => drop(bytes.remove(at)),
            3 => bytes[at] = byte,
            4 => drop(bytes.splice(at..at, good[at..end].iter().copied())),
            5 => drop(bytes.drain(at..end)),
            6 => bytes[at..end].reverse(),
            _ => bytes[at] ^= 1 << (byte % 8),
        }
        bytes
    }
}

/// The kind of a value, the number in its head, and what follows the head.
fn parts(value: &[u8]) -> (u8, u64, &[u8]) {
    let (major, info) = (value[0] >> 5, value[0] & 0x1F);
    let extra = match info {
        24 => 1,
        25 => 2,
        26 => 4,
        27 => 8,
        _ => return (major, info.into(), &value[1..]),
    };
    let number = value[1..1 + extra].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    (major, number, &value[1 + extra..])
}

/// A head that takes more bytes than it needs.
fn long_head(major: u8, number: u64) -> Vec<u8> {
    let (info, len) = match head(major, number).len() {
        1 => (24, 1),
        2 => (25, 2),
        3 => (26, 4),
        _ => (27, 8),
    };
    [&[major << 5 | info], &number.to_be_bytes()[8 - len..]].concat()
}

/// What a value may not be, by class.
fn malformed(value: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let (major, number, rest) = parts(value);
    let mut list = vec![
        ("long form", [&long_head(major, number), rest].concat()),
        ("null", vec![0xF6]),
        ("undefined", vec![0xF7]),
        ("a float", vec![0xF9, 0x3C, 0]),
        ("a break", vec![0xFF]),
        ("a reserved head", vec![0x1C | major << 5]),
        ("deep", [&[0x81; 64][..], &[0]].concat()),
        ("tagged", [&[0xC1][..], value].concat()),
        ("in an array", [&[0x81][..], value].concat()),
        ("a huge number of entries", head(4, u64::MAX)),
        ("a huge map", head(5, 1 << 40)),
    ];
    if (2..=5).contains(&major) {
        let endless = match major {
            2 | 3 => [&[major << 5 | 0x1F][..], value, &[0xFF]].concat(),
            _ => [&[major << 5 | 0x1F][..], rest, &[0xFF]].concat(),
        };
        list.push(("indefinite", endless));
        list.push(("a huge length", [&head(major, 1 << 62)[..], rest].concat()));
        list.push(("a length that wraps", [&head(major, u64::MAX)[..], rest].concat()));
    }
    list
}

/// Claims that have to be there.
const NEEDED: &[i64] =
    &[10, 44235, 44236, 44237, 44238, 44239, 44240, 2396, 2401, 2395, 2402, 2399];

fn assembled(tag: u64, platform: Vec<u8>, realm: Vec<u8>) -> Vec<u8> {
    let halves = [(44234, platform), (44241, realm)];
    if tag == 907 { records(&halves) } else { collection(&halves) }
}

/// Halves with one claim that is wrong in its form, by class.
fn wrong_claims(half: &Half) -> Vec<(String, Half)> {
    let mut list = Vec::new();
    for (i, (key, value)) in half.claims.iter().enumerate() {
        let name = parts(key).1;
        let mut add = |class: &str, change: &dyn Fn(&mut Half)| {
            let mut wrong = half.clone();
            change(&mut wrong);
            list.push((format!("claim {name}: {class}"), wrong));
        };
        for (class, other) in malformed(value) {
            add(class, &|half| half.claims[i].1.clone_from(&other));
        }
        add("twice", &|half| half.claims.push((key.clone(), value.clone())));
        add("a long key", &|half| half.claims[i].0 = long_head(0, name));
        add("a key of bytes", &|half| half.claims[i].0 = bytes(&[1]));
        if NEEDED.contains(&name.cast_signed()) {
            add("missing", &|half| drop(half.claims.remove(i)));
        }
    }
    list
}

#[test]
fn nothing_malformed_is_read_whoever_signed_it() {
    let mut count = 0;
    for made in [Maker::new(), Maker::of_2024(), Maker::legacy()] {
        let (platform, realm) = (made.platform.sign(), made.realm.sign());
        for (class, wrong) in wrong_claims(&made.realm) {
            let token = assembled(made.tag, platform.clone(), wrong.sign());
            assert!(Token::read(&token, Accept::default()).is_err(), "realm token, {class}");
            count += 1;
        }
        for (class, wrong) in wrong_claims(&made.platform) {
            let token = assembled(made.tag, wrong.sign(), realm.clone());
            assert!(Token::read(&token, Accept::default()).is_err(), "platform token, {class}");
            count += 1;
        }
    }
    assert!(count >= 632, "{count}");
}

/// Halves that are signed as they should not be, by class.
fn lies(half: &Half) -> Vec<(String, Vec<u8>)> {
    let [protected, unprotected, payload, signature] = half.parts();
    let framed = |parts: [&[u8]; 4]| [&head(6, 18)[..], &[0x84], &parts.concat()].concat();
    let raw = parts(&signature).2;
    let (r, s) = raw.split_at(raw.len() / 2);
    let mut list = Vec::new();
    for alg in [-7, -35, -36, -8, -37, 0, 5, 1000] {
        let mut confused = half.clone();
        confused.protected = vec![(int(1), int(alg))];
        let [protected, ..] = confused.parts();
        if protected != half.parts()[0] {
            let name = format!("algorithm {alg}, signed as before");
            list.push((name, framed([&protected, &unprotected, &payload, &signature])));
            list.push((format!("algorithm {alg}, signed anew"), confused.sign()));
        }
        let mut loose = half.clone();
        loose.protected.clear();
        loose.unprotected = vec![(int(1), int(alg))];
        list.push((format!("algorithm {alg}, not signed"), loose.sign()));
    }
    let der = p384::ecdsa::Signature::from_slice(raw).expect("r and s").to_der();
    for (class, other) in [
        ("no signature", vec![]),
        ("zeros", vec![0; raw.len()]),
        ("ones", vec![0xFF; raw.len()]),
        ("half a signature", r.to_vec()),
        ("r twice", [r, r].concat()),
        ("s and r", [s, r].concat()),
        ("zero for r", [&vec![0; r.len()], s].concat()),
        ("zero for s", [r, &vec![0; s.len()]].concat()),
        ("DER", der.as_bytes().to_vec()),
        ("one byte more", [raw, &[0]].concat()),
    ] {
        list.push((class.into(), framed([&protected, &unprotected, &payload, &bytes(&other)])));
    }
    for key in [Key::es256(9), Key::es384(77), Key::es512(9)] {
        let mut other = half.clone();
        other.protected = vec![(int(1), int(key.alg()))];
        other.key = key;
        list.push(("another key".to_owned(), other.sign()));
    }
    let detached = framed([&protected, &unprotected, &[0xF6], &signature]);
    list.push(("no payload".to_owned(), detached));
    list
}

#[test]
fn no_lie_is_believed() {
    let mut count = 0;
    let mut refused = |class: &str, token: &[u8], key: &PublicKey| {
        assert!(believed(token, key).is_err(), "{class}");
        count += 1;
    };
    for made in [Maker::new(), Maker::of_2024(), Maker::legacy()] {
        let key = cpak(&made);
        let (platform, realm) = (made.platform.sign(), made.realm.sign());
        for (class, lie) in lies(&made.realm) {
            refused(&class, &assembled(made.tag, platform.clone(), lie), &key);
        }
        for (class, lie) in lies(&made.platform) {
            refused(&class, &assembled(made.tag, lie, realm.clone()), &key);
        }
        refused("swapped", &assembled(made.tag, realm.clone(), platform.clone()), &key);
        refused("realm twice", &assembled(made.tag, realm.clone(), realm.clone()), &key);
        refused("platform twice", &assembled(made.tag, platform.clone(), platform.clone()), &key);
        // The Realm of another token, whose RAK this platform does not know.
        let mut other = made.clone();
        other.realm.key = Key::es384(8);
        let (x, y) = other.realm.key.point();
        other.realm.put(44237, bytes(&[&[4], &x[..], &y].concat()));
        refused("another RAK", &assembled(made.tag, platform.clone(), other.realm.sign()), &key);
        // The RAK is right, and another key signed.
        let mut other = made.clone();
        other.realm.key = Key::es384(8);
        refused("not by the RAK", &assembled(made.tag, platform, other.realm.sign()), &key);
        for key in [Key::es256(9), Key::es512(9), Key::es384(10)] {
            let key = PublicKey::from_pem(&key.pem()).expect("a key");
            refused("another CPAK", &made.token(), &key);
        }
        let token = made.token();
        let mut seeded = Seeded(made.tag);
        for number in 0..150 {
            let changed = seeded.changed(&token);
            if changed != token {
                refused(&format!("change {number}"), &changed, &key);
            }
        }
    }
    assert!(count >= 600, "{count}");
}

/// Where the values of a document begin, those inside byte strings that are documents, too.
fn values(document: &[u8], base: usize, found: &mut Vec<usize>) -> Option<usize> {
    found.push(base);
    let (first, total) = (*document.first()?, document.len());
    if first & 0x1F > 27 {
        return None;
    }
    let (major, number, rest) = parts(document);
    let mut at = total - rest.len();
    let children = match major {
        2 | 3 => {
            let end = at.checked_add(usize::try_from(number).ok()?).filter(|end| *end <= total)?;
            let mut inner = Vec::new();
            if major == 2 && values(&document[at..end], base + at, &mut inner) == Some(end - at) {
                found.extend(inner);
            }
            return Some(end);
        }
        4 => number,
        5 => number * 2,
        6 => 1,
        _ => 0,
    };
    for _ in 0..children {
        at += values(document.get(at..)?, base + at, found)?;
    }
    Some(at)
}

/// One change at a value's head, whatever it makes of what stands around it.
fn changed_heads(document: &[u8], at: usize) -> Vec<Vec<u8>> {
    let (before, value) = document.split_at(at);
    let (major, number, rest) = parts(value);
    let with = |head: &[u8]| [before, head, rest].concat();
    let mut list = vec![
        with(&long_head(major, number)),
        with(&[major << 5 | 0x1F]),
        with(&[major << 5 | 0x1C]),
        with(&head(major, 1 << 40)),
        with(&head(major, u64::MAX)),
        with(&head(major, number + 1)),
        with(&head((major + 1) % 8, number)),
        with(&[]),
        [before, &[0xF6], rest].concat(),
        [before, &head(major, number), value].concat(),
    ];
    list.retain(|changed| changed != document);
    list
}

#[test]
fn no_changed_corim_is_believed() {
    let good = signed_corim(&Made::leaf().key, &chain());
    let anchors = Anchors::from_bytes(&Made::root().der()).expect("an anchor");
    let Ok(Document::Signed(known)) = sign::read(&good) else { panic!("a signed CoRIM") };
    assert!(known.verify_by(&anchors).is_ok());
    let unsigned = known.corim.to_cbor();
    let mut places = Vec::new();
    assert_eq!(values(&good, 0, &mut places), Some(good.len()));
    let mut hostile: Vec<Vec<u8>> =
        places.iter().flat_map(|at| changed_heads(&good, *at)).collect();
    let mut seeded = Seeded(18);
    hostile.extend((0..200).map(|_| seeded.changed(&good)).filter(|changed| *changed != good));
    let mut count = hostile.len();
    for changed in hostile {
        if let Ok(Document::Signed(read)) = sign::read(&changed) {
            let proven = read.verify_by(&anchors);
            assert!(proven.is_err(), "{proven:?} of {changed:02x?}");
        }
    }
    // What nobody signed says what its bytes say: one document has one spelling.
    places.clear();
    assert_eq!(values(&unsigned, 0, &mut places), Some(unsigned.len()));
    let mut hostile: Vec<Vec<u8>> =
        places.iter().flat_map(|at| changed_heads(&unsigned, *at)).collect();
    hostile.extend((0..200).map(|_| seeded.changed(&unsigned)));
    hostile.retain(|changed| *changed != unsigned);
    count += hostile.len();
    for changed in hostile {
        if let Ok(Document::Unsigned(read)) = sign::read(&changed) {
            assert_ne!(read, known.corim, "{changed:02x?}");
            assert_eq!(read.to_cbor(), changed, "a second spelling");
        }
    }
    assert!(count >= 417, "{count}");
}

/// A few of each kind through the command: never 0.
#[test]
fn the_command_refuses_them_too() {
    let folder = Folder::new("hostile");
    let made = Maker::of_2024();
    let rim = rimsim::encoding::text::hex(&RIM);
    folder.file("cpak.pem", made.platform.key.pem()).file("root.pem", Made::root().pem());
    folder.file("good.cbor", made.token());
    let (platform, realm) = (made.platform.sign(), made.realm.sign());
    let verify = ["verify", "bad.cbor", "--cpak", "cpak.pem", "--expect-rim", &rim];
    let wrong = wrong_claims(&made.realm).into_iter().step_by(37);
    for (class, half) in wrong {
        folder.file("bad.cbor", assembled(907, platform.clone(), half.sign()));
        assert_eq!(folder.rimsim(&verify).status.code(), Some(2), "{class}");
    }
    for (class, lie) in lies(&made.platform).into_iter().step_by(9) {
        folder.file("bad.cbor", assembled(907, lie, realm.clone()));
        let code = folder.rimsim(&verify).status.code();
        assert!(matches!(code, Some(2 | 3)), "{class}: {code:?}");
    }
    let corim = signed_corim(&Made::leaf().key, &chain());
    let mut seeded = Seeded(7);
    let of_corim = ["verify", "good.cbor", "--trust-anchor", "root.pem", "--expect", "bad.corim"];
    for number in 0..12 {
        folder.file("bad.corim", seeded.changed(&corim));
        let code = folder.rimsim(&of_corim).status.code();
        assert!(matches!(code, Some(2 | 3)), "change {number}: {code:?}");
    }
    // And what they were made of is good.
    folder.file("bad.corim", corim);
    assert_eq!(folder.rimsim(&of_corim).status.code(), Some(0));
    let token = believed(&made.token(), &cpak(&made)).expect("a token");
    let expected = Expectation::of_rim("it", RIM.to_vec());
    assert!(compare(&token.realm_claims, &[expected], &Asked::default()).expect("one").is_match());
}
