//! The writer's side of history: what is to be sealed, thinned further, and let go of, a step of a few milliseconds at a time.
//!
//! Memory follows the disk here as well: a step is made, written in the writer's transaction, and counts when that is through.

mod forgetting;
mod hearing;
mod making;
mod telling;
mod thinning;

pub(crate) use hearing::Hearing;

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
use super::heard::Heard;
use super::library::Library;
use super::live::Live;
use super::load::{Loaded, load};
use super::over::{Over, Thinning};
use super::rules::Named;
use super::run::Run;
use super::settings::Settings;
use super::spans::{self, Span};
use super::steps::{Step, by_minutes, pairs, thin_states};
use crate::hub::{Figures, Skipped};
use crate::seldom::Seldom;
use crate::topic::Topic;

/// What one step does at the most: a few milliseconds' worth.
const READINGS: usize = 10_000;
const SERIES: usize = 64;
const ROLLED: usize = 8;
/// Chunks that go, their bytes, and chunks of which it is looked whether they are there.
const BURIED: usize = 100;
const BURIED_BYTES: usize = 1 << 20;
const LOOKED_AT: usize = 1000;
/// Pieces of all grains. Where there are more, the least wanted ones go.
const MOST_SPANS: usize = 100_000;
/// How often it is looked whether something has to go.
const LOOK: Duration = Duration::from_secs(5);

/// History, as the writer has it.
#[derive(Debug)]
pub(crate) struct Keeper {
    settings: Arc<Settings>,
    named: Named,
    live: Arc<Mutex<Live>>,
    figures: Arc<Figures>,
    /// The file may have so many bytes before history has to make room.
    most_bytes: u64,
    next_span: u64,
    sealing: Option<Joint>,
    rolling: Option<Joint>,
    /// Spans without a row, whose chunks are to go.
    doomed: VecDeque<u64>,
    /// Up to which span the time is over for whom, and who is gone through for that.
    over: Over,
    thinning: Option<Thinning>,
    /// Series that cannot be read and have nothing, whose rows are to go.
    unnamed: Vec<u32>,
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
    /// What was heard and is not written: what is missing if it never is.
    unwritten: Option<Gap>,
}

/// Spans that are being made.
#[derive(Debug)]
struct Joint {
    /// Series that are still to be looked at.
    waiting: VecDeque<u32>,
    /// How many parts of the first of them are sealed.
    part: usize,
    /// Spans of minutes that become one of quarters.
    from: Vec<u64>,
    /// The first of the new spans.
    id: u64,
    /// That of quarters, or a raw one for each piece that is sealed.
    rows: Vec<Span>,
}

impl Joint {
    /// The newest piece that is sealed.
    fn newest(&self) -> u64 {
        self.rows.last().map_or(self.id, |row| row.from)
    }
}

