//! Who is here under which client id, connected or not: of the same user and id only one is. Who comes takes the place of who is
//! there, with its session.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

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
    parked: Mutex<Parked>,
}

#[derive(Default)]
struct Entries {
    all: HashMap<Key, Arc<Sitting>>,
    begun: u64,
}

/// Sessions that wait for their clients.
#[derive(Default)]
struct Parked {
    /// Those of each user by their numbers, with the signs that give them up.
    of_user: HashMap<Arc<str>, BTreeMap<u64, CancellationToken>>,
    /// Users by how many they have, and then by their oldest.
    ranks: BTreeSet<(usize, Reverse<u64>, Arc<str>)>,
    count: usize,
    begun: u64,
}

impl Parked {
    /// Changes those of a user.
    fn change<T>(
        &mut self,
        user: &Arc<str>,
        change: impl FnOnce(&mut BTreeMap<u64, CancellationToken>) -> T,
    ) -> T {
        let mut all = self.of_user.remove(user).unwrap_or_default();
        if let Some((oldest, _)) = all.first_key_value() {
            self.ranks.remove(&(all.len(), Reverse(*oldest), Arc::clone(user)));
            self.count -= all.len();
        }
        let changed = change(&mut all);
        if let Some((oldest, _)) = all.first_key_value() {
            self.ranks.insert((all.len(), Reverse(*oldest), Arc::clone(user)));
            self.count += all.len();
            self.of_user.insert(Arc::clone(user), all);
        }
        changed
    }

    /// Takes out the oldest session of the user who has the most: of this one, where nobody has more.
    fn take_oldest_of_who_has_most(&mut self, user: &Arc<str>) -> Option<CancellationToken> {
        let (most, _, who) = self.ranks.last()?;
        let has_as_many = self.of_user.get(user).is_some_and(|all| all.len() == *most);
        let who = Arc::clone(if has_as_many { user } else { who });
        self.change(&who, BTreeMap::pop_first).map(|(_, given_up)| given_up)
    }
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

    /// A place for one more session of a user that waits, where any may. Where there are too many, the oldest of the user who has the
    /// most is given up for it: nobody takes the places of all others.
    pub(super) fn park(self: &Arc<Self>, user: &Arc<str>, most: usize) -> Option<Parking> {
        if most == 0 {
            return None;
        }
        let given_up = CancellationToken::new();
        let mut parked = self.parked.lock();
        let leaves = if parked.count >= most { parked.take_oldest_of_who_has_most(user) } else { None };
        parked.begun += 1;
        let number = parked.begun;
        parked.change(user, |all| all.insert(number, given_up.clone()));
        drop(parked);
        if let Some(leaves) = leaves {
            leaves.cancel();
        }
        Some(Parking { roster: Arc::clone(self), user: Arc::clone(user), number, given_up })
    }
}

/// The place of a session that waits. Dropping it gives it back.
pub(super) struct Parking {
    roster: Arc<Roster>,
    user: Arc<str>,
    number: u64,
    given_up: CancellationToken,
}

impl Parking {
    /// Given when the place is another one's.
    pub(super) fn given_up(&self) -> &CancellationToken {
        &self.given_up
    }
}

impl Drop for Parking {
    fn drop(&mut self) {
        self.roster.parked.lock().change(&self.user, |all| all.remove(&self.number));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_the_most_sessions_that_wait_gives_up_the_oldest_of_them() {
        let roster = Arc::new(Roster::default());
        let (jana, karel): (Arc<str>, Arc<str>) = ("jana".into(), "karel".into());
        let park = |user: &Arc<str>| roster.park(user, 4).unwrap();
        let stays = |parking: &Parking| !parking.given_up().is_cancelled();
        let of_karel = park(&karel);
        let mut of_jana: Vec<_> = (0..3).map(|_| park(&jana)).collect();
        assert!(stays(&of_karel) && of_jana.iter().all(stays));
        // She has the most, whoever comes: until both have as many.
        of_jana.push(park(&jana));
        assert_eq!(of_jana.iter().map(stays).collect::<Vec<_>>(), [false, true, true, true]);
        let second = park(&karel);
        assert_eq!(of_jana.iter().map(stays).collect::<Vec<_>>(), [false, false, true, true]);
        let third = park(&karel);
        assert_eq!([&of_karel, &second, &third].map(stays), [false, true, true]);
        // A place that is given back is free, and one that was given up already is not given back twice.
        of_jana.truncate(3);
        drop(of_karel);
        let other = park(&"other".into());
        assert!(stays(&second) && stays(&third) && stays(&of_jana[2]) && stays(&other));
        let last = park(&"last".into());
        assert_eq!([&second, &third].map(stays), [false, true]);
        drop((of_jana, second, third, other, last));
        let parked = roster.parked.lock();
        assert_eq!((parked.count, parked.ranks.len(), parked.of_user.len()), (0, 0, 0));
        assert!(roster.park(&jana, 0).is_none());
    }
}
