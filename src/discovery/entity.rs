//! What a message makes of a node, as Home Assistant calls it: sensors, switches, lights. By the type in the topic, and the unit in
//! the payload or, of radio nodes, the one that was agreed on.

use serde_json::{Map, Value, json};

use super::names::title;

/// Values of one message that are told.
const MOST_VALUES: usize = 16;
/// The longest key and unit.
const LONGEST_KEY: usize = 64;
const LONGEST_UNIT: usize = 16;

/// One thing of a node.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entity {
    /// What it is.
    pub(super) component: &'static str,
    /// Which value of the message.
    pub(super) key: String,
    /// Levels of its topic that do not belong to the node.
    pub(super) levels: usize,
    /// Its name within the node.
    pub(super) name: String,
    /// What else is told of it.
    pub(super) about: Map<String, Value>,
    /// Whether its topic says how it is.
    pub(super) has_state: bool,
    /// Where it takes commands, behind its topic.
    pub(super) takes: Option<&'static str>,
}

impl Entity {
    fn new(component: &'static str, key: &str, levels: usize, name: String, about: Value) -> Self {
        let about = if let Value::Object(about) = about { about } else { Map::new() };
        Self { component, key: key.to_owned(), levels, name, about, has_state: true, takes: None }
    }

    fn taking(mut self, takes: &'static str) -> Self {
        self.takes = Some(takes);
        self
    }

    /// The same where nobody can switch it: as somebody who only looks sees it.
    pub(super) fn read_only(&self) -> Option<Self> {
        let template = ["value_template", "state_value_template"];
        let template = template.iter().find_map(|key| self.about.get(*key)).cloned();
        let (component, on, off) = match self.component {
            "switch" => ("binary_sensor", "state_on", "state_off"),
            "light" if self.has_state => ("binary_sensor", "payload_on", "payload_off"),
            "select" => ("sensor", "", ""),
            _ => return None,
        };
        let mut about = Map::new();
        for (key, value) in [
            ("value_template", template),
            ("payload_on", self.about.get(on).cloned()),
            ("payload_off", self.about.get(off).cloned()),
        ] {
            about.extend(value.map(|value| (key.to_owned(), value)));
        }
        Some(Self { component, about, takes: None, ..self.clone() })
    }
}

