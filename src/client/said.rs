//! What a hub says to a client about its connection (`docs/protocol.md`, clauses 3, 4 and 5).

use serde::Deserialize;

use crate::talk::Frame;

const OWN: &str = "clown.talk/-/";

/// One word of the hub.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// The transmission is open; these are the hub's limits, as far as it tells them.
    Open(Limits),
    /// `config/error` or `subscription/error`.
    Refused {
        /// Why.
        reason: String,
        /// The filters at fault.
        filters: Vec<String>,
    },
    /// `subscription/ok`.
    Subscribed,
    /// A message with this `id`, as JSON text, is routed.
    Published(String),
    /// A message was refused.
    NotPublished {
        /// Why.
        reason: String,
        /// Which, where that could be read.
        topic: Option<String>,
        /// Its `id`, as JSON text.
        id: Option<String>,
    },
    /// So many readings were left out, as this client was too slow.
    Skipped(u64),
    /// Something that this client does not know.
    Other,
}

/// What the hub tells of its limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Limits {
    /// Bytes of one message.
    pub message_bytes: Option<usize>,
    /// Messages in a second, with a burst of two seconds' worth.
    pub messages_per_second: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Payload {
    limits: Limits,
    reason: String,
    filters: Vec<String>,
    topic: Option<String>,
    id: Option<serde_json::Value>,
    count: u64,
}

impl Said {
    /// Reads a frame; `None` where it is a message for the client's user.
    pub fn read(frame: &Frame<'_>) -> Option<Self> {
        let word = frame.topic.strip_prefix(OWN)?;
        let payload = serde_json::from_str::<Payload>(frame.payload).unwrap_or_default();
        let id = payload.id.map(|id| id.to_string());
        Some(match word {
            "config/ok" => Self::Open(payload.limits),
            "config/error" | "subscription/error" => {
                Self::Refused { reason: payload.reason, filters: payload.filters }
            }
            "subscription/ok" => Self::Subscribed,
            "publish/ok" => Self::Published(id.unwrap_or_default()),
            "publish/error" => Self::NotPublished { reason: payload.reason, topic: payload.topic, id },
            "skipped" => Self::Skipped(payload.count),
            _ => Self::Other,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::talk::Frames;

    fn read(text: &str) -> Option<Said> {
        Said::read(&Frames::of(text).next().unwrap().unwrap())
    }

    #[test]
    fn the_words_of_the_hub_are_told_from_messages() {
        assert_eq!(read(r#"["a/config/ok", {"limits": {}}]"#), None);
        assert_eq!(
            read(r#"["clown.talk/-/publish/ok", {"id": "a"}]"#),
            Some(Said::Published("\"a\"".to_owned()))
        );
        assert_eq!(read(r#"["clown.talk/-/skipped", {"count": 3}]"#), Some(Said::Skipped(3)));
        assert_eq!(read(r#"["clown.talk/-/what/comes/later", 7]"#), Some(Said::Other));
    }

    #[test]
    fn limits_that_are_not_told_are_not_known() {
        let limits = |text: &str| match read(&format!("[\"clown.talk/-/config/ok\", {text}]")) {
            Some(Said::Open(limits)) => limits,
            other => panic!("{other:?}"),
        };
        assert_eq!(limits(r#"{"ack": false, "device": "bridge"}"#), Limits::default());
        let told = limits(r#"{"limits": {"message-bytes": 10, "messages-per-second": 20, "more": {}}}"#);
        assert_eq!((told.message_bytes, told.messages_per_second), (Some(10), Some(20)));
    }
}
