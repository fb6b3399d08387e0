//! Bytes as rows of the store's log: they are read, told to be damaged, or told to be of a newer version, and never more than
//! what they say. The checksums are put right, as no fuzzer finds them. Two bytes before each row say how long it is.

use clown_hub::store::log::{Bases, RowWriter, read, sum};

const FIRST: u64 = 7;

pub(crate) fn check(bytes: &[u8]) {
    // As they are, too: that must not panic.
    let _ = read(FIRST, bytes, &mut Bases::default());
    let (mut bases, mut rest, mut seq) = (Bases::default(), bytes, FIRST);
    while let [low, high, behind @ ..] = rest {
        let (body, behind) =
            behind.split_at(usize::from(u16::from_le_bytes([*low, *high])).min(behind.len()));
        check_row(seq, body, &mut bases);
        (rest, seq) = (behind, seq + 1);
    }
}

fn check_row(seq: u64, body: &[u8], bases: &mut Bases) {
    let mut row = body.to_vec();
    row.extend(sum(&[&0_u64.to_le_bytes(), &seq.to_le_bytes(), body]).to_le_bytes());
    let Ok(said) = read(seq, &row, bases) else { return };
    // Each record takes two bytes at least.
    assert!(said.records.len() as u64 + said.lost <= body.len() as u64);
    assert!(said.span <= seq);
    let mut known = Bases::starting_at(0, said.span);
    let mut again = RowWriter::new(seq, said.time, &known);
    for record in &said.records {
        again.push(record, true, &mut known);
    }
    assert_eq!(again.is_empty(), said.records.is_empty());
    let again = again.finish();
    let again = read(seq, &again, &mut Bases::default()).unwrap();
    assert_eq!((again.records, again.lost), (said.records, 0), "what is read is written and read again");
}
