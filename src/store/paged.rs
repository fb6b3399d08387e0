//! A map from numbers to things, for numbers that were given one after the other. Pure.
//!
//! Neighbours stand in one page, so a thing is found by a step in a small tree that stays in a near cache, and all of them are
//! gone through in the order of their numbers.

use std::collections::BTreeMap;
use std::marker::PhantomData;

/// Places of a page. Where numbers are far apart, each takes the room of so many.
const PLACES: usize = 16;

/// The map.
#[derive(Debug, Clone)]
pub(super) struct Paged<K, T> {
    pages: BTreeMap<u64, Page<T>>,
    len: usize,
    keys: PhantomData<K>,
}

#[derive(Debug, Clone)]
struct Page<T> {
    places: Box<[Option<T>]>,
    taken: usize,
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self { places: std::iter::repeat_with(|| None).take(PLACES).collect(), taken: 0 }
    }
}

impl<T> Page<T> {
    /// What stands in its places, by their numbers.
    fn things(&self, page: u64) -> impl DoubleEndedIterator<Item = (u64, &T)> {
        let things = self.places.iter().enumerate();
        things.filter_map(move |(at, thing)| Some((page * PLACES as u64 + at as u64, thing.as_ref()?)))
    }
}

impl<K, T> Default for Paged<K, T> {
    fn default() -> Self {
        Self { pages: BTreeMap::new(), len: 0, keys: PhantomData }
    }
}

/// The page of a number, and the place in it.
fn place(key: impl Into<u64>) -> (u64, usize) {
    let key = key.into();
    (key / PLACES as u64, usize::try_from(key % PLACES as u64).unwrap_or_default())
}

impl<K: Copy + Into<u64> + TryFrom<u64>, T> Paged<K, T> {
    pub(super) fn get(&self, key: K) -> Option<&T> {
        let (page, at) = place(key);
        self.pages.get(&page)?.places.get(at)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, key: K) -> Option<&mut T> {
        let (page, at) = place(key);
        self.pages.get_mut(&page)?.places.get_mut(at)?.as_mut()
    }

    pub(super) fn contains(&self, key: K) -> bool {
        self.get(key).is_some()
    }

    /// Puts a thing down. Gives the one that was there.
    pub(super) fn insert(&mut self, key: K, thing: T) -> Option<T> {
        let (page, at) = place(key);
        let page = self.pages.entry(page).or_default();
        let before = page.places.get_mut(at).and_then(|place| place.replace(thing));
        if before.is_none() {
            page.taken += 1;
            self.len += 1;
        }
        before
    }

    pub(super) fn remove(&mut self, key: K) -> Option<T> {
        let (number, at) = place(key);
        let page = self.pages.get_mut(&number)?;
        let removed = page.places.get_mut(at)?.take()?;
        page.taken -= 1;
        if page.taken == 0 {
            self.pages.remove(&number);
        }
        self.len -= 1;
        Some(removed)
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All of them, in the order of their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = (K, &T)> {
        let all = self.pages.iter().flat_map(|(number, page)| page.things(*number));
        all.filter_map(|(key, thing)| Some((K::try_from(key).ok()?, thing)))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (K, &mut T)> {
        self.pages.iter_mut().flat_map(|(number, page)| {
            let things = page.places.iter_mut().enumerate();
            let first = number * PLACES as u64;
            things
                .filter_map(move |(at, thing)| Some((K::try_from(first + at as u64).ok()?, thing.as_mut()?)))
        })
    }

    /// Those from this number on.
    pub(super) fn from(&self, key: K) -> impl Iterator<Item = (K, &T)> {
        let first = key.into();
        let all = self.pages.range(place(key).0..).flat_map(|(number, page)| page.things(*number));
        let all = all.skip_while(move |(key, _)| *key < first);
        all.filter_map(|(key, thing)| Some((K::try_from(key).ok()?, thing)))
    }

    /// Takes the first one out.
    pub(super) fn pop_first(&mut self) -> Option<(K, T)> {
        let (key, _) = self.iter().next()?;
        Some((key, self.remove(key)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone)]
    enum Step {
        Insert(u64, u8),
        Change(u64, u8),
        Remove(u64),
        PopFirst,
    }

    fn step() -> impl Strategy<Value = Step> {
        let key = || prop_oneof![4 => 0..80_u64, 1 => u64::MAX - 20..=u64::MAX];
        prop_oneof![
            4 => (key(), any::<u8>()).prop_map(|(key, thing)| Step::Insert(key, thing)),
            1 => (key(), any::<u8>()).prop_map(|(key, thing)| Step::Change(key, thing)),
            2 => key().prop_map(Step::Remove),
            1 => Just(Step::PopFirst),
        ]
    }

    proptest! {
        #[test]
        fn it_is_an_ordered_map(steps in prop::collection::vec(step(), 0..120), from in 0..90_u64) {
            let (mut map, mut twin) = (Paged::<u64, u8>::default(), BTreeMap::new());
            for step in steps {
                match step {
                    Step::Insert(key, thing) => prop_assert_eq!(map.insert(key, thing), twin.insert(key, thing)),
                    Step::Change(key, thing) => {
                        let [ours, theirs] = [map.get_mut(key), twin.get_mut(&key)].map(|place| place.map(|place| *place = thing));
                        prop_assert_eq!(ours, theirs);
                    }
                    Step::Remove(key) => prop_assert_eq!(map.remove(key), twin.remove(&key)),
                    Step::PopFirst => prop_assert_eq!(map.pop_first(), twin.pop_first()),
                }
                prop_assert_eq!((map.len(), map.is_empty()), (twin.len(), twin.is_empty()));
            }
            let all: Vec<_> = twin.iter().map(|(key, thing)| (*key, *thing)).collect();
            prop_assert_eq!(map.iter().map(|(key, thing)| (key, *thing)).collect::<Vec<_>>(), all.clone());
            prop_assert_eq!(map.iter_mut().map(|(key, thing)| (key, *thing)).collect::<Vec<_>>(), all.clone());
            let rest: Vec<_> = all.into_iter().filter(|(key, _)| *key >= from).collect();
            prop_assert_eq!(map.from(from).map(|(key, thing)| (key, *thing)).collect::<Vec<_>>(), rest);
            prop_assert!(map.pages.values().all(|page| page.taken > 0));
        }
    }
}
