//! `users.toml`: text to accounts, or every mistake in it with its place. `config/users.toml.example` tells the
//! format. The one file of `access` that knows TOML.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::password::{Hash, HashError};
use super::users::{Account, User};
use crate::hub::Rights;
use crate::topic::{Filter, Limits, TopicError};

const MAX_NAME_BYTES: usize = 64;
const FILE_KEYS: &[&str] = &["user"];
const USER_KEYS: &[&str] = &["name", "password", "publish", "retain", "subscribe"];

/// What in a rule stands for the name of its user.
const OWN_NAME: &str = "%u";

/// A mistake in `users.toml` and where. Shows as `FILE:LINE:COLUMN: user "NAME", key KEY: what is wrong`; what
/// stands at the key `password` is never shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsersError {
    /// The file, as the caller calls it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// The name of the user in quotes, or `number 2` where there is none.
    pub user: Option<String>,
    /// The key of the user, or of the file.
    pub key: Option<String>,
    /// What is wrong.
    pub mistake: Mistake,
}

impl fmt::Display for UsersError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        match (&self.user, &self.key) {
            (Some(user), Some(key)) => write!(f, "user {user}, key {key}: ")?,
            (Some(user), None) => write!(f, "user {user}: ")?,
            (None, Some(key)) => write!(f, "key {key}: ")?,
            (None, None) => {}
        }
        write!(f, "{}", self.mistake)
    }
}

impl std::error::Error for UsersError {}

/// What is wrong in `users.toml`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Mistake {
    /// Not TOML. Where this is found, nothing else is looked for.
    #[error("no TOML: {0}")]
    Syntax(String),
    /// Nobody could come in.
    #[error("no user in this file: add [[user]] with a name and a password")]
    NoUsers,
    /// A key that means nothing.
    #[error("unknown key, {0}")]
    UnknownKey(Hint),
    /// A value of another type.
    #[error("expected {expected}, found {found}")]
    WrongType {
        /// What belongs there.
        expected: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// A key that every user needs.
    #[error("is missing{0}")]
    Missing(&'static str),
    /// A name that no user can have.
    #[error("{0}")]
    Name(NameError),
    /// Two users of one name.
    #[error("is taken by the user in line {0}")]
    Duplicate(usize),
    /// Not a password hash.
    #[error("{0}")]
    Password(HashError),
    /// Not a filter.
    #[error("{filter:?}: {error}")]
    Filter {
        /// As it is written.
        filter: String,
        /// What is wrong with it, or with what it is once the name is put in.
        error: TopicError,
    },
    /// `%u` beside other characters, as in `home-%u`.
    #[error("{0:?}: {OWN_NAME} must be a whole level")]
    OwnNameNotAlone(String),
}

/// Help with a key that means nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// One key is almost the same.
    DidYouMean(&'static str),
    /// None is: these there are.
    Known(&'static [&'static str]),
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DidYouMean(key) => write!(f, "did you mean {key}?"),
            Self::Known(keys) => write!(f, "there are: {}", keys.join(", ")),
        }
    }
}

/// Why a text is no name. Names stand in front of a `:` in HTTP Basic and become topic levels by `%u`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Not one character.
    #[error("is empty")]
    Empty,
    /// Too long.
    #[error("has {bytes} bytes, the limit is {MAX_NAME_BYTES}")]
    TooLong {
        /// Bytes found.
        bytes: usize,
    },
    /// One of `:`, `/`, `+`, `#`.
    #[error("must not contain {0:?}")]
    Forbidden(char),
    /// A control character.
    #[error("must not contain the control character {0:?}")]
    Control(char),
    /// `$` in first place is for the hub's own topics.
    #[error("must not begin with '$'")]
    System,
    /// `hub` and `simulator` are what the hub itself signs messages with.
    #[error("is a name that the hub uses itself")]
    Reserved,
    /// A blank at an end.
    #[error("must not begin or end with a blank")]
    Blank,
}

