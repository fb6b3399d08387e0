//! What can be done to a hub: one scenario a file, and what they share.

mod fanin;
mod fanout;
mod filters;
mod handshakes;
mod idle;
mod mixed;
mod neighbour;
mod retained;
mod roundtrip;
mod stall;
mod unmatched;

pub(crate) use self::neighbour::Kind;

use std::fmt;

use anyhow::bail;
use clap::{Args, ValueEnum};

use crate::arguments::Mistake;
use crate::clock;
use crate::fleet::Fleet;
use crate::message::{Book, Checks, Message};
use crate::report::Progress;
use crate::target::Target;

/// Limits that would end a measurement rather than be measured.
const LIFTED: [&str; 8] = [
    "simulator.run=off",
    "log.filter=error",
    "limits.messages_per_second=0",
    "limits.connections=100000",
    "limits.handshakes=100000",
    "limits.filters=100000",
    "retained.topics=10000000",
    "retained.bytes=1099511627776",
];

/// What is done to a hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    Fanout,
    Fanin,
    Roundtrip,
    Idle,
    Handshakes,
    Filters,
    Retained,
    Unmatched,
    Stall,
    Mixed,
    Neighbour,
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fanout => "fanout",
            Self::Fanin => "fanin",
            Self::Roundtrip => "roundtrip",
            Self::Idle => "idle",
            Self::Handshakes => "handshakes",
            Self::Filters => "filters",
            Self::Retained => "retained",
            Self::Unmatched => "unmatched",
            Self::Stall => "stall",
            Self::Mixed => "mixed",
            Self::Neighbour => "neighbour",
        })
    }
}

impl Scenario {
    /// The keys that are set of a hub that is started for it.
    pub(crate) fn keys(self, sizes: &Sizes) -> Vec<String> {
        match (self, sizes.kind) {
            (Self::Neighbour, Some(kind)) => neighbour::keys(kind, sizes),
            _ => LIFTED.map(str::to_owned).to_vec(),
        }
    }

    /// The accounts of a hub that is started for it; without them it is the demo.
    pub(crate) fn accounts(self) -> Option<&'static str> {
        (self == Self::Neighbour).then_some(neighbour::ACCOUNTS)
    }

    pub(crate) fn play(self, stage: &mut Stage<'_>) -> anyhow::Result<Outcome> {
        match self {
            Self::Fanout => fanout::play(stage),
            Self::Fanin => fanin::play(stage),
            Self::Roundtrip => roundtrip::play(stage),
            Self::Idle => idle::play(stage),
            Self::Handshakes => handshakes::play(stage),
            Self::Filters => filters::play(stage),
            Self::Retained => retained::play(stage),
            Self::Unmatched => unmatched::play(stage),
            Self::Stall => stall::play(stage),
            Self::Mixed => mixed::play(stage),
            Self::Neighbour => neighbour::play(stage),
        }
    }
}

