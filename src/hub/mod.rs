//! The hub: who is here, who wants what, and what was said last. Floor 1: knows topics and Clown.Talk, and neither
//! sockets nor HTTP, MQTT, files or passwords.
//!
//! A socket, a serial port, a bridge and a simulated node are the same thing seen from here: a [`Session`].
//! Publishing is a plain function that the publisher runs itself; it never waits.
//!
//! Lock order: presence, channel; list of groups, group; outbox; then subscriptions, index of last values or book of the
//! budget; tape, recorder or book of sessions that last. No lock is held across an await, and no outbox while a channel is
//! asked for.

mod agreement;
mod allowance;
mod bequest;
mod branches;
mod bringing;
mod budget;
mod care;
mod change;
mod channel;
mod clock;
mod confirm;
mod conversation;
mod demand;
mod device;
mod doors;
mod drain;
mod events;
mod figures;
mod forgetting;
mod generation;
mod groups;
mod held;
mod index;
mod last_value;
mod lasting;
mod layout;
mod lease;
mod links;
mod look_up;
mod marks;
mod network_rate;
mod outbox;
mod pages;
mod presence;
mod publication;
mod questions;
mod queue;
mod recorder;
mod relay;
mod rhythm;
mod rights;
mod saying;
mod session;
mod step;
mod stored_queues;
mod subscriptions;
mod tape;
#[cfg(test)]
mod tests;
pub mod trie;
mod waiting;
mod whereabouts;
mod wish;
mod withdrawn;

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;

use agreement::Agreement;
pub use agreement::{Came, MOST_AHEAD, Stands};
pub(crate) use allowance::Allowance;
pub use allowance::{Excess, Rates};
use bequest::Bequeathed;
pub use bequest::{Bequest, Bequests, Heading};
pub use branches::{BRANCHES_A_CONNECTION, BRANCHES_A_FIRST_LEVEL, TooMany};
pub use bringing::Brought;
use budget::Budget;
pub use budget::Network;
use care::Care;
use channel::{Channel, Channels, State};
pub use clock::{Clock, Standing};
use demand::Demanded;
pub use demand::{Asked, Changes, Demand};
pub use device::AtHome;
pub use doors::{Message, NotSubscribed, Refusal};
pub use drain::Drained;
pub use events::{EVENTS_ARE_OFF, EventQuestion, EventQuestions, EventReader, SignIn};
pub use figures::{Figure, Figures, Grows};
pub use forgetting::ToForget;
use generation::Generation;
use groups::Groups;
use index::{index_cost, tell_full};
use last_value::LastValue;
pub use last_value::SaidBefore;
pub use lasting::{
    AgainRow, AgainSession, Asks, Claimed, ClaimedMessage, Lasting, LastingChanges, LastingSessions,
    MessageRow, SentAs, SessionRow, Ticket as LastingTicket,
};
pub use lease::{FarLease, LeaseChanges, LeaseRow, Leased};
pub use links::{LinkFigures, Links};
pub use marks::{KnowsAgain, MARK, Marked, Marks};
pub use network_rate::NetworkRates;
pub(crate) use network_rate::ShareOfNetwork;
pub use outbox::{Outbox, SessionId};
use pages::OpenPages;
pub use pages::{NotRead, OPEN_PAGES, Page, PageBounds, Pages};
use presence::Presence;
pub use publication::{Extras, Publication, Source, Trail, View};
pub use questions::{NO_HISTORY, Question, Questions};
pub use queue::Bounds;
pub use recorder::{Entry, Outcome, Recorder, UNKNOWN, WAITING};
pub use relay::{Forward, Handed, Relayed, Remains};
pub use rhythm::Rhythm;
pub use rights::Rights;
pub use saying::{Edition, NotOpened, NotSaid, OnlyIf, Routed, Said, Saying};
pub use session::{Client, Session, Side};
pub use stored_queues::{QueueChanges, Queued, QueuedAgain, StoredQueues, Ticket};
use subscriptions::{Receivers, Subscriptions, deliver};
use tape::Promise;
pub use tape::{Ask, Restored, Restorer, Restoring, Skipped, Tape, TapeBounds, Taped};
use trie::Trie;
pub use waiting::{Found, Until};

use crate::moment::Moment;
use crate::talk::Kind;
use crate::topic::{Filter, Limits, Topic};

