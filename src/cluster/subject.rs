//! What a topic is called at the engine, and back. Pure.
//!
//! Level by level: letters, digits, `-` and `_` of ASCII stay, every other byte of UTF-8 is `=XX`, an empty level is `=`, and
//! each topic ends with a token of its own, `-=`, which no level is. So `a/b` is `a.b.-=`, and `a/#`, which names `a` as well,
//! is the one subject `a.>`. In front stand the prefix of the cluster, `t`, and whether the message is kept: `k` or `e`.
//! What is asked for has a `*` there. Where the servers keep the last value of a topic there is `l` in place of both.

use std::fmt::Write as _;

use crate::topic::{Filter, Limits, Topic, TopicError};

/// The token behind each topic.
const END: &str = "-=";

/// The longest subject that may be: the servers end a line of their protocol at 4096 bytes, and more stands on it.
pub const MOST_BYTES: usize = 3800;

/// Why a subject is no topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoTopic {
    /// Another one than a hub makes.
    #[error("the subject is none that a hub makes")]
    Foreign,
    /// What it stands for is no topic here.
    #[error("{0}")]
    Topic(#[from] TopicError),
}

/// The names of one cluster.
#[derive(Debug, Clone)]
pub struct Subjects {
    kept: String,
    passing: String,
    asked: String,
    /// Where last values are.
    last: String,
    /// What hubs leave to be said if they die.
    bequests: String,
    /// Between hubs.
    between: String,
    /// Where the accounts are.
    accounts: String,
}

impl Subjects {
    /// Under a prefix: tokens of the engine without a wildcard.
    pub fn under(prefix: &str) -> Self {
        Self {
            kept: format!("{prefix}.t.k."),
            passing: format!("{prefix}.t.e."),
            asked: format!("{prefix}.t.*."),
            last: format!("{prefix}.l."),
            bequests: format!("{prefix}.p."),
            between: format!("{prefix}.h."),
            accounts: format!("{prefix}.a.users"),
        }
    }

    /// What a topic is called; `None` where that is too long.
    pub fn of_topic(&self, topic: &Topic, is_kept: bool) -> Option<String> {
        subject(if is_kept { &self.kept } else { &self.passing }, topic)
    }

    /// Where the last value of a topic is; `None` where that is too long.
    pub fn of_last_value(&self, topic: &Topic) -> Option<String> {
        subject(&self.last, topic)
    }

    /// All of these.
    pub fn of_last_values(&self) -> String {
        format!("{}>", self.last)
    }

    /// What a life of a hub leaves to be said under a topic, in the place of this client of it.
    pub fn of_bequest(&self, life: &str, client: u64, topic: &Topic) -> Option<String> {
        subject(&format!("{}{life}.{client}.", self.bequests), topic)
    }

    /// All that a life of a hub leaves to be said; all that any leaves.
    pub fn of_bequests(&self, life: Option<&str>) -> String {
        life.map_or_else(|| format!("{}>", self.bequests), |life| format!("{}{life}.>", self.bequests))
    }

    /// Which life of a hub leaves what is there to be said, in the place of which client, and where.
    pub fn bequest<'s>(&self, subject: &'s str, limits: &Limits) -> Option<(&'s str, u64, Topic)> {
        let mut words = subject.strip_prefix(self.bequests.as_str())?.splitn(3, '.');
        let (life, client) = (words.next()?, words.next()?.parse().ok()?);
        Some((life, client, topic(words.next(), limits).ok()?))
    }

    /// What is asked for by a filter; `None` where that is too long.
    pub fn of_filter(&self, filter: &Filter) -> Option<String> {
        asked(&self.asked, filter)
    }

    /// Where the last values are that a filter names; those that its beginning names where that is too long.
    pub fn of_last_values_of(&self, filter: &Filter) -> String {
        asked(&self.last, filter).unwrap_or_else(|| start(&self.last, filter))
    }

    /// What is asked for by the beginning of a filter that is too long.
    pub fn of_start(&self, filter: &Filter) -> String {
        start(&self.asked, filter)
    }

    /// The topic that is called so.
    pub fn topic(&self, subject: &str, limits: &Limits) -> Result<Topic, NoTopic> {
        let under = |prefix: &String| subject.strip_prefix(prefix.as_str());
        topic(under(&self.kept).or_else(|| under(&self.passing)), limits)
    }

    /// The topic whose last value is there.
    pub fn topic_of_last_value(&self, subject: &str, limits: &Limits) -> Result<Topic, NoTopic> {
        topic(subject.strip_prefix(self.last.as_str()), limits)
    }

    /// Where the accounts are that all hubs have alike.
    pub fn of_accounts(&self) -> &str {
        &self.accounts
    }

    /// Where hubs speak to each other about something.
    pub fn between(&self, about: &str) -> String {
        format!("{}{about}", self.between)
    }
}

