//! Where in a domain stands what QEMU's options say.

use std::sync::Arc;

use super::element::{Element, told};
use crate::encoding::marked_line::MarkedPlace;

/// Options and regions of QEMU, as errors name them, and the element that they are of.
const ELEMENTS: &[(&str, &[&str])] = &[
    ("-accel", &[]),
    ("-append", &["os", "cmdline"]),
    ("-bios", &["os", "loader"]),
    ("-blockdev", &["os", "loader"]),
    ("-cpu", &["cpu"]),
    ("-device", &["devices"]),
    ("-dtb", &["os", "dtb"]),
    ("-initrd", &["os", "initrd"]),
    ("-kernel", &["os", "kernel"]),
    ("-m", &["memory"]),
    ("-machine", &["os", "type"]),
    ("-machine confidential-guest-support", &["launchSecurity"]),
    ("-machine gic-version", &["features", "gic"]),
    ("-machine pflash0", &["os", "loader"]),
    ("-machine ras", &["features", "ras"]),
    ("-numa", &["cpu", "numa"]),
    ("-object", &["memory"]),
    ("-object rme-guest", &["launchSecurity"]),
    ("-object rme-guest,measurement-algorithm", &["launchSecurity", "measurement-algo"]),
    ("-object rme-guest,personalization-value", &["launchSecurity", "personalization-value"]),
    ("-smp", &["vcpu"]),
    ("dtb", &["os", "dtb"]),
    ("firmware", &["os", "loader"]),
    ("initrd", &["os", "initrd"]),
    ("kernel", &["os", "kernel"]),
];
/// What QEMU says of a domain without launch security.
const NO_REALM: &str = "-machine confidential-guest-support";

/// Elements of a domain by the options that libvirt makes of them.
#[derive(Clone, Debug)]
pub(super) struct Places {
    text: Arc<str>,
    /// The option, the element's name, and where in the text it begins.
    elements: Vec<(&'static str, String, usize)>,
    has_security: bool,
}

impl Places {
    pub(super) fn of(domain: Element<'_>, xml: &str) -> Self {
        let named = |path: &[&str]| {
            // What is not there is said of the element in which it would stand.
            let mut found = domain;
            for name in path {
                let Some(child) = found.child(name) else { break };
                found = child;
            }
            (found.name().to_owned(), found.begin_bytes())
        };
        let elements = ELEMENTS.iter().map(|(option, path)| {
            let (name, begin) = named(path);
            (*option, name, begin)
        });
        let has_security = domain.child("launchSecurity").is_some();
        Self { text: xml.into(), elements: elements.collect(), has_security }
    }

    /// A refusal in the domain's words, behind the name of its file.
    pub(super) fn told(&self, place: &str, why: &str) -> Option<String> {
        let goes_on = |rest: &str| rest.is_empty() || rest.starts_with([' ', ',']);
        let fits = |option: &str| place.strip_prefix(option).is_some_and(goes_on);
        let of_place = self.elements.iter().filter(|(option, ..)| fits(option));
        let (_, name, begin) = of_place.max_by_key(|(option, ..)| option.len())?;
        let begin = MarkedPlace::at(&self.text, *begin);
        if place == NO_REALM && !self.has_security {
            let why = "has no <launchSecurity type='cca'>: without it the VM is no Realm";
            return Some(told(begin, name, why));
        }
        Some(told(begin, name, format_args!("{why} (QEMU's {place})")))
    }
}
