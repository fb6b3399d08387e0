//! Sessions of browsers: who signed in with a form comes back with a token.
//!
//! A token is 256 random bits, told once; the map and the store know it by its digest only, so that neither a look into
//! memory or file nor the time of a look-up gives one away. A session that leaves the map, for whatever reason, has ended:
//! what was opened by it sees `ended` and closes.
//!
//! The map is the truth, and the file of the store a copy of it that is a little behind. In the map sessions end by a steady
//! clock; the clock on the wall, which somebody may set, is only asked what to write, and what to make of what was written.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::account::User;
use super::bounded::{Bounded, Expires, lowest};
use super::kept::{Changes, KeptWebSession, Visitor};
use super::keyed::{self, Digest, NoRandomness, Purpose, lasting_digest};
use super::roll::{Roll, SignedIn, Standing, Way};
use crate::moment::Moment;

mod stored;

/// 32 bytes in base64url.
const TOKEN_CHARACTERS: usize = 43;
/// How often it is written that a session is used.
const NOTED_EVERY: Duration = Duration::from_hours(1);

/// A session that began: what the browser gets. `Debug` does not show the token.
pub struct WebSession {
    /// 43 characters of base64url. This is the only time it is told.
    pub token: String,
    /// How long from now it is good for.
    pub lasts: Duration,
}

impl fmt::Debug for WebSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSession").field("lasts", &self.lasts).finish_non_exhaustive()
    }
}

/// A page that has come back with its token.
#[derive(Debug, Clone)]
pub struct Returning {
    /// Who it is.
    pub signed_in: SignedIn,
    /// How long from now its session is good for, if that has become longer by coming back.
    pub lasts: Option<Duration>,
}

/// How many sessions there may be, and for how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) lasts: Duration,
    /// After the last use, for those who asked to stay.
    pub(super) stays: Duration,
    pub(super) most: usize,
    pub(super) most_of_user: usize,
}

/// The sessions of pages, over all users. What a store needs of them is here, and nothing else of the access.
pub struct WebSessions {
    roll: Arc<Roll>,
    terms: Terms,
    book: Mutex<Book>,
    /// Up to which number changes need not be waited for any more.
    settled: watch::Sender<u64>,
}

struct Book {
    sessions: Bounded<Digest, Held>,
    of_user: HashMap<Arc<str>, usize>,
    /// Stored ones that are over by the clock on the wall, and were not yet when the hub ended. If that clock is wrong, they
    /// are not over. At most as many as sessions.
    asleep: Vec<KeptWebSession>,
    /// How often a session was used.
    uses: i64,
    changes: Changes,
}

impl Book {
    /// The number of a use that is the newest.
    fn next_use(&mut self) -> i64 {
        self.uses += 1;
        self.uses
    }
}

/// A session in the map. Dropping it ends it.
struct Held {
    digest: Digest,
    user: Arc<str>,
    /// How the account stands.
    standing: Arc<Standing>,
    account: Digest,
    created: SystemTime,
    used: SystemTime,
    /// The number of its last use: the clock may have been set since.
    last_use: i64,
    until: Instant,
    stays: bool,
    visitor: Visitor,
    /// When it was last put among the changes.
    noted: Instant,
    ended: CancellationToken,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.ended.cancel();
    }
}

impl Expires for Held {
    fn until(&self) -> Instant {
        self.until
    }

    /// A session is over with its account, too.
    fn is_over(&self, now: Instant) -> bool {
        self.until <= now || self.ended.is_cancelled()
    }
}

impl Held {
    /// Who it is, with the rights that the account has now.
    fn signed_in(&self) -> SignedIn {
        let user = User { name: Arc::clone(&self.user), rights: self.standing.rights() };
        SignedIn { user, ended: self.ended.clone(), standing: Arc::clone(&self.standing), way: Way::Cookie }
    }

