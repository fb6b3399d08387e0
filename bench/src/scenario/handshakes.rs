//! Connections that come and go at once: what it costs to let one in, with all of its handshakes and its sign-in. Over TLS
//! first with whole handshakes, then with resumed ones.

use anyhow::ensure;

use super::{Outcome, Spent, Stage, Watch};
use crate::clock;
use crate::dialect::Side;
use crate::message::Checks;

/// Handshakes done, and how many of them were resumed.
struct Visits {
    spent: Spent,
    resumed: u64,
}

pub(crate) fn play(stage: &mut Stage<'_>) -> anyhow::Result<Outcome> {
    // The first one signs in with a hash; all others are remembered. It stays.
    stage.fleet.join("bench", Side::Dashboard, &["dev/+"])?;
    let full = visits(stage, "whole handshakes", false)?;
    let resumed = visits(stage, "resumed handshakes", true)?;
    ensure!(full.resumed == 0, "the hub resumed a session that was not offered");
    let all = full.spent.cycles + resumed.spent.cycles;
    let each = |spent: Spent| spent.cpu / spent.cycles as f64;
    let figures = vec![
        ("connect_cpu_us", each(full.spent)),
        ("connects_per_second", full.spent.cycles as f64 / full.spent.seconds),
        ("resumed_connect_cpu_us", each(resumed.spent)),
        ("resumed_per_second", resumed.spent.cycles as f64 / resumed.spent.seconds),
        ("resumed_share", resumed.resumed as f64 / resumed.spent.cycles as f64),
    ];
    let checks = Checks { sent: all, received: all, ..Checks::default() };
    Ok(Outcome { figures: figures.into_iter().chain(stage.memory()?).collect(), checks })
}

/// One after the other for as long as is measured.
fn visits(stage: &mut Stage<'_>, what: &str, resume: bool) -> anyhow::Result<Visits> {
    stage.fleet.resume_tls(resume);
    // What is resumed is a session that was there before.
    stage.fleet.visit("bench", &["dev/+"])?;
    let (watch, start, length) =
        (Watch::start(stage.target)?, clock::now(), clock::nanoseconds(stage.sizes.seconds()));
    let (mut cycles, mut resumed) = (0, 0);
    loop {
        resumed += u64::from(stage.fleet.visit("bench", &["dev/+"])?);
        cycles += 1;
        let passed = clock::now() - start;
        if passed >= length {
            return Ok(Visits { spent: watch.stop(stage.target, cycles)?, resumed });
        }
        stage.progress.at(what, passed as f64 / length as f64);
    }
}
