//! The files that go into the guest.

use std::sync::Arc;

use super::kernel::{self, Kernel};
use super::machine::Machine;
use super::options::Options;
use super::release::Release;
use crate::host::vm::Refusal;
use crate::host::vmm::Context;
use crate::measure::image::{Image, ImageError};

/// The files that go into the guest.
pub(super) struct Payload {
    pub(super) kernel: Option<Kernel>,
    pub(super) initrd: Option<Arc<Image>>,
    pub(super) firmware: Option<Arc<Image>>,
    /// The device tree, if it was given; and whether the command line itself names it.
    pub(super) device_tree: Option<(Arc<Image>, bool)>,
}

impl Payload {
    pub(super) fn open(
        options: &Options,
        machine: &Machine,
        context: &mut Context<'_>,
    ) -> Result<Self, Refusal> {
        let mut open = |option: &str, name: &Option<String>| {
            name.as_ref().map(|name| context.open(option, name)).transpose()
        };
        let firmware = open("-bios", &options.bios)?;
        let kernel = open("-kernel", &options.kernel)?;
        let release = machine.kind.release;
        let kernel = kernel.map(|file| match machine.firmware {
            true => Ok(Kernel::as_it_is(file)),
            false => Kernel::open(file, release),
        });
        let kernel = kernel.transpose()?;
        let initrd = match open("-initrd", &options.initrd) {
            // Before 11.1 QEMU loads nothing then, and says nothing.
            Err(Refusal::File { source: ImageError::Empty { .. }, .. })
                if release < Release(11, 1) =>
            {
                None
            }
            opened => opened?.map(kernel::initrd),
        };
        let own = open("-dtb", &options.dtb)?;
        let own = own.map(|image| (image, true));
        let device_tree = own.or_else(|| context.device_tree.clone().map(|image| (image, false)));
        Ok(Self { kernel, initrd, firmware, device_tree })
    }
}
