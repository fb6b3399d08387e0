//! What the hub is asked about events, and what it answers (`docs/protocol.md`, clause 7.7).

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::keys::Keys;
use super::moments::moment;
use super::wire;

/// The most filters of one question.
const MOST_FILTERS: usize = 100;
/// The most events of one answer.
pub const MOST_EVENTS: usize = 1000;
/// The events of an answer where nothing is said.
const USUAL: usize = 100;
/// The longest `id` of a question, as JSON.
const MOST_ID: usize = 128;

/// What kind of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// A command was routed.
    #[default]
    Command,
    /// An answer was routed.
    Answer,
    /// A message or a subscription was refused.
    Refused,
    /// Somebody came in, or did not.
    SignIn,
    /// A sign-in of a page has ended before its time.
    SignOut,
    /// A node has come or gone.
    Presence,
    /// A lease is over, or is not on the disk.
    Lease,
    /// An account was changed.
    Account,
    /// Names, rooms, order or limits of the page were changed.
    Layout,
    /// Events are missing.
    Lost,
}

impl EventKind {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Answer => "answer",
            Self::Refused => "refused",
            Self::SignIn => "sign-in",
            Self::SignOut => "sign-out",
            Self::Presence => "presence",
            Self::Lease => "lease",
            Self::Account => "account",
            Self::Layout => "layout",
            Self::Lost => "lost",
        }
    }
}

/// Something that has happened. Most events have only some of these.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Event {
    /// Grows with each event. A number that was told stays with its event.
    #[serde(skip_serializing_if = "is_nought")]
    pub number: u64,
    /// When, in milliseconds since 1970.
    #[serde(rename = "time", skip_serializing_if = "is_nought", with = "time_text")]
    pub at: u64,
    /// What.
    pub kind: EventKind,
    /// Who, by the name of the account; `hub` for the hub itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<Box<str>>,
    /// What the client calls itself, or the hub calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<Box<str>>,
    /// On which side it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub side: Option<Cow<'static, str>>,
    /// From where it has connected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Box<str>>,
    /// Which account was changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<Box<str>>,
    /// By which door somebody came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub door: Option<Cow<'static, str>>,
    /// Where it stands, or wanted to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<Box<str>>,
    /// The topic of the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<Box<str>>,
    /// The JSON text of the payload.
    #[serde(skip_serializing_if = "Option::is_none", with = "wire::json_text_if_any")]
    pub payload: Option<String>,
    /// The payload has so many bytes. What is told of it is the beginning, as a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut: Option<u64>,
    /// Whether the configuration says that the payload is not to be kept.
    #[serde(skip_serializing_if = "wire::is_no")]
    pub omitted: bool,
    /// Into how many queues it went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered: Option<u64>,
    /// For how many seconds a command holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease: Option<f64>,
    /// What came of it, in one word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Cow<'static, str>>,
    /// After how many seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<f64>,
    /// The topic of the message that says what came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered: Option<Box<str>>,
    /// The JSON text of the node's own answer.
    #[serde(skip_serializing_if = "Option::is_none", with = "wire::json_text_if_any")]
    pub answer: Option<String>,
    /// Why, as a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Cow<'static, str>>,
    /// So many events are missing, or so many sign-ins have ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// From when on they are missing, in milliseconds since 1970; until the time of this event.
    #[serde(skip_serializing_if = "is_nought", with = "time_text")]
    pub since: u64,
    /// So many more like this one, of the same user or address, came before it and were only counted.
    #[serde(skip_serializing_if = "is_nought")]
    pub left_out: u64,
}

impl Event {
    /// The event as JSON.
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The event of such a text.
    pub fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The topic that filters name it by: its own, or one that stands for its kind.
    pub fn named(&self) -> &str {
        match (&self.topic, self.kind) {
            (Some(topic), _) => topic,
            (None, EventKind::SignIn) => "$SYS/events/sign-in",
            (None, EventKind::SignOut) => "$SYS/events/sign-out",
            (None, EventKind::Account) => "$SYS/events/account",
            (None, EventKind::Layout) => "$SYS/events/layout",
            (None, EventKind::Lost) => "$SYS/events/lost",
            (None, _) => "$SYS/events/refused",
        }
    }

