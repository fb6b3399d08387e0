//! Who is here under which client id, connected or not: of the same user and id only one is. Who comes takes the place of who is
//! there, with its session.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::connection::{MqttClient, MqttRest, Taken};
use crate::hub::Session;

/// Whose session it is. Users do not take each other's places.
type Key = (Arc<str>, Arc<str>);

/// A session that goes from one connection to the next.
pub(super) struct Kept {
    pub(super) session: Session,
    pub(super) client: MqttClient,
    pub(super) rest: MqttRest,
}

/// All seats, as many as there are connections and sessions that wait.
#[derive(Default)]
pub(crate) struct Roster {
    entries: Mutex<Entries>,
    /// Sessions that wait for their clients.
    parked: AtomicUsize,
}

#[derive(Default)]
struct Entries {
    all: HashMap<Key, Arc<Sitting>>,
    begun: u64,
}

/// Somebody's stay at a seat.
struct Sitting {
    number: u64,
    taken: Taken,
    ended: CancellationToken,
    /// To whom the session is to be handed, once somebody has come for it.
    hand: Mutex<Option<Hand>>,
}

type Hand = oneshot::Sender<Box<Kept>>;

/// The place of one client. Dropping it gives it up.
pub(crate) struct Seat {
    roster: Arc<Roster>,
    key: Key,
    sitting: Arc<Sitting>,
}

impl Roster {
    /// Takes the seat of this user and client id. Who sat there is told to go, and hands over the session, if it is kept.
    /// `ended` is the end of the sign-in.
    pub(super) fn enter(
        self: &Arc<Self>,
        user: &Arc<str>,
        client_id: &str,
        ended: &CancellationToken,
    ) -> (Seat, Option<oneshot::Receiver<Box<Kept>>>) {
        let key = (Arc::clone(user), Arc::from(client_id));
        let (taken, ended) = (Taken::default(), ended.child_token());
        let mut entries = self.entries.lock();
        entries.begun += 1;
        let sitting = Arc::new(Sitting { number: entries.begun, taken, ended, hand: Mutex::default() });
        let before = entries.all.insert(key.clone(), Arc::clone(&sitting));
        drop(entries);
        let handed = before.map(|before| {
            let (hand, handed) = oneshot::channel();
            *before.hand.lock() = Some(hand);
            before.taken.say();
            before.ended.cancel();
            handed
        });
        (Seat { roster: Arc::clone(self), key, sitting }, handed)
    }

    /// A place for one more session that waits, if there is one.
    pub(super) fn park(self: &Arc<Self>, most: usize) -> Option<Parking> {
        let one_more = |parked: usize| (parked < most).then_some(parked + 1);
        self.parked.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(Parking(Arc::clone(self)))
    }
}

/// The place of a session that waits. Dropping it gives it back.
pub(super) struct Parking(Arc<Roster>);

impl Drop for Parking {
    fn drop(&mut self) {
        self.0.parked.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Seat {
    /// Whether somebody else has come for it.
    pub(super) fn taken(&self) -> &Taken {
        &self.sitting.taken
    }

    /// Given then, and when the sign-in ends.
    pub(super) fn ended(&self) -> &CancellationToken {
        &self.sitting.ended
    }

    /// Hands the session over to who has come. Gives it back where nobody waits for it any more.
    pub(super) fn give(self, kept: Kept) -> Option<Box<Kept>> {
        let kept = Box::new(kept);
        let Some(hand) = self.sitting.hand.lock().take() else { return Some(kept) };
        hand.send(kept).err()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut entries = self.roster.entries.lock();
        if entries.all.get(&self.key).is_some_and(|entry| entry.number == self.sitting.number) {
            let gone = entries.all.remove(&self.key);
            drop(entries);
            // What it holds ends outside of the lock.
            drop(gone);
        }
    }
}
