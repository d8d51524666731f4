//! From a session to a script: an observer that writes down what a Host did, so that it can be
//! read, changed and played again.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::grammar::{Arg, ImageSource, Kind};
use super::statements::{self, Invoke, arg, auto, decimal, hex, name, symbol};
use crate::abi::addr::{GRANULE_LEN, GRANULE_SIZE, GranuleBytes};
use crate::abi::command::Command;
use crate::abi::params::{REC_RUNNABLE, RealmParams, RecParams};
use crate::abi::profile::{Edition, Profile, Rmm};
use crate::measure::image::Image;
use crate::measure::rim::HashAlgo;
use crate::model::world::World;
use crate::session::{Action, Observer, Record, Step};

/// Collects what a Host did to build one Realm.
///
/// Granules, tables and failed attempts are left out: a script's `auto` and `rtt auto` make them
/// again. Commands that go on where the one before ended become one statement.
#[derive(Debug)]
pub struct Recorder {
    /// The rules of the RMM, known from the first step on.
    profile: Profile,
    /// What the Host's granules hold that are not zero.
    pages: BTreeMap<u64, Source>,
    statements: Vec<Kind>,
    /// RECs up to now.
    recs: u64,
    /// Parameters of RECs that are being made, by the handle of the operation.
    begun: BTreeMap<u64, Command>,
    /// Images with the names that they have in the script.
    images: Vec<(String, Arc<Image>)>,
    /// Their places in the list by the addresses of the images, which the list keeps.
    known_images: BTreeMap<usize, usize>,
    attachments: Vec<(String, Vec<u8>)>,
    pieces: u32,
    run: Option<Run>,
}

/// A script, and what it needs beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The script's text. It names the platform `NAME.toml`.
    pub text: String,
    /// Images that are no files: what follows the script's name and a dot in theirs, and the bytes.
    pub attachments: Vec<(String, Vec<u8>)>,
}

#[derive(Clone, Debug)]
enum Source {
    Zero,
    Bytes(Box<GranuleBytes>),
    Image { image: Arc<Image>, offset: u64 },
}

/// Commands that go on where the last one ended.
#[derive(Debug)]
enum Run {
    Ripas { base: u64, top: u64 },
    Data { command_name: &'static str, ipa: u64, flags: u64, source: Source, count: u64 },
}

impl Source {
    /// Whether `next` comes `count` granules after this one.
    fn goes_on(&self, next: &Self, count: u64) -> bool {
        match (self, next) {
            (Self::Zero, Self::Zero) => true,
            (Self::Image { image: a, offset: x }, Self::Image { image: b, offset: y }) => {
                Arc::ptr_eq(a, b) && x + count * GRANULE_SIZE == *y
            }
            _ => false,
        }
    }
}

impl Observer for Recorder {
    fn observe(&mut self, step: &Step, record: &Record, world: &World) {
        self.profile = world.profile();
        match &step.action {
            Action::Page { pa, data } => {
                let mut page: Box<GranuleBytes> = Box::new([0; GRANULE_LEN]);
                for (offset, bytes) in data {
                    let start = usize::from(*offset);
                    page[start..start + bytes.len()].copy_from_slice(bytes);
                }
                self.pages.insert(*pa, Source::Bytes(page));
            }
            Action::Zero { pa, len_bytes } => {
                let end = pa + len_bytes / GRANULE_SIZE * GRANULE_SIZE;
                while let Some(page) = self.pages.range(*pa..end).next().map(|(page, _)| *page) {
                    self.pages.remove(&page);
                }
            }
            Action::Image { pa, image, offset, count_granules } => {
                for i in 0..*count_granules {
                    let offset = offset + i * GRANULE_SIZE;
                    let image = Arc::clone(image);
                    self.pages.insert(pa + i * GRANULE_SIZE, Source::Image { image, offset });
                }
            }
            Action::Call(_) => self.call(record, world),
            _ => {}
        }
    }
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

impl Recorder {
    /// A recorder that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            profile: Profile::default(),
            pages: BTreeMap::new(),
            statements: Vec::new(),
            recs: 0,
            begun: BTreeMap::new(),
            images: Vec::new(),
            known_images: BTreeMap::new(),
            attachments: Vec::new(),
            pieces: 0,
            run: None,
        }
    }

    /// The script, which will be stored under the name `file_name`. It has the absolute names of
    /// images that are files.
    #[must_use]
    pub fn script(&mut self, file_name: &str) -> Recorded {
        let absolute = |name: &str| {
            let path = std::path::absolute(name);
            path.map_or_else(|_| name.to_owned(), |path| path.display().to_string())
        };
        self.script_with(file_name, absolute)
    }

