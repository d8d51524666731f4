//! From the events of index 0 to a script that builds the Realm again.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use thiserror::Error;

use super::check::{digest, has_digest};
use super::read::{Event, algorithm_name};
use super::{Log, Payload, WrongDigest};
use crate::abi::addr::{GRANULE_SIZE, Hex, align_down};
use crate::abi::command::CommandInfo;
use crate::abi::edition::Edition;
use crate::abi::mpidr::mpidr_of_index;
use crate::abi::params::{DATA_MEASURE, realm_flags};
use crate::abi::platform::{DramRange, Platform, PlatformFile};
use crate::abi::presets::PRESETS;
use crate::encoding::text::hex;
use crate::host::kvm::geometry;
use crate::measure::event::{RealmEvent, RecEvent};
use crate::measure::image::{Image, ImageError};
use crate::measure::rim::HashAlgo;
use crate::script::Source;
use crate::script::statements::{self, arg, auto, decimal, name};
use crate::script::{ImageSource, Kind};

/// Most bytes of contents, together.
const MAX_CONTENTS_BYTES: u64 = 16 << 30;
/// Most bytes of one image that is made up: one that is no file's bytes from a granule's begin on.
const MAX_MADE_BYTES: u64 = 1 << 30;
/// Most bytes of RIPAS ranges, together.
const MAX_RIPAS_BYTES: u64 = 8 << 40;
/// For each byte of log and files so many are hashed to find contents by their digests, and some
/// more, so that small files may stand in large ranges.
const TRIES: u64 = 16;
const MIN_TRIED_BYTES: u64 = 256 << 20;
/// Most operations. A VMM's log has some dozens.
const MAX_OPERATIONS: u64 = 4096;
/// Memory of the machine.
const DRAM: DramRange = DramRange { base: 0x8000_0000, size: 64 << 30 };
/// The platform's name in the script, and what stands before the names of images that are made.
const PLATFORM: &str = "platform.toml";

/// A file whose bytes a VMM put into the Realm.
#[derive(Clone, Debug)]
pub struct At {
    /// Where its first byte stands; `None` for wherever the log has its digest.
    pub ipa: Option<u64>,
    /// The file.
    pub image: Arc<Image>,
}

/// Contents that were measured and are not at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The event's number.
    pub event: usize,
    /// What it is, as the log says.
    pub description: String,
    /// The addresses, half-open.
    pub ipa: Range<u64>,
    /// The digests that the contents should have: algorithm and hexadecimal.
    pub digests: Vec<(String, String)>,
}

/// A script made of a log.
#[derive(Clone, Debug)]
pub struct Rebuild {
    /// The script. Files that it names are those of [`Rebuild::attachments`], or named absolutely.
    pub text: String,
    /// Files beside the script: names and bytes.
    pub attachments: BTreeMap<String, Vec<u8>>,
    /// The Realm's hash algorithm.
    pub algo: HashAlgo,
    /// What has to be given before the script makes the Realm's RIM.
    pub needs: Vec<Need>,
    /// Contents that are not what the log says of them.
    pub wrong: Vec<WrongDigest>,
    /// What else should be known.
    pub remarks: Vec<String>,
}

/// Why a log builds no Realm.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RebuildError {
    /// Parameters are missing, so that the log is none of a VMM.
    #[error("no event has the parameters of a Realm, so the log says nothing of the RIM")]
    NoRealm,
    /// An event that can not be carried out.
    #[error("event {event}: {why}")]
    Event {
        /// Its number.
        event: usize,
        /// Why not.
        why: String,
    },
}

