//! From the command line's decisions to the VM.

use std::sync::Arc;

use super::bootargs::{bootargs, root};
use super::config::{Asked, Config, Irqchip, RAM_BASE};
use super::devices::Devices;
use super::features::features;
use super::layout::{self, LOG_BYTES, Layout};
use super::tree::{TREE_BYTES, Tree};
use super::version::{Ripas, VERSIONS, Version};
use super::{options, overrides, parse, refuse, refuse_kvm};
use crate::encoding::text;
use crate::host::vmm::{Context, version_by_name};
use crate::host::{
    Call, Caps, Files, Overrides, Refusal, Region, Slot, Vcpu, VcpuFeatures, Vm, packed_as_it_is,
};
use crate::measure::image::Image;
use crate::measure::rim::HashAlgo;

const GRANULE: u64 = 0x1000;
/// What is assumed and only the device tree shows.
const SHOWN_BY_TREE: [&str; 3] = ["disk", "irqchip", "root"];
/// Where flash is mapped, and its largest size.
const MAX_FLASH_BYTES: u64 = 16 << 20;

/// The VM that a command line starts: `lkvm run …`, with or without these two words. `dtb` takes
/// the place of the device tree that kvmtool makes.
///
/// # Errors
/// What kvmtool refuses, and what could never run: by option, with the values compared.
pub fn plan(
    argv: &[String],
    version: Version,
    caps: &Caps,
    files: &mut dyn Files,
    dtb: Option<Arc<Image>>,
) -> Result<Vm, Refusal> {
    plan_with(argv, version, caps, files, dtb, &Overrides::default())
}

/// As [`plan`], with some values otherwise than the command line says.
///
/// # Errors
/// As [`plan`]; or if the version has no option for a value.
pub fn plan_with(
    argv: &[String],
    version: Version,
    caps: &Caps,
    files: &mut dyn Files,
    dtb: Option<Arc<Image>>,
    overrides: &Overrides,
) -> Result<Vm, Refusal> {
    let mut machine = Machine::new(argv, version, caps, files, overrides)?;
    if dtb.is_some() || machine.config.dtb.is_some() {
        // kvmtool's own tree is not there to show them.
        machine.config.assumed.retain(|assumed| !SHOWN_BY_TREE.contains(&assumed.key));
    }
    let tree = machine.tree_region(dtb, files)?;
    machine.layout.regions.push(tree);
    layout::check_in_ram(&machine.config, &machine.layout.regions)?;
    Ok(machine.into_vm())
}

/// As [`plan_with`], by the version of this name.
///
/// # Errors
/// As [`plan_with`]; or if there is no such version.
pub fn vm_with(
    version: &str,
    argv: &[String],
    context: &mut Context<'_>,
    overrides: &Overrides,
) -> Result<Vm, Refusal> {
    let found = version_by_name(VERSIONS, version).map_err(|why| refuse("--vmm-version", &why))?;
    let version = Version::named(found.name).expect("a name of the table");
    let device_tree = context.device_tree.take();
    plan_with(argv, version, context.caps, context.files, device_tree, overrides)
}

/// The device tree that kvmtool makes for a command line: all 64 KiB that are measured.
///
/// # Errors
/// As [`plan`]; the Realm VM reference cases have no device tree of their own.
pub fn device_tree(
    argv: &[String],
    version: Version,
    caps: &Caps,
    files: &mut dyn Files,
) -> Result<Vec<u8>, Refusal> {
    Machine::new(argv, version, caps, files, &Overrides::default())?.tree(files)
}

/// Everything that is decided before the device tree is written.
struct Machine {
    config: Config,
    caps: Caps,
    /// vCPUs, at least one and at most as many as KVM allows.
    cpus: u32,
    ipa_bits: u8,
    irqchip: Irqchip,
    features: VcpuFeatures,
    algo: HashAlgo,
    rpv: Option<[u8; 64]>,
    bootargs: Option<Vec<u8>>,
    devices: Devices,
    layout: Layout,
}

