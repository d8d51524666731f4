//! QEMU's calls to libfdt, with a counter of phandles.

use crate::host::fdt::{Edit, ReadWrite, cells, string, wide_cells};
use crate::host::vm::Refusal;
use crate::host::vmm::refused;

/// Where phandles begin, unless asked otherwise.
const FIRST_PHANDLE: u32 = 0x8000;

/// A tree while it is written. What goes wrong is told at the end.
pub(super) struct Writer {
    tree: ReadWrite,
    next_phandle: u32,
    full: bool,
}

impl Writer {
    pub(super) fn new(size_bytes: u64, phandle_start: u32) -> Self {
        let size_bytes = usize::try_from(size_bytes).expect("a MiB");
        let tree = ReadWrite::new(size_bytes).expect("a MiB has space for the root");
        let next_phandle = if phandle_start == 0 { FIRST_PHANDLE } else { phandle_start };
        Self { tree, next_phandle, full: false }
    }

    pub(super) fn phandle(&mut self) -> u32 {
        let phandle = self.next_phandle;
        self.next_phandle += 1;
        phandle
    }

    fn note(&mut self, done: Result<(), Edit>) {
        match done {
            Ok(()) => {}
            Err(Edit::NoSpace(_)) => self.full = true,
            // A tree that lacks nodes because it is full is not looked at.
            Err(error) => assert!(self.full, "{error}"),
        }
    }

    /// A new node, before its siblings.
    pub(super) fn node(&mut self, path: &str) {
        let done = self.tree.add_node(path);
        self.note(done);
    }

    /// The nodes of a path that do not exist yet.
    pub(super) fn path(&mut self, path: &str) {
        let ends = path.match_indices('/').map(|(end, _)| end).skip(1).chain([path.len()]);
        for end in ends {
            match self.tree.add_node(&path[..end]) {
                Err(Edit::Exists(_)) => {}
                done => self.note(done),
            }
        }
    }

    /// A new property, before the others of its node.
    pub(super) fn set(&mut self, path: &str, name: &str, value: &[u8]) {
        let done = self.tree.set(path, name, value);
        self.note(done);
    }

    pub(super) fn flag(&mut self, path: &str, name: &str) {
        self.set(path, name, &[]);
    }

    /// A string, or a list of strings with a NUL between them.
    pub(super) fn text(&mut self, path: &str, name: &str, text: &str) {
        self.set(path, name, &string(text));
    }

    pub(super) fn cells(&mut self, path: &str, name: &str, values: &[u32]) {
        self.set(path, name, &cells(values));
    }

    /// Values of two cells each.
    pub(super) fn wide(&mut self, path: &str, name: &str, values: &[u64]) {
        self.set(path, name, &wide_cells(values));
    }

    pub(super) fn finish(self) -> Result<Vec<u8>, Refusal> {
        if self.full {
            let why = "the device tree would be larger than its 1 MiB";
            return Err(refused("-append", why));
        }
        Ok(self.tree.into_bytes())
    }
}
