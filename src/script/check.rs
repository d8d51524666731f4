//! What can be said of a statement without knowing the values of its symbols.

use super::error::ScriptError;
use super::grammar::{Answer, Arg, ExprKind, Name, Value};
use super::lex::Lexer;
use super::words::{self, AutoKind, Signature};
use crate::abi::command::CommandInfo;
use crate::abi::layout::{LAYOUTS, Layout};
use crate::abi::status::Status;
use crate::rmi::answered_rows;

type Checked<T = ()> = Result<T, ScriptError>;

/// An argument that a verb knows, has not yet, and that has a value of its kind.
pub(super) fn arg(
    lexer: &Lexer<'_>,
    verb: &Name,
    signature: &Signature,
    before: &[Arg],
    name: &Name,
    value: &Value,
) -> Checked {
    let known: Vec<&str> = signature.required.iter().chain(signature.optional).copied().collect();
    if !known.contains(&name.text.as_str()) {
        let message = format!("{} has no argument {}", verb.text, name.text);
        let error = lexer.error(name.span, message).suggest(&name.text, known.iter().copied());
        let all = format!("its arguments are {}", known.join(", "));
        return Err(if error.hint.is_some() { error } else { error.hint(all) });
    }
    duplicate(lexer, before, name)?;
    match (name.text.as_str(), value) {
        ("image", Value::Number(expr)) if matches!(expr.kind, ExprKind::Symbol(_)) => Ok(()),
        ("image", _) => Err(lexer.error(value.span(), "`image` takes the name of an image")),
        ("bytes", Value::Bytes(..)) => Ok(()),
        ("bytes", _) => Err(lexer.error(value.span(), "`bytes` takes hex:\"…\" or text:\"…\"")),
        ("params_ptr" | "run_ptr" | "config_ptr", Value::Struct { .. }) => Ok(()),
        _ => plain_value(lexer, value, &format!("`{}`", name.text)).and_then(|()| match value {
            Value::Auto { count, span, .. } => auto_arg(lexer, verb, name, count.is_some(), *span),
            _ => Ok(()),
        }),
    }
}

fn auto_arg(
    lexer: &Lexer<'_>,
    verb: &Name,
    name: &Name,
    counted: bool,
    span: super::grammar::Span,
) -> Checked {
    if words::auto_kind(&verb.text, &name.text) == AutoKind::Nothing {
        let message = format!("`auto` chooses granules, and `{}` is none", name.text);
        return Err(lexer.error(span, message));
    }
    if counted {
        return Err(lexer.error(span, format!("`{}` is one granule", name.text)));
    }
    Ok(())
}

/// A value that is one number: not an array, not bytes.
pub(super) fn plain_value(lexer: &Lexer<'_>, value: &Value, whose: &str) -> Checked {
    let found = match value {
        Value::Array(..) => "a list",
        Value::Bytes(..) => "bytes",
        Value::Struct { .. } if whose != "a symbol" => "a structure",
        _ => return Ok(()),
    };
    Err(lexer.error(value.span(), format!("{whose} takes one number, not {found}")))
}

fn duplicate(lexer: &Lexer<'_>, before: &[Arg], name: &Name) -> Checked {
    if before.iter().any(|arg| arg.name.text == name.text) {
        return Err(lexer.error(name.span, format!("`{}` is given twice", name.text)));
    }
    Ok(())
}

/// A word that a verb knows and has not yet.
pub(super) fn word(
    lexer: &Lexer<'_>,
    verb: &Name,
    signature: &Signature,
    before: &[Name],
    name: &Name,
) -> Checked {
    if !signature.words.contains(&name.text.as_str()) {
        let known = signature.required.iter().chain(signature.optional);
        let message = format!("unexpected `{}` after {}", name.text, verb.text);
        let error = lexer.error(name.span, message);
        if known.clone().any(|known| *known == name.text) {
            return Err(error.hint(format!("arguments are written {}=…", name.text)));
        }
        return Err(error.suggest(&name.text, signature.words.iter().copied()));
    }
    if before.iter().any(|word| word.text == name.text) {
        return Err(lexer.error(name.span, format!("`{}` is given twice", name.text)));
    }
    Ok(())
}

/// Everything that a verb needs is there, and nothing that excludes the rest.
pub(super) fn complete(
    lexer: &Lexer<'_>,
    verb: &Name,
    signature: &Signature,
    args: &[Arg],
    words: &[Name],
) -> Checked {
    let has = |name: &str| args.iter().any(|arg| arg.name.text == name);
    let mut missing: Vec<&str> =
        signature.required.iter().copied().filter(|name| !has(name)).collect();
    let fail = |message: String| Err(lexer.error(verb.span, message));
    match verb.text.as_str() {
        "GRANULE_DELEGATE" | "GRANULE_UNDELEGATE" => match (has("addr"), has("base")) {
            (true, true) => return fail("`addr` and `base` are the same argument".into()),
            (false, false) => missing.push("addr"),
            _ => {}
        },
        "DATA_CREATE" if has("image") => {
            for other in ["src", "count"] {
                if has(other) {
                    return fail(format!("`image` and `{other}` exclude each other"));
                }
            }
        }
        "DATA_CREATE" => missing.extend(["data", "src"].iter().filter(|name| !has(name))),
        "peek" => match (has("bytes"), words.is_empty()) {
            (true, true) if !has("len") => {}
            (false, false) => {}
            _ => return fail("`peek` takes bytes=…, or `gpf` and perhaps len=…".into()),
        },
        "pas" if words.len() != 1 => return fail("`pas` takes ns, secure, root or aap".into()),
        _ => {}
    }
    if missing.is_empty() {
        return Ok(());
    }
    fail(format!("{} lacks {}", verb.text, missing.join(", ")))
}

