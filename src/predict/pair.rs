//! Which version of a VMM runs on which KVM, and what of both was assumed.

use std::collections::BTreeSet;

use super::assumption::Assumption;
use super::error::Error;
use super::request::Request;
use crate::abi::edition::Edition;
use crate::host::Certainty;
use crate::host::kvm::{HOSTS, HostProfile};
use crate::host::release::newest_before;
use crate::host::vmm::{Fit, VmmVersion, version_by_name};

/// A version of a VMM on a KVM.
#[derive(Clone, Copy)]
pub(super) struct Pair {
    pub(super) version: &'static VmmVersion,
    pub(super) host: &'static HostProfile,
}

impl Pair {
    /// What was asked for, and what goes with it: the version's own KVM, or the newest of the
    /// edition; the first version that can start Realms there.
    ///
    /// # Errors
    /// If there is no such version or KVM, or they do not go together.
    pub(super) fn of(request: &Request) -> Result<Self, Error> {
        let versions = request.vmm.versions();
        let version = request.version.as_deref().map(|name| version_named(versions, name));
        let version = version.transpose()?;
        let named = request.host.as_deref().map(|name| named(name, request.edition));
        let host = match named.transpose()? {
            Some(host) => host,
            None => own(version.unwrap_or(&versions[0]), request.edition)?,
        };
        let fits = |version: &VmmVersion| version.fit(host) != Fit::Never;
        // What has no Realms, or is a model, is taken by its name only.
        let mut programs = versions.iter().filter(|version| version.has_realms());
        let version =
            version.or_else(|| programs.find(|version| fits(version))).unwrap_or(&versions[0]);
        if !fits(version) {
            return Err(Self { version, host }.never(request));
        }
        Ok(Self { version, host })
    }

    fn never(self, request: &Request) -> Error {
        let Self { version, host } = self;
        let hosts = HOSTS.iter().filter(|host| host.is_series());
        let mut hosts = hosts.filter(|host| version.fit(host) != Fit::Never).map(|host| host.name);
        let first = hosts.next().unwrap_or("none");
        let hosts = hosts.next_back().map_or(first.to_owned(), |last| format!("{first} to {last}"));
        let versions = request.vmm.versions().iter().filter(|version| version.has_realms());
        let versions = versions.filter(|version| version.fit(host) != Fit::Never);
        let versions: Vec<_> = versions.map(|version| version.name).collect();
        let versions = if versions.is_empty() { "none".into() } else { versions.join(", ") };
        Error::Request(format!(
            "--vmm-version {}: starts no Realms on {name}, whose calls differ; it goes with \
             {hosts}, and {name} with {}: {versions}",
            version.name,
            request.vmm.name(),
            name = host.name,
        ))
    }

    /// Whether the version stands in for a program that was not seen.
    fn is_inferred(self) -> bool {
        self.version.fit(self.host) == Fit::Inferred
    }

    /// What stands in for programs that are newer than those that are known.
    fn newer(self, request: &Request) -> Vec<Assumption> {
        let Self { version, host } = self;
        let newer = |asked: &Option<String>, known: &'static str, date: &str, key, option| {
            let asked = asked.as_deref()?;
            let when = if date.is_empty() { String::new() } else { format!(" ({date})") };
            let about = format!(
                "{asked} is newer than {known}{when}, the newest that is known; it is taken to \
                 behave as that does"
            );
            Some(Assumption { about: Some(about), ..Assumption::new(key, known, option, true) })
        };
        let host = (request.host.as_deref() != Some(host.name))
            .then(|| newer(&request.host, host.name, host.date, "host", "--host"));
        let stands_in = request.version.as_deref().filter(|name| version.stands_for.contains(name));
        let stands_in = stands_in.map(|name| {
            let about = format!("{name} was not seen; it is taken to be as {}", version.name);
            let assumption = Assumption::new("vmm_version", version.name, "--vmm-version", true);
            Assumption { about: Some(about), ..assumption }
        });
        let is_version = request
            .version
            .as_deref()
            .is_none_or(|name| version.names().any(|known| known == name));
        let version = (!is_version).then(|| {
            newer(&request.version, version.name, version.date, "vmm_version", "--vmm-version")
        });
        [host, version].into_iter().flatten().flatten().chain(stands_in).collect()
    }

    /// What the request left open.
    pub(super) fn assumptions(self, request: &Request) -> Vec<Assumption> {
        let Self { version, host } = self;
        let mut assumed = Vec::new();
        let programs: Vec<_> =
            request.vmm.versions().iter().filter(|version| version.has_realms()).collect();
        if request.host.is_none() && version.has_realms() {
            let versions = if request.version.is_some() { vec![version] } else { programs.clone() };
            let (hosts, classes) = hosts(&versions, request.edition);
            if hosts > 1 {
                assumed.push(Assumption::new("host", host.name, "--host", classes > 1));
            }
        }
        if request.version.is_none() {
            let fits = |one: &&&VmmVersion| request.host.is_none() || one.fit(host) != Fit::Never;
            let others = programs.iter().filter(fits).count() > 1;
            assumed.push(Assumption::new("vmm_version", version.name, "--vmm-version", others));
        }
        assumed.extend(self.newer(request));
        if host.certainty == Certainty::Inferred {
            let about = format!("{} is known only from {}", host.name, host.source);
            let profile = Assumption::new("host_profile", host.name, "--host", true);
            assumed.push(Assumption { about: Some(about), ..profile });
        }
        let vmm = request.vmm.name();
        let about = if version.certainty == Certainty::Inferred {
            let name = version.name;
            Some(format!("{vmm} {name} was not seen; its layout follows what is written about it"))
        } else if self.is_inferred() {
            let (host, version) = (host.name, version.name);
            Some(format!(
                "the {vmm} that goes with {host} was not seen; it is taken to lay out memory as \
                 {version} does"
            ))
        } else {
            None
        };
        if about.is_some() {
            let changes = request.version.is_none();
            let layout = Assumption::new("layout", version.name, "--vmm-version", changes);
            assumed.push(Assumption { about, ..layout });
        }
        assumed.extend(rmm(request, host));
        assumed
    }
}

