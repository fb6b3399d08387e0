//! Filters that match no message beside a few that do: what a publish costs must not grow with them.
//!
//! They are no easy ones to tell apart. Each has the levels of the topics but for the last, with some of them replaced
//! by `+` in the same ways as the filters that match, so the two part only at the end.

use super::filters::{LEVELS, filter_text};
use super::{Outcome, Stage, Watch, latency, wait_for_all};
use crate::clock;
use crate::dialect::Side;
use crate::fleet::Fleet;
use crate::message::{Book, Stamp};

/// Topics that come again and again.
const REPEATED: usize = 100;

pub(crate) fn play(stage: &mut Stage<'_>) -> anyhow::Result<Outcome> {
    let matches = stage.sizes.matches.unwrap_or(10);
    let filters = stage.sizes.filters.unwrap_or(100_000);
    let holders = stage.sizes.readers.unwrap_or(100).min(filters);
    let publisher = stage.fleet.join("bench", Side::Node, &[])?;
    stage.gather(matches, |fleet, reader| {
        fleet.join("bench", Side::Dashboard, &[&filter_text("+", reader + 1)])
    })?;
    let before = stage.target.memory()?.now;
    stage.gather(holders, |fleet, holder| {
        let mine = (holder..filters).step_by(holders);
        let mine: Vec<_> =
            mine.map(|n| filter_text(&format!("x{:06}", n / matches), n % matches + 1)).collect();
        fleet.join("bench", Side::Dashboard, &mine.iter().map(String::as_str).collect::<Vec<_>>())
    })?;
    let grown = stage.target.memory()?.now.saturating_sub(before) as f64;

    let topics = clock::nanoseconds(stage.sizes.seconds()) / 50_000;
    let topics = usize::try_from(topics)?.clamp(REPEATED, 100_000);
    let mut message = stage.message("bench", &(LEVELS.join("/") + "/"), "");
    let mut book = Book::new(message.clone(), publisher + 1 + matches, topics);
    let mut publish = |fleet: &mut Fleet, book: &mut Book, topic: usize, turn: usize| {
        let stamp = Stamp { source: u32::try_from(topic)?, number: u32::try_from(turn)?, sent: clock::now() };
        book.expected += matches as u64;
        fleet.put(publisher, message.with(stamp));
        fleet.flush(publisher);
        wait_for_all(fleet, book)
    };
    let watch = Watch::start(stage.target)?;
    for topic in 0..topics {
        publish(&mut stage.fleet, &mut book, topic, 0)?;
        stage.progress.at("every topic once", topic as f64 / topics as f64);
    }
    let first = watch.stop(stage.target, topics as u64)?;
    let mut sent = REPEATED;
    let repeated = stage.repeat(&mut book, |fleet, book| {
        sent += 1;
        publish(fleet, book, (sent - 1) % REPEATED, (sent - 1) / REPEATED)
    })?;
    let mut figures = vec![
        ("cpu_us_per_publish", repeated.cpu / repeated.cycles as f64),
        ("cpu_us_per_first_publish", first.cpu / first.cycles as f64),
        ("bytes_per_filter", grown / filters as f64),
    ];
    figures.extend(latency(&book).into_iter().chain(stage.memory()?));
    Ok(Outcome { figures, checks: book.checks() })
}
