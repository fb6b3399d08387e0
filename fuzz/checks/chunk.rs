//! Bytes as a chunk of history: it is read, told to be damaged, or told to be of a newer version, and what was read is
//! written and read again. The checksum is put right, as no fuzzer finds it.

use clown_hub::store::history::chunk::Chunk;
use clown_hub::store::log::sum;

const PLACE: [u64; 2] = [7, 7];

pub(crate) fn check(bytes: &[u8]) {
    // As they are, too: that must not panic.
    let _ = Chunk::read(PLACE, bytes);
    let mut chunk = bytes.to_vec();
    chunk.extend(sum(&[b"chunk", PLACE.map(u64::to_le_bytes).as_flattened(), bytes]).to_le_bytes());
    match Chunk::read(PLACE, &chunk) {
        Ok(Chunk::Readings(readings)) => {
            let again = Chunk::read(PLACE, &readings.chunk(PLACE)).unwrap();
            assert_eq!(again, Chunk::Readings(readings));
        }
        Ok(Chunk::Buckets(buckets)) => {
            let Chunk::Buckets(again) = Chunk::read(PLACE, &buckets.chunk(PLACE)).unwrap() else {
                panic!("these were buckets");
            };
            // Sums are put right to the decimals of the others.
            assert_eq!(again.all.len(), buckets.all.len());
            for (again, bucket) in again.all.iter().zip(&buckets.all) {
                assert_eq!((again.start, again.count), (bucket.start, bucket.count));
                assert_eq!((again.min, again.max, again.last), (bucket.min, bucket.max, bucket.last));
            }
        }
        Err(_) => {}
    }
}
