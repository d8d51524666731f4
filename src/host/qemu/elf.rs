//! ELF files as kernels (`include/hw/elf_ops.h.inc` of QEMU): which bytes go where.

use std::ops::Range;

use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, elf};

/// Most segments that are looked at. Each is compared with each other.
const MAX_SEGMENTS: usize = 4096;

/// An ELF file for arm64, as far as it is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Elf {
    /// Where every vCPU begins.
    pub(super) entry: u64,
    /// From the lowest address of a segment to the highest.
    pub(super) addresses: Range<u64>,
    /// What all segments take in memory, in bytes.
    pub(super) memory_bytes: u64,
    /// Those that have bytes in the file, in its order.
    pub(super) segments: Vec<Segment>,
    /// Whether it asks for vCPUs of that order of bytes.
    pub(super) is_big_endian: bool,
}

/// Bytes of the file, and where they lie in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// Address of the first.
    pub(super) address: u64,
    /// Where they stand in the file.
    pub(super) file: Range<usize>,
}

/// A program header of the kind that is loaded.
struct Load {
    physical: u64,
    virtual_address: u64,
    file: Range<u64>,
    memory_bytes: u64,
    is_code: bool,
}

impl Load {
    fn file_bytes(&self) -> u64 {
        self.file.end - self.file.start
    }

    fn end(&self) -> u64 {
        self.physical.saturating_add(self.memory_bytes)
    }
}

/// Reads an ELF file; `None` if the bytes do not begin as one.
///
/// # Errors
/// A sentence if QEMU does not load it, or its headers can not be read.
pub(super) fn read(file: &[u8]) -> Option<Result<Elf, String>> {
    if !file.starts_with(&elf::ELFMAG) {
        return None;
    }
    let is_64 = file.get(4) == Some(&elf::ELFCLASS64);
    let read =
        if is_64 { of_class::<elf::FileHeader64<_>> } else { of_class::<elf::FileHeader32<_>> };
    Some(read(file).map_err(|why| format!("is an ELF file that {why}")))
}

fn of_class<H: FileHeader<Endian = Endianness>>(file: &[u8]) -> Result<Elf, String> {
    let damaged = |error: object::Error| format!("can not be read: {error}");
    let header = H::parse(file).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    let machine = header.e_machine(endian);
    if machine != elf::EM_AARCH64 {
        return Err(format!("is for machine {machine}; QEMU takes {} (AArch64)", elf::EM_AARCH64));
    }
    let headers = header.program_headers(endian, file).map_err(damaged)?;
    let loads: Vec<Load> = headers
        .iter()
        .filter(|header| header.p_type(endian) == elf::PT_LOAD)
        .map(|header| load(header, endian, file))
        .collect::<Result<_, _>>()?;
    if loads.len() > MAX_SEGMENTS {
        return Err(format!("has {} segments; {MAX_SEGMENTS} are read", loads.len()));
    }
    let is_big_endian = endian == Endianness::Big;
    loaded(loads, header.e_entry(endian).into(), is_big_endian)
}

fn load<P: ProgramHeader<Endian = Endianness>>(
    header: &P,
    endian: Endianness,
    file: &[u8],
) -> Result<Load, String> {
    let start: u64 = header.p_offset(endian).into();
    let file_bytes: u64 = header.p_filesz(endian).into();
    let memory_bytes = header.p_memsz(endian).into();
    let physical: u64 = header.p_paddr(endian).into();
    let end = start.checked_add(file_bytes);
    let end = end.filter(|end| file_bytes == 0 || *end <= file.len() as u64);
    let end = end.ok_or("has a segment whose bytes lie outside the file")?;
    if file_bytes > memory_bytes {
        return Err("has a segment with more bytes in the file than in memory".into());
    }
    physical.checked_add(memory_bytes).ok_or("has a segment that passes the end of memory")?;
    let is_code = header.p_flags(endian) & elf::PF_X != 0;
    let virtual_address = header.p_vaddr(endian).into();
    Ok(Load { physical, virtual_address, file: start..end, memory_bytes, is_code })
}

/// What QEMU makes of the segments: zeros behind a segment's bytes that would lie in another are
/// left out, and an entry that is a virtual address becomes a physical one.
fn loaded(loads: Vec<Load>, entry: u64, is_big_endian: bool) -> Result<Elf, String> {
    let whole: Vec<Range<u64>> = loads.iter().map(|load| load.physical..load.end()).collect();
    let mut made =
        Elf { entry, addresses: 0..0, memory_bytes: 0, segments: Vec::new(), is_big_endian };
    let (mut low, mut high) = (u64::MAX, 0);
    for (i, mut load) in loads.into_iter().enumerate() {
        let zeros = load.physical + load.file_bytes()..load.end();
        let is_in = |other: &Range<u64>| other.start < zeros.end && zeros.start < other.end;
        let others = whole.iter().enumerate().filter(|(j, _)| *j != i);
        if !zeros.is_empty() && others.into_iter().any(|(_, other)| is_in(other)) {
            load.memory_bytes = load.file_bytes();
        }
        let is_moved = load.virtual_address != load.physical && load.is_code;
        let offset = entry.checked_sub(load.virtual_address);
        if let Some(offset) = offset.filter(|at| is_moved && *at < load.file_bytes()) {
            made.entry = load.physical + offset;
        }
        made.memory_bytes = made.memory_bytes.saturating_add(load.memory_bytes);
        (low, high) = (low.min(load.physical), high.max(load.end()));
        if load.file_bytes() > 0 {
            let at = |at: u64| usize::try_from(at).expect("it lies in the file");
            let file = at(load.file.start)..at(load.file.end);
            made.segments.push(Segment { address: load.physical, file });
        }
    }
    made.addresses = low..high;
    if made.memory_bytes == 0 {
        return Err("has nothing to load".into());
    }
    Ok(made)
}
