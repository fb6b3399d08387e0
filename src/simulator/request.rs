//! Topics as the bridge reads them: which device, and what is asked of it.

use super::{Refusal, encoding};

const MAX_LEVEL_BYTES: usize = 32;

/// A request for one device, read from a topic of three or four levels.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// `type/address` in canonical spelling, `-/-` for the bridge itself.
    pub(super) device: String,
    pub(super) action: Action,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Get,
    Set,
    /// `config/get`, and `config/list`, which means the same for one device.
    ReadConfig,
    /// `config/update` of the firmware, and `config/set` of its documentation.
    ChangeConfig,
    /// `config/list` of the bridge itself.
    ListDevices,
    Scan,
}

impl Request {
    /// Splits on slashes like the firmware did: leading, trailing and doubled ones vanish.
    pub(super) fn parse(topic: &str) -> Result<Self, Refusal> {
        let levels = || topic.split('/').filter(|level| !level.is_empty());
        if let Some(long) = levels().find(|level| level.len() > MAX_LEVEL_BYTES) {
            return Err(Refusal::LevelTooLong { bytes: long.len() });
        }
        let count = levels().count();
        if count > 4 {
            return Err(Refusal::TooDeep { levels: count });
        }
        let mut rest = levels();
        let (Some(kind), Some(address), Some(verb)) = (rest.next(), rest.next(), rest.next()) else {
            return Err(Refusal::TooShallow { levels: count });
        };
        let device = device(kind, address)?;
        let action = action(&device, verb, rest.next()).ok_or(Refusal::UnknownRequest)?;
        Ok(Self { device, action })
    }
}

fn action(device: &str, verb: &str, config: Option<&str>) -> Option<Action> {
    match (device, verb, config) {
        ("-/-", "config", Some("list")) => Some(Action::ListDevices),
        ("-/-", _, _) => None,
        (_, "get", None) => Some(Action::Get),
        (_, "set", None) => Some(Action::Set),
        (_, "config", Some("get" | "list")) => Some(Action::ReadConfig),
        (_, "config", Some("set" | "update")) => Some(Action::ChangeConfig),
        (_, "config", Some("scan")) if device.starts_with("i2c/") => Some(Action::Scan),
        _ => None,
    }
}

fn device(kind: &str, address: &str) -> Result<String, Refusal> {
    // One table of the old documentation misspells it, and clients were written against that.
    let kind = if kind == "luxmeter" { "lux-meter" } else { kind };
    match (kind, address) {
        ("-" | "led", "-") => return Ok(format!("{kind}/-")),
        ("i2c", "0" | "1") => return Ok(format!("i2c/{address}")),
        _ => {}
    }
    let (bus, chip) = bus_and_chip(address).ok_or(Refusal::BadAddress)?;
    match type_at(chip) {
        Some(expected) if expected != kind => Err(Refusal::TypeMismatch { expected }),
        Some(_) => Ok(format!("{kind}/i2c{bus}-{chip:02x}")),
        None => Err(Refusal::NotPluggedIn),
    }
}

/// Reads `i2cB-XX`. Every bus but 0 is bus 1, as the firmware has it.
fn bus_and_chip(address: &str) -> Option<(u8, u8)> {
    let (bus, chip) = address.strip_prefix("i2c")?.split_once('-')?;
    let bus = match bus.as_bytes() {
        [b'0'] => 0,
        [b'1'..=b'9'] => 1,
        _ => return None,
    };
    Some((bus, encoding::hex_byte(chip)?))
}

/// The type that is registered for an address on the I2C bus. A name that starts with `!` stands alone in a scan.
pub(super) fn type_at(chip: u8) -> Option<&'static str> {
    match chip {
        0x38 => Some("co2-sensor"),
        0x3b | 0x3f => Some("relay"),
        0x3c => Some("display-oled"),
        0x40 | 0x41 | 0x5f => Some("humidity-sensor"),
        0x44 | 0x45 => Some("lux-meter"),
        0x48 | 0x49 => Some("thermometer"),
        0x4d => Some("!co2-sensor-i2c-uart"),
        0x60 => Some("barometer"),
        0x70 => Some("!i2c-selector"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(topic: &str) -> Refusal {
        Request::parse(topic).unwrap_err()
    }

    #[test]
    fn slashes_that_lead_trail_or_double_vanish() {
        for topic in ["relay/i2c0-3b/set", "/relay//i2c0-3b/set", "relay/i2c0-3B/set/", "relay/i2c0-3b///set"]
        {
            let request = Request::parse(topic).unwrap();
            assert_eq!(request, Request { device: "relay/i2c0-3b".into(), action: Action::Set }, "{topic}");
        }
    }

    #[test]
    fn a_request_has_three_or_four_levels_of_at_most_32_bytes() {
        assert_eq!(refusal(""), Refusal::TooShallow { levels: 0 });
        assert_eq!(refusal("boot"), Refusal::TooShallow { levels: 1 });
        assert_eq!(refusal("relay//i2c0-3b"), Refusal::TooShallow { levels: 2 });
        assert_eq!(refusal("-/-/config/list/ok"), Refusal::TooDeep { levels: 5 });
        assert_eq!(refusal(&format!("{}/-/set", "x".repeat(33))), Refusal::LevelTooLong { bytes: 33 });
        assert_eq!(refusal(&format!("{}/-/set", "x".repeat(32))), Refusal::BadAddress);
    }

    #[test]
    fn an_address_must_be_understood_and_go_with_its_type() {
        for topic in [
            "pir/-/get",
            "clown.talk/-/config/set",
            "i2c/2/get",
            "relay/3b/set",
            "relay/i2c0-3/set",
            "relay/i2cx-3b/set",
            "relay/i2c0-+b/set",
            "relay/0/set",
        ] {
            assert_eq!(refusal(topic), Refusal::BadAddress, "{topic}");
        }
        assert_eq!(refusal("thermometer/i2c0-60/get"), Refusal::TypeMismatch { expected: "barometer" });
        assert_eq!(refusal("i2c/i2c0-48/get"), Refusal::TypeMismatch { expected: "thermometer" });
        assert_eq!(refusal("thermometer/i2c0-20/get"), Refusal::NotPluggedIn);
        assert_eq!(refusal("-/-/get"), Refusal::UnknownRequest);
        assert_eq!(refusal("led/-/config/scan"), Refusal::UnknownRequest);
    }

    #[test]
    fn any_bus_but_0_is_bus_1_and_the_misprint_of_the_lux_meter_is_read() {
        assert_eq!(Request::parse("thermometer/i2c7-48/get").unwrap().device, "thermometer/i2c1-48");
        assert_eq!(Request::parse("luxmeter/i2c0-44/get").unwrap().device, "lux-meter/i2c0-44");
    }
}
