//! A VM as its VMM asks KVM for it.

use std::ops::Range;
use std::sync::Arc;

use thiserror::Error;

use crate::measure::image::{Image, ImageError};
use crate::measure::rim::HashAlgo;

/// A VM: what its VMM's command line decided, ready for KVM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vm {
    /// IPA size in bits that the VM is created with.
    pub ipa_bits: u8,
    /// Memory slots, in the order in which they are added.
    pub slots: Vec<Slot>,
    /// What all vCPUs have.
    pub features: VcpuFeatures,
    /// vCPUs by index. The first is the boot vCPU.
    pub vcpus: Vec<Vcpu>,
    /// Regions with contents; [`Call::Populate`] names them by index.
    pub regions: Vec<Region>,
    /// The VMM's calls that matter to the Realm, in order.
    pub calls: Vec<Call>,
    /// What of the command line does not touch the RIM, a sentence each, for `-v`.
    pub remarks: Vec<String>,
    /// What the RIM depends on and the command line does not decide.
    pub assumed: Vec<Assumed>,
}

/// Something that decides the RIM and was not said, or is not as it was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assumed {
    /// What it is about: `disk`, `firmware`, `hash`, `iommu`, `irqchip`, `its`, `kernel`, `pmu`,
    /// `ram`, `root`, `stub`, `sve`, `tree`, `vcpus`.
    pub key: &'static str,
    /// What is taken, in a few words.
    pub value: String,
    /// A sentence with the values.
    pub text: String,
    /// The option that decides it: the VMM's, or one of rimsim's that says what the host has.
    pub option: &'static str,
}

/// KVM_SET_USER_MEMORY_REGION: a range of guest memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The slot's number.
    pub id: u32,
    /// IPAs in bytes.
    pub ipa: Range<u64>,
    /// Whether the slot has a guest_memfd, so that the Realm's private memory can lie in it.
    pub guest_memfd: bool,
}

/// Features of vCPUs that become Realm parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VcpuFeatures {
    /// SVE, if it is on.
    pub sve: Option<Sve>,
    /// PMU counters, if the Realm has a PMU.
    pub pmu_counters: Option<u8>,
    /// Breakpoints that the VMM asks for; `None` leaves KVM's own value. What the number means
    /// (a count, or the field) is the KVM generation's.
    pub num_bps: Option<u8>,
    /// Watchpoints, as `num_bps`.
    pub num_wps: Option<u8>,
}

impl VcpuFeatures {
    /// What the features need of a host that nobody has said.
    pub(super) fn assumed(&self) -> Vec<Assumed> {
        let text = "a PMU without counters: the processor has FEAT_HPMN0, or the RMM refuses it";
        let (value, option) = ("without counters".into(), "--pmu-counters");
        let assumed = Assumed { key: "pmu", value, text: text.into(), option };
        if self.pmu_counters == Some(0) { vec![assumed] } else { Vec::new() }
    }
}

/// SVE of a VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sve {
    /// Longest vector in bits.
    pub vl_bits: u16,
}

/// A vCPU at the time of KVM_ARM_VCPU_FINALIZE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vcpu {
    /// MPIDR_EL1 affinity fields.
    pub mpidr: u64,
    /// Program counter.
    pub pc: u64,
    /// X0 to X7.
    pub gprs: [u64; 8],
}

/// A range of guest memory with contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// What it is: `kernel`, `initrd`, `dtb`, `firmware`, `log`.
    pub name: &'static str,
    /// IPAs in bytes that are populated, granule aligned.
    pub ipa: Range<u64>,
    /// The contents; `None` for a region that reads as zero.
    pub image: Option<Arc<Image>>,
    /// Zero bytes before the image's first byte. What follows its last byte up to the region's end
    /// is zero too.
    pub fill_bytes: u64,
    /// Whether the contents are measured.
    pub measured: bool,
}

/// A call of the VMM to KVM. Hosts whose KVM drives the boot itself (v12 and later) make only some
/// of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Call {
    /// Configures the hash algorithm.
    HashAlgo(HashAlgo),
    /// Configures the Realm personalization value.
    Rpv([u8; 64]),
    /// Creates the Realm.
    CreateRealm,
    /// Initialises RIPAS of a range: base and top in bytes.
    InitRipas(u64, u64),
    /// Populates a region, by its index in [`Vm::regions`].
    Populate(usize),
    /// Finalizes a vCPU, by its index: creates its REC.
    FinalizeRec(usize),
    /// Activates the Realm.
    Activate,
}

impl Call {
    /// Whether it is one of those up to the Realm's creation.
    #[must_use]
    pub const fn is_of_start(&self) -> bool {
        matches!(self, Self::HashAlgo(_) | Self::Rpv(_) | Self::CreateRealm)
    }
}

/// Who refuses a VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// The VMM, when it reads its command line or lays out memory.
    Vmm,
    /// KVM.
    Kvm,
    /// The RMM.
    Rmm,
}

/// Why a command line makes no Realm.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Somebody refuses it.
    #[error("{place}: {why}")]
    Refused {
        /// Who.
        by: Layer,
        /// The option or the call that is refused.
        place: String,
        /// The reason, with the values compared.
        why: String,
    },
    /// A file can not be used.
    #[error("{option}: {source}")]
    File {
        /// The option that names it.
        option: String,
        /// What is wrong with it.
        source: ImageError,
    },
}

impl Refusal {
    /// The refusal with whoever refuses, as people are told of it.
    #[must_use]
    pub fn told(&self) -> String {
        let who = match self {
            Self::Refused { by: Layer::Kvm, .. } => "KVM refuses ",
            Self::Refused { by: Layer::Rmm, .. } => "the RMM refuses ",
            _ => "",
        };
        format!("{who}{self}")
    }
}
