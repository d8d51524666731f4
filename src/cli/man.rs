//! `rimsim man`

use std::io;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use clap_mangen::Man;

use crate::cli::console::Console;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;

/// Print the manual page, or write the pages of all subcommands
#[derive(Debug, ClapArgs)]
pub(crate) struct ManArgs {
    /// A folder for the pages rimsim.1, rimsim-run.1 and so on; without it the first is printed
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(crate) fn run(
    args: &ManArgs,
    command: clap::Command,
    console: &mut Console,
) -> io::Result<Exit> {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let Some(dir) = &args.dir else {
        console.bytes(&page(&command)?)?;
        return Ok(Exit::Good);
    };
    for command in std::iter::once(&command).chain(command.get_subcommands()) {
        let name = command.get_display_name().unwrap_or_else(|| command.get_name());
        let path = dir.join(format!("{name}.1"));
        if let Err(error) = console.outputs().write_beside(&path, &page(command)?) {
            let CliError(exit, text) = error.into();
            console.error(&text);
            return Ok(exit);
        }
    }
    Ok(Exit::Good)
}

/// A command's page, in roff.
fn page(command: &clap::Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    Ok(page)
}
