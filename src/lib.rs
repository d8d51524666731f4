//! Simulates the Realm Management Monitor of Arm's Confidential Compute Architecture, granule by
//! granule, and calculates the Realm Initial Measurement.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod abi;
#[cfg(feature = "hosts")]
pub mod boot;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
pub mod conform;
pub mod coverage;
#[cfg(feature = "cli")]
pub mod digest_cache;
pub mod encoding;
#[cfg(feature = "hosts")]
pub mod event_log;
#[cfg(feature = "evidence")]
pub mod evidence;
pub mod explain;
mod guest;
#[cfg(feature = "hosts")]
pub mod host;
mod inputs;
pub mod lint;
pub mod measure;
pub mod model;
#[cfg(feature = "cli")]
mod outputs;
#[cfg(feature = "hosts")]
pub mod predict;
#[cfg(feature = "evidence")]
pub mod refvalue;
#[cfg(feature = "cli")]
pub mod report;
pub mod rmi;
pub mod rmm_log;
mod rsi;
pub mod script;
#[cfg(all(feature = "hosts", feature = "evidence"))]
pub mod search;
pub mod session;
pub mod vector;
#[cfg(all(feature = "hosts", feature = "evidence"))]
pub mod why;

pub use abi::command::Command;
pub use abi::platform::Platform;
pub use abi::profile::{Edition, Profile};
pub use abi::status::{ReturnCode, Status};
pub use model::world::World;