fn subject(prefix: &str, topic: &Topic) -> Option<String> {
    let mut subject = String::with_capacity(prefix.len() + topic.as_str().len() + 16);
    subject.push_str(prefix);
    for level in topic.levels() {
        put_level(level, &mut subject);
        subject.push('.');
    }
    subject.push_str(END);
    (subject.len() <= MOST_BYTES).then_some(subject)
}

fn asked(prefix: &str, filter: &Filter) -> Option<String> {
    let mut subject = String::with_capacity(prefix.len() + filter.as_str().len() + 16);
    subject.push_str(prefix);
    for level in filter.levels() {
        match level {
            "#" => {
                subject.push('>');
                return (subject.len() <= MOST_BYTES).then_some(subject);
            }
            "+" => subject.push('*'),
            level => put_level(level, &mut subject),
        }
        subject.push('.');
    }
    subject.push_str(END);
    (subject.len() <= MOST_BYTES).then_some(subject)
}

fn start(prefix: &str, filter: &Filter) -> String {
    let mut subject = prefix.to_owned();
    for level in filter.levels() {
        let before = subject.len();
        if level == "+" {
            subject.push('*');
        } else {
            put_level(level, &mut subject);
        }
        subject.push('.');
        if subject.len() >= MOST_BYTES || level == "#" {
            subject.truncate(before);
            break;
        }
    }
    subject.push('>');
    subject
}

fn topic(name: Option<&str>, limits: &Limits) -> Result<Topic, NoTopic> {
    let name = name.ok_or(NoTopic::Foreign)?;
    let name = name.strip_suffix(END).and_then(|name| name.strip_suffix('.')).ok_or(NoTopic::Foreign)?;
    let mut text = Vec::with_capacity(name.len());
    for (number, token) in name.split('.').enumerate() {
        if number > 0 {
            text.push(b'/');
        }
        take_level(token, &mut text).ok_or(NoTopic::Foreign)?;
    }
    let text = String::from_utf8(text).map_err(|_| NoTopic::Foreign)?;
    Ok(Topic::parse(&text, limits)?)
}

