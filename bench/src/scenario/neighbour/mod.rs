//! One client beside another: what an honest client notices of one that does what is dear for the hub, and is allowed.
//! First the honest one is alone, with everything in its place that the attack needs, and then as long beside the attack.

mod attack;
mod honest;
mod kind;
mod sockets;

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::anyhow;

use self::attack::Attack;
use self::honest::{Honest, Met};
pub(crate) use self::kind::Kind;
use super::{Outcome, Sizes, Stage, Watch};

/// Two users who may do what they like below their own base. The passwords are in [`ACCOUNTS`] as hashes, made by
/// `clown-hub user hash`.
const HONEST: (&str, &str) = ("honest", "honest-bench");
const ATTACKER: (&str, &str) = ("attacker", "attacker-bench");

pub(crate) const ACCOUNTS: &str = r#"
[[user]]
name = "honest"
password = "$argon2id$v=19$m=19456,t=2,p=1$RiSBOLxHWhkC8Hf0cLxiBw$ER4amI0ngwGoRIOy4iTbyELw+NCQte0El6uF1jXiZf0"
subscribe = ["honest/#"]
publish = ["honest/#"]

[[user]]
name = "attacker"
password = "$argon2id$v=19$m=19456,t=2,p=1$LxWf/JLyKTwkCQ5OxFAQVw$OOlFKhF3/+ohGGMKOrr4dNkNa+C+Du+K8mJzScG7ons"
subscribe = ["x/#"]
publish = ["x/#"]
"#;

/// The keys of a hub that is started for it: its limits are those of the default.
pub(crate) fn keys(kind: Kind, sizes: &Sizes) -> Vec<String> {
    let rate = format!("limits.messages_per_second={}", kind::ALLOWED);
    let own = kind.plan(sizes).keys.iter().map(ToString::to_string);
    ["simulator.run=off".to_owned(), "log.filter=error".to_owned(), rate].into_iter().chain(own).collect()
}

pub(crate) fn play(stage: &mut Stage<'_>) -> anyhow::Result<Outcome> {
    let kind = stage.sizes.kind.unwrap_or(Kind::Small);
    let seconds = stage.sizes.seconds.unwrap_or(10.0);
    let door = |(name, password): (&str, &str)| {
        let mut door = stage.target.door.clone();
        door.credentials = Some((name.into(), password.into()));
        door
    };
    let mut honest = Honest::join(door(HONEST))?;
    let attack = Attack::prepare(kind.plan(stage.sizes), door(ATTACKER))?;
    let quiet = honest.talk(seconds, &mut stage.progress, "alone", || {})?;

    let (stop, watch) = (AtomicBool::new(false), Watch::start(stage.target)?);
    let (beside, got, spent) = std::thread::scope(|threads| {
        let attacker = threads.spawn(|| attack.run(&stop));
        let mut spent = None;
        let beside = honest.talk(seconds, &mut stage.progress, "beside the attack", || {
            stop.store(true, Ordering::Relaxed);
            spent = Some(watch.stop(stage.target, 1));
        });
        stop.store(true, Ordering::Relaxed);
        let got = attacker.join().map_err(|_| anyhow!("the attacker's thread broke"))??;
        anyhow::Ok((beside?, got, spent.ok_or_else(|| anyhow!("the attack was not stopped"))??))
    })?;
    if let Some(words) = honest.words() {
        stage.progress.note(&format!("the hub ended the honest client's connection: {words}"));
    }
    if let Some(words) = &got.words {
        stage.progress.note(&format!("{}: the attacker was cut off at last with: {words}", kind.name()));
    }
    let frames = got.frames.max(1) as f64;
    let mut figures = of_honest(&beside, ["p50_us", "p99_us", "worst_us", "round_trips", "not_delivered"]);
    figures.extend(of_honest(
        &quiet,
        ["quiet_p50_us", "quiet_p99_us", "quiet_worst_us", "quiet_round_trips", "quiet_not_delivered"],
    ));
    figures.extend([
        ("attacker_frames_per_second", got.frames as f64 / spent.seconds),
        ("attacker_cut_offs", got.cut_offs as f64),
        ("attacker_filters", got.filters as f64),
        ("cpu_us_per_attacker_frame", spent.cpu / frames),
    ]);
    figures.extend(stage.memory()?);
    Ok(Outcome { figures, checks: honest.checks() })
}

fn of_honest(met: &Met, names: [&'static str; 5]) -> Vec<(&'static str, f64)> {
    let latency = &met.latency;
    let values = [
        latency.microseconds(0.5),
        latency.microseconds(0.99),
        latency.worst(),
        met.round_trips as f64,
        met.missing as f64,
    ];
    names.into_iter().zip(values).collect()
}
