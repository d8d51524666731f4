//! Chains of measured boot: from a file to a RIM and REMs.

mod vm;

pub(crate) use vm::Pins;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::abi::profile::RemReading;
use crate::boot::{
    BootError, Cause, Chain, Findings, MAX_CHAIN_BYTES, Predicted, Rems, Vm, find, variants,
};
use crate::cli::console::Console;
use crate::cli::error::{CliError, usage};
use crate::cli::exit::Exit;
use crate::cli::input::read_limited;
use crate::cli::options::{HashingArgs, ImageFiles, OutsideArgs};
use crate::cli::places::{folder, relative};
use crate::cli::reach::Reach;
use crate::encoding::shown::ShowPath as _;
use crate::host::Files;
use crate::measure::image::{Image, ImageError};
use crate::measure::rim::{HashAlgo, Measurement};
use crate::predict::Measured;
use crate::refvalue::RealmReference;
use vm::OfVm;

/// A chain, and all that it makes.
pub(crate) struct Booted {
    /// Its file, for people.
    pub(crate) name: String,
    /// What the VMM's command line builds, if the chain has one.
    pub(crate) measured: Option<Measured>,
    /// Files besides images that the VMM's line was made of: the option, and where it is.
    pub(crate) named: Vec<(&'static str, PathBuf)>,
    /// The RIM, if the chain says it.
    pub(crate) rim: Option<Measurement>,
    pub(crate) predicted: Predicted,
    pub(crate) rems: Rems,
    chain: Chain,
    tree: Option<Vec<u8>>,
    gives_kernel: Option<bool>,
    files: ChainFiles,
    reading: RemReading,
}

/// Whether a file's name says that it is a chain.
pub(crate) fn is_chain(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "toml")
}

/// The files of a chain: relative to its folder.
#[derive(Clone)]
struct ChainFiles {
    folder: PathBuf,
    reach: Reach,
    files: ImageFiles,
}

impl Files for ChainFiles {
    fn open(&mut self, name: &str) -> Result<Arc<Image>, ImageError> {
        let path = self.folder.join(name);
        self.reach.check_image(&path)?;
        self.files.open(&path).map(Arc::new)
    }
}

/// Reads a chain.
pub(crate) fn read(path: &Path) -> Result<Chain, CliError> {
    let shown = path.shown();
    let bytes = read_limited(path, MAX_CHAIN_BYTES)
        .map_err(|error| CliError(Exit::Io, format!("{shown}: {error}")))?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|error| usage(format!("{shown}: byte {} is not UTF-8", error.valid_up_to())))?;
    Chain::read(text).map_err(|why| usage(format!("{shown}:{why}")))
}

/// Reads a chain and boots it.
pub(crate) fn open(
    path: &Path,
    outside: OutsideArgs,
    hashing: &HashingArgs,
    reading: RemReading,
    console: &mut Console,
) -> Result<Booted, CliError> {
    open_on(path, outside, hashing, reading, None, console)
}

/// As [`open`], with host and version of the VMM where the chain names none.
pub(crate) fn open_on(
    path: &Path,
    outside: OutsideArgs,
    hashing: &HashingArgs,
    reading: RemReading,
    pins: Option<&Pins>,
    console: &mut Console,
) -> Result<Booted, CliError> {
    let chain = read(path)?;
    let reach = outside.reach_of(path);
    let measure = chain.measure.as_ref();
    let measured = match measure.and_then(|measure| measure.vm.as_deref()) {
        Some(words) => Some(vm::measured(path, words, outside, hashing, pins, console)?),
        None => None,
    };
    let (measured, line, named) = match measured {
        Some(OfVm { measured, line, named }) => (Some(measured), Some(line), named),
        None => (None, None, Vec::new()),
    };
    let given = measure.and_then(|measure| measure.rim.as_ref()).map(|rim| rim.0);
    let rim = measured.as_ref().map(|measured| measured.rim).or(given);
    let algo = rim.map(|rim| rim.algo()).or(chain.hash_algo.as_ref().map(|algo| algo.0));
    let algo: HashAlgo = algo.expect("a chain says one of them");
    let tree = measured.as_ref().and_then(Measured::device_tree).map(|(_, bytes)| bytes);
    let mut files = ChainFiles { folder: folder(path).to_owned(), reach, files: hashing.files() };
    let filled = line.as_ref().map(|line| chain.with_line(line, &mut files)).transpose();
    let chain = filled.map_err(|error| told(path, &error))?.unwrap_or(chain);
    let gives_kernel = line.map(|line| line.fw_cfg.kernel.is_some());
    let vm = Vm { algo, device_tree: tree.as_deref(), gives_kernel };
    let predicted = Predicted::of(&chain, vm, &mut files).map_err(|error| told(path, &error))?;
    for input in &predicted.inputs {
        let changed = input.image.check_unchanged();
        changed.map_err(|error| CliError(Exit::Io, error.to_string()))?;
    }
    let rems = predicted.rems(reading);
    let name = path.display().to_string();
    Ok(Booted {
        name,
        measured,
        named,
        rim,
        predicted,
        rems,
        chain,
        tree,
        gives_kernel,
        files,
        reading,
    })
}

