//! Whole processes: what a user waits for besides the hashing.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;
use std::{env, io};

use super::best::Best;
use super::scene::ScratchImage;
use crate::abi::granule_size::GranuleSize;
use crate::cli::exit::Exit;
use crate::cli::options::HashingArgs;
use crate::inputs;
use crate::measure::page::write_stream;
use crate::outputs;

/// A process that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Process {
    /// Nothing but the start.
    Start,
    /// A VM with the image as firmware.
    Measure,
    /// A script that gives a Realm the image.
    Run,
    Digests,
}

/// The script of [`Process::Run`].
const SCRIPT: &str = "
rtt auto
image image = \"image\"
let rd = auto
REALM_CREATE rd=rd params_ptr=RealmParams {
    s2sz=40, num_bps=1, num_wps=1, rtt_base=auto, rtt_level_start=1, rtt_num_start=2
}
DATA_CREATE rd=rd ipa=0 image=image flags=measure
print rim
";

/// What a search tries: each makes another RIM of the same granules.
const CANDIDATES: u64 = 15 * 15 * 4;
/// Bytes of each, at most: no more than the image has.
const MOST_SEARCHED_BYTES: u64 = 16 << 20;
const SEARCH: &str = "--caps fvp --vary num-bps=2-16 --vary num-wps=2-16 --vary ipa-bits=36-39 \
                      kvmtool -- lkvm run --realm -c 1 -m 512 --firmware firmware \
                      --measurement-algo=sha512";

impl Process {
    pub(super) const ALL: [Self; 4] = [Self::Start, Self::Measure, Self::Run, Self::Digests];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Measure => "measure",
            Self::Run => "run",
            Self::Digests => "digests",
        }
    }

    /// Whether it takes images of every size and in every size of granules.
    const fn takes_any(self) -> bool {
        matches!(self, Self::Start | Self::Digests)
    }

    /// What it is given, in words.
    pub(super) const fn what(self) -> &'static str {
        match self {
            Self::Start => "rimsim --version",
            Self::Measure => "rimsim measure of a VM whose firmware is the image",
            Self::Run => "rimsim run of a script with one DATA_CREATE of the image",
            Self::Digests => "rimsim digests --algo sha256 of the image",
        }
    }

    fn line(self, len_bytes: u64, size: GranuleSize) -> String {
        match self {
            Self::Start => "--version".to_owned(),
            Self::Measure => {
                let mib = (len_bytes >> 20) + 512;
                format!(
                    "measure --caps fvp kvmtool -- lkvm run --realm -c 1 -m {mib} --firmware image \
                     --measurement-algo=sha256"
                )
            }
            Self::Run => "run --allow-outside script.rmi".to_owned(),
            Self::Digests => format!(
                "digests --algo sha256 --granule {}k -o /dev/null image",
                size.bytes() >> 10
            ),
        }
    }
}

/// Whole processes beside an image.
#[derive(Debug)]
pub(super) struct Processes {
    program: PathBuf,
    folder: PathBuf,
    /// Options of all that hash.
    hashing: Vec<String>,
    len_bytes: u64,
    size: GranuleSize,
    pub(super) times: [(Process, Best); 4],
    /// Candidates of a search.
    pub(super) search: Best,
    /// Most memory of [`Process::Run`] that is no file's, in bytes, as far as it was seen.
    pub(super) private_bytes: Option<u64>,
}

impl Processes {
    /// Most that the memory of the default platform, and a Realm of 40 bits, have room for.
    const MOST_BYTES: u64 = 32 << 30;

    pub(super) fn new(
        image: &ScratchImage,
        size: GranuleSize,
        args: &HashingArgs,
    ) -> io::Result<Self> {
        let folder = std::path::absolute(image.beside()?)?;
        outputs::write(&folder.join("script.rmi"), SCRIPT.as_bytes())?;
        let searched = usize::try_from(image.len_bytes().min(MOST_SEARCHED_BYTES));
        let mut firmware = vec![0; searched.expect("16 MiB")];
        write_stream(2, 0, &mut firmware);
        outputs::write(&folder.join("firmware"), &firmware)?;
        let mut hashing = Vec::new();
        if let Some(threads) = args.threads {
            hashing.push(format!("--threads={threads}"));
        }
        if let Some(kernel) = args.hasher {
            hashing.push(format!("--hasher={kernel}"));
        }
        let times = Process::ALL.map(|process| (process, Best::default()));
        let (program, len_bytes) = (env::current_exe()?, image.len_bytes());
        let (search, private_bytes) = (Best::default(), None);
        Ok(Self { program, folder, hashing, len_bytes, size, times, search, private_bytes })
    }

    /// Starts each once, and waits for it.
    pub(super) fn round(&mut self) -> Result<(), String> {
        let is_usual = self.len_bytes <= Self::MOST_BYTES && self.size == GranuleSize::K4;
        let mut times = self.times;
        for (process, best) in times.iter_mut().filter(|(it, _)| is_usual || it.takes_any()) {
            let status = best.time(self.len_bytes, || self.command(*process).status());
            if !status.as_ref().is_ok_and(|status| status.success()) {
                let line = process.line(self.len_bytes, self.size);
                let status = status.map_or_else(|error| error.to_string(), |it| it.to_string());
                return Err(format!("rimsim {line}: {status}"));
            }
        }
        let rim = "a5".repeat(64);
        let line = format!("--rim {rim} {SEARCH}");
        let mut search = self.command_of("search", &line, true);
        let status = self.search.time(CANDIDATES, || search.status());
        // No candidate has that RIM.
        if !status.as_ref().is_ok_and(|status| status.code() == Some(Exit::Mismatch as i32)) {
            return Err(format!("rimsim search {line}: {status:?}"));
        }
        self.times = times;
        if is_usual && self.private_bytes.is_none() {
            self.private_bytes = self.watched().map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// What is counted of a search, in words.
    pub(super) fn search_what(&self) -> String {
        let mib = self.len_bytes.min(MOST_SEARCHED_BYTES) >> 20;
        format!("thousand candidates a second: rimsim search, each of {mib} MiB by SHA-512")
    }

    fn command(&self, process: Process) -> Command {
        let line = process.line(self.len_bytes, self.size);
        let (name, words) = line.split_once(' ').unwrap_or((&line, ""));
        self.command_of(name, words, process != Process::Start)
    }

    /// A command with words behind those of all that hash.
    fn command_of(&self, name: &str, words: &str, hashes: bool) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(&self.folder).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(Stdio::null()).arg(name);
        if hashes {
            command.args(&self.hashing);
        }
        command.args(words.split_whitespace());
        command
    }

    /// Looks at the memory of a process that is not timed, again and again.
    fn watched(&self) -> io::Result<Option<u64>> {
        let mut child = self.command(Process::Run).spawn()?;
        let mut most = None;
        while child.try_wait()?.is_none() {
            most = most.max(private_bytes(child.id()));
            sleep(Duration::from_millis(2));
        }
        Ok(most)
    }
}

/// Memory of a process that is no file's, in bytes, where the system says.
fn private_bytes(pid: u32) -> Option<u64> {
    const MOST_BYTES: u64 = 1 << 16;
    let file = inputs::open(Path::new(&format!("/proc/{pid}/status"))).ok()?;
    let mut text = Vec::new();
    inputs::read_to_end(file, MOST_BYTES, &mut text).ok()?;
    let text = String::from_utf8(text).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}
