//! Writes scripts in their canonical form.

use std::fmt::{self, Write};

use super::grammar::{Answer, Arg, Bytes, Expr, ExprKind, Form, ImageSource, Invocation, Kind};
use super::grammar::{GuestLine, Op, Script, Shown, Statement, Value};
use crate::abi::addr::Hex;
use crate::abi::status::{ReturnCode, Status};
use crate::encoding::text::Digits;

/// Columns up to which a structure stays on one line.
const LINE_COLUMNS: usize = 100;

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.statements.iter().try_for_each(|statement| writeln!(f, "{statement}"))
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.text(false)?;
        if text.chars().count() > LINE_COLUMNS {
            text = self.text(true)?;
        }
        f.write_str(&text)?;
        match &self.comment {
            Some(comment) if text.is_empty() => write!(f, "#{comment}"),
            Some(comment) => write!(f, "  #{comment}"),
            None => Ok(()),
        }
    }
}

impl Statement {
    fn text(&self, broken: bool) -> Result<String, fmt::Error> {
        let mut printer = Printer { out: String::new(), broken };
        printer.kind(&self.kind)?;
        Ok(printer.out)
    }
}

/// A status, with its index if that was written.
pub(super) fn status_text(answer: &Answer) -> String {
    match (answer.status, answer.index) {
        (None, _) => "SMC_NOT_SUPPORTED".to_owned(),
        (Some(status), None) => status.name().to_owned(),
        (Some(Status::Rtt), Some(index)) => ReturnCode { status: Status::Rtt, index }.to_string(),
        (Some(status), Some(index)) => format!("{}({index})", status.name()),
    }
}

struct Printer {
    out: String,
    /// Fields of structures stand on lines of their own.
    broken: bool,
}

impl Printer {
    /// A name with digits is not a word of the language.
    fn rmm(&mut self, name: &str) -> fmt::Result {
        if name.contains(|c: char| c.is_ascii_digit()) {
            return write!(self.out, "rmm {}", Quoted(name));
        }
        write!(self.out, "rmm {name}")
    }

    fn kind(&mut self, kind: &Kind) -> fmt::Result {
        match kind {
            Kind::Empty => Ok(()),
            Kind::Platform(name) => write!(self.out, "platform {}", Quoted(&name.text)),
            Kind::Memory { base, top } => self.memory(base, top),
            Kind::Spec(name) => write!(self.out, "spec {}", Quoted(&name.text)),
            Kind::Rmm(name) => self.rmm(&name.text),
            Kind::Include(name) => write!(self.out, "include {}", Quoted(&name.text)),
            Kind::Let { name, value } => {
                write!(self.out, "let {} = ", name.text)?;
                match value {
                    Value::Number(expr) => self.expr(expr, 0, " "),
                    value => self.value(value),
                }
            }
            Kind::Image { name, source } => {
                write!(self.out, "image {} = ", name.text)?;
                self.image(source)
            }
            Kind::RttAuto(auto) => {
                write!(self.out, "rtt {}", if *auto { "auto" } else { "manual" })
            }
            Kind::Invoke(invocation) => self.invocation(invocation),
            Kind::Call { regs, answer } => {
                self.out += "call";
                for reg in regs {
                    self.out += " ";
                    self.operand(reg)?;
                }
                answer.as_ref().map_or(Ok(()), |answer| self.answer(answer))
            }
            Kind::ExpectRim { rd, want } => {
                self.out += "expect rim";
                self.rd(rd.as_ref())?;
                match want {
                    Some(want) => write!(self.out, " {want:?}"),
                    None => self.out.write_str(" none"),
                }
            }
            Kind::ExpectGranule { pa, state, gpt } => {
                self.out += "expect granule ";
                self.operand(pa)?;
                write!(self.out, " {}", state.text)?;
                gpt.as_ref().map_or(Ok(()), |gpt| write!(self.out, " {}", gpt.text))
            }
            Kind::ExpectRem { index, rd, want } => {
                self.out += "expect rem ";
                self.operand(index)?;
                self.rd(rd.as_ref())?;
                write!(self.out, " {want:?}")
            }
            Kind::ExpectGuest { rec, line } => {
                self.out += "expect guest ";
                self.operand(rec)?;
                write!(self.out, " {}", Quoted(&line.text))
            }
            Kind::Guest { rec, plane, actions } => self.guest(rec, plane.as_ref(), actions),
            Kind::PrintRim { rd } => {
                self.out += "print rim";
                self.rd(rd.as_ref())
            }
            Kind::Print(shown) => self.print(shown),
            Kind::Note(text) => write!(self.out, "note {}", Quoted(&text.text)),
            Kind::Unknown { rd, what } => {
                self.out += "unknown";
                self.rd(rd.as_ref())?;
                write!(self.out, " {}", Quoted(&what.text))
            }
        }
    }

