//! Names of Home Assistant: ids that never change, titles for people, topics of announcements.

use sha2::{Digest, Sha256};

/// What every id of ours begins with.
const OURS: &str = "clown_";
/// Letters of a topic that an id repeats, so that people know it again.
const READABLE: usize = 64;
/// The longest prefix.
const PREFIX: usize = 64;

/// Whether announcements may stand below it: a level of letters, digits, `-` and `_` of ASCII.
pub fn is_prefix(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
    (1..=PREFIX).contains(&text.len()) && text.bytes().all(is_plain)
}

/// An id of what stands under a name, perhaps with a key. No two names have the same, and one has always the same.
pub(super) fn id(name: &str, key: &str) -> String {
    let mut digest = Sha256::new();
    digest.update(name);
    digest.update([0]);
    digest.update(key);
    let is_said = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let whole = if key.is_empty() { name.to_owned() } else { format!("{name}_{key}") };
    let readable: String = whole.chars().map(|c| if is_said(c) { c } else { '_' }).take(READABLE).collect();
    let mark =
        digest.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    format!("{OURS}{readable}_{mark}")
}

/// Where something is announced.
pub(super) fn topic(prefix: &str, component: &str, id: &str) -> String {
    format!("{prefix}/{component}/{id}/config")
}

/// Whether something is announced there by a hub.
pub(super) fn is_ours(prefix: &str, topic: &str) -> bool {
    let levels = topic.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/'));
    let mut levels = levels.into_iter().flat_map(|rest| rest.split('/'));
    let four = [levels.next(), levels.next(), levels.next(), levels.next()];
    matches!(four, [Some(_), Some(id), Some("config"), None] if id.starts_with(OURS))
}

/// A word of a topic or a key as people write it.
pub(super) fn title(word: &str) -> String {
    let word = match word {
        "relative-humidity" => "humidity",
        "concentration" => "CO₂",
        "led" => "LED",
        "led-strip" => "LED strip",
        "pir" => "motion",
        "tvoc" => "VOC",
        word => word,
    };
    let text = word.replace(['-', '_'], " ");
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// What a node is called, by its base.
pub(super) fn device(base: &str) -> String {
    let name = ["nodes/", "node/"].iter().find_map(|first| base.strip_prefix(first)).unwrap_or(base);
    name.replace('/', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_same_always_and_another_one_for_another_name() {
        let one = id("nodes/bridge/0/thermometer/i2c0-48", "temperature");
        assert_eq!(one, "clown_nodes_bridge_0_thermometer_i2c0-48_temperature_b2e6ab9d933f");
        assert_ne!(id("a/b", "c"), id("a", "b/c"));
        assert_ne!(id("a_b", ""), id("a/b", ""));
        let long = id(&"x".repeat(1024), "");
        assert!(long.len() < 90 && long.is_ascii(), "{long}");
    }

    #[test]
    fn what_a_hub_has_announced_is_known_again() {
        assert!(is_ours("homeassistant", &topic("homeassistant", "sensor", &id("a", ""))));
        for other in [
            "homeassistant/sensor/livingroom/outside/config",
            "homeassistant/sensor/clown_a/state",
            "home/sensor/clown_a/config",
            "homeassistant/status",
        ] {
            assert!(!is_ours("homeassistant", other), "{other}");
        }
    }

    #[test]
    fn a_prefix_is_one_level_of_plain_letters() {
        assert!(is_prefix("homeassistant") && is_prefix("ha-discovery_1"));
        for none in ["", "/", "a/b", "a b", "a/#", "+", "č", &"x".repeat(65)] {
            assert!(!is_prefix(none), "{none}");
        }
    }
}
