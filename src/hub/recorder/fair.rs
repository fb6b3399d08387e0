//! Which events of one user or one address are recorded each by itself, and which are only counted. Otherwise somebody
//! who repeats something as fast as the network allows would push out what others have done. Pure; time is an argument.

use std::collections::HashMap;
use std::time::Duration;

use foldhash::fast::RandomState;

use crate::moment::Steady;

/// Users or addresses that are told apart, for each class.
const TOLD_APART: usize = 1024;
/// Who stands for all the others.
const OTHERS: &str = "";
/// What was only counted is told when so long nothing more of it came, and not more often than this.
const QUIET: Duration = Duration::from_mins(1);
/// How many are told by name each time, of each class. The others are told as one.
const NAMED: usize = 3;

/// What an event is, as far as it is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// What a user does and may do.
    Deed,
    /// What a user may not do.
    Refusal,
    /// A stranger who does not come in.
    Stranger,
    /// All strangers together.
    Strangers,
}

impl Class {
    const ALL: [Self; 4] = [Self::Deed, Self::Refusal, Self::Stranger, Self::Strangers];

    /// How many may come at once, and how many a minute after that.
    fn bounds(self) -> (f64, f64) {
        match self {
            Self::Deed => (1000.0, 60.0),
            Self::Refusal => (20.0, 1.0),
            Self::Stranger => (5.0, 1.0),
            Self::Strangers => (100.0, 6.0),
        }
    }
}

/// What was only counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) class: Class,
    pub(super) who: Box<str>,
    pub(super) count: u64,
    /// Of the first and of the last one, in milliseconds since 1970.
    pub(super) since: u64,
    pub(super) until: u64,
}

#[derive(Debug)]
struct Bucket {
    room: f64,
    counted: Steady,
    left_out: u64,
    since: u64,
    until: u64,
}

/// The books of all classes.
#[derive(Debug, Default)]
pub(super) struct Fair {
    books: [HashMap<Box<str>, Bucket, RandomState>; Class::ALL.len()],
    /// When it was told last what was only counted.
    told: Option<Steady>,
}

impl Fair {
    /// Whether an event of somebody is recorded; with how many before it were only counted. `at` is in milliseconds since
    /// 1970. `carried` were counted elsewhere, and go with this one.
    pub(super) fn pass(
        &mut self,
        class: Class,
        who: &str,
        at: u64,
        now: Steady,
        carried: u64,
    ) -> Option<u64> {
        let (burst, a_minute) = class.bounds();
        let book = self.books.get_mut(class as usize)?;
        let who = if book.contains_key(who) || has_room(book, burst, a_minute, now) { who } else { OTHERS };
        if !book.contains_key(who) {
            let bucket = Bucket { room: burst, counted: now, left_out: 0, since: at, until: at };
            book.insert(who.into(), bucket);
        }
        let bucket = book.get_mut(who)?;
        bucket.room = bucket.room_at(burst, a_minute, now);
        bucket.counted = now;
        if bucket.room >= 1.0 {
            bucket.room -= 1.0;
            return Some(carried + std::mem::take(&mut bucket.left_out));
        }
        if bucket.left_out == 0 {
            bucket.since = at;
        }
        bucket.left_out += 1 + carried;
        bucket.until = at;
        None
    }

    /// What was only counted, and that nothing has followed for a while.
    pub(super) fn take_quiet(&mut self, now: Steady) -> Vec<Counted> {
        if self.told.is_some_and(|told| now.since(told) < QUIET) {
            return Vec::new();
        }
        self.told = Some(now);
        let mut all = Vec::new();
        for (class, book) in Class::ALL.into_iter().zip(&mut self.books) {
            let quiet = |bucket: &Bucket| bucket.left_out > 0 && now.since(bucket.counted) >= QUIET;
            let found = book.iter_mut().filter(|(_, bucket)| quiet(bucket)).map(|(who, bucket)| {
                let count = std::mem::take(&mut bucket.left_out);
                Counted { class, who: who.clone(), count, since: bucket.since, until: bucket.until }
            });
            let mut found: Vec<_> = found.collect();
            found.sort_unstable_by(|one, other| (other.count, &one.who).cmp(&(one.count, &other.who)));
            let others = found.split_off(found.len().min(NAMED));
            found.extend(others.into_iter().reduce(|one, other| Counted {
                who: OTHERS.into(),
                count: one.count + other.count,
                since: one.since.min(other.since),
                until: one.until.max(other.until),
                ..one
            }));
            all.append(&mut found);
        }
        all
    }
}

impl Bucket {
    fn room_at(&self, burst: f64, a_minute: f64, now: Steady) -> f64 {
        (self.room + now.since(self.counted).as_secs_f64() / 60.0 * a_minute).min(burst)
    }
}

/// Whether one more may be told apart. Those of whom nothing is to be remembered give way.
fn has_room(
    book: &mut HashMap<Box<str>, Bucket, RandomState>,
    burst: f64,
    a_minute: f64,
    now: Steady,
) -> bool {
    if book.len() >= TOLD_APART {
        book.retain(|_, bucket| bucket.left_out > 0 || bucket.room_at(burst, a_minute, now) < burst);
    }
    book.len() < TOLD_APART
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moment::Moment;
    use std::time::SystemTime;

    fn at(seconds: u64) -> Steady {
        Moment::from(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).steady()
    }

    #[test]
    fn who_repeats_a_refusal_is_recorded_now_and_then_and_the_rest_is_counted() {
        let mut fair = Fair::default();
        let passed = (0..100).filter(|n| fair.pass(Class::Refusal, "jana", *n, at(0), 0).is_some());
        assert_eq!(passed.count(), 20);
        assert_eq!(fair.pass(Class::Refusal, "emil", 5, at(0), 0), Some(0), "others are not concerned");
        assert_eq!(fair.pass(Class::Deed, "jana", 5, at(0), 0), Some(0), "and what is allowed is not");
        assert_eq!(fair.pass(Class::Refusal, "jana", 5, at(60), 0), Some(80));
        assert_eq!(fair.pass(Class::Refusal, "jana", 6, at(61), 0), None);
        assert_eq!(fair.take_quiet(at(62)), []);
        let counted = Counted { class: Class::Refusal, who: "jana".into(), count: 1, since: 6, until: 6 };
        assert_eq!(fair.take_quiet(at(122)), [counted]);
        assert_eq!(fair.take_quiet(at(500)), [], "once");
    }

    #[test]
    fn only_so_many_are_told_apart_and_the_others_are_bounded_together() {
        let mut fair = Fair::default();
        let passed =
            (0..100_000).filter(|n| fair.pass(Class::Stranger, &n.to_string(), 0, at(0), 0).is_some());
        let passed = passed.count();
        assert!(passed <= TOLD_APART + 10, "{passed}");
        assert!(fair.books.iter().all(|book| book.len() <= TOLD_APART + 1));
        assert!(fair.pass(Class::Stranger, "new", 0, at(3600), 0).is_some(), "those who were quiet give way");
    }
}
