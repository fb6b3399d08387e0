//! A map from numbers to things, for numbers that were given one after the other. Pure.
//!
//! Neighbours stand in one page. So a thing is found without a search, and all of them are gone through in the order of their
//! numbers.

use std::collections::BTreeMap;
use std::marker::PhantomData;

/// Places of a page. Where numbers are far apart, each takes the room of so many.
const PLACES: usize = 16;
/// Pages of numbers below a million or so stand in a table.
const NEAR: usize = 1 << 16;

/// The map.
#[derive(Debug, Clone)]
pub(super) struct Paged<K, T> {
    near: Vec<Option<Box<Page<T>>>>,
    /// Before this one the table has no page.
    first: usize,
    far: BTreeMap<u64, Box<Page<T>>>,
    len: usize,
    keys: PhantomData<K>,
}

#[derive(Debug, Clone)]
struct Page<T> {
    taken: usize,
    places: [Option<T>; PLACES],
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self { taken: 0, places: std::array::from_fn(|_| None) }
    }
}

impl<K, T> Default for Paged<K, T> {
    fn default() -> Self {
        Self { near: Vec::new(), first: 0, far: BTreeMap::new(), len: 0, keys: PhantomData }
    }
}

/// The page of a number, and the place in it.
fn place(key: impl Into<u64>) -> (u64, usize) {
    let key = key.into();
    (key / PLACES as u64, usize::try_from(key % PLACES as u64).unwrap_or_default())
}

/// Where in the table a page is, if it is there.
fn near(page: u64) -> Option<usize> {
    usize::try_from(page).ok().filter(|page| *page < NEAR)
}

/// The number of a place.
fn key<K: TryFrom<u64>>(page: u64, at: usize) -> Option<K> {
    K::try_from(page * PLACES as u64 + at as u64).ok()
}

impl<K: Copy + Into<u64> + TryFrom<u64>, T> Paged<K, T> {
    pub(super) fn get(&self, key: K) -> Option<&T> {
        let (page, at) = place(key);
        let page = match near(page) {
            Some(near) => self.near.get(near)?.as_ref(),
            None => self.far.get(&page),
        };
        page?.places.get(at)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, key: K) -> Option<&mut T> {
        let (page, at) = place(key);
        let page = match near(page) {
            Some(near) => self.near.get_mut(near)?.as_mut(),
            None => self.far.get_mut(&page),
        };
        page?.places.get_mut(at)?.as_mut()
    }

    pub(super) fn contains(&self, key: K) -> bool {
        self.get(key).is_some()
    }

    /// Puts a thing down. Gives the one that was there.
    pub(super) fn insert(&mut self, key: K, thing: T) -> Option<T> {
        let (page, at) = place(key);
        let page = match near(page) {
            Some(near) => {
                if near >= self.near.len() {
                    self.near.resize_with(near + 1, || None);
                }
                self.first = self.first.min(near);
                self.near.get_mut(near)?.get_or_insert_default()
            }
            None => self.far.entry(page).or_default(),
        };
        let before = page.places.get_mut(at)?.replace(thing);
        if before.is_none() {
            page.taken += 1;
            self.len += 1;
        }
        before
    }

    pub(super) fn remove(&mut self, key: K) -> Option<T> {
        let (number, at) = place(key);
        let near = near(number);
        let page = match near {
            Some(near) => self.near.get_mut(near)?.as_mut(),
            None => self.far.get_mut(&number),
        }?;
        let removed = page.places.get_mut(at)?.take()?;
        page.taken -= 1;
        if page.taken == 0 {
            match near {
                Some(near) => self.near.get_mut(near).into_iter().for_each(|page| *page = None),
                None => drop(self.far.remove(&number)),
            }
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
        self.of_pages_from(0)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (K, &mut T)> {
        let near = (0..).zip(&mut self.near).filter_map(|(number, page)| Some((number, page.as_mut()?)));
        let far = self.far.iter_mut().map(|(number, page)| (*number, page));
        near.chain(far).flat_map(|(number, page)| {
            let things = page.places.iter_mut().enumerate();
            things.filter_map(move |(at, thing)| Some((key(number, at)?, thing.as_mut()?)))
        })
    }

    /// Those from this number on.
    pub(super) fn from(&self, first: K) -> impl Iterator<Item = (K, &T)> {
        let first = first.into();
        self.of_pages_from(place(first).0).skip_while(move |(key, _)| (*key).into() < first)
    }

    fn of_pages_from(&self, first: u64) -> impl Iterator<Item = (K, &T)> {
        let skipped = near(first).unwrap_or(NEAR).max(self.first);
        let near = (0..).zip(&self.near).skip(skipped);
        let near = near.filter_map(|(number, page)| Some((number, page.as_ref()?)));
        let far = self.far.range(first..).map(|(number, page)| (*number, page));
        near.chain(far).flat_map(|(number, page)| {
            let things = page.places.iter().enumerate();
            things.filter_map(move |(at, thing)| Some((key(number, at)?, thing.as_ref()?)))
        })
    }

    /// Takes the first one out.
    pub(super) fn pop_first(&mut self) -> Option<(K, T)> {
        // What was taken out before is not passed again and again.
        self.first += self.near.iter().skip(self.first).take_while(|page| page.is_none()).count();
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
        let edge = (NEAR * PLACES) as u64;
        let key = || prop_oneof![8 => 0..80_u64, 1 => u64::MAX - 20..=u64::MAX, 1 => edge - 9..edge + 9];
        prop_oneof![
            4 => (key(), any::<u8>()).prop_map(|(key, thing)| Step::Insert(key, thing)),
            1 => (key(), any::<u8>()).prop_map(|(key, thing)| Step::Change(key, thing)),
            2 => key().prop_map(Step::Remove),
            1 => Just(Step::PopFirst),
        ]
    }

    proptest! {
        #[test]
        fn it_is_an_ordered_map(steps in prop::collection::vec(step(), 0..120), from in prop_oneof![0..90_u64, any::<u64>()]) {
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
            prop_assert!(map.near.iter().flatten().chain(map.far.values()).all(|page| page.taken > 0));
        }
    }
}
