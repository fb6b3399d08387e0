//! What the writer does for history, a step of a few milliseconds at a time.

use super::super::tables::{Fault, Writing};
use super::buckets::Buckets;
use super::clock::ClockRow;
use super::grain::{MINUTE, MINUTES};
use super::payload::Found;
use super::readings::{Place, Readings, Values};
use super::run::Run;
use super::spans::{Gone, Span};
use super::tables::SeriesRow;

/// One step.
#[derive(Debug)]
pub(crate) enum Step {
    /// Chunks of what was said, and their series: those of the next `count` series, and `part` parts of the one behind. Of the
    /// last ones there is a clock; then the rows of the spans are written.
    Seal {
        chunks: Vec<(u64, Vec<u8>)>,
        series: Vec<(u64, SeriesRow)>,
        rows: Vec<Span>,
        clock: Option<ClockRow>,
        count: usize,
        part: usize,
    },
    /// Chunks by quarters of an hour, of the next `count` series; with the last ones the span.
    Roll { chunks: Vec<(u64, Vec<u8>)>, span: Option<(u64, Span)>, count: usize },
    /// Spans are no more.
    Doom(Vec<u64>),
    /// Chunks of a span that is no more go.
    Bury { span: u64, chunks: Vec<u64>, is_last: bool },
    /// Chunks of series go, and of these series nothing is left up to some spans. There is a next one, or not.
    Thin { chunks: Vec<u64>, rows: Vec<(u32, Gone)>, next: Option<u32> },
    /// Series of which nothing is left go.
    Forget(Vec<u32>),
}

impl Step {
    /// Writes it.
    pub(crate) fn write(&self, writing: &Writing<'_>) -> Result<(), Fault> {
        match self {
            Self::Seal { chunks, series, rows, clock, .. } => {
                chunks.iter().try_for_each(|(id, data)| writing.put_chunk(*id, data))?;
                series.iter().try_for_each(|(id, row)| writing.put_series(*id, row))?;
                if let Some(clock) = clock {
                    pairs(rows).try_for_each(|(id, span)| writing.put_span(id, &span))?;
                    writing.put_clock(*clock)?;
                }
                Ok(())
            }
            Self::Roll { chunks, span, .. } => {
                chunks.iter().try_for_each(|(id, data)| writing.put_chunk(*id, data))?;
                span.iter().try_for_each(|(id, span)| writing.put_span(*id, span))
            }
            Self::Doom(spans) => spans.iter().try_for_each(|id| writing.forget_span(*id)),
            Self::Bury { span, chunks, .. } => {
                // One that could not be read has its row still.
                writing.forget_span(*span)?;
                chunks.iter().try_for_each(|id| writing.forget_chunk(*id))
            }
            Self::Thin { chunks, rows, .. } => {
                chunks.iter().try_for_each(|id| writing.forget_chunk(*id))?;
                rows.iter().try_for_each(|(id, gone)| writing.put_thinned((*id).into(), gone))
            }
            Self::Forget(series) => series.iter().try_for_each(|id| writing.forget_series((*id).into())),
        }
    }
}

/// The spans of what was sealed, piece by piece: raw, and by minutes. None where nothing was.
pub(super) fn pairs(rows: &[Span]) -> impl Iterator<Item = (u64, Span)> {
    let sealed = rows.iter().filter(|row| row.readings > 0);
    sealed.flat_map(|row| [(row.from, *row), (row.from + 1, Span { tier: MINUTES, ..*row })])
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
