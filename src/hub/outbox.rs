//! The queue between the hub and one reader. The hub puts in without ever waiting; the reader is woken once when
//! something is there, and takes all it can carry.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::net::Ipv6Addr;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use parking_lot::{Mutex, MutexGuard};

use super::budget::{Budget, Network};
use super::figures::Figures;
use super::held::{self, Held, plus};
use super::publication::{Publication, View};
use super::queue::{Bounds, Item, Offered, Queue};
use super::session::Side;
use super::waiting::{Found, Pause, Taken, Until};
use crate::seldom::Seldom;

static BEHIND: Seldom = Seldom::new();
static CAUGHT_UP: Seldom = Seldom::new();
static GIVEN_UP: Seldom = Seldom::new();
static UNSENT: Seldom = Seldom::new();

/// A session's number; never used twice while the hub runs.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

/// One session's queue, as publishers see it.
#[derive(Debug)]
pub struct Outbox {
    /// Whose it is.
    pub id: SessionId,
    /// From where its owner reads.
    pub view: View,
    /// Who reads, and on which side.
    pub(super) user: Arc<str>,
    pub(super) side: Side,
    pub(super) network: AtomicU64,
    echo: AtomicBool,
    /// The owner's messages whose answers wait until they are on the disk.
    pub(super) unconfirmed: AtomicU32,
    pub(super) part: super::care::Part,
    pub(super) noted: super::lasting::Part,
    inside: Mutex<Inside>,
    pub(super) figures: Arc<Figures>,
    budget: Arc<Budget>,
    myself: Weak<Outbox>,
}

#[derive(Debug)]
pub(super) struct Inside {
    pub(super) queue: Queue,
    /// What the client has named itself.
    pub(super) name: Option<Arc<str>>,
    /// Where it is; it changes where a session goes on over another connection.
    pub(super) address: Ipv6Addr,
    /// Goes out before everything else, each alone, also where nothing else may yet: the answers to requests to open
    /// the transmission, up to and with the one that opens it.
    pub(super) first: VecDeque<String>,
    /// Readings that gave way and have not been told to the client.
    pub(super) untold: u32,
    /// What was thrown away when the queue was given up, and since.
    thrown: u32,
    /// Readings that gave way since the reader fell behind; for the log.
    behind: Option<NonZeroU64>,
    /// Who is to be told that something is there.
    pub(super) reader: Waker,
    /// Whether the reader has looked, found nothing, and waits to be told.
    is_asleep: bool,
    /// What keeps the last values whose turn it is.
    pub(super) pause: Pause,
    /// At so many bytes in the queue it is weighed again.
    weigh_at: usize,
    /// What it was found to hold then; an idle reader has no such book.
    held: Option<Box<Held>>,
}

impl Inside {
    /// What the reader held when it was cut off.
    fn cut_off(&self) -> Option<usize> {
        self.held.as_ref().and_then(|held| held.cut_off)
    }

    /// Gives the queue up. Returns how many frames that were.
    pub(super) fn lose_everything(&mut self) -> u64 {
        let lost = self.queue.give_up();
        self.first.clear();
        self.thrown = plus(self.thrown, lost);
        lost
    }

    /// Tells the reader, once for each time that it found nothing.
    pub(super) fn wake(&mut self) {
        if std::mem::take(&mut self.is_asleep) {
            self.reader.wake_by_ref();
        }
    }
}

impl Outbox {
    pub(super) fn new(
        id: SessionId,
        view: View,
        user: Arc<str>,
        (side, address): (Side, Ipv6Addr),
        bounds: Bounds,
        figures: Arc<Figures>,
        budget: Arc<Budget>,
    ) -> Arc<Self> {
        let inside = Inside {
            queue: Queue::new(bounds),
            name: None,
            address,
            first: VecDeque::new(),
            untold: 0,
            thrown: 0,
            behind: None,
            reader: Waker::noop().clone(),
            is_asleep: false,
            pause: Pause::None,
            weigh_at: held::STEP,
            held: None,
        };
        Arc::new_cyclic(|myself| Self {
            id,
            view,
            user,
            side,
            network: AtomicU64::new(Network::INSIDE.0),
            echo: AtomicBool::new(false),
            unconfirmed: AtomicU32::new(0),
            part: super::care::Part::default(),
            noted: super::lasting::Part::default(),
            inside: Mutex::new(inside),
            figures,
            budget,
            myself: Weak::clone(myself),
        })
    }

    /// How this queue is reached by whoever must not keep it.
    pub(super) fn myself(&self) -> Weak<Self> {
        Weak::clone(&self.myself)
    }

    /// Whether the owner wants its own messages back.
    pub(super) fn wants_echo(&self) -> bool {
        self.echo.load(Ordering::Relaxed)
    }

    pub(super) fn set_echo(&self, echo: bool) {
        self.echo.store(echo, Ordering::Relaxed);
    }

    /// Offers a message. Never waits.
    #[inline]
    pub(super) fn offer(&self, message: &Arc<Publication>) {
        self.offer_item(Item::Message(Arc::clone(message)), message);
    }

