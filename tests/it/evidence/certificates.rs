//! Chains of certificates: good ones, and wrong ones of every kind.

use p384::ecdsa::signature::SignatureEncoding as _;
use rimsim::encoding::text::base64;
use rimsim::encoding::x509::{Anchors, ChainError, Signer};
use rimsim::refvalue::RealmReference;
use rimsim::refvalue::corim::Corim;
use rimsim::refvalue::sign::{self, Document, Meta, ProofError, PublicKey, ToSign};
use x509_cert::TbsCertificate;
use x509_cert::der::asn1::{BitString, GeneralizedTime, OctetString};
use x509_cert::der::{Decode as _, DecodePem as _, Encode as _};
use x509_cert::ext::Extension;
use x509_cert::spki::{AlgorithmIdentifierOwned, ObjectIdentifier, SubjectPublicKeyInfoOwned};

use crate::evidence::token_maker::{Key, RIM};

const BASIC_CONSTRAINTS: &str = "2.5.29.19";
const KEY_USAGE: &str = "2.5.29.15";
const NAME_CONSTRAINTS: &str = "2.5.29.30";
/// 2026-01-01 and 2027-01-01.
pub(crate) const YEAR: (u64, u64) = (1_767_225_600, 1_798_761_600);

/// A certificate in the making.
#[derive(Clone)]
pub(crate) struct Made {
    pub(crate) subject: &'static str,
    pub(crate) issuer: &'static str,
    pub(crate) key: Key,
    pub(crate) by: Key,
    pub(crate) period: (u64, u64),
    /// Extensions: their numbers, whether they are critical, and DER.
    pub(crate) extensions: Vec<(&'static str, bool, Vec<u8>)>,
}

/// An authority, with room for so many below it.
fn authority(room: Option<u8>) -> (&'static str, bool, Vec<u8>) {
    let der = match room {
        None => vec![0x30, 3, 1, 1, 0xFF],
        Some(room) => vec![0x30, 6, 1, 1, 0xFF, 2, 1, room],
    };
    (BASIC_CONSTRAINTS, true, der)
}

/// Key usages: digitalSignature is 0x80, keyCertSign 4.
fn usage(bits: u8) -> (&'static str, bool, Vec<u8>) {
    let unused = u8::try_from(bits.trailing_zeros()).expect("few");
    (KEY_USAGE, true, vec![3, 2, unused, bits])
}

impl Made {
    pub(crate) fn root() -> Self {
        let (key, extensions) = (Key::es384(31), vec![authority(None), usage(4)]);
        let (subject, issuer) = ("CN=root", "CN=root");
        Self { subject, issuer, by: key.clone(), key, period: YEAR, extensions }
    }

    pub(crate) fn middle() -> Self {
        let extensions = vec![authority(Some(0)), usage(4)];
        let (subject, by) = ("CN=middle", Key::es384(31));
        Self { subject, issuer: "CN=root", key: Key::es256(32), by, period: YEAR, extensions }
    }

