//! What was announced of which topic, and what a message changes in that. Pure, and bounded.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Bound;

use serde_json::{Map, Value, json};

use super::entity::{Entity, entities, has_strip, presence, strip};
use super::names;

/// Topics that are announced.
pub const MOST_TOPICS: usize = 5000;
/// Things of one topic: values that were told together or one after the other.
const MOST_ENTITIES: usize = 32;
/// Things of all topics, with those that are to be taken back.
pub(super) const MOST_VALUES: usize = 20_000;
/// Bases of which all is to be announced anew. With more, all of all bases is.
const MOST_AGAIN: usize = 256;
/// Announcements of an earlier life that are looked after.
const MOST_FOUND: usize = 20_000;
/// Letters of a firmware and a version that are told.
const LONGEST_WORD: usize = 64;

/// A message for Home Assistant, which is to be a last value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// Its topic.
    pub topic: String,
    /// JSON text; nothing takes back what was announced there.
    pub payload: Option<String>,
}

/// What Home Assistant has been told, and what it is to be told. A message changes that at once, and what follows from it is announced
/// in pieces: a word about a base may be one about all that it has.
#[derive(Debug)]
pub struct Discovery {
    prefix: String,
    topics: BTreeMap<Box<str>, Known>,
    /// Things of all of these.
    values: usize,
    /// Those of which something is to be announced, and which of them was the last.
    due: BTreeSet<Box<str>>,
    last_due: Box<str>,
    /// Of what is below these, too, with a slash at the end; nothing stands for everything.
    again: BTreeSet<Box<str>>,
    /// Of what is below this, behind this topic.
    walk: Option<(Box<str>, Box<str>)>,
    is_turn_of_walk: bool,
    /// Announcements that are to be taken back.
    gone: BTreeSet<String>,
    /// Bases that have said whether they are there.
    presences: BTreeSet<Box<str>>,
    infos: BTreeMap<Box<str>, Info>,
    /// Announcements by their topics, and what they said, in short.
    said: HashMap<String, u64>,
    /// Announcements of an earlier life, until their topics are seen again.
    found: HashSet<String>,
    /// Whether all last values have been seen.
    is_settled: bool,
    left_out: u64,
}

#[derive(Debug)]
struct Known {
    entities: Vec<Entity>,
}

/// What a node says of itself.
#[derive(Debug, PartialEq, Eq)]
struct Info {
    firmware: String,
    version: Option<String>,
}