    #[inline]
    pub(super) fn offer_item(&self, item: Item, message: &Publication) {
        let mut inside = self.lock();
        // Before it is put in: what came last has reached all its readers by now.
        self.weigh(&mut inside);
        let (was_empty, was_pressing) = (inside.queue.is_empty(), inside.queue.is_pressing());
        let offered = inside.queue.offer(item);
        self.account(&mut inside, offered, message.topic.as_str());
        if was_empty || (!was_pressing && inside.queue.is_pressing()) {
            inside.wake();
        }
    }

    /// Puts an answer of the hub in the line.
    pub(super) fn reply(&self, text: String) {
        let mut inside = self.lock();
        let offered = inside.queue.offer(Item::Reply(text));
        self.account(&mut inside, offered, "clown.talk/-");
        self.weigh(&mut inside);
        inside.wake();
    }

    /// Holds the queue, so that what several steps put into it stands in one piece.
    pub(super) fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock()
    }

    /// Tells the reader that there may be something, after what was put in under [`lock`](Self::lock).
    pub(super) fn wake(&self) {
        let mut inside = self.lock();
        self.settle(&mut inside);
        inside.wake();
    }

    /// Where the queue has grown by a step, tells it to the budget.
    fn weigh(&self, inside: &mut Inside) {
        if inside.queue.bytes() >= inside.weigh_at {
            self.settle(inside);
        }
    }

    /// Where the queue has shrunk by a step, tells it to the budget. Who was never counted has nothing to give back.
    fn weigh_less(&self, inside: &mut Inside) {
        let bytes = inside.queue.bytes();
        if inside.held.as_ref().is_some_and(|held| bytes == 0 || bytes + held::STEP <= held.bytes) {
            self.settle(inside);
        }
    }

    /// Tells the budget what is held.
    #[cold]
    pub(super) fn settle(&self, inside: &mut Inside) {
        let bytes = inside.queue.bytes();
        inside.weigh_at = bytes + held::STEP.max(bytes / 8);
        let beside = inside.queue.places() + inside.first.iter().map(String::len).sum::<usize>();
        if inside.held.is_none() && bytes + beside < held::FREE {
            return;
        }
        let readers = inside.queue.readers_of_the_last();
        let held = inside.held.get_or_insert_default();
        if let Some(counted) = held.settle(bytes, readers, beside) {
            self.budget.count(self, counted);
        }
        if held.is_little(beside) {
            inside.held = None;
        }
    }

    /// Says what the reader holds beside its queue.
    pub(super) fn hold_beside(&self, bytes: usize) {
        let mut inside = self.lock();
        if (bytes > 0 || inside.held.is_some()) && inside.cut_off().is_none() {
            inside.held.get_or_insert_default().beside = bytes;
            self.settle(&mut inside);
        }
    }

    /// Cuts off the largest holders of memory where there is too much in use. Nobody may hold a queue.
    pub(super) fn relieve(&self) {
        self.budget.relieve();
    }

    /// What the reader held when it was cut off, because the memory of the hub was used up.
    pub fn was_cut_off(&self) -> Option<usize> {
        self.lock().cut_off()
    }

    /// Throws away what waits, and ends the connection, because the memory for what waits is used up.
    pub(super) fn cut_off(&self) {
        static CUT_OFF: Seldom = Seldom::new();
        let mut inside = self.lock();
        if inside.cut_off().is_some() {
            return;
        }
        let bytes = inside.held.as_ref().map_or(0, |held| held.counted);
        let lost = inside.lose_everything();
        inside.held.get_or_insert_default().cut_off = Some(bytes);
        self.figures.lost.add(lost);
        self.figures.memory_cut.add(1);
        self.settle(&mut inside);
        if let Some(times) = CUT_OFF.again(&self.user) {
            tracing::warn!(client = %self.name_of(&inside), user = %self.user, bytes, lost, %times,
                "the memory for what waits is used up (limits.memory_bytes): a large holder is cut off with 1013");
        }
        inside.wake();
    }

    /// Waits until something is there to be taken, or the queue was given up. May be cancelled. One waits at a time.
    pub async fn ready(&self) -> Found {
        let look = |cx: &mut Context<'_>| {
            self.wakes(cx.waker());
            if self.end_turn() {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.look(Until::Something).map_or(Poll::Pending, Poll::Ready)
        };
        poll_fn(look).await
    }

    /// Says which task reads.
    pub fn wakes(&self, reader: &Waker) {
        self.lock().reader.clone_from(reader);
    }

    /// Looks whether this is there; if not, the reader is woken when it may be.
    pub fn look(&self, until: Until) -> Option<Found> {
        let mut inside = self.lock();
        if inside.queue.has_overflowed() {
            return Some(Found::Overflow);
        }
        self.weigh(&mut inside);
        if until == Until::Overflow {
            inside.is_asleep = true;
            return None;
        }
        let mut is_urgent = !inside.first.is_empty();
        let mut is_there = is_urgent
            || match until {
                Until::Something => !inside.queue.is_empty(),
                Until::Pressing => inside.queue.is_pressing(),
                Until::Urgent | Until::Overflow => false,
            };
        if until != Until::Urgent && !is_urgent && inside.queue.last_values_next().is_some() {
            // They are not collected with what follows, which may take its time.
            (is_urgent, is_there) = (true, inside.pause != Pause::Allowance);
        }
        inside.is_asleep = !is_there;
        is_there.then_some(if is_urgent { Found::Urgent } else { Found::Something })
    }

    /// Whether the reader was to let others have their turn before it looks again. Now it may.
    pub fn end_turn(&self) -> bool {
        let mut inside = self.lock();
        let is_turn = inside.pause == Pause::Turn;
        if is_turn {
            inside.pause = Pause::None;
        }
        is_turn
    }

    /// The last values whose turn it is come later. Where that is after the turn of others, the reader is woken for it.
    pub(super) fn pause(&self, pause: Pause) {
        let mut inside = self.lock();
        inside.pause = pause;
        if pause == Pause::Turn {
            inside.reader.wake_by_ref();
        }
    }

    /// The last values whose turn it was have been sent.
    pub(super) fn last_values_done(&self) {
        let mut inside = self.lock();
        inside.queue.last_values_done();
        inside.is_asleep = inside.queue.is_empty();
    }

    /// How many frames were thrown away when the queue was given up, and since.
    pub fn thrown(&self) -> u64 {
        self.lock().thrown.into()
    }

    /// Takes one of those that may be sent before the transmission is open.
    pub(super) fn take_urgent(&self) -> Option<String> {
        self.lock().first.pop_front()
    }

    /// Takes about `bytes` from the front of the queue. If nothing is left the reader is woken when there is.
    pub fn take(&self, bytes: usize, items: &mut VecDeque<Item>) -> Taken {
        let mut inside = self.lock();
        if let Some(first) = inside.first.pop_front() {
            return Taken { first: Some(first), more: true, ..Taken::default() };
        }
        inside.queue.take(bytes, items);
        self.weigh_less(&mut inside);
        inside.is_asleep = inside.queue.is_empty();
        if !inside.queue.is_behind()
            && let Some(skipped) = inside.behind.take()
            && let Some(times) = CAUGHT_UP.again(&self.user)
        {
            tracing::warn!(client = %self.name_of(&inside), skipped, %times,
                "slow consumer has caught up: older readings were left out");
        }
        let last_values = inside.queue.last_values_next();
        if last_values.is_some() {
            inside.pause = Pause::None;
        }
        Taken {
            first: None,
            skipped: std::mem::take(&mut inside.untold).into(),
            more: !inside.queue.is_empty(),
            last_values,
        }
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.lock().queue.is_empty()
    }

    /// Throws away what is left and takes nothing more.
    pub(super) fn close(&self) {
        let mut inside = self.lock();
        let topic = inside.queue.first_topic().map(ToString::to_string).unwrap_or_default();
        let lost = inside.queue.give_up();
        inside.first.clear();
        inside.held.iter_mut().for_each(|held| held.beside = 0);
        self.settle(&mut inside);
        // Remembered routes may hold this queue for a while, and must not hold the reader's task.
        inside.reader.clone_from(Waker::noop());
        if lost > 0 {
            self.figures.lost.add(lost);
            if let Some(times) = UNSENT.again(&self.user) {
                tracing::info!(client = %self.name_of(&inside), topic, lost, %times, "connection ended before everything was sent");
            }
        }
    }

    /// Nothing is left out without a counter and a line in the log.
    #[inline]
    pub(super) fn account(&self, inside: &mut Inside, offered: Offered, topic: &str) {
        if offered != Offered::Queued {
            self.account_for_loss(inside, offered, topic);
        }
    }

    #[cold]
    fn account_for_loss(&self, inside: &mut Inside, offered: Offered, topic: &str) {
        match offered {
            Offered::Queued => {}
            // Between the overflow, which is in the log, and the end of the connection.
            Offered::Refused => {
                inside.thrown = plus(inside.thrown, 1);
                self.figures.lost.add(1);
            }
            Offered::Replaced(count) => {
                inside.untold = plus(inside.untold, count);
                if !inside.queue.is_behind() {
                    self.figures.conflated.add(count);
                    return;
                }
                self.figures.skipped.add(count);
                let before = inside.behind;
                inside.behind = NonZeroU64::new(count.saturating_add(before.map_or(0, NonZeroU64::get)));
                if before.is_none()
                    && let Some(times) = BEHIND.again(&self.user)
                {
                    tracing::warn!(client = %self.name_of(inside), topic, %times,
                        "slow consumer: its queue is full, from here on only the newest reading of a topic is kept");
                }
            }
            Offered::Overflowed(lost) => {
                inside.thrown = plus(inside.thrown, lost);
                self.figures.lost.add(lost);
                self.figures.slow_consumers.add(1);
                if let Some(times) = GIVEN_UP.again(&self.user) {
                    tracing::warn!(client = %self.name_of(inside), topic, lost, %times,
                        "slow consumer: its queue is past the hard bound, the connection ends with 1013");
                }
                inside.wake();
            }
        }
    }
}
