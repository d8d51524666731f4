//! Cuts a text into tokens.

use std::fmt;
use std::iter::Peekable;
use std::str::Chars;
use std::sync::Arc;

use super::error::ScriptError;
use super::grammar::{Bytes, Form, Span, Unit};
use crate::encoding::nearest::nearest;
use crate::encoding::text::from_hex;
use crate::measure::rim::{HashAlgo, Measurement};

/// A token and where it begins.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Span,
}

/// The kinds of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    Word(String),
    Number(u64, Form),
    Text(String),
    Bytes(Bytes),
    Digest(Box<Measurement>),
    Sign(&'static str),
    Comment(String),
    Newline,
    End,
}

impl fmt::Display for TokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => write!(f, "`{word}`"),
            Self::Number(..) => f.write_str("a number"),
            Self::Text(_) => f.write_str("a text"),
            Self::Bytes(_) => f.write_str("bytes"),
            Self::Digest(_) => f.write_str("a digest"),
            Self::Sign(sign) => write!(f, "`{sign}`"),
            Self::Comment(_) => f.write_str("a comment"),
            Self::Newline => f.write_str("the end of the line"),
            Self::End => f.write_str("the end of the script"),
        }
    }
}

/// The signs, longer ones before those that they begin with.
const SIGNS: [&str; 14] = ["=>", "..", "=", "(", ")", "[", "]", "{", "}", ",", "+", "-", "*", "|"];