impl Discovery {
    /// Announcements stand below this prefix.
    pub fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            topics: BTreeMap::new(),
            values: 0,
            due: BTreeSet::new(),
            last_due: "".into(),
            again: BTreeSet::new(),
            walk: None,
            is_turn_of_walk: false,
            gone: BTreeSet::new(),
            presences: BTreeSet::new(),
            infos: BTreeMap::new(),
            said: HashMap::new(),
            found: HashSet::new(),
            is_settled: false,
            left_out: 0,
        }
    }

    /// Below what announcements stand.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Topics and values for which there was no room.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Whether a topic is that of an announcement, of this hub or of somebody else.
    pub fn is_announcement(&self, topic: &str) -> bool {
        topic.strip_prefix(&*self.prefix).is_some_and(|rest| rest.starts_with('/'))
    }

    /// An announcement that is there already.
    pub fn found(&mut self, topic: &str, payload: &str) {
        let is_new = !self.said.contains_key(topic) && self.found.len() < MOST_FOUND;
        if is_new && names::is_ours(&self.prefix, topic) {
            self.said.insert(topic.to_owned(), short(payload));
            self.found.insert(topic.to_owned());
        }
    }

    /// All last values have been seen: what is announced of topics that are gone is to be taken back.
    pub fn settle(&mut self) {
        self.is_settled = true;
    }

    /// Who listens knows nothing any more: all is announced again as it is seen again.
    pub fn forget_what_was_said(&mut self) {
        self.said.clear();
        self.topics.clear();
        self.values = 0;
        self.due.clear();
        self.again.clear();
        self.walk = None;
    }

    /// A message of a node, under the name that it has for Home Assistant. `cleared`: its last value is taken away.
    pub fn note(&mut self, topic: &str, payload: &str, cleared: bool) {
        if self.is_announcement(topic) {
            return;
        }
        if cleared {
            return self.clear(topic);
        }
        // Most messages end here.
        let Some(payload) = read(topic, payload) else { return };
        let told = if let Some(base) = topic.strip_suffix("/presence") {
            let is_one = payload
                .get("state")
                .and_then(Value::as_str)
                .is_some_and(|s| matches!(s, "online" | "offline"));
            if !is_one || !self.has_room(topic) {
                return;
            }
            if self.presences.insert(base.into()) {
                self.tell_again(base);
            }
            vec![presence()]
        } else if let Some((base, info)) = info(topic, &payload) {
            if self.infos.len() >= MOST_TOPICS && !self.infos.contains_key(base) {
                return;
            }
            let has_strip = has_strip(&info.firmware);
            let before = self.infos.insert(base.into(), info);
            if before.as_ref() != self.infos.get(base) {
                self.tell_again(base);
            }
            if has_strip { vec![strip()] } else { Vec::new() }
        } else {
            entities(topic, &payload)
        };
        if !told.is_empty() && self.has_room(topic) && self.learn(topic, told) {
            self.due.insert(topic.into());
        }
    }

    /// Whether something is to be announced.
    pub fn has_news(&self) -> bool {
        let is_gone = !self.gone.is_empty() || (self.is_settled && !self.found.is_empty());
        is_gone || !self.due.is_empty() || !self.again.is_empty() || self.walk.is_some()
    }

    /// The next things to be announced: so many at most, of as many topics. There may be more although these are none: not all that is
    /// looked at is new. `takes_commands` says whether what is published under a topic reaches a node.
    pub fn news(&mut self, most: usize, takes_commands: &dyn Fn(&str) -> bool) -> Vec<Announcement> {
        let mut news = Vec::new();
        for _ in 0..most {
            if news.len() >= most {
                break;
            }
            if let Some(topic) = self.gone.pop_first() {
                news.push(Announcement { topic, payload: None });
            } else if let Some(topic) = self.next_topic() {
                if !self.tell(&topic, most, takes_commands, &mut news) {
                    // The rest of it is for the next time.
                    self.due.insert(topic);
                }
            } else if self.is_settled && !self.found.is_empty() {
                for topic in self.found.drain() {
                    self.said.remove(&topic);
                    self.gone.insert(topic);
                }
            } else {
                break;
            }
        }
        news
    }

    /// The next topic of which something may have to be announced: in turns one that has said something, and one of those that are
    /// looked at again. Whoever says much holds up nobody.
    fn next_topic(&mut self) -> Option<Box<str>> {
        self.is_turn_of_walk = !self.is_turn_of_walk;
        if self.is_turn_of_walk {
            self.next_of_walk().or_else(|| self.next_due())
        } else {
            self.next_due().or_else(|| self.next_of_walk())
        }
    }

    fn next_due(&mut self) -> Option<Box<str>> {
        let behind = (Bound::Excluded(&*self.last_due), Bound::Unbounded);
        let next = self.due.range::<str, _>(behind).next().or_else(|| self.due.first())?.clone();
        self.due.remove(&next);
        self.last_due.clone_from(&next);
        Some(next)
    }

    fn next_of_walk(&mut self) -> Option<Box<str>> {
        loop {
            let walk =
                self.walk.take().or_else(|| self.again.pop_first().map(|below| (below.clone(), below)));
            let (below, last) = walk?;
            let behind = (Bound::Excluded(&*last), Bound::Unbounded);
            let next = self.topics.range::<str, _>(behind).next().map(|(topic, _)| topic.clone());
            if let Some(topic) = next.filter(|topic| topic.starts_with(&*below)) {
                self.walk = Some((below, topic.clone()));
                return Some(topic);
            }
        }
    }

    fn has_room(&mut self, topic: &str) -> bool {
        let has_room = self.topics.len() < MOST_TOPICS || self.topics.contains_key(topic);
        self.left_out += u64::from(!has_room);
        has_room
    }

    /// Adds what is new. What a message leaves out for once stays. Says whether there is anything new.
    fn learn(&mut self, topic: &str, told: Vec<Entity>) -> bool {
        let known =
            &mut self.topics.entry(topic.into()).or_insert_with(|| Known { entities: Vec::new() }).entities;
        let (mut is_new, mut has_room) = (false, true);
        for entity in told {
            let is_it = |other: &&mut Entity| other.key == entity.key && other.component == entity.component;
            if let Some(other) = known.iter_mut().find(is_it) {
                is_new |= *other != entity;
                *other = entity;
            } else if known.len() < MOST_ENTITIES {
                has_room = self.values + self.gone.len() < MOST_VALUES;
                if has_room {
                    known.push(entity);
                    self.values += 1;
                    is_new = true;
                }
            }
        }
        self.left_out += u64::from(!has_room);
        is_new
    }

    /// What was announced of a topic is to be taken back.
    fn clear(&mut self, topic: &str) {
        if let Some(Known { entities }) = self.topics.remove(topic) {
            self.values -= entities.len();
            self.due.remove(topic);
            for entity in &entities {
                // It was announced as one of these.
                for entity in [Some(entity.clone()), entity.read_only()].into_iter().flatten() {
                    let announced = self.where_to(topic, &entity);
                    if self.said.remove(&announced).is_some() {
                        self.gone.insert(announced);
                    }
                }
            }
        }
        if let Some(base) = topic.strip_suffix("/presence")
            && self.presences.remove(base)
        {
            self.tell_again(base);
        }
        if let Some(base) = topic.strip_suffix("/info") {
            self.infos.remove(base);
        }
    }

    /// All below a base is to be announced anew, where that says something else than before. A base that waits for that waits once.
    fn tell_again(&mut self, base: &str) {
        if self.again.contains("") {
            return;
        }
        if self.again.len() < MOST_AGAIN {
            self.again.insert(format!("{base}/").into());
        } else {
            self.again = BTreeSet::from(["".into()]);
        }
    }

    /// Announces a topic, as far as there is room. Says whether that was all.
    fn tell(
        &mut self,
        topic: &str,
        most: usize,
        takes_commands: &dyn Fn(&str) -> bool,
        news: &mut Vec<Announcement>,
    ) -> bool {
        let entities = self.topics.get(topic).map(|known| known.entities.clone()).unwrap_or_default();
        for entity in entities {
            if news.len() >= most {
                return false;
            }
            let command = command_topic(topic, &entity);
            let can = command.as_deref().is_none_or(takes_commands);
            let Some(entity) = (if can { Some(entity) } else { entity.read_only() }) else { continue };
            let announced = self.where_to(topic, &entity);
            let payload = Value::Object(self.config(topic, entity, command.filter(|_| can))).to_string();
            self.found.remove(&announced);
            self.gone.remove(&announced);
            let said = short(&payload);
            if self.said.insert(announced.clone(), said) != Some(said) {
                news.push(Announcement { topic: announced, payload: Some(payload) });
            }
        }
        true
    }

    fn where_to(&self, topic: &str, entity: &Entity) -> String {
        names::topic(&self.prefix, entity.component, &names::id(topic, &entity.key))
    }

    fn config(&self, topic: &str, entity: Entity, command: Option<String>) -> Map<String, Value> {
        let base = base_of(topic, entity.levels);
        let mut config = entity.about;
        let mut put = |key: &str, value: Value| _ = config.insert(key.to_owned(), value);
        put("name", entity.name.into());
        put("unique_id", names::id(topic, &entity.key).into());
        if entity.has_state {
            put("state_topic", topic.into());
        }
        if let Some(command) = command {
            put("command_topic", command.into());
        }
        put("device", self.device(base));
        put("origin", json!({"name": "Clown Hub", "sw_version": env!("CARGO_PKG_VERSION")}));
        let above = std::iter::successors(Some(base), |base| base.rsplit_once('/').map(|(above, _)| above));
        let there = above.into_iter().find(|base| self.presences.contains(*base));
        // What says whether the node is there is there always.
        if let Some(base) = there.filter(|_| !topic.ends_with("/presence")) {
            let topic = format!("{base}/presence");
            put("availability", json!([{"topic": topic, "value_template": "{{ value_json.state }}"}]));
        }
        config
    }

    fn device(&self, base: &str) -> Value {
        let mut device = json!({"identifiers": [names::id(base, "")], "name": names::device(base)});
        if let (Some(info), Some(device)) = (self.infos.get(base), device.as_object_mut()) {
            device.insert("model".to_owned(), info.firmware.clone().into());
            device.extend(info.version.clone().map(|version| ("sw_version".to_owned(), version.into())));
        }
        device
    }
}

