#![doc = include_str!("LANGUAGE.md")]
//!
//! # From Rust
//!
//! [`parse()`] makes a [`Script`] of a text without any I/O; its `Display` is the canonical form.
//! [`load()`] brings a script together with its includes and images, and a [`Player`] carries it
//! out on a [`Session`](crate::session::Session):
//!
//! ```
//! use rimsim::script::{MemoryFiles, Player, load_from};
//! use rimsim::session::Session;
//! use rimsim::World;
//!
//! let text = "let page = auto ns\nGRANULE_DELEGATE addr=page\nexpect granule page DELEGATED\n";
//! let mut files = MemoryFiles([("test.rmi".into(), text.into())].into());
//! let mut player = Player::new(load_from("test.rmi", &mut files)?);
//! let (platform, profile) = player.setup();
//! player.play(&mut Session::new(World::new(platform, profile)))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! *Architecture invariant:* the player is a Host. What it knows of the RMM is what the registers
//! of a call say; it reads the world only to compare and to print what a script asks for.

mod auto;
mod check;
mod command;
pub mod debug;
mod ending;
mod error;
mod eval;
mod format;
mod gap;
mod grammar;
mod guest;
mod lex;
mod load;
mod names;
mod parse;
mod picture;
#[cfg(feature = "toml")]
mod platform_file;
mod player;
mod print;
pub mod record;
mod row;
mod serve;
pub(crate) mod show;
mod stateful;
pub(crate) mod statements;
mod value;
#[cfg(feature = "cli")]
pub(crate) mod vocabulary;
mod words;
mod work;

#[cfg(test)]
mod tests;

pub use ending::{PlayError, Refused, Unmet};
pub use error::ScriptError;
pub use format::{format_script, round_trips};
pub use gap::Gap;
pub use grammar::{
    Answer, Arg, Bytes, Expr, ExprKind, Form, ImageSource, Invocation, Kind, Name, Op, Script,
    Shown, Span, Statement, Unit, Value,
};
pub use load::{
    Files, LoadError, LoadedScript, MAX_INCLUDE_DEPTH, MAX_INCLUDES, MemoryFiles, Source, TextFile,
    load, load_from, load_with,
};
pub use parse::{MAX_OPERATORS, MAX_TEXT_BYTES, parse, parse_bytes};
pub use player::{MAX_FILL_BYTES, MAX_MISMATCHES, MAX_PEEK_BYTES, Player};
pub use work::MAX_WORK;

/// The language's description, in Markdown: what `rimsim language` and `rimsim help script` show.
pub const LANGUAGE: &str = include_str!("LANGUAGE.md");
