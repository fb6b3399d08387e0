//! Sealing, thinning and letting go, with a file and without a clock.

use std::sync::Arc;
use std::time::Duration;

use super::answer::{Past, Wanted};
use super::grain::{MINUTES, QUARTERS, RAW};
use super::keeper::Keeper;
use super::settings::Settings;
use super::tables::Chunks;
use crate::hub::Figures;
use crate::store::tables::Tables;
use crate::talk::control::PastSeries;
use crate::topic::{Limits, Topic};

const DAY: u64 = 86_400_000;
/// The beginning of a day.
const START: u64 = 1_795_824_000_000;

struct House {
    dir: tempfile::TempDir,
    tables: Tables,
    keeper: Keeper,
    seq: u64,
    said: Vec<(u64, f64)>,
    /// Hundredths between which values jump.
    noise: u64,
}

impl House {
    fn new(settings: Settings, bytes: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tables = Tables::open(&dir.path().join("hub.db"), 1 << 30, 7).unwrap();
        let mut keeper = Keeper::new(settings, bytes, &Arc::<Figures>::default());
        keeper.load(&tables).unwrap();
        Self { dir, tables, keeper, seq: 0, said: Vec::new(), noise: 5000 }
    }

    /// A reading each so many seconds.
    fn says(&mut self, from: u64, to: u64, every: u64) {
        let topic = topic();
        let times = (from..to).step_by(usize::try_from(every).unwrap() * 1000);
        let said: Vec<_> =
            times.map(|time| (time + time % 7, (time / 1000 * 7919 % self.noise) as f64 / 100.0)).collect();
        let texts: Vec<_> = said.iter().map(|(_, value)| value.to_string()).collect();
        self.keeper.hear(said.iter().zip(&texts).map(|((time, _), text)| (&topic, *time, &**text)));
        self.said.extend(said);
    }

    fn seals(&mut self) {
        self.seq += 1;
        self.keeper.begin_sealing(self.seq);
        while self.keeper.is_sealing() {
            self.goes_on(0);
        }
    }

    fn goes_on(&mut self, wall: u64) -> bool {
        let Some(step) = self.keeper.step(&self.tables, wall).unwrap() else { return false };
        let buried = self.tables.write(false, |writing| step.write(writing)).unwrap();
        self.keeper.stepped(step, buried);
        true
    }

    /// Does what there is to do at this time.
    fn works(&mut self, wall: u64) {
        let mut idle = 0;
        while idle < 2 {
            if !self.goes_on(wall) {
                idle += 1;
                self.keeper.look_again();
            }
        }
    }

    /// A start.
    fn begins_again(&mut self) {
        self.keeper.load(&self.tables).unwrap();
    }

    fn spans(&self, tier: u64) -> usize {
        self.keeper.live().lock().spans().values().filter(|span| span.tier == tier).count()
    }

    fn tells(&self, since: u64, until: u64, points: usize, step: Option<u64>) -> Option<PastSeries> {
        let chunks = Chunks::open(&self.dir.path().join("hub.db")).unwrap();
        let past = {
            let live = self.keeper.live().lock();
            let (id, series) = live.series().first_key_value()?;
            Past::of(*id, series, "t", live.spans(), 7)
        };
        let mut damaged = 0;
        let told = past
            .tell(&Wanted { since, until, points, step }, &mut damaged, &mut |id| chunks.chunk(id))
            .unwrap();
        assert_eq!(damaged, 0);
        told
    }

    /// All that is told by a step is what a list of all readings says.
    fn is_told(&self, since: u64, until: u64, step: u64) {
        let told = self.tells(since, until, 5000, Some(step)).unwrap();
        let mut twin = std::collections::BTreeMap::<u64, Vec<f64>>::new();
        for (time, value) in self.said.iter().filter(|(time, _)| (since..=until).contains(time)) {
            twin.entry(time / step * step).or_default().push(*value);
        }
        assert_eq!(told.step, step / 1000);
        assert_eq!(told.times, twin.keys().copied().collect::<Vec<_>>());
        for (at, values) in twin.values().enumerate() {
            assert_eq!(told.count[at], values.len() as u64);
            assert!((told.min[at] - values.iter().copied().fold(f64::INFINITY, f64::min)).abs() < 1e-9);
            assert!((told.max[at] - values.iter().copied().fold(f64::NEG_INFINITY, f64::max)).abs() < 1e-9);
            assert!((told.last[at] - values.last().unwrap()).abs() < 1e-9);
            assert!((told.mean[at] - values.iter().sum::<f64>() / values.len() as f64).abs() < 1e-6);
        }
    }
}

fn topic() -> Topic {
    Topic::parse("t", &Limits::default()).unwrap()
}

