//! Up to which span the time is over, for the topics of each rule: by age, and where bytes run out. Pure.
//!
//! A span goes when its time is over for all topics. Until then the chunks of those go for which it is over sooner.

use super::grain::{MINUTES, QUARTERS, RAW};
use super::rules::{Ages, Rules};
use super::spans::{Gone, Span, Spans, gone_of, newest_hour, rolled};

const TIERS: [u64; 3] = [RAW, MINUTES, QUARTERS];

/// For all classes of topics.
#[derive(Debug)]
pub(super) struct Over {
    classes: Vec<Class>,
}

#[derive(Debug)]
struct Class {
    ages: Ages,
    /// The time of spans up to these is over.
    over: Gone,
    /// Up to these all series were gone through.
    thinned: Gone,
}

impl Class {
    fn moves_to(&mut self, tier: u64, span: u64) {
        if let Some(at) = usize::try_from(tier).ok().and_then(|tier| self.over.get_mut(tier)) {
            *at = span.max(*at);
        }
    }
}

/// Series of a class that are to be gone through, one after the other.
#[derive(Debug)]
pub(super) struct Thinning {
    pub(super) class: usize,
    /// Up to here their time is over.
    pub(super) to: Gone,
    /// The spans of each grain up to there that are there still.
    pub(super) old: [Vec<u64>; 3],
    /// The next series.
    pub(super) next: u32,
}

fn of_tier(
    spans: &Spans,
    range: impl std::ops::RangeBounds<u64>,
    tier: u64,
) -> impl Iterator<Item = (u64, &Span)> {
    spans.range(range).filter(move |(_, span)| span.tier == tier).map(|(id, span)| (*id, span))
}

impl Over {
    pub(super) fn new(rules: &Rules) -> Self {
        let class = |ages| Class { ages, over: Gone::default(), thinned: Gone::default() };
        Self { classes: rules.ages().map(class).collect() }
    }

    /// It is `now`: what is too old for whom?
    pub(super) fn grow_old(&mut self, spans: &Spans, now: u64) {
        let rolled = rolled(spans);
        for class in &mut self.classes {
            for tier in TIERS {
                let kept = class.ages.of(tier);
                // What is not in quarters yet stays.
                let is_old = |span: &Span| {
                    span.sealed.saturating_add(kept) < now && (tier != MINUTES || Some(span.from) <= rolled)
                };
                let mut last = None;
                for (id, span) in of_tier(spans, gone_of(&class.over, tier) + 1.., tier) {
                    if is_old(span) {
                        last = Some(id);
                    } else if span.sealed <= now {
                        break;
                    }
                    // One of the future was sealed while the clock was wrong. It goes with the next one that is old.
                }
                if let Some(last) = last {
                    class.moves_to(tier, last);
                }
            }
        }
    }

    /// Bytes have run out: one span more is over for one class. Raw readings but the newest hour's go first, then minutes, then
    /// quarters; of a grain those go that have had the most of their time. Minutes that are not in quarters yet stay, as nothing
    /// would be left of their time. `has_series` says of a class whether it has any.
    pub(super) fn make_room(&mut self, spans: &Spans, has_series: &impl Fn(usize) -> bool, now: u64) -> bool {
        let Some(hour) = newest_hour(spans) else { return false };
        let rolled = rolled(spans);
        for tier in TIERS {
            let mut next: Option<(u64, usize, u64)> = None;
            for (at, class) in self.with_series(has_series) {
                let Some((id, span)) = of_tier(spans, gone_of(&class.over, tier) + 1.., tier).next() else {
                    continue;
                };
                if (tier == RAW && span.sealed >= hour) || (tier == MINUTES && Some(span.from) > rolled) {
                    continue;
                }
                let age = now.saturating_sub(span.sealed);
                let share = age.saturating_mul(1_000_000) / class.ages.of(tier).max(1);
                if next.is_none_or(|(greatest, ..)| share > greatest) {
                    next = Some((share, at, id));
                }
            }
            if let Some((_, at, id)) = next {
                if let Some(class) = self.classes.get_mut(at) {
                    class.moves_to(tier, id);
                }
                return true;
            }
        }
        false
    }

    /// Spans whose time is over for all, `most` of them.
    pub(super) fn dead(&self, spans: &Spans, has_series: &impl Fn(usize) -> bool, most: usize) -> Vec<u64> {
        let of_tier = |tier: u64| {
            let least = self.with_series(has_series).map(|(_, class)| gone_of(&class.over, tier)).min();
            of_tier(spans, ..=least.unwrap_or(0), tier).map(|(id, _)| id)
        };
        TIERS.into_iter().flat_map(of_tier).take(most).collect()
    }

    /// A class whose series are to be gone through, as there are spans whose time is over for it and not for others.
    pub(super) fn next_to_thin(
        &mut self,
        spans: &Spans,
        has_series: &impl Fn(usize) -> bool,
    ) -> Option<Thinning> {
        for (at, class) in self.classes.iter_mut().enumerate().filter(|(at, _)| has_series(*at)) {
            let has_old = |tier: u64| {
                let [from, to] = [&class.thinned, &class.over].map(|gone| gone_of(gone, tier));
                from < to && of_tier(spans, from + 1..=to, tier).next().is_some()
            };
            if TIERS.into_iter().any(has_old) {
                let to = class.over;
                let old =
                    TIERS.map(|tier| of_tier(spans, ..=gone_of(&to, tier), tier).map(|(id, _)| id).collect());
                return Some(Thinning { class: at, to, old, next: 0 });
            }
            class.thinned = class.over;
        }
        None
    }

