//! What the servers are asked about the stream of last values, and what they answer: the texts of the API of `JetStream`. Pure.
//!
//! They are written here and not by the library, as that asks for what old servers do not know.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::reader::PIECE;
use super::stamp;

/// The least that a piece may have in bytes.
const PIECE_BYTES: usize = 4 * 1024 * 1024;
/// How long the servers keep what is read and not ended, in nanoseconds.
const FORGOTTEN: u64 = 10_000_000_000;

const NO_STREAM: u64 = 10059;
const NO_MESSAGE: u64 = 10037;
const NOT_ENABLED: [u64; 2] = [10039, 10076];
const ONE_SERVER: u64 = 10074;
const FEW_SERVERS: u64 = 10005;
const NO_LEADER: [u64; 2] = [10008, 10009];
const OTHER_LAST: [u64; 2] = [10071, 10164];
const FULL: [u64; 3] = [10077, 10047, 10023];
const OTHER_SETTINGS: u64 = 10058;

/// The stream, and what is set of it.
#[derive(Debug, Clone)]
pub struct Stream {
    name: String,
    /// What it keeps.
    subjects: Vec<String>,
    /// On how many servers it is to be.
    pub replicas: usize,
    /// Its bytes, at the most.
    bytes: u64,
    message_bytes: usize,
}

/// A stream that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct There {
    /// When it was made. Another one has another time.
    pub created: String,
    /// On how many servers it is.
    pub replicas: usize,
    /// Last values in it.
    pub messages: u64,
}

/// What came of the question for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Looked {
    /// It is there.
    There(There),
    /// It is to be made.
    Missing,
    /// There is one server alone.
    OneServer,
    /// There are fewer servers than it is to be on.
    FewServers,
    /// The servers keep nothing.
    NoJetStream,
    /// They cannot say that now.
    NoLeader,
    /// Another one is there, or something else is wrong, as this says.
    Wrong(String),
}

/// What came of a last value that was put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// It has this number.
    At(u64),
    /// Another one is there.
    Other,
    /// There is no room.
    Full,
    /// They cannot take it now.
    NoLeader,
    /// Something else, as this says.
    Refused(String),
}

/// What came of the question for what is kept of one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Got {
    /// This.
    Message(Message),
    /// Nothing.
    Nothing,
    /// They cannot say that now.
    NoLeader,
    /// Something else, as this says.
    Refused(String),
}

/// What is kept of one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its subject.
    pub subject: String,
    /// Its number in the stream.
    pub number: u64,
    /// What stands beside it.
    pub stamp: String,
    /// The payload.
    pub payload: Vec<u8>,
}

#[derive(Debug, Deserialize)]
struct Failed {
    #[serde(default)]
    err_code: u64,
    #[serde(default)]
    description: String,
}

#[derive(Debug, Deserialize)]
struct Answer {
    error: Option<Failed>,
    config: Option<Value>,
    #[serde(default)]
    created: String,
    state: Option<Value>,
    #[serde(default)]
    seq: u64,
    message: Option<Raw>,
    name: Option<String>,
    #[serde(default)]
    num_pending: u64,
}

#[derive(Debug, Deserialize)]
struct Raw {
    #[serde(default)]
    subject: String,
    seq: u64,
    #[serde(default)]
    hdrs: String,
    #[serde(default)]
    data: String,
}

fn read(answer: &[u8]) -> Result<Answer, Failed> {
    let answer: Answer = serde_json::from_slice(answer)
        .map_err(|error| Failed { err_code: 0, description: format!("no answer of JetStream: {error}") })?;
    match answer.error {
        Some(failed) => Err(failed),
        None => Ok(answer),
    }
}

impl Stream {
    /// That of a cluster with this prefix, which keeps these subjects.
    pub fn new(
        prefix: &str,
        subjects: [String; 2],
        replicas: usize,
        bytes: u64,
        message_bytes: usize,
    ) -> Self {
        // No prefix has an `=` in it.
        let name = format!("{}-last", prefix.replace('.', "="));
        Self { name, subjects: subjects.into(), replicas, bytes, message_bytes }
    }

