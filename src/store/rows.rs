//! Rows of the file: the sums that stand with them, and what is in their columns.

use rusqlite::types::ValueRef;

use super::head::{Kept, Unsettled};
use super::log::{self, sum};

pub(super) fn mark_sum(mark: u64) -> u32 {
    sum(&[b"mark", &mark.to_le_bytes()])
}

pub(super) fn name_sum(mark: u64, table: &str, id: u64, name: &str) -> u32 {
    sum(&[table.as_bytes(), [mark, id].map(u64::to_le_bytes).as_flattened(), name.as_bytes()])
}

pub(super) fn life_sum(mark: u64, at: u64, clean: u64) -> u32 {
    sum(&[[mark, at, clean].map(u64::to_le_bytes).as_flattened()])
}

pub(super) fn last_sum(mark: u64, topic: u64, seq: u64, kept: &Kept, rest: Option<&[u8]>) -> u32 {
    let numbers = [mark, topic, seq, kept.time, kept.user, kept.payload.len() as u64].map(u64::to_le_bytes);
    sum(&[numbers.as_flattened(), kept.payload.as_bytes(), rest.unwrap_or_default()])
}

pub(super) fn last_value(mark: u64, topic: u64, row: &rusqlite::Row<'_>) -> Option<Unsettled> {
    let (seq, time, user) = (whole(row, 1)?, whole(row, 2)?, whole(row, 3)?);
    let bytes = blob(row, 5);
    let (rhythm, rest) = bytes.map(log::read_beside).transpose().ok()?.unwrap_or_default();
    let kept = Kept { time, user, payload: text(row, 4)?.into(), rest: rest.map(Box::new), rhythm };
    let is_whole = whole(row, 6) == Some(last_sum(mark, topic, seq, &kept, bytes).into());
    is_whole.then_some(Unsettled { seq, value: Some(kept) })
}

pub(super) fn whole(row: &rusqlite::Row<'_>, at: usize) -> Option<u64> {
    match row.get_ref(at).ok()? {
        ValueRef::Integer(number) => Some(number.cast_unsigned()),
        ValueRef::Null | ValueRef::Real(_) | ValueRef::Text(_) | ValueRef::Blob(_) => None,
    }
}

pub(super) fn text<'r>(row: &'r rusqlite::Row<'_>, at: usize) -> Option<&'r str> {
    match row.get_ref(at).ok()? {
        ValueRef::Text(bytes) => std::str::from_utf8(bytes).ok(),
        ValueRef::Null | ValueRef::Real(_) | ValueRef::Integer(_) | ValueRef::Blob(_) => None,
    }
}

pub(super) fn blob<'r>(row: &'r rusqlite::Row<'_>, at: usize) -> Option<&'r [u8]> {
    match row.get_ref(at).ok()? {
        ValueRef::Blob(bytes) => Some(bytes),
        ValueRef::Null | ValueRef::Real(_) | ValueRef::Integer(_) | ValueRef::Text(_) => None,
    }
}

/// A command that holds for a time only; all times in milliseconds, moments since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lease<'r> {
    pub(super) topic: &'r str,
    pub(super) user: &'r str,
    pub(super) safe: &'r str,
    pub(super) is_near: bool,
    pub(super) time: u64,
    pub(super) written: u64,
    pub(super) until: u64,
}

impl Lease<'_> {
    /// Of a file with this mark, so that a row of another file is known.
    pub(super) fn sum(&self, mark: u64) -> u32 {
        let texts = [self.topic, self.user, self.safe];
        let lengths = texts.map(|text| text.len() as u64);
        let numbers = [mark, self.time, self.written, self.until, lengths[0], lengths[1], lengths[2]];
        let numbers = numbers.map(u64::to_le_bytes);
        let [topic, user, safe] = texts.map(str::as_bytes);
        // The rows of before version 11 say nothing of it, and keep their sums.
        let is_near: &[u8] = if self.is_near { &[] } else { b"elsewhere" };
        sum(&[numbers.as_flattened(), topic, user, safe, is_near])
    }
}

pub(super) fn lease<'r>(mark: u64, row: &'r rusqlite::Row<'_>) -> Option<Lease<'r>> {
    let (topic, user, safe) = (text(row, 1)?, text(row, 2)?, text(row, 3)?);
    let (time, written, until) = (whole(row, 4)?, whole(row, 5)?, whole(row, 6)?);
    let lease = Lease { topic, user, safe, is_near: whole(row, 8)? != 0, time, written, until };
    (whole(row, 7) == Some(lease.sum(mark).into())).then_some(lease)
}
