//! Behaves as the Realm Management Monitor (RMM) of Arm's Confidential Compute Architecture,
//! granule by granule: a simulated machine on which a Host builds Realms by the RMM's own
//! commands.
//! The Realm Initial Measurement (RIM) is what those commands leave behind, never a formula beside
//! them. RMM 1.0 (DEN0137 1.0) and the betas of 2.0 are one model, held against recorded behaviour
//! of TF-RMM.
//!
//! # A VMM's unit test
//!
//! [`Host`] builds Realms as a VMM does. It knows where memory begins, hands out granules, and
//! makes the tables that are missing, so a test names what the VMM decides and nothing else.
//!
//! ```
#![doc = include_str!("../examples/vmm_unit_test.rs")]
//! ```
//!
//! # From a command line to a RIM
//!
//! With the feature `hosts`, a `predict::Request` knows how a version of kvmtool, QEMU or Cloud
//! Hypervisor reads its words, and in which order a series of KVM calls the RMM. What nobody said
//! stands in the plan's `assumptions`.
//!
#![cfg_attr(feature = "hosts", doc = "```")]
#![cfg_attr(not(feature = "hosts"), doc = "```ignore")]
#![doc = include_str!("../examples/command_line.rs")]
//! ```
//!
//! `examples/` has three more: a script that is no file, a token that is verified, an observer of
//! one's own.
//!
//! # Errors
//!
//! What the RMM answers is an outcome, not an error: [`World::execute`] gives an [`Outcome`] with
//! the registers, the [`Status`] and, if it failed, the condition by the specification's name and
//! the values that were compared. `Err` is for the caller's mistakes; where there is a text it says
//! file, line and column. [`HostError`] is both: [`HostError::condition`] says why the RMM refused.
//! A command that fails has changed nothing. No input makes the library panic; a panic is a fault
//! of this crate.
//!
//! Addresses have types: [`Pa`] and [`Ipa`] in bytes, and [`Rd`], [`Rec`], [`Data`], [`Src`] for
//! the granules that are mixed up most. Raw registers go through [`World::call`].
//!
//! # Features
//!
//! | Feature | What it adds |
//! |---|---|
//! | none | the model, scripts, recorded vectors, measurement: at most 40 crates, no C compiler |
//! | `asm` | the assembly of sha2-asm, where no vector unit is used; takes a C compiler |
//! | `toml` | platforms in TOML files |
//! | `hosts` | command lines of VMMs, the calls of KVM, measurement logs, device trees |
//! | `evidence` | attestation tokens, reference values, keys: CBOR and elliptic curves |
//! | `cli` (default) | all of it, and the command `rimsim` |
//!
//! # Versions
//!
//! Rust 1.95 or later, on Linux. A newer Rust is asked for in a minor version only.
//!
//! Semantic versioning holds for what this page and the modules in its list show; other items are
//! public for this crate's own tests and hidden. Before 1.0 a minor version can break them. A RIM
//! is part of the promise: equal inputs under an equal profile have an equal RIM in every version,
//! unless a release note says which RIM was wrong, and why.

#![cfg_attr(docsrs, feature(doc_cfg))]
// Examples, benchmarks and tests print; the library prints where `cli` says so.
#![warn(clippy::print_stdout, clippy::print_stderr)]

#[cfg(not(unix))]
compile_error!(
    "rimsim needs a Unix: it maps images, and files are told apart by device and inode. On Windows \
     it runs in WSL or in a container."
);

pub mod abi;
#[cfg(feature = "hosts")]
#[doc(hidden)]
pub mod boot;
mod caller;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
#[doc(hidden)]
pub mod conform;
#[doc(hidden)]
pub mod coverage;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod digest_cache;
#[doc(hidden)]
pub mod encoding;
#[cfg(feature = "hosts")]
#[doc(hidden)]
pub mod event_log;
#[cfg(feature = "evidence")]
pub mod evidence;
#[doc(hidden)]
pub mod explain;
mod guest;
pub mod guide;
#[cfg(feature = "hosts")]
pub mod host;
mod inputs;
#[doc(hidden)]
pub mod lint;
pub mod measure;
#[doc(hidden)]
pub mod model;
#[cfg(feature = "cli")]
mod outputs;
#[cfg(feature = "hosts")]
pub mod predict;
#[cfg(feature = "evidence")]
#[doc(hidden)]
pub mod refvalue;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod report;
#[doc(hidden)]
pub mod rmi;
#[doc(hidden)]
pub mod rmm_log;
mod rsi;
pub mod script;
#[cfg(all(feature = "hosts", feature = "evidence"))]
#[doc(hidden)]
pub mod search;
pub mod session;
#[doc(hidden)]
pub mod vector;
#[cfg(all(feature = "hosts", feature = "evidence"))]
#[doc(hidden)]
pub mod why;

pub use abi::addr::{Ipa, Level, Pa};
pub use abi::args::{CallingRec, Data, ParamsPtr, Rd, Rec, Rtt, RunPtr, Src, TargetRec};
pub use abi::command::Command;
pub use abi::hash_algo::HashAlgo;
pub use abi::params::{RealmParams, RealmParamsBuilder, RecParams, RecParamsBuilder};
pub use abi::platform::Platform;
pub use abi::profile::{Edition, Profile};
pub use abi::status::{ReturnCode, Status};
pub use abi::structure::FieldError;
pub use caller::{Host, HostError, Refused};
pub use measure::rim::Measurement;
pub use model::world::World;
pub use rmi::Outcome;
