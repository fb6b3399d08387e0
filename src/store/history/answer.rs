//! What is told of one series: from which spans it is read, and at which step. Pure; chunks are handed in.
//!
//! Chunks are read one after the other, and of what they say only as much is held as the answer may have.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::super::shape::Number;
use super::super::tables::Fault;
use super::buckets::{Bucket, Buckets};
use super::chunk::{self, Chunk};
use super::gap::{Gap, Why, few};
use super::grain::{MINUTE, MINUTES, QUARTER, QUARTERS, RAW};
use super::live::{Kind, Series};
use super::readings::{Place, Readings, Values, float};
use super::run::Run;
use super::spans::{Gone, Spans, View, chosen};
use crate::talk::control::{PastSeries, PastValue};

/// The steps that the hub chooses from, in milliseconds: whole parts of those that are longer, as far as there are such.
const STEPS: &[u64] = &[
    1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 180_000, 300_000, 600_000, 900_000, 1_800_000,
    3_600_000, 7_200_000, 10_800_000, 21_600_000, 43_200_000, 86_400_000,
];
const DAY: u64 = 86_400_000;
/// So many spans are looked at for the state that held before the first one.
const LOOK_BACK: usize = 1000;

/// A series, as it was at one moment.
#[derive(Debug)]
pub(super) struct Past {
    id: u32,
    mark: u64,
    kind: Kind,
    topic: String,
    path: String,
    unit: String,
    pub(super) spans: Arc<Spans>,
    pub(super) gone: Gone,
    sealing: Option<Arc<Run>>,
    open: Run,
}

/// What is wanted of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) since: u64,
    pub(super) until: u64,
    pub(super) points: usize,
    pub(super) step: Option<u64>,
}

impl Wanted {
    fn has(&self, time: u64) -> bool {
        (self.since..=self.until).contains(&time)
    }

    /// The least step that gives no more points than are wanted.
    fn usual_step(&self) -> u64 {
        let (time, points) = (self.until.saturating_sub(self.since), self.points.max(1) as u64);
        let days = || (time / points / DAY + 1) * DAY;
        STEPS.iter().copied().find(|step| time / step < points).unwrap_or_else(days)
    }
}

/// The bytes of a chunk, from wherever it is.
type Fetched = Result<Option<Vec<u8>>, Fault>;

/// What is told of a series.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// None if there is nothing.
    pub(super) series: Option<PastSeries>,
    /// The spans that were read.
    pub(super) read: Vec<u64>,
    /// Those of them of which the chunk is not what was written.
    damaged: Vec<u64>,
}

impl Told {
    pub(super) fn damaged(&self) -> u64 {
        self.damaged.len() as u64
    }
}

/// What numbers come to.
struct Sum {
    buckets: Buckets,
    /// The newest readings, as far as each of them may be told.
    newest: VecDeque<(u64, f64)>,
    most: usize,
    /// The step of the coarsest ones that are no single readings; 0 if all are.
    coarsest: u64,
}

/// A unit as people read it. It is kept as it stood in the payload, inside the quotes.
fn unescaped(unit: &str) -> String {
    serde_json::from_str(&format!("\"{unit}\"")).unwrap_or_else(|_| unit.to_owned())
}

impl Past {
    pub(super) fn of(id: u32, series: &Series, told_as: &str, spans: &Arc<Spans>, mark: u64) -> Self {
        Self {
            id,
            mark,
            kind: series.kind,
            topic: told_as.to_owned(),
            path: series.label.path.to_string(),
            unit: unescaped(&series.label.unit),
            spans: Arc::clone(spans),
            gone: *series.gone,
            sealing: series.sealing.clone(),
            open: series.open.clone(),
        }
    }

    /// What is told of it.
    pub(super) fn tell(
        &self,
        wanted: &Wanted,
        fetch: &mut impl FnMut(u64) -> Fetched,
    ) -> Result<Told, Fault> {
        let mut told = Told::default();
        let series = match self.kind {
            Kind::Numbers => self.numbers(wanted, fetch, &mut told)?,
            Kind::States => self.states(wanted, fetch, &mut told)?,
        };
        told.series = series.filter(|series| !series.times.is_empty());
        let damaged = told.damaged.iter().filter_map(|id| self.spans.get(id));
        let gaps = few(damaged.map(|span| Gap::new(span.first, span.last, Why::Damaged)).collect());
        if !gaps.is_empty() {
            // Where nothing else is left, it is told that something was there.
            let series = told.series.get_or_insert_with(|| self.empty(0));
            series.gaps = gaps.iter().map(Gap::told).collect();
        }
        Ok(told)
    }

