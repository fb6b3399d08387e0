//! Whether an account may do something, and by which filter; or why not, and which right is missing.

use super::Account;
use crate::hub::Rights;
use crate::topic::{Filter, Limits, Topic, TopicError};

/// What is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// To publish to a topic.
    Publish,
    /// The same, with the option `retain`.
    Retain,
    /// To subscribe to a filter.
    Subscribe,
}

impl Right {
    /// All of them, as they are written.
    pub const ALL: [(&'static str, Self); 3] =
        [("publish", Self::Publish), ("retain", Self::Retain), ("subscribe", Self::Subscribe)];

    /// To do what, and the key of the filters that allow it.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Publish | Self::Retain => ("publish to", "publish"),
            Self::Subscribe => ("subscribe to", "subscribe"),
        }
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// Whether it is allowed.
    pub is_allowed: bool,
    /// By which filter, or why not. Begins with `yes: ` or `no: `.
    pub sentence: String,
}

impl Account {
    /// Whether it has a right to a topic or a filter, written in full.
    pub fn explain(&self, right: Right, topic: &str, limits: &Limits) -> Result<Explained, TopicError> {
        let (rights, user) = (self.rights(), self.name());
        let no = |sentence: String| Ok(Explained { is_allowed: false, sentence: format!("no: {sentence}") });
        let (filters, allowing, overlapping): (&[Filter], Vec<_>, Vec<_>) = match right {
            Right::Publish | Right::Retain => {
                let wanted = Topic::parse(topic, limits)?;
                if topic == Rights::LAYOUT && right == Right::Publish && rights.may_arrange() {
                    let sentence = format!("yes: {user} may change names, rooms and limits of the page");
                    return Ok(Explained { is_allowed: true, sentence });
                }
                if wanted.levels().next() == Some("$SYS") {
                    return no(format!(
                        "{user} may not publish to {topic}: only the hub publishes under $SYS"
                    ));
                }
                let allowing = rights.publish.iter().filter(|filter| filter.matches(&wanted)).collect();
                (&rights.publish, allowing, Vec::new())
            }
            Right::Subscribe => {
                if topic == Rights::LAYOUT_VERSION {
                    let sentence = format!("yes: {user} may subscribe to {topic}, as everybody may");
                    return Ok(Explained { is_allowed: true, sentence });
                }
                let wanted = Filter::parse(topic, limits)?;
                let covering = rights.subscribe.iter().filter(|filter| filter.covers(&wanted)).collect();
                let overlapping = rights.subscribe.iter().filter(|filter| filter.overlaps(&wanted)).collect();
                (&rights.subscribe, covering, overlapping)
            }
        };
        let (to, key) = right.words();
        if !allowing.is_empty() {
            let of_role = self.role().filter(|role| {
                let rights = role.rights();
                let filters = if key == "publish" { &rights.publish } else { &rights.subscribe };
                allowing.iter().all(|filter| filters.contains(filter))
            });
            let by = format!("by {key} = [{}]", listed(&allowing));
            let by = of_role.map_or(by.clone(), |role| format!("{by} of the role {role}"));
            return Ok(allowed(right, rights.retain, &format!("{user} may {to} {topic}, {by}")));
        }
        let all: Vec<_> = filters.iter().collect();
        let why = match (all.is_empty(), overlapping.is_empty()) {
            (true, _) => format!("the account has no filters in `{key}`"),
            (false, true) => format!("none of its filters matches: {key} = [{}]", listed(&all)),
            (false, false) => format!(
                "one filter of the account must cover it whole, and these cover only a part: {}",
                listed(&overlapping)
            ),
        };
        no(format!("{user} may not {to} {topic}: this takes the right {key}, and {why}"))
    }
}

/// A filter allows it; what is left is the right that the option `retain` takes.
fn allowed(right: Right, may_retain: bool, sentence: &str) -> Explained {
    let (is_allowed, sentence) = match (right, may_retain) {
        (Right::Retain, true) => (true, format!("yes: {sentence} and retain = true")),
        (Right::Retain, false) => (
            false,
            format!(
                "no: {sentence}, but not with the option retain: this takes the right retain; set retain = true for this account"
            ),
        ),
        (Right::Publish, false) => (
            true,
            format!("yes: {sentence}; but not with the option retain, as the account lacks retain = true"),
        ),
        (Right::Publish | Right::Subscribe, _) => (true, format!("yes: {sentence}")),
    };
    Explained { is_allowed, sentence }
}

fn listed(filters: &[&Filter]) -> String {
    filters.iter().map(|filter| format!("{:?}", filter.as_str())).collect::<Vec<_>>().join(", ")
}
