//! Generation 2: the radio nodes of a TOWER kit, as their gateway reports them.
//!
//! Three nodes. The first is on the mains, listens and has everything that takes commands; the other two run on
//! batteries, sleep and miss what is sent to them: a climate station in the yard and a push button.

use serde_json::Value;

use super::random::{self, Random};
use super::weather::{Channel, Weather};
use super::{Line, Moment, Refusal, strip};

/// From power on to the first sample, and between the first samples of two quantities, in milliseconds.
const STAGGER: u64 = 200;
/// No silence is simulated for this long after power on, so that a kit on the bench shows everything it has.
const GRACE: u64 = 300_000;
/// The longest a node says nothing of a quantity that does not change.
const REPORT_PERIOD: u64 = 15 * 60_000;
const BATTERY_PERIOD: u64 = 60 * 60_000;
const THERMOMETER_PERIOD: u64 = 5_000;
const SAMPLE_PERIOD: u64 = 60_000;
/// The longest pause between two presses of the button.
const PRESS_PAUSE: u64 = 10 * 60_000;

/// The kit.
#[derive(Debug)]
pub(super) struct Tower {
    weather: Weather,
    hub: Radio,
    yard: Radio,
    button: Radio,
    actuators: Actuators,
    presses: Presses,
    quiet_allowed: Moment,
}

#[derive(Debug)]
struct Radio {
    id: String,
    firmware: &'static str,
    mode: Mode,
    probes: Vec<Probe>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Listening,
    Sleeping,
}

