//! What a link tells Home Assistant at its broker: announcements of what its rules carry, under the names that it has there.

use std::sync::Arc;

use super::carry::ANNOUNCED;
use super::queue::Entry;
use super::rules::{REMOTE_LIMITS, Rule, Rules};
use crate::discovery::run::{PIECE, tell_left_out};
use crate::discovery::{Announcement, Discovery};
use crate::hub::{Publication, Relayed, Retention};
use crate::moment::Moment;
use crate::talk::Kind;
use crate::topic::Topic;

/// Who announces, as the log sees it.
const NAME: &str = "home-assistant";

/// The announcements of a link.
pub(super) struct House(Discovery);

impl House {
    pub(super) fn new(prefix: &str) -> Self {
        Self(Discovery::new(prefix))
    }

    /// The broker may know nothing any more.
    pub(super) fn begins_anew(&mut self) {
        self.0.forget_what_was_said();
    }

    /// A message goes out by this rule.
    pub(super) fn note(&mut self, message: &Publication, rule: &Rule) {
        let Some(topic) = rule.outward(&message.topic) else { return };
        let cleared = message.retention == Retention::Clear;
        let left_out = self.0.left_out();
        self.0.note(topic.as_str(), message.payload(), cleared);
        if self.0.left_out() > left_out {
            tell_left_out(topic.as_str());
        }
    }

    /// Whether something is to be announced.
    pub(super) fn has_news(&self) -> bool {
        self.0.has_news()
    }

    /// The next things to be announced, so many at most, as messages that go out as they are.
    pub(super) fn news(&mut self, most: usize, rules: &Rules, now: Moment) -> Vec<Entry> {
        // A command comes in where a rule asks for it.
        let takes_commands = |topic: &str| {
            Topic::parse(topic, &REMOTE_LIMITS).is_ok_and(|topic| rules.for_remote(&topic).is_some())
        };
        let news = self.0.news(most.min(PIECE), &takes_commands);
        news.into_iter().filter_map(|news| entry(news, now)).collect()
    }
}

/// An announcement as it goes out. It is no message of the hub: with every new session of the broker it is made again, so no store
/// has it.
fn entry(Announcement { topic, payload }: Announcement, now: Moment) -> Option<Entry> {
    let topic = Topic::parse(&topic, &REMOTE_LIMITS).ok()?;
    let retention = if payload.is_some() { Retention::Keep } else { Retention::Clear };
    let payload = payload.as_deref().unwrap_or("null");
    // As a reading: the newest one of a topic is enough.
    let mut message = Publication::new(topic, payload, Kind::Reading, NAME.into(), now.wall());
    message.retention = retention;
    let relayed = Relayed::plainly(Arc::new(message), true);
    Some(Entry { relayed, rule: ANNOUNCED, stored: None, heard: now.steady() })
}