impl Machine {
    fn new(
        argv: &[String],
        version: Version,
        caps: &Caps,
        files: &mut dyn Files,
        overrides: &Overrides,
    ) -> Result<Self, Refusal> {
        let words = words(argv)?;
        let mut given = parse::parse(&words, version)?;
        let ram = overrides::ram(overrides);
        overrides::apply(&mut given, overrides, &ram, version)?;
        let mut config = Config::read(&given, version)?;
        choose_window(&mut config, overrides)?;
        check_payload(&mut config)?;
        check_memory(&mut config)?;
        let ipa_bits = ipa_bits(&config, caps)?;
        let (algo, rpv) = (algo(&mut config)?, rpv(&mut config)?);
        let features = features(&mut config, caps)?;
        let cpus = cpus(&mut config, caps)?;
        let irqchip = irqchip(&mut config, caps)?;
        let root = root(&mut config, files)?;
        let devices = Devices::new(&config, &root)?;
        check_memory_map(&config, irqchip, &devices)?;
        let bootargs = bootargs(&config, &root);
        let layout = layout::place(&config, files)?;
        let caps = caps.clone();
        Ok(Self {
            config,
            caps,
            cpus,
            ipa_bits,
            irqchip,
            features,
            algo,
            rpv,
            bootargs,
            devices,
            layout,
        })
    }

    fn tree(&self, files: &mut dyn Files) -> Result<Vec<u8>, Refusal> {
        let config = &self.config;
        if !config.version.is_program() {
            let why = "these cases have no device tree of their own; give one with --dtb";
            return Err(refuse("realm-vm", why));
        }
        let tree = Tree {
            bootargs: self.bootargs.clone(),
            kaslr_seed: config.kaslr_seed,
            initrd: self.layout.initrd,
            ram_base: config.ram_base,
            ram_bytes: config.ram_bytes.value,
            mpidrs: (0..self.cpus).map(mpidr).collect(),
            redistributors: config.cpus.value.unsigned_abs(),
            irqchip: self.irqchip,
            counter_frequency: config.counter_frequency,
            pmu: config.pmu,
            flash_bytes: flash_bytes(config, files)?,
            devices: self.devices.clone(),
        };
        tree.write().map_err(|error| refuse("device tree", &error.to_string()))
    }

    /// The region of the device tree: that of the caller, of the command line, or kvmtool's own.
    fn tree_region(
        &self,
        dtb: Option<Arc<Image>>,
        files: &mut dyn Files,
    ) -> Result<Region, Refusal> {
        let named = self.config.dtb.as_ref();
        let image = match (dtb, named) {
            (Some(image), _) => image,
            (None, Some(name)) => layout::open(name, files)?,
            (None, None) => Arc::new(Image::from_bytes("dtb", self.tree(files)?)),
        };
        let len = image.len_bytes();
        let most = TREE_BYTES as u64;
        if len > most {
            let place = named.map_or("--dtb", |name| name.place.as_str());
            let why = format!("the device tree has {len} bytes, more than the {most} for it");
            return Err(refuse(place, &why));
        }
        let program = self.config.version.is_program();
        let bytes = if program { most } else { len.next_multiple_of(GRANULE) };
        let base = self.layout.tree;
        let (name, image, fill_bytes) = ("dtb", Some(image), 0);
        Ok(Region { name, ipa: base..base + bytes, image, fill_bytes, measured: true })
    }

