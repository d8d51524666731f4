//! Where in a domain stands what QEMU's options say.

use std::fmt;

use super::element::Element;
use crate::encoding::marked_line::{source_line, write_line};

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
    elements: Vec<(&'static str, Named)>,
    has_security: bool,
}

/// An element: its name, where it begins, and that line.
#[derive(Clone, Debug)]
struct Named {
    name: String,
    line: u32,
    column: u32,
    marked: Option<(String, usize)>,
}

impl Named {
    fn told(&self, why: impl fmt::Display) -> String {
        let Self { name, line, column, marked } = self;
        let under = fmt::from_fn(|f| write_line(f, *line, marked.as_ref()));
        format!("{line}:{column}: <{name}>: {why}{under}")
    }
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
            let (line, column) = found.begin();
            let marked = source_line(xml, line, column);
            Named { name: found.name().to_owned(), line, column, marked }
        };
        let elements = ELEMENTS.iter().map(|(option, path)| (*option, named(path))).collect();
        Self { elements, has_security: domain.child("launchSecurity").is_some() }
    }

    /// A refusal in the domain's words, behind the name of its file.
    pub(super) fn told(&self, place: &str, why: &str) -> Option<String> {
        let goes_on = |rest: &str| rest.is_empty() || rest.starts_with([' ', ',']);
        let fits = |option: &str| place.strip_prefix(option).is_some_and(goes_on);
        let of_place = self.elements.iter().filter(|(option, _)| fits(option));
        let (_, named) = of_place.max_by_key(|(option, _)| option.len())?;
        if place == NO_REALM && !self.has_security {
            let why = "has no <launchSecurity type='cca'>: without it the VM is no Realm";
            return Some(named.told(why));
        }
        Some(named.told(format!("{why} (QEMU's {place})")))
    }
}
