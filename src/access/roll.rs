//! The accounts as they stand now, and the signs that reach what rests on one of them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::SystemTime;

use parking_lot::RwLock;
use tokio_util::sync::CancellationToken;

use super::account::{Account, User};
use super::users::Accounts;
use crate::bell::{Bell, Bells};
use crate::hub::Rights;

/// Somebody who has signed in, in whatever way.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// Who.
    pub user: User,
    /// The one sign to wait for. It is given when the session of the page ends (where it is one), when the account is
    /// removed or gets another password, and when the hub stops. Others wait for the same sign, so whoever has it only
    /// waits for it.
    pub ended: CancellationToken,
    /// How the account stands from now on.
    pub standing: Arc<Standing>,
    /// By what.
    pub way: Way,
}

impl SignedIn {
    /// The same, as the account stands now; `None` where the sign-in has ended, or may not come from this address any more. To be
    /// asked again after each wait that a client can make long: the account may have been changed or removed meanwhile.
    pub fn again(&self, address: IpAddr, is_untold: bool) -> Option<Self> {
        if self.ended.is_cancelled() || !self.standing.may_come_from(address, is_untold) {
            return None;
        }
        let user = User { rights: self.standing.rights(), ..self.user.clone() };
        Some(Self { user, ..self.clone() })
    }
}

/// What somebody has proved with who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The password of the account.
    Password,
    /// The sign-in of a page, which has begun with a password.
    Cookie,
    /// A token.
    Token,
    /// A certificate that names the account.
    Certificate,
}

impl Way {
    /// As the log writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Cookie => "cookie",
            Self::Token => "token",
            Self::Certificate => "certificate",
        }
    }
}

/// How an account stands, as long as what rests on it lasts. The lock is a leaf.
#[derive(Debug)]
pub struct Standing {
    /// Given when what rests on it ends, and when the hub stops.
    ended: CancellationToken,
    /// None once it is removed.
    now: RwLock<Option<Arc<Account>>>,
    /// How often that was set, the first time included.
    changes: AtomicU64,
    /// They ring at each change.
    bells: Bells,
    /// Connections that rest on it.
    connected: AtomicUsize,
}

/// How an account stands on which a connection rests, counted as long as the connection is there.
#[derive(Debug)]
pub struct Connected(Arc<Standing>);

impl Deref for Connected {
    type Target = Standing;

