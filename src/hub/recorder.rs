//! What waits to be recorded: a bounded queue, as the tape is for last values. The hub puts in without waiting; the store
//! comes by and takes it. What does not fit is counted, and that is an event, too.
//!
//! The lock is a leaf.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use parking_lot::{Condvar, Mutex};

use super::figures::Figures;
use crate::moment::Moment;
use crate::talk::control::{Event, EventKind};
use crate::topic::{Filter, Topic};

mod fair;
use fair::{Class, Counted, Fair};

/// Events that may wait, and their bytes.
const EVENTS: usize = 16_384;
const BYTES: usize = 8 << 20;
/// Commands of which it is still to be recorded what came of them. More do not wait for their nodes.
const OPEN: usize = super::confirm::OF_ALL;
/// What came of a command as long as its node may still answer.
pub const WAITING: &str = "waiting";
/// What came of a command of which nobody will know any more.
pub const UNKNOWN: &str = "unknown";

/// The queue.
#[derive(Debug)]
pub struct Recorder {
    inside: Mutex<Inside>,
    is_written: Condvar,
    never: Vec<Filter>,
    ignore: Vec<Filter>,
    figures: Arc<Figures>,
}

#[derive(Debug, Default)]
struct Inside {
    queue: VecDeque<Entry>,
    bytes: usize,
    /// The number of the newest event.
    last: u64,
    /// By the numbers of their messages.
    open: HashMap<u64, Open, RandomState>,
    fair: Fair,
    /// What did not fit since the queue was taken.
    lost: Option<Lost>,
    /// How many entries were ever put in, and how many of them are on the disk.
    put: u64,
    written: u64,
    /// Up to which entry somebody waits for them to be on the disk.
    waited_for: u64,
    is_closed: bool,
}

/// A command of which it is still to be recorded what came of it.
#[derive(Debug)]
enum Open {
    /// It is not recorded yet.
    Expected,
    /// It is not, and this has come of it already.
    Ended(Box<Outcome>),
    /// It is, under this number.
    Recorded(u64),
}

#[derive(Debug, Clone, Copy)]
struct Lost {
    count: u64,
    since: u64,
    until: u64,
}

/// What waits.
#[derive(Debug)]
pub enum Entry {
    /// Something has happened.
    Event(Box<Event>),
    /// This has come of the event with this number.
    Outcome(u64, Box<Outcome>),
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outcome {
    /// In one word.
    pub result: &'static str,
    /// After how many seconds.
    pub after: Option<f64>,
    /// The topic of the message that says so.
    pub answered: Option<Box<str>>,
    /// The JSON text of the node's own answer.
    pub answer: Option<String>,
    /// Why, as a sentence.
    pub reason: Option<&'static str>,
}

/// That in one word.
pub(super) fn came_to(result: &'static str) -> Outcome {
    Outcome { result, ..Outcome::default() }
}

impl Outcome {
    /// Adds it to the event.
    pub fn add_to(self, event: &mut Event) {
        let Self { result, after, answered, answer, reason } = self;
        event.result = (!result.is_empty()).then_some(result.into());
        (event.after, event.answered, event.answer) = (after, answered, answer);
        event.reason = reason.map(Into::into);
    }

