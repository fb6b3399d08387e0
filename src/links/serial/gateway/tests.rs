use std::time::Duration;

use super::*;
use proptest::prelude::*;

const GATEWAY: &str = "836d19839c3b";
const NODE: &str = "836d1983718a";

/// A gateway as the hub sees it, and what came of each step.
struct World {
    gateway: Gateway,
    now: Instant,
    is_first: bool,
}

impl World {
    fn new(name: &str) -> Self {
        Self::with(name, true, &[])
    }

    fn with(name: &str, names_nodes: bool, names: &[(&str, &str)]) -> Self {
        let names = names.iter().map(|(id, name)| (Id::parse(id).unwrap(), (*name).into())).collect();
        let settings = SerialSettings {
            port: "/dev/null".into(),
            baud: 115_200,
            gateway: name.into(),
            names_nodes,
            names,
        };
        Self { gateway: Gateway::new(&settings), now: Instant::now(), is_first: false }
    }

    /// One that has listed its names and its nodes.
    fn known(name: &str, names: &str, nodes: &str) -> Self {
        let mut world = Self::new(name);
        world.hear(&format!("[\"/info\", {{\"id\": \"{GATEWAY}\", \"firmware\": \"bcf-gateway-usb-dongle\", \"version\": \"v1.7.0\"}}]"));
        world.hear(&format!("[\"$eeprom/alias/list/0\", {names}]"));
        world.hear(&format!("[\"/nodes\", {nodes}]"));
        world
    }

    /// What is said, as `> line` to the gateway and `topic payload` at the hub.
    fn hear(&mut self, line: &str) -> Vec<String> {
        self.bytes(line.as_bytes())
    }

    fn bytes(&mut self, line: &[u8]) -> Vec<String> {
        let mut effects = Effects::default();
        self.gateway.hear(line, std::mem::take(&mut self.is_first), self.now, &mut effects);
        shown(&effects)
    }

    fn say(&mut self, topic: &str, payload: &str) -> Vec<String> {
        let mut effects = Effects::default();
        match self.gateway.command(topic, payload, self.now, &mut effects) {
            Ok(()) => shown(&effects),
            Err(why) => vec![format!("lost: {why}")],
        }
    }

    fn look_after(&mut self, seconds: u64) -> Vec<String> {
        self.now += Duration::from_secs(seconds);
        let mut effects = Effects::default();
        self.gateway.look(self.now, self.now, &mut effects).unwrap();
        shown(&effects)
    }
}

fn shown(effects: &Effects) -> Vec<String> {
    let news = effects.news.iter().map(|news| match news {
        News::Said { topic, payload, is_event: false } => format!("{topic} {payload}"),
        News::Said { topic, payload, is_event: true } => format!("{topic} {payload} (event)"),
        News::Cleared(topic) => format!("{topic} is cleared"),
        News::Refused(line, why) => format!("refused {line}: {why}"),
    });
    news.chain(effects.lines.iter().map(|line| format!("> {line}"))).collect()
}

#[test]
fn a_gateway_that_says_who_it_is_is_asked_for_its_names_page_by_page_and_then_for_its_nodes() {
    let mut world = World::new("usb-dongle");
    let info = format!(
        "{{\"id\": \"{GATEWAY}\", \"firmware\": \"bcf-gateway-usb-dongle\", \"version\": \"v1.7.0\"}}"
    );
    assert_eq!(
        world.hear(&format!("[\"/info\", {info}]")),
        [format!("gateway/usb-dongle/info {info}"), "> [\"$eeprom/alias/list\", 0]".to_owned(),]
    );
    let page = |from: u32| {
        let names = (from..from + 8).map(|n| format!("\"00000000000{n:x}\": \"node{n}\""));
        names.collect::<Vec<_>>().join(",")
    };
    assert_eq!(
        world.hear(&format!("[\"$eeprom/alias/list/0\", {{{}}}]", page(0))),
        ["> [\"$eeprom/alias/list\", 1]"]
    );
    // A page that was not asked for is none.
    assert!(world.hear("[\"$eeprom/alias/list/3\", {}]").is_empty());
    let told = world.hear(&format!("[\"$eeprom/alias/list/1\", {{\"{NODE}\": \"kitchen\"}}]"));
    assert_eq!(told, ["> [\"/nodes/get\", null]"]);
    assert_eq!(
        world.hear(&format!("[\"/nodes\", [\"{NODE}\",\"00000000000a\"]]")),
        [format!(
            "gateway/usb-dongle/nodes [{{\"alias\":\"kitchen\",\"id\":\"{NODE}\"}},{{\"id\":\"00000000000a\"}}]"
        )]
    );
    assert_eq!(
        world.hear(&format!("[\"{NODE}/thermometer/0:1/temperature\", 22.50]")),
        ["node/kitchen/thermometer/0:1/temperature 22.50"],
        "the number is as it came"
    );
}

