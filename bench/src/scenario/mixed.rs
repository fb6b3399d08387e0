//! A day of a house in a few seconds: sensors that report every minute, a gateway with thirty radio nodes that report
//! four things every quarter of an hour, dashboards that see everything, and a hundred commands, each followed by the
//! state that it led to.

use std::time::Duration;

use super::{Outcome, Stage, UNDER_WAY, Watch, latency, wait_for_all};
use crate::clock;
use crate::dialect::Side;
use crate::fleet::Fleet;
use crate::message::{Book, Stamp};

const DAY: f64 = 86_400.0;
const RADIO_SOURCES: usize = 120;
const COMMANDS: f64 = 100.0;

pub(crate) fn play(stage: &mut Stage<'_>) -> anyhow::Result<Outcome> {
    let mut house = House::build(stage)?;
    let seconds = stage.sizes.seconds.unwrap_or(20.0);
    let (watch, start) = (Watch::start(stage.target)?, clock::now());
    loop {
        let share = ((clock::now() - start) as f64 / 1e9 / seconds.max(0.001)).min(1.0);
        let is_over = house.live_until(&mut stage.fleet, share)? && share >= 1.0;
        if is_over {
            break;
        }
        house.listen(&mut stage.fleet)?;
        stage.progress.at("a day", share);
    }
    house.finish(&mut stage.fleet)?;
    let spent = watch.stop(stage.target, house.published)?;
    let mut figures = vec![
        ("cpu_us_per_publish", spent.cpu / spent.cycles as f64),
        ("cpu_seconds_per_day", spent.cpu / 1e6),
        ("publishes", spent.cycles as f64),
        ("publishes_per_second", spent.cycles as f64 / spent.seconds),
    ];
    figures.extend(latency(&house.readings).into_iter().chain(stage.memory()?));
    let checks = house.readings.checks().and(house.radio.checks()).and(house.commands.checks());
    Ok(Outcome { figures, checks })
}

/// Dashboards are the first clients, then the sensors, then the gateway.
struct House {
    dashboards: usize,
    sensors: usize,
    gateway: usize,
    echoes: bool,
    readings: Book,
    radio: Book,
    commands: Book,
    /// How many of each source were published.
    numbers: Vec<u32>,
    /// How much of each kind has been said.
    said: [u64; 3],
    published: u64,
    asked: Vec<u32>,
}

impl House {
    fn build(stage: &mut Stage<'_>) -> anyhow::Result<Self> {
        let dashboards = stage.sizes.readers.unwrap_or(5);
        let sensors = stage.sizes.devices.unwrap_or(200);
        stage.gather(dashboards, |fleet, _| fleet.join("house", Side::Dashboard, &["#"]))?;
        stage.gather(sensors, |fleet, number| {
            fleet.join("house", Side::Node, &[&format!("room/{number:06}/set")])
        })?;
        let gateway = stage.fleet.join("house", Side::Node, &[])?;
        stage.fleet.tick_every(Duration::from_micros(200))?;
        let book = |before: &str, after: &str, sources| {
            Book::new(stage.message("house", before, after), gateway, sources)
        };
        Ok(Self {
            readings: book("room/", "", sensors),
            radio: book("radio/", "/temperature", RADIO_SOURCES),
            commands: book("room/", "/set", sensors),
            numbers: vec![0; sensors],
            said: [0; 3],
            published: 0,
            asked: Vec::new(),
            echoes: stage.target.dialect.echoes(),
            dashboards,
            sensors,
            gateway,
        })
    }

    /// Has everybody say what is due at this share of the day; returns whether all of it was said.
    fn live_until(&mut self, fleet: &mut Fleet, share: f64) -> anyhow::Result<bool> {
        let due = [self.sensors as f64 * DAY / 60.0, RADIO_SOURCES as f64 * DAY / 900.0, COMMANDS];
        for (kind, due) in due.into_iter().enumerate() {
            while let Some(said) = self.said.get_mut(kind)
                && (*said as f64) < due * share
                && self.readings.under_way() + self.radio.under_way() < UNDER_WAY
            {
                let number = usize::try_from(*said)?;
                *said += 1;
                match kind {
                    0 => self.report(fleet, number % self.sensors)?,
                    1 => self.relay(fleet, number)?,
                    _ => self.command(fleet, number)?,
                }
            }
        }
        Ok(self.said.iter().zip(due).all(|(said, due)| *said as f64 >= due * share))
    }

    fn report(&mut self, fleet: &mut Fleet, sensor: usize) -> anyhow::Result<()> {
        let Some(number) = self.numbers.get_mut(sensor) else { return Ok(()) };
        let stamp = Stamp { source: u32::try_from(sensor)?, number: *number, sent: clock::now() };
        *number += 1;
        self.readings.expected += self.dashboards as u64;
        self.published += 1;
        let client = self.dashboards + sensor;
        fleet.put(client, self.readings.shape.with(stamp));
        fleet.flush(client);
        Ok(())
    }

    fn relay(&mut self, fleet: &mut Fleet, number: usize) -> anyhow::Result<()> {
        let (turn, source) = (number / RADIO_SOURCES, number % RADIO_SOURCES);
        let stamp =
            Stamp { source: u32::try_from(source)?, number: u32::try_from(turn)?, sent: clock::now() };
        self.radio.expected += self.dashboards as u64;
        self.published += 1;
        fleet.put(self.gateway, self.radio.shape.with(stamp));
        fleet.flush(self.gateway);
        Ok(())
    }

    /// The dashboard that asks does not hear itself in most dialects; the sensor and the other dashboards do.
    fn command(&mut self, fleet: &mut Fleet, number: usize) -> anyhow::Result<()> {
        let (turn, source) = (number / self.sensors, number % self.sensors);
        let stamp =
            Stamp { source: u32::try_from(source)?, number: u32::try_from(turn)?, sent: clock::now() };
        self.commands.expected += self.dashboards as u64 + u64::from(self.echoes);
        self.published += 1;
        let client = source % self.dashboards;
        fleet.put(client, self.commands.shape.with(stamp));
        fleet.flush(client);
        Ok(())
    }

    fn listen(&mut self, fleet: &mut Fleet) -> anyhow::Result<()> {
        let Self { readings, radio, commands, asked, dashboards, .. } = self;
        fleet.turn(&mut |client, text, now| {
            if readings.take(client, text, now).is_none()
                && radio.take(client, text, now).is_none()
                && let Some(stamp) = commands.take(client, text, now)
                && client >= *dashboards
            {
                asked.push(stamp.source);
            }
        })?;
        while let Some(sensor) = self.asked.pop() {
            self.report(fleet, sensor as usize)?;
        }
        Ok(())
    }

    /// Waits for what is still under way.
    fn finish(&mut self, fleet: &mut Fleet) -> anyhow::Result<()> {
        let start = clock::now();
        while [&self.commands, &self.radio, &self.readings].iter().any(|book| book.under_way() > 0) {
            self.listen(fleet)?;
            if clock::now() - start > clock::nanoseconds(20.0) {
                return wait_for_all(fleet, &mut self.readings);
            }
        }
        Ok(())
    }
}
