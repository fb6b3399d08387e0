//! Commands that somebody takes care of: those whose publishers wait for the node (`confirm`), and those that hold for a
//! time only (`lease`). Here they meet the hub: what is routed is looked at, and what is due is done.
//! Behind the lock of a channel the book is a leaf; whoever is to be answered is answered when it is let go of.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;

use super::channel::{Channel, State};
use super::confirm::{Confirmations, Outcome, TooMany, Waiting};
use super::lease::{End, Granted, LeaseChanges, LeaseRow, Leases, Ready, Stored, Terms};
use super::outbox::{Outbox, SessionId};
use super::publication::{Publication, Source};
use super::recorder::{Followed, came_to};
use super::wish::Wish;
use super::{Generation, Hub, confirm};
use crate::moment::{Moment, Steady};
use crate::talk::control::{PublishRefused, Published};
use crate::talk::{Kind, Reply};
use crate::topic::Topic;

mod asking;
mod elsewhere;
mod telling;
mod withdrawing;
pub(super) use asking::Wants;

use asking::may_hear_of;
use elsewhere::{HEARD_AFTER, HEARD_WHILE_OWED};

/// How often it is looked who reads the safe commands that nobody has heard yet, at most.
const LOOK_FOR_READERS: Duration = Duration::from_millis(100);
/// Topics that are looked at in one piece.
const AT_ONCE: usize = 256;
/// Bytes of a state that a refusal repeats.
const REPEATED: usize = 16 * 1024;

/// The book of all such commands.
#[derive(Debug, Default)]
pub(super) struct Care {
    /// How many are in the book.
    open: AtomicUsize,
    /// How many safe commands nobody has heard yet.
    owed: AtomicUsize,
    book: Mutex<Book>,
    bell: Bell,
}

#[derive(Debug, Default)]
struct Book {
    confirmations: Confirmations<Asker>,
    leases: Leases<Box<Order>>,
    /// Who reads was last looked at in this generation of the subscriptions, and when.
    looked: Option<(Generation, Steady)>,
    /// Topics whose readers are still to be looked at.
    to_look_at: Vec<Topic>,
}

/// What a client has to do with commands.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// Whether it does what commands say, as a node, or carries them to one, as a link.
    pub(super) carries_out: AtomicBool,
    /// Whether it has ever given a command with care.
    pub(super) takes_care: AtomicBool,
}

/// Who is to be answered, and what with.
#[derive(Debug)]
struct Asker {
    outbox: Arc<Outbox>,
    id: String,
    /// What a refusal says of the message.
    refusal: PublishRefused,
    routed: Steady,
    within: Duration,
    lease: Option<(Duration, Stored)>,
    /// What came of the command is recorded by this.
    followed: Option<Followed>,
}

/// A command that is to be routed with care.
#[derive(Debug)]
pub(super) struct Order {
    message: Publication,
    outbox: Arc<Outbox>,
    refusal: PublishRefused,
    confirm: Option<(Wish, Duration)>,
    lease: Option<Duration>,
}

/// Wakes whoever tends the book.
#[derive(Debug, Default)]
struct Bell {
    has_rung: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Bell {
    fn ring(&self) {
        self.has_rung.store(true, Ordering::Release);
        if let Some(waker) = &*self.waker.lock() {
            waker.wake_by_ref();
        }
    }
}

impl Care {
    /// Whether somebody may care for what is routed.
    #[inline]
    pub(super) fn is_wanted(&self) -> bool {
        self.open.load(Ordering::Relaxed) > 0
    }

    /// Somebody may read now what nobody read before.
    #[inline]
    pub(super) fn has_new_readers(&self) {
        if self.owed.load(Ordering::Relaxed) > 0 {
            self.bell.ring();
        }
    }

