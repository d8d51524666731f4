//! `rimsim platforms` and `rimsim language`: what the program carries with it.

use std::io;

use serde_json::{Value, json};

use super::args::{Format, LanguageArgs, PlatformsArgs};
use super::{Console, Exit};
use crate::abi::platform::Platform;
use crate::abi::presets::{PRESETS, Preset};
use crate::script::LANGUAGE;

pub(super) fn run(args: &PlatformsArgs, console: &mut Console) -> io::Result<Exit> {
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
                    let value: Value = toml::from_str(&text).expect("our own text");
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

pub(super) fn language(args: &LanguageArgs, console: &mut Console) -> io::Result<Exit> {
    match args.format {
        Format::Text => console.text(LANGUAGE)?,
        Format::Json => console.json(&document("language", "markdown", LANGUAGE))?,
    }
    Ok(Exit::Good)
}

fn document(command: &str, name: &str, value: impl Into<Value>) -> Value {
    let value = value.into();
    json!({ "schema": "rimsim/1", "command": command, name: value })
}
