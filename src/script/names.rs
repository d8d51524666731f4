//! Finds names that nothing defines, before anything is played.
//!
//! A script has no branches, so what is unknown in the order of the text is unknown when played.

use std::collections::BTreeMap;

use super::error::ScriptError;
use super::grammar::Value;
use super::grammar::{Answer, Expr, ExprKind, Form, ImageSource, Invocation, Kind, Name, Op, Span};
use super::load::SourceText;
use super::words::{self, Values};
use crate::encoding::nearest::nearest;
use crate::session::Place;

/// The names that are known so far, with the places that define them.
#[derive(Debug, Default)]
pub(super) struct Names {
    numbers: BTreeMap<String, Place>,
    images: BTreeMap<String, Place>,
}

type Checked = Result<(), ScriptError>;

impl Names {
    /// Checks a statement and takes up the name that it defines.
    pub(super) fn statement(&mut self, text: &SourceText, kind: &Kind) -> Checked {
        match kind {
            Kind::Let { name, value } => {
                // Known all the same, so that one mistake is one error.
                let value = self.value(text, "", "", value);
                value.and(define(&mut self.numbers, text, name))
            }
            Kind::Image { name, source } => {
                let source = self.source(text, source);
                source.and(define(&mut self.images, text, name))
            }
            Kind::Invoke(invocation) => self.invocation(text, invocation),
            Kind::Call { regs, answer } => {
                regs.iter().try_for_each(|reg| self.expr(text, reg, &[]))?;
                answer.iter().try_for_each(|answer| self.answer(text, answer))
            }
            Kind::ExpectRim { rd, .. } | Kind::PrintRim { rd } | Kind::Unknown { rd, .. } => {
                rd.iter().try_for_each(|rd| self.expr(text, rd, &[]))
            }
            Kind::ExpectGranule { pa, .. } => self.expr(text, pa, &[]),
            Kind::Print(shown) => {
                shown.which().into_iter().try_for_each(|which| self.expr(text, which, &[]))
            }
            Kind::ExpectRem { index, rd, .. } => [Some(index), rd.as_ref()]
                .into_iter()
                .flatten()
                .try_for_each(|expr| self.expr(text, expr, &[])),
            Kind::ExpectGuest { rec, .. } => self.expr(text, rec, &[]),
            Kind::Guest { rec, plane, actions } => {
                self.expr(text, rec, &[])?;
                plane.iter().try_for_each(|plane| self.expr(text, plane, &[]))?;
                let operands = actions.iter().flat_map(|action| &action.args);
                operands.into_iter().try_for_each(|operand| match operand {
                    Value::Number(expr) => self.expr(text, expr, super::guest::NAMES),
                    value => self.value(text, "", "", value),
                })
            }
            Kind::Empty
            | Kind::Platform(_)
            | Kind::Memory { .. }
            | Kind::Rmm(_)
            | Kind::Spec(_)
            | Kind::Include(_)
            | Kind::RttAuto(_)
            | Kind::Note(_) => Ok(()),
        }
    }

    fn invocation(&self, text: &SourceText, invocation: &Invocation) -> Checked {
        for arg in &invocation.args {
            match &arg.value {
                Value::Number(Expr { kind: ExprKind::Symbol(name), span })
                    if arg.name.text == "image" =>
                {
                    self.image(text, name, *span)?;
                }
                value => self.value(text, &invocation.verb.text, &arg.name.text, value)?,
            }
        }
        invocation.answer.iter().try_for_each(|answer| self.answer(text, answer))
    }

    fn answer(&self, text: &SourceText, answer: &Answer) -> Checked {
        // No two commands have different words for one output.
        let words = |name: &Name| words::values("RTT_READ_ENTRY", &name.text);
        answer.outputs.iter().try_for_each(|(name, expr)| self.expr(text, expr, words(name)))
    }

