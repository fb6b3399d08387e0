//! The writer's side of history: what is to be sealed, thinned further, and let go of, a step of a few milliseconds at a time.
//!
//! Memory follows the disk here as well: a step is made, written in the writer's transaction, and counts when that is through.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::super::log::{self, Bases};
use super::super::tables::{Checked, Fault, Order, Tables, Writing};
use super::buckets::Buckets;
use super::chunk::{self, Chunk};
use super::library::Library;
use super::live::Live;
use super::payload::Found;
use super::readings::{Readings, Values};
use super::run::Run;
use super::settings::Settings;
use super::tables::{SeriesRow, SpanRow};
use crate::hub::Figures;
use crate::seldom::Seldom;
use crate::talk;
use crate::topic::{Limits, Topic};

/// The grains, as the file calls them.
pub(super) const RAW: u64 = 0;
pub(super) const MINUTES: u64 = 1;
pub(super) const QUARTERS: u64 = 2;
pub(super) const MINUTE: u64 = 60_000;
pub(super) const QUARTER: u64 = 900_000;
const DAY: u64 = 86_400_000;

/// What one step does at the most: a few milliseconds' worth.
const READINGS: usize = 10_000;
const SERIES: usize = 64;
const ROLLED: usize = 8;
const BURIED: usize = 100;
/// So many spans of minutes become one of quarters, even if they are less than a day.
const MOST_ROLLED: usize = 64;
/// How often it is looked whether something has to go.
const LOOK: Duration = Duration::from_secs(5);

