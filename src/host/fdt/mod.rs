//! Flattened device trees, byte for byte as libfdt makes them.
//!
//! A VMM's device tree is measured with everything that its writer left behind: the order of
//! strings, the padding, what stands after the end. So there is no tree in memory here that is
//! serialised; there are libfdt's two ways of writing, each on its own buffer:
//!
//! * [`Sequential`]: front to back, as kvmtool does (`fdt_create` to `fdt_finish`), and what
//!   `fdt_open_into` and `fdt_pack` make of it ([`packed_into`]);
//! * [`ReadWrite`]: insertions into a finished tree, as QEMU does (`fdt_add_subnode`,
//!   `fdt_setprop`).
//!
//! Source: the devicetree specification, version 0.4, chapter 5; libfdt 1.7.2 as observed.

mod read_write;
mod sequential;

pub use read_write::{Edit, ReadWrite};
pub use sequential::{NoSpace, Sequential, packed_into};

/// A tree in a buffer of `len_bytes`, which it fits in, with zeros behind it. In one piece: without
/// optimisation `Vec::resize` writes bytes one by one.
pub(crate) fn filled_up(tree: &[u8], len_bytes: usize) -> Vec<u8> {
    let mut buffer = vec![0; len_bytes];
    buffer[..tree.len()].copy_from_slice(tree);
    buffer
}

const MAGIC: u32 = 0xd00d_feed;
const VERSION: u32 = 17;
const LAST_COMPATIBLE_VERSION: u32 = 16;
const HEADER_BYTES: usize = 40;
const RESERVE_ENTRY_BYTES: usize = 16;
/// Where the reservation map of a new tree stands: after the header, aligned to its entries.
const RESERVE_MAP: usize = 0x30;
/// Where the structure of a new tree stands: after the map's one entry, which is zero.
const STRUCTURE: usize = RESERVE_MAP + RESERVE_ENTRY_BYTES;

const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROP: u32 = 3;
const NOP: u32 = 4;
const END: u32 = 9;

/// Fields of the header, by their place in it.
#[derive(Clone, Copy)]
#[repr(usize)]
enum Field {
    Magic,
    TotalSize,
    OffStruct,
    OffStrings,
    OffReserveMap,
    Version,
    LastCompatible,
    BootCpu,
    SizeStrings,
    SizeStruct,
}

impl Field {
    fn get(self, blob: &[u8]) -> usize {
        word(blob, self as usize * 4) as usize
    }

    fn set(self, blob: &mut [u8], value: usize) {
        let value = u32::try_from(value).expect("a device tree is smaller than 4 GiB");
        let at = self as usize * 4;
        blob[at..at + 4].copy_from_slice(&value.to_be_bytes());
    }
}

/// The big-endian word at an offset.
fn word(blob: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(blob[at..at + 4].try_into().expect("four bytes"))
}

/// Where `name` and its NUL stand in a string table: the first place, be it inside a longer name.
fn find_string(table: &[u8], name: &str) -> Option<usize> {
    let wanted: Vec<u8> = name.bytes().chain([0]).collect();
    table.windows(wanted.len()).position(|window| window == wanted)
}

/// The length of something in the structure, which consists of words.
const fn padded(len_bytes: usize) -> usize {
    len_bytes.next_multiple_of(4)
}

/// Bytes of a list of cells.
#[must_use]
pub fn cells(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_be_bytes()).collect()
}

/// Bytes of a list of values of two cells each.
#[must_use]
pub fn wide_cells(values: &[u64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_be_bytes()).collect()
}

/// Bytes of a string, or of a list of strings with a NUL between them.
#[must_use]
pub fn string(text: &str) -> Vec<u8> {
    text.bytes().chain([0]).collect()
}
