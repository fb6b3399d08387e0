//! Rows of the log to bytes and back. Pure.
//!
//! A row holds what was said since the row before it. Names of topics and users stand elsewhere, and what looks like
//! something that was said before is told by the difference to that (`bases.rs`):
//!
//! ```text
//! row     version (1 byte), time (8), how many rows the span has before this one, records,
//!         CRC-32C (4) over the mark of the file, the number of the row and all bytes before
//! record  varint((topic - topic before) << 5 | generation << 3 | kind), and then by kind:
//!   0 from    time as a difference to the row's (zigzag); for the number in the payload: varint of its difference to the
//!             base (zigzag) << 1 | 1 if its last decimals are not told, and then how many
//!   1 anew    time, user, length and bytes of the payload without its numbers; for each number: decimals, how many of them are
//!             not told, value (zigzag). It is a base from now on
//!   2 whole   time, user, length and bytes of the payload
//!   3 cleared nothing
//!   4 extras  what few values have; stands before the value of the same topic, which is whole
//!   5 back    nothing: topics are counted from 0 again
//!   6 many    as `from`, and how many numbers there are stands before them; in `from` there is one
//! known   5 with the generation 1, and no topic: the next record was said before, and history has it
//! ```
//!
//! A row may speak of a topic several times, of its readings in their order; what it says last counts. The kind 7 is for what later versions have to say. A row that is whole
//! and speaks of something unknown was written by a newer version, and that is an error of its own: such a file must not be
//! changed.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::bases::{Aligned, Base, LONGEST_SKELETON, Told};
use super::bytes::{Reader, put, put_bytes, unzigzag};
use super::shape::{self, MOST_NUMBERS, Number};
use crate::hub::{Rhythm, Trail};
use crate::talk::Kind;

mod draft;

pub use super::bases::Bases;
pub use super::bytes::{Fault, sum};
pub(super) use draft::Draft;
pub use draft::RowWriter;

/// The version of rows that this program writes. It reads this one only.
const VERSION: u8 = 1;
/// The checksum behind.
const TAIL: usize = 4;

const FROM: u64 = 0;
const ANEW: u64 = 1;
const WHOLE: u64 = 2;
const CLEARED: u64 = 3;
const EXTRAS: u64 = 4;
const BACK: u64 = 5;
const MANY: u64 = 6;
/// A whole tag.
const KNOWN: u64 = 1 << KIND_BITS | BACK;
/// The bits of a tag below the topic, and those below the generation.
const TAG_BITS: u32 = 5;
const KIND_BITS: u32 = 3;
/// The largest number of a topic: a tag has room for no larger one.
const MOST_TOPIC: u64 = u64::MAX >> TAG_BITS;

/// Bytes of all payloads of one row, which are more than its own where they are told by differences.
const MOST_PAYLOADS: usize = 256 << 20;

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
    pub payload: Cow<'a, str>,
    /// What few have.
    pub rest: Option<Rest>,
    /// How often the topic speaks. The log does not tell it: it has all gaps.
    pub rhythm: Rhythm,
}

/// A row that was read: its time, and what was said.
#[derive(Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// In milliseconds since 1970.
    pub time: u64,
    /// The first row of its span.
    pub span: u64,
    /// In the order in which they were written.
    pub records: Vec<Record<'a>>,
    /// Which of them had been said before, and are none of history.
    pub known: Vec<usize>,
    /// Records that were told from something that stood in a row which is missing.
    pub lost: u64,
}

/// Reads the row number `seq`. Rows have to be read in their order.
pub fn read<'a>(seq: u64, bytes: &'a [u8], bases: &mut Bases) -> Result<Row<'a>, Fault> {
    let body = bytes.len().checked_sub(TAIL).ok_or(Fault::Damaged)?;
    let (body, tail) = bytes.split_at_checked(body).ok_or(Fault::Damaged)?;
    if tail != sum(&[&bases.mark().to_le_bytes(), &seq.to_le_bytes(), body]).to_le_bytes() {
        return Err(Fault::Damaged);
    }
    let mut reader = Reader(body);
    if reader.byte()? != VERSION {
        return Err(Fault::Newer);
    }
    let time = u64::from_le_bytes(reader.take(8)?.try_into().map_err(|_| Fault::Damaged)?);
    let span = seq.checked_sub(reader.number()?).ok_or(Fault::Damaged)?;
    bases.go_to(span, seq);
    let mut row = Row { time, span, records: Vec::new(), known: Vec::new(), lost: 0 };
    let (mut extras, mut topic, mut payloads, mut is_known) = (None, 0_u64, 0, false);
    while !reader.0.is_empty() {
        let tag = reader.number()?;
        if tag == KNOWN {
            is_known = true;
            continue;
        }
        let kind = tag & ((1 << KIND_BITS) - 1);
        let generation = u8::try_from(tag >> KIND_BITS & 3).map_err(|_| Fault::Damaged)?;
        if generation > 0 && !matches!(kind, FROM | MANY | ANEW) {
            return Err(Fault::Newer);
        }
        topic += tag >> TAG_BITS;
        if topic > MOST_TOPIC {
            return Err(Fault::Damaged);
        }
        let rest = match extras.take() {
            Some((of, rest)) if of == topic && kind == WHOLE => Some(rest),
            Some(_) => return Err(Fault::Damaged),
            None => None,
        };
        let value = match kind {
            FROM | MANY => {
                let time = reader.time(time)?;
                let count = if kind == FROM { 1 } else { reader.count()? };
                let Some(value) = reader.from(time, count, bases.get(topic, generation))? else {
                    row.lost += 1;
                    is_known = false;
                    continue;
                };
                Some(value)
            }
            ANEW => Some(reader.anew(time, topic, generation, bases)?),
            WHOLE => {
                let time = reader.time(time)?;
                let (user, payload) = (reader.number()?, reader.text()?.into());
                Some(Value { time, user, payload, rest, rhythm: Rhythm::default() })
            }
            CLEARED => None,
            EXTRAS => {
                extras = Some((topic, reader.rest()?));
                continue;
            }
            BACK if tag == BACK => {
                topic = 0;
                continue;
            }
            _ => return Err(Fault::Newer),
        };
        payloads += value.as_ref().map_or(0, |value| value.payload.len());
        if payloads > MOST_PAYLOADS {
            return Err(Fault::Damaged);
        }
        if std::mem::take(&mut is_known) {
            row.known.push(row.records.len());
        }
        row.records.push(Record { topic, value });
    }
    if extras.is_some() { Err(Fault::Damaged) } else { Ok(row) }
}

