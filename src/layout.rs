//! What people have said of how the page shows things: names, rooms, icons, order and limits. Pure: text in, text out. Who may see
//! and change what is the business of the server, and where it is kept that of the hub.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::talk::control::is_unseen;
use crate::topic::{Limits, Topic};

/// Nodes and values together that may have an entry.
pub const ENTRIES: usize = 5000;
/// Rooms that have a place in the order.
pub const ROOMS: usize = 200;
/// The bytes of all of it as text.
pub const BYTES: usize = 512 * 1024;
/// Characters of a name, or of a room.
const CHARACTERS: usize = 64;
/// Letters of the name of an icon.
const ICON: usize = 20;
/// Values of one topic that may have limits.
const LIMITS: usize = 64;
/// Bytes of the place of a value in its payload.
const PATH: usize = 512;
/// The longest silence that can be waited for: a year.
const SILENCE: u32 = 365 * 24 * 3600;

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Layout {
    /// The order of the rooms. Others stand behind them, by their names.
    pub rooms: Vec<String>,
    /// Nodes by their bases.
    pub nodes: BTreeMap<String, Entry>,
    /// Values by their topics.
    pub values: BTreeMap<String, Entry>,
}

/// What was said of one node, or of one value.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Entry {
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where it is. A value without a room is where its node is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    /// A word for a picture. The page knows some, and draws nothing for others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon: Option<String>,
    /// Its place among its neighbours: small numbers stand first, and those without one last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<i32>,
    /// Seconds after which a silent topic is an alarm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silent: Option<u32>,
    /// Limits of single values, by their places in the payload as JSON pointers.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, Limit>,
}

/// Between what a value is as it should be. What is beyond is an alarm.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limit {
    /// The least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// The most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
}

/// A change: each entry that is named is replaced, or with `null` removed. The rest stays.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Change {
    /// The order of the rooms, if it is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rooms: Option<Vec<String>>,
    /// See [`Layout::nodes`].
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub nodes: BTreeMap<String, Option<Entry>>,
    /// See [`Layout::values`].
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, Option<Entry>>,
}

/// Reads JSON in which whatever has keys is an object: by itself serde would take an array for one, too.
fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let object = |what: &str, value: &Value| {
        let is_one = value.is_object() || value.is_null();
        is_one.then_some(()).ok_or_else(|| format!("{what} must be an object"))
    };
    object("all of it", if value.is_null() { &Value::Bool(false) } else { &value })?;
    for sort in ["nodes", "values"] {
        for (key, entry) in value.get(sort).and_then(Value::as_object).into_iter().flatten() {
            object(&format!("{sort}, {:?}:", shown(key)), entry)?;
            for (path, limit) in entry.get("limits").and_then(Value::as_object).into_iter().flatten() {
                object(&format!("{sort}, {:?}: limits, {:?}:", shown(key), shown(path)), limit)?;
            }
        }
    }
    serde_json::from_value(value).map_err(|error| error.to_string())
}

impl Change {
    /// Reads what was sent.
    pub fn parse(text: &str) -> Result<Self, String> {
        read(text)
    }

    /// What it is about, if that is one node or one value, and what is told of it as JSON: of one its new entry, else all of the change.
    pub fn told(&self) -> (Option<&str>, String) {
        let mut entries = self.nodes.iter().chain(&self.values);
        let (first, second) = (entries.next(), entries.next());
        match first.filter(|_| second.is_none() && self.rooms.is_none()) {
            Some((about, entry)) => (Some(about), serde_json::to_string(entry).unwrap_or_default()),
            None => (None, serde_json::to_string(self).unwrap_or_default()),
        }
    }

    /// All bases and topics that it is about.
    pub fn about(&self) -> (impl Iterator<Item = &str>, impl Iterator<Item = &str>) {
        (self.nodes.keys().map(String::as_str), self.values.keys().map(String::as_str))
    }
}

