//! The options that say how contents are hashed, for every subcommand that measures.

use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args as ClapArgs;

use super::cache_key::user_key;
use crate::cli::console::Console;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::digest_cache::{Belief, DigestCache};
use crate::encoding::nearest::DidYouMean;
use crate::encoding::shown::ShowPath as _;
use crate::measure::digests::DigestSource;
use crate::measure::hasher::Hasher;
use crate::measure::image::{Image, ImageError};
use crate::measure::kernel::Kernel;
use crate::script;

/// The environment variable that chooses a kernel where `--hasher` does not.
const KERNEL_VARIABLE: &str = "RIMSIM_HASH";

#[derive(Clone, Debug, Default, ClapArgs)]
#[command(next_help_heading = "Hashing (never changes a result)")]
pub(crate) struct HashingArgs {
    /// Threads that hash; all cores if it is not said
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Instructions that hash: sha2, shani, avx2, avx512, armv8; the fastest here if neither this
    /// nor RIMSIM_HASH says
    #[arg(long, value_name = "KERNEL", value_parser = kernel)]
    pub(crate) hasher: Option<Kernel>,
    /// Copy images into memory and measure the copy: they are mapped otherwise, and not every
    /// change of a mapped file that somebody writes to meanwhile can be noticed
    #[arg(long)]
    pub(crate) copy: bool,
}

/// Options for results that others rely on: nothing but what is proven is used.
#[derive(Clone, Debug, Default, ClapArgs)]
#[command(next_help_heading = "Hashing (never changes a result)")]
pub(crate) struct ProvenCacheArgs {
    /// Keep the digests of images' granules in FOLDER, and use those that are there where the
    /// kernel vouches for the image (fs-verity; erofs or squashfs on dm-verity or in a file with
    /// fs-verity; a sealed memfd): it is hashed once, whatever Realms it is measured in
    #[arg(long, value_name = "FOLDER", conflicts_with = "copy")]
    pub(crate) digest_cache: Option<PathBuf>,
}

#[derive(Clone, Debug, Default, ClapArgs)]
#[command(next_help_heading = "Hashing (never changes a result)")]
pub(crate) struct CacheArgs {
    #[command(flatten)]
    pub(crate) proven: ProvenCacheArgs,
    /// With --digest-cache: believe that an image is what it was if its times are. They are no
    /// proof: a write through a mapping need not move them. Reference values do not use this
    #[arg(long, requires = "digest_cache")]
    pub(crate) trust_mtime: bool,
}

impl From<ProvenCacheArgs> for CacheArgs {
    fn from(proven: ProvenCacheArgs) -> Self {
        Self { proven, trust_mtime: false }
    }
}

/// What a result is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Somebody looks at it.
    Figure,
    /// A verifier or a later check relies on it.
    Reliance,
}

impl CacheArgs {
    /// The files that a script names, copied or with the cache if that was asked for.
    pub(crate) fn files(
        &self,
        hashing: &HashingArgs,
        hasher: &Hasher,
        purpose: Purpose,
    ) -> Result<ImageFiles, HashingProblem> {
        let files = hashing.files();
        let Some(dir) = &self.proven.digest_cache else { return Ok(files) };
        let shown = dir.shown();
        let wrong =
            |why: &dyn fmt::Display| HashingProblem::Io(format!("--digest-cache {shown}: {why}"));
        let belief = match purpose {
            Purpose::Figure if self.trust_mtime => Belief::Times,
            Purpose::Figure | Purpose::Reliance => Belief::Vouched,
        };
        let key = user_key().map_err(|why| wrong(&why))?;
        let cache = DigestCache::open(dir, key, belief, hasher.clone());
        let cache = cache.map_err(|error| wrong(&error))?;
        Ok(ImageFiles { cache: Some(Arc::new(cache)), ..files })
    }
}

/// The file system, and the digests that are kept of images in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct ImageFiles {
    copy: bool,
    cache: Option<Arc<DigestCache>>,
}

