//! What this hub asks the engine for: what its clients hold, less what other filters cover, and no more than so many. Pure;
//! time is an argument.
//!
//! A filter stays for a while after its last holder has gone, as a page that is loaded again asks for the same. Where there
//! are more subscriptions than may be, filters become *shapes*: what is deeper than so many levels is asked for by its first
//! levels and `#`. The depth is the largest at which all of it fits. It is exact again when half of the bound is enough.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use foldhash::fast::RandomState;
use tokio::time::Instant;

use crate::hub::trie::Trie;
use crate::topic::{Filter, Limits, Topic};

/// Everything.
const EVERYTHING: &str = "#";
/// What was a filter stays one when it is cut.
const LIMITS: Limits = Limits { max_bytes: usize::MAX, max_levels: usize::MAX };

/// What the engine is to be told.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// To be asked for, before the others are taken back.
    pub add: BTreeSet<Filter>,
    /// To be taken back.
    pub remove: BTreeSet<Filter>,
}

/// A filter that is wanted.
#[derive(Debug, Default)]
struct Want {
    is_held: bool,
    /// Until then it stays, held or not.
    until: Option<Instant>,
}

/// The filters and what is asked for them.
#[derive(Debug)]
pub struct Interest {
    most: usize,
    linger: Duration,
    wanted: HashMap<Filter, Want, RandomState>,
    /// Those that stay for a while, by when that ends.
    ends: BTreeSet<(Instant, Filter)>,
    shapes: Shapes,
    /// Filters have so many levels at most; `None` is as they are.
    depth: Option<usize>,
    /// What the engine was told.
    told: BTreeSet<Filter>,
    /// Whether anything has changed since then.
    is_changed: bool,
}

/// Shapes, how many filters have each, and those that no other covers.
#[derive(Debug, Default)]
struct Shapes {
    counts: HashMap<Filter, usize, RandomState>,
    widest: Trie<Filter>,
}

/// Whether the engine sends for the one all that it sends for the other.
fn covers(one: &Filter, other: &Filter) -> bool {
    one.as_str() == EVERYTHING || one.covers(other)
}

fn has_wildcard(filter: &Filter) -> bool {
    filter.levels().any(|level| matches!(level, "+" | "#"))
}

impl Shapes {
    fn is_covered(&self, filter: &Filter) -> bool {
        let mut is_covered = self.widest.get(EVERYTHING).is_some() && filter.as_str() != EVERYTHING;
        let mut look = |wide: &Filter| is_covered |= wide != filter && covers(wide, filter);
        self.widest.matching(filter.as_str(), &mut look);
        is_covered
    }

    fn add(&mut self, shape: Filter) {
        let count = self.counts.entry(shape.clone()).or_default();
        *count += 1;
        if *count == 1 {
            self.widen(shape);
        }
    }

    fn widen(&mut self, shape: Filter) {
        if self.widest.get(shape.as_str()).is_some() || self.is_covered(&shape) {
            return;
        }
        if has_wildcard(&shape) {
            for narrow in self.all().into_iter().filter(|narrow| covers(&shape, narrow)) {
                self.widest.change(narrow.as_str(), |_| None);
            }
        }
        let text = shape.clone();
        self.widest.change(text.as_str(), |_| Some(shape));
    }

    /// As [`widen`](Self::widen) for many, none of which covers what is there: each is looked at once.
    fn settle(&mut self, shapes: Vec<Filter>) {
        for shape in &shapes {
            self.widest.change(shape.as_str(), |_| Some(shape.clone()));
        }
        for shape in shapes {
            let mut is_covered = false;
            let mut look = |wide: &Filter| {
                // Of two that cover each other one stays.
                let goes_first = !covers(&shape, wide) || *wide < shape;
                is_covered |= *wide != shape && covers(wide, &shape) && goes_first;
            };
            self.widest.matching(shape.as_str(), &mut look);
            let everything = self.widest.get(EVERYTHING);
            if is_covered || everything.is_some_and(|everything| *everything != shape) {
                self.widest.change(shape.as_str(), |_| None);
            }
        }
    }

