//! Records on their way into a row. Pure.

use super::super::bases::{Aligned, Apart, Bases, Telling};
use super::super::bytes::{put, put_bytes, sum, zigzag};
use super::{
    ANEW, BACK, CLEARED, EXTRAS, FROM, KIND_BITS, KNOWN, MANY, Record, TAG_BITS, VERSION, Value, WHOLE,
    put_rest,
};

/// Memory that an empty draft keeps, in records and in bytes.
const RECORDS: usize = 1024;
const BYTES: usize = 1 << 16;

/// Records that come in any order, until they are a row.
#[derive(Debug, Default)]
pub(in crate::store) struct Draft {
    records: Vec<Told>,
    /// What they say, one behind the other.
    bytes: Vec<u8>,
}

/// A record, but for what it says.
#[derive(Debug, Clone, Copy)]
struct Told {
    topic: u64,
    time: u64,
    /// Where in the bytes it begins; it ends where the next one begins.
    from: usize,
    /// So many of them are what few values have.
    rest: u32,
    kind: u8,
    generation: u8,
    is_known: bool,
    is_gone: bool,
}

impl Draft {
    /// Adds what was said; `again` says whether the topic has spoken before in the span, and `is_known` whether history has it
    /// already. Gives the payload, where it was taken apart.
    pub(in crate::store) fn add<'b>(
        &mut self,
        record: &Record<'_>,
        is_known: bool,
        again: impl FnOnce() -> bool,
        bases: &'b mut Bases,
    ) -> Option<Apart<'b>> {
        let from = self.bytes.len();
        let bytes = &mut self.bytes;
        let (mut kind, mut generation, mut rest, mut apart) = (CLEARED, 0, 0, None);
        if let Some(value) = &record.value {
            kind = WHOLE;
            let telling = match &value.rest {
                Some(extras) => {
                    put_rest(extras, bytes);
                    rest = bytes.len() - from;
                    Telling::Whole
                }
                None => bases.tell(record.topic, value.user, &value.payload, again),
            };
            match &telling {
                Telling::Whole => put_whole(value, bytes),
                Telling::From(base, differences, _) => {
                    (kind, generation) = (if differences.len() == 1 { FROM } else { MANY }, base.generation);
                    put_differences(differences, bytes);
                }
                Telling::Anew(base, _) => {
                    (kind, generation) = (ANEW, base.generation);
                    put(value.user, bytes);
                    put_bytes(&base.skeleton, bytes);
                    for Aligned { mantissa, decimals, untold } in &base.numbers {
                        put((*decimals).into(), bytes);
                        put((*untold).into(), bytes);
                        put(zigzag(*mantissa), bytes);
                    }
                }
            }
            apart = telling.apart();
        }
        self.records.push(Told {
            topic: record.topic,
            time: record.value.as_ref().map_or(0, |value| value.time),
            from,
            rest: u32::try_from(rest).unwrap_or(u32::MAX),
            kind: u8::try_from(kind).unwrap_or_default(),
            generation,
            is_known,
            is_gone: false,
        });
        apart
    }

    /// How many records it has.
    pub(in crate::store) fn len(&self) -> usize {
        self.records.len()
    }

    /// Their bytes.
    pub(in crate::store) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Nobody needs the record of this place any more, unless others are told from it.
    pub(in crate::store) fn leave_out(&mut self, at: usize) {
        if let Some(told) = self.records.get_mut(at) {
            told.is_gone = u64::from(told.kind) != ANEW;
        }
    }

    /// The row number `seq`, of this time, in milliseconds since 1970. None if there is nothing to be said. Topics in the order
    /// of their numbers take the least room, and what was said of one topic stays in its order.
    pub(in crate::store) fn row(&self, seq: u64, time: u64, bases: &Bases) -> Option<Vec<u8>> {
        let mut order: Vec<u32> =
            (0..).zip(&self.records).filter(|(_, told)| !told.is_gone).map(|(at, _)| at).collect();
        order.sort_by_key(|at| self.records.get(*at as usize).map(|told| told.topic));
        let mut row = RowWriter::with_capacity(self.bytes.len() + 4 * order.len(), seq, time, bases);
        for at in order {
            row.add(self, at as usize);
        }
        (!row.is_empty()).then(|| row.finish())
    }

    /// Its records are written, or lost.
    pub(in crate::store) fn clear(&mut self) {
        let (records, bytes) = (self.records.len(), self.bytes.len());
        self.records.clear();
        self.bytes.clear();
        // What the next row may need, too. After a burst its memory goes back.
        self.records.shrink_to(records.max(RECORDS));
        self.bytes.shrink_to(bytes.max(BYTES));
    }
}

