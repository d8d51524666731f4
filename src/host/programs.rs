//! The VMMs whose command lines are known, with their versions.

use super::mistake::{Mistake, OtherFiles};
use super::overrides::Overrides;
use super::setting::Setting;
use super::vm::{Refusal, Vm};
use super::vmm::{Context, VmmVersion};
use super::{cloud_hypervisor, kvmtool, qemu};
use crate::encoding::nearest::there_are;

/// A VMM that command lines are known of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Vmm {
    /// kvmtool: `lkvm run`.
    Kvmtool,
    /// QEMU's machine `virt`.
    Qemu,
    /// cloud-hypervisor.
    CloudHypervisor,
}

impl Vmm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Kvmtool, Self::Qemu, Self::CloudHypervisor];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kvmtool => "kvmtool",
            Self::Qemu => "qemu",
            Self::CloudHypervisor => "cloud-hypervisor",
        }
    }

    /// The VMM of a name, or of a program's.
    ///
    /// # Errors
    /// If there is none; the error names those that there are.
    pub fn from_name(name: &str) -> Result<Self, String> {
        let name = if ["cloud-hv", "ch"].contains(&name) { "cloud-hypervisor" } else { name };
        let name = if name == "lkvm" { "kvmtool" } else { name };
        let found = Self::ALL.into_iter().find(|vmm| vmm.name() == name);
        found.ok_or_else(|| {
            format!("{name}: no such VMM; {}", there_are(name, &Self::ALL.map(Self::name)))
        })
    }

    /// The versions, the default first.
    #[must_use]
    pub const fn versions(self) -> &'static [VmmVersion] {
        match self {
            Self::Kvmtool => kvmtool::VERSIONS,
            Self::Qemu => qemu::VERSIONS,
            Self::CloudHypervisor => cloud_hypervisor::VERSIONS,
        }
    }

    /// What the VM that really runs may have otherwise than a command line says.
    ///
    /// # Errors
    /// If the VMM does not take the options, or there is no such version.
    pub fn mistakes(
        self,
        version: &str,
        argv: &[String],
        others: &OtherFiles,
    ) -> Result<Vec<Mistake>, Refusal> {
        match self {
            Self::Kvmtool => kvmtool::mistakes(version, argv, others),
            Self::Qemu => qemu::mistakes(version, argv, others),
            Self::CloudHypervisor => cloud_hypervisor::mistakes(argv, others),
        }
    }

    /// What a command line says that can reach a Realm, by what it is about.
    ///
    /// # Errors
    /// If the VMM does not take the options, or there is no such version.
    pub fn settings(self, version: &str, argv: &[String]) -> Result<Vec<Setting>, Refusal> {
        match self {
            Self::Kvmtool => kvmtool::settings(version, argv),
            Self::Qemu => qemu::settings(version, argv),
            Self::CloudHypervisor => Ok(cloud_hypervisor::settings(argv)),
        }
    }

    /// The option that says by which algorithm a Realm is measured.
    #[must_use]
    pub const fn hash_option(self) -> &'static str {
        match self {
            Self::Kvmtool => "--measurement-algo",
            Self::Qemu => "-object rme-guest,measurement-algorithm",
            Self::CloudHypervisor => "--platform measurement_algo",
        }
    }

    /// Reads a command line as the version of this name does.
    ///
    /// # Errors
    /// If the VMM refuses it or a file can not be used; or if there is no such version.
    pub fn vm(
        self,
        version: &str,
        argv: &[String],
        context: &mut Context<'_>,
        overrides: &Overrides,
    ) -> Result<Vm, Refusal> {
        match self {
            Self::Kvmtool => kvmtool::vm_with(version, argv, context, overrides),
            Self::Qemu => qemu::vm_with(version, argv, context, overrides),
            Self::CloudHypervisor => cloud_hypervisor::vm_with(version, argv, context, overrides),
        }
    }
}