    fn remove(&mut self, shape: &Filter) {
        let Some(count) = self.counts.get_mut(shape) else { return };
        *count -= 1;
        if *count > 0 {
            return;
        }
        self.counts.remove(shape);
        let was_widest = self.widest.get(shape.as_str()).is_some();
        if was_widest {
            self.widest.change(shape.as_str(), |_| None);
            if has_wildcard(shape) {
                let uncovered: Vec<_> =
                    self.counts.keys().filter(|other| covers(shape, other)).cloned().collect();
                self.settle(uncovered);
            }
        }
    }

    fn len(&self) -> usize {
        self.widest.len()
    }

    fn all(&self) -> Vec<Filter> {
        let (mut all, mut from) = (Vec::with_capacity(self.len()), Some(0));
        while let Some(place) = from {
            from = self
                .widest
                .leaves_from(place, usize::MAX / 2, &mut |filter: &Filter| all.push(filter.clone()));
        }
        all
    }
}

/// A filter of at most so many levels that names at least the same.
fn cut(filter: &Filter, depth: usize) -> Filter {
    if filter.levels().count() <= depth {
        return filter.clone();
    }
    let plain = filter.levels().take(depth).take_while(|level| !matches!(*level, "+" | "#"));
    let mut levels: Vec<_> = plain.collect();
    levels.push(EVERYTHING);
    Filter::parse(&levels.join("/"), &LIMITS).unwrap_or_else(|_| filter.clone())
}

impl Interest {
    /// At most so many subscriptions, where a filter stays for so long.
    pub fn new(most: usize, linger: Duration) -> Self {
        Self {
            most: most.max(1),
            linger,
            wanted: HashMap::default(),
            ends: BTreeSet::new(),
            shapes: Shapes::default(),
            depth: None,
            told: BTreeSet::new(),
            is_changed: false,
        }
    }

    /// Somebody holds a filter now, or nobody does any more.
    pub fn hold(&mut self, filter: &Filter, is_held: bool, now: Instant) {
        self.entry(filter).is_held = is_held;
        // Not only in the end: what many filters cover is looked for among all that are there.
        if self.shapes.len() > self.most.saturating_mul(2) {
            self.fit();
        }
        if !is_held {
            let until = now + self.linger;
            self.stay(filter, until);
        }
    }

    /// A filter is wanted for so long at least.
    pub fn hear_for(&mut self, filter: &Filter, time: Duration, now: Instant) {
        self.entry(filter);
        self.stay(filter, now + time);
    }

    fn entry(&mut self, filter: &Filter) -> &mut Want {
        if !self.wanted.contains_key(filter) {
            let shape = self.shape(filter);
            self.shapes.add(shape);
            self.is_changed = true;
        }
        self.wanted.entry(filter.clone()).or_default()
    }

    fn stay(&mut self, filter: &Filter, until: Instant) {
        let Some(want) = self.wanted.get_mut(filter) else { return };
        if want.until.is_some_and(|already| already >= until) {
            return;
        }
        if let Some(before) = want.until.replace(until) {
            self.ends.remove(&(before, filter.clone()));
        }
        self.ends.insert((until, filter.clone()));
        // Whoever asks for ever new filters has the oldest of them go sooner.
        while self.ends.len() > self.most.max(1000) {
            let Some((_, oldest)) = self.ends.pop_first() else { return };
            self.end(&oldest);
        }
    }

    fn end(&mut self, filter: &Filter) {
        let Some(want) = self.wanted.get_mut(filter) else { return };
        want.until = None;
        if !want.is_held {
            self.wanted.remove(filter);
            let shape = self.shape(filter);
            self.shapes.remove(&shape);
            self.is_changed = true;
        }
    }

