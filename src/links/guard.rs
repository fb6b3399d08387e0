//! What keeps messages from going round: known to all links of a hub. Pure but for its lock; time is an argument.
//!
//! Three things, for three kinds of message that come back (`docs/adr/0014-a-bridge-that-cannot-loop.md`):
//!
//! * A message with the stamp of a hub says itself whether it was here, and each id is taken once. That is MQTT 5.
//! * A message that a client of a broker began has no stamp, or that of whichever hub heard it first, and there may be
//!   several. It is known by its topic and payload: for a while each link is owed one message back for each that
//!   another link took.
//! * Over a link of MQTT 3.1.1, which has no stamps and whose broker repeats to us what we said, the link is owed what
//!   went out over any link, too.
//! * Whatever is left, such as two brokers that are joined behind our back, wears out: of messages that are alike only
//!   so many are taken in a while.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;
use std::time::Duration;

use foldhash::fast::RandomState;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::stamp::{self, Stamp};

/// How long what passed is remembered, at least; at most twice as long.
pub const REMEMBERED: Duration = Duration::from_secs(5);
/// Messages that are remembered, at least, where they come faster; at most twice as many.
pub const MOST_REMEMBERED: usize = 32_768;

/// Messages without a stamp, of one topic and one payload, that are taken while they are remembered, where there is
/// more than one link.
pub const MOST_ALIKE: u32 = 16;

/// One link, while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LinkId(u64);

impl std::fmt::Display for LinkId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What to do with a message that came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It has not been here.
    New,
    /// It has been here.
    Returned,
    /// It has passed too many hubs, or too many like it came.
    Worn,
}

/// What all links of a hub know together.
#[derive(Debug)]
pub struct Guard {
    /// What the hub is called in stamps; no two hubs, and no two lives of a hub, have the same.
    hub: Box<str>,
    inside: Mutex<Inside>,
    hasher: RandomState,
}

#[derive(Debug)]
struct Inside {
    messages: u64,
    links: u64,
    seen: Window<HashSet<u64, RandomState>>,
    alike: Window<Counts>,
    links_there: HashMap<LinkId, There, RandomState>,
}

#[derive(Debug)]
struct There {
    /// Whether its broker repeats to it what it said.
    repeats: bool,
    /// What it is owed.
    owed: Window<Counts>,
}

/// By topic and payload.
type Counts = HashMap<u64, u32, RandomState>;

impl Guard {
    /// For a hub of this name.
    pub fn new(hub: &str, now: Instant) -> Self {
        let inside = Inside {
            messages: 0,
            links: 0,
            seen: Window::starting(now),
            alike: Window::starting(now),
            links_there: HashMap::default(),
        };
        Self { hub: hub.into(), inside: Mutex::new(inside), hasher: RandomState::default() }
    }

    /// The name of the hub.
    pub fn hub(&self) -> &str {
        &self.hub
    }

    /// A link that is there from now on. `repeats` says whether its broker repeats to it what it said, as those of
    /// MQTT 3.1.1 do.
    pub fn enter(&self, repeats: bool, now: Instant) -> LinkId {
        let mut inside = self.inside.lock();
        inside.links += 1;
        let link = LinkId(inside.links);
        inside.links_there.insert(link, There { repeats, owed: Window::starting(now) });
        link
    }

    /// The link is gone.
    pub fn leave(&self, link: LinkId) {
        self.inside.lock().links_there.remove(&link);
    }

    /// The stamp of a message that came without one.
    pub fn foreign_stamp(&self) -> Box<str> {
        let mut inside = self.inside.lock();
        inside.messages += 1;
        stamp::foreign(&self.hub, inside.messages)
    }

    /// A message came in, by its local topic and payload.
    pub fn came(
        &self,
        link: LinkId,
        stamp: Option<&Stamp<'_>>,
        message: (&str, &[u8]),
        now: Instant,
    ) -> Verdict {
        let Some(stamp) = stamp else { return self.came_unstamped(link, message, now) };
        if stamp.has_passed(&self.hub) {
            return Verdict::Returned;
        }
        if stamp.is_worn() {
            return Verdict::Worn;
        }
        let id = self.hasher.hash_one(stamp.id());
        let mut inside = self.inside.lock();
        if !inside.seen.remember(id, now) {
            return Verdict::Returned;
        }
        if stamp.is_foreign() && inside.links_there.len() > 1 {
            let print = self.hasher.hash_one(message);
            if inside.settle(link, print, now) {
                return Verdict::Returned;
            }
            inside.owe(print, now, |other, _| other != link);
        }
        Verdict::New
    }

    fn came_unstamped(&self, link: LinkId, message: (&str, &[u8]), now: Instant) -> Verdict {
        let mut inside = self.inside.lock();
        let is_alone = inside.links_there.len() == 1;
        let Some(there) = inside.links_there.get(&link) else { return Verdict::New };
        if is_alone && !there.repeats {
            return Verdict::New;
        }
        let print = self.hasher.hash_one(message);
        if inside.settle(link, print, now) {
            return Verdict::Returned;
        }
        if !is_alone && inside.alike.count(print, now) > MOST_ALIKE {
            return Verdict::Worn;
        }
        inside.owe(print, now, |other, _| other != link);
        Verdict::New
    }

