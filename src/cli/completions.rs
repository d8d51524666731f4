//! `rimsim completions`

use std::io;

use clap::Args as ClapArgs;
use clap_complete::Shell;

use crate::cli::console::Console;
use crate::cli::exit::Exit;

/// Print what a shell needs to complete the words of rimsim
///
/// For bash: `rimsim completions bash > ~/.local/share/bash-completion/completions/rimsim`.
#[derive(Debug, ClapArgs)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

pub(crate) fn run(
    args: &CompletionsArgs,
    mut command: clap::Command,
    console: &mut Console,
) -> io::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "rimsim", &mut script);
    console.bytes(&script)?;
    Ok(Exit::Good)
}
