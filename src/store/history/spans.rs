//! Which pieces of history are there: which are read for a question, which become one, and which go. Pure.

use std::collections::BTreeMap;

use super::grain::{MINUTES, QUARTER, QUARTERS, RAW};

const DAY: u64 = 86_400_000;
/// So many pieces of minutes become one of quarters, even if they are less than a day.
const MOST_ROLLED: usize = 64;

/// What was sealed in one piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// The grain.
    pub(super) tier: u64,
    /// The least and the greatest time of its readings, as they were told.
    pub(super) first: u64,
    pub(super) last: u64,
    /// When it was sealed, by the clock that age is counted by.
    pub(super) sealed: u64,
    /// The first and the last piece of readings of which it was made. A piece is called by the number of its span of
    /// readings; pieces have the order in which their readings came.
    pub(super) from: u64,
    pub(super) to: u64,
    /// The last row of the log that is in it.
    pub(super) until: u64,
    pub(super) readings: u64,
}

/// All of them, by their numbers.
pub(super) type Spans = BTreeMap<u64, Span>;

/// The last span of each grain of which nothing is there any more, nor of those before it.
pub(super) type Gone = [u64; 3];

/// Of a grain.
pub(super) fn gone_of(gone: &Gone, tier: u64) -> u64 {
    usize::try_from(tier).ok().and_then(|tier| gone.get(tier)).copied().unwrap_or(0)
}

/// The spans that one series may have something in.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'s> {
    pub(super) spans: &'s Spans,
    pub(super) gone: Gone,
}

impl<'s> View<'s> {
    fn has(&self, id: u64, span: &Span) -> bool {
        id > gone_of(&self.gone, span.tier)
    }

    fn get(&self, id: u64) -> Option<&'s Span> {
        self.spans.get(&id).filter(|span| self.has(id, span))
    }

    fn range(self, range: impl std::ops::RangeBounds<u64>) -> impl Iterator<Item = (&'s u64, &'s Span)> {
        self.spans.range(range).filter(move |(id, span)| self.has(**id, span))
    }
}

/// Which spans are read for a grain, for this time, in the order in which their readings came: those that have the grain, and
/// where they are gone, what was made of them. Each reading is in one of them only.
pub(super) fn chosen(view: View<'_>, grain: u64, since: u64, until: u64) -> Vec<u64> {
    let near: Vec<_> = view.range(..).filter(|(_, span)| span.first <= until && span.last >= since).collect();
    let is_used = |quarters: &Span| grain == QUARTERS || readings_left(view, quarters) < quarters.readings;
    let quarters: Vec<_> =
        near.iter().filter(|(_, span)| span.tier == QUARTERS && is_used(span)).copied().collect();
    // They follow each other, so the last one that begins before a piece is the only one that may have it.
    let is_covered = |piece: u64| {
        let behind = quarters.partition_point(|(_, quarters)| quarters.from <= piece);
        let before = behind.checked_sub(1).and_then(|at| quarters.get(at));
        before.is_some_and(|(_, quarters)| quarters.to >= piece)
    };
    let is_there = |id: u64, tier: u64| view.get(id).is_some_and(|span| span.tier == tier);
    let mut chosen: Vec<_> = near
        .iter()
        .filter(|(id, span)| match span.tier {
            RAW => !is_covered(span.from) && (grain == RAW || !is_there(*id + 1, MINUTES)),
            MINUTES => !is_covered(span.from) && (grain != RAW || !is_there(span.from, RAW)),
            _ => is_used(span),
        })
        .map(|(id, span)| (span.from, **id))
        .collect();
    chosen.sort_unstable();
    chosen.into_iter().map(|(_, id)| id).collect()
}

/// How many of the readings that are in a span of quarters are there in a finer grain.
fn readings_left(view: View<'_>, quarters: &Span) -> u64 {
    let pieces = view.range(quarters.from..=quarters.to + 1);
    let mut of_pieces = BTreeMap::new();
    for (_, span) in pieces.filter(|(_, span)| span.tier != QUARTERS) {
        if (quarters.from..=quarters.to).contains(&span.from) {
            of_pieces.insert(span.from, span.readings);
        }
    }
    of_pieces.values().sum()
}

/// The oldest piece of which anything is left.
pub(super) fn oldest_piece(spans: &Spans) -> Option<u64> {
    spans.values().map(|span| span.from).min()
}

/// The last row of the log that is sealed.
pub(super) fn sealed_until(spans: &Spans) -> u64 {
    spans.values().map(|span| span.until).max().unwrap_or(0)
}

/// The last piece that is in quarters.
pub(super) fn rolled(spans: &Spans) -> Option<u64> {
    spans.values().filter(|span| span.tier == QUARTERS).map(|span| span.to).max()
}

