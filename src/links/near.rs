//! The hub's side of a link: a session that is listened to whether the far side is there or not, the queue of what waits,
//! and last values for a far side that has none.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::carry::{ANNOUNCED, Carry};
use super::estate::Estate;
use super::guard::Member;
use super::house::House;
use super::queue::{Entry, Queue};
use super::report::Report;
use super::rules::{REMOTE_LIMITS, Retain, Rule};
use super::settings::LinkSettings;
use super::shelf::Shelf;
use crate::connection::Turn;
use crate::hub::{
    Client, Drained, Found, Hub, Outbox, Publication, Rates, Relayed, Rights, Session, Side, Until,
};
use crate::moment::{Moment, Steady};
use crate::topic::{Base, Filter, Topic};

/// What is taken from the hub at one time, about so many bytes; and what waits to be written on a connection, from which on
/// nothing new is put there.
pub(super) const CHUNK: usize = 64 * 1024;
/// Last values that are taken from the hub ahead of what the far side takes.
const LAST_VALUES: usize = 1000;
/// Room for so many messages is kept between two looks.
const KEPT: usize = 64;

/// Last values of a far side that calls so what is published retained just now, too, come within so long after we are connected.
const LAST_VALUES_COME: Duration = Duration::from_secs(10);

/// How things stand with the last values that the far side is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Recall {
    /// It has them, or wants none.
    Done,
    /// The hub is yet to be asked for them: the far side is away, or too much waits for it.
    Due,
    /// The hub was asked, and they come.
    Coming,
}

/// The hub's side of a link.
pub(super) struct Near {
    /// What is said of the link, and what is counted.
    pub(super) report: Report,
    /// What a message becomes on its way over the link.
    pub(super) carry: Carry,
    settings: Arc<LinkSettings>,
    hub: Arc<Hub>,
    session: Session,
    queue: Queue,
    shelf: Shelf,
    recall: Recall,
    is_connected: bool,
    /// When it was last connected.
    since: Instant,
    /// Room for what is taken from the hub.
    heard: Vec<Relayed>,
    /// What was done since all other sockets had their turn.
    turn: Turn,
    /// Which of what the rules carry the far side takes; all of it where nobody picks.
    picks: Option<Picks>,
    /// What Home Assistant is told there.
    house: Option<Box<House>>,
}

/// Says of a topic, as it is called at the far side, whether the far side takes what is said there.
pub(super) type Picks = Box<dyn Fn(&Topic) -> bool + Send + Sync>;

impl Near {
    pub(super) fn new(hub: &Arc<Hub>, settings: &Arc<LinkSettings>, member: Member) -> Self {
        Self {
            report: Report::new(hub, settings),
            carry: Carry::new(hub, settings, member),
            session: session(hub, settings),
            queue: Queue::new(settings.queue_messages, settings.queue_bytes),
            shelf: Shelf::new(hub, settings),
            recall: Recall::Done,
            is_connected: false,
            since: Instant::now(),
            heard: Vec::new(),
            turn: Turn::default(),
            picks: None,
            house: None,
            settings: Arc::clone(settings),
            hub: Arc::clone(hub),
        }
    }

    /// Only what this picks goes out: the far side takes some of what the rules carry, and which that is it says itself.
    pub(super) fn only(&mut self, picks: Picks) {
        self.picks = Some(picks);
    }

    /// Home Assistant is at the far side, and is told what the rules carry.
    pub(super) fn tell_home_assistant(&mut self, prefix: &str) {
        self.house = Some(Box::new(House::new(prefix)));
        // What there is already is seen with the first connection, also where the broker knows us from before.
        self.recall = Recall::Due;
    }

    pub(super) fn settings(&self) -> &Arc<LinkSettings> {
        &self.settings
    }

    /// Where what the hub has for the link is waited for; `None` while there is no room for it. Last values wait in the
    /// hub at no cost, so they come no faster than they go.
    pub(super) fn outbox_with_room(&self) -> Option<&Arc<Outbox>> {
        (self.recall != Recall::Coming || self.room() > 0).then(|| self.session.outbox())
    }

    /// Where what the hub has for the link is waited for.
    pub(super) fn outbox(&self) -> &Arc<Outbox> {
        self.session.outbox()
    }

    pub(super) fn hear(&mut self, found: Found) {
        match found {
            Found::Overflow => self.begin_anew(),
            Found::Something | Found::Urgent => _ = self.gather(CHUNK),
        }
    }

    /// The hub has given up what waited for us.
    fn begin_anew(&mut self) {
        let lost = self.session.outbox().thrown();
        self.session = session(&self.hub, &self.settings);
        self.report.overflowed(lost);
        self.want_last_values();
    }

    /// The far side is there.
    pub(super) fn connected(&mut self, wants_last_values: bool) {
        self.is_connected = true;
        // The file of the store may have been found late.
        self.claim();
        self.since = Instant::now();
        if wants_last_values || self.recall != Recall::Done {
            self.want_last_values();
            // What waits already is found there before it is sent.
            if self.outbox_with_room().is_some() {
                self.gather(CHUNK);
            }
        }
    }

