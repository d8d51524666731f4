//! What was measured into one Realm, extension by extension.

use std::borrow::Cow;
use std::sync::Arc;

use crate::abi::addr::{Hex, Ipa};
use crate::abi::granule_size::GranuleSize;
use crate::abi::params::DATA_MEASURE;
use crate::abi::profile::Profile;
use crate::measure::contents::{Contents, View};
use crate::measure::event::{MeasuredEvent, RealmEvent, RecEvent, RipasEvent};
use crate::measure::events::Events;
use crate::measure::hasher::digest;
use crate::measure::image::Image;
use crate::measure::page::Page;
use crate::measure::rim::{HashAlgo, Measurement};
use crate::measure::rule::RimRule;

/// The measured events of one Realm.
#[derive(Clone, Debug)]
pub struct Trail {
    /// What to call it.
    pub name: String,
    /// The Realm's hash algorithm.
    pub algo: HashAlgo,
    /// The rule by which the RIM is made of the events.
    pub rule: RimRule,
    /// The RMM, where it is known.
    pub rmm: Option<Profile>,
    /// REM 1 to 4 in the end, where something ran that extends them.
    pub rems: Option<[Measurement; 4]>,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    Log(Events),
    Saved(Vec<Extension>),
}

/// One extension of a RIM, or those of RTT entries in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extension {
    /// RMI_REALM_CREATE.
    Realm(Box<RealmEvent>),
    /// RMI_DATA_CREATE of one granule, or RMI_RTT_DATA_MAP_INIT of RMM 2.0.
    Data {
        /// Where the Realm sees it.
        ipa: Ipa,
        /// RmiDataFlags.
        flags: u64,
        /// What is there.
        content: Content,
    },
    /// RMI_REC_CREATE of a runnable REC.
    Rec(Box<RecEvent>),
    /// RTT entries of one RMI_RTT_INIT_RIPAS: each is an extension. They stay a range, since few
    /// bytes of a file can say very many of them.
    Ripas(RipasEvent),
}

/// A granule's contents, or what is known of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// The bytes.
    Granule(Contents),
    /// A digest, and where the bytes came from when it was made.
    Saved {
        /// As long as the Realm's algorithm says; `None` if the contents were not measured.
        digest: Option<Vec<u8>>,
        /// A file and an offset, or what there was instead of one.
        origin: String,
        /// The granule's size.
        size: GranuleSize,
    },
}

impl Trail {
    /// The events of a Realm's log.
    #[must_use]
    pub fn of_log(name: impl Into<String>, algo: HashAlgo, rule: RimRule, events: Events) -> Self {
        Self { name: name.into(), algo, rule, rmm: None, rems: None, source: Source::Log(events) }
    }

    /// Extensions that were read from a file.
    #[must_use]
    pub fn of_saved(
        name: impl Into<String>,
        algo: HashAlgo,
        rule: RimRule,
        extensions: Vec<Extension>,
    ) -> Self {
        Self {
            name: name.into(),
            algo,
            rule,
            rmm: None,
            rems: None,
            source: Source::Saved(extensions),
        }
    }

    /// With the REMs that the Realm has in the end.
    #[must_use]
    pub const fn with_rems(mut self, rems: [Measurement; 4]) -> Self {
        self.rems = Some(rems);
        self
    }

    /// With the RMM that made it.
    #[must_use]
    pub const fn with_rmm(mut self, rmm: Profile) -> Self {
        self.rmm = Some(rmm);
        self
    }

    /// Saved granules from `base` on with the bytes of `image`, where these have the digest that
    /// was saved: so device trees can be compared.
    #[must_use]
    pub fn with_bytes(mut self, base: u64, image: &Arc<Image>) -> Self {
        let algo = self.algo;
        let Source::Saved(extensions) = &mut self.source else { return self };
        for extension in extensions {
            let Extension::Data { ipa, content, .. } = extension else { continue };
            let offset = ipa.0.checked_sub(base).filter(|offset| *offset < image.len_bytes());
            let Some(offset) = offset else { continue };
            let page = Page::Image { image: Arc::clone(image), offset };
            let granule = Content::Granule(Contents::from_first(content.size(), page));
            if granule.digest(algo).is_some() && granule.digest(algo) == content.digest(algo) {
                *content = granule;
            }
        }
        self
    }

    /// As [`Trail::extensions`], without those that another rule does not measure.
    pub fn extensions_of_both(
        &self,
        other: RimRule,
    ) -> impl Iterator<Item = Cow<'_, Extension>> + '_ {
        self.extensions().filter(move |extension| match &**extension {
            Extension::Realm(_) => other.measures_parameters(),
            Extension::Ripas(_) => other.measures_ripas(),
            Extension::Data { .. } | Extension::Rec(_) => true,
        })
    }

    /// What extends the RIM, in order. RTT entries of one command come as one range.
    pub fn extensions(&self) -> Box<dyn Iterator<Item = Cow<'_, Extension>> + '_> {
        match &self.source {
            Source::Saved(extensions) => Box::new(extensions.iter().map(Cow::Borrowed)),
            Source::Log(events) => Box::new(
                events
                    .iter()
                    .filter(|event| self.rule.measures(event))
                    .map(|event| Cow::Owned(extension(&event))),
            ),
        }
    }
}

