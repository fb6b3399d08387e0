//! The stay of a link to another system: it takes publications and not frames, and it publishes without a word of
//! Clown.Talk.

use std::sync::Arc;

use super::doors::{Message, Refusal, is_of_the_hub};
use super::drain::{Drained, NextValue};
use super::lasting::Ticket;
use super::publication::{Extras, Publication, Trail};
use super::queue::{Item, Via};
use super::session::Session;
use super::{Hub, LastValue, Retention, Rhythm, State};
use crate::moment::Moment;
use crate::talk::{Kind, Request};
use crate::topic::{Filter, Share, Topic};

/// A message from another system.
#[derive(Debug)]
pub struct Forward<'m> {
    /// The whole topic.
    pub topic: Topic,
    /// JSON text, on however many lines.
    pub payload: &'m str,
    /// Its shape.
    pub kind: Kind,
    /// What is to become of it; `None` for what becomes of the word of a node.
    pub retention: Option<Retention>,
    /// Where it has been; `None` where that is not known.
    pub trail: Option<Trail>,
    /// Whether it was a last value of another system, said there at some time before.
    pub was_kept: bool,
}

/// A message for another system.
#[derive(Debug, Clone)]
pub struct Relayed {
    /// The message.
    pub message: Arc<Publication>,
    /// Whether it is a last value that was asked for, and did not happen just now.
    pub is_last_value: bool,
    /// Its place in the book of sessions that last, where it has one.
    pub ticket: Option<Arc<Ticket>>,
    /// The group of which the reader got it as a member, alone.
    pub share: Option<Share>,
}

impl Relayed {
    /// A message that is in no book, and for no group.
    pub fn plainly(message: Arc<Publication>, is_last_value: bool) -> Self {
        Self { message, is_last_value, ticket: None, share: None }
    }
}

/// What [`Session::take_everything`] gives.
#[derive(Debug)]
pub enum Handed {
    /// A message.
    Message(Relayed),
    /// A frame of the hub to this client alone.
    Answer(String),
}

/// What [`Session::take`] left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remains {
    /// Whether there is more.
    pub drained: Drained,
    /// Readings that gave way to newer ones since the last time.
    pub skipped: u64,
}

impl Hub {
    /// How often the topic of a message speaks, if the hub keeps that message or a newer one.
    pub(super) fn rhythm_of(&self, message: &Publication) -> Option<Rhythm> {
        let is_kept = message.retention == Retention::Keep;
        let rhythm = |state: &State| state.last.as_ref().map(LastValue::rhythm);
        is_kept.then(|| self.channels.with_known(&message.topic, rhythm))?.flatten()
    }

    /// The last value of a topic.
    pub fn last_value(&self, topic: &Topic) -> Option<Publication> {
        self.channels.with_known(topic, |state| state.last.as_ref().map(|last| last.message(topic))).flatten()
    }
}

impl Session {
    /// Opens the transmission with these filters and without last values. Nobody is answered.
    pub fn follow(&mut self, filters: &[Filter]) {
        self.opened = true;
        self.change_unanswered(filters.to_vec(), false);
    }

    /// Asks for the last values of all topics that the filters name, once more.
    pub fn recall(&mut self) {
        self.change_unanswered(self.held(), true);
    }

    /// What an operator wrote is never refused, as long as the link may read everything.
    fn change_unanswered(&mut self, filters: Vec<Filter>, last_values: bool) {
        if let Err(reason) = self.subscribe(filters, last_values) {
            tracing::error!(client = %self.name(), %reason, "the filters are not taken");
        }
    }

    /// Takes about so many bytes of what waits. Messages that are older than their sender allowed are left out and
    /// counted.
    pub fn take(&mut self, bytes: usize, now: impl Into<Moment>, take: &mut impl FnMut(Relayed)) -> Remains {
        let mut messages = |what| {
            if let Handed::Message(relayed) = what {
                take(relayed);
            }
        };
        self.take_everything(bytes, now, &mut messages)
    }

    /// As [`take`](Self::take), for somebody who waits for answers, too.
    pub fn take_everything(
        &mut self,
        bytes: usize,
        now: impl Into<Moment>,
        take: &mut impl FnMut(Handed),
    ) -> Remains {
        let now = now.into();
        let mut items = std::mem::take(&mut self.taken);
        let taken = self.outbox.take(bytes, &mut items);
        for item in items.drain(..) {
            match item {
                Item::Message(message) => {
                    self.hand_over(Relayed::plainly(message, false), now, take);
                }
                Item::Noted(message, ticket) => {
                    let ticket = Some(ticket);
                    self.hand_over(Relayed { ticket, ..Relayed::plainly(message, false) }, now, take);
                }
                Item::Shared(message, via) => {
                    let Via { share, ticket } = *via;
                    let relayed = Relayed { message, is_last_value: false, ticket, share: Some(share) };
                    self.hand_over(relayed, now, take);
                }
                Item::Reply(answer) => take(Handed::Answer(answer)),
                Item::LastValues(_) => {}
            }
        }
        self.keep_room(items);
        let mut drained = if taken.more { Drained::More } else { Drained::Everything };
        if let Some(generation) = taken.last_values {
            match self.next_value(generation, now) {
                NextValue::Later(wait) => drained = Drained::Later(wait),
                NextValue::None if self.outbox.is_empty() => drained = Drained::Everything,
                NextValue::None => {}
                NextValue::Is(message) => {
                    let message = Arc::new(message);
                    self.hand_over(Relayed::plainly(message, true), now, take);
                }
            }
        }
        Remains { drained, skipped: taken.skipped }
    }

