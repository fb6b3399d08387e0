//! One client's stay at the hub. Whoever holds a [`Session`] has been let in; dropping it means leaving.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::allowance::{A_FILTER, A_LAST_VALUE, Allowance, Excess, Rates, STEPS_A_FRAME};
use super::branches::{Branches, TooMany};
use super::generation::Generation;
use super::look_up::{LookUps, Progress};
use super::outbox::{Outbox, Pause, SessionId, Taken};
use super::presence;
use super::publication::{Publication, View};
use super::queue::Item;
use super::rights::Rights;
use super::trie::Id;
use super::{Hub, Retention};
use crate::moment::Moment;
use crate::talk::{Kind, Reply};
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
    /// There is more, but others are to have their turn before; or, if a time is given, the client has to wait so long
    /// for its next last values.
    Later(Duration),
}

/// So many steps are taken for one session before others have their turn: less than a millisecond.
const TURN: u32 = 8192;

/// Filters that may be remembered for look-ups that are under way, as a multiple of those that a session may hold.
const REMEMBERED: usize = 3;

/// The next last value of those whose turn it is.
pub(super) enum NextValue {
    /// This one.
    Is(Publication),
    /// There are no more.
    None,
    /// It is to be looked up later: see [`Drained::Later`].
    Later(Duration),
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
    /// The last values that are still to be looked up.
    pub(super) look_ups: Option<Box<LookUps>>,
    /// Steps that were taken since others had their turn.
    turn: u32,
    pub(super) wishes: Wishes,
    pub(super) opened: bool,
    will: Option<Will>,
    /// What is held for it outside of the hub.
    outside: usize,
    pub(super) taken: VecDeque<Item>,
}

