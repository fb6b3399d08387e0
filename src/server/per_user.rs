//! How many connections one account has signed in. So that one user, or one device whose firmware has been taken over, cannot take
//! the places of all others.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::App;
use super::listen::log_turned_away;
use super::peer::Peer;
use super::place::Full;
use crate::access::SignedIn;

/// From so many names on those without a connection are forgotten before another one comes in.
const NAMES: usize = 1024;

/// The accounts that have connections now.
pub(super) struct PerUser {
    most: Option<usize>,
    held: Mutex<HashMap<Box<str>, OfUser>>,
}

/// A connection of an account: the references to one count are the connections, and one more. Dropping it gives its place
/// back.
pub(super) type OfUser = Arc<()>;

impl PerUser {
    /// With this limit; `None` is none.
    pub(super) fn new(most: Option<usize>) -> Self {
        Self { most, held: Mutex::default() }
    }

    /// A place for one more connection of this account. The error says that it has too many.
    pub(super) fn one_more(&self, user: &str) -> Result<Option<OfUser>, ()> {
        let Some(most) = self.most else { return Ok(None) };
        let mut held = self.held.lock();
        if let Some(count) = held.get(user) {
            return if Arc::strong_count(count) > most { Err(()) } else { Ok(Some(Arc::clone(count))) };
        }
        if held.len() >= NAMES {
            held.retain(|_, count| Arc::strong_count(count) > 1);
        }
        Ok(Some(Arc::clone(held.entry(user.into()).or_default())))
    }
}

impl App {
    /// A place for a connection that somebody has signed in; the error is for them to read, and the operator reads it, too. The
    /// demo has one account, and so nobody to keep places for.
    pub(super) fn place_of_user(&self, peer: &Peer, who: &SignedIn) -> Result<Option<OfUser>, &'static str> {
        if self.access.accounts().is_demo() {
            return Ok(None);
        }
        self.places.users.one_more(&who.user.name).map_err(|()| {
            log_turned_away(self, peer, peer.address(), Full::User);
            "too many connections of this account, try again in a while"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_its_share_others_have_theirs_and_what_is_given_back_is_there_again() {
        let places = PerUser::new(Some(2));
        let [first, _second] = [places.one_more("anna"), places.one_more("anna")];
        assert!(places.one_more("anna").is_err());
        assert!(places.one_more("emil").is_ok());
        drop(first);
        assert!(places.one_more("anna").is_ok());
        assert_eq!(PerUser::new(None).one_more("anna"), Ok(None));
    }

    #[test]
    fn names_without_a_connection_are_forgotten() {
        let places = PerUser::new(Some(2));
        let anna = places.one_more("anna");
        for number in 0..3 * NAMES {
            assert!(places.one_more(&format!("u{number}")).is_ok());
        }
        let held = places.held.lock();
        assert!(held.len() <= NAMES && held.contains_key("anna"), "{}", held.len());
        drop(anna);
    }
}