/// What the hub allows and keeps.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long and deep topics may be.
    pub topic: Limits,
    /// How many filters a connection may hold.
    pub filters: usize,
    /// Bytes that one message may have; told to clients, kept by the edges.
    pub message_bytes: usize,
    /// The longest batch a client may ask for.
    pub longest_batch: Duration,
    /// What may wait for one reader.
    pub outbox: Bounds,
    /// Topics that may have a last value.
    pub retained_topics: usize,
    /// Bytes of all last values together.
    pub retained_bytes: u64,
    /// Topics whose messages are always kept as the last value.
    pub retain_always: Vec<Filter>,
    /// Topics whose messages are not kept; stronger than the above, and weaker than the option `retain` of a message.
    pub retain_never: Vec<Filter>,
    /// Topics without a last value whose receivers are remembered.
    pub cached_routes: usize,
    /// Bytes of all that waits or is unfinished, over all connections.
    pub memory_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            topic: Limits::default(),
            filters: 1000,
            message_bytes: 1 << 20,
            longest_batch: Duration::from_secs(5),
            outbox: Bounds { messages: 1000, bytes: 1 << 20, hard_messages: 10_000, hard_bytes: 8 << 20 },
            retained_topics: 100_000,
            retained_bytes: 64 << 20,
            retain_always: Vec::new(),
            retain_never: Vec::new(),
            cached_routes: 65_536,
            memory_bytes: 256 << 20,
        }
    }
}

/// What is to become of a message once it is routed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// It passes by.
    Pass,
    /// It is the last value of its topic.
    Keep,
    /// The last value of its topic is forgotten.
    Clear,
}

/// The store of last values is full: the message was routed, but is not kept, and neither is an older one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the store of last values is full: the message was routed but will not be shown to later subscribers"
)]
pub struct StoreFull;

/// What became of a message that was routed.
#[derive(Debug)]
struct Delivered {
    promise: Promise,
    /// Into how many queues it went.
    routed: u64,
}

/// The hub. Shared by all sessions through an [`Arc`].
#[derive(Debug)]
pub struct Hub {
    settings: Settings,
    started: Moment,
    channels: Channels,
    subscriptions: Subscriptions,
    groups: Groups,
    /// Where the last values are, by the levels of their topics.
    last_values: Mutex<Trie<Arc<Channel>>>,
    presence: Presence,
    figures: Arc<Figures>,
    budget: Arc<Budget>,
    links: Links,
    marks: Marks,
    /// What waits for brokers and is to survive a restart.
    stored_queues: Arc<StoredQueues>,
    /// Sessions that are to survive a restart.
    lasting: Arc<LastingSessions>,
    /// What its clients ask for, where somebody brings it from other hubs.
    demand: Demanded,
    /// Which of two last values stands, where they may be of different hubs.
    agreement: OnceLock<Agreement>,
    /// What is to be said if it dies, where others can say it.
    bequests: Bequeathed,
    /// Commands that somebody waits for, or that hold for a time only.
    care: Care,
    /// What waits for the store, where there is one.
    tape: OnceLock<Arc<Tape>>,
    /// Who answers questions about the past, where there is a store.
    questions: OnceLock<Arc<Questions>>,
    /// What waits to be recorded, and who is asked for it, where there is a store.
    recorder: OnceLock<(Arc<Recorder>, Arc<EventQuestions>)>,
    next_session: AtomicU64,
    open_pages: OpenPages,
}

impl Hub {
    /// A hub with nobody in it.
    pub fn new(settings: Settings, started: impl Into<Moment>) -> Arc<Self> {
        let figures = Arc::<Figures>::default();
        Arc::new(Self {
            channels: Channels::new(settings.cached_routes),
            budget: Arc::new(Budget::new(settings.memory_bytes, Arc::clone(&figures))),
            settings,
            started: started.into(),
            subscriptions: Subscriptions::default(),
            groups: Groups::default(),
            last_values: Mutex::default(),
            presence: Presence::default(),
            figures,
            links: Links::default(),
            marks: Marks::default(),
            stored_queues: Arc::default(),
            lasting: Arc::default(),
            demand: Demanded::default(),
            agreement: OnceLock::new(),
            bequests: OnceLock::new(),
            care: Care::default(),
            tape: OnceLock::new(),
            questions: OnceLock::new(),
            recorder: OnceLock::new(),
            next_session: AtomicU64::new(1),
            open_pages: OpenPages::default(),
        })
    }

    /// What the hub allows and keeps.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// When this hub was made.
    pub fn started(&self) -> SystemTime {
        self.started.wall()
    }

    /// For how long it has been running.
    pub fn uptime(&self, now: impl Into<Moment>) -> Duration {
        now.into().steady().since(self.started.steady())
    }

    /// What the hub has counted.
    pub fn figures(&self) -> &Arc<Figures> {
        &self.figures
    }

    /// The links to other systems.
    pub fn links(&self) -> &Links {
        &self.links
    }

    /// How messages of other hubs are known again.
    pub fn marks(&self) -> &Marks {
        &self.marks
    }

    /// Publishes something about the hub itself, as a last value under `$SYS/hub/`.
    pub fn tell(&self, name: &str, payload: &str, now: impl Into<Moment>) {
        self.say(name, payload, Retention::Keep, now.into());
    }

    /// Takes back what [`tell`](Self::tell) said under a name.
    pub fn untell(&self, name: &str, now: impl Into<Moment>) {
        self.say(name, "null", Retention::Clear, now.into());
    }

