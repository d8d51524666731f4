//! VMs that differ in what `search` and `matrix` vary.

mod axes;
mod budget;
mod guests;
mod pace;
pub(crate) mod refusals;

pub(crate) use axes::{add_axis, check_values, defaults, giving, option_variants};
pub(crate) use budget::Budget;
pub(crate) use guests::{CommandLine, MAX_VARIANTS};
pub(crate) use pace::Pace;