/// A structure's layout.
pub(super) fn layout(lexer: &Lexer<'_>, name: &Name) -> Checked<&'static Layout> {
    Layout::by_name(&name.text).ok_or_else(|| {
        let error = lexer.error(name.span, format!("unknown structure {}", name.text));
        error.suggest(&name.text, LAYOUTS.iter().map(|layout| layout.name))
    })
}

/// A field that a structure knows, has not yet, and that has a value of its kind.
pub(super) fn field(
    lexer: &Lexer<'_>,
    layout: &'static Layout,
    before: &[Arg],
    name: &Name,
    value: &Value,
) -> Checked {
    if words::part(layout.name, &name.text).is_some() {
        duplicate(lexer, before, name)?;
        return match value {
            Value::Number(_) => Ok(()),
            _ => plain_value(lexer, value, &format!("`{}`", name.text)),
        };
    }
    let Some(field) = layout.field_of_any_edition(&name.text) else {
        if is_flag(layout, name) {
            let message = format!("`{}` is a flag, and stands without a value", name.text);
            return Err(lexer.error(name.span, message));
        }
        let message = format!("{} has no field {}", layout.name, name.text);
        let parts = words::parts(layout.name).map(|part| part.name);
        let known = layout.fields.iter().map(|field| field.name).chain(parts);
        return Err(lexer.error(name.span, message).suggest(&name.text, known));
    };
    duplicate(lexer, before, name)?;
    let fail = |message: String| Err(lexer.error(value.span(), message));
    match value {
        Value::Bytes(bytes, _) if field.width_bytes > 8 => {
            let (found, most) = (bytes.as_slice().len(), field.width_bytes);
            if found > most {
                return fail(format!("`{}` has {most} bytes, these are {found}", name.text));
            }
            Ok(())
        }
        _ if field.width_bytes > 8 => fail(format!("`{}` takes bytes, hex:\"…\"", name.text)),
        Value::Array(elements, _) if field.count > 1 => {
            if elements.len() > field.count {
                return fail(format!(
                    "`{}` has {} elements, these are {}",
                    name.text,
                    field.count,
                    elements.len()
                ));
            }
            Ok(())
        }
        Value::Auto { .. } if ["rtt_base", "aux"].contains(&name.text.as_str()) => Ok(()),
        Value::Auto { .. } => fail(format!("`auto` chooses granules, and `{}` is none", name.text)),
        Value::Number(_) if field.count == 1 => Ok(()),
        Value::Number(_) => fail(format!("`{}` is a list: [a, b]", name.text)),
        _ => plain_value(lexer, value, &format!("`{}`", name.text)),
    }
}

/// Whether a word names a flag of a structure.
pub(super) fn is_flag(layout: &Layout, name: &Name) -> bool {
    words::flag(layout.name, &name.text).is_some()
}

/// A flag by itself, which stands there once.
pub(super) fn flag(lexer: &Lexer<'_>, before: &[Arg], name: &Name) -> Checked {
    duplicate(lexer, before, name)
}

/// An output that the command has.
pub(super) fn output(
    lexer: &Lexer<'_>,
    command: Option<&'static CommandInfo>,
    answer: &Answer,
    name: &Name,
) -> Checked {
    if answer.outputs.iter().any(|(output, _)| output.text == name.text) {
        return Err(lexer.error(name.span, format!("`{}` is given twice", name.text)));
    }
    let Some(command) = command else { return Ok(()) };
    if command.outputs.contains(&name.text.as_str()) {
        return Ok(());
    }
    let error = lexer.error(name.span, format!("{} has no output {}", command.name, name.text));
    Err(error.suggest(&name.text, command.outputs.iter().copied()))
}

/// A failure condition that the command has.
pub(super) fn condition(
    lexer: &Lexer<'_>,
    command: Option<&'static CommandInfo>,
    answer: &Answer,
    name: &Name,
) -> Checked {
    if answer.condition.is_some() || answer.status == Some(Status::Success) {
        let message = format!("unexpected `{}`; outputs are written {0}=…", name.text);
        return Err(lexer.error(name.span, message));
    }
    let Some(command) = command else { return Ok(()) };
    let gives = answered_rows(command).filter(|row| Some(row.status) == answer.status);
    let known: Vec<_> = gives.map(|row| row.id).collect();
    if known.contains(&name.text.as_str()) {
        return Ok(());
    }
    let status = answer.status.map_or("SMC_NOT_SUPPORTED", Status::name);
    let message = format!("{} has no condition {} that gives {status}", command.name, name.text);
    Err(lexer.error(name.span, message).suggest(&name.text, known))
}