fn stays(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn put_level(level: &str, subject: &mut String) {
    if level.is_empty() {
        subject.push('=');
    }
    for byte in level.bytes() {
        if stays(byte) {
            subject.push(byte.into());
        } else {
            // A string takes whatever it is given.
            let _ = write!(subject, "={byte:02X}");
        }
    }
}

/// The bytes of a level; `None` where no level is called so.
fn take_level(token: &str, text: &mut Vec<u8>) -> Option<()> {
    if token == "=" {
        return Some(());
    }
    if token.is_empty() {
        return None;
    }
    let mut bytes = token.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'=' {
            let byte = digit(bytes.next()?)? << 4 | digit(bytes.next()?)?;
            // Each topic has one name. What has a slash in it would be two levels.
            if stays(byte) || byte == b'/' {
                return None;
            }
            text.push(byte);
        } else if stays(byte) {
            text.push(byte);
        } else {
            return None;
        }
    }
    Some(())
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: Limits = Limits { max_bytes: 1024, max_levels: 32 };

    fn subjects() -> Subjects {
        Subjects::under("clown")
    }

    fn of(topic: &str) -> String {
        subjects().of_topic(&Topic::parse(topic, &LIMITS).unwrap(), true).unwrap()
    }

    fn of_filter(filter: &str) -> String {
        subjects().of_filter(&Filter::parse(filter, &LIMITS).unwrap()).unwrap()
    }

    #[test]
    fn topics_and_filters_are_called_as_the_documents_say() {
        assert_eq!(of("a/b"), "clown.t.k.a.b.-=");
        assert_eq!(of("nodes/0:0/teplota ve sklepě"), "clown.t.k.nodes.0=3A0.teplota=20ve=20sklep=C4=9B.-=");
        assert_eq!(of("a//b"), "clown.t.k.a.=.b.-=");
        assert_eq!(of("/"), "clown.t.k.=.=.-=");
        assert_eq!(of("$config/x.y"), "clown.t.k.=24config.x=2Ey.-=");
        assert_eq!(of_filter("a/+/c"), "clown.t.*.a.*.c.-=");
        assert_eq!(of_filter("a/#"), "clown.t.*.a.>");
        assert_eq!(of_filter("#"), "clown.t.*.>");
    }

    #[test]
    fn the_longest_topic_of_the_usual_limits_has_a_name() {
        let topic = Topic::parse(&"\u{1}".repeat(1024), &LIMITS).unwrap();
        assert!(subjects().of_topic(&topic, true).unwrap().len() < MOST_BYTES);
        let wide = Limits { max_bytes: 65_535, max_levels: 256 };
        let topic = Topic::parse(&"\u{1}".repeat(2000), &wide).unwrap();
        assert_eq!(subjects().of_topic(&topic, true), None);
    }

    #[test]
    fn what_no_hub_makes_is_no_topic() {
        let foreign = [
            "",
            "clown",
            "clown.t.k",
            "clown.t.k.a",
            "clown.t.k.a.-=.",
            "clown.t.k.-=",
            "clown.t.x.a.-=",
            "clown.t.k..a.-=",
            "clown.t.k.a=2fb.-=",
            "clown.t.k.a=2Fb.-=",
            "clown.t.k.=41.-=",
            "clown.t.k.a=.-=",
            "clown.t.k.a=4.-=",
            "clown.t.k.a b.-=",
            "clown.t.k.=FF.-=",
            "clown.t.k.a.-=.b.-=",
            "other.t.k.a.-=",
            "clown.t.k.ž.-=",
        ];
        for subject in foreign {
            assert_eq!(subjects().topic(subject, &LIMITS), Err(NoTopic::Foreign), "{subject}");
        }
        for subject in ["clown.t.k.=2B.-=", "clown.t.k.a=00.-=", "clown.t.k.a=23.-="] {
            assert!(matches!(subjects().topic(subject, &LIMITS), Err(NoTopic::Topic(_))), "{subject}");
        }
    }

    /// Whether a subject of the engine matches one that is asked for, token by token, as its documents say.
    fn matches(asked: &str, subject: &str) -> bool {
        let (mut asked, mut tokens) = (asked.split('.'), subject.split('.'));
        loop {
            match (asked.next(), tokens.next()) {
                (Some(">"), Some(_)) | (None, None) => return true,
                (Some("*"), Some(_)) => {}
                (Some(one), Some(other)) if one == other => {}
                _ => return false,
            }
        }
    }

    fn level() -> impl Strategy<Value = String> {
        prop_oneof![
            Just(String::new()),
            "[ab]",
            "[ -~&&[^/+#]]{1,3}",
            Just("$SYS".to_owned()),
            Just("-=".to_owned()),
            Just("=".to_owned()),
            Just("*".to_owned()),
            Just(">".to_owned()),
            "[\\PC&&[^/+#]]{1,2}",
        ]
    }

    fn topic() -> impl Strategy<Value = String> {
        prop::collection::vec(level(), 1..5).prop_map(|levels| levels.join("/"))
    }

    fn filter() -> impl Strategy<Value = String> {
        let level = prop_oneof![level(), Just("+".to_owned())];
        (prop::collection::vec(level, 1..4), any::<bool>()).prop_map(|(mut levels, hash)| {
            if hash {
                levels.push("#".to_owned());
            }
            levels.join("/")
        })
    }

    proptest! {
        #[test]
        fn every_topic_comes_back_as_it_went(topic in topic()) {
            if let Ok(topic) = Topic::parse(&topic, &LIMITS) {
                for is_kept in [true, false] {
                    let subject = subjects().of_topic(&topic, is_kept).unwrap();
                    prop_assert!(subject.is_ascii() && !subject.contains([' ', '*', '>']) && !subject.contains(".."));
                    prop_assert_eq!(subjects().topic(&subject, &LIMITS), Ok(topic.clone()));
                }
            }
        }

        #[test]
        fn a_subject_that_stands_for_a_topic_is_the_name_of_that_topic(name in "[ab=\\-.0-9A-F]{0,12}") {
            let subject = format!("clown.t.e.{name}");
            if let Ok(topic) = subjects().topic(&subject, &LIMITS) {
                prop_assert_eq!(subjects().of_topic(&topic, false), Some(subject));
            }
        }

        #[test]
        fn the_engine_sends_what_the_filter_names(filter in filter(), topic in topic()) {
            let (Ok(filter), Ok(topic)) = (Filter::parse(&filter, &LIMITS), Topic::parse(&topic, &LIMITS)) else {
                return Ok(());
            };
            let subject = subjects().of_topic(&topic, true).unwrap();
            let hears = matches(&subjects().of_filter(&filter).unwrap(), &subject);
            // A wildcard in front does not name topics with a `$`; the engine does not know that, and the hub sorts it out.
            let is_more = topic.is_system() && filter.as_str().starts_with(['+', '#']);
            prop_assert!(hears == filter.matches(&topic) || (hears && is_more), "{:?} {:?}", filter, topic);
        }
    }
}
