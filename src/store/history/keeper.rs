//! The writer's side of history: what is to be sealed, thinned further, and let go of, a step of a few milliseconds at a time.
//!
//! Memory follows the disk here as well: a step is made, written in the writer's transaction, and counts when that is through.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::super::tables::{Fault, Tables};
use super::buckets::Buckets;
use super::chunk::{self, Chunk};
use super::grain::{MINUTES, QUARTER, QUARTERS, RAW};
use super::library::Library;
use super::live::Live;
use super::load::{Loaded, load};
use super::run::Run;
use super::settings::Settings;
use super::steps::{BURIED, Step, by_minutes, pair, thin_states};
use super::tables::SpanRow;
use crate::hub::Figures;
use crate::seldom::Seldom;
use crate::topic::Topic;

const DAY: u64 = 86_400_000;

/// What one step does at the most: a few milliseconds' worth.
const READINGS: usize = 10_000;
const SERIES: usize = 64;
const ROLLED: usize = 8;
/// So many spans of minutes become one of quarters, even if they are less than a day.
const MOST_ROLLED: usize = 64;
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
    /// Up to this row of the log everything is sealed.
    until: u64,
    sealing: Option<Joint>,
    rolling: Option<Joint>,
    /// Spans without a row, whose chunks are to go.
    doomed: VecDeque<u64>,
    looked: Option<Instant>,
    clock: Option<Clock>,
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
    row: SpanRow,
}

/// What age is counted by. Where the clock on the wall has jumped forward by more than a day, that is believed a day later, so
/// that a board that wakes up in 2050 deletes nothing.
#[derive(Debug, Clone, Copy)]
struct Clock {
    newest: u64,
    since: Instant,
}

