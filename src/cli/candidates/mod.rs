//! VMs that differ in what `search` and `matrix` vary.

mod axes;
mod budget;
mod files;
mod guests;
mod pace;
pub(crate) mod refusals;
mod settings;

pub(crate) use axes::{add_axis, check_values, defaults, giving, option_variants};
pub(crate) use budget::Budget;
pub(crate) use files::{Others, others};
pub(crate) use guests::{CommandLine, MAX_VARIANTS};
pub(crate) use pace::Pace;
pub(crate) use settings::{SettingLine, setting_names, typed, written};
