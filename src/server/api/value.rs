//! A last value over HTTP: as an object, and by the tag of its edition. Pure.

use std::time::{Duration, SystemTime};

use axum::http::header::HeaderName;
use axum::http::{HeaderMap, HeaderValue};
use serde_json::value::RawValue;
use time::OffsetDateTime;
use time::macros::format_description;

use super::problem::Problem;
use super::shapes::{self, LastValueShape};
use crate::hub::{Edition, Publication};
use crate::talk::timestamp;

/// The value as a JSON object, with what is known of it at this time.
pub(super) fn object(value: &Publication, now: SystemTime) -> String {
    let silence = silence(value, now);
    let every = value.rhythm.every();
    let options = value.extras().map(|extras| &*extras.passed_on).filter(|options| !options.is_empty());
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of some years")]
    let age = silence.as_millis() as f64 / 1000.0;
    shapes::text(&LastValueShape {
        topic: value.topic.as_str(),
        payload: serde_json::from_str(value.payload()).unwrap_or(RawValue::NULL),
        time: timestamp::milliseconds(value.time()),
        from: &value.from,
        age,
        every: every.and_then(|every| every.to_string().parse().ok()),
        stale: every.map(|every| every.is_stale(silence)),
        options: options.map(|options| shapes::raw(format!("{{{options}}}"))),
    })
}

/// For how long the topic has been silent. A clock that was set back makes no negative time.
pub(super) fn silence(value: &Publication, now: SystemTime) -> Duration {
    now.duration_since(value.time()).unwrap_or_default()
}

/// The entity tag of a value; a weak one for what tells more than the value.
pub(super) fn tag(edition: Edition, weak: bool) -> String {
    let Edition { number, milliseconds } = edition;
    format!("{}\"{number:x}-{milliseconds:x}\"", if weak { "W/" } else { "" })
}

/// When it was said, as HTTP writes it.
pub(super) fn http_date(time: SystemTime) -> Option<HeaderValue> {
    let form = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    HeaderValue::try_from(OffsetDateTime::from(time).format(form).ok()?).ok()
}

/// What a header like `If-Match` names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Tags {
    /// `*`.
    Any,
    /// These; whether each is weak.
    These(Vec<(Edition, bool)>),
}

impl Tags {
    /// Reads a header of entity tags. Those that are none of ours name nothing.
    pub(super) fn read(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Self>, Problem> {
        let mut values = headers.get_all(name).iter();
        let Some(value) = values.next() else { return Ok(None) };
        let wrong = || {
            Problem::header(format!(
                "{name} must be * or tags as an answer has them in ETag, with their quotes"
            ))
        };
        let text = value.to_str().ok().filter(|_| values.next().is_none()).ok_or_else(wrong)?.trim();
        if text == "*" {
            return Ok(Some(Self::Any));
        }
        let mut tags = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (weak, quoted) = part.strip_prefix("W/").map_or((false, part), |rest| (true, rest));
            let inside = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            let inside = inside.filter(|inside| !inside.contains('"')).ok_or_else(wrong)?;
            tags.extend(edition(inside).map(|edition| (edition, weak)));
        }
        Ok(Some(Self::These(tags)))
    }

    /// Whether one of them is this; a weak one, too.
    pub(super) fn name(&self, edition: Edition) -> bool {
        match self {
            Self::Any => true,
            Self::These(tags) => tags.iter().any(|(named, _)| *named == edition),
        }
    }
}

fn edition(text: &str) -> Option<Edition> {
    let (number, milliseconds) = text.split_once('-')?;
    let hex = |text: &str| u64::from_str_radix(text, 16).ok();
    Some(Edition { number: hex(number)?, milliseconds: hex(milliseconds)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::header::IF_MATCH;

    #[test]
    fn tags_are_read_as_they_are_written_and_others_name_nothing() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(IF_MATCH, HeaderValue::from_str(text).unwrap());
            Tags::read(&headers, &IF_MATCH)
        };
        let one = Edition { number: 26, milliseconds: 1_795_231_920_000 };
        let other = Edition { number: 27, ..one };
        let both = format!("{}, {}", tag(one, false), tag(other, true));
        let both = read(&both).unwrap().unwrap();
        assert_eq!(both, Tags::These(vec![(one, false), (other, true)]));
        assert!(both.name(one) && both.name(other) && !both.name(Edition { number: 0, ..one }));
        assert_eq!(read("*").unwrap(), Some(Tags::Any));
        assert_eq!(read("\"xyz\", \"\"").unwrap(), Some(Tags::These(vec![])));
        for wrong in ["1a-0", "\"", "*, \"1-1\"", "\"a\"b\"", "W/1-1"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_date_of_http_is_written_as_rfc_9110_wants_it() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(784_111_777_500);
        assert_eq!(http_date(time).unwrap(), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
