//! The radio nodes of a gateway: their ids, their names, and what is known of them. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::operator::quoted;

/// Nodes that are remembered; a gateway pairs 32 at most.
pub const MOST_NODES: usize = 64;
/// Topics that are remembered of one node.
pub const MOST_TOPICS: usize = 128;
/// Commands that are remembered that nodes have asked for.
pub const MOST_COMMANDS: usize = 64;
/// The longest name, in bytes: the gateway has no more room.
pub const LONGEST_NAME: usize = 32;
/// Numbers behind names that the hub makes: `push-button:0` to `push-button:31`.
const NUMBERS: u32 = 32;

/// The id of a node or of a gateway: 48 bits, written as 12 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(u64);

impl Id {
    /// The door. Upper case is none: gateways never write it.
    pub fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let is_id = text.len() == 12 && text.bytes().all(is_digit);
        is_id.then(|| u64::from_str_radix(text, 16).ok()).flatten().map(Self)
    }

    /// What a gateway says whose radio does not work yet.
    pub fn is_nobodys(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012x}", self.0)
    }
}

/// Whether a text can be the name of a node: a level of a topic that the gateway has room for, and no id.
pub fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() || name.len() > LONGEST_NAME {
        return Err(format!("a name has 1 to {LONGEST_NAME} bytes"));
    }
    let is_bad = |c: char| matches!(c, '/' | '+' | '#' | '"' | '\\') || c.is_control();
    if name.starts_with('$') || name.contains(is_bad) {
        return Err(format!(
            "{} is no name: it is one level of a topic, without quotes and \\",
            quoted(name)
        ));
    }
    if Id::parse(name).is_some() {
        return Err(format!("{} is no name: it is the id of a node", quoted(name)));
    }
    Ok(())
}

/// All nodes that a gateway is known to have.
#[derive(Debug, Default)]
pub struct Nodes {
    by_id: BTreeMap<Id, Node>,
    ids: BTreeMap<Box<str>, Id>,
    /// Which nodes are paired, since the gateway has said it.
    paired: Option<BTreeSet<Id>>,
    /// Topics below a node that a node has asked for. The gateway has one list of them for all its nodes.
    commands: BTreeSet<Box<str>>,
}

/// A node.
#[derive(Debug, Default)]
struct Node {
    name: Option<Box<str>>,
    firmware: Option<Box<str>>,
    version: Option<Box<str>>,
    /// The payload of its last `info`.
    info: Option<Box<str>>,
    /// What it has said something under, for the time when it gets another name.
    said: BTreeSet<Box<str>>,
}

/// A node has another name now.
#[derive(Debug, PartialEq, Eq)]
pub struct Renamed {
    /// What it was called in topics.
    pub before: String,
    /// What it is called in topics now.
    pub after: String,
    /// What it has said something under.
    pub said: Vec<Box<str>>,
    /// Its last `info`.
    pub info: Option<Box<str>>,
}

impl Nodes {
    /// The name of a node, if it has one.
    pub fn name(&self, id: Id) -> Option<&str> {
        self.by_id.get(&id)?.name.as_deref()
    }

    /// What a node is called in topics.
    pub fn called(&self, id: Id) -> String {
        self.name(id).map_or_else(|| id.to_string(), str::to_owned)
    }

    /// The node of a name.
    pub fn id_of(&self, name: &str) -> Option<Id> {
        self.ids.get(name).copied()
    }

    /// Whether it is a node of this gateway, as far as that is known.
    pub fn is_ours(&self, id: Id) -> bool {
        self.paired.as_ref().is_none_or(|paired| paired.contains(&id) || self.by_id.contains_key(&id))
    }

    /// Whether the gateway has said which nodes are its own.
    pub fn are_known(&self) -> bool {
        self.paired.is_some()
    }

    /// Whether a node has asked for this topic.
    pub fn has_command(&self, topic: &str) -> bool {
        self.commands.contains(topic)
    }