impl Tower {
    pub(super) fn power_on(seed: u64, now: Moment) -> Self {
        let radio = |index: u32, firmware, mode, quantities: &[(&'static str, Quantity)]| Radio {
            id: id(seed, index),
            firmware,
            mode,
            probes: (0..)
                .zip(quantities)
                .map(|(place, quantity)| Probe::new(*quantity, u64::from(index) * 16 + place, now))
                .collect(),
        };
        let mut random = Random::new(random::at(seed, 1, 0));
        Self {
            weather: Weather::new(seed),
            hub: radio(0, "generic-node-power-module-rgbw", Mode::Listening, &HUB),
            yard: radio(1, "generic-node-battery-standard", Mode::Sleeping, &YARD),
            button: radio(2, "push-button", Mode::Sleeping, &BUTTON),
            actuators: Actuators::default(),
            presses: Presses { count: 0, due: now.plus(random.between(5_000, 60_000)), random },
            quiet_allowed: now.plus(GRACE),
        }
    }

    /// What each radio node says of itself at power on.
    pub(super) fn infos(&self) -> Vec<Line> {
        let info = |radio: &Radio| {
            let mode = match radio.mode {
                Mode::Listening => 2,
                Mode::Sleeping => 3,
            };
            let firmware = radio.firmware;
            radio
                .line("info", format!(r#"{{"firmware": "{firmware}", "version": "v1.7.4", "mode": {mode}}}"#))
        };
        [&self.hub, &self.yard, &self.button].map(info).into()
    }

    /// An empty payload is `null`, as the gateway reads it.
    pub(super) fn receive(
        &mut self,
        topic: &str,
        payload: &str,
        now: Moment,
        lines: &mut Vec<Line>,
    ) -> Result<(), Refusal> {
        let payload = if payload.trim().is_empty() { "null" } else { payload };
        let value: Value = serde_json::from_str(payload).map_err(|_| Refusal::NotJson)?;
        let (id, request) = topic.split_once('/').ok_or(Refusal::UnknownNode)?;
        let radios = [&self.hub, &self.yard, &self.button];
        let radio = radios.into_iter().find(|radio| radio.id == id).ok_or(Refusal::UnknownNode)?;
        if radio.mode == Mode::Sleeping {
            return Err(Refusal::Asleep);
        }
        let state = self.actuators.command(request, &value, now)?;
        lines.extend(state.map(|(topic, state)| self.hub.line(topic, state)));
        Ok(())
    }

    pub(super) fn next_wake(&self) -> Option<Moment> {
        let probes = [&self.hub, &self.yard, &self.button].into_iter().flat_map(|radio| &radio.probes);
        probes.map(|probe| probe.due).chain([self.presses.due]).min()
    }

    pub(super) fn wake(&mut self, now: Moment) -> Vec<Line> {
        let mut lines = Vec::new();
        let quiet_allowed = now > self.quiet_allowed;
        for radio in [&mut self.hub, &mut self.yard, &mut self.button] {
            radio.wake(self.weather, quiet_allowed, now, &mut lines);
        }
        let count = self.presses.wake(now);
        lines.extend(count.map(|count| self.button.line("push-button/-/event-count", count.to_string())));
        lines
    }
}

/// Twelve hexadecimal digits. The first four are those of the vendor, the last tells the nodes of a kit apart.
fn id(seed: u64, index: u32) -> String {
    let chance = random::at(seed, 0, 0) & 0xffff_fffc;
    format!("836d{:08x}", chance | u64::from(index))
}

impl Radio {
    fn line(&self, topic: &str, payload: String) -> Line {
        Line::new(format!("{}/{topic}", self.id), payload)
    }

    fn wake(&mut self, weather: Weather, quiet_allowed: bool, now: Moment, lines: &mut Vec<Line>) {
        let Self { id, probes, .. } = self;
        for probe in probes {
            let reading = probe.wake(weather, quiet_allowed, now);
            lines.extend(reading.map(|reading| Line::new(format!("{id}/{}", probe.topic), reading)));
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quantity {
    RoomTemperature,
    /// On the board of the node itself, warmed by it.
    BoardTemperature,
    YardTemperature,
    RoomHumidity,
    YardHumidity,
    RoomLight,
    YardLight,
    Pressure,
    Altitude,
    Co2,
    Battery,
}

const HUB: [(&str, Quantity); 7] = [
    ("thermometer/0:1/temperature", Quantity::BoardTemperature),
    ("thermometer/0:0/temperature", Quantity::RoomTemperature),
    ("hygrometer/0:4/relative-humidity", Quantity::RoomHumidity),
    ("lux-meter/0:0/illuminance", Quantity::RoomLight),
    ("barometer/0:0/pressure", Quantity::Pressure),
    ("barometer/0:0/altitude", Quantity::Altitude),
    ("co2-meter/-/concentration", Quantity::Co2),
];
const YARD: [(&str, Quantity); 4] = [
    ("battery/-/voltage", Quantity::Battery),
    ("thermometer/0:0/temperature", Quantity::YardTemperature),
    ("hygrometer/0:4/relative-humidity", Quantity::YardHumidity),
    ("lux-meter/0:0/illuminance", Quantity::YardLight),
];
const BUTTON: [(&str, Quantity); 2] =
    [("battery/-/voltage", Quantity::Battery), ("thermometer/0:1/temperature", Quantity::BoardTemperature)];

impl Quantity {
    fn value(self, weather: Weather, channel: Channel, now: Moment) -> f64 {
        let noise = weather.noise(channel, now);
        match self {
            Self::RoomTemperature => sixteenths(weather.indoor_temperature(now) + 0.05 * noise),
            Self::BoardTemperature => sixteenths(weather.indoor_temperature(now) + 1.3 + 0.05 * noise),
            Self::YardTemperature => sixteenths(weather.outdoor_temperature(now) + 0.08 * noise),
            Self::RoomHumidity => weather.indoor_humidity(now) + 0.2 * noise,
            Self::YardHumidity => weather.outdoor_humidity(now) + 0.2 * noise,
            Self::RoomLight => weather.indoor_light(now) * (1.0 + 0.01 * noise),
            // The sensor ends there.
            Self::YardLight => weather.outdoor_light(now).min(83_865.6),
            Self::Pressure => weather.pressure(now) * 1_000.0,
            Self::Altitude => weather.altitude(now),
            Self::Co2 => weather.co2(now) + 6.0 * noise,
            // A cold battery has less to give.
            Self::Battery => 2.95 + 0.008 * (weather.outdoor_temperature(now) - 10.0) + 0.01 * noise,
        }
    }

    fn decimals(self) -> usize {
        match self {
            Self::RoomHumidity | Self::YardHumidity | Self::RoomLight | Self::YardLight => 1,
            Self::Co2 => 0,
            Self::RoomTemperature
            | Self::BoardTemperature
            | Self::YardTemperature
            | Self::Pressure
            | Self::Altitude
            | Self::Battery => 2,
        }
    }

    /// Milliseconds between two samples, and the change that is worth a message before the period is over.
    fn cadence(self) -> (u64, f64) {
        match self {
            Self::RoomTemperature | Self::BoardTemperature | Self::YardTemperature => {
                (THERMOMETER_PERIOD, 1.0 / 16.0)
            }
            Self::RoomHumidity | Self::YardHumidity => (SAMPLE_PERIOD, 5.0),
            Self::RoomLight | Self::YardLight | Self::Co2 => (SAMPLE_PERIOD, 50.0),
            Self::Pressure | Self::Altitude => (REPORT_PERIOD, 0.0),
            Self::Battery => (BATTERY_PERIOD, 0.0),
        }
    }
}

/// The resolution of the thermometer chip.
fn sixteenths(celsius: f64) -> f64 {
    (celsius * 16.0).round() / 16.0
}

/// One quantity of one node: sampled periodically, said when it has changed or was not said for long.
#[derive(Debug)]
struct Probe {
    topic: &'static str,
    quantity: Quantity,
    channel: Channel,
    due: Moment,
    said: Option<(f64, Moment)>,
}

impl Probe {
    fn new((topic, quantity): (&'static str, Quantity), channel: Channel, now: Moment) -> Self {
        Self { topic, quantity, channel, due: now.plus(STAGGER * (1 + channel % 16)), said: None }
    }

    fn wake(&mut self, weather: Weather, quiet_allowed: bool, now: Moment) -> Option<String> {
        let (period, change) = self.quantity.cadence();
        if !self.due.is_due(now, period) {
            return None;
        }
        if quiet_allowed && let Some(end) = weather.silent_until(self.channel, now) {
            self.due = end;
            return None;
        }
        self.due = self.due.min(now).next(period, now);
        let value = self.quantity.value(weather, self.channel, now);
        let news = self.said.is_none_or(|(said, when)| {
            (value - said).abs() >= change || when > now || now.since(when) >= REPORT_PERIOD
        });
        if !news {
            return None;
        }
        self.said = Some((value, now));
        Some(format!("{value:.*}", self.quantity.decimals()))
    }
}

/// Somebody presses the button now and then.
#[derive(Debug)]
struct Presses {
    /// As wide as the counter of the firmware; wraps as that does.
    count: u16,
    due: Moment,
    random: Random,
}

impl Presses {
    fn wake(&mut self, now: Moment) -> Option<u16> {
        if !self.due.is_due(now, PRESS_PAUSE) {
            return None;
        }
        self.due = now.plus(self.random.between(20_000, PRESS_PAUSE));
        self.count = self.count.wrapping_add(1);
        Some(self.count)
    }
}

/// What of the node on the mains takes commands.
#[derive(Debug, Default)]
struct Actuators {
    led: bool,
    relay: bool,
    /// The Relay Module does not know its state until it is set.
    module: Option<bool>,
    /// The direction of a running pulse, and its end.
    pulse: Option<(bool, Moment)>,
}

impl Actuators {
    /// Does the command; a command for a state is answered with the state.
    fn command(
        &mut self,
        request: &str,
        value: &Value,
        now: Moment,
    ) -> Result<Option<(&'static str, String)>, Refusal> {
        match request {
            "led/-/state/set" => self.led = boolean(value)?,
            "relay/-/state/set" => self.relay = boolean(value)?,
            "relay/0:0/state/set" => {
                self.module = Some(boolean(value)?);
                self.pulse = None;
            }
            "led/-/state/get" | "relay/-/state/get" | "relay/0:0/state/get" => null(value)?,
            "relay/0:0/pulse/set" => {
                self.pulse = Some(pulse(value, now)?);
                return Ok(None);
            }
            _ => {
                let strip = request.strip_prefix("led-strip/-/").and_then(|rest| rest.strip_suffix("/set"));
                let checked = strip.and_then(|command| strip::check(command, value));
                return checked.unwrap_or(Err(Refusal::UnknownRequest)).map(|()| None);
            }
        }
        Ok(Some(self.state(request, now)))
    }

    fn state(&self, request: &str, now: Moment) -> (&'static str, String) {
        if request.starts_with("led/") {
            return ("led/-/state", self.led.to_string());
        }
        if request.starts_with("relay/-/") {
            return ("relay/-/state", self.relay.to_string());
        }
        let pulse = self.pulse.filter(|(_, end)| now < *end).map(|(direction, _)| direction);
        let state = pulse.or(self.module).map_or_else(|| "null".to_owned(), |state| state.to_string());
        ("relay/0:0/state", state)
    }
}

/// The firmware compares the text and not the type, so `true` and `"true"` are the same.
fn boolean(value: &Value) -> Result<bool, Refusal> {
    match (value.as_bool(), value.as_str()) {
        (Some(state), _) => Ok(state),
        (_, Some("true")) => Ok(true),
        (_, Some("false")) => Ok(false),
        _ => Err(Refusal::BadValue { key: "state", expected: "true or false" }),
    }
}

fn null(value: &Value) -> Result<(), Refusal> {
    let bad = Refusal::BadValue { key: "payload of a get", expected: "null" };
    value.is_null().then_some(()).ok_or(bad)
}

/// The direction of a pulse and its end: 500 ms and closed unless told otherwise.
fn pulse(value: &Value, now: Moment) -> Result<(bool, Moment), Refusal> {
    let bad = Refusal::BadValue { key: "pulse", expected: "an object with duration in ms and direction" };
    let settings = value.as_object().ok_or(bad)?;
    let duration = settings.get("duration").map_or(Some(500), super::payload::whole).ok_or(bad)?;
    let direction = settings.get("direction").map_or(Ok(true), boolean).map_err(|_| bad)?;
    Ok((direction, now.plus(u64::from(duration))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_of_presses_wraps_at_16_bits() {
        let mut presses = Presses { count: u16::MAX, due: Moment(1_000), random: Random::new(1) };
        assert_eq!(presses.wake(Moment(999)), None);
        assert_eq!(presses.wake(Moment(1_000)), Some(0));
        assert!(presses.due > Moment(1_000));
    }

    #[test]
    fn a_reading_is_said_when_it_changed_or_after_a_quarter_of_an_hour() {
        let weather = Weather::new(2);
        let mut probe = Probe::new(("co2-meter/-/concentration", Quantity::Co2), 6, Moment(0));
        let mut said: Vec<(u64, f64)> = Vec::new();
        for now in (0..6 * 3_600_000).step_by(1_000) {
            let reading = probe.wake(weather, false, Moment(now));
            said.extend(reading.map(|reading| (now, reading.parse().unwrap())));
        }
        assert!(said.len() > 20);
        for pair in said.windows(2) {
            let ((before, old), (after, new)) = (pair[0], pair[1]);
            assert!((new - old).abs() >= 49.0 || after - before >= REPORT_PERIOD, "{pair:?}");
            assert!(after - before <= REPORT_PERIOD + SAMPLE_PERIOD, "{pair:?}");
        }
    }

    #[test]
    fn a_pulse_ends_by_itself_and_a_set_ends_it_early() {
        let mut actuators = Actuators::default();
        let state = |actuators: &mut Actuators, now| {
            actuators.command("relay/0:0/state/get", &Value::Null, Moment(now)).unwrap().unwrap().1
        };
        let pulse = serde_json::json!({"duration": 200, "direction": true});
        assert_eq!(state(&mut actuators, 0), "null");
        assert_eq!(actuators.command("relay/0:0/pulse/set", &pulse, Moment(0)), Ok(None));
        assert_eq!(state(&mut actuators, 199), "true");
        assert_eq!(state(&mut actuators, 200), "null");
        actuators.command("relay/0:0/pulse/set", &serde_json::json!({}), Moment(300)).unwrap();
        actuators.command("relay/0:0/state/set", &Value::Bool(false), Moment(400)).unwrap();
        assert_eq!(state(&mut actuators, 401), "false");
        for bad in
            [serde_json::json!(5), serde_json::json!({"duration": -1}), serde_json::json!({"direction": 1})]
        {
            assert!(actuators.command("relay/0:0/pulse/set", &bad, Moment(0)).is_err(), "{bad}");
        }
    }
}
