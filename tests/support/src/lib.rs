//! What integration tests and fuzz targets share: machines, generators, laws, and models that are
//! held against the library.

#[cfg(feature = "bodies")]
pub mod bodies;
pub mod call_laws;
pub mod digest_file;
pub mod entry_laws;
pub mod flat_rmm;
pub mod interleaving;
pub mod ipa_view;
pub mod kernel_batch;
pub mod naive_rim;
pub mod planted;
pub mod random_steps;
pub mod running_realm;
pub mod small_machine;
pub mod unwind;
pub mod world_and_flat;
