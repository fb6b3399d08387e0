//! How a message of a stored queue goes out: under which name, and what the rule said when it was queued. So it goes out as it
//! was queued, whatever the rules say by then. Pure.

use super::rules::{Qos, REMOTE_LIMITS, Text};
use crate::hub::Ticket;
use crate::moment::Steady;
use crate::topic::Topic;

/// A message of a queue that the store has a copy of.
#[derive(Debug)]
pub struct Stored {
    /// Its place in the store; with it, it goes.
    pub ticket: Ticket,
    /// How it goes out.
    pub way: Way,
    /// How long it may wait.
    pub until: Steady,
}

/// How a message goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The topic at the broker.
    pub topic: Topic,
    /// The QoS of the rule.
    pub qos: Qos,
    /// What becomes of text.
    pub text: Text,
    /// Whether what the hub keeps is kept there.
    pub keeps: bool,
    /// Where it has been, for far sides that have room for that. With it a message that comes twice is known.
    pub stamp: Option<String>,
}

const VERSION: u8 = 1;

impl Way {
    /// As the store has it.
    pub fn to_bytes(&self) -> Box<[u8]> {
        let qos = match self.qos {
            Qos::AtMostOnce => 0,
            Qos::AtLeastOnce => 1,
            Qos::ExactlyOnce => 2,
        };
        let text = match self.text {
            Text::String => 0,
            Text::Bare => 1,
            Text::Drop => 2,
        };
        let head = [VERSION, qos, text, u8::from(self.keeps)];
        let stamp = self.stamp.as_deref().unwrap_or_default();
        // A topic has no NUL.
        [&head, self.topic.as_str().as_bytes(), &[0], stamp.as_bytes()].concat().into()
    }

    /// What the store had; nothing if this program does not know what it means.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let ([VERSION, qos, text, keeps], rest) = bytes.split_first_chunk()? else { return None };
        let qos = match qos {
            0 => Qos::AtMostOnce,
            1 => Qos::AtLeastOnce,
            2 => Qos::ExactlyOnce,
            _ => return None,
        };
        let text = match text {
            0 => Text::String,
            1 => Text::Bare,
            2 => Text::Drop,
            _ => return None,
        };
        let (topic, stamp) = std::str::from_utf8(rest).ok()?.split_once('\0')?;
        let topic = Topic::parse(topic, &REMOTE_LIMITS).ok()?;
        let stamp = (!stamp.is_empty()).then(|| stamp.into());
        Some(Self { topic, qos, text, keeps: *keeps == 1, stamp })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_is_read_as_it_was_written_and_what_is_none_is_not_read() {
        let topic = Topic::parse("house/relay/0/set", &REMOTE_LIMITS).unwrap();
        let way = |qos, text, keeps, stamp: Option<&str>| {
            let (topic, stamp) = (topic.clone(), stamp.map(str::to_owned));
            Way { topic, qos, text, keeps, stamp }
        };
        for way in [
            way(Qos::AtMostOnce, Text::Bare, true, None),
            way(Qos::AtLeastOnce, Text::String, false, Some("hub.7 hub")),
            way(Qos::ExactlyOnce, Text::Drop, true, Some("~hub.7 hub")),
        ] {
            assert_eq!(Way::read(&way.to_bytes()), Some(way));
        }
        for bytes in [
            &b""[..],
            b"\x01\x00\x00",
            b"\x02\x00\x00\x00a\x00",
            b"\x01\x03\x00\x00a\x00",
            b"\x01\x00\x00\x00a",
        ] {
            assert_eq!(Way::read(bytes), None);
        }
    }
}
