//! `guest REC { … }`: what the software of a Realm does.

use super::ending::PlayError;
use super::error::ScriptError;
use super::grammar::{Arg, GuestLine, Kind, Name, Value};
use super::lex::TokenKind;
use super::parse::Parser;
use super::player::Run;
use super::words::Values;
use crate::abi::layout::Field;
use crate::abi::rsi::{fid, psci};
use crate::encoding::text::hex;
use crate::model::program::GuestAction;
use crate::session::Action;

/// The actions, in the words of the vectors.
pub(super) const ACTIONS: [&str; 15] = [
    "smc", "load", "store", "mload", "mstore", "exec", "wfx", "hvc", "irq", "fiq", "serror",
    "sync", "setreg", "sysreg", "hostsmc",
];

/// Most actions of one block.
const MAX_ACTIONS: usize = 1 << 16;

/// Names that operands know: functions, RIPAS values, registers.
pub(super) const NAMES: Values = &[
    ("RSI_VERSION", fid::VERSION as i128),
    ("RSI_FEATURES", fid::FEATURES as i128),
    ("RSI_MEASUREMENT_READ", fid::MEASUREMENT_READ as i128),
    ("RSI_MEASUREMENT_EXTEND", fid::MEASUREMENT_EXTEND as i128),
    ("RSI_ATTESTATION_TOKEN_INIT", fid::ATTESTATION_TOKEN_INIT as i128),
    ("RSI_ATTESTATION_TOKEN_CONTINUE", fid::ATTESTATION_TOKEN_CONTINUE as i128),
    ("RSI_REALM_CONFIG", fid::REALM_CONFIG as i128),
    ("RSI_IPA_STATE_SET", fid::IPA_STATE_SET as i128),
    ("RSI_IPA_STATE_GET", fid::IPA_STATE_GET as i128),
    ("RSI_HOST_CALL", fid::HOST_CALL as i128),
    ("RSI_VDEV_DMA_ENABLE", fid::VDEV_DMA_ENABLE as i128),
    ("RSI_VDEV_GET_INFO", fid::VDEV_GET_INFO as i128),
    ("RSI_VDEV_VALIDATE_MAPPING", fid::VDEV_VALIDATE_MAPPING as i128),
    ("RSI_MEM_GET_PERM_VALUE", fid::MEM_GET_PERM_VALUE as i128),
    ("RSI_MEM_SET_PERM_INDEX", fid::MEM_SET_PERM_INDEX as i128),
    ("RSI_MEM_SET_PERM_VALUE", fid::MEM_SET_PERM_VALUE as i128),
    ("RSI_PLANE_ENTER", fid::PLANE_ENTER as i128),
    ("RSI_VDEV_DMA_DISABLE", fid::VDEV_DMA_DISABLE as i128),
    ("RSI_PLANE_SYSREG_READ", fid::PLANE_SYSREG_READ as i128),
    ("RSI_PLANE_SYSREG_WRITE", fid::PLANE_SYSREG_WRITE as i128),
    ("PSCI_VERSION", psci::VERSION as i128),
    ("PSCI_FEATURES", psci::FEATURES as i128),
    ("PSCI_CPU_SUSPEND", psci::CPU_SUSPEND[1] as i128),
    ("PSCI_CPU_OFF", psci::CPU_OFF as i128),
    ("PSCI_CPU_ON", psci::CPU_ON[1] as i128),
    ("PSCI_AFFINITY_INFO", psci::AFFINITY_INFO[1] as i128),
    ("PSCI_SYSTEM_OFF", psci::SYSTEM_OFF as i128),
    ("PSCI_SYSTEM_RESET", psci::SYSTEM_RESET as i128),
    ("EMPTY", 0),
    ("RAM", 1),
    ("x0", 0),
    ("x1", 1),
    ("x2", 2),
    ("x3", 3),
    ("x4", 4),
    ("x5", 5),
    ("x6", 6),
    ("x7", 7),
    ("x8", 8),
    ("x9", 9),
    ("x10", 10),
    ("x11", 11),
    ("x12", 12),
    ("x13", 13),
    ("x14", 14),
    ("x15", 15),
    ("x16", 16),
    ("x17", 17),
    ("x18", 18),
    ("x19", 19),
    ("x20", 20),
    ("x21", 21),
    ("x22", 22),
    ("x23", 23),
    ("x24", 24),
    ("x25", 25),
    ("x26", 26),
    ("x27", 27),
    ("x28", 28),
    ("x29", 29),
    ("x30", 30),
    ("xzr", 31),
];

impl Parser<'_> {
    /// After the word `guest`. Inside the braces an action ends where the next one begins. Operands
    /// are separated by spaces, so a negative one that is not the first stands in parentheses.
    pub(super) fn guest(&mut self) -> Result<Kind, ScriptError> {
        let rec = self.unary()?;
        let plane = match &self.peek(0)?.kind {
            TokenKind::Word(word) if word == "plane" => {
                self.next()?;
                self.sign("=")?;
                Some(self.unary()?)
            }
            _ => None,
        };
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
        Ok(Kind::Guest { rec, plane, actions })
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
            let is_word = matches!(self.peek(0)?.kind, TokenKind::Word(_));
            let structure = is_word && self.peek(1)?.kind == TokenKind::Sign("{");
            args.push(match self.peek(0)?.kind {
                TokenKind::Bytes(_) => self.value()?,
                _ if structure => self.value()?,
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
    pub(super) fn guest(
        &mut self,
        rec: u64,
        plane: u64,
        lines: &[GuestLine],
    ) -> Result<(), PlayError> {
        for line in lines {
            let action = self.guest_action(line)?;
            let id = self.state.next_guest_id;
            self.state.next_guest_id += 1;
            self.step(match plane {
                0 => Action::Guest { rec, id, action },
                _ => Action::GuestOfPlane { rec, plane, id, action },
            })?;
        }
        Ok(())
    }

    /// The bytes of a structure that the Realm writes itself.
    fn realm_structure(&mut self, name: &Name, fields: &[Arg]) -> Result<String, PlayError> {
        let layout = self.layout_of(name)?;
        let pieces = self.pieces(layout, fields)?;
        let end = layout.fields.iter().map(Field::end).max().unwrap_or(0);
        let mut bytes = vec![0; end];
        for (offset, piece) in pieces {
            bytes[usize::from(offset)..][..piece.len()].copy_from_slice(&piece);
        }
        Ok(hex(&bytes))
    }

    fn guest_action(&mut self, line: &GuestLine) -> Result<GuestAction, PlayError> {
        let GuestLine { kind: Name { text, span }, args } = line;
        let mut operands = Vec::new();
        for arg in args {
            operands.push(match arg {
                Value::Bytes(bytes, _) => hex(bytes.as_slice()),
                Value::Struct { name, fields } => self.realm_structure(name, fields)?,
                Value::Number(expr) => format!("{:#x}", self.number_with(expr, NAMES)?),
                other => return Err(self.error(other.span(), "not an operand").into()),
            });
        }
        GuestAction::parse(text, &operands)
            .map_err(|error| self.error(*span, error.to_string()).into())
    }
}

/// Whether a word is one of the language inside a block.
pub(super) fn is_word(name: &str) -> bool {
    ACTIONS.contains(&name) || NAMES.iter().any(|(word, _)| *word == name)
}
