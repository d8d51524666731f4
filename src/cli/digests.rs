//! `rimsim digests`

use std::io::{self, Cursor, Seek, Write};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args as ClapArgs, ValueEnum};
use serde_json::{Value, json};

use crate::abi::granule_size::GranuleSize;
use crate::cli::console::{Console, Progress};
use crate::cli::exit::Exit;
use crate::cli::options::{ByteRange, Format, Granule, HashingArgs, byte_range};
use crate::encoding::shown::{ShowPath as _, Shown};
use crate::measure::digest_parts::{self, DigestPart, in_order, part_of};
use crate::measure::digests::{self, Cut, DigestFile, DigestsError, GranuleDigests};
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
    /// The image; with --show, a file of digests; with --join, those of all its parts
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
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
    /// Hash only the granules in bytes A..B of the image (0..64GiB, 64GiB..), and write a part that
    /// --join takes
    #[arg(long, value_name = "A..B", value_parser = byte_range, conflicts_with = "show")]
    range: Option<ByteRange>,
    /// Write the digests of the whole image of the parts that --range made of it
    #[arg(long, conflicts_with_all = ["show", "range", "algo", "granule"])]
    join: bool,
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

const FORMAT_AND_EXAMPLES: &str = "\
Examples:
  Measure where the image is:
      rimsim digests Image -o Image.rimd
  Is it whole, and what is in it?
      rimsim digests --show Image.rimd
  On two machines, and the same file as from one:
      rimsim digests Image --range ..64GiB -o Image.0.rimd
      rimsim digests Image --range 64GiB.. -o Image.1.rimd
      rimsim digests --join Image.0.rimd Image.1.rimd -o Image.rimd

A range begins and ends at a granule, or at the image's end; what of it lies behind that is no \
error. Parts say which image they are of by its length and by pages that are looked at, so parts \
of two images that differ only in other pages are not told apart.

The file: a header (`RIMD`, version, length of the image, checksum), then for each algorithm the \
digests of the granules that are not zero and the runs of those that are, then a trailer for each \
list. It is described byte by byte in the documentation of rimsim::measure::digests. The checksum \
finds damage, not malice: take digests only from whom you would take the RIM.";

