use proptest::prelude::*;

use super::*;

fn draft(direction: Direction, filter: &str, local: &str, remote: &str) -> Draft {
    Draft {
        line: 1,
        direction,
        filter: filter.to_owned(),
        local_prefix: local.to_owned(),
        remote_prefix: remote.to_owned(),
        qos: Qos::AtLeastOnce,
        retain: Retain::Readings,
        text: Text::String,
        empty: Empty::Null,
    }
}

fn rule(direction: Direction, filter: &str, local: &str, remote: &str) -> Result<Rule, RuleError> {
    Rule::new(&draft(direction, filter, local, remote), &Limits::default())
}

fn topic(text: &str) -> Topic {
    Topic::parse(text, &REMOTE_LIMITS).unwrap()
}

fn there_and_back(rule: &Rule, local: &str, remote: &str) {
    assert_eq!(rule.outward(&topic(local)).unwrap().as_str(), remote);
    assert_eq!(rule.inward(&topic(remote), &Limits::default()).unwrap().unwrap().as_str(), local);
}

/// The table of mosquitto.conf(5).
#[test]
fn prefixes_are_glued_on_as_mosquitto_does_it() {
    for (pattern, local, remote, here, there) in [
        ("p", "L/", "R/", "L/p", "R/p"),
        ("p", "L/", "", "L/p", "p"),
        ("p", "", "R/", "p", "R/p"),
        ("p", "", "", "p", "p"),
        ("", "a", "b", "a", "b"),
        ("#", "L/", "R/", "L/x/y", "R/x/y"),
        ("#", "L/", "R/", "L", "R"),
        ("+/set", "ž/", "", "ž/relay/set", "relay/set"),
    ] {
        there_and_back(&rule(Direction::Both, pattern, local, remote).unwrap(), here, there);
    }
    for (local, remote) in [("", ""), ("a", ""), ("", "b")] {
        assert_eq!(rule(Direction::Both, "", local, remote).unwrap_err().key, "filter");
    }
}

#[test]
fn the_parent_of_a_prefix_has_no_name_where_there_is_no_prefix() {
    assert_eq!(rule(Direction::Out, "#", "L/", "").unwrap().outward(&topic("L")), None);
}

#[test]
fn a_prefix_with_a_wildcard_is_refused() {
    assert_eq!(rule(Direction::In, "#", "a/+/", "").unwrap_err().key, "local_prefix");
    let error = rule(Direction::In, "#", "", "a/#/").unwrap_err();
    assert_eq!(error.key, "remote_prefix");
    assert!(error.sentence.contains("holds a wildcard"), "{}", error.sentence);
}

#[test]
fn a_prefix_that_lacks_its_slash_is_named() {
    let error = rule(Direction::In, "#", "house", "").unwrap_err();
    assert_eq!(error.sentence, "\"house#\" is no filter: end local_prefix with a slash");
}

#[test]
fn what_is_the_hubs_own_stays_out() {
    assert!(rule(Direction::In, "#", "$SYS/", "").is_err());
    assert!(rule(Direction::In, "clown.talk/#", "", "").is_err());
    assert!(rule(Direction::Out, "#", "$SYS/hub/", "hub/").is_ok());
    assert!(rule(Direction::Out, "#", "", "$SYS/").is_err());
}

#[test]
fn a_remote_topic_that_begins_with_a_letter_beyond_ascii_is_carried() {
    let rules = Rules::new(vec![rule(Direction::In, "#", "in/", "").unwrap()]).unwrap();
    let remote = topic("čidlo/1");
    let local = rules.for_remote(&remote).unwrap().inward(&remote, &Limits::default()).unwrap().unwrap();
    assert_eq!(local.as_str(), "in/čidlo/1");
}

#[test]
fn two_rules_that_carry_the_same_message_are_refused_with_their_lines() {
    let mut second = rule(Direction::In, "+/b", "y/", "").unwrap();
    second.line = 9;
    let first = rule(Direction::Both, "a/#", "x/", "").unwrap();
    let overlaps = Rules::new(vec![first.clone(), second.clone()]).unwrap_err();
    assert_eq!(overlaps, [Overlap { lines: [1, 9], common: "a/b".to_owned(), direction: Direction::In }]);
    second.direction = Direction::Out;
    assert!(Rules::new(vec![first, second]).is_ok(), "they meet at the broker, each in its own direction");
}

proptest! {
    #[test]
    fn what_goes_out_under_a_name_comes_back_under_its_own(
        filter in "([ab]|\\+)(/([ab]|\\+)){0,2}(/#)?",
        local in "([ab]/){0,2}",
        remote in "([ab]/){0,2}",
        name in "[ab](/[ab]){0,5}",
    ) {
        let rule = rule(Direction::Both, &filter, &local, &remote).unwrap();
        let here = topic(&name);
        if rule.local.filter.matches(&here) && let Some(there) = rule.outward(&here) {
            prop_assert!(rule.remote.filter.matches(&there));
            let back = rule.inward(&there, &Limits::default()).unwrap().unwrap();
            prop_assert_eq!(back, here);
        }
    }

    #[test]
    fn of_rules_that_are_taken_at_most_one_carries_a_message(
        filters in prop::collection::vec("([ab]|\\+)(/([ab]|\\+)){0,2}(/#)?", 1..5),
        name in "[ab](/[ab]){0,3}",
    ) {
        let rules: Vec<_> =
            filters.iter().map(|filter| rule(Direction::Both, filter, "", "").unwrap()).collect();
        let carrying = |rules: &[Rule]| rules.iter().filter(|r| r.remote.filter.matches(&topic(&name))).count();
        match Rules::new(rules) {
            Ok(rules) => prop_assert!(carrying(&rules.0) <= 1),
            Err(overlaps) => prop_assert!(!overlaps.is_empty()),
        }
    }
}
