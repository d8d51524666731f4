//! Attestation tokens as a Realm gets them, read by a decoder of CBOR that knows nothing else.

use rimsim::model::program::GuestAction;
use rimsim::{Command, Profile};

use crate::running_realm::{
    DATA, DATA2, Enter, FIQ, INCOMPLETE, NO_MEMORY, RunningRealm, SYNC, TOKEN_CONTINUE, TOKEN_INIT,
};

const MEASUREMENT_EXTEND: u64 = 0xC400_0193;

/// A value of CBOR (RFC 8949), as far as tokens use it.
#[derive(Clone, Debug, PartialEq)]
enum Cbor {
    Int(i64),
    Bytes(Vec<u8>),
    Text(String),
    Array(Vec<Self>),
    Map(Vec<(Self, Self)>),
    Tag(u64, Box<Self>),
}

impl Cbor {
    /// Reads a value that is all of `bytes`.
    fn read(bytes: &[u8]) -> Self {
        let mut rest = bytes;
        let value = Self::next(&mut rest);
        assert!(rest.is_empty(), "{} bytes after the value", rest.len());
        value
    }

    fn next(rest: &mut &[u8]) -> Self {
        let (first, tail) = rest.split_first().expect("a value");
        *rest = tail;
        let extra = match first & 0x1F {
            short @ 0..24 => return Self::with(first >> 5, short.into(), rest),
            long => 1 << (long - 24),
        };
        assert!(extra <= 8, "an indefinite length");
        let (number, tail) = rest.split_at(extra);
        *rest = tail;
        let number = number.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        assert!(number >= 24 && (extra == 1 || number >> (4 * extra) != 0), "not the shortest");
        Self::with(first >> 5, number, rest)
    }

    fn with(major: u8, number: u64, rest: &mut &[u8]) -> Self {
        let mut take = |len: u64| {
            let (taken, tail) = rest.split_at(usize::try_from(len).expect("a length"));
            *rest = tail;
            taken.to_vec()
        };
        let signed = || i64::try_from(number).expect("small");
        match major {
            0 => Self::Int(signed()),
            1 => Self::Int(-1 - signed()),
            2 => Self::Bytes(take(number)),
            3 => Self::Text(String::from_utf8(take(number)).expect("UTF-8")),
            4 => Self::Array((0..number).map(|_| Self::next(rest)).collect()),
            5 => Self::Map((0..number).map(|_| (Self::next(rest), Self::next(rest))).collect()),
            6 => Self::Tag(number, Box::new(Self::next(rest))),
            _ => panic!("simple values are not part of tokens"),
        }
    }

    #[track_caller]
    fn get(&self, label: i64) -> &Self {
        let Self::Map(pairs) = self else { panic!("{self:?} is no map") };
        let found = pairs.iter().find(|(key, _)| *key == Self::Int(label));
        &found.unwrap_or_else(|| panic!("no claim {label}")).1
    }

    #[track_caller]
    fn bytes(&self) -> &[u8] {
        let Self::Bytes(bytes) = self else { panic!("{self:?} are no bytes") };
        bytes
    }

    /// The payload of a COSE_Sign1.
    #[track_caller]
    fn payload(&self) -> Self {
        let Self::Tag(18, signed) = self else { panic!("{self:?} is no COSE_Sign1") };
        let Self::Array(parts) = &**signed else { panic!("{signed:?}") };
        let [protected, Self::Map(unprotected), payload, signature] = &parts[..] else {
            panic!("{parts:?}");
        };
        assert_eq!(Self::read(protected.bytes()).get(1), &Self::Int(-35), "ES384");
        assert!(unprotected.is_empty() && signature.bytes().len() == 96);
        Self::read(payload.bytes())
    }
}

#[test]
fn tokens_carry_the_measurements() {
    for (algo, len, name) in [(0, 32, "sha-256"), (1, 64, "sha-512")] {
        let mut lab = RunningRealm::with(Profile::TF_RMM, &[("hash_algo", algo), ("rpv", 0xABCD)]);
        for index in 1..=3 {
            lab.smc(&[MEASUREMENT_EXTEND, index, 64, 9, 8, 7, 6, 5, 4, 3, index]);
        }
        let token = lab.fetch_token(0x5A5A_0000_1111, 100);
        let Cbor::Tag(399, both) = Cbor::read(&token) else { panic!("no CCA token") };
        let realm = Cbor::read(both.get(44241).bytes()).payload();
        let platform = Cbor::read(both.get(44234).bytes()).payload();

        let rd = lab.rd;
        let rim = lab.world().rim(rd).unwrap();
        assert_eq!(realm.get(44238).bytes(), rim.as_bytes());
        let rems = lab.world().realm(rd).unwrap().rems();
        let rems: Vec<_> = rems.iter().map(|rem| Cbor::Bytes(rem.as_bytes().to_vec())).collect();
        assert_eq!(realm.get(44239), &Cbor::Array(rems.clone()));
        assert!(rems.iter().all(|rem| rem.bytes().len() == len), "as long as the hash");
        assert_eq!(rems[3].bytes(), vec![0; len], "never extended");
        assert_eq!(realm.get(10).bytes(), 0x5A5A_0000_1111_u64.to_le_bytes().repeat(8));
        assert_eq!(realm.get(44235).bytes()[..3], [0xCD, 0xAB, 0]);
        assert_eq!(realm.get(44236), &Cbor::Text(name.into()));
        assert_eq!(platform.get(10).bytes().len(), 32, "bound to the Realm's key");
    }
}

