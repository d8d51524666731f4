//! Times of validity periods: texts and POSIX seconds, in UTC.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use thiserror::Error;

/// Why a text is no time.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is no time; write 2026-12-31T23:59:59Z, or 2026-12-31 for its first second (UTC)")]
pub struct TimeError(String);

/// Reads `2026-12-31T23:59:59Z`, or a date, which is its first second. POSIX seconds come of it,
/// whole ones.
///
/// # Errors
/// If the text is neither, or not between 1970 and 9999.
pub fn parse(text: &str) -> Result<i64, TimeError> {
    let error = || TimeError(text.to_owned());
    let date_only = text.len() == "2026-12-31".len();
    let full = if date_only { format!("{text}T00:00:00Z") } else { text.to_owned() };
    let time = humantime::parse_rfc3339(&full).map_err(|_| error())?;
    let since = time.duration_since(UNIX_EPOCH).map_err(|_| error())?;
    i64::try_from(since.as_secs()).map_err(|_| error())
}

/// Prints POSIX seconds as RFC 3339 does, in UTC. What has no such form stays a number.
#[must_use]
pub fn print(seconds: i64) -> String {
    /// The last second of the year 9999.
    const LAST: u64 = 253_402_300_799;
    match u64::try_from(seconds) {
        Ok(after) if after <= LAST => {
            let time: SystemTime = UNIX_EPOCH + Duration::from_secs(after);
            humantime::format_rfc3339_seconds(time).to_string()
        }
        _ => seconds.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of `date -u -d … +%s`.
    #[test]
    fn texts_and_seconds() {
        assert_eq!(parse("2025-12-31T00:00:00Z"), Ok(1_767_139_200));
        assert_eq!(parse("2025-12-31"), Ok(1_767_139_200));
        assert_eq!(print(1_640_908_800), "2021-12-31T00:00:00Z");
        assert_eq!(print(-1), "-1");
        for text in
            ["", "tomorrow", "2025-13-31", "2025-12-31T00:00:00", "1969-12-31", "9999999999"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(parse(&print(253_402_300_799)), Ok(253_402_300_799));
        assert_eq!(print(i64::MAX), i64::MAX.to_string());
    }
}
