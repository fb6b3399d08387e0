//! Whole nodes, from outside: frames in, lines out.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// Noon of Monday, 7 June 2027, in the simulated town.
const NOON: Moment = Moment(1_812_366_000_000);
const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const YEAR: u64 = 365 * DAY;

fn booted(kit: Kit) -> Node {
    let mut node = Node::new(kit, 7);
    node.boot(NOON);
    node
}

/// Wakes the node whenever it wants to be woken, up to and with `end`.
fn run(node: &mut Node, end: Moment) -> Vec<(Moment, Line)> {
    let mut said = Vec::new();
    while let Some(due) = node.next_wake().filter(|due| *due <= end) {
        said.extend(node.wake(due).into_iter().map(|line| (due, line)));
        assert!(node.next_wake().is_none_or(|next| next > due), "a wake at {due:?} left something due");
    }
    said
}

fn after(milliseconds: u64) -> Moment {
    NOON.plus(milliseconds)
}

fn texts(lines: &[Line]) -> Vec<String> {
    lines.iter().map(ToString::to_string).collect()
}

/// What a bridge answers at once to one frame, and why it refused it.
fn answer(topic: &str, payload: &str) -> (Vec<String>, Option<Refusal>) {
    let mut node = booted(Kit::Bridge);
    let lines = texts(&node.receive(topic, payload, NOON));
    assert_eq!(node.refused(), u64::from(node.last_refusal().is_some()));
    (lines, node.last_refusal().copied())
}

fn moments(said: &[(Moment, Line)], topic: &str) -> Vec<u64> {
    said.iter().filter(|(_, line)| line.topic == topic).map(|(when, _)| when.since(NOON)).collect()
}

/// `payload` with every digit replaced by 9, runs of digits in front of a point by a single one, and no sign.
fn shape(payload: &str) -> String {
    let mut shape = String::new();
    let mut fraction = false;
    for character in payload.chars().filter(|character| *character != '-') {
        match character {
            '0'..='9' if fraction || !shape.ends_with('9') => shape.push('9'),
            '0'..='9' => {}
            other => shape.push(other),
        }
        fraction = character == '.' || (fraction && character.is_ascii_digit());
    }
    shape
}

fn assert_json(line: &Line) {
    let frame: Value =
        serde_json::from_str(&line.to_string()).unwrap_or_else(|error| panic!("{line}: {error}"));
    assert_eq!(frame.as_array().map(Vec::len), Some(2), "{line}");
}

