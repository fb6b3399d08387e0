//! Many devices, a few readers of everything, and a rate: messages come one by one, evenly spaced.

use std::time::Duration;

use super::{Outcome, Stage, UNDER_WAY, Watch, latency, wait_for_all};
use crate::clock;
use crate::dialect::Side;
use crate::fleet::Fleet;
use crate::message::{Book, Message, Stamp};

pub(crate) fn play(stage: &mut Stage<'_>) -> anyhow::Result<Outcome> {
    let readers = stage.sizes.readers.unwrap_or(4);
    let devices = stage.sizes.devices.unwrap_or(1000);
    let rate = stage.sizes.rate.unwrap_or(5000);
    stage.gather(readers, |fleet, _| fleet.join("bench", Side::Dashboard, &["dev/+"]))?;
    stage.gather(devices, |fleet, _| fleet.join("bench", Side::Node, &[]))?;
    stage.fleet.tick_every(Duration::from_nanos(1_000_000_000 / rate as u64))?;
    let message = stage.message("bench", "dev/", "");
    let book = Book::new(message.clone(), readers, devices);
    let mut crowd = Crowd { message, book, readers, devices, sent: 0 };
    let seconds = stage.sizes.seconds();
    crowd.publish_for(stage, "warming up", rate, seconds / 5.0)?;
    crowd.book.latency.clear();
    let (watch, before) = (Watch::start(stage.target)?, crowd.sent);
    crowd.publish_for(stage, "measuring", rate, seconds)?;
    let spent = watch.stop(stage.target, crowd.sent - before)?;
    let mut figures = vec![
        ("cpu_us_per_publish", spent.cpu / spent.cycles as f64),
        ("publishes_per_second", spent.cycles as f64 / spent.seconds),
    ];
    figures.extend(latency(&crowd.book).into_iter().chain(stage.memory()?));
    Ok(Outcome { figures, checks: crowd.book.checks() })
}

/// Devices that take turns.
struct Crowd {
    message: Message,
    book: Book,
    readers: usize,
    devices: usize,
    sent: u64,
}

impl Crowd {
    fn publish_for(
        &mut self,
        stage: &mut Stage<'_>,
        what: &str,
        rate: usize,
        seconds: f64,
    ) -> anyhow::Result<()> {
        let (start, length) = (clock::now(), clock::nanoseconds(seconds));
        let all = (seconds * rate as f64).ceil().max(1.0);
        let mut done = 0_u64;
        loop {
            let share = ((clock::now() - start) as f64 / length.max(1) as f64).min(1.0);
            while (done as f64) < all * share && self.book.under_way() < UNDER_WAY {
                self.publish(&mut stage.fleet)?;
                done += 1;
            }
            if share >= 1.0 && done as f64 >= all {
                return wait_for_all(&mut stage.fleet, &mut self.book);
            }
            let book = &mut self.book;
            stage.fleet.turn(&mut |reader, text, now| {
                book.take(reader, text, now);
            })?;
            stage.progress.at(what, share);
        }
    }

    fn publish(&mut self, fleet: &mut Fleet) -> anyhow::Result<()> {
        let (turn, device) = (self.sent / self.devices as u64, self.sent % self.devices as u64);
        let stamp =
            Stamp { source: u32::try_from(device)?, number: u32::try_from(turn)?, sent: clock::now() };
        self.sent += 1;
        self.book.expected += self.readers as u64;
        let client = self.readers + stamp.source as usize;
        fleet.put(client, self.message.with(stamp));
        fleet.flush(client);
        Ok(())
    }
}
