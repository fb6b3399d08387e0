//! The outbox of a session that lasts.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Asks;
use crate::hub::outbox::Outbox;
use crate::seldom::Seldom;

/// What an outbox has for the book. Few need it, and so it is small.
#[derive(Debug, Default)]
pub(in crate::hub) struct Part {
    /// The number of the session, 0 where it is not remembered; and [`NOTED`] and [`AWAY`].
    session: AtomicU64,
    /// What the owner asks about the message that it publishes just now: the number of the answer, and below it one more than its own name
    /// for the message, or 0. Only the owner publishes, one message after the other.
    asks: AtomicU64,
}

/// Whether what comes is noted.
const NOTED: u64 = 1 << 63;
/// Whether the owner waits for its client.
const AWAY: u64 = 1 << 62;
/// Bits of the owner's name for a message.
const NAME: u32 = 17;

impl Part {
    /// The number of the session; 0 where it is not remembered.
    pub(in crate::hub) fn session(&self) -> u64 {
        self.session.load(Ordering::Relaxed) & !(NOTED | AWAY)
    }

    /// Whether the owner waits for its client.
    pub(in crate::hub) fn is_away(&self) -> bool {
        self.session.load(Ordering::Relaxed) & AWAY != 0
    }

    pub(in crate::hub) fn set_away(&self, is_away: bool) {
        if is_away {
            self.session.fetch_or(AWAY, Ordering::Relaxed);
        } else {
            self.session.fetch_and(!AWAY, Ordering::Relaxed);
        }
    }

    /// It is this one from now on.
    pub(super) fn is_of(&self, session: u64) {
        let flags = self.session.load(Ordering::Relaxed) & (NOTED | AWAY);
        self.session.store(session | flags, Ordering::Relaxed);
    }

    /// What comes is noted from now on.
    pub(super) fn is_to_be_noted(&self) {
        self.session.fetch_or(NOTED, Ordering::Relaxed);
    }
}

impl Outbox {
    /// Whether what comes is noted in the book.
    pub(in crate::hub) fn is_noted(&self) -> bool {
        self.noted.session.load(Ordering::Relaxed) & NOTED != 0
    }

    /// The owner asks this about the message that it publishes next.
    pub(in crate::hub) fn asks(&self, asks: Option<Asks>) {
        if let Some(Asks { number, received }) = asks {
            let name = received.map_or(0, |id| u64::from(id) + 1);
            self.noted.asks.store(number << NAME | name, Ordering::Relaxed);
        }
    }

    /// What it asks; nothing if that was taken before.
    pub(in crate::hub) fn takes_what_it_asks(&self) -> Option<Asks> {
        let asks = self.noted.asks.swap(0, Ordering::Relaxed);
        let (number, name) = (asks >> NAME, asks & ((1 << NAME) - 1));
        let received = name.checked_sub(1).and_then(|id| u16::try_from(id).ok());
        (number > 0).then_some(Asks { number, received })
    }

    /// The store has no room for what waits: the reader is given up.
    pub(in crate::hub) fn give_up_for_the_store(&self) {
        static GIVEN_UP: Seldom = Seldom::new();
        let mut inside = self.lock();
        if inside.queue.has_overflowed() {
            return;
        }
        let lost = inside.lose_everything();
        self.figures.lost.add(lost);
        self.settle(&mut inside);
        if let Some(times) = GIVEN_UP.again(&self.user) {
            tracing::warn!(client = %self.name_of(&inside), user = %self.user, lost, %times,
                "what waits for sessions of MQTT takes more than an eighth of store.bytes: the one with the most is given up");
        }
        inside.wake();
    }
}
