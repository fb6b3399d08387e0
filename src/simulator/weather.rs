//! The world around a node: sun, clouds, air and people.
//!
//! Everything is a function of the seed and the moment, without memory, so any jump in time lands in a sane place.
//! The town is at 50.8° N, 15.1° E; its clock is one hour ahead of UTC, all year. Slow change is value noise:
//! numbers that belong to points in time, joined smoothly.

use std::f64::consts::{PI, TAU};

use super::{Moment, random};

/// What differs between two sensors of one node: the same weather, other noise and other silences.
pub(super) type Channel = u64;

const HOUR: u32 = 3_600_000;
const DAY: u32 = 24 * HOUR;
/// The sun of the town is that far ahead of the sun of Greenwich.
const EAST: u64 = HOUR as u64;

const CLOUD: Channel = 1;
const AIR: Channel = 2;
const PRESSURE: Channel = 3;
const ROOM: Channel = 4;
const MOISTURE: Channel = 5;
const PEOPLE: Channel = 6;
const SILENCE: Channel = 7;
const FINE: Channel = 8;

/// Silences of one sensor in a day.
const SILENCES: u64 = 3;

/// The weather of one seed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weather {
    seed: u64,
}

impl Weather {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// Degrees Celsius in the shade, -25 to 42.
    pub(super) fn outdoor_temperature(self, now: Moment) -> f64 {
        let summer = summer(now);
        let afternoon = (TAU * (local_hour(now) - 15.0) / 24.0).cos();
        let day = (4.5 + 2.0 * summer) * afternoon * (1.0 - 0.5 * self.clouds(now));
        let front = 4.0 * self.drift(AIR, now, 3 * DAY) + 0.5 * self.drift(AIR, now, HOUR / 2);
        (9.5 + 10.5 * summer + day + front).clamp(-25.0, 42.0)
    }

    /// Degrees Celsius in a heated room, 15 to 34.
    pub(super) fn indoor_temperature(self, now: Moment) -> f64 {
        let sunny_room = 0.09 * (self.outdoor_temperature(now) - 10.0);
        let drift = 0.6 * self.drift(ROOM, now, 7 * HOUR) + 0.25 * self.drift(ROOM, now, HOUR / 3);
        (20.6 + sunny_room + 0.9 * people(now) + drift).clamp(15.0, 34.0)
    }

    /// Lux under the open sky, 0 to 100,000.
    pub(super) fn outdoor_light(self, now: Moment) -> f64 {
        let sun = sun_height(now);
        let twilight = 400.0 * ramp(sun, -0.12, 0.05);
        let day = 95_000.0 * sun.max(0.0).powf(1.15);
        (twilight + day) * (1.0 - 0.8 * self.clouds(now))
    }

    /// Lux in the room: a few percent of the sky through a window, and a lamp in the evening.
    pub(super) fn indoor_light(self, now: Moment) -> f64 {
        let hour = local_hour(now);
        let evening = ramp(hour, 16.5, 17.5) - ramp(hour, 21.8, 22.2);
        let lamp = 170.0 * evening * (1.0 - ramp(sun_height(now), 0.0, 0.15));
        let flicker = 1.0 + 0.01 * self.drift(CLOUD, now, 5_000);
        ((0.018 * self.outdoor_light(now) + lamp) * flicker).max(0.01)
    }

    /// Kilopascals at the place itself, not reduced to the sea; 96 to 103.
    pub(super) fn pressure(self, now: Moment) -> f64 {
        let drift = 1.6 * self.drift(PRESSURE, now, 4 * DAY) + 0.5 * self.drift(PRESSURE, now, 20 * HOUR);
        (98.6 + drift + 0.006 * self.drift(PRESSURE, now, 20_000)).clamp(96.0, 103.0)
    }

    /// Metres above the sea as a barometer works them out from its own pressure, so they drift with the weather.
    pub(super) fn altitude(self, now: Moment) -> f64 {
        44_330.77 * (1.0 - (self.pressure(now) / 101.325).powf(0.190_263))
    }

    /// Percent in the room, 12 to 88: lower when it is warmer, higher in summer and with people.
    pub(super) fn indoor_humidity(self, now: Moment) -> f64 {
        let warm = 2.4 * (self.indoor_temperature(now) - 21.0);
        let drift = 7.0 * self.drift(MOISTURE, now, 2 * DAY) + 1.2 * self.drift(MOISTURE, now, HOUR / 2);
        (44.0 + 9.0 * summer(now) + 4.0 * people(now) - warm + drift).clamp(12.0, 88.0)
    }

