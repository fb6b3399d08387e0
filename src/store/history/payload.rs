//! What of a payload is a reading: every number, in texts as well, and every text, `true` and `false` as a state. Pure.
//!
//! Each has a path, a JSON pointer (RFC 6901): `{"temperature": [20.01, "℃"]}` has `20.01` at `/temperature/0`, and a bare `5`
//! is at the empty path. In an array of a number and a text the text is the unit.

use super::super::shape::Number;

/// What is deeper is not looked at.
const DEPTH: usize = 8;
/// Longer arrays are data of another kind, such as a picture.
const LONGEST_ARRAY: usize = 8;
/// Longer texts are no states.
const LONGEST_STATE: usize = 64;
/// Digits of a number that is kept to the letter.
const MOST_DIGITS: usize = 18;
/// Longer keys, and longer paths, are not looked at.
const LONGEST_PATH: usize = 256;

/// One thing in a payload.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Found<'p> {
    /// A decimal number.
    Exact(Number),
    /// A number that no decimal of 18 digits says.
    Near(f64),
    /// A text, or the word `true` or `false`, as JSON text.
    State(&'p str),
}

/// Hands out all readings of a payload: path, unit and value. Ends at once where the payload is no JSON, or `take` says no.
/// `path` is memory that is used again.
pub(crate) fn readings<'p>(
    payload: &'p str,
    path: &mut String,
    take: &mut impl FnMut(&str, Option<&'p str>, Found<'p>) -> bool,
) {
    path.clear();
    let mut walk = Walk { rest: payload, path, take };
    let _ = walk.value(0, None);
}

struct Walk<'p, 't, T> {
    rest: &'p str,
    path: &'t mut String,
    take: &'t mut T,
}

impl<'p, T: FnMut(&str, Option<&'p str>, Found<'p>) -> bool> Walk<'p, '_, T> {
    fn value(&mut self, depth: usize, unit: Option<&'p str>) -> Option<()> {
        self.rest = spaceless(self.rest);
        match self.rest.bytes().next()? {
            b'{' if depth < DEPTH => self.object(depth),
            b'[' if depth < DEPTH => self.array(depth),
            b'{' | b'[' | b'n' => self.scalar().map(|_| ()),
            b'"' => {
                let text = self.scalar()?;
                let inside = text.get(1..text.len() - 1)?;
                let found = match number(inside.trim()) {
                    Some(found) => Some(found),
                    None if inside.len() > LONGEST_STATE || is_no_number(inside) => None,
                    None => Some(Found::State(text)),
                };
                self.tell(unit, found)
            }
            b't' | b'f' => {
                let text = self.scalar()?;
                self.tell(unit, Some(Found::State(text)))
            }
            _ => {
                let found = number(self.scalar()?);
                self.tell(unit, found)
            }
        }
    }

    fn tell(&mut self, unit: Option<&'p str>, found: Option<Found<'p>>) -> Option<()> {
        let goes_on = found.is_none_or(|found| (self.take)(self.path, unit, found));
        goes_on.then_some(())
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        self.rest = spaceless(self.rest.get(1..)?);
        while !self.rest.starts_with('}') {
            let key = self.scalar()?;
            self.rest = spaceless(self.rest).strip_prefix(':')?;
            let (len, key) = (self.path.len(), key.get(1..key.len().checked_sub(1)?)?);
            if len + key.len() < LONGEST_PATH {
                push_key(key, self.path)?;
                self.value(depth + 1, None)?;
                self.path.truncate(len);
            } else {
                self.scalar()?;
            }
            self.rest = spaceless(self.rest);
            match self.rest.strip_prefix(',') {
                Some(behind) => self.rest = spaceless(behind),
                None if self.rest.starts_with('}') => {}
                None => return None,
            }
        }
        self.rest = self.rest.get(1..)?;
        Some(())
    }

    fn array(&mut self, depth: usize) -> Option<()> {
        let mut elements = [""; LONGEST_ARRAY];
        let mut count = 0;
        self.rest = spaceless(self.rest.get(1..)?);
        while !self.rest.starts_with(']') {
            let element = self.scalar()?;
            if let Some(place) = elements.get_mut(count) {
                *place = element;
            }
            count += 1;
            self.rest = spaceless(self.rest);
            match self.rest.strip_prefix(',') {
                Some(behind) => self.rest = spaceless(behind),
                None if self.rest.starts_with(']') => {}
                None => return None,
            }
        }
        let behind = self.rest.get(1..)?;
        let len = self.path.len();
        let [first, second, ..] = elements;
        let is_number = first.starts_with(|c: char| c == '-' || c.is_ascii_digit());
        let is_quantity = count == 2 && is_number && second.starts_with('"');
        let told = if is_quantity { 1 } else { count };
        for (at, element) in elements.iter().enumerate().take(told).filter(|_| count <= LONGEST_ARRAY) {
            self.rest = element;
            self.path.push('/');
            self.path.push(char::from(b'0' + u8::try_from(at).ok()?));
            self.value(depth + 1, second.get(1..second.len().saturating_sub(1)).filter(|_| is_quantity))?;
            self.path.truncate(len);
        }
        self.rest = behind;
        Some(())
    }

    /// Passes one value and gives its text. What is in it is not looked at.
    fn scalar(&mut self) -> Option<&'p str> {
        let len = len(self.rest.as_bytes())?;
        let (value, behind) = self.rest.split_at_checked(len)?;
        self.rest = behind;
        Some(value)
    }
}

fn spaceless(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\r', '\n'])
}

