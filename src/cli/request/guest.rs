//! From the arguments to what `predict` is asked for.

use std::path::Path;
use std::sync::Arc;

use crate::cli::error::{CliError, usage};
use crate::cli::exit::Exit;
use crate::cli::input::read_settings;
use crate::cli::options::{GuestArgs, ResponderArgs, VmmArgs};
use crate::cli::reach::Reach;
use crate::encoding::fdt;
use crate::encoding::marked_line::about_file;
use crate::encoding::nearest::there_are;
use crate::host::caps::{CAPS_PRESETS, CapsLayer, sve_lengths_up_to};
use crate::host::{Overrides, Refusal, Vmm};
use crate::measure::image::Image;
use crate::measure::rule::RimRule;
use crate::predict::{DEVICE_TREE, Request};

/// The request of these arguments: files of capabilities are read, and the device tree is opened.
pub(crate) fn request(
    guest: &GuestArgs,
    responder: &ResponderArgs,
    vmm: &VmmArgs,
) -> Result<Request, CliError> {
    let dtb = guest.dtb.as_deref();
    dtb.map(|path| guest.reach.check_named(path)).transpose()?;
    let device_tree = dtb.map(device_tree).transpose()?;
    Ok(Request {
        version: guest.vmm_version.clone(),
        host: guest.host.clone(),
        edition: guest.spec,
        caps: layers(guest)?,
        rmm: responder.rmm,
        rim_rule: responder.rim_rule.as_deref().map(rule).transpose()?,
        device_tree,
        overrides: Overrides {
            payload_window_bytes: guest.payload_window,
            rpv: guest.rpv,
            ..Overrides::default()
        },
        ..Request::new(Vmm::from_name(&vmm.vmm).map_err(usage)?, vmm.argv.clone())
    })
}

/// Opens the device tree that is given beside the command line.
fn device_tree(path: &Path) -> Result<Arc<Image>, CliError> {
    let opened = Image::read_within(path, fdt::MAX_BYTES.into(), "a device tree").map(Arc::new);
    Ok(opened.map_err(|source| Refusal::File { option: DEVICE_TREE.into(), source })?)
}

fn rule(name: &str) -> Result<RimRule, CliError> {
    RimRule::from_name(name).ok_or_else(|| {
        let known = there_are(name, &RimRule::ALL.map(RimRule::name));
        usage(format!("--rim-rule {name}: there is no such rule; {known}"))
    })
}

/// Presets and files in the order given, then the options.
pub(crate) fn layers(args: &GuestArgs) -> Result<Vec<(String, CapsLayer)>, CliError> {
    let mut layers = Vec::new();
    for name in &args.caps {
        layers.push((name.clone(), layer(name, &args.reach)?));
    }
    let lengths = match args.sve_vl.as_slice() {
        [] => None,
        [longest] => Some(sve_lengths_up_to(*longest)),
        several => Some(several.to_vec()),
    };
    let options = CapsLayer {
        ipa_bits: args.ipa_bits,
        lpa2: args.lpa2,
        num_bps: args.num_bps,
        num_wps: args.num_wps,
        pmu: args.pmu,
        pmu_counters: args.pmu_counters,
        sve_vls: lengths,
        gicv3: args.gicv3,
        its: args.its,
        gicv2: args.gicv2,
        max_vcpus: args.max_vcpus,
        host_page_size: args.host_page_size,
    };
    options.check().map_err(|error| usage(error.to_string()))?;
    layers.push(("the command line".to_owned(), options));
    Ok(layers)
}

pub(crate) fn layer(name: &str, reach: &Reach) -> Result<CapsLayer, CliError> {
    if !name.contains(['.', '/']) {
        let known: Vec<_> = CAPS_PRESETS.iter().map(|preset| preset.name).collect();
        let why = || format!("--caps {name}: no such preset; {}", there_are(name, &known));
        return CapsLayer::preset(name).ok_or_else(|| usage(why()));
    }
    reach.check_named(Path::new(name))?;
    let text = read_settings(Path::new(name))
        .map_err(|error| CliError(Exit::Io, about_file(name, error)))?;
    CapsLayer::from_toml(&text).map_err(|error| usage(about_file(name, error)))
}
