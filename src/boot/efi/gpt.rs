//! `EV_EFI_GPT_EVENT`: what firmware measures of the partition table of the disk that it boots from
//! (TCG PC Client Platform Firmware Profile 1.06, 10.2.9: `UEFI_GPT_DATA`).

use thiserror::Error;
use uuid::Uuid;

use super::{Front, utf16};

/// Bytes of a header that are measured.
const HEADER_BYTES: usize = 92;
/// Longest array of entries that is read, in bytes: firmware's own tables have 16 KiB.
const MAX_ARRAY_BYTES: usize = 4 << 20;
/// Sizes of a block that are tried.
const BLOCK_BYTES: [usize; 2] = [512, 4096];

/// Why a disk image has no partition table that firmware would measure.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GptError {
    /// There is none at the second block.
    #[error("no GPT: \"EFI PART\" stands neither at byte 512 nor at byte 4096")]
    None,
    /// The table is damaged, and the copy at the end as well.
    #[error("the GPT at byte {at:#x}: {why}")]
    Damaged {
        /// Where the header begins.
        at: usize,
        /// What is wrong.
        why: String,
    },
}

/// The event data, of which the digest is made: 92 bytes of header, the number of entries that are
/// in use, and these. Firmware takes the primary table; a copy at the disk's end stands in for it
/// where it is damaged (edk2 since 2026-06-25; before, it took the block behind the first as it
/// was).
///
/// # Errors
/// If neither table is whole.
pub fn event_data(disk: &[u8]) -> Result<Vec<u8>, GptError> {
    let signed = |at: &usize| disk.get(*at..*at + 8) == Some(b"EFI PART");
    let found = BLOCK_BYTES.into_iter().find(|block| signed(block));
    if let Some(block) = found {
        let primary = table(disk, block, block);
        let Err(wrong) = primary else { return primary };
        return backup(disk, block).unwrap_or(Err(wrong));
    }
    BLOCK_BYTES.into_iter().find_map(|block| backup(disk, block)).unwrap_or(Err(GptError::None))
}

/// The copy in the last block, if it is whole.
fn backup(disk: &[u8], block: usize) -> Option<Result<Vec<u8>, GptError>> {
    let at = (disk.len() / block).checked_sub(1)? * block;
    table(disk, at, block).ok().map(Ok)
}

fn table(disk: &[u8], at: usize, block: usize) -> Result<Vec<u8>, GptError> {
    let wrong = |why: String| GptError::Damaged { at, why };
    let short = || wrong("the image ends in its header".into());
    let header = disk.get(at..at + HEADER_BYTES).ok_or_else(short)?;
    if !header.starts_with(b"EFI PART") {
        return Err(wrong("has no signature".into()));
    }
    let field = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("four"));
    let size = usize::try_from(field(12)).unwrap_or(usize::MAX);
    if size < HEADER_BYTES || size > block {
        return Err(wrong(format!("a header of {size} bytes")));
    }
    let mut whole = disk.get(at..at + size).ok_or_else(short)?.to_vec();
    whole[16..20].fill(0);
    let found = crc32(&whole);
    if found != field(16) {
        return Err(wrong(format!("its CRC is {found:#010x}, and it says {:#010x}", field(16))));
    }
    let lba = u64::from_le_bytes(header[72..80].try_into().expect("eight"));
    let (count, entry) = (field(80) as usize, field(84) as usize);
    if entry < 128 || !entry.is_power_of_two() {
        return Err(wrong(format!("entries of {entry} bytes")));
    }
    let len = count.checked_mul(entry).filter(|len| *len <= MAX_ARRAY_BYTES);
    let len = len.ok_or_else(|| wrong(format!("{count} entries of {entry} bytes")))?;
    let start = usize::try_from(lba).ok().and_then(|lba| lba.checked_mul(block));
    let end = start.and_then(|start| start.checked_add(len));
    let array = start.zip(end).and_then(|(start, end)| disk.get(start..end));
    let array = array
        .ok_or_else(|| wrong(format!("its entries at block {lba} lie behind the image's end")))?;
    let found = crc32(array);
    if found != field(88) {
        let says = field(88);
        return Err(wrong(format!("the CRC of its entries is {found:#010x}, not {says:#010x}")));
    }
    let used = array.chunks(entry).filter(|entry| entry[..16].iter().any(|byte| *byte != 0));
    let used: Vec<&[u8]> = used.collect();
    let mut data = header.to_vec();
    data.extend((used.len() as u64).to_le_bytes());
    used.iter().for_each(|entry| data.extend(*entry));
    Ok(data)
}

/// CRC-32 of IEEE 802.3, as GPT has it.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// For people: the disk and its partitions; `None` if the data are none of this event.
#[must_use]
pub fn shown(data: &[u8]) -> Option<String> {
    let mut front = Front(data);
    let header = front.take(HEADER_BYTES)?;
    let entry = u32::from_le_bytes(header[84..88].try_into().ok()?) as usize;
    let count = front.count()?;
    if count.checked_mul(entry)? != front.0.len() || entry < 128 {
        return None;
    }
    let disk = Uuid::from_bytes_le(header[56..72].try_into().ok()?);
    let names = front.0.chunks(entry).map(|entry| {
        let name = utf16::shown(&entry[56..128]);
        let name = name.split("\\0").next().unwrap_or_default().to_owned();
        let id = Uuid::from_bytes_le(entry[16..32].try_into().expect("sixteen"));
        if name.is_empty() { id.to_string() } else { format!("\"{name}\" {id}") }
    });
    Some(format!("disk {disk}, {}", names.collect::<Vec<_>>().join(", ")))
}
