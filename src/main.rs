//! The `rimsim` command.

fn main() {}
