//! One message on its way: encoded once, read by everybody from where they stand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use serde_json::Value;

use super::Retention;
use super::clock::Clock;
use super::rhythm::Rhythm;
use crate::moment::{Moment, Steady, Wall};
use crate::talk::{Kind, Request, frame, timestamp};
use crate::topic::{Base, Topic};

/// A message that the hub has accepted. Immutable and shared by all who are to get it.
#[derive(Debug)]
pub struct Publication {
    /// The whole topic.
    pub topic: Topic,
    /// Its shape, which decides what happens to it in a full outbox.
    pub kind: Kind,
    /// When the hub took it.
    time: Wall,
    /// The user who sent it; `hub` for the hub itself.
    pub from: Arc<str>,
    /// What is to become of it here; for readers that tell another system.
    pub retention: Retention,
    /// Who has said it, as far as the hub is concerned with that.
    pub source: Source,
    /// How often its topic speaks, if it is a last value.
    pub rhythm: Rhythm,
    /// For how many milliseconds it holds, if it is a command that holds for a time only; else 0. The safe one has [`SAFE`].
    pub(super) lease: u32,
    /// Where in the frame the payload begins.
    payload_at: u32,
    /// Which message of this hub it is, from 1 on; 0 until it is published.
    pub number: u64,
    /// When it was said as the hubs of a cluster count it, where that is not its time; else 0. Written under the lock of its
    /// channel.
    clock: AtomicU64,
    /// Options and the trail, which few messages have. Apart, so that the others are small.
    extras: Option<Box<Extras>>,
    /// The frame as a connection at the root reads it. Every other base reads a suffix of it.
    text: Box<str>,
}

/// Who has said a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A dashboard, or the hub.
    Dashboard,
    /// A node, or a link.
    Node,
    /// A link that has found it as a last value of the far side: it was said at some time before.
    FarLastValue,
}

/// In place of the milliseconds of a lease: this is its safe command.
pub(super) const SAFE: u32 = u32::MAX;

/// What few messages have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Extras {
    /// When it stops being worth delivering.
    pub expires: Option<Steady>,
    /// What the publisher put into the options, as the inside of a JSON object.
    pub passed_on: Box<str>,
    /// Where it has been, if it did not begin here.
    pub trail: Option<Trail>,
}

impl Extras {
    pub(super) fn are_none(&self) -> bool {
        self.expires.is_none() && self.passed_on.is_empty() && self.trail.is_none()
    }

    /// How many bytes a message has more for them.
    pub(super) fn len(&self) -> usize {
        self.passed_on.len() + self.trail.as_ref().map_or(0, |trail| trail.stamp.len())
    }
}

/// Where a message has been, in the words of the links. The hub carries it and does not look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trail {
    /// How the message is known among hubs.
    pub stamp: Box<str>,
    /// The system that it was heard from.
    pub heard_from: Arc<str>,
}

/// From where a session reads, and what it wants to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// How many bytes of the escaped topic stand before what the session calls it.
    skip: usize,
    /// How many bytes of the plain topic a topic must exceed to have a name there.
    base_len: usize,
}

impl View {
    /// How things look from a base.
    pub fn from(base: &Base) -> Self {
        match base.as_str() {
            "" => Self { skip: 0, base_len: 0 },
            base => Self { skip: frame::escaped_len(base) + 1, base_len: base.len() + 1 },
        }
    }

    /// What a topic under the base is called there.
    pub(super) fn name<'t>(&self, topic: &'t Topic) -> &'t str {
        topic.as_str().get(self.base_len..).unwrap_or_default()
    }

    /// Whether a topic under the base (or the base itself) has a name there. One that would read there as the hub's
    /// own word has none: nobody can publish an answer that a reader deeper in the tree takes for the hub's.
    pub fn names(&self, topic: &Topic) -> bool {
        let relative = topic.as_str().get(self.base_len..).unwrap_or_default();
        !relative.is_empty() && !Request::claims(relative)
    }
}

/// The two characters before every topic, for whoever reads a suffix.
const OPENING: &[u8] = b"[\"";

impl Publication {
    /// Encodes a message once. `payload` is JSON text, and it is left as it is.
    pub fn new(topic: Topic, payload: &str, kind: Kind, from: Arc<str>, time: impl Into<Wall>) -> Self {
        let mut text = String::new();
        frame::encode(topic.as_str(), payload, &mut text);
        // A payload has as many bytes in the frame as it had, and a bracket closes behind it.
        let payload_at = u32::try_from(text.len() - payload.len() - 1).unwrap_or(u32::MAX);
        Self {
            topic,
            kind,
            time: time.into(),
            from,
            retention: Retention::Pass,
            source: Source::Dashboard,
            rhythm: Rhythm::default(),
            lease: 0,
            payload_at,
            number: 0,
            clock: AtomicU64::new(0),
            extras: None,
            text: text.into_boxed_str(),
        }
    }

