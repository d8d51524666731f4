//! What a log tells of the command line of a VMM: what firmware and loaders measured that comes
//! from the line, and what the VMM itself wrote down of the Realm that it built.
//!
//! A log comes from the host, and nobody signs it. Its digests tell which of several VMs or files
//! it was; the RIM has to agree.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::efi::utf16;
use super::event::{INITRD_TAG, LOAD_OPTIONS_TAG, kind};
use super::hash::{Digest, digest, digest_behind_zeros, digest_with_zeros};
use super::pe::Pe;
use super::stages::is_image;
use super::words;
use crate::abi::addr::Hex;
use crate::encoding::fdt;
use crate::event_log::{Event, Log, Payload};
use crate::explain::tree_differences;
use crate::host::Region;
use crate::host::kvm::{Stage, StageKind};
use crate::measure::event::{RealmEvent, RecEvent};
use crate::measure::hasher::Hasher;
use crate::measure::image::Image;
use crate::measure::rim::HashAlgo;
use crate::predict::Plan;

/// Most clues of one kind that are kept. A log has some dozens of events.
const MAX_OF_KIND: usize = 64;
/// Images that are as long as this are hashed once, in bytes.
const WORTH_KEEPING_BYTES: u64 = 4 << 20;

/// Something that a log tells of a VM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clue {
    /// The event's number in the log.
    pub event: usize,
    /// What it tells.
    pub tells: Tells,
}

/// What an event tells.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tells {
    /// The VMM's name and version, and RAM in bytes and vCPUs: its own word, measured nowhere.
    Vmm(String, Option<(u64, u32)>),
    /// The parameters that the Realm was created with.
    Params(Box<RealmEvent>),
    /// A range of RAM, half-open.
    Ripas(u64, u64),
    /// A vCPU.
    Rec(Box<RecEvent>),
    /// Contents of memory.
    Contents {
        /// What the VMM calls it.
        description: String,
        /// IPA of the first byte.
        base: u64,
        /// Length in bytes.
        len_bytes: u64,
        /// Of all bytes.
        digest: Logged,
    },
    /// The device tree itself.
    Tree(Vec<u8>),
    /// The device tree that firmware got, with as many bytes as its header says.
    DeviceTree(Logged),
    /// An image that firmware loaded: the Authenticode digest.
    Image(Logged),
    /// LoadOptions of a kernel: its command line.
    LoadOptions(Logged),
    /// An initrd that a loader handed over.
    Initrd(Logged),
    /// ACPI tables of the VMM.
    Acpi,
    /// The version of the firmware.
    Version(String),
}

/// A digest of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// By which algorithm.
    pub algo: HashAlgo,
    /// The digest.
    pub bytes: Digest,
}

/// The digests of long images by their place in memory, so that candidates that share them do not
/// hash them again.
#[derive(Debug, Default)]
pub struct HashedImages(Mutex<BTreeMap<HashedPart, (Arc<Image>, Digest)>>);

/// Where an image is in memory, the length in bytes and the algorithm.
type HashedPart = (usize, u64, HashAlgo);

/// What a log tells, in its order.
///
/// # Bounds
/// Time and memory grow with the length of the log; of each kind no more than 64 are kept.
#[must_use]
pub fn clues(log: &Log) -> Vec<Clue> {
    let mut counts: BTreeMap<u8, usize> = BTreeMap::new();
    let mut clues = Vec::new();
    for event in &log.events {
        let told = if event.index == 0 { of_vmm(event) } else { of_guest(event) };
        if let Some(tells) = told {
            let count = counts.entry(tells.number()).or_default();
            *count += 1;
            if *count <= MAX_OF_KIND {
                clues.push(Clue { event: event.number, tells });
            }
        }
    }
    clues
}

fn of_vmm(event: &Event) -> Option<Tells> {
    Some(match &event.payload {
        Payload::Vmm { name, version, machine, .. } => {
            Tells::Vmm(format!("{name} {version}").trim().to_owned(), *machine)
        }
        Payload::Realm(params) => Tells::Params(params.clone()),
        Payload::Ripas { base, top } => Tells::Ripas(*base, *top),
        Payload::Rec(params) => Tells::Rec(params.clone()),
        Payload::Image { description, base, len_bytes } => Tells::Contents {
            description: description.clone(),
            base: *base,
            len_bytes: *len_bytes,
            digest: Logged::of(event)?,
        },
        Payload::DeviceTree => Tells::Tree(event.data.get(16..)?.to_vec()),
        _ => return None,
    })
}

