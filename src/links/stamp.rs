//! What a message carries through brokers of MQTT 5 so that hubs know it again: `<id> <hub> <hub> …`, the hubs in the
//! order in which it passed them. Pure.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

/// The name of the user property.
pub const PROPERTY: &str = "clown-hub";
/// A message that has passed so many hubs goes no further.
pub const MOST_HUBS: usize = 8;
/// A stamp that is longer is no stamp of a hub.
pub const MOST_BYTES: usize = 512;

/// How the ids of messages begin that no hub began.
const FOREIGN: char = '~';

/// A stamp as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp<'t>(&'t str);

impl<'t> Stamp<'t> {
    /// The door: what is no stamp of a hub is none at all.
    pub fn parse(text: &'t str) -> Option<Self> {
        let sound = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic());
        (text.len() <= MOST_BYTES && text.split(' ').all(sound)).then_some(Self(text))
    }

    /// What tells this message from all others.
    pub fn id(&self) -> &'t str {
        self.0.split(' ').next().unwrap_or_default()
    }

    /// Whether it began with a client of a broker, so that several hubs may have stamped it.
    pub fn is_foreign(&self) -> bool {
        self.0.starts_with(FOREIGN)
    }

    /// Whether a hub has passed it on.
    pub fn has_passed(&self, hub: &str) -> bool {
        self.hubs().any(|passed| passed == hub)
    }

    /// Whether it has passed as many hubs as it may.
    pub fn is_worn(&self) -> bool {
        self.hubs().count() >= MOST_HUBS
    }

    fn hubs(&self) -> impl Iterator<Item = &'t str> {
        self.0.split(' ').skip(1)
    }
}

/// A stamp for a message that began at this hub and has passed no other. Last values from before the start of the hub have
/// the number 0, all of them, and each topic has one: there the topic makes the id.
pub fn fresh(hub: &str, number: u64, topic: &str) -> String {
    match number {
        0 => format!("{hub}.t{:016x} {hub}", FixedState::default().hash_one(topic)),
        number => format!("{hub}.{number} {hub}"),
    }
}

/// A stamp for a message that a client of a broker began.
pub fn foreign(hub: &str, number: u64) -> Box<str> {
    format!("{FOREIGN}{hub}.{number}").into()
}

/// The stamp with one more hub.
pub fn passing(stamp: &str, hub: &str) -> String {
    format!("{stamp} {hub}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_keeps_its_id_and_gathers_hubs() {
        let mut text = fresh("a", 7, "t");
        assert!(Stamp::parse(&text).unwrap().has_passed("a"));
        for hub in ["b", "c"] {
            assert!(!Stamp::parse(&text).unwrap().has_passed(hub));
            text = passing(&text, hub);
            assert!(Stamp::parse(&text).unwrap().has_passed(hub));
        }
        assert_eq!((text.as_str(), Stamp::parse(&text).unwrap().id()), ("a.7 a b c", "a.7"));
        assert!(!Stamp::parse(&text).unwrap().is_foreign());
        assert!(Stamp::parse(&foreign("a", 7)).unwrap().is_foreign());
        for _ in 0..MOST_HUBS {
            text = passing(&text, "d");
        }
        assert!(Stamp::parse(&text).unwrap().is_worn());
    }

    #[test]
    fn last_values_from_before_the_start_are_told_apart_by_their_topics() {
        let id = |topic| Stamp::parse(&fresh("a", 0, topic)).unwrap().id().to_owned();
        assert_eq!(id("t/1"), id("t/1"));
        assert!(id("t/1") != id("t/2") && !id("t/1").starts_with("a.0"));
    }

    #[test]
    fn what_others_write_there_is_no_stamp() {
        for text in ["", " ", "a  b", "a \u{7}", "ž b", &"a".repeat(MOST_BYTES + 1)] {
            assert_eq!(Stamp::parse(text), None, "{text:?}");
        }
    }
}
