//! `-object`: the object that makes a VM a Realm, memory, and what touches neither.

use super::options::Options;
use super::realm::RmeGuest;
use super::release::Release;
use super::size::size;
use super::version::Version;
use super::words::{last, required, words_or_json};
use crate::host::vm::Refusal;
use crate::host::vmm::{no_such, refused};

/// `-object memory-backend-…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Backend {
    pub(super) id: String,
    pub(super) size_bytes: u64,
}

/// Objects that no tree shows, and those that begin so.
const IGNORED: &[&str] = &[
    "acpi-generic-",
    "authz-",
    "can-",
    "colo-compare",
    "cryptodev-",
    "dbus-vmstate",
    "filter-",
    "input-",
    "iommufd",
    "iothread",
    "main-loop",
    "monitor-",
    "pr-manager-helper",
    "qtest",
    "rng-",
    "secret",
    "thread-context",
    "throttle-",
    "tls-",
];

impl Options {
    /// Reads `-object`.
    pub(super) fn object(&mut self, value: &str, version: Version) -> Result<(), Refusal> {
        let mut properties = words_or_json("-object", value, "qom-type")?;
        let at = properties.iter().position(|(key, _)| key == "qom-type");
        let kind = at.and_then(|at| properties.remove(at).1).unwrap_or_default();
        let id = last(&properties, "id").map(str::to_owned);
        let option = format!("-object {kind}");
        if kind == "rme-guest" {
            let guest = RmeGuest::read(properties.into_iter(), version)?;
            self.claim("object", &option, id.as_deref())?;
            self.rme_guests.push(guest);
            return Ok(());
        }
        if kind.starts_with("memory-backend-") {
            let backend = Backend::read(&kind, properties, version.release)?;
            self.claim("object", &option, id.as_deref())?;
            self.backends.push(backend);
        } else if !IGNORED.iter().any(|start| kind.starts_with(start)) {
            let why = "an object that is not known here; a Realm has -object rme-guest,id=…";
            let known = IGNORED.iter().copied().chain(["rme-guest"]);
            return Err(no_such(option, why, &kind, known));
        } else {
            self.claim("object", &option, id.as_deref())?;
        }
        self.remarks.push(format!("-object {kind}: does not touch the RIM"));
        Ok(())
    }
}

impl Backend {
    fn read(
        kind: &str,
        properties: super::words::Properties,
        release: Release,
    ) -> Result<Self, Refusal> {
        let (mut found, mut bytes) = (None, None);
        for (key, value) in properties {
            let option = format!("-object {kind},{key}");
            match key.as_str() {
                "id" => found = Some(required(&option, value)?),
                "size" => {
                    let text = required(&option, value)?;
                    bytes = Some(size(&text, release).map_err(|why| refused(option, why))?);
                }
                _ => {}
            }
        }
        let option = format!("-object {kind}");
        let id = found.ok_or_else(|| refused(&option, "Parameter 'id' is missing"))?;
        let size_bytes = bytes.filter(|bytes| *bytes > 0);
        let why = "can't create backend with size 0: write size=";
        Ok(Self { id, size_bytes: size_bytes.ok_or_else(|| refused(&option, why))? })
    }
}
