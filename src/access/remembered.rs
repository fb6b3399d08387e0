//! Logins whose password was verified not long ago, so that a thousand reconnects do not cost a thousand hashes.
//!
//! Of a login there is a digest of name, password and the account's hash under the key of the process; an account
//! that changes has another hash, and so forgets. No password is kept.
//!
//! A digest that answers in microseconds must not become a quicker way to guess, so there are two questions:
//!
//! * [`Remembered::passes_here`] is asked before any lock, so that a device is not hindered while someone else
//!   guesses its name. It answers only where that name has logged in from the same network before, and for so many
//!   wrong passwords a minute as it was built with.
//! * [`Remembered::passes`] is asked by a login that has been counted, in its turn for a hash. It answers anybody.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::bounded::{Bounded, Expires, lowest};
use super::keyed::Digest;
use super::lockout::{Network, Window};

/// The memory. One lock around both maps, held for two look-ups; a full map is searched for what expires first.
pub(super) struct Remembered {
    lasts: Duration,
    wrong_per_minute: u32,
    books: Mutex<Books>,
}

struct Books {
    logins: Bounded<Arc<str>, Login>,
    places: Bounded<(Arc<str>, Network), Place>,
}

struct Login {
    digest: Digest,
    until: Instant,
}

/// A network that a name has logged in from.
struct Place {
    wrong: Window,
    until: Instant,
}

impl Expires for Login {
    fn until(&self) -> Instant {
        self.until
    }
}

impl Expires for Place {
    fn until(&self) -> Instant {
        self.until
    }
}

impl Remembered {
    /// Remembers for `lasts` after a password was verified, at most `most` names and `most` networks of names. In
    /// each network, a name may be guessed at `wrong_per_minute` times before it is answered no more for a minute.
    pub(super) fn new(lasts: Duration, most: usize, wrong_per_minute: u32) -> Self {
        let books = Books { logins: Bounded::new(most), places: Bounded::new(most) };
        Self { lasts, wrong_per_minute, books: Mutex::new(books) }
    }

    /// Whether that login is remembered and the name has logged in from this network.
    pub(super) fn passes_here(&self, name: &Arc<str>, digest: &Digest, from: Network, now: Instant) -> bool {
        let mut books = self.books.lock();
        let Books { logins, places } = &mut *books;
        let Some(login) = logins.get(name, now) else {
            return false;
        };
        let Some(place) = places.get_mut(&(name.clone(), from), now) else {
            return false;
        };
        if place.wrong.locked_for(self.wrong_per_minute, now).is_some() {
            return false;
        }
        let passes = login.digest.is(digest);
        if !passes {
            place.wrong.add(now);
        }
        passes
    }

    /// Whether that login is remembered, whatever network it comes from; that network then is one of its places.
    /// For logins that are counted as failures until they pass.
    pub(super) fn passes(&self, name: &Arc<str>, digest: &Digest, from: Network, now: Instant) -> bool {
        let mut books = self.books.lock();
        let login = books.logins.get(name, now);
        let Some(until) = login.filter(|login| login.digest.is(digest)).map(|login| login.until) else {
            return false;
        };
        books.add_place(name, from, until, now);
        true
    }

    /// The password was verified just now.
    pub(super) fn remember(&self, name: &Arc<str>, digest: Digest, from: Network, now: Instant) {
        let until = now + self.lasts;
        let mut books = self.books.lock();
        let first_to_expire = |logins: &_| lowest(logins, |login: &Login| Some(login.until));
        books.logins.put(name.clone(), Login { digest, until }, now, first_to_expire);
        books.add_place(name, from, until, now);
    }

    /// Drops what expired.
    pub(super) fn sweep(&self, now: Instant) {
        let mut books = self.books.lock();
        books.logins.sweep(now);
        books.places.sweep(now);
    }
}

