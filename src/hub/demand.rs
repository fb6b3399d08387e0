//! What the clients of this hub ask for, for whoever brings it from other hubs: which filters are held by at least one of
//! them, and whether that is in effect where it has to be. Where nobody brings anything there is no such book, and it costs
//! nothing.
//!
//! A client that asks for filters waits with its switch until all that was asked for up to then is [in
//! effect](Demand::in_effect). Who brings sees to it that this comes in time, whatever happens elsewhere.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use foldhash::fast::RandomState;
use parking_lot::Mutex;

use super::outbox::{Outbox, SessionId};
use super::session::Session;
use super::step::{Change, Occasion, Step};
use crate::topic::Filter;

/// The book.
#[derive(Debug)]
pub struct Demand(Mutex<Book>);

/// How far the changes have come, as a number that grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Asked(u64);

impl Asked {
    /// As a number, for those who send it away and get it back.
    pub fn number(self) -> u64 {
        self.0
    }

    /// What was sent away as a number.
    pub fn from_number(number: u64) -> Self {
        Self(number)
    }
}

/// What has changed since it was looked at last.
#[derive(Debug, Default)]
pub struct Changes {
    /// How far that goes.
    pub asked: Asked,
    /// Each filter with whether it is held now. At most as many as were held then and are held now.
    pub filters: Vec<(Filter, bool)>,
    /// Filters that are to be heard for a while, whether anybody holds them or not.
    pub for_a_while: Vec<(Filter, Duration)>,
}

#[derive(Debug)]
struct Book {
    holders: HashMap<Filter, u32, RandomState>,
    /// What has not been taken: a filter that comes and goes in between is in here no more.
    changes: HashMap<Filter, bool, RandomState>,
    for_a_while: HashMap<Filter, Duration, RandomState>,
    asked: u64,
    in_effect: u64,
    /// Whether it makes sense to wait.
    is_there: bool,
    /// Clients that wait.
    waiting: HashMap<SessionId, Weak<Outbox>, RandomState>,
    reader: Waker,
}

impl Default for Demand {
    fn default() -> Self {
        Self(Mutex::new(Book {
            holders: HashMap::default(),
            changes: HashMap::default(),
            for_a_while: HashMap::default(),
            asked: 0,
            in_effect: 0,
            is_there: false,
            waiting: HashMap::default(),
            reader: Waker::noop().clone(),
        }))
    }
}

impl Book {
    fn note(&mut self, filter: Filter, is_held: bool) {
        if self.changes.get(&filter) == Some(&!is_held) {
            self.changes.remove(&filter);
        } else {
            self.changes.insert(filter, is_held);
            // Nobody waits for what goes, and nobody says that it is in effect.
            self.asked += u64::from(is_held);
            self.reader.wake_by_ref();
        }
    }

    /// Who waits is woken.
    fn wake(&mut self) {
        for outbox in std::mem::take(&mut self.waiting).values().filter_map(Weak::upgrade) {
            outbox.lock().reader.wake_by_ref();
        }
    }
}

impl Demand {
    /// One more holds these. Each is to be [released](Self::release) once.
    pub(super) fn want<'f>(&self, filters: impl Iterator<Item = &'f Filter>) {
        let mut book = self.0.lock();
        for filter in filters {
            let holders = book.holders.entry(filter.clone()).or_default();
            *holders += 1;
            if *holders == 1 {
                book.note(filter.clone(), true);
            }
        }
    }

    /// One less holds these.
    pub(super) fn release<'f>(&self, filters: impl Iterator<Item = &'f Filter>) {
        let mut book = self.0.lock();
        for filter in filters {
            let Some(holders) = book.holders.get_mut(filter) else { continue };
            *holders -= 1;
            if *holders == 0 {
                book.holders.remove(filter);
                book.note(filter.clone(), false);
            }
        }
    }

    /// The hub itself waits for something of this filter, for so long.
    pub(super) fn want_for(&self, filter: Filter, time: Duration) {
        let mut book = self.0.lock();
        let longest = book.for_a_while.entry(filter).or_default();
        *longest = time.max(*longest);
        book.reader.wake_by_ref();
    }

    /// How far the changes have come by now.
    pub fn asked(&self) -> Asked {
        Asked(self.0.lock().asked)
    }

    /// Whether all that was asked for up to there is in effect, or need not be waited for. If not, the reader of this outbox
    /// is woken when it is.
    pub(super) fn is_in_effect(&self, asked: Asked, outbox: &Outbox) -> bool {
        let mut book = self.0.lock();
        let is_there = book.is_there && book.in_effect < asked.0;
        if is_there {
            book.waiting.entry(outbox.id).or_insert_with(|| outbox.myself());
        }
        !is_there
    }

    /// Whether there are changes to be taken. One waits at a time.
    pub fn poll_changes(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut book = self.0.lock();
        book.reader.clone_from(cx.waker());
        if book.changes.is_empty() && book.for_a_while.is_empty() { Poll::Pending } else { Poll::Ready(()) }
    }

    /// Takes the changes.
    pub fn take(&self) -> Changes {
        let mut book = self.0.lock();
        Changes {
            asked: Asked(book.asked),
            filters: std::mem::take(&mut book.changes).into_iter().collect(),
            for_a_while: std::mem::take(&mut book.for_a_while).into_iter().collect(),
        }
    }

    /// All that was asked for up to there is in effect, or will not be waited for any longer.
    pub fn in_effect(&self, asked: Asked) {
        let mut book = self.0.lock();
        if asked.0 > book.in_effect {
            book.in_effect = asked.0;
            book.wake();
        }
    }

    /// Whether anybody waits.
    pub fn is_waited_for(&self) -> bool {
        !self.0.lock().waiting.is_empty()
    }

    /// Whether there is somebody who brings: while there is not, nobody waits.
    pub fn is_there(&self, is_there: bool) {
        let mut book = self.0.lock();
        book.is_there = is_there;
        if !is_there {
            book.wake();
        }
    }

    /// How many filters are held.
    pub fn held(&self) -> usize {
        self.0.lock().holders.len()
    }
}

