//! A broker in memory, as the far side of links in tests: as loops, losses and orders need it, and without a socket, so that
//! time can stand still.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::carry::Arrived;
use super::far::{Broken, Event, Far, Welcomed};
use super::near::Near;
use super::queue::Entry;
use super::report::Report;
use super::settings::LinkSettings;
use crate::hub::{Outbox, Until};
use crate::moment::Moment;
use crate::topic::{Filter, Topic};

/// Messages that may be on their way.
const INFLIGHT: usize = 100;

/// A broker. Clones are the same one.
#[derive(Clone)]
pub(super) struct Broker(Arc<Mutex<Inside>>);

#[expect(
    clippy::struct_excessive_bools,
    reason = "four ways of a broker in tests that have nothing to do with each other"
)]
struct Inside {
    /// Whether it has no room for stamps and repeats to a client what that said, as MQTT 3.1.1 does.
    repeats: bool,
    is_up: bool,
    /// Whether it acknowledges what it takes.
    acknowledges: bool,
    /// Whether the client of it has a fault, and panics where it is welcomed.
    is_faulty: bool,
    /// Connections so far; those below `broken` are no more.
    connections: u64,
    broken: u64,
    retained: BTreeMap<String, Message>,
    sessions: BTreeMap<String, Session>,
}

#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
    pub(super) retain: bool,
    stamp: Option<String>,
}

#[derive(Default)]
struct Session {
    filters: Vec<Filter>,
    inbox: VecDeque<Message>,
    acknowledged: Vec<u64>,
    waker: Option<Waker>,
}

impl Broker {
    pub(super) fn new(repeats: bool) -> Self {
        Self(Arc::new(Mutex::new(Inside {
            repeats,
            is_up: true,
            acknowledges: true,
            is_faulty: false,
            connections: 0,
            broken: 0,
            retained: BTreeMap::new(),
            sessions: BTreeMap::new(),
        })))
    }

    pub(super) fn repeats(&self) -> bool {
        self.0.lock().repeats
    }

    /// Breaks all connections off. What is on the way is lost, and what was taken is not acknowledged any more.
    pub(super) fn break_off(&self) {
        let mut inside = self.0.lock();
        inside.broken = inside.connections;
        for session in inside.sessions.values_mut() {
            session.acknowledged.clear();
            session.wake();
        }
    }

    /// It goes; with all that it knows, or not.
    pub(super) fn go(&self, forgets: bool) {
        self.break_off();
        let mut inside = self.0.lock();
        inside.is_up = false;
        if forgets {
            inside.sessions.retain(|name, _| name.starts_with('?'));
            inside.retained.clear();
        }
    }

    pub(super) fn come(&self) {
        self.0.lock().is_up = true;
    }

    pub(super) fn acknowledges(&self, yes: bool) {
        self.0.lock().acknowledges = yes;
    }

    /// From now on a link that connects meets a fault of the hub.
    pub(super) fn is_faulty(&self) {
        self.0.lock().is_faulty = true;
    }

    /// Somebody who is no hub publishes.
    pub(super) fn say(&self, topic: &str, payload: &[u8], retain: bool) {
        let (topic, payload) = (topic.to_owned(), payload.to_vec());
        self.0.lock().publish("", &Message { topic, payload, retain, stamp: None });
    }

    /// Somebody who is no hub hears all that is said from now on. It outlives the broker's memory.
    pub(super) fn listen(&self, name: &str) {
        let filters = vec![Filter::parse("#", &super::rules::REMOTE_LIMITS).unwrap()];
        self.0.lock().sessions.insert(format!("?{name}"), Session { filters, ..Session::default() });
    }

    /// The next message that somebody hears.
    pub(super) fn heard(&self, name: &str) -> Option<Message> {
        self.0.lock().sessions.get_mut(&format!("?{name}"))?.inbox.pop_front()
    }