pub(crate) fn run(args: &DigestsArgs, console: &mut Console) -> io::Result<Exit> {
    if let [_, another, ..] = &args.files[..]
        && !args.join
    {
        console.error(&format!("{}: several files are for --join", another.shown()));
        return Ok(Exit::Usage);
    }
    let (done, is_sent) = if args.show {
        (Image::open(&args.files[0]), false)
    } else {
        let out = args.out.as_ref().expect("asked for by the arguments");
        let made = if args.join { join(args, out, console) } else { make(args, out, console) };
        match made {
            Ok(None) => (Image::open(out), false),
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
    match Found::read(&file) {
        Ok(found) => found.tell(args.format, file.name(), is_sent, console),
        Err(source) => {
            let path = file.name().to_owned();
            console.error(&ImageError::Digests { path, source }.to_string());
            Ok(Exit::Usage)
        }
    }
}

/// What is in a file of digests.
struct Found {
    lists: Vec<GranuleDigests>,
    /// The part of the image, and the image's length, if it is not the whole.
    part: Option<(Range<u64>, u64)>,
}

impl Found {
    fn read(file: &Arc<Image>) -> Result<Self, DigestsError> {
        match DigestFile::read(file) {
            Err(DigestsError::Part) => {
                let DigestPart { lists, range, image_len_bytes, .. } = DigestPart::read(file)?;
                Ok(Self { lists, part: Some((range, image_len_bytes)) })
            }
            read => Ok(Self { lists: read?.lists, part: None }),
        }
    }

    fn tell(
        &self,
        format: Format,
        name: &str,
        is_sent: bool,
        console: &mut Console,
    ) -> io::Result<Exit> {
        match format {
            Format::Text => {
                for line in self.lists.iter().map(|list| self.line(list)) {
                    // Standard output may be where the digests went.
                    if is_sent {
                        console.say(&line);
                    } else {
                        console.result(&line)?;
                    }
                }
            }
            Format::Json => {
                let lists: Vec<_> = self.lists.iter().map(|list| self.document(list)).collect();
                console.json(&json!({
                    "schema": "rimsim/1",
                    "command": "digests",
                    "file": name,
                    "lists": lists,
                }))?;
            }
        }
        Ok(Exit::Good)
    }

    /// A list in words.
    fn line(&self, list: &GranuleDigests) -> String {
        let of_size = match list.cut().size {
            GranuleSize::K4 => String::new(),
            size => format!(" of {} KiB", size.bytes() >> 10),
        };
        let (name, count, zeros) = (list.algo().name(), list.count(), list.zero_count());
        let image = match &self.part {
            None => format!("image of {} bytes", list.image_len_bytes()),
            Some((Range { start, end }, len_bytes)) => {
                format!("bytes {start}..{end} of an image of {len_bytes} bytes")
            }
        };
        format!("{name} {count} granules{of_size}, {zeros} zero, {image}")
    }

    /// A list as documents have it.
    fn document(&self, list: &GranuleDigests) -> Value {
        let mut document = json!({
            "hash_algo": list.algo().name(),
            "granules": list.count(),
            "zero_granules": list.zero_count(),
            "image_len_bytes": list.image_len_bytes(),
            "phase": list.cut().phase,
            "granule_bytes": list.cut().size.bytes(),
        });
        if let Some((range, len_bytes)) = &self.part {
            document["image_len_bytes"] = (*len_bytes).into();
            document["part"] = json!({ "start": range.start, "end": range.end });
        }
        document
    }
}

/// Makes the file of a whole image of those of its parts.
fn join(
    args: &DigestsArgs,
    out: &OutputPath,
    console: &mut Console,
) -> Result<Option<Vec<u8>>, Exit> {
    let mut fail = |text: &str, exit| {
        console.error(text);
        exit
    };
    let mut parts = Vec::new();
    for path in &args.files {
        let file = Image::open(path).map_err(|error| fail(&error.to_string(), Exit::Io))?;
        let read = DigestPart::read(&Arc::new(file));
        parts.push(read.map_err(|source| {
            let path = path.display().to_string();
            fail(&ImageError::Digests { path, source }.to_string(), Exit::Usage)
        })?);
    }
    let parts = in_order(parts).map_err(|error| fail(&error.to_string(), Exit::Usage))?;
    let written = write_to(out, |mut file| digest_parts::join(&mut file, &parts));
    written.map_err(|error| fail(&format!("{}: {error}", out.shown()), Exit::Io))
}

/// Hashes the image and writes the file.
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
    let image = args.hashing.files().open(&args.files[0]).map_err(|error| {
        console.error(&error.to_string());
        Exit::Io
    })?;
    let image = Arc::new(image);
    let size = args.granule.into();
    let range = match args.range {
        None => None,
        Some(ByteRange { start, end }) => {
            let range = part_of(&image, size, (start, end)).map_err(|error| {
                console.error(&format!("{}: --range {error}", Shown(image.name())));
                Exit::Usage
            })?;
            Some(range)
        }
    };
    let len_bytes = range.as_ref().map_or(image.len_bytes(), |range| range.end - range.start);
    let progress = Progress::begin(len_bytes * algos.len() as u64);
    let hasher = hasher.counting_in(progress.counter());
    let written = write_to(out, |mut file| {
        match &range {
            None => {
                let cut = Cut { size, phase: 0 };
                digests::write(&mut file, &image, &algos, cut, &[0; 32], &hasher)?;
            }
            Some(range) => {
                digest_parts::write(&mut file, &image, &algos, size, range, &hasher)?;
            }
        }
        image.check_unchanged().map_err(io::Error::other)
    });
    let speed = progress.end();
    if args.verbose {
        console.say(&speed);
    }
    written.map_err(|error| {
        console.error(&format!("{}: {error}", out.shown()));
        Exit::Io
    })
}

/// What writes a file and goes back to its beginning, from another thread.
trait Target: Write + Seek + Send {}

impl<T: Write + Seek + Send> Target for T {}

/// Has a file written, which appears whole or not at all. What went through a pipe or to a device
/// can not be read again there, and is the answer.
fn write_to(
    out: &OutputPath,
    write: impl FnOnce(&mut dyn Target) -> io::Result<()>,
) -> io::Result<Option<Vec<u8>>> {
    let mut pending = Pending::create(out)?;
    if pending.check_beside("a file of digests").is_ok() {
        write(&mut pending)?;
        pending.commit()?;
        return Ok(None);
    }
    // Its beginning is written last, and nothing goes back in a pipe.
    let mut whole = Cursor::new(Vec::new());
    write(&mut whole)?;
    pending.write_all(whole.get_ref())?;
    pending.commit()?;
    Ok(Some(whole.into_inner()))
}
