//! `history.rules`: what is kept of which topics.

use super::*;

fn days(days: u64) -> Duration {
    Duration::from_hours(24 * days)
}

fn told(text: &str) -> Vec<String> {
    file(text).lines().map(str::to_owned).collect()
}

#[test]
fn rules_are_read_from_both_forms_of_a_list_and_what_they_leave_out_is_as_usual() {
    let inline = "[history]\nraw_days = 2\nrules = [\n  { filter = \"meter/#\", raw_days = 30, minute_days = 100 },\n  { filter = \"camera/+\", off = true },\n]\n";
    let apart = "[history]\nraw_days = 2\n[[history.rules]]\nfilter = \"meter/#\"\nraw_days = 30\nminute_days = 100\n[[history.rules]]\nfilter = \"camera/+\"\noff = true\n";
    let [inline, apart] = [inline, apart].map(|text| Place::with(text).load(&[], &[]).unwrap().history);
    assert_eq!(inline, apart);
    let found: Vec<_> = inline.rules.iter().map(|rule| (rule.filter.as_str(), rule.days)).collect();
    assert_eq!(found, [("meter/#", Some([days(30), days(100), days(1095)])), ("camera/+", None)]);
    assert_eq!(inline.days, [days(2), days(90), days(1095)]);
}

#[test]
fn the_environment_and_flags_have_rules_as_a_file_has_them_and_they_replace_those_of_the_file() {
    let place = Place::with("[[history.rules]]\nfilter = 'a'\n");
    let count = |env: &[(&str, &str)], flags: &[(&str, &str)]| {
        let rules = place.load(env, flags).unwrap().history.rules;
        rules.iter().map(|rule| rule.filter.as_str().to_owned()).collect::<Vec<_>>().join(" ")
    };
    let rules = r#"[{filter = "b", raw_days = 3}, {filter = "c", off = true}]"#;
    assert_eq!(count(&[], &[]), "a");
    assert_eq!(count(&[("CLOWN_HUB__HISTORY__RULES", rules)], &[]), "b c");
    assert_eq!(count(&[("CLOWN_HUB__HISTORY__RULES", rules)], &[("history.rules", "[]")]), "");
    assert_eq!(count(&[("CLOWN_HUB__HISTORY__RULES", "")], &[]), "");
    let expected = "expected a list of rules, as [{ filter = \"attic/#\", raw_days = 30 }], found the text";
    assert_eq!(flag("history.rules", "a/#"), format!("flag: history.rules: {expected} \"a/#\""));
    assert_eq!(
        env("CLOWN_HUB__HISTORY__RULES", "[{filter = }]"),
        format!("CLOWN_HUB__HISTORY__RULES: history.rules: {expected} \"[{{filter = }}]\"")
    );
    assert_eq!(
        flag("history.rules", "[{off = 1}]"),
        "flag: history.rules, rule 1: filter is missing: which topics is this rule for?\n\
         flag: history.rules, rule 1, key off: expected true or false, found the number 1"
    );
}

#[test]
fn every_mistake_of_a_rule_is_told_with_its_place() {
    let text = "[history]\nrules = [\n  { filter = 'a/#/b', raw_days = 0 },\n  { raw_day = 3 },\n  { filter = 7, off = 'yes', minute_days = '9' },\n  'attic/#',\n  { filter = 'a', off = true, raw_days = 3 },\n]\n";
    let expected = [
        "config/hub.toml:3:14: history.rules, rule 1, key filter: \"a/#/b\": '#' at byte 2 must be the last level",
        "config/hub.toml:3:34: history.rules, rule 1, key raw_days: 0 is below the least of 1 (days)",
        "config/hub.toml:4:15: history.rules, rule 2, key raw_day: unknown key; did you mean raw_days?",
        "config/hub.toml:4:3: history.rules, rule 2: filter is missing: which topics is this rule for?",
        "config/hub.toml:5:14: history.rules, rule 3, key filter: expected a text in quotes, found the number 7",
        "config/hub.toml:5:23: history.rules, rule 3, key off: expected true or false, found the text \"yes\"",
        "config/hub.toml:5:44: history.rules, rule 3, key minute_days: expected a whole number from 1 to 36500 (days), found the text \"9\"",
        "config/hub.toml:6:3: history.rules: expected a list of rules, as [{ filter = \"attic/#\", raw_days = 30 }], found the text \"attic/#\"",
        "config/hub.toml:7:42: history.rules, rule 5, key raw_days: off = true keeps nothing: leave one of the two out",
    ];
    let mut told = told(text);
    told.sort();
    let mut expected = expected.map(str::to_owned);
    expected.sort();
    assert_eq!(told, expected);
    let place = |text: &str| file(text).split(": ").next().unwrap().to_owned();
    assert_eq!(place("[[history.rules]]\nfilter = 'a'\nraw_days = 0\n"), "config/hub.toml:3:12");
    assert_eq!(place("[[history.rules]]\nraw_days = 1\n"), "config/hub.toml:1:1");
}

#[test]
fn a_rule_keeps_what_is_coarser_at_least_as_long() {
    let told = |rule: &str| file(&format!("[history]\nrules = [{{ filter = 'a', {rule} }}]\n"));
    let told = |rule: &str| told(rule).split_once("history.rules, rule 1, key ").unwrap().1.to_owned();
    assert_eq!(
        told("raw_days = 365"),
        "raw_days: 365 is above minute_days, which is 90 by default: give minute_days, too"
    );
    assert_eq!(told("minute_days = 5"), "minute_days: 5 is below raw_days, which is 7 by default");
    assert_eq!(
        told("raw_days = 3, minute_days = 5, quarter_days = 4"),
        "quarter_days: 4 is below minute_days, which is 5 in this rule"
    );
    // One that is wrong is not compared.
    assert_eq!(
        file("[history]\nminute_days = 0\nrules = [{ filter = 'a', raw_days = 30 }]\n"),
        "config/hub.toml:2:15: history.minute_days: 0 is below the least of 1 (days)"
    );
}

#[test]
fn there_are_64_rules_at_the_most() {
    let rules = |count: usize| format!("[history]\nrules = [{}]\n", "{ filter = 'a' }, ".repeat(count));
    assert_eq!(Place::with(&rules(64)).load(&[], &[]).unwrap().history.rules.len(), 64);
    assert_eq!(
        file(&rules(65)),
        "config/hub.toml:2:9: history.rules: there are 65 rules, and 64 are the most"
    );
}

#[test]
fn a_rule_that_never_counts_is_known() {
    let rules = "[history]\nrules = [{ filter = 'a/b' }, { filter = 'a/#' }, { filter = 'a/+/c', off = true }, { filter = '+/x' }, { filter = 'a/b' }]\n";
    assert_eq!(Place::with(rules).load(&[], &[]).unwrap().history.shadowed(), [(3, 2), (5, 1)]);
}

#[test]
fn rules_are_shown_as_in_a_file() {
    let place = Place::with("[[history.rules]]\nraw_days = 3\nfilter = 'a'\n");
    let (keys, mistakes) = keys(&Sources { directory: place.0.path().to_owned(), ..Sources::default() });
    assert_eq!(mistakes, None);
    let rules = keys.iter().find(|key| key.name == "history.rules").unwrap();
    assert_eq!(rules.value, r#"[{ filter = "a", raw_days = 3 }]"#);
}
