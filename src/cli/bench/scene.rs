//! What is measured.

use std::fs::File;
use std::io::{self, BufWriter, Cursor, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::best::Best;
use crate::abi::addr::{GRANULE_LEN, GRANULE_SIZE, GranuleBytes, Ipa};
use crate::abi::command::Command;
use crate::abi::granule_size::GranuleSize;
use crate::abi::params::DATA_MEASURE;
use crate::abi::platform::Platform;
use crate::abi::profile::Profile;
use crate::digest_cache::{Belief, DigestCache};
use crate::measure::digests::{self, Cut, DigestFile, DigestSource as _};
use crate::measure::event::{DataEvent, MeasuredEvent};
use crate::measure::hasher::{Digest, Hasher, digest};
use crate::measure::image::Image;
use crate::measure::kernel::Kernel;
use crate::measure::log::EventLog;
use crate::measure::page::{Page, write_stream};
use crate::measure::rim::{HashAlgo, Measurement};
use crate::model::world::World;
use crate::outputs::{Scratch, ScratchFolder};
use crate::session::Session;

/// Granules that a kernel is given at a time, as the pipeline does.
const BATCH: usize = 32;

/// A file of noise, removed when it is dropped.
#[derive(Debug)]
pub(crate) struct ScratchImage {
    /// A folder for digests.
    cache: ScratchFolder,
    image: Image,
    scratch: Scratch,
}

impl ScratchImage {
    /// Writes `len_bytes` of noise, which then lie in the page cache.
    pub(crate) fn create(dir: &Path, len_bytes: u64) -> io::Result<Self> {
        let (file, scratch) = Scratch::create(dir, "rimsim-bench-")?;
        write_noise(&file, len_bytes)?;
        let image = Image::open(scratch.path()).map_err(io::Error::other)?;
        let cache = ScratchFolder::create(dir, "rimsim-bench-")?;
        Ok(Self { cache, image, scratch })
    }

    pub(crate) fn len_bytes(&self) -> u64 {
        self.image.len_bytes()
    }

    /// The first whole granules, `most_bytes` at most.
    pub(crate) fn granules(&self, most_bytes: u64) -> Vec<&GranuleBytes> {
        let (granules, _) = self.image.bytes_from(0).as_chunks::<GRANULE_LEN>();
        let most = usize::try_from(most_bytes / GRANULE_SIZE).unwrap_or(usize::MAX);
        granules.iter().take(most).collect()
    }

    /// Copies the first bytes, `most_bytes` at most, as one thread reads and writes memory.
    pub(crate) fn copy(&self, most_bytes: u64, best: &mut Best) {
        let bytes = self.image.bytes_from(0);
        let len = usize::try_from(most_bytes).unwrap_or(usize::MAX).min(bytes.len());
        let mut copy = vec![1; len];
        best.time(len as u64, || copy.copy_from_slice(&bytes[..len]));
        std::hint::black_box(copy);
    }

    /// The whole way: opens the file, and measures every granule of it.
    pub(crate) fn measure(&self, algo: HashAlgo, hasher: &Hasher) -> Result<Measurement, String> {
        let image = Image::open(self.scratch.path()).map_err(|error| error.to_string())?;
        Ok(rim_of(image, algo, hasher))
    }

    /// The same with a copy.
    pub(crate) fn measure_copy(
        &self,
        algo: HashAlgo,
        hasher: &Hasher,
    ) -> Result<Measurement, String> {
        let image = Image::open_copy(self.scratch.path()).map_err(|error| error.to_string())?;
        Ok(rim_of(image, algo, hasher))
    }

    /// The same with a cache that knows the digests.
    pub(crate) fn measure_cached(
        &self,
        algo: HashAlgo,
        hasher: &Hasher,
        cache: Arc<DigestCache>,
    ) -> Result<Measurement, String> {
        let image = Image::open(self.scratch.path()).map_err(|error| error.to_string())?;
        Ok(rim_of(image.with_digest_source(cache), algo, hasher))
    }

    /// A cache that has an entry of the image.
    pub(crate) fn cache(
        &self,
        algo: HashAlgo,
        hasher: &Hasher,
    ) -> Result<Arc<DigestCache>, String> {
        // An entry that is written in the tick of the image's last change is not used.
        std::thread::sleep(Duration::from_millis(30));
        let open = || DigestCache::open(self.cache.path(), [0; 32], Belief::Times, hasher.clone());
        let cache = Arc::new(open().map_err(|error| error.to_string())?);
        let image = Image::open(self.scratch.path()).map_err(|error| error.to_string())?;
        cache.digests(&Arc::new(image), algo, Cut::default());
        Ok(cache)
    }

    /// A log of the same events whose digests are known.
    pub(crate) fn known_log(&self, algo: HashAlgo, hasher: &Hasher) -> Result<EventLog, String> {
        let image = Image::open(self.scratch.path()).map_err(|error| error.to_string())?;
        let mut file = Cursor::new(Vec::new());
        digests::write(&mut file, &Arc::new(image), &[algo], Cut::default(), &[0; 32], hasher)
            .map_err(|error| error.to_string())?;
        let file = Arc::new(Image::from_bytes("digests", file.into_inner()));
        let lists = DigestFile::read(&file).map_err(|error| error.to_string())?.lists;
        let image = Arc::new(Image::from_digests("noise", lists));
        Ok(log_of(&image, algo, hasher))
    }
}

fn rim_of(image: Image, algo: HashAlgo, hasher: &Hasher) -> Measurement {
    log_of(&Arc::new(image), algo, &hasher.clone().working_ahead()).rim()
}

fn write_noise(file: &File, len_bytes: u64) -> io::Result<()> {
    const PIECE: usize = 1 << 20;
    let mut out = BufWriter::new(file);
    let mut bytes = vec![0; PIECE];
    let mut at = 0;
    while at < len_bytes {
        let len = usize::try_from(len_bytes - at).unwrap_or(PIECE).min(PIECE);
        write_stream(1, at, &mut bytes[..len]);
        out.write_all(&bytes[..len])?;
        at += len as u64;
    }
    out.flush()
}

fn log_of(image: &Arc<Image>, algo: HashAlgo, hasher: &Hasher) -> EventLog {
    let mut log = EventLog::with_hasher(algo, hasher.clone());
    for i in 0..image.len_bytes().div_ceil(GRANULE_SIZE) {
        let offset = i * GRANULE_SIZE;
        let content = Page::Image { image: Arc::clone(image), offset }.into();
        log.push(MeasuredEvent::Data(DataEvent { ipa: Ipa(offset), flags: DATA_MEASURE, content }));
    }
    log
}

pub(crate) fn fold(mut log: EventLog) -> Measurement {
    log.rim()
}

pub(crate) fn one_by_one(algo: HashAlgo, granules: &[&GranuleBytes]) {
    for granule in granules {
        std::hint::black_box(digest(algo, *granule));
    }
}

pub(crate) fn side_by_side(kernel: Kernel, algo: HashAlgo, granules: &[&GranuleBytes]) {
    let mut digests = [Hasher::zero_granule(algo, GranuleSize::K4); BATCH];
    for batch in granules.chunks(BATCH) {
        let digests: &mut [Digest] = &mut digests[..batch.len()];
        kernel.digest_granules(algo, batch, digests);
        std::hint::black_box(digests);
    }
}

/// A Realm that is given memory: GRANULE_DELEGATE and DATA_CREATE for every granule.
#[derive(Debug)]
pub(crate) struct Commands {
    world: World,
    commands: Vec<Command>,
}

impl Commands {
    /// Most granules of contents: 256 MiB.
    pub(super) const MOST_GRANULES: u64 = 1 << 16;

    /// A NEW Realm with all tables that so many granules of contents need.
    pub(super) fn new(granules: u64) -> Self {
        let mut world = World::new(Platform::default(), Profile::TF_RMM);
        let dram = world.platform().dram[0].base;
        let mut free = (0..).map(|i| dram + i * GRANULE_SIZE);
        let mut next = || free.next().expect("without end");
        let (rd, root, params_ptr, src) = (next(), next(), next(), next());
        let mut params = [0; GRANULE_LEN];
        params[0x008] = 36;
        params[0x018] = 1;
        params[0x020] = 1;
        params[0x808..0x810].copy_from_slice(&root.to_le_bytes());
        params[0x810] = 1;
        params[0x818] = 1;
        world.host_write_page(params_ptr, &params).expect("the Host's memory");
        let mut setup = vec![
            Command::GranuleDelegate { addr: rd },
            Command::GranuleDelegate { addr: root },
            Command::RealmCreate { rd, params_ptr },
        ];
        let entries = GranuleSize::K4.rtt_entries() as u64;
        let table_bytes = entries * GRANULE_SIZE;
        let tables = (0..granules.div_ceil(entries)).map(|i| (3, i * table_bytes));
        for (level, ipa) in std::iter::once((2, 0)).chain(tables) {
            let rtt = next();
            setup.push(Command::GranuleDelegate { addr: rtt });
            setup.push(Command::RttCreate { rd, rtt, ipa, level });
        }
        for command in setup {
            let outcome = world.execute(command);
            assert!(outcome.is_success(), "{command}: {outcome}");
        }
        let commands = (0..granules).flat_map(|i| {
            let data = next();
            let create =
                Command::DataCreate { rd, data, ipa: i * GRANULE_SIZE, src, flags: DATA_MEASURE };
            [Command::GranuleDelegate { addr: data }, create]
        });
        let commands = commands.collect();
        Self { world, commands }
    }

    pub(crate) fn count(&self) -> u64 {
        self.commands.len() as u64
    }

    /// The same by way of a session, which is where commands are told of.
    pub(super) fn carry_out_in_session(self) -> World {
        let mut session = Session::new(self.world);
        for command in &self.commands {
            let place = || unreachable!("nobody observes");
            let outcome = session.call(&command.encode(), place).expect("all contents are known");
            assert!(outcome.is_success(), "{command}: {outcome}");
        }
        session.into_world()
    }

    pub(crate) fn carry_out(mut self) -> World {
        for command in &self.commands {
            let outcome = self.world.execute(*command);
            assert!(outcome.is_success(), "{command}: {outcome}");
        }
        self.world
    }
}
