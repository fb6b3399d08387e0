//! Generation 1: the `BigClown` Bridge Module with its tags and modules.

use super::devices::{Led, Relay};
use super::display::Screen;
use super::i2c::{Bus, Reply};
use super::payload::{self, Object};
use super::request::{Action, Request};
use super::sensor::{Interval, Quantity, Sensor};
use super::weather::Weather;
use super::{Line, Moment, Refusal};

/// The bridge: a table of devices in the order in which the firmware lists them.
#[derive(Debug)]
pub(super) struct Bridge {
    weather: Weather,
    devices: Vec<Device>,
}

#[derive(Debug)]
struct Device {
    topic: &'static str,
    /// Actuators have one too, although it means nothing for them.
    interval: Interval,
    part: Part,
}

#[derive(Debug)]
enum Part {
    Sensor(Sensor),
    Led(Led),
    Bus(Bus),
    Relay(Relay),
    Display(Screen),
}

const SENSORS: [(&str, Quantity); 6] = [
    ("thermometer/i2c0-48", Quantity::IndoorTemperature),
    ("thermometer/i2c1-48", Quantity::OutdoorTemperature),
    ("lux-meter/i2c0-44", Quantity::Illuminance),
    ("barometer/i2c0-60", Quantity::Barometer),
    ("humidity-sensor/i2c0-40", Quantity::Humidity),
    ("co2-sensor/i2c0-38", Quantity::Co2),
];
const DISPLAY: &str = "display-oled/i2c0-3c";
/// In ascending order, as a scan finds them. 50 is a memory without a name of its own.
const BUS_0: [u8; 11] = [0x38, 0x3b, 0x3c, 0x3f, 0x40, 0x44, 0x48, 0x4d, 0x50, 0x60, 0x70];
const BUS_1: [u8; 2] = [0x48, 0x70];

impl Bridge {
    pub(super) fn power_on(seed: u64, now: Moment) -> Self {
        let sensors = SENSORS.into_iter().zip(0..).map(|((topic, quantity), channel)| Device {
            topic,
            interval: quantity.default_interval(),
            part: Part::Sensor(Sensor::new(quantity, channel, now)),
        });
        let actuators = [
            ("led/-", Part::Led(Led::default())),
            ("i2c/0", Part::Bus(Bus::new(0, &BUS_0))),
            ("i2c/1", Part::Bus(Bus::new(1, &BUS_1))),
            ("relay/i2c0-3b", Part::Relay(Relay::default())),
            ("relay/i2c0-3f", Part::Relay(Relay::default())),
            (DISPLAY, Part::Display(Screen::start(DISPLAY))),
        ];
        let actuators =
            actuators.into_iter().map(|(topic, part)| Device { topic, interval: Interval(Some(1)), part });
        Self { weather: Weather::new(seed), devices: sensors.chain(actuators).collect() }
    }

    /// Reads the payload before the topic, so that of two faults the same one is reported as in the firmware.
    pub(super) fn receive(
        &mut self,
        topic: &str,
        payload: &str,
        now: Moment,
        lines: &mut Vec<Line>,
    ) -> Result<(), Refusal> {
        let command = Object::parse(payload)?;
        let request = Request::parse(topic)?;
        if request.action == Action::ListDevices {
            return self.list(&command, lines);
        }
        let weather = self.weather;
        let device = self.devices.iter_mut().find(|device| device.topic == request.device);
        device.ok_or(Refusal::NotPluggedIn)?.receive(request.action, &command, weather, now, lines)
    }

    pub(super) fn next_wake(&self) -> Option<Moment> {
        self.devices.iter().filter_map(Device::due).min()
    }

    pub(super) fn wake(&mut self, now: Moment) -> Vec<Line> {
        let mut lines = Vec::new();
        for device in &mut self.devices {
            device.wake(self.weather, now, &mut lines);
        }
        lines
    }

    pub(super) fn screen(&self) -> Option<&Screen> {
        self.devices.iter().find_map(|device| match &device.part {
            Part::Display(screen) => Some(screen),
            Part::Sensor(_) | Part::Led(_) | Part::Bus(_) | Part::Relay(_) => None,
        })
    }

    fn list(&self, command: &Object, lines: &mut Vec<Line>) -> Result<(), Refusal> {
        if !command.is_empty() {
            return Err(Refusal::UnknownRequest);
        }
        let (sensors, actuators): (Vec<_>, Vec<_>) =
            self.devices.iter().partition(|device| matches!(device.part, Part::Sensor(_)));
        // The firmware names one bus for both.
        let actuators = actuators.into_iter().filter(|device| device.topic != "i2c/1");
        lines.push(Line::new(
            "-/-/config/list/ok",
            format!(
                r#"{{"sensors": [{}], "actuators": [{}], "notifications": ["boot"]}}"#,
                topics(sensors.into_iter()),
                topics(actuators)
            ),
        ));
        Ok(())
    }
}

