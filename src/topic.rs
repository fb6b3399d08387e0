//! Topics, filters and base topics as types. Floor 0: knows `std` and nothing else.
//!
//! A [`Topic`] names one thing, a [`Filter`] names many, a [`Base`] is where a connection stands. Each is made in one way
//! only, which checks the text. So a value of the type is proof that the rules of MQTT 5.0, 4.7 hold for it (see
//! `docs/protocol.md`, clause 1.2 and clause 4.1).
//!
//! ```
//! use clown_hub::topic::{Base, Filter, Limits, Topic};
//!
//! let limits = Limits::default();
//! let base = Base::parse("nodes/bridge/0", &limits)?;
//! let topic = base.topic("relay/i2c0-3b", &limits)?;
//! assert_eq!(topic.as_str(), "nodes/bridge/0/relay/i2c0-3b");
//! assert!(Filter::parse("nodes/+/0/#", &limits)?.matches(&topic));
//! # Ok::<(), clown_hub::topic::TopicError>(())
//! ```

mod foreign;
mod share;
pub use foreign::foreign_wildcard;
pub use share::Share;

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use memchr::memchr;
use smallvec::SmallVec;

/// How long and how deep a topic or filter may be, counted on the whole topic, base included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of UTF-8; 1,024 by default.
    pub max_bytes: usize,
    /// Levels, that is slashes plus one; 32 by default.
    pub max_levels: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_bytes: 1024, max_levels: 32 }
    }
}

/// Why a text is no topic, filter or base. Offsets are bytes from the start of the text that was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TopicError {
    /// There is not one character.
    Empty,
    /// More bytes than [`Limits::max_bytes`].
    TooLong {
        /// Bytes found, base included.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// More levels than [`Limits::max_levels`].
    TooDeep {
        /// Levels found, base included.
        levels: usize,
        /// The limit.
        max: usize,
    },
    /// U+0000 is in it.
    Nul {
        /// Where.
        at: usize,
    },
    /// `+` or `#` stands in a text that names one topic.
    Wildcard {
        /// Where.
        at: usize,
    },
    /// `+` or `#` shares a level with other characters, as in `a+`.
    WildcardNotAlone {
        /// Where.
        at: usize,
    },
    /// `#` is not the last level.
    HashNotLast {
        /// Where.
        at: usize,
    },
    /// A base topic with an empty level.
    EmptyLevel {
        /// Where.
        at: usize,
    },
    /// A base topic whose first level starts with `$`.
    SystemBase,
}

impl fmt::Display for TopicError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("topic is empty"),
            Self::TooLong { bytes, max } => write!(f, "topic has {bytes} bytes, the limit is {max}"),
            Self::TooDeep { levels, max } => write!(f, "topic has {levels} levels, the limit is {max}"),
            Self::Nul { at } => write!(f, "topic holds a NUL at byte {at}"),
            Self::Wildcard { at } => {
                write!(f, "wildcard at byte {at}: a topic names one thing, '+' and '#' are for filters")
            }
            Self::WildcardNotAlone { at } => write!(f, "wildcard at byte {at} must be a whole level"),
            Self::HashNotLast { at } => write!(f, "'#' at byte {at} must be the last level"),
            Self::EmptyLevel { at } => write!(f, "base topic has an empty level at byte {at}"),
            Self::SystemBase => f.write_str("base topic must not begin with '$'"),
        }
    }
}

impl std::error::Error for TopicError {}

/// The name of one thing, as MQTT 5.0 section 4.7 allows it: at least one character, no NUL, no wildcard. Empty
/// levels are legal and distinct (`a//b` is not `a/b`). Cloning counts a reference.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Topic(Arc<str>);

