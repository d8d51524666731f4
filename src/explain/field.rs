//! Operands that differ, and what they are about.

use std::fmt;

use crate::abi::addr::Hex;
use crate::abi::params::REC_CREATE_GPRS;
use crate::measure::event::{RealmEvent, RecEvent};

/// An operand with two values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The operand, or the place inside of the contents.
    pub name: String,
    /// Its value on one side.
    pub a: String,
    /// Its value on the other.
    pub b: String,
}

impl Field {
    pub(super) fn new(name: impl Into<String>, a: impl fmt::Display, b: impl fmt::Display) -> Self {
        Self { name: name.into(), a: format!("{a}"), b: format!("{b}") }
    }
}

/// Differences of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What differs, with how often.
    pub what: String,
    /// The places, or the first of them.
    pub fields: Vec<Field>,
    /// What it varies with.
    pub varies_with: &'static str,
}

pub(super) fn param_fields(x: &RealmEvent, y: &RealmEvent) -> Vec<Field> {
    let number = |name: &str, x: u64, y: u64| (x != y).then(|| Field::new(name, x, y));
    let flags = (x.flags != y.flags).then(|| Field::new("flags", Hex(x.flags), Hex(y.flags)));
    [
        flags,
        number("s2sz", x.s2sz, y.s2sz),
        number("sve_vl", x.sve_vl, y.sve_vl),
        number("num_bps", x.num_bps, y.num_bps),
        number("num_wps", x.num_wps, y.num_wps),
        number("pmu_num_ctrs", x.pmu_num_ctrs, y.pmu_num_ctrs),
        number("hash_algo", x.hash_algo.into(), y.hash_algo.into()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub(super) fn register_fields(x: &RecEvent, y: &RecEvent) -> Vec<Field> {
    let hex = |name: String, x: u64, y: u64| (x != y).then(|| Field::new(name, Hex(x), Hex(y)));
    let gprs = (0..REC_CREATE_GPRS).filter_map(|i| hex(format!("x{i}"), x.gprs[i], y.gprs[i]));
    let first = [hex("flags".into(), x.flags, y.flags), hex("pc".into(), x.pc, y.pc)];
    first.into_iter().flatten().chain(gprs).collect()
}