    fn deref(&self) -> &Standing {
        &self.0
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.connected.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Standing {
    fn new(account: Arc<Account>, drain: &CancellationToken) -> Arc<Self> {
        let (now, changes) = (RwLock::new(Some(account)), AtomicU64::new(1));
        let (connected, bells) = (AtomicUsize::new(0), Bells::default());
        Arc::new(Self { ended: drain.child_token(), now, changes, bells, connected })
    }

    /// Counts one more connection that rests on it; none if there are `most` already.
    pub fn connect(self: &Arc<Self>, most: Option<usize>) -> Option<Connected> {
        let one_more = |connected: usize| most.is_none_or(|most| connected < most).then_some(connected + 1);
        self.connected.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(Connected(Arc::clone(self)))
    }

    /// How many connections rest on it.
    pub fn connected(&self) -> usize {
        self.connected.load(Ordering::Relaxed)
    }

    /// What the account may do now: nothing once it is removed.
    pub fn rights(&self) -> Arc<Rights> {
        let now = self.now.read();
        now.as_ref().map(|account| Arc::clone(&account.user.rights)).unwrap_or_default()
    }

    /// From now on this bell rings at each change.
    pub(crate) fn rings(&self, bell: &Bell) {
        self.bells.add(bell);
    }

    /// A number that is another one after each change. To be asked before [`rights`](Self::rights), so that no change is missed.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Whether the account may still come from an address, which may be that of a proxy that did not tell whom it speaks for.
    pub fn may_come_from(&self, address: IpAddr, is_untold: bool) -> bool {
        self.now.read().as_ref().is_some_and(|account| account.may_come_from(address, is_untold))
    }

    /// Whether what rests on it has ended, by a change of the account or with the hub.
    pub fn has_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    pub(super) fn account(&self) -> Option<Arc<Account>> {
        self.now.read().clone()
    }

    /// From now on it is like this.
    fn becomes(&self, account: Option<Arc<Account>>) {
        *self.now.write() = account;
        self.changes.fetch_add(1, Ordering::Release);
        self.bells.ring();
    }
}

/// What another file of accounts has changed, by their names, each sorted.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Replaced {
    /// They are new.
    pub added: Vec<Arc<str>>,
    /// They are removed.
    pub removed: Vec<Arc<str>>,
    /// What they sign in with is another one.
    pub renewed: Vec<Arc<str>>,
    /// They may do something else, or come from elsewhere, or for another time.
    pub changed: Vec<Arc<str>>,
}

/// Accounts that can be replaced. The lock is a leaf, and is held for a clone or an exchange of a reference.
pub(super) struct Roll {
    drain: CancellationToken,
    now: RwLock<Arc<Entries>>,
}

/// The accounts at one time, and how each stands.
#[derive(Clone)]
pub(super) struct Entries {
    accounts: Arc<Accounts>,
    standings: HashMap<Arc<str>, Arc<Standing>>,
}

impl Roll {
    /// These accounts. Their signs are given when `drain` is.
    pub(super) fn new(accounts: Accounts, drain: CancellationToken) -> Self {
        let standing = |account: &Arc<Account>| {
            (Arc::clone(&account.user.name), Standing::new(Arc::clone(account), &drain))
        };
        let standings = accounts.all().map(standing).collect();
        let entries = Entries { accounts: Arc::new(accounts), standings };
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

    /// Puts other accounts in their place. What rests on one that is gone, or that has another password, ends; what rests on
    /// one that may do something else is told so. Nobody else notices anything.
    pub(super) fn replace(&self, accounts: Accounts) -> Replaced {
        let mut now = self.now.write();
        let (mut standings, mut replaced) = (HashMap::new(), Replaced::default());
        let (mut ended, mut changed) = (Vec::new(), Vec::new());
        for old in now.accounts.all() {
            let Some((name, standing)) = now.standings.get_key_value(&old.user.name) else { continue };
            let (name, standing) = (Arc::clone(name), Arc::clone(standing));
            match accounts.find(&name) {
                None => {
                    ended.push((standing, None));
                    replaced.removed.push(name);
                }
                Some(new) if !new.keeps_sign_ins_of(old) => {
                    ended.push((standing, Some(Arc::clone(new))));
                    replaced.renewed.push(name);
                }
                Some(new) => {
                    if **new != **old {
                        replaced.changed.push(Arc::clone(&name));
                        if standing.has_ended() && !self.is_draining() {
                            // Its time was over. Whether it still is, is looked at anew.
                            continue;
                        }
                        changed.push((Arc::clone(&standing), Arc::clone(new)));
                    }
                    standings.insert(name, standing);
                }
            }
        }
        for account in accounts.all() {
            let name = &account.user.name;
            if now.accounts.find(name).is_none() {
                replaced.added.push(Arc::clone(name));
            }
            let standing = || Standing::new(Arc::clone(account), &self.drain);
            standings.entry(Arc::clone(name)).or_insert_with(standing);
        }
        *now = Arc::new(Entries { accounts: Arc::new(accounts), standings });
        drop(now);
        for (standing, account) in ended {
            // In this order: who sees the end sees the rights that are left.
            standing.becomes(account);
            standing.ended.cancel();
        }
        for (standing, account) in changed {
            standing.becomes(Some(account));
        }
        replaced
    }

    /// Ends what rests on accounts whose time is over. Returns their names. An account whose time is not over after all, as
    /// the clock was set, can be used again.
    pub(super) fn look_at_the_dates(&self, wall: SystemTime) -> Vec<Arc<str>> {
        let is_due = |standing: &Standing, account: &Account| account.is_over(wall) != standing.has_ended();
        if self.is_draining() {
            return Vec::new();
        }
        let before = self.now();
        let due = before.accounts.all().filter(|account| {
            before.standings.get(&account.user.name).is_some_and(|standing| is_due(standing, account))
        });
        let due: Vec<_> = due.cloned().collect();
        let mut ended = Vec::new();
        for account in due {
            let name = &account.user.name;
            if account.is_over(wall) {
                let Some(standing) = before.standings.get(name) else { continue };
                standing.ended.cancel();
                ended.push(Arc::clone(name));
            } else {
                let mut now = self.now.write();
                let mut entries = Entries::clone(&now);
                entries.standings.insert(Arc::clone(name), Standing::new(account, &self.drain));
                *now = Arc::new(entries);
            }
        }
        ended
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
        let standing = Arc::clone(self.standings.get(name)?);
        let ended = standing.ended.clone();
        let way = if account.is_token() { Way::Token } else { Way::Password };
        Some((account, SignedIn { user: account.user.clone(), ended, standing, way }))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::password::cheap_hash;
    use super::*;

    fn user(name: &str, hash: &str, rights: &str) -> String {
        format!("[[user]]\nname = \"{name}\"\npassword = \"{hash}\"\n{rights}\n")
    }

    fn accounts(users: &[String]) -> Accounts {
        Accounts::parse(&users.concat(), "users.toml").unwrap()
    }

    fn names(names: &[Arc<str>]) -> Vec<&str> {
        names.iter().map(|name| &**name).collect()
    }

    #[test]
    fn what_rests_on_an_account_ends_when_it_is_gone_or_has_another_password_and_only_then() {
        let (hash, other) = (cheap_hash("right"), cheap_hash("right"));
        let drain = CancellationToken::new();
        let all = ["gone", "password", "certificate", "rights", "same"];
        let roll = Roll::new(accounts(&all.map(|name| user(name, &hash, ""))), drain.clone());
        let before = all.map(|name| roll.now().find(name).unwrap().1);
        let bells = before.each_ref().map(|signed_in| {
            let bell = Bell::new();
            signed_in.standing.rings(&bell);
            (bell.has_rung(), bell, signed_in.standing.changes())
        });
        let replaced = roll.replace(accounts(&[
            user("same", &hash, ""),
            user("password", &other, ""),
            user("certificate", &hash, "certificate = true"),
            user("rights", &hash, "subscribe = [\"a/#\"]"),
            user("new", &hash, ""),
        ]));
        assert_eq!(names(&replaced.added), ["new"]);
        assert_eq!(names(&replaced.removed), ["gone"]);
        assert_eq!(names(&replaced.renewed), ["certificate", "password"]);
        assert_eq!(names(&replaced.changed), ["rights"]);
        assert_eq!(
            before.each_ref().map(|signed_in| signed_in.ended.is_cancelled()),
            [true, true, true, false, false]
        );
        let expected = [true, true, true, true, false];
        assert_eq!(bells.each_ref().map(|(_, bell, _)| bell.has_rung()), expected);
        let has_changed = |at: usize| before[at].standing.changes() != bells[at].2;
        assert_eq!([0, 1, 2, 3, 4].map(has_changed), expected);
        assert_eq!(before[3].standing.rights().subscribe.len(), 1);
        assert!(roll.now().find("gone").is_none());
        let after = ["password", "rights", "new"].map(|name| roll.now().find(name).unwrap().1);
        assert!(after.iter().all(|signed_in| !signed_in.ended.is_cancelled()));
        assert_eq!(after[1].user.rights.subscribe.len(), 1);

        drain.cancel();
        assert!(after.iter().chain(&before).all(|signed_in| signed_in.ended.is_cancelled()), "the hub stops");
    }

    #[test]
    fn an_account_has_its_share_others_have_theirs_and_what_is_given_back_is_there_again() {
        let hash = cheap_hash("right");
        let roll = Roll::new(
            accounts(&["anna", "emil"].map(|name| user(name, &hash, ""))),
            CancellationToken::new(),
        );
        let [anna, emil] = ["anna", "emil"].map(|name| roll.now().find(name).unwrap().1.standing);
        let [first, _second] = [anna.connect(Some(2)), anna.connect(Some(2))];
        assert!(first.is_some() && anna.connect(Some(2)).is_none());
        assert!(emil.connect(Some(2)).is_some(), "and is gone at once");
        drop(first);
        assert_eq!((anna.connected(), emil.connected()), (1, 0));
        assert!(anna.connect(Some(2)).is_some() && anna.connect(None).is_some());
    }

    #[test]
    fn who_was_let_in_while_the_account_was_replaced_is_ended_too() {
        let hash = cheap_hash("right");
        let roll =
            Roll::new(accounts(&[user("jana", &hash, "subscribe = [\"#\"]")]), CancellationToken::new());
        let entries = roll.now();
        roll.replace(accounts(&[user("emil", &hash, "")]));
        let late = entries.find("jana").unwrap().1;
        assert!(late.ended.is_cancelled());
        assert_eq!(*late.standing.rights(), Rights::default(), "and may do nothing meanwhile");
    }

    #[test]
    fn what_rests_on_an_account_ends_at_its_date_and_a_clock_that_was_set_gives_it_back() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let hash = cheap_hash("right");
        let dated = user("jana", &hash, "valid_until = 1970-01-01T00:01:00Z");
        let roll = Roll::new(accounts(&[dated, user("emil", &hash, "")]), CancellationToken::new());
        let signed_in = ["jana", "emil"].map(|name| roll.now().find(name).unwrap().1);
        assert!(roll.look_at_the_dates(at(59)).is_empty());
        assert_eq!(names(&roll.look_at_the_dates(at(60))), ["jana"]);
        assert!(roll.look_at_the_dates(at(61)).is_empty(), "it is told once");
        assert_eq!(signed_in.each_ref().map(|one| one.ended.is_cancelled()), [true, false]);
        assert!(roll.now().find("jana").unwrap().0.is_over(at(61)));
        assert!(roll.look_at_the_dates(at(30)).is_empty());
        assert!(!roll.now().find("jana").unwrap().1.ended.is_cancelled());
        assert_eq!(names(&roll.look_at_the_dates(at(60))), ["jana"]);

        // The operator takes the date away: she comes in again.
        roll.replace(accounts(&[user("jana", &hash, ""), user("emil", &hash, "")]));
        assert!(roll.look_at_the_dates(at(61)).is_empty());
        assert!(!roll.now().find("jana").unwrap().1.ended.is_cancelled());
        assert!(!signed_in[1].ended.is_cancelled());
    }
}