    /// A client for a link.
    pub(super) fn client(&self, name: &str, link: &Arc<LinkSettings>) -> End {
        End {
            broker: self.clone(),
            name: name.to_owned(),
            link: Arc::clone(link),
            on_the_way: VecDeque::new(),
            sent: 0,
        }
    }
}

impl Session {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Inside {
    fn publish(&mut self, from: &str, message: &Message) {
        let topic = Topic::parse(&message.topic, &super::rules::REMOTE_LIMITS).unwrap();
        if message.retain && message.payload.is_empty() {
            self.retained.remove(&message.topic);
        } else if message.retain {
            self.retained.insert(message.topic.clone(), message.clone());
        }
        let repeats = self.repeats;
        for (name, session) in &mut self.sessions {
            let is_own = name == from && !repeats;
            if !is_own && session.filters.iter().any(|filter| filter.matches(&topic)) {
                session.inbox.push_back(message.as_told(repeats, false));
                session.wake();
            }
        }
    }
}

impl Message {
    /// As it is told to a client; with 3.1.1 only last values that were asked for are marked as such.
    fn as_told(&self, repeats: bool, was_kept: bool) -> Self {
        let stamp = self.stamp.clone().filter(|_| !repeats);
        Self { stamp, retain: if repeats { was_kept } else { self.retain }, ..self.clone() }
    }

    pub(super) fn text(&self) -> String {
        format!("{} {}", self.topic, String::from_utf8_lossy(&self.payload))
    }
}

/// A client of the broker, for a link.
pub(super) struct End {
    broker: Broker,
    name: String,
    link: Arc<LinkSettings>,
    /// What is not acknowledged, by number.
    on_the_way: VecDeque<(u64, Entry)>,
    sent: u64,
}

/// A connection to the broker.
pub(super) struct Connection {
    broker: Broker,
    name: String,
    number: u64,
    resumed: bool,
    /// What the broker has not got yet.
    outgoing: VecDeque<(u64, Message)>,
}

impl End {
    fn say(&mut self, connection: &mut Connection, near: &Near, number: u64, entry: &Entry) {
        match near.carry.outward(entry) {
            Err(why) => {
                self.on_the_way.retain(|(other, _)| *other != number);
                near.report.lose(entry, &why);
            }
            Ok(departing) => {
                near.carry.went(entry);
                let message = Message {
                    topic: departing.topic.to_string(),
                    payload: departing.payload.into_owned(),
                    retain: departing.retain,
                    stamp: departing.stamp,
                };
                connection.outgoing.push_back((number, message));
            }
        }
    }
}

impl Far for End {
    type Connection = Connection;

    fn open(&self) -> impl Future<Output = Result<Connection, String>> + Send + use<> {
        let (broker, name) = (self.broker.clone(), self.name.clone());
        async move {
            let mut inside = broker.0.lock();
            if !inside.is_up {
                return Err("the broker is away".to_owned());
            }
            inside.connections += 1;
            let number = inside.connections;
            let resumed = inside.sessions.contains_key(&name);
            inside.sessions.entry(name.clone()).or_default();
            drop(inside);
            Ok(Connection { broker, name, number, resumed, outgoing: VecDeque::new() })
        }
    }

    fn welcome(&mut self, connection: &mut Connection, near: &mut Near) -> Welcomed {
        let is_faulty = self.broker.0.lock().is_faulty;
        assert!(!is_faulty, "a fault of the hub");
        if connection.resumed {
            for (number, entry) in self.on_the_way.clone() {
                self.say(connection, near, number, &entry);
            }
        } else {
            let back = self.give_back(&near.report);
            near.put_back(back.into_iter());
            let filters = self.link.rules.iter().filter(|rule| rule.direction.is_in());
            let filters: Vec<_> = filters.map(|rule| rule.remote.filter.clone()).collect();
            let mut inside = self.broker.0.lock();
            let topic =
                |message: &Message| Topic::parse(&message.topic, &super::rules::REMOTE_LIMITS).unwrap();
            let kept = inside.retained.values();
            let kept = kept.filter(|kept| filters.iter().any(|filter| filter.matches(&topic(kept))));
            let kept: VecDeque<_> = kept.map(|kept| kept.as_told(inside.repeats, true)).collect();
            let session = inside.sessions.get_mut(&self.name).unwrap();
            session.filters = filters;
            session.inbox = kept;
        }
        Welcomed { resumed: connection.resumed, wants_last_values: !connection.resumed }
    }

