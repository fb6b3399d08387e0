//! What one HTTP connection has between its requests: whose session it is, so that what a client may send holds for all of its
//! requests, whether somebody signed in still uses it, and what it becomes when no more requests come.

use std::net::IpAddr;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::App;
use super::loan::Loan;
use super::peer::{Held, Peer};
use crate::access::{SignedIn, User};
use crate::hub::{Outbox, Session, Until};
use crate::tls::Stream;

/// The seat of an HTTP connection.
pub(super) struct Seat {
    /// The stream itself.
    pub(super) loan: Loan,
    kept: Mutex<Option<Kept>>,
    /// Requests of somebody who has signed in: so many were begun, and so many are under way.
    begun: Arc<AtomicUsize>,
    running: AtomicUsize,
    /// Whether a request has come.
    is_used: AtomicBool,
    next: Mutex<Option<Next>>,
    /// What a large answer counts for that the client has not taken yet.
    waits: Mutex<Option<Arc<Outbox>>>,
}

/// What goes on with the stream when HTTP has ended on it, and with what was read of it already.
pub(super) type Next = Box<dyn FnOnce(Stream, Vec<u8>) + Send>;

/// A session, and whose it is.
#[derive(Debug)]
struct Kept {
    user: User,
    address: IpAddr,
    session: Session,
}

impl Seat {
    pub(super) fn new(loan: Loan) -> Arc<Self> {
        let (kept, begun, running) = (Mutex::default(), Arc::default(), AtomicUsize::new(0));
        let (is_used, next, waits) = (AtomicBool::new(false), Mutex::default(), Mutex::default());
        Arc::new(Self { loan, kept, begun, running, is_used, next, waits })
    }

    /// The connection is no longer one of HTTP once the answer to this request, 101, is written. Then this begins.
    pub(super) fn becomes(&self, next: impl FnOnce(Stream, Vec<u8>) + Send + 'static) {
        *self.next.lock() = Some(Box::new(next));
    }

    /// What it becomes, if it was asked for.
    pub(super) fn next(&self) -> Option<Next> {
        self.next.lock().take()
    }

    /// A large answer waits to be taken, or does not any more.
    pub(super) fn waits_for(&self, outbox: Option<Arc<Outbox>>) {
        *self.waits.lock() = outbox;
    }

    /// What a large answer counts for that waits to be taken.
    pub(super) fn waiting(&self) -> Option<Arc<Outbox>> {
        self.waits.lock().clone()
    }

    /// A request has come. Whether it is the first one.
    pub(super) fn is_first(&self) -> bool {
        !self.is_used.swap(true, Ordering::Relaxed)
    }

    /// Requests of somebody who has signed in, so far; `None` while one is under way.
    pub(super) fn used(&self) -> Option<usize> {
        let is_idle = self.running.load(Ordering::Relaxed) == 0;
        is_idle.then(|| self.begun.load(Ordering::Relaxed))
    }

    /// Where requests of somebody who has signed in are counted.
    pub(super) fn counter(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.begun)
    }

    /// A request begins of somebody who has signed in.
    pub(super) fn sits(self: &Arc<Self>, app: &Arc<App>, peer: &Arc<Peer>, who: SignedIn) -> Visit {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.running.fetch_add(1, Ordering::Relaxed);
        let (app, peer, seat) = (Arc::clone(app), Arc::clone(peer), Arc::clone(self));
        Visit { held: Mutex::new(Some(peer.sign_in())), app, peer, who, seat }
    }
}

/// One request of somebody who has signed in.
pub(super) struct Visit {
    pub(super) app: Arc<App>,
    pub(super) peer: Arc<Peer>,
    pub(super) who: SignedIn,
    pub(super) seat: Arc<Seat>,
    held: Mutex<Option<Held>>,
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.seat.running.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Visit {
    /// The session of this connection, if it is of the same user; else a new one.
    pub(super) fn session(&self) -> Seated<'_> {
        let kept = self.seat.kept.lock().take();
        let address = self.peer.address();
        let is_ours = |kept: &Kept| {
            kept.user.name == self.who.user.name
                && kept.user.rights == self.who.user.rights
                && kept.address == address
        };
        let session = match kept.filter(is_ours) {
            Some(kept) => kept.session,
            None => self.app.session_of_requests(&self.who.user, &self.peer),
        };
        Seated { visit: self, session: Some(session), stays: true, is_another: false }
    }

    /// The places that the connection takes: for a stream, which outlives its request.
    pub(super) fn take_held(&self) -> Option<Held> {
        self.held.lock().take()
    }

    /// A session that nobody has had before, and nobody has after.
    pub(super) fn session_of_its_own(&self) -> Session {
        self.app.session_of_requests(&self.who.user, &self.peer)
    }
}

/// The session of a connection, as long as a request has it.
pub(super) struct Seated<'v> {
    visit: &'v Visit,
    /// There until it is dropped.
    session: Option<Session>,
    stays: bool,
    /// Whether the account has changed since the request began.
    is_another: bool,
}

impl Seated<'_> {
    /// The next request gets another one: answers may still come to this one.
    pub(super) fn is_the_last(&mut self) {
        self.stays = false;
    }

    /// All answers have come.
    pub(super) fn is_not_the_last(&mut self) {
        self.stays = true;
    }

    /// Whether the sign-in still holds. What comes next is asked by what the account may do now: it may have been changed while
    /// the client had this request wait.
    pub(super) fn looks_at_the_account(&mut self) -> bool {
        let (who, peer) = (&self.visit.who, &self.visit.peer);
        let Some(now) = who.again(peer.address(), peer.is_untold()) else { return false };
        if now.user.rights != who.user.rights {
            // The next request gets a session by its own look.
            self.is_another = true;
        }
        self.take_rights(now.user.rights).is_ok()
    }

    /// The sign-in ends.
    pub(super) fn ended(&self) -> CancellationToken {
        self.visit.who.ended.clone()
    }
}

impl Drop for Seated<'_> {
    fn drop(&mut self) {
        // One that was cut off for memory would answer nobody any more, and its bytes would stay counted.
        let is_good = |session: &Session| {
            self.stays && !self.is_another && session.outbox().look(Until::Overflow).is_none()
        };
        let Some(session) = self.session.take().filter(is_good) else { return };
        let (user, address) = (self.visit.who.user.clone(), self.visit.peer.address());
        *self.visit.seat.kept.lock() = Some(Kept { user, address, session });
    }
}

impl Deref for Seated<'_> {
    type Target = Session;

    #[expect(clippy::expect_used, reason = "it is taken only where this is dropped")]
    fn deref(&self) -> &Session {
        self.session.as_ref().expect("there until it is dropped")
    }
}

impl DerefMut for Seated<'_> {
    #[expect(clippy::expect_used, reason = "it is taken only where this is dropped")]
    fn deref_mut(&mut self) -> &mut Session {
        self.session.as_mut().expect("there until it is dropped")
    }
}
