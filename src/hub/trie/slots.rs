//! Things side by side in memory, called by a number of four bytes. A place that is given up is taken by the next
//! comer, and memory goes back when its end is empty.

use std::num::NonZeroU32;
use std::ops::{Index, IndexMut};

/// What a thing is called as long as it is there; its number plus one, so that none at all fits into the
/// four bytes, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

/// In blocks, which stay where they are: a list that grows in one piece is copied each time, and leaves holes in the
/// heap that are as large as itself.
#[derive(Debug)]
pub(super) struct Slots<T> {
    /// All are full of places but the last one.
    blocks: Vec<Vec<Option<T>>>,
    /// Places that were given up; some may lie behind the end by now.
    free: Vec<Id>,
    len: usize,
}

/// Places in a block.
const BLOCK: usize = 1024;

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { blocks: Vec::new(), free: Vec::new(), len: 0 }
    }
}

impl<T> Slots<T> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// For how many things there is memory.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.blocks.iter().map(Vec::capacity).sum()
    }

    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.blocks.iter().flatten().flatten()
    }

    /// Places that are taken or were given up.
    pub(super) fn places(&self) -> usize {
        self.blocks.len().saturating_sub(1) * BLOCK + self.blocks.last().map_or(0, Vec::len)
    }

    /// What lies in so many places from this one on.
    pub(super) fn some(&self, from: usize, most: usize) -> impl Iterator<Item = &T> {
        (from..(from + most).min(self.places()))
            .filter_map(|place| self.blocks.get(place / BLOCK)?.get(place % BLOCK)?.as_ref())
    }

    pub(super) fn put(&mut self, thing: T) -> Id {
        self.len += 1;
        while let Some(id) = self.free.pop() {
            if let Some(place) = self.place_mut(id) {
                *place = Some(thing);
                return id;
            }
        }
        let number = match self.blocks.last_mut() {
            Some(last) if last.len() < BLOCK => {
                last.push(Some(thing));
                (self.blocks.len() - 1) * BLOCK + self.blocks.last().map_or(0, Vec::len)
            }
            _ => {
                // One thing alone is not to hold a whole block.
                let mut block = Vec::with_capacity(if self.blocks.is_empty() { 1 } else { BLOCK });
                block.push(Some(thing));
                self.blocks.push(block);
                (self.blocks.len() - 1) * BLOCK + 1
            }
        };
        id_of(number)
    }

    pub(super) fn take(&mut self, id: Id) -> T {
        let thing = self.place_mut(id).and_then(Option::take);
        self.len -= 1;
        self.free.push(id);
        while let Some(last) = self.blocks.last_mut() {
            while let Some(None) = last.last() {
                last.pop();
            }
            if !last.is_empty() {
                break;
            }
            self.blocks.pop();
        }
        self.forget_free();
        there(thing)
    }

    /// Forgets the places behind the end, once there are many of them.
    fn forget_free(&mut self) {
        let places = self.places();
        if self.free.len() > places {
            self.free.retain(|id| id.place() < places);
            self.free.shrink_to_fit();
        }
        if places == 0 {
            self.blocks = Vec::new();
        }
    }

    fn place(&self, id: Id) -> Option<&Option<T>> {
        self.blocks.get(id.place() / BLOCK)?.get(id.place() % BLOCK)
    }

    fn place_mut(&mut self, id: Id) -> Option<&mut Option<T>> {
        self.blocks.get_mut(id.place() / BLOCK)?.get_mut(id.place() % BLOCK)
    }
}

impl<T> Index<Id> for Slots<T> {
    type Output = T;

    fn index(&self, id: Id) -> &T {
        there(self.place(id).and_then(Option::as_ref))
    }
}

impl<T> IndexMut<Id> for Slots<T> {
    fn index_mut(&mut self, id: Id) -> &mut T {
        there(self.place_mut(id).and_then(Option::as_mut))
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
        let ids: Vec<_> = (0..10_000).map(|n| slots.put(n)).collect();
        for id in &ids[1..] {
            slots.take(*id);
        }
        assert_eq!((slots.capacity(), slots.free.len(), slots.len()), (BLOCK, 0, 1));
        assert_eq!(slots.put(7), ids[1]);
        assert_eq!(slots.iter().copied().collect::<Vec<_>>(), [0, 7]);
        slots.take(ids[0]);
        slots.take(ids[1]);
        assert_eq!((slots.capacity(), slots.free.capacity()), (0, 0));
    }
}
