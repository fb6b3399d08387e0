//! Who has failed too often: a count of failed logins for each network and each name, a minute long.
//!
//! A count starts with its first failure and ends 60 seconds later, whatever happens in between. At the limit, the
//! rest of that minute is a lock: nothing is tried and nothing counted, so that strangers cannot make it longer. Two
//! counts may follow each other, so that any 60 seconds see less than twice the limit. A network is not locked, as others are
//! behind it, too: it goes on in a narrow [`Lane`].
//!
//! Memory is bounded, and being full never ends a lock:
//!
//! * Names that have an account are counted in a map of their own, no larger than the accounts. A flood of made-up
//!   names cannot push them out.
//! * Made-up names are counted just so, for a lock that only real names have would tell which are real. They are
//!   kept as digests, 32 bytes each however long the name, and at most [`Settings::tracked_failures`] of them.
//! * Networks likewise. Where either map is full, counts that are over go; then the oldest that is no lock. Where
//!   all are locks, the newcomer is not counted: each lock has cost a limit of password hashes, so that this takes
//!   more hashes in a minute than a machine makes, and the count of the attacked name still holds.
//!
//! [`Settings::tracked_failures`]: super::Settings::tracked_failures

use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::bounded::{Bounded, Expires, lowest};
use super::keyed::Digest;

/// How long a count lives, and so the longest lock.
const MINUTE: Duration = Duration::from_mins(1);

/// Where someone comes from: an IPv4 address, or the 64 bits of an IPv6 address that a provider gives to one
/// customer. IPv4 inside IPv6 is IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Network {
    V4(Ipv4Addr),
    V6([u16; 4]),
}

impl Network {
    pub(super) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self::V6([a, b, c, d])
            }
        }
    }
}

/// Whose failures are counted.
#[derive(Debug, Clone)]
pub(super) enum Who {
    /// A name that has an account.
    Account(Arc<str>),
    /// Any other name, as its digest.
    Stranger(Digest),
}

/// A count that began at some time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    since: Instant,
    count: u32,
}

impl Window {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, count: 0 }
    }

    /// Counts one, in a new window where this one is over.
    pub(super) fn add(&mut self, now: Instant) {
        if self.is_over(now) {
            *self = Self::new(now);
        }
        self.count = self.count.saturating_add(1);
    }

    /// How long the limit is reached for; `None` where it is not.
    pub(super) fn locked_for(&self, limit: u32, now: Instant) -> Option<Duration> {
        let left = (self.since + MINUTE).saturating_duration_since(now);
        (self.count >= limit && !left.is_zero()).then_some(left)
    }
}

impl Expires for Window {
    fn until(&self) -> Instant {
        self.since + MINUTE
    }
}

/// How a login is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// In its turn.
    Usual,
    /// From a network at its limit.
    Narrow {
        /// Whether the name has no tries left there, which nobody outside is to see.
        is_locked: bool,
    },
}

/// A login under way, counted as a failure until it is forgiven.
#[derive(Debug)]
#[must_use = "a login that succeeded is forgiven"]
pub(super) struct Attempt {
    who: Who,
    network: Network,
    at: Instant,
    tries_left: u32,
}

impl Attempt {
    /// How many more may fail before a lock, should this one fail.
    pub(super) fn tries_left(&self) -> u32 {
        self.tries_left
    }

    /// When it was counted.
    pub(super) fn at(&self) -> Instant {
        self.at
    }
}

/// The counts. One lock around all, held for a look at three maps; a full map is searched, once for a password
/// hash at most.
pub(super) struct Lockout {
    limit: u32,
    counts: Mutex<Counts>,
}

struct Counts {
    accounts: Failures<Arc<str>>,
    strangers: Failures<Digest>,
    networks: Failures<Network>,
}

impl Lockout {
    /// Locks after `limit` failures in a minute, 1 at least. Follows `most` made-up names and as many networks.
    pub(super) fn new(limit: u32, most: usize) -> Self {
        let counts = Counts {
            accounts: Failures::new(usize::MAX),
            strangers: Failures::new(most),
            networks: Failures::new(most),
        };
        Self { limit: limit.max(1), counts: Mutex::new(counts) }
    }

    /// Whether and how a login may be tried; the error is how long to wait, at most a minute, where the name has no tries left.
    pub(super) fn check(&self, who: &Who, network: Network, now: Instant) -> Result<Lane, Duration> {
        self.counts.lock().check(who, network, self.limit, now).map(|(lane, _)| lane)
    }

