//! The Bridge Module of 2016: what it says, and what it answers.

use super::*;

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
