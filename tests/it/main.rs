//! The integration tests of the RMM model: one binary, one module a kind of test.

mod ladder;
mod scene;
mod stage;