/// Makes a script of a log: REALM_CREATE, RTT_INIT_RIPAS, DATA_CREATE and REC_CREATE as the events
/// of index 0 name them, in their order, with missing tables made as KVM does. An image without a
/// digest is unmeasured; one with a digest takes the granules that its bytes lie in, and no more.
/// `files` have the contents; a device tree that stands in the log is found.
///
/// # Bounds
/// Time and memory grow with the length of the log, memory by at most 60 bytes for each byte of
/// it; and time by at most 16 GiB that are hashed to find contents by their digests.
///
/// # Errors
/// If there is no Realm in the log, or an event can not be carried out.
pub fn rebuild(log: &Log, files: &[At]) -> Result<Rebuild, RebuildError> {
    let realms = log.events.iter().filter_map(|event| match &event.payload {
        Payload::Realm(params) if event.index == 0 => Some((event.number, params)),
        _ => None,
    });
    let realms: Vec<_> = realms.collect();
    let _span = tracing::info_span!("rebuild", events = log.events.len()).entered();
    let (number, params) = *realms.first().ok_or(RebuildError::NoRealm)?;
    let wrong = |event, why: String| RebuildError::Event { event, why };
    if let Some((second, _)) = realms.get(1) {
        return Err(wrong(*second, format!("a second REALM_CREATE, after that of event {number}")));
    }
    let algo = HashAlgo::from_code(params.hash_algo)
        .ok_or_else(|| wrong(number, format!("hash algorithm {}; 0 or 1", params.hash_algo)))?;
    let platform = platform(params).map_err(|why| wrong(number, why))?;
    let mut builder = Builder {
        files,
        used: vec![false; files.len()],
        trees: trees(log),
        images: Vec::new(),
        commands: Vec::new(),
        has_realm: false,
        operations: 0,
        recs: 0,
        contents_bytes: 0,
        ripas_bytes: 0,
        left_bytes: tried_bytes(log, files),
        made: Rebuild {
            text: String::new(),
            attachments: [(PLATFORM.to_owned(), platform.to_toml().into_bytes())].into(),
            algo,
            needs: Vec::new(),
            wrong: Vec::new(),
            remarks: Vec::new(),
        },
    };
    for event in log.events.iter().filter(|event| event.index == 0) {
        builder.event(event).map_err(|why| wrong(event.number, why))?;
    }
    Ok(builder.finish())
}

/// A machine that offers what the Realm has.
fn platform(params: &RealmEvent) -> Result<Platform, String> {
    let has = |flag| params.flags & flag != 0;
    let byte = |value: u64| u32::try_from(value).expect("a byte of the log");
    let lpa2 = has(realm_flags::LPA2);
    let base = Platform::preset(PRESETS[0].name).expect("a preset");
    Platform::try_from(PlatformFile {
        name: "event-log".into(),
        pa_bits: 48,
        dram: vec![DRAM],
        lpa2,
        s2sz: if lpa2 { 52 } else { 48 },
        sve_vl: has(realm_flags::SVE).then_some(15),
        num_bps: 16,
        num_wps: 16,
        pmu_num_ctrs: has(realm_flags::PMU).then_some(byte(params.pmu_num_ctrs).min(31)),
        sha256: true,
        sha512: true,
        ..PlatformFile::from(base)
    })
    .map_err(|error| error.to_string())
}

/// How many bytes may be hashed to find contents by their digests.
fn tried_bytes(log: &Log, files: &[At]) -> u64 {
    let files = files.iter().map(|at| at.image.len_bytes());
    let all = files.fold(log.used_bytes, u64::saturating_add);
    all.saturating_mul(TRIES).max(MIN_TRIED_BYTES)
}

/// Device trees that stand in the log.
fn trees(log: &Log) -> Vec<&[u8]> {
    let trees = log.events.iter().filter(|event| event.payload == Payload::DeviceTree);
    trees.map(|event| &event.data[16..]).collect()
}

struct Builder<'l> {
    files: &'l [At],
    used: Vec<bool>,
    trees: Vec<&'l [u8]>,
    images: Vec<Kind>,
    commands: Vec<Kind>,
    has_realm: bool,
    operations: u64,
    recs: u64,
    contents_bytes: u64,
    ripas_bytes: u64,
    /// Bytes that may yet be hashed to find contents.
    left_bytes: u64,
    made: Rebuild,
}

/// Where contents come from.
enum Found<'l> {
    File(usize),
    Tree(&'l [u8]),
}

