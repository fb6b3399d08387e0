//! Who writes events: takes them from the recorder, gives them numbers of the file, and lets go of the oldest.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::super::log::milliseconds;
use super::super::tables::{EventRow, Fault, Kept, Tables, Writing};
use super::settings::Settings;
use crate::hub::{Entry, EventQuestions, Figures, Outcome, Recorder, WAITING};
use crate::moment::Moment;
use crate::seldom::Seldom;
use crate::talk::control::Event;

/// Events that are written, or let go of, in one transaction.
const SLICE: usize = 2000;
const SLICE_OF_OLD: u64 = 500;
/// Topics whose events are forgotten in one transaction.
const TOPICS: usize = 50;

/// What those who read have to know of those who write.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    /// The number in the file of the last event of another life of the hub: nobody waits for those any more.
    before: AtomicU64,
}

impl Shelf {
    /// Whether an event is of another life of the hub.
    pub(super) fn is_of_another_life(&self, id: u64) -> bool {
        id <= self.before.load(Ordering::Relaxed)
    }
}

/// A file, as far as numbers are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    mark: u64,
    /// What is added to the number of an event of this life.
    offset: u64,
    /// The first event of this life that is in the file.
    first: u64,
}

impl Place {
    fn id(&self, number: u64) -> Option<u64> {
        (number >= self.first).then_some(number + self.offset)
    }
}

/// What one write did.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::store) struct Written {
    events: usize,
    has_outcomes: bool,
    /// Whether events were counted anew.
    is_counted: bool,
    grown: u64,
    gone: Option<Kept>,
}

/// The keeper.
#[derive(Debug)]
pub(in crate::store) struct Keeper {
    recorder: Arc<Recorder>,
    questions: Arc<EventQuestions>,
    figures: Arc<Figures>,
    shelf: Arc<Shelf>,
    is_on: bool,
    age: Duration,
    records: u64,
    bytes: u64,
    /// The file that is open, or why it cannot be used.
    place: Option<Result<Place, Fault>>,
    /// What was taken and is not written.
    events: VecDeque<Event>,
    outcomes: Vec<(u64, Outcome)>,
    /// Up to which entry of the recorder that is.
    until: u64,
    kept: Kept,
    /// Whether events are missing in the file, so that they are to be counted anew.
    is_short: bool,
    /// How many were lost when that was last logged.
    lost: u64,
    /// When the hub was started.
    started: Moment,
    /// The moment that history counts age by, if somebody has said it.
    aged: u64,
}

impl Keeper {
    pub(super) fn new(
        settings: &Settings,
        recorder: Arc<Recorder>,
        questions: Arc<EventQuestions>,
        figures: &Arc<Figures>,
    ) -> Self {
        Self {
            recorder,
            questions,
            figures: Arc::clone(figures),
            shelf: Arc::default(),
            is_on: settings.is_on(),
            age: settings.age,
            records: settings.records,
            bytes: settings.bytes,
            place: None,
            events: VecDeque::new(),
            outcomes: Vec::new(),
            until: 0,
            kept: Kept::default(),
            is_short: false,
            lost: 0,
            started: Moment::now(),
            aged: u64::MAX,
        }
    }

    pub(super) fn shelf(&self) -> Arc<Shelf> {
        Arc::clone(&self.shelf)
    }