impl Keeper {
    pub(crate) fn new(settings: Settings, most_bytes: u64, figures: &Arc<Figures>) -> Self {
        let settings = Arc::new(settings);
        let live = Arc::new(Mutex::new(Live::new(Arc::clone(&settings))));
        Self {
            settings,
            live,
            figures: Arc::clone(figures),
            most_bytes: most_bytes - most_bytes / 8,
            next_span: 1,
            until: 0,
            sealing: None,
            rolling: None,
            doomed: VecDeque::new(),
            looked: None,
            clock: None,
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

    /// A row of the log is written that says this.
    pub(crate) fn hear<'m>(&self, said: impl Iterator<Item = (&'m Topic, u64, &'m str)>) {
        if !self.settings.is_on() {
            return;
        }
        let mut live = self.live.lock();
        for (topic, time, payload) in said {
            if self.settings.names(topic) {
                let refused = live.say(topic, time, payload);
                self.refuse(topic, refused);
            }
        }
        self.tell(&live);
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

    /// Reads everything anew from a file.
    pub(crate) fn load(&mut self, tables: &Tables) -> Result<(), Fault> {
        let Loaded { live, until, doomed, next_span, newest, damaged } = load(tables, &self.settings)?;
        (self.sealing, self.rolling) = (None, None);
        (self.until, self.doomed, self.next_span) = (until, doomed.into(), next_span);
        self.clock = self.clock.or_else(|| Some(Clock { newest: newest?, since: Instant::now() }));
        self.figures.store_damaged.add(damaged);
        self.tell(&live);
        *self.live.lock() = live;
        Ok(())
    }

    /// Whether what was said is to be sealed, although the log is not large.
    pub(crate) fn is_full(&self, now: u64) -> bool {
        let live = self.live.lock();
        let span = u64::try_from(self.settings.span.as_millis()).unwrap_or(u64::MAX);
        live.open_bytes() >= self.settings.open_bytes
            || live.open_since().is_some_and(|since| now.saturating_sub(since) >= span)
    }

    /// Seals what was said up to this row of the log.
    pub(crate) fn begin_sealing(&mut self, until: u64) {
        let waiting: VecDeque<_> = self.live.lock().begin_sealing().into();
        let row = SpanRow { tier: RAW, first: u64::MAX, last: 0, until, readings: 0 };
        self.sealing = Some(Joint { waiting, from: Vec::new(), id: self.next_span, row });
        self.next_span += 2;
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
    pub(crate) fn step(&mut self, tables: &Tables, wall: u64) -> Result<Option<Step>, Fault> {
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
        let wall = self.believed(wall, now);
        if self.begin_rolling(wall) {
            return Ok(None);
        }
        let old = self.too_old(wall);
        if !old.is_empty() {
            return Ok(Some(Step::Doom(old)));
        }
        if tables.used()? > self.most_bytes
            && let Some(oldest) = self.least_wanted()
        {
            return Ok(Some(Step::Doom(oldest)));
        }
        let empty = self.live.lock().empty_series(SERIES);
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
                live.get(*id).and_then(|series| {
                    let run = Arc::clone(series.sealing.as_ref()?);
                    let at = series.at.max(run.last_time()?);
                    Some((run, series.row(at)))
                })
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
        Step::Seal { id: sealing.id, chunks, series: rows, row, count, is_last }
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
                    Err(_) => self.figures.store_damaged.add(1),
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

    /// Begins to make quarters of minutes, if there is a day of them.
    fn begin_rolling(&mut self, wall: u64) -> bool {
        let live = self.live.lock();
        let rolled = live.spans().values().filter(|span| span.tier == QUARTERS).map(|span| span.until).max();
        let minutes = live.spans().iter().filter(|(id, span)| span.tier == MINUTES && Some(**id) > rolled);
        let minutes: Vec<_> = minutes.take(MOST_ROLLED).collect();
        let (Some((_, first)), Some((until, _))) = (minutes.first(), minutes.last()) else { return false };
        if wall.saturating_sub(first.first) < DAY && minutes.len() < MOST_ROLLED {
            return false;
        }
        let row = SpanRow {
            tier: QUARTERS,
            first: minutes.iter().map(|(_, span)| span.first).min().unwrap_or_default(),
            last: minutes.iter().map(|(_, span)| span.last).max().unwrap_or_default(),
            until: **until,
            readings: minutes.iter().map(|(_, span)| span.readings).sum(),
        };
        let from = minutes.iter().map(|(id, _)| **id).collect();
        let waiting = live.series().keys().copied().collect();
        drop(live);
        self.rolling = Some(Joint { waiting, from, id: self.next_span, row });
        self.next_span += 1;
        true
    }

    fn believed(&mut self, wall: u64, now: Instant) -> u64 {
        let clock = self.clock.get_or_insert(Clock { newest: wall, since: now });
        let passed = now.duration_since(clock.since);
        let steady = clock.newest.saturating_add(u64::try_from(passed.as_millis()).unwrap_or(u64::MAX));
        if wall > steady.saturating_add(DAY) && passed < Duration::from_millis(DAY) { steady } else { wall }
    }

    /// Spans whose time is over, of each grain.
    fn too_old(&self, wall: u64) -> Vec<u64> {
        let live = self.live.lock();
        let rolled = live.spans().values().filter(|span| span.tier == QUARTERS).map(|span| span.until).max();
        let is_old = |id: u64, span: &SpanRow| {
            let kept = match span.tier {
                RAW => self.settings.raw,
                // What is not in quarters yet stays.
                MINUTES if Some(id) > rolled => return false,
                MINUTES => self.settings.minutes,
                _ => self.settings.quarters,
            };
            let kept = u64::try_from(kept.as_millis()).unwrap_or(u64::MAX);
            span.last.saturating_add(kept) < wall
        };
        let old = live.spans().iter().filter(|(id, span)| is_old(**id, span));
        old.map(|(id, _)| *id).take(BURIED).collect()
    }

    /// What goes first where bytes run out: raw readings but the newest hour's, then minutes, then quarters.
    fn least_wanted(&self) -> Option<Vec<u64>> {
        let live = self.live.lock();
        let newest = live.spans().values().map(|span| span.last).max()?;
        let of = |tier: u64| live.spans().iter().filter(move |(_, span)| span.tier == tier);
        let hour = newest.saturating_sub(4 * QUARTER);
        let raw = of(RAW).find(|(_, span)| span.last < hour);
        let least = raw.or_else(|| of(MINUTES).next()).or_else(|| of(QUARTERS).next())?;
        Some(vec![*least.0])
    }

    /// A step is written.
    pub(crate) fn stepped(&mut self, step: Step, buried: usize) {
        match step {
            Step::Seal { row, count, is_last, .. } => {
                let Some(sealing) = &mut self.sealing else { return };
                sealing.waiting.drain(..count.min(sealing.waiting.len()));
                sealing.row = row;
                if is_last {
                    let spans = pair(sealing.id, row);
                    self.until = row.until;
                    self.sealing = None;
                    self.live.lock().sealed(spans);
                }
            }
            Step::Roll { count, is_last, .. } => {
                let Some(rolling) = &mut self.rolling else { return };
                rolling.waiting.drain(..count.min(rolling.waiting.len()));
                if is_last {
                    self.live.lock().put_span(rolling.id, rolling.row);
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

    /// Forgets all series of the topics that are named, when everything is sealed. Says how many that were.
    pub(crate) fn forget(
        &self,
        tables: &mut Tables,
        is_named: impl Fn(&Topic) -> bool,
    ) -> Result<usize, Fault> {
        let (named, spans): (Vec<_>, Vec<_>) = {
            let live = self.live.lock();
            let named = live.series().iter().filter(|(_, series)| is_named(&series.topic));
            (named.map(|(id, _)| *id).collect(), live.spans().keys().copied().collect())
        };
        for some in named.chunks(SERIES) {
            tables.write(false, |writing| {
                for id in some {
                    spans.iter().try_for_each(|span| writing.forget_chunk(chunk::number(*span, *id)))?;
                    writing.forget_series((*id).into())?;
                }
                Ok(())
            })?;
            self.live.lock().forget_series(some);
        }
        self.tell(&self.live.lock());
        Ok(named.len())
    }

    fn tell(&self, live: &Live) {
        let oldest = live.spans().values().map(|span| span.first / 1000).min();
        self.figures.history_oldest.set(oldest.or(live.open_since().map(|at| at / 1000)).unwrap_or_default());
        self.figures.history_series.set(live.series().len() as u64);
        self.figures.history_spans.set(live.spans().len() as u64);
        self.figures.history_open_bytes.set(live.open_bytes() as u64);
    }
}

#[cfg(test)]
impl Keeper {
    pub(super) fn live(&self) -> &Mutex<Live> {
        &self.live
    }

    /// As if all of it had passed second by second.
    pub(super) fn passes(&mut self, wall: u64) {
        self.clock = Some(Clock { newest: wall, since: Instant::now() });
    }

    /// As if time had passed.
    pub(super) fn look_again(&mut self) {
        self.looked = None;
    }
}
