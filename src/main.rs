//! The `rimsim` command: everything is in the library's `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    rimsim::cli::main()
}