    /// From now on this file is written. A fault is told by the next write.
    pub(in crate::store) fn open(&mut self, tables: &Tables, was_replaced: bool) {
        let before = self.place.take().and_then(Result::ok);
        let kept = match tables.events_kept() {
            Ok(kept) => kept,
            Err(fault) => {
                self.place = Some(Err(fault));
                return;
            }
        };
        self.kept = kept;
        self.tell();
        if self.is_on
            && let Err(Fault::Damaged(why)) = tables.compare_events()
        {
            self.is_short = true;
            self.figures.store_damaged.add(1);
            self.recorder
                .has_lost("the file of the store is damaged: some of what was recorded is not in it");
            tracing::error!(%why, "events are missing in the store: its file is damaged");
        }
        let mark = tables.mark();
        if let Some(place) = before.filter(|place| place.mark == mark) {
            self.place = Some(Ok(place));
            return;
        }
        let first = self.events.front().map_or_else(|| self.recorder.next_number(), |event| event.number);
        self.shelf.before.store(kept.highest, Ordering::Relaxed);
        self.place = Some(Ok(Place { mark, offset: (kept.highest + 1).saturating_sub(first), first }));
        if before.is_some() || was_replaced {
            self.recorder
                .has_lost("the file of the store is a new one: what was recorded before is not in it");
        }
    }

    /// Forgets the events of the topics that are named so.
    pub(in crate::store) fn forget(
        &mut self,
        tables: &mut Tables,
        is_named: impl Fn(&str) -> bool,
    ) -> Result<(), Fault> {
        let mut topics = tables.topics_of_events()?;
        topics.retain(|topic| is_named(topic));
        for some in topics.chunks(TOPICS) {
            tables
                .write(false, |writing| some.iter().try_for_each(|topic| writing.forget_events_of(topic)))?;
        }
        self.kept = tables.events_kept()?;
        self.tell();
        Ok(())
    }

    /// Takes what waits, once everything is written that was taken before.
    pub(in crate::store) fn take(&mut self) {
        if !self.is_on || self.is_waiting() || !matches!(self.place, Some(Ok(_))) {
            return;
        }
        let mut entries = VecDeque::new();
        self.until = self.recorder.take(&mut entries, Moment::now());
        let mut open = HashMap::new();
        for entry in entries {
            match entry {
                Entry::Event(event) => {
                    if event.result.as_deref() == Some(WAITING) {
                        open.insert(event.number, self.events.len());
                    }
                    self.events.push_back(*event);
                }
                Entry::Outcome(number, outcome) => {
                    match open.get(&number).and_then(|at| self.events.get_mut(*at)) {
                        Some(event) => outcome.add_to(event),
                        None => self.outcomes.push((number, *outcome)),
                    }
                }
            }
        }
    }

    fn is_waiting(&self) -> bool {
        !self.events.is_empty() || !self.outcomes.is_empty()
    }

    /// Whether something is to be written now.
    pub(in crate::store) fn is_due(&self, is_time: bool) -> bool {
        let is_wanted = is_time || self.events.len() >= SLICE || self.recorder.is_waited_for();
        self.is_waiting() && (is_wanted || self.recorder.is_pressing())
    }

    /// Whether old events are to go, or many wait.
    pub(in crate::store) fn is_busy(&self) -> bool {
        self.is_on && (self.events.len() > SLICE || self.is_over() || self.is_too_old())
    }

    fn is_over(&self) -> bool {
        self.kept.rows > self.records || self.kept.bytes > self.bytes
    }

    fn is_too_old(&self) -> bool {
        self.kept.oldest.is_some_and(|oldest| oldest < self.horizon())
    }

    /// It is this moment at most: that by which history counts age.
    pub(in crate::store) fn is_at_most(&mut self, aged: u64) {
        self.aged = aged;
    }

    /// What is from before this is too old. A clock that is set ahead while the hub runs, or while it was stopped, makes nothing older.
    fn horizon(&self) -> u64 {
        let now = Moment::now();
        let lived = now.steady().since(self.started.steady());
        let now = milliseconds(now.wall()).min(milliseconds(self.started.wall() + lived));
        now.min(self.aged).saturating_sub(u64::try_from(self.age.as_millis()).unwrap_or(u64::MAX))
    }

