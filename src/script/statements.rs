//! The statements that build a Realm, as texts: what a session or a measurement log is written
//! down as.

use crate::abi::addr::Hex;
use crate::abi::params::DATA_MEASURE;

/// Fields of a structure, or arguments: names and what the language has for their values.
pub(crate) type Values<'v> = &'v [(&'v str, String)];

/// Makes the Realm that other statements know as `rd`.
pub(crate) fn realm_create(params: Values<'_>) -> String {
    let params = structure("RealmParams", params);
    format!("let rd = auto\nREALM_CREATE rd=rd params_ptr={params}")
}

/// Makes a REC at `rec`. `ending` is what the statement says of the operation that the command may
/// be.
pub(crate) fn rec_create(rec: &str, params: Values<'_>, ending: &str) -> String {
    format!("REC_CREATE rd=rd rec={rec} params_ptr={}{ending}", structure("RecParams", params))
}

/// Makes IPAs RAM, `top` excluded.
pub(crate) fn init_ripas(base: u64, top: u64) -> String {
    format!("RTT_INIT_RIPAS rd=rd base={} top={} all", Hex(base), Hex(top))
}

/// Puts an image into the Realm, by the edition's command.
pub(crate) fn contents(command_name: &str, ipa: u64, image: &str, flags: u64) -> String {
    let flags = if flags & DATA_MEASURE == 0 { "no_measure" } else { "measure" };
    format!("{command_name} rd=rd ipa={} image={image} flags={flags}", Hex(ipa))
}

/// Names an image. `source` is an expression of the language, such as a name in quotes.
pub(crate) fn image(name: &str, source: &str) -> String {
    format!("image {name} = {source}")
}

/// X0 to X7 of a REC.
pub(crate) fn gprs(values: &[u64]) -> String {
    let values: Vec<String> = values.iter().map(|value| Hex(*value).to_string()).collect();
    format!("[{}]", values.join(", "))
}

/// A text as the script language writes it.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn structure(name: &str, fields: Values<'_>) -> String {
    let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{name} {{ {} }}", fields.join(", "))
}