    /// A message goes out over a link, by its local topic and payload.
    pub fn went(&self, message: (&str, &[u8]), now: Instant) {
        let mut inside = self.inside.lock();
        if inside.links_there.values().any(|there| there.repeats) {
            inside.owe(self.hasher.hash_one(message), now, |_, there| there.repeats);
        }
    }
}

impl Inside {
    fn owe(&mut self, print: u64, now: Instant, is_owed: impl Fn(LinkId, &There) -> bool) {
        for (link, there) in &mut self.links_there {
            if is_owed(*link, there) {
                there.owed.count(print, now);
            }
        }
    }

    fn settle(&mut self, link: LinkId, print: u64, now: Instant) -> bool {
        self.links_there.get_mut(&link).is_some_and(|there| there.owed.settle(print, now))
    }
}

/// Two generations of something: the older one is dropped when the newer one is old or full enough.
#[derive(Debug)]
struct Window<T> {
    newer: T,
    older: T,
    began: Instant,
}

impl<T: Default> Window<T> {
    fn starting(now: Instant) -> Self {
        Self { newer: T::default(), older: T::default(), began: now }
    }

    fn turn(&mut self, len: impl Fn(&T) -> usize, now: Instant) {
        let age = now.saturating_duration_since(self.began);
        if age >= REMEMBERED || len(&self.newer) >= MOST_REMEMBERED {
            self.older = std::mem::take(&mut self.newer);
            self.began = now;
        }
        if age >= REMEMBERED * 2 {
            self.older = T::default();
        }
    }
}

impl Window<HashSet<u64, RandomState>> {
    /// Whether this was not yet known.
    fn remember(&mut self, id: u64, now: Instant) -> bool {
        self.turn(HashSet::len, now);
        !self.older.contains(&id) && self.newer.insert(id)
    }
}

impl Window<Counts> {
    /// One more; returns how many there are.
    fn count(&mut self, print: u64, now: Instant) -> u32 {
        self.turn(HashMap::len, now);
        let count = self.newer.entry(print).or_default();
        *count = count.saturating_add(1);
        count.saturating_add(self.older.get(&print).copied().unwrap_or(0))
    }