    fn kept(&self, now: Instant, wall: SystemTime) -> KeptWebSession {
        KeptWebSession {
            digest: self.digest.bytes(),
            user: Arc::clone(&self.user),
            account: self.account.bytes(),
            created: self.created,
            used: self.used,
            until: wall + self.until.saturating_duration_since(now),
            stays: self.stays,
            visitor: self.visitor.clone(),
        }
    }
}

impl WebSessions {
    /// None yet.
    pub(super) fn new(roll: Arc<Roll>, terms: Terms) -> Arc<Self> {
        let most = terms.most.max(1);
        let terms = Terms { most_of_user: terms.most_of_user.max(1), ..terms };
        let book = Book {
            sessions: Bounded::new(most),
            of_user: HashMap::new(),
            asleep: Vec::new(),
            uses: 0,
            changes: Changes::new(most),
        };
        Arc::new(Self { roll, terms, book: Mutex::new(book), settled: watch::Sender::new(0) })
    }

    /// Begins a session, which ends with `who` at the latest. Where the user has too many, the one that was not used for
    /// the longest time ends. Where there are too many in all, those that expired end, else one of the user who has the
    /// most: nobody signs others out by signing in.
    pub(super) fn start(
        &self,
        who: &SignedIn,
        visitor: Visitor,
        stays: bool,
        now: Instant,
    ) -> Result<WebSession, NoRandomness> {
        let token = URL_SAFE_NO_PAD.encode(keyed::random::<32>()?);
        let lasts = self.lasts(stays);
        let entries = self.roll.now();
        // Without an account `who` has ended already.
        let account = entries.find(&who.user.name).map(|(account, _)| account.fingerprint());
        let digest = digest(&token);
        let wall = Moment::now().wall();
        let mut held = Held {
            digest,
            user: Arc::clone(&who.user.name),
            standing: Arc::clone(&who.standing),
            account: account.unwrap_or(digest),
            created: wall,
            used: wall,
            last_use: 0,
            until: now + lasts,
            stays,
            visitor,
            noted: now,
            ended: who.ended.child_token(),
        };
        let _ended = {
            let mut book = self.book.lock();
            held.last_use = book.next_use();
            book.changes.note(digest);
            self.put(&mut book, held, now)
        };
        Ok(WebSession { token, lasts })
    }

    /// Who signed in with a token; a session that is over ends here. One that stays begins anew.
    pub(super) fn find(&self, token: &str, now: Instant) -> Option<Returning> {
        if token.len() != TOKEN_CHARACTERS {
            return None;
        }
        let digest = digest(token);
        let _over = {
            let mut book = self.book.lock();
            let last_use = book.next_use();
            let Book { sessions, changes, .. } = &mut *book;
            if let Some(held) = sessions.get_mut(&digest, now) {
                (held.used, held.last_use) = (Moment::now().wall(), last_use);
                let lasts = held.stays.then_some(self.terms.stays);
                held.until = lasts.map_or(held.until, |lasts| now + lasts);
                if now.duration_since(held.noted) >= NOTED_EVERY {
                    held.noted = now;
                    changes.note(digest);
                }
                let signed_in = held.signed_in();
                return Some(Returning { signed_in, lasts });
            }
            let over = sessions.remove(&digest).into_iter().collect();
            self.left(&mut book, over, Leaving::IsOver(now))
        };
        None
    }

    /// Ends a session. Says whose it was, if there was one that was not over.
    pub(super) fn end(&self, token: &str, now: Instant) -> Option<Arc<str>> {
        self.take_out(Chosen::One(digest(token)), now).pop()
    }

    /// Ends what is over. Returns when the next session expires.
    pub(super) fn sweep(&self, now: Instant) -> Option<Instant> {
        let (_ended, next) = {
            let mut book = self.book.lock();
            let over = book.sessions.sweep(now);
            (self.left(&mut book, over, Leaving::IsOver(now)), book.sessions.next_end())
        };
        next
    }

    fn lasts(&self, stays: bool) -> Duration {
        if stays { self.terms.stays } else { self.terms.lasts }
    }

