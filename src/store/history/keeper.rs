//! The writer's side of history: what is to be sealed, thinned further, and let go of, a step of a few milliseconds at a time.
//!
//! Memory follows the disk here as well: a step is made, written in the writer's transaction, and counts when that is through.

mod forgetting;
mod telling;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::super::log::milliseconds;
use super::super::tables::{Fault, Tables};
use super::buckets::Buckets;
use super::chunk::{self, Chunk};
use super::clock::{Clock, Jump};
use super::gap::{Gap, GapChanges, Why};
use super::grain::{QUARTER, RAW};
use super::library::Library;
use super::live::{Heard, Live};
use super::load::{Loaded, load};
use super::run::Run;
use super::settings::Settings;
use super::spans::{self, Span};
use super::steps::{BURIED, Step, by_minutes, pair, thin_states};
use crate::hub::{Figures, Skipped};
use crate::seldom::Seldom;
use crate::topic::Topic;

/// What one step does at the most: a few milliseconds' worth.
const READINGS: usize = 10_000;
const SERIES: usize = 64;
const ROLLED: usize = 8;
/// Pieces of all grains. Where there are more, the least wanted ones go.
const MOST_SPANS: usize = 100_000;
/// How often it is looked whether something has to go.
const LOOK: Duration = Duration::from_secs(5);

/// History, as the writer has it.
#[derive(Debug)]
pub(crate) struct Keeper {
    settings: Arc<Settings>,
    live: Arc<Mutex<Live>>,
    figures: Arc<Figures>,
    /// The file may have so many bytes before history has to make room.
    most_bytes: u64,
    next_span: u64,
    sealing: Option<Joint>,
    rolling: Option<Joint>,
    /// Spans without a row, whose chunks are to go.
    doomed: VecDeque<u64>,
    looked: Option<Instant>,
    /// When the hub began, by the clock on the wall.
    began: u64,
    clock: Clock,
    /// Whether the clock was set, and what was said before is to be sealed for itself.
    is_set: bool,
    /// Whether a file was loaded already.
    is_loaded: bool,
    /// The greatest number of a message that was on the tape, or did not fit into it.
    seen: u64,
}

/// Spans that are being made.
#[derive(Debug)]
struct Joint {
    /// Series that are still to be looked at.
    waiting: VecDeque<u32>,
    /// Spans of minutes that become one of quarters.
    from: Vec<u64>,
    /// The first of the new spans.
    id: u64,
    row: Span,
}

impl Keeper {
    /// Of a hub that begins now, by the clock on the wall.
    pub(crate) fn new(settings: Settings, most_bytes: u64, figures: &Arc<Figures>, now: u64) -> Self {
        let settings = Arc::new(settings);
        let live = Arc::new(Mutex::new(Live::new(Arc::clone(&settings))));
        Self {
            settings,
            live,
            figures: Arc::clone(figures),
            most_bytes: most_bytes - most_bytes / 8,
            next_span: 1,
            sealing: None,
            rolling: None,
            doomed: VecDeque::new(),
            looked: None,
            began: now,
            clock: Clock::starting(None, now, Instant::now()),
            is_set: false,
            is_loaded: false,
            seen: 0,
        }
    }

    /// What is asked about it, from a thread of its own.
    pub(crate) fn library(&self, file: std::path::PathBuf) -> Library {
        Library::new(Arc::clone(&self.live), file, Arc::clone(&self.figures))
    }

    /// There is no file at the moment.
    pub(crate) fn is_away(&self) {
        self.live.lock().mark = None;
    }

    /// Whether a topic has history.
    pub(crate) fn names(&self, topic: &Topic) -> bool {
        self.settings.names(topic)
    }

    /// A message with this number was on the tape, or did not fit into it.
    pub(crate) fn sees(&mut self, number: u64) {
        self.seen = self.seen.max(number);
    }

    /// Says of messages whether history has them already.
    pub(crate) fn knows(&self) -> impl Fn(&Heard<'_>) -> bool {
        let (live, seen) = (self.live.lock(), self.seen);
        move |message| live.knows(message, seen)
    }