/// Where an entity takes commands.
fn command_topic(topic: &str, entity: &Entity) -> Option<String> {
    // A strip is known by its node's info.
    match topic.strip_suffix("/info") {
        Some(base) if !entity.has_state => Some(format!("{base}/led-strip/-/color/set")),
        _ => entity.takes.map(|takes| format!("{topic}{takes}")),
    }
}

/// The payload of a message that may be about something to be announced. Others are not read.
fn read(topic: &str, payload: &str) -> Option<Value> {
    const LONGEST: usize = 4096;
    let is_one = payload.starts_with('{') || topic.split('/').count() >= 4;
    (is_one && payload.len() <= LONGEST).then(|| serde_json::from_str(payload).ok())?
}

fn info<'t>(topic: &'t str, payload: &Value) -> Option<(&'t str, Info)> {
    let base = topic.strip_suffix("/info")?;
    let word = |key: &str| {
        let word = payload.get(key)?.as_str()?;
        Some(word.chars().take(LONGEST_WORD).collect::<String>())
    };
    Some((base, Info { firmware: word("firmware")?, version: word("version") }))
}

/// The node of a topic.
fn base_of(topic: &str, levels: usize) -> &str {
    let mut base = topic;
    for _ in 0..levels {
        base = base.rsplit_once('/').map_or(base, |(above, _)| above);
    }
    base
}

