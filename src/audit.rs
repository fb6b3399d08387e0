//! The audit trail: lines of the log that say who came in, who was refused, whose account was changed and by whom, and who gave
//! which command. Floor 0.
//!
//! They have a log target of their own, so that `log.filter` turns them on and off or picks them alone. All begin with `audit`
//! and the word for what has happened, and the rest are fields, of which those are left out that say nothing. None has a
//! password, a token, a payload, or a name that is no account's: people type their password there.

use std::net::IpAddr;

use tracing::field::display;

use crate::seldom::{Seldom, Times};

/// What the log calls these lines.
pub const TARGET: &str = "audit";

/// Of accounts that one change concerns, so many have a line each; a last line counts the others.
pub const ACCOUNTS: usize = 100;

/// Somebody at a door.
#[derive(Debug, Clone, Copy)]
pub struct AtDoor<'d> {
    /// Whom the sign-in names, as far as that may be told.
    pub named: Named<'d>,
    /// From where.
    pub address: IpAddr,
    /// Which door.
    pub door: &'static str,
    /// What it was tried with: `password`, `cookie`, `token` or `certificate`.
    pub way: &'static str,
    /// Where the client stands or wanted to, and on which side.
    pub base: Option<(&'d str, &'static str)>,
}

/// Whom a sign-in names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named<'n> {
    /// An account.
    Account(&'n str),
    /// A name of so many characters, which is no account's.
    Unknown(usize),
    /// Nobody.
    Nobody,
}

/// Whose doing a change of the accounts is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By<'b> {
    /// Somebody has written the file.
    File,
    /// An admin, from this address.
    Admin(&'b str, IpAddr),
    /// The date that stands with the account has come.
    Date,
    /// Another hub of the cluster has it like this.
    Cluster,
}

impl By<'_> {
    /// As it is written.
    fn word(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Admin(..) => "admin",
            Self::Date => "date",
            Self::Cluster => "cluster",
        }
    }
}

/// What a line has besides, because of lines that are not there.
fn counts(times: Times) -> (Option<u64>, Option<u64>) {
    let more_than = |least: u64, number: u64| (number > least).then_some(number);
    (more_than(1, times.times), more_than(0, times.left_out))
}

fn is_on() -> bool {
    tracing::enabled!(target: TARGET, tracing::Level::INFO)
}

impl Named<'_> {
    fn parts(&self) -> (Option<&str>, Option<usize>) {
        match self {
            Self::Account(name) => (Some(name), None),
            Self::Unknown(characters) => (None, Some(*characters)),
            Self::Nobody => (None, None),
        }
    }
}

/// Somebody has come in.
pub fn signed_in(who: &AtDoor<'_>) {
    static SIGNED_IN: Seldom = Seldom::new();
    let (user, _) = who.named.parts();
    if let Some(times) = is_on().then(|| SIGNED_IN.each_of(user.unwrap_or_default())).flatten() {
        let (_, left_out) = counts(times);
        let (base, side) = who.base.unzip();
        let (door, way, address) = (who.door, who.way, who.address);
        tracing::info!(target: TARGET, event = "sign-in", user, door, way, %address, base, side, left_out, "audit");
    }
}

/// Somebody has not come in, for a reason in a word.
pub fn not_signed_in(who: &AtDoor<'_>, reason: &str) {
    static REFUSED: Seldom = Seldom::new();
    let (user, unknown_name) = who.named.parts();
    let causer = format!("{} {} {reason}", who.address, user.unwrap_or_default());
    if let Some(times) = REFUSED.again(&causer) {
        let (times, left_out) = counts(times);
        let (base, side) = who.base.unzip();
        let (door, way, address) = (who.door, who.way, who.address);
        tracing::warn!(
            target: TARGET, event = "sign-in-refused", user, unknown_name, door, way, %address, base, side, reason, times,
            left_out, "audit"
        );
    }
}

/// Somebody has signed out, or the operator has ended so many sign-ins of pages.
pub fn signed_out(user: &str, address: Option<IpAddr>, revoked: Option<u64>) {
    static SIGNED_OUT: Seldom = Seldom::new();
    if let Some(times) = is_on().then(|| SIGNED_OUT.each_of(user)).flatten() {
        let (_, left_out) = counts(times);
        let address = address.map(display);
        tracing::info!(target: TARGET, event = "sign-out", user, address, revoked, left_out, "audit");
    }
}

/// The rights of a user did not allow something; what they did not allow is named by `topic`, a topic or a filter.
pub fn refused(user: &str, address: Option<IpAddr>, right: &str, topic: &str) {
    static REFUSED: Seldom = Seldom::new();
    if let Some(times) = REFUSED.again(user) {
        let (times, left_out) = counts(times);
        let address = address.map(display);
        tracing::warn!(target: TARGET, event = "refused", user, address, right, topic, times, left_out, "audit");
    }
}

/// Somebody has given a command, and it was routed.
pub fn command(user: &str, address: Option<IpAddr>, topic: &str) {
    static GIVEN: Seldom = Seldom::new();
    if let Some(times) = is_on().then(|| GIVEN.each_of(user)).flatten() {
        let (_, left_out) = counts(times);
        let address = address.map(display);
        tracing::info!(target: TARGET, event = "command", user, address, topic, left_out, "audit");
    }
}

/// Somebody fetches a copy of the store, of so many bytes.
pub fn backup(user: &str, address: Option<IpAddr>, bytes: u64) {
    let address = address.map(display);
    tracing::info!(target: TARGET, event = "backup", user, address, bytes, "audit");
}

/// Changes of accounts that are in force from now on: the name, and what has changed.
pub fn accounts<'n>(changes: impl ExactSizeIterator<Item = (&'n str, &'static str)>, by: By<'_>) {
    let more = changes.len().saturating_sub(ACCOUNTS);
    let (admin, address) = match by {
        By::Admin(name, address) => (Some(name), Some(display(address))),
        By::File | By::Date | By::Cluster => (None, None),
    };
    let by = by.word();
    for (account, change) in changes.take(ACCOUNTS) {
        tracing::info!(target: TARGET, event = "account", account, change, by, admin, address, "audit");
    }
    if more > 0 {
        tracing::info!(target: TARGET, event = "account", more, by, admin, address, "audit");
    }
}
