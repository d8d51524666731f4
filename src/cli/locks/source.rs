//! What a lock file is made of: a command line of `measure`, or a script, measured.

use std::io;
use std::path::{Path, PathBuf};

use super::boot::Boot;
use super::file::{MeasureTable, Rim, ScriptTable};
use crate::abi::edition::Edition;
use crate::cli::console::Console;
use crate::cli::error::{CliError, usage};
use crate::cli::exit::Exit;
use crate::cli::input::{Input, Problem, Setup};
use crate::cli::options::{CacheArgs, GuestArgs, HashingArgs, ImageFiles, Purpose, ResponderArgs};
use crate::cli::reach::Reach;
use crate::cli::request::RequestWords;
use crate::cli::trails;
use crate::encoding::shown::ShowPath as _;
use crate::explain::Trail;
use crate::host::caps::Decision;
use crate::measure::image::{Image, ImageError};
use crate::measure::log::EventLog;
use crate::measure::rule::RimRule;
use crate::predict::{Assumption, Plan, sha256};
use crate::script;

/// What stands before a file of capabilities.
pub(crate) const CAPS: &str = "--caps ";

/// A measurement with everything that made it.
pub(crate) struct Measured {
    pub(crate) rim: Rim,
    pub(crate) rule: RimRule,
    pub(crate) inputs: Vec<File>,
    pub(crate) measure: Option<MeasureTable>,
    pub(crate) script: Option<ScriptTable>,
    pub(crate) boot: Option<Boot>,
    pub(crate) log: EventLog,
    /// IPA and bytes of the device tree, without the zeros at its end.
    pub(crate) device_tree: Option<(u64, Vec<u8>)>,
    pub(crate) assumptions: Vec<Assumption>,
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) size: u64,
    pub(crate) sha256: String,
}

/// How contents are hashed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hashing {
    pub(crate) hashing: HashingArgs,
    pub(crate) cache: CacheArgs,
}

impl Measured {
    pub(crate) fn trail(&self, name: &str) -> Trail {
        Trail::of_log(name, self.log.algo(), self.rule, self.log.events().clone())
    }
}

/// The words that give these arguments again; `--map` is left out, since inputs say where they are.
pub(crate) fn words(guest: &GuestArgs, responder: &ResponderArgs) -> Vec<String> {
    fn one<T: ToString>(name: &str, value: Option<T>) -> Option<String> {
        value.map(|value| format!("--{name}={}", value.to_string()))
    }
    let mut words = Vec::new();
    words.extend(one("host", guest.host.as_ref()));
    words.extend(one("spec", guest.spec.map(Edition::name)));
    words.extend(one("vmm-version", guest.vmm_version.as_ref()));
    words.extend(guest.caps.iter().map(|name| format!("--caps={name}")));
    words.extend(one("ipa-bits", guest.ipa_bits));
    words.extend(one("num-bps", guest.num_bps));
    words.extend(one("num-wps", guest.num_wps));
    words.extend(one("pmu-counters", guest.pmu_counters));
    words.extend(one("pmu", guest.pmu));
    words.extend(guest.sve_vl.iter().map(|bits| format!("--sve-vl={bits}")));
    words.extend(one("lpa2", guest.lpa2));
    words.extend(one("gicv3", guest.gicv3));
    words.extend(one("its", guest.its));
    words.extend(one("gicv2", guest.gicv2));
    words.extend(one("max-vcpus", guest.max_vcpus));
    words.extend(one("host-page-size", guest.host_page_size));
    let window = guest.payload_window.map(|bytes| format!("{}M", bytes >> 20));
    words.extend(one("payload-window", window));
    words.extend(one("dtb", guest.dtb.as_ref().map(|path| path.display().to_string())));
    words.extend(one("rmm", responder.rmm));
    words.extend(one("rim-rule", responder.rim_rule.as_ref()));
    words
}

/// The arguments that words stand for.
pub(crate) fn arguments(words: &[String], hashing: &Hashing) -> Result<RequestWords, String> {
    let mut args = RequestWords::of(words).map_err(|error| error.text)?;
    args.hashing = hashing.hashing.clone();
    args.cache = hashing.cache.clone();
    Ok(args)
}

/// Measures what a VMM's command line starts.
pub(crate) fn of_command_line(
    mut args: RequestWords,
    console: &mut Console,
) -> Result<Measured, CliError> {
    let mut inputs = caps_files(&args.guest)?;
    let measured = args.boot().predicted(Vec::new(), console)?;
    let plan = &measured.plan;
    for input in &plan.inputs {
        inputs.push(file(input.name.clone(), PathBuf::from(input.path()), &input.image));
    }
    // What is chosen by default may be another tomorrow.
    args.guest.host = Some(plan.host.name.to_owned());
    args.guest.vmm_version = Some(plan.version.name.to_owned());
    let mut arguments = words(&args.guest, &args.responder);
    arguments.extend([args.vmm.vmm.clone(), "--".to_owned()]);
    arguments.append(&mut args.vmm.argv);
    let measure = table(plan, arguments);
    Ok(Measured {
        rim: Rim::new(&measured.rim, measured.rule()),
        rule: measured.rule(),
        inputs,
        measure: Some(measure),
        script: None,
        boot: None,
        device_tree: measured.device_tree(),
        assumptions: measured.plan.assumptions.clone(),
        log: measured.log().clone(),
    })
}