    /// Writes a slice of what waits, and lets go of a slice of what is too much.
    pub(in crate::store) fn write(&self, writing: &Writing<'_>) -> Result<Written, Fault> {
        let place = match &self.place {
            Some(Ok(place)) if self.is_on => place,
            Some(Err(fault)) if self.is_on => return Err(fault.clone()),
            _ => return Ok(Written::default()),
        };
        let mut written = Written::default();
        if self.is_short {
            writing.count_events_anew()?;
            written.is_counted = true;
        }
        for event in self.events.iter().take(SLICE) {
            written.events += 1;
            let Some(id) = place.id(event.number) else { continue };
            written.grown += with_row(event, |row| writing.put_event(id, row).map(|()| row.len()))?;
        }
        if self.events.len() <= SLICE {
            written.has_outcomes = true;
            for (number, outcome) in &self.outcomes {
                let Some(id) = place.id(*number) else { continue };
                written.grown += writing.change_event(id, |row| changed(row, outcome))?;
            }
        }
        written.gone = if self.is_over() {
            let over = self.kept.rows.saturating_sub(self.records);
            Some(writing.forget_events(over.clamp(1, SLICE_OF_OLD).max(over_bytes(self)), None)?)
        } else if self.is_too_old() {
            Some(writing.forget_events(SLICE_OF_OLD, Some(self.horizon()))?)
        } else {
            None
        };
        Ok(written)
    }

    /// That is written.
    pub(in crate::store) fn written(&mut self, written: Written) {
        let Written { events, has_outcomes, is_counted, grown, gone } = written;
        self.kept.oldest = self.kept.oldest.or_else(|| self.events.front().map(|event| event.at));
        self.is_short &= !is_counted;
        self.kept.rows += events as u64;
        self.kept.bytes += grown;
        self.events.drain(..events.min(self.events.len()));
        if has_outcomes {
            self.outcomes.clear();
        }
        if let Some(gone) = gone {
            self.kept.rows = self.kept.rows.saturating_sub(gone.rows);
            self.kept.bytes = self.kept.bytes.saturating_sub(gone.bytes);
            self.kept.oldest = gone.oldest;
        }
        if !self.is_waiting() {
            self.recorder.written(self.until);
        }
        self.tell();
    }

    /// Says how much there is, and whether some was lost.
    fn tell(&mut self) {
        static LOST: Seldom = Seldom::new();
        let figures = &self.figures;
        figures.events.set(self.kept.rows);
        figures.events_bytes.set(self.kept.bytes);
        let lost = figures.events_lost.value();
        if lost > self.lost
            && let Some(times) = LOST.again("events")
        {
            self.lost = lost;
            tracing::warn!(lost, %times,
                "events were lost, as more happened at once than could be written, or nothing could be written; \
                 clown-hub events tells between when");
        }
    }

    /// Whether there is something to write before the end.
    pub(in crate::store) fn has_more(&mut self) -> bool {
        self.take();
        self.is_waiting()
    }
}

/// Nothing is recorded any more, and nobody is answered.
impl Drop for Keeper {
    fn drop(&mut self) {
        self.recorder.close();
        self.questions.close();
    }
}

/// How many of the oldest go at once where there are too many bytes.
fn over_bytes(keeper: &Keeper) -> u64 {
    let Kept { rows, bytes, .. } = keeper.kept;
    let each = bytes.checked_div(rows).unwrap_or(1).max(1);
    (bytes.saturating_sub(keeper.bytes) / each).min(SLICE_OF_OLD)
}

/// An event as a row.
fn with_row<T>(event: &Event, act: impl FnOnce(&EventRow<'_>) -> T) -> T {
    let bare = Event { number: 0, at: 0, user: None, topic: None, ..event.clone() };
    let (user, data) = (event.user.as_deref().unwrap_or_default(), bare.text());
    act(&EventRow { at: event.at, user, topic: event.named(), data: &data })
}

/// The data of an event, with what came of it.
fn changed(row: &EventRow<'_>, outcome: &Outcome) -> Option<Box<str>> {
    let mut event = Event::read(row.data)?;
    outcome.clone().add_to(&mut event);
    Some(event.text().into())
}

#[cfg(test)]
mod tests;
