//! The script language.
mod auto;
mod check;
mod command;
mod error;
mod eval;
mod grammar;
mod lex;
mod load;
mod parse;
mod picture;
mod player;
mod print;
mod value;
mod words;

pub use error::ScriptError;
pub use grammar::*;
pub use load::{
    Files, LoadError, LoadedScript, MAX_INCLUDE_DEPTH, MAX_INCLUDES, MemoryFiles, Source, load,
    load_from,
};
pub use parse::{MAX_OPERATORS, MAX_TEXT_BYTES, parse, parse_bytes};
pub use player::{
    MAX_FILL_BYTES, MAX_MISMATCHES, MAX_PEEK_BYTES, PlayError, Player, Refused, Unmet,
};

#[cfg(test)]
mod tests;