/// Files of capabilities; a name without a point and a slash is a preset.
pub(crate) fn caps_files(guest: &GuestArgs) -> Result<Vec<File>, CliError> {
    let mut files = Vec::new();
    for name in guest.caps.iter().filter(|name| name.contains(['.', '/'])) {
        let path = PathBuf::from(name);
        guest.reach.check_named(&path)?;
        let image = Image::open(&path).map_err(|error| CliError(Exit::Io, error.to_string()))?;
        files.push(file(format!("{CAPS}{name}"), path, &image));
    }
    Ok(files)
}

/// What was decided around a VM.
pub(super) fn table(plan: &Plan, arguments: Vec<String>) -> MeasureTable {
    let said = |decided: &Decision| format!("{} = {}", decided.key, decided.value);
    MeasureTable {
        arguments,
        vmm: plan.vmm.name().to_owned(),
        vmm_version: plan.version.name.to_owned(),
        host: plan.host.name.to_owned(),
        platform: plan.decisions.iter().map(said).collect(),
        assumed: plan.assumptions.iter().map(ToString::to_string).collect(),
    }
}

pub(super) fn file(name: String, path: PathBuf, image: &Image) -> File {
    File { name, path, size: image.len_bytes(), sha256: sha256(image, 0) }
}

/// Opens files, and remembers what was in them: what is locked is what was read.
struct Remembered {
    files: ImageFiles,
    opened: Vec<File>,
}

impl Remembered {
    fn remember(&mut self, path: &str, image: &Image) {
        let path = PathBuf::from(path);
        if self.opened.iter().all(|file| file.path != path) {
            self.opened.push(file(String::new(), path, image));
        }
    }
}

impl script::Source for Remembered {
    fn text(&mut self, path: &str, limit_bytes: u64) -> io::Result<Vec<u8>> {
        let bytes = self.files.text(path, limit_bytes)?;
        self.remember(path, &Image::from_bytes(path, bytes.clone()));
        Ok(bytes)
    }

    fn image(&mut self, path: &str) -> Result<Image, ImageError> {
        let image = self.files.image(path)?;
        self.remember(path, &image);
        Ok(image)
    }

    fn digests(&mut self, path: &str) -> Result<Image, ImageError> {
        let file = self.files.digests(path)?;
        self.remember(path, &file);
        Ok(file)
    }
}

/// Plays a script. Its expectations have to hold if `strict`; they are what changes with the
/// inputs.
pub(crate) fn of_script(
    path: &Path,
    realm: Option<&str>,
    hashing: &Hashing,
    reach: &Reach,
    strict: bool,
) -> Result<Measured, CliError> {
    let hasher = hashing.hashing.hasher()?;
    let files = hashing.cache.files(&hashing.hashing, &hasher, Purpose::Reliance)?;
    let script = Image::read(path).map_err(|error| CliError(Exit::Io, error.to_string()))?;
    let opened = vec![file(String::new(), path.to_owned(), &script)];
    let mut source = Remembered { files, opened };
    let wrong = |problem: Problem| CliError(problem.exit(), problem.to_string());
    let input = Input::open_with(path, reach, &mut source).map_err(wrong)?;
    if matches!(input, Input::Vector(_)) {
        return Err(usage(format!("{}: a vector; scripts are locked", path.shown())));
    }
    let setup = Setup { hasher, ..Setup::default() };
    let platform = input.platform(&setup).name.clone();
    let ended = input.replay(&setup, std::iter::empty());
    let good = ended.is_complete() && (!strict || ended.exit == Exit::Good);
    if !good {
        return Err(CliError(ended.exit, ended.messages.join("\n")));
    }
    let (rd, name) = trails::choose(&ended.world, realm, |rd| ended.name_of(rd))
        .map_err(|why| usage(format!("{}: {why}", path.shown())))?;
    if let Some(why) = ended.gap(rd) {
        return Err(CliError(Exit::Mismatch, format!("{}: {why}", path.shown())));
    }
    let log = ended.world.realm(rd).expect("it was just chosen").log().clone();
    input.check_unchanged().map_err(wrong)?;
    script.check_unchanged().map_err(|error| CliError(Exit::Io, error.to_string()))?;
    let profile = ended.world.profile().name().to_owned();
    let path = path.display().to_string();
    let realm = realm.map(|_| name);
    Ok(Measured {
        rim: Rim::new(&log.rim_now(), log.rule()),
        rule: log.rule(),
        inputs: source.opened,
        measure: None,
        script: Some(ScriptTable { path, profile, platform, realm }),
        boot: None,
        log,
        device_tree: None,
        assumptions: Vec::new(),
    })
}