fn extension(event: &MeasuredEvent) -> Extension {
    match event {
        MeasuredEvent::Realm(params) => Extension::Realm(params.clone()),
        MeasuredEvent::Rec(params) => Extension::Rec(params.clone()),
        MeasuredEvent::Data(data) => Extension::Data {
            ipa: data.ipa,
            flags: data.flags,
            content: Content::Granule(data.content.clone()),
        },
        MeasuredEvent::Ripas(ripas) => Extension::Ripas(*ripas),
    }
}

impl Extension {
    /// The command that makes it, in the edition that a rule belongs to.
    #[must_use]
    pub const fn command(&self, rule: RimRule) -> &'static str {
        match self {
            Self::Realm(_) => "RMI_REALM_CREATE",
            Self::Data { .. } => rule.contents_command(),
            Self::Rec(_) => "RMI_REC_CREATE",
            Self::Ripas(_) => "RMI_RTT_INIT_RIPAS",
        }
    }

    /// How many times it extends the RIM.
    #[must_use]
    pub const fn count(&self) -> u64 {
        match self {
            Self::Ripas(ripas) => ripas.count(),
            _ => 1,
        }
    }

    /// The first `count` extensions of it, and those after them, if there are any.
    pub(super) fn split(&self, count: u64) -> (Self, Option<Self>) {
        let Self::Ripas(all) = *self else { return (self.clone(), None) };
        let middle = Ipa(all.base.0 + count * all.entry_size_bytes);
        let rest = RipasEvent { base: middle, ..all };
        let rest = (middle.0 < all.top.0).then_some(Self::Ripas(rest));
        (Self::Ripas(RipasEvent { top: middle, ..all }), rest)
    }

    /// Whether two extensions are the same but for where their contents came from.
    #[must_use]
    pub fn same(&self, other: &Self, algo: HashAlgo) -> bool {
        match (self, other) {
            (
                Self::Data { ipa, flags, content },
                Self::Data { ipa: other_ipa, flags: other_flags, content: other_content },
            ) => {
                (ipa, flags) == (other_ipa, other_flags)
                    && (flags & DATA_MEASURE == 0 || content.same(other_content, algo))
            }
            _ => self == other,
        }
    }

    /// The operands, as people read them.
    #[must_use]
    pub fn operands(&self) -> String {
        match self {
            Self::Realm(params) => format!(
                "flags={} s2sz={} sve_vl={} num_bps={} num_wps={} pmu_num_ctrs={} hash_algo={}",
                Hex(params.flags),
                params.s2sz,
                params.sve_vl,
                params.num_bps,
                params.num_wps,
                params.pmu_num_ctrs,
                params.hash_algo
            ),
            Self::Data { ipa, flags, content } => {
                format!("ipa={ipa} flags={} {}", Hex(*flags), content.origin())
            }
            Self::Rec(params) => {
                let gprs = params.gprs.iter().enumerate().filter(|(_, value)| **value != 0);
                let gprs: String =
                    gprs.map(|(i, value)| format!(" x{i}={}", Hex(*value))).collect();
                format!("flags={} pc={}{gprs}", Hex(params.flags), Hex(params.pc))
            }
            Self::Ripas(ripas) => format!("base={} top={}", ripas.base, ripas.top),
        }
    }
}

impl Content {
    /// Whether the bytes are the same, as far as can be known.
    #[must_use]
    pub fn same(&self, other: &Self, algo: HashAlgo) -> bool {
        match (self, other) {
            (Self::Granule(a), Self::Granule(b)) if a.is_known() && b.is_known() => a == b,
            _ => self.digest(algo).is_some_and(|digest| Some(digest) == other.digest(algo)),
        }
    }

    /// The granule's size.
    #[must_use]
    pub const fn size(&self) -> GranuleSize {
        match self {
            Self::Granule(granule) => granule.size(),
            Self::Saved { size, .. } => *size,
        }
    }

    /// The digest of the granule.
    #[must_use]
    pub fn digest(&self, algo: HashAlgo) -> Option<Vec<u8>> {
        match self {
            Self::Saved { digest, .. } => digest.clone(),
            Self::Granule(granule) => {
                let digest = granule
                    .known_digest(algo)
                    .or_else(|| granule.is_known().then(|| digest(algo, &granule.bytes())))?;
                Some(digest.slot()[..algo.len_bytes()].to_vec())
            }
        }
    }

    /// The bytes, if they are at hand.
    #[must_use]
    pub fn bytes(&self) -> Option<View<'_>> {
        match self {
            Self::Granule(granule) if granule.is_known() => Some(granule.bytes()),
            _ => None,
        }
    }

    /// Where the bytes came from: `zero`, `host memory`, or a file and an offset.
    #[must_use]
    pub fn origin(&self) -> String {
        match self {
            Self::Granule(granule) => granule.origin().to_string(),
            Self::Saved { origin, .. } => origin.clone(),
        }
    }

    /// The file of an origin, without the offset.
    #[must_use]
    pub fn source(&self) -> String {
        let origin = self.origin();
        match origin.rsplit_once("+0x") {
            Some((file, _)) => file.to_owned(),
            None => origin,
        }
    }
}