    /// Percent in the shade, 20 to 99: opposed to the temperature of the day.
    pub(super) fn outdoor_humidity(self, now: Moment) -> f64 {
        let afternoon = (TAU * (local_hour(now) - 15.0) / 24.0).cos();
        let drift = 8.0 * self.drift(MOISTURE, now, DAY) + 1.5 * self.drift(MOISTURE, now, HOUR / 2);
        (72.0 - 16.0 * afternoon + 10.0 * self.clouds(now) + drift).clamp(20.0, 99.0)
    }

    /// Parts per million of CO2 in the room, 400 to 1,800: it follows people, and people air the room.
    pub(super) fn co2(self, now: Moment) -> f64 {
        let crowd = 1.0 + 0.35 * self.drift(PEOPLE, now, 3 * HOUR);
        let drift = 25.0 * self.drift(PEOPLE, now, HOUR / 2) + 4.0 * self.drift(PEOPLE, now, 30_000);
        (440.0 + 700.0 * people(now) * crowd + drift).clamp(400.0, 1_800.0)
    }

    /// Noise of one sensor, -1 to 1: a slow wander and a finer one, each half.
    pub(super) fn noise(self, channel: Channel, now: Moment) -> f64 {
        let channel = FINE + channel;
        0.5 * self.drift(channel, now, HOUR / 6) + 0.5 * self.drift(channel, now, 700)
    }

    /// When a sensor that is silent at `now` speaks again. It is silent three times a day, for 20 to 60 seconds.
    pub(super) fn silent_until(self, channel: Channel, now: Moment) -> Option<Moment> {
        let midnight = now.day() * u64::from(DAY);
        (0..SILENCES).find_map(|index| {
            let chance = random::at(self.seed, SILENCE + (channel << 8), now.day() * SILENCES + index);
            let start = Moment(midnight).plus(chance % u64::from(DAY - 60_000));
            let end = start.plus(20_000 + (chance >> 32) % 40_000);
            (start <= now && now < end).then_some(end)
        })
    }

    /// Cloud cover, 0 to 1.
    fn clouds(self, now: Moment) -> f64 {
        let cover = 0.75 * self.drift(CLOUD, now, 9 * HOUR) + 0.45 * self.drift(CLOUD, now, HOUR / 4);
        ramp(cover, -0.7, 0.7)
    }

    /// A number from -1 to 1 that changes smoothly, about once in a period.
    fn drift(self, channel: Channel, now: Moment, period: u32) -> f64 {
        let step = u64::from(period);
        let channel = (channel << 32) | step;
        let point = |index| 2.0 * random::unit(random::at(self.seed, channel, index)) - 1.0;
        let (index, inside) = (now.0 / step, now.0 % step);
        let part = f64::from(u32::try_from(inside).unwrap_or_default()) / f64::from(period);
        let (from, to) = (point(index), point(index.wrapping_add(1)));
        from + (to - from) * ramp(part, 0.0, 1.0)
    }
}

/// 0 below `from`, 1 above `to`, smooth between them.
fn ramp(value: f64, from: f64, to: f64) -> f64 {
    let part = ((value - from) / (to - from)).clamp(0.0, 1.0);
    part * part * (3.0 - 2.0 * part)
}

fn local_hour(now: Moment) -> f64 {
    now.plus(EAST).hour()
}

/// Part of the year, 0 to 1. The calendar repeats every 400 years.
fn year(now: Moment) -> f64 {
    let days = f64::from(u32::try_from(now.day() % 146_097).unwrap_or_default()) + now.hour() / 24.0;
    (days / 365.2425).fract()
}

/// 1 in the middle of July, -1 in the middle of January.
fn summer(now: Moment) -> f64 {
    (TAU * (year(now) - 0.54)).cos()
}

/// Sine of the height of the sun over the horizon.
fn sun_height(now: Moment) -> f64 {
    let latitude = 50.8_f64.to_radians();
    let declination = -23.44_f64.to_radians() * (TAU * (year(now) + 10.0 / 365.0)).cos();
    let hour_angle = PI * (local_hour(now) - 12.0) / 12.0;
    latitude.sin() * declination.sin() + latitude.cos() * declination.cos() * hour_angle.cos()
}

/// How full the room is, 0 to 1: office hours, and a few at the weekend.
fn people(now: Moment) -> f64 {
    // 1 January 1970 was a Thursday.
    let weekend = (now.plus(EAST).day() + 3) % 7 >= 5;
    let hour = local_hour(now);
    let present = ramp(hour, 7.5, 10.5) - ramp(hour, 16.5, 20.0) - 0.3 * bump(hour, 11.5, 13.5);
    present * if weekend { 0.35 } else { 1.0 }
}

