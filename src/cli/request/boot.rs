//! What a VM's command line measures.

use super::files::MappedFiles;
use super::guest::request;
use super::told::told;
use crate::cli::console::{Console, Progress};
use crate::cli::doubts;
use crate::cli::error::CliError;
use crate::cli::options::{CacheArgs, GuestArgs, HashingArgs, Purpose, ResponderArgs, VmmArgs};
use crate::predict::{Assumption, DEVICE_TREE, Input, Measured};
use crate::session::Observer;

/// The options that say which VM is booted and how its contents are hashed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Boot<'a> {
    pub(crate) guest: &'a GuestArgs,
    pub(crate) responder: &'a ResponderArgs,
    pub(crate) hashing: &'a HashingArgs,
    pub(crate) cache: &'a CacheArgs,
    pub(crate) vmm: &'a VmmArgs,
    /// What the result is for.
    pub(crate) purpose: Purpose,
}

impl Boot<'_> {
    /// What would be measured, while `observers` look at what the host does.
    pub(crate) fn predicted(
        self,
        observers: Vec<&mut dyn Observer>,
        console: &mut Console,
    ) -> Result<Measured, CliError> {
        let Self { guest, responder, hashing, cache, vmm, purpose } = self;
        let hasher = hashing.hasher()?;
        let mut files = MappedFiles::new(guest, cache.files(hashing, &hasher, purpose)?);
        let plan = request(guest, responder, vmm)?.plan(&mut files);
        let plan = plan.map_err(|error| told(guest, vmm, error))?;
        for name in files.unused(&plan.inputs) {
            console.note(&format!("--map {name}: the command line does not open it"));
        }
        if guest.strict {
            Assumption::deny(&plan.assumptions)?;
        }
        doubts::tell(&plan, guest.strict, console)?;
        let images = plan.inputs.iter().filter(|input| input.name != DEVICE_TREE);
        let progress = Progress::begin(images.map(Input::len_bytes).sum());
        let hasher = hasher.working_ahead().counting_in(progress.counter());
        let measured = plan.measure(hasher, observers)?;
        let speed = progress.end();
        files.remarks(guest.verbose).iter().for_each(|line| console.note(line));
        if guest.verbose {
            console.note(&speed);
        }
        Ok(measured)
    }
}
