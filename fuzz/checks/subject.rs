//! Four lines: a topic, a filter, a subject of the engine, and the line that stands beside a message. Topics come back as they
//! went, the engine sends what the filter names, and whatever comes from there is read or refused.

use clown_hub::cluster::stamp::Stamp;
use clown_hub::cluster::subject::{MOST_BYTES, Subjects};
use clown_hub::topic::{Filter, Limits, Topic};

const LIMITS: Limits = Limits { max_bytes: 1 << 16, max_levels: 256 };

/// Whether a subject is one of those that are asked for, as the documents of the engine say it.
fn sends(asked: &str, subject: &str) -> bool {
    let (asked, subject): (Vec<_>, Vec<_>) = (asked.split('.').collect(), subject.split('.').collect());
    for (at, token) in asked.iter().enumerate() {
        if *token == ">" {
            return at + 1 == asked.len() && subject.len() > at;
        }
        if *token != "*" && subject.get(at) != Some(token) {
            return false;
        }
    }
    asked.len() == subject.len()
}

pub(crate) fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let (topic, filter, subject, stamp) = (line(), line(), line(), line());
    let subjects = Subjects::under("clown");
    let topic = Topic::parse(topic, &LIMITS).ok();
    let named = topic.as_ref().and_then(|topic| subjects.of_topic(topic, true));
    if let (Some(topic), Some(named)) = (&topic, &named) {
        assert!(named.len() <= MOST_BYTES && named.bytes().all(|byte| byte.is_ascii_graphic()));
        assert!(named.split('.').all(|token| !token.is_empty() && token != "*" && token != ">"));
        assert_eq!(subjects.topic(named, &LIMITS).as_ref(), Ok(topic));
    }
    if let (Ok(filter), Some(topic), Some(named)) = (Filter::parse(filter, &LIMITS), &topic, &named) {
        let start = subjects.of_start(&filter);
        for asked in subjects.of_filter(&filter).iter().chain([&start]) {
            assert!(
                asked.len() <= MOST_BYTES && asked.bytes().all(|byte| byte.is_ascii_graphic()),
                "{asked}"
            );
            let is_sent = sends(asked, named);
            assert!(is_sent || !filter.matches(topic), "{asked} misses {named}");
        }
        let is_more = topic.as_str().starts_with('$') && filter.as_str().starts_with(['+', '#']);
        let is_sent = subjects.of_filter(&filter).is_some_and(|asked| sends(&asked, named));
        assert!(!is_sent || is_more || filter.matches(topic), "{filter} does not name {topic}");
    }
    if let Ok(topic) = subjects.topic(subject, &LIMITS) {
        let kept = subject.starts_with("clown.t.k.");
        if subject.len() <= MOST_BYTES {
            assert_eq!(subjects.of_topic(&topic, kept).as_deref(), Some(subject));
        }
    }
    if let Ok(stamp) = Stamp::parse(stamp) {
        // What a newer hub says beside it is not said again.
        let stamp = Stamp { says_more: false, ..stamp };
        assert_eq!(Stamp::parse(&stamp.text()), Ok(stamp), "what is read is written and read again");
    }
}
