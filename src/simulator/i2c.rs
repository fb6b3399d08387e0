//! The raw I2C commands of the bridge: read, write and scan, one after the other.

use std::collections::VecDeque;

use serde_json::Value;

use super::chips::Chip;
use super::encoding::{self, Encoding};
use super::payload::{self, Object};
use super::weather::Weather;
use super::{Moment, Refusal, request};

/// Commands that may wait; the firmware dropped more without a word.
const QUEUE: usize = 10;
/// Bytes of one transfer.
const MAX_BYTES: usize = 256;
const TRANSFER_TIME: u64 = 2;
/// A millisecond for each address.
const SCAN_TIME: u64 = 127;
/// Nothing waits longer than a queue of scans.
const LONGEST_WAIT: u64 = SCAN_TIME * 10;

/// One bus and the commands that wait for it.
#[derive(Debug)]
pub(super) struct Bus {
    number: u8,
    chips: Vec<Chip>,
    queue: VecDeque<(Moment, Job)>,
}

#[derive(Debug)]
enum Job {
    Scan,
    Transfer(Transfer),
}

#[derive(Debug)]
struct Transfer {
    address: u8,
    write: Option<(Encoding, Vec<u8>)>,
    /// 0 for a write.
    read_length: usize,
}

/// What a command leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Transfer(String),
    Scan(String),
}

impl Bus {
    pub(super) fn new(number: u8, addresses: &[u8]) -> Self {
        Self { number, chips: addresses.iter().copied().map(Chip::new).collect(), queue: VecDeque::new() }
    }

    /// A `get`: `read-length` must be there.
    pub(super) fn get(&mut self, command: &Object, now: Moment) -> Result<(), Refusal> {
        let transfer = Transfer::parse(command)?;
        if transfer.read_length == 0 {
            return Err(Refusal::BadValue { key: "read-length", expected: "1 to 256" });
        }
        self.push(Job::Transfer(transfer), TRANSFER_TIME, now)
    }

    /// A `set`: a write, or a read where there is a `read-length` above 0.
    pub(super) fn set(&mut self, command: &Object, now: Moment) -> Result<(), Refusal> {
        let transfer = Transfer::parse(command)?;
        if transfer.read_length == 0 && transfer.written().is_empty() {
            return Err(Refusal::MissingKey { key: "write" });
        }
        self.push(Job::Transfer(transfer), TRANSFER_TIME, now)
    }

    pub(super) fn scan(&mut self, command: &Object, now: Moment) -> Result<(), Refusal> {
        if !command.is_empty() {
            return Err(Refusal::UnknownRequest);
        }
        self.push(Job::Scan, SCAN_TIME, now)
    }

    pub(super) fn due(&self) -> Option<Moment> {
        self.queue.front().map(|(due, _)| *due)
    }

    /// Answers what is done by now.
    pub(super) fn wake(&mut self, weather: Weather, now: Moment) -> Vec<Reply> {
        let mut replies = Vec::new();
        while self.due().is_some_and(|due| due.is_due(now, LONGEST_WAIT)) {
            match self.queue.pop_front() {
                Some((_, Job::Scan)) => replies.push(Reply::Scan(self.slaves())),
                Some((_, Job::Transfer(transfer))) => {
                    replies.push(Reply::Transfer(self.transfer(&transfer, weather, now)));
                }
                None => break,
            }
        }
        replies
    }

    fn push(&mut self, job: Job, time: u64, now: Moment) -> Result<(), Refusal> {
        if self.queue.len() >= QUEUE {
            return Err(Refusal::QueueFull { capacity: QUEUE });
        }
        let free = self.queue.back().map_or(now, |(due, _)| (*due).max(now));
        self.queue.push_back((free.plus(time), job));
        Ok(())
    }