    /// The value, as the publisher wrote it, line breaks aside.
    pub fn payload(&self) -> &str {
        self.text.get(self.payload_at as usize..self.text.len() - 1).unwrap_or_default()
    }

    /// The bytes of the value.
    pub(super) fn payload_len(&self) -> usize {
        self.text.len() - 1 - self.payload_at as usize
    }

    /// When the hub took it.
    pub fn time(&self) -> SystemTime {
        self.time.time()
    }

    /// The same, in milliseconds since 1970.
    pub fn milliseconds(&self) -> u64 {
        self.time.milliseconds()
    }

    /// When it was said, as the hubs of a cluster count it.
    pub fn clock(&self) -> Clock {
        match self.clock.load(Ordering::Relaxed) {
            0 => Clock::of(self.time()),
            clock => Clock::from_number(clock),
        }
    }

    /// The same, where it is not its time.
    pub fn clock_beside_time(&self) -> Option<Clock> {
        let clock = self.clock.load(Ordering::Relaxed);
        (clock != 0).then(|| Clock::from_number(clock))
    }

    pub(super) fn set_clock(&self, clock: Clock) {
        let is_its_time = clock == Clock::of(self.time());
        self.clock.store(if is_its_time { 0 } else { clock.number() }, Ordering::Relaxed);
    }

    /// Options and the trail, if it has any.
    pub fn extras(&self) -> Option<&Extras> {
        self.extras.as_deref()
    }

    /// Where it has been, if it did not begin here.
    pub fn trail(&self) -> Option<&Trail> {
        self.extras()?.trail.as_ref()
    }

    pub(super) fn set_extras(&mut self, extras: Extras) {
        self.extras = (!extras.are_none()).then(|| Box::new(extras));
    }

    /// How many bytes a frame has at the root: `["topic", payload]`.
    pub(super) fn frame_len(topic: &Topic, payload: usize) -> usize {
        frame::escaped_len(topic.as_str()) + payload + r#"["", ]"#.len()
    }

    /// What it counts for against the bounds of queues and of the store: the bytes of the frame at the root, and of
    /// what came with it.
    pub fn len(&self) -> usize {
        self.text.len() + self.extras().map_or(0, Extras::len)
    }

    /// A frame is never empty.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Whether it is too old to be delivered.
    pub fn has_expired(&self, now: impl Into<Moment>) -> bool {
        self.extras().and_then(|extras| extras.expires).is_some_and(|expires| expires <= now.into().steady())
    }

    /// Whether it is the command that ends a lease.
    pub fn is_safe_command(&self) -> bool {
        self.lease == SAFE
    }

    /// The frame as seen from a base, in two pieces that need only be written one after the other.
    pub fn frame(&self, view: View) -> [&[u8]; 2] {
        [OPENING, self.text.as_bytes().get(OPENING.len() + view.skip..).unwrap_or_default()]
    }

