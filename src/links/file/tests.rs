use std::time::Duration;

use super::*;
use crate::links::mqtt::packets::Version;
use crate::links::rules::{Qos, Retain};

fn told(text: &str) -> String {
    match parse("house", "bridges/house.toml", text, &Limits::default()) {
        Ok(settings) => panic!("taken: {settings:?}"),
        Err(mistakes) => mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    }
}

fn with_rule(text: &str) -> String {
    format!("{text}\n[[rule]]\ndirection = \"in\"\nfilter = \"#\"\n")
}

fn taken(text: &str) -> Plan {
    parse("house", "bridges/house.toml", &with_rule(text), &Limits::default()).unwrap()
}

#[test]
fn a_link_needs_an_address_and_a_rule_and_has_a_default_for_the_rest() {
    let settings = taken("url = 'mqtt://house.local'");
    let mqtt = settings.far.mqtt().unwrap();
    assert_eq!(mqtt.broker.to_string(), "house.local:1883");
    assert_eq!((mqtt.version, mqtt.inflight), (Version::V5, 100));
    assert_eq!(mqtt.keep_alive, Duration::from_secs(30));
    let rule = settings.link.rules.get(0).unwrap();
    assert_eq!((rule.qos, rule.retain), (Qos::AtLeastOnce, Retain::Readings));
    assert_eq!(told("").lines().count(), 2);
}

#[test]
fn an_address_is_one_of_four_kinds() {
    let broker = |url: &str| taken(&format!("url = '{url}'")).far.mqtt().unwrap().broker.clone();
    assert_eq!(broker("mqtts://a.example").port, 8883);
    assert_eq!(broker("wss://a.example/mqtt").websocket.as_deref(), Some("/mqtt"));
    assert_eq!(broker("ws://a.example:9001").to_string(), "a.example:9001");
    assert_eq!(broker("mqtt://[::1]:1884").to_string(), "[::1]:1884");
    for url in ["http://a", "mqtt://", "a.example", "mqtt://a/path", "ws://a/mqtt?x=1"] {
        assert!(told(&with_rule(&format!("url = '{url}'"))).contains(":1:7: url: "), "{url}");
    }
}

#[test]
fn no_password_is_told_back() {
    for text in [
        "url = 'mqtt://jana:hunter2@a'",
        "url = 'mqtt://a'\npassword = 'hunter2'",
        "url = 'mqtt://a'\nqos = 'hunter2'",
        "url = 'mqtt://a'\nuser = 'jana'\npassword = hunter2",
        "url = 'mqtt://a?password=hunter2'",
    ] {
        let told = told(&with_rule(text));
        assert!(!told.contains("hunter2"), "{told}");
    }
    assert!(told(&with_rule("url = 'mqtt://a'\npassword = 'x'")).contains("password_file"));
}

#[test]
fn every_mistake_is_told_with_its_line_and_its_key() {
    let text = "url = 'mqtt://a'\nversion = '4'\ninflight = 0\nca_file = 'ca.pem'\npassword_env = 'X'\n\n[[rule]]\n\
                direction = 'inwards'\nfilter = '#'\nqos = 3\n\n[[rule]]\nfiltre = 'a'\n";
    let expected = [
        r#"bridges/house.toml:2:11: version: expected one of "5", "3.1.1", found "4""#,
        "bridges/house.toml:3:12: inflight: expected a whole number from 1 to 10000 (messages)",
        "bridges/house.toml:4:11: ca_file: is only for mqtts:// and wss://, but url is neither",
        "bridges/house.toml:5:16: password_env: needs the key user, too",
        r#"bridges/house.toml:8:13: rule.direction: expected one of "in", "out", "both", found "inwards""#,
        "bridges/house.toml:10:7: rule.qos: expected a whole number from 0 to 2",
        "bridges/house.toml:12:1: rule.direction: is missing: in, out or both, seen from the hub",
        r##"bridges/house.toml:12:1: rule.filter: is missing: which messages? "#" is all of them"##,
        "bridges/house.toml:13:1: rule.filtre: unknown key; did you mean filter?",
    ];
    assert_eq!(told(text).lines().collect::<Vec<_>>(), expected);
}

#[test]
fn rules_that_overlap_are_refused_with_both_lines() {
    let rule = |filter: &str| format!("[[rule]]\ndirection = 'both'\nfilter = '{filter}'\n");
    let text = format!("url = 'mqtt://a'\n{}{}", rule("a/#"), rule("+/b"));
    assert_eq!(
        told(&text),
        "bridges/house.toml:5:1: rule.filter: the rules of line 2 and line 5 would both carry \"a/b\" in; \
         narrow one of them"
    );
}

#[test]
fn a_prefix_with_a_wildcard_is_refused_where_it_stands() {
    let text = "url = 'mqtt://a'\n[[rule]]\ndirection = 'in'\nfilter = '#'\nlocal_prefix = 'a/+/'\n";
    assert!(told(text).starts_with("bridges/house.toml:5:16: rule.local_prefix: \"a/+/\" holds a wildcard"));
}

#[test]
fn what_is_no_toml_is_told_with_its_line() {
    assert_eq!(told("url = 'mqtt://a'\nversion 5\n").split(": ").next(), Some("bridges/house.toml:2:9"));
}

#[test]
fn the_name_of_the_file_is_the_name_of_the_link() {
    assert_eq!(name(Path::new("bridges/house-2.toml")), Some(Ok("house-2")));
    assert_eq!(name(Path::new("bridges/house.toml.example")), None);
    for bad in ["a b.toml", ".toml", "č.toml", "a+.toml", "a\nb.toml"] {
        assert!(name(Path::new(bad)).unwrap().is_err(), "{bad}");
    }
}

#[test]
fn a_file_whose_name_is_odd_is_told_in_one_line() {
    use std::os::unix::ffi::OsStrExt;
    let odd = Path::new(std::ffi::OsStr::from_bytes(b"bridges/a\nb\xff.toml"));
    assert!(name(odd).unwrap().is_err());
    let told = load(odd, &Limits::default()).unwrap_err();
    assert_eq!(told.to_string().lines().count(), 1);
    assert!(told.to_string().starts_with("bridges/a\\nb\u{fffd}.toml: the name of the file"), "{told}");
}

#[test]
fn what_mqtt_has_no_room_for_is_refused() {
    for key in ["user", "client_id"] {
        for text in ["x".repeat(65_536), "a\u{0}b".to_owned()] {
            let file = with_rule(&format!("url = 'mqtt://a'\n{key} = {:?}", text.replace('\u{0}', "NUL")))
                .replace("NUL", "\\u0000");
            assert!(told(&file).contains(&format!(": {key}: takes")), "{key}");
        }
    }
}

#[test]
fn the_name_of_a_file_cannot_change_how_the_line_of_the_log_around_it_is_shown() {
    for (name, shown_as) in [
        ("a\u{202e}x.toml", "a\\u{202e}x.toml"),
        ("a\nb.toml", "a\\nb.toml"),
        ("\u{1b}[31m.toml", "\\u{1b}[31m.toml"),
        ("ž 'x'.toml", "ž 'x'.toml"),
    ] {
        assert_eq!(super::shown(std::path::Path::new(name)), shown_as);
    }
}
