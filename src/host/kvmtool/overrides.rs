//! Overrides as options that were read behind all others.

use super::options::{About, known};
use super::parse::{Given, Value, parse};
use super::refuse;
use super::version::Version;
use crate::host::{Overrides, Refusal};

/// Puts what is to be otherwise behind what was given.
///
/// # Errors
/// If the version has no such option, or kvmtool does not take the words that are added.
pub(super) fn apply<'a>(
    given: &mut Vec<Given<'a>>,
    overrides: &'a Overrides,
    ram: &'a str,
    version: Version,
) -> Result<(), Refusal> {
    let Overrides { cpus, mem_bytes, append, log, rpv, payload_window_bytes: _, options } =
        overrides;
    if rpv.is_some() {
        let why = "kata starts Realms with QEMU; kvmtool has --realm-pv";
        return Err(super::refuse("--initdata", why));
    }
    let left_out = |one: &Given<'_>| {
        one.row.is_some_and(|row| options.without.iter().any(|name| name == row.long))
    };
    given.retain(|one| !left_out(one));
    let words: Vec<&str> = options.with.iter().map(String::as_str).collect();
    given.extend(parse(&words, version)?);
    let number = |count: u32| Value::Number(count.into(), count.into(), "");
    let values = [
        (About::Cpus, "-c", cpus.map(number)),
        (About::Memory, "-m", mem_bytes.map(|_| Value::Text(ram))),
        (About::Params, "-p", append.as_deref().map(Value::Text)),
        (About::Log, "--measurement-log", log.map(Value::Flag)),
    ];
    for (about, place, value) in values {
        let Some(value) = value else { continue };
        let row = known(version).find(|row| row.about == about).ok_or_else(|| {
            refuse(place, &format!("kvmtool {} has no such option", version.name()))
        })?;
        given.push(Given { place: place.into(), row: Some(row), value });
    }
    Ok(())
}

/// The value of `-m` for so many bytes.
pub(super) fn ram(overrides: &Overrides) -> String {
    overrides.mem_bytes.map_or(String::new(), |bytes| format!("{bytes}B"))
}
