//! What the hub is asked about the past, and what it answers (`docs/protocol.md`, clause 4.9).

use serde::Serialize;
use serde_json::value::RawValue;

use super::keys::Keys;
use super::moments::moment;

/// The most filters of one question.
const MOST_FILTERS: usize = 100;
/// The most points of one series.
pub const MOST_POINTS: usize = 5000;
/// The points where nothing is said.
const POINTS: usize = 500;
const DAY: u64 = 86_400_000;

/// The payload of `clown.talk/-/history/get`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryGet {
    /// The JSON text of the asker's `id`.
    pub id: Option<String>,
    /// Which topics.
    pub filters: Vec<String>,
    /// Which part of their payloads, where not all: a JSON pointer.
    pub path: Option<String>,
    /// From when on, in milliseconds since 1970.
    pub since: u64,
    /// Until when.
    pub until: u64,
    /// How many points of each series.
    pub points: usize,
    /// The step in milliseconds, 0 for each reading; the hub chooses it where nothing is said.
    pub step: Option<u64>,
    /// The series that the answer before this one ended with.
    pub after: Option<(String, String)>,
}

/// Why a question is none: the sentence, and the `id`, where it could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoQuestion {
    /// The JSON text of the asker's `id`.
    pub id: Option<String>,
    /// The sentence.
    pub reason: String,
}

/// The payload of `clown.talk/-/history/forget`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryForget {
    /// The JSON text of the asker's `id`.
    pub id: Option<String>,
    /// Of which topics.
    pub filters: Vec<String>,
}

impl HistoryForget {
    /// Reads it.
    pub fn parse(payload: &str) -> Result<Self, NoQuestion> {
        let keys = Keys::parse(payload).map_err(|reason| NoQuestion { id: None, reason })?;
        let id = keys.raw("id").map(|id| id.get().to_owned());
        let filters = keys.typed::<Vec<String>>("filters", "an array of strings");
        match filters {
            Ok(Some(filters)) if !filters.is_empty() && filters.len() <= MOST_FILTERS => {
                Ok(Self { id, filters })
            }
            Ok(_) => {
                let reason = format!("key filters has to be an array of 1 to {MOST_FILTERS} strings");
                Err(NoQuestion { id, reason })
            }
            Err(reason) => Err(NoQuestion { id, reason }),
        }
    }
}

impl HistoryGet {
    /// Reads it, at this moment in milliseconds since 1970.
    pub fn parse(payload: &str, now: u64) -> Result<Self, NoQuestion> {
        let keys = Keys::parse(payload).map_err(|reason| NoQuestion { id: None, reason })?;
        let id = keys.raw("id").map(|id| id.get().to_owned());
        Self::of(&keys, now)
            .map(|asked| Self { id: id.clone(), ..asked })
            .map_err(|reason| NoQuestion { id, reason })
    }

    fn of(keys: &Keys<'_>, now: u64) -> Result<Self, String> {
        let filters: Vec<String> = keys
            .typed("filters", "an array of strings")?
            .ok_or("key filters is missing: an array of strings")?;
        if filters.len() > MOST_FILTERS {
            return Err(format!(
                "key filters has {} filters, and {MOST_FILTERS} are the most",
                filters.len()
            ));
        }
        let moment = |key: &str, usual: u64| {
            keys.raw(key).filter(|raw| raw.get() != "null").map_or(Ok(usual), |raw| moment(key, raw, now))
        };
        let (since, until) = (moment("since", now.saturating_sub(DAY))?, moment("until", now)?);
        if since > now {
            return Err(
                "key since is in the future by the clock of the hub: there is no history yet".to_owned()
            );
        }
        if until < since {
            return Err("key until is before since".to_owned());
        }
        let points = keys.typed("points", "a whole number")?.unwrap_or(POINTS);
        if !(1..=MOST_POINTS).contains(&points) {
            return Err(format!("key points is {points}, and has to be 1 to {MOST_POINTS}"));
        }
        let step: Option<f64> = keys.typed("step", "a number of seconds, or 0 for each reading")?;
        let step = step.map(milliseconds).transpose()?;
        if let Some(step) = step.filter(|step| *step > 0)
            && (until - since) / step >= MOST_POINTS as u64
        {
            return Err(format!(
                "key step gives more than {MOST_POINTS} points; ask for a longer one, or in pieces"
            ));
        }
        let path = keys.typed("path", "a string, a JSON pointer such as /temperature/0")?;
        let after = keys.typed("after", "[topic, path]")?;
        Ok(Self { id: None, filters, path, since, until, points, step, after })
    }