    /// Whether one of these was owed. It is not any more.
    fn settle(&mut self, print: u64, now: Instant) -> bool {
        self.turn(HashMap::len, now);
        for counts in [&mut self.older, &mut self.newer] {
            if let Some(count) = counts.get_mut(&print) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(&print);
                }
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MESSAGE: (&str, &[u8]) = ("a/b", b"1");

    #[tokio::test(start_paused = true)]
    async fn a_stamped_message_is_taken_once_and_never_where_it_was() {
        let guard = Guard::new("here", Instant::now());
        let now = Instant::now();
        let (one, two) = (guard.enter(false, now), guard.enter(false, now));
        let came = |link, text| guard.came(link, Some(&Stamp::parse(text).unwrap()), MESSAGE, now);
        assert_eq!(came(one, "far.1 far"), Verdict::New);
        assert_eq!(came(two, "far.1 far"), Verdict::Returned, "by another link");
        assert_eq!(came(two, "far.1 far other"), Verdict::Returned, "by another way");
        assert_eq!(came(one, "far.2 far"), Verdict::New, "another message of the same content");
        assert_eq!(came(one, "far.3 far here other"), Verdict::Returned);
        assert_eq!(came(one, "far.4 a b c d e f g h"), Verdict::Worn);
        assert_ne!(guard.foreign_stamp(), guard.foreign_stamp());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_remembered_is_forgotten_after_a_while_and_bounded() {
        let guard = Guard::new("here", Instant::now());
        let link = guard.enter(true, Instant::now());
        let stamp = Stamp::parse("far.1 far").unwrap();
        assert_eq!(guard.came(link, Some(&stamp), MESSAGE, Instant::now()), Verdict::New);
        guard.went(MESSAGE, Instant::now());
        tokio::time::advance(REMEMBERED.mul_f64(0.99)).await;
        assert_eq!(guard.came(link, Some(&stamp), MESSAGE, Instant::now()), Verdict::Returned);
        tokio::time::advance(REMEMBERED * 2).await;
        assert_eq!(guard.came(link, Some(&stamp), MESSAGE, Instant::now()), Verdict::New);
        assert_eq!(guard.came(link, None, MESSAGE, Instant::now()), Verdict::New);
        for n in 0..3 * MOST_REMEMBERED {
            guard.went(("a", &n.to_be_bytes()), Instant::now());
            let inside = guard.inside.lock();
            let counts = &inside.links_there[&link].owed;
            assert!(counts.newer.len() <= MOST_REMEMBERED && counts.older.len() <= MOST_REMEMBERED);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_echo_is_swallowed_once_and_the_same_word_of_somebody_else_is_not() {
        let now = Instant::now();
        let guard = Guard::new("here", now);
        let link = guard.enter(true, now);
        guard.went(MESSAGE, now);
        assert_eq!(guard.came(link, None, MESSAGE, now), Verdict::Returned, "the echo");
        assert_eq!(guard.came(link, None, MESSAGE, now), Verdict::New, "somebody else");
        assert_eq!(guard.came(link, None, ("a/b", b"2"), now), Verdict::New, "another payload");
    }

    #[tokio::test(start_paused = true)]
    async fn where_the_broker_repeats_nothing_a_single_link_swallows_nothing() {
        let now = Instant::now();
        let guard = Guard::new("here", now);
        let link = guard.enter(false, now);
        guard.went(MESSAGE, now);
        assert_eq!(guard.came(link, None, MESSAGE, now), Verdict::New);
    }

    #[tokio::test(start_paused = true)]
    async fn what_one_link_sent_is_known_where_it_comes_back_by_another() {
        let now = Instant::now();
        let guard = Guard::new("here", now);
        let (one, two) = (guard.enter(false, now), guard.enter(true, now));
        guard.went(MESSAGE, now);
        assert_eq!(guard.came(two, None, MESSAGE, now), Verdict::Returned);
        assert_eq!(guard.came(one, None, MESSAGE, now), Verdict::New, "MQTT 5 would have kept the stamp");
    }

    #[tokio::test(start_paused = true)]
    async fn a_circle_behind_our_back_wears_out_and_a_steady_sensor_does_not() {
        let guard = Guard::new("here", Instant::now());
        let link = guard.enter(false, Instant::now());
        guard.enter(false, Instant::now());
        let worn = |_| guard.came(link, None, MESSAGE, Instant::now()) == Verdict::Worn;
        assert_eq!((0..100).filter(|n| worn(*n)).count(), 100 - MOST_ALIKE as usize);
        for _ in 0..100 {
            tokio::time::advance(Duration::from_secs(1)).await;
            assert_eq!(guard.came(link, None, ("c/d", b"ON"), Instant::now()), Verdict::New);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_client_of_a_broker_said_is_taken_once_by_whichever_way_it_comes_first() {
        let now = Instant::now();
        let guard = Guard::new("here", now);
        let (one, two) = (guard.enter(false, now), guard.enter(false, now));
        assert_eq!(guard.came(one, None, MESSAGE, now), Verdict::New, "from the broker itself");
        let by_another_hub = Stamp::parse("~far.1 far").unwrap();
        assert_eq!(guard.came(two, Some(&by_another_hub), MESSAGE, now), Verdict::Returned);
        assert_eq!(guard.came(one, None, MESSAGE, now), Verdict::New, "said again");
        assert_eq!(guard.came(two, None, MESSAGE, now), Verdict::Returned, "the same broker by two links");
        let began_at_a_hub = Stamp::parse("far.2 far").unwrap();
        guard.came(one, None, MESSAGE, now);
        assert_eq!(guard.came(two, Some(&began_at_a_hub), MESSAGE, now), Verdict::New);
    }

    /// Hubs and brokers of 3.1.1 in any arrangement: each hub passes on over its other links what it took from one.
    fn falls_silent(links: &[(usize, usize)], rounds: usize) -> bool {
        let now = Instant::now();
        let hubs = 1 + links.iter().map(|(hub, _)| *hub).max().unwrap_or(0);
        let guards: Vec<_> = (0..hubs).map(|hub| Guard::new(&hub.to_string(), now)).collect();
        let ids: Vec<_> = links.iter().map(|(hub, _)| guards[*hub].enter(true, now)).collect();
        let mut on_the_way = std::collections::VecDeque::new();
        // From one hub, out over all of its links.
        let send = |hub: usize, not: Option<usize>, on_the_way: &mut std::collections::VecDeque<usize>| {
            for (link, (owner, broker)) in links.iter().enumerate() {
                if *owner == hub && Some(link) != not {
                    guards[hub].went(MESSAGE, now);
                    on_the_way.push_back(*broker);
                }
            }
        };
        send(0, None, &mut on_the_way);
        for _ in 0..rounds {
            let Some(broker) = on_the_way.pop_front() else { return true };
            for (link, (hub, its)) in links.iter().enumerate() {
                if *its == broker && guards[*hub].came(ids[link], None, MESSAGE, now) == Verdict::New {
                    send(*hub, Some(link), &mut on_the_way);
                }
            }
        }
        false
    }

    proptest! {
        #[test]
        fn however_hubs_and_brokers_of_3_1_1_are_joined_a_message_comes_to_rest(
            links in prop::collection::vec((0..3_usize, 0..3_usize), 1..7),
        ) {
            prop_assert!(falls_silent(&links, 5_000), "{links:?}");
        }
    }
}