impl<'l> Builder<'l> {
    fn event(&mut self, event: &'l Event) -> Result<(), String> {
        let before_realm = match &event.payload {
            Payload::Realm(params) => {
                self.realm(params);
                return Ok(());
            }
            Payload::Ripas { .. } => "RTT_INIT_RIPAS",
            Payload::Rec(_) => "REC_CREATE",
            Payload::Image { .. } => "DATA_CREATE",
            _ => return Ok(()),
        };
        if !self.has_realm {
            return Err(format!("{before_realm} before REALM_CREATE"));
        }
        self.operations += 1;
        if self.operations > MAX_OPERATIONS {
            return Err(format!("more than {MAX_OPERATIONS} operations of the VMM"));
        }
        match &event.payload {
            Payload::Ripas { base, top } => self.ripas(*base, *top),
            Payload::Rec(params) => self.rec(params),
            Payload::Image { description, base, len_bytes } => {
                self.image(event, description, *base, *len_bytes)
            }
            _ => Ok(()),
        }
    }

    fn realm(&mut self, params: &RealmEvent) {
        let RealmEvent { flags, s2sz, sve_vl, num_bps, num_wps, pmu_num_ctrs, hash_algo } = *params;
        // What is no size of a Realm is the RMM's to refuse.
        let bits = u32::try_from(s2sz).unwrap_or(0).clamp(32, 52);
        let (level, tables) = geometry(bits);
        self.commands.extend(statements::realm_create(
            vec![
                arg("flags", statements::hex(flags)),
                arg("s2sz", decimal(s2sz)),
                arg("sve_vl", decimal(sve_vl)),
                arg("num_bps", decimal(num_bps)),
                arg("num_wps", decimal(num_wps)),
                arg("pmu_num_ctrs", decimal(pmu_num_ctrs)),
                arg("hash_algo", decimal(hash_algo.into())),
                arg("vmid", decimal(1)),
                arg("rtt_base", auto()),
                arg("rtt_level_start", statements::level(level)),
                arg("rtt_num_start", decimal(tables)),
            ],
            statements::invoke,
        ));
        self.has_realm = true;
    }

    fn ripas(&mut self, base: u64, top: u64) -> Result<(), String> {
        self.ripas_bytes = self.ripas_bytes.saturating_add(top - base);
        if self.ripas_bytes > MAX_RIPAS_BYTES {
            let most = MAX_RIPAS_BYTES >> 40;
            return Err(format!("RIPAS ranges of more than {most} TiB, together"));
        }
        self.commands.push(statements::init_ripas(statements::rd(), base, top));
        Ok(())
    }

    fn rec(&mut self, params: &RecEvent) -> Result<(), String> {
        let index = self.recs;
        let mpidr = mpidr_of_index(index).ok_or_else(|| format!("REC {index} has no MPIDR"))?;
        let params = vec![
            arg("flags", statements::hex(params.flags)),
            arg("mpidr", statements::hex(mpidr)),
            arg("pc", statements::hex(params.pc)),
            arg("gprs", statements::gprs(&params.gprs)),
            arg("aux", auto()),
        ];
        let args = statements::rec_args(auto(), params);
        self.commands.push(statements::invoke("REC_CREATE", args));
        self.recs += 1;
        Ok(())
    }

