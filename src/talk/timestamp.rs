//! The one way in which moments are written: RFC 3339, UTC, milliseconds.

use std::time::SystemTime;

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

const MILLISECONDS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
const SECONDS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

/// `2026-11-21T09:00:00.123Z`.
pub fn milliseconds(moment: SystemTime) -> String {
    OffsetDateTime::from(moment).format(MILLISECONDS).unwrap_or_default()
}

/// `2026-11-21T09:00:00Z`.
pub fn seconds(moment: SystemTime) -> String {
    OffsetDateTime::from(moment).format(SECONDS).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_moment_is_written_as_rfc_3339_in_utc() {
        let moment = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_251_600_123);
        assert_eq!(milliseconds(moment), "2026-11-21T09:00:00.123Z");
        assert_eq!(seconds(moment), "2026-11-21T09:00:00Z");
    }
}