#[test]
fn a_node_is_off_until_it_is_booted() {
    let mut node = Node::new(Kit::Bridge, 1);
    assert_eq!(node.next_wake(), None);
    assert!(node.wake(NOON).is_empty());
    assert!(node.receive("led/-/get", "{}", NOON).is_empty());
    assert_eq!(node.last_refusal(), Some(&Refusal::PoweredOff));
    assert_eq!(texts(&node.boot(NOON)), [r#"["boot", {"reason-for-reset": "power-on"}]"#]);
    assert!(node.next_wake().is_some());
}

#[test]
fn a_power_cycle_forgets_states_and_intervals() {
    let mut node = booted(Kit::Bridge);
    node.receive("led/-/set", r#"{"state": "on"}"#, NOON);
    node.receive("lux-meter/i2c0-44/config/set", r#"{"publish-interval": null}"#, NOON);
    node.receive("relay/i2c0-3b/set", r#"{"state": true}"#, NOON);
    run(&mut node, after(SECOND));
    node.boot(after(SECOND));
    for (topic, payload) in [
        ("led/-/get", r#"["led/-", {"state": "off"}]"#),
        ("relay/i2c0-3b/get", r#"["relay/i2c0-3b", {"state": null}]"#),
        ("lux-meter/i2c0-44/config/get", r#"["lux-meter/i2c0-44/config/ok", {"publish-interval": 1}]"#),
    ] {
        assert_eq!(texts(&node.receive(topic, "{}", after(SECOND))), [payload]);
    }
}

#[test]
fn every_reading_of_a_bridge_has_the_shape_of_the_firmware() {
    let mut node = booted(Kit::Bridge);
    let said = run(&mut node, after(20 * SECOND));
    for (topic, expected) in [
        ("thermometer/i2c0-48", r#"{"temperature": [9.99, "\u9999"]}"#),
        ("thermometer/i2c1-48", r#"{"temperature": [9.99, "\u9999"]}"#),
        ("lux-meter/i2c0-44", r#"{"illuminance": [9.99, "lux"]}"#),
        ("barometer/i2c0-60", r#"{"altitude": [9.9, "m"], "pressure": [9.999, "kPa"]}"#),
        ("humidity-sensor/i2c0-40", r#"{"relativehumidity": [9.9, "%"]}"#),
        ("co2-sensor/i2c0-38", r#"{"concentration": [9, "ppm"]}"#),
    ] {
        let readings: Vec<_> = said.iter().filter(|(_, line)| line.topic == topic).collect();
        assert!(!readings.is_empty(), "{topic}");
        for (_, line) in readings {
            // The escape is digits too, so the four of it collapse into one.
            assert_eq!(shape(&line.payload), expected.replace("9999", "9"), "{}", line.payload);
            assert_json(line);
        }
    }
    assert!(said.iter().any(|(_, line)| line.payload.contains(r"\u2103")));
    assert!(said.iter().all(|(_, line)| line.payload.is_ascii()));
}

#[test]
fn sensors_publish_each_second_and_co2_each_16_after_their_preparations() {
    let mut node = booted(Kit::Bridge);
    let said = run(&mut node, after(40 * SECOND));
    assert_eq!(moments(&said, "thermometer/i2c0-48")[..3], [500, 1500, 2500]);
    assert_eq!(moments(&said, "lux-meter/i2c0-44")[..2], [1500, 2500]);
    assert_eq!(moments(&said, "barometer/i2c0-60")[..2], [2500, 3500]);
    assert_eq!(moments(&said, "humidity-sensor/i2c0-40")[..2], [3500, 4500]);
    assert_eq!(moments(&said, "co2-sensor/i2c0-38"), [500, 16_500, 32_500]);
}

#[test]
fn a_changed_interval_is_confirmed_and_wakes_the_worker_at_once() {
    let topic = "thermometer/i2c0-48";
    for (verb, value, seconds) in
        [("set", "30", 30), ("update", "5", 5), ("update", "1e3", 1000), ("set", "2.9", 2)]
    {
        let mut node = booted(Kit::Bridge);
        run(&mut node, after(SECOND));
        let payload = format!(r#"{{"unknown": 1, "publish-interval": {value}}}"#);
        let lines = node.receive(&format!("{topic}/config/{verb}"), &payload, after(SECOND));
        assert_eq!(lines[0].topic, "thermometer/i2c0-48/config/ok");
        assert_eq!(lines[0].payload, format!(r#"{{"publish-interval": {seconds}}}"#));
        assert_eq!(lines[1].topic, topic);
        let said = run(&mut node, after(SECOND + seconds * SECOND));
        assert_eq!(moments(&said, topic), [SECOND + seconds * SECOND], "{value}");
    }
}

#[test]
fn null_turns_a_sensor_off_and_0_makes_it_as_fast_as_it_can() {
    for (topic, floor) in [("thermometer/i2c0-48", 100), ("co2-sensor/i2c0-38", 16_000)] {
        let mut node = booted(Kit::Bridge);
        run(&mut node, after(SECOND));
        let config = format!("{topic}/config/update");
        let lines = node.receive(&config, r#"{"publish-interval": null}"#, after(SECOND));
        assert_eq!(texts(&lines), [format!(r#"["{topic}/config/ok", {{"publish-interval": null}}]"#)]);
        assert!(moments(&run(&mut node, after(HOUR)), topic).is_empty());
        let reading = node.receive(&format!("{topic}/get"), "{}", after(HOUR));
        assert_eq!(reading.iter().filter(|line| line.topic == topic).count(), 1);
        let start = 2 * HOUR;
        run(&mut node, after(start));
        node.receive(&config, r#"{"publish-interval": 0}"#, after(start));
        let said = moments(&run(&mut node, after(start + 2 * floor)), topic);
        assert_eq!(said, [start + floor, start + 2 * floor]);
    }
}

#[test]
fn a_bad_interval_is_answered_with_what_would_have_been_good() {
    for bad in ["-5", "\"30\"", "true", "[]", "4294967296", "-0.5"] {
        let payload = format!(r#"{{"publish-interval": {bad}}}"#);
        let (lines, refusal) = answer("thermometer/i2c0-48/config/set", &payload);
        assert_eq!(lines.len(), 1, "{bad}");
        let expected = concat!(
            r#"["thermometer/i2c0-48/config/error", {"message": "publish-interval must be "#,
            r#"null or a whole number of seconds, 0 for as fast as possible"}]"#
        );
        assert_eq!(lines[0], expected);
        assert!(matches!(refusal, Some(Refusal::BadValue { key: "publish-interval", .. })));
    }
    let (lines, _) = answer("thermometer/i2c0-48/config/set", "{}");
    assert_eq!(
        lines,
        [r#"["thermometer/i2c0-48/config/error", {"message": "publish-interval is missing"}]"#]
    );
}

#[test]
fn co2_takes_0_null_and_16_or_more_seconds() {
    for (value, good) in
        [("0", true), ("null", true), ("16", true), ("60", true), ("15", false), ("1", false)]
    {
        let payload = format!(r#"{{"publish-interval": {value}}}"#);
        let (lines, refusal) = answer("co2-sensor/i2c0-38/config/update", &payload);
        let topic = if good { "co2-sensor/i2c0-38/config/ok" } else { "co2-sensor/i2c0-38/config/error" };
        assert!(lines[0].contains(topic), "{value}: {lines:?}");
        assert_eq!(refusal.is_none(), good, "{value}");
    }
}

#[test]
fn an_interval_that_is_there_twice_is_answered_twice() {
    let twice = r#"{"publish-interval": 3, "publish-interval": 4}"#;
    let (lines, _) = answer("relay/i2c0-3b/config/set", twice);
    assert_eq!(
        lines,
        [
            r#"["relay/i2c0-3b/config/ok", {"publish-interval": 3}]"#,
            r#"["relay/i2c0-3b/config/ok", {"publish-interval": 4}]"#
        ]
    );
}

#[test]
fn get_and_list_read_the_interval_of_any_device() {
    for (device, seconds) in
        [("thermometer/i2c1-48", 1), ("co2-sensor/i2c0-38", 16), ("led/-", 1), ("i2c/1", 1)]
    {
        for verb in ["get", "list"] {
            let (lines, _) = answer(&format!("{device}/config/{verb}"), "{}");
            assert_eq!(lines, [format!(r#"["{device}/config/ok", {{"publish-interval": {seconds}}}]"#)]);
        }
    }
}

#[test]
fn the_list_of_devices_is_in_the_order_of_the_firmware() {
    let (lines, _) = answer("-/-/config/list", "{}");
    let expected = concat!(
        r#"["-/-/config/list/ok", {"sensors": ["thermometer/i2c0-48", "thermometer/i2c1-48", "lux-meter/i2c0-44", "#,
        r#""barometer/i2c0-60", "humidity-sensor/i2c0-40", "co2-sensor/i2c0-38"], "actuators": ["led/-", "i2c/0", "#,
        r#""relay/i2c0-3b", "relay/i2c0-3f", "display-oled/i2c0-3c"], "notifications": ["boot"]}]"#
    );
    assert_eq!(lines, [expected]);
}

#[test]
fn a_get_is_answered_by_the_reading_as_soon_as_there_can_be_one() {
    let mut node = booted(Kit::Bridge);
    let lines = node.receive("thermometer/i2c0-48/get", "{}", NOON);
    assert_eq!(lines.len(), 1);
    assert!(node.receive("humidity-sensor/i2c0-40/get", "{}", NOON).is_empty(), "still preparing");
    let said = run(&mut node, after(400));
    assert_eq!(moments(&said, "humidity-sensor/i2c0-40"), [300]);
}

#[test]
fn the_led_answers_set_and_get_at_once() {
    let mut node = booted(Kit::Bridge);
    assert_eq!(texts(&node.receive("led/-/get", "{}", NOON)), [r#"["led/-", {"state": "off"}]"#]);
    for state in ["on", "1-dot", "2-dot", "3-dot", "off"] {
        let expected = format!(r#"["led/-", {{"state": "{state}"}}]"#);
        let lines = node.receive("led/-/set", &format!(r#"{{"state":"{state}"}}"#), NOON);
        assert_eq!(texts(&lines), std::slice::from_ref(&expected));
        assert_eq!(texts(&node.receive("led/-/get", "{}", NOON)), std::slice::from_ref(&expected));
    }
}

#[test]
fn a_relay_reports_each_set_also_one_that_changes_nothing() {
    let mut node = booted(Kit::Bridge);
    let topic = "relay/i2c0-3f";
    assert_eq!(
        texts(&node.receive("relay/i2c0-3f/get", "{}", NOON)),
        [r#"["relay/i2c0-3f", {"state": null}]"#]
    );
    for (second, state) in [(1, true), (2, true), (3, false)] {
        let payload = format!(r#"{{"state": {state}}}"#);
        assert!(node.receive("relay/i2c0-3f/set", &payload, after(second * SECOND)).is_empty());
        let said = run(&mut node, after(second * SECOND + 50));
        assert_eq!(moments(&said, topic), [second * SECOND + 20]);
        assert!(said.contains(&(after(second * SECOND + 20), Line::new(topic, payload))));
    }
    assert_eq!(
        texts(&node.receive("relay/i2c0-3b/get", "{}", NOON)),
        [r#"["relay/i2c0-3b", {"state": null}]"#]
    );
}

#[test]
fn the_display_is_written_without_an_answer() {
    let mut node = booted(Kit::Bridge);
    let payload = r#"{"line-0": "Hub", "line-1": "this one is far too long for a line", "line-7": "end"}"#;
    assert!(node.receive("display-oled/i2c0-3c/set", payload, NOON).is_empty());
    assert_eq!(node.refused(), 1);
    match node.screen() {
        Some(Screen::Text(lines)) => assert_eq!(lines.each_ref().map(String::as_str)[..2], ["Hub", ""]),
        other => panic!("{other:?}"),
    }
    assert!(booted(Kit::Tower).screen().is_none());
}

#[test]
fn raw_i2c_is_answered_on_its_bus_and_a_scan_on_its_request() {
    let mut node = booted(Kit::Bridge);
    let read = r#"{"address": "48", "write": "00", "read-length": 2}"#;
    assert!(node.receive("i2c/1/get", read, NOON).is_empty());
    assert!(node.receive("i2c/1/config/scan", "{}", NOON).is_empty());
    let said = run(&mut node, after(200));
    assert_eq!(said.len(), 2);
    assert_eq!(said[0].1.topic, "i2c/1");
    assert!(said[0].1.payload.starts_with(r#"{"address": "48", "write": "00", "read": ""#), "{}", said[0].1);
    assert_eq!(
        said[1].1.to_string(),
        r#"["i2c/1/config/scan/ok", {"slaves": [["48","thermometer/i2c1-48"], ["70","!i2c-selector"]]}]"#
    );
}

#[test]
fn what_a_bridge_does_not_understand_it_counts_and_passes_over_in_silence() {
    for (topic, payload, expected) in [
        ("relay/i2c0-3b/set", "nan", Refusal::NotJson),
        ("relay/i2c0-3b/set", r#"{"state": true"#, Refusal::NotJson),
        ("relay/i2c0-3b/set", "true", Refusal::ObjectExpected),
        ("relay/i2c0-3b/set", "", Refusal::NotJson),
        ("relay/i2c0-3b/set", "[]", Refusal::ObjectExpected),
        ("relay/i2c0-3b", r#"{"state": true}"#, Refusal::TooShallow { levels: 2 }),
        ("a/b/c/d/e", "{}", Refusal::TooDeep { levels: 5 }),
        ("pir/-/get", "{}", Refusal::BadAddress),
        ("clown.talk/-/config/set", "{}", Refusal::BadAddress),
        ("thermometer/i2c0-60/get", "{}", Refusal::TypeMismatch { expected: "barometer" }),
        ("thermometer/i2c0-49/get", "{}", Refusal::NotPluggedIn),
        ("relay/i2c1-3b/set", r#"{"state": true}"#, Refusal::NotPluggedIn),
        ("thermometer/i2c0-48/set", "{}", Refusal::UnknownRequest),
        ("display-oled/i2c0-3c/get", "{}", Refusal::UnknownRequest),
        ("thermometer/i2c0-48/config/reset", "{}", Refusal::UnknownRequest),
        ("-/-/config/list", r#"{"all": true}"#, Refusal::UnknownRequest),
        ("led/-/set", "{}", Refusal::MissingKey { key: "state" }),
    ] {
        assert_eq!(answer(topic, payload), (vec![], Some(expected)), "{topic} {payload}");
    }
    for (topic, payload) in [
        ("relay/i2c0-3b/set", r#"{"state": "true"}"#),
        ("led/-/set", r#"{"state": "blink"}"#),
        ("i2c/0/get", r#"{"address": "48", "read-length": 0}"#),
        ("display-oled/i2c0-3c/set", r#"{"line-8": "no"}"#),
    ] {
        let (lines, refusal) = answer(topic, payload);
        assert!(lines.is_empty() && matches!(refusal, Some(Refusal::BadValue { .. })), "{topic} {payload}");
    }
}

/// Published as bad, cut into topic and payload the way a hub would. Lines that are no JSON, and lines without a
/// payload, end at the hub and reach no node.
#[test]
fn every_bad_line_on_record_is_survived_by_both_kits() {
    let lines = [
        r#"["lux-meter/i2c0-44", {"illuminance": [600.1, "lux"]}"#,
        r#"["lux-meter/i2c0-44", {"illuminance": [600, "lux"]}"#,
        r#"["clown.talk/-/config/ok", {"ack": false, "device": "bridge", "capabilities": 1, "firmware-datetime": "x"]"#,
        r#"["relay/i2c0-3b/set", {"state": "true"}]"#,
        r#"["relay/i2c0-3b/set", true]"#,
        r#"["relay/i2c0-3b/set"]"#,
        r#"["thermometer/i2c0-60/get", {}]"#,
        r#"["relay/i2c0-3b", {"state": true}]"#,
        r#"["led/-/set", {"state": "blink"}]"#,
        r#"["co2-sensor/i2c0-38/config/update", {"publish-interval": 5}]"#,
        r#"["-/-/config/list", {"all": true}]"#,
        r#"["836d1983718a/thermometer/0:0/temperature", nan]"#,
        r#"["836d1983718a/thermometer/0:0/temperature"]"#,
    ];
    for kit in [Kit::Bridge, Kit::Tower] {
        for line in lines {
            let mut node = booted(kit);
            let (topic, payload) = line.split_once(", ").unwrap_or((line, ""));
            let topic = topic.trim_matches(['[', ']', '"']);
            let payload = payload.strip_suffix(']').unwrap_or(payload);
            let answer = node.receive(topic, payload, NOON);
            assert_eq!(node.refused(), 1, "{line}");
            assert!(answer.iter().all(|line| line.topic.ends_with("/config/error")), "{line}");
        }
    }
    // A third element is dropped by the hub, so the node sees a good command.
    assert_eq!(answer("relay/i2c0-3b/set", r#"{"state": true}"#).1, None);
}

fn tower_ids(node: &mut Node) -> Vec<String> {
    let lines = node.boot(NOON);
    lines.iter().map(|line| line.topic.strip_suffix("/info").unwrap().to_owned()).collect()
}

#[test]
fn each_radio_node_of_a_tower_introduces_itself_by_an_id_from_the_seed() {
    let mut node = Node::new(Kit::Tower, 3);
    let lines = node.boot(NOON);
    assert_eq!(lines.len(), 3);
    for line in &lines {
        let id = line.topic.strip_suffix("/info").unwrap();
        assert!(id.len() == 12 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{id}");
        let info: Value = serde_json::from_str(&line.payload).unwrap();
        assert!(info["firmware"].is_string() && info["version"] == "v1.7.4" && info["mode"].is_u64());
    }
    assert_ne!(tower_ids(&mut Node::new(Kit::Tower, 3)), tower_ids(&mut Node::new(Kit::Tower, 4)));
}

#[test]
fn every_reading_of_a_tower_is_a_bare_value_of_the_published_shape() {
    let mut node = booted(Kit::Tower);
    let said = run(&mut node, after(2 * HOUR));
    for (quantity, expected) in [
        ("thermometer/0:0/temperature", "9.99"),
        ("thermometer/0:1/temperature", "9.99"),
        ("hygrometer/0:4/relative-humidity", "9.9"),
        ("lux-meter/0:0/illuminance", "9.9"),
        ("barometer/0:0/pressure", "9.99"),
        ("barometer/0:0/altitude", "9.99"),
        ("co2-meter/-/concentration", "9"),
        ("battery/-/voltage", "9.99"),
        ("push-button/-/event-count", "9"),
    ] {
        let readings: Vec<_> = said.iter().filter(|(_, line)| line.topic.ends_with(quantity)).collect();
        assert!(!readings.is_empty(), "{quantity}");
        for (_, line) in readings {
            assert_eq!(shape(&line.payload), expected, "{line}");
            assert_json(line);
        }
    }
}

#[test]
fn a_thermometer_of_a_tower_moves_within_a_minute_and_never_rests_longer_than_16() {
    let mut node = Node::new(Kit::Tower, 7);
    let ids = tower_ids(&mut node);
    let topic = format!("{}/thermometer/0:0/temperature", ids[0]);
    let said = moments(&run(&mut node, after(6 * HOUR)), &topic);
    assert!(said.windows(2).all(|pair| pair[1] - pair[0] <= 16 * MINUTE));
    assert!(said.iter().filter(|when| **when <= 5 * MINUTE).count() >= 2, "{said:?}");
}

#[test]
fn actuators_of_a_tower_answer_with_their_state() {
    let mut node = Node::new(Kit::Tower, 7);
    let id = tower_ids(&mut node).swap_remove(0);
    for (request, payload, expected) in [
        ("relay/0:0/state/get", "null", Some(("relay/0:0/state", "null"))),
        ("relay/0:0/state/set", "true", Some(("relay/0:0/state", "true"))),
        ("relay/-/state/get", "", Some(("relay/-/state", "false"))),
        ("relay/-/state/set", "\"true\"", Some(("relay/-/state", "true"))),
        ("led/-/state/set", "true", Some(("led/-/state", "true"))),
        ("led/-/state/set", "\"false\"", Some(("led/-/state", "false"))),
        ("led/-/state/get", "null", Some(("led/-/state", "false"))),
        ("relay/0:0/pulse/set", r#"{"duration": 200, "direction": false}"#, None),
        ("led-strip/-/color/set", r##""#250000(80)""##, None),
        ("led-strip/-/brightness/set", "50", None),
        ("led-strip/-/compound/set", r##"[20, "#ff0000"]"##, None),
        ("led-strip/-/effect/set", r#"{"type": "rainbow", "wait": 50}"#, None),
        ("led-strip/-/thermometer/set", r#"{"temperature": 22.5, "min": -20, "max": 50}"#, None),
    ] {
        let lines = node.receive(&format!("{id}/{request}"), payload, NOON);
        let expected: Vec<_> =
            expected.map(|(topic, state)| Line::new(format!("{id}/{topic}"), state)).into_iter().collect();
        assert_eq!(lines, expected, "{request} {payload}");
        assert_eq!(node.refused(), 0, "{request} {payload}");
    }
}

#[test]
fn what_a_tower_does_not_understand_it_counts_and_passes_over_in_silence() {
    let mut node = Node::new(Kit::Tower, 7);
    let ids = tower_ids(&mut node);
    let requests = [
        (&*ids[0], "led/-/state/set", "nan", Refusal::NotJson),
        (&*ids[0], "led/-/state", "true", Refusal::UnknownRequest),
        (&*ids[0], "led-strip/-/sparkle/set", "1", Refusal::UnknownRequest),
        (&*ids[1], "led/-/state/set", "true", Refusal::Asleep),
        ("0123456789ab", "led/-/state/set", "true", Refusal::UnknownNode),
        ("", "info/get", "null", Refusal::UnknownNode),
    ];
    for (id, request, payload, expected) in requests {
        assert!(node.receive(&format!("{id}/{request}"), payload, NOON).is_empty());
        assert_eq!(node.last_refusal(), Some(&expected), "{request} {payload}");
    }
    for (request, payload) in [
        ("led/-/state/set", "1"),
        ("led/-/state/get", "true"),
        ("relay/-/state/set", "\"TRUE\""),
        ("led-strip/-/brightness/set", "101"),
        ("relay/0:0/pulse/set", "true"),
    ] {
        assert!(node.receive(&format!("{}/{request}", ids[0]), payload, NOON).is_empty());
        assert!(matches!(node.last_refusal(), Some(Refusal::BadValue { .. })), "{request} {payload}");
    }
}

#[test]
fn the_same_seed_says_the_same_and_another_seed_something_else() {
    for kit in [Kit::Bridge, Kit::Tower] {
        let story = |seed| {
            let mut node = Node::new(kit, seed);
            let mut said = node.boot(NOON);
            said.extend(run(&mut node, after(10 * MINUTE)).into_iter().map(|(_, line)| line));
            said.extend(node.receive("relay/i2c0-3b/set", r#"{"state": true}"#, after(10 * MINUTE)));
            said.extend(run(&mut node, after(DAY / 4)).into_iter().map(|(_, line)| line));
            said
        };
        assert_eq!(story(1), story(1));
        assert_ne!(story(1), story(2));
    }
}

#[test]
fn a_wake_does_bounded_work_however_far_time_jumps() {
    for kit in [Kit::Bridge, Kit::Tower] {
        let mut node = booted(kit);
        run(&mut node, after(10 * SECOND));
        for jump in [YEAR, 100 * YEAR, 10_000 * YEAR] {
            let lines = node.wake(after(jump));
            assert!(lines.len() <= 20, "{} lines after {jump}", lines.len());
            assert!(node.next_wake().unwrap() > after(jump));
            lines.iter().for_each(assert_json);
        }
        let back = Moment(NOON.0 - YEAR);
        node.wake(back);
        assert!(node.next_wake().unwrap() <= back.plus(16 * SECOND), "a clock that went back is followed");
        for end in [Moment(0), Moment(u64::MAX)] {
            node.wake(end).iter().for_each(assert_json);
        }
    }
}

#[test]
fn a_sensor_falls_silent_now_and_then_and_comes_back() {
    let mut node = booted(Kit::Bridge);
    let said = run(&mut node, after(DAY));
    let pauses: Vec<u64> = moments(&said, "thermometer/i2c0-48")
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .filter(|pause| *pause > SECOND)
        .collect();
    assert!((1..=4).contains(&pauses.len()), "{pauses:?}");
    assert!(pauses.iter().all(|pause| (19 * SECOND..=62 * SECOND).contains(pause)), "{pauses:?}");
}

#[test]
fn a_year_of_readings_is_believable() {
    let mut node = booted(Kit::Bridge);
    run(&mut node, after(10 * SECOND));
    let mut readings = 0;
    for step in 1..YEAR / (6 * HOUR) {
        for line in node.wake(after(step * (6 * HOUR + 11 * MINUTE))) {
            let payload: Value = serde_json::from_str(&line.payload).unwrap();
            for (key, pair) in payload.as_object().unwrap() {
                let (low, high) = match (key.as_str(), line.topic.as_str()) {
                    ("temperature", "thermometer/i2c0-48") => (17.0, 27.0),
                    ("temperature", _) => (-20.0, 40.0),
                    ("illuminance", _) => (0.0, 2_500.0),
                    ("pressure", _) => (96.0, 103.0),
                    ("altitude", _) => (-150.0, 460.0),
                    ("relative-humidity", _) => (10.0, 90.0),
                    ("concentration", _) => (380.0, 2_000.0),
                    (key, topic) => panic!("{topic} says {key}"),
                };
                let value = pair[0].as_f64().unwrap();
                assert!((low..=high).contains(&value), "{line}");
                readings += 1;
            }
        }
    }
    assert!(readings > 9_000, "{readings}");
}

fn any_topic() -> impl Strategy<Value = String> {
    let level = prop::sample::select(vec![
        "-",
        "led",
        "relay",
        "i2c",
        "0",
        "1",
        "i2c0-48",
        "i2c0-3b",
        "i2c0-3c",
        "i2c1-48",
        "i2cé-48",
        "thermometer",
        "display-oled",
        "co2-sensor",
        "i2c0-38",
        "get",
        "set",
        "config",
        "update",
        "list",
        "scan",
        "state",
        "",
        "led-strip",
        "effect",
        "0:0",
        "pulse",
        "836d1983718a",
    ]);
    prop_oneof![
        prop::collection::vec(level, 0..6).prop_map(|levels| levels.join("/")),
        any::<String>(),
        prop::sample::select(vec![
            "i2c/0/set",
            "i2c/1/get",
            "display-oled/i2c0-3c/set",
            "thermometer/i2c0-48/config/set",
            "@/led/-/state/set",
            "@/led-strip/-/color/set",
            "@/led-strip/-/compound/set",
            "@/led-strip/-/effect/set",
            "@/relay/0:0/pulse/set",
            "@/led-strip/-/thermometer/set",
        ])
        .prop_map(str::to_owned),
    ]
}

fn any_payload() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        any::<f64>().prop_map(|number| number.to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
        "[0-9A-F,()=a-z#\\\\é]{0,12}".prop_map(|text| payload::quoted(&text)),
        prop::sample::select(vec![
            "null",
            "true",
            "{}",
            "[1, \"#ff0000\"]",
            "1e999",
            "-0.0",
            "1e308",
            "\"48\""
        ])
        .prop_map(str::to_owned),
    ];
    let key = prop::sample::select(vec![
        "state",
        "publish-interval",
        "line-0",
        "line-9",
        "raw",
        "address",
        "write",
        "read-length",
        "type",
        "wait",
        "color",
        "duration",
        "direction",
        "temperature",
        "min",
        "max",
    ]);
    let object = prop::collection::vec((key, value.clone()), 0..4).prop_map(|entries| {
        let entries: Vec<_> = entries.iter().map(|(key, value)| format!("\"{key}\": {value}")).collect();
        format!("{{{}}}", entries.join(", "))
    });
    prop_oneof![3 => object, 1 => value, 1 => any::<String>()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_frame_and_no_jump_in_time_makes_a_node_panic_or_say_what_is_no_json(
        tower in any::<bool>(),
        seed in any::<u64>(),
        frames in prop::collection::vec((any_topic(), any_payload(), any::<u64>(), 0..3_u8), 1..12),
    ) {
        let mut node = Node::new(if tower { Kit::Tower } else { Kit::Bridge }, seed);
        let id = node.boot(NOON)[0].topic.trim_end_matches("/info").to_owned();
        let mut now = NOON;
        for (topic, payload, jump, how) in frames {
            now = match how {
                0 => now.plus(jump % 2_000),
                1 => now.plus(jump % YEAR),
                _ => Moment(jump),
            };
            let mut lines = node.receive(&topic.replace('@', &id), &payload, now);
            lines.extend(node.wake(now));
            lines.iter().for_each(assert_json);
            prop_assert!(lines.len() < 100);
        }
    }
}
