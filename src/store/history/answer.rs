//! What is told of one series: from which spans it is read, and at which step. Pure; chunks are handed in.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::shape::Number;
use super::super::tables::Fault;
use super::buckets::{Bucket, Buckets};
use super::chunk::{self, Chunk};
use super::grain::{MINUTE, MINUTES, QUARTER, QUARTERS, RAW};
use super::live::{Kind, Series};
use super::readings::{Place, Readings, Values, float};
use super::run::Run;
use super::tables::SpanRow;
use crate::talk::control::{PastSeries, PastValue};

/// The steps that the hub chooses from, in milliseconds: whole parts of those that are longer, as far as there are such.
const STEPS: &[u64] = &[
    1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 180_000, 300_000, 600_000, 900_000, 1_800_000,
    3_600_000, 7_200_000, 10_800_000, 21_600_000, 43_200_000, 86_400_000,
];

/// A series, as it was at one moment.
#[derive(Debug)]
pub(super) struct Past {
    id: u32,
    mark: u64,
    kind: Kind,
    topic: String,
    path: String,
    unit: String,
    spans: Arc<BTreeMap<u64, SpanRow>>,
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
        let is_enough = |step: &u64| time / step < points;
        let days = || (1..=36_500).map(|days| days * 86_400_000).find(is_enough).unwrap_or(u64::MAX);
        STEPS.iter().copied().find(is_enough).unwrap_or_else(days)
    }
}

/// What was found: readings, and what is left of others.
#[derive(Debug, Default)]
struct Pile {
    said: Vec<Readings>,
    thinned: Vec<Buckets>,
}

impl Past {
    pub(super) fn of(
        id: u32,
        series: &Series,
        told_as: &str,
        spans: &Arc<BTreeMap<u64, SpanRow>>,
        mark: u64,
    ) -> Self {
        Self {
            id,
            mark,
            kind: series.kind,
            topic: told_as.to_owned(),
            path: series.path.to_string(),
            unit: series.unit.to_string(),
            spans: Arc::clone(spans),
            sealing: series.sealing.clone(),
            open: series.open.clone(),
        }
    }

    /// What is told of it; none if there is nothing. `damaged` counts chunks that are not what was written.
    pub(super) fn tell(
        &self,
        wanted: &Wanted,
        damaged: &mut u64,
        fetch: &mut impl FnMut(u64) -> Result<Option<Vec<u8>>, Fault>,
    ) -> Result<Option<PastSeries>, Fault> {
        let step = wanted.step.unwrap_or_else(|| wanted.usual_step());
        let grain = match step {
            0 => RAW,
            step if step % QUARTER == 0 => QUARTERS,
            step if step % MINUTE == 0 => MINUTES,
            _ => RAW,
        };
        let mut pile = self.pile(grain, wanted, damaged, fetch)?;
        if self.kind == Kind::States {
            return Ok(self.states(&pile, wanted, step));
        }
        let mut buckets = pile.buckets(wanted, step.max(1000));
        let few = buckets.all.iter().map(|bucket| bucket.count).sum::<u64>() <= wanted.points as u64;
        let wants_each = step == 0 || (wanted.step.is_none() && few);
        if wants_each && !pile.thinned.is_empty() && grain != RAW {
            pile = self.pile(RAW, wanted, damaged, fetch)?;
        }
        if wants_each && pile.thinned.is_empty() {
            return Ok(self.each(&pile, wanted));
        }
        if step == 0 {
            // Each one is not there any more.
            let coarsest = pile.thinned.iter().map(|thinned| thinned.step).max().unwrap_or(MINUTE);
            buckets = pile.buckets(wanted, coarsest);
        }
        Ok(self.steps(&buckets))
    }

    fn pile(
        &self,
        grain: u64,
        wanted: &Wanted,
        damaged: &mut u64,
        fetch: &mut impl FnMut(u64) -> Result<Option<Vec<u8>>, Fault>,
    ) -> Result<Pile, Fault> {
        let mut pile = Pile::default();
        for span in chosen(&self.spans, grain) {
            let is_near = self
                .spans
                .get(&span)
                .is_some_and(|span| span.first <= wanted.until && span.last >= wanted.since);
            if !is_near {
                continue;
            }
            let number = chunk::number(span, self.id);
            let Some(bytes) = fetch(number)? else { continue };
            let place: Place = [self.mark, number];
            match Chunk::read(place, &bytes) {
                Ok(Chunk::Readings(readings)) => pile.said.push(readings),
                Ok(Chunk::Buckets(buckets)) => pile.thinned.push(buckets),
                Err(_) => *damaged += 1,
            }
        }
        pile.said.extend(self.sealing.iter().map(|run| run.readings()));
        pile.said.push(self.open.readings());
        Ok(pile)
    }

    fn empty(&self, step: u64) -> PastSeries {
        let (topic, path, unit) = (self.topic.clone(), self.path.clone(), self.unit.clone());
        PastSeries { topic, path, unit, step: step / 1000, ..PastSeries::default() }
    }

    fn steps(&self, buckets: &Buckets) -> Option<PastSeries> {
        let column = |one: &dyn Fn(&Bucket) -> f64| buckets.all.iter().map(one).collect::<Vec<_>>();
        let series = PastSeries {
            times: buckets.all.iter().map(|bucket| bucket.start).collect(),
            count: buckets.all.iter().map(|bucket| bucket.count).collect(),
            min: column(&|bucket| bucket.min),
            mean: column(&|bucket| rounded(bucket)),
            max: column(&|bucket| bucket.max),
            last: column(&|bucket| bucket.last),
            ..self.empty(buckets.step)
        };
        (!series.times.is_empty()).then_some(series)
    }