    /// A node has asked for a topic.
    pub fn asked_for(&mut self, topic: &str) {
        if self.commands.len() < MOST_COMMANDS {
            self.commands.insert(topic.into());
        }
    }

    fn node(&mut self, id: Id) -> Option<&mut Node> {
        let has_room = self.by_id.len() < MOST_NODES || self.by_id.contains_key(&id);
        has_room.then(|| self.by_id.entry(id).or_default())
    }

    /// A node has said something.
    pub fn said(&mut self, id: Id, topic: &str) {
        if let Some(node) = self.node(id)
            && node.said.len() < MOST_TOPICS
            && !node.said.contains(topic)
        {
            node.said.insert(topic.into());
        }
    }

    /// A node has said what it is.
    pub fn informed(&mut self, id: Id, firmware: Option<&str>, version: Option<&str>, info: &str) {
        if let Some(node) = self.node(id) {
            node.firmware = firmware.map(Into::into);
            node.version = version.map(Into::into);
            node.info = Some(info.into());
        }
    }

    /// What the nodes of this gateway are, as it says it.
    pub fn pair(&mut self, ids: impl Iterator<Item = Id>) {
        let paired: BTreeSet<_> = ids.take(MOST_NODES).collect();
        for id in &paired {
            self.node(*id);
        }
        let gone: Vec<_> = self.by_id.keys().filter(|id| !paired.contains(id)).copied().collect();
        for id in gone {
            self.forget(id);
        }
        self.paired = Some(paired);
    }

    /// One more is paired.
    pub fn attach(&mut self, id: Id) {
        self.node(id);
        if let Some(paired) = &mut self.paired
            && paired.len() < MOST_NODES
        {
            paired.insert(id);
        }
    }

    /// One less. Says whether it had a name.
    pub fn detach(&mut self, id: Id) -> bool {
        if let Some(paired) = &mut self.paired {
            paired.remove(&id);
        }
        self.forget(id)
    }

    fn forget(&mut self, id: Id) -> bool {
        let name = self.by_id.remove(&id).and_then(|node| node.name);
        name.as_ref().is_some_and(|name| self.ids.remove(name).is_some())
    }

    /// Gives a node a name, or takes it. `None` if nothing changes.
    pub fn rename(&mut self, id: Id, name: Option<&str>) -> Result<Option<Renamed>, String> {
        if let Some(name) = name {
            check_name(name)?;
            if let Some(other) = self.ids.get(name).filter(|other| **other != id) {
                return Err(format!("{} is the name of node {other}", quoted(name)));
            }
        }
        let before = self.called(id);
        let Some(node) = self.node(id) else {
            return Err(format!("{MOST_NODES} nodes are known already"));
        };
        if node.name.as_deref() == name {
            return Ok(None);
        }
        let old = std::mem::replace(&mut node.name, name.map(Into::into));
        let said = node.said.iter().cloned().collect();
        let info = node.info.clone();
        if let Some(old) = old {
            self.ids.remove(&old);
        }
        if let Some(name) = name {
            self.ids.insert(name.into(), id);
        }
        Ok(Some(Renamed { before, after: self.called(id), said, info }))
    }

    /// All nodes with a name.
    pub fn named(&self) -> Vec<Id> {
        self.ids.values().copied().collect()
    }

    /// All nodes without a name whose firmware is known.
    pub fn unnamed(&self) -> Vec<(Id, Box<str>)> {
        let nodes = self.by_id.iter().filter(|(_, node)| node.name.is_none());
        nodes.filter_map(|(id, node)| Some((*id, node.firmware.clone()?))).collect()
    }

    /// A name for a node of this firmware, with the lowest number that is free.
    pub fn free_name(&self, firmware: &str) -> Option<String> {
        let base = if firmware.starts_with("generic-node") { "generic-node" } else { firmware };
        let base = base.strip_prefix("kit-").unwrap_or(base);
        let mut names = (0..NUMBERS).map(|number| format!("{base}:{number}"));
        names.find(|name| !self.ids.contains_key(name.as_str()) && check_name(name).is_ok())
    }

