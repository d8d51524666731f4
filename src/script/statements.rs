//! Parts of scripts that are made and not read: what a session, a VMM's measurement log or the log
//! of an RMM is written down as.

use super::grammar::{Arg, Bytes, Expr, ExprKind, Form, ImageSource, Invocation, Kind, Name};
use super::grammar::{Script, Span, Statement, Value};
#[cfg(feature = "hosts")]
use crate::abi::addr::Level;
use crate::abi::params::DATA_MEASURE;

/// A script of these kinds of statements, in its canonical form: blank lines are single ones.
pub(crate) fn script(file: &str, kinds: impl IntoIterator<Item = Kind>) -> Script {
    let mut statements: Vec<Statement> = kinds.into_iter().map(statement).collect();
    statements.dedup_by(|next, last| next.kind == Kind::Empty && last.kind == Kind::Empty);
    Script { file: file.into(), statements }
}

pub(crate) const fn statement(kind: Kind) -> Statement {
    Statement { kind, comment: None, span: UNWRITTEN }
}

/// A name, or a text that stands in quotes.
pub(crate) fn name(text: &str) -> Name {
    Name { text: text.to_owned(), span: UNWRITTEN }
}

pub(crate) const fn decimal(value: u64) -> Expr {
    Expr { kind: ExprKind::Number(value, Form::Decimal), span: UNWRITTEN }
}

pub(crate) const fn hex(value: u64) -> Expr {
    Expr { kind: ExprKind::Number(value, Form::Hex), span: UNWRITTEN }
}

/// The level of a table, from -1 to 3.
#[cfg(feature = "hosts")]
pub(crate) fn level(level: Level) -> Expr {
    let number = level.to_register().cast_signed();
    let magnitude = decimal(number.unsigned_abs());
    if number >= 0 {
        return magnitude;
    }
    Expr { kind: ExprKind::Negative(Box::new(magnitude)), span: UNWRITTEN }
}

pub(crate) fn symbol(text: &str) -> Expr {
    Expr { kind: ExprKind::Symbol(text.to_owned()), span: UNWRITTEN }
}

/// A granule of the player's choice.
pub(crate) const fn auto() -> Value {
    Value::Auto { count: None, ns: false, span: UNWRITTEN }
}

/// `auto 2`: granules in a row.
pub(crate) fn auto_row(count: u64) -> Value {
    Value::Auto { count: Some(decimal(count)), ns: false, span: UNWRITTEN }
}

/// `[a, b]`.
pub(crate) fn list(elements: Vec<Expr>) -> Value {
    Value::Array(elements, UNWRITTEN)
}

/// X0 to X7 of a REC.
pub(crate) fn gprs(values: &[u64]) -> Value {
    Value::Array(values.iter().copied().map(hex).collect(), UNWRITTEN)
}

/// Bytes in hexadecimal.
pub(crate) fn bytes(bytes: &[u8]) -> Value {
    Value::Bytes(hex_bytes(bytes), UNWRITTEN)
}

/// An image of these bytes.
pub(crate) fn image_of_bytes(bytes: &[u8]) -> ImageSource {
    ImageSource::Bytes(hex_bytes(bytes), UNWRITTEN)
}

pub(crate) fn arg(name_text: &str, value: impl Into<Value>) -> Arg {
    Arg { name: name(name_text), value: value.into() }
}

/// `let symbol = value`.
pub(crate) fn define(symbol: &str, value: impl Into<Value>) -> Kind {
    Kind::Let { name: name(symbol), value: value.into() }
}

/// Names an image.
pub(crate) fn image(image_name: &str, source: ImageSource) -> Kind {
    Kind::Image { name: name(image_name), source }
}

/// A command that expects nothing.
pub(crate) fn invoke(verb: &str, args: Vec<Arg>) -> Kind {
    invocation(verb, args, &[])
}

/// A command that is repeated up to its end, or an operation that is carried out to its end.
pub(crate) fn invoke_all(verb: &str, args: Vec<Arg>) -> Kind {
    invocation(verb, args, &["all"])
}

/// Makes the statement of a command: [`invoke`], or [`invoke_all`] of an operation.
pub(crate) type Invoke = fn(&str, Vec<Arg>) -> Kind;

/// Makes the Realm that other statements know as `rd`.
pub(crate) fn realm_create(params: Vec<Arg>, invoke: Invoke) -> [Kind; 2] {
    let args = vec![arg("rd", rd()), arg("params_ptr", structure("RealmParams", params))];
    [define("rd", auto()), invoke("REALM_CREATE", args)]
}

/// The arguments with which a REC is made at `rec`.
pub(crate) fn rec_args(rec: impl Into<Value>, params: Vec<Arg>) -> Vec<Arg> {
    let params = arg("params_ptr", structure("RecParams", params));
    vec![arg("rd", rd()), arg("rec", rec), params]
}

/// Makes IPAs RAM, `top` excluded.
pub(crate) fn init_ripas(rd: Expr, base: u64, top: u64) -> Kind {
    let range = vec![arg("rd", rd), arg("base", hex(base)), arg("top", hex(top))];
    invoke_all("RTT_INIT_RIPAS", range)
}

/// Puts an image into the Realm, by the edition's command; at the granules from `data` on, if it
/// says where.
pub(crate) fn contents(
    command_name: &str,
    rd: Expr,
    ipa: u64,
    data: Option<u64>,
    image: &str,
    flags: Expr,
) -> Kind {
    let mut args = vec![arg("rd", rd), arg("ipa", hex(ipa))];
    args.extend(data.map(|data| arg("data", hex(data))));
    args.extend([arg("image", symbol(image)), arg("flags", flags)]);
    invoke(command_name, args)
}

/// The Realm that [`realm_create`] makes.
pub(crate) fn rd() -> Expr {
    symbol("rd")
}

/// The flags of DATA_CREATE as a word.
pub(crate) fn data_flags(flags: u64) -> Expr {
    symbol(if flags & DATA_MEASURE == 0 { "no_measure" } else { "measure" })
}

const UNWRITTEN: Span = Span { line: 0, column: 0 };

fn invocation(verb: &str, args: Vec<Arg>, words: &[&str]) -> Kind {
    let words = words.iter().map(|word| name(word)).collect();
    Kind::Invoke(Box::new(Invocation { verb: name(verb), args, words, answer: None }))
}

pub(crate) fn structure(structure_name: &str, fields: Vec<Arg>) -> Value {
    Value::Struct { name: name(structure_name), fields }
}

fn hex_bytes(bytes: &[u8]) -> Bytes {
    Bytes::Hex(bytes.to_vec())
}
