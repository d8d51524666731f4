//! The words of the language for tools: lists for completion and checks, and a grammar for editors.

use serde_json::{Value, json};

use super::grammar::{Shown, Unit};
use super::guest;
use super::words::{self, KEYWORDS, RESERVED};
use crate::abi::command::{COMMANDS, CommandInfo};
use crate::abi::layout::{Field, LAYOUTS, Layout};
use crate::abi::presets::PRESETS;
use crate::abi::profile::{Edition, Profile};
use crate::abi::status::Status;
use crate::measure::rim::HashAlgo;
use crate::model::granule::{Gpt, GranuleState};
use crate::rmi::answered_rows;

/// Words of statements that stand behind their first one.
const FOLLOWING: [&str; 8] = ["auto", "manual", "ns", "digests", "zeros", "fill", "none", "seed"];

/// Everything that can be written, by where it can be.
pub(crate) fn vocabulary() -> Value {
    let actions = words::action_names().filter_map(|name| {
        let signature = words::signature(name)?;
        Some(json!({
            "name": name,
            "required": signature.required,
            "optional": signature.optional,
            "words": signature.words,
        }))
    });
    json!({
        "statements": KEYWORDS,
        "actions": actions.collect::<Vec<_>>(),
        "commands": COMMANDS.iter().map(command).collect::<Vec<_>>(),
        "structures": LAYOUTS.iter().map(|layout| structure(layout)).collect::<Vec<_>>(),
        "statuses": statuses(),
        "granule_states": GranuleState::ALL.map(GranuleState::name),
        "physical_address_spaces": Gpt::ALL.map(Gpt::name),
        "print": print_words(),
        "guest_actions": guest::ACTIONS,
        "guest_names": guest::NAMES.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        "functions": RESERVED,
        "units": Unit::ALL.map(Unit::name),
        "hash_algorithms": HashAlgo::ALL.map(HashAlgo::name),
        "platforms": PRESETS.iter().map(|preset| preset.name).collect::<Vec<_>>(),
        "rmms": Profile::ALL.map(Profile::name),
        "editions": Edition::ALL.map(Edition::name),
    })
}

fn statuses() -> Vec<&'static str> {
    Status::ALL.into_iter().map(Status::name).chain(["SMC_NOT_SUPPORTED"]).collect()
}

fn print_words() -> Vec<&'static str> {
    std::iter::once("rim").chain(Shown::WORDS).collect()
}

fn command(info: &'static CommandInfo) -> Value {
    let signature = words::signature(info.name).expect("a command");
    let editions = Edition::ALL.into_iter().filter(|edition| info.editions.contain(*edition));
    let mut conditions: Vec<Value> = Vec::new();
    for row in answered_rows(info) {
        let condition = json!({ "name": row.id, "status": row.status.name() });
        if !conditions.contains(&condition) {
            conditions.push(condition);
        }
    }
    json!({
        "name": info.name,
        "fid": info.fid,
        "editions": editions.map(Edition::name).collect::<Vec<_>>(),
        "required": signature.required,
        "optional": signature.optional,
        "words": signature.words,
        "outputs": info.outputs,
        "conditions": conditions,
        "values": values(info.name, info.inputs),
    })
}