    pub(crate) fn leaf() -> Self {
        let (subject, by) = ("CN=signer,O=Vendor", Key::es256(32));
        let (key, extensions) = (Key::es384(33), vec![usage(0x80)]);
        Self { subject, issuer: "CN=middle", key, by, period: YEAR, extensions }
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        let name = |text: &str| text.parse().expect("a name");
        let time = |secs| {
            let time = GeneralizedTime::from_unix_duration(std::time::Duration::from_secs(secs));
            time.expect("a time").into()
        };
        let extension = |(id, critical, der): &(&'static str, bool, Vec<u8>)| Extension {
            extn_id: ObjectIdentifier::new(id).expect("a number"),
            critical: *critical,
            extn_value: OctetString::new(der.clone()).expect("bytes"),
        };
        let oid = match &self.by {
            Key::Es256(_) => "1.2.840.10045.4.3.2",
            Key::Es384(_) => "1.2.840.10045.4.3.3",
            Key::Es512(_) => "1.2.840.10045.4.3.4",
        };
        let oid = ObjectIdentifier::new(oid).expect("a number");
        let algorithm = AlgorithmIdentifierOwned { oid, parameters: None };
        let extensions: Vec<_> = self.extensions.iter().map(extension).collect();
        let signed = TbsCertificate {
            version: x509_cert::Version::V3,
            serial_number: 1_u8.into(),
            signature: algorithm.clone(),
            issuer: name(self.issuer),
            validity: x509_cert::time::Validity {
                not_before: time(self.period.0),
                not_after: time(self.period.1),
            },
            subject: name(self.subject),
            subject_public_key_info: SubjectPublicKeyInfoOwned::from_pem(self.key.pem().as_bytes())
                .expect("a key"),
            issuer_unique_id: None,
            subject_unique_id: None,
            extensions: (!extensions.is_empty()).then_some(extensions),
        };
        let raw = self.by.sign(&signed.to_der().expect("DER"));
        let signature = match &self.by {
            Key::Es256(_) => {
                p256::ecdsa::Signature::from_slice(&raw).expect("r, s").to_der().to_vec()
            }
            Key::Es384(_) => {
                p384::ecdsa::Signature::from_slice(&raw).expect("r, s").to_der().to_vec()
            }
            Key::Es512(_) => {
                p521::ecdsa::Signature::from_slice(&raw).expect("r, s").to_der().to_vec()
            }
        };
        let signature = BitString::from_bytes(&signature).expect("bytes");
        let made = x509_cert::Certificate {
            tbs_certificate: signed,
            signature_algorithm: algorithm,
            signature,
        };
        made.to_der().expect("DER")
    }

