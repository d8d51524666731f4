//! Reads a text.

use std::collections::VecDeque;
use std::sync::Arc;

use super::check;
use super::error::{MAX_MISTAKES, ScriptError};
use super::grammar::{Answer, Arg, Expr, ExprKind, ImageSource, Invocation, Kind, Name, Script};
use super::grammar::{Shown, Span, Statement, Value};
use super::lex::{Lexer, Token, TokenKind};
use super::words;
use crate::abi::profile::{Edition, Profile};
use crate::abi::status::Status;
use crate::measure::rim::{HashAlgo, Measurement};
use crate::model::granule::{Gpt, GranuleState};

/// Most bytes of a script with everything that it includes: some seventy thousand commands, written
/// one by one.
pub const MAX_TEXT_BYTES: u64 = 4 << 20;
/// Most operators, parentheses and calls in one expression: expressions are walked by recursion.
pub const MAX_OPERATORS: u32 = 128;

/// What can stand after `image NAME =`.
const IMAGE_FORMS: &str =
    "a file in quotes, an image, `digests`, `zeros`, `fill`, `unknown` or bytes";

/// The states that `expect granule` knows.
pub(super) const GRANULE_STATES: [GranuleState; 9] = GranuleState::ALL;

/// Reads a script. `file` is the name that errors show; nothing is opened.
///
/// # Bounds
/// Time and memory grow with the length, memory by at most 140 bytes for each byte. A text longer
/// than [`MAX_TEXT_BYTES`] is an error.
///
/// # Errors
/// At the first place where the text is not a script, with those behind it: twenty at most.
///
/// ```
/// let script = rimsim::script::parse("boot.rmi", "GRANULE_DELEGATE addr=0x8000_0000\n").unwrap();
/// assert_eq!(script.to_string(), "GRANULE_DELEGATE addr=0x8000_0000\n");
///
/// let error = rimsim::script::parse("boot.rmi", "RTT_MAKE rd=1").unwrap_err().to_string();
/// assert!(error.starts_with("boot.rmi:1:1: unknown command RTT_MAKE; did you mean RTT_CREATE?"));
/// ```
pub fn parse(file: &str, text: &str) -> Result<Script, ScriptError> {
    let file: Arc<str> = file.into();
    if text.len() as u64 > MAX_TEXT_BYTES {
        let message = format!("the script is longer than {} MiB", MAX_TEXT_BYTES >> 20);
        return Err(ScriptError::new(&file, "", Span { line: 1, column: 1 }, message));
    }
    let lexer = Lexer::new(Arc::clone(&file), text);
    let mut parser = Parser { lexer, ahead: VecDeque::new(), operators: 0 };
    let (mut statements, mut mistakes) = (Vec::new(), Vec::new());
    while let Err(mistake) = parser.statements(&mut statements) {
        mistakes.push(mistake);
        if mistakes.len() == MAX_MISTAKES || !parser.recovered() {
            break;
        }
    }
    match ScriptError::of_all(mistakes) {
        None => Ok(Script { file, statements }),
        Some(error) => Err(error),
    }
}

/// Reads a script from bytes, which have to be UTF-8.
///
/// # Bounds
/// As [`parse`].
///
/// # Errors
/// As [`parse`], and at the first byte that is not UTF-8.
pub fn parse_bytes(file: &str, bytes: &[u8]) -> Result<Script, ScriptError> {
    match std::str::from_utf8(bytes) {
        Ok(text) => parse(file, text),
        Err(error) => Err(not_utf8(file, bytes, error.valid_up_to())),
    }
}

/// The error for the first byte that is not UTF-8.
pub(super) fn not_utf8(file: &str, bytes: &[u8], valid_bytes: usize) -> ScriptError {
    let before = String::from_utf8_lossy(&bytes[..valid_bytes]);
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let line = count(before.matches('\n').count() + 1);
    let last = before.rsplit('\n').next().unwrap_or_default();
    let column = count(last.chars().count() + 1);
    let message = format!("byte {valid_bytes} (0x{:02x}) is not UTF-8", bytes[valid_bytes]);
    ScriptError::new(&file.into(), &before, Span { line, column }, message)
}

pub(super) struct Parser<'t> {
    pub(super) lexer: Lexer<'t>,
    ahead: VecDeque<Token>,
    /// Operators of the expression that is being read.
    pub(super) operators: u32,
}