    fn hand_over(&self, relayed: Relayed, now: Moment, take: &mut impl FnMut(Handed)) {
        if relayed.message.has_expired(now) {
            self.hub.figures.expired.add(1);
        } else {
            self.hub.figures.sent.add(1);
            take(Handed::Message(relayed));
        }
    }

    /// Publishes a message of the other system. It does not come back to this session.
    pub fn forward(&self, message: Forward<'_>, now: impl Into<Moment>) -> Result<(), Refusal> {
        self.hub.figures.received.add(1);
        let Forward { topic, payload, kind, retention, trail, was_kept } = message;
        if is_of_the_hub(&topic) || Request::claims(topic.as_str()) {
            return Err(Refusal::Reserved);
        }
        let extras = Extras { trail, ..Extras::default() };
        self.publish(Message { topic, payload, kind, retention, extras, was_kept }, now).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{Bounds, Client, Rates, Rights, Settings, Side};
    use crate::topic::{Base, Limits};
    use std::time::SystemTime;

    fn link(hub: &Arc<Hub>, name: &str, filters: &[&str]) -> Session {
        let client = Client {
            user: name.into(),
            rights: Arc::new(Rights::everything()),
            base: Base::ROOT,
            side: Side::Link,
            rates: Rates::UNLIMITED,
        };
        let mut session = hub.connect(client, SystemTime::UNIX_EPOCH);
        let parse = |text: &&str| Filter::parse(text, &Limits::default()).unwrap();
        session.follow(&filters.iter().map(parse).collect::<Vec<_>>());
        session
    }

    fn say(link: &Session, topic: &str, payload: &str, retention: Option<Retention>) -> Result<(), Refusal> {
        let topic = Topic::parse(topic, &Limits::default()).unwrap();
        let kind = Kind::of(topic.as_str());
        link.forward(
            Forward { topic, payload, kind, retention, trail: None, was_kept: false },
            SystemTime::UNIX_EPOCH,
        )
    }

    fn heard(link: &mut Session) -> Vec<(String, String, bool)> {
        let mut heard = Vec::new();
        let mut note = |relayed: Relayed| {
            let payload = relayed.message.payload().to_owned();
            heard.push((relayed.message.topic.to_string(), payload, relayed.is_last_value));
        };
        while link.take(1, SystemTime::UNIX_EPOCH, &mut note).drained == Drained::More {}
        heard
    }

    fn told(topic: &str, payload: &str, is_last_value: bool) -> (String, String, bool) {
        (topic.to_owned(), payload.to_owned(), is_last_value)
    }

    #[test]
    fn what_one_link_says_the_others_hear_and_itself_does_not() {
        let hub = Hub::new(Settings::default(), SystemTime::UNIX_EPOCH);
        let (mut here, mut there) = (link(&hub, "a", &["#"]), link(&hub, "b", &["#"]));
        say(&here, "x/y", "1", None).unwrap();
        assert_eq!(heard(&mut here), []);
        assert_eq!(heard(&mut there), [told("x/y", "1", false)]);
    }

    #[test]
    fn a_link_is_told_how_much_it_missed() {
        let bounds = Bounds { messages: 2, bytes: 10_000, hard_messages: 4, hard_bytes: 10_000 };
        let settings = Settings { outbox: bounds, ..Settings::default() };
        let hub = Hub::new(settings, SystemTime::UNIX_EPOCH);
        let (here, mut there) = (link(&hub, "a", &[]), link(&hub, "b", &["#"]));
        for n in 0..5 {
            say(&here, "x/t", &n.to_string(), None).unwrap();
        }
        let remains = there.take(usize::MAX, SystemTime::UNIX_EPOCH, &mut |_| {});
        assert_eq!(remains, Remains { drained: Drained::Everything, skipped: 4 });
        for n in 0..6 {
            say(&here, "x/set", &n.to_string(), None).unwrap();
        }
        assert_eq!(there.outbox().thrown(), 6, "five that waited, and one after them");
    }

    #[test]
    fn a_link_asks_for_last_values_as_often_as_it_likes() {
        let hub = Hub::new(Settings::default(), SystemTime::UNIX_EPOCH);
        let here = link(&hub, "a", &[]);
        say(&here, "x/y", "1", None).unwrap();
        say(&here, "x/y/set", "2", None).unwrap();
        say(&here, "x/z", "3", Some(Retention::Pass)).unwrap();
        let mut there = link(&hub, "b", &["x/#"]);
        assert_eq!(heard(&mut there), []);
        for _ in 0..2 {
            there.recall();
            assert_eq!(heard(&mut there), [told("x/y", "1", true)]);
        }
        say(&here, "x/y", "null", Some(Retention::Clear)).unwrap();
        assert_eq!(hub.last_value(&Topic::parse("x/y", &Limits::default()).unwrap()).map(|_| ()), None);
    }

    #[test]
    fn nobody_elsewhere_speaks_in_the_name_of_the_hub() {
        let hub = Hub::new(Settings::default(), SystemTime::UNIX_EPOCH);
        let here = link(&hub, "a", &[]);
        for topic in ["$SYS/hub/version", "clown.talk/-/config/ok"] {
            assert_eq!(say(&here, topic, "1", None), Err(Refusal::Reserved));
        }
    }
}
