//! Bytes as what stands beside last values, in the column `rest` of their row: they are read or refused, and what was read is
//! written and read again.

use clown_hub::store::log::{beside, read_beside};

pub(crate) fn check(bytes: &[u8]) {
    let Ok((rhythm, rest)) = read_beside(bytes) else { return };
    // Whatever it is, it is told or not.
    let _ = rhythm.every();
    if let Some(rest) = &rest {
        let trail = rest.trail.as_ref().map_or(0, |trail| trail.stamp.len() + trail.heard_from.len());
        assert!(rest.passed_on.len() + trail <= bytes.len(), "no more than there is");
    }
    let Some(again) = beside(rhythm, rest.as_ref()) else { return };
    assert!(again.len() <= bytes.len());
    assert_eq!(read_beside(&again), Ok((rhythm, rest)), "what is read is written and read again");
}
