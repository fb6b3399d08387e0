//! One reader stops reading while the data go on: what the hub's memory grows by, what the others notice, and whether
//! the sleeper is told what it missed.

use std::time::Duration;

use super::{Outcome, Stage, latency, wait_for_all};
use crate::clock;
use crate::dialect::Side;
use crate::fleet::Fleet;
use crate::message::{Book, Message, Stamp};

const SOURCES: u32 = 100;

/// Bursts before the sleeper falls asleep.
const WAKING_BURSTS: usize = 20;

const SKIPPED: &[u8] = b"[\"clown.talk/-/skipped\", {\"count\": ";

pub(crate) fn play(stage: &mut Stage<'_>) -> anyhow::Result<Outcome> {
    let readers = stage.sizes.readers.unwrap_or(10);
    let burst = stage.sizes.burst.unwrap_or(32);
    stage.gather(readers, |fleet, _| fleet.join("bench", Side::Dashboard, &["dev/+"]))?;
    let sleeper = stage.fleet.join("bench", Side::Dashboard, &["dev/+"])?;
    let publisher = stage.fleet.join("bench", Side::Node, &[])?;
    let mut message = stage.padded_message("bench", "dev/", "", stage.sizes.pad.unwrap_or(4000));
    let length = message.with(Stamp { source: 0, number: 0, sent: 0 }).len();
    let mut book = Book::new(message.clone(), readers, SOURCES as usize);
    let mut sent = 0;
    let shape = message.clone();
    let mut publish = |fleet: &mut Fleet, book: &mut Book| {
        for _ in 0..burst {
            let stamp = Stamp { source: sent % SOURCES, number: sent / SOURCES, sent: clock::now() };
            fleet.put(publisher, message.with(stamp));
            sent += 1;
        }
        book.expected += (readers * burst) as u64;
        fleet.flush(publisher);
        sent
    };

    // So that neither the last values nor what every reader needs count as the sleeper's.
    let mut heard = 0;
    for _ in 0..WAKING_BURSTS {
        let sent = publish(&mut stage.fleet, &mut book);
        while book.under_way() > 0 || heard < sent {
            stage.fleet.turn(&mut |reader, text, now| {
                if reader == sleeper {
                    heard += u32::from(shape.read(text).is_some());
                } else {
                    book.take(reader, text, now);
                }
            })?;
        }
    }
    stage.fleet.fall_asleep(sleeper);
    stage.target.forget_peak();
    let before = stage.target.memory()?.now;
    let mut sent = 0;
    let needed = stage.repeat(&mut book, |fleet, book| {
        sent = publish(fleet, book);
        wait_for_all(fleet, book)
    })?;
    let missed = sent - heard;
    let memory = stage.target.memory()?;

    let sleep = awaken(stage, sleeper, &shape, u64::from(missed))?;
    let mut figures = vec![
        ("peak_growth_mb", memory.peak.saturating_sub(before) as f64 / 1e6),
        ("growth_mb", memory.now.saturating_sub(before) as f64 / 1e6),
        ("passed_mb", f64::from(missed) * (length * (readers + 1)) as f64 / 1e6),
        ("cpu_us_per_delivery", needed.cpu / (needed.cycles as f64 * (readers * burst) as f64)),
        ("sleeper_sent", f64::from(missed)),
        ("sleeper_received", sleep.received as f64),
        ("sleeper_was_told", sleep.told as f64),
        ("sleeper_was_closed", f64::from(u8::from(sleep.was_closed))),
    ];
    figures.extend(latency(&book));
    let mut checks = book.checks();
    checks.disordered += sleep.disordered;
    if !sleep.was_closed {
        checks.lost += u64::from(missed).saturating_sub(sleep.received + sleep.told);
    }
    Ok(Outcome { figures, checks })
}

/// What the sleeper found when it woke.
#[derive(Debug, Default)]
struct Sleep {
    received: u64,
    /// Messages that the hub says it left out.
    told: u64,
    /// Messages older than one of the same source that came before.
    disordered: u64,
    was_closed: bool,
}

/// Has the sleeper read until it knows of every message, or was closed, or nothing comes.
fn awaken(stage: &mut Stage<'_>, sleeper: usize, shape: &Message, sent: u64) -> anyhow::Result<Sleep> {
    let mut sleep = Sleep::default();
    let mut next = vec![0; SOURCES as usize];
    let mut take = |client: usize, text: &[u8], _: u64| {
        if client == sleeper {
            sleep.take(text, shape, &mut next);
        }
        sleep.received + sleep.told
    };
    stage.fleet.awake(sleeper, &mut |client, text, now| {
        take(client, text, now);
    });
    let mut known = 0;
    while known < sent && stage.fleet.ended(sleeper).is_none() {
        let patience = Duration::from_secs(2);
        if !stage.fleet.turn_within(patience, &mut |client, text, now| known = take(client, text, now))? {
            break;
        }
    }
    sleep.was_closed = stage.fleet.ended(sleeper).is_some();
    Ok(sleep)
}

impl Sleep {
    fn take(&mut self, text: &[u8], shape: &Message, next: &mut [u32]) {
        if let Some(stamp) = shape.read(text) {
            self.received += 1;
            if let Some(next) = next.get_mut(stamp.source as usize) {
                self.disordered += u64::from(stamp.number < *next);
                *next = stamp.number + 1;
            }
        } else if let Some(count) = text.strip_prefix(SKIPPED) {
            let digits: String =
                count.iter().map(|b| char::from(*b)).take_while(char::is_ascii_digit).collect();
            self.told += digits.parse::<u64>().unwrap_or(0);
        }
    }
}
