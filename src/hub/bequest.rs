//! What is to be said for this hub if it dies without a word: that its nodes are gone, and the wills of its clients. Whoever
//! joins hubs takes that to the others. Where nobody does there is no such book.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use foldhash::fast::RandomState;
use parking_lot::Mutex;

use super::agreement::Stands;
use super::clock::Clock;
use super::outbox::SessionId;
use super::presence;
use super::publication::{Extras, Publication};
use super::session::Session;
use super::step::Will;
use super::{Hub, Retention};
use crate::moment::Moment;
use crate::talk::Kind;
use crate::topic::Topic;

/// One of them: of a node it has the number 0 and the topic of its presence, of a client its number and the topic of its will.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Heading {
    /// 0, or that of a client.
    pub client: u64,
    /// What is to be said there.
    pub topic: Topic,
}

/// What is to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bequest {
    /// JSON text. Of a node it is not said, but that it is offline.
    pub payload: String,
    /// Its shape.
    pub kind: Kind,
    /// What becomes of it.
    pub retention: Retention,
    /// Who says it.
    pub from: Arc<str>,
    /// What readers of options see.
    pub passed_on: Box<str>,
    /// For how long it is worth delivering.
    pub lasts: Option<Duration>,
    /// What stands there by then and is newer than this stays.
    pub clock: Clock,
}

/// The book.
#[derive(Debug)]
pub struct Bequests(Mutex<Book>);

#[derive(Debug)]
struct Book {
    there: HashMap<Heading, Arc<Bequest>, RandomState>,
    wills: HashMap<u64, Topic, RandomState>,
    /// What has changed since somebody asked, and whether nobody has heard of it before. There are never more than there are
    /// headings and were when somebody asked last.
    changed: HashMap<Heading, bool, RandomState>,
    reader: Waker,
}

impl Default for Bequests {
    fn default() -> Self {
        Self(Mutex::new(Book {
            there: HashMap::default(),
            wills: HashMap::default(),
            changed: HashMap::default(),
            reader: Waker::noop().clone(),
        }))
    }
}

impl Book {
    fn put(&mut self, heading: Heading, bequest: Option<Bequest>) {
        let was_there = if let Some(bequest) = bequest {
            self.there.insert(heading.clone(), Arc::new(bequest)).is_some()
        } else if self.there.remove(&heading).is_none() {
            return;
        } else if self.changed.get(&heading) == Some(&true) {
            // It has come and gone, and nobody has heard of it.
            self.changed.remove(&heading);
            return;
        } else {
            true
        };
        self.changed.entry(heading).or_insert(!was_there);
        self.reader.wake_by_ref();
    }
}

impl Bequests {
    fn will(&self, session: SessionId, will: Option<(Topic, Bequest)>) {
        let (mut book, client) = (self.0.lock(), session.0);
        let topic = will.as_ref().map(|(topic, _)| topic.clone());
        let before = match &topic {
            Some(topic) => book.wills.insert(client, topic.clone()),
            None => book.wills.remove(&client),
        };
        if let Some(before) = before.filter(|before| Some(before) != topic.as_ref()) {
            book.put(Heading { client, topic: before }, None);
        }
        if let Some((topic, bequest)) = will {
            book.put(Heading { client, topic }, Some(bequest));
        }
    }

    /// What has changed since this was asked last.
    pub fn take(&self) -> Vec<Heading> {
        std::mem::take(&mut self.0.lock().changed).into_keys().collect()
    }

    /// What is to be said under a heading now. Whoever asks has heard of it.
    pub fn get(&self, heading: &Heading) -> Option<Arc<Bequest>> {
        let mut book = self.0.lock();
        let Book { there, changed, .. } = &mut *book;
        let bequest = there.get(heading)?;
        if let Some(is_new) = changed.get_mut(heading) {
            *is_new = false;
        }
        Some(Arc::clone(bequest))
    }

    /// All that there is. Whoever asks has heard of it.
    pub fn all(&self) -> Vec<Heading> {
        let mut book = self.0.lock();
        book.changed.values_mut().for_each(|is_new| *is_new = false);
        book.there.keys().cloned().collect()
    }

    /// Whether something has changed. One waits at a time.
    pub fn poll_changes(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut book = self.0.lock();
        book.reader.clone_from(cx.waker());
        if book.changed.is_empty() { Poll::Pending } else { Poll::Ready(()) }
    }
}

/// The book of a hub, once somebody takes it to others.
pub(super) type Bequeathed = OnceLock<Arc<Bequests>>;

impl Hub {
    /// From now on it is written down what is to be said if the hub dies.
    pub fn bequests(&self) -> &Arc<Bequests> {
        self.bequests.get_or_init(Arc::default)
    }