#[test]
fn every_step_says_the_same_before_during_and_after_each_way_of_thinning() {
    let mut house = House::new(Settings::some(), 1 << 30);
    for hours in 0..30 {
        house.says(START + hours * DAY / 24, START + (hours + 1) * DAY / 24, 10);
        if hours == 29 {
            break;
        }
        house.seals();
    }
    let end = START + 30 * DAY / 24;
    let check = |house: &House| {
        for step in [10_000, 60_000, 900_000, 3_600_000] {
            let since = end - (step * 4000).min(30 * DAY / 24);
            house.is_told(since, end, step);
        }
    };
    check(&house);
    house.seals();
    check(&house);
    assert_eq!((house.spans(RAW), house.spans(MINUTES), house.spans(QUARTERS)), (30, 30, 0));
    house.works(end);
    assert_eq!(house.spans(QUARTERS), 1);
    check(&house);
    house.begins_again();
    check(&house);
    // A week later the readings themselves are gone, and steps are told as before.
    house.keeper.passes(end + 8 * DAY);
    house.works(end + 8 * DAY);
    assert_eq!((house.spans(RAW), house.spans(MINUTES), house.spans(QUARTERS)), (0, 30, 1));
    for step in [60_000, 900_000, 3_600_000] {
        house.is_told(end - (step * 4000).min(30 * DAY / 24), end, step);
    }
    assert_eq!(house.tells(START, end, 5000, Some(0)).unwrap().step, 60, "what is left of them");
    house.keeper.passes(end + 91 * DAY);
    house.works(end + 91 * DAY);
    assert_eq!((house.spans(RAW), house.spans(MINUTES), house.spans(QUARTERS)), (0, 0, 1));
    house.is_told(START, end, 900_000);
    house.keeper.passes(end + 1096 * DAY);
    house.works(end + 1096 * DAY);
    assert_eq!((house.spans(QUARTERS), house.keeper.live().lock().series().len()), (0, 0));
    house.begins_again();
    assert!(house.tells(START, end, 500, None).is_none());
}

#[test]
fn what_was_being_sealed_when_the_hub_died_is_neither_lost_nor_there_twice() {
    let mut house = House::new(Settings::some(), 1 << 30);
    house.says(START, START + DAY / 24, 10);
    house.keeper.begin_sealing(1);
    // The chunks are down, the span is not.
    let step = house.keeper.step(&house.tables, 0).unwrap().unwrap();
    let super::Step::Seal { id, chunks, series, row, count, .. } = step else { panic!("{step:?}") };
    let torn = super::Step::Seal { id, chunks, series, row, count, is_last: false };
    house.tables.write(false, |writing| torn.write(writing)).unwrap();
    house.is_told(START, START + DAY / 24, 60_000);
    // The log is empty here, so nothing is left; and what has no span goes.
    house.begins_again();
    assert!(house.tells(START, START + DAY, 500, None).is_none());
    assert!(house.tables.chunk_from(0).unwrap().is_some());
    house.works(START + DAY);
    assert!(house.tables.chunk_from(0).unwrap().is_none());
}

#[test]
fn where_bytes_run_out_the_oldest_readings_go_first_and_their_minutes_stay() {
    let mut house = House::new(Settings::some(), 200 << 10);
    for hours in 0..40 {
        house.says(START + hours * DAY / 24, START + (hours + 1) * DAY / 24, 1);
        house.seals();
        house.works(START + (hours + 1) * DAY / 24);
    }
    let used = house.tables.used().unwrap();
    assert!(used <= 200 << 10, "{used}");
    assert!(
        house.spans(RAW) < 40 && house.spans(MINUTES) == 40,
        "{} {}",
        house.spans(RAW),
        house.spans(MINUTES)
    );
    house.is_told(START, START + 40 * DAY / 24, 3_600_000);
}

#[test]
fn a_clock_that_jumps_to_2050_deletes_nothing() {
    let mut house = House::new(Settings::some(), 1 << 30);
    house.says(START, START + DAY / 24, 10);
    house.seals();
    house.begins_again();
    house.works(START + 24 * 365 * DAY);
    assert_eq!(house.spans(RAW), 1);
}

/// What is measured by hand: `cargo test --release --lib a_day_at_1_hz -- --ignored --nocapture`.
#[test]
#[ignore = "measures"]
fn a_day_at_1_hz() {
    let mut house = House::new(Settings { raw: Duration::from_hours(24 * 30), ..Settings::some() }, 1 << 30);
    house.noise = 9;
    for hours in 0..(7 * 12) {
        house.says(START + hours * DAY / 12, START + (hours + 1) * DAY / 12, 1);
        house.seals();
    }
    let (readings, used) = (house.said.len() as f64, house.tables.used().unwrap() as f64);
    println!("{:.2} bytes a reading", used / readings);
    for (days, points) in [(1, 500), (7, 500), (1, 5000)] {
        let began = tokio::time::Instant::now();
        let told = house.tells(START, START + days * DAY, points, None).unwrap();
        println!(
            "{days} days, {points} points: {} at {} s in {:?}",
            told.times.len(),
            told.step,
            began.elapsed()
        );
    }
}
