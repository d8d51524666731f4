//! Values of expressions, and the structures and granules that values stand for.

use super::ending::PlayError;
use super::error::ScriptError;
use super::grammar::{Arg, Expr, ExprKind, Invocation, Name, Op, Span, Value};
use super::picture::Picture;
use super::player::Run;
use super::words::{self, AutoKind};
use crate::abi::addr::Pa;
use crate::abi::command::Command;
use crate::abi::edition::Edition;
use crate::abi::granule_size::GranuleSize;
use crate::abi::layout::{Field, Layout};
use crate::abi::params::MAX_REC_AUX;
use crate::session::Action;

/// Most starting tables that `rtt_base=auto` takes: more are never legal.
const MAX_STARTING_TABLES: u64 = 16;
/// What a 64-bit register holds, as a signed or as an unsigned number.
const NUMBERS: std::ops::RangeInclusive<i128> = -(1 << 63)..=(1 << 64) - 1;

type Words = [(&'static str, i128)];

impl Run<'_, '_> {
    /// An expression's value in a register.
    pub(super) fn number(&self, expr: &Expr) -> Result<u64, ScriptError> {
        self.number_with(expr, &[])
    }

    /// The same, for an argument that knows words.
    pub(super) fn number_with(&self, expr: &Expr, words: &Words) -> Result<u64, ScriptError> {
        let value = self.evaluate(expr, words)?;
        let register = u64::try_from(value);
        Ok(register.unwrap_or_else(|_| {
            i64::try_from(value).expect("evaluation keeps to 64 bits").cast_unsigned()
        }))
    }

    fn evaluate(&self, expr: &Expr, words: &Words) -> Result<i128, ScriptError> {
        let value = match &expr.kind {
            ExprKind::Number(value, _) => i128::from(*value),
            ExprKind::Symbol(name) => return self.symbol(name, expr.span, words),
            ExprKind::Len(image) => i128::from(self.picture(image, expr.span)?.len_bytes()),
            ExprKind::Negative(inner) => -self.evaluate(inner, words)?,
            ExprKind::AlignUp(args) => {
                let (value, align) = (self.evaluate(&args[0], &[])?, self.evaluate(&args[1], &[])?);
                if align < 1 || align & (align - 1) != 0 {
                    let message = format!("{align} is not a power of two");
                    return Err(self.error(args[1].span, message));
                }
                (value + align - 1) & !(align - 1)
            }
            ExprKind::Binary(op, sides) => {
                let a = self.evaluate(&sides[0], words)?;
                let b = self.evaluate(&sides[1], words)?;
                // Both have at most 64 bits and a sign, so only a product can pass 128.
                let value = match op {
                    Op::Or => Some(a | b),
                    Op::Plus => Some(a + b),
                    Op::Minus => Some(a - b),
                    Op::Times => a.checked_mul(b),
                };
                value.unwrap_or(i128::MAX)
            }
        };
        if NUMBERS.contains(&value) {
            return Ok(value);
        }
        Err(self.error(expr.span, "the value does not fit in 64 bits"))
    }

    fn symbol(&self, name: &str, span: Span, words: &Words) -> Result<i128, ScriptError> {
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == name) {
            return Ok(*value);
        }
        if let Some(value) = self.state.numbers.get(name) {
            return Ok(i128::from(*value));
        }
        Err(self.error(span, format!("unknown symbol {name}")))
    }

    pub(super) fn picture(&self, name: &str, span: Span) -> Result<&Picture, ScriptError> {
        let picture = self.state.pictures.get(name);
        picture.ok_or_else(|| self.error(span, format!("unknown image {name}")))
    }

    /// The image of `image=…`, if that was written.
    pub(super) fn image_arg(
        &self,
        invocation: &Invocation,
    ) -> Result<Option<Picture>, ScriptError> {
        match invocation.arg("image").map(|arg| &arg.value) {
            Some(Value::Number(Expr { kind: ExprKind::Symbol(name), span })) => {
                self.picture(name, *span).cloned().map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The value of an argument that has to be there.
    pub(super) fn arg(&mut self, invocation: &Invocation, name: &str) -> Result<u64, PlayError> {
        let arg = invocation.arg(name).expect("the parser asks for it");
        match &arg.value {
            // `auto` as an argument is of the kind that the argument needs.
            Value::Auto { .. } => {
                let kind = words::auto_kind(&invocation.verb.text, name);
                self.take(1, kind == AutoKind::Delegated)
            }
            value => self.value(value),
        }
    }

    /// What a value comes to; `auto` takes granules, and a structure is written into one.
    pub(super) fn value(&mut self, value: &Value) -> Result<u64, PlayError> {
        match value {
            Value::Number(expr) => Ok(self.number(expr)?),
            Value::Auto { count, ns, .. } => {
                let count = match count {
                    Some(count) => self.counted(count)?,
                    None => 1,
                };
                self.take(count, !ns)
            }
            Value::Struct { name, fields } => {
                let layout = self.layout_of(name)?;
                let data = self.pieces(layout, fields)?;
                let pa = self.take(1, false)?;
                self.step(Action::Page { pa, data })?;
                Ok(pa)
            }
            Value::Array(_, span) | Value::Bytes(_, span) | Value::Set(span) => {
                Err(self.error(*span, "a number is needed here").into())
            }
        }
    }

    pub(super) fn limited(
        &self,
        value: &Value,
        limit: u64,
        what: &str,
    ) -> Result<u64, ScriptError> {
        match value {
            Value::Number(expr) => self.at_most(expr, limit, what),
            other => Err(self.error(other.span(), "a number is needed here")),
        }
    }

    pub(super) fn at_most(&self, expr: &Expr, limit: u64, what: &str) -> Result<u64, ScriptError> {
        match self.number(expr)? {
            found if found <= limit => Ok(found),
            found => {
                let message = format!("{what} has at most {limit} bytes; found {found}");
                Err(self.error(expr.span, message))
            }
        }
    }

    /// A count that is written as an expression.
    pub(super) fn counted(&self, expr: &Expr) -> Result<u64, ScriptError> {
        match self.evaluate(expr, &[])? {
            few if few < 1 => {
                Err(self.error(expr.span, format!("a count of {few}: at least 1 is needed")))
            }
            many => self.checked_count(u64::try_from(many).unwrap_or(u64::MAX), expr.span),
        }
    }

    /// A number of granules or commands: no more than the machine has granules.
    pub(super) fn checked_count(&self, count: u64, span: Span) -> Result<u64, ScriptError> {
        let most = self.session.world().platform().page_count();
        if count <= most {
            return Ok(count);
        }
        let message = format!("a count of {count}: the machine has {most} granules");
        Err(self.error(span, message))
    }

    /// The edition of the specification that the session speaks.
    pub(super) fn edition(&self) -> Edition {
        self.session.world().profile().edition()
    }

    /// The size of the RMM's granules, which a Host has chosen.
    pub(super) fn granule_size(&self) -> GranuleSize {
        self.session.world().granule_size()
    }

    /// Takes granules that the player chooses, and delegates them if asked to.
    pub(super) fn take(&mut self, count: u64, delegated: bool) -> Result<u64, PlayError> {
        let Some(base) = self.state.auto.take(count, self.granule_size()) else {
            let message = format!("no place for `auto`: {count} granules in a row are not left");
            return Err(self.mistake(&message).into());
        };
        for number in (0..count).take_while(|_| delegated) {
            let addr = base + number * self.granule_size().bytes();
            self.must_succeed(Command::delegate_sized(
                self.edition(),
                Pa(addr),
                self.granule_size(),
            ))?;
        }
        Ok(base)
    }

    /// The layout of a structure in the edition that is spoken.
    pub(super) fn layout_of(&self, name: &Name) -> Result<&'static Layout, ScriptError> {
        let profile = self.session.world().profile();
        profile.layout(&name.text).ok_or_else(|| {
            let edition = profile.edition().name();
            self.error(name.span, format!("RMM {edition} has no structure {}", name.text))
        })
    }

    /// What is not zero in a structure: offsets in bytes, and bytes.
    pub(super) fn pieces(
        &mut self,
        layout: &Layout,
        fields: &[Arg],
    ) -> Result<Vec<(u16, Vec<u8>)>, PlayError> {
        let mut data: Vec<(u16, Vec<u8>)> = Vec::new();
        let mut put = |field: &Field, index: usize, bytes: Vec<u8>| {
            let offset = field.offset + index * field.width_bytes;
            data.push((u16::try_from(offset).expect("inside a granule"), bytes));
        };
        for (field, value) in self.packed(layout, fields)? {
            put(field, 0, value.to_le_bytes()[..field.width_bytes].to_vec());
        }
        for arg in fields {
            if is_packed(layout, fields, arg) {
                continue;
            }
            let Some(field) = layout.field(&arg.name.text) else {
                let edition = self.session.world().profile().edition().name();
                let message =
                    format!("{} of RMM {edition} has no field {}", layout.name, arg.name.text);
                return Err(self.error(arg.name.span, message).into());
            };
            match &arg.value {
                Value::Bytes(bytes, _) => put(field, 0, bytes.as_slice().to_vec()),
                Value::Array(elements, _) => {
                    for (index, element) in elements.iter().enumerate() {
                        put(field, index, self.field_bytes(layout, field, element)?);
                    }
                }
                Value::Number(expr) => put(field, 0, self.field_bytes(layout, field, expr)?),
                Value::Auto { count, span, .. } if field.name == "aux" => {
                    let count = self.aux_count(fields, count.as_ref(), *span)?;
                    for index in 0..usize::try_from(count).expect("at most sixteen") {
                        put(field, index, self.take(1, true)?.to_le_bytes().to_vec());
                    }
                    if !fields.iter().any(|arg| arg.name.text == "num_aux") {
                        let num_aux = layout.field("num_aux").expect("stands before aux");
                        put(num_aux, 0, count.to_le_bytes().to_vec());
                    }
                }
                Value::Auto { count, span, .. } => {
                    let count = self.table_count(fields, count.as_ref(), *span)?;
                    put(field, 0, self.take(count, true)?.to_le_bytes().to_vec());
                }
                Value::Struct { .. } | Value::Set(_) => {
                    return Err(self.error(arg.value.span(), "a number is needed here").into());
                }
            }
        }
        Ok(data)
    }

    /// Fields of which flags or parts are written, each with all that is said of it.
    fn packed<'l>(
        &mut self,
        layout: &'l Layout,
        fields: &[Arg],
    ) -> Result<Vec<(&'l Field, u64)>, PlayError> {
        let mut packed: Vec<(&Field, u64)> = Vec::new();
        // Flags first: parts are held against them, wherever they stand.
        let (flags, parts): (Vec<_>, Vec<_>) =
            fields.iter().partition(|arg| matches!(arg.value, Value::Set(_)));
        for arg in flags.into_iter().chain(parts) {
            let Some(name) = packing(layout, arg) else { continue };
            let is_flag = matches!(arg.value, Value::Set(_));
            let known = layout.field(name).filter(|_| is_flag || words::has_parts(layout));
            let Some(field) = known else {
                let edition = self.edition().name();
                let message =
                    format!("{} of RMM {edition} has no field {}", layout.name, arg.name.text);
                return Err(self.error(arg.name.span, message).into());
            };
            let place = match packed.iter().position(|(one, _)| one.name == name) {
                Some(place) => place,
                None => {
                    let whole = match field_value(fields, name) {
                        Some(expr) => self.field_bytes(layout, field, expr)?,
                        None => Vec::new(),
                    };
                    let value = whole.iter().rev().fold(0, |all, byte| all << 8 | u64::from(*byte));
                    packed.push((field, value));
                    packed.len() - 1
                }
            };
            let is_said = field_value(fields, name).is_some();
            packed[place].1 = self.with_part(layout, arg, (field, packed[place].1), is_said)?;
        }
        Ok(packed)
    }

    /// The value of a field with one of its flags or parts. Whether somebody says the field itself
    /// counts where a part is all of it; elsewhere zeros say nothing of the part.
    fn with_part(
        &mut self,
        layout: &Layout,
        arg: &Arg,
        (field, value): (&Field, u64),
        is_said: bool,
    ) -> Result<u64, ScriptError> {
        let (name, span) = (arg.name.text.as_str(), arg.value.span());
        let (part, bits) = match (words::part(layout.name, name), &arg.value) {
            (Some(part), Value::Number(expr)) => {
                let number = self.number_with(expr, words::values(layout.name, name))?;
                if number > part.mask() >> part.shift {
                    let message = format!("`{name}` has {} bits, and {number} has more", part.bits);
                    return Err(self.error(span, message));
                }
                (part, number << part.shift)
            }
            (Some(_), _) => return Err(self.error(span, "a number is needed here")),
            (None, _) => {
                let bits = words::flag(layout.name, name).map_or(0, |(_, bits)| bits);
                match words::part_of_bits(layout.name, field.name, bits) {
                    Some(part) => (part, bits),
                    None => return Ok(value | bits),
                }
            }
        };
        let said = value & part.mask();
        let is_whole = is_said && part.mask() == u64::MAX >> (64 - 8 * field.width_bytes);
        if said != bits && (said != 0 || is_whole) {
            let (said, number) = (said >> part.shift, bits >> part.shift);
            let message = format!("`{}` says {said} where `{name}` says {number}", part.field);
            return Err(self.error(span, message));
        }
        Ok(value | bits)
    }

    fn field_bytes(
        &mut self,
        layout: &Layout,
        field: &Field,
        expr: &Expr,
    ) -> Result<Vec<u8>, ScriptError> {
        let value = self.evaluate(expr, words::values(layout.name, field.name))?;
        let bits = 8 * field.width_bytes;
        if !(-(1_i128 << (bits - 1))..1 << bits).contains(&value) {
            let message = format!("`{}` has {bits} bits, and {value} has more", field.name);
            return Err(self.error(expr.span, message));
        }
        if ["rtt_base", "aux"].contains(&field.name) {
            self.state.auto.avoid(u64::try_from(value).unwrap_or(0), 1);
        }
        Ok(value.to_le_bytes()[..field.width_bytes].to_vec())
    }

    fn aux_count(
        &self,
        fields: &[Arg],
        count: Option<&Expr>,
        span: Span,
    ) -> Result<u64, ScriptError> {
        let of_platform = u64::from(self.session.world().platform().rec_aux_count);
        let count = match count.or_else(|| field_value(fields, "num_aux")) {
            Some(expr) => self.number(expr)?,
            None => of_platform,
        };
        if count <= MAX_REC_AUX as u64 {
            return Ok(count);
        }
        Err(self.error(span, format!("RecParams has room for {MAX_REC_AUX}, not {count}")))
    }

    fn table_count(
        &self,
        fields: &[Arg],
        count: Option<&Expr>,
        span: Span,
    ) -> Result<u64, ScriptError> {
        let count = match count.or_else(|| field_value(fields, "rtt_num_start")) {
            Some(expr) => self.number(expr)?,
            None => 0,
        };
        if (1..=MAX_STARTING_TABLES).contains(&count) {
            return Ok(count);
        }
        let message = format!("rtt_base=auto takes 1 to {MAX_STARTING_TABLES} tables, not {count}");
        Err(self.error(span, message).hint("rtt_num_start says how many"))
    }
}

/// The field that an argument is a flag or a part of.
fn packing(layout: &Layout, arg: &Arg) -> Option<&'static str> {
    match &arg.value {
        Value::Set(_) => words::flag(layout.name, &arg.name.text).map(|(field, _)| field),
        _ => words::part(layout.name, &arg.name.text).map(|part| part.field),
    }
}

/// Whether an argument was written with the flags and parts of its field.
fn is_packed(layout: &Layout, fields: &[Arg], arg: &Arg) -> bool {
    packing(layout, arg).is_some()
        || fields.iter().any(|other| packing(layout, other) == Some(arg.name.text.as_str()))
}

fn field_value<'f>(fields: &'f [Arg], name: &str) -> Option<&'f Expr> {
    let arg = fields.iter().find(|arg| arg.name.text == name)?;
    match &arg.value {
        Value::Number(expr) => Some(expr),
        _ => None,
    }
}