    /// The same, where `path_of` says by which name the script names a file.
    pub(crate) fn script_with(
        &mut self,
        file_name: &str,
        path_of: impl Fn(&str) -> String,
    ) -> Recorded {
        self.flush();
        let mut all = Vec::new();
        let edition = self.profile.edition();
        if edition != Edition::default() {
            all.push(Kind::Spec(name(edition.name())));
        }
        let plain = Profile::of(edition, self.profile.rmm());
        if self.profile.release() != plain.release() {
            all.push(Kind::Rmm(name(self.profile.name())));
        } else if self.profile.rmm() == Rmm::Spec {
            all.push(Kind::Rmm(name("spec")));
        }
        all.extend([Kind::Platform(name(&format!("{file_name}.toml"))), Kind::Empty]);
        self.attachments.clear();
        for (symbol, image) in &self.images {
            let path = if image.stamp().is_some() {
                path_of(image.name())
            } else {
                let suffix = format!("{symbol}.bin");
                self.attachments.push((suffix.clone(), image.bytes_from(0).to_vec()));
                format!("{file_name}.{suffix}")
            };
            all.push(statements::image(symbol, ImageSource::File(name(&path))));
        }
        all.extend([Kind::Empty, Kind::RttAuto(true), Kind::Empty]);
        all.extend(self.statements.iter().cloned());
        let text = statements::script(file_name, all).to_string();
        Recorded { text, attachments: self.attachments.clone() }
    }

    /// The files that the script names as images.
    #[cfg(feature = "cli")]
    pub(crate) fn files(&self) -> impl Iterator<Item = &str> {
        let files = self.images.iter().filter(|(_, image)| image.stamp().is_some());
        files.map(|(_, image)| image.name())
    }

    fn call(&mut self, record: &Record, world: &World) {
        let Some(outcome) = &record.outcome else { return };
        if let Some((x, begun)) = outcome.handle_reg().zip(outcome.command()) {
            self.begun.insert(outcome.regs()[x], begun);
        }
        if !outcome.is_success() {
            return;
        }
        match outcome.command() {
            Some(command @ Command::RmmActivate {}) => {
                let activate = statements::invoke(command.info().name, Vec::new());
                self.statements.extend([activate, Kind::Empty]);
            }
            Some(Command::RealmCreate { params_ptr, .. }) => {
                self.realm_create(params_ptr, statements::invoke);
            }
            Some(Command::RttInitRipas { base, .. }) => self.init_ripas(base, outcome.regs()[1]),
            Some(
                command @ (Command::DataCreate { ipa, src, flags, .. }
                | Command::RttDataMapInit { ipa, src, flags, .. }),
            ) => self.data_create(command.info().name, ipa, src, flags),
            Some(Command::RecCreate { params_ptr, .. }) => {
                self.rec_create(params_ptr, statements::invoke);
            }
            // The parameters are read in the last step.
            Some(Command::OpContinue { handle, .. }) => match self.begun.remove(&handle) {
                Some(Command::RealmCreate { params_ptr, .. }) => {
                    self.realm_create(params_ptr, statements::invoke_all);
                }
                Some(Command::RecCreateBegin { params_ptr, .. }) => {
                    self.rec_create(params_ptr, statements::invoke_all);
                }
                _ => {}
            },
            Some(Command::RealmActivate { rd }) => {
                self.flush();
                let args = vec![arg("rd", statements::rd())];
                self.statements.push(statements::invoke("REALM_ACTIVATE", args));
                if let Some(realm) = world.realm(rd) {
                    let want = Some(Box::new(realm.log().rim_now()));
                    let expect = Kind::ExpectRim { rd: None, want };
                    self.statements.extend([Kind::Empty, Kind::PrintRim { rd: None }, expect]);
                }
            }
            _ => {}
        }
    }

    fn page(&self, pa: u64) -> GranuleBytes {
        match self.pages.get(&pa) {
            Some(Source::Bytes(bytes)) => **bytes,
            _ => [0; GRANULE_LEN],
        }
    }

    /// `invoke` makes the statement: the command may be an operation.
    fn realm_create(&mut self, params_ptr: u64, invoke: Invoke) {
        self.flush();
        let params = RealmParams::read(&self.page(params_ptr), self.profile);
        let mut fields = vec![
            arg("flags", decimal(params.flags)),
            arg("s2sz", decimal(params.s2sz)),
            arg("sve_vl", decimal(params.sve_vl)),
            arg("num_bps", decimal(params.num_bps)),
            arg("num_wps", decimal(params.num_wps)),
            arg("pmu_num_ctrs", decimal(params.pmu_num_ctrs)),
        ];
        let algo = HashAlgo::from_code(params.hash_algo).map_or("sha256", HashAlgo::name);
        fields.push(arg("hash_algo", symbol(algo)));
        if self.profile.realm_params().field("vmid").is_some() {
            fields.push(arg("vmid", decimal(params.vmid.into())));
        }
        if params.rpv.iter().any(|byte| *byte != 0) {
            fields.push(arg("rpv", statements::bytes(&params.rpv)));
        }
        fields.push(arg("rtt_base", auto()));
        fields.push(arg("rtt_level_start", decimal(params.rtt_level_start)));
        fields.push(arg("rtt_num_start", decimal(params.rtt_num_start.into())));
        self.planes(&params, &mut fields);
        self.statements.extend(statements::realm_create(fields, invoke));
        self.statements.push(Kind::Empty);
    }

