//! Who may read which events, and what of them. Pure.
//!
//! An event of a topic is for those who may subscribe to it. Who comes in, what others were refused, and from where
//! somebody has connected is for those who may subscribe to `$SYS/events/#`, and for the user whose it is.

use std::sync::Arc;

use crate::hub::publication::View;
use crate::hub::rights::Rights;
use crate::talk::control::{Event, EventKind};
use crate::topic::{Base, Filter, Limits, Topic};

/// What names the events that are about no topic.
const OF_ALL: &str = "$SYS/events/#";
/// An event was recorded with a topic that was valid.
const ANY: Limits = Limits { max_bytes: usize::MAX, max_levels: usize::MAX };

/// Somebody who asks for events.
#[derive(Debug)]
pub struct EventReader {
    user: Arc<str>,
    rights: Arc<Rights>,
    base: Base,
    view: View,
    sees_all: bool,
}

impl EventReader {
    /// A user with these rights, who stands at a base.
    pub fn new(user: Arc<str>, rights: Arc<Rights>, base: Base) -> Self {
        let sees_all = Filter::parse(OF_ALL, &ANY).is_ok_and(|all| rights.may_subscribe(&all));
        let view = View::from(&base);
        Self { user, rights, base, view, sees_all }
    }

    /// Whether an event of this topic is one that these filters name; all are, where there are none.
    pub fn asks_for(&self, named: &str, filters: Option<&[Filter]>) -> bool {
        let Some(topic) = Topic::parse(named, &ANY).ok().filter(|topic| self.names(topic)) else {
            return false;
        };
        filters.is_none_or(|filters| filters.iter().any(|filter| filter.matches(&topic)))
    }

    /// As much of an event as this reader may see; nothing of most that are not for them.
    pub fn told(&self, event: Event) -> Option<Event> {
        let is_theirs = self.sees_all || event.user.as_deref() == Some(&*self.user);
        let is_seen = match event.kind {
            EventKind::Refused
            | EventKind::SignIn
            | EventKind::SignOut
            | EventKind::Account
            | EventKind::Lost => is_theirs,
            EventKind::Layout if event.topic.is_none() => is_theirs,
            EventKind::Command
            | EventKind::Answer
            | EventKind::Presence
            | EventKind::Lease
            | EventKind::Layout => self.may_read(event.topic.as_deref()?),
        };
        if !is_seen {
            return None;
        }
        let mut told = Event { topic: self.told_topic(event.topic)?, ..event };
        if !is_theirs {
            (told.client, told.address) = (None, None);
        }
        let answered = told.answered.take().filter(|answered| self.may_read(answered));
        if answered.is_none() {
            told.answer = None;
        }
        told.answered = answered.and_then(|answered| self.base.relative(&answered).map(Into::into));
        Some(told)
    }

    /// A topic as it is called where the reader stands; nothing where it has no name there.
    #[expect(clippy::option_option, reason = "many events have no topic, and are told")]
    fn told_topic(&self, topic: Option<Box<str>>) -> Option<Option<Box<str>>> {
        match topic {
            Some(topic) => self.base.relative(&topic).map(|relative| Some(relative.into())),
            None => Some(None),
        }
    }

    fn names(&self, topic: &Topic) -> bool {
        self.base.relative(topic.as_str()).is_some() && self.view.names(topic)
    }

    fn may_read(&self, topic: &str) -> bool {
        let topic = Topic::parse(topic, &ANY);
        topic.is_ok_and(|topic| self.rights.subscribe.iter().any(|filter| filter.matches(&topic)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(user: &str, base: &str, subscribe: &[&str]) -> EventReader {
        let filters = subscribe.iter().map(|text| Filter::parse(text, &ANY).unwrap());
        let rights = Rights { subscribe: filters.collect(), ..Rights::default() };
        EventReader::new(user.into(), Arc::new(rights), Base::parse(base, &ANY).unwrap())
    }

    fn event(kind: EventKind, topic: Option<&str>) -> Event {
        Event {
            kind,
            topic: topic.map(Into::into),
            user: Some("jana".into()),
            client: Some("phone".into()),
            address: Some("10.0.0.7".into()),
            ..Event::default()
        }
    }

    #[test]
    fn who_may_subscribe_to_the_topic_reads_who_switched_it_but_not_from_where() {
        let switched = event(EventKind::Command, Some("n/relay/0/set"));
        let told = reader("emil", "", &["n/#"]).told(switched.clone()).unwrap();
        assert_eq!(told, Event { client: None, address: None, ..switched.clone() });
        assert_eq!(reader("emil", "", &["m/#", "n/relay/0"]).told(switched.clone()), None);
        assert_eq!(reader("jana", "", &["n/#"]).told(switched.clone()), Some(switched.clone()));
        assert_eq!(reader("jana", "", &["m/#"]).told(switched.clone()), None, "and their own not either");
        let admin = reader("root", "", &["n/#", "$SYS/#"]);
        assert_eq!(admin.told(switched.clone()), Some(switched.clone()));
        let below = reader("jana", "n/relay", &["#"]).told(switched.clone()).unwrap();
        assert_eq!(below.topic.as_deref(), Some("0/set"));
        assert_eq!(reader("jana", "m", &["#"]).told(switched), None);
    }

    #[test]
    fn who_came_in_and_what_was_refused_is_for_the_user_and_for_those_who_may_read_all_events() {
        for kind in [EventKind::SignIn, EventKind::SignOut, EventKind::Refused, EventKind::Lost] {
            for topic in [None, Some("n/relay/0/set")] {
                let event = event(kind, topic);
                assert_eq!(reader("emil", "", &["#"]).told(event.clone()), None, "{kind:?}");
                assert_eq!(reader("emil", "", &["#", "$SYS/hub/#"]).told(event.clone()), None);
                assert!(reader("jana", "", &["x"]).told(event.clone()).is_some());
                assert!(reader("root", "", &["$SYS/events/#"]).told(event).is_some());
            }
        }
    }

    #[test]
    fn what_a_node_answered_is_for_those_who_may_read_the_answer() {
        let answered = Event {
            answered: Some("n/relay/0/error".into()),
            answer: Some("{}".to_owned()),
            ..event(EventKind::Command, Some("n/relay/0/set"))
        };
        let told = reader("emil", "", &["n/relay/0/set"]).told(answered.clone()).unwrap();
        assert_eq!((told.answered, told.answer), (None, None));
        let told = reader("emil", "n", &["n/#"]).told(answered).unwrap();
        assert_eq!((told.answered.as_deref(), told.answer.as_deref()), (Some("relay/0/error"), Some("{}")));
    }

    #[test]
    fn filters_name_events_by_their_topics_and_those_without_one_by_their_kind() {
        let reader = reader("jana", "", &["#"]);
        let filters = |texts: &[&str]| -> Vec<Filter> {
            texts.iter().map(|text| Filter::parse(text, &ANY).unwrap()).collect()
        };
        let sign_in = event(EventKind::SignIn, None);
        assert!(reader.asks_for(sign_in.named(), None));
        assert!(!reader.asks_for(sign_in.named(), Some(&filters(&["#"]))));
        assert!(reader.asks_for(sign_in.named(), Some(&filters(&["n/#", "$SYS/events/sign-in"]))));
        assert!(!reader.asks_for("clown.talk/-/x", None));
    }
}
