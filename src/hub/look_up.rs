//! Which last values a session still has to be sent: all that its changes of the subscription have asked for, in the
//! order of these changes. Pure; who goes on with it, and when, is the session's business.
//!
//! A topic is *named* while a filter of the session names it. The change that made generation *g* brings the last value
//! of those topics that have been named from *g* on, without a gap, and were not named before: so each value comes once,
//! and what is no longer wanted by the time of its turn is left out. To know that, the filters are kept with the
//! generations from and to which they were held, as long as a look-up is under way; those that are gone included.

use std::collections::VecDeque;
use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use super::channel::Channel;
use super::generation::Generation;
use super::trie::{Trie, Walk, Walked};
use crate::topic::Filter;

/// Look-ups that are under way.
#[derive(Debug, Default)]
pub(super) struct LookUps {
    filters: Trie<Held>,
    /// How many stretches the filters have together.
    stretches: usize,
    /// Which changes are still to be answered with last values. The first is at it.
    pending: VecDeque<Generation>,
    walk: Walk,
    /// The steps that the first has taken so far, and the last values that it found.
    work: (usize, usize),
    /// Whether filters were added since the walk went on last.
    has_new_filters: bool,
    /// What the first has found and not sent; few.
    found: VecDeque<Arc<Channel>>,
    /// Whether filters came or went since that was found.
    is_to_be_checked: bool,
    /// Whether the first has found everything.
    is_walked: bool,
}

/// How a look-up stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// It took so many steps, and found so many last values.
    Went { steps: usize, found: usize },
    /// There is nothing left of it.
    Done,
}

/// So many last values are found before they are sent.
const AT_ONCE: usize = 64;

/// When a filter was held.
type Held = SmallVec<[Stretch; 1]>;

#[derive(Debug, Clone, Copy)]
struct Stretch {
    since: Generation,
    /// The change that took the filter away; none while it is held.
    until: Option<Generation>,
    /// Whether last values are wanted of all that it names, whatever else names it.
    is_asked: bool,
}

impl LookUps {
    /// Whether everything was looked up.
    pub(super) fn are_done(&self) -> bool {
        self.pending.is_empty()
    }

    /// The steps that the look-up has taken which is at it, and the last values that it found.
    pub(super) fn work(&self) -> (usize, usize) {
        self.work
    }

    /// How much is remembered.
    pub(super) fn stretches(&self) -> usize {
        self.stretches
    }

