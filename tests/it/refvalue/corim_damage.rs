//! CoRIMs built by hand, wrong in one place each, and the forms of others that are right.

use rimsim::measure::rim::HashAlgo;
use rimsim::refvalue::corim::{Corim, read};

/// A byte or text string with its head.
fn string(major: u8, bytes: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(bytes.len()).expect("short").to_be_bytes();
    let head = match (high, low) {
        (0, 0..24) => vec![major | low],
        (0, _) => vec![major | 24, low],
        _ => vec![major | 25, high, low],
    };
    [head.as_slice(), bytes].concat()
}

fn bytes(bytes: &[u8]) -> Vec<u8> {
    string(0x40, bytes)
}

fn text(text: &str) -> Vec<u8> {
    string(0x60, text.as_bytes())
}

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// The pieces of a good CoRIM of one RIM; each can be replaced.
#[derive(Clone)]
struct Pieces {
    outer: Vec<u8>,
    id: Vec<u8>,
    comid_tag: Vec<u8>,
    tag_identity: Vec<u8>,
    triples_head: Vec<u8>,
    environment: Vec<u8>,
    measurements: Vec<Vec<u8>>,
    more_in_triple: Vec<u8>,
    profile: Vec<u8>,
    more: Vec<u8>,
}

const RIM: [u8; 32] = [7; 32];

fn digests(mkey: &str, digests: &[u8]) -> Vec<u8> {
    joined(&[&[0xA2, 0x00], &text(mkey), &[0x01, 0xA1, 0x02], digests])
}

fn nested(alg: &[u8], value: &[u8]) -> Vec<u8> {
    joined(&[&[0x81, 0x82], alg, &bytes(value)])
}

fn raw(mkey: &str, tag: &[u8], value: &[u8]) -> Vec<u8> {
    joined(&[&[0xA2, 0x00], &text(mkey), &[0x01, 0xA1, 0x04], tag, &bytes(value)])
}

const TAG_560: &[u8] = &[0xD9, 0x02, 0x30];

fn good() -> Pieces {
    Pieces {
        outer: vec![0xD9, 0x01, 0xF5, 0xA3],
        id: joined(&[&[0x00], &text("an id")]),
        comid_tag: vec![0xD9, 0x01, 0xFA],
        tag_identity: joined(&[&[0x01, 0xA1, 0x00], &bytes(&[5; 16])]),
        triples_head: vec![0x04, 0xA1, 0x00, 0x81, 0x82],
        environment: joined(&[&[0xA1, 0x00, 0xA1, 0x00], TAG_560, &bytes(&RIM)]),
        measurements: vec![digests("cca.rim", &nested(&[1], &RIM))],
        more_in_triple: Vec::new(),
        profile: joined(&[&[0x03, 0xD8, 0x20], &text("tag:arm.com,2025:cca_realm#1.0.0")]),
        more: Vec::new(),
    }
}

impl Pieces {
    fn bytes(&self) -> Vec<u8> {
        let count = u8::try_from(self.measurements.len()).expect("a few");
        let list = [&[0x80 | count], self.measurements.concat().as_slice()].concat();
        let comid = joined(&[
            &[0xA2],
            &self.tag_identity,
            &self.triples_head,
            &self.environment,
            &list,
            &self.more_in_triple,
        ]);
        let tags = joined(&[&[0x01, 0x81], &self.comid_tag, &bytes(&comid)]);
        joined(&[&self.outer, &self.id, &tags, &self.profile, &self.more])
    }
}

/// What comes of a good one in which something is replaced.
fn with(change: impl FnOnce(&mut Pieces)) -> Result<Corim, String> {
    let mut pieces = good();
    change(&mut pieces);
    read(&pieces.bytes()).map_err(|error| error.to_string())
}

#[test]
fn forms_of_others_that_are_right() {
    let plain = with(|_| ()).expect("good");
    let digest = bytes(&RIM);
    for form in [
        nested(&text("sha-256"), &RIM),
        joined(&[&[0x82, 0x01], &digest]),
        joined(&[&[0x82], &text("sha-256"), &digest]),
    ] {
        assert_eq!(with(|p| p.measurements = vec![digests("cca.rim", &form)]), Ok(plain.clone()));
    }
    // mval before mkey, REMs before the RIM, the profile before everything.
    let turned =
        joined(&[&[0xA2, 0x01, 0xA1, 0x02], &nested(&[1], &RIM), &[0x00], &text("cca.rim")]);
    assert_eq!(with(|p| p.measurements = vec![turned]), Ok(plain));
    let rem = digests("cca.rem3", &nested(&[1], &[9; 32]));
    let corim = with(|p| p.measurements.insert(0, rem)).expect("good");
    let realm = corim.realms().next().expect("a Realm");
    assert_eq!((realm.rim().as_bytes(), realm.algorithm()), (&RIM[..], HashAlgo::Sha256));
    assert_eq!(realm.rems()[3].map(|rem| rem.as_bytes().to_vec()), Some(vec![9; 32]));
    assert!(with(|p| std::mem::swap(&mut p.id, &mut p.profile)).is_ok());
}

