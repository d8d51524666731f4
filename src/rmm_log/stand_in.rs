//! Parameters that stand where a log has none and nobody gave any: with them the other calls of the
//! log can be played. What is made with them is said not to be known.

use std::borrow::Cow;

use super::Call;
use crate::abi::command::CommandInfo;
use crate::abi::profile::{Edition, Profile};
use crate::script::statements::statement;
use crate::script::{self, Statement};

const COMMENT: &str = " a stand-in: no log shows parameters";

/// Bits of IPA that one table covers at the levels 0 to 2, and as many as VMMs give a Realm there.
const LEVELS: [(u32, u32); 3] = [(48, 48), (39, 40), (30, 33)];

/// A Realm's parameters with which its tables can be what the log shows.
pub(super) fn realm_params(symbol: &str, calls: &[Cow<'_, Call>]) -> Statement {
    let done = || calls.iter().filter(|call| call.is_success());
    let tables = done().filter(|call| call.command.name == "RTT_CREATE");
    // Tables of the level at which walks start are not made by RTT_CREATE.
    let start = tables.filter_map(|call| call.arg("level")).min();
    let start = start.map_or(1, |level| level.saturating_sub(1).min(2));
    let (least, usual) = LEVELS[usize::from(u8::try_from(start).unwrap_or_default())];
    let ipas = done().flat_map(|call| ["ipa", "base", "top"].map(|name| call.arg(name)));
    let highest = ipas.flatten().max().unwrap_or(0);
    // Sixteen tables at most.
    let bits = (u64::BITS - highest.leading_zeros()).clamp(usual, (least + 4).min(48));
    let count = 1_u64 << (bits - least);
    read(&format!(
        "let {symbol} = RealmParams {{ s2sz={bits}, num_bps=1, num_wps=1, rtt_base=auto, \
         rtt_level_start={start}, rtt_num_start={count} }}\n"
    ))
}

/// Parameters of a REC, which is the `number`th from 0.
pub(super) fn rec_params(symbol: &str, number: u32, edition: Edition) -> Statement {
    let affinity = u64::from(number);
    let mpidr = affinity & 0xF | (affinity >> 4 & 0xFF) << 8 | (affinity >> 12 & 0xFF) << 16;
    let has_aux = Profile::default().in_edition(edition).rec_params().field("aux").is_some();
    let aux = if has_aux { ", aux=auto" } else { "" };
    read(&format!("let {symbol} = RecParams {{ flags=runnable, mpidr={mpidr:#x}{aux} }}\n"))
}

/// The one statement of a text of ours.
fn read(text: &str) -> Statement {
    let script = script::parse("stand-in", text).expect("a statement");
    let kind = script.statements.into_iter().next().expect("one").kind;
    Statement { comment: Some(COMMENT.into()), ..statement(kind) }
}

/// What is not known of a Realm with such parameters.
pub(super) fn unknown(structure: &str, symbol: &str, command: &CommandInfo, line: u32) -> String {
    format!(
        "line {line} of the log: the parameters of {}: `let {symbol} = {structure} {{ … }}` in \
         --params FILE",
        command.name
    )
}
