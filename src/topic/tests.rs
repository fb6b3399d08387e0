//! The rules of names, and what filters mean of every topic.

use super::*;
use proptest::prelude::*;

fn topic(text: &str) -> Topic {
    Topic::parse(text, &Limits::default()).unwrap()
}

fn filter(text: &str) -> Filter {
    Filter::parse(text, &Limits::default()).unwrap()
}

#[test]
fn a_topic_follows_the_rules_of_an_mqtt_topic_name() {
    for good in ["a", "/", "//", "a//b", "/a", "a/", "-/-", "0:0", "$SYS/hub", "℃", "a b", "\u{7f}"] {
        assert!(Topic::parse(good, &Limits::default()).is_ok(), "{good:?}");
    }
    let bad = |text: &str| Topic::parse(text, &Limits::default()).unwrap_err();
    assert_eq!(bad(""), TopicError::Empty);
    assert_eq!(bad("a/+"), TopicError::Wildcard { at: 2 });
    assert_eq!(bad("#"), TopicError::Wildcard { at: 0 });
    assert_eq!(bad("a\0"), TopicError::Nul { at: 1 });
    assert_eq!(bad(&"x".repeat(1025)), TopicError::TooLong { bytes: 1025, max: 1024 });
    assert_eq!(bad(&"/".repeat(32)), TopicError::TooDeep { levels: 33, max: 32 });
    assert!(Topic::parse(&"/".repeat(31), &Limits::default()).is_ok());
}

#[test]
fn a_filter_holds_wildcards_as_whole_levels_and_a_hash_last() {
    for good in ["#", "+", "+/+", "a/#", "/#", "/+/", "+//#", "$SYS/#"] {
        assert!(Filter::parse(good, &Limits::default()).is_ok(), "{good:?}");
    }
    let bad = |text: &str| Filter::parse(text, &Limits::default()).unwrap_err();
    assert_eq!(bad(""), TopicError::Empty);
    assert_eq!(bad("a/#/b"), TopicError::HashNotLast { at: 2 });
    assert_eq!(bad("#/"), TopicError::HashNotLast { at: 0 });
    assert_eq!(bad("a+/b"), TopicError::WildcardNotAlone { at: 1 });
    assert_eq!(bad("a/b#"), TopicError::WildcardNotAlone { at: 3 });
    assert_eq!(bad("++"), TopicError::WildcardNotAlone { at: 0 });
}

#[test]
fn wildcards_match_as_mqtt_4_7_says() {
    for (pattern, name, expected) in [
        ("#", "a/b", true),
        ("#", "/", true),
        ("#", "$SYS/hub", false),
        ("+/hub", "$SYS/hub", false),
        ("$SYS/#", "$SYS/hub/x", true),
        ("$SYS/+", "$SYS/hub", true),
        ("a/#", "a", true),
        ("a/#", "a/", true),
        ("a/#", "ab", false),
        ("a/+", "a", false),
        ("a/+", "a/", true),
        ("+", "/a", false),
        ("+/+", "/a", true),
        ("/+", "/a", true),
        ("a/+/c", "a//c", true),
        ("a/+/#", "a/b", true),
        ("a/+/#", "a", false),
        ("A", "a", false),
    ] {
        assert_eq!(filter(pattern).matches(&topic(name)), expected, "{pattern} against {name}");
    }
}

#[test]
fn one_empty_level_is_no_topic_that_filters_could_share() {
    let (below_nothing, one_level) = (filter("/#"), filter("+"));
    assert!(!below_nothing.overlaps(&one_level) && !one_level.overlaps(&below_nothing));
    assert_eq!(below_nothing.intersection(&one_level), None);
    assert!(filter("/+/#").covers(&below_nothing) && below_nothing.covers(&filter("/+/#")));
    assert_eq!(below_nothing.intersection(&filter("/")), Some(filter("/")));
}

