//! Bytes as a row of the store's log: they are read, told to be damaged, or told to be of a newer version, and never more than
//! what they say. The checksum is put right, as no fuzzer finds it.

use clown_hub::store::log::{RowWriter, read, sum};

const SEQ: u64 = 7;

pub(crate) fn check(bytes: &[u8]) {
    // As they are, too: that must not panic.
    let _ = read(SEQ, bytes);
    let mut row = bytes.to_vec();
    row.extend(sum(&[&SEQ.to_le_bytes(), bytes]).to_le_bytes());
    let Ok(said) = read(SEQ, &row) else { return };
    // Each record takes a byte at least, and each payload its own length.
    assert!(said.records.len() <= bytes.len());
    let payloads: usize =
        said.records.iter().filter_map(|record| record.value.as_ref()).map(|value| value.payload.len()).sum();
    assert!(payloads <= bytes.len());
    let mut again = RowWriter::new(said.time);
    for record in &said.records {
        again.push(record);
    }
    assert_eq!(again.is_empty(), said.records.is_empty());
    let again = again.finish(SEQ);
    assert_eq!(read(SEQ, &again).as_ref(), Ok(&said), "what is read is written and read again");
}