impl ImageFiles {
    /// Opens an image.
    pub(crate) fn open(&self, path: &Path) -> Result<Image, ImageError> {
        let image = if self.copy { Image::open_copy(path)? } else { Image::open(path)? };
        Ok(match &self.cache {
            Some(cache) => image.with_digest_source(Arc::clone(cache) as Arc<dyn DigestSource>),
            None => image,
        })
    }

    /// Whether images are copied.
    pub(crate) const fn copies(&self) -> bool {
        self.copy
    }

    /// What the cache has to say to people: everything, or why it was of no use.
    pub(crate) fn remarks(&self, verbose: bool) -> Vec<String> {
        self.cache.as_ref().map(|cache| cache.take_remarks(verbose)).unwrap_or_default()
    }
}

impl script::Source for ImageFiles {
    fn text(&mut self, path: &str, limit_bytes: u64) -> io::Result<Vec<u8>> {
        script::Files.text(path, limit_bytes)
    }

    fn image(&mut self, path: &str) -> Result<Image, ImageError> {
        // "." beside a script that was named without a folder leaves nothing of the path.
        self.open(Path::new(if path.is_empty() { "." } else { path }))
    }

    fn digests(&mut self, path: &str) -> Result<Image, ImageError> {
        script::Files.digests(path)
    }
}

/// Why nothing can be hashed as it was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HashingProblem {
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Io(String),
}

impl HashingProblem {
    /// How the process ends.
    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Io(_) => Exit::Io,
        }
    }

    /// Tells people, and how the process ends.
    pub(crate) fn tell(&self, console: &mut Console) -> Exit {
        console.error(&self.to_string());
        self.exit()
    }
}

impl From<HashingProblem> for CliError {
    fn from(problem: HashingProblem) -> Self {
        Self(problem.exit(), problem.to_string())
    }
}

impl HashingArgs {
    /// The files that are measured, without a cache.
    pub(crate) const fn files(&self) -> ImageFiles {
        ImageFiles { copy: self.copy, cache: None }
    }

    /// The hasher that the options, the environment and the processor make.
    pub(crate) fn hasher(&self) -> Result<Hasher, HashingProblem> {
        let mut hasher = Hasher::default();
        if let Some((kernel, origin)) = self.kernel()? {
            hasher = hasher.with_kernel(kernel).ok_or_else(|| {
                HashingProblem::Usage(format!("{origin}: this processor has no {kernel}"))
            })?;
        }
        let Some(threads) = self.threads else { return Ok(hasher) };
        let many = |error: &dyn fmt::Display| HashingProblem::Io(format!("--threads: {error}"));
        if threads.get() > MAX_THREADS {
            return Err(HashingProblem::Usage(format!("--threads: at most {MAX_THREADS}")));
        }
        hasher.with_threads(threads).map_err(|error| many(&error))
    }

    fn kernel(&self) -> Result<Option<(Kernel, &'static str)>, HashingProblem> {
        if let Some(kernel) = self.hasher {
            return Ok(Some((kernel, "--hasher")));
        }
        let Some(name) = std::env::var_os(KERNEL_VARIABLE).filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        let name = name.to_string_lossy();
        let kernel = kernel(&name)
            .map_err(|why| HashingProblem::Usage(format!("{KERNEL_VARIABLE}={name}: {why}")))?;
        Ok(Some((kernel, KERNEL_VARIABLE)))
    }
}

/// More would be a slip of the keyboard, and exhaust the system.
const MAX_THREADS: usize = 1024;

fn kernel(name: &str) -> Result<Kernel, String> {
    let names: Vec<_> = Kernel::ALL.iter().map(|kernel| kernel.name()).collect();
    Kernel::from_name(name).ok_or_else(|| {
        let meant = DidYouMean::of(name, names.iter().copied());
        format!("it is one of {}{meant}", names.join(", "))
    })
}