#[test]
fn what_is_measured_has_to_be_exact() {
    let rim = || digests("cca.rim", &nested(&[1], &RIM));
    let one = |measurement: Vec<u8>| with(|p| p.measurements = vec![measurement]);
    let also = |measurement: Vec<u8>| with(|p| p.measurements.push(measurement));
    let path = "corim.tags[0].triples.reference-triples[0].measurements";
    for (found, step, what) in [
        (one(digests("cca.rem0", &nested(&[1], &RIM))), "", "no measurement \"cca.rim\""),
        (with(|p| p.measurements.clear()), "", "0 items, expected 1 or more"),
        (also(rim()), "[1]", "\"cca.rim\" a second time"),
        (also(digests("cca.rem4", &nested(&[1], &RIM))), "[1].mkey", "\"cca.rem4\", expected"),
        (also(digests("cca.rim ", &nested(&[1], &RIM))), "[1].mkey", "\"cca.rim \", expected"),
        (one(digests("cca.rim", &nested(&[1], &[8; 32]))), "[0]", "and the class-id is 0707"),
        (
            one(digests("cca.rim", &nested(&[1], &[7; 64]))),
            "[0].mval.digests[0].value",
            "64 bytes, expected exactly 32 of sha-256",
        ),
        (
            one(digests("cca.rim", &nested(&[8], &RIM))),
            "[0].mval.digests[0].value",
            "32 bytes, expected exactly 64 of sha-512",
        ),
        (
            one(digests("cca.rim", &nested(&[2], &RIM))),
            "[0].mval.digests[0].alg",
            "algorithm 2, expected one of sha-256",
        ),
        (
            one(digests("cca.rim", &nested(&text("sha256"), &RIM))),
            "[0].mval.digests[0].alg",
            "algorithm \"sha256\", expected",
        ),
        (
            one(digests(
                "cca.rim",
                &joined(&[&[0x82], &nested(&[1], &RIM)[1..], &nested(&[1], &RIM)[1..]]),
            )),
            "[0].mval.digests[1]",
            "more than one digest",
        ),
        (one(digests("cca.rim", &[0x81, 0x01])), "[0].mval.digests", "without its digest"),
        (one(digests("cca.rim", &[0x80])), "[0].mval.digests", "0 items, expected 1 or more"),
        (also(digests("cca.rem0", &nested(&[8], &[1; 64]))), "", "REM 0 is sha-512, and the RIM"),
        (
            also(raw("cca.rpv", TAG_560, &[1; 63])),
            "[1].mval.raw-value",
            "63 bytes, expected exactly 64",
        ),
        (also(raw("cca.rpv", &[], &[1; 64])), "[1].mval.raw-value", "bytes, expected tag 560"),
        (also(raw("cca.rpv", &[0xD8, 0x25], &[1; 64])), "[1].mval.raw-value", "tag 37, expected"),
        (also(raw("cca.rem1", TAG_560, &[1; 64])), "[1]", "\"cca.rem1\" with a raw-value"),
        (also(digests("cca.rpv", &nested(&[1], &RIM))), "[1]", "expected a raw-value"),
        (
            one(joined(&[&[0xA3], &rim()[1..], &[0x02, 0x80]])),
            "[0].authorized-by",
            "the profile does not allow it",
        ),
        (one(joined(&[&[0xA1], &rim()[1..10]])), "[0]", "no key 1 (mval)"),
        (one(joined(&[&[0xA1, 0x01, 0xA1, 0x02], &nested(&[1], &RIM)])), "[0]", "no key 0 (mkey)"),
        (
            one(joined(&[&[0xBF], &rim()[1..], &[0xFF]])),
            "[0]",
            "an indefinite length, expected a map",
        ),
    ] {
        let error = found.expect_err(what);
        assert!(error.starts_with(&format!("{path}{step}: ")), "{error}\nand not {path}{step}");
        assert!(error.contains(what), "{error}\nand not {what}");
    }
}