/// The names that arguments or fields know, for those that know any.
fn values(owner: &str, names: &[&'static str]) -> Value {
    let known = names.iter().filter_map(|name| {
        let values = words::values(owner, name);
        let words: Vec<_> = values.iter().map(|(word, _)| *word).collect();
        (!words.is_empty()).then(|| json!({ "of": name, "names": words }))
    });
    known.collect()
}

fn structure(layout: &Layout) -> Value {
    let mut names: Vec<_> = layout.fields.iter().map(|field| field.name).collect();
    let parts = words::parts(layout.name).filter(|_| words::has_parts(layout));
    let parts: Vec<_> = parts.collect();
    names.extend(parts.iter().map(|part| part.name));
    let field = |field: &Field| {
        json!({
            "name": field.name,
            "offset": field.offset,
            "width_bytes": field.width_bytes,
            "count": field.count,
        })
    };
    let part = |part: &&words::Part| {
        json!({
            "name": part.name,
            "field": part.field,
            "lowest_bit": part.shift,
            "width_bits": part.bits,
        })
    };
    json!({
        "name": layout.name,
        "fields": layout.fields.iter().map(field).collect::<Vec<_>>(),
        "parts": parts.iter().map(part).collect::<Vec<_>>(),
        "values": values(layout.name, &names),
    })
}

/// The grammar for editors that read TextMate's, as JSON text.
pub(crate) fn textmate() -> String {
    let commands: Vec<_> = COMMANDS.iter().map(|command| command.name).collect();
    let structures: Vec<_> = LAYOUTS.iter().map(|layout| layout.name).collect();
    let mut names: Vec<&str> = guest::NAMES.iter().map(|(name, _)| *name).collect();
    names.extend(words::value_names());
    names.extend(GranuleState::ALL.map(GranuleState::name));
    let units: Vec<_> = Unit::ALL.map(Unit::name).into();
    let algorithms: Vec<_> = HashAlgo::ALL.map(HashAlgo::name).into();
    let begins = |words: &[&str]| format!("^\\s*({})\\b", any(words));
    let rule = |name: &str, pattern: String| json!({ "name": name, "match": pattern });
    let actions: Vec<_> = words::action_names().collect();
    let grammar = json!({
        "$schema": "https://raw.githubusercontent.com/martinring/tmlanguage/master/tmlanguage.json",
        "name": "rimsim script",
        "scopeName": "source.rmi",
        "fileTypes": ["rmi"],
        "patterns": [
            rule("comment.line.number-sign.rmi", "#.*$".into()),
            {
                "name": "string.quoted.double.rmi",
                "begin": "\"",
                "end": "\"|$",
                "patterns": [rule("constant.character.escape.rmi", "\\\\[\"\\\\nrt]".into())],
            },
            rule("constant.other.digest.rmi", format!("\\b({}):[0-9A-Fa-f]+\\b", any(&algorithms))),
            rule("constant.numeric.hex.rmi", "\\b0[xX][0-9A-Fa-f_]+\\b".into()),
            rule("constant.numeric.rmi", format!("\\b[0-9][0-9_]*({})?\\b", any(&units))),
            rule("keyword.control.rmi", begins(&KEYWORDS)),
            rule("support.function.host.rmi", begins(&actions)),
            rule("entity.name.function.rmi", format!("^\\s*(RMI_)?({})\\b", any(&commands))),
            rule("support.function.guest.rmi", begins(&guest::ACTIONS)),
            rule("support.constant.status.rmi", format!("\\b({})\\b", any(&statuses()))),
            rule("support.type.structure.rmi", format!("\\b({})\\b", any(&structures))),
            rule("variable.parameter.rmi", "\\b[A-Za-z_][A-Za-z0-9_]*(?=\\s*=(?![>=]))".into()),
            rule("keyword.other.rmi", format!("\\b({})\\b", any(&FOLLOWING))),
            rule("support.function.rmi", format!("\\b({})(?=\\s*\\()", any(&RESERVED))),
            rule("support.constant.rmi", format!("\\b({})\\b", any(&names))),
            rule("keyword.operator.rmi", "=>|\\.\\.|[=+*|-]".into()),
        ],
    });
    let text = serde_json::to_string_pretty(&grammar).expect("a value");
    text + "\n"
}

/// An expression for one of these words; longer ones stand before those that they begin with.
fn any(words: &[&str]) -> String {
    let mut words = words.to_vec();
    words.sort_unstable();
    words.dedup();
    words.reverse();
    words.join("|")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file for editors; `BLESS=1` writes it again.
    #[test]
    fn the_grammar_for_editors_has_the_words_of_the_language() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/script/rmi.tmLanguage.json");
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(path, textmate()).expect("written");
        }
        let kept = std::fs::read_to_string(path).expect("the grammar");
        assert!(kept == textmate(), "BLESS=1 cargo test writes it again");
    }

    #[test]
    fn every_word_that_begins_a_statement_is_listed() {
        let vocabulary = vocabulary();
        let names = |key: &str| -> Vec<String> {
            let list = vocabulary[key].as_array().expect("a list").iter();
            let name = |one: &Value| one.as_str().or(one["name"].as_str()).map(str::to_owned);
            list.filter_map(name).collect()
        };
        let listed = [names("statements"), names("actions"), names("commands")].concat();
        for verb in words::verbs() {
            assert!(listed.iter().any(|word| word == verb), "{verb}");
        }
        for word in ["RMI_SUCCESS", "SMC_NOT_SUPPORTED"] {
            assert!(names("statuses").iter().any(|status| status == word));
        }
        // What 2.0 packs into a field is completed as fields are.
        let params = vocabulary["structures"].as_array().expect("a list").iter();
        let params: Vec<_> = params.filter(|one| one["name"] == "RealmParams").collect();
        let parts = |of: &Value| -> Vec<(String, u64, u64)> {
            let parts = of["parts"].as_array().expect("a list").iter();
            let number = |part: &Value, key: &str| part[key].as_u64().expect("a number");
            let told = |part: &Value| {
                let name = part["name"].as_str().expect("a name").to_owned();
                (name, number(part, "lowest_bit"), number(part, "width_bits"))
            };
            parts.map(told).collect()
        };
        let of_2 = [("mec", 7, 2), ("lfa", 5, 2), ("planes", 0, 32)];
        let of_2 = of_2.map(|(name, low, width)| (name.to_owned(), low, width));
        let all: Vec<_> = params.iter().map(|one| parts(one)).collect();
        assert_eq!(all, [Vec::new(), of_2.into()]);
        let mec = json!({ "of": "mec", "names": ["shared", "private"] });
        let knows_mec = |one: &&Value| one["values"].as_array().expect("a list").contains(&mec);
        assert_eq!(params.iter().map(knows_mec).collect::<Vec<_>>(), [false, true]);
        // What an editor would show as a condition is one.
        let destroy = vocabulary["commands"].as_array().expect("a list").iter();
        let destroy = destroy.filter(|command| command["name"] == "DATA_DESTROY");
        let walk = json!({ "name": "rtt_walk", "status": "RMI_ERROR_RTT" });
        for command in destroy {
            assert!(command["conditions"].as_array().expect("a list").contains(&walk));
        }
    }
}