    fn image(
        &mut self,
        event: &Event,
        description: &str,
        base: u64,
        len: u64,
    ) -> Result<(), String> {
        let first = align_down(base, GRANULE_SIZE);
        let end = (base + len).checked_next_multiple_of(GRANULE_SIZE);
        let end = end.ok_or("it passes the end of the address space")?;
        self.contents_bytes = self.contents_bytes.saturating_add(end - first);
        if self.contents_bytes > MAX_CONTENTS_BYTES {
            let most = MAX_CONTENTS_BYTES >> 30;
            return Err(format!("contents of more than {most} GiB, together"));
        }
        if len == 0 {
            self.made.remarks.push(format!("event {}: \"{description}\" is empty", event.number));
            return Ok(());
        }
        let image = format!("event_{}", event.number);
        if event.digests.is_empty() {
            let zeros = ImageSource::Zeros(statements::hex(end - first));
            self.images.push(statements::image(&image, zeros));
            self.populate(&image, first, 0);
            return Ok(());
        }
        let source = match self.find(event, base, len) {
            None => {
                let digests = event.digests.iter();
                self.made.needs.push(Need {
                    event: event.number,
                    description: description.to_owned(),
                    ipa: base..base + len,
                    digests: digests
                        .map(|one| (algorithm_name(one.algorithm), hex(&one.bytes)))
                        .collect(),
                });
                format!("{image}.bin")
            }
            Some(found) => self.source(event, &found, base - first, len)?,
        };
        self.images.push(statements::image(&image, ImageSource::File(name(&source))));
        self.populate(&image, first, DATA_MEASURE);
        Ok(())
    }

    fn populate(&mut self, image: &str, ipa: u64, flags: u64) {
        let command_name = CommandInfo::data_create(Edition::default()).name;
        let (rd, flags) = (statements::rd(), statements::data_flags(flags));
        self.commands.push(statements::contents(command_name, rd, ipa, None, image, flags));
    }

    /// What stands at `base`, or has the event's digest.
    fn find(&mut self, event: &Event, base: u64, len: u64) -> Option<Found<'l>> {
        let files = self.files;
        let placed = files.iter().position(|at| at.ipa == Some(base));
        if placed.is_none() && self.left_bytes == 0 {
            let why = format!("event {}: its contents were not looked for", event.number);
            self.made.remarks.push(why);
            return None;
        }
        let found = placed.or_else(|| {
            let mut anywhere = files.iter().enumerate().filter(|(_, at)| at.ipa.is_none());
            let fits = |(_, at): &(usize, &At)| self.fits(event, at.image.bytes_from(0), len);
            anywhere.find(fits).map(|(index, _)| index)
        });
        if let Some(index) = found {
            self.used[index] = true;
            return Some(Found::File(index));
        }
        let trees = std::mem::take(&mut self.trees);
        let tree = trees.iter().find(|tree| self.fits(event, tree, len)).copied();
        self.trees = trees;
        tree.map(Found::Tree)
    }

    /// Whether bytes have the event's digests, as long as that may be tried.
    fn fits(&mut self, event: &Event, bytes: &[u8], len: u64) -> bool {
        let known = event.digests.iter().filter(|one| has_digest(one.algorithm)).count() as u64;
        let hashed = if bytes.len() as u64 > len { 0 } else { known.saturating_mul(len) };
        // To look at bytes that are too long costs something, too.
        self.left_bytes = self.left_bytes.saturating_sub(hashed.saturating_add(64));
        hashed > 0 && self.left_bytes > 0 && matches(event, bytes, len) == Some(true)
    }

    /// The file that the script names for the contents, with zeros around them if need be.
    fn source(
        &mut self,
        event: &Event,
        found: &Found<'l>,
        fill: u64,
        len: u64,
    ) -> Result<String, String> {
        let number = event.number;
        let (bytes, file) = match found {
            Found::File(index) => {
                let image = &self.files[*index].image;
                (image.bytes_from(0), Some(image))
            }
            Found::Tree(tree) => (*tree, None),
        };
        let shown = file.map_or("the device tree in the log", |image| image.name());
        let found_len = bytes.len() as u64;
        let mut say = |why: String| self.made.wrong.push(WrongDigest { event: number, why });
        if found_len > len {
            say(format!("{shown} has {found_len} bytes, and the event says {len}"));
        }
        match matches(event, bytes, len) {
            Some(true) => {}
            Some(false) if found_len <= len => {
                let logged = &event.digests[0];
                let name = algorithm_name(logged.algorithm);
                let own = digest_of(logged.algorithm, bytes, len).map(|own| hex(&own));
                let own = own.unwrap_or_default();
                let wanted = hex(&logged.bytes);
                say(format!("the {name} digest of {shown} is {own}, and the event says {wanted}"));
            }
            Some(false) => {}
            None => {
                let why = format!("event {number}: its digests can not be compared with {shown}");
                self.made.remarks.push(why);
            }
        }
        if fill == 0
            && found_len == len
            && let Some(path) = file.and_then(|image| image.path())
        {
            let absolute = std::path::absolute(path).map_err(|error| error.to_string())?;
            let name = absolute.to_str().ok_or_else(|| format!("{shown}: its name is not UTF-8"));
            return name.map(str::to_owned);
        }
        let used = &bytes[..bytes.len().min(usize::try_from(len).unwrap_or(usize::MAX))];
        let whole = fill.checked_add(len).filter(|whole| *whole <= MAX_MADE_BYTES);
        let whole = whole.and_then(|whole| usize::try_from(whole).ok());
        let whole = whole.ok_or_else(|| {
            format!("{len} bytes that are not those of {shown} alone; at most {MAX_MADE_BYTES}")
        })?;
        let mut made = vec![0; usize::try_from(fill).expect("inside a granule")];
        made.extend_from_slice(used);
        made.resize(whole, 0);
        let name = format!("event_{number}.bin");
        self.made.attachments.insert(name.clone(), made);
        Ok(name)
    }

    fn finish(self) -> Rebuild {
        let mut made = self.made;
        for (at, used) in self.files.iter().zip(self.used) {
            if !used {
                let place = at.ipa.map_or("it".to_owned(), |ipa| format!("{}", Hex(ipa)));
                let name = at.image.name();
                made.remarks.push(format!("{name}: no event measures {place}"));
            }
        }
        let mut all = vec![Kind::Platform(name(PLATFORM)), Kind::Empty];
        all.extend(self.images);
        all.extend([Kind::Empty, Kind::RttAuto(true), Kind::Empty]);
        all.extend(self.commands);
        all.extend([Kind::Empty, Kind::PrintRim { rd: None }]);
        made.text = statements::script("log.rmi", all).to_string();
        made
    }
}