#[test]
fn what_stands_around_it_has_to_be_exact() {
    let rim = bytes(&RIM);
    let reference = "corim.tags[0].triples.reference-triples[0]";
    for (found, begin, what) in [
        (with(|p| p.outer[2] = 0xF3), "corim:", "tag 499, expected tag 501 (byte 0)"),
        (with(|p| p.outer[2] = 0xF4), "corim:", "map, expected tag 501 (byte 3)"),
        (with(|p| p.outer[3] = 0xA2), "corim:", "no key 3 (profile)"),
        (
            with(|p| p.id = [p.id.clone(), p.id.clone()].concat()),
            "corim:",
            "key 0 (id) a second time",
        ),
        (with(|p| p.id = vec![0x00, 0x60]), "corim.id:", "an empty text"),
        (
            with(|p| p.id = joined(&[&[0x00], &bytes(&[1; 15])])),
            "corim.id:",
            "15 bytes, expected exactly 16",
        ),
        (
            with(|p| p.profile = vec![0x03, 0xD8, 0x20, 0x61, b'x']),
            "corim.profile:",
            "\"x\", expected \"tag:arm",
        ),
        (
            with(|p| p.profile[1..3].copy_from_slice(&[0xD8, 0x25])),
            "corim.profile:",
            "tag 37, expected tag 32",
        ),
        (with(|p| p.profile[0] = 0x07), "corim:", "unknown key 7"),
        (with(|p| p.comid_tag[2] = 0xF9), "corim.tags[0]:", "tag 505, expected tag 506"),
        (with(|p| p.tag_identity[0] = 0x03), "corim.tags[0].linked-tags:", "are not read"),
        (with(|p| p.triples_head[2] = 0x01), "corim.tags[0].triples:", "unknown key 1"),
        (with(|p| p.triples_head[4] = 0x83), &format!("{reference}:"), "3 items, expected 2"),
        (with(|p| p.more_in_triple.push(0)), "corim.tags[0]:", "1 bytes behind its end"),
        (with(|p| p.environment[2] = 0xA0), "corim.tags[0]", ""),
        (
            with(|p| p.environment = joined(&[&[0xA2, 0, 0xA1, 0], TAG_560, &rim, &[1, 1]])),
            &format!("{reference}.environment:"),
            "unknown key 1",
        ),
        (
            with(|p| {
                p.environment = joined(&[&[0xA1, 0, 0xA2, 0], TAG_560, &rim, &[1, 0x61, b'v']]);
            }),
            &format!("{reference}.environment.class:"),
            "unknown key 1",
        ),
        (
            with(|p| p.environment = joined(&[&[0xA1, 0, 0xA1, 0], &rim])),
            &format!("{reference}.environment.class.class-id:"),
            "bytes, expected tag 560",
        ),
        (
            with(|p| p.environment = vec![0xA0]),
            &format!("{reference}.environment:"),
            "no key 0 (class)",
        ),
    ] {
        let error = found.expect_err(what);
        assert!(
            error.starts_with(begin) && error.contains(what),
            "{error}\nand not {begin} {what}"
        );
    }
}

#[test]
fn periods_and_entities_have_to_be_exact() {
    let more = |more: &[u8]| {
        with(|p| {
            p.outer[3] = 0xA4;
            p.more = more.to_vec();
        })
    };
    let named = [0x05, 0x81, 0xA2, 0x00, 0x61, b'x', 0x02];
    assert!(more(&[0x04, 0xA2, 0x00, 0xC1, 0x05, 0x01, 0xC1, 0x05]).is_ok());
    assert!(more(&[&named[..], &[0x81, 0x01]].concat()).is_ok());
    for (found, begin, what) in [
        (
            more(&[0x04, 0xA2, 0x00, 0xC1, 0x06, 0x01, 0xC1, 0x05]),
            "corim.rim-validity:",
            "ends before",
        ),
        (more(&[0x04, 0xA1, 0x00, 0xC1, 0x06]), "corim.rim-validity:", "no key 1 (not-after)"),
        (more(&[0x04, 0xA1, 0x01, 0x06]), "corim.rim-validity.not-after:", "expected tag 1"),
        (
            more(&[0x04, 0xA1, 0x01, 0xC1, 0xF9, 0, 0]),
            "corim.rim-validity.not-after:",
            "f16, expected",
        ),
        (more(&[0x05, 0x80]), "corim.entities:", "0 items, expected 1 or more"),
        (more(&[&named[..], &[0x80]].concat()), "corim.entities[0].role:", "0 items"),
        (
            more(&[0x05, 0x81, 0xA1, 0x02, 0x81, 0x01]),
            "corim.entities[0]:",
            "no key 0 (entity-name)",
        ),
        (more(&[0x02, 0x80]), "corim.dependent-rims:", "are not read"),
    ] {
        let error = found.expect_err(what);
        assert!(
            error.starts_with(begin) && error.contains(what),
            "{error}\nand not {begin} {what}"
        );
    }
}

/// Lengths that no memory has are not believed.
#[test]
fn nothing_is_allocated_on_a_length_alone() {
    for head in [0x5B_u8, 0x7B, 0x9B, 0xBB] {
        let huge = [&[head][..], &[0xFF; 8]].concat();
        assert!(with(|p| p.id = [&[0x00], huge.as_slice()].concat()).is_err());
        assert!(with(|p| p.measurements = vec![huge.clone()]).is_err());
        let mut deep = vec![0xD9, 0x01, 0xF5];
        deep.extend(std::iter::repeat_n([0x81], 100_000).flatten());
        deep.extend(&huge);
        assert!(read(&deep).is_err());
    }
}

/// RFC 8949 4.1: a number has one form, and tokens are read by the same rule.
#[test]
fn numbers_have_their_shortest_form() {
    for (outer, what) in [
        (&[0xD9, 0x01, 0xF5, 0xB8, 3][..], "3 is not in its shortest form (byte 3)"),
        (&[0xDA, 0, 0, 0x01, 0xF5, 0xA3], "501 is not in its shortest form (byte 0)"),
    ] {
        assert_eq!(with(|p| p.outer = outer.to_vec()), Err(format!("corim: {what}")));
    }
}
