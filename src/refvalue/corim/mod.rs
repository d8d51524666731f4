//! CoRIM, the Concise Reference Integrity Manifest, of the CCA Realm profile
//! (draft-ietf-rats-corim, draft-ydb-rats-cca-endorsements).
//!
//! A [`Corim`] is written by [`Corim::to_cbor`] and read by [`read()`]. The reader takes what a
//! verifier may rely on and nothing else: whatever it does not know is an error that names the
//! path, because an unknown part may change what the known ones mean.

mod read;
mod write;

use uuid::Uuid;

use super::RealmReference;

pub use read::read;
pub(super) use read::{
    Frame, frame as read_frame, name as read_name, unsigned as read_inside, uri as read_uri,
    validity as read_validity,
};
pub(super) use write::validity as write_validity;

/// The profile of Realm reference values; without it a verifier does not know what to do with them.
pub const PROFILE: &str = "tag:arm.com,2025:cca_realm#1.0.0";
/// Media type of an unsigned CoRIM of this profile.
pub const MEDIA_TYPE: &str = "application/rim+cbor; profile=\"tag:arm.com,2025:cca_realm#1.0.0\"";
/// Media type of a signed one.
pub const SIGNED_MEDIA_TYPE: &str =
    "application/rim+cose; profile=\"tag:arm.com,2025:cca_realm#1.0.0\"";

/// A profile of Realm reference values, with its spelling of algorithms. Readers take either, with
/// either spelling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CorimProfile {
    /// What Veraison's code takes (seen in August 2026): algorithms are numbers of IANA's.
    #[default]
    Veraison,
    /// draft-ydb-rats-cca-endorsements-04 (June 2026), and the crate `corim`: algorithms are texts.
    Draft04,
}

impl CorimProfile {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Veraison, Self::Draft04];

    /// The word of options.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Veraison => "veraison",
            Self::Draft04 => "draft-04",
        }
    }

    /// The profile of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name)
    }

    /// The URI by which a CoRIM names it.
    #[must_use]
    pub const fn uri(self) -> &'static str {
        match self {
            Self::Veraison => PROFILE,
            Self::Draft04 => "tag:arm.com,2025:endorsements/cca_realm#1.0.0",
        }
    }
}

/// CBOR tags.
mod tag {
    pub(super) const TIME: u64 = 1;
    pub(super) const URI: u64 = 32;
    /// Around either kind, as older drafts have it.
    pub(super) const CORIM: u64 = 500;
    pub(super) const UNSIGNED_CORIM: u64 = 501;
    pub(super) const SIGNED_CORIM: u64 = 502;
    pub(super) const COMID: u64 = 506;
    pub(super) const BYTES: u64 = 560;
}

/// Keys of maps, with their names: a reader knows no others.
mod key {
    pub(super) type Names = &'static [(i64, &'static str)];
    pub(super) const CORIM: Names = &[
        (0, "id"),
        (1, "tags"),
        (2, "dependent-rims"),
        (3, "profile"),
        (4, "rim-validity"),
        (5, "entities"),
    ];
    pub(super) const VALIDITY: Names = &[(0, "not-before"), (1, "not-after")];
    pub(super) const ENTITY: Names = &[(0, "entity-name"), (1, "reg-id"), (2, "role")];
    pub(super) const COMID: Names = &[
        (0, "language"),
        (1, "tag-identity"),
        (2, "entities"),
        (3, "linked-tags"),
        (4, "triples"),
    ];
    pub(super) const IDENTITY: Names = &[(0, "tag-id"), (1, "tag-version")];
    pub(super) const TRIPLES: Names = &[(0, "reference-triples")];
    pub(super) const ENVIRONMENT: Names = &[(0, "class")];
    pub(super) const CLASS: Names = &[(0, "class-id")];
    pub(super) const MEASUREMENT: Names = &[(0, "mkey"), (1, "mval"), (2, "authorized-by")];
    pub(super) const DIGESTS: Names = &[(2, "digests")];
    pub(super) const RAW_VALUE: Names = &[(4, "raw-value")];
}

/// Keys of measurements.
mod mkey {
    pub(super) const RIM: &str = "cca.rim";
    pub(super) const REMS: [&str; 4] = ["cca.rem0", "cca.rem1", "cca.rem2", "cca.rem3"];
    pub(super) const RPV: &str = "cca.rpv";
}

/// A CoRIM: reference values of Realms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corim {
    /// The profile that it names.
    pub profile: CorimProfile,
    /// Which CoRIM it is.
    pub id: Id,
    /// Its CoMIDs, at least one.
    pub tags: Vec<Comid>,
    /// When it holds.
    pub validity: Option<Validity>,
    /// Who has to do with it.
    pub entities: Vec<Entity>,
}

