//! Very many last values under many bases: what each holds beside its payload, and how long a dashboard under one of
//! the bases waits until it has those of its own. Every value is published twice, as readings are, and what is held is
//! measured after each.

use std::collections::HashSet;

use anyhow::bail;

use super::{Outcome, Stage, Watch, complain};
use crate::clock;
use crate::dialect::Side;
use crate::fleet::Fleet;
use crate::latency::Latency;
use crate::message::Checks;

/// Dashboards that ask, one after the other, each under another base.
const DASHBOARDS: usize = 100;

/// Messages on their way to the hub at once.
const PIECE: usize = 5_000;

/// All bases have the same number of values, but for one more in the first ones.
struct Values {
    count: usize,
    bases: usize,
    pad: String,
}

pub(crate) fn play(stage: &mut Stage<'_>) -> anyhow::Result<Outcome> {
    let count = stage.sizes.values.unwrap_or(1_000_000);
    let bases = stage.sizes.bases.unwrap_or(10_000).min(count);
    let values = Values { count, bases, pad: "x".repeat(stage.sizes.pad()) };
    let node = stage.fleet.join("bench", Side::Node, &[])?;
    let before = stage.target.memory()?.now;
    let above_payload = |stage: &Stage<'_>| -> anyhow::Result<f64> {
        let grown = stage.target.memory()?.now.saturating_sub(before) as f64;
        Ok(grown / count as f64 - values.payload(0).len() as f64)
    };
    let first = publish(stage, node, &values)?;
    let held_first = above_payload(stage)?;
    let again = publish(stage, node, &values)?;
    let held = above_payload(stage)?;

    let (mut checks, mut waited) = (Checks::default(), Latency::default());
    let watch = Watch::start(stage.target)?;
    for n in 0..DASHBOARDS {
        let base = n * 7_919 % bases;
        let start = clock::now();
        let dashboard = stage.fleet.join(&base_name(base), Side::Dashboard, &[])?;
        checks = checks.and(snapshot(stage, dashboard, values.of(base))?);
        waited.add(clock::now() - start);
    }
    let asked = watch.stop(stage.target, DASHBOARDS as u64)?;
    let everything = stage.fleet.join("bench", Side::Dashboard, &[])?;
    let (stood_still, all) = everything_at_once(stage, node, everything, count)?;
    let figures = vec![
        ("bytes_above_payload", held),
        ("bytes_published_once", held_first),
        ("cpu_us_first", first.cpu / first.cycles as f64),
        ("cpu_us_again", again.cpu / again.cycles as f64),
        ("snapshot_p50_ms", waited.microseconds(0.5) / 1e3),
        ("snapshot_p99_ms", waited.microseconds(0.99) / 1e3),
        ("snapshot_cpu_ms", asked.cpu / 1e3 / asked.cycles as f64),
        ("values_a_snapshot", checks.received as f64 / DASHBOARDS as f64),
        ("everything_seconds", all.seconds),
        ("everything_cpu_seconds", all.cpu / 1e6),
        ("others_waited_ms", stood_still / 1e6),
    ];
    Ok(Outcome { figures: figures.into_iter().chain(stage.memory()?).collect(), checks })
}

impl Values {
    fn topic(&self, value: usize) -> String {
        format!("{:06}/{}", value % self.bases, self.topic_in_base(value))
    }

    fn topic_in_base(&self, value: usize) -> String {
        let value = value / self.bases;
        format!("thermometer-{:03}/channel-{}", value / 10, value % 10)
    }

    fn payload(&self, value: usize) -> String {
        format!("{{\"n\": {}, \"pad\": \"{}\"}}", 1_000_000_000 + value, self.pad)
    }

    /// What a dashboard under a base is to get.
    fn of(&self, base: usize) -> HashSet<String> {
        let mine = (base..self.count).step_by(self.bases);
        mine.map(|value| format!("[\"{}\", {}]", self.topic_in_base(value), self.payload(value))).collect()
    }
}

