//! `rimsim digests`

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args as ClapArgs, ValueEnum};
use serde_json::json;

use crate::abi::granule_size::GranuleSize;
use crate::cli::console::{Console, Progress};
use crate::cli::exit::Exit;
use crate::cli::options::{Format, HashingArgs};
use crate::encoding::shown::ShowPath as _;
use crate::measure::digests::{self, Cut, DigestFile};
use crate::measure::image::{Image, ImageError};
use crate::measure::rim::HashAlgo;
use crate::outputs::{OutputPath, Pending};

/// Write the digests of an image's granules to a file, to predict RIMs where the image is not
///
/// A script takes the file in the image's place: `image kernel = digests "Image.rimd"`. It can be
/// placed in a Realm at any granule, with the algorithms that it has digests by; its bytes can not
/// be read, sliced or changed.
///
/// Prints a line for each list: the algorithm, the number of granules, how many of them are zero.
#[derive(Debug, ClapArgs)]
#[command(after_long_help = FORMAT_AND_EXAMPLES)]
pub(crate) struct DigestsArgs {
    /// The image; with --show, a file of digests
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where the digests are written
    #[arg(short, long, value_name = "FILE", required_unless_present = "show")]
    out: Option<OutputPath>,
    /// Hash algorithm of the Realms; both if it is not said
    #[arg(long, value_enum)]
    algo: Option<Algo>,
    /// Size of the RMM's granules; RMM 1.0 and TF-RMM have 4 KiB
    #[arg(long, value_enum, default_value_t = Granule::K4)]
    granule: Granule,
    /// Say what is in a file of digests, and whether it is whole
    #[arg(long, conflicts_with_all = ["out", "algo", "granule"])]
    show: bool,
    #[command(flatten)]
    hashing: HashingArgs,
    /// Say how fast it was
    #[arg(short, long)]
    verbose: bool,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Algo {
    Sha256,
    Sha512,
    Sha384,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Granule {
    #[value(name = "4k")]
    K4,
    #[value(name = "16k")]
    K16,
    #[value(name = "64k")]
    K64,
}

impl From<Granule> for GranuleSize {
    fn from(granule: Granule) -> Self {
        match granule {
            Granule::K4 => Self::K4,
            Granule::K16 => Self::K16,
            Granule::K64 => Self::K64,
        }
    }
}

const FORMAT_AND_EXAMPLES: &str = "\
Examples:
  Measure where the image is:
      rimsim digests Image -o Image.rimd
  Is it whole, and what is in it?
      rimsim digests --show Image.rimd

The file: a header (`RIMD`, version, length of the image, checksum), then for each algorithm the \
digests of the granules that are not zero and the runs of those that are, then a trailer for each \
list. It is described byte by byte in the documentation of rimsim::measure::digests. The checksum \
finds damage, not malice: take digests only from whom you would take the RIM.";

pub(crate) fn run(args: &DigestsArgs, console: &mut Console) -> io::Result<Exit> {
    let done = if args.show {
        Image::read(&args.file)
    } else {
        let made = make(args, console);
        match made {
            Ok(out) => Image::read(&out),
            Err(exit) => return Ok(exit),
        }
    };
    let file = match done {
        Ok(file) => Arc::new(file),
        Err(error) => {
            console.error(&error.to_string());
            return Ok(Exit::Io);
        }
    };
    let lists = match DigestFile::read(&file) {
        Ok(digests) => digests.lists,
        Err(source) => {
            let path = file.name().to_owned();
            console.error(&ImageError::Digests { path, source }.to_string());
            return Ok(Exit::Usage);
        }
    };
    match args.format {
        Format::Text => {
            for list in &lists {
                let of_size = match list.cut().size {
                    GranuleSize::K4 => String::new(),
                    size => format!(" of {} KiB", size.bytes() >> 10),
                };
                console.result(&format!(
                    "{} {} granules{of_size}, {} zero, image of {} bytes",
                    list.algo().name(),
                    list.count(),
                    list.zero_count(),
                    list.image_len_bytes()
                ))?;
            }
        }
        Format::Json => {
            let list = |list: &digests::GranuleDigests| {
                json!({
                    "hash_algo": list.algo().name(),
                    "granules": list.count(),
                    "zero_granules": list.zero_count(),
                    "image_len_bytes": list.image_len_bytes(),
                    "phase": list.cut().phase,
                    "granule_bytes": list.cut().size.bytes(),
                })
            };
            let lists: Vec<_> = lists.iter().map(list).collect();
            console.json(&json!({
                "schema": "rimsim/1",
                "command": "digests",
                "file": file.name(),
                "lists": lists,
            }))?;
        }
    }
    Ok(Exit::Good)
}

/// Hashes the image and writes the file, which appears whole or not at all.
fn make(args: &DigestsArgs, console: &mut Console) -> Result<OutputPath, Exit> {
    let hasher = args.hashing.hasher().map_err(|problem| problem.tell(console))?;
    let out = args.out.clone().expect("asked for by the arguments");
    let algos = match args.algo {
        None => HashAlgo::ALL_1_0.to_vec(),
        Some(Algo::Sha256) => vec![HashAlgo::Sha256],
        Some(Algo::Sha512) => vec![HashAlgo::Sha512],
        Some(Algo::Sha384) => vec![HashAlgo::Sha384],
    };
    let image = args.hashing.files().open(&args.file).map_err(|error| {
        console.error(&error.to_string());
        Exit::Io
    })?;
    let image = Arc::new(image);
    let progress = Progress::begin(image.len_bytes() * algos.len() as u64);
    let hasher = hasher.counting_in(progress.counter());
    let cut = Cut { size: args.granule.into(), phase: 0 };
    let written =
        write(&out, &image, |file| digests::write(file, &image, &algos, cut, &[0; 32], &hasher));
    let speed = progress.end();
    if args.verbose {
        console.say(&speed);
    }
    match written {
        Ok(()) => Ok(out),
        Err(error) => {
            console.error(&format!("{}: {error}", out.shown()));
            Err(Exit::Io)
        }
    }
}

fn write(
    out: &Path,
    image: &Image,
    digests: impl FnOnce(&mut Pending) -> io::Result<()>,
) -> io::Result<()> {
    let mut file = Pending::create(out)?;
    digests(&mut file)?;
    image.check_unchanged().map_err(io::Error::other)?;
    file.commit()
}