impl Keeper {
    /// Of a hub that begins now, by the clock on the wall.
    pub(crate) fn new(settings: Settings, most_bytes: u64, figures: &Arc<Figures>, now: u64) -> Self {
        let (over, settings) = (Over::new(&settings.rules), Arc::new(settings));
        let live = Arc::new(Mutex::new(Live::new(Arc::clone(&settings))));
        Self {
            settings,
            named: Named::default(),
            live,
            figures: Arc::clone(figures),
            most_bytes: most_bytes - most_bytes / 8,
            next_span: 1,
            sealing: None,
            rolling: None,
            doomed: VecDeque::new(),
            over,
            thinning: None,
            unnamed: Vec::new(),
            looked: None,
            began: now,
            clock: Clock::starting(None, now, Instant::now()),
            is_set: false,
            is_loaded: false,
            seen: 0,
            unwritten: None,
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

    /// The moment by which age is counted, where there is history: without it nothing keeps the clock that is believed.
    pub(crate) fn aged(&self) -> Option<u64> {
        self.settings.is_on().then(|| self.clock.steady(Instant::now()))
    }

    /// Reads everything anew from a file with these topics; `is_anew` says whether it is one in place of another that is lost.
    pub(crate) fn load(
        &mut self,
        (tables, topics): (&Tables, &[(u64, Topic)]),
        is_anew: bool,
        wall: u64,
    ) -> Result<(), Fault> {
        let Loaded { mut live, doomed, unnamed, next_span, clock, lived, damaged } =
            load(tables, topics, &self.settings, wall)?;
        (self.sealing, self.rolling, self.thinning) = (None, None, None);
        (self.over, self.unnamed) = (Over::new(&self.settings.rules), unnamed);
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
        let (waiting, parts) = self.live.lock().begin_sealing();
        let (id, sealed) = (self.next_span, self.clock.steady(Instant::now()));
        let pieces = (0..parts as u64).map(|part| id + 2 * part);
        let row =
            |id| Span { tier: RAW, first: u64::MAX, last: 0, sealed, from: id, to: id, until, readings: 0 };
        let rows: Vec<_> = pieces.map(row).collect();
        self.next_span += 2 * rows.len() as u64;
        self.sealing = Some(Joint { waiting: waiting.into(), part: 0, from: Vec::new(), id, rows });
        self.is_set = false;
    }

    /// Whether something is being sealed. The log may not be shortened before it is.
    pub(crate) fn is_sealing(&self) -> bool {
        self.sealing.is_some()
    }

    /// Whether there is something to be done soon.
    pub(crate) fn is_busy(&self) -> bool {
        let is_making = self.sealing.is_some() || self.rolling.is_some();
        is_making || self.thinning.is_some() || !self.doomed.is_empty()
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
            return Self::bury(*span, tables).map(Some);
        }
        if let Some(thinning) = &self.thinning {
            return self.thin(thinning, tables).map(Some);
        }
        let now = Instant::now();
        if self.looked.is_some_and(|looked| now.duration_since(looked) < LOOK) {
            return Ok(None);
        }
        self.looked = Some(now);
        let age = self.clock.steady(now);
        let live = self.live.lock();
        if let Some((from, row)) = spans::to_be_rolled(live.spans(), age) {
            let waiting = live.series().iter().map(|(id, _)| id).collect();
            self.rolling = Some(Joint { waiting, part: 0, from, id: self.next_span, rows: vec![row] });
            self.next_span += 1;
            return Ok(None);
        }
        drop(live);
        self.what_goes(tables, age)
    }

    /// A step is written.
    pub(crate) fn stepped(&mut self, step: Step) {
        match step {
            Step::Seal { rows, count, part, clock, .. } => {
                let Some(sealing) = &mut self.sealing else { return };
                sealing.waiting.drain(..count.min(sealing.waiting.len()));
                (sealing.rows, sealing.part) = (rows, part);
                if clock.is_some() {
                    self.live.lock().sealed(pairs(&sealing.rows), sealing.newest());
                    self.sealing = None;
                }
            }
            Step::Roll { count, span, .. } => {
                let Some(rolling) = &mut self.rolling else { return };
                rolling.waiting.drain(..count.min(rolling.waiting.len()));
                if span.is_some() {
                    self.live.lock().put_spans(span);
                    self.rolling = None;
                }
            }
            Step::Doom(spans) => {
                self.live.lock().forget_spans(&spans);
                self.doomed.extend(spans);
                // There may be more.
                self.looked = None;
            }
            Step::Bury { is_last, .. } => {
                self.doomed.drain(..usize::from(is_last).min(self.doomed.len()));
            }
            Step::Thin { next, .. } => {
                let Some(mut thinning) = self.thinning.take() else { return };
                if let Some(next) = next {
                    thinning.next = next;
                    self.thinning = Some(thinning);
                } else {
                    self.over.thinned(&thinning);
                    self.looked = None;
                }
            }
            Step::Forget(series) => {
                self.live.lock().forget_series(&series);
                self.unnamed.retain(|unnamed| !series.contains(unnamed));
                self.looked = None;
            }
        }
        self.tell(&self.live.lock());
    }
}

#[cfg(test)]
impl Keeper {
    /// What is said is written.
    pub(super) fn hear<'m>(&mut self, said: impl Iterator<Item = Heard<'m>>) {
        let mut hearing = self.listen();
        said.for_each(|message| {
            hearing.hear(&message);
        });
        drop(hearing);
        self.is_written();
    }

    pub(super) fn live(&self) -> &Mutex<Live> {
        &self.live
    }

    /// How many readings are in the pieces that are being sealed.
    pub(super) fn sealed_so_far(&self) -> u64 {
        self.sealing.iter().flat_map(|sealing| &sealing.rows).map(|row| row.readings).sum()
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
