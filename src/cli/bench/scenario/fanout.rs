//! One publisher, many readers: a burst is published when all of the last one has come to everybody.

use super::super::clock;
use super::super::fleet::Side;
use super::super::message::{Book, Message, Stamp};
use super::{Outcome, Stage, latency, wait_for_all};

pub(super) fn play(stage: &mut Stage<'_>) -> anyhow::Result<Outcome> {
    let readers = stage.sizes.readers.unwrap_or(1000);
    let burst = stage.sizes.burst.unwrap_or(1);
    let config = r#"{"filters": ["dev/+"], "retained": false}"#;
    stage.gather(readers, |fleet, _| fleet.join("bench", Side::Dashboard, config))?;
    let publisher = stage.fleet.join("bench", Side::Node, r#"{"filters": []}"#)?;
    let mut message = Message::new("dev/", "", stage.sizes.pad());
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