    /// What has stayed long enough goes.
    pub fn expire(&mut self, now: Instant) {
        while let Some((until, filter)) = self.ends.pop_first() {
            if until > now {
                self.ends.insert((until, filter));
                return;
            }
            self.end(&filter);
        }
    }

    /// When the next one has stayed long enough.
    pub fn next(&self) -> Option<Instant> {
        self.ends.first().map(|(until, _)| *until)
    }

    fn shape(&self, filter: &Filter) -> Filter {
        self.depth.map_or_else(|| filter.clone(), |depth| cut(filter, depth))
    }

    fn shapes_of(&self, depth: Option<usize>) -> Shapes {
        let mut shapes = Shapes::default();
        for filter in self.wanted.keys() {
            let shape = depth.map_or_else(|| filter.clone(), |depth| cut(filter, depth));
            *shapes.counts.entry(shape).or_default() += 1;
        }
        shapes.settle(shapes.counts.keys().cloned().collect());
        shapes
    }

    /// Whether there are no more shapes than may be, those that others cover included.
    fn fits_at(&self, depth: usize) -> bool {
        let mut shapes = HashSet::<Filter, RandomState>::default();
        self.wanted.keys().all(|filter| {
            shapes.insert(cut(filter, depth));
            shapes.len() <= self.most
        })
    }

    /// Finds the depth at which all fits.
    fn fit(&mut self) {
        if self.depth.is_some() && self.wanted.len() <= self.most / 2 {
            self.depth = None;
            self.shapes = self.shapes_of(None);
        }
        if self.shapes.len() <= self.most {
            return;
        }
        let deepest = self
            .depth
            .unwrap_or_else(|| self.wanted.keys().map(|filter| filter.levels().count()).max().unwrap_or(1));
        let (mut fits, mut too_deep) = (0, deepest);
        while too_deep - fits > 1 {
            let depth = usize::midpoint(fits, too_deep);
            if self.fits_at(depth) {
                fits = depth;
            } else {
                too_deep = depth;
            }
        }
        self.depth = Some(fits);
        self.shapes = self.shapes_of(self.depth);
    }

    /// What the engine is to be told. It counts as told.
    pub fn difference(&mut self) -> Difference {
        if !std::mem::take(&mut self.is_changed) {
            return Difference::default();
        }
        self.fit();
        let all: BTreeSet<_> = self.shapes.all().into_iter().collect();
        let add = all.difference(&self.told).cloned().collect();
        let remove = self.told.difference(&all).cloned().collect();
        self.told = all;
        Difference { add, remove }
    }

    /// The engine has not heard of this one: it is to be told again.
    pub fn not_told(&mut self, filter: &Filter) {
        self.told.remove(filter);
        self.is_changed = true;
    }

    /// What the engine was told.
    pub fn told(&self) -> &BTreeSet<Filter> {
        &self.told
    }

    /// Whether the messages of a topic are asked for.
    pub fn names(&self, topic: &Topic) -> bool {
        let mut is_named = self.shapes.widest.get(EVERYTHING).is_some();
        self.shapes.widest.matching(topic.as_str(), &mut |_| is_named = true);
        is_named
    }

    /// Filters that are wanted.
    pub fn wanted(&self) -> usize {
        self.wanted.len()
    }

    /// Levels at which filters are cut, if they are.
    pub fn depth(&self) -> Option<usize> {
        self.depth
    }
}

/// Subscriptions by what they are for, each with a number that no other has had.
#[derive(Debug, Default)]
pub struct Numbered {
    numbers: BTreeMap<Filter, u64>,
    last: u64,
}

impl Numbered {
    /// A new one.
    pub fn begin(&mut self, filter: &Filter) -> u64 {
        self.last += 1;
        self.numbers.insert(filter.clone(), self.last);
        self.last
    }

    /// One that ends.
    pub fn end(&mut self, filter: &Filter) -> Option<u64> {
        self.numbers.remove(filter)
    }

