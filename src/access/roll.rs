//! The accounts as they stand now, and the sign that ends what rests on one of them.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use tokio_util::sync::CancellationToken;

use super::account::{Account, User};
use super::users::Accounts;

/// Somebody who has signed in, in whatever way.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// Who.
    pub user: User,
    /// The one sign to wait for. It is given when the session of the page ends (where it is one), when the account is
    /// changed or removed, and when the hub stops. Others wait for the same sign, so whoever has it only waits for it.
    pub ended: CancellationToken,
}

/// Accounts that can be replaced. The lock is a leaf, and is held for a clone or an exchange of a reference.
pub(super) struct Roll {
    drain: CancellationToken,
    now: RwLock<Arc<Entries>>,
}

/// The accounts at one time, each with its sign.
pub(super) struct Entries {
    accounts: Arc<Accounts>,
    signs: HashMap<Arc<str>, CancellationToken>,
}

impl Roll {
    /// These accounts. Their signs are given when `drain` is.
    pub(super) fn new(accounts: Accounts, drain: CancellationToken) -> Self {
        let signs = accounts.all().map(|account| (account.user.name.clone(), drain.child_token())).collect();
        let entries = Entries { accounts: Arc::new(accounts), signs };
        Self { drain, now: RwLock::new(Arc::new(entries)) }
    }

    /// The accounts as they stand now.
    pub(super) fn now(&self) -> Arc<Entries> {
        Arc::clone(&self.now.read())
    }

    /// Whether the hub is being stopped. All signs are given then, although no account has changed.
    pub(super) fn is_draining(&self) -> bool {
        self.drain.is_cancelled()
    }

    /// Puts other accounts in their place. An account that is the same in both keeps its sign. What rests on one that is
    /// gone, or that has another password or other rights, ends. Returns the names of those, sorted.
    pub(super) fn replace(&self, accounts: Accounts) -> Vec<Arc<str>> {
        let mut now = self.now.write();
        let (mut kept, mut ended) = (HashMap::new(), Vec::new());
        for old in now.accounts.all() {
            let Some((name, sign)) = now.signs.get_key_value(&old.user.name) else { continue };
            match accounts.find(name) {
                Some(new) if new.is_same(old) => drop(kept.insert(name.clone(), sign.clone())),
                _ => ended.push((name.clone(), sign.clone())),
            }
        }
        for account in accounts.all() {
            kept.entry(account.user.name.clone()).or_insert_with(|| self.drain.child_token());
        }
        *now = Arc::new(Entries { accounts: Arc::new(accounts), signs: kept });
        drop(now);
        ended
            .into_iter()
            .map(|(name, sign)| {
                sign.cancel();
                name
            })
            .collect()
    }
}

impl Entries {
    /// The accounts alone.
    pub(super) fn accounts(&self) -> &Arc<Accounts> {
        &self.accounts
    }

    /// The account of this name, and who has signed in once its password is right.
    pub(super) fn find(&self, name: &str) -> Option<(&Arc<Account>, SignedIn)> {
        let account = self.accounts.find(name)?;
        let ended = self.signs.get(name)?.clone();
        Some((account, SignedIn { user: account.user.clone(), ended }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::password::cheap_hash;
    use super::*;

    fn user(name: &str, hash: &str, rights: &str) -> String {
        format!("[[user]]\nname = \"{name}\"\npassword = \"{hash}\"\n{rights}\n")
    }

    fn accounts(users: &[String]) -> Accounts {
        Accounts::parse(&users.concat(), "users.toml").unwrap()
    }

    #[test]
    fn what_rests_on_an_account_ends_when_it_is_gone_or_changed_and_only_then() {
        let (hash, other) = (cheap_hash("right"), cheap_hash("right"));
        let drain = CancellationToken::new();
        let names = ["gone", "password", "rights", "same"];
        let roll = Roll::new(accounts(&names.map(|name| user(name, &hash, ""))), drain.clone());
        let before = names.map(|name| roll.now().find(name).unwrap().1);
        let ended = roll.replace(accounts(&[
            user("same", &hash, ""),
            user("password", &other, ""),
            user("rights", &hash, "subscribe = [\"a/#\"]"),
            user("new", &hash, ""),
        ]));
        assert_eq!(ended.iter().map(|name| &**name).collect::<Vec<_>>(), ["gone", "password", "rights"]);
        assert_eq!(
            before.each_ref().map(|signed_in| signed_in.ended.is_cancelled()),
            [true, true, true, false]
        );
        assert!(roll.now().find("gone").is_none());
        let after = ["password", "rights", "new"].map(|name| roll.now().find(name).unwrap().1);
        assert!(after.iter().all(|signed_in| !signed_in.ended.is_cancelled()));
        assert_eq!(after[1].user.rights.subscribe.len(), 1);

        drain.cancel();
        assert!(after.iter().chain(&before).all(|signed_in| signed_in.ended.is_cancelled()), "the hub stops");
    }

    #[test]
    fn who_was_let_in_while_the_account_was_replaced_is_ended_too() {
        let hash = cheap_hash("right");
        let roll = Roll::new(accounts(&[user("jana", &hash, "")]), CancellationToken::new());
        let entries = roll.now();
        roll.replace(accounts(&[user("emil", &hash, "")]));
        assert!(entries.find("jana").unwrap().1.ended.is_cancelled());
    }
}
