//! Times of which history may lack something, and why. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::clock::Jump;
use crate::talk::control::PastGap;

/// So many are kept. Where there are more, those that are nearest to each other become one.
const MOST: usize = 4096;
/// So many are told in one answer, in the same way.
const MOST_TOLD: usize = 100;
/// What was lost of one kind within so many milliseconds is one gap.
const NEAR: u64 = 60_000;

/// Why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// There was no hub.
    Stopped,
    /// More was said than fits into the queue of the store.
    QueueFull,
    /// The file could not be written.
    Away,
    /// What had been written was not what was read.
    Damaged,
    /// The clock on the wall was set, forward: nothing was ever told with these times.
    SetForward,
    /// It was set back: these times came twice.
    SetBack,
    /// Several of them, which are near each other.
    Several,
}

impl Why {
    const ALL: [(u64, &'static str, Self); 7] = [
        (1, "hub stopped", Self::Stopped),
        (2, "queue full", Self::QueueFull),
        (3, "disk away", Self::Away),
        (4, "damaged", Self::Damaged),
        (5, "clock set forward", Self::SetForward),
        (6, "clock set back", Self::SetBack),
        (7, "several", Self::Several),
    ];

    pub(super) fn code(self) -> u64 {
        Self::ALL.into_iter().find(|(.., why)| *why == self).map_or(7, |(code, ..)| code)
    }

    pub(super) fn of(code: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|(of, ..)| *of == code).map(|(.., why)| why)
    }

    fn text(self) -> &'static str {
        Self::ALL.into_iter().find(|(.., why)| *why == self).map_or("several", |(_, text, _)| text)
    }
}

/// One.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) why: Why,
    /// How many messages are missing, where that is known.
    pub(super) lost: u64,
}

impl Gap {
    pub(super) fn new(first: u64, last: u64, why: Why) -> Self {
        Self { first: first.min(last), last: last.max(first), why, lost: 0 }
    }

    /// Both as one.
    pub(super) fn join(&self, other: &Self) -> Self {
        Self {
            first: self.first.min(other.first),
            last: self.last.max(other.last),
            why: if self.why == other.why { self.why } else { Why::Several },
            lost: self.lost.saturating_add(other.lost),
        }
    }

    /// As an answer tells it.
    pub(super) fn told(&self) -> PastGap {
        PastGap { from: self.first, to: self.last, why: self.why.text().to_owned(), lost: self.lost }
    }
}

impl From<Jump> for Gap {
    fn from(Jump { from, to }: Jump) -> Self {
        Self::new(from, to, if to > from { Why::SetForward } else { Why::SetBack })
    }
}

/// All of them, and what the file does not know yet.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    all: BTreeMap<u64, Gap>,
    highest: u64,
    unwritten: BTreeSet<u64>,
}

/// What is to be written: gaps by their numbers, and those that are no more.
pub(crate) type GapChanges = Vec<(u64, Option<Gap>)>;

impl Gaps {
    /// One that the file has.
    pub(super) fn restore(&mut self, id: u64, gap: Gap) {
        self.highest = self.highest.max(id);
        self.all.insert(id, gap);
    }

    /// A number that the file has given to one that cannot be read.
    pub(super) fn is_taken(&mut self, id: u64) {
        self.highest = self.highest.max(id);
        self.unwritten.insert(id);
    }

    /// There is one more.
    pub(super) fn add(&mut self, gap: Gap) {
        if self.all.values().any(|known| *known == gap) {
            return;
        }
        let is_lost = matches!(gap.why, Why::QueueFull | Why::Away);
        if let Some((id, last)) = self.all.last_key_value()
            && is_lost
            && last.why == gap.why
            && gap.first <= last.last.saturating_add(NEAR)
            && gap.last >= last.first
        {
            let (id, joined) = (*id, last.join(&gap));
            self.put(id, joined);
            return;
        }
        self.highest += 1;
        self.put(self.highest, gap);
        if self.all.len() > MOST {
            self.join_nearest();
        }
    }

    fn put(&mut self, id: u64, gap: Gap) {
        self.all.insert(id, gap);
        self.unwritten.insert(id);
    }

    fn join_nearest(&mut self) {
        let pairs = self.all.iter().zip(self.all.iter().skip(1));
        let nearest = pairs.min_by_key(|((_, one), (_, next))| next.first.saturating_sub(one.last));
        let Some(((one, gap), (next, other))) = nearest else { return };
        let (one, next, joined) = (*one, *next, gap.join(other));
        self.all.remove(&next);
        self.unwritten.insert(next);
        self.put(one, joined);
    }

