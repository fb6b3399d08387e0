//! One publisher, many readers: a burst is published when all of the last one has come to everybody.

use super::{Outcome, Stage, latency, wait_for_all};
use crate::clock;
use crate::dialect::Side;
use crate::message::{Book, Stamp};

pub(crate) fn play(stage: &mut Stage<'_>) -> anyhow::Result<Outcome> {
    let readers = stage.sizes.readers.unwrap_or(1000);
    let burst = stage.sizes.burst.unwrap_or(1);
    stage.gather(readers, |fleet, _| fleet.join("bench", Side::Dashboard, &["dev/+"]))?;
    let publisher = stage.fleet.join("bench", Side::Node, &[])?;
    let mut message = stage.message("bench", "dev/", "");
    let mut book = Book::new(message.clone(), readers, 1);
    let mut number = 0;
    let spent = stage.repeat(&mut book, |fleet, book| {
        let sent = clock::now();
        for _ in 0..burst {
            fleet.put(publisher, message.with(Stamp { source: 0, number, sent }));
            number += 1;
        }
        book.expected += (readers * burst) as u64;
        fleet.flush(publisher);
        wait_for_all(fleet, book)
    })?;
    let deliveries = spent.cycles as f64 * (readers * burst) as f64;
    let mut figures = vec![
        ("cpu_us_per_delivery", spent.cpu / deliveries),
        ("deliveries_per_second", deliveries / spent.seconds),
    ];
    figures.extend(latency(&book).into_iter().chain(stage.memory()?));
    Ok(Outcome { figures, checks: book.checks() })
}
