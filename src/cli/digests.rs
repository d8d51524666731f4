//! `rimsim digests`

use std::io::{self, Cursor, Seek, Write};
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args as ClapArgs, ValueEnum};
use serde_json::{Value, json};

use crate::abi::granule_size::GranuleSize;
use crate::cli::console::{Console, Progress};
use crate::cli::exit::Exit;
use crate::cli::options::{Format, HashingArgs};
use crate::encoding::shown::ShowPath as _;
use crate::measure::digests::{self, Cut, DigestFile};
use crate::measure::hasher::Hasher;
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
    let (done, is_sent) = if args.show {
        (Image::read(&args.file), false)
    } else {
        let out = args.out.as_ref().expect("asked for by the arguments");
        match make(args, out, console) {
            Ok(None) => (Image::read(out), false),
            Ok(Some(sent)) => (Ok(Image::from_bytes(out.display().to_string(), sent)), true),
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
                let line = format!(
                    "{} {} granules{of_size}, {} zero, image of {} bytes",
                    list.algo().name(),
                    list.count(),
                    list.zero_count(),
                    list.image_len_bytes()
                );
                // Standard output may be where the digests went.
                if is_sent {
                    console.say(&line);
                } else {
                    console.result(&line)?;
                }
            }
        }
        Format::Json => {
            let lists: Vec<_> = lists.iter().map(document).collect();
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

/// A list as documents have it.
fn document(list: &digests::GranuleDigests) -> Value {
    json!({
        "hash_algo": list.algo().name(),
        "granules": list.count(),
        "zero_granules": list.zero_count(),
        "image_len_bytes": list.image_len_bytes(),
        "phase": list.cut().phase,
        "granule_bytes": list.cut().size.bytes(),
    })
}

/// Hashes the image and writes the file, which appears whole or not at all. What went through a
/// pipe or to a device can not be read again there, and is the answer.
fn make(
    args: &DigestsArgs,
    out: &OutputPath,
    console: &mut Console,
) -> Result<Option<Vec<u8>>, Exit> {
    let hasher = args.hashing.hasher().map_err(|problem| problem.tell(console))?;
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
    let written = Work { image: &image, algos: &algos, cut, hasher: &hasher }.write_to(out);
    let speed = progress.end();
    if args.verbose {
        console.say(&speed);
    }
    written.map_err(|error| {
        console.error(&format!("{}: {error}", out.shown()));
        Exit::Io
    })
}

/// What is hashed.
struct Work<'a> {
    image: &'a Arc<Image>,
    algos: &'a [HashAlgo],
    cut: Cut,
    hasher: &'a Hasher,
}

impl Work<'_> {
    fn write_to(&self, out: &OutputPath) -> io::Result<Option<Vec<u8>>> {
        let mut pending = Pending::create(out)?;
        if pending.check_beside("a file of digests").is_ok() {
            self.write(&mut pending)?;
            pending.commit()?;
            return Ok(None);
        }
        // Its beginning is written last, and nothing goes back in a pipe.
        let mut whole = Cursor::new(Vec::new());
        self.write(&mut whole)?;
        pending.write_all(whole.get_ref())?;
        pending.commit()?;
        Ok(Some(whole.into_inner()))
    }

    fn write(&self, out: &mut (impl Write + Seek + Send)) -> io::Result<()> {
        digests::write(out, self.image, self.algos, self.cut, &[0; 32], self.hasher)?;
        self.image.check_unchanged().map_err(io::Error::other)
    }
}