/// 1 in the middle between `from` and `to`, 0 outside.
fn bump(value: f64, from: f64, to: f64) -> f64 {
    let middle = f64::midpoint(from, to);
    ramp(value, from, middle) - ramp(value, middle, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Midnight of Monday, 7 June 2027, in the town.
    const MONDAY: u64 = 1_812_322_800_000;
    const HOUR: u64 = super::HOUR as u64;

    fn at(hour: u64) -> Moment {
        Moment(MONDAY + hour * HOUR)
    }

    fn mean(days: u64, hour: u64, value: impl Fn(Weather, Moment) -> f64) -> f64 {
        let sum: f64 = (0..days).map(|day| value(Weather::new(day), at(24 * day + hour))).sum();
        sum / f64::from(u32::try_from(days).unwrap())
    }

    #[test]
    fn a_year_stays_in_believable_ranges() {
        for seed in 0..5 {
            let weather = Weather::new(seed);
            for step in 0..365 * 8 {
                let now = Moment(MONDAY + step * 3 * HOUR + 1_234_567);
                let within = |value: f64, low: f64, high: f64, name: &str| {
                    assert!((low..=high).contains(&value), "{name} is {value} at {now:?}");
                };
                within(weather.outdoor_temperature(now), -20.0, 40.0, "outdoor temperature");
                within(weather.indoor_temperature(now), 17.0, 27.0, "indoor temperature");
                within(weather.outdoor_light(now), 0.0, 100_000.0, "outdoor light");
                within(weather.indoor_light(now), 0.01, 2_500.0, "indoor light");
                within(weather.pressure(now), 96.0, 103.0, "pressure");
                within(weather.altitude(now), -150.0, 460.0, "altitude");
                within(weather.indoor_humidity(now), 15.0, 80.0, "indoor humidity");
                within(weather.outdoor_humidity(now), 20.0, 99.0, "outdoor humidity");
                within(weather.co2(now), 400.0, 1_500.0, "CO2");
                within(weather.noise(3, now), -1.0, 1.0, "noise");
            }
        }
    }

    #[test]
    fn the_end_of_time_has_weather_too() {
        let weather = Weather::new(u64::MAX);
        for now in [Moment(0), Moment(u64::MAX)] {
            assert!(weather.outdoor_temperature(now).is_finite());
            assert!(weather.indoor_light(now).is_finite());
            assert!(weather.co2(now).is_finite());
            weather.silent_until(9, now);
        }
    }

    #[test]
    fn the_sun_makes_the_day() {
        assert!(sun_height(at(12)) > 0.8);
        assert!(sun_height(at(0)) < -0.2);
        assert!(mean(60, 12, Weather::outdoor_light) > 30_000.0);
        assert!(mean(60, 0, Weather::outdoor_light) < 1.0);
        assert!(mean(60, 15, Weather::outdoor_temperature) > mean(60, 4, Weather::outdoor_temperature) + 4.0);
        assert!(mean(60, 15, Weather::outdoor_humidity) < mean(60, 4, Weather::outdoor_humidity) - 10.0);
    }

    #[test]
    fn co2_follows_people_and_people_rest_at_the_weekend() {
        let weather = Weather::new(1);
        assert!(weather.co2(at(11)) > weather.co2(at(3)) + 200.0);
        assert!(weather.co2(at(5 * 24 + 15)) < weather.co2(at(15)) - 150.0);
    }

    #[test]
    fn summer_is_warmer_than_winter() {
        let half_a_year = 182 * 24;
        let winter: f64 = mean(30, half_a_year + 12, Weather::outdoor_temperature);
        assert!(mean(30, 12, Weather::outdoor_temperature) > winter + 10.0);
    }

    #[test]
    fn nothing_leaps_within_a_second() {
        let weather = Weather::new(3);
        for second in 0..3 * 86_400 {
            let (now, next) = (Moment(MONDAY + second * 1000), Moment(MONDAY + second * 1000 + 1000));
            assert!((weather.indoor_temperature(now) - weather.indoor_temperature(next)).abs() < 0.05);
            assert!((weather.pressure(now) - weather.pressure(next)).abs() < 0.01);
            assert!((weather.co2(now) - weather.co2(next)).abs() < 5.0);
        }
    }

    #[test]
    fn a_sensor_is_silent_for_some_tens_of_seconds_a_few_times_a_day() {
        let weather = Weather::new(5);
        let silent = (0..86_400)
            .filter(|second| weather.silent_until(2, Moment(MONDAY + HOUR + second * 1000)).is_some());
        let seconds = silent.count();
        assert!((20..=180).contains(&seconds), "{seconds}");
    }
}
