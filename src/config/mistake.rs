//! What is wrong in a configuration, in words that name the place and the key.

use std::fmt;

/// The longest piece of a foreign text that is told back, in characters: a value may be a secret that was put under
/// the wrong name.
const ECHOED_CHARS: usize = 80;

/// One thing to be put right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where it stands: the path of a file, the name of an environment variable, or `flag`.
    pub origin: String,
    /// The key as `section.key`, where the mistake belongs to a key that exists.
    pub key: Option<String>,
    /// What was found, what is allowed, and where it is known what to do. One line.
    pub sentence: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(f, "{}: {key}: {}", self.origin, self.sentence),
            None => write!(f, "{}: {}", self.origin, self.sentence),
        }
    }
}

/// Everything that is wrong in a configuration, one line each; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes(pub(super) Vec<Mistake>);

impl Mistakes {
    /// The mistakes: first those of reading (files, environment, flags), then those of values in the order of
    /// `config/hub.toml`.
    pub fn iter(&self) -> impl Iterator<Item = &Mistake> {
        self.0.iter()
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, mistake) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str("\n")?;
            }
            mistake.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

/// A foreign text made fit for one line: quoted, control characters escaped, and cut where it is long.
pub(crate) fn quoted(text: &str) -> String {
    let length = text.chars().count();
    if length <= ECHOED_CHARS {
        return format!("{text:?}");
    }
    let start: String = text.chars().take(ECHOED_CHARS / 2).collect();
    format!("{start:?} and so on, {length} characters in all")
}

/// The same without quotes, for names.
pub(crate) fn plain(text: &str) -> String {
    let mut name = String::new();
    for char in text.chars().take(ECHOED_CHARS) {
        if char.is_control() {
            name.extend(char.escape_debug());
        } else {
            name.push(char);
        }
    }
    if text.chars().nth(ECHOED_CHARS).is_some() {
        name.push('…');
    }
    name
}
