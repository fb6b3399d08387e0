//! Which questions find every reading: an answer has at most 5000 of each series, so what has more is asked for in pieces
//! of time, the oldest first. Pure; the answers are handed in.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::super::OperatorError;
use crate::talk::control::{HistoryAnswer, MOST_POINTS, PastGap, PastSeries, PastValue, read_moment};

/// What came in an answer.
pub(super) enum Found {
    /// Readings of one series.
    Readings(Box<PastSeries>),
    /// Times of which readings may be missing.
    Gaps(Vec<PastGap>),
}

/// No question is about less time where the hub has said that its answer takes too long, in milliseconds.
const NARROW: u64 = 1000;

/// An export on its way.
pub(super) struct Export {
    first: Value,
    since: u64,
    /// From when on there is each reading; what is older is known of no more than steps. 0 as long as no such step was seen.
    each_from: u64,
    series: u64,
}

/// A series.
struct Of {
    topic: String,
    path: String,
    has_numbers: bool,
}

impl Of {
    fn is(&self, series: &PastSeries) -> bool {
        (&self.topic, &self.path, self.has_numbers) == (&series.topic, &series.path, has_numbers(series))
    }
}

/// How much of a series an answer tells.
enum Told {
    All,
    /// There is more than an answer may have.
    Some,
    /// There are steps in place of readings.
    Steps,
}

impl Told {
    fn of(series: &PastSeries) -> Self {
        match (series.step, series.count.is_empty()) {
            (_, false) => Self::Steps,
            (0, true) if series.value.len() < MOST_POINTS => Self::All,
            // A state that has changed more often is told once in a step.
            (_, true) => Self::Some,
        }
    }
}

fn has_numbers(series: &PastSeries) -> bool {
    !series.count.is_empty() || matches!(series.value.first(), Some(PastValue::Number(_)))
}

impl Export {
    pub(super) fn new(topics: &[String], since: &str, until: &str, path: Option<&str>) -> Self {
        let first = json!({
            "filters": topics, "since": since, "until": until, "path": path, "points": MOST_POINTS, "step": 0,
        });
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        Self { first, since: read_moment(since, now).unwrap_or(0), each_from: 0, series: 0 }
    }

    /// Series of which something was found.
    pub(super) fn series(&self) -> u64 {
        self.series
    }

    /// What is older than this there is in steps only, of some series.
    pub(super) fn thinned_until(&self) -> Option<u64> {
        (self.each_from > 0).then_some(self.each_from)
    }

    /// Asks until everything was found. `ask` gives the answer to a question, or the hub's reason why there is none.
    pub(super) async fn run(
        &mut self,
        mut ask: impl AsyncFnMut(Value) -> anyhow::Result<Result<HistoryAnswer, String>>,
        mut take: impl FnMut(Found) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut question = self.first.clone();
        while !question.is_null() {
            let answer = ask(question.clone()).await?.map_err(OperatorError::refused)?;
            if question.get("after").is_none() {
                take(Found::Gaps(answer.gaps))?;
            }
            for mut series in answer.series {
                self.series += 1;
                take(Found::Gaps(std::mem::take(&mut series.gaps)))?;
                match Told::of(&series) {
                    Told::All => take(Found::Readings(Box::new(series)))?,
                    Told::Some | Told::Steps => self.in_pieces(series, &mut ask, &mut take).await?,
                }
            }
            question = answer.more.unwrap_or(Value::Null);
        }
        Ok(())
    }

    /// Everything of one series that has more than an answer may have. `newest` is the end of it.
    async fn in_pieces(
        &mut self,
        newest: PastSeries,
        ask: &mut impl AsyncFnMut(Value) -> anyhow::Result<Result<HistoryAnswer, String>>,
        take: &mut impl FnMut(Found) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let Some(last) = newest.times.last().copied() else { return Ok(()) };
        let of =
            Of { has_numbers: has_numbers(&newest), topic: newest.topic.clone(), path: newest.path.clone() };
        let (mut from, mut until) = (self.since.min(last), last);
        if let Told::Steps = Told::of(&newest) {
            // The last step may be that of the newest readings.
            let found = told(ask, &of, last, last + newest.step * 1000, 1).await?;
            let Some(found) = found.filter(|found| matches!(Told::of(found), Told::All)) else {
                self.each_from = self.each_from.max(last + newest.step * 1000);
                return Ok(());
            };
            until = found.times.last().copied().unwrap_or(last);
            from = self.each_from(ask, &of, from, until).await?;
        }
        drop(newest);
        let begin = from;
        let mut width = until - from + 1;
        while from <= until {
            let to = until.min(from.saturating_add(width - 1));
            let found = match told(ask, &of, from, to, MOST_POINTS).await {
                // It takes too long, or it is too large.
                Err(error) if error.is::<OperatorError>() && width > NARROW => {
                    width /= 2;
                    continue;
                }
                found => found?,
            };
            if let Some(mut series) = found {
                match Told::of(&series) {
                    Told::Some if width > 1 => {
                        width = (width / 2).max(1);
                        continue;
                    }
                    // Became old while this was read.
                    Told::Steps => self.each_from = self.each_from.max(to),
                    Told::Some | Told::All => {
                        // A state from before a piece was told with the piece before.
                        let known = series.times.iter().filter(|time| **time < from && from > begin).count();
                        series.times.drain(..known);
                        series.value.drain(..known);
                        if series.value.len() < MOST_POINTS / 4 {
                            width = width.saturating_mul(2);
                        }
                        take(Found::Readings(Box::new(series)))?;
                    }
                }
            } else {
                width = width.saturating_mul(2);
            }
            from = to + 1;
        }
        Ok(())
    }

    /// From when on each reading of a series is there. Of all series it is about the same moment.
    async fn each_from(
        &mut self,
        ask: &mut impl AsyncFnMut(Value) -> anyhow::Result<Result<HistoryAnswer, String>>,
        of: &Of,
        since: u64,
        until: u64,
    ) -> anyhow::Result<u64> {
        let (mut stepped, mut each) = (since, until);
        let mut middle = self.each_from;
        while each - stepped > 1 {
            if !(stepped + 1..each).contains(&middle) {
                middle = stepped.midpoint(each);
            }
            let found = told(ask, of, middle, until, 1).await?;
            if found.is_some_and(|found| matches!(Told::of(&found), Told::Steps)) {
                stepped = middle;
            } else {
                each = middle;
            }
            middle = if each == self.each_from { each - 1 } else { 0 };
        }
        self.each_from = self.each_from.max(each);
        Ok(each)
    }
}

/// What is told of one series between two moments.
async fn told(
    ask: &mut impl AsyncFnMut(Value) -> anyhow::Result<Result<HistoryAnswer, String>>,
    of: &Of,
    since: u64,
    until: u64,
    points: usize,
) -> anyhow::Result<Option<PastSeries>> {
    let question = json!({
        "filters": [of.topic], "path": of.path, "since": since, "until": until, "points": points, "step": 0,
    });
    let answer = ask(question).await?.map_err(OperatorError::refused)?;
    Ok(answer.series.into_iter().find(|series| of.is(series) && !series.times.is_empty()))
}

#[cfg(test)]
mod tests;