/// A CoMID: the reference values themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comid {
    /// The language of its texts (BCP 47).
    pub language: Option<String>,
    /// Which tag it is.
    pub id: Id,
    /// Its version; a higher one replaces a lower one of the same id.
    pub version: Option<u64>,
    /// Who has to do with it.
    pub entities: Vec<Entity>,
    /// A triple each, at least one.
    pub realms: Vec<RealmReference>,
}

/// The id of a CoRIM or a CoMID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Id {
    /// A text that is not empty.
    Text(String),
    /// A UUID, its 16 bytes in the order in which they are printed.
    Uuid([u8; 16]),
}

/// When a CoRIM holds, in seconds of POSIX time, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    not_before: Option<i64>,
    not_after: i64,
}

impl Validity {
    /// A period; `None` if it ends before it begins.
    #[must_use]
    pub fn new(not_before: Option<i64>, not_after: i64) -> Option<Self> {
        let good = not_before.is_none_or(|begin| begin <= not_after);
        good.then_some(Self { not_before, not_after })
    }

    /// When both hold; `None` if no second is in both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Option<Self> {
        let not_before = self.not_before.into_iter().chain(other.not_before).max();
        Self::new(not_before, self.not_after.min(other.not_after))
    }

    /// The first second, if there is one.
    #[must_use]
    pub const fn not_before(&self) -> Option<i64> {
        self.not_before
    }

    /// The last second.
    #[must_use]
    pub const fn not_after(&self) -> i64 {
        self.not_after
    }
}

/// Somebody who has to do with a CoRIM or a CoMID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    /// The name, not empty.
    pub name: String,
    /// A URI under which the entity is registered.
    pub reg_id: Option<String>,
    /// What it did, at least one role. In a CoRIM [`Entity::CREATOR`] and [`Entity::SIGNER`].
    pub roles: Vec<i64>,
}

impl Entity {
    /// The role manifest-creator.
    pub const CREATOR: i64 = 1;
    /// The role manifest-signer.
    pub const SIGNER: i64 = 2;
}

impl Corim {
    /// The CoRIM of some Realms, at least one, with ids that depend on nothing but them.
    ///
    /// The CoRIM of one Realm is `cca-realm-` and the first 16 hexadecimal digits of its RIM; that
    /// of several is `cca-realms-` and those of its tag's id. The tag's id is a UUIDv5, in the
    /// namespace of the profile (itself a UUIDv5 in that of URLs): of the RIM's bytes if there is
    /// nothing but one RIM, otherwise of the CBOR of the triples.
    ///
    /// # Panics
    /// If there is no Realm.
    #[must_use]
    pub fn of(realms: Vec<RealmReference>) -> Self {
        assert!(!realms.is_empty(), "a CoRIM of no Realm");
        let tag_id = tag_id(&realms);
        let id = match realms.as_slice() {
            [one] => format!("cca-realm-{}", &one.rim().to_string()[..16]),
            _ => format!("cca-realms-{}", &Uuid::from_bytes(tag_id).simple().to_string()[..16]),
        };
        let tag = Comid {
            language: None,
            id: Id::Uuid(tag_id),
            version: None,
            entities: Vec::new(),
            realms,
        };
        Self {
            profile: CorimProfile::default(),
            id: Id::Text(id),
            tags: vec![tag],
            validity: None,
            entities: Vec::new(),
        }
    }

    /// The CoRIM of some Realms, at least one, each with a tag of its own that has its name as its
    /// id. The CoRIM's id is as that of [`Corim::of`].
    ///
    /// # Panics
    /// If there is no Realm, or a name is empty.
    #[must_use]
    pub fn named(realms: impl Iterator<Item = (String, RealmReference)>) -> Self {
        let (names, realms): (Vec<String>, Vec<RealmReference>) = realms.unzip();
        let plain = Self::of(realms.clone());
        let tag = |(name, realm): (String, RealmReference)| {
            assert!(!name.is_empty(), "a tag without a name");
            Comid {
                language: None,
                id: Id::Text(name),
                version: None,
                entities: Vec::new(),
                realms: vec![realm],
            }
        };
        Self { tags: names.into_iter().zip(realms).map(tag).collect(), ..plain }
    }

    /// The reference values of all tags, in their order.
    pub fn realms(&self) -> impl Iterator<Item = &RealmReference> {
        self.tags.iter().flat_map(|tag| &tag.realms)
    }
}

fn tag_id(realms: &[RealmReference]) -> [u8; 16] {
    let namespace = Uuid::new_v5(&Uuid::NAMESPACE_URL, PROFILE.as_bytes());
    let name = match realms {
        [one] if *one == RealmReference::new(one.rim()) => one.rim().as_bytes().to_vec(),
        _ => write::triples_cbor(realms),
    };
    Uuid::new_v5(&namespace, &name).into_bytes()
}