    pub(crate) fn pem(&self) -> String {
        let lines = base64(&self.der());
        let lines: Vec<_> = lines.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
        let body = lines.join("\n");
        format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
    }
}

pub(crate) fn chain() -> Vec<Vec<u8>> {
    vec![Made::leaf().der(), Made::middle().der()]
}

fn check(chain: &[Vec<u8>]) -> Result<Signer, ChainError> {
    Anchors::from_bytes(&Made::root().der()).expect("an anchor").check(chain)
}

#[test]
fn a_chain_leads_to_its_anchor() {
    let signer = check(&chain()).expect("a chain");
    assert_eq!((signer.name.as_str(), signer.key.curve()), ("CN=signer,O=Vendor", "P-384"));
    let year = YEAR.0.cast_signed()..=YEAR.1.cast_signed();
    assert_eq!(signer.not_before_secs..=signer.not_after_secs, year);
    // The root may come along; and a certificate that is trusted itself needs nothing above it.
    let whole = [&chain()[..], &[Made::root().der()]].concat();
    assert_eq!(check(&whole), Ok(signer.clone()));
    let bundle = format!(
        "some words\n{}{}",
        Made { subject: "CN=x", ..Made::root() }.pem(),
        Made::leaf().pem()
    );
    let anchors = Anchors::from_bytes(bundle.as_bytes()).expect("anchors");
    assert_eq!(anchors.check(&chain()[..1]), Ok(signer));
    // The key of a certificate is taken where a public key is wanted.
    let key = PublicKey::from_pem(&Made::leaf().key.pem());
    assert_eq!(PublicKey::from_pem(&Made::leaf().pem()), key);
    assert_eq!(PublicKey::from_bytes(&Made::leaf().der()), key);
    // Certificates of P-521, and the period that all of them share.
    let root = Made { key: Key::es512(3), by: Key::es512(3), period: (5, 500), ..Made::root() };
    let middle = Made { by: Key::es512(3), period: (7, 900), ..Made::middle() };
    let leaf = Made { period: (1, 100), ..Made::leaf() };
    let signer =
        Anchors::from_bytes(&root.der()).expect("an anchor").check(&[leaf.der(), middle.der()]);
    let signer = signer.expect("a chain");
    assert_eq!((signer.not_before_secs, signer.not_after_secs), (7, 100));
}

fn ders(chain: &[&Made]) -> Vec<Vec<u8>> {
    chain.iter().map(|one| one.der()).collect()
}

fn refused<const N: usize>(cases: [(Vec<Vec<u8>>, &str); N]) {
    for (chain, why) in cases {
        let error = check(&chain).expect_err(why).to_string();
        assert!(error.contains(why), "{error}, wanted {why}");
    }
}

#[test]
fn chains_that_lead_to_no_anchor_are_named() {
    let (leaf, middle, root) = (Made::leaf(), Made::middle(), Made::root());
    // Two that certify each other, and no root.
    let a = Made {
        issuer: "CN=b",
        by: Key::es384(35),
        extensions: vec![authority(None)],
        ..middle.clone()
    };
    let b = Made {
        subject: "CN=b",
        issuer: "CN=middle",
        key: Key::es384(35),
        by: Key::es256(32),
        extensions: vec![authority(None)],
        ..middle.clone()
    };
    let renewed = Made { period: (1, 2), ..middle.clone() };
    refused([
        (vec![], "no certificates came with it"),
        (
            ders(&[&leaf]),
            "certificate 1 (\"CN=signer,O=Vendor\") is issued by \"CN=middle\", which is no",
        ),
        (ders(&[&middle, &leaf]), "(\"CN=middle\"): its key usage is not to sign documents"),
        (ders(&[&leaf, &root]), "issued by \"CN=middle\", and the next is that of \"CN=root\""),
        (
            ders(&[&leaf, &middle, &leaf]),
            "certificate 3 (\"CN=signer,O=Vendor\") is there twice: the chain is a loop",
        ),
        (ders(&[&leaf, &middle, &renewed]), "certificate 3 (\"CN=middle\") is there twice"),
        (
            ders(&[&leaf, &a, &b]),
            "certificate 3 (\"CN=b\") is issued by \"CN=middle\", which is no trust",
        ),
        (
            ders(&[&leaf, &a, &b, &a]),
            "certificate 4 (\"CN=middle\") is there twice: the chain is a loop",
        ),
        (vec![leaf.der(); 9], "9 certificates, and a chain has at most 8"),
    ]);
}

#[test]
fn certificates_that_may_not_certify_are_named() {
    let (leaf, middle, root) = (Made::leaf(), Made::middle(), Made::root());
    let no_authority = Made { extensions: vec![usage(4)], ..middle.clone() };
    let denied = (BASIC_CONSTRAINTS, true, vec![0x30, 0]);
    let no_authority_said = Made { extensions: vec![denied], ..middle.clone() };
    let no_room = Made {
        extensions: vec![authority(Some(0))],
        subject: "CN=upper",
        key: Key::es384(34),
        ..middle.clone()
    };
    let under = Made { issuer: "CN=upper", by: Key::es384(34), ..middle.clone() };
    let other_use = Made { extensions: vec![authority(None), usage(0x80)], ..middle.clone() };
    let leaf_use = Made { extensions: vec![usage(0x20)], ..leaf.clone() };
    let critical = (NAME_CONSTRAINTS, true, vec![0x30, 0]);
    let limited = Made { extensions: vec![authority(None), critical], ..middle.clone() };
    let twice = Made { extensions: vec![authority(None), authority(None)], ..middle.clone() };
    refused([
        (ders(&[&leaf, &no_authority]), "certificate 2 (\"CN=middle\"): it is no authority"),
        (ders(&[&leaf, &no_authority_said]), "(\"CN=middle\"): it is no authority"),
        (
            ders(&[&leaf, &under, &no_room]),
            "certificate 3 (\"CN=upper\"): 1 authorities are below it, and it allows 0",
        ),
        (ders(&[&leaf, &other_use]), "its key usage is not to sign certificates"),
        (
            ders(&[&leaf_use, &middle]),
            "certificate 1 (\"CN=signer,O=Vendor\"): its key usage is not to",
        ),
        (
            ders(&[&leaf, &limited]),
            "certificate 2: its extension 2.5.29.30 is critical, and not known",
        ),
        (
            ders(&[&leaf, &twice]),
            "certificate 2: its basic constraints can not be read, or are there twice",
        ),
    ]);
    // An anchor that is no authority certifies nobody.
    let anchors = Anchors::from_bytes(&Made { extensions: Vec::new(), ..root }.der()).expect("one");
    let error = anchors.check(&ders(&[&leaf, &middle])).expect_err("no authority").to_string();
    assert!(error.contains("the trust anchor: it is no authority"), "{error}");
}

#[test]
fn forged_certificates_are_named() {
    let (leaf, middle) = (Made::leaf(), Made::middle());
    let forged = Made { by: Key::es256(99), ..leaf.clone() };
    let forged_root = Made { by: Key::es384(98), ..middle.clone() };
    refused([
        (
            ders(&[&forged, &middle]),
            "certificate 1 (\"CN=signer,O=Vendor\"): its signature is not that of \"CN=middle\"",
        ),
        (
            ders(&[&leaf, &forged_root]),
            "certificate 2 (\"CN=middle\"): its signature is not that of \"CN=root\"",
        ),
    ]);
}

#[test]
fn damaged_certificates_prove_nothing() {
    let good = chain();
    for (which, der) in good.iter().enumerate() {
        for len in (0..der.len()).step_by(5) {
            let mut chain = good.clone();
            chain[which].truncate(len);
            assert!(check(&chain).is_err(), "{which}, {len} bytes");
        }
        for at in (which..der.len()).step_by(43) {
            let mut chain = good.clone();
            chain[which][at] ^= 1 << (at % 8);
            assert!(check(&chain).is_err(), "{which}, byte {at}");
        }
        let mut longer = good.clone();
        longer[which].push(0);
        assert!(check(&longer).is_err(), "{which}, one byte more");
    }
    for file in
        [&b""[..], b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n", b"x", b"0"]
    {
        assert!(Anchors::from_bytes(file).is_err(), "{file:?}");
    }
    assert!(x509_cert::Certificate::from_der(&good[0]).is_ok());
}

/// A CoRIM that the key of `by` signed, with certificates.
pub(crate) fn signed_corim(by: &Key, chain: &[Vec<u8>]) -> Vec<u8> {
    let rim =
        rimsim::measure::rim::Measurement::from_bytes(rimsim::measure::rim::HashAlgo::Sha256, &RIM);
    let corim = Corim::of(vec![RealmReference::new(rim.expect("its length"))]);
    let meta = Meta { signer: "Vendor".to_owned(), uri: None, validity: None };
    let key = PublicKey::from_pem(&by.pem()).expect("a key");
    let ready = ToSign::new(&corim, &meta, &key, chain);
    ready.signed(&by.sign(&ready.message()))
}

#[test]
fn corims_with_certificates_are_proven() {
    let anchors = Anchors::from_bytes(&Made::root().der()).expect("an anchor");
    let proven = |bytes: &[u8]| match sign::read(bytes).expect("a CoRIM") {
        Document::Signed(signed) => signed.verify_by(&anchors),
        Document::Unsigned(_) => panic!("signed"),
    };
    let good = signed_corim(&Made::leaf().key, &chain());
    assert_eq!(proven(&good).expect("proven").name, "CN=signer,O=Vendor");
    // Another key of the same curve, one of another curve, and the authority's own.
    for (key, is_curve) in [
        (Key::es384(50), false),
        (Key::es256(50), true),
        (Key::es512(50), true),
        (Key::es256(32), true),
    ] {
        match proven(&signed_corim(&key, &chain())) {
            Err(ProofError::Signature(sign::SignatureError::Algorithm { .. })) => assert!(is_curve),
            Err(ProofError::Signature(sign::SignatureError::Wrong)) => assert!(!is_curve),
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(
        proven(&signed_corim(&Made::leaf().key, &[])),
        Err(ProofError::Chain(ChainError::Empty))
    ));
}