/// How long the value is that a text begins with.
fn len(text: &[u8]) -> Option<usize> {
    let (mut open, mut in_string, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => {
                in_string = !in_string;
                if !in_string && open == 0 {
                    return Some(at + 1);
                }
            }
            _ if in_string => {}
            b'{' | b'[' => open += 1,
            b'}' | b']' if open > 0 => {
                open -= 1;
                if open == 0 {
                    return Some(at + 1);
                }
            }
            b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n' | b':' if open == 0 => {
                return (at > 0).then_some(at);
            }
            _ => {}
        }
    }
    (open == 0 && !in_string && !text.is_empty()).then_some(text.len())
}

fn push_key(key: &str, path: &mut String) -> Option<()> {
    path.push('/');
    let mut push = |key: &str| {
        for c in key.chars() {
            match c {
                '~' => path.push_str("~0"),
                '/' => path.push_str("~1"),
                c => path.push(c),
            }
        }
    };
    if key.contains('\\') {
        push(&serde_json::from_str::<String>(&format!("\"{key}\"")).ok()?);
    } else {
        push(key);
    }
    Some(())
}

/// The number that a text is, as JSON writes numbers.
pub(crate) fn number(text: &str) -> Option<Found<'static>> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let whole = digits.bytes().take_while(u8::is_ascii_digit).count();
    if whole == 0 || (whole > 1 && digits.starts_with('0')) {
        return None;
    }
    let (whole, behind) = digits.split_at_checked(whole)?;
    let decimals = behind.strip_prefix('.').unwrap_or_default();
    if behind.is_empty() || (!decimals.is_empty() && decimals.bytes().all(|byte| byte.is_ascii_digit())) {
        if whole.len() + decimals.len() <= MOST_DIGITS {
            let all = whole.bytes().chain(decimals.bytes());
            let value = all.fold(0_i64, |value, digit| value * 10 + i64::from(digit - b'0'));
            let mantissa = if text.starts_with('-') { -value } else { value };
            let decimals = u32::try_from(decimals.len()).ok()?;
            return Some(Found::Exact(Number { mantissa, decimals }));
        }
    } else if !serde_json::from_str::<serde_json::Number>(text).is_ok_and(|number| number.is_f64()) {
        return None;
    }
    text.parse::<f64>().ok().filter(|value| value.is_finite()).map(Found::Near)
}

/// Whether a text is what programs write in place of a number that they do not have.
fn is_no_number(text: &str) -> bool {
    let word = text.trim().trim_start_matches(['-', '+']);
    ["", "nan", "inf", "infinity", "null", "none"].iter().any(|none| word.eq_ignore_ascii_case(none))
        || word.bytes().next().is_some_and(|byte| byte.is_ascii_digit())
            && text.parse::<f64>().is_ok_and(f64::is_infinite)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(payload: &str) -> Vec<String> {
        let mut all = Vec::new();
        readings(payload, &mut String::new(), &mut |path, unit, found| {
            let value = match found {
                Found::Exact(Number { mantissa, decimals }) => format!("{mantissa}e-{decimals}"),
                Found::Near(near) => format!("~{near}"),
                Found::State(state) => state.to_owned(),
            };
            all.push(format!("{path}={value}{}", unit.map(|unit| format!(" {unit}")).unwrap_or_default()));
            true
        });
        all
    }

    #[test]
    fn every_number_text_and_truth_of_a_payload_is_a_reading() {
        for (payload, expected) in [
            ("20.10", &["=2010e-2"][..]),
            (r#""22.25""#, &["=2225e-2"]),
            (r#"{"temperature": [20.01, "℃"]}"#, &["/temperature/0=2001e-2 ℃"]),
            (r#"{"a": {"b": 1}, "c": [true, "on"] , "d":null}"#, &["/a/b=1e-0", "/c/0=true", "/c/1=\"on\""]),
            (r#"{"a/b~": -1, "\u0061": 2}"#, &["/a~1b~0=-1e-0", "/a=2e-0"]),
            ("1e5", &["=~100000"]),
            ("123456789012345678901", &["=~123456789012345680000"]),
            ("1e400", &[]),
            (r#""NaN""#, &[]),
            (r#""-inf""#, &[]),
            (r#""1e999""#, &[]),
            (r#""007""#, &["=\"007\""]),
            (r#""a, \"b\" ] }""#, &["=\"a, \\\"b\\\" ] }\""]),
            ("null", &[]),
            ("[1,2,3,4,5,6,7,8,9]", &[]),
            ("[[[[[[[[[1]]]]]]]]]", &[]),
            (r#"[1, "x", 2]"#, &["/0=1e-0", "/1=\"x\"", "/2=2e-0"]),
            (r#"{"a": 1"#, &["/a=1e-0"]),
            ("", &[]),
        ] {
            assert_eq!(all(payload), expected, "{payload}");
        }
        assert!(all(&format!("\"{}\"", "x".repeat(65))).is_empty());
        assert!(all(&format!("{{\"{}\": 1}}", "x".repeat(300))).is_empty());
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text in "[-{}\\[\\]\",:0-9.eE+a-z\\\\ ]{0,60}") {
            all(&text);
        }

        #[test]
        fn the_numbers_are_those_of_serde(numbers in prop::collection::vec(any::<f64>().prop_filter("finite", |n| n.is_finite()), 0..8)) {
            let text = serde_json::to_string(&numbers).unwrap();
            let mut found = Vec::new();
            readings(&text, &mut String::new(), &mut |_, _, value| {
                found.push(match value {
                    Found::Exact(number) => super::super::readings::float(number),
                    Found::Near(near) => near,
                    Found::State(_) => f64::NAN,
                });
                true
            });
            prop_assert_eq!(found, numbers);
        }
    }
}