/// Whether bytes, with zeros up to `len`, have the event's digests: those that can be calculated;
/// `None` if that is none.
fn matches(event: &Event, bytes: &[u8], len: u64) -> Option<bool> {
    if bytes.len() as u64 > len {
        return Some(false);
    }
    let mut all = None;
    for logged in &event.digests {
        if let Some(own) = digest_of(logged.algorithm, bytes, len) {
            all = Some(all.unwrap_or(true) && own == logged.bytes);
        }
    }
    all
}

fn digest_of(algorithm: u16, bytes: &[u8], len: u64) -> Option<Vec<u8>> {
    /// Zeros that are hashed at a time.
    static ZEROS: [u8; 1 << 16] = [0; 1 << 16];
    let zeros = len.saturating_sub(bytes.len() as u64);
    let zeros = usize::try_from(zeros.min(MAX_MADE_BYTES)).ok()?;
    let (pieces, rest) = (zeros / ZEROS.len(), zeros % ZEROS.len());
    let parts = std::iter::once(bytes);
    let parts = parts.chain(std::iter::repeat_n(&ZEROS[..], pieces)).chain([&ZEROS[..rest]]);
    digest(algorithm, parts)
}

impl Source for Rebuild {
    fn text(&mut self, path: &str, _: u64) -> io::Result<Vec<u8>> {
        if path == "log.rmi" {
            return Ok(self.text.clone().into_bytes());
        }
        self.attachments.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn image(&mut self, path: &str) -> Result<Image, ImageError> {
        match self.attachments.get(path) {
            Some(bytes) => Ok(Image::from_bytes(path, bytes.clone())),
            None => Image::open(Path::new(path)),
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { event, description, ipa, digests } = self;
        let (start, len) = (Hex(ipa.start), ipa.end - ipa.start);
        write!(f, "event {event}: \"{description}\", {len} bytes: --at {start}=FILE")?;
        let Some((algorithm, digest)) = digests.first() else { return Ok(()) };
        write!(f, ", of which {algorithm} is {digest}")
    }
}