#[test]
fn a_gateway_whose_radio_does_not_work_yet_is_asked_again() {
    let mut world = World::new("usb-dongle");
    assert!(world.hear("[\"/info\", {\"id\": \"000000000000\", \"firmware\": \"x\"}]").is_empty());
    assert_eq!(world.look_after(1), ["> [\"/info/get\", null]"]);
}

#[test]
fn an_old_gateway_has_an_address_and_may_have_no_list_of_names() {
    let mut world = World::new("{id}");
    let told = world.hear(&format!("[\"/info\", {{\"address\": \"{GATEWAY}\", \"firmware\": \"x\"}}]"));
    assert_eq!(
        told,
        [
            format!("gateway/{GATEWAY}/info {{\"firmware\":\"x\",\"id\":\"{GATEWAY}\"}}"),
            "> [\"$eeprom/alias/list\", 0]".to_owned(),
        ]
    );
    assert!(world.look_after(1).is_empty());
    assert_eq!(world.look_after(5), ["> [\"/nodes/get\", null]"]);
}

#[test]
fn a_node_that_says_what_it_is_gets_a_name_and_takes_its_last_values_along() {
    let mut world = World::known("usb-dongle", "{}", &format!("[\"{NODE}\"]"));
    world.hear(&format!("[\"{NODE}/thermometer/0:1/temperature\", 21.5]"));
    let info = "{\"firmware\": \"kit-climate-monitor\", \"version\": \"v1.7.4\"}";
    assert_eq!(
        world.hear(&format!("[\"{NODE}/info\", {info} ]")),
        [
            format!("node/{NODE}/info {info}"),
            format!("node/{NODE}/info is cleared"),
            format!("node/{NODE}/thermometer/0:1/temperature is cleared"),
            format!("node/climate-monitor:0/info {info}"),
            format!("> [\"$eeprom/alias/add\", {{\"id\": \"{NODE}\", \"name\": \"climate-monitor:0\"}}]"),
        ]
    );
    assert_eq!(
        world.hear(&format!("[\"$eeprom/alias/add/ok\", \"{NODE}\"]")),
        [format!(
            "gateway/usb-dongle/alias/set/ok {{\"id\": \"{NODE}\", \"alias\": \"climate-monitor:0\"}} (event)"
        )]
    );
    // It has one now.
    assert_eq!(
        world.hear(&format!("[\"{NODE}/info\", {info}]")),
        [format!("node/climate-monitor:0/info {info}")]
    );
}

#[test]
fn somebody_names_a_node_and_is_answered_when_the_gateway_has_stored_it() {
    let mut world = World::known("usb-dongle", "{}", "[]");
    let set = |alias: &str| format!("{{\"id\": \"{NODE}\", \"alias\": {alias}}}");
    let topic = "gateway/usb-dongle/alias/set";
    assert_eq!(
        world.say(topic, &set("\"kitchen\"")),
        [format!("> [\"$eeprom/alias/add\", {{\"id\": \"{NODE}\", \"name\": \"kitchen\"}}]")]
    );
    // One after the other.
    assert!(world.say(topic, "{\"id\": \"00000000000a\", \"alias\": \"attic\"}").is_empty());
    assert_eq!(
        world.hear(&format!("[\"$eeprom/alias/add/ok\", \"{NODE}\"]")),
        [
            format!("gateway/usb-dongle/alias/set/ok {} (event)", set("\"kitchen\"")),
            "> [\"$eeprom/alias/add\", {\"id\": \"00000000000a\", \"name\": \"attic\"}]".to_owned(),
        ]
    );
    // A gateway that does not answer is not waited for.
    assert_eq!(
        world.look_after(6),
        [
            "gateway/usb-dongle/alias/set/error {\"id\": \"00000000000a\", \"alias\": \"attic\", \"reason\": \"the gateway did not \
         answer\"} (event)"
        ]
    );
    assert_eq!(world.say(topic, &set("null")), [format!("> [\"$eeprom/alias/remove\", \"{NODE}\"]")]);
    let told = world.hear(&format!("[\"$eeprom/alias/remove/error\", \"{NODE}\"]"));
    assert!(told[0].starts_with("gateway/usb-dongle/alias/remove/error "), "{told:?}");
}

