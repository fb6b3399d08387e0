//! Values go back to the hub in a thread of their own, beside that which reads the file: each takes about as long as the other.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::SystemTime;

use super::tables::Fault;
use crate::hub::{Hub, Restored, Restorer, Restoring};
use crate::topic::Topic;

/// Values that are handed over at once, and how often that may be ahead.
const CHUNK: usize = 1000;
const AHEAD: usize = 4;

/// What the file's last values are to the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// They come back. Values that the hub has already stay.
    GiveBack,
    /// The hub has had them, and knows better.
    LookOnly,
}

/// A value that was read, and when the hub ended that said it.
pub(super) type Found = (Restored, SystemTime);

/// What became of the values.
#[derive(Debug, Default)]
pub(super) struct Given {
    pub(super) values: u64,
    pub(super) no_room: u64,
    /// Topics whose values are others in memory now than in the file.
    pub(super) changed: Vec<Topic>,
}

impl Given {
    fn give(&mut self, hub: &mut Restorer<'_>, (restored, ended): Found) {
        match hub.restore(restored, ended) {
            Restoring::Kept => self.values += 1,
            Restoring::WentOffline(topic) => {
                self.values += 1;
                self.changed.push(topic);
            }
            Restoring::NoRoom => self.no_room += 1,
            Restoring::Older => {}
        }
    }

    fn give_all(hub: &Hub, expected: usize, found: &Receiver<Vec<Found>>) -> Self {
        let (mut given, mut hub) = (Self::default(), hub.restorer());
        for (at, chunk) in found.iter().enumerate() {
            if at == 0 {
                hub.expect(expected, chunk.iter().map(|(restored, _)| restored));
            }
            for found in chunk {
                given.give(&mut hub, found);
            }
        }
        given
    }
}

/// The way to the hub.
#[derive(Debug)]
pub(super) struct Back {
    chunk: Vec<Found>,
    to: SyncSender<Vec<Found>>,
}

impl Back {
    /// Gives a value back, soon.
    pub(super) fn give(&mut self, found: Found) {
        self.chunk.push(found);
        if self.chunk.len() == CHUNK {
            self.hand_over(CHUNK);
        }
    }

    fn hand_over(&mut self, room: usize) {
        // The other end is there until this one is gone, or has panicked, which is told when it is waited for.
        let _ = self.to.send(std::mem::replace(&mut self.chunk, Vec::with_capacity(room)));
    }
}

/// Reads, and gives back what is found; `expected` says about how much that is. Returns when all of it is with the hub.
pub(super) fn give_back<T>(
    hub: &Hub,
    expected: usize,
    read: impl FnOnce(&mut Back) -> T,
) -> Result<(T, Given), Fault> {
    thread::scope(|scope| {
        let (to, found) = sync_channel(AHEAD);
        let giving = thread::Builder::new().name("restore".to_owned());
        let giving = giving.spawn_scoped(scope, move || Given::give_all(hub, expected, &found));
        let giving = giving.map_err(|error| Fault::Other(error.to_string()))?;
        let mut back = Back { chunk: Vec::new(), to };
        let read = read(&mut back);
        back.hand_over(0);
        drop(back);
        match giving.join() {
            Ok(given) => Ok((read, given)),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
