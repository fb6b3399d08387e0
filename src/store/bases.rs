//! What the differences in the log are told from: of each topic that speaks again and again, one payload that was said
//! before. Pure.
//!
//! The differences are not from one value to the next: a row that is lost would cost all that follows. They are from a *base*,
//! which stands in some row before, and is replaced now and then. A difference names the generation of its base in two bits.
//! So a base that is missing cannot be mistaken for an older one as long as fewer than four rows are missing, and with more
//! nothing is told from it. Bases are told within one *span* of the log, which is settled as a whole, and after a start they begin
//! anew.

use std::collections::HashSet;
use std::sync::Arc;

use foldhash::fast::RandomState;
use smallvec::SmallVec;

use super::paged::Paged;
use super::shape::{self, Number, Parts};

/// Generations that are told apart.
pub(super) const GENERATIONS: u8 = 4;
/// So many values are told from one base, and then there is a new one: what a lost row costs.
const LONGEST: u16 = 256;
/// After so many payloads in a row that do not fit a base it is replaced.
const MISFITS: u8 = 4;
/// A skeleton that is longer is no base.
pub(super) const LONGEST_SKELETON: usize = 1024;
/// The bounds of all bases.
const MOST: usize = 20_000;
const MOST_BYTES: usize = 4 << 20;

/// All bases of a span.
#[derive(Debug, Default)]
pub struct Bases {
    /// The mark of the file, which the sums of rows begin with.
    mark: u64,
    /// The first row that may tell something from them.
    span: u64,
    /// The newest row that was read.
    row: u64,
    /// Rows of the span that are missing.
    lost: u64,
    by_topic: Paged<u64, Base>,
    bytes: usize,
    /// Topics of one kind of device have one skeleton, which is in memory once.
    skeletons: HashSet<Arc<[u8]>, RandomState>,
    /// Bytes of these.
    shared: usize,
    /// What was looked at last, and its differences: their memory is used again.
    parts: Parts,
    differences: Vec<(i64, u32)>,
}

/// What values of a topic are told from.
#[derive(Debug)]
pub(super) struct Base {
    pub(super) generation: u8,
    pub(super) user: u64,
    pub(super) skeleton: Arc<[u8]>,
    pub(super) numbers: Told,
    /// Values that were told from it.
    told: u16,
    misfits: u8,
    /// How many rows were missing when it was known for sure.
    lost: u64,
}

/// The numbers of a base. Most have one.
pub(super) type Told = SmallVec<[Aligned; 1]>;

/// A number with as many decimals as any of its place had, of which the last so many are not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Aligned {
    pub(super) mantissa: i64,
    pub(super) decimals: u32,
    pub(super) untold: u32,
}

impl Aligned {
    fn of(number: Number, decimals: u32) -> Option<Self> {
        let untold = decimals.checked_sub(number.decimals)?;
        let mantissa = number.mantissa.checked_mul(10_i64.checked_pow(untold)?)?;
        Some(Self { mantissa, decimals, untold })
    }

    /// The number that was said; none if it cannot have been.
    pub(super) fn number(self) -> Option<Number> {
        let decimals = self.decimals.checked_sub(self.untold)?;
        let factor = 10_i64.checked_pow(self.untold)?;
        let is_one = self.mantissa % factor == 0 && decimals <= Number::MOST_DECIMALS;
        is_one.then_some(Number { mantissa: self.mantissa / factor, decimals })
    }
}

/// How a payload is told.
#[derive(Debug)]
pub(super) enum Telling<'b> {
    /// As it is.
    Whole,
    /// As a new base.
    Anew(&'b Base, &'b [Number]),
    /// By the differences to a base, and decimals that are not told.
    From(&'b Base, &'b [(i64, u32)], &'b [Number]),
}

/// A payload that was taken apart, and has the skeleton of a base.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Apart<'b> {
    pub(crate) skeleton: &'b Arc<[u8]>,
    pub(crate) numbers: &'b [Number],
}

impl<'b> Telling<'b> {
    /// The payload, where it was taken apart.
    pub(super) fn apart(&self) -> Option<Apart<'b>> {
        match self {
            Self::Whole => None,
            Self::Anew(base, numbers) | Self::From(base, _, numbers) => {
                Some(Apart { skeleton: &base.skeleton, numbers })
            }
        }
    }
}

/// What becomes of a payload.
enum Plan {
    From,
    Whole,
    /// With at least so many decimals.
    Anew(Option<SmallVec<[u32; 1]>>),
}

impl Bases {
    /// None, for rows from this one on, in a file of this mark.
    pub fn starting_at(mark: u64, span: u64) -> Self {
        Self { mark, span, row: span, ..Self::default() }
    }

    /// Begins a new span with this row. Skeletons stay: what has them is known by them.
    pub(super) fn go_on(&mut self, mark: u64, span: u64) {
        let (skeletons, shared) = (std::mem::take(&mut self.skeletons), self.shared);
        *self = Self { skeletons, shared, ..Self::starting_at(mark, span) };
    }

    pub(super) fn mark(&self) -> u64 {
        self.mark
    }

    pub(super) fn span(&self) -> u64 {
        self.span
    }