    fn say(&self, name: &str, payload: &str, retention: Retention, now: Moment) {
        if let Ok(topic) = Topic::parse(&format!("$SYS/hub/{name}"), &self.settings.topic) {
            let mut message = Publication::new(topic, payload, Kind::Reading, "hub".into(), now.wall());
            message.retention = retention;
            // A figure that does not fit will be told again soon.
            let _ = self.publish(message, None);
        }
    }

    /// Routes a message to everybody who wants it, and keeps it if it is to be kept. Never waits. The publisher's own
    /// session, `origin`, gets it only if it asked for echo.
    pub(crate) fn publish(&self, message: Publication, origin: Option<&Outbox>) -> Result<(), StoreFull> {
        self.publish_and_ask(message, origin, None).map(drop)
    }

    /// As [`publish`](Self::publish), for somebody who may ask for an answer when what is kept is on the disk.
    fn publish_and_ask(
        &self,
        mut message: Publication,
        origin: Option<&Outbox>,
        ask: Option<Ask>,
    ) -> Result<Promise, StoreFull> {
        message.number = self.figures.published.count();
        let message = Arc::new(message);
        let deliver =
            |channel: &Arc<Channel>, state: &mut State| self.deliver(channel, state, &message, origin, ask);
        self.channels.with(&message.topic, deliver).map(|delivered| delivered.promise)
    }

    /// Routes a message that is said here, under the lock of its channel.
    #[inline]
    fn deliver(
        &self,
        channel: &Arc<Channel>,
        state: &mut State,
        message: &Arc<Publication>,
        origin: Option<&Outbox>,
        ask: Option<Ask>,
    ) -> Result<Delivered, StoreFull> {
        if message.retention != Retention::Pass
            && let Some(agreement) = self.agreement.get()
        {
            agreement.count(state, message);
        }
        self.deliver_counted(channel, state, message, origin, ask)
    }

    /// Routes a message whose clock is known, under the lock of its channel.
    #[inline]
    fn deliver_counted(
        &self,
        channel: &Arc<Channel>,
        state: &mut State,
        message: &Arc<Publication>,
        origin: Option<&Outbox>,
        ask: Option<Ask>,
    ) -> Result<Delivered, StoreFull> {
        let kept = self.keep(channel, state, message);
        // In here, so that the store has the order of the topic.
        let promise = self.tape(state, message, kept, ask);
        self.refresh_route(channel, state);
        if message.retention == Retention::Keep {
            state.last_generation = state.route.generation;
        }
        let id = origin.map(|origin| origin.id);
        let routed = if let Receivers::Apart(apart) = &state.route.targets {
            self.deliver_apart(message, apart, origin)
        } else {
            deliver(message, state.route.targets.all(), id)
        };
        self.figures.routed.add(routed);
        if matches!(message.kind, Kind::Command | Kind::Answer) {
            self.note(message, origin, routed);
        }
        if self.care.is_wanted() {
            self.care_for(message, id);
        }
        kept.map(|()| Delivered { promise, routed })
    }

    fn keep(
        &self,
        channel: &Arc<Channel>,
        state: &mut State,
        message: &Publication,
    ) -> Result<(), StoreFull> {
        match message.retention {
            Retention::Pass => Ok(()),
            Retention::Clear => {
                self.forget(channel, state);
                Ok(())
            }
            Retention::Keep if self.has_room(state, message) => {
                self.remember(channel, state, message);
                Ok(())
            }
            Retention::Keep => {
                self.forget(channel, state);
                self.figures.retained_refused.add(1);
                tell_full(channel, message, &self.figures);
                Err(StoreFull)
            }
        }
    }

    fn has_room(&self, state: &State, message: &Publication) -> bool {
        let (topics, bytes) = (self.figures.retained.value(), self.figures.retained_bytes.value());
        let (old_topics, old_bytes, index) = match &state.last {
            Some(last) => (1, last.len_beside(message) as u64, 0),
            None => (0, 0, index_cost(&message.topic)),
        };
        topics - old_topics < self.settings.retained_topics as u64
            && bytes - old_bytes + message.len() as u64 + index <= self.settings.retained_bytes
    }

    fn remember(&self, channel: &Arc<Channel>, state: &mut State, message: &Publication) {
        if let Some(last) = &mut state.last {
            self.figures.retained_bytes.sub(last.len_beside(message) as u64);
            last.replace(message);
            self.figures.retained_bytes.add(message.len() as u64);
        } else {
            self.add(channel, state, LastValue::of(message), message.len());
        }
    }

    /// Sees to it that who gets the messages of a topic is remembered as things stand.
    fn refresh_route(&self, channel: &Channel, state: &mut State) {
        if state.route.generation != self.subscriptions.generation() {
            self.channels.remember(state, self.subscriptions.route(&channel.topic));
        }
    }
}
