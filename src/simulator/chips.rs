//! The chips behind the raw I2C commands: registers that read as those of the real parts do.

use super::Moment;
use super::weather::Weather;

/// A chip on a bus: 256 registers of one or two bytes behind a pointer.
#[derive(Debug)]
pub(super) struct Chip {
    pub(super) address: u8,
    width: usize,
    pointer: u8,
    memory: Vec<u8>,
}

impl Chip {
    pub(super) fn new(address: u8) -> Self {
        // TMP112 and OPT3001 have registers of two bytes, high byte first.
        let width = if matches!(address, 0x44 | 0x48) { 2 } else { 1 };
        let blank = if address == 0x50 { 0xff } else { 0 };
        let mut chip = Self { address, width, pointer: 0, memory: vec![blank; 256 * width] };
        match address {
            0x38 | 0x3b | 0x3f => chip.put(1, &[0xff, 0x00, 0xff]),
            0x44 => chip.put(1, &[0xc8, 0x10, 0xc0, 0x00, 0xbf, 0xff]),
            0x48 => chip.put(1, &[0x60, 0xa0, 0x4b, 0x00, 0x50, 0x00]),
            _ => {}
        }
        chip
    }

    /// The first byte moves the pointer, the others are stored from there on.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        if let [register, data @ ..] = bytes {
            self.pointer = *register;
            self.put(*register, data);
        }
    }

    /// Reads from the pointer on. A register of two bytes repeats, registers of one byte follow each other.
    pub(super) fn read(&mut self, length: usize, bus: u8, weather: Weather, now: Moment) -> Vec<u8> {
        self.measure(bus, weather, now);
        let start = usize::from(self.pointer) * self.width;
        let byte = |index: usize| {
            let place = if self.width == 2 { start + index % 2 } else { (start + index) % 256 };
            self.memory.get(place).copied().unwrap_or(0xff)
        };
        (0..length).map(byte).collect()
    }

    /// Sets what cannot be written: measurements, from the same weather the sensors see, and identities.
    fn measure(&mut self, bus: u8, weather: Weather, now: Moment) {
        match self.address {
            0x38 | 0x3b | 0x3f => self.put(0, &[0xff]),
            0x40 => {
                let temperature = low_first((weather.indoor_temperature(now) + 40.0) * 65_536.0 / 165.0);
                let humidity = low_first(weather.indoor_humidity(now) * 655.36);
                self.put(0, &temperature);
                self.put(2, &humidity);
                self.put(0xfc, &[0x49, 0x54, 0xd0, 0x07]);
            }
            0x44 => {
                self.put(0, &light(weather.indoor_light(now)));
                self.put(0x7e, &[0x54, 0x49, 0x30, 0x01]);
            }
            0x48 => {
                let outdoors = bus != 0;
                let temperature =
                    if outdoors { weather.outdoor_temperature(now) } else { weather.indoor_temperature(now) };
                let [.., high, low] = (integer(temperature * 16.0) << 4).to_be_bytes();
                self.put(0, &[high, low]);
            }
            0x60 => {
                let [_, bytes @ ..] = (integer(weather.pressure(now) * 4_000.0) << 4).to_be_bytes();
                self.put(1, &bytes);
                self.put(0x0c, &[0xc4]);
            }
            _ => {}
        }
    }

    fn put(&mut self, register: u8, bytes: &[u8]) {
        let start = usize::from(register) * self.width;
        for (place, byte) in self.memory.iter_mut().skip(start).zip(bytes) {
            *place = *byte;
        }
    }
}

/// OPT3001: four bits of exponent, twelve of mantissa, in units of 0.01 lux.
fn light(lux: f64) -> [u8; 2] {
    let mut mantissa = integer(lux * 100.0);
    let mut exponent = 0;
    while mantissa > 0xfff {
        mantissa >>= 1;
        exponent += 1;
    }
    let [.., high, low] = ((exponent << 12) | mantissa).to_be_bytes();
    [high, low]
}

fn low_first(value: f64) -> [u8; 2] {
    let [low, high, ..] = integer(value).to_le_bytes();
    [low, high]
}

fn integer(value: f64) -> i32 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a cast from float saturates, and readings are small"
    )]
    let integer = value.round() as i32;
    integer
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment(1_812_366_000_000);

    #[test]
    fn the_thermometer_chip_holds_what_the_weather_is() {
        let weather = Weather::new(4);
        let mut chip = Chip::new(0x48);
        chip.write(&[0]);
        let bytes = chip.read(2, 0, weather, NOW);
        let celsius = f64::from(i16::from_be_bytes([bytes[0], bytes[1]])) / 256.0;
        assert!((celsius - weather.indoor_temperature(NOW)).abs() < 0.04, "{celsius}");
        chip.write(&[2]);
        assert_eq!(chip.read(3, 0, weather, NOW), [0x4b, 0x00, 0x4b]);
    }

    #[test]
    fn identities_cannot_be_overwritten_and_settings_can() {
        let weather = Weather::new(4);
        let mut chip = Chip::new(0x60);
        chip.write(&[0x0c, 1]);
        assert_eq!(chip.read(1, 0, weather, NOW), [0xc4]);
        chip.write(&[0x26, 0xb9, 7]);
        chip.write(&[0x26]);
        assert_eq!(chip.read(2, 0, weather, NOW), [0xb9, 7]);
        chip.write(&[0xff, 1, 2, 3]);
        assert_eq!(chip.read(2, 0, weather, NOW), [1, 0]);
    }

    #[test]
    fn light_is_a_mantissa_and_an_exponent() {
        assert_eq!(light(0.01), [0x00, 0x01]);
        assert_eq!(light(40.95), [0x0f, 0xff]);
        assert_eq!(light(83_865.6), [0xbf, 0xff]);
    }
}