    fn view(&self) -> View<'_> {
        View { spans: &self.spans, gone: self.gone }
    }

    /// Hands out what there is of a grain, in the order in which it came.
    fn read(
        &self,
        grain: u64,
        wanted: &Wanted,
        fetch: &mut impl FnMut(u64) -> Fetched,
        told: &mut Told,
        take: &mut impl FnMut(Chunk),
    ) -> Result<(), Fault> {
        for span in chosen(self.view(), grain, wanted.since, wanted.until) {
            if let Some(chunk) = self.chunk(span, fetch, told)? {
                take(chunk);
            }
        }
        self.sealing.iter().for_each(|run| take(Chunk::Readings(run.readings())));
        take(Chunk::Readings(self.open.readings()));
        Ok(())
    }

    fn chunk(
        &self,
        span: u64,
        fetch: &mut impl FnMut(u64) -> Fetched,
        told: &mut Told,
    ) -> Result<Option<Chunk>, Fault> {
        let number = chunk::number(span, self.id);
        let place: Place = [self.mark, number];
        if !told.read.contains(&span) {
            told.read.push(span);
        }
        let Some(bytes) = fetch(number)? else { return Ok(None) };
        let chunk = Chunk::read(place, &bytes);
        if chunk.is_err() && !told.damaged.contains(&span) {
            told.damaged.push(span);
        }
        Ok(chunk.ok())
    }

    fn numbers(
        &self,
        wanted: &Wanted,
        fetch: &mut impl FnMut(u64) -> Fetched,
        told: &mut Told,
    ) -> Result<Option<PastSeries>, Fault> {
        let (usual, points) = (wanted.usual_step(), wanted.points);
        let step = wanted.step.unwrap_or(usual);
        let grain = |step: u64| match step {
            0 => RAW,
            step if step % QUARTER == 0 => QUARTERS,
            step if step % MINUTE == 0 => MINUTES,
            _ => RAW,
        };
        let by = if step == 0 { usual } else { step };
        let mut sum = |grain: u64, by: u64, told: &mut Told| -> Result<Sum, Fault> {
            let mut sum = Sum::by(by, points);
            self.read(grain, wanted, fetch, told, &mut |chunk| sum.take(&chunk, wanted))?;
            Ok(sum)
        };
        let mut found = sum(grain(step), by, told)?;
        let wants_each = step == 0 || (wanted.step.is_none() && found.buckets.readings() <= points as u64);
        if wants_each && found.coarsest > 0 && grain(step) != RAW {
            found = sum(RAW, by, told)?;
        }
        if wants_each && found.coarsest == 0 {
            return Ok(Some(self.each(found.newest)));
        }
        // Where steps of this length are all that is left, only whole ones of them can be told.
        if found.coarsest > 0 && !by.is_multiple_of(found.coarsest) {
            let whole = by.div_ceil(found.coarsest) * found.coarsest;
            found = sum(grain(whole), whole, told)?;
        }
        Ok(Some(self.steps(&found.buckets)))
    }

    fn empty(&self, step: u64) -> PastSeries {
        let (topic, path, unit) = (self.topic.clone(), self.path.clone(), self.unit.clone());
        PastSeries { topic, path, unit, step: step / 1000, ..PastSeries::default() }
    }

    fn steps(&self, buckets: &Buckets) -> PastSeries {
        let column = |one: &dyn Fn(&Bucket) -> f64| buckets.all.iter().map(one).collect::<Vec<_>>();
        PastSeries {
            times: buckets.all.iter().map(|bucket| bucket.start).collect(),
            count: buckets.all.iter().map(|bucket| bucket.count).collect(),
            min: column(&|bucket| bucket.min),
            mean: column(&rounded),
            max: column(&|bucket| bucket.max),
            last: column(&|bucket| bucket.last),
            ..self.empty(buckets.step)
        }
    }

    fn each(&self, readings: VecDeque<(u64, f64)>) -> PastSeries {
        PastSeries {
            times: readings.iter().map(|(time, _)| *time).collect(),
            value: readings.into_iter().map(|(_, value)| PastValue::Number(value)).collect(),
            ..self.empty(0)
        }
    }

    /// Changes of a state, and the state before the first one.
    fn states(
        &self,
        wanted: &Wanted,
        fetch: &mut impl FnMut(u64) -> Fetched,
        told: &mut Told,
    ) -> Result<Option<PastSeries>, Fault> {
        let step = wanted.step.unwrap_or(0).max(wanted.usual_step());
        let (mut before, mut last) = (None, None::<Box<str>>);
        // All changes, as long as they are not too many; and the last one of each step.
        let (mut all, mut of_steps) = (Vec::new(), BTreeMap::new());
        self.read(RAW, wanted, fetch, told, &mut |chunk| {
            changes(&chunk, |time, state| {
                if time < wanted.since {
                    before = Some((time, Box::from(state)));
                } else if wanted.has(time) && last.as_deref() != Some(state) {
                    last = Some(state.into());
                    of_steps.insert(time / step, (time, Box::from(state)));
                    if all.len() <= wanted.points {
                        all.push((time, Box::from(state)));
                    }
                }
            });
        })?;
        if before.is_none() {
            before = self.before(wanted, fetch, told)?;
        }
        let is_thinned = all.len() > wanted.points;
        let mut said: Vec<(u64, Box<str>)> = if is_thinned { of_steps.into_values().collect() } else { all };
        if let Some(before) = before
            && said.first().is_none_or(|(_, first)| *first != before.1)
        {
            said.insert(0, before);
        }
        let value = |text: &str| serde_json::from_str(text).unwrap_or(PastValue::Text(text.to_owned()));
        Ok(Some(PastSeries {
            times: said.iter().map(|(time, _)| *time).collect(),
            value: said.iter().map(|(_, state)| value(state)).collect(),
            ..self.empty(if is_thinned { step } else { 0 })
        }))
    }

    /// The state that held when the time began that is asked for.
    fn before(
        &self,
        wanted: &Wanted,
        fetch: &mut impl FnMut(u64) -> Fetched,
        told: &mut Told,
    ) -> Result<Option<(u64, Box<str>)>, Fault> {
        let Some(until) = wanted.since.checked_sub(1) else { return Ok(None) };
        for span in chosen(self.view(), RAW, 0, until).into_iter().rev().take(LOOK_BACK) {
            let mut before = None;
            if let Some(chunk) = self.chunk(span, fetch, told)? {
                changes(&chunk, |time, state| {
                    if time <= until {
                        before = Some((time, Box::from(state)));
                    }
                });
            }
            if before.is_some() {
                return Ok(before);
            }
        }
        Ok(None)
    }
}

