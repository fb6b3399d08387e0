//! Whole nodes, from outside: frames in, lines out.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

mod bridge;
mod tower;

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