    /// One node as it stands in the list of nodes.
    pub fn listed(&self, id: Id) -> serde_json::Value {
        let mut listed = serde_json::Map::new();
        listed.insert("id".to_owned(), id.to_string().into());
        let node = self.by_id.get(&id);
        let keys = [
            ("alias", node.and_then(|node| node.name.as_deref())),
            ("firmware", node.and_then(|node| node.firmware.as_deref())),
            ("version", node.and_then(|node| node.version.as_deref())),
        ];
        for (key, value) in keys {
            if let Some(value) = value {
                listed.insert(key.to_owned(), value.into());
            }
        }
        listed.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Id {
        Id::parse(text).unwrap()
    }

    #[test]
    fn an_id_is_twelve_digits_and_is_written_as_it_was_read() {
        assert_eq!(id("836d1983718a").to_string(), "836d1983718a");
        assert_eq!(id("00000000000a").to_string(), "00000000000a");
        assert!(id("000000000000").is_nobodys());
        for text in [
            "",
            "836d1983718",
            "836d1983718ab",
            "836D1983718A",
            "836d1983718g",
            "+36d1983718a",
            "generic-node",
        ] {
            assert_eq!(Id::parse(text), None, "{text}");
        }
    }

    #[test]
    fn names_are_given_by_firmware_with_the_lowest_number_that_is_free() {
        let mut nodes = Nodes::default();
        assert_eq!(nodes.free_name("generic-node-battery-standard").unwrap(), "generic-node:0");
        assert_eq!(nodes.free_name("kit-climate-monitor").unwrap(), "climate-monitor:0");
        nodes.rename(id("00000000000a"), Some("push-button:0")).unwrap();
        nodes.rename(id("00000000000b"), Some("push-button:2")).unwrap();
        assert_eq!(nodes.free_name("push-button").unwrap(), "push-button:1");
        assert_eq!(nodes.free_name("a-firmware-whose-name-is-much-too-long"), None);
        assert_eq!(nodes.free_name("a/b"), None);
    }

    #[test]
    fn two_nodes_never_have_one_name() {
        let mut nodes = Nodes::default();
        nodes.rename(id("00000000000a"), Some("kitchen")).unwrap();
        let told = nodes.rename(id("00000000000b"), Some("kitchen")).unwrap_err();
        assert_eq!(told, "\"kitchen\" is the name of node 00000000000a");
        assert_eq!(nodes.rename(id("00000000000a"), Some("kitchen")), Ok(None), "it has that name");
        nodes.rename(id("00000000000a"), None).unwrap();
        nodes.rename(id("00000000000b"), Some("kitchen")).unwrap();
        assert_eq!(nodes.id_of("kitchen"), Some(id("00000000000b")));
    }

    #[test]
    fn what_is_no_level_of_a_topic_is_no_name() {
        for name in ["", "a/b", "+", "a#", "$x", "a\"b", "a\\b", "a\nb", "836d1983718a", &"x".repeat(33)] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        for name in ["kitchen", "generic-node:0", "obývák", "a b", &"x".repeat(32)] {
            assert_eq!(check_name(name), Ok(()), "{name:?}");
        }
    }

    #[test]
    fn however_many_nodes_and_topics_there_are_only_so_many_are_remembered() {
        let mut nodes = Nodes::default();
        for number in 0..1000_u64 {
            for topic in 0..3 * MOST_TOPICS {
                nodes.said(Id(number), &topic.to_string());
            }
            nodes.asked_for(&number.to_string());
        }
        assert_eq!(nodes.by_id.len(), MOST_NODES);
        assert!(nodes.by_id.values().all(|node| node.said.len() == MOST_TOPICS));
        assert_eq!(nodes.commands.len(), MOST_COMMANDS);
    }
}
