//! One client's stay at the hub. Whoever holds a [`Session`] has been let in; dropping it means leaving.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use super::allowance::{Allowance, Excess, Rates};
use super::outbox::{Outbox, SessionId, Taken};
use super::publication::{Publication, View};
use super::queue::Item;
use super::rights::Rights;
use super::trie::Id;
use super::{Hub, Retention, StoreFull, names};
use crate::talk::{Kind, Reply, timestamp};
use crate::topic::{Base, Filter, Topic};

/// On which side of the hub a client stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// A dashboard or an operator: reads states, sends commands.
    Dashboard,
    /// A node or a gateway: sends states, reads commands.
    Node,
    /// A link to another system: what comes over it is kept like the word of a node, but nobody is at home there.
    Link,
}

/// Who comes in, and where.
#[derive(Debug, Clone)]
pub struct Client {
    /// The user's name, as receivers see it in `from`.
    pub user: Arc<str>,
    /// What the user may do.
    pub rights: Arc<Rights>,
    /// Where the connection stands.
    pub base: Base,
    /// On which side.
    pub side: Side,
    /// How much it may send.
    pub rates: Rates,
}

/// The settings of a transmission, as the client's last `config/set` left them.
#[derive(Debug, Clone, Default)]
pub(super) struct Wishes {
    pub(super) options: bool,
    pub(super) batch: Duration,
}

/// A message to be published if the client vanishes.
#[derive(Debug, Clone)]
pub(super) struct Will {
    pub(super) topic: Topic,
    pub(super) kind: Kind,
    pub(super) payload: String,
}

/// A queue of so many items keeps its room for the next ones.
const KEPT_ITEMS: usize = 64;

/// What [`Session::drain`] left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Nothing waits.
    Everything,
    /// There is more; call again once this much is written.
    More,
}

/// A client at the hub. It is fed the messages of the client and drained of what is to be sent to it; it never
/// waits and knows no socket.
#[derive(Debug)]
pub struct Session {
    pub(super) hub: Arc<Hub>,
    pub(super) client: Client,
    pub(super) outbox: Arc<Outbox>,
    pub(super) allowance: Allowance,
    /// The filters that it holds, as the subscriptions call them.
    filters: Box<[Id]>,
    pub(super) wishes: Wishes,
    pub(super) opened: bool,
    /// Messages that the rights did not allow.
    pub(super) refusals: u64,
    will: Option<Will>,
    /// What is held for it outside of the hub.
    outside: usize,
    pub(super) taken: VecDeque<Item>,
}

impl Hub {
    /// Lets a client in. A node-side client is announced under its base.
    pub fn connect(self: &Arc<Self>, client: Client, now: SystemTime) -> Session {
        let id = SessionId(self.next_session.fetch_add(1, Ordering::Relaxed));
        let (view, user) = (View::from(&client.base), Arc::clone(&client.user));
        let (figures, budget) = (Arc::clone(&self.figures), Arc::clone(&self.budget));
        let outbox = Outbox::new(id, view, user, self.settings.outbox, figures, budget);
        self.figures.clients.add(1);
        self.figures.connections_accepted.add(1);
        if client.side == Side::Node {
            self.presence.enter(&client.base, || self.announce(&client.base, "online", now));
        }
        Session {
            hub: Arc::clone(self),
            allowance: Allowance::new(client.rates, now),
            client,
            outbox,
            filters: Box::default(),
            wishes: Wishes::default(),
            opened: false,
            refusals: 0,
            will: None,
            outside: 0,
            taken: VecDeque::new(),
        }
    }

    fn announce(&self, base: &Base, state: &str, now: SystemTime) {
        let since = timestamp::milliseconds(now);
        let payload = format!("{{\"state\": \"{state}\", \"since\": \"{since}\"}}");
        if let Ok(topic) = base.topic("presence", &self.settings.topic) {
            let mut message = Publication::new(topic, &payload, Kind::Reading, "hub".into(), now);
            message.retention = Retention::Keep;
            // A store that is full is in the log; those who listen now have heard it.
            let _ = self.publish(message, None);
        }
    }
}

impl Session {
    /// The queue of what is to be sent, for waiting on it.
    pub fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// Says how much is held for the client outside of the hub: what it has not sent whole, and what its socket has not
    /// taken. Where everybody together holds too much, the largest holders are cut off.
    pub fn holds(&mut self, bytes: usize) {
        self.outside = bytes;
        let will = self.will.as_ref().map_or(0, |will| will.payload.len());
        self.outbox.hold_beside(bytes + will);
    }