    /// Whether the last values of the far side may still be coming.
    fn is_new(&self) -> bool {
        self.since.elapsed() < LAST_VALUES_COME
    }

    /// The far side is gone.
    pub(super) fn disconnected(&mut self) {
        self.is_connected = false;
    }

    /// Asks the hub for last values, if any rule carries some.
    fn want_last_values(&mut self) {
        if let Some(house) = &mut self.house {
            house.begins_anew();
        }
        let tells = |rule: &Rule| rule.direction.is_out() && rule.retain != Retain::Never;
        self.recall = if self.settings.rules.iter().any(tells) { Recall::Due } else { Recall::Done };
        self.recall_if_due();
    }

    /// Asks for last values when there is room for them. Until then the link listens to the hub, as a long queue would
    /// otherwise have the messages of this moment wait in the hub, which has less room for them.
    pub(super) fn recall_if_due(&mut self) {
        if self.recall == Recall::Due && self.is_connected && self.room() > 0 {
            self.recall = Recall::Coming;
            self.session.recall();
        }
    }

    /// Takes over what waited for a link that had this name.
    pub(super) fn inherit(&mut self, mut estate: Estate) {
        let (waiting, session) = estate.take();
        if let Some(mut session) = session {
            session.follow(&filters(&self.settings));
            self.session = session;
        }
        let mut unnamed = 0;
        for entry in waiting {
            if entry.stored.is_some() || entry.rule == ANNOUNCED {
                // It goes out as it was queued.
                self.offer(entry);
                continue;
            }
            let is_last_value = entry.relayed.is_last_value;
            match self.for_far(entry.relayed, entry.heard) {
                Some(entry) => self.offer(entry),
                // Last values are asked for on connecting.
                None => unnamed += u64::from(!is_last_value),
            }
        }
        self.report.inherited(self.queue.len(), unnamed);
    }

    /// What waits, for whoever comes after: what was on its way, and then the queue.
    pub(super) fn estate(&mut self, on_the_way: Vec<Entry>) -> Estate {
        let queued = std::iter::from_fn(|| self.queue.pop());
        let waiting = on_the_way.into_iter().chain(queued).collect();
        let deaf = connect(&self.hub, &self.settings);
        let session = std::mem::replace(&mut self.session, deaf);
        Estate::new(&self.settings.name, self.report.figures(), waiting, session)
    }

    fn room(&self) -> usize {
        self.settings.queue_messages.min(LAST_VALUES).saturating_sub(self.queue.len())
    }

    /// Takes all that the hub has for the far side. For the end of the link, after which nobody would take it.
    pub(super) fn gather_all(&mut self) {
        self.is_connected = false;
        if matches!(self.session.outbox().look(Until::Overflow), Some(Found::Overflow)) {
            self.begin_anew();
        }
        // Who connects next asks for last values anew.
        self.session.abandon_look_ups();
        while self.gather(usize::MAX) != Drained::Everything {}
    }

    /// Takes what the hub has for the far side, about so many bytes of it. Says whether there is more.
    pub(super) fn gather(&mut self, bytes: usize) -> Drained {
        let (now, mut heard, mut sum) = (Moment::now(), std::mem::take(&mut self.heard), 0);
        let drained = loop {
            let remains = self.session.take(bytes.saturating_sub(sum), now, &mut |relayed: Relayed| {
                sum += relayed.message.len();
                heard.push(relayed);
            });
            self.report.skipped(remains.skipped);
            if remains.drained == Drained::Everything {
                if self.recall == Recall::Coming && self.is_connected {
                    self.recall = Recall::Done;
                }
                break remains.drained;
            }
            if sum >= bytes
                || matches!(remains.drained, Drained::Later(_))
                || (self.is_connected && self.recall == Recall::Coming && heard.len() >= self.room())
            {
                break remains.drained;
            }
        };
        self.turn.read(sum);
        for relayed in heard.drain(..) {
            self.note_for_house(&relayed.message);
            if let Some(entry) = self.for_far(relayed, now.steady()) {
                self.offer(entry);
            }
        }
        if heard.capacity() <= KEPT {
            self.heard = heard;
        }
        drained
    }

    /// Home Assistant may have to be told something of a message.
    fn note_for_house(&mut self, message: &Publication) {
        if let Some(house) = &mut self.house
            && let Some((_, rule)) = self.carry.rule_for(message)
        {
            house.note(message, rule);
        }
    }

    /// Whether Home Assistant is to be told something, and there is room for it.
    pub(super) fn has_news(&self) -> bool {
        self.is_connected && self.room() > 0 && self.house.as_ref().is_some_and(|house| house.has_news())
    }

    /// Tells Home Assistant a piece of that. It takes no more of the queue than there is free, and others have their turn before the
    /// next piece.
    pub(super) fn announce(&mut self) {
        let room = self.room();
        if self.has_news()
            && let Some(house) = &mut self.house
        {
            for entry in house.news(room, &self.settings.rules, Moment::now()) {
                self.offer(entry);
            }
            self.turn.give_up();
        }
    }