#[test]
fn a_name_that_is_taken_or_is_none_is_refused_with_an_answer() {
    let mut world = World::known("usb-dongle", "{\"00000000000a\": \"attic\"}", "[\"00000000000a\"]");
    for (alias, why) in [
        ("\"attic\"", "is the name of node 00000000000a"),
        ("\"usb-dongle\"", "that is the name of the gateway"),
        ("\"a/b\"", "is no name"),
        ("\"\"", "a name has 1 to 32 bytes"),
    ] {
        let told =
            world.say("gateway/usb-dongle/alias/set", &format!("{{\"id\": \"{NODE}\", \"alias\": {alias}}}"));
        assert!(
            told[0].starts_with("gateway/usb-dongle/alias/set/error ") && told[0].contains(why),
            "{told:?}"
        );
    }
    for payload in
        ["{}", "1", "{\"id\": \"kitchen\", \"alias\": \"x\"}", "{\"id\": \"836d1983718a\", \"alias\": 1}"]
    {
        let told = world.say("gateway/usb-dongle/alias/set", payload);
        assert!(told[0].starts_with("lost: it takes {"), "{told:?}");
    }
}

#[test]
fn a_gateway_that_has_another_list_of_names_after_a_reconnect_is_right() {
    let mut world =
        World::known("usb-dongle", &format!("{{\"{NODE}\": \"kitchen\"}}"), &format!("[\"{NODE}\"]"));
    world.gateway.lost(&mut Effects::default());
    world.hear(&format!("[\"/info\", {{\"id\": \"{GATEWAY}\", \"firmware\": \"x\"}}]"));
    let told = world.hear(&format!("[\"$eeprom/alias/list/0\", {{\"{NODE}\": \"cellar\"}}]"));
    assert_eq!(told, ["> [\"/nodes/get\", null]"], "the gateway is told nothing that it has said itself");
    assert_eq!(world.hear(&format!("[\"{NODE}/orientation\", 3]")), ["node/cellar/orientation 3"]);
}

#[test]
fn names_that_the_operator_gives_count_more_than_those_of_the_gateway() {
    let mut world = World::with("usb-dongle", false, &[(NODE, "kitchen")]);
    world.hear(&format!("[\"/info\", {{\"id\": \"{GATEWAY}\", \"firmware\": \"x\"}}]"));
    assert_eq!(
        world.hear(&format!("[\"$eeprom/alias/list/0\", {{\"{NODE}\": \"generic-node:0\"}}]")),
        [
            "> [\"/nodes/get\", null]".to_owned(),
            format!("> [\"$eeprom/alias/add\", {{\"id\": \"{NODE}\", \"name\": \"kitchen\"}}]"),
        ]
    );
    // Nobody is named otherwise.
    let told = world.hear("[\"00000000000a/info\", {\"firmware\": \"push-button\"}]");
    assert_eq!(told, ["node/00000000000a/info {\"firmware\": \"push-button\"}"]);
}

#[test]
fn commands_go_to_nodes_by_name_or_id_and_at_any_depth() {
    let mut world =
        World::known("usb-dongle", &format!("{{\"{NODE}\": \"kitchen\"}}"), &format!("[\"{NODE}\"]"));
    for name in ["kitchen", NODE] {
        let told = world.say(&format!("node/{name}/relay/0:0/pulse/set"), "{\"duration\": 200}");
        assert_eq!(told, [format!("> [\"{NODE}/relay/0:0/pulse/set\", {{\"duration\": 200}}]")]);
    }
    for (topic, payload, line) in [
        ("node/kitchen/led/-/state/set", "true", "led/-/state/set\", true"),
        ("node/kitchen/lcd/-/screen/clear", "", "lcd/-/screen/clear\", null"),
        ("node/kitchen/set", "1", "set\", 1"),
        ("node/kitchen/a/b/c/d/e/set", "1", "a/b/c/d/e/set\", 1"),
    ] {
        assert_eq!(world.say(topic, payload), [format!("> [\"{NODE}/{line}]")]);
    }
    // What a node has asked for is a command, whatever it is called.
    assert!(!world.gateway.takes("node/kitchen/door/open"));
    world.hear(&format!("[\"$sub\", {{\"topic\": \"{NODE}/door/open\", \"pt\": 0}}]"));
    assert_eq!(world.say("node/kitchen/door/open", "true"), [format!("> [\"{NODE}/door/open\", true]")]);
}