/// The accounts in order of the file, each name once, one at least; or all mistakes in order of the file.
pub(super) fn read(text: &str, file: &str) -> Result<Vec<Account>, Vec<UsersError>> {
    let mut reader = Reader { text, file, user: None, errors: Vec::new() };
    let (root, syntax) = DeTable::parse_recoverable(text);
    // What a parser makes of a broken text says little about what was meant, so the rest is not looked at.
    for error in &syntax {
        let at = error.span().map_or(0, |span| span.start);
        // Only the message: the full display quotes the line, and that may hold a password.
        reader.refuse(at, None, Mistake::Syntax(error.message().to_owned()));
    }
    let accounts = if syntax.is_empty() { reader.file(root.get_ref()) } else { Vec::new() };
    if reader.errors.is_empty() {
        return Ok(accounts);
    }
    reader.errors.sort_by_key(|error| (error.line, error.column));
    Err(reader.errors)
}

type Value<'t> = Spanned<DeValue<'t>>;

/// The text, where in it the reader is, and the mistakes so far.
struct Reader<'t> {
    text: &'t str,
    file: &'t str,
    user: Option<String>,
    errors: Vec<UsersError>,
}

impl Reader<'_> {
    fn file(&mut self, root: &DeTable<'_>) -> Vec<Account> {
        self.unknown_keys(root, FILE_KEYS);
        let users = match root.get("user").map(|value| (value, value.get_ref())) {
            None => &[][..],
            Some((_, DeValue::Array(users))) => users,
            Some((value, _)) => {
                self.wrong_type(value, "user", "an array of tables, each as [[user]]");
                return Vec::new();
            }
        };
        if users.is_empty() {
            self.refuse(0, None, Mistake::NoUsers);
        }
        let mut lines = HashMap::new();
        let mut accounts = Vec::new();
        for (index, value) in users.iter().enumerate() {
            self.user = Some(format!("number {}", index + 1));
            accounts.extend(self.user(value, &mut lines));
        }
        accounts
    }

    fn user(&mut self, value: &Value<'_>, lines: &mut HashMap<String, usize>) -> Option<Account> {
        let DeValue::Table(table) = value.get_ref() else {
            self.wrong_type(value, "user", "a table");
            return None;
        };
        if let Some(name) =
            table.get("name").and_then(|name| name.get_ref().as_str()).filter(|n| !n.is_empty())
        {
            self.user = Some(format!("{:?}", shortened(name)));
        }
        self.unknown_keys(table, USER_KEYS);
        // Each is read whether or not the others are good, so that all their mistakes are told.
        let at = value.span().start;
        let name = self.name(table, at, lines);
        let hash = self.password(table, at);
        let own = name.as_deref().unwrap_or("x");
        let rights = Rights {
            publish: self.filters(table, "publish", own),
            subscribe: self.filters(table, "subscribe", own),
            retain: self.retain(table),
        };
        Some(Account { user: User { name: name?, rights: Arc::new(rights) }, hash: hash? })
    }

    fn name(
        &mut self,
        table: &DeTable<'_>,
        at: usize,
        lines: &mut HashMap<String, usize>,
    ) -> Option<Arc<str>> {
        let Some(value) = table.get("name") else {
            self.refuse(at, Some("name"), Mistake::Missing(""));
            return None;
        };
        let name = self.string(value, "name")?;
        let at = value.span().start;
        if let Err(error) = check_name(name) {
            self.refuse(at, Some("name"), Mistake::Name(error));
            return None;
        }
        let (line, _) = self.place(at);
        if let Some(first) = lines.get(name) {
            self.refuse(at, Some("name"), Mistake::Duplicate(*first));
            return None;
        }
        lines.insert(name.to_owned(), line);
        Some(name.into())
    }

    fn password(&mut self, table: &DeTable<'_>, at: usize) -> Option<Hash> {
        let Some(value) = table.get("password") else {
            self.refuse(at, Some("password"), Mistake::Missing(": run `clown-hub user hash`"));
            return None;
        };
        let text = self.string(value, "password")?;
        Hash::parse(text)
            .map_err(|error| self.refuse(value.span().start, Some("password"), Mistake::Password(error)))
            .ok()
    }

    fn filters(&mut self, table: &DeTable<'_>, key: &'static str, own: &str) -> Vec<Filter> {
        let Some(value) = table.get(key) else {
            return Vec::new();
        };
        let DeValue::Array(rules) = value.get_ref() else {
            self.wrong_type(value, key, "an array of filters");
            return Vec::new();
        };
        rules.iter().filter_map(|rule| self.filter(rule, key, own)).collect()
    }

    fn filter(&mut self, value: &Value<'_>, key: &'static str, own: &str) -> Option<Filter> {
        let rule = self.string(value, key)?;
        parse_rule(rule, own).map_err(|mistake| self.refuse(value.span().start, Some(key), mistake)).ok()
    }

    fn retain(&mut self, table: &DeTable<'_>) -> bool {
        let Some(value) = table.get("retain") else {
            return false;
        };
        let retain = value.get_ref().as_bool();
        if retain.is_none() {
            self.wrong_type(value, "retain", "true or false");
        }
        retain.unwrap_or(false)
    }

    fn string<'v>(&mut self, value: &'v Value<'_>, key: &str) -> Option<&'v str> {
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.wrong_type(value, key, "a string");
        }
        text
    }

    fn unknown_keys(&mut self, table: &DeTable<'_>, known: &'static [&'static str]) {
        for key in table.keys() {
            if !known.contains(&&**key.get_ref()) {
                let mistake = Mistake::UnknownKey(hint(key.get_ref(), known));
                let shown = format!("{:?}", shortened(key.get_ref()));
                self.refuse(key.span().start, Some(&shown), mistake);
            }
        }
    }

    fn wrong_type(&mut self, value: &Value<'_>, key: &str, expected: &'static str) {
        let found = match value.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a table",
        };
        self.refuse(value.span().start, Some(key), Mistake::WrongType { expected, found });
    }

    fn refuse(&mut self, at: usize, key: Option<&str>, mistake: Mistake) {
        let (line, column) = self.place(at);
        self.errors.push(UsersError {
            file: self.file.to_owned(),
            line,
            column,
            user: self.user.clone(),
            key: key.map(str::to_owned),
            mistake,
        });
    }

    /// Line and column of a byte, both from 1.
    fn place(&self, at: usize) -> (usize, usize) {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before.get(line_start..).map_or(0, |line| line.chars().count());
        (before.matches('\n').count() + 1, column + 1)
    }
}