    /// Checks and counts in one step, so that of many at once no more than the limit are tried. `None` where the network has
    /// come to its limit meanwhile: nothing was counted.
    pub(super) fn begin(
        &self,
        who: Who,
        network: Network,
        now: Instant,
    ) -> Result<Option<Attempt>, Duration> {
        let mut counts = self.counts.lock();
        match counts.check(&who, network, self.limit, now)? {
            (Lane::Usual, _) => Ok(Some(counts.add(who, network, self.limit, now))),
            (Lane::Narrow { .. }, _) => Ok(None),
        }
    }

    /// The same in the narrow lane, and how long it is for. There is no attempt where the name has no tries left.
    pub(super) fn begin_narrow(
        &self,
        who: Who,
        network: Network,
        now: Instant,
    ) -> Result<(Option<Attempt>, Duration), Duration> {
        let mut counts = self.counts.lock();
        match counts.check(&who, network, self.limit, now)? {
            (Lane::Narrow { is_locked: true }, wait) => Ok((None, wait)),
            (Lane::Usual | Lane::Narrow { .. }, wait) => {
                Ok((Some(counts.add(who, network, self.limit, now)), wait))
            }
        }
    }

    /// The login succeeded. Earlier failures stay: else an owner's logins would give an attacker new tries.
    pub(super) fn forgive(&self, attempt: &Attempt) {
        let mut counts = self.counts.lock();
        match &attempt.who {
            Who::Account(name) => counts.accounts.forgive(name, attempt.at),
            Who::Stranger(digest) => counts.strangers.forgive(digest, attempt.at),
        }
        counts.networks.forgive(&attempt.network, attempt.at);
    }

    /// Drops counts that are over.
    pub(super) fn sweep(&self, now: Instant) {
        let mut counts = self.counts.lock();
        counts.accounts.sweep(now);
        counts.strangers.sweep(now);
        counts.networks.sweep(now);
    }
}

impl Counts {
    /// The lane, and how long it is for if it is the narrow one.
    fn check(
        &self,
        who: &Who,
        network: Network,
        limit: u32,
        now: Instant,
    ) -> Result<(Lane, Duration), Duration> {
        let of_network = self.networks.locked_for(&network, limit, now);
        let tries = if of_network.is_some() { limit.div_ceil(2) } else { limit };
        let of_name = match who {
            Who::Account(name) => self.accounts.locked_for(name, tries, now),
            Who::Stranger(digest) => self.strangers.locked_for(digest, tries, now),
        };
        match (of_name, of_network) {
            (Some(wait), None) => Err(wait),
            // A made-up name may be forgotten for others, and an account is not: that is not to be seen either.
            (locked, Some(wait)) => Ok((Lane::Narrow { is_locked: locked.is_some() }, wait)),
            (None, None) => Ok((Lane::Usual, Duration::ZERO)),
        }
    }

    fn add(&mut self, who: Who, network: Network, limit: u32, now: Instant) -> Attempt {
        let of_name = match &who {
            Who::Account(name) => self.accounts.add(name, limit, now),
            Who::Stranger(digest) => self.strangers.add(digest, limit, now),
        };
        let of_network = self.networks.add(&network, limit, now);
        let tries_left = limit.saturating_sub(of_name.max(of_network));
        Attempt { who, network, at: now, tries_left }
    }
}

/// Counts by key, at most so many.
struct Failures<K>(Bounded<K, Window>);

impl<K: Hash + Eq + Clone> Failures<K> {
    fn new(most: usize) -> Self {
        Self(Bounded::new(most))
    }

    fn locked_for(&self, key: &K, limit: u32, now: Instant) -> Option<Duration> {
        self.0.get(key, now)?.locked_for(limit, now)
    }

    /// Counts one failure and says how many there are; 1 where there is no room to count it.
    fn add(&mut self, key: &K, limit: u32, now: Instant) -> u32 {
        if let Some(window) = self.0.get_mut(key, now) {
            window.add(now);
            return window.count;
        }
        let mut window = Window::new(now);
        window.add(now);
        // What is a lock stays.
        let oldest_open =
            |windows: &_| lowest(windows, |window: &Window| (window.count < limit).then_some(window.since));
        self.0.put(key.clone(), window, now, oldest_open);
        window.count
    }

    /// Takes back what was counted at that time; a window that began later has not counted it.
    fn forgive(&mut self, key: &K, at: Instant) {
        let Some(window) = self.0.get_mut(key, at).filter(|window| window.since <= at) else {
            return;
        };
        window.count = window.count.saturating_sub(1);
        if window.count == 0 {
            self.0.remove(key);
        }
    }

    fn sweep(&mut self, now: Instant) {
        self.0.sweep(now);
    }
}

