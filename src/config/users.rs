//! The section `[users]`: the accounts, and what signing in may cost.

use std::path::PathBuf;
use std::time::Duration;

use super::reader::Reader;

/// Section `[users]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Users {
    /// The file of users, as it was written: relative to the current directory. It need not exist.
    pub file: PathBuf,
    /// Whether all hubs of the cluster have the accounts alike.
    pub are_shared: bool,
    /// Wrong passwords in a minute, by user and by address.
    pub failures_per_minute: u32,
    /// Logins remembered so that their password is not hashed again; 0 remembers none.
    pub remembered_logins: usize,
    /// How long a login is remembered.
    pub remember: Duration,
    /// Web pages signed in at one time.
    pub web_sessions: usize,
    /// The same of one user.
    pub web_sessions_per_user: usize,
    /// How long a web page stays signed in.
    pub web_session: Duration,
    /// How long one lasts after its last use if its user asked to stay signed in.
    pub stay_signed_in: Duration,
    /// Users and addresses whose wrong passwords are counted.
    pub tracked_failures: usize,
    /// Passwords hashed at one time.
    pub hashing_at_once: usize,
    /// Logins that wait for their turn to be hashed.
    pub waiting_logins: usize,
    /// Characters that a new password has at least.
    pub shortest_password: usize,
    /// Whether a token may stand in the URL of a socket.
    pub token_in_url: bool,
}

impl Users {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            file: reader.path("users.file"),
            are_shared: reader
                .choice("users.source", [("file", false), ("cluster", true)])
                .unwrap_or_default(),
            failures_per_minute: reader.small("users.failures_per_minute", 1..=100_000, "failures a minute"),
            remembered_logins: reader.count("users.remembered_logins", 0..=1_000_000, "logins"),
            remember: reader.minutes("users.remember_minutes", 1..=1440),
            web_sessions: reader.count("users.web_sessions", 1..=1_000_000, "sessions"),
            web_sessions_per_user: reader.count("users.web_sessions_per_user", 1..=1_000_000, "sessions"),
            web_session: reader.hours("users.web_session_hours", 1..=720),
            stay_signed_in: reader.days("users.stay_signed_in_days", 1..=365),
            tracked_failures: reader.count("users.tracked_failures", 1..=1_000_000, "entries"),
            hashing_at_once: reader.count("users.hashing_at_once", 1..=64, "hashes"),
            waiting_logins: reader.count("users.waiting_logins", 1..=100_000, "logins"),
            shortest_password: reader.count("users.shortest_password", 1..=64, "characters"),
            token_in_url: reader.truth("users.token_in_url"),
        }
    }
}
