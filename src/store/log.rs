//! Rows of the log to bytes and back. Pure.
//!
//! A row holds what was said since the row before it. It needs nothing before it but the names of topics and users:
//!
//! ```text
//! row     version (1 byte), time (8), records, CRC-32C (4) over the number of the row and all bytes before
//! record  varint(topic << 3 | kind), and then by kind:
//!   2 whole    time as a difference to the row's (zigzag), user, length and bytes of the payload
//!   3 cleared  nothing
//!   4 extras   what few values have; stands before the value of the same topic
//! ```
//!
//! The kinds 0, 1, 5, 6 and 7 are for what later versions have to say. A row that is whole and speaks of something unknown
//! was written by a newer version, and that is an error of its own: such a file must not be changed.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::hub::Trail;
use crate::talk::Kind;

/// The version of rows that this program writes. It reads this one only.
const VERSION: u8 = 1;
/// Version and time in front, the checksum behind.
const HEAD: usize = 9;
const TAIL: usize = 4;

const WHOLE: u64 = 2;
const CLEARED: u64 = 3;
const EXTRAS: u64 = 4;

/// What makes a value unusual: its shape, and what came with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rest {
    /// The shape.
    pub kind: Kind,
    /// When it stops being worth delivering, in milliseconds since 1970.
    pub expires: Option<u64>,
    /// What the publisher put into the options.
    pub passed_on: Box<str>,
    /// Where it has been.
    pub trail: Option<Trail>,
}

/// One thing that was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'a> {
    /// The number of the topic.
    pub topic: u64,
    /// What its last value is now; none if it was forgotten.
    pub value: Option<Value<'a>>,
}

/// A last value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value<'a> {
    /// When the hub took it, in milliseconds since 1970.
    pub time: u64,
    /// The number of the user who said it.
    pub user: u64,
    /// JSON text.
    pub payload: &'a str,
    /// What few have.
    pub rest: Option<Rest>,
}

/// Why bytes are no row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// They are not what was written.
    #[error("the row is damaged")]
    Damaged,
    /// They were written by a newer version of this program.
    #[error("the row was written by a newer version")]
    Newer,
}

/// The CRC-32C that stands behind everything that is stored.
pub fn sum(pieces: &[&[u8]]) -> u32 {
    pieces.iter().fold(0, |sum, piece| crc32c::crc32c_append(sum, piece))
}

/// Makes a row from records, in their order.
#[derive(Debug)]
pub struct RowWriter {
    time: u64,
    bytes: Vec<u8>,
}

impl RowWriter {
    /// A row of this time, in milliseconds since 1970.
    pub fn new(time: u64) -> Self {
        let mut bytes = vec![VERSION];
        bytes.extend(time.to_le_bytes());
        Self { time, bytes }
    }

    /// Whether there are no records in it.
    pub fn is_empty(&self) -> bool {
        self.bytes.len() == HEAD
    }

    /// Adds what was said.
    pub fn push(&mut self, record: &Record<'_>) {
        let Some(value) = &record.value else { return self.begin(record.topic, CLEARED) };
        if let Some(rest) = &value.rest {
            self.begin(record.topic, EXTRAS);
            put_rest(rest, &mut self.bytes);
        }
        self.begin(record.topic, WHOLE);
        put_zigzag(value.time.wrapping_sub(self.time).cast_signed(), &mut self.bytes);
        put(value.user, &mut self.bytes);
        put_bytes(value.payload.as_bytes(), &mut self.bytes);
    }

    fn begin(&mut self, topic: u64, kind: u64) {
        put(topic << 3 | kind, &mut self.bytes);
    }

    /// The bytes of the row, as row number `seq`.
    pub fn finish(mut self, seq: u64) -> Vec<u8> {
        let sum = sum(&[&seq.to_le_bytes(), &self.bytes]);
        self.bytes.extend(sum.to_le_bytes());
        self.bytes
    }
}

/// A row that was read: its time, and what was said.
#[derive(Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// In milliseconds since 1970.
    pub time: u64,
    /// In the order in which they were written.
    pub records: Vec<Record<'a>>,
}