const HAS_EXPIRES: u8 = 1;
const HAS_PASSED_ON: u8 = 2;
const HAS_TRAIL: u8 = 4;

/// What few values have, from all of these bytes.
fn read_rest(bytes: &[u8]) -> Result<Rest, Fault> {
    let mut reader = Reader(bytes);
    let rest = reader.rest()?;
    if reader.0.is_empty() { Ok(rest) } else { Err(Fault::Damaged) }
}

/// What stands in front of a rhythm, in place of a kind.
const RHYTHM: u8 = 0x80;

/// What stands beside a settled value: how often its topic speaks, and what few values have. Nothing where there is neither.
pub fn beside(rhythm: Rhythm, rest: Option<&Rest>) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    if rhythm.is_known() {
        bytes.push(RHYTHM);
        bytes.extend(rhythm.bytes());
    }
    if let Some(rest) = rest {
        put_rest(rest, &mut bytes);
    }
    (!bytes.is_empty()).then_some(bytes)
}

/// What stands beside a settled value, from all of these bytes.
pub fn read_beside(bytes: &[u8]) -> Result<(Rhythm, Option<Rest>), Fault> {
    let Some((&RHYTHM, bytes)) = bytes.split_first() else {
        return Ok((Rhythm::default(), Some(read_rest(bytes)?)));
    };
    let (rhythm, bytes) = bytes.split_first_chunk().ok_or(Fault::Damaged)?;
    let rest = if bytes.is_empty() { None } else { Some(read_rest(bytes)?) };
    Ok((Rhythm::from_bytes(*rhythm), rest))
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

/// A value whose payload is put together again.
fn joined(time: u64, user: u64, skeleton: &[u8], numbers: Vec<Number>) -> Result<Value<'static>, Fault> {
    let payload = String::from_utf8(shape::join(skeleton, numbers)).map_err(|_| Fault::Damaged)?;
    Ok(Value { time, user, payload: payload.into(), rest: None, rhythm: Rhythm::default() })
}

impl Reader<'_> {
    /// What is told by differences; none if it is not known to what.
    fn from(
        &mut self,
        time: u64,
        count: usize,
        base: Option<&Base>,
    ) -> Result<Option<Value<'static>>, Fault> {
        if count > MOST_NUMBERS || base.is_some_and(|base| base.numbers.len() != count) {
            return Err(Fault::Damaged);
        }
        let mut numbers = Vec::with_capacity(count);
        for at in 0..count {
            let told = self.number()?;
            let untold = if told & 1 == 1 { self.decimals()? } else { 0 };
            if let Some(base) = base.and_then(|base| base.numbers.get(at)) {
                let mantissa = base.mantissa.checked_add(unzigzag(told >> 1)).ok_or(Fault::Damaged)?;
                let aligned = Aligned { mantissa, decimals: base.decimals, untold };
                numbers.push(aligned.number().ok_or(Fault::Damaged)?);
            }
        }
        base.map(|base| joined(time, base.user, &base.skeleton, numbers)).transpose()
    }

    /// What is told as a new base.
    fn anew(
        &mut self,
        row: u64,
        topic: u64,
        generation: u8,
        bases: &mut Bases,
    ) -> Result<Value<'static>, Fault> {
        let (time, user, skeleton) = (self.time(row)?, self.number()?, self.piece()?);
        let count = shape::holes(skeleton);
        if skeleton.len() > LONGEST_SKELETON || count > MOST_NUMBERS {
            return Err(Fault::Damaged);
        }
        let (mut aligned, mut numbers) = (Told::with_capacity(count), Vec::with_capacity(count));
        for _ in 0..count {
            let (decimals, untold) = (self.decimals()?, self.decimals()?);
            let one = Aligned { mantissa: unzigzag(self.number()?), decimals, untold };
            numbers.push(one.number().ok_or(Fault::Damaged)?);
            aligned.push(one);
        }
        let value = joined(time, user, skeleton, numbers)?;
        bases.put(topic, generation, user, skeleton, aligned);
        Ok(value)
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
mod tests;
