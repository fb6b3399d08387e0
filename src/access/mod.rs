//! Who may come in: accounts, logins, lockout and the sessions of browsers. Knows nothing of HTTP or sockets.
//!
//! A login is asked, in this order:
//!
//! 1. Is it remembered, and has the name logged in from this network? Then it passes, whatever others do.
//! 2. Has its name failed too often this minute? Then it waits. Has its network? Then it goes through [`narrow`].
//! 3. Its turn comes. From here it counts as a failure until it passes.
//! 4. Is it remembered from elsewhere, or since it began to wait? Then it passes without a hash.
//! 5. Its password is hashed and compared. A name without an account costs the same.
//!
//! Locks: each map has one of its own, none is held over another, over an `await` or over a hash.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! use clown_hub::access::{Access, Accounts, LoginError, Settings};
//!
//! let drain = tokio_util::sync::CancellationToken::new();
//! let access = Access::new(Accounts::demo(), &Settings::default(), drain)?;
//! let address = std::net::Ipv4Addr::LOCALHOST.into();
//! let clown = access.login(address, "clown", b"bigclown").await?;
//! assert_eq!(&*clown.user.name, "clown");
//! let guess = access.login(address, "clown", b"guess").await;
//! assert_eq!(guess.unwrap_err(), LoginError::Wrong { tries_left: 19 });
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

mod account;
mod admission;
mod bounded;
mod explain;
mod kept;
mod keyed;
mod lockout;
mod narrow;
mod new_password;
mod password;
mod remembered;
mod role;
mod roll;
mod token;
mod users;
mod users_file;
mod watch;
mod web_session;

pub use account::{Account, User};
pub use explain::{Explained, Right};
pub use kept::{KeptWebSession, Visitor, WebSessionChanges};
pub use keyed::NoRandomness;
pub use new_password::check_new_password;
use password::MAX_PASSWORD_BYTES;
pub use password::{HashError, PasswordError, hash_password};
pub use role::{Role, RoleName};
pub use roll::{Connected, Replaced, SignedIn, Standing, Way};
pub use token::{NewToken, new_token};
pub use users::{Accounts, Version};
pub use users_file::NameError;
pub use watch::{AccountsNews, AccountsWatch, Check};
pub use web_session::{Returning, WebSession, WebSessions};

use keyed::{Digest, Key, Purpose};
use lockout::{Attempt, Lane, Lockout, Network, Who};
use remembered::Remembered;
use roll::Roll;
use web_session::Terms;

use crate::seldom::Seldom;

/// How often wrong passwords are answered in the network of a device that knows the right one, in limits: enough
/// that the device passes while a neighbour guesses, too few to guess by.
const NEIGHBOUR_LIMITS: u32 = 5;

/// The most that is read of `users.toml`: some 10,000 accounts.
pub const ACCOUNTS_BYTES: u64 = 4 * 1024 * 1024;
/// What no login and no session of a page outlasts; a moment further away has no [`Instant`].
const LONGEST: Duration = Duration::from_hours(366 * 24);
/// How often what expired is dropped. No session of a browser is shorter, so none that begins in between expires before.
const SWEEP: Duration = Duration::from_mins(1);

/// The bounds of who comes in.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Failed logins in a minute of one name or one network (an IPv4 address, an IPv6 /64) before the name is refused for
    /// the rest of that minute, and the network has half as many for each name; 20 by default, 1 at least. Logins that are being hashed count until they pass.
    pub failures_per_minute: u32,
    /// Names remembered, and networks they came from; 10,000 of each by default; with 0 every login is hashed.
    pub remembered_logins: usize,
    /// How long until a password must be hashed again; an hour by default, a year at most.
    pub remember: Duration,
    /// Sessions of browsers; 10,000 by default, 1 at least.
    pub web_sessions: usize,
    /// Sessions of browsers of one user; 100 by default, 1 at least.
    pub web_sessions_per_user: usize,
    /// How long such a session lasts; 12 hours by default, a year at most.
    pub web_session: Duration,
    /// How long a session lasts after its last use, if its user asked to stay signed in; 30 days by default, a year at most.
    pub stay_signed_in: Duration,
    /// Networks whose failures are counted, and made-up names; 10,000 of each by default.
    pub tracked_failures: usize,
    /// Hashes at once, each taking a core and 19 MiB; 2 by default, 1 at least.
    pub hashing_at_once: usize,
    /// Logins that wait for their turn; more are [`LoginError::Busy`]. 1,024 by default, 1 at least.
    pub waiting_logins: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            failures_per_minute: 20,
            remembered_logins: 10_000,
            remember: Duration::from_hours(1),
            web_sessions: 10_000,
            web_sessions_per_user: 100,
            web_session: Duration::from_hours(12),
            stay_signed_in: Duration::from_hours(30 * 24),
            tracked_failures: 10_000,
            hashing_at_once: 2,
            waiting_logins: 1024,
        }
    }
}