#[test]
fn equal_claims_give_equal_tokens_in_any_pieces() {
    let mut lab = RunningRealm::new(Profile::TF_RMM);
    let whole = lab.fetch_token(7, 0x1000);
    for size in [1, 333, 0x800] {
        assert_eq!(lab.clone().fetch_token(7, size), whole, "in pieces of {size}");
    }
    assert_ne!(lab.clone().fetch_token(8, 0x1000), whole, "another challenge");
    let mut other = RunningRealm::with(Profile::TF_RMM, &[("num_bps", 4)]);
    assert_ne!(other.fetch_token(7, 0x1000), whole, "another RIM");
    lab.smc(&[MEASUREMENT_EXTEND, 1, 0]);
    assert_ne!(lab.fetch_token(7, 0x1000), whole, "another REM");
}

#[test]
fn the_claims_are_those_of_the_first_call() {
    let mut lab = RunningRealm::new(Profile::TF_RMM);
    let before = lab.clone().fetch_token(7, 0x1000);
    let call = [&[TOKEN_INIT], &[7; 8][..]].concat();
    lab.smc(&call);
    lab.smc(&[MEASUREMENT_EXTEND, 1, 0]);
    assert_eq!(lab.smc(&[TOKEN_CONTINUE, DATA, 0, 0x1000])[0], 0);
    assert_eq!(lab.load(DATA, before.len() as u64), before);
}

#[test]
fn a_page_that_is_gone_costs_no_byte() {
    let mut lab = RunningRealm::new(Profile::TF_RMM);
    let whole = lab.clone().fetch_token(7, 0x1000);
    lab.smc(&[&[TOKEN_INIT], &[7; 8][..]].concat());
    assert_eq!(lab.smc(&[TOKEN_CONTINUE, DATA, 0, 100])[..2], [INCOMPLETE, 100]);
    assert_eq!(lab.smc(&[TOKEN_CONTINUE, DATA, 0, 0])[..2], [INCOMPLETE, 0], "nothing asked");
    // Where there is no memory the call waits; where the Realm can not write it fails.
    assert_eq!(lab.smc(&[TOKEN_CONTINUE, lab.ns, 0, 100])[..2], [1, 0]);
    lab.queue(0, GuestAction::Smc(vec![TOKEN_CONTINUE, NO_MEMORY, 8, 50]));
    for _ in 0..2 {
        assert_eq!(lab.run(0, &Enter::default()).reason(), SYNC);
    }
    let (rd, data) = (lab.rd, lab.scene.delegated());
    lab.scene.must(Command::DataCreateUnknown { rd, data, ipa: NO_MEMORY });
    assert_eq!(lab.run(0, &Enter::default()).reason(), FIQ);
    assert_eq!(lab.result(0)[..2], [INCOMPLETE, 50]);
    assert_eq!(lab.load(NO_MEMORY + 8, 50), whole[100..150]);
    // The page of the first piece is destroyed; the rest comes into another.
    lab.scene.must(Command::DataDestroy { rd, ipa: DATA });
    assert_eq!(lab.smc(&[TOKEN_CONTINUE, DATA2, 0, 0x1000])[..2], [0, whole.len() as u64 - 150]);
    assert_eq!(lab.load(DATA2, whole.len() as u64 - 150), whole[150..]);
    assert_eq!(lab.smc(&[TOKEN_CONTINUE, DATA2, 0, 0x1000])[0], 2, "it was handed out");
}

/// Asking again starts again, with one token a REC.
#[test]
fn another_init_drops_what_was_left() {
    let mut lab = RunningRealm::new(Profile::TF_RMM);
    let whole = lab.clone().fetch_token(7, 0x1000);
    lab.smc(&[TOKEN_INIT, 1]);
    assert_eq!(lab.smc(&[TOKEN_CONTINUE, DATA, 0, 100])[0], INCOMPLETE);
    assert_eq!(lab.fetch_token(7, 0x800), whole);
    // The other REC of the Realm has asked for nothing.
    lab.act(2, GuestAction::Smc(vec![TOKEN_CONTINUE, DATA, 0, 1]));
    assert_eq!(lab.result(2)[0], 2);
}