/// How much of it; what is not given is the scenario's own choice.
#[derive(Debug, Clone, Args)]
pub(crate) struct Sizes {
    /// Connections that read [fanout: 1000, fanin: 4, filters and unmatched: 100, stall: 10, mixed: 5,
    /// neighbour, holders of filters: 50]
    #[arg(long, value_name = "N", value_parser = count(1, 100_000))]
    readers: Option<usize>,
    /// Connections that publish, or do nothing [fanin: 1000, idle: 10000, mixed: 200]
    #[arg(long, value_name = "N", value_parser = count(1, 100_000))]
    devices: Option<usize>,
    /// Messages published at once [fanout: 1, stall: 32, neighbour, frames in one message: 10000]
    #[arg(long, value_name = "B", value_parser = count(1, 10_000))]
    burst: Option<usize>,
    /// Messages under way at once: as many as go, and readers look every few milliseconds [fanout: each burst is waited for]
    #[arg(long, hide_short_help = true, value_name = "N", value_parser = count(1, 100_000))]
    window: Option<usize>,
    /// Messages a second [fanin: 5000]
    #[arg(long, hide_short_help = true, value_name = "N", value_parser = count(1, 1_000_000))]
    rate: Option<usize>,
    /// Filters of all readers together [filters and unmatched: 100000; neighbour, of each: 1000]
    #[arg(long, value_name = "F", value_parser = count(1, 5_000_000))]
    filters: Option<usize>,
    /// How many of them, or beside them, match a message, at most 15 [10]
    #[arg(long, hide_short_help = true, value_name = "M", value_parser = count(1, 15))]
    matches: Option<usize>,
    /// Last values [retained: 1000000, neighbour: 99000]
    #[arg(long, hide_short_help = true, value_name = "V", value_parser = count(1, 5_000_000))]
    values: Option<usize>,
    /// Base topics under which they are [retained: 10000]
    #[arg(long, hide_short_help = true, value_name = "N", value_parser = count(1, 100_000))]
    bases: Option<usize>,
    /// Bytes added to every message [stall: 4000, neighbour: 1 MiB, else 16]
    #[arg(long, hide_short_help = true, value_name = "BYTES", value_parser = count(0, 1_048_576))]
    pad: Option<usize>,
    /// What the neighbour does, as --help lists it [all of them in turn]
    #[arg(long, hide_short_help = true, value_enum)]
    kind: Option<Kind>,
    /// How long is measured [mixed: 20, neighbour: 10, else 3]
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<f64>,
}

fn count(least: u32, most: u32) -> impl clap::builder::TypedValueParser<Value = usize> {
    use clap::builder::TypedValueParser;
    clap::value_parser!(u32).range(i64::from(least)..=i64::from(most)).map(|n| n as usize)
}

impl Sizes {
    /// The same with one of them set by its name.
    pub(crate) fn with(&self, name: &str, value: usize) -> anyhow::Result<Self> {
        let mut sizes = self.clone();
        let size = match name {
            "readers" => &mut sizes.readers,
            "devices" => &mut sizes.devices,
            "burst" => &mut sizes.burst,
            "rate" => &mut sizes.rate,
            "filters" => &mut sizes.filters,
            "matches" => &mut sizes.matches,
            "pad" => &mut sizes.pad,
            _ => return Err(Mistake::new(format!("{name} is no size that can grow")).into()),
        };
        *size = Some(value);
        Ok(sizes)
    }

    /// The same for one kind of neighbour.
    pub(crate) fn of_kind(&self, kind: Kind) -> Self {
        Self { kind: Some(kind), ..self.clone() }
    }

    pub(crate) fn kind(&self) -> Option<Kind> {
        self.kind
    }

    fn seconds(&self) -> f64 {
        self.seconds.unwrap_or(3.0)
    }

    fn pad(&self) -> usize {
        self.pad.unwrap_or(16)
    }
}

/// What one round found. The names of figures say their units.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) figures: Vec<(&'static str, f64)>,
    pub(crate) checks: Checks,
}

impl Outcome {
    pub(crate) fn figure(&self, name: &str) -> Option<f64> {
        self.figures.iter().find(|(other, _)| *other == name).map(|(_, value)| *value)
    }
}

/// Where a scenario is played: the hub, its clients, and the sizes.
pub(crate) struct Stage<'a> {
    sizes: &'a Sizes,
    target: &'a Target,
    fleet: Fleet,
    progress: Progress,
}

/// Deliveries under way from which on a rate is not kept up, so that a generator that was kept waiting does not send
/// all at once what it has missed.
const UNDER_WAY: u64 = 500;

/// What the hub needed for so many cycles.
#[derive(Debug, Clone, Copy)]
struct Spent {
    /// Microseconds of CPU.
    cpu: f64,
    seconds: f64,
    cycles: u64,
}

/// A stopwatch for the wall and for the hub's CPU time.
struct Watch {
    cpu: u64,
    wall: u64,
}

impl Watch {
    fn start(target: &Target) -> anyhow::Result<Self> {
        Ok(Self { cpu: target.cpu()?, wall: clock::now() })
    }

