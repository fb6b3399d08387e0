//! Who may come in besides their password: who a certificate names, from where and until when; and what becomes of the accounts
//! while the hub runs.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::time::Instant;

use super::{Access, Accounts, LoginError, Replaced, SignedIn, Way, token};
use crate::moment::Moment;

impl Access {
    /// The account that a certificate names: one of its names, or, if none of them is an account's, its common name. `None` if
    /// they are the names of several accounts.
    pub fn named(&self, names: &[&str], common_name: Option<&str>) -> Option<SignedIn> {
        let entries = self.book.roll.now();
        let mut found: Vec<_> = names.iter().filter_map(|name| Some(entries.find(name)?.1)).collect();
        found.sort_unstable_by(|one, other| one.user.name.cmp(&other.user.name));
        found.dedup_by(|one, other| one.user.name == other.user.name);
        let found = match &found[..] {
            [] => entries.find(common_name?)?.1,
            [one] => one.clone(),
            _ => return None,
        };
        Some(SignedIn { way: Way::Certificate, ..found })
    }

    /// Whom a token lets in. Wrong ones are not counted: 256 random bits are not guessed.
    pub fn token(&self, token: &str) -> Option<SignedIn> {
        if token.len() != token::CHARACTERS {
            return None;
        }
        let entries = self.book.roll.now();
        let name = entries.accounts().of_token(&token::digest(token.as_bytes()))?;
        Some(entries.find(name)?.1)
    }

    /// The user of the demo, for what everybody may do there.
    pub fn the_demo(&self) -> Option<SignedIn> {
        let entries = self.book.roll.now();
        let account = entries.accounts().all().next().filter(|_| entries.accounts().is_demo())?;
        Some(entries.find(&account.user.name)?.1)
    }

    /// Whether an account takes no password alone.
    pub fn asks_for_certificate(&self, name: &str) -> bool {
        self.book.roll.now().find(name).is_some_and(|(account, _)| account.asks_for_certificate)
    }

    /// The accounts as they stand now.
    pub fn accounts(&self) -> Arc<Accounts> {
        Arc::clone(self.book.roll.now().accounts())
    }

    /// How many connections rest on an account.
    pub fn connected(&self, name: &str) -> usize {
        self.book.roll.now().find(name).map_or(0, |(_, who)| who.standing.connected())
    }

    /// Puts other accounts in their place. What rests on an account that is gone, or that has another password, ends: sockets
    /// and sessions of browsers. What rests on one that may do something else goes on and [looks](Standing) anew. Everybody
    /// else notices nothing.
    pub fn replace_accounts(&self, accounts: Accounts) -> Replaced {
        let replaced = self.book.roll.replace(accounts);
        // So that the store hears of the sessions of browsers that have ended.
        self.web_sessions.sweep(Instant::now());
        replaced
    }

    /// Ends what rests on accounts whose time is over by the clock on the wall, and says whose. To be asked every second.
    pub fn look_at_the_dates(&self, wall: SystemTime) -> Vec<Arc<str>> {
        let ended = self.book.roll.look_at_the_dates(wall);
        if !ended.is_empty() {
            self.web_sessions.sweep(Instant::now());
        }
        ended
    }

    /// Whether somebody who has proved who they are may come from this address at this time. The address may be that of a proxy
    /// which did not tell whom it speaks for.
    pub fn admits(&self, who: &SignedIn, address: IpAddr, is_untold: bool) -> Result<(), LoginError> {
        let Some(account) = who.standing.account() else { return Err(LoginError::Changed) };
        if account.is_over(Moment::now().wall()) {
            return Err(LoginError::Over);
        }
        // The password was that of the account as it was before.
        if who.standing.has_ended() && !self.book.roll.is_draining() {
            return Err(LoginError::Changed);
        }
        if account.may_come_from(address, is_untold) { Ok(()) } else { Err(LoginError::NotFromHere) }
    }
}
