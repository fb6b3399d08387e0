//! How much memory may be taken by what waits and what is unfinished, over all connections together.
//!
//! A connection may hold some KiB without being counted. What it holds beyond that is told to the [`Budget`], in steps, so
//! that a message that passes by costs nothing here. No user and no network may hold more than half of the budget. Whoever
//! passes a bound makes the largest holders be cut off: of the user or of the network that holds too much, or of the user
//! who holds the most.
//!
//! The lock of the book is a leaf: a connection tells while it holds its own queue, and is cut off while nobody holds any.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::figures::Figures;
use super::outbox::{Outbox, SessionId};

/// Once a bound is passed, so much of it is made free, so that not every byte brings the next search.
const FREED: usize = 8;

/// The network that a connection comes from, as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network(pub u64);

impl Network {
    /// Whoever runs inside the hub.
    pub(super) const INSIDE: Self = Self(0);
}

/// What may be held, and who holds it.
#[derive(Debug)]
pub(super) struct Budget {
    is_over: AtomicBool,
    book: Mutex<Book<Weak<Outbox>>>,
    figures: Arc<Figures>,
}

impl Budget {
    pub(super) fn new(most: usize, figures: Arc<Figures>) -> Self {
        Self { is_over: AtomicBool::new(false), book: Mutex::new(Book::new(most)), figures }
    }

    /// Takes note of what a connection is counted with from now on.
    pub(super) fn count(&self, holder: &Outbox, bytes: usize) {
        let mut book = self.book.lock();
        let is_over = book.count(holder.id, &holder.user, holder.network(), bytes, || holder.myself());
        self.figures.memory_held.set(book.held as u64);
        drop(book);
        if is_over {
            self.is_over.store(true, Ordering::Relaxed);
        }
    }

    /// Cuts off the largest holders where a bound is passed. Whoever calls it holds no queue.
    pub(super) fn relieve(&self) {
        if !self.is_over.load(Ordering::Relaxed) || !self.is_over.swap(false, Ordering::Relaxed) {
            return;
        }
        let victims = self.book.lock().victims();
        for victim in victims.iter().filter_map(Weak::upgrade) {
            victim.cut_off();
        }
    }
}

/// The book of who holds what. Pure; `W` is how a holder is reached.
#[derive(Debug)]
struct Book<W> {
    most: usize,
    held: usize,
    holders: HashMap<SessionId, Holder<W>>,
    users: HashMap<Arc<str>, usize>,
    networks: HashMap<Network, usize>,
}

#[derive(Debug)]
struct Holder<W> {
    way: W,
    user: Arc<str>,
    network: Network,
    bytes: usize,
}

impl<W: Clone> Book<W> {
    fn new(most: usize) -> Self {
        let (holders, users, networks) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { most, held: 0, holders, users, networks }
    }

    /// What one user or one network may hold.
    fn share(&self) -> usize {
        self.most / 2
    }

    /// Counts a holder with so many bytes; with none it is forgotten. Says whether a bound is passed.
    fn count(
        &mut self,
        id: SessionId,
        user: &Arc<str>,
        network: Network,
        bytes: usize,
        way: impl FnOnce() -> W,
    ) -> bool {
        let before = self.holders.get(&id).map_or(0, |holder| holder.bytes);
        if bytes == 0 {
            self.holders.remove(&id);
        } else {
            let new = || Holder { way: way(), user: Arc::clone(user), network, bytes };
            self.holders.entry(id).or_insert_with(new).bytes = bytes;
        }
        self.held = self.held + bytes - before;
        let of_user = change(&mut self.users, user, before, bytes);
        let of_network = change(&mut self.networks, &network, before, bytes);
        bytes > before && (self.held > self.most || of_user.max(of_network) > self.share())
    }