    /// The frame with its third element, for those who asked for it: four pieces. `annotation` comes from
    /// [`annotation`](Self::annotation).
    pub fn frame_with_options<'a>(&'a self, view: View, annotation: &'a str) -> [&'a [u8]; 4] {
        let [opening, rest] = self.frame(view);
        let unclosed = rest.get(..rest.len().saturating_sub(1)).unwrap_or_default();
        [opening, unclosed, annotation.as_bytes(), b"]"]
    }

    /// The third element with the comma before it, of a last value.
    pub fn annotation_of_last_value(&self) -> String {
        self.annotation(true, Some(self.rhythm))
    }

    /// The third element of a message that happens just now. `kept` is how often its topic speaks, if it is a last value.
    pub fn annotation_of_news(&self, kept: Option<Rhythm>) -> String {
        self.annotation(false, kept)
    }

    fn annotation(&self, retained: bool, kept: Option<Rhythm>) -> String {
        let (time, from) = (timestamp::milliseconds(self.time()), Value::from(&*self.from));
        let passed_on = self.extras().map_or("", |extras| &*extras.passed_on);
        let comma = if passed_on.is_empty() { "" } else { ", " };
        let kept_word = if kept.is_some() && !retained { ", \"kept\": true" } else { "" };
        let every =
            kept.and_then(Rhythm::every).map(|every| format!(", \"every\": {every}")).unwrap_or_default();
        // Whoever keeps it, too, has to know what is cleared, also where its sender had another word for that.
        let clears = !retained && self.retention == Retention::Clear && !passed_on.contains("\"retain\":");
        let clears = if clears { ", \"retain\": true" } else { "" };
        format!(
            ", {{\"retained\": {retained}, \"time\": \"{time}\", \"from\": {from}{kept_word}{every}{comma}{passed_on}{clears}}}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::Limits;

    fn seen(topic: &str, base: &str) -> String {
        let limits = Limits::default();
        let topic = Topic::parse(topic, &limits).unwrap();
        let message = Publication::new(topic, "20.10", Kind::Reading, "u".into(), SystemTime::UNIX_EPOCH);
        let view = View::from(&Base::parse(base, &limits).unwrap());
        String::from_utf8(message.frame(view).concat()).unwrap()
    }

    #[test]
    fn every_base_reads_a_suffix_of_the_same_text() {
        assert_eq!(seen("nodes/bridge/0/lux", ""), r#"["nodes/bridge/0/lux", 20.10]"#);
        assert_eq!(seen("nodes/bridge/0/lux", "nodes"), r#"["bridge/0/lux", 20.10]"#);
        assert_eq!(seen("nodes/bridge/0/lux", "nodes/bridge/0"), r#"["lux", 20.10]"#);
        assert_eq!(seen("a//info", "a"), r#"["/info", 20.10]"#);
        assert_eq!(seen("ž\"\\/b", "ž\"\\"), r#"["b", 20.10]"#);
    }

    #[test]
    fn the_payload_is_what_was_given() {
        for topic in ["a", "ž\"\\/b"] {
            let topic = Topic::parse(topic, &Limits::default()).unwrap();
            let message =
                Publication::new(topic, "[1, 2]", Kind::Reading, "u".into(), SystemTime::UNIX_EPOCH);
            assert_eq!(message.payload(), "[1, 2]");
        }
    }

    #[test]
    fn whoever_asks_gets_the_third_element() {
        let topic = Topic::parse("a/b", &Limits::default()).unwrap();
        let mut message =
            Publication::new(topic, "1", Kind::Reading, "ja\"na".into(), SystemTime::UNIX_EPOCH);
        message.set_extras(Extras { passed_on: r#""qos": 1"#.into(), ..Extras::default() });
        let view = View::from(&Base::ROOT);
        let text = message.frame_with_options(view, &message.annotation_of_last_value()).concat();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            r#"["a/b", 1, {"retained": true, "time": "1970-01-01T00:00:00.000Z", "from": "ja\"na", "qos": 1}]"#
        );
    }

    #[test]
    fn what_clears_says_so_whatever_word_its_sender_had_for_it() {
        let topic = Topic::parse("a/b", &Limits::default()).unwrap();
        for passed_on in ["", r#""qos": 1"#, r#""retain": true"#] {
            let mut message =
                Publication::new(topic.clone(), "null", Kind::Reading, "u".into(), SystemTime::UNIX_EPOCH);
            message.retention = Retention::Clear;
            message.set_extras(Extras { passed_on: passed_on.into(), ..Extras::default() });
            let annotation = message.annotation_of_news(None);
            assert_eq!(annotation.matches(r#""retain": true"#).count(), 1, "{annotation}");
            let text = format!("[0{annotation}]");
            assert!(serde_json::from_str::<Value>(&text).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_topic_equal_to_the_base_has_no_name_there() {
        let limits = Limits::default();
        let view = View::from(&Base::parse("a/b", &limits).unwrap());
        assert!(!view.names(&Topic::parse("a/b", &limits).unwrap()));
        assert!(!view.names(&Topic::parse("a/b/", &limits).unwrap()));
        assert!(view.names(&Topic::parse("a/b/c", &limits).unwrap()));
    }

    #[test]
    fn nobody_can_speak_in_the_name_of_the_hub_to_readers_deeper_in_the_tree() {
        let limits = Limits::default();
        let forged = Topic::parse("a/b/clown.talk/-/config/ok", &limits).unwrap();
        let names = |base: &str| View::from(&Base::parse(base, &limits).unwrap()).names(&forged);
        assert_eq!(["", "a", "a/b", "a/b/clown.talk"].map(names), [true, true, false, true]);
        let at_root = Topic::parse("clown.talk/x", &limits).unwrap();
        assert!(!View::from(&Base::ROOT).names(&at_root));
    }
}