    /// The bytes of what is in it.
    pub fn len(&self) -> usize {
        let who = [&self.user, &self.client, &self.address, &self.account];
        let texts = who.into_iter().chain([&self.base, &self.topic, &self.answered]);
        let texts: usize = texts.flatten().map(|text| text.len()).sum();
        let payloads: usize = [&self.payload, &self.answer].into_iter().flatten().map(String::len).sum();
        size_of::<Self>() + texts + payloads + self.reason.as_ref().map_or(0, |reason| reason.len())
    }

    /// It always says something.
    pub fn is_empty(&self) -> bool {
        false
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_nought(number: &u64) -> bool {
    *number == 0
}

/// A moment in milliseconds since 1970, as it is written for people.
mod time_text {
    use std::time::{Duration, SystemTime};

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::super::read_moment;
    use crate::talk::timestamp;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
    pub(super) fn serialize<S: Serializer>(at: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        // No year has more than four digits.
        let at = Duration::from_millis((*at).min(253_402_300_799_999));
        serializer.serialize_str(&timestamp::milliseconds(SystemTime::UNIX_EPOCH + at))
    }

    pub(super) fn deserialize<'t, D: Deserializer<'t>>(deserializer: D) -> Result<u64, D::Error> {
        let text = String::deserialize(deserializer)?;
        read_moment(&text, 0).ok_or_else(|| D::Error::custom("no moment"))
    }
}

/// The payload of `clown.talk/-/events/get`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventsGet {
    /// The JSON text of the asker's `id`.
    pub id: Option<String>,
    /// Which topics; all that the asker may read where nothing is said.
    pub filters: Option<Vec<String>>,
    /// From when on, in milliseconds since 1970.
    pub since: Option<u64>,
    /// Until when.
    pub until: Option<u64>,
    /// Of which user.
    pub by: Option<String>,
    /// How many.
    pub limit: usize,
    /// Only events with smaller numbers.
    pub before: Option<u64>,
    /// Only events with greater numbers.
    pub after: Option<u64>,
}

/// A question that is refused: the sentence, and the `id`, where it could be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Refused {
    /// The JSON text of the asker's `id`.
    #[serde(skip_serializing_if = "Option::is_none", with = "wire::json_text_if_any")]
    pub id: Option<String>,
    /// Why.
    pub reason: String,
    /// The filters at fault, if any.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "wire::each_shown")]
    pub filters: Vec<String>,
}

impl EventsGet {
    /// Reads it, at this moment in milliseconds since 1970.
    pub fn parse(payload: &str, now: u64) -> Result<Self, Refused> {
        let refused = |reason| Refused { reason, ..Refused::default() };
        let keys = Keys::parse(payload).map_err(refused)?;
        let id = keys.raw("id").filter(|id| id.get() != "null").map(|id| id.get().to_owned());
        if id.as_ref().is_some_and(|id| id.len() > MOST_ID) {
            return Err(refused(format!("key id has more than {MOST_ID} bytes")));
        }
        let read = Self::of(&keys, now);
        read.map(|get| Self { id: id.clone(), ..get }).map_err(|reason| Refused { id, ..refused(reason) })
    }

    fn of(keys: &Keys<'_>, now: u64) -> Result<Self, String> {
        let filters: Option<Vec<String>> = keys.typed("filters", "an array of strings")?;
        if let Some(filters) = filters.as_ref().filter(|filters| filters.len() > MOST_FILTERS) {
            let most = MOST_FILTERS;
            return Err(format!("key filters has {} filters, and {most} are the most", filters.len()));
        }
        let moment = |key: &str| {
            let raw = keys.raw(key).filter(|raw| raw.get() != "null");
            raw.map(|raw| moment(key, raw, now)).transpose()
        };
        let (since, until) = (moment("since")?, moment("until")?);
        if since.is_some_and(|since| since > now) {
            return Err("key since is in the future by the clock of the hub".to_owned());
        }
        if until.zip(since).is_some_and(|(until, since)| until < since) {
            return Err("key until is before since".to_owned());
        }
        let limit: Option<u64> = keys.typed("limit", "a whole number")?;
        let limit = limit.map_or(Ok(USUAL), |limit| {
            let fits = usize::try_from(limit).ok().filter(|limit| (1..=MOST_EVENTS).contains(limit));
            fits.ok_or_else(|| format!("key limit is {limit}, and has to be 1 to {MOST_EVENTS}"))
        })?;
        let by = keys.typed("by", "a string, the name of a user")?;
        let number = |key| keys.typed(key, "the number of an event");
        let (before, after) = (number("before")?, number("after")?);
        Ok(Self { id: None, filters, since, until, by, limit, before, after })
    }