fn of_guest(event: &Event) -> Option<Tells> {
    match event.kind {
        kind::NONHOST_CONFIG => Logged::of(event).map(Tells::DeviceTree),
        kind::PLATFORM_CONFIG_FLAGS => Some(Tells::Acpi),
        kind::S_CRTM_VERSION => {
            let text = event.data.strip_suffix(&[0, 0]).and_then(utf16::text)?;
            Some(Tells::Version(text))
        }
        kind::EVENT_TAG => match words::tag(&event.data)? {
            LOAD_OPTIONS_TAG => Logged::of(event).map(Tells::LoadOptions),
            INITRD_TAG => Logged::of(event).map(Tells::Initrd),
            _ => None,
        },
        other if is_image(other) => Logged::of(event).map(Tells::Image),
        _ => None,
    }
}

impl Tells {
    /// Whether the RIM is made of it, too.
    #[must_use]
    pub const fn is_of_rim(&self) -> bool {
        matches!(
            self,
            Self::Params(_)
                | Self::Ripas(..)
                | Self::Rec(_)
                | Self::Contents { .. }
                | Self::Tree(_)
                | Self::DeviceTree(_)
        )
    }

    const fn number(&self) -> u8 {
        match self {
            Self::Vmm(..) => 0,
            Self::Params(_) => 1,
            Self::Ripas(..) => 2,
            Self::Rec(_) => 3,
            Self::Contents { .. } => 4,
            Self::Tree(_) => 5,
            Self::DeviceTree(_) => 6,
            Self::Image(_) => 7,
            Self::LoadOptions(_) => 8,
            Self::Initrd(_) => 9,
            Self::Acpi => 10,
            Self::Version(_) => 11,
        }
    }
}

impl Logged {
    /// The first digest of an event that is calculated here.
    fn of(event: &Event) -> Option<Self> {
        event.digests.iter().find_map(|found| {
            let algo = HashAlgo::from_tcg_number(found.algorithm)?;
            Some(Self { algo, bytes: found.bytes.clone() })
        })
    }

    /// Whether it is that of these bytes.
    #[must_use]
    pub fn is_of(&self, bytes: &[u8]) -> bool {
        digest(self.algo, [bytes]) == self.bytes
    }

    /// Whether it is the Authenticode digest of a PE image.
    #[must_use]
    pub fn is_of_image(&self, bytes: &[u8]) -> bool {
        let found = Pe::read(bytes).and_then(|pe| pe.authenticode(self.algo));
        found.is_ok_and(|found| found == self.bytes)
    }

    /// Whether it is that of LoadOptions with this text, as some loader hands them over.
    #[must_use]
    pub fn is_of_options(&self, text: &str) -> bool {
        let prefixes = ["", "initrd=initrd ", "kernel ", "kernel initrd=initrd "];
        prefixes.into_iter().any(|prefix| {
            let text = format!("{prefix}{text}");
            self.is_of(&utf16::utf16_nul(&text)) || self.is_of(&utf16::utf16(&text))
        })
    }

    /// Whether it is that of the device tree that begins here, as long as its header says.
    #[must_use]
    pub fn is_of_tree(&self, bytes: &[u8]) -> bool {
        let Some(head) = bytes.first_chunk::<8>() else { return false };
        let total = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        if !head.starts_with(&[0xD0, 0x0D, 0xFE, 0xED]) || total > fdt::MAX_BYTES {
            return false;
        }
        digest_behind_zeros(self.algo, 0, bytes, total.into()) == self.bytes
    }
}

