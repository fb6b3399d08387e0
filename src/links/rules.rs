//! Which messages go over a link, in which direction, and under which name on the other side. Pure.

#[cfg(test)]
mod tests;

use crate::topic::{Filter, Limits, Topic, TopicError};

/// Where messages may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the broker to the hub.
    In,
    /// From the hub to the broker.
    Out,
    /// Both.
    Both,
}

impl Direction {
    /// Whether messages come in.
    pub fn is_in(self) -> bool {
        matches!(self, Self::In | Self::Both)
    }

    /// Whether messages go out.
    pub fn is_out(self) -> bool {
        matches!(self, Self::Out | Self::Both)
    }
}

/// How often a message may arrive (MQTT 5.0, 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Qos {
    /// At most once.
    AtMostOnce,
    /// At least once.
    AtLeastOnce,
    /// Exactly once.
    ExactlyOnce,
}

/// What is kept as a last value, here and at the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retain {
    /// In: what the hub would keep from a node. Out: what the hub keeps.
    Readings,
    /// In: what came retained. Out: what the hub keeps.
    AsSent,
    /// Nothing.
    Never,
}

/// What becomes of a payload that is no JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text {
    /// It becomes a JSON string; a JSON string goes out as JSON.
    String,
    /// It becomes a JSON string; a JSON string goes out as the text in it.
    Bare,
    /// It is dropped.
    Drop,
}

/// What becomes of a payload of no bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Empty {
    /// It clears the last value if it came retained; otherwise it is `null`.
    Null,
    /// It clears the last value.
    Clear,
    /// It is dropped.
    Drop,
}

/// What a rule says, before it is known to make sense.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The line of the file in which it begins.
    pub line: usize,
    /// See [`Rule`].
    pub direction: Direction,
    /// The part of the filter that is the same on both sides; may be empty.
    pub filter: String,
    /// What stands before it here.
    pub local_prefix: String,
    /// What stands before it at the broker.
    pub remote_prefix: String,
    /// See [`Rule`].
    pub qos: Qos,
    /// See [`Rule`].
    pub retain: Retain,
    /// See [`Rule`].
    pub text: Text,
    /// See [`Rule`].
    pub empty: Empty,
}

/// Messages of one filter, on their way in one direction or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The line of the file in which it begins.
    pub line: usize,
    /// Where messages go.
    pub direction: Direction,
    /// With which QoS they are asked for and sent.
    pub qos: Qos,
    /// What is kept.
    pub retain: Retain,
    /// What becomes of text.
    pub text: Text,
    /// What becomes of nothing.
    pub empty: Empty,
    /// The name of the messages here.
    pub local: Place,
    /// The name of the messages at the broker.
    pub remote: Place,
}

/// The name of a rule's messages on one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    prefix: Box<str>,
    /// The whole filter.
    pub filter: Filter,
}

/// What is wrong with a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError {
    /// Under which key.
    pub key: &'static str,
    /// In words.
    pub sentence: String,
}

/// Topics of a broker may be as long as MQTT lets them.
pub const REMOTE_LIMITS: Limits = Limits { max_bytes: 65_535, max_levels: 65_535 };

impl Rule {
    /// The door: both filters must be filters, and no prefix may hold a wildcard.
    pub fn new(draft: &Draft, limits: &Limits) -> Result<Self, RuleError> {
        if draft.filter.is_empty() && (draft.local_prefix.is_empty() || draft.remote_prefix.is_empty()) {
            let sentence = "is empty, which joins one topic to one topic: give both of them, as local_prefix and remote_prefix";
            return Err(RuleError { key: "filter", sentence: sentence.to_owned() });
        }
        let local = Place::new("local_prefix", &draft.local_prefix, &draft.filter, limits)?;
        let remote = Place::new("remote_prefix", &draft.remote_prefix, &draft.filter, &REMOTE_LIMITS)?;
        let of_the_hub = |level: &str| matches!(level, "$SYS" | "clown.talk");
        if draft.direction.is_in() && local.filter.levels().next().is_some_and(of_the_hub) {
            let key = if draft.local_prefix.is_empty() { "filter" } else { "local_prefix" };
            let sentence = "topics under $SYS and clown.talk are the hub's own, nothing comes in there";
            return Err(RuleError { key, sentence: sentence.to_owned() });
        }
        if draft.direction.is_out() && remote.filter.levels().next() == Some("$SYS") {
            let key = if draft.remote_prefix.is_empty() { "filter" } else { "remote_prefix" };
            let sentence = "topics under $SYS are the broker's own, nothing goes out there";
            return Err(RuleError { key, sentence: sentence.to_owned() });
        }
        Ok(Self {
            line: draft.line,
            direction: draft.direction,
            qos: draft.qos,
            retain: draft.retain,
            text: draft.text,
            empty: draft.empty,
            local,
            remote,
        })
    }