    /// Puts a session in. Gives back those that had to leave for it: they wake their sockets when they are dropped, which
    /// is to be after the lock.
    fn put(&self, book: &mut Book, held: Held, now: Instant) -> Vec<Held> {
        let (digest, user) = (held.digest, Arc::clone(&held.user));
        let mut left = Vec::new();
        if book.of_user.get(&user).is_some_and(|count| *count >= self.terms.most_of_user) {
            let oldest = book.sessions.lowest(|other| (other.user == user).then_some(other.last_use));
            left.extend(oldest.and_then(|oldest| book.sessions.remove(&oldest)));
        }
        let Book { sessions, of_user, .. } = &mut *book;
        left.extend(sessions.put(digest, held, now, |sessions| oldest_of_who_has_most(sessions, of_user)));
        *of_user.entry(user).or_default() += 1;
        self.left(book, left, Leaving::IsOver(now))
    }

    /// Notes that these have left the map.
    fn left(&self, book: &mut Book, left: Vec<Held>, why: Leaving) -> Vec<Held> {
        let mut ended = Vec::with_capacity(left.len());
        for held in left {
            // When the hub stops, all signs are given, and no session has ended by that: the next hub goes on with it.
            if let Leaving::IsOver(now) = why
                && held.until > now
                && held.ended.is_cancelled()
                && self.roll.is_draining()
            {
                book.sessions.put_back(held.digest, held);
                continue;
            }
            match why {
                Leaving::IsOver(_) => book.changes.note(held.digest),
                Leaving::Ended => book.changes.note_end(held.digest),
            }
            if let Some(count) = book.of_user.get_mut(&held.user) {
                *count -= 1;
                if *count == 0 {
                    book.of_user.remove(&held.user);
                }
            }
            ended.push(held);
        }
        ended
    }

    /// Ends those that are chosen, also where they sleep, and says whose those were that were not over.
    fn take_out(&self, chosen: Chosen<'_>, now: Instant) -> Vec<Arc<str>> {
        let ended = {
            let mut book = self.book.lock();
            let Book { sessions, asleep, changes, .. } = &mut *book;
            for kept in asleep.extract_if(.., |kept| chosen.is_kept(kept)) {
                changes.note_end(Digest::of_bytes(kept.digest));
            }
            let taken = match chosen {
                Chosen::One(digest) => sessions.remove(&digest).into_iter().collect(),
                Chosen::OfUser(name) => sessions.take_where(|held| &*held.user == name),
            };
            self.left(&mut book, taken, Leaving::Ended)
        };
        let were_good = ended.iter().filter(|held| !held.is_over(now));
        were_good.map(|held| Arc::clone(&held.user)).collect()
    }
}

impl fmt::Debug for WebSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSessions").field("terms", &self.terms).finish_non_exhaustive()
    }
}

/// Why a session leaves the map.
#[derive(Clone, Copy)]
enum Leaving {
    /// It was over at this moment, or there was no room for it.
    IsOver(Instant),
    /// Somebody has ended it.
    Ended,
}

/// Which sessions.
#[derive(Clone, Copy)]
enum Chosen<'c> {
    One(Digest),
    OfUser(&'c str),
}

impl Chosen<'_> {
    fn is_kept(self, kept: &KeptWebSession) -> bool {
        match self {
            Self::One(digest) => digest.bytes() == kept.digest,
            Self::OfUser(name) => &*kept.user == name,
        }
    }
}

fn digest(token: &str) -> Digest {
    lasting_digest(Purpose::WebSession, &[token.as_bytes()])
}

fn oldest_of_who_has_most(
    sessions: &HashMap<Digest, Held>,
    of_user: &HashMap<Arc<str>, usize>,
) -> Option<Digest> {
    lowest(sessions, |held| Some((Reverse(of_user.get(&held.user).copied()), held.last_use)))
}

#[cfg(test)]
mod tests;
