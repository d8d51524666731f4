//! Values in documents for machines.

use serde_json::Value;

/// A number as JSON carries it: a hex string, since 64 bits do not fit in every reader's numbers.
pub(crate) fn hex(value: u64) -> Value {
    Value::String(format!("{value:#x}"))
}