    fn print(&mut self, shown: &Shown) -> fmt::Result {
        write!(self.out, "print {}", shown.word())?;
        shown.which().map_or(Ok(()), |which| {
            self.out += " ";
            self.operand(which)
        })
    }

    /// One action a line, whatever fits.
    fn guest(&mut self, rec: &Expr, plane: Option<&Expr>, actions: &[GuestLine]) -> fmt::Result {
        self.out += "guest ";
        self.operand(rec)?;
        if let Some(plane) = plane {
            self.out += " plane=";
            self.operand(plane)?;
        }
        self.out += " {\n";
        for GuestLine { kind, args } in actions {
            write!(self.out, "    {}", kind.text)?;
            for (i, arg) in args.iter().enumerate() {
                self.out += " ";
                let begin = self.out.len();
                match arg {
                    Value::Number(expr) => self.expr(expr, 0, "")?,
                    value => self.value(value)?,
                }
                // After another operand, a sign would be taken for an operator.
                if i > 0 && self.out[begin..].starts_with('-') {
                    self.out.insert(begin, '(');
                    self.out += ")";
                }
            }
            self.out += "\n";
        }
        self.out += "}";
        Ok(())
    }

    fn memory(&mut self, base: &Expr, top: &Expr) -> fmt::Result {
        self.out += "memory base=";
        self.expr(base, 0, "")?;
        self.out += " top=";
        self.expr(top, 0, "")
    }

    fn rd(&mut self, rd: Option<&Expr>) -> fmt::Result {
        let Some(rd) = rd else { return Ok(()) };
        self.out += " rd=";
        self.expr(rd, 0, "")
    }

    fn image(&mut self, source: &ImageSource) -> fmt::Result {
        match source {
            ImageSource::File(name) => write!(self.out, "{}", Quoted(&name.text)),
            ImageSource::Digests(name) => write!(self.out, "digests {}", Quoted(&name.text)),
            ImageSource::Slice { image, from, to } => {
                write!(self.out, "{}[", image.text)?;
                self.expr(from, 0, "")?;
                self.out += "..";
                self.expr(to, 0, "")?;
                self.out += "]";
                Ok(())
            }
            ImageSource::Zeros(len) => {
                self.out += "zeros ";
                self.expr(len, 0, "")
            }
            ImageSource::Unknown(len) => {
                self.out += "unknown ";
                self.expr(len, 0, "")
            }
            ImageSource::Fill { len, seed } => {
                self.out += "fill ";
                self.expr(len, 0, "")?;
                self.out += " seed=";
                self.expr(seed, 0, "")
            }
            ImageSource::Bytes(bytes, _) => write!(self.out, "{bytes}"),
        }
    }

    fn invocation(&mut self, invocation: &Invocation) -> fmt::Result {
        self.out += &invocation.verb.text;
        for arg in &invocation.args {
            self.out += " ";
            self.arg(arg)?;
        }
        for word in &invocation.words {
            write!(self.out, " {}", word.text)?;
        }
        invocation.answer.as_ref().map_or(Ok(()), |answer| self.answer(answer))
    }

    fn arg(&mut self, arg: &Arg) -> fmt::Result {
        self.out += &arg.name.text;
        if !matches!(arg.value, Value::Set(_)) {
            self.out += "=";
        }
        self.value(&arg.value)
    }

    fn answer(&mut self, answer: &Answer) -> fmt::Result {
        self.out += " => ";
        self.out += &status_text(answer);
        if let Some(condition) = &answer.condition {
            write!(self.out, " {}", condition.text)?;
        }
        for (name, value) in &answer.outputs {
            write!(self.out, " {}=", name.text)?;
            self.expr(value, 0, "")?;
        }
        Ok(())
    }

