//! How many connections one account has signed in. So that one user, or one device whose firmware has been taken over, cannot take
//! the places of all others.

use super::App;
use super::listen::log_turned_away;
use super::peer::Peer;
use super::place::Full;
use crate::access::{Connected, SignedIn};

impl App {
    /// A place for a connection that somebody has signed in; the error is for them to read, and the operator reads it, too. The
    /// demo has one account, and so nobody to keep places for.
    pub(super) fn place_of_user(&self, peer: &Peer, who: &SignedIn) -> Result<Connected, &'static str> {
        let most = self.settings.per_user.filter(|_| !self.access.accounts().is_demo());
        who.standing.connect(most).ok_or_else(|| {
            log_turned_away(self, peer, peer.address(), Full::User);
            "too many connections of this account, try again in a while"
        })
    }
}