#[test]
fn a_base_has_no_wildcard_no_empty_level_and_no_dollar_in_front() {
    let limits = Limits::default();
    assert_eq!(Base::parse("", &limits).unwrap(), Base::ROOT);
    assert_eq!(Base::parse("nodes//0", &limits).unwrap_err(), TopicError::EmptyLevel { at: 6 });
    assert_eq!(Base::parse("nodes/", &limits).unwrap_err(), TopicError::EmptyLevel { at: 6 });
    assert_eq!(Base::parse("/nodes", &limits).unwrap_err(), TopicError::EmptyLevel { at: 0 });
    assert_eq!(Base::parse("$SYS", &limits).unwrap_err(), TopicError::SystemBase);
    assert_eq!(Base::parse("a/+", &limits).unwrap_err(), TopicError::Wildcard { at: 2 });
}

#[test]
fn a_base_calls_what_is_under_it_by_the_rest_of_the_name() {
    let limits = Limits::default();
    let base = Base::parse("nodes/bridge", &limits).unwrap();
    assert_eq!(base.topic("0/relay", &limits).unwrap().as_str(), "nodes/bridge/0/relay");
    assert_eq!(base.topic("/info", &limits).unwrap().as_str(), "nodes/bridge//info");
    assert_eq!(base.relative("nodes/bridge/0/relay"), Some("0/relay"));
    assert_eq!(base.relative("nodes/bridge//info"), Some("/info"));
    assert_eq!(base.relative("nodes/bridge"), None);
    assert_eq!(base.relative("nodes/bridges/0"), None);
    assert_eq!(Base::ROOT.relative("a"), Some("a"));
}

#[test]
fn bases_count_on_from_the_last_level() {
    let limits = Limits::default();
    let names = |text: &str| {
        let bases = Base::parse(text, &limits).unwrap().numbered(3, &limits);
        bases.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(names("nodes/bridge/0"), ["nodes/bridge/0", "nodes/bridge/1", "nodes/bridge/2"]);
    assert_eq!(names("7"), ["7", "8", "9"]);
    assert_eq!(names("node"), ["node", "node-1", "node-2"]);
    assert_eq!(names(""), ["", "1", "2"]);
}

fn levels(alphabet: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(alphabet), 1..4).prop_map(|levels| levels.join("/"))
}

fn any_filter() -> impl Strategy<Value = Filter> {
    (levels(&["a", "b", "", "+", "$x"]), prop::sample::select(&["", "/#", "only"][..])).prop_map(
        |(head, tail)| match tail {
            "only" => filter("#"),
            tail if head.is_empty() && tail.is_empty() => filter("/"),
            tail => filter(&format!("{head}{tail}")),
        },
    )
}

/// Every topic of one to five levels over the alphabet, enough to tell any two of the filters above apart.
fn all_topics() -> Vec<Topic> {
    let alphabet = ["a", "b", "", "$x", "c"];
    let mut names: Vec<String> = alphabet.iter().map(ToString::to_string).collect();
    let mut last = names.clone();
    for _ in 0..4 {
        last = last.iter().flat_map(|name| alphabet.map(|level| format!("{name}/{level}"))).collect();
        names.extend(last.iter().cloned());
    }
    names.iter().filter(|name| !name.is_empty()).map(|name| topic(name)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn covers_and_overlaps_mean_what_they_say_of_every_topic(a in any_filter(), b in any_filter()) {
        let topics = all_topics();
        let covered = topics.iter().all(|topic| !b.matches(topic) || a.matches(topic));
        let shared = topics.iter().any(|topic| a.matches(topic) && b.matches(topic));
        prop_assert_eq!(a.covers(&b), covered, "{} covers {}", a, b);
        prop_assert_eq!(a.overlaps(&b), shared, "{} overlaps {}", a, b);
        let both = a.intersection(&b);
        prop_assert_eq!(both.is_some(), shared, "{} and {}", a, b);
        for topic in &topics {
            let named = both.as_ref().is_some_and(|both| both.matches(topic));
            prop_assert_eq!(named, a.matches(topic) && b.matches(topic), "{} and {}: {:?}", a, b, both);
        }
    }
}