#[test]
fn what_is_no_command_for_this_gateway_is_never_said_to_it() {
    let mut world =
        World::known("usb-dongle", &format!("{{\"{NODE}\": \"kitchen\"}}"), &format!("[\"{NODE}\"]"));
    for topic in [
        // The gateway would take the beginning of a command for the command.
        "node/kitchen/relay/0:0/state",
        "node/kitchen/relay/0:0",
        "gateway/usb-dongle/nodes",
        "gateway/usb-dongle/nodes/p",
        "gateway/usb-dongle/pairing-mode",
        // Other gateways and their nodes.
        "gateway/core-module/info/get",
        "node/attic/led/-/state/set",
        "node/00000000000b/led/-/state/set",
        // Answers, and what is none of it.
        "gateway/usb-dongle/alias/set/ok",
        "gateway/pong",
        "log/usb-dongle/set",
        "nodes/kitchen/set",
        "node/kitchen",
    ] {
        assert!(!world.gateway.takes(topic), "{topic}");
        assert!(world.say(topic, "true").is_empty(), "{topic}");
    }
}

#[test]
fn while_nothing_is_known_of_a_gateways_nodes_any_of_them_may_be_its_own() {
    let world = World::new("usb-dongle");
    assert!(world.gateway.takes("node/kitchen/led/-/state/set"));
    assert!(!world.gateway.takes("node/kitchen/led/-/state"));
    assert!(world.gateway.takes("gateway/all/pairing-mode/start"));
}

#[test]
fn all_gateways_are_asked_together() {
    let mut world = World::known("usb-dongle", "{}", "[]");
    assert_eq!(world.say("gateway/ping", "null"), ["gateway/pong \"usb-dongle\" (event)"]);
    for command in
        ["info/get", "nodes/get", "nodes/purge", "pairing-mode/start", "scan/stop", "automatic-pairing/stop"]
    {
        assert_eq!(world.say(&format!("gateway/all/{command}"), ""), [format!("> [\"/{command}\", null]")]);
    }
    assert_eq!(
        world.say("gateway/usb-dongle/nodes/add", &format!("\"{NODE}\"")),
        [format!("> [\"/nodes/add\", \"{NODE}\"]")]
    );
    for payload in ["\"836d19\"", "1", "null"] {
        assert!(
            world.say("gateway/usb-dongle/nodes/add", payload)[0]
                .starts_with("lost: it takes the id of a node")
        );
    }
    let told = world.hear("[\"/attach\", \"00000000000b\"]");
    assert_eq!(told, ["gateway/usb-dongle/attach \"00000000000b\" (event)"]);
    assert!(world.gateway.takes("node/00000000000b/led/-/state/set"));
    assert_eq!(world.hear("[\"/pairing-mode\", \"start\"]"), ["gateway/usb-dongle/pairing-mode \"start\""]);
}

#[test]
fn a_core_module_is_a_node_itself() {
    let mut world = World::known("core-module", "{}", "[]");
    assert_eq!(
        world.hear(&format!("[\"{GATEWAY}/thermometer/0:1/temperature\", 24.69]")),
        ["node/core-module/thermometer/0:1/temperature 24.69"]
    );
    let told = world.say("node/core-module/led/-/state/set", "true");
    assert_eq!(told, [format!("> [\"{GATEWAY}/led/-/state/set\", true]")]);
}

#[test]
fn lines_of_its_log_go_where_logs_go() {
    let mut world = World::known("usb-dongle", "{}", "[]");
    for (line, level) in
        [("I", "info"), ("W", "warning"), ("E", "error"), ("X", "error"), ("D", "debug"), ("?", "debug")]
    {
        let told = world.hear(&format!("# 12.30 <{line}> APP: \"quoted\" text"));
        assert_eq!(
            told,
            [format!("log/usb-dongle/{level} \"12.30 <{line}> APP: \\\"quoted\\\" text\" (event)")]
        );
    }
    assert_eq!(world.hear("#"), ["log/usb-dongle/debug \"\" (event)"]);
}

