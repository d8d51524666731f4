//! Mistakes as people make them, planted in command lines.

/// What really runs: options of rimsim, then the command line.
const KVMTOOL: &str = "--host kvm-v10 --vmm-version cca-ram-first-64k --num-bps 6 --num-wps 4 \
     --pmu-counters 6 --sve-vl 256 kvmtool -- lkvm run --realm --restricted_mem -c 2 -m 512M \
     --irqchip=gicv3 --pmu -k Image -i initrd.cpio -p quiet";
const QEMU: &str = "--host kvm-v10 --num-bps 6 --num-wps 4 --pmu-counters 6 --sve-vl 256 qemu -- \
     qemu-system-aarch64 -accel kvm -cpu host -m 512M -smp 2 \
     -M virt,gic-version=3,its=off,confidential-guest-support=r \
     -object rme-guest,id=r,measurement-algorithm=sha256 -kernel Image -initrd initrd.cpio \
     -append quiet";

/// What runs, what is said in its place, and the option that makes it good.
type Slip = (&'static str, &'static str, &'static str);

const KVMTOOL_SLIPS: &[Slip] = &[
    ("-m 512M", "-m 1G", "-m 512M"),
    ("-m 512M", "-m 300M", "-m 512M"),
    ("-c 2", "-c 4", "-c 2"),
    ("-c 2", "-c 3", "-c 2"),
    (" -i initrd.cpio", "", "-i initrd.cpio"),
    ("-i initrd.cpio", "-i initrd-old.cpio", "-i initrd.cpio"),
    ("-k Image", "-k Image-old", "-k Image"),
    (" -p quiet", "", "-p quiet"),
    ("-p quiet", "-p quiet\n", "-p quiet"),
    ("-p quiet", "-p quiet,ro", "leave out -p"),
    ("--irqchip=gicv3", "--irqchip=gicv3-its", "--irqchip gicv3"),
    (" --pmu ", " ", "--pmu"),
    ("--num-bps 6", "--num-bps 16", "--num-bps 6"),
    ("--num-bps 6", "--num-bps 5", "--num-bps 6"),
    ("--num-wps 4", "--num-wps 2", "--num-wps 4"),
    ("--pmu-counters 6", "--pmu-counters 4", "--pmu-counters 6"),
    ("--sve-vl 256", "--sve-vl 512", "--sve-vl 256"),
    ("cca-ram-first-64k", "cca-ram-first-4k", "--vmm-version cca-ram-first-64k"),
    ("--realm", "--realm --console virtio", "--console serial"),
    ("--realm", "--realm --rng", "--no-rng"),
    ("--realm", "--realm --virtio-transport mmio", "--virtio-transport pci"),
    ("--realm", "--realm -n mode=none", "leave out -n"),
    (" --restricted_mem", "", "--restricted_mem"),
];
const QEMU_SLIPS: &[Slip] = &[
    ("-m 512M", "-m 1G", "-m 512M"),
    ("-smp 2", "-smp 4", "-smp 2"),
    (" -initrd initrd.cpio", "", "-initrd initrd.cpio"),
    ("-initrd initrd.cpio", "-initrd initrd-old.cpio", "-initrd initrd.cpio"),
    ("-kernel Image", "-kernel Image-old", "-kernel Image"),
    (" -append quiet", "", "-append quiet"),
    ("-append quiet", "-append quiet\n", "-append quiet"),
    (",its=off", "", "-M virt,its=off"),
    ("-cpu host", "-cpu host,pmu=off", "-cpu host,pmu=off,pmu=on"),
    ("--num-bps 6", "--num-bps 16", "--num-bps 6"),
    ("--num-wps 4", "--num-wps 2", "--num-wps 4"),
    ("--sve-vl 256", "--sve-vl 512", "--sve-vl 256"),
    ("--pmu-counters 6", "--pmu-counters 8", "--pmu-counters 6"),
    ("id=r,", "id=r,measurement-log=on,", "-object rme-guest,measurement-log=off"),
];

/// A command line with mistakes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plant {
    pub(crate) runs: Vec<String>,
    pub(crate) said: Vec<String>,
    /// The options that make it good.
    pub(crate) fixes: Vec<&'static str>,
}

/// Words as these tests write them: spaces part them, and nothing quotes.
fn words(line: &str) -> Vec<String> {
    line.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn planted(runs: &str, slips: &[&Slip]) -> Option<Plant> {
    let mut said = runs.to_owned();
    for (real, instead, _) in slips {
        // Two slips of one place are none.
        if said.matches(real).count() != 1 {
            return None;
        }
        said = said.replacen(real, instead, 1);
    }
    let fixes = slips.iter().map(|(_, _, fix)| *fix).collect();
    Some(Plant { runs: words(runs), said: words(&said), fixes })
}

/// Every mistake alone.
pub(crate) fn singles() -> Vec<Plant> {
    let of = |runs: &'static str, slips: &'static [Slip]| {
        slips.iter().map(move |slip| planted(runs, &[slip]).expect("it is in the line"))
    };
    of(KVMTOOL, KVMTOOL_SLIPS).chain(of(QEMU, QEMU_SLIPS)).collect()
}

/// So many pairs of mistakes, by a seed.
pub(crate) fn pairs(count: usize, seed: u64) -> Vec<Plant> {
    let mut state = seed;
    let mut below = move |most: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits") % most
    };
    let mut plants = Vec::new();
    while plants.len() < count {
        let (runs, slips) =
            if below(2) == 0 { (KVMTOOL, KVMTOOL_SLIPS) } else { (QEMU, QEMU_SLIPS) };
        let (first, second) = (&slips[below(slips.len())], &slips[below(slips.len())]);
        let plant = planted(runs, &[first, second]).filter(|_| first.0 != second.0);
        plants.extend(plant.filter(|plant| !plants.contains(plant)));
    }
    plants
}