/// Reads the row number `seq`.
pub fn read(seq: u64, bytes: &[u8]) -> Result<Row<'_>, Fault> {
    let body = bytes.len().checked_sub(TAIL).ok_or(Fault::Damaged)?;
    let (body, tail) = bytes.split_at_checked(body).ok_or(Fault::Damaged)?;
    if tail != sum(&[&seq.to_le_bytes(), body]).to_le_bytes() {
        return Err(Fault::Damaged);
    }
    let mut reader = Reader(body);
    if reader.byte()? != VERSION {
        return Err(Fault::Newer);
    }
    let time = u64::from_le_bytes(reader.take(8)?.try_into().map_err(|_| Fault::Damaged)?);
    let mut records = Vec::new();
    let mut extras: Option<(u64, Rest)> = None;
    while !reader.0.is_empty() {
        let tag = reader.number()?;
        let (topic, kind) = (tag >> 3, tag & 7);
        let rest = match extras.take() {
            Some((of, rest)) if of == topic && kind == WHOLE => Some(rest),
            Some(_) => return Err(Fault::Damaged),
            None => None,
        };
        match kind {
            WHOLE => {
                let time = time.wrapping_add(reader.zigzag()?.cast_unsigned());
                let value = Value { time, user: reader.number()?, payload: reader.text()?, rest };
                records.push(Record { topic, value: Some(value) });
            }
            CLEARED => records.push(Record { topic, value: None }),
            EXTRAS => extras = Some((topic, reader.rest()?)),
            _ => return Err(Fault::Newer),
        }
    }
    if extras.is_some() { Err(Fault::Damaged) } else { Ok(Row { time, records }) }
}

const HAS_EXPIRES: u8 = 1;
const HAS_PASSED_ON: u8 = 2;
const HAS_TRAIL: u8 = 4;

/// The bytes of what few values have.
pub fn rest_bytes(rest: &Rest) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_rest(rest, &mut bytes);
    bytes
}

/// What few values have, from all of these bytes.
pub fn read_rest(bytes: &[u8]) -> Result<Rest, Fault> {
    let mut reader = Reader(bytes);
    let rest = reader.rest()?;
    if reader.0.is_empty() { Ok(rest) } else { Err(Fault::Damaged) }
}

fn put_rest(rest: &Rest, bytes: &mut Vec<u8>) {
    bytes.push(match rest.kind {
        Kind::Reading => 0,
        Kind::Command => 1,
        Kind::Answer => 2,
        Kind::Notification => 3,
    });
    let flag = |is_there: bool, flag: u8| if is_there { flag } else { 0 };
    bytes.push(
        flag(rest.expires.is_some(), HAS_EXPIRES)
            | flag(!rest.passed_on.is_empty(), HAS_PASSED_ON)
            | flag(rest.trail.is_some(), HAS_TRAIL),
    );
    if let Some(expires) = rest.expires {
        put(expires, bytes);
    }
    if !rest.passed_on.is_empty() {
        put_bytes(rest.passed_on.as_bytes(), bytes);
    }
    if let Some(trail) = &rest.trail {
        put_bytes(trail.stamp.as_bytes(), bytes);
        put_bytes(trail.heard_from.as_bytes(), bytes);
    }
}

/// A moment in milliseconds since 1970, which is as exactly as it is ever told.
pub fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The moment so many milliseconds after 1970 began.
pub fn moment(milliseconds: u64) -> SystemTime {
    let moment = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(milliseconds));
    moment.unwrap_or(SystemTime::UNIX_EPOCH)
}