/// Of which spans one of quarters is to be made, and what it will be, if there is a day of them.
pub(super) fn to_be_rolled(spans: &Spans, now: u64) -> Option<(Vec<u64>, Span)> {
    let rolled = rolled(spans);
    let is_there = |id: u64| spans.get(&id).is_some_and(|span| span.tier == MINUTES);
    let pieces = spans.iter().filter(|(id, span)| match span.tier {
        MINUTES => Some(span.from) > rolled,
        // The minutes of it cannot be read.
        RAW => Some(span.from) > rolled && !is_there(**id + 1),
        _ => false,
    });
    let pieces: Vec<_> = pieces.take(MOST_ROLLED).collect();
    let (Some((_, first)), Some((_, last))) = (pieces.first(), pieces.last()) else { return None };
    if now.saturating_sub(first.sealed) < DAY && pieces.len() < MOST_ROLLED {
        return None;
    }
    let all = || pieces.iter().map(|(_, span)| span);
    let quarters = Span {
        tier: QUARTERS,
        first: all().map(|span| span.first).min().unwrap_or_default(),
        last: all().map(|span| span.last).max().unwrap_or_default(),
        sealed: all().map(|span| span.sealed).max().unwrap_or_default(),
        from: first.from,
        to: last.from,
        until: all().map(|span| span.until).max().unwrap_or_default(),
        readings: all().map(|span| span.readings).sum(),
    };
    Some((pieces.iter().map(|(id, _)| **id).collect(), quarters))
}

/// Readings that were sealed since then are the newest hour's.
pub(super) fn newest_hour(spans: &Spans) -> Option<u64> {
    let newest = spans.values().map(|span| span.sealed).max()?;
    Some(newest.saturating_sub(4 * QUARTER))
}

/// What goes first where there are too many pieces: raw readings but the newest hour's, then minutes, then quarters.
pub(super) fn least_wanted(spans: &Spans) -> Option<u64> {
    let hour = newest_hour(spans)?;
    let of = |tier: u64| spans.iter().filter(move |(_, span)| span.tier == tier);
    let raw = of(RAW).find(|(_, span)| span.sealed < hour);
    let least = raw.or_else(|| of(MINUTES).next()).or_else(|| of(QUARTERS).next())?;
    Some(*least.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Pieces of ten readings each, of which some grains are gone.
    fn house(pieces: &[(bool, bool)], rolled: &[usize], quarters_gone: usize) -> Spans {
        let (mut spans, mut next, mut at) = (Spans::new(), 1, 0);
        let mut rolled = rolled.iter();
        let mut day = Vec::new();
        let mut all = Vec::new();
        for (raw, minutes) in pieces {
            let (first, piece) = (at * 1000, next);
            let span = Span {
                tier: RAW,
                first,
                last: first + 999,
                sealed: first + 999,
                from: piece,
                to: piece,
                until: piece,
                readings: 10,
            };
            if *raw {
                spans.insert(piece, span);
            }
            if *minutes {
                spans.insert(piece + 1, Span { tier: MINUTES, ..span });
            }
            day.push(span);
            (next, at) = (next + 2, at + 1);
            if rolled.as_slice().first().is_some_and(|size| *size <= day.len()) {
                rolled.next();
                let quarters = Span {
                    tier: QUARTERS,
                    first: day[0].first,
                    last: span.last,
                    to: piece,
                    readings: 10 * day.len() as u64,
                    ..day[0]
                };
                all.push(next);
                spans.insert(next, quarters);
                day.clear();
                next += 1;
            }
        }
        for id in all.into_iter().take(quarters_gone) {
            spans.remove(&id);
        }
        spans
    }

    proptest! {
        /// No piece is read twice, none is left out of which something is there, and of each the wanted grain if it is there.
        #[test]
        fn each_piece_of_which_something_is_left_is_read_once(
            pieces in prop::collection::vec((any::<bool>(), any::<bool>()), 0..40),
            rolled in prop::collection::vec(1..9_usize, 0..5),
            gone in 0..3_usize,
            of_series in (0..60_u64, 0..60_u64, 0..60_u64),
            grain in 0..3_u64,
            cut in 0..40_u64,
        ) {
            let all = house(&pieces, &rolled, gone);
            // Of one series more is gone than of others. It is as if those spans were not there.
            let view = View { spans: &all, gone: [of_series.0, of_series.1, of_series.2] };
            let spans: Spans = view.range(..).map(|(id, span)| (*id, *span)).collect();
            let whole = View { spans: &spans, gone: Gone::default() };
            for (since, until) in [(0, u64::MAX), (cut * 1000, cut * 1000 + 5000)] {
                let chosen = chosen(view, grain, since, until);
                prop_assert_eq!(&chosen, &super::chosen(whole, grain, since, until));
                let mut read = BTreeMap::<u64, u64>::new();
                let mut order = 0;
                for id in &chosen {
                    let span = spans[id];
                    prop_assert!(span.from >= order, "in the order of arrival");
                    order = span.to;
                    for piece in span.from..=span.to {
                        *read.entry(piece).or_default() += 1;
                    }
                }
                prop_assert!(read.values().all(|times| *times == 1), "{read:?}");
                for span in spans.values().filter(|span| span.first <= until && span.last >= since) {
                    let is_whole = span.tier == QUARTERS && readings_left(whole, span) == span.readings;
                    let is_read = (span.from..=span.to).all(|piece| read.contains_key(&piece));
                    prop_assert!(is_read || is_whole, "{span:?}");
                }
                // A day that is whole in a finer grain is not read as quarters.
                for id in chosen.iter().filter(|id| grain != QUARTERS && spans[*id].tier == QUARTERS) {
                    prop_assert!(readings_left(whole, &spans[id]) < spans[id].readings);
                }
            }
        }
    }
}
