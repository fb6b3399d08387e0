//! The one escape for all that the command line prints. What others said (topics, payloads, names, reasons) must not give
//! a terminal commands, forge a line, or turn the order of letters around. What a terminal would obey, or what nobody would
//! see, becomes `\u…` as in JSON, so a payload stays JSON.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::talk::control::is_unseen;

/// A text of others on one line: a topic, a name, a reason.
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    replaced(text, |_| None)
}

/// A text of our own that may hold texts of others: its line feeds and tabs stay.
pub(super) fn lines(text: &str) -> Cow<'_, str> {
    replaced(text, |character| matches!(character, '\n' | '\t').then_some(character))
}

/// JSON on one line, and still JSON of the same value: line feeds and tabs can only be white space between its tokens.
pub(super) fn json(text: &str) -> Cow<'_, str> {
    replaced(text, |character| matches!(character, '\n' | '\t' | '\r').then_some(' '))
}

/// JSON as a person reads it: `\u2103` is shown as ℃. Still JSON of the same value.
pub(super) fn readable_json(text: &str) -> Cow<'_, str> {
    if !text.contains("\\u") {
        return json(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, escape)) = rest.split_once('\\') {
        out.push_str(before);
        let (shown, len) = match unicode_escape(escape) {
            Some((character, len)) if is_printable(character) && !matches!(character, '"' | '\\') => {
                (character.to_string(), len)
            }
            // Another escape, such as \n or \\: both of its characters stay.
            _ => {
                let len = escape.chars().next().map_or(0, char::len_utf8);
                (format!("\\{}", escape.get(..len).unwrap_or_default()), len)
            }
        };
        out.push_str(&shown);
        rest = escape.get(len..).unwrap_or_default();
    }
    out.push_str(rest);
    Cow::Owned(json(&out).into_owned())
}

/// The character of `uXXXX`, or of a pair of surrogates, and the bytes that it takes behind the backslash.
fn unicode_escape(text: &str) -> Option<(char, usize)> {
    let unit = |at: usize| u16::from_str_radix(text.get(at..at + 4)?, 16).ok();
    let first = text.starts_with('u').then(|| unit(1))??;
    let second = (text.get(5..7) == Some("\\u")).then(|| unit(7)).flatten();
    let mut units = char::decode_utf16([first].into_iter().chain(second));
    let character = units.next()?.ok()?;
    Some((character, if character.len_utf16() == 2 { 11 } else { 5 }))
}

fn replaced(text: &str, instead: impl Fn(char) -> Option<char>) -> Cow<'_, str> {
    // Nearly everything is plain ASCII, and `sub` prints a hundred thousand lines a second.
    if text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) || text.chars().all(is_printable) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_printable(character) {
            out.push(character);
        } else if let Some(other) = instead(character) {
            out.push(other);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    Cow::Owned(out)
}

/// Whether a terminal shows it and does nothing else. Not printable are controls (C0, DEL, C1), separators of lines and
/// paragraphs, and what Unicode calls format characters (those that turn the order of letters around, tags, joiners) or
/// shows as nothing.
fn is_printable(character: char) -> bool {
    // How a letter or an emoji looks may be chosen.
    let chooses_a_look = matches!(character, '\u{fe00}'..='\u{fe0e}');
    !character.is_control() && (chooses_a_look || !is_unseen(character))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The characters that the documents name, written down in another way.
    fn is_forbidden(character: char) -> bool {
        let code = u32::from(character);
        let bidi = [0x61c, 0x200e, 0x200f].contains(&code)
            || (0x202a..=0x202e).contains(&code)
            || (0x2066..=0x2069).contains(&code);
        character.is_control() || bidi || [0x2028, 0x2029, 0xfeff].contains(&code) || code >> 12 == 0xe0
    }

    proptest! {
        #[test]
        fn nothing_that_a_terminal_obeys_is_left(text in any::<String>()) {
            prop_assert!(!escaped(&text).contains(is_forbidden));
            prop_assert!(!json(&text).contains(is_forbidden));
            prop_assert!(!readable_json(&text).contains(is_forbidden));
            prop_assert!(!lines(&text).contains(|c| is_forbidden(c) && !matches!(c, '\n' | '\t')));
        }

        #[test]
        fn json_stays_json_of_the_same_value(
            text in proptest::collection::vec(any::<char>(), 0..20).prop_map(String::from_iter),
        ) {
            let value = serde_json::json!({ "a": [text, 20.10] });
            for written in [serde_json::to_string(&value).unwrap(), serde_json::to_string_pretty(&value).unwrap()] {
                // As those write it who escape all that is not ASCII.
                let mut ascii = String::new();
                for unit in written.encode_utf16() {
                    match u8::try_from(unit) {
                        Ok(byte) if byte.is_ascii() => ascii.push(byte.into()),
                        _ => write!(ascii, "\\u{unit:04X}").unwrap(),
                    }
                }
                for shown in [json(&written), readable_json(&written), json(&ascii), readable_json(&ascii)] {
                    prop_assert!(!shown.contains('\n'));
                    let read: serde_json::Value = serde_json::from_str(&shown).unwrap();
                    prop_assert_eq!(&read, &value);
                }
            }
        }
    }

    #[test]
    fn every_control_and_every_character_without_a_shape_is_escaped() {
        let all = char::MIN..=char::MAX;
        let left: Vec<_> = all.filter(|&c| is_forbidden(c) && is_printable(c)).collect();
        assert!(left.is_empty(), "{left:?}");
        assert_eq!(escaped("a\u{1b}]0;x\u{7}\n\u{7f}\u{9b}"), r"a\u001b]0;x\u0007\u000a\u007f\u009b");
        assert_eq!(escaped("\u{202e}\u{2066}\u{200b}\u{2028}\u{feff}"), r"\u202e\u2066\u200b\u2028\ufeff");
        assert_eq!(escaped("\u{e0041}"), r"\udb40\udc41");
    }

    #[test]
    fn what_people_write_stays() {
        for text in ["21.5 ℃", "Küche/Žižkov", "温度", "😀 ❤️", "a\u{a0}b", "\u{301}e", "עברית"]
        {
            assert_eq!(escaped(text), text);
        }
    }

    #[test]
    fn a_person_reads_characters_and_not_their_numbers() {
        assert_eq!(readable_json(r#"[20.10, "\u2103 \ud83d\uDE00"]"#), r#"[20.10, "℃ 😀"]"#);
        let stays = r#"["\u0022 \u005c \u001b \u202e \udb40\udc41 \ud800 \\u2103 \n \/"]"#;
        assert_eq!(readable_json(stays), stays);
    }
}