/// Why a login did not come in. None of these tells whether the name has an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// Name and password do not match.
    #[error("wrong name or password, {tries_left} tries left")]
    Wrong {
        /// Failures until name or network must wait; at 0 the next one does.
        tries_left: u32,
    },
    /// Too many failures: nothing was tried.
    #[error("too many failed logins, wait {} s", retry_after.as_secs() + 1)]
    TooMany {
        /// Until then; a minute at most.
        retry_after: Duration,
    },
    /// Too many logins wait for their turn: nothing was tried or counted. Also while the runtime shuts down.
    #[error("too many logins at once, try again in some seconds")]
    Busy,
    /// The password is right, and the account asks for a certificate besides.
    #[error("this account signs in with its certificate, over TLS")]
    NoCertificate,
    /// The password is right, and the account may not come from this address.
    #[error("this account does not sign in from this address")]
    NotFromHere,
    /// The password is right, and the time of the account is over.
    #[error("the time of this account is over")]
    Over,
    /// The account was removed, or got another password, while this was looked at.
    #[error("the account was changed meanwhile, sign in again")]
    Changed,
}

/// The door. One for the process, shared by reference; everything in it is bounded by [`Settings`], also where
/// nobody calls [`Access::sweep`].
pub struct Access {
    book: Arc<Book>,
    waiting: Arc<Semaphore>,
    hashing: Arc<Semaphore>,
    /// One turn for all networks that have failed too often.
    narrow: Arc<Semaphore>,
    web_sessions: Arc<WebSessions>,
    /// Lines of the log on failed logins. There is one door in the process, so this is as good as a `static`.
    failures: Seldom,
}

/// Where a hash goes that nobody waits for any more.
struct Book {
    roll: Arc<Roll>,
    key: Key,
    lockout: Lockout,
    remembered: Remembered,
    hash_runs: AtomicU64,
}

impl Access {
    /// The door for these accounts. Draws the key of the process, which is the only thing that can fail. Whatever rests
    /// on a sign-in ends when `drain` is cancelled, too.
    pub fn new(
        accounts: Accounts,
        settings: &Settings,
        drain: CancellationToken,
    ) -> Result<Self, NoRandomness> {
        let limit = settings.failures_per_minute.max(1);
        let neighbours = limit.saturating_mul(NEIGHBOUR_LIMITS);
        let semaphore = |permits: usize| Arc::new(Semaphore::new(permits.clamp(1, Semaphore::MAX_PERMITS)));
        let roll = Arc::new(Roll::new(accounts, drain));
        let terms = Terms {
            lasts: settings.web_session.min(LONGEST),
            stays: settings.stay_signed_in.min(LONGEST),
            most: settings.web_sessions,
            most_of_user: settings.web_sessions_per_user,
        };
        Ok(Self {
            web_sessions: WebSessions::new(Arc::clone(&roll), terms),
            book: Arc::new(Book {
                roll,
                key: Key::random()?,
                lockout: Lockout::new(limit, settings.tracked_failures),
                remembered: Remembered::new(
                    settings.remember.min(LONGEST),
                    settings.remembered_logins,
                    neighbours,
                ),
                hash_runs: AtomicU64::new(0),
            }),
            waiting: semaphore(settings.waiting_logins),
            hashing: semaphore(settings.hashing_at_once),
            narrow: semaphore(1),
            failures: Seldom::new(),
        })
    }