fn topics<'d>(devices: impl Iterator<Item = &'d Device>) -> String {
    devices.map(|device| format!("\"{}\"", device.topic)).collect::<Vec<_>>().join(", ")
}

impl Device {
    fn receive(
        &mut self,
        action: Action,
        command: &Object,
        weather: Weather,
        now: Moment,
        lines: &mut Vec<Line>,
    ) -> Result<(), Refusal> {
        match action {
            Action::Get => self.get(command, now)?,
            Action::Set => self.set(command, now)?,
            Action::ReadConfig => lines.push(self.config_ok()),
            Action::ChangeConfig => self.change_config(command, now, lines)?,
            Action::Scan => self.scan(command, now)?,
            Action::ListDevices => return Err(Refusal::UnknownRequest),
        }
        match (&self.part, action) {
            (Part::Led(led), Action::Get | Action::Set) => lines.push(Line::new(self.topic, led.payload())),
            (Part::Relay(relay), Action::Get) => lines.push(Line::new(self.topic, relay.payload())),
            // Whatever woke the worker, its step is done here and now.
            (Part::Sensor(_), _) => self.wake(weather, now, lines),
            _ => {}
        }
        Ok(())
    }

    fn get(&mut self, command: &Object, now: Moment) -> Result<(), Refusal> {
        match &mut self.part {
            Part::Sensor(sensor) => sensor.ask(now),
            Part::Bus(bus) => bus.get(command, now)?,
            Part::Led(_) | Part::Relay(_) => {}
            Part::Display(_) => return Err(Refusal::UnknownRequest),
        }
        Ok(())
    }

    fn set(&mut self, command: &Object, now: Moment) -> Result<(), Refusal> {
        match &mut self.part {
            Part::Sensor(_) => return Err(Refusal::UnknownRequest),
            Part::Bus(bus) => bus.set(command, now)?,
            Part::Relay(relay) => relay.set(command, now)?,
            Part::Led(led) => *led = Led::parse(command)?,
            Part::Display(screen) => screen.set(command)?,
        }
        Ok(())
    }

    fn scan(&mut self, command: &Object, now: Moment) -> Result<(), Refusal> {
        match &mut self.part {
            Part::Bus(bus) => bus.scan(command, now),
            Part::Sensor(_) | Part::Led(_) | Part::Relay(_) | Part::Display(_) => {
                Err(Refusal::UnknownRequest)
            }
        }
    }

    /// Answers each `publish-interval` in the object, the good on `config/ok` and the bad on `config/error`. The
    /// firmware was silent about the bad ones; clients are better off with a word.
    fn change_config(&mut self, command: &Object, now: Moment, lines: &mut Vec<Line>) -> Result<(), Refusal> {
        let mut outcome = Err(Refusal::MissingKey { key: "publish-interval" });
        for (_, value) in command.entries().filter(|(key, _)| *key == "publish-interval") {
            outcome = Interval::parse(value, self.least_interval()).map(|interval| {
                self.interval = interval;
                lines.push(self.config_ok());
                if let Part::Sensor(sensor) = &mut self.part {
                    sensor.retime(interval, now);
                }
            });
            if outcome.is_err() {
                break;
            }
        }
        outcome.inspect_err(|refusal| {
            let message = payload::quoted(&refusal.to_string());
            let topic = format!("{}/config/error", self.topic);
            lines.push(Line::new(topic, format!(r#"{{"message": {message}}}"#)));
        })
    }

    fn least_interval(&self) -> u32 {
        match &self.part {
            Part::Sensor(sensor) => sensor.quantity().least_interval(),
            Part::Led(_) | Part::Bus(_) | Part::Relay(_) | Part::Display(_) => 1,
        }
    }

    fn config_ok(&self) -> Line {
        Line::new(format!("{}/config/ok", self.topic), self.interval.payload())
    }

    fn due(&self) -> Option<Moment> {
        match &self.part {
            Part::Sensor(sensor) => sensor.due(),
            Part::Bus(bus) => bus.due(),
            Part::Relay(relay) => relay.due(),
            Part::Led(_) | Part::Display(_) => None,
        }
    }

    fn wake(&mut self, weather: Weather, now: Moment, lines: &mut Vec<Line>) {
        let topic = self.topic;
        match &mut self.part {
            Part::Sensor(sensor) => {
                let reading = sensor.wake(self.interval, weather, now);
                lines.extend(reading.map(|reading| Line::new(topic, reading)));
            }
            Part::Relay(relay) => {
                lines.extend(relay.wake(now).into_iter().map(|state| Line::new(topic, state)));
            }
            Part::Bus(bus) => {
                lines.extend(bus.wake(weather, now).into_iter().map(|reply| match reply {
                    Reply::Transfer(reply) => Line::new(topic, reply),
                    Reply::Scan(slaves) => Line::new(format!("{topic}/config/scan/ok"), slaves),
                }));
            }
            Part::Led(_) | Part::Display(_) => {}
        }
    }
}