    /// Whether the file knows all of them.
    pub(super) fn are_written(&self) -> bool {
        self.unwritten.is_empty()
    }

    /// What the file does not know yet.
    pub(super) fn changes(&self) -> GapChanges {
        self.unwritten.iter().map(|id| (*id, self.all.get(id).copied())).collect()
    }

    /// That is written.
    pub(super) fn written(&mut self, changes: &GapChanges) {
        for (id, gap) in changes {
            if self.all.get(id) == gap.as_ref() {
                self.unwritten.remove(id);
            }
        }
    }

    /// What another file was to know and did not yet, this one is to know.
    pub(super) fn take_over(&mut self, other: &Self) {
        for id in &other.unwritten {
            other.all.get(id).into_iter().for_each(|gap| self.add(*gap));
        }
    }

    /// Those that touch this time.
    pub(super) fn between(&self, since: u64, until: u64) -> Vec<Gap> {
        let near = self.all.values().filter(|gap| gap.first <= until && gap.last >= since);
        few(near.copied().collect())
    }
}

/// Not more than an answer may have: those that are nearest to each other become one.
pub(super) fn few(mut gaps: Vec<Gap>) -> Vec<Gap> {
    gaps.sort_by_key(|gap| (gap.first, gap.last));
    if gaps.len() <= MOST_TOLD {
        return gaps;
    }
    let mut between: Vec<_> = gaps.windows(2).map(distance).collect();
    let at = between.len() - (MOST_TOLD - 1);
    let apart = *between.select_nth_unstable(at).1;
    let mut joined: Vec<Gap> = Vec::with_capacity(MOST_TOLD);
    for gap in gaps {
        let is_near = |last: &Gap| gap.first.saturating_sub(last.last) < apart || joined.len() >= MOST_TOLD;
        match joined.last() {
            Some(last) if is_near(last) => {
                let both = last.join(&gap);
                joined.pop();
                joined.push(both);
            }
            _ => joined.push(gap),
        }
    }
    joined
}

fn distance(pair: &[Gap]) -> u64 {
    match pair {
        [one, next] => next.first.saturating_sub(one.last),
        _ => u64::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_lost_while_the_disk_is_away_is_one_gap_and_is_counted() {
        let mut gaps = Gaps::default();
        for second in 0..100 {
            gaps.add(Gap { lost: 3, ..Gap::new(second * 1000, second * 1000 + 900, Why::Away) });
        }
        assert_eq!(gaps.between(0, 1), [Gap { lost: 300, ..Gap::new(0, 99_900, Why::Away) }]);
        let changes = gaps.changes();
        gaps.add(Gap { lost: 1, ..Gap::new(100_000, 100_001, Why::Away) });
        gaps.written(&changes);
        assert_eq!(gaps.changes().len(), 1, "it has grown while it was written");
        gaps.written(&gaps.changes());
        assert_eq!(gaps.changes(), []);
        gaps.add(Gap::new(500_000, 500_001, Why::Away));
        assert_eq!(gaps.between(0, u64::MAX).len(), 2);
    }

    #[test]
    fn a_hub_that_crashes_all_day_does_not_fill_the_file() {
        let mut gaps = Gaps::default();
        for crash in 0..3 * MOST as u64 {
            gaps.add(Gap::new(crash * 10_000, crash * 10_000 + 1000 + crash % 7, Why::Stopped));
        }
        assert_eq!(gaps.all.len(), MOST);
        assert!(gaps.all.values().all(|gap| gap.why == Why::Stopped));
        let known: BTreeSet<_> = gaps.changes().into_iter().filter_map(|(id, gap)| gap.map(|_| id)).collect();
        assert!(gaps.all.keys().all(|id| known.contains(id)));
    }

    proptest! {
        #[test]
        fn what_is_joined_covers_all_that_was_missing(times in prop::collection::vec((0..100_000_u64, 0..50_u64), 0..600)) {
            let gaps: Vec<_> = times.iter().map(|(first, len)| Gap { lost: 1, ..Gap::new(*first, first + len, Why::Stopped) }).collect();
            let few = few(gaps.clone());
            prop_assert!(few.len() <= MOST_TOLD);
            prop_assert_eq!(few.iter().map(|gap| gap.lost).sum::<u64>(), gaps.len() as u64);
            for gap in &gaps {
                prop_assert!(few.iter().any(|joined| joined.first <= gap.first && joined.last >= gap.last));
            }
        }
    }
}
