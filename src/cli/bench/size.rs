//! Sizes of images.

/// A size as people write it: `1GiB`, `256M`, `4096`. Suffixes are powers of 1024.
pub(super) fn size_bytes(text: &str) -> Result<u64, String> {
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
}