    fn stop(&self, target: &Target, cycles: u64) -> anyhow::Result<Spent> {
        let cpu = target.cpu()?.saturating_sub(self.cpu) as f64 / 1e3;
        Ok(Spent { cpu, seconds: (clock::now() - self.wall) as f64 / 1e9, cycles })
    }
}

impl<'a> Stage<'a> {
    pub(crate) fn new(sizes: &'a Sizes, target: &'a Target, progress: Progress) -> anyhow::Result<Self> {
        Ok(Self { sizes, target, fleet: Fleet::new(target.door.clone(), target.dialect)?, progress })
    }

    /// A message to a topic below the base, as this hub is told it.
    fn message(&self, base: &str, before: &str, after: &str) -> Message {
        self.padded_message(base, before, after, self.sizes.pad())
    }

    fn padded_message(&self, base: &str, before: &str, after: &str, pad: usize) -> Message {
        Message::new(self.target.dialect, base, before, after, pad)
    }

    /// Lets `count` clients in, each as `join` does it for its number.
    fn gather(
        &mut self,
        count: usize,
        mut join: impl FnMut(&mut Fleet, usize) -> anyhow::Result<usize>,
    ) -> anyhow::Result<()> {
        for number in 0..count {
            join(&mut self.fleet, number)?;
            self.progress.at("connecting", number as f64 / count as f64);
        }
        Ok(())
    }

    /// Repeats a cycle for some time to warm up, and then for the time that is measured.
    fn repeat(
        &mut self,
        book: &mut Book,
        mut cycle: impl FnMut(&mut Fleet, &mut Book) -> anyhow::Result<()>,
    ) -> anyhow::Result<Spent> {
        let seconds = self.sizes.seconds();
        self.cycles("warming up", seconds / 5.0, book, &mut cycle)?;
        book.latency.clear();
        let watch = Watch::start(self.target)?;
        let cycles = self.cycles("measuring", seconds, book, &mut cycle)?;
        watch.stop(self.target, cycles)
    }

    fn cycles(
        &mut self,
        what: &str,
        seconds: f64,
        book: &mut Book,
        cycle: &mut impl FnMut(&mut Fleet, &mut Book) -> anyhow::Result<()>,
    ) -> anyhow::Result<u64> {
        let (start, length) = (clock::now(), clock::nanoseconds(seconds));
        let mut cycles = 0;
        loop {
            cycle(&mut self.fleet, book)?;
            cycles += 1;
            let passed = clock::now() - start;
            if passed >= length {
                return Ok(cycles);
            }
            self.progress.at(what, passed as f64 / length as f64);
        }
    }

    /// The figures that every scenario has about memory.
    fn memory(&self) -> anyhow::Result<[(&'static str, f64); 2]> {
        let memory = self.target.memory()?;
        Ok([("rss_mb", memory.now as f64 / 1e6), ("peak_rss_mb", memory.peak as f64 / 1e6)])
    }
}

/// Half, all but one in a hundred, all but one in a thousand.
fn latency(book: &Book) -> [(&'static str, f64); 3] {
    let of = |share| book.latency.microseconds(share);
    [("p50_us", of(0.5)), ("p99_us", of(0.99)), ("p999_us", of(0.999))]
}

/// Takes what comes until everything that was expected has come.
fn wait_for_all(fleet: &mut Fleet, book: &mut Book) -> anyhow::Result<()> {
    while book.under_way() > 0 {
        let came = fleet.turn(&mut |reader, text, now| {
            book.take(reader, text, now);
        })?;
        if !came {
            complain(fleet, book.under_way())?;
        }
    }
    Ok(())
}

fn complain(fleet: &Fleet, missing: u64) -> anyhow::Result<()> {
    if let Some((client, words)) = fleet.any_ended() {
        bail!("the hub closed connection {client}: {words}");
    }
    bail!("{missing} deliveries did not come within 20 s");
}