    fn source(&self, text: &SourceText, source: &ImageSource) -> Checked {
        let exprs = match source {
            ImageSource::File(_) | ImageSource::Digests(_) | ImageSource::Bytes(..) => {
                return Ok(());
            }
            ImageSource::Zeros(len) | ImageSource::Unknown(len) => [len, len],
            ImageSource::Fill { len, seed } => [len, seed],
            ImageSource::Slice { image, from, to } => {
                self.image(text, &image.text, image.span)?;
                [from, to]
            }
        };
        exprs.into_iter().try_for_each(|expr| self.expr(text, expr, &[]))
    }

    fn value(&self, text: &SourceText, owner: &str, name: &str, value: &Value) -> Checked {
        let words = words::values(owner, name);
        match value {
            Value::Number(expr) => self.expr(text, expr, words),
            Value::Auto { count, .. } => {
                count.iter().try_for_each(|count| self.expr(text, count, &[]))
            }
            Value::Array(elements, _) => {
                elements.iter().try_for_each(|element| self.expr(text, element, words))
            }
            Value::Struct { name, fields } => fields
                .iter()
                .try_for_each(|arg| self.value(text, &name.text, &arg.name.text, &arg.value)),
            Value::Bytes(..) | Value::Set(_) => Ok(()),
        }
    }

    fn expr(&self, text: &SourceText, expr: &Expr, words: Values) -> Checked {
        match &expr.kind {
            ExprKind::Number(..) => Ok(()),
            ExprKind::Symbol(name) => self.symbol(text, name, expr.span, words),
            ExprKind::Len(image) => self.image(text, image, expr.span),
            ExprKind::Negative(inner) => self.expr(text, inner, words),
            ExprKind::AlignUp(sides) => {
                sides.iter().try_for_each(|side| self.expr(text, side, &[]))
            }
            ExprKind::Binary(op, sides) => {
                if let Some(word) = dashed(*op, sides, words) {
                    let error = text.error(expr.span, "words have no dash in them");
                    return Err(error.hint(format!("did you mean {word}?")));
                }
                sides.iter().try_for_each(|side| self.expr(text, side, words))
            }
        }
    }

    fn symbol(&self, text: &SourceText, name: &str, span: Span, words: Values) -> Checked {
        if words.iter().any(|(word, _)| *word == name) || self.numbers.contains_key(name) {
            return Ok(());
        }
        if self.images.contains_key(name) {
            let error = text.error(span, format!("`{name}` is an image, not a number"));
            return Err(error.hint(format!("its length is len({name})")));
        }
        let known = self.numbers.keys().map(String::as_str);
        let known = known.chain(words.iter().map(|(word, _)| *word));
        let error = text.error(span, format!("unknown symbol {name}")).suggest(name, known);
        if error.hint.is_some() || words.is_empty() {
            return Err(error);
        }
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        Err(error.hint(format!("the words here are {}", words.join(", "))))
    }

    fn image(&self, text: &SourceText, name: &str, span: Span) -> Checked {
        if self.images.contains_key(name) {
            return Ok(());
        }
        let known = self.images.keys().map(String::as_str);
        Err(text.error(span, format!("unknown image {name}")).suggest(name, known))
    }
}

/// `sha-256`: the word that was meant, where words are known and the left side is none.
fn dashed(op: Op, sides: &[Expr; 2], words: Values) -> Option<&'static str> {
    let [ExprKind::Symbol(left), right] = [&sides[0].kind, &sides[1].kind] else { return None };
    let right = match right {
        ExprKind::Number(value, Form::Decimal) => value.to_string(),
        ExprKind::Symbol(name) => name.clone(),
        _ => return None,
    };
    let names = || words.iter().map(|(word, _)| *word);
    let is_word = names().any(|word| word == left.as_str());
    let near = nearest(&format!("{left}-{right}"), names());
    near.filter(|_| op == Op::Minus && !is_word)
}

fn define(known: &mut BTreeMap<String, Place>, text: &SourceText, name: &Name) -> Checked {
    match known.insert(name.text.clone(), name.span.in_file(&text.file)) {
        None => Ok(()),
        Some(place) => {
            let message = format!("`{}` is defined already, at {place}", name.text);
            Err(text.error(name.span, message))
        }
    }
}
