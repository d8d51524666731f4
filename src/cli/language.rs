//! `rimsim language`

use std::io;

use clap::Args as ClapArgs;
use serde_json::json;

use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::options::Format;
use crate::script::LANGUAGE;
use crate::script::vocabulary::{textmate, vocabulary};

/// Print the reference of the script language
#[derive(Debug, ClapArgs)]
pub(crate) struct LanguageArgs {
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Instead, print the grammar for editors that read TextMate's (VS Code, Sublime Text, Zed)
    #[arg(long, conflicts_with = "format")]
    grammar: bool,
}

pub(crate) fn run(args: &LanguageArgs, console: &mut Console) -> io::Result<Exit> {
    match args.format {
        _ if args.grammar => console.bytes(textmate().as_bytes())?,
        Format::Text => console.text(LANGUAGE)?,
        Format::Json => {
            console.json(&json!({
                "schema": "rimsim/1",
                "command": "language",
                "markdown": LANGUAGE,
                "words": vocabulary(),
            }))?;
        }
    }
    Ok(Exit::Good)
}