/// What is otherwise in a VM than a log tells, of all that the RIM is made of, a line each: "as
/// said" is the VM, "as seen" the log. Contents of which the VM has only granules' digests are not
/// compared. `None` if the host or the RMM refuses the VM.
#[must_use]
pub fn differences(
    clues: &[Clue],
    plan: &Plan,
    hasher: &Hasher,
    hashed: &HashedImages,
) -> Option<Vec<String>> {
    let mut found = Vec::new();
    let is_built =
        |clue: &Clue| matches!(clue.tells, Tells::Params(_) | Tells::Ripas(..) | Tells::Rec(_));
    if clues.iter().any(is_built) {
        let measured = plan.clone().measure(hasher.clone(), Vec::new()).ok()?;
        built(clues, &measured.stages, &mut found);
    }
    let tree = plan.tree_region().and_then(|region| region.image.as_ref());
    for clue in clues {
        match &clue.tells {
            Tells::Contents { description, base, len_bytes, digest } => {
                let own = match contents(plan, *base, *len_bytes, digest, hashed) {
                    Found::Same | Found::DigestsAlone => continue,
                    Found::Others => "others",
                    Found::NoContents => "none there",
                };
                let at = Hex(*base);
                found.push(format!(
                    "contents of \"{description}\" at {at}: {own} as said, {len_bytes} bytes \
                     as seen"
                ));
            }
            Tells::Tree(seen) => match tree {
                Some(own) => match tree_differences(own.bytes_from(0), seen) {
                    Some(fields) => found.extend(fields.iter().map(|field| {
                        format!("{}: {} as said, {} as seen", field.name, field.a, field.b)
                    })),
                    None => found.push("the device tree: another one as seen".into()),
                },
                None => found.push("the device tree: none as said, one as seen".into()),
            },
            Tells::DeviceTree(seen)
                if !tree.is_some_and(|own| seen.is_of_tree(own.bytes_from(0))) =>
            {
                found.push("the device tree that firmware measured: another as said".into());
            }
            _ => {}
        }
    }
    Some(found)
}

/// What is otherwise in the Realm's parameters, its RAM and its vCPUs.
fn built(clues: &[Clue], stages: &[Stage], found: &mut Vec<String>) {
    let mut differs = |what: &str, own: String, seen: String| {
        if own != seen {
            found.push(format!("{what}: {own} as said, {seen} as seen"));
        }
    };
    let mut ranges = Vec::new();
    let mut recs = Vec::new();
    for clue in clues {
        match &clue.tells {
            Tells::Params(seen) => {
                let own = stages.iter().find_map(|stage| match stage.kind {
                    StageKind::RealmCreate(params) => Some(params),
                    _ => None,
                });
                let Some(own) = own else { continue };
                for (name, a, b) in [
                    ("flags", own.flags, seen.flags),
                    ("s2sz", own.s2sz, seen.s2sz),
                    ("sve_vl", own.sve_vl, seen.sve_vl),
                    ("num_bps", own.num_bps, seen.num_bps),
                    ("num_wps", own.num_wps, seen.num_wps),
                    ("pmu_num_ctrs", own.pmu_num_ctrs, seen.pmu_num_ctrs),
                ] {
                    let what = format!("the Realm's parameter {name}");
                    differs(&what, format!("{a:#x}"), format!("{b:#x}"));
                }
            }
            Tells::Ripas(base, top) => ranges.push((*base, *top)),
            Tells::Rec(seen) => recs.push((seen.flags, seen.pc, seen.gprs)),
            _ => {}
        }
    }
    if !ranges.is_empty() {
        let own = stages.iter().filter_map(|stage| match stage.kind {
            StageKind::Ripas { base, top } => Some((base, top)),
            _ => None,
        });
        differs("RAM", shown(joined(own.collect())), shown(joined(ranges)));
    }
    if !recs.is_empty() {
        let own = stages.iter().filter_map(|stage| match stage.kind {
            StageKind::Rec { flags, pc, gprs, .. } => Some((flags, pc, gprs)),
            _ => None,
        });
        let own: Vec<_> = own.take(MAX_OF_KIND).collect();
        differs("vCPUs", own.len().to_string(), recs.len().to_string());
        for (i, (own, seen)) in own.iter().zip(&recs).enumerate() {
            let text = |(flags, pc, gprs): &(u64, u64, [u64; 8])| {
                format!("flags={flags:#x} pc={} x0={}", Hex(*pc), Hex(gprs[0]))
            };
            if own != seen {
                differs(&format!("vCPU {i}"), text(own), text(seen));
            }
        }
    }
}

/// Ranges in order, those that touch as one.
fn joined(mut ranges: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    ranges.sort_unstable();
    let mut joined: Vec<(u64, u64)> = Vec::new();
    for (base, top) in ranges {
        match joined.last_mut() {
            Some(last) if last.1 >= base => last.1 = last.1.max(top),
            _ => joined.push((base, top)),
        }
    }
    joined
}