    /// A node has come to this topic of presence, or has left it.
    pub(super) fn bequeath_presence(&self, topic: &Topic, is_there: bool, now: Moment) {
        let Some(bequests) = self.bequests.get() else { return };
        let clock = match self.stands(topic) {
            Some(Stands::Value(value)) => value.clock(),
            Some(Stands::Cleared(clock)) => clock,
            None => Clock::of(now.wall()),
        };
        let bequest = is_there.then(|| Bequest {
            payload: "null".to_owned(),
            kind: Kind::Reading,
            retention: Retention::Keep,
            from: "hub".into(),
            passed_on: Box::default(),
            lasts: None,
            clock,
        });
        bequests.0.lock().put(Heading { client: 0, topic: topic.clone() }, bequest);
    }

    /// Says for a hub that has died what it has left to be said, unless something newer stands there: then somebody lives who
    /// knows better. Says whether it was said.
    pub fn say_for_another(&self, heading: &Heading, bequest: &Bequest, now: Moment) -> bool {
        let topic = heading.topic.clone();
        let before = match self.stands(&topic) {
            Some(Stands::Value(value)) => Some(value.clock()),
            Some(Stands::Cleared(clock)) => Some(clock),
            None => None,
        };
        if bequest.retention != Retention::Pass && before.is_some_and(|before| before > bequest.clock) {
            return false;
        }
        let offline;
        let payload = if heading.client == 0 {
            offline = presence::payload("offline", now.wall());
            &offline
        } else {
            &bequest.payload
        };
        let from = Arc::clone(&bequest.from);
        let mut message = Publication::new(topic, payload, bequest.kind, from, now.wall());
        message.retention = bequest.retention;
        let expires = bequest.lasts.map(|lasts| now.steady().after(lasts));
        message.set_extras(Extras { expires, passed_on: bequest.passed_on.clone(), trail: None });
        // A store that is full is in the log.
        let _ = self.publish(message, None);
        true
    }

    /// Says again that a node is there, if somebody else has said that it is not. To be called when something was heard of a
    /// topic of presence.
    pub fn correct_presence(&self, topic: &Topic, now: Moment) -> bool {
        let Some(bequests) = self.bequests.get() else { return false };
        if bequests.get(&Heading { client: 0, topic: topic.clone() }).is_none() {
            return false;
        }
        let is_told =
            matches!(self.stands(topic), Some(Stands::Value(value)) if presence::is_online(value.payload()));
        if is_told {
            return false;
        }
        let payload = presence::payload("online", now.wall());
        let mut message = Publication::new(topic.clone(), &payload, Kind::Reading, "hub".into(), now.wall());
        message.retention = Retention::Keep;
        let _ = self.publish(message, None);
        self.bequeath_presence(topic, true, now);
        true
    }
}

impl Session {
    /// The will of the client is this one from now on.
    pub(super) fn bequeath(&self, will: Option<&Will>) {
        let Some(bequests) = self.hub.bequests.get() else { return };
        let will = will.map(|will| {
            let Will { topic, kind, payload, retention, passed_on, lasts } = will.clone();
            let retention = retention.filter(|_| self.client.rights.retain);
            let retention = retention.unwrap_or_else(|| self.usual_retention(&topic, kind));
            let from = Arc::clone(&self.client.user);
            let clock = self.hub.clock(Moment::now().wall());
            (topic, Bequest { payload, kind, retention, from, passed_on, lasts, clock })
        });
        bequests.will(self.outbox.id, will);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::Limits;

    fn heading(client: u64) -> Heading {
        Heading { client, topic: Topic::parse("a/will", &Limits::default()).unwrap() }
    }

    fn bequest() -> Bequest {
        let (kind, retention) = (Kind::Reading, Retention::Keep);
        let (from, passed_on) = ("jana".into(), Box::default());
        Bequest {
            payload: "1".to_owned(),
            kind,
            retention,
            from,
            passed_on,
            lasts: None,
            clock: Clock::at(1),
        }
    }

    #[test]
    fn what_comes_and_goes_while_nobody_takes_it_to_others_leaves_nothing() {
        let bequests = Bequests::default();
        for client in 1..10_000 {
            bequests.0.lock().put(heading(client), Some(bequest()));
            bequests.0.lock().put(heading(client), None);
        }
        assert_eq!(bequests.0.lock().changed.len(), 0);
        assert_eq!(bequests.take(), []);
    }

    #[test]
    fn what_others_have_heard_of_is_told_when_it_goes() {
        type Hears = fn(&Bequests);
        let hears: [Hears; 3] =
            [|book| drop(book.take()), |book| drop(book.all()), |book| drop(book.get(&heading(1)))];
        for hears in hears {
            let bequests = Bequests::default();
            bequests.0.lock().put(heading(1), Some(bequest()));
            hears(&bequests);
            bequests.0.lock().put(heading(1), None);
            assert_eq!(bequests.take(), [heading(1)]);
            // And it may come again and go again before that was asked for.
            bequests.0.lock().put(heading(1), Some(bequest()));
            bequests.0.lock().put(heading(1), Some(bequest()));
            assert_eq!(bequests.take(), [heading(1)]);
            bequests.0.lock().put(heading(1), None);
            bequests.0.lock().put(heading(1), Some(bequest()));
            bequests.0.lock().put(heading(1), None);
            assert_eq!(bequests.take(), [heading(1)]);
        }
    }
}
