//! Bytes as text, the three ways of the raw I2C commands. The look of the text says which of them it is.

use super::payload;

/// How bytes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// `(text)`, one byte a character.
    Ascii,
    /// `AA,BB,CC`
    Hex,
    /// RFC 4648 with padding.
    Base64,
}

/// Reads bytes in whichever encoding the text has the look of.
pub(super) fn decode(text: &str) -> Option<(Encoding, Vec<u8>)> {
    if let Some(inner) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        let bytes: Option<Vec<u8>> = inner.chars().map(|character| u8::try_from(character).ok()).collect();
        return Some((Encoding::Ascii, bytes?));
    }
    if text.len() == 2 || text.as_bytes().get(2) == Some(&b',') {
        let bytes: Option<Vec<u8>> = text.split(',').map(hex_byte).collect();
        return Some((Encoding::Hex, bytes?));
    }
    Some((Encoding::Base64, from_base64(text)?))
}

/// The bytes as a JSON string. ASCII falls back to hex where a byte is not printable.
pub(super) fn encode(encoding: Encoding, bytes: &[u8]) -> String {
    match encoding {
        Encoding::Ascii if bytes.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ') => {
            let text: String = bytes.iter().copied().map(char::from).collect();
            payload::quoted(&format!("({text})"))
        }
        Encoding::Ascii | Encoding::Hex => {
            let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
            format!("\"{}\"", pairs.join(","))
        }
        Encoding::Base64 => format!("\"{}\"", to_base64(bytes)),
    }
}

/// A byte of two hexadecimal digits.
pub(super) fn hex_byte(text: &str) -> Option<u8> {
    let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits.then(|| u8::from_str_radix(text, 16).ok()).flatten()
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Reads base64 with its padding.
pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let data = text.trim_end_matches('=').as_bytes();
    if !text.len().is_multiple_of(4) || text.len() - data.len() > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for group in data.chunks(4) {
        let mut bits = 0_u32;
        for symbol in group {
            let value = ALPHABET.iter().position(|known| known == symbol)?;
            bits = (bits << 6) | u32::try_from(value).ok()?;
        }
        bits <<= 6 * (4 - group.len());
        bytes.extend(bits.to_be_bytes().iter().skip(1).take(group.len() - 1));
    }
    Some(bytes)
}

fn to_base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_usize, |bits, byte| (bits << 8) | usize::from(*byte));
        let bits = bits << (8 * (3 - group.len()));
        for place in 0..4 {
            let symbol = ALPHABET.get((bits >> (18 - 6 * place)) & 63).copied().unwrap_or(b'=');
            text.push(if place <= group.len() { char::from(symbol) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_look_of_a_text_tells_its_encoding() {
        assert_eq!(decode("00,fF"), Some((Encoding::Hex, vec![0, 255])));
        assert_eq!(decode("7F"), Some((Encoding::Hex, vec![0x7f])));
        assert_eq!(decode("(Hi\n)"), Some((Encoding::Ascii, b"Hi\n".to_vec())));
        assert_eq!(decode("AAEC"), Some((Encoding::Base64, vec![0, 1, 2])));
        assert_eq!(decode(""), Some((Encoding::Base64, vec![])));
        for bad in ["0", "zz", "00,1", "00,", "AA=A", "A===", "====", "AAE", "(℃)", "+1", "℃"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }

    #[test]
    fn ascii_that_cannot_be_printed_is_answered_in_hex() {
        assert_eq!(encode(Encoding::Ascii, b"a\"b"), r#""(a\"b)""#);
        assert_eq!(encode(Encoding::Ascii, &[0x17, 0xa0]), r#""17,A0""#);
        assert_eq!(encode(Encoding::Base64, b"Hello"), r#""SGVsbG8=""#);
    }

    proptest! {
        #[test]
        fn bytes_survive_every_encoding(bytes in prop::collection::vec(any::<u8>(), 1..80)) {
            for encoding in [Encoding::Ascii, Encoding::Hex, Encoding::Base64] {
                let text: String = serde_json::from_str(&encode(encoding, &bytes)).unwrap();
                prop_assert_eq!(decode(&text).map(|(_, bytes)| bytes), Some(bytes.clone()));
            }
        }
    }
}
