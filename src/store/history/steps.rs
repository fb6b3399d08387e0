//! What the writer does for history, a step of a few milliseconds at a time.

use super::super::tables::{Fault, Writing};
use super::buckets::Buckets;
use super::clock::ClockRow;
use super::grain::{MINUTE, MINUTES};
use super::payload::Found;
use super::readings::{Place, Readings, Values};
use super::run::Run;
use super::spans::Span;
use super::tables::SeriesRow;

/// Chunks that go in one step.
pub(super) const BURIED: usize = 100;

/// One step.
#[derive(Debug)]
pub(crate) enum Step {
    /// Chunks of the span `id` of each reading, and of the next one by minutes, for the next so many series.
    Seal {
        id: u64,
        chunks: Vec<(u64, Vec<u8>)>,
        series: Vec<(u64, SeriesRow)>,
        row: Span,
        clock: ClockRow,
        count: usize,
        is_last: bool,
    },
    /// Chunks of the span `id` by quarters of an hour.
    Roll { id: u64, row: Span, chunks: Vec<(u64, Vec<u8>)>, count: usize, is_last: bool },
    /// Spans are no more.
    Doom(Vec<u64>),
    /// Chunks of a span that is no more go.
    Bury(u64),
    /// Series of which nothing is left go.
    Forget(Vec<u32>),
}

impl Step {
    /// Writes it. Says how many chunks went.
    pub(crate) fn write(&self, writing: &Writing<'_>) -> Result<usize, Fault> {
        match self {
            Self::Seal { id, chunks, series, row, clock, is_last, .. } => {
                chunks.iter().try_for_each(|(id, data)| writing.put_chunk(*id, data))?;
                series.iter().try_for_each(|(id, row)| writing.put_series(*id, row))?;
                let spans = if *is_last { pair(*id, *row) } else { Vec::new() };
                spans.iter().try_for_each(|(id, span)| writing.put_span(*id, span))?;
                if *is_last {
                    writing.put_clock(*clock)?;
                }
            }
            Self::Roll { id, row, chunks, is_last, .. } => {
                chunks.iter().try_for_each(|(id, data)| writing.put_chunk(*id, data))?;
                if *is_last {
                    writing.put_span(*id, row)?;
                }
            }
            Self::Doom(spans) => spans.iter().try_for_each(|id| writing.forget_span(*id))?,
            Self::Bury(span) => {
                // One that could not be read has its row still.
                writing.forget_span(*span)?;
                return writing.forget_chunks(*span, BURIED);
            }
            Self::Forget(series) => series.iter().try_for_each(|id| writing.forget_series((*id).into()))?,
        }
        Ok(0)
    }
}

/// The spans of what was sealed: raw, and by minutes. None where nothing was.
pub(super) fn pair(id: u64, row: Span) -> Vec<(u64, Span)> {
    if row.readings == 0 {
        return Vec::new();
    }
    vec![(id, row), (id + 1, Span { tier: MINUTES, ..row })]
}

/// Readings by minutes, or as they are where there are hardly more of them.
pub(super) fn by_minutes(said: &Readings, place: Place) -> Vec<u8> {
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
pub(super) fn thin_states(said: &Readings, step: u64, into: &mut Run) {
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
