//! A payload as a skeleton and its numbers, and back, to the letter. Pure.
//!
//! Numbers are cut out wherever they stand, in strings as well: this is about bytes, and what they mean is for others. A
//! number is cut out only if its value and its count of decimals say its text, so `007`, `-0` and what has more than 18 digits
//! stay, and so do digits in words, as in `\u2103` and `f7a0`.

/// Stands in a skeleton where a number was. JSON text has no such byte.
const HOLE: u8 = 0;
/// Digits of a number: its value fits 64 bits then, with room for a sign and for differences.
const MOST_DIGITS: usize = 18;
/// Payloads with more numbers stay whole.
pub const MOST_NUMBERS: usize = 32;

/// A number as its text says it: `20.10` is 2010 with two decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number {
    /// All its digits.
    pub mantissa: i64,
    /// How many of them stand behind the point.
    pub decimals: u32,
}

impl Number {
    /// The longest count of decimals.
    pub const MOST_DECIMALS: u32 = 18;

    /// The text, which is a number's own: no sign before 0, and no zeros in front.
    fn write(self, text: &mut Vec<u8>) {
        if self.mantissa < 0 {
            text.push(b'-');
        }
        let digits = self.mantissa.unsigned_abs().to_string();
        let decimals = self.decimals as usize;
        let zeros = (decimals + 1).saturating_sub(digits.len());
        let whole = (digits.len() + zeros).saturating_sub(decimals);
        let all = std::iter::repeat_n(b'0', zeros).chain(digits.bytes());
        for (at, digit) in all.enumerate() {
            if at == whole {
                text.push(b'.');
            }
            text.push(digit);
        }
    }
}

/// A payload that was taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parts {
    /// Where a number was there is a hole.
    pub skeleton: Vec<u8>,
    /// In their order.
    pub numbers: Vec<Number>,
}

/// Takes a payload apart; none if it has no numbers, or too many.
pub fn split(payload: &str) -> Option<Parts> {
    let mut parts = Parts::default();
    split_into(payload, &mut parts).then_some(parts)
}

/// As [`split`], into parts whose memory is used again. Where it says no, they mean nothing.
pub fn split_into(payload: &str, parts: &mut Parts) -> bool {
    let Parts { skeleton, numbers } = parts;
    skeleton.clear();
    numbers.clear();
    skeleton.reserve(payload.len());
    let mut rest = payload.as_bytes();
    loop {
        let is_special = |byte: &u8| byte.is_ascii_digit() || matches!(*byte, b'-' | HOLE);
        let plain = rest.iter().position(is_special).unwrap_or(rest.len());
        let (text, special) = rest.split_at_checked(plain).unwrap_or((rest, &[]));
        skeleton.extend_from_slice(text);
        let [first, behind @ ..] = special else { return !numbers.is_empty() };
        if *first == HOLE {
            return false;
        }
        if skeleton.last().is_some_and(u8::is_ascii_alphanumeric) {
            skeleton.push(*first);
            rest = behind;
            continue;
        }
        let (number, len) = leading(special);
        let (text, behind) = special.split_at_checked(len).unwrap_or((special, &[]));
        match number {
            Some(_) if numbers.len() == MOST_NUMBERS => return false,
            Some(number) => {
                skeleton.push(HOLE);
                numbers.push(number);
            }
            None => skeleton.extend_from_slice(text),
        }
        rest = behind;
    }
}

/// What begins like a number, and how many bytes that takes; at least one.
fn leading(text: &[u8]) -> (Option<Number>, usize) {
    let is_negative = text.first() == Some(&b'-');
    let digits = |from: usize| text.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
    let sign = usize::from(is_negative);
    let whole = digits(sign);
    if whole == 0 {
        return (None, 1);
    }
    let point = sign + whole;
    let decimals = if text.get(point) == Some(&b'.') { digits(point + 1) } else { 0 };
    let len = if decimals > 0 { point + 1 + decimals } else { point };
    let has_zeros_in_front = whole > 1 && text.get(sign) == Some(&b'0');
    if has_zeros_in_front || whole + decimals > MOST_DIGITS {
        return (None, point);
    }
    let digits = text.iter().skip(sign).take(len - sign).filter(|byte| **byte != b'.');
    let value = digits.fold(0_i64, |value, digit| value * 10 + i64::from(digit - b'0'));
    if is_negative && value == 0 {
        return (None, len);
    }
    let mantissa = if is_negative { -value } else { value };
    (Some(Number { mantissa, decimals: u32::try_from(decimals).unwrap_or_default() }), len)
}

/// How many numbers a skeleton has lost.
pub fn holes(skeleton: &[u8]) -> usize {
    skeleton.split(|byte| *byte == HOLE).count().saturating_sub(1)
}

/// Puts a payload together again. The numbers are as many as there are holes.
pub fn join(skeleton: &[u8], numbers: impl IntoIterator<Item = Number>) -> Vec<u8> {
    let (mut numbers, mut payload) = (numbers.into_iter(), Vec::with_capacity(skeleton.len() + 16));
    for byte in skeleton {
        match (*byte, byte == &HOLE) {
            (_, true) => numbers.next().into_iter().for_each(|number| number.write(&mut payload)),
            (byte, false) => payload.push(byte),
        }
    }
    payload
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn again(parts: &Parts) -> String {
        assert_eq!(holes(&parts.skeleton), parts.numbers.len());
        String::from_utf8(join(&parts.skeleton, parts.numbers.iter().copied())).unwrap()
    }

    proptest! {
        #[test]
        fn what_was_taken_apart_is_put_together_again_to_the_letter(
            text in prop_oneof!["[-0-9.eE,\\[\\]\" ]{0,40}", "[ -~℃\u{0}]{0,30}", "-?[0-9]{1,20}(\\.[0-9]{0,20})?"]
        ) {
            if let Some(parts) = split(&text) {
                prop_assert_eq!(again(&parts), text);
            }
        }
    }

    #[test]
    fn numbers_are_cut_out_where_their_value_says_their_text() {
        let skeleton = |text: &str| split(text).map(|parts| String::from_utf8(parts.skeleton).unwrap());
        for (text, expected) in [
            (r#"{"temperature": [20.10, "℃"]}"#, Some("{\"temperature\": [\0, \"℃\"]}")),
            ("-5", Some("\0")),
            ("[-0, 7]", Some("[-0, \0]")),
            ("1e5", Some("\0e5")),
            (r#"[20.01, "\u2103"]"#, Some("[\0, \"\\u2103\"]")),
            ("a-5", Some("a-\0")),
            ("007.5", Some("007.\0")),
            ("-0.0", None),
            ("0", Some("\0")),
            ("5.", Some("\0.")),
            ("true", None),
            ("1234567890123456789", None),
            (r#""2026-01-28T05:10:00Z""#, Some("\"\0-01-\0T05:\0:00Z\"")),
            ("\0 1", None),
        ] {
            assert_eq!(skeleton(text).as_deref(), expected, "{text}");
        }
        let number = split("-20.10").unwrap().numbers;
        assert_eq!(number, [Number { mantissa: -2010, decimals: 2 }]);
        assert!(split(&vec!["1"; MOST_NUMBERS + 1].join(",")).is_none());
    }
}