fn shown(ranges: Vec<(u64, u64)>) -> String {
    let range = |(base, top): (u64, u64)| format!("{}..{}", Hex(base), Hex(top));
    let ranges: Vec<String> = ranges.into_iter().map(range).collect();
    if ranges.is_empty() { "none".into() } else { ranges.join(" and ") }
}

/// What a VM has where a log has contents.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Same,
    Others,
    /// It measures none there.
    NoContents,
    /// Only digests of its granules are known.
    DigestsAlone,
}

fn contents(plan: &Plan, base: u64, len: u64, seen: &Logged, hashed: &HashedImages) -> Found {
    let holds = |region: &&Region| region.measured && region.ipa.contains(&base);
    let Some(region) = plan.vm.regions.iter().find(holds) else { return Found::NoContents };
    // What is longer than the region is not that of this VM.
    if base.checked_add(len).is_none_or(|end| end > region.ipa.end) {
        return Found::Others;
    }
    let start = region.ipa.start + region.fill_bytes;
    let own = match &region.image {
        Some(image) if !image.is_known() => return Found::DigestsAlone,
        Some(image) if base == start => hashed.of(image, len, seen.algo),
        Some(image) => {
            let bytes = image.bytes_from(base.saturating_sub(start));
            digest_behind_zeros(seen.algo, start.saturating_sub(base), bytes, len)
        }
        None => digest_with_zeros(seen.algo, &[], len),
    };
    if own == seen.bytes { Found::Same } else { Found::Others }
}

impl HashedImages {
    /// The digest of an image, cut off or with zeros behind it so that it has `len` bytes.
    ///
    /// # Panics
    /// If a thread panicked while it had the digests: a fault of this program.
    #[must_use]
    pub fn of(&self, image: &Arc<Image>, len: u64, algo: HashAlgo) -> Digest {
        let key = (Arc::as_ptr(image) as usize, len, algo);
        let known = |known: &Self| {
            let known = known.0.lock().expect("nobody panics with it");
            known.get(&key).map(|(_, digest)| digest.clone())
        };
        if let Some(found) = known(self) {
            return found;
        }
        let made = digest_behind_zeros(algo, 0, image.bytes_from(0), len);
        if image.len_bytes() >= WORTH_KEEPING_BYTES {
            let kept = (Arc::clone(image), made.clone());
            self.0.lock().expect("nobody panics with it").insert(key, kept);
        }
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_touch_are_one() {
        assert_eq!(joined(vec![(8, 12), (0, 4), (4, 8), (20, 24)]), [(0, 12), (20, 24)]);
        assert_eq!(shown(vec![(0x8000_0000, 0x9000_0000)]), "0x8000_0000..0x9000_0000");
        assert_eq!(shown(Vec::new()), "none");
    }

    #[test]
    fn a_tree_is_as_long_as_its_header_says() {
        let mut tree = vec![0xD0, 0x0D, 0xFE, 0xED, 0, 0, 0, 16];
        tree.extend([7; 4]);
        let whole = [&tree[..], &[0; 4]].concat();
        let algo = HashAlgo::Sha256;
        let logged = Logged { algo, bytes: digest(algo, [&whole[..]]) };
        assert!(logged.is_of_tree(&tree), "zeros at its end may be missing");
        assert!(logged.is_of_tree(&[&whole[..], &[0; 9]].concat()), "and more may follow");
        assert!(!logged.is_of_tree(&[&whole[..15], &[1]].concat()));
        assert!(!logged.is_of_tree(&[0xFF; 16]));
        let huge = [0xD0, 0x0D, 0xFE, 0xED, 0xFF, 0xFF, 0xFF, 0xFF];
        assert!(!logged.is_of_tree(&huge));
    }

    #[test]
    fn options_of_every_loader() {
        let algo = HashAlgo::Sha512;
        let of = |bytes: &[u8]| Logged { algo, bytes: digest(algo, [bytes]) };
        assert!(of(&utf16::utf16_nul("quiet")).is_of_options("quiet"));
        assert!(of(&utf16::utf16("initrd=initrd quiet")).is_of_options("quiet"));
        assert!(!of(b"quiet\0").is_of_options("quiet"));
    }
}