impl Sum {
    fn by(step: u64, most: usize) -> Self {
        Self { buckets: Buckets::by(step.max(1000)), newest: VecDeque::new(), most, coarsest: 0 }
    }

    fn take(&mut self, chunk: &Chunk, wanted: &Wanted) {
        match chunk {
            Chunk::Readings(readings) => each(readings, |time, value| {
                if wanted.has(time) {
                    self.buckets.add(time, value);
                    if self.newest.len() == self.most {
                        self.newest.pop_front();
                    }
                    self.newest.push_back((time, value));
                }
            }),
            Chunk::Buckets(thinned) => {
                let first = wanted.since - wanted.since % thinned.step;
                let is_asked = |bucket: &&Bucket| (first..=wanted.until).contains(&bucket.start);
                for bucket in thinned.all.iter().filter(is_asked) {
                    self.buckets.take(bucket);
                    self.coarsest = self.coarsest.max(thinned.step);
                }
            }
        }
    }
}

fn each(readings: &Readings, mut take: impl FnMut(u64, f64)) {
    let times = readings.times.iter().copied();
    match &readings.values {
        Values::Decimals(decimals, values) => times.zip(values).for_each(|(time, mantissa)| {
            take(time, float(Number { mantissa: *mantissa, decimals: *decimals }));
        }),
        Values::Floats(values) => times.zip(values).for_each(|(time, value)| take(time, *value)),
        Values::States(..) => {}
    }
}

fn changes(chunk: &Chunk, mut take: impl FnMut(u64, &str)) {
    let Chunk::Readings(Readings { times, values: Values::States(states, which) }) = chunk else { return };
    for (time, which) in times.iter().zip(which) {
        states.get(*which as usize).into_iter().for_each(|state| take(*time, state));
    }
}

/// Without digits that say nothing.
fn rounded(bucket: &Bucket) -> f64 {
    let mean = bucket.mean();
    let text = format!("{mean:.9e}");
    text.parse().unwrap_or(mean).clamp(bucket.min, bucket.max)
}