/// What a message under this topic makes of its node.
pub(super) fn entities(topic: &str, payload: &Value) -> Vec<Entity> {
    let levels: Vec<&str> = topic.split('/').collect();
    if matches!(levels.last(), Some(&("set" | "get" | "ok" | "error"))) {
        return Vec::new();
    }
    match (levels.as_slice(), payload) {
        ([_, .., kind, address], Value::Object(values)) if levels.len() >= 3 => {
            of_object(kind, address, values)
        }
        ([_, .., kind, address, quantity], value) if levels.len() >= 4 => {
            of_radio(kind, address, quantity, value).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// What says whether a node is there.
pub(super) fn presence() -> Entity {
    let about = json!({
        "device_class": "connectivity",
        "entity_category": "diagnostic",
        "payload_on": "online",
        "payload_off": "offline",
        "value_template": "{{ value_json.state }}",
    });
    Entity::new("binary_sensor", "", 1, "Presence".to_owned(), about)
}

/// The strip of LEDs of a radio node, which it has by its firmware: a strip never says anything.
pub(super) fn strip() -> Entity {
    let on = r##""#{{ '%02x%02x%02x' | format(red, green, blue) if red is defined else 'ffffff' }}""##;
    let about = json!({
        "schema": "template",
        "command_on_template": on,
        "command_off_template": "\"#000000\"",
        "red_template": "{{ value_json[1:3] | int(0, 16) }}",
        "green_template": "{{ value_json[3:5] | int(0, 16) }}",
        "blue_template": "{{ value_json[5:7] | int(0, 16) }}",
    });
    let strip = Entity::new("light", "strip", 1, title("led-strip"), about);
    Entity { has_state: false, ..strip }
}

/// Whether a radio node with this firmware has a strip.
pub(super) fn has_strip(firmware: &str) -> bool {
    firmware.contains("-rgb") || firmware.contains("led-strip")
}

/// Nodes of the first generation: `{"temperature": [20.5, "℃"]}`, `{"state": true}`.
fn of_object(kind: &str, address: &str, values: &Map<String, Value>) -> Vec<Entity> {
    let named = |word: &str| named(word, address);
    let state = values.get("state");
    match (kind, state) {
        ("relay", Some(Value::Bool(_) | Value::Null)) => {
            let about = json!({
                "payload_on": r#"{"state": true}"#,
                "payload_off": r#"{"state": false}"#,
                "state_on": "ON",
                "state_off": "OFF",
                "value_template": "{{ 'None' if value_json.state is none else ('ON' if value_json.state else 'OFF') }}",
            });
            return vec![Entity::new("switch", "", 2, named("relay"), about).taking("/set")];
        }
        ("light", Some(Value::Bool(_) | Value::Null)) => {
            let about = json!({
                "payload_on": r#"{"state": true}"#,
                "payload_off": r#"{"state": false}"#,
                "state_value_template": r#"{{ '{"state": true}' if value_json.state else '{"state": false}' }}"#,
            });
            return vec![Entity::new("light", "", 2, named("light"), about).taking("/set")];
        }
        ("led", Some(Value::String(_) | Value::Null)) => {
            let about = json!({
                "options": ["off", "on", "1-dot", "2-dot", "3-dot"],
                "command_template": r#"{"state": "{{ value }}"}"#,
                "value_template": "{{ value_json.state }}",
            });
            return vec![Entity::new("select", "", 2, named("led"), about).taking("/set")];
        }
        _ => {}
    }
    let counts = |value: &Value| value.is_number() || value.is_null();
    if let Some(event) = event(kind).filter(|_| values.get("event-count").is_some_and(counts)) {
        let about = event_of(event, "value_json['event-count']");
        return vec![Entity::new("event", "event-count", 2, named(kind), about)];
    }
    let all = values.iter().filter_map(|(key, value)| {
        let unit = unit_of(value)?;
        if !is_plain(key) {
            return None;
        }
        let mut about = measured(kind, key, unit);
        let place = format!("value_json['{key}']");
        let template = format!("{{{{ {place}[0] if {place} else none }}}}");
        about.insert("value_template".to_owned(), template.into());
        Some(Entity::new("sensor", key, 2, named(key), Value::Object(about)))
    });
    all.take(MOST_VALUES).collect()
}

/// Radio nodes of the second generation, which say bare values: `thermometer/0:1/temperature` is `20.5`.
fn of_radio(kind: &str, address: &str, quantity: &str, value: &Value) -> Option<Entity> {
    let is_number = value.is_number() || value.is_null();
    let unit = match (kind, quantity) {
        ("thermometer" | "soil-sensor", "temperature") => "℃",
        ("hygrometer", "relative-humidity") => "%",
        ("lux-meter", "illuminance") => "lux",
        ("barometer", "pressure") => "Pa",
        ("barometer", "altitude") => "m",
        ("co2-meter", "concentration") => "ppm",
        ("voc-sensor" | "voc-lp-sensor", "tvoc") => "ppb",
        ("battery", "voltage") => "V",
        _ => return of_other_radio(kind, address, quantity, value),
    };
    let name = named(if kind == "battery" { "battery" } else { quantity }, address);
    is_number.then(|| Entity::new("sensor", "", 3, name, Value::Object(measured(kind, quantity, unit))))
}

fn of_other_radio(kind: &str, address: &str, quantity: &str, value: &Value) -> Option<Entity> {
    let is_switch = value.is_boolean() || value.is_null();
    let bare = || json!({"payload_on": "true", "payload_off": "false"});
    let name = named(kind, address);
    match (kind, quantity) {
        ("relay", "state") if is_switch => {
            let mut about = bare();
            if let Some(about) = about.as_object_mut() {
                about.extend([
                    ("state_on".to_owned(), "true".into()),
                    ("state_off".to_owned(), "false".into()),
                ]);
                let unknown = "{{ 'None' if value == 'null' else value }}";
                about.insert("value_template".to_owned(), unknown.into());
            }
            Some(Entity::new("switch", "", 3, name, about).taking("/set"))
        }
        ("led", "state") if is_switch => Some(Entity::new("light", "", 3, name, bare()).taking("/set")),
        ("flood-detector", "alarm") if is_switch => {
            let mut about = bare();
            if let Some(about) = about.as_object_mut() {
                about.insert("device_class".to_owned(), "moisture".into());
            }
            Some(Entity::new("binary_sensor", "", 3, name, about))
        }
        (_, "event-count") if value.is_number() || value.is_null() => {
            let event = event(kind)?;
            Some(Entity::new("event", "", 3, name, event_of(event, "value_json")))
        }
        _ => None,
    }
}

/// What happens where something counts: its name, and the class of Home Assistant.
fn event(kind: &str) -> Option<(&'static str, &'static str)> {
    match kind {
        "push-button" => Some(("press", "button")),
        "pir" | "accelerometer" => Some(("motion", "motion")),
        _ => None,
    }
}

/// Each message is an event, and a last value is none: Home Assistant leaves out what comes as retained.
fn event_of((event, class): (&str, &str), count: &str) -> Value {
    let template = format!(r#"{{{{ '{{"event_type": "{event}"}}' if {count} is number else '' }}}}"#);
    json!({"event_types": [event], "device_class": class, "value_template": template})
}

/// The unit of `[20.5, "℃"]`.
fn unit_of(value: &Value) -> Option<&str> {
    let [number, Value::String(unit)] = value.as_array()?.as_slice() else { return None };
    ((number.is_number() || number.is_null()) && unit.len() <= LONGEST_UNIT).then_some(unit)
}

/// Whether a key may stand in a template.
fn is_plain(key: &str) -> bool {
    !key.is_empty()
        && key.len() <= LONGEST_KEY
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}

/// A word, and the address where there is one.
fn named(word: &str, address: &str) -> String {
    if address == "-" { title(word) } else { format!("{} {address}", title(word)) }
}

/// Unit, class and kind of statistics of a number. There is a class only where Home Assistant knows it with that unit.
fn measured(kind: &str, quantity: &str, unit: &str) -> Map<String, Value> {
    let unit = match unit {
        "℃" | "C" | "degC" => "°C",
        "℉" | "F" => "°F",
        "lux" => "lx",
        unit => unit,
    };
    let class = match (quantity, unit) {
        ("temperature", "°C" | "°F" | "K") => Some("temperature"),
        ("relative-humidity" | "humidity", "%") => Some("humidity"),
        ("illuminance", "lx") => Some("illuminance"),
        ("pressure", "Pa" | "hPa" | "kPa" | "bar" | "mbar") => Some("atmospheric_pressure"),
        ("altitude" | "distance", "m" | "cm" | "mm" | "km") => Some("distance"),
        ("concentration", "ppm") if kind.starts_with("co2") => Some("carbon_dioxide"),
        ("tvoc", "ppb" | "ppm") => Some("volatile_organic_compounds_parts"),
        ("voltage", "V" | "mV") => Some("voltage"),
        ("current", "A" | "mA") => Some("current"),
        ("power", "W" | "kW") => Some("power"),
        ("energy", "Wh" | "kWh" | "MWh") => Some("energy"),
        ("moisture", "%") => Some("moisture"),
        _ => None,
    };
    let statistics = if class == Some("energy") { "total_increasing" } else { "measurement" };
    let mut about = Map::new();
    about.insert("state_class".to_owned(), statistics.into());
    about.extend(class.map(|class| ("device_class".to_owned(), class.into())));
    if !unit.is_empty() {
        about.insert("unit_of_measurement".to_owned(), unit.into());
    }
    about
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(topic: &str, payload: &str) -> Vec<String> {
        let told = entities(topic, &serde_json::from_str(payload).unwrap());
        let shown = told.iter().map(|entity| {
            let about = |key: &str| entity.about.get(key).and_then(Value::as_str).unwrap_or("-").to_owned();
            let facts = [about("device_class"), about("unit_of_measurement"), about("state_class")].join(" ");
            format!("{} {} {facts}", entity.component, entity.name)
        });
        shown.collect()
    }

    #[test]
    fn both_generations_of_nodes_are_known() {
        let cases = [
            (
                "nodes/bridge/0/thermometer/i2c0-48",
                r#"{"temperature": [20.5, "℃"]}"#,
                vec!["sensor Temperature i2c0-48 temperature °C measurement"],
            ),
            (
                "nodes/bridge/0/barometer/i2c0-60",
                r#"{"altitude": [361, "m"], "pressure": [null, "kPa"]}"#,
                vec![
                    "sensor Altitude i2c0-60 distance m measurement",
                    "sensor Pressure i2c0-60 atmospheric_pressure kPa measurement",
                ],
            ),
            ("nodes/bridge/0/relay/i2c0-3b", r#"{"state": null}"#, vec!["switch Relay i2c0-3b - - -"]),
            ("nodes/bridge/0/led/-", r#"{"state": "1-dot"}"#, vec!["select LED - - -"]),
            ("nodes/base/light/-", r#"{"state": true}"#, vec!["light Light - - -"]),
            ("nodes/bridge/0/pir/-", r#"{"event-count": 7}"#, vec!["event Motion motion - -"]),
            (
                "meters/1/energy/main",
                r#"{"energy": [7.5, "kWh"]}"#,
                vec!["sensor Energy main energy kWh total_increasing"],
            ),
            (
                "node/836d/thermometer/0:1/temperature",
                "20.5",
                vec!["sensor Temperature 0:1 temperature °C measurement"],
            ),
            ("node/836d/battery/-/voltage", "null", vec!["sensor Battery voltage V measurement"]),
            ("node/836d/relay/0:0/state", "true", vec!["switch Relay 0:0 - - -"]),
            ("node/836d/led/-/state", "false", vec!["light LED - - -"]),
            ("node/836d/push-button/-/event-count", "5", vec!["event Push button button - -"]),
            ("node/836d/flood-detector/a/alarm", "true", vec!["binary_sensor Flood detector a moisture - -"]),
            // Nothing that nobody has agreed on, and no commands.
            ("node/836d/thermometer/0:1/temperature", "\"warm\"", vec![]),
            ("node/836d/orientation", "3", vec![]),
            ("nodes/bridge/0/relay/i2c0-3b/set", r#"{"state": true}"#, vec![]),
            ("node/836d/led/-/state/set", "true", vec![]),
            ("zigbee2mqtt/attic", r#"{"temperature": 20.5}"#, vec![]),
            ("n/x/1", r#"{"it's": [1, "m"], "a": [1, "m", 2], "b": 1}"#, vec![]),
        ];
        for (topic, payload, expected) in cases {
            assert_eq!(of(topic, payload), expected, "{topic} {payload}");
        }
    }

    #[test]
    fn a_message_of_many_values_is_told_up_to_a_bound() {
        let values: Map<String, Value> = (0..100).map(|n| (format!("k{n}"), json!([n, "m"]))).collect();
        assert_eq!(entities("n/x/1", &Value::Object(values)).len(), MOST_VALUES);
    }

    #[test]
    fn who_may_only_look_sees_a_state_in_place_of_a_switch() {
        let shown = |topic: &str, payload: Value| {
            let told = entities(topic, &payload).pop().unwrap().read_only().unwrap();
            (told.component, told.about.get("payload_on").cloned(), told.takes)
        };
        assert_eq!(shown("n/relay/1", json!({"state": true})), ("binary_sensor", Some("ON".into()), None));
        assert_eq!(shown("node/8/led/-/state", json!(true)), ("binary_sensor", Some("true".into()), None));
        assert_eq!(shown("n/led/-", json!({"state": "on"})), ("sensor", None, None));
        assert_eq!(strip().read_only(), None);
    }
}
