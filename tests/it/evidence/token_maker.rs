//! Tokens made by hand, of whatever parts a test wants: right ones, and wrong ones that are signed.
//!
//! The encoder of CBOR is a few lines of its own; nothing of the library makes these tokens.

use p384::ecdsa::signature::{RandomizedSigner as _, Signer as _};
use p521::elliptic_curve::rand_core::{CryptoRng, Error, RngCore};

/// The head of a value, in its shortest form.
pub(crate) fn head(major: u8, number: u64) -> Vec<u8> {
    let (info, extra) = match number {
        0..24 => (number.to_le_bytes()[0], 0),
        24..0x100 => (24, 1),
        0x100..0x1_0000 => (25, 2),
        0x1_0000..0x1_0000_0000 => (26, 4),
        _ => (27, 8),
    };
    [&[major << 5 | info], &number.to_be_bytes()[8 - extra..]].concat()
}

pub(crate) fn int(number: i64) -> Vec<u8> {
    match u64::try_from(number) {
        Ok(number) => head(0, number),
        Err(_) => head(1, (-1 - number).cast_unsigned()),
    }
}

pub(crate) fn bytes(bytes: &[u8]) -> Vec<u8> {
    [&head(2, bytes.len() as u64)[..], bytes].concat()
}

pub(crate) fn text(text: &str) -> Vec<u8> {
    [&head(3, text.len() as u64)[..], text.as_bytes()].concat()
}

pub(crate) fn array(items: &[Vec<u8>]) -> Vec<u8> {
    [head(4, items.len() as u64), items.concat()].concat()
}

/// Keys and values that are encoded already.
pub(crate) type Entries = Vec<(Vec<u8>, Vec<u8>)>;

pub(crate) fn map(entries: &Entries) -> Vec<u8> {
    let all = entries.iter().flat_map(|(key, value)| [&key[..], value].concat());
    head(5, entries.len() as u64).into_iter().chain(all).collect()
}

/// No randomness at all: p521 takes some where the others need none.
struct Fixed;

impl RngCore for Fixed {
    fn next_u32(&mut self) -> u32 {
        7
    }

    fn next_u64(&mut self) -> u64 {
        7
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        spread(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        spread(bytes);
        Ok(())
    }
}

impl CryptoRng for Fixed {}

/// A number that is below the curve's order, whichever end is the first.
fn spread(bytes: &mut [u8]) {
    bytes.fill(0);
    let middle = bytes.len() / 2;
    bytes[middle] = 7;
}

/// A key pair that signs tokens.
#[derive(Clone)]
pub(crate) enum Key {
    Es256(p256::ecdsa::SigningKey),
    Es384(p384::ecdsa::SigningKey),
    Es512(p521::ecdsa::SigningKey),
}

impl Key {
    pub(crate) fn es256(seed: u8) -> Self {
        Self::Es256(p256::ecdsa::SigningKey::from_slice(&[seed; 32]).expect("a scalar"))
    }

    pub(crate) fn es384(seed: u8) -> Self {
        Self::Es384(p384::ecdsa::SigningKey::from_slice(&[seed; 48]).expect("a scalar"))
    }

    pub(crate) fn es512(seed: u8) -> Self {
        let scalar = [&[0][..], &[seed; 65]].concat();
        Self::Es512(p521::ecdsa::SigningKey::from_slice(&scalar).expect("a scalar"))
    }

    pub(crate) fn alg(&self) -> i64 {
        match self {
            Self::Es256(_) => -7,
            Self::Es384(_) => -35,
            Self::Es512(_) => -36,
        }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Es256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_bytes().to_vec()
            }
            Self::Es384(key) => {
                let signature: p384::ecdsa::Signature = key.sign(message);
                signature.to_bytes().to_vec()
            }
            Self::Es512(key) => {
                let mut random = Fixed;
                let signature: p521::ecdsa::Signature = key.sign_with_rng(&mut random, message);
                signature.to_bytes().to_vec()
            }
        }
    }

    /// The public half, as `openssl ec -pubout` writes it.
    pub(crate) fn pem(&self) -> String {
        use p384::pkcs8::EncodePublicKey as _;
        let ending = p384::pkcs8::LineEnding::LF;
        let pem = match self {
            Self::Es256(key) => key.verifying_key().to_public_key_pem(ending),
            Self::Es384(key) => key.verifying_key().to_public_key_pem(ending),
            Self::Es512(key) => {
                let key = p521::ecdsa::VerifyingKey::from(key);
                let point = key.to_encoded_point(false);
                let key = p521::PublicKey::from_sec1_bytes(point.as_bytes()).expect("a point");
                key.to_public_key_pem(ending)
            }
        };
        pem.expect("a public key")
    }

    /// x and y of a P-384 key.
    pub(crate) fn point(&self) -> (Vec<u8>, Vec<u8>) {
        let Self::Es384(key) = self else { panic!("the RAK is a key of P-384") };
        let point = key.verifying_key().to_encoded_point(false);
        (point.x().expect("x").to_vec(), point.y().expect("y").to_vec())
    }
}

/// A COSE_Sign1 in the making.
#[derive(Clone)]
pub(crate) struct Half {
    pub(crate) claims: Entries,
    pub(crate) key: Key,
    pub(crate) protected: Entries,
    pub(crate) unprotected: Entries,
}

impl Half {
    fn new(claims: Entries, key: Key) -> Self {
        let protected = vec![(int(1), int(key.alg()))];
        Self { claims, key, protected, unprotected: Vec::new() }
    }

