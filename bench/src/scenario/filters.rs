//! Very many wildcard filters of which few match a message: what a publish costs, first and repeated, and what a
//! filter holds.
//!
//! Filters come in groups of M: the same four levels with other ones of them replaced by `+`, and the number of the
//! group. A message to a group matches its M filters and no other, and each of them belongs to another reader.

use super::{Outcome, Stage, Watch, latency, wait_for_all};
use crate::clock;
use crate::dialect::Side;
use crate::fleet::Fleet;
use crate::message::{Book, Stamp};

pub(crate) const LEVELS: [&str; 4] = ["house", "floor", "room", "lamp"];

pub(crate) fn play(stage: &mut Stage<'_>) -> anyhow::Result<Outcome> {
    let matches = stage.sizes.matches.unwrap_or(10);
    let groups = (stage.sizes.filters.unwrap_or(100_000) / matches).max(1);
    let readers = stage.sizes.readers.unwrap_or(100).max(matches);
    let publisher = stage.fleet.join("bench", Side::Node, &[])?;
    let before = stage.target.memory()?.now;
    stage.gather(readers, |fleet, reader| {
        let mine = (0..groups * matches).filter(|filter| filter % readers == reader);
        let filters: Vec<_> =
            mine.map(|n| filter_text(&format!("{:06}", n / matches), n % matches + 1)).collect();
        let filters: Vec<_> = filters.iter().map(String::as_str).collect();
        fleet.join("bench", Side::Dashboard, &filters)
    })?;
    let grown = stage.target.memory()?.now.saturating_sub(before) as f64;

    let mut message = stage.message("bench", &(LEVELS.join("/") + "/"), "");
    let mut book = Book::new(message.clone(), publisher + 1 + readers, groups);
    let mut sent = 0;
    let mut publish = |fleet: &mut Fleet, book: &mut Book| {
        let (turn, group) = (sent / groups, scattered(sent, groups));
        let stamp = Stamp { source: u32::try_from(group)?, number: u32::try_from(turn)?, sent: clock::now() };
        sent += 1;
        book.expected += matches as u64;
        fleet.put(publisher, message.with(stamp));
        fleet.flush(publisher);
        wait_for_all(fleet, book)
    };
    let watch = Watch::start(stage.target)?;
    for group in 0..groups {
        publish(&mut stage.fleet, &mut book)?;
        stage.progress.at("every topic once", group as f64 / groups as f64);
    }
    let first = watch.stop(stage.target, groups as u64)?;
    let needed = stage.repeat(&mut book, publish)?;
    let mut figures = vec![
        ("cpu_us_per_publish", needed.cpu / needed.cycles as f64),
        ("cpu_us_per_first_publish", first.cpu / first.cycles as f64),
        ("bytes_per_filter", grown / (groups * matches) as f64),
    ];
    figures.extend(latency(&book).into_iter().chain(stage.memory()?));
    Ok(Outcome { figures, checks: book.checks() })
}

/// Bit n of `pluses` puts a `+` in the place of level n.
pub(crate) fn filter_text(last: &str, pluses: usize) -> String {
    let level = |(n, name): (usize, &&str)| if pluses >> n & 1 == 1 { "+" } else { *name }.to_owned();
    let levels: Vec<_> = LEVELS.iter().enumerate().map(level).collect();
    format!("{}/{last}", levels.join("/"))
}

/// All numbers below `groups`, each once a turn, in no order that a cache could like.
fn scattered(sent: usize, groups: usize) -> usize {
    const PRIME: usize = 1_000_003;
    sent % groups * PRIME % groups
}