    /// These filters are not held any more, since the change that made this generation.
    pub(super) fn end<'f>(&mut self, gone: impl Iterator<Item = &'f Filter>, generation: Generation) {
        for filter in gone {
            self.filters.change(filter.as_str(), |held| {
                let mut held = held?;
                held.iter_mut().for_each(|stretch| stretch.until = stretch.until.or(Some(generation)));
                Some(held)
            });
        }
    }

    /// All is known of the change that made this generation: from now on the last values of what is named for the first
    /// time are wanted, too, if any filter is new.
    pub(super) fn changed(&mut self, generation: Generation, has_new: bool) {
        self.is_to_be_checked = true;
        if has_new {
            self.pending.push_back(generation);
            self.has_new_filters = true;
        }
    }

    /// These filters are held since the change that made this generation. Where they are held since before the look-ups
    /// began, their last values have been sent.
    pub(super) fn hold(&mut self, filters: &[Filter], since: Generation) {
        self.begin(filters, Stretch { since, until: None, is_asked: false });
    }

    /// As [`hold`](Self::hold), and the last values of all that they name are wanted, though they may have been sent before.
    pub(super) fn ask_for(&mut self, filters: &[Filter], since: Generation) {
        self.begin(filters, Stretch { since, until: None, is_asked: true });
    }

    fn begin(&mut self, filters: &[Filter], stretch: Stretch) {
        for filter in filters {
            self.filters.change(filter.as_str(), |held| match held {
                None => Some(smallvec![stretch]),
                Some(mut held) => {
                    held.push(stretch);
                    Some(held)
                }
            });
            self.stretches += 1;
        }
    }

    /// The next last value that was found for the change of this generation.
    pub(super) fn next(&mut self, generation: Generation) -> Option<Arc<Channel>> {
        if self.pending.front() != Some(&generation) {
            return None;
        }
        if std::mem::take(&mut self.is_to_be_checked) {
            let filters = &self.filters;
            self.found.retain(|channel| {
                let mut stretches = SmallVec::<[Stretch; 8]>::new();
                filters.matching(channel.topic.as_str(), &mut |held| stretches.extend(held.iter().copied()));
                is_wanted_at(generation, stretches.into_iter())
            });
        }
        self.found.pop_front()
    }

    /// Goes on with the look-up of this generation, for about so many steps.
    pub(super) fn go_on(
        &mut self,
        generation: Generation,
        topics: &mut Trie<Arc<Channel>>,
        steps: usize,
    ) -> Progress {
        if self.pending.front() != Some(&generation) {
            return Progress::Done;
        }
        if self.is_walked {
            self.pending.pop_front();
            (self.work, self.is_walked) = ((0, 0), false);
            return Progress::Done;
        }
        let mut again = 0;
        if std::mem::take(&mut self.has_new_filters) {
            again = self.walk.filters_were_added(topics, &self.filters);
        }
        let (filters, found) = (&self.filters, &mut self.found);
        let Walked { steps, is_done } = self.walk.go_on(topics, filters, steps, &mut |channel, by| {
            let stretches = by.filters.iter().flat_map(|held| held.iter().copied());
            if is_wanted_at(generation, stretches) {
                found.push_back(Arc::clone(channel));
            }
            found.len() < AT_ONCE
        });
        let (steps, found) = (steps + again, self.found.len());
        self.is_walked = is_done;
        self.work = (self.work.0 + steps, self.work.1 + found);
        Progress::Went { steps, found }
    }

    /// Ends them all.
    pub(super) fn abandon(&mut self, topics: &mut Trie<Arc<Channel>>) {
        self.walk.abandon(topics);
    }
}

/// Whether the change that made this generation brings the last value of what these name.
fn is_wanted_at(generation: Generation, stretches: impl Iterator<Item = Stretch> + Clone) -> bool {
    let is_asked =
        |stretch: Stretch| stretch.is_asked && stretch.since == generation && stretch.until.is_none();
    stretches.clone().any(is_asked) || named_since(stretches) == Some(generation)
}

/// Since when a topic has been named without a gap, by filters that were held so; `None` if it is not named now.
fn named_since(stretches: impl Iterator<Item = Stretch>) -> Option<Generation> {
    let (mut now, mut gone) = (None, SmallVec::<[(Generation, Generation); 8]>::new());
    for Stretch { since, until, .. } in stretches {
        match until {
            None => now = Some(now.map_or(since, |now: Generation| now.min(since))),
            Some(until) => gone.push((until, since)),
        }
    }
    let mut began = now?;
    gone.sort_unstable();
    // From the latest end back: one that ended before the stretch began leaves a gap, and so do all before it.
    for (until, since) in gone.into_iter().rev() {
        if until < began {
            break;
        }
        began = began.min(since);
    }
    Some(began)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The twin asks for each generation by itself whether the topic was named.
        #[test]
        fn a_topic_is_named_since_the_last_gap(
            held in prop::collection::vec((0..12_u64, prop::option::of(0..6_u64)), 0..8),
        ) {
            let stretch = |(since, length): &(u64, Option<u64>)| Stretch {
                since: Generation::from_number(*since),
                until: length.map(|length| Generation::from_number(since + 1 + length)),
                is_asked: false,
            };
            let stretches: Vec<_> = held.iter().map(stretch).collect();
            let is_named = |at: u64| {
                let at = Generation::from_number(at);
                stretches.iter().any(|held| held.since <= at && held.until.is_none_or(|until| at < until))
            };
            let now = 20;
            let expected = is_named(now).then(|| (0..=now).rev().take_while(|at| is_named(*at)).last().unwrap());
            prop_assert_eq!(named_since(stretches.iter().copied()).map(Generation::number), expected);
        }
    }
}