    /// The row `row` of a span is read next.
    pub(super) fn go_to(&mut self, span: u64, row: u64) {
        if self.span != span {
            *self = Self::starting_at(self.mark, span);
        }
        self.lost += row.saturating_sub(self.row + 1);
        self.row = row;
    }

    /// How a payload is to be told; `again` says whether its topic has spoken before in this span.
    pub(super) fn tell(
        &mut self,
        topic: u64,
        user: u64,
        payload: &str,
        again: impl FnOnce() -> bool,
    ) -> Telling<'_> {
        if !shape::split_into(payload, &mut self.parts) {
            return Telling::Whole;
        }
        let decimals = match self.plan(topic, user) {
            Plan::Whole => return Telling::Whole,
            Plan::Anew(decimals) => decimals,
            Plan::From => {
                let base = self.by_topic.get(topic);
                return base.map_or(Telling::Whole, |base| {
                    Telling::From(base, &self.differences, &self.parts.numbers)
                });
            }
        };
        if !self.renew(topic, user, decimals.as_deref(), again) {
            return Telling::Whole;
        }
        let base = self.by_topic.get(topic);
        base.map_or(Telling::Whole, |base| Telling::Anew(base, &self.parts.numbers))
    }

    /// Looks at the bases of topics of these numbers, so that they are near.
    pub(super) fn look(&self, topics: impl Iterator<Item = u64>) -> usize {
        topics.filter_map(|topic| Some(self.by_topic.get(topic)?.numbers.len())).sum()
    }

    /// What becomes of the payload that was taken apart.
    fn plan(&mut self, topic: u64, user: u64) -> Plan {
        let Some(base) = self.by_topic.get_mut(topic) else { return Plan::Anew(None) };
        let fits = base.user == user && *base.skeleton == *self.parts.skeleton;
        let tells = fits && base.told < LONGEST;
        if tells && base.differences(&self.parts, &mut self.differences) {
            base.told += 1;
            base.misfits = 0;
            return Plan::From;
        }
        base.misfits = base.misfits.saturating_add(1);
        if !fits && base.misfits < MISFITS {
            return Plan::Whole;
        }
        Plan::Anew(fits.then(|| base.numbers.iter().map(|number| number.decimals).collect()))
    }

    /// Makes a base of the payload that was taken apart. Whether it is one.
    fn renew(
        &mut self,
        topic: u64,
        user: u64,
        decimals: Option<&[u32]>,
        again: impl FnOnce() -> bool,
    ) -> bool {
        let mut known = decimals.unwrap_or_default().iter();
        let align = |number: &Number| {
            let decimals = known.next().map_or(number.decimals, |known| number.decimals.max(*known));
            Aligned::of(*number, decimals).or_else(|| Aligned::of(*number, number.decimals))
        };
        let Parts { skeleton, numbers } = &self.parts;
        let numbers: Option<Told> = numbers.iter().map(align).collect();
        let old = self.by_topic.get(topic);
        let (generation, is_known) = (old.map_or(0, |old| (old.generation + 1) % GENERATIONS), old.is_some());
        let has_room = is_known || (self.by_topic.len() < MOST && self.bytes < MOST_BYTES);
        let Some(numbers) = numbers.filter(|_| has_room && skeleton.len() <= LONGEST_SKELETON && again())
        else {
            return false;
        };
        let skeleton = std::mem::take(&mut self.parts.skeleton);
        self.put(topic, generation, user, &skeleton, numbers);
        self.parts.skeleton = skeleton;
        true
    }

    /// A base is told in the row.
    pub(super) fn put(&mut self, topic: u64, generation: u8, user: u64, skeleton: &[u8], numbers: Told) {
        let skeleton = self.share(skeleton);
        let base = Base { generation, user, skeleton, numbers, told: 0, misfits: 0, lost: self.lost };
        self.bytes += base.bytes();
        if let Some(old) = self.by_topic.insert(topic, base) {
            self.bytes -= old.bytes();
        }
    }

    fn share(&mut self, skeleton: &[u8]) -> Arc<[u8]> {
        if let Some(shared) = self.skeletons.get(skeleton) {
            return Arc::clone(shared);
        }
        if self.skeletons.len() >= MOST || self.shared + skeleton.len() > MOST_BYTES {
            // Those that are needed are shared again.
            (self.skeletons, self.shared) = (HashSet::default(), 0);
        }
        let shared: Arc<[u8]> = skeleton.into();
        self.shared += skeleton.len();
        self.skeletons.insert(Arc::clone(&shared));
        shared
    }

    /// The base of a topic, if it is surely the one of that generation.
    pub(super) fn get(&mut self, topic: u64, generation: u8) -> Option<&Base> {
        let base = self.by_topic.get_mut(topic)?;
        let is_sure = self.lost - base.lost < u64::from(GENERATIONS);
        if !is_sure || base.generation != generation {
            return None;
        }
        base.lost = self.lost;
        Some(base)
    }
}

impl Base {
    fn bytes(&self) -> usize {
        self.skeleton.len() + size_of_val(&*self.numbers)
    }