    /// What RealmParams of 2.0 say of planes, where that is not zero.
    fn planes(&mut self, params: &RealmParams, fields: &mut Vec<Arg>) {
        let RealmParams { num_aux_planes, ats_plane, flags1, aux_rtt_base, .. } = *params;
        for (name, value) in
            [("num_aux_planes", num_aux_planes), ("ats_plane", ats_plane), ("flags1", flags1)]
        {
            if value != 0 {
                fields.push(arg(name, decimal(value)));
            }
        }
        let trees = aux_rtt_base.into_iter().take_while(|base| *base != 0).count();
        let names: Vec<_> = (1..=trees).map(|tree| format!("aux_tree_{tree}")).collect();
        for name in &names {
            let tables = statements::auto_row(params.rtt_num_start.max(1).into());
            self.statements.push(statements::define(name, tables));
        }
        if trees > 0 {
            let bases = names.iter().map(|name| symbol(name)).collect();
            fields.push(arg("aux_rtt_base", statements::list(bases)));
        }
    }

    /// As [`Recorder::realm_create`].
    fn rec_create(&mut self, params_ptr: u64, invoke: Invoke) {
        self.flush();
        let params = RecParams::read(&self.page(params_ptr));
        let flags = if params.flags & REC_RUNNABLE == 0 { "not_runnable" } else { "runnable" };
        let mut fields = vec![
            arg("flags", symbol(flags)),
            arg("mpidr", hex(params.mpidr)),
            arg("pc", hex(params.pc)),
            arg("gprs", statements::gprs(&params.gprs)),
        ];
        if self.profile.rec_params().field("aux").is_some() {
            fields.push(arg("aux", auto()));
        }
        // Who adds what the Realm does needs a name for its RECs.
        let rec = format!("rec_{}", self.recs);
        self.recs += 1;
        self.statements.push(statements::define(&rec, auto()));
        let args = statements::rec_args(symbol(&rec), fields);
        self.statements.push(invoke("REC_CREATE", args));
    }

    fn init_ripas(&mut self, base: u64, out_top: u64) {
        if let Some(Run::Ripas { top, .. }) = &mut self.run
            && *top == base
        {
            *top = out_top;
            return;
        }
        self.flush();
        self.run = Some(Run::Ripas { base, top: out_top });
    }

    fn data_create(&mut self, name: &'static str, next_ipa: u64, src: u64, next_flags: u64) {
        let next = self.pages.get(&src).cloned().unwrap_or(Source::Zero);
        if let Some(Run::Data { ipa, flags, source, count, .. }) = &mut self.run
            && *ipa + *count * GRANULE_SIZE == next_ipa
            && *flags == next_flags
            && source.goes_on(&next, *count)
        {
            *count += 1;
            return;
        }
        self.flush();
        let (ipa, flags) = (next_ipa, next_flags);
        self.run = Some(Run::Data { command_name: name, ipa, flags, source: next, count: 1 });
    }

    /// Writes down the run that has ended.
    fn flush(&mut self) {
        match self.run.take() {
            None => {}
            Some(Run::Ripas { base, top }) => {
                self.statements.push(statements::init_ripas(statements::rd(), base, top));
            }
            Some(Run::Data { command_name, ipa, flags, source, count }) => {
                let image = self.named(&source, count);
                let (rd, flags) = (statements::rd(), statements::data_flags(flags));
                let contents = statements::contents(command_name, rd, ipa, None, &image, flags);
                self.statements.push(contents);
            }
        }
    }

    /// The name of an image with the contents of a run.
    fn named(&mut self, source: &Source, count: u64) -> String {
        let len_bytes = count * GRANULE_SIZE;
        let made = match source {
            Source::Image { image, offset } => {
                let whole = self.image_name(image);
                let end = (offset + len_bytes).min(image.len_bytes());
                if *offset == 0 && end == image.len_bytes() {
                    return whole;
                }
                ImageSource::Slice { image: name(&whole), from: decimal(*offset), to: decimal(end) }
            }
            Source::Bytes(bytes) if bytes.iter().any(|byte| *byte != 0) => {
                let end = bytes.iter().rposition(|byte| *byte != 0).map_or(1, |last| last + 1);
                statements::image_of_bytes(&bytes[..end])
            }
            Source::Zero | Source::Bytes(_) => ImageSource::Zeros(decimal(len_bytes)),
        };
        self.pieces += 1;
        let piece = format!("piece_{}", self.pieces);
        self.statements.push(statements::image(&piece, made));
        piece
    }

    fn image_name(&mut self, image: &Arc<Image>) -> String {
        let address = Arc::as_ptr(image).addr();
        if let Some(index) = self.known_images.get(&address) {
            return self.images[*index].0.clone();
        }
        self.known_images.insert(address, self.images.len());
        let file = image.name().rsplit('/').next().unwrap_or_default();
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
        let stem: String = file.chars().take(32).map(plain).collect();
        let name = format!("file_{}_{stem}", self.images.len() + 1);
        self.images.push((name.clone(), Arc::clone(image)));
        name
    }
}
