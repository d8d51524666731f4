//! Groups of options that several subcommands share, with their help texts.

mod cache_key;
mod format;
mod granule;
mod guest;
mod hashing;
mod line;
mod outputs;
mod outside;
mod reference;
mod rmm;
mod rmm_log;
mod sign;
mod size;

pub(crate) use format::Format;
pub(crate) use granule::Granule;
pub(crate) use guest::{GuestArgs, ResponderArgs, VmmArgs, named};
pub(crate) use hashing::{
    CacheArgs, HashingArgs, HashingProblem, ImageFiles, ProvenCacheArgs, Purpose,
};
pub(crate) use line::LineArgs;
pub(crate) use outputs::outputs;
pub(crate) use outside::OutsideArgs;
pub(crate) use reference::{Form, ReferenceArgs, RunForm, corim_profile};
pub(crate) use rmm::{RmmArg, rem_reading};
pub(crate) use rmm_log::{RmmLogArgs, at};
pub(crate) use sign::SignArgs;
pub(crate) use size::{ByteRange, byte_range, size_bytes};

/// A REM of an option: its number and its value.
pub(crate) fn numbered(text: &str) -> Result<(usize, String), String> {
    let (number, rem) = text.split_once('=').ok_or("write N=REM, such as 1=0b8f…")?;
    let number = number.parse().ok().filter(|n| (1..=4).contains(n));
    Ok((number.ok_or("a Realm has REM 1 to 4")?, rem.to_owned()))
}