    /// The payload that asks for what comes after a series.
    pub fn more(&self, topic: &str, path: &str) -> Option<Box<RawValue>> {
        let id: Option<Box<RawValue>> = self.id.as_deref().and_then(|id| serde_json::from_str(id).ok());
        let (path_asked, step) = (&self.path, self.step.map(seconds));
        let (filters, since, until, points) = (&self.filters, self.since, self.until, self.points);
        let after = Some((topic, path));
        serde_json::value::to_raw_value(&More {
            id,
            filters,
            path: path_asked,
            since,
            until,
            points,
            step,
            after,
        })
        .ok()
    }
}

#[derive(Serialize)]
struct More<'m> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Box<RawValue>>,
    filters: &'m [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    path: &'m Option<String>,
    since: u64,
    until: u64,
    points: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<f64>,
    after: Option<(&'m str, &'m str)>,
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range was looked at")]
fn milliseconds(step: f64) -> Result<u64, String> {
    let step = step * 1000.0;
    if step == 0.0 || (1000.0..=1e15).contains(&step) && step % 1000.0 == 0.0 {
        Ok(step as u64)
    } else {
        Err("key step must be a whole number of seconds, or 0 for each reading".to_owned())
    }
}

#[expect(clippy::cast_precision_loss, reason = "steps are small")]
fn seconds(step: u64) -> f64 {
    step as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_856_400_000;

    fn reason(payload: &str) -> String {
        HistoryGet::parse(payload, NOW).unwrap_err().reason
    }

    #[test]
    fn a_question_has_a_day_and_500_points_where_nothing_is_said() {
        let asked = HistoryGet::parse(r#"{"filters": ["a/#"], "id": [1]}"#, NOW).unwrap();
        assert_eq!((asked.since, asked.until, asked.points), (NOW - DAY, NOW, 500));
        assert_eq!(asked.id.as_deref(), Some("[1]"));
        let more = asked.more("a/b", "/c").unwrap();
        let again = HistoryGet::parse(more.get(), NOW + 5000).unwrap();
        assert_eq!(again, HistoryGet { after: Some(("a/b".to_owned(), "/c".to_owned())), ..asked });
    }

    #[test]
    fn what_is_wrong_with_a_question_is_told() {
        for (payload, expected) in [
            ("[]", "the payload must be an object"),
            ("{}", "key filters is missing: an array of strings"),
            (
                r#"{"filters": [], "since": "2100-01-01T00:00:00Z"}"#,
                "key since is in the future by the clock of the hub: there is no history yet",
            ),
            (r#"{"filters": [], "until": 5}"#, "key until is before since"),
            (r#"{"filters": [], "points": 1000000}"#, "key points is 1000000, and has to be 1 to 5000"),
            (r#"{"filters": [], "until": 18446744073709551615}"#, "key until is after the year 9999"),
            (r#"{"filters": [], "points": 0}"#, "key points is 0, and has to be 1 to 5000"),
            (
                r#"{"filters": [], "step": 0.5}"#,
                "key step must be a whole number of seconds, or 0 for each reading",
            ),
            (
                r#"{"filters": [], "step": 1}"#,
                "key step gives more than 5000 points; ask for a longer one, or in pieces",
            ),
            (
                r#"{"filters": [], "path": 5}"#,
                "key path must be a string, a JSON pointer such as /temperature/0",
            ),
        ] {
            assert_eq!(reason(payload), expected, "{payload}");
        }
        assert!(
            reason(r#"{"filters": [], "since": "soon"}"#)
                .starts_with("key since must be milliseconds since 1970, ")
        );
        let many = serde_json::json!({"filters": vec!["a"; 10_000], "id": 3});
        let refused = HistoryGet::parse(&many.to_string(), NOW).unwrap_err();
        assert_eq!(refused.reason, "key filters has 10000 filters, and 100 are the most");
        assert_eq!(refused.id.as_deref(), Some("3"));
    }
}
