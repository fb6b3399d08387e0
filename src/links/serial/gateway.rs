//! What a gateway of radio nodes says, and what is said to it: its lines as messages with the topics that such gateways have
//! always had, and back. Pure; time is an argument.
//!
//! A line is `["topic", payload]`. By its first character the topic is the gateway's own (`/`), of its store (`$`), or of the
//! node whose id it begins with. A line that begins with `#` is one of its log.

mod commands;
mod names;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::nodes::{Id, Nodes};
use super::settings::SerialSettings;
use crate::talk::foreign::from_text;
use crate::talk::{Frame, Frames, Kind};

/// Names on one page of the gateway's list, and pages that it has.
const PAGE: usize = 8;
const PAGES: u32 = 4;
/// How long a gateway may take for its list of names, or to store one.
const PATIENCE: Duration = Duration::from_secs(5);
/// After what silence a gateway is asked whether it is still there. Its nodes may have nothing to say for an hour.
const SILENCE: Duration = Duration::from_mins(1);
/// And for how long it may be silent then.
const DEAD: Duration = Duration::from_secs(90);
/// Changes of names that wait for the gateway.
const MOST_ERRANDS: usize = 64;

/// What a line or a command leads to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// What is said to the gateway.
    pub lines: Vec<String>,
    /// What is said at the hub.
    pub news: Vec<News>,
}

/// Something for the hub.
#[derive(Debug, PartialEq, Eq)]
pub enum News {
    /// A message, under a topic as gateways have them.
    Said {
        /// The topic.
        topic: String,
        /// JSON.
        payload: String,
        /// Whether it is never kept, whatever its topic looks like.
        is_event: bool,
    },
    /// The last value of a topic means nothing any more.
    Cleared(String),
    /// A line means nothing, and why.
    Refused(String, String),
}

/// How much the hub knows of the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Not even who it is.
    Unknown,
    /// It was asked for a page of names.
    Names(u32, Instant),
    /// All.
    Known,
}

/// Whether the names of its nodes have come since it is there. A list that comes again changes nothing of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    Awaited,
    Listed,
}

/// A change of a name that the gateway is to store.
#[derive(Debug, PartialEq, Eq)]
struct Errand {
    id: Id,
    /// `None` takes the name away.
    name: Option<Box<str>>,
}

/// What is known of a gateway and its nodes. It outlives the connection.
#[derive(Debug)]
pub struct Gateway {
    pattern: Box<str>,
    names_nodes: bool,
    given: BTreeMap<Id, Box<str>>,
    nodes: Nodes,
    id: Option<Id>,
    info: Option<String>,
    stage: Stage,
    names: Names,
    /// Names that the gateway has listed so far.
    listed: BTreeMap<Id, Box<str>>,
    errands: VecDeque<Errand>,
    /// When the first errand was said to the gateway.
    on_errand: Option<Instant>,
    /// Whether the hub itself has asked for the next `/info`, as a sign of life.
    is_asked_for_life: bool,
    /// Whether the hub has been told that the gateway is away.
    is_told_away: bool,
}

impl Gateway {
    /// One of which nothing is known.
    pub fn new(settings: &SerialSettings) -> Self {
        Self {
            pattern: settings.gateway.clone(),
            names_nodes: settings.names_nodes,
            given: settings.names.clone(),
            nodes: Nodes::default(),
            id: None,
            info: None,
            stage: Stage::Unknown,
            names: Names::Awaited,
            listed: BTreeMap::new(),
            errands: VecDeque::new(),
            on_errand: None,
            is_asked_for_life: false,
            is_told_away: false,
        }
    }

    /// What it is called in topics; `None` while that depends on an id that is not known.
    pub fn name(&self) -> Option<String> {
        match self.id {
            _ if !self.pattern.contains("{id}") => Some(self.pattern.to_string()),
            Some(id) => Some(self.pattern.replace("{id}", &id.to_string())),
            None => None,
        }
    }

    /// Whether it is known what its nodes are called.
    pub fn is_known(&self) -> bool {
        self.names == Names::Listed
    }

