//! `rimsim help`

use std::io;

use clap::Args as ClapArgs;

use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::encoding::nearest::there_are;
use crate::script::LANGUAGE;

/// Print the help of a subcommand or of a topic
#[derive(Debug, ClapArgs)]
pub(crate) struct HelpArgs {
    /// A subcommand, or one of the topics exit-codes and script; without it, the help of rimsim
    #[arg(value_name = "TOPIC")]
    topic: Option<String>,
}

const TOPICS: [&str; 2] = ["exit-codes", "script"];

pub(crate) fn run(
    args: &HelpArgs,
    mut command: clap::Command,
    console: &mut Console,
) -> io::Result<Exit> {
    command.build();
    let Some(topic) = args.topic.as_deref() else {
        console.text(&command.render_long_help().to_string())?;
        return Ok(Exit::Good);
    };
    match topic {
        "exit-codes" => console.text(&Exit::table())?,
        "script" => console.text(LANGUAGE)?,
        name => {
            let Some(found) = command.find_subcommand_mut(name) else {
                let subcommands = command.get_subcommands().map(clap::Command::get_name);
                let known: Vec<&str> = subcommands.chain(TOPICS).collect();
                console
                    .error(&format!("there is no help on `{name}`; {}", there_are(name, &known)));
                return Ok(Exit::Usage);
            };
            console.text(&found.render_long_help().to_string())?;
        }
    }
    Ok(Exit::Good)
}
