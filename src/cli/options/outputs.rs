//! Which options write a file.

use clap::{ArgMatches, Command};

use crate::outputs::OutputPath;

/// Every output that a command line names, with its option, whatever the subcommand.
pub(crate) fn outputs<'m>(
    command: &Command,
    matches: &'m ArgMatches,
) -> Vec<(String, &'m OutputPath)> {
    let mut found = Vec::new();
    for arg in command.get_arguments() {
        // Of another type: not written.
        let Ok(Some(paths)) = matches.try_get_many::<OutputPath>(arg.get_id().as_str()) else {
            continue;
        };
        let name = arg.get_long().map_or_else(|| arg.to_string(), |name| format!("--{name}"));
        found.extend(paths.map(|path| (name.clone(), path)));
    }
    if let Some((name, matches)) = matches.subcommand()
        && let Some(command) = command.find_subcommand(name)
    {
        found.extend(outputs(command, matches));
    }
    found
}
