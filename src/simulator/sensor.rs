//! A sensor of the bridge: its worker, and what its reading looks like on the wire.

use super::weather::{Channel, Weather};
use super::{Moment, Refusal, payload};
use serde_json::Value;

/// `publish-interval`: seconds between two readings, 0 for as fast as conversions finish, none for off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Interval(pub(super) Option<u32>);

impl Interval {
    pub(super) fn parse(value: &Value, least: u32) -> Result<Self, Refusal> {
        let expected = if least > 1 {
            "null, 0 or at least 16 seconds"
        } else {
            "null or a whole number of seconds, 0 for as fast as possible"
        };
        let seconds = if value.is_null() { Some(None) } else { payload::whole(value).map(Some) };
        match seconds {
            Some(Some(seconds)) if seconds > 0 && seconds < least => None,
            other => other,
        }
        .map(Self)
        .ok_or(Refusal::BadValue { key: "publish-interval", expected })
    }

    /// The payload of a `config/ok`.
    pub(super) fn payload(self) -> String {
        let value = self.0.map_or_else(|| "null".to_owned(), |seconds| seconds.to_string());
        format!(r#"{{"publish-interval": {value}}}"#)
    }
}

/// What a sensor measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantity {
    IndoorTemperature,
    OutdoorTemperature,
    Illuminance,
    Barometer,
    Humidity,
    Co2,
}

impl Quantity {
    /// The interval after power on.
    pub(super) fn default_interval(self) -> Interval {
        Interval(Some(if self == Self::Co2 { 16 } else { 1 }))
    }

    /// The least interval but 0, in seconds.
    pub(super) fn least_interval(self) -> u32 {
        if self == Self::Co2 { 16 } else { 1 }
    }

    /// Milliseconds a conversion takes: the floor that an interval of 0 runs into. The CO2 module measures at its
    /// own pace and no faster.
    fn conversion(self) -> u64 {
        if self == Self::Co2 { 16_000 } else { 100 }
    }

    /// Wake-ups that only prepare, before the one that gives the first reading.
    fn preparations(self) -> u8 {
        match self {
            Self::IndoorTemperature | Self::OutdoorTemperature | Self::Co2 => 0,
            Self::Illuminance => 1,
            Self::Barometer => 2,
            Self::Humidity => 3,
        }
    }

    /// The reading in the number formats of the 2017 bridge firmware: altitude before pressure, and the degree sign
    /// as an escape of six characters.
    fn reading(self, weather: Weather, channel: Channel, now: Moment) -> String {
        let noise = weather.noise(channel, now);
        let celsius = |value: f64| format!(r#"{{"temperature": [{value:.2}, "\u2103"]}}"#);
        match self {
            Self::IndoorTemperature => celsius(weather.indoor_temperature(now) + 0.06 * noise),
            Self::OutdoorTemperature => celsius(weather.outdoor_temperature(now) + 0.08 * noise),
            Self::Illuminance => {
                let light = weather.indoor_light(now) * (1.0 + 0.01 * noise);
                format!(r#"{{"illuminance": [{light:.2}, "lux"]}}"#)
            }
            Self::Barometer => {
                let (altitude, pressure) = (weather.altitude(now) + 0.2 * noise, weather.pressure(now));
                format!(r#"{{"altitude": [{altitude:.1}, "m"], "pressure": [{pressure:.3}, "kPa"]}}"#)
            }
            Self::Humidity => {
                let humidity = weather.indoor_humidity(now) + 0.2 * noise;
                format!(r#"{{"relative-humidity": [{humidity:.1}, "%"]}}"#)
            }
            Self::Co2 => {
                let concentration = weather.co2(now) + 6.0 * noise;
                format!(r#"{{"concentration": [{concentration:.0}, "ppm"]}}"#)
            }
        }
    }
}

/// From power on to the first wake-up of a worker, in milliseconds.
const START_UP: u64 = 500;
/// No silence is simulated for this long after power on, so that a box on the bench shows everything it has.
const GRACE: u64 = 300_000;

/// The worker of one sensor. One wake-up is one step: preparation or reading.
#[derive(Debug)]
pub(super) struct Sensor {
    quantity: Quantity,
    channel: Channel,
    preparations: u8,
    /// Somebody waits for a reading, so preparations follow each other without the pause of the interval.
    asked: bool,
    due: Option<Moment>,
    quiet_allowed: Moment,
}

impl Sensor {
    pub(super) fn new(quantity: Quantity, channel: Channel, now: Moment) -> Self {
        Self {
            quantity,
            channel,
            preparations: quantity.preparations(),
            asked: false,
            due: Some(now.plus(START_UP)),
            quiet_allowed: now.plus(GRACE),
        }
    }

    pub(super) fn quantity(&self) -> Quantity {
        self.quantity
    }

    pub(super) fn due(&self) -> Option<Moment> {
        self.due
    }

    /// A `get`: a reading as soon as there can be one, whatever the interval. The firmware gave none at all while
    /// the sensor was still preparing; here it comes late.
    pub(super) fn ask(&mut self, now: Moment) {
        self.asked = true;
        self.due = Some(now);
    }

    /// The interval has changed: the worker wakes at once, or never again.
    pub(super) fn retime(&mut self, interval: Interval, now: Moment) {
        self.due = (self.asked || interval.0.is_some()).then_some(now);
    }

    /// One step if it is time, with the reading if there is one.
    pub(super) fn wake(&mut self, interval: Interval, weather: Weather, now: Moment) -> Option<String> {
        let due = self.due?;
        let pause = interval.0.map(|seconds| (u64::from(seconds) * 1000).max(self.quantity.conversion()));
        if !due.is_due(now, pause.unwrap_or_default()) {
            return None;
        }
        if now > self.quiet_allowed
            && let Some(end) = weather.silent_until(self.channel, now)
        {
            self.due = Some(end);
            return None;
        }
        if self.preparations > 0 {
            self.preparations -= 1;
            let pause = if self.asked { Some(100) } else { pause };
            self.due = pause.map(|pause| due.next(pause, now));
            return None;
        }
        self.asked = false;
        self.due = pause.map(|pause| due.min(now).next(pause, now));
        Some(self.quantity.reading(weather, self.channel, now))
    }
}