#[cfg(test)]
mod tests {
    use super::super::keyed::{Key, Purpose};
    use super::*;

    const HOME: Network = Network::V4(Ipv4Addr::LOCALHOST);

    fn jana() -> Who {
        Who::Account("jana".into())
    }

    fn network(number: u16) -> Network {
        Network::V6([0xfd00, 0, 0, number])
    }

    fn fail(lockout: &Lockout, who: Who, from: Network) -> Result<u32, Duration> {
        let attempt = lockout.begin(who, from, Instant::now())?;
        Ok(attempt.map_or(u32::MAX, |attempt| attempt.tries_left()))
    }

    #[tokio::test(start_paused = true)]
    async fn the_limit_is_a_lock_for_the_rest_of_the_minute_and_no_longer() {
        let lockout = Lockout::new(3, 10);
        let from = |number| fail(&lockout, jana(), network(number));
        assert_eq!(from(1), Ok(2));
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!((from(2), from(3)), (Ok(1), Ok(0)));
        for number in 0..100 {
            assert_eq!(from(number), Err(Duration::from_secs(40)));
        }
        tokio::time::advance(Duration::from_secs(40)).await;
        assert_eq!(from(4), Ok(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_takes_back_itself_and_nothing_else() {
        let lockout = Lockout::new(3, 10);
        assert_eq!(fail(&lockout, jana(), HOME), Ok(2));
        let success = lockout.begin(jana(), HOME, Instant::now()).unwrap().unwrap();
        lockout.forgive(&success);
        assert_eq!(fail(&lockout, jana(), HOME), Ok(1));

        tokio::time::advance(MINUTE).await;
        assert_eq!(fail(&lockout, jana(), HOME), Ok(2), "a new minute");
        lockout.forgive(&success);
        assert_eq!(
            fail(&lockout, jana(), HOME),
            Ok(1),
            "what an old minute counted is not taken from the new"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_made_up_names_and_networks_stays_in_bounds_and_ends_no_lock() {
        let lockout = Lockout::new(3, 10);
        let key = Key::random().unwrap();
        for _ in 0..3 {
            fail(&lockout, jana(), HOME).unwrap();
        }
        for number in 0..1000_u16 {
            let stranger = Who::Stranger(key.digest(Purpose::Name, &[&number.to_be_bytes()]));
            fail(&lockout, stranger, network(number)).unwrap();
            tokio::time::advance(Duration::from_millis(1)).await;
            let counts = lockout.counts.lock();
            assert!(counts.strangers.0.len() <= 10 && counts.networks.0.len() <= 10);
        }
        let now = Instant::now();
        assert!(lockout.check(&jana(), network(9999), now).is_err(), "the name");
        let at_home = lockout.check(&Who::Account("emil".into()), HOME, now);
        assert_eq!(at_home, Ok(Lane::Narrow { is_locked: false }), "the network");
        assert!(lockout.check(&Who::Account("emil".into()), network(1), now) == Ok(Lane::Usual));
    }

    #[tokio::test(start_paused = true)]
    async fn where_all_counts_are_locks_a_newcomer_is_not_counted_until_they_end() {
        let lockout = Lockout::new(1, 2);
        for number in 0..2 {
            assert_eq!(fail(&lockout, Who::Account(number.to_string().into()), network(number)), Ok(0));
        }
        assert_eq!(fail(&lockout, jana(), network(7)), Ok(0));
        let emil_from = |number| lockout.check(&Who::Account("emil".into()), network(number), Instant::now());
        assert_eq!(emil_from(7), Ok(Lane::Usual));
        assert_eq!(emil_from(1), Ok(Lane::Narrow { is_locked: false }));
        tokio::time::advance(MINUTE).await;
        assert_eq!(fail(&lockout, jana(), network(7)), Ok(0));
        assert_eq!(emil_from(7), Ok(Lane::Narrow { is_locked: false }));
    }

    #[tokio::test(start_paused = true)]
    async fn a_sweep_leaves_nothing_of_a_minute_that_is_over() {
        let lockout = Lockout::new(3, 10);
        fail(&lockout, jana(), HOME).unwrap();
        tokio::time::advance(MINUTE).await;
        lockout.sweep(Instant::now());
        let counts = lockout.counts.lock();
        assert!(counts.accounts.0.len() + counts.networks.0.len() == 0);
    }

    #[test]
    fn ipv6_counts_by_64_bits_and_ipv4_inside_it_as_ipv4() {
        let of = |text: &str| Network::of(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        assert_ne!(of("::ffff:10.0.0.1"), of("::ffff:10.0.0.2"));
    }
}
