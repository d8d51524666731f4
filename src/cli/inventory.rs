//! What the command line has, for tests that go over all of it. No part of the library.

use clap::builder::ValueParser;
use clap::{Arg, CommandFactory as _, value_parser};

use super::{Args, schema};
use crate::outputs::OutputPath;

/// The names of all subcommands.
#[must_use]
pub fn subcommands() -> Vec<String> {
    Args::command().get_subcommands().map(|command| command.get_name().to_owned()).collect()
}

fn name(arg: &Arg) -> String {
    arg.get_long().map_or_else(|| arg.to_string(), |name| format!("--{name}"))
}

/// Every option that writes a file, as subcommand and option.
#[must_use]
pub fn writing_options() -> Vec<(String, String)> {
    let written = ValueParser::from(value_parser!(OutputPath)).type_id();
    let command = Args::command();
    let options = command.get_subcommands().flat_map(|command| {
        let arguments = command.get_arguments();
        let writing = arguments.filter(|arg| arg.get_value_parser().type_id() == written);
        writing.map(|arg| (command.get_name().to_owned(), name(arg)))
    });
    options.collect()
}

/// The names of all documents that have a schema.
#[must_use]
pub fn schemas() -> Vec<&'static str> {
    schema::names().collect()
}

/// The schema of a document.
#[must_use]
pub fn schema_of(name: &str) -> Option<serde_json::Value> {
    schema::schema(name)
}

/// The subcommands whose --format has a word.
#[must_use]
pub fn with_format(word: &str) -> Vec<String> {
    let command = Args::command();
    let asked = command.get_subcommands().filter(|command| {
        let formats = command.get_arguments().filter(|arg| arg.get_long() == Some("format"));
        let mut words = formats.flat_map(Arg::get_possible_values);
        words.any(|possible| possible.get_name() == word)
    });
    asked.map(|command| command.get_name().to_owned()).collect()
}

/// Every option that takes a value and writes no file, and what stands without a name, as
/// subcommand and option.
#[must_use]
pub fn valued_options() -> Vec<(String, String)> {
    let written = writing_options();
    let command = Args::command();
    let options = command.get_subcommands().flat_map(|command| {
        let valued = command.get_arguments().filter(|arg| arg.get_action().takes_values());
        valued.map(|arg| (command.get_name().to_owned(), name(arg)))
    });
    options.filter(|option| !written.contains(option)).collect()
}
