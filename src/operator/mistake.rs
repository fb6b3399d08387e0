//! What is wrong in a file, in words that name the place and the key.

use std::fmt;

/// The longest piece of a foreign text that a message repeats, in characters: a value may be a secret under the wrong
/// name.
const ECHOED_CHARS: usize = 80;

/// One thing to be put right. Shows as `PLACE: KEY: SENTENCE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where it stands: `FILE:LINE:COLUMN`, a file as a whole, the name of an environment variable, or `flag`.
    pub place: String,
    /// What it is about, where it is about one key: `section.key`, or whose key, as in `user "jana", key name`.
    pub key: Option<String>,
    /// What was found, what is allowed, and where it is known what to do. One line.
    pub sentence: String,
}

impl Mistake {
    /// A mistake that belongs to no key.
    pub fn at(place: impl Into<String>, sentence: impl fmt::Display) -> Self {
        Self { place: place.into(), key: None, sentence: sentence.to_string() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(f, "{}: {key}: {}", self.place, self.sentence),
            None => write!(f, "{}: {}", self.place, self.sentence),
        }
    }
}

/// Everything that is wrong, one line each; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// `None` where nothing is wrong.
    pub fn of(mistakes: Vec<Mistake>) -> Option<Self> {
        (!mistakes.is_empty()).then_some(Self(mistakes))
    }

    /// The mistakes in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, Mistake> {
        self.0.iter()
    }
}

impl From<Mistake> for Mistakes {
    fn from(mistake: Mistake) -> Self {
        Self(vec![mistake])
    }
}

impl IntoIterator for Mistakes {
    type Item = Mistake;
    type IntoIter = std::vec::IntoIter<Mistake>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'m> IntoIterator for &'m Mistakes {
    type Item = &'m Mistake;
    type IntoIter = std::slice::Iter<'m, Mistake>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, mistake) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            mistake.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

/// A foreign text made fit for one line: quoted, control characters escaped, and cut where it is long.
pub fn quoted(text: &str) -> String {
    let length = text.chars().count();
    if length <= ECHOED_CHARS {
        return format!("{text:?}");
    }
    let start: String = text.chars().take(ECHOED_CHARS / 2).collect();
    format!("{start:?} and so on, {length} characters in all")
}

/// A foreign text, fit for a line of a log: what is not seen, or changes how the text around it is shown, as an escape.
pub fn escaped(text: impl IntoIterator<Item = char>) -> String {
    let mut line = String::new();
    for char in text {
        if matches!(char, '"' | '\'' | '\\') {
            line.push(char);
        } else {
            line.extend(char.escape_debug());
        }
    }
    line
}

/// The same without quotes, for names.
pub fn plain(text: &str) -> String {
    let start = text.chars().take(ECHOED_CHARS);
    let mut name = escaped(start);
    if text.chars().nth(ECHOED_CHARS).is_some() {
        name.push('…');
    }
    name
}

/// The name of a key as it is written in a file: in quotes where TOML needs them.
pub fn key_name(name: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if !name.is_empty() && name.bytes().all(is_bare) { plain(name) } else { quoted(name) }
}
