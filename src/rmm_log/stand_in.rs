//! Parameters that stand where a log has none and nobody gave any: with them the other calls of the
//! log can be played. What is made with them is said not to be known.

use std::borrow::Cow;

use super::Call;
use crate::abi::command::CommandInfo;
use crate::abi::mpidr::mpidr_of_index;
use crate::abi::profile::{Edition, Profile};
use crate::script::statements::{self, arg, auto, decimal, hex, statement};
use crate::script::{Arg, Statement};

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
    let fields = vec![
        arg("s2sz", decimal(bits.into())),
        arg("num_bps", decimal(1)),
        arg("num_wps", decimal(1)),
        arg("rtt_base", auto()),
        arg("rtt_level_start", decimal(start)),
        arg("rtt_num_start", decimal(count)),
    ];
    stand_in(symbol, "RealmParams", fields)
}

/// Parameters of a REC, which is the `number`th from 0.
pub(super) fn rec_params(symbol: &str, number: u32, edition: Edition) -> Statement {
    let mpidr = mpidr_of_index(number.into()).unwrap_or_default();
    let mut fields = vec![arg("flags", statements::symbol("runnable")), arg("mpidr", hex(mpidr))];
    if Profile::default().in_edition(edition).rec_params().field("aux").is_some() {
        fields.push(arg("aux", auto()));
    }
    stand_in(symbol, "RecParams", fields)
}

fn stand_in(symbol: &str, structure: &str, fields: Vec<Arg>) -> Statement {
    let kind = statements::define(symbol, statements::structure(structure, fields));
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