/// History, as the writer has it.
#[derive(Debug)]
pub(in crate::store) struct Keeper {
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

/// One step.
#[derive(Debug)]
pub(in crate::store) enum Step {
    Seal {
        chunks: Vec<(u64, Vec<u8>)>,
        series: Vec<(u64, SeriesRow)>,
        row: SpanRow,
        count: usize,
        is_last: bool,
    },
    Roll {
        chunks: Vec<(u64, Vec<u8>)>,
        count: usize,
        is_last: bool,
    },
    Doom(Vec<u64>),
    Bury(u64),
    Forget(Vec<u32>),
}

impl Keeper {
    pub(in crate::store) fn new(settings: Settings, most_bytes: u64, figures: &Arc<Figures>) -> Self {
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
    pub(in crate::store) fn library(&self, file: std::path::PathBuf) -> Library {
        Library::new(Arc::clone(&self.live), file, Arc::clone(&self.figures))
    }

    /// There is no file at the moment.
    pub(in crate::store) fn is_away(&self) {
        self.live.lock().mark = None;
    }

    /// Whether a topic has history.
    pub(in crate::store) fn names(&self, topic: &Topic) -> bool {
        self.settings.names(topic)
    }

    /// A row of the log is written that says this.
    pub(in crate::store) fn hear<'m>(&self, said: impl Iterator<Item = (&'m Topic, u64, &'m str)>) {
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

    /// Reads everything anew from a file: what is sealed, and from the log what is not.
    pub(in crate::store) fn load(&mut self, tables: &Tables) -> Result<(), Fault> {
        let mut live = Live::new(Arc::clone(&self.settings));
        (self.sealing, self.rolling, self.until, self.next_span) = (None, None, 0, 1);
        self.doomed.clear();
        let (mut damaged, mut spans) = (0, BTreeMap::new());
        tables.spans(|id, row| match row {
            Checked::Good(row) => {
                spans.insert(id, row);
            }
            Checked::Damaged => damaged += 1,
        })?;
        tables.series(|id, row| {
            let id = u32::try_from(id).unwrap_or(chunk::MOST_SERIES);
            let restored = match row {
                Checked::Good(row) => {
                    Topic::parse(&row.topic, &NO_LIMITS).is_ok_and(|topic| live.restore(id, topic, row))
                }
                Checked::Damaged => false,
            };
            if !restored {
                live.is_taken(id);
                damaged += 1;
            }
        })?;
        self.until = spans.values().filter(|span| span.tier == RAW).map(|span| span.until).max().unwrap_or(0);
        let mut from = 0;
        while let Some(found) = tables.chunk_from(from)? {
            let span = chunk::span_of(found);
            if !spans.contains_key(&span) {
                self.doomed.push_back(span);
            }
            from = chunk::number(span + 1, 0);
        }
        let doomed = self.doomed.iter().copied();
        self.next_span = spans.keys().copied().chain(doomed).max().map_or(1, |span| span + 1);
        let newest = spans.values().map(|span| span.last).max();
        self.clock = self.clock.or_else(|| Some(Clock { newest: newest?, since: Instant::now() }));
        live.sealed(spans);
        live.mark = Some(tables.mark());
        self.replay(tables, &mut live)?;
        self.figures.store_damaged.add(damaged);
        self.tell(&live);
        *self.live.lock() = live;
        Ok(())
    }

    /// What the log says and no span has.
    fn replay(&self, tables: &Tables, live: &mut Live) -> Result<(), Fault> {
        let mut topics: HashMap<u64, Topic> = HashMap::new();
        tables.topics(Order::Up, |id, name| {
            if let Checked::Good(name) = name
                && let Ok(topic) = Topic::parse(name, &NO_LIMITS)
            {
                topics.insert(id, topic);
            }
            true
        })?;
        let mut bases = Bases::starting_at(tables.mark(), 0);
        tables.log(Order::Up, |seq, bytes| {
            // What is wrong with a row has been told when the last values were read.
            let Ok(row) = log::read(seq, bytes, &mut bases) else { return true };
            for record in row.records.iter().filter(|_| seq > self.until) {
                let (Some(value), Some(topic)) = (&record.value, topics.get(&record.topic)) else { continue };
                let kind = value.rest.as_ref().map_or(talk::Kind::Reading, |rest| rest.kind);
                if kind == talk::Kind::Reading && self.settings.names(topic) {
                    live.say(topic, value.time, &value.payload);
                }
            }
            true
        })
    }

    /// Whether what was said is to be sealed, although the log is not large.
    pub(in crate::store) fn is_full(&self, now: u64) -> bool {
        let live = self.live.lock();
        let span = u64::try_from(self.settings.span.as_millis()).unwrap_or(u64::MAX);
        live.open_bytes() >= self.settings.open_bytes
            || live.open_since().is_some_and(|since| now.saturating_sub(since) >= span)
    }

    /// Seals what was said up to this row of the log.
    pub(in crate::store) fn begin_sealing(&mut self, until: u64) {
        let waiting: VecDeque<_> = self.live.lock().begin_sealing().into();
        let row = SpanRow { tier: RAW, first: u64::MAX, last: 0, until, readings: 0 };
        self.sealing = Some(Joint { waiting, from: Vec::new(), id: self.next_span, row });
        self.next_span += 2;
    }

    /// Whether something is being sealed. The log may not be shortened before it is.
    pub(in crate::store) fn is_sealing(&self) -> bool {
        self.sealing.is_some()
    }

    /// Whether there is something to be done soon.
    pub(in crate::store) fn is_busy(&self) -> bool {
        self.sealing.is_some() || self.rolling.is_some() || !self.doomed.is_empty()
    }

    /// The next step, if there is one.
    pub(in crate::store) fn step(&mut self, tables: &Tables, wall: u64) -> Result<Option<Step>, Fault> {
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
        Step::Seal { chunks, series: rows, row, count, is_last }
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
        Ok(Step::Roll { chunks, count, is_last: count == rolling.waiting.len() })
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
    pub(in crate::store) fn stepped(&mut self, step: Step, buried: usize) {
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

    fn tell(&self, live: &Live) {
        self.figures.history_series.set(live.series().len() as u64);
        self.figures.history_spans.set(live.spans().len() as u64);
        self.figures.history_open_bytes.set(live.open_bytes() as u64);
    }
}

/// The limits of topics may be other ones now.
const NO_LIMITS: Limits = Limits { max_bytes: usize::MAX, max_levels: usize::MAX };

/// The spans of what was sealed: raw, and by minutes. None where nothing was.
fn pair(id: u64, row: SpanRow) -> Vec<(u64, SpanRow)> {
    if row.readings == 0 {
        return Vec::new();
    }
    vec![(id, row), (id + 1, SpanRow { tier: MINUTES, ..row })]
}

/// Readings by minutes, or as they are where there are hardly more of them.
fn by_minutes(said: &Readings, place: super::readings::Place) -> Vec<u8> {
    if matches!(said.values, Values::States(..)) {
        let mut states = Run::default();
        thin_states(said, MINUTE, &mut states);
        return states.readings().chunk(place);
    }
    let mut minutes = Buckets::by(MINUTE);
    minutes.add_all(said, |_| true);
    if minutes.all.len() * 2 > said.len() { said.chunk(place) } else { minutes.chunk(place) }
}

/// Of each step the last state.
fn thin_states(said: &Readings, step: u64, into: &mut Run) {
    let Values::States(states, which) = &said.values else { return };
    let mut waiting: Option<(u64, u32)> = None;
    let mut push = |(time, which): (u64, u32)| {
        if let Some(state) = states.get(which as usize) {
            into.push(time, Found::State(state));
        }
    };
    for (time, which) in said.times.iter().zip(which) {
        if let Some(before) = waiting.filter(|before| before.0 / step != time / step) {
            push(before);
        }
        waiting = Some((*time, *which));
    }
    waiting.into_iter().for_each(push);
}

impl Step {
    /// Writes it. Says how many chunks went.
    pub(in crate::store) fn write(&self, keeper: &Keeper, writing: &Writing<'_>) -> Result<usize, Fault> {
        match self {
            Self::Seal { chunks, series, row, is_last, .. } => {
                chunks.iter().try_for_each(|(id, data)| writing.put_chunk(*id, data))?;
                series.iter().try_for_each(|(id, row)| writing.put_series(*id, row))?;
                let id = keeper.sealing.as_ref().map_or(0, |sealing| sealing.id);
                let spans = if *is_last { pair(id, *row) } else { Vec::new() };
                spans.iter().try_for_each(|(id, span)| writing.put_span(*id, span))?;
            }
            Self::Roll { chunks, is_last, .. } => {
                chunks.iter().try_for_each(|(id, data)| writing.put_chunk(*id, data))?;
                if let Some(rolling) = keeper.rolling.as_ref().filter(|_| *is_last) {
                    writing.put_span(rolling.id, &rolling.row)?;
                }
            }
            Self::Doom(spans) => spans.iter().try_for_each(|id| writing.forget_span(*id))?,
            Self::Bury(span) => return writing.forget_chunks(*span, BURIED),
            Self::Forget(series) => series.iter().try_for_each(|id| writing.forget_series((*id).into()))?,
        }
        Ok(0)
    }
}
