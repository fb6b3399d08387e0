//! One publisher, many readers: a burst is published when all of the last one has come to everybody; or, with a window, as much as goes.

use std::thread;
use std::time::Duration;

use super::{Outcome, Stage, complain, latency, wait_for_all};
use crate::clock;
use crate::dialect::Side;
use crate::fleet::Fleet;
use crate::message::{Book, Stamp};

/// How long readers let messages gather where there is a window, so that reading costs the generator little and leaves the cores to the hub.
const GATHERING: Duration = Duration::from_millis(4);

pub(crate) fn play(stage: &mut Stage<'_>) -> anyhow::Result<Outcome> {
    let readers = stage.sizes.readers.unwrap_or(1000);
    let (burst, window) = (stage.sizes.burst.unwrap_or(1), stage.sizes.window);
    stage.gather(readers, |fleet, _| fleet.join("bench", Side::Dashboard, &["dev/+"]))?;
    let publisher = stage.fleet.join("bench", Side::Node, &[])?;
    let mut message = stage.message("bench", "dev/", "");
    let mut book = Book::new(message.clone(), readers, 1);
    let mut number = 0;
    let spent = stage.repeat(&mut book, |fleet, book| {
        let mut publish = |fleet: &mut Fleet, book: &mut Book, sent| {
            fleet.put(publisher, message.with(Stamp { source: 0, number, sent }));
            number += 1;
            book.expected += readers as u64;
        };
        let Some(window) = window else {
            let sent = clock::now();
            for _ in 0..burst {
                publish(fleet, book, sent);
            }
            fleet.flush(publisher);
            return wait_for_all(fleet, book);
        };
        while book.under_way() + (readers as u64) <= (readers * window) as u64 {
            publish(fleet, book, clock::now());
        }
        fleet.flush(publisher);
        thread::sleep(GATHERING);
        let came = fleet.turn(&mut |reader, text, now| {
            book.take(reader, text, now);
        })?;
        if came { Ok(()) } else { complain(fleet, book.under_way()) }
    })?;
    // With a window some are under way at the end.
    let of_bursts = spent.cycles as f64 * (readers * burst) as f64;
    let deliveries = if window.is_some() { book.latency.count() as f64 } else { of_bursts };
    wait_for_all(&mut stage.fleet, &mut book)?;
    let mut figures = vec![
        ("cpu_us_per_delivery", spent.cpu / deliveries),
        ("deliveries_per_second", deliveries / spent.seconds),
    ];
    if window.is_none() {
        figures.extend(latency(&book));
    }
    figures.extend(stage.memory()?);
    Ok(Outcome { figures, checks: book.checks() })
}
