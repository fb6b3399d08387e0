//! Which habit made a text no frame. Looked for only where a text has already turned out to be no frame, so that the sender
//! hears what to change and not only where reading stopped.

use super::fault::{Fault, FrameError};
use super::habit::Habit;

/// What other languages write for a value that JSON writes in another way, or not at all.
const WORDS: &[(&str, &str)] = &[
    ("nan", "null"),
    ("NaN", "null"),
    ("NAN", "null"),
    ("Nan", "null"),
    ("-nan", "null"),
    ("-NaN", "null"),
    ("-NAN", "null"),
    ("+nan", "null"),
    ("+NaN", "null"),
    ("inf", "null"),
    ("Inf", "null"),
    ("INF", "null"),
    ("-inf", "null"),
    ("-Inf", "null"),
    ("-INF", "null"),
    ("+inf", "null"),
    ("+Inf", "null"),
    ("infinity", "null"),
    ("Infinity", "null"),
    ("-infinity", "null"),
    ("-Infinity", "null"),
    ("+Infinity", "null"),
    ("undefined", "null"),
    ("None", "null"),
    ("Null", "null"),
    ("NULL", "null"),
    ("nil", "null"),
    ("nullptr", "null"),
    ("True", "true"),
    ("TRUE", "true"),
    ("False", "false"),
    ("FALSE", "false"),
];

/// The error with the habit in it, if it is one of these; `text` is what the frame was read from.
pub(super) fn explained(error: FrameError, text: &str) -> FrameError {
    found(error, text).map_or(error, |(at, fault)| FrameError { at, fault })
}

fn found(FrameError { at, fault }: FrameError, text: &str) -> Option<(usize, Fault)> {
    let (before, rest) = text.split_at_checked(at)?;
    let next = rest.chars().next()?;
    let here = |habit| Some((at, Fault::Habit(habit)));
    let is_text_expected = matches!(fault, Fault::NO_VALUE | Fault::NO_KEY | Fault::TopicNotAString);
    match (fault, next) {
        (_, '\0') => Some((at, Fault::Nul)),
        (Fault::ControlCharacter | Fault::Escape | Fault::TooDeep, _) => None,
        (_, '/') if rest.starts_with("//") || rest.starts_with("/*") => here(Habit::Comment),
        (fault, '#') if fault != Fault::NO_VALUE => here(Habit::Comment),
        (Fault::NotAnArray, '{') => here(Habit::ObjectFrame),
        (Fault::NotAnArray, '"' | '\'') => here(Habit::QuotedFrame),
        (_, '\'') if is_text_expected => here(Habit::SingleQuotes),
        (_, '“' | '”' | '„' | '‘' | '’' | '«' | '`') if is_text_expected => {
            here(Habit::OtherQuotes(next))
        }
        (Fault::NO_VALUE | Fault::NO_KEY | Fault::OptionsNotAnObject, ']' | '}') => {
            let comma = before.trim_end().strip_suffix(',')?;
            Some((comma.len(), Fault::Habit(Habit::TrailingComma)))
        }
        (Fault::NO_KEY, _) if next.is_alphanumeric() || next == '_' => here(Habit::UnquotedKey),
        (Fault::OptionsNotAnObject, '0'..='9') => {
            let whole = before.strip_suffix(',')?;
            whole.ends_with(|last: char| last.is_ascii_digit()).then_some(())?;
            here(Habit::DecimalComma)
        }
        (Fault::Expected(_), _) => {
            let (start, token) = token(text, at);
            let goes_on = start + token.len() > at;
            // A value that is not begun, one that breaks off, or one that goes on where it should have ended.
            let is_one = fault == Fault::NO_VALUE || fault == Fault::NO_DIGIT || (start < at && goes_on);
            let habit = if is_one { habit_of(token, fault) } else { None };
            Some((start, Fault::Habit(habit?)))
        }
        _ => None,
    }
}

/// The word or number around the place where reading stopped, and where it begins.
fn token(text: &str, at: usize) -> (usize, &str) {
    let is_part = |part: char| part.is_alphanumeric() || "+-._#/%°℃".contains(part);
    let (before, rest) = text.split_at_checked(at).unwrap_or((text, ""));
    let start = before.trim_end_matches(is_part).len();
    let end = at + rest.find(|part| !is_part(part)).unwrap_or(rest.len());
    (start, text.get(start..end).unwrap_or_default())
}

/// What is wrong with a word or number that stands where a value is expected.
fn habit_of(token: &str, fault: Fault) -> Option<Habit> {
    if let Some((word, send)) = WORDS.iter().find(|(word, _)| *word == token) {
        return Some(Habit::Word { word, send });
    }
    let number = token.trim_start_matches(['+', '-']);
    let mut characters = number.chars();
    let (first, second) = (characters.next()?, characters.next());
    let is_digit = |character: Option<char>| character.is_some_and(|character| character.is_ascii_digit());
    match (first, second) {
        ('0'..='9' | '.', _) if token.starts_with('+') => Some(Habit::PlusSign),
        ('.', second) if is_digit(second) => Some(Habit::LeadingPoint),
        ('0', Some('x' | 'X')) => Some(Habit::Hexadecimal),
        ('0', second) if is_digit(second) => Some(Habit::LeadingZero),
        ('0'..='9', _) if number.ends_with('.') || number.contains(".e") || number.contains(".E") => {
            Some(Habit::TrailingPoint)
        }
        ('0'..='9', _) if fault == Fault::NO_DIGIT => None,
        (first, _) => (first.is_alphanumeric() || first == '#').then_some(Habit::UnquotedText),
    }
}
