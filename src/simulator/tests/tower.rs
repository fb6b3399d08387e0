//! A TOWER gateway with its radio nodes: what it says, and what it answers.

use super::*;

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
