//! What may be asked of a value, and the sentences about values that are no answer. They do not know where a value
//! comes from: a file, the environment or a flag.

use std::ops::RangeInclusive;

use super::mistake::quoted;
use super::value::Kind;

/// A value as a question sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Found<'v> {
    /// There is none.
    Nothing,
    /// In quotes.
    Text(&'v str),
    /// A whole number.
    Whole(i64),
    /// A whole number of more than 64 bits.
    Vast(&'v str),
    /// Any other number.
    Fraction(f64),
    /// True or false.
    Truth(bool),
    /// A date or a time.
    Moment(&'v str),
    /// Several values.
    List,
    /// Keys with values.
    Table,
}

/// Whether a mistake may repeat the value: it may be a password under the wrong name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tells {
    /// There are no secrets here.
    Values,
    /// Only of which kind it is.
    Kinds,
}

impl<'v> From<&'v Kind> for Found<'v> {
    fn from(kind: &'v Kind) -> Self {
        match kind {
            Kind::Text(text) => Self::Text(text),
            Kind::Whole(number) => Self::Whole(*number),
            Kind::Vast(number) => Self::Vast(number),
            Kind::Fraction(number) => Self::Fraction(*number),
            Kind::Truth(truth) => Self::Truth(*truth),
            Kind::Moment(moment) => Self::Moment(moment),
            Kind::List(_) => Self::List,
            Kind::Table(_) => Self::Table,
        }
    }
}

impl Found<'_> {
    /// The sentence about a value of another kind.
    pub fn mismatch(self, expected: &str, tells: Tells) -> String {
        let found = match (self, tells) {
            (Self::Nothing, _) => "nothing".to_owned(),
            (Self::List, _) => "a list".to_owned(),
            (Self::Table, _) => "a table of keys".to_owned(),
            (Self::Text(text), Tells::Values) => format!("the text {}", quoted(text)),
            (Self::Whole(number), Tells::Values) => format!("the number {number}"),
            (Self::Vast(number), Tells::Values) => format!("the number {}", quoted(number)),
            (Self::Fraction(number), Tells::Values) => format!("the number {number}"),
            (Self::Truth(truth), Tells::Values) => truth.to_string(),
            (Self::Text(_), Tells::Kinds) => "a text in quotes".to_owned(),
            (Self::Whole(_) | Self::Vast(_) | Self::Fraction(_), Tells::Kinds) => "a number".to_owned(),
            (Self::Truth(_), Tells::Kinds) => "true or false".to_owned(),
            (Self::Moment(_), _) => "a date or a time".to_owned(),
        };
        format!("expected {expected}, found {found}")
    }
}

/// A text.
pub fn text(found: Found<'_>, tells: Tells) -> Result<&str, String> {
    if let Found::Text(text) = found { Ok(text) } else { Err(found.mismatch("a text in quotes", tells)) }
}

/// True or false.
pub fn truth(found: Found<'_>, tells: Tells) -> Result<bool, String> {
    if let Found::Truth(truth) = found { Ok(truth) } else { Err(found.mismatch("true or false", tells)) }
}

/// A whole number of a unit, which may be empty.
pub fn whole(found: Found<'_>, range: RangeInclusive<u64>, unit: &str, tells: Tells) -> Result<u64, String> {
    let (least, most, unit) = (range.start(), range.end(), in_brackets(unit));
    let expected = format!("a whole number from {least} to {most}{unit}");
    let Found::Whole(number) = found else {
        return Err(found.mismatch(&expected, tells));
    };
    match u64::try_from(number) {
        Ok(number) if range.contains(&number) => Ok(number),
        _ if tells == Tells::Kinds => Err(format!("expected {expected}")),
        Ok(number) if number > *most => Err(format!("{number} is above the most of {most}{unit}")),
        _ => Err(format!("{number} is below the least of {least}{unit}")),
    }
}

/// A number that may have a fraction.
pub fn number(
    found: Found<'_>,
    range: &RangeInclusive<f64>,
    unit: &str,
    tells: Tells,
) -> Result<f64, String> {
    let expected = format!("a number from {} to {}{}", range.start(), range.end(), in_brackets(unit));
    let number = if let Found::Fraction(number) = found {
        number
    } else if let Found::Whole(number) = found {
        // People write whole numbers without a point. Those that a float cannot hold are out of range.
        i32::try_from(number).map_or(f64::INFINITY, f64::from)
    } else {
        return Err(found.mismatch(&expected, tells));
    };
    match tells {
        _ if range.contains(&number) => Ok(number),
        Tells::Values => Err(format!("expected {expected}, found {number}")),
        Tells::Kinds => Err(format!("expected {expected}")),
    }
}

/// One of a few words. `all` is how they are listed.
pub fn choice<T: Copy>(text: &str, words: &[(&str, T)], all: &str) -> Result<T, String> {
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
    found.ok_or_else(|| format!("expected one of {all}, found {}", quoted(text)))
}

fn in_brackets(unit: &str) -> String {
    if unit.is_empty() { String::new() } else { format!(" ({unit})") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_repeated_only_where_there_are_no_secrets() {
        let values =
            [Found::Text("hunter2"), Found::Whole(4711), Found::Vast("4711"), Found::Fraction(47.11)];
        for found in values {
            for (tells, is_told) in [(Tells::Values, true), (Tells::Kinds, false)] {
                let sentence = found.mismatch("a list", tells);
                assert_eq!(sentence.contains("hunter2") || sentence.contains("47"), is_told, "{sentence}");
            }
        }
        for found in [Found::Whole(4711), Found::Text("hunter2")] {
            let sentence = whole(found, 0..=2, "", Tells::Kinds).unwrap_err();
            assert!(!sentence.contains("4711") && !sentence.contains("hunter2"), "{sentence}");
        }
        assert_eq!(whole(Found::Whole(4711), 0..=5000, "", Tells::Kinds), Ok(4711));
        assert!(number(Found::Whole(4711), &(0.0..=2.0), "", Tells::Kinds).unwrap_err().ends_with("to 2"));
    }
}
