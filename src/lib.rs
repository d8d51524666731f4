//! Simulates the Realm Management Monitor of Arm's Confidential Compute Architecture, granule by
//! granule, and calculates the Realm Initial Measurement.

pub mod abi;
pub mod boot;
#[doc(hidden)]
pub mod cli;
pub mod conform;
pub mod coverage;
pub mod digest_cache;
pub mod encoding;
pub mod event_log;
pub mod evidence;
pub mod explain;
mod guest;
pub mod host;
pub mod lint;
pub mod measure;
pub mod model;
mod outputs;
pub mod predict;
pub mod refvalue;
pub mod report;
pub mod rmi;
pub mod rmm_log;
mod rsi;
pub mod script;
pub mod search;
pub mod session;
pub mod vector;
pub mod why;

pub use abi::command::Command;
pub use abi::platform::Platform;
pub use abi::profile::{Edition, Profile};
pub use abi::status::{ReturnCode, Status};
pub use model::world::World;