fn put_whole(value: &Value<'_>, bytes: &mut Vec<u8>) {
    put(value.user, bytes);
    put_bytes(value.payload.as_bytes(), bytes);
}

fn put_differences(differences: &[(i64, u32)], bytes: &mut Vec<u8>) {
    if differences.len() != 1 {
        put(differences.len() as u64, bytes);
    }
    for (difference, untold) in differences {
        put(zigzag(*difference) << 1 | u64::from(*untold > 0), bytes);
        if *untold > 0 {
            put((*untold).into(), bytes);
        }
    }
}

/// Makes a row from records, in their order.
#[derive(Debug)]
pub struct RowWriter {
    mark: u64,
    seq: u64,
    time: u64,
    pub(super) bytes: Vec<u8>,
    /// Where the records begin.
    start: usize,
    /// The topic of the last record.
    topic: u64,
}

impl RowWriter {
    /// The row number `seq`, of this time, in milliseconds since 1970.
    pub fn new(seq: u64, time: u64, bases: &Bases) -> Self {
        Self::with_capacity(0, seq, time, bases)
    }

    fn with_capacity(capacity: usize, seq: u64, time: u64, bases: &Bases) -> Self {
        let mut bytes = Vec::with_capacity(capacity + 32);
        bytes.push(VERSION);
        bytes.extend(time.to_le_bytes());
        put(seq.wrapping_sub(bases.span()), &mut bytes);
        Self { mark: bases.mark(), seq, time, start: bytes.len(), bytes, topic: 0 }
    }

    /// Whether there are no records in it.
    pub fn is_empty(&self) -> bool {
        self.bytes.len() == self.start
    }

    /// Adds what was said; `again` says whether the topic has spoken before in the span. Topics in the order of their
    /// numbers take the least room.
    pub fn push(&mut self, record: &Record<'_>, again: bool, bases: &mut Bases) {
        let mut draft = Draft::default();
        draft.add(record, false, || again, bases);
        (0..draft.records.len()).for_each(|at| self.add(&draft, at));
    }

    fn add(&mut self, draft: &Draft, at: usize) {
        let Some(told) = draft.records.get(at) else { return };
        let to = draft.records.get(at + 1).map_or(draft.bytes.len(), |next| next.from);
        let said = draft.bytes.get(told.from..to).unwrap_or_default();
        let (rest, said) = said.split_at_checked(told.rest as usize).unwrap_or_default();
        if told.is_known {
            put(KNOWN, &mut self.bytes);
        }
        if !rest.is_empty() {
            self.begin(told.topic, 0, EXTRAS);
            self.bytes.extend_from_slice(rest);
        }
        self.begin(told.topic, told.generation, told.kind.into());
        if u64::from(told.kind) != CLEARED {
            put(zigzag(told.time.wrapping_sub(self.time).cast_signed()), &mut self.bytes);
        }
        self.bytes.extend_from_slice(said);
    }

    pub(super) fn begin(&mut self, topic: u64, generation: u8, kind: u64) {
        if topic < self.topic {
            put(BACK, &mut self.bytes);
            self.topic = 0;
        }
        let tag = (topic - self.topic) << TAG_BITS | u64::from(generation) << KIND_BITS | kind;
        put(tag, &mut self.bytes);
        self.topic = topic;
    }

    /// The bytes of the row.
    pub fn finish(mut self) -> Vec<u8> {
        let sum = sum(&[&self.mark.to_le_bytes(), &self.seq.to_le_bytes(), &self.bytes]);
        self.bytes.extend(sum.to_le_bytes());
        self.bytes
    }
}
