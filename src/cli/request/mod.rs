//! A VM that somebody asks for: on the command line, or in a file with arguments.

mod boot;
mod files;
mod guest;
mod told;
mod words;

pub(crate) use boot::Boot;
pub(crate) use files::MappedFiles;
pub(crate) use guest::{layer, request};
pub(crate) use told::told;
#[cfg(test)]
pub(crate) use words::NO_REQUEST;
pub(crate) use words::{FileWords, NoRequest, RequestWords, WordFile, is_request, parse, words_of};
