//! The honest client: every 10 ms a message from one connection to another, whether the last one has come or not. So a
//! hub that stands still for a second is seen by a hundred messages, and not by one.

use std::time::Duration;

use crate::clock;
use crate::dialect::{Dialect, Side};
use crate::fleet::Fleet;
use crate::latency::Latency;
use crate::message::{Book, Checks, Message, Stamp};
use crate::report::Progress;
use crate::target::Door;

/// Where it stands.
pub(crate) const BASE: &str = "honest";

const PERIOD: Duration = Duration::from_millis(10);

/// How long is waited at the end for what is under way.
const PATIENCE: Duration = Duration::from_mins(1);

const READER: usize = 0;
const WRITER: usize = 1;

pub(crate) struct Honest {
    fleet: Fleet,
    message: Message,
    book: Book,
    /// When each message was sent.
    sent: Vec<u64>,
}

/// What it met in one phase.
#[derive(Debug, Clone)]
pub(crate) struct Met {
    pub(crate) latency: Latency,
    pub(crate) round_trips: u64,
    /// Messages that had not come at the end. Each counts as late as it was then.
    pub(crate) missing: u64,
}

impl Honest {
    pub(crate) fn join(door: Door) -> anyhow::Result<Self> {
        let mut fleet = Fleet::new(door, Dialect::Talk)?;
        fleet.join(BASE, Side::Dashboard, &["dev/+"])?;
        fleet.join(BASE, Side::Node, &[])?;
        fleet.tick_every(PERIOD)?;
        let message = Message::new(Dialect::Talk, BASE, "dev/", "", 16);
        let book = Book::new(message.clone(), READER + 1, 1);
        Ok(Self { fleet, message, book, sent: Vec::new() })
    }

    /// Sends for so long and calls `stop`; returns when everything has come, or nothing more is waited for.
    pub(crate) fn talk(
        &mut self,
        seconds: f64,
        progress: &mut Progress,
        what: &str,
        stop: impl FnOnce(),
    ) -> anyhow::Result<Met> {
        self.book.latency.clear();
        let (start, before) = (clock::now(), self.book.received);
        let (mut due, end) = (start, start + clock::nanoseconds(seconds));
        while due < end && !self.is_cut_off() {
            while due <= clock::now() && due < end {
                due += clock::nanoseconds(PERIOD.as_secs_f64());
                self.send()?;
            }
            self.listen()?;
            progress.at(what, (clock::now() - start) as f64 / (end - start).max(1) as f64);
        }
        stop();
        let end = clock::now();
        while self.book.under_way() > 0 && !self.is_cut_off() && clock::now() - end < patience() {
            self.listen()?;
            progress.at("waiting for what is under way", 1.0);
        }
        Ok(self.met(before))
    }

    fn send(&mut self) -> anyhow::Result<()> {
        let now = clock::now();
        let stamp = Stamp { source: 0, number: u32::try_from(self.sent.len())?, sent: now };
        self.sent.push(now);
        self.book.expected += 1;
        self.fleet.put(WRITER, self.message.with(stamp));
        self.fleet.flush(WRITER);
        Ok(())
    }

    /// Takes what has come; returns at the next tick at the latest.
    fn listen(&mut self) -> anyhow::Result<()> {
        let book = &mut self.book;
        self.fleet.turn(&mut |client, text, now| {
            if client == READER {
                book.take(READER, text, now);
            }
        })?;
        Ok(())
    }

    fn is_cut_off(&self) -> bool {
        self.fleet.any_ended().is_some()
    }

    /// Messages of one topic come in their order, so those that are missing are the last ones.
    fn met(&self, before: u64) -> Met {
        let mut latency = self.book.latency.clone();
        let missing = self.book.under_way();
        let now = clock::now();
        let latest = self.sent.iter().rev().take(usize::try_from(missing).unwrap_or(usize::MAX));
        latest.for_each(|sent| latency.add(now.saturating_sub(*sent)));
        Met { latency, round_trips: self.book.received - before, missing }
    }

    pub(crate) fn checks(&self) -> Checks {
        self.book.checks()
    }

    /// Why the hub ended one of its connections, if it did.
    pub(crate) fn words(&self) -> Option<&str> {
        self.fleet.any_ended().map(|(_, words)| words)
    }
}

fn patience() -> u64 {
    clock::nanoseconds(PATIENCE.as_secs_f64())
}