    /// A row of the log is written that says this.
    pub(crate) fn hear<'m>(&self, said: impl Iterator<Item = Heard<'m>>) {
        if !self.settings.is_on() {
            return;
        }
        let mut live = self.live.lock();
        for message in said.filter(|message| self.settings.names(message.topic)) {
            let refused = live.say(&message);
            self.refuse(message.topic, refused);
        }
        self.tell(&live);
    }

    /// These messages could not be written.
    pub(crate) fn lose<'m>(&self, said: impl Iterator<Item = Heard<'m>>) {
        let said = said.filter(|message| !message.is_walked && self.settings.names(message.topic));
        let lost = said.map(|message| Gap { lost: 1, ..Gap::new(message.time, message.time, Why::Away) });
        if let Some(all) = lost.reduce(|one, next| one.join(&next)) {
            self.live.lock().gaps.add(all);
        }
    }

    /// These did not fit into the queue.
    pub(crate) fn miss(&mut self, skipped: &Skipped) {
        self.sees(skipped.greatest);
        if self.settings.is_on() {
            let [first, last] = [skipped.first, skipped.last].map(milliseconds);
            let gap = Gap { lost: skipped.count, ..Gap::new(first, last, Why::QueueFull) };
            self.live.lock().gaps.add(gap);
        }
    }

    /// Gaps that the file does not know yet.
    pub(crate) fn gaps(&self) -> GapChanges {
        self.live.lock().gaps.changes()
    }

    /// Whether there are such.
    pub(crate) fn has_gaps(&self) -> bool {
        !self.live.lock().gaps.are_written()
    }

    /// They are written.
    pub(crate) fn gaps_written(&self, changes: &GapChanges) {
        if !changes.is_empty() {
            self.live.lock().gaps.written(changes);
        }
    }

    /// Looks whether the clock on the wall was set.
    pub(crate) fn look(&mut self, wall: u64) {
        static SET: Seldom = Seldom::new();
        let Some(jump) = self.clock.look(wall, Instant::now()) else { return };
        self.is_set = true;
        if self.settings.is_on() {
            self.live.lock().gaps.add(jump.into());
        }
        if let Some(times) = SET.again("") {
            let Jump { from, to } = jump;
            let (seconds, way) = (from.abs_diff(to) / 1000, if to > from { "forward" } else { "back" });
            tracing::warn!(
                seconds, %times,
                "the clock of this machine was set {way}: history keeps what was said in its order, and says when that was"
            );
        }
    }

    fn refuse(&self, topic: &Topic, refused: u64) {
        static REFUSED: Seldom = Seldom::new();
        if refused == 0 {
            return;
        }
        self.figures.history_refused.add(refused);
        if let Some(times) = REFUSED.again(topic.as_str()) {
            tracing::warn!(
                %topic,
                %times,
                "readings have no history, only a last value: there are history.series series, the topic has \
                 history.series_per_topic, or it says too many different texts"
            );
        }
    }

    /// Reads everything anew from a file with these topics; `is_anew` says whether it is one in place of another that is lost.
    pub(crate) fn load(
        &mut self,
        (tables, topics): (&Tables, &[(u64, Topic)]),
        is_anew: bool,
        wall: u64,
    ) -> Result<(), Fault> {
        let Loaded { mut live, doomed, next_span, clock, lived, damaged } =
            load(tables, topics, &self.settings, wall)?;
        (self.sealing, self.rolling) = (None, None);
        (self.doomed, self.next_span) = (doomed.into(), next_span);
        self.figures.store_damaged.add(damaged);
        let mut before = self.live.lock();
        live.remember(&before);
        live.gaps.take_over(&before.gaps);
        if is_anew && (!self.is_loaded || !before.series().is_empty()) {
            let first = before.spans().values().map(|span| span.first).min();
            live.gaps.add(Gap::new(first.or(before.open_since()).unwrap_or(0), wall, Why::Damaged));
        }
        if let Some(lived) = lived.filter(|_| !self.is_loaded && self.settings.is_on()) {
            live.gaps.add(if lived <= self.began {
                Gap::new(lived, self.began, Why::Stopped)
            } else {
                Jump { from: lived, to: self.began }.into()
            });
        }
        if !self.is_loaded {
            self.clock = Clock::starting(clock, wall, Instant::now());
        }
        self.is_loaded = true;
        self.tell(&live);
        *before = live;
        Ok(())
    }

    /// Whether what was said is to be sealed, although the log is not large.
    pub(crate) fn is_full(&self, now: u64) -> bool {
        let live = self.live.lock();
        let span = u64::try_from(self.settings.span.as_millis()).unwrap_or(u64::MAX);
        let is_over = |since: u64| now.saturating_sub(since) >= span;
        let is_set = self.is_set && live.open_since().is_some();
        is_set
            || live.is_long()
            || live.open_bytes() >= self.settings.open_bytes
            || live.open_since().is_some_and(is_over)
    }

    /// Seals what was said up to this row of the log.
    pub(crate) fn begin_sealing(&mut self, until: u64) {
        if self.sealing.is_some() {
            return;
        }
        let waiting: VecDeque<_> = self.live.lock().begin_sealing().into();
        let (id, sealed) = (self.next_span, self.clock.steady(Instant::now()));
        let row = Span { tier: RAW, first: u64::MAX, last: 0, sealed, from: id, to: id, until, readings: 0 };
        self.sealing = Some(Joint { waiting, from: Vec::new(), id, row });
        self.next_span += 2;
        self.is_set = false;
    }

    /// Whether something is being sealed. The log may not be shortened before it is.
    pub(crate) fn is_sealing(&self) -> bool {
        self.sealing.is_some()
    }

    /// Whether there is something to be done soon.
    pub(crate) fn is_busy(&self) -> bool {
        self.sealing.is_some() || self.rolling.is_some() || !self.doomed.is_empty()
    }

    /// The next step, if there is one.
    pub(crate) fn step(&mut self, tables: &Tables) -> Result<Option<Step>, Fault> {
        if let Some(sealing) = &self.sealing {
            return Ok(Some(self.seal(sealing, tables.mark())));
        }
        if let Some(rolling) = &self.rolling {
            return self.roll(rolling, tables).map(Some);
        }
        if let Some(span) = self.doomed.front() {
            return Ok(Some(Step::Bury(*span)));
        }
        let now = Instant::now();
        if self.looked.is_some_and(|looked| now.duration_since(looked) < LOOK) {
            return Ok(None);
        }
        self.looked = Some(now);
        let age = self.clock.steady(now);
        let live = self.live.lock();
        if let Some((from, row)) = spans::to_be_rolled(live.spans(), age) {
            let waiting = live.series().keys().copied().collect();
            self.rolling = Some(Joint { waiting, from, id: self.next_span, row });
            self.next_span += 1;
            return Ok(None);
        }
        let old = spans::too_old(live.spans(), &self.settings, age, BURIED);
        if !old.is_empty() {
            return Ok(Some(Step::Doom(old)));
        }
        let is_crowded = live.spans().len() > MOST_SPANS || tables.used()? > self.most_bytes;
        if is_crowded && let Some(least) = spans::least_wanted(live.spans()) {
            return Ok(Some(Step::Doom(vec![least])));
        }
        let empty = live.empty_series(SERIES);
        Ok((!empty.is_empty()).then_some(Step::Forget(empty)))
    }

    fn seal(&self, sealing: &Joint, mark: u64) -> Step {
        let (mut chunks, mut rows, mut row) = (Vec::new(), Vec::new(), sealing.row);
        let (mut count, mut readings) = (0, 0);
        for id in sealing.waiting.iter().take(SERIES) {
            if readings >= READINGS {
                break;
            }
            count += 1;
            let found = {
                let live = self.live.lock();
                live.get(*id)
                    .and_then(|series| Some((Arc::clone(series.sealing.as_ref()?), series.row(sealing.id))))
            };
            let Some((run, series)) = found else { continue };
            let said = run.readings();
            readings += said.len();
            row.first = said.times.iter().copied().min().unwrap_or(u64::MAX).min(row.first);
            row.last = said.times.iter().copied().max().unwrap_or(0).max(row.last);
            row.readings += said.len() as u64;
            let [raw, minutes] = [sealing.id, sealing.id + 1].map(|span| chunk::number(span, *id));
            chunks.push((raw, said.chunk([mark, raw])));
            chunks.push((minutes, by_minutes(&said, [mark, minutes])));
            rows.push((u64::from(*id), series));
        }
        let is_last = count == sealing.waiting.len();
        let clock = self.clock.row(Instant::now());
        Step::Seal { id: sealing.id, chunks, series: rows, row, clock, count, is_last }
    }

    fn roll(&self, rolling: &Joint, tables: &Tables) -> Result<Step, Fault> {
        let (mut chunks, mut count) = (Vec::new(), 0);
        for id in rolling.waiting.iter().take(ROLLED) {
            count += 1;
            let (mut quarters, mut states) = (Buckets::by(QUARTER), Run::default());
            for span in &rolling.from {
                let number = chunk::number(*span, *id);
                let Some(bytes) = tables.chunk(number)? else { continue };
                match Chunk::read([tables.mark(), number], &bytes) {
                    Ok(Chunk::Buckets(minutes)) => {
                        minutes.all.iter().for_each(|minute| quarters.take(minute));
                    }
                    Ok(Chunk::Readings(readings)) => {
                        quarters.add_all(&readings, |_| true);
                        thin_states(&readings, QUARTER, &mut states);
                    }
                    Err(_) => self.is_damaged(*span),
                }
            }
            let number = chunk::number(rolling.id, *id);
            let place = [tables.mark(), number];
            if !quarters.all.is_empty() {
                chunks.push((number, quarters.chunk(place)));
            } else if !states.is_empty() {
                chunks.push((number, states.readings().chunk(place)));
            }
        }
        let is_last = count == rolling.waiting.len();
        Ok(Step::Roll { id: rolling.id, row: rolling.row, chunks, count, is_last })
    }

    /// A chunk of a span is not what was written.
    fn is_damaged(&self, span: u64) {
        self.figures.store_damaged.add(1);
        let mut live = self.live.lock();
        if let Some(span) = live.spans().get(&span).copied() {
            live.gaps.add(Gap::new(span.first, span.last, Why::Damaged));
        }
    }

    /// A step is written.
    pub(crate) fn stepped(&mut self, step: Step, buried: usize) {
        match step {
            Step::Seal { row, count, is_last, .. } => {
                let Some(sealing) = &mut self.sealing else { return };
                sealing.waiting.drain(..count.min(sealing.waiting.len()));
                sealing.row = row;
                if is_last {
                    self.live.lock().sealed(pair(sealing.id, row), sealing.id);
                    self.sealing = None;
                }
            }
            Step::Roll { count, is_last, .. } => {
                let Some(rolling) = &mut self.rolling else { return };
                rolling.waiting.drain(..count.min(rolling.waiting.len()));
                if is_last {
                    self.live.lock().put_spans([(rolling.id, rolling.row)]);
                    self.rolling = None;
                }
            }
            Step::Doom(spans) => {
                self.live.lock().forget_spans(&spans);
                self.doomed.extend(spans);
                // There may be more.
                self.looked = None;
            }
            Step::Bury(_) if buried < BURIED => {
                self.doomed.pop_front();
            }
            Step::Bury(_) => {}
            Step::Forget(series) => {
                self.live.lock().forget_series(&series);
                self.looked = None;
            }
        }
        self.tell(&self.live.lock());
    }
}

#[cfg(test)]
impl Keeper {
    pub(super) fn live(&self) -> &Mutex<Live> {
        &self.live
    }

    /// How many pieces are sealed, of all grains.
    pub(crate) fn spans(&self) -> usize {
        self.live.lock().spans().len()
    }

    /// As if all of it had passed second by second.
    pub(super) fn passes(&mut self, wall: u64) {
        self.clock = Clock::starting(None, wall, Instant::now());
    }

    /// As if time had passed to this on all clocks.
    pub(super) fn shows(&mut self, wall: u64) {
        self.clock.shows(wall);
    }

    /// As if time had passed.
    pub(super) fn look_again(&mut self) {
        self.looked = None;
    }
}
