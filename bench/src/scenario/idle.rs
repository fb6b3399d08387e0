//! Connections that do nothing: what each one holds and cost to let in, what all of them cost by the second, and what
//! a message to one of them costs.

use std::time::Duration;

use super::{Outcome, Stage, Watch, latency, wait_for_all};
use crate::clock;
use crate::dialect::Side;
use crate::message::{Book, Stamp};

pub(crate) fn play(stage: &mut Stage<'_>) -> anyhow::Result<Outcome> {
    let devices = stage.sizes.devices.unwrap_or(10_000);
    // The first one signs in with a hash; all others are remembered.
    let publisher = stage.fleet.join("bench", Side::Node, &[])?;
    let reader = stage.fleet.join("bench", Side::Dashboard, &["dev/+"])?;
    let before = stage.target.memory()?.now;
    let watch = Watch::start(stage.target)?;
    stage.gather(devices, |fleet, number| {
        fleet.join("bench/1", Side::Dashboard, &[&format!("dev/{number:06}")])
    })?;
    let joined = watch.stop(stage.target, devices as u64)?;
    rest(stage, Duration::from_millis(300))?;
    let grown = stage.target.memory()?.now.saturating_sub(before) as f64;

    let watch = Watch::start(stage.target)?;
    rest(stage, Duration::from_secs_f64(stage.sizes.seconds()))?;
    let rested = watch.stop(stage.target, 1)?;

    let mut message = stage.message("bench", "dev/", "");
    let mut book = Book::new(message.clone(), reader + 1, 1);
    let mut number = 0;
    let spent = stage.repeat(&mut book, |fleet, book| {
        fleet.put(publisher, message.with(Stamp { source: 0, number, sent: clock::now() }));
        number += 1;
        book.expected += 1;
        fleet.flush(publisher);
        wait_for_all(fleet, book)
    })?;
    let mut figures = vec![
        ("bytes_per_connection", grown / devices as f64),
        ("connect_cpu_us", joined.cpu / joined.cycles as f64),
        ("idle_cpu_ms_per_second", rested.cpu / 1e3 / rested.seconds),
        ("cpu_us_per_message", spent.cpu / spent.cycles as f64),
    ];
    figures.extend(latency(&book).into_iter().chain(stage.memory()?));
    Ok(Outcome { figures, checks: book.checks() })
}

/// Nothing happens but that pings are answered.
fn rest(stage: &mut Stage<'_>, length: Duration) -> anyhow::Result<()> {
    let (start, length) = (clock::now(), clock::nanoseconds(length.as_secs_f64()));
    loop {
        let passed = clock::now() - start;
        if passed >= length {
            return Ok(());
        }
        stage.fleet.turn_within(Duration::from_millis(100), &mut |_, _, _| {})?;
        stage.progress.at("resting", passed as f64 / length as f64);
    }
}