    /// Cuts off the largest holders of memory where there is too much in use. To be called now and then.
    pub fn relieve(&self) {
        self.outbox.relieve();
    }

    /// Where the client stands.
    pub fn base(&self) -> &Base {
        &self.client.base
    }

    /// What logs call the client.
    pub fn name(&self) -> Arc<str> {
        self.outbox.name()
    }

    /// Whether the client has asked for the transmission to begin, in words that were understood. Until then nothing
    /// may be sent to it but what was wrong with them.
    pub fn is_open(&self) -> bool {
        self.opened
    }

    /// How long frames are to be collected into one message; zero for not at all.
    pub fn batch(&self) -> Duration {
        self.wishes.batch
    }

    /// Writes what waits, one frame a call of `write`, in pieces to be put one after the other, until about `bytes`
    /// are written. Nothing before the transmission is open. Frames that are older than their sender allowed are
    /// left out and counted.
    pub fn drain(&mut self, bytes: usize, now: SystemTime, write: &mut impl FnMut(&[&[u8]])) -> Drained {
        if !self.opened {
            let Some(answer) = self.outbox.take_urgent() else { return Drained::Everything };
            write(&[answer.as_bytes()]);
            self.hub.figures.sent.add(1);
            return Drained::More;
        }
        let mut written = 0;
        loop {
            let taken = self.drain_once(bytes.saturating_sub(written), now, &mut |pieces: &[&[u8]]| {
                written += pieces.iter().map(|piece| piece.len()).sum::<usize>();
                write(pieces);
            });
            // What goes alone ends the write, too.
            if taken.first.is_some() || !taken.more || written >= bytes {
                return if taken.more { Drained::More } else { Drained::Everything };
            }
        }
    }

    /// Takes items that have about so many bytes, at most one last value among them, as its size is not known before.
    fn drain_once(&mut self, bytes: usize, now: SystemTime, write: &mut impl FnMut(&[&[u8]])) -> Taken {
        let mut items = std::mem::take(&mut self.taken);
        let taken = self.outbox.take(bytes, &mut items);
        let mut sent = 0;
        if let Some(first) = &taken.first {
            write(&[first.as_bytes()]);
            sent += 1;
        }
        if taken.skipped > 0 {
            write(&[Reply::Skipped { count: taken.skipped }.text().as_bytes()]);
            sent += 1;
        }
        for item in &items {
            sent += u64::from(self.write(item, now, write));
        }
        self.hub.figures.sent.add(sent);
        items.clear();
        self.keep_room(items);
        taken
    }

    /// A queue that is empty lends its room to the next items.
    pub(super) fn keep_room(&mut self, items: VecDeque<Item>) {
        if items.capacity() <= KEPT_ITEMS {
            self.taken = items;
        }
    }

    /// The client has said good-bye: its will is void.
    pub fn farewell(&mut self) {
        self.will = None;
    }

    fn write(&self, item: &Item, now: SystemTime, write: &mut impl FnMut(&[&[u8]])) -> bool {
        match item {
            Item::Reply(text) => {
                write(&[text.as_bytes()]);
                true
            }
            Item::Message(message) => self.write_message(message, false, now, write),
            Item::LastValue(channel, generation) => channel
                .last_value_for(*generation)
                .is_some_and(|message| self.write_message(&message, true, now, write)),
        }
    }

    fn write_message(
        &self,
        message: &Publication,
        retained: bool,
        now: SystemTime,
        write: &mut impl FnMut(&[&[u8]]),
    ) -> bool {
        if message.has_expired(now) {
            self.hub.figures.expired.add(1);
            tracing::debug!(client = %self.name(), topic = ?message.topic, "message expired before it was delivered");
            return false;
        }
        let view = self.outbox.view;
        if self.wishes.options {
            write(&message.frame_with_options(view, &message.annotation(retained)));
        } else {
            write(&message.frame(view));
        }
        true
    }

    /// Counts a sign of life that is no frame, such as a ping: it is as much work to read.
    pub fn count_sign(&mut self, now: SystemTime) -> Result<(), Excess> {
        self.allowance.frame(now)
    }

    pub(super) fn count_frame(&mut self, now: SystemTime) -> Result<(), Excess> {
        self.hub.figures.received.add(1);
        self.allowance.frame(now)
    }