    /// Puts a value where one is, or adds it.
    pub(crate) fn put(&mut self, claim: i64, value: Vec<u8>) {
        let key = int(claim);
        match self.claims.iter_mut().find(|(found, _)| *found == key) {
            Some((_, place)) => *place = value,
            None => self.claims.push((key, value)),
        }
    }

    pub(crate) fn remove(&mut self, claim: i64) {
        self.claims.retain(|(key, _)| *key != int(claim));
    }

    /// The four parts, signed.
    pub(crate) fn parts(&self) -> [Vec<u8>; 4] {
        let protected = bytes(&map(&self.protected));
        let payload = bytes(&map(&self.claims));
        let signed = array(&[text("Signature1"), protected.clone(), bytes(&[]), payload.clone()]);
        let signature = bytes(&self.key.sign(&signed));
        [protected, map(&self.unprotected), payload, signature]
    }

    pub(crate) fn sign(&self) -> Vec<u8> {
        [head(6, 18), array(&self.parts())].concat()
    }
}

/// A token in the making.
#[derive(Clone)]
pub(crate) struct Maker {
    /// The tag of the collection.
    pub(crate) tag: u64,
    pub(crate) realm: Half,
    pub(crate) platform: Half,
}

/// The RIM of tokens that are made here.
pub(crate) const RIM: [u8; 32] = [0xA5; 32];

impl Maker {
    /// A token as TF-RMM makes it: the RAK as COSE_Key, a platform with two components.
    pub(crate) fn new() -> Self {
        let mut made = Self::legacy();
        made.realm.put(265, text("tag:arm.com,2023:realm#1.0.0"));
        let (x, y) = made.realm.key.point();
        made.set_rak(&cose_key(&x, bytes(&y)));
        made.platform.put(265, text("tag:arm.com,2023:cca_platform#1.0.0"));
        made
    }

    /// A token of the profile of 2024, as TF-RMM 0.9 makes it: a collection of records, a Realm's
    /// instance id and MEC policy.
    pub(crate) fn of_2024() -> Self {
        let mut made = Self::new();
        made.tag = 907;
        made.realm.put(265, text("tag:arm.com,2024:realm#2.0.0"));
        made.realm.put(256, bytes(&[&[1][..], &[0x65; 32]].concat()));
        made.realm.put(44243, int(1));
        made
    }

    /// A token as it was before there was a profile of realm tokens.
    pub(crate) fn legacy() -> Self {
        let rem = |byte: u8| bytes(&[byte; 32]);
        let rak = Key::es384(7);
        let (x, y) = rak.point();
        let realm = vec![
            (int(10), bytes(&[0x10; 64])),
            (int(44235), bytes(&[0x35; 64])),
            (int(44236), text("sha-256")),
            (int(44237), Vec::new()),
            (int(44240), text("sha-256")),
            (int(44238), bytes(&RIM)),
            (int(44239), array(&[rem(1), rem(2), rem(3), rem(4)])),
        ];
        let component = |name: &str| {
            map(&vec![
                (int(1), text(name)),
                (int(2), bytes(&[0x22; 32])),
                (int(4), text("1.2.3")),
                (int(5), bytes(&[0x55; 48])),
                (int(6), text("sha-256")),
            ])
        };
        let platform = vec![
            (int(265), text("http://arm.com/CCA-SSD/1.0.0")),
            (int(10), Vec::new()),
            (int(2396), bytes(&[0x96; 32])),
            (int(256), bytes(&[&[1][..], &[0x56; 32]].concat())),
            (int(2401), bytes(&[0xCF; 4])),
            (int(2395), int(0x3003)),
            (int(2402), text("sha-256")),
            (int(2400), text("https://verifier.example")),
            (int(2399), array(&[component("BL"), component("RMM")])),
        ];
        let (realm, platform) = (Half::new(realm, rak), Half::new(platform, Key::es384(9)));
        let mut made = Self { tag: 399, realm, platform };
        made.set_rak(&[&[4], &x[..], &y].concat());
        made
    }

    /// Puts a RAK into the realm token, and its hash into the platform token.
    pub(crate) fn set_rak(&mut self, rak: &[u8]) {
        use sha2::Digest as _;
        self.realm.put(44237, bytes(rak));
        self.platform.put(10, bytes(&sha2::Sha256::digest(rak)));
    }

    /// Lets another key sign the platform token.
    pub(crate) fn set_cpak(&mut self, key: Key) {
        self.platform.protected = vec![(int(1), int(key.alg()))];
        self.platform.key = key;
    }

    pub(crate) fn token(&self) -> Vec<u8> {
        let halves = [(44234, self.platform.sign()), (44241, self.realm.sign())];
        if self.tag == 907 { records(&halves) } else { collection(&halves) }
    }
}

/// Tokens by their keys, in a CCA token.
pub(crate) fn collection(halves: &[(i64, Vec<u8>)]) -> Vec<u8> {
    let entries = halves.iter().map(|(key, half)| (int(*key), bytes(half))).collect();
    [head(6, 399), map(&entries)].concat()
}

/// Tokens by their keys, in records of a CMW collection.
pub(crate) fn records(halves: &[(i64, Vec<u8>)]) -> Vec<u8> {
    let record = |half: &[u8]| array(&[int(263), bytes(half)]);
    let entries = halves.iter().map(|(key, half)| (int(*key), record(half))).collect();
    [head(6, 907), map(&entries)].concat()
}

/// A COSE_Key of P-384; `y` is encoded already.
pub(crate) fn cose_key(x: &[u8], y: Vec<u8>) -> Vec<u8> {
    map(&vec![(int(1), int(2)), (int(-1), int(2)), (int(-2), bytes(x)), (int(-3), y)])
}
