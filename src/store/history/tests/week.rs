//! A week of a house: what is measured by hand.

use std::time::Duration;

use super::{DAY, House, START, heard};
use crate::store::history::answer::{Past, Wanted};
use crate::store::history::grain::RAW;
use crate::store::history::settings::Settings;
use crate::store::history::tables::Chunks;
use crate::topic::{Limits, Topic};

/// One payload of a sensor of a house, as `benches/store_day.py` has them.
fn payload_of(sensor: u64, second: u64, random: &mut u64) -> String {
    let mut noise = |width: f64| {
        let mut sum = -6.0;
        for _ in 0..12 {
            *random ^= *random << 13;
            *random ^= *random >> 7;
            *random ^= *random << 17;
            sum += (*random >> 11) as f64 / (1_u64 << 53) as f64;
        }
        sum * width
    };
    let (phase, second) = (sensor as f64, second as f64);
    let slow = (phase + second / 3000.0).sin() + 0.3 * (phase * 3.0 + second / 400.0).sin();
    match sensor % 10 {
        0..6 => format!(r#"{{"temperature": [{:.2}, "\u2103"]}}"#, 20.6 + 2.0 * slow + noise(0.06)),
        6..8 => format!(r#"{{"illuminance": [{:.1}, "lux"]}}"#, 400.0 + 300.0 * slow + noise(4.0)),
        8 => {
            let (altitude, pressure) =
                (340.0 + 10.0 * slow + noise(0.4), 97_300.0 - 110.0 * slow + noise(4.0));
            format!(r#"{{"altitude": [{altitude:.1}, "m"], "pressure": [{:.2}, "kPa"]}}"#, pressure / 1000.0)
        }
        _ => format!(r#"{{"relative-humidity": [{:.1}, "%"]}}"#, 45.0 + 8.0 * slow + noise(0.2)),
    }
}

/// What is measured by hand: `cargo test --release --lib a_week_of_a_house -- --ignored --nocapture`. With `CLOWN_WEEK=FILE` the
/// week ends now, and the file is left there, for `benches/store_questions.py`.
#[test]
#[ignore = "measures"]
fn a_week_of_a_house() {
    use tokio::time::Instant;
    const SENSORS: u64 = 20;
    let left = std::env::var_os("CLOWN_WEEK");
    let wall = crate::store::log::milliseconds(crate::moment::Moment::now().wall());
    let first = if left.is_some() {
        wall / DAY * DAY - 7 * DAY + 2 * DAY / 24 * (wall % DAY / (2 * DAY / 24))
    } else {
        START
    };
    let mut house = House::beginning(first, Settings::some(), 1 << 30);
    let topics: Vec<_> = (0..SENSORS)
        .map(|sensor| Topic::parse(&format!("house/sensor/{sensor}/reading"), &Limits::default()).unwrap())
        .collect();
    let (mut random, mut hearing, mut sealing) = (7, Duration::ZERO, Duration::ZERO);
    let (mut messages, mut longest) = (0_u64, Duration::ZERO);
    for hours in (0..7 * 24).step_by(2) {
        let start = first + hours * DAY / 24;
        for second in (0..7200).step_by(100) {
            let said: Vec<_> = (second..second + 100)
                .flat_map(|second| (0..SENSORS).map(move |sensor| (sensor, second)))
                .map(|(sensor, second)| (sensor, start + second * 1000 + sensor * 7, second))
                .map(|(sensor, time, second)| {
                    (sensor, time, payload_of(sensor, hours * 3600 + second, &mut random))
                })
                .collect();
            messages += said.len() as u64;
            let began = Instant::now();
            house.keeper.hear(
                said.iter().map(|(sensor, time, text)| {
                    heard(&topics[usize::try_from(*sensor).unwrap()], *time, text)
                }),
            );
            hearing += began.elapsed();
        }
        house.keeper.passes(start + 7_200_000);
        house.begins_sealing();
        let began = Instant::now();
        while house.keeper.is_sealing() || house.keeper.is_busy() {
            let step = Instant::now();
            house.goes_on();
            longest = longest.max(step.elapsed());
        }
        sealing += began.elapsed();
        house.works(start + 7_200_000);
    }
    let readings: u64 = house
        .keeper
        .live()
        .lock()
        .spans()
        .values()
        .filter(|span| span.tier == RAW)
        .map(|span| span.readings)
        .sum();
    let used = house.tables.used().unwrap();
    println!(
        "{messages} messages, {readings} readings: {:.2} bytes a reading",
        used as f64 / readings as f64
    );
    println!(
        "{} ns a message to hear it, {} ns to seal it; the longest step took {longest:?}",
        hearing.as_nanos() / u128::from(messages),
        sealing.as_nanos() / u128::from(messages)
    );
    if let Some(left) = left {
        house.tables.checkpoint();
        std::fs::copy(house.dir.path().join("hub.db"), left).unwrap();
    }
    let end = first + 7 * DAY;
    for (days, points) in [(1, 500), (7, 500), (7, 5000)] {
        let times = |is_warm: bool| {
            let chunks = Chunks::open(&house.dir.path().join("hub.db")).unwrap();
            let past = {
                let live = house.keeper.live().lock();
                let (id, series) = live.series().iter().next().unwrap();
                Past::of(id, series, "t", live.spans(), 7)
            };
            let wanted = Wanted { since: end - days * DAY, until: end, points, step: None };
            let mut took: Vec<_> = (0..5)
                .map(|_| {
                    let began = Instant::now();
                    let told = past.tell(&wanted, &mut |id| chunks.chunk(id)).unwrap();
                    (began.elapsed(), told.series.unwrap().times.len())
                })
                .collect();
            if is_warm {
                took.sort_unstable();
            }
            took[if is_warm { 2 } else { 0 }]
        };
        let ((cold, told), (warm, _)) = (times(false), times(true));
        println!("{days} days, {points} points: {told} in {warm:?}, with a new connection {cold:?}");
    }
}
