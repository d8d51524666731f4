//! What makes a VM a Realm: the object `rme-guest`, and what a Realm needs.

use super::options::Options;
use super::program::{PROGRAMS, Pflash, Realms, RpvText};
use super::version::Version;
use crate::abi::params::Rpv;
use crate::encoding::text::{from_hex, from_loose_base64};
use crate::host::vm::Refusal;
use crate::host::vmm::{no_such, on_off, refused};
use crate::measure::rim::HashAlgo;

/// What `-object rme-guest` says.
#[derive(Clone, Debug, Default)]
pub(super) struct RmeGuest {
    pub(super) id: String,
    pub(super) hash_algo: Option<HashAlgo>,
    pub(super) log: bool,
    rpv_text: Option<String>,
    /// The value that takes its place.
    rpv_set: Option<Rpv>,
}

/// The properties of the object.
const PROPERTIES: [&str; 4] =
    ["id", "measurement-algorithm", "measurement-log", "personalization-value"];
/// What asks for a personalization value that no command line has.
pub(super) const INITDATA: &str = "--initdata";
const RPV: &str = "-object rme-guest,personalization-value";

impl RmeGuest {
    /// Reads the properties behind the object's type.
    pub(super) fn read(
        properties: impl Iterator<Item = (String, Option<String>)>,
        version: Version,
    ) -> Result<Self, Refusal> {
        let why = || format!("{} has no Realms; {} have", version.name, with_realms());
        let realms = version.realms.ok_or_else(|| refused("-object rme-guest", why()))?;
        let mut guest = Self::default();
        let mut id = None;
        for (key, value) in properties {
            let option = format!("-object rme-guest,{key}");
            let value = value.ok_or_else(|| refused(option.as_str(), "expected a value"))?;
            if let Some(why) = not_there(&key, realms, version) {
                return Err(refused(option, why));
            }
            match key.as_str() {
                "id" => id = Some(value),
                "measurement-algorithm" | "measurement-algo" => {
                    let algo =
                        HashAlgo::from_name(&value).filter(|algo| HashAlgo::ALL_1_0.contains(algo));
                    let why = || format!("{value:?} is neither sha256 nor sha512");
                    guest.hash_algo = Some(algo.ok_or_else(|| refused(option, why()))?);
                }
                "measurement-log" => guest.log = on_off(&option, &value)?,
                "personalization-value" => guest.rpv_text = Some(value),
                _ => {
                    let why = "rme-guest has no such property";
                    return Err(no_such(option, why, &key, PROPERTIES));
                }
            }
        }
        let why = "Parameter 'id' is missing";
        guest.id = id.ok_or_else(|| refused("-object rme-guest", why))?;
        Ok(guest)
    }

    /// Sets the personalization value, unless there is another.
    pub(super) fn set_rpv(&mut self, rpv: Rpv, version: Version) -> Result<(), Refusal> {
        let property = "personalization-value";
        if let Some(why) = version.realms.and_then(|realms| not_there(property, realms, version)) {
            // The command line has none: it is asked for from outside.
            return Err(refused(INITDATA, why));
        }
        if self.rpv(version)?.is_some_and(|own| own != rpv) {
            let why = "the command line has another value than that which is asked for";
            return Err(refused(RPV, why));
        }
        self.rpv_set = Some(rpv);
        Ok(())
    }

    /// The personalization value, in the coding of the version.
    pub(super) fn rpv(&self, version: Version) -> Result<Option<Rpv>, Refusal> {
        match &self.rpv_text {
            _ if self.rpv_set.is_some() => Ok(self.rpv_set),
            None => Ok(None),
            Some(text) => match version.realms.and_then(|realms| realms.rpv) {
                Some(RpvText::Hex) => rpv_of_hex(text).map(Some),
                Some(RpvText::Base64FilledUp) => rpv_filled_up(RPV, text).map(Some),
                Some(RpvText::Base64) => rpv_of_base64(RPV, text).map(Some),
                None => Err(refused(RPV, "this QEMU has no such property")),
            },
        }
    }
}

/// Why a program has no such property of the object.
fn not_there(key: &str, realms: Realms, version: Version) -> Option<String> {
    let name = version.name;
    match key {
        "measurement-algorithm" | "measurement-algo" if !realms.chooses_hash => {
            Some(format!("{name} has no such property: KVM takes SHA-256; leave it out"))
        }
        "personalization-value" if realms.rpv.is_none() => {
            Some(format!("{name} has no such property: KVM takes zeros; leave it out"))
        }
        "measurement-log" if !realms.has_log => {
            Some(format!("{name} has no such property: it writes no log; leave it out"))
        }
        // Properties of objects of the series v2, and of drafts: their choice is the processor's.
        "num-pmu-counters" | "sve-vector-length" => Some(format!(
            "{name} has no such property, which the series v2 has; write it as -cpu host,{}",
            if key == "num-pmu-counters" { "num-pmu-counters=N" } else { "sveBITS=on" }
        )),
        _ => None,
    }
}

