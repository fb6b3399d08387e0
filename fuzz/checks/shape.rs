//! Text as a payload that the store takes apart: it comes back to the letter, and bytes as a skeleton take no more numbers than
//! they have holes.

use clown_hub::store::shape::{MOST_NUMBERS, Number, holes, join, split};

pub(crate) fn check(bytes: &[u8]) {
    let count = holes(bytes);
    let numbers = (0..count).map(|_| Number { mantissa: -7, decimals: Number::MOST_DECIMALS });
    let longest = "-0.000000000000000007".len();
    assert_eq!(join(bytes, numbers).len(), bytes.len() - count + count * longest);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Some(parts) = split(text) else { return };
    assert!((1..=MOST_NUMBERS).contains(&parts.numbers.len()));
    assert_eq!(holes(&parts.skeleton), parts.numbers.len());
    assert!(parts.numbers.iter().all(|number| number.decimals <= Number::MOST_DECIMALS));
    let again = join(&parts.skeleton, parts.numbers.iter().copied());
    assert_eq!(String::from_utf8(again).unwrap(), text, "what was taken apart is put together again");
    assert_eq!(split(text), Some(parts));
}