impl Parser<'_> {
    /// Goes on at the next line that looks like a statement's first; `false` if there is none.
    fn recovered(&mut self) -> bool {
        self.ahead.clear();
        self.lexer.next_statement()
    }

    fn statements(&mut self, statements: &mut Vec<Statement>) -> Result<(), ScriptError> {
        let empty = |comment, span| Statement { kind: Kind::Empty, comment, span };
        loop {
            let Token { kind, span } = self.peek(0)?.clone();
            match kind {
                TokenKind::End => return Ok(()),
                TokenKind::Newline => {
                    self.next()?;
                    let blank = |s: &Statement| s.kind == Kind::Empty && s.comment.is_none();
                    if !statements.last().is_some_and(blank) {
                        statements.push(empty(None, span));
                    }
                }
                TokenKind::Comment(comment) => {
                    self.next()?;
                    self.end_of_line()?;
                    statements.push(empty(Some(comment), span));
                }
                _ => {
                    let statement = self.statement(span)?;
                    // A printer has no place for them inside; they go above.
                    let inner = self.lexer.inner_comments.drain(..);
                    statements.extend(inner.map(|comment| empty(Some(comment), span)));
                    statements.push(statement);
                }
            }
        }
    }

    fn statement(&mut self, span: Span) -> Result<Statement, ScriptError> {
        let verb = self.name("a command")?;
        let kind = match verb.text.as_str() {
            "platform" => Kind::Platform(self.text("the platform's name in quotes")?),
            "memory" => {
                let [base, top] = [self.plain("base")?, self.plain("top")?];
                Kind::Memory { base, top }
            }
            "rmm" => Kind::Rmm(self.dashed_name()?),
            "spec" => Kind::Spec(self.edition()?),
            "include" => Kind::Include(self.text("the file's name in quotes")?),
            "let" => self.let_()?,
            "image" => self.image()?,
            "rtt" => {
                let mode = self.one_of(&["auto", "manual"])?;
                Kind::RttAuto(mode.text == "auto")
            }
            "expect" => self.expect()?,
            "print" => self.print()?,
            "note" => Kind::Note(self.text("a text in quotes")?),
            "unknown" => {
                let rd = self.rd()?;
                Kind::Unknown { rd, what: self.text("what is not known, in quotes")? }
            }
            "call" => self.call()?,
            "guest" => self.guest()?,
            _ => Kind::Invoke(Box::new(self.invocation(verb)?)),
        };
        let comment = match self.peek(0)?.kind.clone() {
            TokenKind::Comment(comment) => {
                self.next()?;
                Some(comment)
            }
            _ => None,
        };
        self.end_of_line()?;
        Ok(Statement { kind, comment, span })
    }

    fn let_(&mut self) -> Result<Kind, ScriptError> {
        let name = self.name("a symbol")?;
        if words::is_reserved(&name.text) {
            let message = format!("`{}` is a word of the language", name.text);
            return Err(self.lexer.error(name.span, message));
        }
        self.sign("=")?;
        let value = self.value()?;
        check::plain_value(&self.lexer, &value, "a symbol")?;
        Ok(Kind::Let { name, value })
    }

    fn image(&mut self) -> Result<Kind, ScriptError> {
        let name = self.name("a name")?;
        self.sign("=")?;
        let Token { kind, span } = self.peek(0)?.clone();
        let source = match kind {
            TokenKind::Text(_) => ImageSource::File(self.text("a file")?),
            TokenKind::Bytes(bytes) => {
                self.next()?;
                ImageSource::Bytes(bytes, span)
            }
            _ => {
                let word = self.name(IMAGE_FORMS)?;
                let sliced = self.peek(0)?.kind == TokenKind::Sign("[");
                match word.text.as_str() {
                    "digests" if !sliced => ImageSource::Digests(self.text("a file")?),
                    "zeros" if !sliced => ImageSource::Zeros(self.expr()?),
                    "unknown" if !sliced => ImageSource::Unknown(self.expr()?),
                    "fill" if !sliced => {
                        let len = self.expr()?;
                        self.one_of(&["seed"])?;
                        self.sign("=")?;
                        ImageSource::Fill { len, seed: self.expr()? }
                    }
                    _ => {
                        self.sign("[")?;
                        let from = self.expr()?;
                        self.sign("..")?;
                        let to = self.expr()?;
                        self.sign("]")?;
                        ImageSource::Slice { image: word, from, to }
                    }
                }
            }
        };
        Ok(Kind::Image { name, source })
    }

    fn expect(&mut self) -> Result<Kind, ScriptError> {
        let what = self.one_of(&["rim", "rem", "granule", "guest"])?;
        if what.text == "guest" {
            let rec = self.unary()?;
            return Ok(Kind::ExpectGuest { rec, line: self.text("a line of the log in quotes")? });
        }
        if what.text == "rem" {
            let index = self.unary()?;
            let rd = self.rd()?;
            let Some(want) = self.digest()? else {
                let message = "a REM is always there; it begins as zeros";
                return Err(self.lexer.error(what.span, message));
            };
            return Ok(Kind::ExpectRem { index, rd, want });
        }
        if what.text == "rim" {
            let rd = self.rd()?;
            let want = self.digest()?;
            return Ok(Kind::ExpectRim { rd, want });
        }
        let pa = self.unary()?;
        let states: Vec<&str> =
            GRANULE_STATES.iter().map(|state| state.name()).chain(["none"]).collect();
        let state = self.one_of(&states)?;
        let gpt = match self.peek(0)?.kind {
            TokenKind::Word(_) => Some(self.one_of(&Gpt::ALL.map(Gpt::name))?),
            _ => None,
        };
        Ok(Kind::ExpectGranule { pa, state, gpt })
    }

    /// What follows `print`.
    fn print(&mut self) -> Result<Kind, ScriptError> {
        let known: Vec<&str> = std::iter::once("rim").chain(Shown::WORDS).collect();
        Ok(Kind::Print(match self.one_of(&known)?.text.as_str() {
            "rim" => return Ok(Kind::PrintRim { rd: self.rd()? }),
            "rtt" => Shown::Rtt(self.unary()?),
            "granule" => Shown::Granule(self.unary()?),
            "realm" => Shown::Realm(self.unary()?),
            "rec" => Shown::Rec(self.unary()?),
            _ => Shown::Operations,
        }))
    }

    /// `rd=…`, if it follows.
    fn rd(&mut self) -> Result<Option<Expr>, ScriptError> {
        if self.peek(0)?.kind != TokenKind::Word("rd".into()) {
            return Ok(None);
        }
        self.next()?;
        self.sign("=")?;
        self.expr().map(Some)
    }

    /// `base=0x8000_0000`: a number without symbols, since it is needed before any has a value.
    fn plain(&mut self, wanted: &str) -> Result<Expr, ScriptError> {
        let name = self.name(wanted)?;
        if name.text != wanted {
            let message = format!("`{wanted}=` has to stand here, not `{}`", name.text);
            return Err(self.lexer.error(name.span, message));
        }
        self.sign("=")?;
        let expr = self.expr()?;
        if matches!(expr.kind, ExprKind::Number(..)) {
            return Ok(expr);
        }
        let message = format!("`{wanted}` has to be a number, such as 0x8000_0000 or 2GiB");
        Err(self.lexer.error(expr.span, message))
    }

    fn digest(&mut self) -> Result<Option<Box<Measurement>>, ScriptError> {
        let Token { kind, span } = self.next()?;
        match kind {
            TokenKind::Digest(digest) => Ok(Some(digest)),
            TokenKind::Word(word) if word == "none" => Ok(None),
            found => {
                let digests = HashAlgo::ALL.map(|algo| format!("{}:…", algo.name())).join(", ");
                let wanted = format!("{digests} or none");
                Err(self.lexer.error(span, format!("expected {wanted}, found {found}")))
            }
        }
    }

    fn call(&mut self) -> Result<Kind, ScriptError> {
        let mut regs = vec![self.unary()?];
        loop {
            let Token { kind, span } = self.peek(0)?.clone();
            let goes_on = match kind {
                TokenKind::Number(..) | TokenKind::Word(_) => true,
                TokenKind::Sign(sign) => sign == "(" || sign == "-",
                _ => false,
            };
            if !goes_on {
                break;
            }
            if regs.len() == 7 {
                return Err(self.lexer.error(span, "a call has the registers X0 to X6"));
            }
            regs.push(self.unary()?);
        }
        let answer = self.answer(None)?.map(Box::new);
        Ok(Kind::Call { regs, answer })
    }

    fn invocation(&mut self, verb: Name) -> Result<Invocation, ScriptError> {
        let Some(signature) = words::signature(&verb.text) else {
            return Err(self.no_verb(&verb));
        };
        // RMI_DATA_CREATE and DATA_CREATE are one name.
        let text = signature.command.map_or(verb.text, |command| command.name.to_owned());
        let verb = Name { text, span: verb.span };
        let (mut args, mut flags) = (Vec::new(), Vec::new());
        while let TokenKind::Word(_) = self.peek(0)?.kind {
            let name = self.name("an argument")?;
            if self.peek(0)?.kind == TokenKind::Sign("=") {
                self.next()?;
                let value = self.value()?;
                check::arg(&self.lexer, &verb, &signature, &args, &name, &value)?;
                args.push(Arg { name, value });
            } else {
                check::word(&self.lexer, &verb, &signature, &flags, &name)?;
                flags.push(name);
            }
        }
        if let Token { kind: TokenKind::Sign(","), span } = *self.peek(0)? {
            let error = self.expected(span, "an argument", &TokenKind::Sign(","));
            return Err(error.hint("arguments have blanks between them, no commas"));
        }
        check::complete(&self.lexer, &verb, &signature, &args, &flags)?;
        let answer = match signature.command {
            Some(command) => self.answer(Some(command))?,
            None => None,
        };
        Ok(Invocation { verb, args, words: flags, answer })
    }

    /// No statement begins with this word.
    fn no_verb(&mut self, verb: &Name) -> ScriptError {
        let word = &verb.text;
        let is = |parser: &mut Self, sign| {
            parser.peek(0).is_ok_and(|token| token.kind == TokenKind::Sign(sign))
        };
        if is(self, "=") {
            let message = format!("`{word} =` begins no statement");
            let hint =
                format!("a number is named by `let {word} = …`, bytes by `image {word} = …`");
            return self.lexer.error(verb.span, message).hint(hint);
        }
        let error = self.lexer.error(verb.span, format!("unknown command {word}"));
        let known: Vec<&str> = words::verbs().chain(words::PAIRS).collect();
        error.suggest(word, known)
    }

    /// What follows `=>`, if that follows.
    fn answer(
        &mut self,
        command: Option<&'static crate::abi::command::CommandInfo>,
    ) -> Result<Option<Answer>, ScriptError> {
        if self.peek(0)?.kind != TokenKind::Sign("=>") {
            return Ok(None);
        }
        let span = self.next()?.span;
        let names: Vec<&str> =
            Status::ALL.iter().map(|status| status.name()).chain(["SMC_NOT_SUPPORTED"]).collect();
        let status = Status::from_name(&self.one_of(&names)?.text);
        let mut answer = Answer { status, index: None, condition: None, outputs: Vec::new(), span };
        if status.is_none() {
            return Ok(Some(answer));
        }
        if self.peek(0)?.kind == TokenKind::Sign("(") {
            answer.index = Some(self.index(status)?);
        }
        while let TokenKind::Word(_) = self.peek(0)?.kind {
            let name = self.name("an output")?;
            if self.peek(0)?.kind == TokenKind::Sign("=") {
                self.next()?;
                check::output(&self.lexer, command, &answer, &name)?;
                answer.outputs.push((name, self.expr()?));
            } else {
                check::condition(&self.lexer, command, &answer, &name)?;
                answer.condition = Some(name);
            }
        }
        Ok(Some(answer))
    }

    /// `(2)` or `(-1)` behind a status. Only RTT levels are negative.
    fn index(&mut self, status: Option<Status>) -> Result<u8, ScriptError> {
        self.sign("(")?;
        let minus = self.peek(0)?.kind == TokenKind::Sign("-");
        if minus {
            self.next()?;
        }
        let Token { kind, span } = self.next()?;
        let rtt = status == Some(Status::Rtt);
        let index = match kind {
            TokenKind::Number(1, _) if minus && rtt => Some(0xFF),
            TokenKind::Number(n, _) if !minus && (!rtt || n <= 3) => u8::try_from(n).ok(),
            _ => None,
        };
        let wanted = if rtt { "a level, -1 to 3" } else { "0 to 255" };
        let index =
            index.ok_or_else(|| self.lexer.error(span, format!("the index has to be {wanted}")))?;
        self.sign(")")?;
        Ok(index)
    }

    /// `"2.0"`: an edition of the specification.
    fn edition(&mut self) -> Result<Name, ScriptError> {
        let name = self.text("the edition in quotes")?;
        if Edition::from_name(&name.text).is_some() {
            return Ok(name);
        }
        let known = Edition::ALL.map(Edition::name).join(" and ");
        let message = format!("there is no edition {}; there are {known}", name.text);
        Err(self.lexer.error(name.span, message))
    }

    /// `tf-rmm`: names of profiles have dashes.
    fn dashed_name(&mut self) -> Result<Name, ScriptError> {
        if matches!(self.peek(0)?.kind, TokenKind::Text(_)) {
            let name = self.text("an RMM in quotes")?;
            return self.known_rmm(name);
        }
        let mut name = self.name("tf-rmm or spec, or a release in quotes")?;
        while self.peek(0)?.kind == TokenKind::Sign("-") {
            self.next()?;
            name.text += "-";
            name.text += &self.name("the rest of the name")?.text;
        }
        self.known_rmm(name)
    }

    fn known_rmm(&self, name: Name) -> Result<Name, ScriptError> {
        if Profile::from_name(&name.text).is_some() {
            return Ok(name);
        }
        let known = Profile::names();
        let message = format!("no RMM is called {}; there are {known}", name.text);
        Err(self.lexer.error(name.span, message).suggest(&name.text, known.split(", ")))
    }

    pub(super) fn peek(&mut self, n: usize) -> Result<&Token, ScriptError> {
        while self.ahead.len() <= n {
            let token = self.lexer.next()?;
            self.ahead.push_back(token);
        }
        Ok(&self.ahead[n])
    }

    pub(super) fn next(&mut self) -> Result<Token, ScriptError> {
        self.peek(0)?;
        Ok(self.ahead.pop_front().expect("peek put one there"))
    }

    pub(super) fn name(&mut self, wanted: &str) -> Result<Name, ScriptError> {
        let Token { kind, span } = self.next()?;
        match kind {
            TokenKind::Word(text) => Ok(Name { text, span }),
            found => Err(self.expected(span, wanted, &found)),
        }
    }

    fn text(&mut self, wanted: &str) -> Result<Name, ScriptError> {
        let Token { kind, span } = self.next()?;
        match kind {
            TokenKind::Text(text) => Ok(Name { text, span }),
            found => Err(self.expected(span, wanted, &found)),
        }
    }

    fn one_of(&mut self, known: &[&str]) -> Result<Name, ScriptError> {
        let wanted = known.join(", ");
        let name = self.name(&wanted)?;
        if known.contains(&name.text.as_str()) {
            return Ok(name);
        }
        let error = self.expected(name.span, &wanted, &TokenKind::Word(name.text.clone()));
        Err(error.suggest(&name.text, known.iter().copied()))
    }

    pub(super) fn sign(&mut self, sign: &'static str) -> Result<Span, ScriptError> {
        let Token { kind, span } = self.next()?;
        if kind == TokenKind::Sign(sign) {
            return Ok(span);
        }
        Err(self.expected(span, &format!("`{sign}`"), &kind))
    }

    fn end_of_line(&mut self) -> Result<(), ScriptError> {
        let Token { kind, span } = self.next()?;
        match kind {
            TokenKind::Newline => Ok(()),
            TokenKind::End => {
                self.ahead.push_front(Token { kind, span });
                Ok(())
            }
            found => {
                let hint = match &found {
                    TokenKind::Sign(",") => Some("arguments have blanks between them, no commas"),
                    TokenKind::Sign("-" | "=") => {
                        Some("what should come of it is written => STATUS")
                    }
                    _ => None,
                };
                let error = self.expected(span, "the end of the line", &found);
                Err(match hint {
                    Some(hint) => error.hint(hint),
                    None => error,
                })
            }
        }
    }

    pub(super) fn expected(&self, span: Span, wanted: &str, found: &TokenKind) -> ScriptError {
        self.lexer.error(span, format!("expected {wanted}, found {found}"))
    }
}

/// Values and expressions.
impl Parser<'_> {
    pub(super) fn array(&mut self) -> Result<Value, ScriptError> {
        let span = self.sign("[")?;
        let mut elements = Vec::new();
        while self.peek(0)?.kind != TokenKind::Sign("]") {
            elements.push(self.expr()?);
            if !self.comma("]")? {
                break;
            }
        }
        self.sign("]")?;
        Ok(Value::Array(elements, span))
    }

    /// Takes a comma; without one, `closing` has to follow.
    pub(super) fn comma(&mut self, closing: &'static str) -> Result<bool, ScriptError> {
        let Token { kind, span } = self.peek(0)?.clone();
        match kind {
            TokenKind::Sign(",") => self.next().map(|_| true),
            TokenKind::Sign(sign) if sign == closing => Ok(false),
            found => Err(self.expected(span, &format!("`,` or `{closing}`"), &found)),
        }
    }
}