    /// Does something with the book, and counts what is in it then.
    fn with<T>(&self, act: impl FnOnce(&mut Book) -> T) -> T {
        let mut book = self.book.lock();
        let done = act(&mut book);
        self.open.store(book.confirmations.len() + book.leases.len(), Ordering::Relaxed);
        self.owed.store(book.leases.owed(), Ordering::Relaxed);
        done
    }
}

impl Hub {
    /// Whether something is to be tended to before its time. One waits at a time; what has rung rings once.
    pub fn poll_bell(&self, cx: &mut Context<'_>) -> Poll<()> {
        let bell = &self.care.bell;
        bell.waker.lock().get_or_insert_with(|| cx.waker().clone()).clone_from(cx.waker());
        if bell.has_rung.swap(false, Ordering::AcqRel) { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Does what is due: answers those who have waited long enough, ends leases whose time is over, and sends safe
    /// commands to nodes that have not heard them. Returns in how long it is to be called again, if nobody
    /// [rings](Self::poll_bell) before.
    pub fn tend(&self, now: impl Into<Moment>) -> Option<Duration> {
        let now = now.into();
        let (over, ready, owed, ended) = self.care.with(|book| {
            let over = book.confirmations.expire(now.steady());
            self.figures.leases_ended.add(book.leases.expire(now) as u64);
            (over, book.leases.take_ready(), self.owed(book, now.steady()), book.leases.take_ended())
        });
        self.note_leases(ended, "its time is over");
        for waiting in over {
            self.time_out(waiting);
        }
        for Ready { topic, version, command, stored } in ready {
            self.carry_ready(&topic, version, command, stored, now);
        }
        for topic in owed {
            self.make_safe(&topic, now);
        }
        self.care.with(|book| {
            self.figures.leases.set(book.leases.len() as u64);
            self.figures.leases_owed.set(book.leases.owed() as u64);
            let looks = book
                .looked
                .filter(|(seen, _)| book.leases.owed() > 0 && *seen != self.subscriptions.generation());
            let looks = looks.map(|(_, at)| at.after(LOOK_FOR_READERS));
            let looks = if book.to_look_at.is_empty() { looks } else { Some(now.steady()) };
            let dates = [book.confirmations.next(), book.leases.next(), looks];
            dates.into_iter().flatten().min().map(|at| at.since(now.steady()))
        })
    }

    /// The topics whose readers are to be looked at next: some of those that are owed, as often as that may have changed.
    fn owed(&self, book: &mut Book, now: Steady) -> Vec<Topic> {
        let generation = self.subscriptions.generation();
        let is_fresh = |(seen, at): (Generation, Steady)| {
            !book.leases.has_newly_owed() && (seen == generation || now < at.after(LOOK_FOR_READERS))
        };
        if book.to_look_at.is_empty() && book.leases.owed() > 0 && !book.looked.is_some_and(is_fresh) {
            book.looked = Some((generation, now));
            book.to_look_at = book.leases.owed_topics();
        }
        let again = book.leases.take_again();
        book.to_look_at.extend(again);
        let rest = book.to_look_at.len().saturating_sub(AT_ONCE);
        book.to_look_at.split_off(rest)
    }

    /// Looks at a message that has just been routed, under the lock of its channel.
    #[cold]
    pub(super) fn care_for(&self, message: &Publication, origin: Option<SessionId>) {
        match message.kind {
            // The hub's own is the safe one.
            Kind::Command if origin.is_some() && message.lease == 0 => {
                let (overtaken, ended) =
                    self.care.with(|book| (book.leases.commanded(&message.topic), book.leases.take_ended()));
                self.note_leases(ended, "a command without a lease has followed");
                self.care.bell.ring();
                if let Some(order) = overtaken {
                    self.refuse(*order, OVERTAKEN);
                }
            }
            // What a link or the cluster had kept was said before the command.
            Kind::Reading | Kind::Answer if message.source == Source::Node => {
                let ended = self.care.with(|book| {
                    book.leases.hear(&message.topic, message.payload());
                    book.confirmations.hear(message.topic.as_str(), message.payload())
                });
                for (waiting, outcome) in ended {
                    self.conclude(waiting, outcome, message);
                }
            }
            Kind::Command | Kind::Reading | Kind::Answer | Kind::Notification => {}
        }
    }

    fn conclude(&self, waiting: Waiting<Asker>, outcome: Outcome, message: &Publication) {
        let Waiting { mut asker, command, .. } = waiting;
        if let Some(followed) = asker.followed.take() {
            let after = Moment::now().steady().since(asker.routed);
            self.note_outcome(followed, &command, outcome, message, after);
        }
        match outcome {
            Outcome::Confirmed => {
                self.figures.commands_confirmed.add(1);
                asker.confirm(message);
            }
            Outcome::Refused => {
                self.figures.commands_refused.add(1);
                let answer = Some(message.payload().to_owned());
                asker.refuse("refused: the node has answered with an error".to_owned(), None, answer);
            }
            Outcome::Superseded => {
                self.figures.commands_unanswered.add(1);
                let reason = "superseded: a later command for this topic was confirmed, and not this one";
                asker.refuse(reason.to_owned(), Some(message.payload().to_owned()), None);
            }
        }
    }

    fn time_out(&self, waiting: Waiting<Asker>) {
        let Waiting { mut asker, command, .. } = waiting;
        self.figures.commands_unanswered.add(1);
        if let Some(followed) = asker.followed.take() {
            followed.ends(came_to("timeout"));
        }
        let stem = confirm::stem(command.as_str());
        let state = Topic::parse(stem, &self.settings.topic).ok().and_then(|topic| self.last_value(&topic));
        let state = state.map(|state| state.payload().to_owned()).filter(|state| state.len() <= REPEATED);
        let within = asker.within.as_secs_f64();
        asker.refuse(format!("timeout: the node has not reported this within {within} s"), state, None);
    }

    /// Routes a command whose lease need not wait any longer.
    fn carry_ready(&self, topic: &Topic, version: u64, order: Box<Order>, stored: Stored, now: Moment) {
        self.channels.with(topic, |channel, state| {
            if self.care.with(|book| book.leases.is_current(topic, version)) {
                self.carry(channel, state, *order, stored, now);
            } else {
                self.refuse(*order, OVERTAKEN);
            }
        });
    }

    /// A command is not routed.
    fn refuse(&self, order: Order, reason: &str) {
        self.note_refusal(&order.outbox, &order.message.topic, reason.to_owned());
        order.refuse(reason);
    }

    /// Routes a command, under the lock of its channel, and answers where nobody has to be waited for.
    fn carry(&self, channel: &Arc<Channel>, state: &mut State, order: Order, stored: Stored, now: Moment) {
        let Order { mut message, outbox, mut refusal, confirm, lease } = order;
        let (id, session, topic) = (refusal.id.clone(), outbox.id, message.topic.clone());
        let reader = self.reader(channel, state, Some(session));
        self.note_reader(channel, state, lease.is_some());
        let wait = match (confirm, &id) {
            (Some((wish, within)), Some(id)) => Some((wish, within, id.clone())),
            _ => None,
        };
        let asks = wait.is_some();
        message.number = self.figures.published.count();
        let mut followed = if asks { self.follow(&message) } else { None };
        let begun = wait.filter(|_| reader.is_some()).map(|(wish, within, id)| {
            let routed = Moment::now().steady();
            let lease = lease.map(|time| (time, stored));
            let (outbox, refusal) = (Arc::clone(&outbox), refusal.clone());
            let followed = followed.take();
            let asker = Asker { outbox, id, refusal, routed, within, lease, followed };
            let (command, until) = (topic.clone(), now.steady().after(within));
            let waiting = Waiting { command, wish, session, until, asker };
            self.care.with(|book| book.confirmations.begin(waiting))
        });
        if let Some(followed) = followed {
            followed.ends(came_to("offline"));
        }
        let delivered = self.deliver(channel, state, &Arc::new(message), Some(&outbox), None);
        self.care.bell.ring();
        if lease.is_some() && !stored.0 {
            self.note_unstored_lease(&topic, &outbox);
        }
        let reason = match (&delivered, &begun) {
            (Err(full), begun) => {
                if let Some(Ok(number)) = begun {
                    self.care.with(|book| book.confirmations.withdraw(*number, &topic));
                }
                Some(full.to_string())
            }
            (Ok(_), Some(Err(too_many))) => Some(format!("routed, but {too_many}")),
            (Ok(_), Some(Ok(_))) => return,
            (Ok(_), None) if asks => {
                self.figures.commands_unanswered.add(1);
                Some("offline: no node reads this command".to_owned())
            }
            (Ok(_), None) => None,
        };
        match (reason, id) {
            (Some(reason), _) => {
                refusal.reason = reason;
                outbox.reply(Reply::PublishError(refusal).text());
            }
            (None, Some(id)) => {
                let lease = lease.map(|time| time.as_secs_f64());
                let published = Published { lease, stored: stored.0, ..Published::plainly(id, true) };
                outbox.reply(Reply::PublishOk(published).text());
            }
            (None, None) => {}
        }
    }

    /// The hub ends. What nobody would end after it, as it is not on a disk, ends now.
    pub fn end_leases_that_are_not_stored(&self, now: impl Into<Moment>) {
        let now = now.into();
        if self.tape.get().is_none() && self.care.is_wanted() {
            self.care.with(|book| book.leases.end_all(now));
            self.tend(now);
        }
    }

    /// From now on there is a disk that is told of leases.
    pub(super) fn keep_leases(&self) {
        self.care.with(|book| book.leases.keep());
    }

    /// Whether commands wait for their leases to be on the disk.
    pub fn is_waited_for_leases(&self) -> bool {
        self.care.is_wanted() && self.care.with(|book| book.leases.is_waited_for())
    }

    /// Takes what the disk is to be told of leases next. Whoever takes it has to say whether it was written.
    pub fn lease_changes(&self) -> LeaseChanges {
        self.care.with(|book| book.leases.changes(Moment::now()))
    }

    /// These are on the disk.
    pub fn leases_written(&self, changes: LeaseChanges) {
        if self.care.with(|book| {
            book.leases.written(changes);
            book.leases.has_ready()
        }) {
            self.care.bell.ring();
        }
    }

    /// Nothing can be written. Everything is to be written once that is possible again.
    pub fn leases_not_written(&self) {
        if self.care.with(|book| {
            book.leases.not_written();
            book.leases.has_ready()
        }) {
            self.care.bell.ring();
        }
    }

    /// Takes a lease back that there was when the hub ended, at the moment `ended` or later.
    pub fn restore_lease(&self, row: LeaseRow, ended: SystemTime, now: impl Into<Moment>) {
        self.care.with(|book| book.leases.restore(row, ended, now.into()));
        self.care.bell.ring();
    }

    /// A client has gone that had asked for care.
    pub(super) fn end_care(&self, session: SessionId, end: End, now: Moment) {
        let ended = self.care.with(|book| {
            book.confirmations.forget(session);
            let ended = book.leases.gone(session, end, now);
            self.figures.leases_ended.add(ended as u64);
            book.leases.take_ended()
        });
        self.note_leases(ended, "the connection that held it has ended");
        self.care.bell.ring();
    }
}

const OVERTAKEN: &str =
    "superseded: a later command for this topic came before this one was on the disk; it was not routed";

impl Order {
    fn refuse(self, reason: &str) {
        let Self { outbox, refusal, .. } = self;
        let refusal = PublishRefused { reason: reason.to_owned(), ..refusal };
        outbox.reply(Reply::PublishError(refusal).text());
    }
}

impl Asker {
    fn confirm(self, message: &Publication) {
        let Self { outbox, id, routed, lease, .. } = self;
        let after = Moment::now().steady().since(routed).as_secs_f64();
        let published = Published {
            confirmed: Some(message.payload().to_owned()),
            topic: Some(outbox.view.name(&message.topic).to_owned()),
            after: Some((after * 1000.0).round() / 1000.0),
            lease: lease.map(|(time, _)| time.as_secs_f64()),
            stored: lease.is_none_or(|(_, stored)| stored.0),
            ..Published::plainly(id, true)
        };
        outbox.reply(Reply::PublishOk(published).text());
    }

    fn refuse(self, reason: String, state: Option<String>, answer: Option<String>) {
        let Self { outbox, refusal, .. } = self;
        outbox.reply(Reply::PublishError(PublishRefused { reason, state, answer, ..refusal }).text());
    }
}