    fn is_ready(&self) -> bool {
        true
    }

    fn pump(&mut self, connection: &mut Connection, near: &mut Near) {
        while self.on_the_way.len() < INFLIGHT
            && let Some(entry) = near.pop(Moment::now())
        {
            self.sent += 1;
            self.on_the_way.push_back((self.sent, entry.clone()));
            self.say(connection, near, self.sent, &entry);
        }
    }

    async fn next(connection: &mut Connection, outbox: Option<&Outbox>) -> Result<Event, Broken> {
        let event = |connection: &mut Connection, waker: &Waker| {
            let mut inside = connection.broker.0.lock();
            if connection.number <= inside.broken {
                return Some(Err(Broken::Closed("it closed the connection".to_owned())));
            }
            if let Some((number, message)) = connection.outgoing.pop_front() {
                inside.publish(&connection.name, &message);
                if inside.acknowledges
                    && let Some(session) = inside.sessions.get_mut(&connection.name)
                {
                    session.acknowledged.push(number);
                }
                return Some(Ok(Event::Wrote));
            }
            let session = inside.sessions.get_mut(&connection.name)?;
            session.waker = Some(waker.clone());
            let has_some = !session.inbox.is_empty() || !session.acknowledged.is_empty();
            has_some.then_some(Ok(Event::Read))
        };
        poll_fn(|cx| {
            if let Some(event) = event(connection, cx.waker()) {
                return Poll::Ready(event);
            }
            let Some(outbox) = outbox else { return Poll::Pending };
            outbox.wakes(cx.waker());
            outbox.look(Until::Something).map_or(Poll::Pending, |found| Poll::Ready(Ok(Event::Hub(found))))
        })
        .await
    }

    fn read(&mut self, connection: &mut Connection, near: &mut Near) -> Result<bool, Broken> {
        let (inbox, acknowledged) = {
            let mut inside = connection.broker.0.lock();
            let Some(session) = inside.sessions.get_mut(&connection.name) else { return Ok(false) };
            (std::mem::take(&mut session.inbox), std::mem::take(&mut session.acknowledged))
        };
        for number in acknowledged {
            let before = self.on_the_way.len();
            self.on_the_way.retain(|(other, _)| *other != number);
            near.report.told(before - self.on_the_way.len());
        }
        for Message { topic, payload, retain, stamp } in &inbox {
            let stamp = stamp.as_deref();
            near.arrive(&Arrived {
                topic: topic.as_bytes(),
                payload,
                retain: *retain,
                stamp,
                keep: None,
                is_old: None,
            });
        }
        Ok(false)
    }

    fn look(_: &mut Connection, now: Instant) -> Result<Instant, Broken> {
        Ok(now + Duration::from_secs(30))
    }

    fn bye(&mut self, _: &mut Connection) {}

    fn is_written(connection: &Connection) -> bool {
        connection.outgoing.is_empty()
    }

    fn ended(&mut self, _: &Connection, _: &Broken, _: &Report) {}

    fn on_the_way(&self) -> (usize, usize) {
        (self.on_the_way.len(), self.on_the_way.iter().map(|(_, entry)| entry.len()).sum())
    }

    fn give_back(&mut self, _: &Report) -> Vec<Entry> {
        self.on_the_way.drain(..).map(|(_, entry)| entry).collect()
    }
}
