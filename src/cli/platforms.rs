//! `rimsim platforms`

use std::io;

use super::args::PlatformsArgs;
use super::{Console, Exit};
use crate::abi::platform::Platform;
use crate::abi::presets::PRESETS;

pub(super) fn run(args: &PlatformsArgs, console: &mut Console) -> io::Result<Exit> {
    let Some(name) = &args.name else {
        for preset in PRESETS {
            console.result(&format!("{:12} {}", preset.name, preset.about))?;
        }
        return Ok(Exit::Good);
    };
    match Platform::preset(name) {
        Ok(platform) => {
            console.result(platform.to_toml().trim_end())?;
            Ok(Exit::Good)
        }
        Err(error) => {
            console.error(&error.to_string());
            Ok(Exit::Usage)
        }
    }
}