    /// A line of the gateway. The first one after the port was opened may be the end of one.
    pub fn hear(&mut self, line: &[u8], is_first: bool, now: Instant, effects: &mut Effects) {
        let begin = line.iter().position(|byte| *byte != 0).unwrap_or(line.len());
        let line = line.get(begin..).unwrap_or_default().trim_ascii();
        if line.is_empty() {
            return;
        }
        let refused = match std::str::from_utf8(line) {
            Err(_) => Some("it is no text".to_owned()),
            Ok(text) => match text.strip_prefix('#') {
                Some(log) => {
                    self.logged(log.trim(), effects);
                    None
                }
                None => self.take(text, now, effects).err(),
            },
        };
        if let Some(why) = refused
            && !is_first
        {
            effects.news.push(News::Refused(String::from_utf8_lossy(line).into_owned(), why));
        }
    }

    fn take(&mut self, text: &str, now: Instant, effects: &mut Effects) -> Result<(), String> {
        let mut frames = Frames::of(text);
        let frame = frames.next().ok_or("there is no frame in it")?.map_err(|error| error.to_string())?;
        if frame.options.is_some() || frames.next().is_some() {
            return Err("it is not one array of two elements".to_owned());
        }
        match frame.topic.chars().next() {
            Some('$') => self.of_the_store(&frame, now, effects),
            Some('/') => return self.of_the_gateway(&frame, now, effects),
            _ => {
                let (id, topic) = frame.topic.split_once('/').ok_or("its topic names no node")?;
                let id = Id::parse(id).ok_or("its topic does not begin with the id of a node")?;
                self.of_a_node(id, topic, frame.payload, now, effects);
            }
        }
        Ok(())
    }

    fn logged(&self, text: &str, effects: &mut Effects) {
        let Some(name) = self.name() else { return };
        let letter = text.split_once('<').and_then(|(_, rest)| rest.chars().next());
        let level = match letter {
            Some('X' | 'E') => "error",
            Some('W') => "warning",
            Some('I') => "info",
            _ => "debug",
        };
        effects.event(format!("log/{name}/{level}"), from_text(text));
    }

    /// What a node is called in topics. A gateway may be a node itself.
    fn called(&self, id: Id) -> String {
        let own = self.name().filter(|_| self.id == Some(id));
        own.unwrap_or_else(|| self.nodes.called(id))
    }

    fn of_a_node(&mut self, id: Id, topic: &str, payload: &str, now: Instant, effects: &mut Effects) {
        self.nodes.said(id, topic);
        effects.said(format!("node/{}/{topic}", self.called(id)), payload.to_owned());
        if topic == "info" {
            let info: Option<Value> = serde_json::from_str(payload).ok();
            let text = |key: &str| Some(info.as_ref()?.get(key)?.as_str()?.to_owned());
            let (firmware, version) = (text("firmware"), text("version"));
            self.nodes.informed(id, firmware.as_deref(), version.as_deref(), payload);
            self.name_by(id, firmware.as_deref(), effects);
            self.go_on_errands(now, effects);
        }
    }

    fn of_the_store(&mut self, frame: &Frame<'_>, now: Instant, effects: &mut Effects) {
        match &*frame.topic {
            "$sub" => {
                let asked: Option<Value> = serde_json::from_str(frame.payload).ok();
                let topic = asked.as_ref().and_then(|asked| asked.get("topic")?.as_str()?.split_once('/'));
                if let Some((_, topic)) = topic {
                    self.nodes.asked_for(topic);
                }
            }
            "$eeprom/alias/add/ok" | "$eeprom/alias/remove/ok" => self.came_of_errand(None, now, effects),
            "$eeprom/alias/add/error" | "$eeprom/alias/remove/error" => {
                self.came_of_errand(Some("the gateway could not store it"), now, effects);
            }
            topic => {
                if let Some(page) = topic.strip_prefix("$eeprom/alias/list/")
                    && let Ok(page) = page.parse()
                {
                    self.listed(page, frame.payload, now, effects);
                }
            }
        }
    }

