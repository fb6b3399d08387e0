//! How often something that others cause is worth a line in the log. Floor 0.
//!
//! Clients, and strangers who only connect, can repeat what they do as fast as the network allows. So a line that
//! they cause goes through a [`Seldom`]: the first time, then the second, fourth, eighth, and so on, for each of those
//! who cause it; and over all of them at most [`BURST`] lines at once and [`A_MINUTE`] a minute. The line that comes
//! says how often it happened and how many lines of its kind were left out before it.
//!
//! This bounds the log by the number of kinds, whatever anybody does, and nothing goes uncounted.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::time::{Duration, Instant};

/// Lines of one kind that may come at one moment.
pub const BURST: u32 = 100;
/// Lines of one kind that may come in a minute after that.
pub const A_MINUTE: u32 = 60;
/// Lines of those that are each of interest, of one who causes them: so many at one moment.
pub const SHARE: u32 = 20;
/// And in a minute after that.
pub const SHARE_A_MINUTE: u32 = 12;
/// How many of those who cause a line are counted apart, for each kind. With more, those who were quiet the longest are
/// forgotten; the bound over all holds on.
pub const COUNTED_APART: usize = 256;
/// After so long a quiet somebody's next line is a first one again.
pub const FORGOTTEN_AFTER: Duration = Duration::from_hours(1);

/// Lines that were left out since the start, of all kinds.
static LEFT_OUT: AtomicU64 = AtomicU64::new(0);

/// The clients and strangers, hashed with a secret key.
static WHO: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// Lines of all kinds that were left out since the start because there were too many of their kind.
pub fn left_out() -> u64 {
    LEFT_OUT.load(Ordering::Relaxed)
}

/// One kind of line. Lives in a `static` beside the code that writes the line, so that the kind is counted for the whole
/// process. The lock is a leaf and is never held while a line is written.
#[derive(Debug)]
pub struct Seldom {
    state: Mutex<Option<State>>,
}

#[derive(Debug)]
struct State {
    /// Lines that may come now.
    room: Room,
    /// Lines that were left out since the last one that came.
    left_out: u64,
    /// Those who cause the line. The key is a hash: names may be long.
    causers: HashMap<u64, Causer>,
}

/// Lines that may come now, in parts of a line, and when that was counted.
#[derive(Debug)]
struct Room {
    lines: f64,
    counted: Instant,
}

/// One who causes a line: how often, and when last; and what is left of the share.
#[derive(Debug)]
struct Causer {
    times: u64,
    last: Instant,
    share: Room,
}

/// What to add to a line that comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// How often this one has caused it by now, this time included.
    pub times: u64,
    /// Lines of this kind that were left out since the last one that came.
    pub left_out: u64,
}

impl fmt::Display for Times {
    /// As it stands in a line: `1`, or `8, and 7 lines like this were left out`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.left_out {
            0 => write!(f, "{}", self.times),
            left_out => write!(f, "{}, and {left_out} lines like this were left out", self.times),
        }
    }
}

impl Seldom {
    /// A kind of line that nobody has caused yet.
    pub const fn new() -> Self {
        Self { state: Mutex::new(None) }
    }

    /// Counts one more that `who` (a client, a user, an address) has caused. `Some` is to be written.
    pub fn again(&self, who: &str) -> Option<Times> {
        self.count(Some(WHO.hash_one(who)), Instant::now())
    }

    /// As [`each`](Self::each), for lines whose causers could push out each other's: each has a share, besides the bound over
    /// all.
    pub fn each_of(&self, who: &str) -> Option<Times> {
        self.share(WHO.hash_one(who), Instant::now())
    }

    /// As [`again`](Self::again), for lines that are each of interest, such as that a client has connected: only the bound
    /// over all holds.
    pub fn each(&self) -> Option<Times> {
        self.count(None, Instant::now())
    }

    fn count(&self, who: Option<u64>, now: Instant) -> Option<Times> {
        let mut state = self.state.lock();
        let state = state.get_or_insert_with(|| State::new(now));
        let times = who.map_or(1, |who| state.times(who, now));
        state.line(times, times.is_power_of_two(), now)
    }

    fn share(&self, who: u64, now: Instant) -> Option<Times> {
        let mut state = self.state.lock();
        let state = state.get_or_insert_with(|| State::new(now));
        let causer = state.causer(who, now);
        let has_share = causer.share.take(SHARE, SHARE_A_MINUTE, now);
        state.line(1, has_share, now)
    }
}

impl Default for Seldom {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    fn new(now: Instant) -> Self {
        Self { room: Room { lines: f64::from(BURST), counted: now }, left_out: 0, causers: HashMap::new() }
    }

    /// What is added to a line that is due, if there is room for it.
    fn line(&mut self, times: u64, is_due: bool, now: Instant) -> Option<Times> {
        if is_due && self.room.take(BURST, A_MINUTE, now) {
            return Some(Times { times, left_out: std::mem::take(&mut self.left_out) });
        }
        self.left_out += 1;
        LEFT_OUT.fetch_add(1, Ordering::Relaxed);
        None
    }