    /// The differences of a payload that fits; `false` if there are none that could be written.
    fn differences(&self, parts: &Parts, into: &mut Vec<(i64, u32)>) -> bool {
        into.clear();
        for (base, number) in self.numbers.iter().zip(&parts.numbers) {
            let aligned = Aligned::of(*number, base.decimals);
            let told =
                aligned.and_then(|told| Some((told.mantissa.checked_sub(base.mantissa)?, told.untold)));
            match told {
                // Twice the value and a mark have to fit into what is written.
                Some(told) if told.0.unsigned_abs() < 1 << 61 => into.push(told),
                _ => return false,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_new(telling: &Telling<'_>) -> Option<u8> {
        match telling {
            Telling::Anew(base, _) => Some(base.generation),
            Telling::Whole | Telling::From(..) => None,
        }
    }

    fn is_from(telling: &Telling<'_>, generation: u8) -> bool {
        matches!(telling, Telling::From(base, ..) if base.generation == generation)
    }

    #[test]
    fn a_topic_that_speaks_again_gets_a_base_and_a_new_one_now_and_then() {
        let mut bases = Bases::starting_at(0, 1);
        assert!(matches!(bases.tell(1, 1, "20.01", || false), Telling::Whole));
        assert_eq!(is_new(&bases.tell(1, 1, "20.1", || true)), Some(0));
        // More decimals than it has need a new one, fewer do not.
        assert_eq!(is_new(&bases.tell(1, 1, "20.01", || true)), Some(1));
        assert!(
            matches!(bases.tell(1, 1, "20.1", || true), Telling::From(base, differences, _) if base.generation == 1 && *differences == [(9, 1)])
        );
        for n in 1..LONGEST {
            assert!(is_from(&bases.tell(1, 1, &n.to_string(), || true), 1), "{n}");
        }
        assert_eq!(is_new(&bases.tell(1, 1, "20", || true)), Some(2));
        assert!(is_from(&bases.tell(1, 1, "20.01", || true), 2), "decimals are remembered");
        // Another user, or another shape, is told as it is until it is usual.
        for n in 1..MISFITS {
            assert!(matches!(bases.tell(1, 2, "7", || true), Telling::Whole), "{n}");
        }
        assert_eq!(is_new(&bases.tell(1, 2, "7", || true)), Some(3));
        assert!(matches!(bases.tell(1, 2, r#""on""#, || true), Telling::Whole));
        assert!(is_from(&bases.tell(1, 2, "8", || true), 3));
    }

    #[test]
    fn all_bases_together_have_a_bound() {
        let mut bases = Bases::starting_at(0, 1);
        let large = format!("{}1", " ".repeat(LONGEST_SKELETON - 1));
        let count = (0..u64::MAX)
            .take_while(|topic| is_new(&bases.tell(*topic, 1, &large, || true)).is_some())
            .count();
        assert!((MOST_BYTES / 1100..=MOST_BYTES / 1000).contains(&count), "{count}");
        assert!(matches!(bases.tell(u64::MAX, 1, &format!(" {large}"), || true), Telling::Whole));
        let mut bases = Bases::starting_at(0, 1);
        let count =
            (0..u64::MAX).take_while(|topic| is_new(&bases.tell(*topic, 1, "1", || true)).is_some()).count();
        assert_eq!(count, MOST);
    }

    #[test]
    fn topics_of_one_kind_share_a_skeleton_and_the_next_span_goes_on_with_it() {
        let mut bases = Bases::starting_at(0, 1);
        let skeleton = |bases: &mut Bases, topic: u64| {
            let telling = bases.tell(topic, 1, &format!("[{topic}, 2.5]"), || true);
            Arc::clone(telling.apart().unwrap().skeleton)
        };
        let first = skeleton(&mut bases, 1);
        assert!(Arc::ptr_eq(&first, &skeleton(&mut bases, 2)));
        bases.go_on(0, 7);
        assert!(bases.by_topic.is_empty());
        assert!(Arc::ptr_eq(&first, &skeleton(&mut bases, 3)));
        for topic in 0..3 * MOST as u64 {
            bases.put(1, 0, 1, &topic.to_le_bytes(), Told::new());
        }
        assert!(bases.skeletons.len() <= MOST && bases.shared <= 8 * MOST);
    }

    #[test]
    fn a_base_that_may_be_another_one_is_none() {
        let made = |lost: u64| {
            let mut bases = Bases::starting_at(0, 1);
            bases.go_to(1, 1);
            bases.put(5, 0, 1, &[0], Told::new());
            bases.go_to(1, 2 + lost);
            bases
        };
        assert!(made(3).get(5, 0).is_some() && made(3).get(5, 1).is_none());
        assert!(made(4).get(5, 0).is_none());
        // What is missing in several places counts together, until the base was met again.
        let mut bases = made(2);
        bases.go_to(1, 7);
        assert!(bases.get(5, 0).is_none(), "four");
        let mut bases = made(2);
        assert!(bases.get(5, 0).is_some());
        bases.go_to(1, 7);
        assert!(bases.get(5, 0).is_some(), "two and two");
        bases.go_to(2, 8);
        assert!(bases.get(5, 0).is_none(), "another span");
    }
}