    /// What a local topic is called at the broker.
    pub fn outward(&self, topic: &Topic) -> Option<Topic> {
        self.local.rename(topic, &self.remote, &REMOTE_LIMITS).and_then(Result::ok)
    }

    /// What a topic of the broker is called here; an error where the hub does not allow it. `None` where it has no
    /// name here.
    pub fn inward(&self, topic: &Topic, limits: &Limits) -> Option<Result<Topic, TopicError>> {
        self.remote.rename(topic, &self.local, limits)
    }

    /// What decides the shape of a message: its local topic without the prefix.
    pub fn relative<'t>(&self, local: &'t Topic) -> &'t str {
        local.as_str().strip_prefix(&*self.local.prefix).unwrap_or(local.as_str())
    }
}

impl Place {
    fn new(key: &'static str, prefix: &str, filter: &str, limits: &Limits) -> Result<Self, RuleError> {
        if prefix.contains(['+', '#']) {
            let sentence =
                format!("{prefix:?} holds a wildcard: a prefix is plain text, wildcards stand in the filter");
            return Err(RuleError { key, sentence });
        }
        let whole = format!("{prefix}{filter}");
        let parsed = Filter::parse(&whole, limits).map_err(|error| {
            let lacks_slash = !prefix.is_empty() && !prefix.ends_with('/');
            let why = if lacks_slash && matches!(error, TopicError::WildcardNotAlone { .. }) {
                format!("end {key} with a slash")
            } else {
                error.to_string().replacen("topic", "filter", 1)
            };
            let key = if filter.is_empty() { key } else { "filter" };
            RuleError { key, sentence: format!("{whole:?} is no filter: {why}") }
        })?;
        Ok(Self { prefix: prefix.into(), filter: parsed })
    }

    fn rename(&self, topic: &Topic, other: &Self, limits: &Limits) -> Option<Result<Topic, TopicError>> {
        let text = topic.as_str();
        if let Some(rest) = text.strip_prefix(&*self.prefix) {
            if self.prefix.is_empty() && other.prefix.is_empty() && limits == &REMOTE_LIMITS {
                return Some(Ok(topic.clone()));
            }
            return Some(Topic::parse(&format!("{}{rest}", other.prefix), limits));
        }
        // `a/#` names its parent `a`, too.
        let parent = self.prefix.strip_suffix('/').filter(|parent| *parent == text);
        parent.and(other.prefix.strip_suffix('/')).map(|parent| Topic::parse(parent, limits))
    }
}

/// The rules of one link. No message has two names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules(Vec<Rule>);

/// Two rules that would both carry some message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlap {
    /// The lines in which they begin.
    pub lines: [usize; 2],
    /// Where they meet.
    pub common: String,
    /// In which direction.
    pub direction: Direction,
}

impl Rules {
    /// The door: no two rules may carry the same message in the same direction.
    pub fn new(rules: Vec<Rule>) -> Result<Self, Vec<Overlap>> {
        let mut overlaps = Vec::new();
        for (at, first) in rules.iter().enumerate() {
            for second in rules.iter().skip(at + 1) {
                overlaps.extend(overlap(first, second));
            }
        }
        if overlaps.is_empty() { Ok(Self(rules)) } else { Err(overlaps) }
    }

    /// All of them, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.0.iter()
    }

    /// A rule by its number.
    pub fn get(&self, number: usize) -> Option<&Rule> {
        self.0.get(number)
    }

    /// The rule that carries a topic of the broker.
    pub fn for_remote(&self, topic: &Topic) -> Option<&Rule> {
        self.0.iter().find(|rule| rule.direction.is_in() && rule.remote.filter.matches(topic))
    }

    /// The rule that carries a topic of the hub, and its number.
    pub fn for_local(&self, topic: &Topic) -> Option<(usize, &Rule)> {
        let carries = |rule: &Rule| rule.direction.is_out() && rule.local.filter.matches(topic);
        self.0.iter().enumerate().find(|(_, rule)| carries(rule))
    }
}

fn overlap(first: &Rule, second: &Rule) -> Option<Overlap> {
    let lines = [first.line, second.line];
    let both = |is: fn(Direction) -> bool| is(first.direction) && is(second.direction);
    let meet = |direction, one: &Filter, other: &Filter| {
        let common = one.intersection(other)?.to_string();
        Some(Overlap { lines, common, direction })
    };
    let inwards =
        both(Direction::is_in).then(|| meet(Direction::In, &first.remote.filter, &second.remote.filter));
    let outwards =
        both(Direction::is_out).then(|| meet(Direction::Out, &first.local.filter, &second.local.filter));
    inwards.flatten().or(outwards.flatten())
}

/// A topic that a filter names, to show a person.
pub fn example(filter: &Filter) -> String {
    let level = |level: &str| match level {
        "+" => "any".to_owned(),
        "#" => "any/depth".to_owned(),
        plain => plain.to_owned(),
    };
    filter.levels().map(level).collect::<Vec<_>>().join("/")
}
