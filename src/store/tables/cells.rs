//! What stands in a row that was read, as it should be.

use rusqlite::types::ValueRef;

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
