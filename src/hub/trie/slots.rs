//! Things in one piece of memory, called by a number of four bytes. A place that is given up is taken by the next
//! comer, and memory goes back when most of it, or its end, is empty.

use std::num::NonZeroU32;
use std::ops::{Index, IndexMut};

/// What a thing is called as long as it is there; its number plus one, so that none at all fits into the
/// four bytes, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Id(NonZeroU32);

impl Id {
    /// Two that are never given to a thing.
    pub(super) const RESERVED: [Self; 2] =
        [Self(NonZeroU32::MAX), Self(NonZeroU32::MIN.saturating_add(u32::MAX - 2))];

    pub(super) fn number(self) -> u32 {
        self.0.get()
    }

    fn place(self) -> usize {
        self.0.get() as usize - 1
    }
}

#[derive(Debug)]
pub(super) struct Slots<T> {
    places: Vec<Option<T>>,
    /// Those that were given up; some may lie behind the end by now.
    free: Vec<Id>,
    len: usize,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { places: Vec::new(), free: Vec::new(), len: 0 }
    }
}

impl<T> Slots<T> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.places.capacity()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter().flatten()
    }

    pub(super) fn put(&mut self, thing: T) -> Id {
        self.len += 1;
        while let Some(id) = self.free.pop() {
            if let Some(place) = self.places.get_mut(id.place()) {
                *place = Some(thing);
                return id;
            }
        }
        self.places.push(Some(thing));
        id_of(self.places.len())
    }

    pub(super) fn take(&mut self, id: Id) -> T {
        let thing = self.places.get_mut(id.place()).and_then(Option::take);
        self.len -= 1;
        if id.place() + 1 == self.places.len() {
            while let Some(None) = self.places.last() {
                self.places.pop();
            }
            shrink(&mut self.places);
        } else {
            self.free.push(id);
        }
        if self.len == 0 {
            *self = Self::default();
        }
        there(thing)
    }
}

impl<T> Index<Id> for Slots<T> {
    type Output = T;

    fn index(&self, id: Id) -> &T {
        there(self.places.get(id.place()).and_then(Option::as_ref))
    }
}

impl<T> IndexMut<Id> for Slots<T> {
    fn index_mut(&mut self, id: Id) -> &mut T {
        there(self.places.get_mut(id.place()).and_then(Option::as_mut))
    }
}

#[expect(clippy::expect_used, reason = "an id is forgotten by everybody before its place is given up")]
fn there<T>(thing: Option<T>) -> T {
    thing.expect("an id names a thing that is there")
}

#[expect(clippy::expect_used, reason = "the bounds of the hub end far below")]
fn id_of(len: usize) -> Id {
    let number = u32::try_from(len).ok().filter(|number| *number < u32::MAX - 2).and_then(NonZeroU32::new);
    Id(number.expect("fewer than four billion things"))
}

/// Not to the last byte, as the next one may come at once.
fn shrink<T>(places: &mut Vec<T>) {
    if places.capacity() / 4 > places.len() {
        places.shrink_to(places.len() * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_was_given_up_is_taken_by_the_next_comer() {
        let mut slots = Slots::default();
        let [a, b, c] = [1, 2, 3].map(|n| slots.put(n));
        assert_eq!(slots.take(b), 2);
        assert_eq!(slots.put(4), b);
        assert_eq!((slots[a], slots[b], slots[c], slots.len()), (1, 4, 3, 3));
    }

    #[test]
    fn memory_goes_back_from_the_end_and_ids_behind_it_are_not_given_out() {
        let mut slots = Slots::default();
        let ids: Vec<_> = (0..1_000).map(|n| slots.put(n)).collect();
        for id in &ids[1..] {
            slots.take(*id);
        }
        assert!(slots.places.capacity() < 100 && slots.len() == 1);
        assert_eq!(slots.put(7), ids[1]);
        assert_eq!(slots.iter().copied().collect::<Vec<_>>(), [0, 7]);
        slots.take(ids[0]);
        slots.take(ids[1]);
        assert_eq!((slots.places.capacity(), slots.free.capacity()), (0, 0));
    }
}