    fn times(&mut self, who: u64, now: Instant) -> u64 {
        self.causer(who, now).times
    }

    /// Counts one more of this causer.
    fn causer(&mut self, who: u64, now: Instant) -> &mut Causer {
        if self.causers.len() >= COUNTED_APART && !self.causers.contains_key(&who) {
            let quietest = self.causers.iter().min_by_key(|(_, causer)| causer.last).map(|(who, _)| *who);
            quietest.and_then(|quietest| self.causers.remove(&quietest));
        }
        let share = Room { lines: f64::from(SHARE), counted: now };
        let causer = self.causers.entry(who).or_insert(Causer { times: 0, last: now, share });
        if now.duration_since(causer.last) > FORGOTTEN_AFTER {
            causer.times = 0;
        }
        causer.times += 1;
        causer.last = now;
        causer
    }
}

impl Room {
    /// Takes one line, if there is room for it.
    fn take(&mut self, most: u32, a_minute: u32, now: Instant) -> bool {
        let minutes = now.duration_since(self.counted).as_secs_f64() / 60.0;
        self.lines = (self.lines + minutes * f64::from(a_minute)).min(f64::from(most));
        self.counted = now;
        let has_room = self.lines >= 1.0;
        if has_room {
            self.lines -= 1.0;
        }
        has_room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(lines: impl IntoIterator<Item = Option<Times>>) -> Vec<(u64, u64)> {
        lines.into_iter().flatten().map(|line| (line.times, line.left_out)).collect()
    }

    #[test]
    fn who_repeats_itself_is_logged_the_first_time_and_then_ever_more_rarely() {
        let (kind, now) = (Seldom::new(), Instant::now());
        let lines = (0..10).map(|_| kind.count(Some(1), now));
        assert_eq!(times(lines), [(1, 0), (2, 0), (4, 1), (8, 3)]);
        assert_eq!(times([kind.count(Some(2), now)]), [(1, 2)], "another one's first time is a first time");
    }

    #[test]
    fn many_who_take_turns_cannot_fill_the_log() {
        let (kind, start) = (Seldom::new(), Instant::now());
        let lines = (0..100_000).filter_map(|who| kind.count(Some(who), start));
        assert_eq!(lines.count(), BURST as usize);
        let minute = (0..60_000u32).filter_map(|n| {
            kind.count(Some(u64::from(n) + 200_000), start + Duration::from_millis(n.into()))
        });
        let minute: Vec<_> = minute.collect();
        assert!((A_MINUTE as usize - 1..=A_MINUTE as usize).contains(&minute.len()), "{}", minute.len());
        assert_eq!(minute.first().unwrap().left_out, 100_000 - u64::from(BURST) + 999 + 1);
    }

    #[test]
    fn one_who_causes_very_many_has_a_share_and_pushes_out_nobody_else() {
        let (kind, now) = (Seldom::new(), Instant::now());
        let lines = (0..1000).filter_map(|_| kind.share(1, now));
        assert_eq!(lines.count(), SHARE as usize);
        assert_eq!(times([kind.share(2, now)]), [(1, 1000 - u64::from(SHARE))]);
        let minute = now + Duration::from_mins(1);
        let lines = (0..1000).filter_map(|_| kind.share(1, minute));
        assert_eq!(lines.count(), SHARE_A_MINUTE as usize);
        let all = (0..1000).filter_map(|who| kind.share(who % 100, minute)).count();
        assert!(all < BURST as usize, "the bound over all holds, too: {all}");
    }

    #[test]
    fn only_so_many_are_counted_apart_and_the_quietest_is_forgotten() {
        let (kind, start) = (Seldom::new(), Instant::now());
        for who in 0..1000 {
            kind.count(Some(who), start + Duration::from_secs(who));
        }
        assert_eq!(kind.state.lock().as_ref().unwrap().causers.len(), COUNTED_APART);
        let line = kind.count(Some(999), start + Duration::from_secs(1000));
        assert_eq!(times([line]).first().unwrap().0, 2);
    }

    #[test]
    fn after_a_quiet_hour_it_is_news_again() {
        let (kind, start) = (Seldom::new(), Instant::now());
        for _ in 0..3 {
            kind.count(Some(1), start);
        }
        let later = start + FORGOTTEN_AFTER + Duration::from_secs(1);
        assert_eq!(times([kind.count(Some(1), later)]), [(1, 1)]);
    }

    #[test]
    fn what_was_left_out_is_counted_over_all_kinds() {
        let (kind, now, before) = (Seldom::new(), Instant::now(), left_out());
        for _ in 0..3 {
            kind.count(Some(1), now);
        }
        assert!(left_out() > before);
        assert_eq!(Times { times: 1, left_out: 0 }.to_string(), "1");
        assert_eq!(Times { times: 8, left_out: 3 }.to_string(), "8, and 3 lines like this were left out");
    }
}