    /// That of the accounts, which keeps one message.
    pub fn of_accounts(prefix: &str, subject: String, replicas: usize, bytes: u64) -> Self {
        let name = format!("{}-accounts", prefix.replace('.', "="));
        Self { name, subjects: vec![subject], replicas, bytes, message_bytes: 0 }
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is there: subject and text.
    pub fn look(&self) -> (String, String) {
        (format!("$JS.API.STREAM.INFO.{}", self.name), String::new())
    }

    /// It is to be made.
    pub fn make(&self, replicas: usize) -> (String, String) {
        let config = json!({
            "name": self.name, "subjects": self.subjects, "retention": "limits", "max_msgs_per_subject": 1,
            "max_msgs": -1, "max_consumers": -1, "max_bytes": self.bytes, "max_age": 0, "storage": "file", "discard": "new",
            "num_replicas": replicas,
        });
        (format!("$JS.API.STREAM.CREATE.{}", self.name), config.to_string())
    }

    /// What they have answered to either.
    pub fn looked(&self, answer: &[u8]) -> Looked {
        let answer = match read(answer) {
            Ok(answer) => answer,
            Err(Failed { err_code: NO_STREAM | OTHER_SETTINGS, .. }) => return Looked::Missing,
            Err(failed) if NOT_ENABLED.contains(&failed.err_code) => return Looked::NoJetStream,
            Err(failed) if NO_LEADER.contains(&failed.err_code) => return Looked::NoLeader,
            Err(Failed { err_code: ONE_SERVER, .. }) => return Looked::OneServer,
            Err(Failed { err_code: FEW_SERVERS, .. }) => return Looked::FewServers,
            Err(failed) => return Looked::Wrong(failed.description),
        };
        let config = answer.config.unwrap_or_default();
        let set = |key: &str| config.get(key).cloned().unwrap_or_default();
        let is_ours = set("subjects") == json!(self.subjects) && set("max_msgs_per_subject") == 1;
        if !is_ours {
            return Looked::Wrong(format!(
                "the stream {} is there already, and hubs have not made it",
                self.name
            ));
        }
        let replicas = set("num_replicas").as_u64().unwrap_or(1);
        let messages = answer.state.and_then(|state| state.get("messages")?.as_u64()).unwrap_or_default();
        let replicas = usize::try_from(replicas).unwrap_or_default();
        Looked::There(There { created: answer.created, replicas, messages })
    }

    /// What they have answered to a last value.
    pub fn stored(answer: &[u8]) -> Stored {
        match read(answer) {
            Ok(Answer { seq, .. }) if seq > 0 => Stored::At(seq),
            Ok(_) => Stored::Refused("an answer without a number".to_owned()),
            Err(failed) if OTHER_LAST.contains(&failed.err_code) => Stored::Other,
            Err(failed) if FULL.contains(&failed.err_code) => Stored::Full,
            Err(failed) if NO_LEADER.contains(&failed.err_code) => Stored::NoLeader,
            Err(failed) => Stored::Refused(failed.description),
        }
    }

    /// What is kept under a subject?
    pub fn get(&self, subject: &str) -> (String, String) {
        (format!("$JS.API.STREAM.MSG.GET.{}", self.name), json!({"last_by_subj": subject}).to_string())
    }

    /// What is kept under these subjects first, from this number on?
    pub fn get_from(&self, subjects: &str, number: u64) -> (String, String) {
        let text = json!({"next_by_subj": subjects, "seq": number.max(1)}).to_string();
        (format!("$JS.API.STREAM.MSG.GET.{}", self.name), text)
    }

    /// What they have answered to that.
    pub fn got(answer: &[u8]) -> Got {
        let raw = match read(answer) {
            Ok(Answer { message: Some(raw), .. }) => raw,
            Ok(_) | Err(Failed { err_code: NO_MESSAGE, .. }) => return Got::Nothing,
            Err(failed) if NO_LEADER.contains(&failed.err_code) => return Got::NoLeader,
            Err(failed) => return Got::Refused(failed.description),
        };
        let headers = STANDARD.decode(raw.hdrs).ok().and_then(|headers| String::from_utf8(headers).ok());
        let stamp = headers.as_deref().and_then(|headers| {
            let mut lines = headers.lines().filter_map(|line| line.split_once(':'));
            lines.find(|(name, _)| *name == stamp::HEADER).map(|(_, stamp)| stamp.trim().to_owned())
        });
        let (stamp, payload) = (stamp.unwrap_or_default(), STANDARD.decode(raw.data).unwrap_or_default());
        Got::Message(Message { subject: raw.subject, number: raw.seq, stamp, payload })
    }

    /// To go through what these subjects name.
    pub fn begin(&self, subjects: &[String]) -> (String, String) {
        // Servers before 2.10 know one filter only.
        let (filters, named) = match subjects {
            [subject] => ("filter_subject", json!(subject)),
            subjects => ("filter_subjects", json!(subjects)),
        };
        let config = json!({
            "deliver_policy": "last_per_subject", "ack_policy": "none", "replay_policy": "instant", "mem_storage": true,
            "num_replicas": 1, "inactive_threshold": FORGOTTEN, filters: named,
        });
        let text = json!({"stream_name": self.name, "config": config}).to_string();
        (format!("$JS.API.CONSUMER.CREATE.{}", self.name), text)
    }

    /// What they call it, and how many there are; or why not.
    pub fn begun(answer: &[u8]) -> Result<(String, u64), String> {
        match read(answer) {
            Ok(Answer { name: Some(name), num_pending, .. }) => Ok((name, num_pending)),
            Ok(_) => Err("an answer without a name".to_owned()),
            Err(failed) => Err(failed.description),
        }
    }

    /// The next piece of it.
    pub fn next(&self, name: &str) -> (String, String) {
        let bytes = PIECE_BYTES.max(self.message_bytes.saturating_mul(2));
        let text = json!({"batch": PIECE, "no_wait": true, "max_bytes": bytes}).to_string();
        (format!("$JS.API.CONSUMER.MSG.NEXT.{}.{name}", self.name), text)
    }

    /// It is not needed any more.
    pub fn end(&self, name: &str) -> (String, String) {
        (format!("$JS.API.CONSUMER.DELETE.{}.{name}", self.name), String::new())
    }

    /// What was kept under a subject up to this number is not needed any more.
    pub fn purge(&self, subject: &str, number: u64) -> (String, String) {
        let text = json!({"filter": subject, "seq": number.saturating_add(1)}).to_string();
        (format!("$JS.API.STREAM.PURGE.{}", self.name), text)
    }

    /// What a message that was read says of itself by the subject for its answer: by what it was read, and its number.
    pub fn read_by(reply: &str) -> Option<(&str, u64)> {
        let mut words = reply.strip_prefix("$JS.ACK.")?.split('.');
        // With a domain and an account two more stand in front.
        let skipped = if words.clone().count() > 7 { 3 } else { 1 };
        let (name, _, number) = (words.nth(skipped)?, words.next()?, words.next()?);
        Some((name, number.parse().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Stream {
        Stream::new("clown.x", ["clown.x.l.>".to_owned(), "clown.x.p.>".to_owned()], 3, 1000, 100)
    }

    #[test]
    fn answers_are_read_as_servers_write_them() {
        let look = |text: &str| stream().looked(text.as_bytes());
        let good = r#"{"config":{"name":"clown=x-last","subjects":["clown.x.l.\u003e","clown.x.p.\u003e"],"max_msgs_per_subject":1,"num_replicas":3},
            "created":"2026-11-29T19:54:30Z","state":{"messages":7}}"#;
        let there = There { created: "2026-11-29T19:54:30Z".to_owned(), replicas: 3, messages: 7 };
        assert_eq!(look(good), Looked::There(there));
        assert!(matches!(look(&good.replace("clown.x.l", "other")), Looked::Wrong(_)));
        assert!(matches!(look("nonsense"), Looked::Wrong(_)));
        let failed =
            |code: u64| format!(r#"{{"error":{{"code":400,"err_code":{code},"description":"so"}}}}"#);
        assert_eq!(look(&failed(10059)), Looked::Missing);
        assert_eq!(look(&failed(10074)), Looked::OneServer);
        assert_eq!(look(&failed(10005)), Looked::FewServers);
        assert_eq!(look(&failed(10008)), Looked::NoLeader);
        assert_eq!(look(&failed(10076)), Looked::NoJetStream);
        assert_eq!(look(&failed(1)), Looked::Wrong("so".to_owned()));
        let stored = |text: &str| Stream::stored(text.as_bytes());
        assert_eq!(stored(r#"{"stream":"clown", "seq":5}"#), Stored::At(5));
        assert_eq!(stored(&failed(10071)), Stored::Other);
        assert_eq!(stored(&failed(10077)), Stored::Full);
        assert_eq!(stored(&failed(10008)), Stored::NoLeader);
        assert_eq!(stored(&failed(9)), Stored::Refused("so".to_owned()));
        let found = r#"{"message":{"subject":"a","seq":2,"hdrs":"TkFUUy8xLjANCk5hdHMtRXhwZWN0ZWQtTGFzdC1TdWJqZWN0LVNlcXVlbmNlOiAxDQpDbG93bi1IdWI6IHkNCg0K","data":"Mg=="}}"#;
        let message =
            Message { subject: "a".to_owned(), number: 2, stamp: "y".to_owned(), payload: b"2".to_vec() };
        assert_eq!(Stream::got(found.as_bytes()), Got::Message(message));
        assert_eq!(Stream::got(failed(10037).as_bytes()), Got::Nothing);
        assert_eq!(Stream::got(failed(10008).as_bytes()), Got::NoLeader);
        assert_eq!(Stream::begun(br#"{"name":"x","num_pending":4}"#), Ok(("x".to_owned(), 4)));
        assert_eq!(Stream::begun(failed(9).as_bytes()), Err("so".to_owned()));
    }

    #[test]
    fn a_message_says_by_what_it_was_read() {
        assert_eq!(
            Stream::read_by("$JS.ACK.clown-last.BjEG5CL7.1.3.2.1795982050979448727.4"),
            Some(("BjEG5CL7", 3))
        );
        assert_eq!(Stream::read_by("$JS.ACK.hub.AHASH.clown-last.x.1.3.2.17.4.token"), Some(("x", 3)));
        assert_eq!(Stream::read_by("elsewhere"), None);
    }
}
