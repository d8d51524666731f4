//! The ACPI table CCEL, which says where a log is and is none.

/// Length of the table in bytes.
const TABLE_BYTES: usize = 56;

/// What is said of bytes that are the table; `None` if they are not.
///
/// ACPI 6.5, 5.2.34: the header of all tables (signature, length, revision, checksum, names), then
/// type and subtype of the confidential machine, two bytes, length and address of the log.
pub(super) fn of_table(bytes: &[u8]) -> Option<String> {
    if !bytes.starts_with(b"CCEL") {
        return None;
    }
    let log = "the log itself is /sys/firmware/acpi/tables/data/CCEL";
    let Some(table) = bytes.first_chunk::<TABLE_BYTES>() else {
        let found = bytes.len();
        return Some(format!(
            "the begin of the ACPI table CCEL, {found} of its {TABLE_BYTES} bytes; {log}"
        ));
    };
    let sum = table.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    let word = |at: usize| u64::from_le_bytes(table[at..at + 8].try_into().expect("eight bytes"));
    let (of, log_bytes, address) = (kind(table[36]), word(40), word(48));
    let damaged = if sum == 0 { "" } else { " (its checksum is wrong)" };
    Some(format!(
        "this is the ACPI table CCEL{damaged} of {of}, which says that a log of {log_bytes} bytes \
         lies at {address:#x}; {log}"
    ))
}

fn kind(number: u8) -> String {
    match number {
        1 => "AMD SEV".into(),
        2 => "Intel TDX".into(),
        4 => "Arm CCA".into(),
        _ => format!("machines of type {number}"),
    }
}