    fn len(&self) -> usize {
        let answer = self.answer.as_ref().map_or(0, String::len);
        size_of::<Self>() + answer + self.answered.as_ref().map_or(0, |topic| topic.len())
    }
}

/// A command of which it will be recorded what came of it.
#[derive(Debug)]
pub(super) struct Followed {
    recorder: Arc<Recorder>,
    message: u64,
    is_over: bool,
}

impl Followed {
    /// This came of it.
    pub(super) fn ends(mut self, outcome: Outcome) {
        self.is_over = true;
        self.recorder.conclude(self.message, outcome);
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        if !self.is_over {
            let reason = Some("nobody waited for the node any longer");
            self.recorder.conclude(self.message, Outcome { result: UNKNOWN, reason, ..Outcome::default() });
        }
    }
}

/// How often somebody may cause an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Causer<'c> {
    /// A user, with what is allowed.
    User(&'c str),
    /// A user, with what is not.
    Refused(&'c str),
    /// A stranger at this address.
    Stranger(&'c str),
    /// The hub.
    Hub,
}

impl Recorder {
    /// An empty one. Payloads of topics that `never` names are left out, and of those that `ignore` names there is no event.
    pub fn new(never: Vec<Filter>, ignore: Vec<Filter>, figures: &Arc<Figures>) -> Arc<Self> {
        let (inside, is_written) = (Mutex::default(), Condvar::new());
        Arc::new(Self { inside, is_written, never, ignore, figures: Arc::clone(figures) })
    }

    /// Whether there is no event of what is said on this topic.
    pub(super) fn ignores(&self, topic: &Topic) -> bool {
        self.ignore.iter().any(|filter| filter.matches(topic))
    }

    /// Whether what is said on this topic is left out.
    pub(super) fn omits(&self, topic: &Topic) -> bool {
        self.never.iter().any(|filter| filter.matches(topic))
    }

    /// The message of this number, on this topic, will be recorded, and after it what has come of it.
    pub(super) fn follow(self: &Arc<Self>, topic: &Topic, message: u64) -> Option<Followed> {
        let mut inside = self.inside.lock();
        if self.ignores(topic) || inside.open.len() >= OPEN {
            return None;
        }
        inside.open.insert(message, Open::Expected);
        Some(Followed { recorder: Arc::clone(self), message, is_over: false })
    }

    /// What came of the message of this number.
    fn conclude(&self, message: u64, outcome: Outcome) {
        let mut inside = self.inside.lock();
        match inside.open.remove(&message) {
            Some(Open::Recorded(number)) => self.put(&mut inside, Entry::Outcome(number, Box::new(outcome))),
            Some(Open::Expected | Open::Ended(_)) => {
                inside.open.insert(message, Open::Ended(Box::new(outcome)));
            }
            None => {}
        }
    }

    /// Records something. `message` is the number of the message, where it has one.
    pub(super) fn record(&self, causer: Causer<'_>, event: Event, message: u64, now: Moment) {
        self.record_made(causer, || event, message, now);
    }

    /// As [`record`](Self::record); what is only counted is not made.
    pub(super) fn record_made(
        &self,
        causer: Causer<'_>,
        make: impl FnOnce() -> Event,
        message: u64,
        now: Moment,
    ) {
        let at = milliseconds(now);
        let mut inside = self.inside.lock();
        let open = if message == 0 { None } else { inside.open.remove(&message) };
        let Some(left_out) = inside.fair_to(causer, at, now) else {
            drop(inside);
            self.figures.events_left_out.add(1);
            return;
        };
        let mut event = make();
        event.left_out = left_out;
        (event.at, event.number) = (at, inside.last + 1);
        match open {
            None => {}
            Some(Open::Ended(outcome)) => outcome.add_to(&mut event),
            Some(Open::Expected | Open::Recorded(_)) => event.result = Some(WAITING.into()),
        }
        let (number, waits) = (event.number, event.result.as_deref() == Some(WAITING));
        let put = inside.put;
        self.put(&mut inside, Entry::Event(Box::new(event)));
        if inside.put > put {
            inside.last = number;
            if waits {
                inside.open.insert(message, Open::Recorded(number));
            }
        }
    }

    /// Puts an entry in if there is room. Never waits.
    fn put(&self, inside: &mut Inside, entry: Entry) {
        let len = entry.len();
        if inside.is_closed {
            return;
        }
        if inside.queue.len() >= EVENTS || inside.bytes + len > BYTES {
            let until = milliseconds(Moment::now());
            let lost = inside.lost.get_or_insert(Lost { count: 0, since: until, until });
            (lost.count, lost.until) = (lost.count + 1, until);
            self.figures.events_lost.add(1);
            return;
        }
        inside.put += 1;
        inside.bytes += len;
        inside.queue.push_back(entry);
    }

    /// Takes all that waits, and says up to which entry that is. What was lost or only counted is at its end.
    pub fn take(&self, into: &mut VecDeque<Entry>, now: impl Into<Moment>) -> u64 {
        let now = now.into();
        let mut inside = self.inside.lock();
        into.append(&mut inside.queue);
        inside.bytes = 0;
        let lost = inside.lost.take().map(Lost::event);
        let counted = inside.fair.take_quiet(now.steady()).into_iter().map(Counted::event);
        for mut event in lost.into_iter().chain(counted) {
            inside.last += 1;
            inside.put += 1;
            (event.number, event.at) = (inside.last, event.at.max(1));
            into.push_back(Entry::Event(Box::new(event)));
        }
        inside.put
    }

    /// Records that events are missing which were recorded.
    pub fn has_lost(&self, reason: &'static str) {
        let event = Event { kind: EventKind::Lost, reason: Some(reason.into()), ..Event::default() };
        self.record(Causer::Hub, event, 0, Moment::now());
    }

    /// The number of the next event that is taken.
    pub fn next_number(&self) -> u64 {
        let inside = self.inside.lock();
        match inside.queue.iter().find_map(Entry::number) {
            Some(first) => first,
            None => inside.last + 1,
        }
    }

    /// Everything up to this entry is on the disk.
    pub fn written(&self, until: u64) {
        let mut inside = self.inside.lock();
        inside.written = until;
        drop(inside);
        self.is_written.notify_all();
    }

    /// Whether somebody waits for something to be on the disk.
    pub fn is_waited_for(&self) -> bool {
        let inside = self.inside.lock();
        inside.waited_for > inside.written
    }

    /// Whether so much waits that it should be taken before its time.
    pub fn is_pressing(&self) -> bool {
        let inside = self.inside.lock();
        inside.queue.len() >= EVENTS / 2 || inside.bytes >= BYTES / 2
    }

    /// Waits until everything that was put in by now is on the disk, but no longer than this. Returns how many entries are
    /// not there then.
    pub fn flush(&self, patience: Duration) -> u64 {
        let mut inside = self.inside.lock();
        let wanted = inside.put;
        inside.waited_for = inside.waited_for.max(wanted);
        let waits = |inside: &mut Inside| inside.written < wanted && !inside.is_closed;
        self.is_written.wait_while_for(&mut inside, waits, patience);
        wanted.saturating_sub(inside.written)
    }

    /// Takes no more, and wakes who waits.
    pub fn close(&self) {
        let mut inside = self.inside.lock();
        inside.is_closed = true;
        inside.queue.clear();
        drop(inside);
        self.is_written.notify_all();
    }
}

impl Inside {
    /// Whether an event of somebody is recorded, and how many before it were only counted.
    fn fair_to(&mut self, causer: Causer<'_>, at: u64, now: Moment) -> Option<u64> {
        let now = now.steady();
        match causer {
            Causer::Hub => Some(0),
            Causer::User(user) => self.fair.pass(Class::Deed, user, at, now, 0),
            Causer::Refused(user) => self.fair.pass(Class::Refusal, user, at, now, 0),
            Causer::Stranger(address) => {
                let left_out = self.fair.pass(Class::Stranger, address, at, now, 0)?;
                self.fair.pass(Class::Strangers, "", at, now, left_out)
            }
        }
    }
}

impl Entry {
    fn number(&self) -> Option<u64> {
        match self {
            Self::Event(event) => Some(event.number),
            Self::Outcome(..) => None,
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Event(event) => event.len(),
            Self::Outcome(_, outcome) => outcome.len(),
        }
    }
}

impl Lost {
    fn event(self) -> Event {
        let Self { count, since, until } = self;
        let reason = "more happened at once than could be written";
        let (kind, count) = (EventKind::Lost, Some(count));
        Event { kind, count, since, at: until, reason: Some(reason.into()), ..Event::default() }
    }
}

impl Counted {
    fn event(self) -> Event {
        let Self { class, who, count, since, until } = self;
        let event = Event { kind: EventKind::Lost, count: Some(count), since, at: until, ..Event::default() };
        let (user, address, reason) = match class {
            Class::Deed => {
                (Some(who), None, "too many commands and answers of one user: these were only counted")
            }
            Class::Refusal => (Some(who), None, "too many refusals of one user: these were only counted"),
            Class::Stranger => {
                (None, Some(who), "too many refused sign-ins from one address: these were only counted")
            }
            Class::Strangers => (None, None, "too many refused sign-ins: these were only counted"),
        };
        let (user, address) =
            (user.filter(|user| !user.is_empty()), address.filter(|address| !address.is_empty()));
        Event { user, address, reason: Some(reason.into()), ..event }
    }
}

fn milliseconds(now: Moment) -> u64 {
    let since_1970 = now.wall().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