    /// The number that came last.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LINGER: Duration = Duration::from_secs(10);

    fn filter(text: &str) -> Filter {
        Filter::parse(text, &LIMITS).unwrap()
    }

    fn texts(filters: &BTreeSet<Filter>) -> Vec<&str> {
        filters.iter().map(Filter::as_str).collect()
    }

    #[test]
    fn what_another_filter_covers_is_left_out_and_comes_back_when_that_one_goes() {
        let (mut interest, now) = (Interest::new(100, LINGER), Instant::now());
        for text in ["a/+/b", "a/x/b", "c"] {
            interest.hold(&filter(text), true, now);
        }
        assert_eq!(texts(&interest.difference().add), ["a/+/b", "c"]);
        interest.hold(&filter("a/#"), true, now);
        let Difference { add, remove } = interest.difference();
        assert_eq!((texts(&add), texts(&remove)), (vec!["a/#"], vec!["a/+/b"]));
        interest.hold(&filter("a/#"), false, now);
        interest.expire(now + LINGER / 2);
        assert_eq!(interest.difference(), Difference::default());
        interest.expire(now + LINGER);
        let Difference { add, remove } = interest.difference();
        assert_eq!((texts(&add), texts(&remove)), (vec!["a/+/b"], vec!["a/#"]));
    }

    #[test]
    fn what_is_asked_for_again_in_time_never_goes() {
        let (mut interest, now) = (Interest::new(100, LINGER), Instant::now());
        interest.hold(&filter("a"), true, now);
        interest.difference();
        interest.hold(&filter("a"), false, now);
        interest.hold(&filter("a"), true, now + LINGER / 2);
        interest.expire(now + LINGER * 2);
        assert_eq!(interest.difference(), Difference::default());
        assert_eq!(interest.next(), None);
    }

    #[test]
    fn where_there_are_too_many_they_are_cut_as_little_as_is_enough_and_exact_again_later() {
        let (mut interest, now) = (Interest::new(10, LINGER), Instant::now());
        for n in 0..30 {
            interest.hold(&filter(&format!("house/{}/room/{n}/t", n % 3)), true, now);
        }
        interest.hold(&filter("$SYS/hub/x/y/z"), true, now);
        let told = interest.difference().add;
        assert_eq!(texts(&told), ["$SYS/hub/x/#", "house/0/room/#", "house/1/room/#", "house/2/room/#"]);
        assert_eq!(interest.depth(), Some(3));
        for n in 4..30 {
            interest.hold(&filter(&format!("house/{}/room/{n}/t", n % 3)), false, now);
        }
        interest.expire(now + LINGER);
        let Difference { add, remove } = interest.difference();
        assert_eq!((add.len(), remove, interest.depth()), (5, told, None));
    }

    #[test]
    fn tens_of_thousands_of_filters_are_cut_while_they_come_and_go() {
        let (mut interest, now) = (Interest::new(1000, Duration::ZERO), Instant::now());
        interest.hold(&filter("#"), true, now);
        for n in 0..30_000 {
            interest.hold(&filter(&format!("a/{}/+/{n}", n % 100)), true, now);
        }
        assert_eq!(texts(&interest.difference().add), ["#"]);
        interest.hold(&filter("#"), false, now);
        interest.expire(now);
        let add = interest.difference().add;
        assert_eq!((add.len(), interest.depth()), (100, Some(3)));
        for n in 30_000..60_000 {
            interest.hold(&filter(&format!("b/{n}/+")), true, now);
        }
        let Difference { add, remove } = interest.difference();
        assert_eq!((texts(&add), remove.len(), interest.depth()), (vec!["a/#", "b/#"], 100, Some(1)));
    }

    #[test]
    fn filters_that_share_nothing_become_everything() {
        let (mut interest, now) = (Interest::new(3, LINGER), Instant::now());
        for n in 0..5 {
            interest.hold(&filter(&format!("{n}")), true, now);
            interest.hold(&filter(&format!("${n}")), true, now);
        }
        assert_eq!(texts(&interest.difference().add), ["#"]);
    }