/// How many kernels there are on which one of the versions runs, and how many of them differ.
fn hosts(versions: &[&VmmVersion], edition: Option<Edition>) -> (usize, usize) {
    let fits = |host: &&HostProfile| {
        let spoken = edition.is_none_or(|edition| edition == host.edition());
        spoken && versions.iter().any(|version| version.fit(host) != Fit::Never)
    };
    let hosts: Vec<_> = HOSTS.iter().filter(|host| host.is_kernel).filter(fits).collect();
    let classes: BTreeSet<_> = hosts.iter().map(|host| host.same_as.unwrap_or(host.name)).collect();
    (hosts.len(), classes.len())
}

/// The RMM and its rule.
fn rmm(request: &Request, host: &HostProfile) -> Vec<Assumption> {
    if request.rmm.is_some() {
        return Vec::new();
    }
    let [own, other] = [host.measured_by, host.measured_by.other()].map(|rmm| host.profile(rmm));
    let other_rule = own.rim_rule() != other.rim_rule();
    if request.rim_rule.is_some() {
        // The two RMMs differ in nothing else that a boot shows.
        return if other_rule { Vec::new() } else { vec![of_rmm(own.name(), false)] };
    }
    let rule = own.rim_rule().name();
    let rule = Assumption::new("rim_rule", rule, "--rim-rule", other_rule);
    vec![of_rmm(own.name(), other_rule), rule]
}

fn of_rmm(name: &str, changes: bool) -> Assumption {
    Assumption::new("rmm", name, "--rmm", changes)
}

/// The version of this name, or the newest that is known of its line if it is newer.
fn version_named(
    versions: &'static [VmmVersion],
    name: &str,
) -> Result<&'static VmmVersion, Error> {
    version_by_name(versions, name)
        .or_else(|why| {
            let known = versions.iter().flat_map(VmmVersion::names);
            let newest = newest_before(name, known).map(|newest| version_by_name(versions, newest));
            newest.unwrap_or(Err(why))
        })
        .map_err(|why| Error::Request(format!("--vmm-version {name}: {why}")))
}

/// The KVM of this name, or the newest series if it is a newer one.
fn named(name: &str, edition: Option<Edition>) -> Result<&'static HostProfile, Error> {
    let host = HostProfile::from_name(name).or_else(|why| {
        let newest = newest_before(name, HOSTS.iter().map(|host| host.name));
        newest.map_or(Err(why), HostProfile::from_name)
    });
    let host = host.map_err(|why| Error::Request(format!("--host {name}: {why}")))?;
    match edition {
        Some(edition) if edition != host.edition() => {
            let asked = edition.name();
            let why = format!("--spec {asked}: {name} is written for RMM {}", host.rmm);
            Err(Error::Request(why))
        }
        _ => Ok(host),
    }
}

/// The KVM that goes with a version and an edition.
fn own(version: &VmmVersion, edition: Option<Edition>) -> Result<&'static HostProfile, Error> {
    let own = named(version.host, None)?;
    match edition {
        Some(edition) if edition != own.edition() => {
            let seen = |host: &&HostProfile| host.certainty != Certainty::Inferred;
            let kernels = HOSTS.iter().rev().filter(|host| host.is_series()).filter(seen);
            let mut kernels = kernels.filter(|host| host.edition() == edition);
            let fits = kernels.find(|host| version.fit(host) != Fit::Never);
            Ok(fits.unwrap_or_else(|| HostProfile::newest(edition)))
        }
        _ => Ok(own),
    }
}
