//! Bytes as what few last values have, in the column `rest` of their row: they are read or refused, and what was read is written and
//! read again.

use clown_hub::store::log::{read_rest, rest_bytes};

pub(crate) fn check(bytes: &[u8]) {
    let Ok(rest) = read_rest(bytes) else { return };
    let trail = rest.trail.as_ref().map_or(0, |trail| trail.stamp.len() + trail.heard_from.len());
    assert!(rest.passed_on.len() + trail <= bytes.len(), "no more than there is");
    let again = rest_bytes(&rest);
    assert!(again.len() <= bytes.len());
    assert_eq!(read_rest(&again), Ok(rest), "what is read is written and read again");
}