/// What was said, in short.
fn short(payload: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    payload.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELAY: &str = "nodes/bridge/0/relay/i2c0-3b";

    fn everywhere(_: &str) -> bool {
        true
    }

    fn all(book: &mut Discovery, takes_commands: &dyn Fn(&str) -> bool) -> Vec<Announcement> {
        let mut all = Vec::new();
        while book.has_news() {
            let news = book.news(3, takes_commands);
            assert!(news.len() <= 3);
            all.extend(news);
        }
        all
    }

    fn says(book: &mut Discovery, topic: &str, payload: &str) -> Vec<Announcement> {
        book.note(topic, payload, false);
        all(book, &everywhere)
    }

    fn clears(book: &mut Discovery, topic: &str) -> Vec<Announcement> {
        book.note(topic, "null", true);
        all(book, &everywhere)
    }

    fn one(announcements: Vec<Announcement>) -> (String, Value) {
        let [announcement] = <[_; 1]>::try_from(announcements).unwrap();
        (announcement.topic, serde_json::from_str(&announcement.payload.unwrap()).unwrap())
    }

    #[test]
    fn a_relay_is_announced_once_as_a_switch_with_all_that_it_takes() {
        let mut book = Discovery::new("homeassistant");
        let (topic, config) = one(says(&mut book, RELAY, r#"{"state": null}"#));
        assert!(topic.starts_with("homeassistant/switch/clown_nodes_bridge_0_relay_i2c0-3b_"), "{topic}");
        assert_eq!(config["state_topic"], RELAY);
        assert_eq!(config["command_topic"], format!("{RELAY}/set"));
        assert_eq!(config["payload_on"], r#"{"state": true}"#);
        assert_eq!(config["device"]["name"], "bridge 0");
        assert_eq!(config.get("availability"), None);
        assert!(topic.contains(config["unique_id"].as_str().unwrap()));
        assert_eq!(says(&mut book, RELAY, r#"{"state": true}"#), []);
    }

    #[test]
    fn where_no_command_gets_through_there_is_no_switch() {
        let mut book = Discovery::new("ha");
        book.note(RELAY, r#"{"state": true}"#, false);
        let (topic, config) = one(all(&mut book, &|_| false));
        assert!(topic.starts_with("ha/binary_sensor/"), "{topic}");
        assert_eq!(config.get("command_topic"), None);
        let gone = clears(&mut book, RELAY);
        assert_eq!(gone, [Announcement { topic, payload: None }]);
    }

    #[test]
    fn presence_is_the_availability_of_a_node_and_of_those_behind_it() {
        let mut book = Discovery::new("homeassistant");
        one(says(&mut book, "node/836d/thermometer/0:1/temperature", "20.5"));
        let told =
            says(&mut book, "node/presence", r#"{"state": "online", "since": "2026-11-21T10:00:00Z"}"#);
        let [mut again, mut gateway] = <[_; 2]>::try_from(told).unwrap();
        if again.topic.contains("presence") {
            std::mem::swap(&mut again, &mut gateway);
        }
        let config: Value = serde_json::from_str(&again.payload.unwrap()).unwrap();
        assert_eq!(config["availability"][0]["topic"], "node/presence");
        let config: Value = serde_json::from_str(&gateway.payload.unwrap()).unwrap();
        assert_eq!((&config["device_class"], config.get("availability")), (&"connectivity".into(), None));
        assert_eq!(
            says(&mut book, "node/presence", r#"{"state": "offline", "since": "2026-11-21T11:00:00Z"}"#),
            []
        );
        // The gateway is forgotten: the node has no availability any more.
        let told = clears(&mut book, "node/presence");
        assert_eq!(told.iter().filter(|one| one.payload.is_none()).count(), 1);
        assert_eq!(told.len(), 2);
    }

    #[test]
    fn a_radio_node_tells_its_model_and_with_it_its_strip() {
        let mut book = Discovery::new("homeassistant");
        one(says(&mut book, "node/836d/battery/-/voltage", "3.1"));
        let info = r#"{"firmware": "generic-node-power-module-rgbw", "version": "v1.7.4", "mode": 2}"#;
        let told = says(&mut book, "node/836d/info", info);
        let mut configs: Vec<Value> =
            told.iter().map(|one| serde_json::from_str(one.payload.as_ref().unwrap()).unwrap()).collect();
        configs.sort_by_key(|config| config["command_topic"].is_string());
        assert_eq!(configs[0]["device"]["model"], "generic-node-power-module-rgbw");
        assert_eq!(configs[0]["device"]["sw_version"], "v1.7.4");
        assert_eq!(configs[1]["command_topic"], "node/836d/led-strip/-/color/set");
        assert_eq!(configs[1]["device"]["identifiers"], configs[0]["device"]["identifiers"]);
        assert_eq!(configs[1].get("state_topic"), None);
        assert_eq!(says(&mut book, "node/836d/info", info), []);
    }

    #[test]
    fn what_is_forgotten_is_taken_back_and_what_a_message_leaves_out_is_not() {
        let mut book = Discovery::new("homeassistant");
        let topic = "nodes/bridge/0/barometer/i2c0-60";
        let (altitude, _) = one(says(&mut book, topic, r#"{"altitude": [361, "m"]}"#));
        let (pressure, _) = one(says(&mut book, topic, r#"{"pressure": [97, "kPa"]}"#));
        let gone = clears(&mut book, topic);
        let expected = [altitude, pressure].map(|topic| Announcement { topic, payload: None });
        assert_eq!(gone, expected);
        assert_eq!(clears(&mut book, topic), []);
        // Of what comes back at once the last word is that it is there.
        let told = says(&mut book, topic, r#"{"altitude": [361, "m"]}"#);
        book.note(topic, "null", true);
        assert!(says(&mut book, topic, r#"{"altitude": [361, "m"]}"#).ends_with(&told));
    }

    #[test]
    fn what_an_earlier_life_has_announced_stays_where_the_node_is_there_and_goes_where_it_is_not() {
        let mut before = Discovery::new("homeassistant");
        let told = [RELAY, "nodes/bridge/1/relay/i2c0-3b"]
            .map(|topic| says(&mut before, topic, r#"{"state": true}"#));
        let mut book = Discovery::new("homeassistant");
        for one in told.iter().flatten() {
            book.found(&one.topic, one.payload.as_ref().unwrap());
        }
        book.found("homeassistant/sensor/livingroom/outside/config", "{}");
        assert_eq!(says(&mut book, RELAY, r#"{"state": true}"#), [], "it is there already");
        book.settle();
        let gone = [Announcement { topic: told[1][0].topic.clone(), payload: None }];
        assert_eq!(all(&mut book, &everywhere), gone);
        book.settle();
        assert_eq!(all(&mut book, &everywhere), []);
    }

    #[test]
    fn announcements_are_not_announced_and_there_is_a_bound() {
        let mut book = Discovery::new("homeassistant");
        assert_eq!(says(&mut book, "homeassistant/x/relay/1", r#"{"state": true}"#), []);
        for number in 0..MOST_TOPICS {
            assert_eq!(says(&mut book, &format!("n/{number}/relay/1"), r#"{"state": true}"#).len(), 1);
        }
        assert_eq!(says(&mut book, "n/one/relay/1", r#"{"state": true}"#), []);
        assert_eq!(book.left_out(), 1);
        assert_eq!(clears(&mut book, "n/7/relay/1").len(), 1);
        assert_eq!(says(&mut book, "n/one/relay/1", r#"{"state": true}"#).len(), 1);
    }

    #[test]
    fn who_listens_anew_is_told_all_again() {
        let mut book = Discovery::new("homeassistant");
        let told = says(&mut book, RELAY, r#"{"state": true}"#);
        book.forget_what_was_said();
        assert_eq!(says(&mut book, RELAY, r#"{"state": true}"#), told);
    }

    #[test]
    fn one_word_about_a_base_is_announced_in_pieces_and_waits_once() {
        const PIECE: usize = 64;
        let mut book = Discovery::new("homeassistant");
        let values: Vec<_> = (0..MOST_ENTITIES).map(|n| format!("\"v{n}\": [1, \"V\"]")).collect();
        let values = format!("{{{}}}", values.join(","));
        let firmware = |word: &str| format!("{{\"firmware\": \"{word}\"}}");
        for number in 1..MOST_TOPICS {
            book.note(&format!("x/{number}/b"), &values, false);
        }
        // Not more than there is room for.
        assert_eq!(book.values, MOST_VALUES);
        assert!(book.left_out() > 0);
        let mut told = 0;
        while book.has_news() {
            told += book.news(PIECE, &everywhere).len();
        }
        assert_eq!(told, MOST_VALUES);
        for number in 0..1000 {
            book.note("x/info", &firmware(&format!("f{number}")), false);
        }
        assert_eq!((book.again.len(), book.due.len()), (1, 0));
        let (mut pieces, mut told) = (0, 0);
        while book.has_news() {
            let news = book.news(PIECE, &everywhere);
            assert!(news.len() <= PIECE);
            (pieces, told) = (pieces + 1, told + news.len());
        }
        assert_eq!(told, MOST_VALUES);
        assert!(pieces >= MOST_TOPICS / PIECE, "{pieces}");
        // Where there are too many bases, all is looked at, whatever comes meanwhile.
        for number in 0..2 * MOST_AGAIN {
            book.note(&format!("x/{number}/info"), &firmware("f"), false);
        }
        assert_eq!(book.again.len(), 1);
        book.note("x/presence", r#"{"state": "online"}"#, false);
        let mut again = 0;
        while book.has_news() {
            again += book.news(PIECE, &everywhere).len();
        }
        assert_eq!(again, MOST_VALUES);
    }
}
