//! Buffers that the connections of a thread lend to each other.
//!
//! Most messages come whole and are done with before another connection reads, and most writes are taken whole. So one
//! buffer for each direction serves all connections of a thread: it stays in the near caches, and an idle connection holds
//! none.

use std::cell::Cell;
use std::thread::LocalKey;

/// The place of a spare buffer.
type Place = LocalKey<Cell<Vec<u8>>>;

thread_local! {
    static READING: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static WRITING: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The buffer for the next connection that reads on this thread.
pub(crate) const FOR_READING: Spare = Spare { place: &READING, longest: 64 * 1024 };

/// The buffer for the next connection that writes on this thread.
pub(crate) const FOR_WRITING: Spare = Spare { place: &WRITING, longest: 128 * 1024 };

/// A buffer to be lent.
pub(crate) struct Spare {
    place: &'static Place,
    /// A buffer that had to grow beyond this goes back to the allocator.
    pub(crate) longest: usize,
}

impl Spare {
    /// Takes the buffer, which is empty; a new one where it is lent.
    pub(crate) fn borrow(&self) -> Vec<u8> {
        self.place.take()
    }

    /// Gives a buffer back. Its content is not needed any more.
    pub(crate) fn give_back(&self, mut buffer: Vec<u8>) {
        if buffer.capacity() <= self.longest {
            buffer.clear();
            self.place.set(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_goes_from_hand_to_hand_and_a_long_one_goes_back_to_the_allocator() {
        FOR_READING.give_back(vec![1; 1000]);
        let buffer = FOR_READING.borrow();
        assert!(buffer.is_empty() && buffer.capacity() >= 1000);
        assert_eq!(FOR_READING.borrow().capacity(), 0, "it is lent");
        FOR_READING.give_back(vec![1; FOR_READING.longest + 1]);
        assert_eq!(FOR_READING.borrow().capacity(), 0);
    }
}