impl Books {
    /// A place that is there already keeps its count of wrong passwords.
    fn add_place(&mut self, name: &Arc<str>, from: Network, until: Instant, now: Instant) {
        let key = (name.clone(), from);
        if let Some(place) = self.places.get_mut(&key, now) {
            place.until = until;
            return;
        }
        let first_to_expire = |places: &_| lowest(places, |place: &Place| Some(place.until));
        self.places.put(key, Place { wrong: Window::new(now), until }, now, first_to_expire);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::super::keyed::{Key, Purpose};
    use super::*;

    const HOME: Network = Network::V4(Ipv4Addr::new(10, 0, 0, 1));
    const AWAY: Network = Network::V4(Ipv4Addr::new(10, 0, 0, 2));
    const HOUR: Duration = Duration::from_hours(1);

    #[tokio::test(start_paused = true)]
    async fn a_login_is_remembered_for_its_time_with_its_password_and_its_hash() {
        let (key, name) = (Key::random().unwrap(), Arc::from("jana"));
        let digest = |password: &str, hash: &str| {
            key.digest(Purpose::Login, &[b"jana", password.as_bytes(), hash.as_bytes()])
        };
        let remembered = Remembered::new(HOUR, 10, 100);
        remembered.remember(&name, digest("right", "hash"), HOME, Instant::now());
        let passes = |digest: &Digest| remembered.passes_here(&name, digest, HOME, Instant::now());
        assert!(passes(&digest("right", "hash")));
        assert!(!passes(&digest("wrong", "hash")));
        assert!(!passes(&digest("right", "changed")), "an account that changed forgets");

        tokio::time::advance(HOUR).await;
        assert!(!passes(&digest("right", "hash")));
        remembered.sweep(Instant::now());
        let books = remembered.books.lock();
        assert!(books.logins.len() + books.places.len() == 0);
    }

    #[tokio::test(start_paused = true)]
    async fn another_network_is_answered_in_its_turn_only_and_then_is_a_place_too() {
        let (key, name) = (Key::random().unwrap(), Arc::from("jana"));
        let right = key.digest(Purpose::Login, &[b"right"]);
        let remembered = Remembered::new(HOUR, 10, 100);
        remembered.remember(&name, right, HOME, Instant::now());
        assert!(!remembered.passes_here(&name, &right, AWAY, Instant::now()));
        assert!(remembered.passes(&name, &right, AWAY, Instant::now()));
        assert!(remembered.passes_here(&name, &right, AWAY, Instant::now()));
    }

    #[tokio::test(start_paused = true)]
    async fn guessing_from_the_network_of_a_device_is_answered_so_often_a_minute() {
        let (key, name) = (Key::random().unwrap(), Arc::from("jana"));
        let (right, wrong) =
            (key.digest(Purpose::Login, &[b"right"]), key.digest(Purpose::Login, &[b"wrong"]));
        let remembered = Remembered::new(HOUR, 10, 3);
        for place in [HOME, AWAY] {
            remembered.remember(&name, right, place, Instant::now());
        }
        for _ in 0..3 {
            assert!(remembered.passes_here(&name, &right, HOME, Instant::now()));
            assert!(!remembered.passes_here(&name, &wrong, HOME, Instant::now()));
        }
        assert!(!remembered.passes_here(&name, &right, HOME, Instant::now()));
        assert!(remembered.passes_here(&name, &right, AWAY, Instant::now()), "elsewhere nobody guessed");
        tokio::time::advance(Duration::from_mins(1)).await;
        assert!(remembered.passes_here(&name, &right, HOME, Instant::now()));
    }

    proptest! {
        #[test]
        fn no_flood_of_names_and_networks_leaves_the_bounds(
            most in 0_usize..5,
            logins in prop::collection::vec((0_u8..20, 0_u8..20), 0..100),
        ) {
            let key = Key::random().unwrap();
            let remembered = Remembered::new(HOUR, most, 100);
            let mut now = Instant::now();
            for (name, network) in logins {
                now += Duration::from_secs(1);
                let (name, from) = (Arc::from(name.to_string()), Network::V4([10, 0, 0, network].into()));
                let digest = key.digest(Purpose::Login, &[b"right"]);
                remembered.remember(&name, digest, from, now);
                prop_assert_eq!(remembered.passes_here(&name, &digest, from, now), most > 0, "the newest stays");
                let books = remembered.books.lock();
                prop_assert!(books.logins.len() <= most && books.places.len() <= most);
            }
        }
    }
}