impl Topic {
    /// Reads a topic, and checks the rules and the limits.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, TopicError> {
        Base::ROOT.topic(text, limits)
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The levels, left to right; never none.
    pub fn levels(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// What stands after the last slash.
    pub fn last_level(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// Whether the first level starts with `$`: such topics are matched by no wildcard in first place
    /// (MQTT 5.0, 4.7.2).
    pub fn is_system(&self) -> bool {
        self.0.starts_with('$')
    }
}

impl Borrow<str> for Topic {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The name of many topics: levels, `+` for any one level, `#` in last place for the rest and the parent.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Filter(Arc<str>);

impl Filter {
    /// Reads a filter, and checks the rules and the limits.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, TopicError> {
        Base::ROOT.filter(text, limits)
    }

    /// The filter as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The levels, left to right; never none.
    pub fn levels(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// Whether this filter names that topic, level by level. Tests hold the trie against it.
    pub fn matches(&self, topic: &Topic) -> bool {
        if topic.is_system() && self.starts_with_wildcard() {
            return false;
        }
        let mut names = topic.levels();
        for level in self.levels() {
            match (level, names.next()) {
                ("#", _) => return true,
                ("+", Some(_)) => {}
                (level, Some(name)) if level == name => {}
                _ => return false,
            }
        }
        names.next().is_none()
    }

    /// Whether every topic that `other` names is named by this filter too. This is what "may subscribe" means.
    pub fn covers(&self, other: &Filter) -> bool {
        if self.starts_with_wildcard() && other.0.starts_with('$') {
            return false;
        }
        let mut theirs = other.levels_of_topics();
        for level in self.levels() {
            match (level, theirs.next()) {
                ("#", _) => return true,
                ("+", Some(their)) if their != "#" => {}
                (level, Some(their)) if level == their && level != "+" => {}
                _ => return false,
            }
        }
        theirs.next().is_none()
    }

    /// Whether there is a topic that both filters name.
    pub fn overlaps(&self, other: &Filter) -> bool {
        if (self.starts_with_wildcard() && other.0.starts_with('$'))
            || (other.starts_with_wildcard() && self.0.starts_with('$'))
        {
            return false;
        }
        let (mut ours, mut theirs) = (self.levels_of_topics(), other.levels_of_topics());
        loop {
            match (ours.next(), theirs.next()) {
                (Some("#"), _) | (_, Some("#")) | (None, None) => return true,
                (Some(our), Some(their)) if our == their || our == "+" || their == "+" => {}
                _ => return false,
            }
        }
    }

    /// The filter that names just the topics which both name; `None` where there is none.
    pub fn intersection(&self, other: &Filter) -> Option<Filter> {
        if !self.overlaps(other) {
            return None;
        }
        let (mut ours, mut theirs) = (self.levels(), other.levels());
        let mut common = Vec::new();
        loop {
            match (ours.next(), theirs.next()) {
                (Some("#"), None) | (None, Some("#") | None) => break,
                (Some("#"), Some(level)) => {
                    common.push(level);
                    common.extend(theirs);
                    break;
                }
                (Some(level), Some("#")) => {
                    common.push(level);
                    common.extend(ours);
                    break;
                }
                (Some("+"), Some(level)) | (Some(level), _) => common.push(level),
                (None, Some(_)) => return None,
            }
        }
        Some(Filter(common.join("/").into()))
    }

    /// The levels of a filter that names the same topics and whose `#` has a topic for a parent: that of `#` would be
    /// nothing at all and that of `/#` the empty text, and neither is a topic.
    fn levels_of_topics(&self) -> impl Iterator<Item = &str> {
        let same = match &*self.0 {
            "#" => "+/#",
            "/#" => "/+/#",
            other => other,
        };
        same.split('/')
    }

    fn starts_with_wildcard(&self) -> bool {
        self.0.starts_with(['+', '#'])
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Where a connection stands: the topic in front of all names that it uses. The root is the empty base.
///
/// Holds no wildcard, no empty level and no `$` in front (`docs/protocol.md`, clause 2.3).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Base(Option<Arc<str>>);

impl Base {
    /// The root: topics relative to it are the whole topics.
    pub const ROOT: Self = Self(None);

    /// Reads a base, and checks the rules and the limits. The empty text is the root.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, TopicError> {
        if text.is_empty() {
            return Ok(Self::ROOT);
        }
        if text.starts_with('$') {
            return Err(TopicError::SystemBase);
        }
        let mut at = 0;
        for level in text.split('/') {
            if level.is_empty() {
                return Err(TopicError::EmptyLevel { at });
            }
            at += level.len() + 1;
        }
        let topic = Topic::parse(text, limits)?;
        Ok(Self(Some(topic.0)))
    }

    /// The base as text; empty for the root.
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    /// The whole topic that a connection at this base calls `relative`. Offsets in an error count from the start
    /// of `relative`, sizes are those of the whole.
    pub fn topic(&self, relative: &str, limits: &Limits) -> Result<Topic, TopicError> {
        let wildcard = |byte| matches!(byte, b'+' | b'#');
        // All bytes, and not until the first one is found: many at a time are compared so.
        if relative.bytes().fold(false, |found, byte| found | wildcard(byte))
            && let Some(at) = relative.bytes().position(wildcard)
        {
            return Err(TopicError::Wildcard { at });
        }
        self.join(relative, limits).map(Topic)
    }

    /// The whole filter that a connection at this base calls `relative`.
    pub fn filter(&self, relative: &str, limits: &Limits) -> Result<Filter, TopicError> {
        let mut at = 0;
        let mut levels = relative.split('/').peekable();
        while let Some(level) = levels.next() {
            if level == "#" && levels.peek().is_some() {
                return Err(TopicError::HashNotLast { at });
            }
            if level.len() > 1
                // One by one: to look for either is slow, and a level may have a thousand bytes.
                && let Some(inside) = [level.find('+'), level.find('#')].into_iter().flatten().min()
            {
                return Err(TopicError::WildcardNotAlone { at: at + inside });
            }
            at += level.len() + 1;
        }
        self.join(relative, limits).map(Filter)
    }

    /// What a connection at this base calls `topic`; `None` where it cannot name it. A topic equal to the base
    /// itself has no name there.
    pub fn relative<'t>(&self, topic: &'t str) -> Option<&'t str> {
        match &self.0 {
            None => Some(topic),
            Some(base) => {
                topic.strip_prefix(&**base)?.strip_prefix('/').filter(|relative| !relative.is_empty())
            }
        }
    }

    /// This base and the ones that follow it: where the last level is a number it counts on, else a number is
    /// appended from the second one on. As many as fit the limits.
    pub fn numbered(&self, count: usize, limits: &Limits) -> Vec<Base> {
        let text = self.as_str();
        let (head, last) = text.rsplit_once('/').map_or(("", text), |(head, last)| (head, last));
        let number: Option<usize> = last.parse().ok();
        let slash = if head.is_empty() { "" } else { "/" };
        let name = |n: usize| match number {
            _ if n == 0 => text.to_owned(),
            Some(first) => format!("{head}{slash}{}", first.saturating_add(n)),
            None if text.is_empty() => n.to_string(),
            None => format!("{text}-{n}"),
        };
        (0..count).filter_map(|n| Base::parse(&name(n), limits).ok()).collect()
    }

    fn join(&self, relative: &str, limits: &Limits) -> Result<Arc<str>, TopicError> {
        if relative.is_empty() {
            return Err(TopicError::Empty);
        }
        if let Some(at) = memchr(0, relative.as_bytes()) {
            return Err(TopicError::Nul { at });
        }
        let base = self.0.as_deref().map_or("", |base| base);
        let bytes = if base.is_empty() { relative.len() } else { base.len() + 1 + relative.len() };
        if bytes > limits.max_bytes {
            return Err(TopicError::TooLong { bytes, max: limits.max_bytes });
        }
        let levels_in = |text: &str| text.bytes().filter(|byte| *byte == b'/').count() + 1;
        let levels = levels_in(relative) + if base.is_empty() { 0 } else { levels_in(base) };
        if levels > limits.max_levels {
            return Err(TopicError::TooDeep { levels, max: limits.max_levels });
        }
        if base.is_empty() {
            return Ok(relative.into());
        }
        // Most have room on the stack, so that only the text that stays is in memory of its own.
        let mut whole = SmallVec::<[u8; 128]>::with_capacity(bytes);
        whole.extend_from_slice(base.as_bytes());
        whole.push(b'/');
        whole.extend_from_slice(relative.as_bytes());
        Ok(std::str::from_utf8(&whole).unwrap_or_default().into())
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests;
