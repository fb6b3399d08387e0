//! A map with a bound, for what expires.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

use tokio::time::Instant;

/// What is worth keeping for some time only.
pub(super) trait Expires {
    /// When it expires.
    fn until(&self) -> Instant;

    /// Whether it is worth nothing any more.
    fn is_over(&self, now: Instant) -> bool {
        self.until() <= now
    }
}

/// At most so many values by key. Nobody has to sweep it to keep the bound.
pub(super) struct Bounded<K, V> {
    most: usize,
    map: HashMap<K, V>,
}

impl<K: Hash + Eq + Clone, V: Expires> Bounded<K, V> {
    /// An empty map for at most `most` values.
    pub(super) fn new(most: usize) -> Self {
        Self { most, map: HashMap::new() }
    }

    /// The value of a key, if it is not over.
    pub(super) fn get<Q>(&self, key: &Q, now: Instant) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.map.get(key).filter(|value| !value.is_over(now))
    }

    /// As [`get`](Self::get), to change it.
    pub(super) fn get_mut(&mut self, key: &K, now: Instant) -> Option<&mut V> {
        self.map.get_mut(key).filter(|value| !value.is_over(now))
    }

    /// The value of a key, whether or not it is over.
    pub(super) fn peek(&self, key: &K) -> Option<&V> {
        self.map.get(key)
    }

    /// All values, also those that are over.
    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.map.values()
    }

    /// The key whose value has the lowest rank, as [`lowest`] finds it.
    pub(super) fn lowest<R: Ord>(&self, rank: impl Fn(&V) -> Option<R>) -> Option<K> {
        lowest(&self.map, rank)
    }

    /// Puts a value back that should not have left.
    pub(super) fn put_back(&mut self, key: K, value: V) {
        self.map.insert(key, value);
    }

    /// Whether there is a value of this key, also one that is over.
    pub(super) fn has(&self, key: &K) -> bool {
        self.map.contains_key(key)
    }

    /// Takes out all values that are chosen.
    pub(super) fn take_where(&mut self, is_chosen: impl Fn(&V) -> bool) -> Vec<V> {
        self.map.extract_if(|_, value| is_chosen(value)).map(|(_, value)| value).collect()
    }

    /// Takes a value out, whether or not it is over.
    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        self.map.remove(key)
    }

    /// Puts a value in and gives back what had to leave the map for it. Where the map is full, all that is over leaves;
    /// if nothing is over, the value leaves that `gives_way` names. If it names none, there is no room, and the new value
    /// comes back.
    pub(super) fn put(
        &mut self,
        key: K,
        value: V,
        now: Instant,
        gives_way: impl FnOnce(&HashMap<K, V>) -> Option<K>,
    ) -> Vec<V> {
        let mut left = Vec::new();
        if self.map.len() >= self.most && !self.map.contains_key(&key) {
            left = self.sweep(now);
            if self.map.len() >= self.most {
                left.extend(gives_way(&self.map).and_then(|key| self.map.remove(&key)));
            }
            if self.map.len() >= self.most {
                left.push(value);
                return left;
            }
        }
        left.extend(self.map.insert(key, value));
        left
    }

    /// Takes out all that is over.
    pub(super) fn sweep(&mut self, now: Instant) -> Vec<V> {
        self.take_where(|value| value.is_over(now))
    }

    /// When the next value expires.
    pub(super) fn next_end(&self) -> Option<Instant> {
        self.map.values().map(Expires::until).min()
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.map.len()
    }
}

/// The key whose value has the lowest rank. Values without a rank are not looked at.
pub(super) fn lowest<K: Clone, V, R: Ord>(map: &HashMap<K, V>, rank: impl Fn(&V) -> Option<R>) -> Option<K> {
    let ranked = map.iter().filter_map(|(key, value)| Some((rank(value)?, key)));
    ranked.min_by(|(one, _), (other, _)| one.cmp(other)).map(|(_, key)| key.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[derive(Debug, PartialEq)]
    struct Until(Instant);

    impl Expires for Until {
        fn until(&self) -> Instant {
            self.0
        }
    }

    #[test]
    fn what_is_over_leaves_first_then_what_gives_way_and_else_the_newcomer() {
        let start = Instant::now();
        let at = |seconds| Until(start + Duration::from_secs(seconds));
        let mut map = Bounded::new(2);
        let first = |map: &HashMap<_, Until>| lowest(map, |value| Some(value.0));
        assert_eq!(map.put("a", at(10), start, first), []);
        assert_eq!(map.put("b", at(20), start, first), []);
        assert_eq!(map.put("b", at(30), start, first), [at(20)], "a key that is there needs no room");
        assert_eq!(map.put("c", at(40), start, first), [at(10)], "the first to expire");
        assert_eq!(map.put("d", at(50), at(30).0, |_| None), [at(30)], "what is over");
        assert_eq!(map.put("e", at(60), at(30).0, |_| None), [at(60)], "no room");
        assert_eq!((map.len(), map.next_end()), (2, Some(at(40).0)));
        assert!(map.get("c", at(39).0).is_some() && map.get("c", at(40).0).is_none());
        assert_eq!(Bounded::new(0).put("a", at(1), start, first), [at(1)]);
    }
}
