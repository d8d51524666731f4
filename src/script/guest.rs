//! `guest REC { … }`: what the software of a Realm does.

use super::error::ScriptError;
use super::grammar::{GuestLine, Kind, Name, Value};
use super::lex::TokenKind;
use super::parse::Parser;
use super::player::{PlayError, Run};
use crate::abi::rsi::{fid, psci};
use crate::model::program::GuestAction;
use crate::session::Action;

/// The actions, in the words of the vectors.
pub(super) const ACTIONS: [&str; 15] = [
    "smc", "load", "store", "mload", "mstore", "exec", "wfx", "hvc", "irq", "fiq", "serror",
    "sync", "setreg", "sysreg", "hostsmc",
];

/// Most actions of one block.
const MAX_ACTIONS: usize = 1 << 16;

/// Names of function identifiers and registers.
pub(super) fn names() -> Vec<(&'static str, i128)> {
    const REGISTERS: [&str; 31] = [
        "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13",
        "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26",
        "x27", "x28", "x29", "x30",
    ];
    let functions = [
        ("RSI_VERSION", fid::VERSION),
        ("RSI_FEATURES", fid::FEATURES),
        ("RSI_MEASUREMENT_READ", fid::MEASUREMENT_READ),
        ("RSI_MEASUREMENT_EXTEND", fid::MEASUREMENT_EXTEND),
        ("RSI_ATTESTATION_TOKEN_INIT", fid::ATTESTATION_TOKEN_INIT),
        ("RSI_ATTESTATION_TOKEN_CONTINUE", fid::ATTESTATION_TOKEN_CONTINUE),
        ("RSI_REALM_CONFIG", fid::REALM_CONFIG),
        ("RSI_IPA_STATE_SET", fid::IPA_STATE_SET),
        ("RSI_IPA_STATE_GET", fid::IPA_STATE_GET),
        ("RSI_HOST_CALL", fid::HOST_CALL),
        ("PSCI_VERSION", psci::VERSION),
        ("PSCI_FEATURES", psci::FEATURES),
        ("PSCI_CPU_SUSPEND", psci::CPU_SUSPEND[1]),
        ("PSCI_CPU_OFF", psci::CPU_OFF),
        ("PSCI_CPU_ON", psci::CPU_ON[1]),
        ("PSCI_AFFINITY_INFO", psci::AFFINITY_INFO[1]),
        ("PSCI_SYSTEM_OFF", psci::SYSTEM_OFF),
        ("PSCI_SYSTEM_RESET", psci::SYSTEM_RESET),
        ("EMPTY", 0),
        ("RAM", 1),
        ("xzr", 31),
    ];
    let registers = (0..).zip(REGISTERS).map(|(n, name)| (name, n));
    functions.into_iter().map(|(name, value)| (name, value.into())).chain(registers).collect()
}

impl Parser<'_> {
    /// After the word `guest`. Inside the braces an action ends where the next one begins. Operands
    /// are separated by spaces, so a negative one that is not the first stands in parentheses.
    pub(super) fn guest(&mut self) -> Result<Kind, ScriptError> {
        let rec = self.unary()?;
        self.sign("{")?;
        let mut actions = Vec::new();
        while self.peek(0)?.kind != TokenKind::Sign("}") {
            let action = self.guest_action()?;
            if actions.len() == MAX_ACTIONS {
                let message = format!("a block has at most {MAX_ACTIONS} actions");
                return Err(self.lexer.error(action.kind.span, message));
            }
            actions.push(action);
        }
        self.sign("}")?;
        Ok(Kind::Guest { rec, actions })
    }

    fn guest_action(&mut self) -> Result<GuestLine, ScriptError> {
        let kind = self.name("an action of the Realm's software, or `}`")?;
        if !ACTIONS.contains(&kind.text.as_str()) {
            let error = self.lexer.error(kind.span, format!("unknown action {}", kind.text));
            return Err(error.suggest(&kind.text, ACTIONS));
        }
        let mut args = Vec::new();
        loop {
            let goes_on = match &self.peek(0)?.kind {
                TokenKind::Number(..) | TokenKind::Bytes(_) => true,
                TokenKind::Word(word) => !ACTIONS.contains(&word.as_str()),
                TokenKind::Sign(sign) => *sign == "(" || *sign == "-",
                _ => false,
            };
            if !goes_on {
                break;
            }
            args.push(match self.peek(0)?.kind {
                TokenKind::Bytes(_) => self.value()?,
                _ => Value::Number(self.expr()?),
            });
            if args.len() > 32 {
                return Err(self.lexer.error(kind.span, "an action has at most 31 operands"));
            }
        }
        Ok(GuestLine { kind, args })
    }
}

impl Run<'_, '_> {
    /// Queues the actions of a block for a REC.
    pub(super) fn guest(&mut self, rec: u64, lines: &[GuestLine]) -> Result<(), PlayError> {
        for line in lines {
            let action = self.guest_action(line)?;
            let id = self.state.next_guest_id;
            self.state.next_guest_id += 1;
            self.step(Action::Guest { rec, id, action })?;
        }
        Ok(())
    }

    fn guest_action(&mut self, line: &GuestLine) -> Result<GuestAction, PlayError> {
        let GuestLine { kind: Name { text, span }, args } = line;
        let names = names();
        let mut operands = Vec::new();
        for arg in args {
            operands.push(match arg {
                Value::Bytes(bytes, _) => {
                    bytes.as_slice().iter().map(|byte| format!("{byte:02x}")).collect()
                }
                Value::Number(expr) => format!("{:#x}", self.number_with(expr, &names)?),
                other => return Err(self.error(other.span(), "not an operand").into()),
            });
        }
        GuestAction::parse(text, &operands)
            .map_err(|error| self.error(*span, error.to_string()).into())
    }
}

/// Whether a word is one of the language inside a block.
pub(super) fn is_word(name: &str) -> bool {
    ACTIONS.contains(&name) || names().iter().any(|(word, _)| *word == name)
}