fn told(path: &Path, error: &BootError) -> CliError {
    let exit = match error.cause {
        Cause::File(_) => Exit::Io,
        Cause::Wrong(_) => Exit::Usage,
    };
    CliError(exit, format!("{}: {error}", path.shown()))
}

impl Booted {
    /// Which things that the chain leaves open make a wanted value of these REMs, in words.
    pub(crate) fn otherwise(
        &self,
        wanted: &[Measurement; 4],
        wrong: &[usize],
    ) -> Result<Vec<String>, CliError> {
        let vm = self.vm();
        let mut found = Vec::new();
        for (what, chain) in variants(&self.chain) {
            // What a variant needs and is not there makes it none.
            let Ok(made) = Predicted::of(&chain, vm, &mut self.files.clone()) else { continue };
            let values = made.rems(self.reading).values;
            let made: Vec<String> = wrong
                .iter()
                .filter(|i| values[**i] == wanted[**i])
                .map(|i| format!("rem{}", i + 1))
                .collect();
            if !made.is_empty() {
                found.push(format!("{} would be as found with {what}", made.join(", ")));
            }
        }
        Ok(found)
    }

    /// What of the things that the chain leaves open makes these REMs. `go_on` is asked before each
    /// candidate.
    pub(crate) fn find(
        &self,
        wanted: &[Option<Measurement>; 4],
        go_on: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Findings, CliError> {
        let mut files = self.files.clone();
        let found = find(&self.chain, self.vm(), &mut files, self.reading, wanted, go_on);
        found.map_err(|error| told(Path::new(&self.name), &error))
    }

    fn vm(&self) -> Vm<'_> {
        let Self { gives_kernel, .. } = *self;
        Vm { algo: self.predicted.algo, device_tree: self.tree.as_deref(), gives_kernel }
    }

    /// The Realm as verifiers know it, if its RIM is known.
    pub(crate) fn reference(&self) -> Option<RealmReference> {
        let mut realm = RealmReference::new(self.rim?);
        for (i, rem) in self.rems.values.iter().enumerate() {
            realm = realm.with_rem(i, *rem).expect("one algorithm for all");
        }
        Some(realm)
    }

    /// What nobody said of the boot, and what should be known besides.
    pub(crate) fn tell(
        &self,
        verbose: bool,
        strict: bool,
        console: &mut Console,
    ) -> Result<(), CliError> {
        let Predicted { assumed, remarks, .. } = &self.predicted;
        if strict && let Some(first) = assumed.first() {
            return Err(usage(format!("{}: --strict: {first}", self.name)));
        }
        if verbose {
            remarks.iter().for_each(|remark| console.note(remark));
            assumed.iter().for_each(|one| console.note(&one.to_string()));
        } else {
            let short = assumed.iter().map(|one| format!("{} = {}", one.field, one.value));
            crate::cli::console::notes::note("assumed of the boot:", short, console);
        }
        Ok(())
    }
}

/// How a chain at `chain` names a file.
pub(crate) fn name_beside(path: &Path, chain: &Path) -> Result<String, String> {
    relative(path, folder(chain))
}
