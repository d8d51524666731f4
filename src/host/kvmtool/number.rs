//! Numbers as the C library reads them: what follows the digits is ignored, what is too large is
//! the largest value.

/// A number and what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number<'a> {
    /// The digits' value, saturated.
    magnitude: u64,
    /// Whether it did not fit in 64 bits.
    saturated: bool,
    negative: bool,
    /// Whether there are digits at all.
    pub(super) found: bool,
    /// What follows the digits; all of the text if there are none.
    pub(super) rest: &'a str,
}

impl<'a> Number<'a> {
    /// Reads white space, a sign and digits. Base 0 takes it from the number: `0x` for 16, `0` for
    /// 8, otherwise 10.
    pub(super) fn read(text: &'a str, base: u32) -> Self {
        let start = text.trim_start_matches([' ', '\t', '\n', '\x0b', '\x0c', '\r']);
        let negative = start.starts_with('-');
        let digits = start.strip_prefix(['-', '+']).unwrap_or(start);
        let hex = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
        let hex = hex.filter(|hex| hex.starts_with(|c: char| c.is_ascii_hexdigit()));
        let (base, digits) = match (base, hex) {
            (0, Some(hex)) => (16, hex),
            (0, None) if digits.starts_with('0') => (8, digits),
            (0, None) => (10, digits),
            (base, _) => (base, digits),
        };
        let len = digits.find(|c: char| !c.is_digit(base)).unwrap_or(digits.len());
        let rest = if len == 0 { text } else { &digits[len..] };
        let value = digits[..len]
            .chars()
            .filter_map(|c| c.to_digit(base))
            .try_fold(0_u64, |value, digit| {
                value.checked_mul(base.into())?.checked_add(digit.into())
            });
        Self {
            magnitude: value.unwrap_or(u64::MAX),
            saturated: value.is_none(),
            negative,
            found: len > 0,
            rest,
        }
    }

    /// As `strtoull`: a negative number is what is left of 2^64. `None` if it is too large.
    pub(super) fn unsigned(self) -> Option<u64> {
        let value = if self.negative { self.magnitude.wrapping_neg() } else { self.magnitude };
        (!self.saturated).then_some(value)
    }

    /// As `strtol`: saturated on both sides.
    pub(super) fn signed(self) -> i64 {
        let magnitude = i128::from(self.magnitude);
        let value = if self.negative { -magnitude } else { magnitude };
        i64::try_from(value).unwrap_or(if self.negative { i64::MIN } else { i64::MAX })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_c_reads_them() {
        let read = |text| {
            let number = Number::read(text, 0);
            (number.signed(), number.unsigned(), number.rest)
        };
        assert_eq!(read("12"), (12, Some(12), ""));
        assert_eq!(read(" \t+0x1Fzz"), (31, Some(31), "zz"));
        assert_eq!(read("010"), (8, Some(8), ""));
        assert_eq!(read("09"), (0, Some(0), "9"));
        assert_eq!(read("0x"), (0, Some(0), "x"));
        assert_eq!(read("-1"), (-1, Some(u64::MAX), ""));
        assert_eq!(read("abc"), (0, Some(0), "abc"));
        assert_eq!(read(""), (0, Some(0), ""));
        assert_eq!(read("99999999999999999999"), (i64::MAX, None, ""));
        assert_eq!(read("-99999999999999999999").0, i64::MIN);
        let decimal = Number::read("0x10", 10);
        assert_eq!((decimal.unsigned(), decimal.rest), (Some(0), "x10"));
    }
}