    pub(super) fn count_bad_frame(&mut self, now: SystemTime) -> Result<(), Excess> {
        self.hub.figures.bad_frames.add(1);
        self.allowance.bad_frame(now)
    }

    pub(super) fn set_will(&mut self, will: Option<Will>) {
        self.will = will;
        self.holds(self.outside);
    }

    /// What becomes of a message that says nothing about it itself: who says it decides
    /// (`docs/protocol.md`, clause 5.3).
    pub(super) fn usual_retention(&self, topic: &Topic, kind: Kind) -> Retention {
        let settings = &self.hub.settings;
        let named = |filters: &[Filter]| filters.iter().any(|filter| filter.matches(topic));
        let state = self.client.side != Side::Dashboard && kind == Kind::Reading;
        if (state || named(&settings.retain_always)) && !named(&settings.retain_never) {
            Retention::Keep
        } else {
            Retention::Pass
        }
    }

    pub(super) fn publish(&self, mut message: Publication, retention: Retention) -> Result<(), StoreFull> {
        message.retention = retention;
        self.hub.publish(message, Some(self.outbox.id))
    }

    /// The filters that it holds.
    pub(super) fn held(&self) -> Vec<Filter> {
        self.hub.subscriptions.held(&self.filters, &self.hub.settings.topic)
    }

    /// Takes these filters in place of the ones held, and puts `reply` and then the last values of the topics that
    /// were not named before into the outbox, all in one piece.
    pub(super) fn subscribe(&mut self, filters: &[Filter], reply: Answer, last_values: LastValues) {
        // Before any lock, as there may be a thousand of each.
        let held = self.held();
        let mut gone: HashMap<&Filter, Id> = held.iter().zip(self.filters.iter().copied()).collect();
        let stays: Vec<Option<Id>> = filters.iter().map(|filter| gone.remove(filter)).collect();
        let gone: Vec<Id> = gone.into_values().collect();
        let new = filters.iter().zip(&stays).filter(|(_, stays)| stays.is_none());
        let new: Vec<&Filter> = new.map(|(filter, _)| filter).collect();
        let mut inside = self.outbox.lock();
        match reply {
            Answer::First(text) => inside.first.push_back(text),
            Answer::InLine(text) => {
                let offered = inside.queue.offer(Item::Reply(text));
                self.outbox.account(&mut inside, offered, "clown.talk/-");
            }
            Answer::None => {}
        }
        let (generation, ids) = self.hub.resubscribe(&self.outbox, &gone, &new);
        let (found, looked_at) = match last_values {
            LastValues::None => (Vec::new(), 0),
            LastValues::All => self.hub.last_values(filters.iter(), std::iter::empty()),
            LastValues::New => self.hub.last_values(new.iter().copied(), held.iter()),
        };
        self.allowance.looked_up(looked_at);
        let named = names(if last_values == LastValues::New { filters } else { &[] });
        inside.queue.keep_last_values(|topic| named.has_match(topic.as_str()));
        for channel in found.into_iter().filter(|channel| self.outbox.view.names(&channel.topic)) {
            inside.queue.offer(Item::LastValue(channel, generation));
        }
        drop(inside);
        let mut ids = ids.into_iter();
        self.filters = stays.into_iter().filter_map(|stays| stays.or_else(|| ids.next())).collect();
        self.outbox.wake();
    }
}

/// Where an answer to a subscription stands among what waits.
pub(super) enum Answer {
    /// Before everything.
    First(String),
    /// After what waits already.
    InLine(String),
    /// Nowhere: nobody asked.
    None,
}

/// Which last values a change of the subscription brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LastValues {
    /// None.
    None,
    /// Those of every topic that is named now.
    All,
    /// Those of the topics that were not named before.
    New,
}

impl Drop for Session {
    fn drop(&mut self) {
        let now = SystemTime::now();
        self.hub.resubscribe(&self.outbox, &self.filters, &[]);
        self.outbox.close();
        if let Some(will) = self.will.take() {
            let retention = self.usual_retention(&will.topic, will.kind);
            let from = Arc::clone(&self.client.user);
            let message = Publication::new(will.topic, &will.payload, will.kind, from, now);
            // A store that is full is in the log; nobody is left to be told.
            let _ = self.publish(message, retention);
        }
        if self.client.side == Side::Node {
            self.hub
                .presence
                .leave(&self.client.base, || self.hub.announce(&self.client.base, "offline", now));
        }
        self.hub.figures.clients.sub(1);
    }
}
