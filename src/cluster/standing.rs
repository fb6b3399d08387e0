//! What stands at a topic, as it is put at the servers.

use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::stamp::{Number, Stamp};
use crate::hub::{Clock, Hub, Publication, Retention, Source, Stands};
use crate::moment::Moment;
use crate::talk::Kind;
use crate::topic::Topic;

/// What stands beside it, and the payload; nothing where nothing stands, or where that has expired. The hub has this name and
/// this life.
pub(super) fn put(hub: &Hub, topic: &Topic, of: (&str, &str)) -> Option<(String, Bytes)> {
    let now = Moment::now();
    match hub.stands(topic)? {
        Stands::Value(value) if value.has_expired(now) => None,
        Stands::Value(value) => {
            let payload = Bytes::copy_from_slice(value.payload().as_bytes());
            Some((stamp(&value, (Retention::Keep, value.clock()), of, now), payload))
        }
        Stands::Cleared(clock) => {
            let time = SystemTime::UNIX_EPOCH + Duration::from_millis(clock.milliseconds());
            let message =
                Publication::new(topic.clone(), "null", Kind::of(topic.as_str()), "hub".into(), time);
            Some((stamp(&message, (Retention::Clear, clock), of, now), Bytes::from_static(b"null")))
        }
    }
}

fn stamp(
    message: &Publication,
    (retention, clock): (Retention, Clock),
    (hub, session): (&str, &str),
    now: Moment,
) -> String {
    let milliseconds = Clock::of(message.time()).milliseconds();
    // Whoever reads it later counts from when it was said.
    let since = Clock::of(now.wall()).milliseconds().saturating_sub(milliseconds);
    let stamp = Stamp {
        hub,
        session,
        number: Number { of_hub: 1, of_topic: 1 },
        milliseconds,
        source: Source::FarLastValue,
        kind: message.kind,
        retention,
        user: (&*message.from).into(),
        expires_in: message.expires_in(now).map(|time| time.saturating_add(since)),
        trail: message.trail().map(|trail| (&*trail.stamp).into()),
        passed_on: message.extras().map_or("", |extras| &*extras.passed_on).into(),
        clock: (clock != Clock::at(milliseconds)).then_some(clock),
        says_more: false,
    };
    stamp.text()
}