    fn of_the_gateway(
        &mut self,
        frame: &Frame<'_>,
        now: Instant,
        effects: &mut Effects,
    ) -> Result<(), String> {
        let payload: Value = serde_json::from_str(frame.payload).map_err(|error| error.to_string())?;
        if frame.topic == "/info" {
            return self.informed(frame.payload, payload, now, effects);
        }
        let id = payload.as_str().and_then(Id::parse);
        let mut told = frame.payload.to_owned();
        match (&*frame.topic, id) {
            ("/nodes", _) => {
                let items = payload.as_array().ok_or("the list of nodes is no list")?;
                let id =
                    |item: &Value| item.as_str().or_else(|| item.get("id")?.as_str()).and_then(Id::parse);
                let ids: Vec<_> = items.iter().filter_map(id).collect();
                self.nodes.pair(ids.iter().copied());
                told =
                    Value::from(ids.iter().map(|id| self.nodes.listed(*id)).collect::<Vec<_>>()).to_string();
            }
            ("/attach", Some(id)) => self.nodes.attach(id),
            ("/detach", Some(id)) if self.nodes.detach(id) => {
                self.store(Errand { id, name: None });
                self.go_on_errands(now, effects);
            }
            _ => {}
        }
        let is_event = Kind::of(&frame.topic) == Kind::Notification;
        if let Some(name) = self.name() {
            let topic = format!("gateway/{name}{}", frame.topic);
            effects.news.push(News::Said { topic, payload: told, is_event });
        }
        Ok(())
    }

    /// The gateway says who it is: because it was asked, or because it has just been started.
    fn informed(
        &mut self,
        text: &str,
        mut info: Value,
        now: Instant,
        effects: &mut Effects,
    ) -> Result<(), String> {
        let Some(keys) = info.as_object_mut() else { return Err("its info is no object".to_owned()) };
        let address = keys.remove("address");
        let is_old = address.is_some();
        if let Some(address) = address {
            keys.entry("id").or_insert(address);
        }
        let id = keys.get("id").and_then(Value::as_str).and_then(Id::parse);
        let id = id.ok_or("its info has no id of 12 digits")?;
        if id.is_nobodys() {
            // Its radio does not work yet. It is asked again when it is looked at.
            return Ok(());
        }
        let text = if is_old { info.to_string() } else { text.to_owned() };
        let is_sign_of_life = std::mem::take(&mut self.is_asked_for_life);
        if is_sign_of_life && self.stage == Stage::Known && self.info.as_deref() == Some(&*text) {
            return Ok(());
        }
        self.id = Some(id);
        self.info = Some(text.clone());
        self.is_told_away = false;
        if let Some(name) = self.name() {
            effects.said(format!("gateway/{name}/info"), text);
        }
        self.on_errand = None;
        self.listed.clear();
        self.ask_for_names(0, now, effects);
        Ok(())
    }

    /// What is due by now, where something was last heard then. Says when to look again; an error where nobody is there any
    /// more.
    pub fn look(&mut self, heard: Instant, now: Instant, effects: &mut Effects) -> Result<Instant, String> {
        if now >= heard + DEAD {
            let seconds = DEAD.as_secs();
            return Err(format!(
                "it has said nothing for {seconds} s, and does not answer: unplug it and plug it in again"
            ));
        }
        if let Stage::Names(_, asked) = self.stage
            && now >= asked + PATIENCE
        {
            // An old firmware has no such list.
            self.has_listed(now, effects);
        }
        if let Some(since) = self.on_errand
            && now >= since + PATIENCE
        {
            self.came_of_errand(Some("the gateway did not answer"), now, effects);
        }
        let is_silent = now >= heard + SILENCE;
        if self.stage == Stage::Unknown || (is_silent && !self.is_asked_for_life) {
            self.is_asked_for_life = true;
            effects.lines.push("[\"/info/get\", null]".to_owned());
        }
        let is_at_rest = self.stage == Stage::Known && self.on_errand.is_none();
        Ok(now + if is_at_rest { SILENCE / 4 } else { PATIENCE / 5 })
    }

    /// The gateway is not there, or not any more.
    pub fn lost(&mut self, effects: &mut Effects) {
        (self.stage, self.names) = (Stage::Unknown, Names::Awaited);
        self.on_errand = None;
        self.is_asked_for_life = false;
        if !std::mem::replace(&mut self.is_told_away, true)
            && let Some(name) = self.name()
        {
            effects.said(format!("gateway/{name}/info"), "null".to_owned());
        }
    }
}

impl Effects {
    pub(super) fn said(&mut self, topic: String, payload: String) {
        self.news.push(News::Said { topic, payload, is_event: false });
    }

    pub(super) fn event(&mut self, topic: String, payload: String) {
        self.news.push(News::Said { topic, payload, is_event: true });
    }
}
