//! Which node said a value: the one whose base is the longest. A node is where somebody has said `presence`.

use serde_json::Value;

/// What a node at the root, or at the base of a connection, is called.
pub const HERE: &str = ".";

/// The base whose presence a topic is.
pub fn base_of(topic: &str) -> Option<&str> {
    if topic == "presence" { Some(HERE) } else { topic.strip_suffix("/presence") }
}

/// Whether a node is there, and since when, as the payload of its presence says it.
pub fn presence(payload: &str) -> Option<(String, String)> {
    let presence: Value = serde_json::from_str(payload).ok()?;
    let text = |key: &str| Some(presence.get(key)?.as_str()?.to_owned());
    Some((text("state")?, text("since")?))
}

/// The node that said a value, and what its topic is called there.
pub fn node_of(topic: &str, is_node: impl Fn(&str) -> bool) -> Option<(&str, &str)> {
    let above = std::iter::successors(topic.rsplit_once('/'), |(base, _)| base.rsplit_once('/'));
    let mut bases = above.map(|(base, _)| (base, base.len() + 1)).chain([(HERE, 0)]);
    let (base, relative) = bases.find(|(base, _)| is_node(base))?;
    Some((base, topic.get(relative..).unwrap_or_default()))
}