    fn into_vm(self) -> Vm {
        let Self { config, layout, .. } = self;
        let ram = config.ram_base..config.ram_base + config.ram_bytes.value;
        let mut regions = layout.regions;
        let mut calls = vec![Call::HashAlgo(self.algo)];
        calls.extend(self.rpv.map(Call::Rpv));
        calls.push(Call::CreateRealm);
        if config.version.ripas() == Ripas::Ram {
            calls.push(Call::InitRipas(ram.start, ram.end));
        }
        for index in 0..regions.len() {
            calls.push(Call::Populate(index));
            let bss = layout.bss.filter(|_| index == 0);
            calls.extend(bss.map(|(base, top)| Call::InitRipas(base, top)));
        }
        calls.extend((0..self.cpus as usize).map(Call::FinalizeRec));
        if config.log {
            let base = layout.log;
            calls.push(Call::Populate(regions.len()));
            regions.push(Region {
                name: "log",
                ipa: base..base + LOG_BYTES,
                image: None,
                fill_bytes: 0,
                measured: false,
            });
        }
        calls.push(Call::Activate);
        let boot = Vcpu { mpidr: 0, pc: layout.entry, gprs: [layout.tree, 0, 0, 0, 0, 0, 0, 0] };
        let others = (1..self.cpus).map(|i| Vcpu { mpidr: mpidr(i), pc: 0, gprs: [0; 8] });
        let debug = config.version.configures_debug();
        let mut assumed = config.assumed;
        let kernel = regions.iter().find(|region: &&Region| region.name == "kernel");
        let kernel =
            kernel.filter(|_| config.version.is_program()).and_then(|it| it.image.as_ref());
        assumed.extend(kernel.and_then(|image| packed_as_it_is(image, "kvmtool", "--kernel")));
        Vm {
            ipa_bits: self.ipa_bits,
            slots: vec![Slot { id: 0, ipa: ram, guest_memfd: config.restricted_memory }],
            features: VcpuFeatures {
                num_bps: debug.then_some(self.caps.num_bps),
                num_wps: debug.then_some(self.caps.num_wps),
                ..self.features
            },
            vcpus: std::iter::once(boot).chain(others).collect(),
            regions,
            calls,
            remarks: config.remarks,
            assumed,
        }
    }
}

/// How much of RAM is for images, as the caller or the version has it.
fn choose_window(config: &mut Config, overrides: &Overrides) -> Result<(), Refusal> {
    if let Some(bytes) = overrides.payload_window_bytes {
        if bytes == 0 || bytes % GRANULE != 0 {
            let why = format!("{bytes} bytes are no number of granules of 4 KiB");
            return Err(refuse("--payload-window", &why));
        }
        config.payload_window_bytes = bytes;
        return Ok(());
    }
    let (bytes, ram) = (config.payload_window_bytes, config.ram_bytes.value);
    // Less RAM than either is the limit by itself.
    if config.version.payload_window_is_inferred() && (ram == 0 || ram > 256 << 20) {
        let mib = bytes >> 20;
        let text = format!(
            "images lie in the first {mib} MiB of RAM; whether {} has mainline's 512 MiB or the \
             256 MiB of before was not seen",
            config.version.name()
        );
        config.assume("payload_window", format!("{mib} MiB"), "--payload-window", text);
    }
    Ok(())
}

/// The words behind `lkvm run`.
pub(super) fn words(argv: &[String]) -> Result<Vec<&str>, Refusal> {
    let mut words: Vec<&str> = argv.iter().map(String::as_str).collect();
    if let Some(word) = words.iter().find(|word| word.contains('\0')) {
        let place = word.replace('\0', "\\0");
        return Err(refuse(&place, "a word of a command line holds no NUL"));
    }
    let program = match words[..] {
        [_, "run", ..] => 2,
        ["run", ..] => 1,
        [program, ..] if program.rsplit('/').next() == Some("lkvm") => {
            let command = words.get(1).copied().unwrap_or("lkvm");
            return Err(refuse(command, "starts no VM: the command is `lkvm run`"));
        }
        _ => 0,
    };
    words.drain(..program);
    Ok(words)
}

fn check_payload(config: &mut Config) -> Result<(), Refusal> {
    if !config.realm {
        return Err(refuse("--realm", "is missing: without it the VM is no Realm"));
    }
    match (&config.kernel, &config.firmware) {
        (Some(kernel), Some(firmware)) => {
            let why = format!("is given beside {}; a VM boots one of them", firmware.place);
            return Err(refuse(&kernel.place, &why));
        }
        (None, None) if config.version.is_program() => {
            let why = "is missing, and so is -f: kvmtool would take a kernel of the host's";
            return Err(refuse("-k", why));
        }
        (_, Some(_)) if config.initrd.is_some() => {
            config.remarks.push("the initrd is ignored when firmware is loaded".into());
        }
        _ => (),
    }
    Ok(())
}