    fn each(&self, pile: &Pile, wanted: &Wanted) -> Option<PastSeries> {
        let mut series = self.empty(0);
        for readings in &pile.said {
            numbers(readings, |time, value| {
                if wanted.has(time) {
                    series.times.push(time);
                    series.value.push(PastValue::Number(value));
                }
            });
        }
        // The newest ones, where there are too many.
        let left_out = series.times.len().saturating_sub(wanted.points);
        series.times.drain(..left_out);
        series.value.drain(..left_out);
        (!series.times.is_empty()).then_some(series)
    }

    /// Changes of a state, and the state before the first one.
    fn states(&self, pile: &Pile, wanted: &Wanted, step: u64) -> Option<PastSeries> {
        let (mut before, mut said) = (None, Vec::<(u64, &str)>::new());
        for readings in &pile.said {
            let Values::States(states, which) = &readings.values else { continue };
            for (time, which) in readings.times.iter().zip(which) {
                let Some(state) = states.get(*which as usize) else { continue };
                if *time < wanted.since {
                    before = Some((*time, &**state));
                } else if wanted.has(*time) && said.last().is_none_or(|(_, last)| *last != &**state) {
                    said.push((*time, state));
                }
            }
        }
        if let Some(before) = before
            && said.first().is_none_or(|(_, first)| *first != before.1)
        {
            said.insert(0, before);
        }
        let is_thinned = said.len() > wanted.points;
        if is_thinned {
            let step = step.max(wanted.usual_step());
            let mut of_steps: BTreeMap<u64, (u64, &str)> = BTreeMap::new();
            for (time, state) in said {
                of_steps.insert(time / step, (time, state));
            }
            said = of_steps.into_values().collect();
        }
        let value = |text: &str| serde_json::from_str(text).unwrap_or(PastValue::Text(text.to_owned()));
        let series = PastSeries {
            times: said.iter().map(|(time, _)| *time).collect(),
            value: said.iter().map(|(_, state)| value(state)).collect(),
            ..self.empty(if is_thinned { step.max(wanted.usual_step()) } else { 0 })
        };
        (!series.times.is_empty()).then_some(series)
    }
}

impl Pile {
    fn buckets(&self, wanted: &Wanted, step: u64) -> Buckets {
        let mut all = Buckets::by(step);
        for thinned in &self.thinned {
            let first = wanted.since - wanted.since % thinned.step;
            let of_time = thinned.all.iter().filter(|bucket| (first..=wanted.until).contains(&bucket.start));
            of_time.for_each(|bucket| all.take(bucket));
        }
        self.said.iter().for_each(|readings| all.add_all(readings, |time| wanted.has(time)));
        all
    }
}

fn numbers(readings: &Readings, mut take: impl FnMut(u64, f64)) {
    let times = readings.times.iter().copied();
    match &readings.values {
        Values::Decimals(decimals, values) => times.zip(values).for_each(|(time, mantissa)| {
            take(time, float(Number { mantissa: *mantissa, decimals: *decimals }));
        }),
        Values::Floats(values) => times.zip(values).for_each(|(time, value)| take(time, *value)),
        Values::States(..) => {}
    }
}

/// Without digits that say nothing.
fn rounded(bucket: &Bucket) -> f64 {
    let mean = bucket.mean();
    let text = format!("{mean:.9e}");
    text.parse().unwrap_or(mean).clamp(bucket.min, bucket.max)
}

/// Which spans are read for a grain: those that have it, and where they are gone, what was made of them. Each moment is in one of
/// them only.
fn chosen(spans: &BTreeMap<u64, SpanRow>, grain: u64) -> Vec<u64> {
    let of = |tier: u64| spans.iter().filter(move |(_, span)| span.tier == tier);
    // A span of minutes stands behind the one that it was made with.
    let has_raw = |minutes: u64| spans.get(&(minutes - 1)).is_some_and(|span| span.tier == RAW);
    let first_minutes = of(MINUTES).map(|(id, _)| *id).next();
    let rolled = of(QUARTERS).map(|(_, span)| span.until).max();
    let mut chosen: Vec<u64> = match grain {
        RAW => of(RAW).map(|(id, _)| *id).collect(),
        _ => Vec::new(),
    };
    let takes_minutes = |id: u64| match grain {
        RAW => !has_raw(id),
        MINUTES => true,
        _ => Some(id) > rolled || !is_whole(spans, id),
    };
    chosen.extend(of(MINUTES).map(|(id, _)| *id).filter(|id| takes_minutes(*id)));
    // Spans of minutes go oldest first, so quarters are all that is left of what is before the first of them.
    let takes_quarters =
        |span: &SpanRow| grain == QUARTERS || first_minutes.is_none_or(|first| span.until < first);
    chosen.extend(of(QUARTERS).filter(|(_, span)| takes_quarters(span)).map(|(id, _)| *id));
    chosen.sort_by_key(|id| spans.get(id).map(|span| (span.first, *id)));
    chosen
}

/// Whether a span of minutes is in one of quarters.
fn is_whole(spans: &BTreeMap<u64, SpanRow>, minutes: u64) -> bool {
    spans.values().any(|span| span.tier == QUARTERS && span.until >= minutes)
}