impl Layout {
    /// Reads what is kept, or what was sent as a whole.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, String> {
        let mut layout: Self = read(text)?;
        layout.nodes.retain(|_, entry| *entry != Entry::default());
        layout.values.retain(|_, entry| *entry != Entry::default());
        layout.check(limits)?;
        layout.tidy();
        Ok(layout)
    }

    /// A room that nothing is in has no place in the order.
    fn tidy(&mut self) {
        let Self { rooms, nodes, values } = self;
        rooms.retain(|room| {
            nodes.values().chain(values.values()).any(|entry| entry.room.as_ref() == Some(room))
        });
    }

    /// This layout after a change, if that makes sense.
    pub fn with(&self, change: Change, limits: &Limits) -> Result<Self, String> {
        let mut layout = self.clone();
        if let Some(rooms) = change.rooms {
            layout.rooms = rooms;
        }
        for (entries, changed) in [(&mut layout.nodes, change.nodes), (&mut layout.values, change.values)] {
            for (key, entry) in changed {
                match entry.filter(|entry| *entry != Entry::default()) {
                    Some(entry) => entries.insert(key, entry),
                    None => entries.remove(&key),
                };
            }
        }
        layout.check(limits)?;
        layout.tidy();
        Ok(layout)
    }

    /// The part of it that is about these nodes and values, with the rooms that stand in it.
    #[must_use]
    pub fn of(&self, node: impl Fn(&str) -> bool, value: impl Fn(&str) -> bool) -> Self {
        let part = |entries: &BTreeMap<String, Entry>, is_of: &dyn Fn(&str) -> bool| {
            let ours = entries.iter().filter(|(key, _)| is_of(key));
            ours.map(|(key, entry)| (key.clone(), entry.clone())).collect::<BTreeMap<_, _>>()
        };
        let (nodes, values) = (part(&self.nodes, &node), part(&self.values, &value));
        let is_told = |room: &&String| {
            nodes.values().chain(values.values()).any(|entry| entry.room.as_ref() == Some(*room))
        };
        let rooms = self.rooms.iter().filter(is_told).cloned().collect();
        Self { rooms, nodes, values }
    }

    /// As text, which is kept.
    pub fn text(&self) -> String {
        // Maps of texts and numbers that are finite: there is nothing that could not be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    fn check(&self, limits: &Limits) -> Result<(), String> {
        let entries = self.nodes.len() + self.values.len();
        if entries > ENTRIES {
            return Err(format!(
                "there would be {entries} entries of nodes and values: {ENTRIES} are the most"
            ));
        }
        if self.rooms.len() > ROOMS {
            return Err(format!(
                "there would be {} rooms in the order: {ROOMS} are the most",
                self.rooms.len()
            ));
        }
        for (at, room) in self.rooms.iter().enumerate() {
            named(room).map_err(|wrong| format!("rooms, number {}: {wrong}", at + 1))?;
            if self.rooms.iter().take(at).any(|other| other == room) {
                return Err(format!("rooms: {room:?} stands there twice"));
            }
        }
        for (key, entry) in &self.nodes {
            let about = |wrong| format!("nodes, {:?}: {wrong}", shown(key));
            entry.check(key, limits).map_err(about)?;
            if entry.silent.is_some() || !entry.limits.is_empty() {
                return Err(about("limits and silent are for values, not for nodes".to_owned()));
            }
        }
        for (key, entry) in &self.values {
            entry.check(key, limits).map_err(|wrong| format!("values, {:?}: {wrong}", shown(key)))?;
        }
        let bytes = self.text().len();
        if bytes > BYTES {
            return Err(format!("all of it would have {bytes} bytes: {BYTES} are the most"));
        }
        Ok(())
    }
}

impl Entry {
    fn check(&self, key: &str, limits: &Limits) -> Result<(), String> {
        Topic::parse(key, limits).map_err(|error| error.to_string())?;
        for (word, text) in [("name", &self.name), ("room", &self.room)] {
            text.as_deref().map_or(Ok(()), named).map_err(|wrong| format!("{word}: {wrong}"))?;
        }
        let is_letter = |letter: char| letter.is_ascii_lowercase() || letter == '-';
        if let Some(icon) = &self.icon
            && (icon.is_empty() || icon.len() > ICON || !icon.chars().all(is_letter))
        {
            return Err(format!("icon: a word of at most {ICON} small letters, such as lamp"));
        }
        if self.silent.is_some_and(|seconds| !(1..=SILENCE).contains(&seconds)) {
            return Err(format!("silent: 1 to {SILENCE} seconds"));
        }
        if self.limits.len() > LIMITS {
            return Err(format!(
                "limits: there are {}, and {LIMITS} are the most of one topic",
                self.limits.len()
            ));
        }
        self.limits.iter().try_for_each(|(path, limit)| {
            limit.check(path).map_err(|wrong| format!("limits, {:?}: {wrong}", shown(path)))
        })
    }
}

impl Limit {
    fn check(self, path: &str) -> Result<(), String> {
        if !(path.is_empty() || path.starts_with('/')) || path.len() > PATH {
            return Err(format!(
                "this is no place in a payload: a JSON pointer of at most {PATH} bytes, such as /temperature/0, or nothing"
            ));
        }
        match (self.low, self.high) {
            (None, None) => Err("low or high is missing".to_owned()),
            (Some(low), Some(high)) if low >= high => {
                Err(format!("low ({low}) must be less than high ({high})"))
            }
            _ => Ok(()),
        }
    }
}

/// A name that can be read, and that passes for no other.
fn named(name: &str) -> Result<(), String> {
    if name.is_empty() || name.trim() != name {
        return Err("it is empty, or begins or ends with a blank".to_owned());
    }
    if name.chars().count() > CHARACTERS {
        return Err(format!("it has more than {CHARACTERS} characters"));
    }
    if name.chars().any(|letter| letter.is_control() || is_unseen(letter)) {
        return Err("it has a control, format or bidi character".to_owned());
    }
    Ok(())
}

