//! Whether files that were read may name others anywhere.

use std::path::Path;

use clap::Args as ClapArgs;

use crate::cli::reach::Reach;

#[derive(Clone, Copy, Debug, Default, ClapArgs)]
pub(crate) struct OutsideArgs {
    /// Let scripts, lock files, .args files and command lines that are found (domains, logs,
    /// processes) name files that do not lie below their own folder
    #[arg(long)]
    allow_outside: bool,
}

impl OutsideArgs {
    /// What the file `by`, which the user named, may name.
    pub(crate) fn reach_of(self, by: &Path) -> Reach {
        if self.allow_outside { Reach::default() } else { Reach::below_folder_of(by) }
    }

    /// What a process may name that runs in this folder.
    pub(crate) fn reach_of_process(self, pid: u32, folder: &Path) -> Reach {
        let by = format!("process {pid}");
        if self.allow_outside { Reach::default() } else { Reach::below(folder, by.as_ref()) }
    }
}