    /// Whom to cut off until no bound is passed any more: of those concerned, the largest holder of the user who holds the
    /// most comes first.
    fn victims(&self) -> Vec<W> {
        let free = |bound: usize| bound - bound / FREED;
        let goal = |held: usize, bound: usize| if held > bound { held - free(bound) } else { 0 };
        let mut too_much = goal(self.held, self.most);
        let of_group = |held: &usize| goal(*held, self.share());
        let mut users: HashMap<_, _> = self.users.iter().map(|(user, held)| (user, of_group(held))).collect();
        let mut networks: HashMap<_, _> =
            self.networks.iter().map(|(network, held)| (network, of_group(held))).collect();
        let mut holders: Vec<_> = self.holders.values().collect();
        holders.sort_unstable_by_key(|holder| {
            std::cmp::Reverse((self.users.get(&holder.user).copied().unwrap_or_default(), holder.bytes))
        });
        let mut victims = Vec::new();
        for holder in holders {
            let user = users.entry(&holder.user).or_default();
            let network = networks.entry(&holder.network).or_default();
            if too_much.max(*user).max(*network) > 0 {
                victims.push(holder.way.clone());
                for left in [&mut too_much, user, network] {
                    *left = left.saturating_sub(holder.bytes);
                }
            }
        }
        victims
    }
}

/// Changes what a group holds, and forgets a group that holds nothing. Returns what it holds now.
fn change<K: Clone + Eq + std::hash::Hash>(
    groups: &mut HashMap<K, usize>,
    group: &K,
    before: usize,
    now: usize,
) -> usize {
    let held = groups.get(group).copied().unwrap_or_default() + now - before;
    if held == 0 {
        groups.remove(group);
    } else if let Some(place) = groups.get_mut(group) {
        *place = held;
    } else {
        groups.insert(group.clone(), held);
    }
    held
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 800;

    fn count(book: &mut Book<u64>, id: u64, user: &str, from: u64, bytes: usize) -> bool {
        book.count(SessionId(id), &user.into(), Network(from), bytes, || id)
    }

    #[test]
    fn what_a_stranger_to_the_rest_holds_is_cut_off_and_nobody_else() {
        let mut book = Book::new(MOST);
        assert!(!count(&mut book, 1, "honest", 1, 90));
        let over: Vec<_> = (10..20).filter(|id| count(&mut book, *id, "greedy", 2, 50)).collect();
        assert_eq!(over, [18, 19], "half of the budget is 400");
        let victims = book.victims();
        assert_eq!(victims.len(), 3, "an eighth is made free");
        assert!(!victims.contains(&1), "who holds most of all alone is not concerned");
    }

    #[test]
    fn many_accounts_of_one_network_are_one_holder() {
        let mut book = Book::new(MOST);
        count(&mut book, 1, "honest", 1, 90);
        for id in 10..20 {
            count(&mut book, id, &format!("user{id}"), 2, 50);
        }
        let victims = book.victims();
        assert!(victims.len() == 3 && !victims.contains(&1), "{victims:?}");
    }

    #[test]
    fn where_all_hold_too_much_together_the_user_who_holds_the_most_gives_way() {
        let mut book = Book::new(MOST);
        count(&mut book, 1, "honest", 1, 200);
        for id in 10..17 {
            count(&mut book, id, "greedy", 2, 50);
        }
        assert!(count(&mut book, 30, "other", 3, 300));
        assert_eq!(book.held, 850);
        let victims = book.victims();
        assert!(victims.len() == 3 && victims.iter().all(|id| (10..17).contains(id)), "{victims:?}");
    }

    #[test]
    fn who_holds_nothing_any_more_is_forgotten() {
        let mut book = Book::new(MOST);
        count(&mut book, 1, "a", 1, 100);
        count(&mut book, 1, "a", 1, 60);
        assert_eq!(book.held, 60);
        assert!(!count(&mut book, 1, "a", 1, 0));
        assert!(
            book.held == 0 && book.holders.is_empty() && book.users.is_empty() && book.networks.is_empty()
        );
    }
}
