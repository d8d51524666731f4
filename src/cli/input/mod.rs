//! The files that the command line names: which kind they are, and what is in them.

mod expand;
mod file;
mod line;
mod observed;
mod provenance;
mod read;
mod replay;
pub(crate) mod rmm_logs;
mod token;

pub(crate) use expand::expand;
pub(crate) use file::{Input, MAX_VECTOR_BYTES, Problem};
pub(crate) use line::command_line;
pub(crate) use observed::{observed, observed_rem, observed_token};
pub(crate) use provenance::{image_file, replayed, text_file};
pub(crate) use read::{
    public_key, read_limited, read_limited_start, read_settings, signing_key, text_name,
};
pub(crate) use replay::{Ended, Setup, machine};
pub(crate) use token::read_token;
