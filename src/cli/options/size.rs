//! Sizes of images, and parts of them.

/// A size as people write it: `1GiB`, `256M`, `4096`. Suffixes are powers of 1024.
pub(crate) fn size_bytes(text: &str) -> Result<u64, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, suffix) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| "it is a number of bytes: 1GiB".to_owned())?;
    let shift = match suffix {
        "" | "B" => 0,
        "K" | "KiB" => 10,
        "M" | "MiB" => 20,
        "G" | "GiB" => 30,
        "T" | "TiB" => 40,
        _ => return Err(format!("`{suffix}` is none of KiB, MiB, GiB, TiB")),
    };
    number.checked_mul(1 << shift).ok_or_else(|| "it does not fit into 64 bits".to_owned())
}

/// Bytes of a file, from the first to the one behind the last; without an end to the file's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ByteRange {
    pub(crate) start: u64,
    pub(crate) end: Option<u64>,
}

/// A range as people write it: `0..64GiB`, `64GiB..`.
pub(crate) fn byte_range(text: &str) -> Result<ByteRange, String> {
    let (start, end) = text.split_once("..").ok_or("it is A..B: 64GiB..128GiB")?;
    let start = if start.is_empty() { 0 } else { size_bytes(start)? };
    let end = if end.is_empty() { None } else { Some(size_bytes(end)?) };
    match end {
        Some(end) if end <= start => Err(format!("it ends at {end} and begins at {start}")),
        _ => Ok(ByteRange { start, end }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(size_bytes("4096"), Ok(4096));
        assert_eq!(size_bytes("3M"), Ok(3 << 20));
        assert_eq!(size_bytes("1GiB"), Ok(1 << 30));
        for bad in ["", "G", "-1", "1GB", "1 G", "99999999999999T", "0x10", "1.5G"] {
            assert!(size_bytes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ranges() {
        let range = |start, end| Ok(ByteRange { start, end });
        assert_eq!(byte_range("4K..3M"), range(4096, Some(3 << 20)));
        assert_eq!(byte_range("1GiB.."), range(1 << 30, None));
        assert_eq!(byte_range("..1GiB"), range(0, Some(1 << 30)));
        for bad in ["", "4096", "4K..4096", "8K..4K", "0..1x", "-1..3", "1..2..3", "0...4K"] {
            assert!(byte_range(bad).is_err(), "{bad}");
        }
    }
}