fn check_memory(config: &mut Config) -> Result<(), Refusal> {
    if config.ram_bytes.value == 0 {
        let cpus = u64::from(config.cpus.value.unsigned_abs());
        config.ram_bytes.value = (64 << 20) * (cpus + 3);
        let mib = config.ram_bytes.value >> 20;
        let text = format!(
            "RAM is {mib} MiB, 64 MiB for each vCPU and three more; less if that is not in four \
             fifths of the host's"
        );
        config.assume("ram", format!("{mib} MiB"), "-m", text);
    }
    let (base, place) = (config.ram_base, &config.ram_bytes.place);
    if base < RAM_BASE {
        let why = format!("RAM at {base:#x} is below {RAM_BASE:#x}, where devices are");
        return Err(refuse(place, &why));
    }
    if base % GRANULE != 0 {
        let why =
            format!("a memory slot can not begin at {base:#x}, which is no multiple of 4 KiB");
        return Err(refuse_kvm(place, &why));
    }
    // The end is rounded to 2 MiB at most.
    let bytes = config.ram_bytes.value;
    if base.checked_add(bytes).is_none_or(|end| end > 1 << 62) {
        let why = format!("RAM of {bytes} bytes at {base:#x} is not in the address space");
        return Err(refuse(place, &why));
    }
    Ok(())
}

/// The IPA size: what RAM needs, and one bit more for the unprotected half.
fn ipa_bits(config: &Config, caps: &Caps) -> Result<u8, Refusal> {
    let last = config.ram_base + config.ram_bytes.value - 1;
    let bits = (u64::BITS - last.leading_zeros()).max(32) + 1;
    let have = caps.ipa_limit();
    u8::try_from(bits).ok().filter(|bits| *bits <= have).ok_or_else(|| {
        // Who wrote bytes meant another size.
        let unit = if config.ram_in_mib { "; a size without a unit is one in MiB" } else { "" };
        let why = format!("RAM to {last:#x} needs {bits} IPA bits, and the host has {have}{unit}");
        refuse(&config.ram_bytes.place, &why)
    })
}

fn algo(config: &mut Config) -> Result<HashAlgo, Refusal> {
    let Some(Asked { place, value }) = &config.algo else {
        let text = "the hash algorithm is sha256, kvmtool's default";
        config.assume("hash", "sha256", "--measurement-algo", text.into());
        return Ok(HashAlgo::Sha256);
    };
    if !config.version.configures_measurement() {
        let text = "--measurement-algo does nothing in this version, as far as is known: KVM takes \
                    sha256";
        config.assume("hash", "sha256", "--measurement-algo", text.into());
        return Ok(HashAlgo::Sha256);
    }
    match value.as_str() {
        "sha256" => Ok(HashAlgo::Sha256),
        "sha512" => Ok(HashAlgo::Sha512),
        _ => Err(refuse(place, &format!("`{value}` is no algorithm; it is sha256 or sha512"))),
    }
}

fn rpv(config: &mut Config) -> Result<Option<[u8; 64]>, Refusal> {
    let Some(Asked { place, value }) = &config.rpv else { return Ok(None) };
    if !config.version.configures_measurement() {
        let place = if config.rpv_is_hex { "--realm-pv-hex" } else { "--realm-pv" };
        let text = format!("{place} does nothing in this version, as far as is known");
        config.remarks.push(text);
        return Ok(None);
    }
    let mut rpv = [0; 64];
    let value = if config.rpv_is_hex {
        text::from_hex(value).map_err(|error| refuse(place, &error.to_string()))?
    } else {
        value.clone().into_bytes()
    };
    let len = value.len();
    let Some(start) = rpv.get_mut(..len) else {
        return Err(refuse(place, &format!("the value has {len} bytes, more than 64")));
    };
    start.copy_from_slice(&value);
    Ok(Some(rpv))
}