    fn any_filter() -> impl Strategy<Value = Filter> {
        let level = prop_oneof![Just("a"), Just("b"), Just(""), Just("+"), Just("$x")];
        (prop::collection::vec(level, 1..4), any::<bool>()).prop_map(|(mut levels, hash)| {
            if hash {
                levels.push("#");
            }
            Filter::parse(&levels.join("/"), &LIMITS).unwrap_or_else(|_| filter("a"))
        })
    }

    fn any_topic() -> impl Strategy<Value = Topic> {
        let level = prop_oneof![Just("a"), Just("b"), Just(""), Just("$x")];
        prop::collection::vec(level, 1..5).prop_map(|levels| {
            Topic::parse(&levels.join("/"), &LIMITS).unwrap_or_else(|_| Topic::parse("a", &LIMITS).unwrap())
        })
    }

    proptest! {
        #[test]
        fn all_that_is_wanted_is_asked_for_with_nothing_twice_and_never_too_much(
            steps in prop::collection::vec((any_filter(), 0..4_u8), 1..40),
            topics in prop::collection::vec(any_topic(), 8),
            most in 1..6_usize,
        ) {
            let (mut interest, mut now) = (Interest::new(most, LINGER), Instant::now());
            let (mut held, mut told) = (BTreeSet::new(), BTreeSet::new());
            for (filter, what) in steps {
                match what {
                    0 | 1 => {
                        held.insert(filter.clone());
                        interest.hold(&filter, true, now);
                    }
                    2 if held.remove(&filter) => interest.hold(&filter, false, now),
                    2 => interest.hear_for(&filter, LINGER / 2, now),
                    _ => {
                        now += LINGER / 3;
                        interest.expire(now);
                    }
                }
                let Difference { add, remove } = interest.difference();
                prop_assert!(add.is_disjoint(&told) && remove.is_subset(&told));
                told.extend(add);
                told.retain(|filter| !remove.contains(filter));
                prop_assert!(told.len() <= most, "{told:?}");
                for one in &told {
                    prop_assert!(!told.iter().any(|other| other != one && covers(other, one)), "{told:?}");
                }
                for filter in &held {
                    for topic in topics.iter().filter(|topic| filter.matches(topic)) {
                        let is_asked = told.iter().any(|one| one.as_str() == "#" || one.matches(topic));
                        prop_assert!(is_asked, "{topic:?} of {filter:?} is not in {told:?}");
                    }
                }
            }
            for filter in held {
                interest.hold(&filter, false, now);
            }
            interest.expire(now + LINGER * 2);
            prop_assert_eq!(interest.difference().add.len(), 0);
            prop_assert_eq!((interest.wanted(), interest.shapes.len(), interest.shapes.counts.len()), (0, 0, 0));
        }

        /// As simple as it can be said, without a bound.
        #[test]
        fn it_is_what_its_naive_twin_finds(filters in prop::collection::vec((any_filter(), any::<bool>()), 1..30)) {
            let (mut interest, now) = (Interest::new(1000, Duration::ZERO), Instant::now());
            let mut held = BTreeSet::new();
            for (filter, is_held) in filters {
                if is_held { held.insert(filter.clone()); } else { held.remove(&filter); }
                interest.hold(&filter, is_held, now);
                interest.expire(now);
            }
            let widest = interest.difference().add;
            // Two may cover each other, such as `#` and `+/#`: then one of them is there.
            for one in &held {
                prop_assert!(widest.iter().any(|wide| wide == one || covers(wide, one)), "{one:?} {widest:?}");
                let is_alone = !held.iter().any(|other| other != one && covers(other, one));
                prop_assert!(!is_alone || widest.contains(one), "{one:?} {widest:?}");
            }
            prop_assert!(widest.is_subset(&held));
        }
    }
}