    /// All series of a class were gone through.
    pub(super) fn thinned(&mut self, thinning: &Thinning) {
        if let Some(class) = self.classes.get_mut(thinning.class) {
            class.thinned = thinning.to;
        }
    }

    /// The classes that have series, or all where none has.
    fn with_series(&self, has_series: &impl Fn(usize) -> bool) -> impl Iterator<Item = (usize, &Class)> {
        let is_empty = !(0..self.classes.len()).any(has_series);
        self.classes.iter().enumerate().filter(move |(at, _)| is_empty || has_series(*at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use crate::store::history::rules::Rule;
    use crate::topic::{Filter, Limits};

    const DAY: u64 = 86_400_000;

    fn over(days: &[u64]) -> Over {
        let ages = |days: u64| {
            let day = |days| Duration::from_hours(24 * days);
            Ages { raw: day(days), minutes: day(days), quarters: day(days) }
        };
        let filter = Filter::parse("a", &Limits::default()).unwrap();
        let rule = |days: &u64| Rule { filter: filter.clone(), ages: Some(ages(*days)) };
        Over::new(&Rules { rules: days.iter().skip(1).map(rule).collect(), others: ages(days[0]) })
    }

    /// One raw span a day.
    fn spans(sealed: impl IntoIterator<Item = u64>) -> Spans {
        let span = |(at, sealed): (u64, u64)| {
            let id = at + 1;
            let [first, last, sealed] = [at * DAY, at * DAY + 1, sealed * DAY];
            (id, Span { tier: RAW, first, last, sealed, from: id, to: id, until: id, readings: 1 })
        };
        (0..).zip(sealed).map(span).collect()
    }

    #[test]
    fn a_span_is_dead_when_its_time_is_over_for_all_and_thinned_for_those_for_which_it_is_over_sooner() {
        let (mut over, spans) = (over(&[2, 5, 1]), spans(0..10));
        over.grow_old(&spans, 9 * DAY + 1);
        let all = |_: usize| true;
        assert_eq!(over.dead(&spans, &all, 100), [1, 2, 3, 4, 5]);
        assert_eq!(over.dead(&spans, &all, 2), [1, 2]);
        assert_eq!(over.dead(&spans, &|class| class != 1, 100), [1, 2, 3, 4, 5, 6, 7, 8]);
        let found = over.next_to_thin(&spans, &all).unwrap();
        assert_eq!((found.class, found.to[0], found.old[0].last()), (0, 8, Some(&8)));
        over.thinned(&found);
        let found = over.next_to_thin(&spans, &all).unwrap();
        assert_eq!(
            (found.class, found.to[0]),
            (1, 5),
            "a start knows what is dead, and not whether it was thinned"
        );
        over.thinned(&found);
        assert_eq!(over.next_to_thin(&spans, &all).map(|found| found.class), Some(2));
    }

    #[test]
    fn a_span_that_was_sealed_in_the_future_goes_with_the_next_one_that_is_old_and_does_not_hold_others_up() {
        let mut over = over(&[2]);
        let spans = spans([0, 1, 4000, 2, 3, 3999, 9]);
        over.grow_old(&spans, 10 * DAY);
        assert_eq!(over.dead(&spans, &|_| true, 100), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn where_bytes_run_out_goes_what_has_had_the_most_of_its_time_and_never_the_newest_hour() {
        let mut over = over(&[2, 20]);
        let spans = spans(0..3);
        let all = |_: usize| true;
        let mut went = Vec::new();
        while over.make_room(&spans, &all, 3 * DAY) {
            went.push(over.classes.iter().map(|class| class.over[0]).collect::<Vec<_>>());
        }
        assert_eq!(went, [[1, 0], [2, 0], [2, 1], [2, 2]]);
    }

    #[test]
    fn minutes_that_are_not_in_quarters_yet_do_not_make_room() {
        let mut over = over(&[20]);
        let span = |tier, id: u64, to: u64| {
            let (first, last) = (id * DAY, id * DAY + 1);
            (id, Span { tier, first, last, sealed: last, from: id.min(to), to, until: id, readings: 1 })
        };
        // The quarters are of the first two pieces.
        let mut quarters = span(QUARTERS, 3, 3);
        (quarters.1.from, quarters.1.to) = (1, 2);
        let spans: Spans =
            [span(MINUTES, 1, 1), span(MINUTES, 2, 2), quarters, span(MINUTES, 4, 4), span(RAW, 5, 5)].into();
        let mut went = Vec::new();
        while over.make_room(&spans, &|_| true, 9 * DAY) {
            went.push(over.classes[0].over);
        }
        let went: Vec<_> = went.iter().map(|gone| TIERS.map(|tier| gone_of(gone, tier))).collect();
        assert_eq!(
            went,
            [[0, 1, 0], [0, 2, 0], [0, 2, 3]],
            "the quarters go before minutes that are nowhere else"
        );
    }
}