fn put(mut number: u64, bytes: &mut Vec<u8>) {
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

fn put_zigzag(number: i64, bytes: &mut Vec<u8>) {
    put(((number << 1) ^ (number >> 63)).cast_unsigned(), bytes);
}

fn put_bytes(piece: &[u8], bytes: &mut Vec<u8>) {
    put(piece.len() as u64, bytes);
    bytes.extend_from_slice(piece);
}

/// What is left to be read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Result<u8, Fault> {
        let (first, rest) = self.0.split_first().ok_or(Fault::Damaged)?;
        self.0 = rest;
        Ok(*first)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let (piece, rest) = self.0.split_at_checked(count).ok_or(Fault::Damaged)?;
        self.0 = rest;
        Ok(piece)
    }

    /// A number of at most 64 bits, written in no more bytes than it needs.
    fn number(&mut self) -> Result<u64, Fault> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if (part << shift) >> shift != part || (byte == 0 && shift > 0) {
                return Err(Fault::Damaged);
            }
            number |= part << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Fault::Damaged)
    }

    fn zigzag(&mut self) -> Result<i64, Fault> {
        let number = self.number()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    fn text(&mut self) -> Result<&'a str, Fault> {
        let count = usize::try_from(self.number()?).map_err(|_| Fault::Damaged)?;
        std::str::from_utf8(self.take(count)?).map_err(|_| Fault::Damaged)
    }

    fn rest(&mut self) -> Result<Rest, Fault> {
        let kind = match self.byte()? {
            0 => Kind::Reading,
            1 => Kind::Command,
            2 => Kind::Answer,
            3 => Kind::Notification,
            _ => return Err(Fault::Newer),
        };
        let flags = self.byte()?;
        if flags & !(HAS_EXPIRES | HAS_PASSED_ON | HAS_TRAIL) != 0 {
            return Err(Fault::Newer);
        }
        let mut rest = Rest { kind, expires: None, passed_on: Box::default(), trail: None };
        if flags & HAS_EXPIRES != 0 {
            rest.expires = Some(self.number()?);
        }
        if flags & HAS_PASSED_ON != 0 {
            rest.passed_on = self.text()?.into();
        }
        if flags & HAS_TRAIL != 0 {
            let (stamp, heard_from) = (self.text()?.into(), Arc::from(self.text()?));
            rest.trail = Some(Trail { stamp, heard_from });
        }
        Ok(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rest() -> impl Strategy<Value = Rest> {
        let kind = prop::sample::select(vec![Kind::Reading, Kind::Command, Kind::Answer, Kind::Notification]);
        let trail = ("[a-z.0-9 ]{0,20}", "[a-z]{0,8}")
            .prop_map(|(stamp, from)| Trail { stamp: stamp.into(), heard_from: from.as_str().into() });
        let expires = prop::option::of(any::<u64>());
        (kind, expires, "[ -~ž]{0,12}", prop::option::of(trail)).prop_map(
            |(kind, expires, passed_on, trail)| Rest { kind, expires, passed_on: passed_on.into(), trail },
        )
    }

    type Told = (u64, Option<(u64, u64, String, Option<Rest>)>);

    fn told() -> impl Strategy<Value = (u64, u64, Vec<Told>)> {
        let value = (any::<u64>(), 0..1000_u64, "[ -~ž℃]{0,40}", prop::option::of(rest()));
        let record = (0..1_u64 << 40, prop::option::weighted(0.8, value));
        (any::<u64>(), any::<u64>(), prop::collection::vec(record, 0..20))
    }

    fn records(told: &[Told]) -> Vec<Record<'_>> {
        told.iter()
            .map(|(topic, value)| Record {
                topic: *topic,
                value: value.as_ref().map(|(time, user, payload, rest)| Value {
                    time: *time,
                    user: *user,
                    payload,
                    rest: rest.clone(),
                }),
            })
            .collect()
    }

    fn bytes((seq, time, told): &(u64, u64, Vec<Told>)) -> Vec<u8> {
        let mut row = RowWriter::new(*time);
        for record in records(told) {
            row.push(&record);
        }
        assert_eq!(row.is_empty(), told.is_empty());
        row.finish(*seq)
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_again(row in told()) {
            let bytes = bytes(&row);
            let read = read(row.0, &bytes).unwrap();
            prop_assert_eq!((read.time, read.records), (row.1, records(&row.2)));
        }

        #[test]
        fn one_flipped_bit_or_another_place_in_the_log_is_damage(row in told(), at in any::<prop::sample::Index>(), bit in 0..8_u8) {
            let mut bytes = bytes(&row);
            prop_assert_eq!(read(row.0.wrapping_add(1), &bytes).unwrap_err(), Fault::Damaged);
            let at = at.index(bytes.len());
            bytes[at] ^= 1_u8 << bit;
            prop_assert_eq!(read(row.0, &bytes).unwrap_err(), Fault::Damaged);
        }

        #[test]
        fn a_row_that_was_cut_is_damage(row in told(), at in any::<prop::sample::Index>()) {
            let bytes = bytes(&row);
            prop_assert_eq!(read(row.0, &bytes[..at.index(bytes.len())]).unwrap_err(), Fault::Damaged);
        }

        /// Whatever has a good checksum is written again as the same bytes, or it is refused.
        #[test]
        fn bytes_with_a_good_checksum_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..60)) {
            let mut bytes = vec![VERSION];
            bytes.extend(body);
            bytes.extend(sum(&[&7_u64.to_le_bytes(), &bytes]).to_le_bytes());
            if let Ok(row) = read(7, &bytes) {
                let mut again = RowWriter::new(row.time);
                for record in &row.records {
                    again.push(record);
                }
                let again = again.finish(7);
                prop_assert_eq!(read(7, &again).unwrap(), row);
            }
        }
    }

    #[test]
    fn a_kind_or_a_version_that_is_not_known_is_told_from_damage() {
        let row = |version: u8, kind: u64| {
            let mut row = RowWriter::new(5);
            row.begin(1, kind);
            row.bytes[0] = version;
            row.finish(1)
        };
        for kind in [0, 1, 5, 6, 7] {
            assert_eq!(read(1, &row(VERSION, kind)).unwrap_err(), Fault::Newer);
        }
        assert_eq!(read(1, &row(VERSION + 1, CLEARED)).unwrap_err(), Fault::Newer);
        assert!(read(1, &row(VERSION, CLEARED)).is_ok());
    }

    #[test]
    fn a_reading_of_a_house_takes_few_bytes() {
        let mut row = RowWriter::new(1_795_856_400_000);
        let payload = r#"{"temperature": [20.01, "℃"]}"#;
        for topic in 100..200 {
            let value = Value { time: 1_795_856_400_000 - topic, user: 3, payload, rest: None };
            row.push(&Record { topic, value: Some(value) });
        }
        assert!(row.finish(1).len() <= HEAD + TAIL + 100 * (payload.len() + 6));
    }
}