    fn value(&mut self, value: &Value) -> fmt::Result {
        match value {
            Value::Number(expr) => self.expr(expr, 0, ""),
            Value::Auto { count, ns, .. } => {
                self.out += if *ns { "auto ns" } else { "auto" };
                let Some(count) = count else { return Ok(()) };
                self.out += " ";
                match count.kind {
                    ExprKind::Number(..) => self.expr(count, 0, ""),
                    _ => self.in_parentheses(count),
                }
            }
            Value::Struct { name, fields } => self.structure(&name.text, fields),
            Value::Array(elements, _) => {
                self.out += "[";
                for (i, element) in elements.iter().enumerate() {
                    self.out += if i == 0 { "" } else { ", " };
                    self.expr(element, 0, "")?;
                }
                self.out += "]";
                Ok(())
            }
            Value::Bytes(bytes, _) => write!(self.out, "{bytes}"),
            Value::Set(_) => Ok(()),
        }
    }

    fn structure(&mut self, name: &str, fields: &[Arg]) -> fmt::Result {
        let mut texts = Vec::new();
        for field in fields {
            let start = self.out.len();
            self.arg(field)?;
            texts.push(self.out.split_off(start));
        }
        let (open, close) = if self.broken { ("{\n    ", "\n}") } else { ("{ ", " }") };
        if texts.is_empty() {
            return write!(self.out, "{name} {{}}");
        }
        write!(self.out, "{name} {open}")?;
        let mut columns = 4;
        for (i, text) in texts.iter().enumerate() {
            let width = text.chars().count() + 2;
            if i > 0 && self.broken && columns + width > LINE_COLUMNS {
                self.out += ",\n    ";
                columns = 4;
            } else if i > 0 {
                self.out += ", ";
            }
            self.out += text;
            columns += width;
        }
        self.out += close;
        Ok(())
    }

    /// A value that stands among others without commas.
    fn operand(&mut self, expr: &Expr) -> fmt::Result {
        match expr.kind {
            ExprKind::Binary(..) => self.in_parentheses(expr),
            _ => self.expr(expr, 0, ""),
        }
    }

    fn in_parentheses(&mut self, expr: &Expr) -> fmt::Result {
        self.out += "(";
        self.expr(expr, 0, "")?;
        self.out += ")";
        Ok(())
    }

    /// An expression among operators that bind with `strength`.
    fn expr(&mut self, expr: &Expr, strength: u8, gap: &str) -> fmt::Result {
        match &expr.kind {
            ExprKind::Number(value, Form::Decimal) => write!(self.out, "{value}"),
            ExprKind::Number(value, Form::Hex) => write!(self.out, "{}", Hex(*value)),
            ExprKind::Number(value, Form::Size(unit)) => {
                write!(self.out, "{}{}", value / unit.bytes(), unit.name())
            }
            ExprKind::Symbol(name) => self.out.write_str(name),
            ExprKind::Len(image) => write!(self.out, "len({image})"),
            ExprKind::AlignUp(args) => {
                self.out += "align_up(";
                self.expr(&args[0], 0, gap)?;
                self.out += ", ";
                self.expr(&args[1], 0, gap)?;
                self.out += ")";
                Ok(())
            }
            ExprKind::Negative(inner) => {
                self.out += "-";
                self.expr(inner, u8::MAX, gap)
            }
            ExprKind::Binary(op, _) if op.strength() < strength => self.in_parentheses(expr),
            ExprKind::Binary(op, sides) => {
                self.expr(&sides[0], op.strength(), gap)?;
                let gap_here = if *op == Op::Or { "" } else { gap };
                write!(self.out, "{gap_here}{}{gap_here}", op.sign())?;
                self.expr(&sides[1], op.strength() + 1, gap)
            }
        }
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hex(bytes) => {
                write!(f, "hex:\"{}\"", Digits(bytes))
            }
            Self::Text(text) => write!(f, "text:{}", Quoted(text)),
        }
    }
}

/// A text in quotes, with the escapes that the lexer knows.
struct Quoted<'t>(&'t str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                c => f.write_char(c)?,
            }
        }
        f.write_str("\"")
    }
}