/// Makes tokens one by one. Inside brackets a line's end is a blank.
pub(super) struct Lexer<'t> {
    file: Arc<str>,
    text: &'t str,
    chars: Peekable<Chars<'t>>,
    at: Span,
    open_brackets: usize,
    /// Comments met inside brackets.
    pub(super) inner_comments: Vec<String>,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(file: Arc<str>, text: &'t str) -> Self {
        let at = Span { line: 1, column: 1 };
        let chars = text.chars().peekable();
        Self { file, text, chars, at, open_brackets: 0, inner_comments: Vec::new() }
    }

    pub(super) fn error(&self, span: Span, message: impl Into<String>) -> ScriptError {
        ScriptError::new(&self.file, self.text, span, message)
    }

    pub(super) fn next(&mut self) -> Result<Token, ScriptError> {
        loop {
            let span = self.at;
            let Some(&c) = self.chars.peek() else {
                return Ok(Token { kind: TokenKind::End, span });
            };
            let kind = match c {
                '\n' => {
                    self.advance();
                    if self.open_brackets > 0 {
                        continue;
                    }
                    TokenKind::Newline
                }
                ' ' | '\t' | '\r' => {
                    self.advance();
                    continue;
                }
                '#' => {
                    let comment = self.take_while(|c| c != '\n')[1..].trim_end().to_owned();
                    if self.open_brackets > 0 {
                        self.inner_comments.push(comment);
                        continue;
                    }
                    TokenKind::Comment(comment)
                }
                '"' => TokenKind::Text(self.text(span)?),
                '0'..='9' => self.number(span)?,
                'A'..='Z' | 'a'..='z' | '_' => self.word(span)?,
                _ => self.sign(span)?,
            };
            return Ok(Token { kind, span });
        }
    }

    /// Skips what is left of a statement that is none: up to the next line that begins, without a
    /// blank, with a word that is no field's name. `false` if there is no such line.
    pub(super) fn next_statement(&mut self) -> bool {
        self.open_brackets = 0;
        self.inner_comments.clear();
        while let Some(c) = self.chars.peek() {
            let begins = self.at.column == 1 && (c.is_ascii_alphabetic() || *c == '#');
            if begins && !self.is_field() {
                return true;
            }
            self.advance();
        }
        false
    }

    /// Whether `name=` stands here: a line inside of brackets.
    fn is_field(&self) -> bool {
        let mut rest = self.chars.clone().skip_while(|c| c.is_ascii_alphanumeric() || *c == '_');
        rest.find(|c| *c != ' ') == Some('=')
    }

    fn advance(&mut self) -> Option<char> {
        let c = self.chars.next()?;
        if c == '\n' {
            self.at = Span { line: self.at.line.saturating_add(1), column: 1 };
        } else {
            self.at.column = self.at.column.saturating_add(1);
        }
        Some(c)
    }

    fn take_while(&mut self, want: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while let Some(c) = self.chars.next_if(|c| want(*c)) {
            taken.push(c);
            self.at.column = self.at.column.saturating_add(1);
        }
        taken
    }

    fn sign(&mut self, span: Span) -> Result<TokenKind, ScriptError> {
        let rest: String = self.chars.clone().take(2).collect();
        let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) else {
            let found = rest.chars().next().unwrap_or_default();
            let shown = match found {
                c if c.is_control() || c.is_whitespace() => format!("U+{:04X}", u32::from(c)),
                c => format!("`{c}`"),
            };
            let error = self.error(span, format!("unexpected character {shown}"));
            return Err(match found {
                ';' => error.hint("each statement has a line of its own"),
                '/' => error.hint("comments begin with #"),
                '\'' | '“' | '”' | '‘' | '’' => {
                    error.hint("texts stand in plain quotes: \"…\"")
                }
                ':' => error.hint("values follow a `=`"),
                '>' => error.hint("what should come of it is written => STATUS"),
                _ => error,
            });
        };
        for _ in 0..sign.len() {
            self.advance();
        }
        match sign {
            "(" | "[" | "{" => self.open_brackets += 1,
            ")" | "]" | "}" => self.open_brackets = self.open_brackets.saturating_sub(1),
            _ => {}
        }
        Ok(TokenKind::Sign(sign))
    }

    /// A word; with a colon behind it, the digest or the bytes that follow.
    fn word(&mut self, span: Span) -> Result<TokenKind, ScriptError> {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let word = self.take_while(is_word);
        if self.chars.next_if_eq(&':').is_none() {
            return Ok(TokenKind::Word(word));
        }
        self.at.column = self.at.column.saturating_add(1);
        let value_at = self.at;
        match word.as_str() {
            "hex" | "text" if self.chars.peek() == Some(&'"') => {
                let text = self.text(value_at)?;
                if word == "text" {
                    return Ok(TokenKind::Bytes(Bytes::Text(text)));
                }
                match from_hex(&text) {
                    Ok(bytes) => Ok(TokenKind::Bytes(Bytes::Hex(bytes))),
                    Err(_) => {
                        Err(self.error(value_at, "hex:\"…\" takes pairs of hexadecimal digits"))
                    }
                }
            }
            name => {
                let Some(algo) = HashAlgo::from_name(name) else {
                    let error = self.error(span, format!("`{word}:` begins nothing"));
                    let near = nearest(name, HashAlgo::ALL.map(HashAlgo::name));
                    return Err(match (near, self.chars.peek()) {
                        (Some(algo), _) => error.hint(format!("did you mean {algo}:…?")),
                        (None, Some(' ')) => error.hint(format!("values follow a `=`: {word}=…")),
                        _ => error.hint(
                            "digests are sha256:… and its like, bytes hex:\"…\" and text:\"…\"",
                        ),
                    });
                };
                let digits = self.take_while(is_word);
                let bytes = from_hex(&digits).unwrap_or_default();
                let Some(digest) = Measurement::from_bytes(algo, &bytes) else {
                    let message = format!(
                        "a {name} digest has {} hexadecimal digits; found {}",
                        2 * algo.len_bytes(),
                        digits.len()
                    );
                    return Err(self.error(value_at, message));
                };
                Ok(TokenKind::Digest(Box::new(digest)))
            }
        }
    }

    fn number(&mut self, span: Span) -> Result<TokenKind, ScriptError> {
        let written = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
        let plain: String = written.chars().filter(|c| *c != '_').collect();
        let too_big = || self.error(span, format!("{written} does not fit in 64 bits"));
        if let Some(digits) = plain.strip_prefix("0x").or_else(|| plain.strip_prefix("0X")) {
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(self.error(span, format!("{written} is not a hexadecimal number")));
            }
            let value = u64::from_str_radix(digits, 16).map_err(|_| too_big())?;
            return Ok(TokenKind::Number(value, Form::Hex));
        }
        let end = plain.find(|c: char| !c.is_ascii_digit()).unwrap_or(plain.len());
        let (digits, suffix) = plain.split_at(end);
        let value: u64 = digits.parse().map_err(|_| too_big())?;
        if suffix.is_empty() {
            return Ok(TokenKind::Number(value, Form::Decimal));
        }
        let Some(unit) = Unit::ALL.into_iter().find(|unit| unit.name() == suffix) else {
            let error = self.error(span, format!("unknown unit in {written}"));
            let hex = || plain.bytes().all(|b| b.is_ascii_hexdigit());
            if HashAlgo::ALL.iter().any(|algo| plain.len() == 2 * algo.len_bytes()) && hex() {
                return Err(error.hint("a digest begins with its algorithm: sha256:…"));
            }
            let letter = suffix.chars().next().map(|c| c.to_ascii_uppercase());
            let of_letter = |unit: &Unit| unit.name().chars().next() == letter;
            if let Some(unit) = Unit::ALL.into_iter().find(of_letter).filter(|_| !hex()) {
                return Err(error.hint(format!("did you mean {digits}{}?", unit.name())));
            }
            return Err(error.hint("units are KiB, MiB, GiB and TiB, hexadecimal begins with 0x"));
        };
        let value = value.checked_mul(unit.bytes()).ok_or_else(too_big)?;
        Ok(TokenKind::Number(value, Form::Size(unit)))
    }

    /// A text in quotes, on one line.
    fn text(&mut self, span: Span) -> Result<String, ScriptError> {
        let mut text = String::new();
        self.advance();
        loop {
            let at = self.at;
            match self.chars.peek() {
                None | Some('\n') => return Err(self.error(span, "this text has no closing `\"`")),
                Some(_) => {}
            }
            match self.advance().unwrap_or_default() {
                '"' => return Ok(text),
                '\\' => text.push(self.escape(at)?),
                c => text.push(c),
            }
        }
    }

    fn escape(&mut self, at: Span) -> Result<char, ScriptError> {
        match self.chars.next_if(|c| *c != '\n') {
            Some(c) => {
                self.at.column = self.at.column.saturating_add(1);
                match c {
                    '"' | '\\' => return Ok(c),
                    'n' => return Ok('\n'),
                    'r' => return Ok('\r'),
                    't' => return Ok('\t'),
                    _ => {}
                }
            }
            None => return Err(self.error(at, "nothing follows `\\`")),
        }
        Err(self.error(at, "unknown escape; there are \\\" \\\\ \\n \\r \\t"))
    }
}