fn check_name(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.len() > MAX_NAME_BYTES {
        return Err(NameError::TooLong { bytes: name.len() });
    }
    if let Some(control) = name.chars().find(|character| character.is_control()) {
        return Err(NameError::Control(control));
    }
    if let Some(forbidden) = name.chars().find(|character| matches!(character, ':' | '/' | '+' | '#')) {
        return Err(NameError::Forbidden(forbidden));
    }
    if name.starts_with('$') {
        return Err(NameError::System);
    }
    if matches!(name, "hub" | "simulator") {
        return Err(NameError::Reserved);
    }
    if name.trim() != name {
        return Err(NameError::Blank);
    }
    Ok(())
}

/// The filter of a rule, with the user's name in place of `%u`.
fn parse_rule(rule: &str, own: &str) -> Result<Filter, Mistake> {
    let refused = |error| Mistake::Filter { filter: shortened(rule), error };
    // As written, too, so that the offset in an error is one that the operator can count.
    Filter::parse(rule, &Limits::default()).map_err(refused)?;
    if rule.split('/').any(|level| level.contains(OWN_NAME) && level != OWN_NAME) {
        return Err(Mistake::OwnNameNotAlone(shortened(rule)));
    }
    let levels: Vec<&str> =
        rule.split('/').map(|level| if level == OWN_NAME { own } else { level }).collect();
    Filter::parse(&levels.join("/"), &Limits::default()).map_err(refused)
}

/// Enough of a text to know it again.
fn shortened(text: &str) -> String {
    text.chars().take(MAX_NAME_BYTES).collect()
}

/// The key that was meant: the nearest, where at most a third of it (or one letter) is different.
fn hint(key: &str, known: &'static [&'static str]) -> Hint {
    let key = shortened(key).to_lowercase();
    let near = known.iter().map(|known| (distance(&key, known), *known)).min();
    match near {
        Some((distance, near)) if distance <= (near.len() / 3).max(1) => Hint::DidYouMean(near),
        _ => Hint::Known(known),
    }
}

/// How many letters to add, drop or change between two words (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (above, b) in row.iter_mut().skip(1).zip(other.chars()) {
            let here = (diagonal + usize::from(a != b)).min(left + 1).min(*above + 1);
            diagonal = std::mem::replace(above, here);
            left = here;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests;