    fn offer(&mut self, mut entry: Entry) {
        if entry.stored.is_none() && !entry.relayed.is_last_value {
            entry.stored = self.shelf.put(&self.carry, &self.report, &entry);
        }
        let gave_way = self.queue.offer(entry);
        self.report.gave_way(&gave_way, &self.queue);
    }

    /// Whether a message is to go out, and by which rule.
    fn for_far(&self, relayed: Relayed, heard: Steady) -> Option<Entry> {
        let (number, rule) = self.carry.rule_for(&relayed.message)?;
        if let Some(picks) = &self.picks
            && !rule.outward(&relayed.message.topic).is_some_and(|topic| picks(&topic))
        {
            return None;
        }
        // While the far side is away nothing is to be recalled: that is done when it is back.
        let is_needless = relayed.is_last_value && (!self.is_connected || rule.retain == Retain::Never);
        (!is_needless).then_some(Entry { relayed, rule: number, stored: None, heard })
    }

    /// Takes what the store has for a link of this name, in front of what waits.
    pub(super) fn claim(&mut self) {
        let (claimed, lost) = self.shelf.claim(&self.report, Moment::now());
        if !claimed.is_empty() || lost > 0 {
            self.report.came_back(claimed.len(), lost);
            self.put_back(claimed.into_iter());
        }
    }

    /// The next message for the far side. What is older than its sender or the link allows is left out and counted.
    pub(super) fn pop(&mut self, now: Moment) -> Option<Entry> {
        loop {
            let entry = self.queue.pop()?;
            if !Shelf::may_go(&entry, &self.report, now) {
                continue;
            }
            // A safe command is owed until a node has it, however late that is.
            let is_owed = entry.relayed.message.is_safe_command();
            if !is_owed && self.settings.patience.is_some_and(|most| now.steady().since(entry.heard) > most) {
                self.report.lose(&entry, "it has waited for longer than wait_seconds allows");
                continue;
            }
            if !entry.relayed.message.has_expired(now) {
                return Some(entry);
            }
            self.hub.figures().expired.add(1);
        }
    }

    /// Puts back what was on its way, in front of what waits.
    pub(super) fn put_back(&mut self, entries: impl DoubleEndedIterator<Item = Entry>) {
        let gave_way = self.queue.put_back(entries);
        self.report.gave_way(&gave_way, &self.queue);
    }

    /// Messages that wait.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Whether a rule asks for what the far side says under a topic. What is no topic is somebody else's affair.
    pub(super) fn asks_for(&self, topic: &str) -> bool {
        Topic::parse(topic, &REMOTE_LIMITS)
            .map_or(true, |topic| self.settings.rules.for_remote(&topic).is_some())
    }

    /// Takes a message of the far side in. It is done with when this returns: it was routed, or it never will be.
    pub(super) fn arrive(&mut self, arrived: &super::carry::Arrived<'_>) {
        self.turn.read(arrived.topic.len() + arrived.payload.len());
        let seems_old = || arrived.retain && (self.carry.retained_is_old() || self.is_new());
        let was_kept = arrived.is_old.unwrap_or_else(seems_old);
        let verdict = self.carry.inward(&self.session, arrived, was_kept);
        self.report.arrived(arrived.topic, verdict);
    }

    /// Something of so many bytes was taken from the far side.
    pub(super) fn took(&mut self, bytes: usize) {
        self.turn.took(bytes);
    }

    /// Whether it is the others' turn: neither a broker nor the hub may keep all sockets waiting for a link.
    pub(super) fn is_turn_over(&self) -> bool {
        self.turn.has_taken_enough()
    }

    /// Has all other sockets have their turn, if this one is over.
    pub(super) async fn end_turn(&mut self) {
        if self.is_turn_over() {
            self.turn = Turn::default();
            tokio::task::yield_now().await;
        }
    }

    /// Counts what waits, here and on its way.
    pub(super) fn measure(&mut self, on_the_way: (usize, usize)) {
        self.report.measure(&self.queue, on_the_way);
    }
}

/// The link's stay at the hub.
fn session(hub: &Arc<Hub>, settings: &LinkSettings) -> Session {
    let mut session = connect(hub, settings);
    session.follow(&filters(settings));
    session
}

/// A stay that hears nothing yet.
fn connect(hub: &Arc<Hub>, settings: &LinkSettings) -> Session {
    let client = Client {
        user: format!("bridge:{}", settings.name).into(),
        rights: Arc::new(Rights::everything()),
        base: Base::ROOT,
        side: Side::Link,
        rates: Rates::UNLIMITED,
    };
    hub.connect(client, Moment::now())
}

/// What is to be heard.
fn filters(settings: &LinkSettings) -> Vec<Filter> {
    let out = settings.rules.iter().filter(|rule| rule.direction.is_out());
    out.map(|rule| rule.local.filter.clone()).collect()
}