/// The programs that start Realms, by name.
fn with_realms() -> String {
    let programs = PROGRAMS.iter().filter(|program| program.realms.is_some() && !program.is_model);
    programs.map(|program| program.name).collect::<Vec<_>>().join(", ")
}

/// The object of a VM that is a Realm.
pub(super) fn rme_guest(options: &Options) -> Result<Option<&RmeGuest>, Refusal> {
    let support = "-machine confidential-guest-support";
    let Some(wanted) = &options.machine.guest_support else { return Ok(None) };
    let found = options.rme_guests.iter().find(|guest| guest.id == *wanted);
    let why = || format!("there is no object with the id {wanted:?}");
    found.map(Some).ok_or_else(|| refused(support, why()))
}

/// Refuses what is no Realm, and what a Realm can not be.
pub(super) fn check(options: &Options, version: Version) -> Result<&RmeGuest, Refusal> {
    let machine = options.machine.name.as_deref().unwrap_or_default();
    if machine != "virt" && !machine.starts_with("virt-") {
        return Err(refused("-machine", format!("{machine:?}; Realms are made with virt")));
    }
    if options.is_tcg_first() {
        return Err(refused("-accel", "a Realm runs under KVM, not under tcg"));
    }
    if !options.has_kvm() {
        return Err(refused("-accel", "a Realm needs KVM: -accel kvm or -enable-kvm"));
    }
    let Some(guest) = rme_guest(options)? else {
        let why = "the VM is no Realm: write confidential-guest-support=ID and -object \
                   rme-guest,id=ID";
        return Err(refused("-machine confidential-guest-support", why));
    };
    let ignores_flash = version.realms.is_some_and(|realms| realms.pflash == Pflash::Ignored);
    if let Some(option) = options.pflash.filter(|_| !ignores_flash) {
        let name = version.name;
        let why = format!("{name} has no flash for a Realm: give its firmware with -bios");
        return Err(refused(option, why));
    }
    if options.kernel.is_none() && options.bios.is_none() && !version.is_model {
        return Err(refused("-kernel", "a Realm needs -kernel or -bios"));
    }
    if options.machine.virtualization {
        let why = "KVM does not offer EL2 to a Realm";
        return Err(refused("-machine virtualization", why));
    }
    Ok(guest)
}

/// Hexadecimal digits from the left; an odd number gives the first byte one digit.
fn rpv_of_hex(text: &str) -> Result<Rpv, Refusal> {
    let even = if text.len() % 2 == 1 { format!("0{text}") } else { text.to_owned() };
    let Some(bytes) = from_hex(&even).ok().filter(|bytes| bytes.len() <= 64) else {
        return Err(refused(RPV, "at most 128 hexadecimal digits are wanted"));
    };
    let mut rpv = [0; 64];
    rpv[..bytes.len()].copy_from_slice(&bytes);
    Ok(rpv)
}

/// Base64 of exactly 64 bytes.
pub(in crate::host) fn rpv_of_base64(option: &str, text: &str) -> Result<Rpv, Refusal> {
    let rpv = from_loose_base64(text).and_then(|bytes| Rpv::try_from(bytes).ok());
    rpv.ok_or_else(|| refused(option, "base64 of exactly 64 bytes is wanted"))
}

/// Base64 of at most 64 bytes, with zeros behind them: what the Realm VM reference cases do.
pub(in crate::host) fn rpv_filled_up(option: &str, text: &str) -> Result<Rpv, Refusal> {
    let mut rpv = [0; 64];
    let bytes = from_loose_base64(text);
    let Some((bytes, start)) = bytes.as_ref().and_then(|b| Some((b, rpv.get_mut(..b.len())?)))
    else {
        return Err(refused(option, "base64 of at most 64 bytes is wanted"));
    };
    start.copy_from_slice(bytes);
    Ok(rpv)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personalization_values() {
        assert_eq!(rpv_of_hex("12345").unwrap()[..4], [0x01, 0x23, 0x45, 0]);
        assert!(rpv_of_hex(&"a".repeat(129)).is_err());
        let text = format!("{}==", "Ag".repeat(43));
        assert!(rpv_of_base64(RPV, &text).is_ok());
        assert!(rpv_of_base64(RPV, "AAAA").is_err());
        let filled = rpv_filled_up(RPV, "AQIDBA==").unwrap();
        assert_eq!(filled[..6], [1, 2, 3, 4, 0, 0]);
        assert!(filled[4..].iter().all(|byte| *byte == 0));
        assert_eq!(rpv_filled_up(RPV, &text).unwrap(), rpv_of_base64(RPV, &text).unwrap());
        assert!(rpv_filled_up(RPV, &"A".repeat(88)).is_err());
        assert!(rpv_filled_up(RPV, "?").is_err());
    }
}