impl Hub {
    /// Lets a client in. A node-side client is announced under its base.
    pub fn connect(self: &Arc<Self>, client: Client, now: impl Into<Moment>) -> Session {
        let now = now.into();
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
            allowance: Allowance::new(client.rates, now.steady()),
            client,
            outbox,
            filters: Box::default(),
            look_ups: None,
            turn: 0,
            wishes: Wishes::default(),
            opened: false,
            will: None,
            outside: 0,
            taken: VecDeque::new(),
        }
    }

    fn announce(&self, base: &Base, state: &str, now: Moment) {
        let payload = presence::payload(state, now.wall());
        if let Ok(topic) = base.topic(presence::NAME, &self.settings.topic) {
            let mut message = Publication::new(topic, &payload, Kind::Reading, "hub".into(), now.wall());
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
    pub fn drain(
        &mut self,
        bytes: usize,
        now: impl Into<Moment>,
        write: &mut impl FnMut(&[&[u8]]),
    ) -> Drained {
        let now = now.into();
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
            let Some(generation) = taken.last_values else { continue };
            loop {
                if written >= bytes {
                    return Drained::More;
                }
                match self.next_value(generation, now) {
                    NextValue::Is(message) => written += self.write_last_value(&message, now, write),
                    NextValue::None => break,
                    NextValue::Later(wait) => return Drained::Later(wait),
                }
            }
        }
    }

    /// Returns how many bytes these are.
    fn write_last_value(
        &self,
        message: &Publication,
        now: Moment,
        write: &mut impl FnMut(&[&[u8]]),
    ) -> usize {
        let mut written = 0;
        let is_sent = self.write_message(message, true, now, &mut |pieces: &[&[u8]]| {
            written += pieces.iter().map(|piece| piece.len()).sum::<usize>();
            write(pieces);
        });
        self.hub.figures.sent.add(u64::from(is_sent));
        written
    }

    /// The next of the last values whose turn it is. It is looked up in steps that are counted, less those that were
    /// delivered live.
    pub(super) fn next_value(&mut self, generation: Generation, now: Moment) -> NextValue {
        loop {
            let Some(look_ups) = &mut self.look_ups else {
                self.outbox.last_values_done();
                return NextValue::None;
            };
            while let Some(channel) = look_ups.next(generation) {
                if self.outbox.view.names(&channel.topic)
                    && let Some(message) = channel.last_value_for(generation)
                {
                    return NextValue::Is(message);
                }
            }
            if let Some(wait) = self.wait_for_steps(now) {
                return NextValue::Later(wait);
            }
            if self.look_up(generation) == Progress::Done {
                self.outbox.last_values_done();
                return NextValue::None;
            }
        }
    }

    /// Whether the next steps have to wait, for the client's allowance or for the turn of others.
    fn wait_for_steps(&mut self, now: Moment) -> Option<Duration> {
        let (taken, found) = self.look_ups.as_ref()?.work();
        let wait = self.allowance.look_up_waits(taken, found, now.steady());
        if wait.is_none() && self.turn < TURN {
            return None;
        }
        self.turn = 0;
        self.outbox.pause(if wait.is_some() { Pause::Allowance } else { Pause::Turn });
        Some(wait.unwrap_or_default())
    }

    fn look_up(&mut self, generation: Generation) -> Progress {
        let Some(look_ups) = &mut self.look_ups else { return Progress::Done };
        let steps = TURN.saturating_sub(self.turn) as usize;
        let progress = self.hub.with_index(|index| look_ups.go_on(generation, index, steps));
        if look_ups.are_done() {
            self.look_ups = None;
        }
        if let Progress::Went { steps, found } = progress {
            let work = steps + found * A_LAST_VALUE;
            self.allowance.took(work);
            self.turn = self.turn.saturating_add(u32::try_from(work).unwrap_or(u32::MAX));
        }
        progress
    }

    /// Takes items that have about so many bytes.
    fn drain_once(&mut self, bytes: usize, now: Moment, write: &mut impl FnMut(&[&[u8]])) -> Taken {
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

    fn write(&self, item: &Item, now: Moment, write: &mut impl FnMut(&[&[u8]])) -> bool {
        match item {
            Item::Reply(text) => {
                write(&[text.as_bytes()]);
                true
            }
            Item::Message(message) => self.write_message(message, false, now, write),
            Item::LastValues(_) => false,
        }
    }

    fn write_message(
        &self,
        message: &Publication,
        retained: bool,
        now: Moment,
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
    pub fn count_sign(&mut self, now: impl Into<Moment>) -> Result<(), Excess> {
        self.allowance.frame(now.into().steady())
    }

    pub(super) fn count_frame(&mut self, now: Moment) -> Result<(), Excess> {
        self.hub.figures.received.add(1);
        self.allowance.frame(now.steady())
    }

    pub(super) fn count_bad_frame(&mut self, now: Moment) -> Result<(), Excess> {
        self.hub.figures.bad_frames.add(1);
        self.allowance.bad_frame(now.steady())
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

    /// The filters that it holds.
    pub(super) fn held(&self) -> Vec<Filter> {
        self.hub.subscriptions.held(&self.filters, &self.hub.settings.topic)
    }

    /// Counts a request about the subscription that names so many filters, before it is looked at.
    pub(super) fn count_request(&mut self, filters: usize, now: Moment) -> Result<(), Excess> {
        let steps = STEPS_A_FRAME as usize + A_FILTER * (filters + self.filters.len());
        self.turn = self.turn.saturating_add(u32::try_from(steps).unwrap_or(u32::MAX));
        self.allowance.request(steps, now.steady())
    }

    /// Whether what the client asked for was so much work that others are to have their turn now. Then the next turn
    /// begins.
    pub fn end_turn(&mut self) -> bool {
        let is_over = self.is_turn_over();
        if is_over {
            self.turn = 0;
        }
        is_over
    }

    pub(super) fn is_turn_over(&self) -> bool {
        self.turn >= TURN
    }

    /// Makes room for these filters in place of the ones held. Nothing is changed before it is
    /// [carried out](Self::carry_out), which has to follow.
    pub(super) fn plan(&self, filters: Vec<Filter>, last_values: LastValues) -> Result<Change, TooMany> {
        let held = self.held();
        let mut places: HashMap<&Filter, (usize, Id)> =
            held.iter().zip(self.filters.iter().copied().enumerate()).collect();
        let stays: Vec<_> = filters.iter().map(|filter| places.remove(filter).map(|(_, id)| id)).collect();
        let mut gone: Vec<_> = places.into_values().collect();
        gone.sort_unstable();
        let change = Change { held, gone, filters, stays, last_values };
        let new: Vec<&Filter> = change.added().collect();
        // The filters of links are the operator's.
        let is_bounded = self.client.side != Side::Link;
        if last_values == LastValues::New
            && let Some(look_ups) = &self.look_ups
            && look_ups.stretches() + new.len() > self.hub.settings.filters.saturating_mul(REMEMBERED)
        {
            return Err(TooMany::Changes(look_ups.stretches()));
        }
        if is_bounded && new.iter().any(|filter| Branches::concern(filter.as_str())) {
            Branches::check(change.filters.iter())?;
        }
        self.hub.subscriptions.reserve(&new, is_bounded)?;
        Ok(change)
    }

    /// Changes the subscription, and puts the answer and then the place of the last values into the outbox, all in one
    /// piece.
    pub(super) fn carry_out(&mut self, change: Change, answer: Answer) {
        let new: Vec<&Filter> = change.added().collect();
        let gone: Vec<Id> = change.gone.iter().map(|(_, id)| *id).collect();
        let is_wanted = match change.last_values {
            LastValues::None => false,
            LastValues::All => !change.filters.is_empty(),
            LastValues::New => !new.is_empty(),
        };
        if change.last_values != LastValues::New || change.filters.is_empty() {
            self.abandon_look_ups();
        }
        let mut inside = self.outbox.lock();
        match answer {
            Answer::First(text) => inside.first.push_back(text),
            Answer::InLine(text) => {
                let offered = inside.queue.offer(Item::Reply(text));
                self.outbox.account(&mut inside, offered, "clown.talk/-");
            }
            Answer::None => {}
        }
        let (mut generation, ids) = self.hub.resubscribe(&self.outbox, &gone, &new);
        if is_wanted {
            if new.is_empty() && gone.is_empty() {
                generation = self.hub.subscriptions.renew();
            }
            inside.queue.put_last_values(generation, change.last_values == LastValues::All);
        }
        drop(inside);
        let mut ids = ids.into_iter();
        if is_wanted && change.last_values == LastValues::All {
            let mut look_ups = LookUps::default();
            look_ups.change(std::iter::empty(), change.filters.iter(), generation);
            self.look_ups = Some(Box::new(look_ups));
        } else if let Some(look_ups) = &mut self.look_ups {
            look_ups.change(change.gone(), change.added(), generation);
        } else if is_wanted {
            let mut look_ups = LookUps::of(&change.held);
            look_ups.change(change.gone(), change.added(), generation);
            self.look_ups = Some(Box::new(look_ups));
        }
        self.filters = change.stays.into_iter().filter_map(|stays| stays.or_else(|| ids.next())).collect();
        self.outbox.wake();
    }

    fn abandon_look_ups(&mut self) {
        if let Some(mut look_ups) = self.look_ups.take() {
            self.hub.with_index(|index| look_ups.abandon(index));
        }
    }
}

/// A change of the subscription for which there is room.
pub(super) struct Change {
    held: Vec<Filter>,
    /// Which of the held ones go, and what they are called.
    gone: Vec<(usize, Id)>,
    filters: Vec<Filter>,
    /// What those are called that are held already.
    stays: Vec<Option<Id>>,
    last_values: LastValues,
}

impl Change {
    /// The filters that are to be held.
    pub(super) fn filters(&self) -> &[Filter] {
        &self.filters
    }

    fn added(&self) -> impl Iterator<Item = &Filter> {
        self.filters.iter().zip(&self.stays).filter(|(_, stays)| stays.is_none()).map(|(filter, _)| filter)
    }

    fn gone(&self) -> impl Iterator<Item = &Filter> {
        self.gone.iter().filter_map(|(at, _)| self.held.get(*at))
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
        let now = Moment::now();
        self.abandon_look_ups();
        self.hub.resubscribe(&self.outbox, &self.filters, &[]);
        self.outbox.close();
        if let Some(will) = self.will.take() {
            let retention = self.usual_retention(&will.topic, will.kind);
            let from = Arc::clone(&self.client.user);
            let message = Publication::new(will.topic, &will.payload, will.kind, from, now.wall());
            // A store that is full is in the log; nobody is left to be told.
            let _ = self.route(message, retention, None);
        }
        if self.client.side == Side::Node {
            self.hub
                .presence
                .leave(&self.client.base, || self.hub.announce(&self.client.base, "offline", now));
        }
        self.hub.figures.clients.sub(1);
    }
}
