//! Four lines: two filters, a topic and a base. What [`Filter`] says of two filters is held against what it says of
//! single topics, and those are made so that no difference can hide: levels that one of the filters names, and one
//! that neither does.

use clown_hub::topic::{Base, Filter, Limits, Topic, TopicError};

const LIMITS: Limits = Limits { max_bytes: 1 << 20, max_levels: 1 << 20 };

/// More levels say nothing new, and there are as many topics as levels, each as long.
const MOST_LEVELS: usize = 64;

/// No filter in here names this level.
const OTHER: &str = "\u{1}other";

pub(crate) fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if text.bytes().filter(|byte| *byte == b'/').count() > MOST_LEVELS || text.contains(OTHER) {
        return;
    }
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let (first, second, name, base) = (line(), line(), line(), line());
    for text in [first, second, name, base] {
        check_doors(text);
    }
    check_base(base, name, first);
    let filters = (Filter::parse(first, &LIMITS), Filter::parse(second, &LIMITS));
    if let (Ok(first), Ok(second)) = filters {
        let name = Topic::parse(name, &LIMITS).ok();
        check_pair(&first, &second, name.as_ref());
        check_pair(&second, &first, name.as_ref());
    }
}

/// The rules once more, as plainly as they can be said.
fn check_doors(text: &str) {
    let is_name = !text.is_empty() && !text.contains('\0');
    let topic = Topic::parse(text, &LIMITS);
    assert_eq!(topic.is_ok(), is_name && !text.contains(['+', '#']), "topic {text:?}: {topic:?}");
    let (before, last) = text.rsplit_once('/').unwrap_or(("", text));
    let alone = |level: &str| matches!(level, "+") || !level.contains(['+', '#']);
    let is_filter = is_name && before.split('/').all(alone) && (last == "#" || alone(last));
    let filter = Filter::parse(text, &LIMITS);
    assert_eq!(filter.is_ok(), is_filter, "filter {text:?}: {filter:?}");
    let is_base = topic.is_ok() && !text.starts_with('$') && text.split('/').all(|level| !level.is_empty());
    let base = Base::parse(text, &LIMITS);
    assert_eq!(base.is_ok(), is_base || text.is_empty(), "base {text:?}: {base:?}");
    for error in [topic.err(), filter.err(), base.err()].into_iter().flatten() {
        check_place(error, text);
    }
    let tight = Limits { max_bytes: 8, max_levels: 2 };
    let fits = text.len() <= 8 && text.split('/').count() <= 2;
    assert_eq!(Topic::parse(text, &tight).is_ok(), fits && Topic::parse(text, &LIMITS).is_ok());
    assert_eq!(Filter::parse(text, &tight).is_ok(), fits && is_filter);
}

/// An error points at what it is about.
fn check_place(error: TopicError, text: &str) {
    let there = |at| text.get(at..).and_then(|rest: &str| rest.chars().next());
    match error {
        TopicError::Nul { at } => assert_eq!(there(at), Some('\0')),
        TopicError::Wildcard { at } | TopicError::WildcardNotAlone { at } => {
            assert!(matches!(there(at), Some('+' | '#')), "{error} in {text:?}");
        }
        TopicError::HashNotLast { at } => assert_eq!(there(at), Some('#')),
        TopicError::EmptyLevel { at } => {
            assert!(matches!(there(at), None | Some('/')), "{error} in {text:?}");
        }
        TopicError::Empty => assert!(text.is_empty()),
        TopicError::SystemBase => assert!(text.starts_with('$')),
        TopicError::TooLong { .. } | TopicError::TooDeep { .. } | _ => panic!("{error} within the limits"),
    }
}

/// What a base joins it takes apart again, and joining changes nothing else.
fn check_base(base: &str, name: &str, filter: &str) {
    let Ok(base) = Base::parse(base, &LIMITS) else { return };
    let whole = |relative: &str| match base.as_str() {
        "" => relative.to_owned(),
        base => format!("{base}/{relative}"),
    };
    let topic = base.topic(name, &LIMITS);
    assert_eq!(topic.is_ok(), Topic::parse(name, &LIMITS).is_ok());
    if let Ok(topic) = &topic {
        assert_eq!(topic.as_str(), whole(name));
        assert_eq!(base.relative(topic.as_str()), Some(name));
    }
    let joined = base.filter(filter, &LIMITS);
    assert_eq!(joined.is_ok(), Filter::parse(filter, &LIMITS).is_ok());
    if let Ok(joined) = &joined {
        assert_eq!(joined.as_str(), whole(filter));
        assert_eq!(base.relative(joined.as_str()), Some(filter));
    }
    if let (Ok(topic), Ok(joined)) = (&topic, &joined)
        && let (Ok(name), Ok(filter)) = (Topic::parse(name, &LIMITS), Filter::parse(filter, &LIMITS))
        && !name.is_system()
    {
        assert_eq!(joined.matches(topic), filter.matches(&name), "a base changes what matches");
    }
    for next in base.numbered(3, &LIMITS) {
        assert_eq!(Base::parse(next.as_str(), &LIMITS), Ok(next));
    }
}

fn check_pair(first: &Filter, second: &Filter, name: Option<&Topic>) {
    let common = first.intersection(second);
    assert_eq!(first.overlaps(second), second.overlaps(first));
    assert_eq!(first.overlaps(second), common.is_some());
    assert!(first.covers(first) && first.overlaps(first), "{first}");
    if let Some(common) = &common {
        assert_eq!(Filter::parse(common.as_str(), &LIMITS).as_ref(), Ok(common));
        assert!(first.covers(common) && second.covers(common), "{common} of {first} and {second}");
    }
    let (mut misses, mut meets) = (false, false);
    let made = candidates(first, second);
    for topic in made.iter().chain(name) {
        let (by_first, by_second) = (first.matches(topic), second.matches(topic));
        misses |= by_second && !by_first;
        meets |= by_first && by_second;
        let by_common = common.as_ref().is_some_and(|common| common.matches(topic));
        assert_eq!(by_common, by_first && by_second, "{first} and {second} against {topic}");
    }
    assert_eq!(first.covers(second), !misses, "{first} covers {second}");
    assert_eq!(first.overlaps(second), meets, "{first} overlaps {second}");
}

/// For each length one topic that is as much like `second`, and one that is as much like both, as can be.
fn candidates(first: &Filter, second: &Filter) -> Vec<Topic> {
    let (ours, theirs): (Vec<&str>, Vec<&str>) = (first.levels().collect(), second.levels().collect());
    let literal = |levels: &[&str], at: usize| -> Option<String> {
        levels.get(at).filter(|level| !matches!(**level, "+" | "#")).map(|level| (*level).to_owned())
    };
    let other = || OTHER.to_owned();
    let mut topics = Vec::new();
    for len in 1..=ours.len().max(theirs.len()) + 1 {
        let like_second: Vec<_> = (0..len).map(|at| literal(&theirs, at).unwrap_or_else(other)).collect();
        let like_both: Vec<_> = (0..len)
            .map(|at| literal(&theirs, at).or_else(|| literal(&ours, at)).unwrap_or_else(other))
            .collect();
        topics.extend([like_second, like_both].into_iter().filter_map(|levels| {
            // One empty level is no topic.
            Topic::parse(&levels.join("/"), &LIMITS).ok()
        }));
    }
    topics
}