    /// The payload that asks for what comes behind an event.
    pub fn more(&self, before: u64) -> Value {
        let mut more = json!({ "limit": self.limit, "before": before });
        let id: Option<Value> = self.id.as_deref().and_then(|id| serde_json::from_str(id).ok());
        let rest = [
            ("id", id),
            ("filters", self.filters.as_deref().map(Value::from)),
            ("since", self.since.map(Value::from)),
            ("until", self.until.map(Value::from)),
            ("by", self.by.as_deref().map(Value::from)),
            ("after", self.after.map(Value::from)),
        ];
        if let Some(more) = more.as_object_mut() {
            more.extend(rest.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
        }
        more
    }
}

/// What has happened, as `clown.talk/-/events/ok` tells it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EventsAnswer {
    /// The JSON text of the asker's `id`.
    #[serde(skip_serializing_if = "Option::is_none", with = "wire::json_text_if_any")]
    pub id: Option<String>,
    /// The newest first.
    pub events: Vec<Event>,
    /// What is to be asked for the rest; `null` where this is all.
    pub more: Option<Value>,
    /// So many of the newest are not on the disk, and not in this answer.
    #[serde(skip_serializing_if = "is_nought")]
    pub unwritten: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_856_400_000;

    fn reason(payload: &str) -> String {
        EventsGet::parse(payload, NOW).unwrap_err().reason
    }

    #[test]
    fn a_question_names_what_it_wants_and_what_comes_behind_is_asked_for_by_a_number() {
        let usual = EventsGet::parse("{}", NOW).unwrap();
        assert_eq!(usual, EventsGet { limit: 100, ..EventsGet::default() });
        let asked = r#"{"filters": ["a/#"], "since": "-1h", "until": "now", "by": "jana", "limit": 2, "after": 7, "id": [1]}"#;
        let asked = EventsGet::parse(asked, NOW).unwrap();
        assert_eq!((asked.since, asked.until, asked.limit), (Some(NOW - 3_600_000), Some(NOW), 2));
        let again = EventsGet::parse(&asked.more(5).to_string(), NOW + 1).unwrap();
        assert_eq!(again, EventsGet { before: Some(5), ..asked });
    }

    #[test]
    fn what_is_wrong_with_a_question_is_told() {
        for (payload, expected) in [
            ("[]", "the payload must be an object"),
            (r#"{"filters": "a"}"#, "key filters must be an array of strings"),
            (r#"{"since": "2100-01-01T00:00:00Z"}"#, "key since is in the future by the clock of the hub"),
            (r#"{"since": 6, "until": 5}"#, "key until is before since"),
            (r#"{"limit": 0}"#, "key limit is 0, and has to be 1 to 1000"),
            (r#"{"limit": 1000000000}"#, "key limit is 1000000000, and has to be 1 to 1000"),
            (r#"{"limit": -1}"#, "key limit must be a whole number"),
            (r#"{"limit": 1.5}"#, "key limit must be a whole number"),
            (r#"{"by": 5}"#, "key by must be a string, the name of a user"),
            (r#"{"before": "x"}"#, "key before must be the number of an event"),
        ] {
            assert_eq!(reason(payload), expected, "{payload}");
        }
        assert!(reason(r#"{"since": "soon"}"#).starts_with("key since must be milliseconds since 1970, "));
        let many = json!({"filters": vec!["a"; 10_000], "id": 3});
        let refused = EventsGet::parse(&many.to_string(), NOW).unwrap_err();
        assert_eq!(refused.reason, "key filters has 10000 filters, and 100 are the most");
        assert_eq!(refused.id.as_deref(), Some("3"));
    }

    #[test]
    fn an_event_is_the_same_after_it_was_written_and_read() {
        let event = Event {
            number: 812,
            at: NOW + 5,
            kind: EventKind::SignIn,
            user: Some("jana".into()),
            payload: Some(r#"{"state": 20.10}"#.to_owned()),
            result: Some("ok".into()),
            since: NOW,
            ..Event::default()
        };
        let text = event.text();
        assert_eq!(
            text,
            r#"{"number":812,"time":"2026-11-28T09:00:00.005Z","kind":"sign-in","user":"jana","payload":{"state": 20.10},"result":"ok","since":"2026-11-28T09:00:00.000Z"}"#
        );
        assert_eq!(Event::read(&text), Some(event));
        assert_eq!(Event::read(r#"{"kind":"of a newer hub"}"#), None);
    }
}