/// The beginning of what may be long.
fn shown(text: &str) -> String {
    text.chars().take(CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: &str = r#"{"rooms": ["Attic"], "nodes": {"home/a": {"name": "Box", "room": "Attic"}},
        "values": {"home/a/t": {"limits": {"/temperature/0": {"high": 28}}, "silent": 60, "order": -1}}}"#;

    fn parsed(text: &str) -> Result<Layout, String> {
        Layout::parse(text, &Limits::default())
    }

    fn changed(layout: &Layout, change: &str) -> Result<Layout, String> {
        layout.with(serde_json::from_str(change).unwrap(), &Limits::default())
    }

    #[test]
    fn what_is_written_is_read_again() {
        let layout = parsed(ROOM).unwrap();
        assert_eq!(parsed(&layout.text()).unwrap(), layout);
        assert_eq!(parsed("{}").unwrap(), Layout::default());
    }

    #[test]
    fn a_change_replaces_what_it_names_and_leaves_the_rest() {
        let layout = parsed(ROOM).unwrap();
        let other =
            changed(&layout, r#"{"nodes": {"home/b": {"name": "__proto__"}}, "values": {"home/a/t": null}}"#)
                .unwrap();
        assert_eq!(other.nodes.keys().collect::<Vec<_>>(), ["home/a", "home/b"]);
        assert_eq!((other.rooms, other.values.len()), (layout.rooms.clone(), 0));
        // An entry that says nothing is none.
        assert_eq!(changed(&layout, r#"{"nodes": {"home/a": {}}}"#).unwrap().nodes.len(), 0);
    }

    #[test]
    fn a_part_tells_no_room_of_the_rest() {
        let layout = changed(
            &parsed(ROOM).unwrap(),
            r#"{"rooms": ["Cellar", "Attic"], "nodes": {"home/c": {"room": "Cellar"}}}"#,
        )
        .unwrap();
        let part = layout.of(|base| base == "home/a", |_| false);
        assert_eq!((part.rooms, part.nodes.len(), part.values.len()), (vec!["Attic".to_owned()], 1, 0));
    }

    #[test]
    fn what_makes_no_sense_is_said_with_its_place() {
        let long = "x".repeat(65);
        for (text, expected) in [
            (r#"{"nodes": {"a": {"name": " x"}}}"#.to_owned(), "nodes, \"a\": name: it is empty"),
            (
                format!(r#"{{"nodes": {{"a": {{"name": "{long}"}}}}}}"#),
                "name: it has more than 64 characters",
            ),
            (
                r#"{"values": {"a/b": {"name": "a\u202eb"}}}"#.to_owned(),
                "values, \"a/b\": name: it has a control",
            ),
            (r#"{"values": {"a/+": {"name": "x"}}}"#.to_owned(), "wildcard"),
            (r#"{"nodes": {"a": {"silent": 5}}}"#.to_owned(), "for values, not for nodes"),
            (r#"{"values": {"a/b": {"silent": 0}}}"#.to_owned(), "silent: 1 to"),
            (r#"{"values": {"a/b": {"icon": "<svg"}}}"#.to_owned(), "icon: a word"),
            (r#"{"values": {"a/b": {"limits": {"": {}}}}}"#.to_owned(), "low or high is missing"),
            (r#"{"values": {"a/b": {"limits": {"t": {"low": 1}}}}}"#.to_owned(), "no place in a payload"),
            (
                r#"{"values": {"a/b": {"limits": {"": {"low": 2, "high": 1}}}}}"#.to_owned(),
                "low (2) must be less than high (1)",
            ),
            (r#"{"values": {"a/b": {"limits": {"": {"high": 1e999}}}}}"#.to_owned(), "number out of range"),
            (r#"{"values": {"a/b": {"call": "http://x/"}}}"#.to_owned(), "unknown field `call`"),
            (r#"{"rooms": ["A", "A"]}"#.to_owned(), "stands there twice"),
            (r#"{"rooms": [""]}"#.to_owned(), "rooms, number 1"),
            ("[]".to_owned(), "all of it must be an object"),
            ("null".to_owned(), "all of it must be an object"),
            (r#"{"nodes": {"a": ["Box"]}}"#.to_owned(), "nodes, \"a\": must be an object"),
            (r#"{"values": {"a": {"limits": {"": [1, 2]}}}}"#.to_owned(), "limits, \"\": must be an object"),
            (r#"{"nodes": []}"#.to_owned(), "invalid type: sequence"),
        ] {
            let wrong = parsed(&text).unwrap_err();
            assert!(wrong.contains(expected), "{text}: {wrong}");
        }
    }

    #[test]
    fn there_is_room_for_so_many_entries_and_not_for_one_more() {
        let entries = |count: usize| {
            let each: Vec<_> =
                (0..count).map(|number| format!(r#""n/{number}": {{"order": {number}}}"#)).collect();
            parsed(&format!(r#"{{"values": {{{}}}}}"#, each.join(",")))
        };
        assert_eq!(entries(ENTRIES).unwrap().values.len(), ENTRIES);
        assert!(entries(ENTRIES + 1).unwrap_err().contains("5000 are the most"));
    }
}