#[test]
fn what_is_no_message_is_refused_with_its_reason_and_the_next_line_is_read() {
    let mut world = World::known("usb-dongle", "{}", "[]");
    for (line, why) in [
        ("[\"836d1983718a/thermometer/0:0/temperature\", nan]", "nan"),
        ("[\"836d1983718a/custom/-/text\", \"a \"quoted\" word\"]", ""),
        ("0:1/temperature\", 22.5]", ""),
        ("[\"836d1983718a/led/-/state\"]", ""),
        ("[\"836d1983718a/led/-/state\", true, {}]", "not one array of two elements"),
        (
            "[\"thermometer/i2c0-48\", {\"temperature\": [23.6, \"C\"]}]",
            "does not begin with the id of a node",
        ),
        ("[\"boot\", null]", "names no node"),
        ("[\"/info\", 1]", "is no object"),
        ("[\"/info\", {\"id\": \"x\"}]", "no id"),
        ("[\"/nodes\", 1]", "is no list"),
    ] {
        let told = world.hear(line);
        assert!(
            told.len() == 1 && told[0].starts_with("refused ") && told[0].contains(why),
            "{line}: {told:?}"
        );
    }
    assert!(world.bytes(b"\x80\xfe garbage")[0].contains("it is no text"));
    assert_eq!(
        world.bytes(b"\0\0\0[\"836d1983718a/orientation\", 3]\r"),
        ["node/836d1983718a/orientation 3"]
    );
    assert!(world.bytes(b"\0\0").is_empty());
    // The port was opened in the middle of a line.
    world.is_first = true;
    assert!(world.hear("0:1/temperature\", 22.5]").is_empty());
}

#[test]
fn a_command_that_the_gateway_has_no_room_for_is_lost_with_a_reason() {
    let mut world =
        World::known("usb-dongle", &format!("{{\"{NODE}\": \"kitchen\"}}"), &format!("[\"{NODE}\"]"));
    let told = world.say("node/kitchen/lcd/-/text/set", &format!("\"{}\"", "x".repeat(1000)));
    assert_eq!(told, ["lost: its line has 1035 bytes, and the gateway takes 1023"]);
}

#[test]
fn a_gateway_that_goes_is_told_once() {
    let mut world = World::new("usb-dongle");
    let mut lost = || {
        let mut effects = Effects::default();
        world.gateway.lost(&mut effects);
        shown(&effects)
    };
    // Whatever was said in an earlier life of the hub.
    assert_eq!(lost(), ["gateway/usb-dongle/info null"]);
    assert!(lost().is_empty());
}

#[test]
fn a_silent_gateway_is_asked_for_a_sign_of_life_of_which_nobody_hears() {
    let mut world = World::known("usb-dongle", "{}", "[]");
    let heard = world.now;
    world.now += SILENCE;
    let mut effects = Effects::default();
    world.gateway.look(heard, world.now, &mut effects).unwrap();
    assert_eq!(shown(&effects), ["> [\"/info/get\", null]"]);
    let answer = format!(
        "[\"/info\", {{\"id\": \"{GATEWAY}\", \"firmware\": \"bcf-gateway-usb-dongle\", \"version\": \"v1.7.0\"}}]"
    );
    assert!(world.hear(&answer).is_empty());
    // One that does not answer hangs.
    let told = world.gateway.look(heard, heard + DEAD, &mut Effects::default()).unwrap_err();
    assert!(told.contains("unplug it"), "{told}");
    // Unasked it means that the gateway was started anew.
    assert_eq!(world.hear(&answer).last().unwrap(), "> [\"$eeprom/alias/list\", 0]");
}

proptest! {
    #[test]
    fn whatever_a_port_says_leads_to_topics_that_are_topics_or_is_refused(
        lines in prop::collection::vec(
            prop_oneof![
                any::<Vec<u8>>(),
                "\\PC{0,40}".prop_map(String::into_bytes),
                "\\[\"(/|\\$|836d1983718a/)[a-z/+#]{0,20}\", (null|1|\"x\"|\\[\\]|\\{\\}|nan)\\]".prop_map(String::into_bytes),
            ],
            0..20,
        ),
        commands in prop::collection::vec(("(node|gateway)/(all|usb-dongle|836d1983718a)/[a-z/]{0,20}/set", "(null|1|\"x\"|\\{\\})"), 0..9),
    ) {
        let mut world = World::known("usb-dongle", "{}", "[]");
        for line in lines {
            let mut effects = Effects::default();
            world.gateway.hear(&line, false, world.now, &mut effects);
            for line in &effects.lines {
                prop_assert!(Frames::of(line).all(|frame| frame.is_ok()), "{line}");
            }
            for news in effects.news {
                if let News::Said { payload, .. } = news {
                    prop_assert!(crate::talk::frame::payload(&payload).is_some(), "{payload}");
                }
            }
        }
        for (topic, payload) in commands {
            for line in world.say(&topic, &payload).iter().filter_map(|line| line.strip_prefix("> ")) {
                prop_assert!(Frames::of(line).all(|frame| frame.is_ok()), "{line}");
            }
        }
    }
}
