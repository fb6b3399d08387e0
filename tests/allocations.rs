//! What a message asks of the allocator: something once, and nothing for whoever receives it.
//!
//! A program of its own, because counting takes an allocator of its own. It counts by threads, so tests that run at the
//! same time do not see each other.

#![expect(clippy::unwrap_used, reason = "a test that fails says so by a panic")]

#[path = "../benches/scene/mod.rs"]
mod scene;

use allocation_counter::measure;
use clown_hub::hub::{Session, Side};

const ROUNDS: u64 = 100;

/// A node, and readers who get what it says; every queue and buffer has its size.
struct Hall {
    node: Session,
    readers: Vec<Session>,
    buffer: Vec<u8>,
    messages: Vec<String>,
}

impl Hall {
    fn with(readers: usize, burst: usize) -> Self {
        let hub = scene::hub();
        let readers = scene::audience(&hub, readers);
        let node = scene::client(&hub, "house", Side::Node);
        let mut hall = Self { node, readers, buffer: Vec::new(), messages: scene::readings(burst) };
        for _ in 0..3 {
            hall.say();
            hall.deliver();
        }
        hall
    }

    fn say(&mut self) {
        for message in &self.messages {
            scene::say(&mut self.node, message);
        }
    }

    fn deliver(&mut self) -> usize {
        self.readers.iter_mut().map(|reader| scene::drain(reader, &mut self.buffer)).sum()
    }

    /// Allocations of saying a burst, and of delivering it to all, in all rounds.
    fn count(mut self) -> (u64, u64) {
        let (mut saying, mut delivering) = (0, 0);
        let expected = self.readers.len() * self.messages.len();
        for _ in 0..ROUNDS {
            saying += measure(|| self.say()).count_total;
            let mut delivered = 0;
            delivering += measure(|| delivered = self.deliver()).count_total;
            assert_eq!(delivered, expected);
        }
        (saying, delivering)
    }
}

#[test]
fn a_message_costs_no_allocation_for_each_receiver() {
    let (few, many) = (Hall::with(10, 1).count(), Hall::with(1_000, 1).count());
    assert_eq!(few, many, "allocations of taking and of delivering, for 10 receivers and for 1,000");
    assert_eq!(many.1, 0, "allocations of delivering");
}

#[test]
fn nor_does_a_burst() {
    let (few, many) = (Hall::with(10, 32).count(), Hall::with(1_000, 32).count());
    assert_eq!(few, many, "allocations of taking and of delivering, for 10 receivers and for 1,000");
    assert_eq!(many.1, 0, "allocations of delivering");
}

#[test]
fn taking_a_message_costs_a_handful_of_allocations() {
    let (saying, _) = Hall::with(10, 1).count();
    let each = saying / ROUNDS;
    println!("{each} allocations a message");
    assert!(saying.is_multiple_of(ROUNDS), "{saying} in {ROUNDS} rounds");
    // Not nothing: that would be a counter that does not count.
    assert!((1..=6).contains(&each), "{each}");
}
