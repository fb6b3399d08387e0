//! Moments as people write them.

use serde_json::value::RawValue;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const DAY: u64 = 86_400_000;
/// The end of the year 9999, in milliseconds since 1970.
const LAST_MOMENT: u64 = 253_402_300_799_999;

/// The moment that the value of a key names.
pub(super) fn moment(key: &str, raw: &RawValue, now: u64) -> Result<u64, String> {
    if let Ok(milliseconds) = serde_json::from_str::<u64>(raw.get()) {
        let is_one = milliseconds <= LAST_MOMENT;
        return is_one.then_some(milliseconds).ok_or_else(|| format!("key {key} is after the year 9999"));
    }
    let text: Option<String> = serde_json::from_str(raw.get()).ok();
    text.and_then(|text| read_moment(&text, now)).ok_or_else(|| {
        format!(
            "key {key} must be milliseconds since 1970, a moment such as \"2026-01-28T05:10:00Z\", \"now\", or a time ago such \
             as \"-90s\", \"-15m\", \"-24h\" or \"-7d\""
        )
    })
}

/// A moment as people write it, in milliseconds since 1970.
pub fn read_moment(text: &str, now: u64) -> Option<u64> {
    if text == "now" {
        return Some(now);
    }
    if let Some(ago) = text.strip_prefix('-') {
        let (number, unit) = ago.split_at_checked(ago.len().checked_sub(1)?)?;
        let unit = match unit {
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => DAY,
            "w" => 7 * DAY,
            _ => return None,
        };
        return Some(now.saturating_sub(number.parse::<u64>().ok()?.checked_mul(unit)?));
    }
    let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    u64::try_from(moment.unix_timestamp_nanos() / 1_000_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_856_400_000;

    #[test]
    fn a_moment_is_a_date_or_a_time_ago() {
        for (text, expected) in [
            ("-90s", Some(NOW - 90_000)),
            ("-7d", Some(NOW - 7 * DAY)),
            ("now", Some(NOW)),
            ("1970-01-01T00:00:01.5Z", Some(1500)),
            ("1970-01-01T01:00:00+01:00", Some(0)),
            ("-5", None),
            ("-h", None),
            ("-99999999999999999999d", None),
            ("yesterday", None),
            ("1960-01-01T00:00:00Z", None),
            ("-ä", None),
            ("", None),
        ] {
            assert_eq!(read_moment(text, NOW), expected, "{text}");
        }
    }
}
