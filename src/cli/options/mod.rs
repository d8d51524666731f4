//! Groups of options that several subcommands share, with their help texts.

mod cache_key;
mod format;
mod guest;
mod hashing;
mod line;
mod outputs;
mod outside;
mod reference;
mod rmm;
mod rmm_log;
mod sign;

pub(crate) use format::Format;
pub(crate) use guest::{GuestArgs, ResponderArgs, VmmArgs};
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
