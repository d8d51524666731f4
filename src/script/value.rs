//! Reads values and expressions.

use super::check;
use super::error::ScriptError;
use super::grammar::{Arg, Expr, ExprKind, Name, Op, Span, Value};
use super::lex::{Token, TokenKind};
use super::parse::{MAX_OPERATORS, Parser};

impl Parser<'_> {
    /// The right side of a `=`.
    pub(super) fn value(&mut self) -> Result<Value, ScriptError> {
        let Token { kind, span } = self.peek(0)?.clone();
        match kind {
            TokenKind::Bytes(bytes) => {
                self.next()?;
                Ok(Value::Bytes(bytes, span))
            }
            TokenKind::Sign("[") => self.array(),
            TokenKind::Word(word) if word == "auto" => self.auto(),
            TokenKind::Word(_) if self.peek(1)?.kind == TokenKind::Sign("{") => self.structure(),
            _ => self.expr().map(Value::Number),
        }
    }

    fn auto(&mut self) -> Result<Value, ScriptError> {
        let span = self.next()?.span;
        let is_ns = self.peek(0)?.kind == TokenKind::Word("ns".into());
        // `src=auto ns=…` would be an argument of that name.
        let ns = is_ns && self.peek(1)?.kind != TokenKind::Sign("=");
        if ns {
            self.next()?;
        }
        let count = match self.peek(0)?.kind {
            TokenKind::Number(..) | TokenKind::Sign("(") => Some(self.unary()?),
            _ => None,
        };
        Ok(Value::Auto { count, ns, span })
    }

    fn structure(&mut self) -> Result<Value, ScriptError> {
        let name = self.name("a structure")?;
        let layout = check::layout(&self.lexer, &name)?;
        let name = Name { text: layout.name.to_owned(), span: name.span };
        self.sign("{")?;
        let mut fields: Vec<Arg> = Vec::new();
        while self.peek(0)?.kind != TokenKind::Sign("}") {
            let field = self.name("a field")?;
            if self.peek(0)?.kind != TokenKind::Sign("=") && check::is_flag(layout, &field) {
                check::flag(&self.lexer, &fields, &field)?;
                let value = Value::Set(field.span);
                fields.push(Arg { name: field, value });
                if !self.comma("}")? {
                    break;
                }
                continue;
            }
            self.sign("=")?;
            // Structures do not nest, and reading them by recursion would let a text nest deeply.
            if self.peek(1)?.kind == TokenKind::Sign("{") {
                let span = self.peek(0)?.span;
                return Err(self.lexer.error(span, "a field can not be a structure"));
            }
            let value = self.value()?;
            check::field(&self.lexer, layout, &fields, &field, &value)?;
            fields.push(Arg { name: field, value });
            if !self.comma("}")? {
                break;
            }
        }
        self.sign("}")?;
        Ok(Value::Struct { name, fields })
    }

    /// An expression.
    pub(super) fn expr(&mut self) -> Result<Expr, ScriptError> {
        self.operators = 0;
        self.binary(1)
    }

    /// An expression without operators outside parentheses.
    pub(super) fn unary(&mut self) -> Result<Expr, ScriptError> {
        self.operators = 0;
        self.operand()
    }

    /// Operators that bind at least as strongly as `strength`, all of them to the left.
    fn binary(&mut self, strength: u8) -> Result<Expr, ScriptError> {
        let mut left = self.operand()?;
        loop {
            let Token { kind, span } = self.peek(0)?.clone();
            let op = [Op::Or, Op::Plus, Op::Minus, Op::Times]
                .into_iter()
                .find(|op| kind == TokenKind::Sign(op.sign()));
            let Some(op) = op.filter(|op| op.strength() >= strength) else { return Ok(left) };
            self.next()?;
            self.count_operator(span)?;
            let right = self.binary(op.strength() + 1)?;
            left = Expr { span: left.span, kind: ExprKind::Binary(op, Box::new([left, right])) };
        }
    }

    fn operand(&mut self) -> Result<Expr, ScriptError> {
        let Token { kind, span } = self.next()?;
        let kind = match kind {
            TokenKind::Number(value, form) => ExprKind::Number(value, form),
            TokenKind::Sign("-") => {
                self.count_operator(span)?;
                ExprKind::Negative(Box::new(self.operand()?))
            }
            TokenKind::Sign("(") => {
                self.count_operator(span)?;
                let inner = self.binary(1)?;
                self.sign(")")?;
                return Ok(inner);
            }
            // Other words before a parenthesis are symbols: `call fid (a+b)`.
            TokenKind::Word(word) if word == "len" || word == "align_up" => {
                self.function(&word, span)?
            }
            TokenKind::Word(word) if word == "auto" => {
                let error = self.lexer.error(span, "`auto` stands alone, not in an expression");
                return Err(error.hint("give it a name with `let` first"));
            }
            TokenKind::Word(word) => ExprKind::Symbol(word),
            found => return Err(self.expected(span, "a value", &found)),
        };
        Ok(Expr { kind, span })
    }

    fn function(&mut self, word: &str, span: Span) -> Result<ExprKind, ScriptError> {
        self.count_operator(span)?;
        self.sign("(")?;
        let kind = if word == "len" {
            ExprKind::Len(self.name("an image")?.text)
        } else {
            let value = self.binary(1)?;
            self.sign(",")?;
            ExprKind::AlignUp(Box::new([value, self.binary(1)?]))
        };
        self.sign(")")?;
        Ok(kind)
    }

    fn count_operator(&mut self, span: Span) -> Result<(), ScriptError> {
        self.operators += 1;
        if self.operators <= MAX_OPERATORS {
            return Ok(());
        }
        let message = format!("more than {MAX_OPERATORS} operators and parentheses in one value");
        Err(self.lexer.error(span, message))
    }
}