    fn transfer(&mut self, transfer: &Transfer, weather: Weather, now: Moment) -> String {
        let mut parts = vec![format!(r#""address": "{:02X}""#, transfer.address)];
        let mut answer_in = Encoding::Hex;
        if let Some((encoding, bytes)) = &transfer.write {
            answer_in = *encoding;
            parts.push(format!(r#""write": {}"#, encoding::encode(*encoding, bytes)));
        }
        let length = transfer.read_length;
        let bytes = match self.chips.iter_mut().find(|chip| chip.address == transfer.address) {
            Some(chip) => {
                chip.write(transfer.written());
                chip.read(length, self.number, weather, now)
            }
            // Nobody pulls the wires low, so every bit of the reply reads as one.
            None => vec![0xff; length],
        };
        if length > 0 {
            parts.push(format!(r#""read": {}"#, encoding::encode(answer_in, &bytes)));
        }
        format!("{{{}}}", parts.join(", "))
    }

    fn slaves(&self) -> String {
        let slaves: Vec<String> = self.chips.iter().map(|chip| self.slave(chip.address)).collect();
        format!(r#"{{"slaves": [{}]}}"#, slaves.join(", "))
    }

    fn slave(&self, address: u8) -> String {
        let number = self.number;
        match request::type_at(address) {
            None => format!(r#"["{address:02X}",null]"#),
            Some(name) if name.starts_with('!') => format!(r#"["{address:02X}","{name}"]"#),
            Some(name) => format!(r#"["{address:02X}","{name}/i2c{number}-{address:02x}"]"#),
        }
    }
}

impl Transfer {
    fn parse(command: &Object) -> Result<Self, Refusal> {
        let address = command.last("address").ok_or(Refusal::MissingKey { key: "address" })?;
        let bad_address = Refusal::BadValue { key: "address", expected: "a hexadecimal string up to \"7F\"" };
        let write = command.last("write").map(bytes).transpose()?;
        let read_length = command.last("read-length").map(length).transpose()?.unwrap_or(0);
        let register = write.as_ref().map_or(0, |(_, bytes)| bytes.len());
        if read_length > 0 && register > 2 {
            return Err(Refusal::BadValue {
                key: "write",
                expected: "a register of at most 2 bytes in a read",
            });
        }
        Ok(Self { address: address.as_str().and_then(slave_address).ok_or(bad_address)?, write, read_length })
    }

    fn written(&self) -> &[u8] {
        let bytes = self.write.as_ref().map_or(&[][..], |(_, bytes)| bytes);
        // The second byte of a register is the high one, which no chip here has a use for.
        if self.read_length > 0 { bytes.get(..1).unwrap_or_default() } else { bytes }
    }
}

fn slave_address(text: &str) -> Option<u8> {
    let digits = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits.then(|| u8::from_str_radix(text, 16).ok()).flatten().filter(|address| *address <= 0x7f)
}

fn bytes(value: &Value) -> Result<(Encoding, Vec<u8>), Refusal> {
    let decoded = value.as_str().and_then(encoding::decode);
    decoded.filter(|(_, bytes)| bytes.len() <= MAX_BYTES).ok_or(Refusal::BadValue {
        key: "write",
        expected: "up to 256 bytes as \"00,FF\", \"(text)\" or base64",
    })
}

fn length(value: &Value) -> Result<usize, Refusal> {
    let length = payload::whole(value).and_then(|length| usize::try_from(length).ok());
    length
        .filter(|length| *length <= MAX_BYTES)
        .ok_or(Refusal::BadValue { key: "read-length", expected: "a number up to 256" })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment(1_812_366_000_000);

    fn bus() -> Bus {
        Bus::new(0, &[0x3c, 0x48, 0x50, 0x60, 0x70])
    }

    fn object(text: &str) -> Object {
        Object::parse(text).unwrap()
    }

    /// The only reply of a bus to one command.
    fn reply(command: impl FnOnce(&mut Bus) -> Result<(), Refusal>) -> Reply {
        let mut bus = bus();
        command(&mut bus).unwrap();
        assert!(bus.wake(Weather::new(1), NOW).is_empty(), "a transfer takes time");
        let due = bus.due().unwrap();
        let mut replies = bus.wake(Weather::new(1), due);
        assert_eq!(replies.len(), 1);
        replies.remove(0)
    }

    fn get(text: &str) -> Reply {
        reply(|bus| bus.get(&object(text), NOW))
    }

    #[test]
    fn a_read_answers_in_the_encoding_of_the_write() {
        for (command, answer) in [
            (
                r#"{"address": "48", "write": "01", "read-length": 2}"#,
                r#"{"address": "48", "write": "01", "read": "60,A0"}"#,
            ),
            (
                r#"{"address": "48", "write": "AQ==", "read-length": 2}"#,
                r#"{"address": "48", "write": "AQ==", "read": "YKA="}"#,
            ),
            (
                r#"{"address": "50", "write": "(A)", "read-length": 1}"#,
                r#"{"address": "50", "write": "(A)", "read": "FF"}"#,
            ),
            (r#"{"address": "7f", "read-length": 1e0}"#, r#"{"address": "7F", "read": "FF"}"#),
            (
                r#"{"address": "60", "write": "0c,00", "read-length": 1}"#,
                r#"{"address": "60", "write": "0C,00", "read": "C4"}"#,
            ),
        ] {
            assert_eq!(get(command), Reply::Transfer(answer.into()));
        }
    }

    #[test]
    fn a_set_with_a_read_length_is_a_read() {
        let set = |text: &str| reply(|bus| bus.set(&object(text), NOW));
        let answer = r#"{"address": "48", "write": "01", "read": "60"}"#;
        assert_eq!(
            set(r#"{"address": "48", "write": "01", "read-length": 1}"#),
            Reply::Transfer(answer.into())
        );
        let answer = r#"{"address": "48", "write": "00,01"}"#;
        assert_eq!(set(r#"{"address": "48", "write": "00,01"}"#), Reply::Transfer(answer.into()));
    }

    #[test]
    fn what_was_written_can_be_read() {
        let mut bus = bus();
        bus.set(&object(r#"{"address": "50", "write": "( Hi)"}"#), NOW).unwrap();
        bus.get(&object(r#"{"address": "50", "write": "( )", "read-length": 2}"#), NOW).unwrap();
        let replies = bus.wake(Weather::new(1), NOW.plus(100));
        let answer = r#"{"address": "50", "write": "( )", "read": "(Hi)"}"#;
        assert_eq!(replies[1], Reply::Transfer(answer.into()));
    }

    #[test]
    fn a_scan_lists_slaves_in_upper_case_with_their_topics_and_no_inner_blanks() {
        let slaves = concat!(
            r#"{"slaves": [["3C","display-oled/i2c0-3c"], ["48","thermometer/i2c0-48"], ["50",null], "#,
            r#"["60","barometer/i2c0-60"], ["70","!i2c-selector"]]}"#
        );
        assert_eq!(reply(|bus| bus.scan(&object("{}"), NOW)), Reply::Scan(slaves.into()));
        assert_eq!(bus().scan(&object(r#"{"a": 1}"#), NOW), Err(Refusal::UnknownRequest));
    }

    #[test]
    fn ten_commands_wait_and_no_more() {
        let mut bus = bus();
        for _ in 0..QUEUE {
            bus.scan(&object("{}"), NOW).unwrap();
        }
        assert_eq!(bus.scan(&object("{}"), NOW), Err(Refusal::QueueFull { capacity: QUEUE }));
        assert_eq!(bus.wake(Weather::new(1), NOW.plus(SCAN_TIME * 2)).len(), 2);
        assert_eq!(bus.wake(Weather::new(1), Moment(u64::MAX)).len(), QUEUE - 2);
    }

    #[test]
    fn commands_that_make_no_sense_are_refused() {
        for bad in [
            "{}",
            r#"{"address": 48, "read-length": 1}"#,
            r#"{"address": "80", "read-length": 1}"#,
            r#"{"address": "0x48", "read-length": 1}"#,
            r#"{"address": "48"}"#,
            r#"{"address": "48", "read-length": 0}"#,
            r#"{"address": "48", "read-length": -1}"#,
            r#"{"address": "48", "read-length": 257}"#,
            r#"{"address": "48", "read-length": "2"}"#,
            r#"{"address": "48", "write": "01,02,03", "read-length": 2}"#,
            r#"{"address": "48", "write": "0", "read-length": 2}"#,
        ] {
            assert!(bus().get(&object(bad), NOW).is_err(), "{bad}");
        }
        assert!(bus().set(&object(r#"{"address": "48", "write": ""}"#), NOW).is_err());
    }
}