/// The book of a hub, once somebody brings.
pub(super) type Demanded = std::sync::OnceLock<Arc<Demand>>;

impl Session {
    /// Asks other hubs for what comes.
    pub(super) fn ask_others(&self, change: &mut Change) -> usize {
        let next = match change.occasion {
            Occasion::Inside | Occasion::Withdrawn => Step::Switch,
            Occasion::Subscription | Occasion::Settings(..) => Step::Await,
        };
        let piece = change.piece(change.new.len(), next);
        if let Some(demand) = self.hub.demand.get() {
            demand.want(change.new.get(piece.clone()).unwrap_or_default().iter());
            change.demanded = piece.end;
            change.awaited = demand.asked();
        }
        piece.len()
    }

    pub(super) fn is_in_effect(&self, change: &Change) -> bool {
        change.new.is_empty()
            || self.hub.demand.get().is_none_or(|demand| demand.is_in_effect(change.awaited, &self.outbox))
    }

    /// Whether the client's last request waits for other hubs. When it need not any more, the reader is woken.
    pub(crate) fn awaits(&self) -> bool {
        let pending = self.pending.as_ref().filter(|change| change.step == Step::Await);
        pending.is_some_and(|change| !self.is_in_effect(change))
    }

    /// Does what waits for other hubs although that is not in effect there yet.
    pub(super) fn wait_no_longer(&mut self) {
        if let Some(change) = self.pending.as_mut().filter(|change| change.step == Step::Await) {
            change.step = Step::Switch;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::Limits;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn filter(text: &str) -> Filter {
        Filter::parse(text, &Limits::default()).unwrap()
    }

    #[test]
    fn only_the_first_holder_and_the_last_one_are_told() {
        let (demand, a) = (Demand::default(), filter("a/#"));
        demand.want([&a].into_iter());
        demand.want([&a].into_iter());
        assert_eq!(demand.take().filters, [(a.clone(), true)]);
        demand.release([&a].into_iter());
        assert_eq!(demand.take().filters, []);
        demand.release([&a].into_iter());
        assert_eq!((demand.take().filters, demand.held()), (vec![(a.clone(), false)], 0));
        // What comes and goes between two looks is no change, and what goes and comes neither.
        demand.want([&a].into_iter());
        demand.release([&a].into_iter());
        assert_eq!(demand.take().filters, []);
    }

    #[test]
    fn who_asks_for_what_is_held_waits_for_nothing_whoever_has_gone_since() {
        let (demand, a, b) = (Demand::default(), filter("a"), filter("b"));
        demand.want([&a, &b].into_iter());
        let asked = demand.take().asked;
        demand.in_effect(asked);
        demand.release([&b].into_iter());
        demand.take();
        demand.want([&a].into_iter());
        assert_eq!(demand.asked(), asked);
        demand.want([&b].into_iter());
        assert!(demand.asked() > asked);
    }

    proptest! {
        #[test]
        fn who_adds_up_the_changes_knows_what_is_held(steps in prop::collection::vec((0..3_u8, 0..4_u8), 0..100)) {
            let demand = Demand::default();
            let (mut held, mut known) = (BTreeMap::<Filter, u32>::new(), BTreeMap::<Filter, bool>::new());
            for (what, which) in steps {
                let one = filter(&format!("a/{which}"));
                match what {
                    0 => {
                        demand.want([&one].into_iter());
                        *held.entry(one).or_default() += 1;
                    }
                    1 if held.get(&one).is_some_and(|holders| *holders > 0) => {
                        demand.release([&one].into_iter());
                        *held.entry(one).or_default() -= 1;
                    }
                    1 => demand.release([&one].into_iter()),
                    _ => {
                        let changes = demand.take().filters;
                        prop_assert!(changes.len() <= 4);
                        known.extend(changes);
                    }
                }
            }
            known.extend(demand.take().filters);
            for (filter, holders) in held {
                prop_assert_eq!(known.get(&filter).copied().unwrap_or(false), holders > 0);
            }
        }
    }
}