    /// Whether name and password (bytes of UTF-8) are those of an account. Takes microseconds for a login that is
    /// remembered and a password hash for others, which wait for their turn in the order they came.
    ///
    /// Dropping the future is safe: a login that waits leaves the queue, and one whose hash runs is counted and
    /// remembered as if someone had waited.
    pub async fn login(&self, address: IpAddr, name: &str, password: &[u8]) -> Result<SignedIn, LoginError> {
        // No account has a longer password, so one byte more is enough to be wrong.
        let password = password.get(..=MAX_PASSWORD_BYTES).unwrap_or(password);
        let from = Network::of(address);
        let login = self.book.login(name, password, from);
        if let Some(signed_in) = self.book.passes_at_once(&login) {
            return Ok(signed_in);
        }
        match self.book.lockout.check(&login.who, from, Instant::now()).map_err(too_many)? {
            Lane::Usual => {}
            Lane::Narrow { .. } => return self.login_narrow(login, (address, name), password).await,
        }
        let turn = self.turn().await?;
        let began = self.book.lockout.begin(login.who.clone(), from, Instant::now()).map_err(too_many)?;
        let Some(attempt) = began else {
            drop(turn);
            return self.login_narrow(login, (address, name), password).await;
        };
        if let Some(signed_in) = self.book.passes_in_turn(&login, &attempt) {
            return Ok(signed_in);
        }
        let known = login.signed_in.as_ref().map(|signed_in| Arc::clone(&signed_in.user.name));
        let result = self.hash(login, attempt, password.to_vec(), turn).await;
        if let Err(LoginError::Wrong { tries_left }) = result {
            self.log_failure(name, known.as_deref(), address, tries_left);
        }
        result
    }

    /// People type their password where the name belongs. So only the name of an account is written.
    fn log_failure(&self, name: &str, known: Option<&str>, address: IpAddr, tries_left: u32) {
        let causer = format!("{address} {}", known.unwrap_or_default());
        let Some(times) = self.failures.again(&causer) else { return };
        let user = match known {
            Some(known) => loggable(known),
            None => format!("an unknown name of {} characters", name.chars().count()),
        };
        tracing::warn!(%user, %address, tries_left, %times, "login failed");
    }

    /// Waits for a turn to hash.
    async fn turn(&self) -> Result<OwnedSemaphorePermit, LoginError> {
        let _waiting = self.waiting.try_acquire().map_err(|_| LoginError::Busy)?;
        // Nobody closes the semaphore, so this never fails.
        self.hashing.clone().acquire_owned().await.map_err(|_| LoginError::Busy)
    }

    /// Hashes in a thread of its own, so that hashes wait for nothing else that blocks (name look-ups, files), and
    /// nothing else for them. There are as many such threads as turns.
    async fn hash(
        &self,
        login: Login,
        attempt: Attempt,
        password: Vec<u8>,
        turn: impl Send + 'static,
    ) -> Result<SignedIn, LoginError> {
        let book = self.book.clone();
        let (tell, told) = oneshot::channel();
        let verify = move || {
            let result = book.verify(&login, &attempt, &password);
            // The turn ends with the hash, not with whoever waits for it: else somebody who hangs up would get more
            // hashes run at once than there are turns.
            drop(turn);
            let _ = tell.send(result);
        };
        // A hash that did not run, as the machine has no thread left, decides nothing.
        match thread::Builder::new().name("hash".into()).spawn(verify) {
            Ok(_) => told.await.unwrap_or(Err(LoginError::Busy)),
            Err(_) => Err(LoginError::Busy),
        }
    }

    /// Begins a session for a browser whose user has logged in, and maybe asked to stay signed in. Where there are too many,
    /// one ends that was not used for long, of this user or of the user who has the most.
    pub fn start_web_session(
        &self,
        who: &SignedIn,
        visitor: Visitor,
        stays: bool,
    ) -> Result<WebSession, NoRandomness> {
        self.web_sessions.start(who, visitor, stays, Instant::now())
    }

    /// The session of a token; `None` for one that never was, has ended or has expired. Wrong tokens are not
    /// counted: 256 random bits are not guessed.
    pub fn web_session(&self, token: &str) -> Option<Returning> {
        self.web_sessions.find(token, Instant::now())
    }

    /// Ends the session of a token and with it the sockets it opened. Says whose it was, if there was one.
    pub fn end_web_session(&self, token: &str) -> Option<Arc<str>> {
        self.web_sessions.end(token, Instant::now())
    }

    /// Waits until the sessions of browsers are stored as they are now, where the store is to be waited for.
    pub async fn web_sessions_settled(&self) {
        self.web_sessions.settled().await;
    }

