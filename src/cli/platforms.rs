//! `rimsim platforms`

use std::io;

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use crate::abi::platform::Platform;
use crate::abi::presets::{PRESETS, Preset};
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::options::Format;
use crate::encoding::toml_text;

/// List the platform presets, or print one as a TOML file to start from
#[derive(Debug, ClapArgs)]
pub(crate) struct PlatformsArgs {
    /// The preset to print
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(crate) fn run(args: &PlatformsArgs, console: &mut Console) -> io::Result<Exit> {
    let Some(name) = &args.name else {
        match args.format {
            Format::Text => {
                for preset in PRESETS {
                    console.result(&format!("{:12} {}", preset.name, preset.about))?;
                }
            }
            Format::Json => {
                let entry = |preset: &Preset| json!({ "name": preset.name, "about": preset.about });
                let list: Vec<_> = PRESETS.iter().map(entry).collect();
                console.json(&document("platforms", "platforms", list))?;
            }
        }
        return Ok(Exit::Good);
    };
    match Platform::preset(name) {
        Ok(platform) => {
            let text = platform.to_toml();
            match args.format {
                Format::Text => console.text(text.trim_end())?,
                Format::Json => {
                    let value: Value = toml_text::read(&text).expect("our own text");
                    console.json(&document("platforms", "platform", value))?;
                }
            }
            Ok(Exit::Good)
        }
        Err(error) => {
            console.error(&error.to_string());
            Ok(Exit::Usage)
        }
    }
}

fn document(command: &str, name: &str, value: impl Into<Value>) -> Value {
    let value = value.into();
    json!({ "schema": "rimsim/1", "command": command, name: value })
}