fn cpus(config: &mut Config, caps: &Caps) -> Result<u32, Refusal> {
    let Asked { place, value: asked } = &config.cpus;
    let most = caps.max_vcpus;
    match u32::try_from(*asked) {
        Ok(0) => {
            let why = "is missing or 0: kvmtool would start as many vCPUs as the host has CPUs, \
                       and each shows in the device tree";
            Err(refuse(place, why))
        }
        Err(_) => {
            Err(refuse(place, &format!("{asked}, in kvmtool's 32 bits, is no number of vCPUs")))
        }
        Ok(_) if most == 0 => Err(refuse_kvm(place, "the host allows no vCPU")),
        Ok(asked) => {
            if asked > most {
                let text = format!("of {asked} vCPUs, the host's {most} are started");
                let value = format!("{most} of {asked}");
                config.assume("vcpus", value, "--max-vcpus", text);
            }
            Ok(asked.min(most))
        }
    }
}

/// The interrupt controller that is asked for, or the best that the host has. KVM has no GICv2 for
/// a Realm (`kvm_vgic_create`).
fn irqchip(config: &mut Config, caps: &Caps) -> Result<Irqchip, Refusal> {
    let has = |irqchip| match irqchip {
        Irqchip::Gicv2 | Irqchip::Gicv2m => false,
        Irqchip::Gicv3 => caps.gicv3,
        Irqchip::Gicv3Its => caps.gicv3 && caps.its,
    };
    if let Some(Asked { place, value }) = &config.irqchip {
        if has(*value) || !config.version.is_program() {
            return Ok(*value);
        }
        if *value == Irqchip::Gicv2 && caps.gicv2 && config.version.falls_back_to_gicv2() {
            let text = "a GICv2 as eac5 programs were recorded with it; later series of KVM \
                        refuse one for a Realm";
            config.assume("irqchip", "gicv2", "--irqchip", text.into());
            return Ok(Irqchip::Gicv2);
        }
        let why = match value {
            Irqchip::Gicv2 | Irqchip::Gicv2m => "a Realm can not have a GICv2 (ENODEV)",
            Irqchip::Gicv3 => "the host does not emulate a GICv3 (ENODEV)",
            Irqchip::Gicv3Its => "the host does not emulate a GICv3 with an ITS (ENODEV)",
        };
        return Err(refuse_kvm(place, why));
    }
    let best = [Irqchip::Gicv3Its, Irqchip::Gicv3].into_iter().find(|irqchip| has(*irqchip));
    let Some(best) = best else {
        let why = "the host emulates no interrupt controller that a Realm can have";
        return Err(refuse_kvm("--irqchip", why));
    };
    let name = if best == Irqchip::Gicv3 { "gicv3" } else { "gicv3-its" };
    let text = format!("the host's best interrupt controller, {name}");
    config.assume("irqchip", name, "--irqchip", text);
    Ok(best)
}

/// The interrupt controller's frames grow down towards the virtio devices.
fn check_memory_map(config: &Config, irqchip: Irqchip, devices: &Devices) -> Result<(), Refusal> {
    let Asked { place, value } = &config.cpus;
    let virtio_end = Tree::virtio_end(devices);
    match Tree::controller_base(irqchip, value.unsigned_abs()) {
        Some(base) if base >= virtio_end => Ok(()),
        _ => {
            let why = format!(
                "the redistributors of {value} vCPUs reach below {virtio_end:#x}, over other \
                 devices"
            );
            Err(refuse(place, &why))
        }
    }
}

/// The size of flash: the largest power of two in the file.
fn flash_bytes(config: &Config, files: &mut dyn Files) -> Result<Option<u64>, Refusal> {
    let Some(name) = &config.flash else { return Ok(None) };
    let len = layout::open(name, files)?.len_bytes();
    Ok(len.checked_ilog2().map(|bits| (1 << bits).min(MAX_FLASH_BYTES)))
}

/// KVM's affinity fields of a vCPU: sixteen to a cluster.
const fn mpidr(index: u32) -> u64 {
    let index = index as u64;
    (index & 0xf) | (index >> 4 & 0xff) << 8 | (index >> 12 & 0xff) << 16
}

/// The options that a version knows, by their long names.
#[must_use]
pub fn option_names(version: Version) -> Vec<&'static str> {
    options::known(version).map(|row| row.long).collect()
}
