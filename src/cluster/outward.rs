//! What is said here, on its way to other hubs: heard from the hub, queued within bounds, numbered, and handed to the servers.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use super::heard::Sent;
use super::last::LastValues;
use super::report::Report;
use super::settings::Settings;
use super::stamp::{Lease, Stamp};
use super::subject::Subjects;
use super::wire::Wire;
use crate::backlog::{Queue, Waits};
use crate::hub::{
    Client, Drained, Found, Hub, Leased, Outbox, Publication, Rates, Relayed, Retention, Rights, Session,
    Side, Until,
};
use crate::moment::Moment;
use crate::talk::Kind;
use crate::topic::{Base, Topic};

/// About so many bytes are taken from the hub at one time.
const CHUNK: usize = 256 * 1024;

/// What the session is called.
pub(super) const USER: &str = "cluster";

/// A message that waits.
#[derive(Debug)]
struct Entry(Arc<Publication>);

impl Waits for Entry {
    fn bytes(&self) -> usize {
        self.0.len()
    }

    fn topic(&self) -> Option<&Topic> {
        Some(&self.0.topic)
    }

    fn reading(&self) -> Option<&Topic> {
        (self.0.kind == Kind::Reading).then_some(&self.0.topic)
    }
}

/// All that is on its way.
pub(super) struct Outward {
    hub: Arc<Hub>,
    session: Session,
    name: String,
    life: String,
    queue: Queue<Entry>,
    sent: Sent,
}

/// The stay of the cluster at the hub.
pub(super) fn session(hub: &Arc<Hub>) -> Session {
    let client = Client {
        user: USER.into(),
        rights: Arc::new(Rights::everything()),
        base: Base::ROOT,
        side: Side::Link,
        rates: Rates::UNLIMITED,
    };
    hub.connect(client, Moment::now())
}

impl Outward {
    /// For this life of a hub.
    pub(super) fn new(hub: &Arc<Hub>, settings: &Settings, life: &str) -> Self {
        let mut session = session(hub);
        session.hear_everything();
        Self {
            hub: Arc::clone(hub),
            session,
            name: settings.name.clone(),
            life: life.to_owned(),
            queue: Queue::new(settings.queue_messages, settings.queue_bytes),
            sent: Sent::new(settings.topics),
        }
    }

    /// The stay at the hub.
    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    /// The same, for whoever asks for something there.
    pub(super) fn session_mut(&mut self) -> &mut Session {
        &mut self.session
    }

    /// Where what the hub has for others is waited for.
    pub(super) fn outbox(&self) -> &Arc<Outbox> {
        self.session.outbox()
    }

    /// Something was found there.
    pub(super) fn hear(&mut self, found: Found, last: &mut LastValues, report: &mut Report) {
        if found == Found::Overflow {
            self.begin_anew(last, report);
        }
        self.gather(last, report);
    }

    fn begin_anew(&mut self, last: &mut LastValues, report: &Report) {
        let thrown = self.session.outbox().thrown();
        let mut anew = session(&self.hub);
        anew.hear_everything();
        self.session = anew;
        report.overflowed(thrown);
        last.look_through();
    }

    /// Takes what the hub has, a piece of it.
    pub(super) fn gather(&mut self, last: &mut LastValues, report: &mut Report) {
        if matches!(self.session.outbox().look(Until::Overflow), Some(Found::Overflow)) {
            self.begin_anew(last, report);
        }
        let (now, mut sum) = (Moment::now(), 0);
        loop {
            let queue = &mut self.queue;
            let remains = self.session.take(CHUNK, now, &mut |Relayed { message, .. }| {
                sum += message.len();
                if message.retention != Retention::Pass {
                    last.changed(&message.topic);
                }
                report.gave_way(&queue.offer(Entry(message)), queue.len());
            });
            report.figures().cluster_skipped.add(remains.skipped);
            if remains.drained == Drained::Everything || sum >= CHUNK {
                return;
            }
        }
    }

    /// Hands to the servers what they take.
    pub(super) fn send(&mut self, wire: &mut Wire, subjects: &Subjects, report: &Report) {
        let now = Moment::now();
        let most = wire.max_payload();
        while wire.has_room()
            && let Some(Entry(message)) = self.queue.pop()
        {
            if message.has_expired(now) {
                report.figures().expired.add(1);
                continue;
            }
            let lease = match self.hub.leased(&message) {
                Leased::Plain => None,
                Leased::With(left, safe) => {
                    let left = u64::try_from(left.as_millis()).unwrap_or(u64::MAX).max(1);
                    Some(Lease { left, safe: Cow::Borrowed(&safe) }.text())
                }
                Leased::Safe => Some(Lease { left: 0, safe: Cow::Borrowed(message.payload()) }.text()),
                // It waited for too long, and the safe command waits behind it.
                Leased::Over => {
                    report.figures().expired.add(1);
                    continue;
                }
            };
            let is_kept = message.retention != Retention::Pass;
            let Some(subject) = subjects.of_topic(&message.topic, is_kept) else {
                report.lose(&message.topic, "its topic is too long for the servers: use a shorter one");
                continue;
            };
            let stamp = self.stamp(&message, now).text();
            let payload = Bytes::copy_from_slice(message.payload().as_bytes());
            // What stands around both takes less than this.
            let beside = stamp.len() + lease.as_ref().map_or(0, String::len) + 96;
            if payload.len() + beside > most {
                report.lose(
                    &message.topic,
                    "it is larger than max_payload of the servers: raise that, or send less at once",
                );
                continue;
            }
            match wire.send(subject, (&stamp, lease.as_deref()), payload) {
                Ok(()) => report.figures().cluster_out.add(1),
                Err(_) => report.lose(&message.topic, "the library takes nothing more"),
            }
        }
    }

    fn stamp<'m>(&'m mut self, message: &'m Publication, now: Moment) -> Stamp<'m> {
        let number = self.sent.next(&message.topic);
        let passed_on = message.extras().map_or("", |extras| &*extras.passed_on);
        Stamp {
            hub: &self.name,
            session: &self.life,
            number,
            milliseconds: message.milliseconds(),
            source: message.source,
            kind: message.kind,
            retention: message.retention,
            user: Cow::Borrowed(&message.from),
            expires_in: message.expires_in(now),
            trail: message.trail().map(|trail| Cow::Borrowed(&*trail.stamp)),
            passed_on: Cow::Borrowed(passed_on),
            clock: message.clock_beside_time().filter(|_| message.retention != Retention::Pass),
            says_more: false,
        }
    }

    /// Whether nothing waits, here and at the hub.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.session.outbox().look(Until::Something).is_none()
    }

    /// Messages that wait.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Messages and bytes that wait, and whether readings give way.
    pub(super) fn measure(&self) -> (usize, usize, bool) {
        (self.queue.len(), self.queue.bytes(), self.queue.is_full())
    }
}