fn base_name(base: usize) -> String {
    format!("bench/{base:06}")
}

/// Publishes every value, base by base as they come in by turns, and waits until the hub has taken the last one.
fn publish(stage: &mut Stage<'_>, node: usize, values: &Values) -> anyhow::Result<super::Spent> {
    let watch = Watch::start(stage.target)?;
    for piece in (0..values.count).step_by(PIECE) {
        let last = values.count.min(piece + PIECE) - 1;
        for value in piece..=last {
            let id = if value == last { format!(", {{\"id\": {value}}}") } else { String::new() };
            let text = format!("[\"{}\", {}{id}]", values.topic(value), values.payload(value));
            stage.fleet.put(node, text.as_bytes());
        }
        stage.fleet.flush(node);
        taken(&mut stage.fleet, node, last)?;
        stage.progress.at("publishing", piece as f64 / values.count as f64);
    }
    watch.stop(stage.target, values.count as u64)
}

/// Waits for the answer to the message with this id.
fn taken(fleet: &mut Fleet, node: usize, id: usize) -> anyhow::Result<()> {
    let expected = format!("[\"clown.talk/-/publish/ok\", {{\"id\": {id}}}]");
    let (mut ok, mut refused) = (false, None);
    while !ok {
        let came = fleet.turn(&mut |client, text, _| {
            ok |= client == node && text == expected.as_bytes();
            if client == node && text.starts_with(b"[\"clown.talk/-/publish/error\"") {
                refused = Some(String::from_utf8_lossy(text).into_owned());
            }
        })?;
        if let Some(refused) = refused {
            bail!("a value was not kept: {refused}");
        }
        if !came {
            complain(fleet, 1)?;
        }
    }
    Ok(())
}

const SUBSCRIBE: &[u8] = b"[\"clown.talk/-/subscription/set\", {\"filters\": [\"#\"]}]";

/// A dashboard asks for everything under its base, and takes what comes until nothing is missing.
fn snapshot(stage: &mut Stage<'_>, dashboard: usize, mut missing: HashSet<String>) -> anyhow::Result<Checks> {
    let mut checks = Checks { sent: missing.len() as u64, ..Checks::default() };
    stage.fleet.put(dashboard, SUBSCRIBE);
    stage.fleet.flush(dashboard);
    while !missing.is_empty() {
        let came = stage.fleet.turn(&mut |client, text, _| {
            if client != dashboard || text.starts_with(b"[\"clown.talk/") {
                return;
            }
            if std::str::from_utf8(text).is_ok_and(|text| missing.remove(text)) {
                checks.received += 1;
            } else {
                checks.duplicated += 1;
            }
        })?;
        if !came {
            complain(&stage.fleet, missing.len() as u64)?;
        }
    }
    Ok(checks)
}

/// One dashboard asks for all values there are, and a message of another client right behind it waits for the hub:
/// for how many nanoseconds, and what all of it cost.
fn everything_at_once(
    stage: &mut Stage<'_>,
    node: usize,
    dashboard: usize,
    count: usize,
) -> anyhow::Result<(f64, super::Spent)> {
    let (mut came, mut answered) = (0, None);
    let watch = Watch::start(stage.target)?;
    stage.fleet.put(dashboard, SUBSCRIBE);
    stage.fleet.flush(dashboard);
    let start = clock::now();
    stage.fleet.put(node, b"[\"other/1\", 1, {\"id\": \"other\", \"retain\": false}]");
    stage.fleet.flush(node);
    // Beside the values the presence of the node, and the message behind, which may come first.
    while came < count || answered.is_none() {
        let turned = stage.fleet.turn(&mut |client, text, now| {
            if client == node {
                answered = answered.or(Some(now - start));
            } else if client == dashboard && memchr::memmem::find(text, b"/thermometer-").is_some() {
                came += 1;
            }
        })?;
        if !turned {
            complain(&stage.fleet, (count - came) as u64)?;
        }
    }
    Ok((answered.unwrap_or_default() as f64, watch.stop(stage.target, 1)?))
}