    /// As [`web_sessions_settled`](Self::web_sessions_settled), where some have ended: that is always waited for.
    pub async fn web_session_ends_settled(&self) {
        self.web_sessions.ends_settled().await;
    }

    /// All sessions of browsers, for the store.
    pub fn web_sessions(&self) -> &Arc<WebSessions> {
        &self.web_sessions
    }

    /// Somebody who had signed in before a restart of the hub, as their account stands now; `None` if they may not be here any more.
    pub fn returning(&self, name: &str) -> Option<SignedIn> {
        let entries = self.book.roll.now();
        let (account, signed_in) = entries.find(name)?;
        let is_over = account.is_over(crate::moment::Moment::now().wall());
        (!is_over && !signed_in.standing.has_ended()).then_some(signed_in)
    }

    /// Drops what expired, and says when to call it again: when the next session of a browser expires, in a minute at
    /// the latest. This is what closes the sockets of a session that expired and that nobody asks for.
    pub fn sweep(&self) -> Instant {
        let now = Instant::now();
        self.book.lockout.sweep(now);
        self.book.remembered.sweep(now);
        let latest = now + SWEEP;
        self.web_sessions.sweep(now).map_or(latest, |next| next.min(latest))
    }

    /// How many password hashes were computed for logins, right and wrong ones.
    pub fn hash_runs(&self) -> u64 {
        self.book.hash_runs.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("accounts", &self.accounts()).finish_non_exhaustive()
    }
}

/// A login as the books know it.
struct Login {
    /// The account of that name, or, where there is none, one to go through the same motions with.
    account: Arc<Account>,
    /// What the right password gives; `None` for a name without an account.
    signed_in: Option<SignedIn>,
    who: Who,
    digest: Digest,
    from: Network,
}

impl Book {
    /// The stand-in of a made-up name is always the same while the accounts are, so that trying again tells nothing;
    /// and as the accounts have different costs, so have made-up names.
    fn login(&self, name: &str, password: &[u8], from: Network) -> Login {
        // Worked out for every name, so that the time does not tell which are known.
        let made_up = self.key.digest(Purpose::Name, &[name.as_bytes()]);
        let entries = self.roll.now();
        let (account, signed_in, who) = if let Some((account, signed_in)) = entries.find(name) {
            (account, Some(signed_in), Who::Account(account.user.name.clone()))
        } else {
            let accounts = entries.accounts();
            (accounts.nth(made_up.number_below(accounts.len())), None, Who::Stranger(made_up))
        };
        let parts = [name.as_bytes(), password, account.hash.as_bytes()];
        let digest = self.key.digest(Purpose::Login, &parts);
        Login { account: Arc::clone(account), signed_in, who, digest, from }
    }

    fn passes_at_once(&self, login: &Login) -> Option<SignedIn> {
        let signed_in = login.signed_in.as_ref()?;
        let name = &signed_in.user.name;
        let passes = self.remembered.passes_here(name, &login.digest, login.from, Instant::now());
        passes.then(|| signed_in.clone())
    }

    fn passes_in_turn(&self, login: &Login, attempt: &Attempt) -> Option<SignedIn> {
        let signed_in = login.signed_in.as_ref()?;
        if !self.remembered.passes(&signed_in.user.name, &login.digest, login.from, attempt.at()) {
            return None;
        }
        self.lockout.forgive(attempt);
        Some(signed_in.clone())
    }

    /// Blocks for a password hash. Asks no clock: the thread that it runs in has none that a test could stop.
    fn verify(&self, login: &Login, attempt: &Attempt, password: &[u8]) -> Result<SignedIn, LoginError> {
        self.hash_runs.fetch_add(1, Ordering::Relaxed);
        let matches = login.account.hash.verifies(password);
        let Some(signed_in) = login.signed_in.as_ref().filter(|_| matches) else {
            return Err(LoginError::Wrong { tries_left: attempt.tries_left() });
        };
        self.lockout.forgive(attempt);
        self.remembered.remember(&signed_in.user.name, login.digest, login.from, attempt.at());
        Ok(signed_in.clone())
    }
}

fn too_many(retry_after: Duration) -> LoginError {
    LoginError::TooMany { retry_after }
}

/// A text that others chose, fit for a line of a log: 64 characters at most, with escapes for all that is not printable
/// or changes the order of what is.
fn loggable(name: &str) -> String {
    name.chars().take(64).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests;
