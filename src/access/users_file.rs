//! `users.toml`: text to accounts, or every mistake in it with its place. `config/users.toml.example` tells the
//! format. What stands at the key `password` is never shown.

use std::collections::HashMap;
use std::sync::Arc;

use super::account::{Account, User};
use super::password::Hash;
use crate::hub::Rights;
use crate::operator::{Form, Found, Kind, Mistakes, Table, Tells, Value};
use crate::topic::{Filter, Limits};

const MAX_NAME_BYTES: usize = 64;
const FILE_KEYS: &[&str] = &["user"];
const USER_KEYS: &[&str] = &["certificate", "name", "password", "publish", "retain", "subscribe"];

/// The level of a rule that means the name of its user.
const OWN_NAME: &str = "%u";

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
pub(super) fn read(text: &str, file: &str) -> Result<Vec<Account>, Mistakes> {
    let mut reader = Reader { form: Form::new(file, text, Tells::Kinds), lines: HashMap::new() };
    let is_key = |name: &str| FILE_KEYS.contains(&name) || USER_KEYS.contains(&name);
    let table = reader.form.table(is_key);
    let accounts = table.map(|table| reader.accounts(&table)).unwrap_or_default();
    reader.form.finish(accounts)
}

/// The form, and what has to be known of the accounts that were read before.
struct Reader<'t> {
    form: Form<'t>,
    /// In which line which name was given.
    lines: HashMap<String, usize>,
}

impl Reader<'_> {
    fn accounts(&mut self, root: &Table) -> Vec<Account> {
        self.form.within("key ");
        self.form.unknown(root, FILE_KEYS, |_| None);
        let users = match root.get("user").map(|value| (value, &value.kind)) {
            None => &[][..],
            Some((_, Kind::List(users))) => users,
            Some((value, kind)) => {
                let expected = "a list of tables, each as [[user]]";
                self.form.say(value.at, "user", Found::from(kind).mismatch(expected, Tells::Kinds));
                return Vec::new();
            }
        };
        if users.is_empty() {
            self.form.say_alone(0, "no user in this file: add [[user]] with a name and a password");
        }
        users.iter().enumerate().filter_map(|(index, user)| self.account(index + 1, user)).collect()
    }

    fn account(&mut self, number: usize, value: &Value) -> Option<Account> {
        self.form.within(format!("user number {number}, key "));
        let Kind::Table(table) = &value.kind else {
            self.form.say(value.at, "user", Found::from(&value.kind).mismatch("a table", Tells::Kinds));
            return None;
        };
        if let Some(Value { kind: Kind::Text(name), .. }) = table.get("name")
            && !name.is_empty()
        {
            self.form.within(format!("user {:?}, key ", shortened(name)));
        }
        self.form.unknown(table, USER_KEYS, |_| None);
        // Each is read even if the others are wrong, so that all mistakes are reported.
        let name = self.name(table);
        let asks_for_certificate = self.form.truth(table, "certificate").unwrap_or(false);
        let hash = self.password(table, asks_for_certificate);
        let own = name.as_deref().unwrap_or("x");
        let rights = Rights {
            publish: self.filters(table, "publish", own),
            subscribe: self.filters(table, "subscribe", own),
            retain: self.form.truth(table, "retain").unwrap_or(false),
        };
        Some(Account {
            user: User { name: name?, rights: Arc::new(rights) },
            hash: hash?,
            asks_for_certificate,
        })
    }

    fn name(&mut self, table: &Table) -> Option<Arc<str>> {
        if table.get("name").is_none() {
            self.form.refuse(table, "name", "is missing");
        }
        let name = self.form.text(table, "name")?;
        if let Err(error) = check_name(name) {
            self.form.refuse(table, "name", error.to_string());
            return None;
        }
        if let Some(first) = self.lines.get(name) {
            self.form.refuse(table, "name", format!("is taken by the user in line {first}"));
            return None;
        }
        self.lines.insert(name.to_owned(), self.form.line(table.at("name")));
        Some(name.into())
    }

    fn password(&mut self, table: &Table, asks_for_certificate: bool) -> Option<Hash> {
        if table.get("password").is_none() && asks_for_certificate {
            return Some(Hash::of_nobody());
        }
        if table.get("password").is_none() {
            self.form.refuse(table, "password", "is missing: run `clown-hub user hash`");
        }
        let text = self.form.text(table, "password")?;
        Hash::parse(text).map_err(|error| self.form.refuse(table, "password", error.to_string())).ok()
    }

    fn filters(&mut self, table: &Table, key: &'static str, own: &str) -> Vec<Filter> {
        let rules = self.form.list(table, key, "filters").unwrap_or_default();
        rules.iter().filter_map(|rule| self.filter(rule, key, own)).collect()
    }

    fn filter(&mut self, value: &Value, key: &'static str, own: &str) -> Option<Filter> {
        let rule = self.form.text_of(value, key)?;
        parse_rule(rule, own).map_err(|sentence| self.form.say(value.at, key, sentence)).ok()
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
fn parse_rule(rule: &str, own: &str) -> Result<Filter, String> {
    let parse = |text: &str| {
        Filter::parse(text, &Limits::default()).map_err(|error| format!("{:?}: {error}", shortened(rule)))
    };
    // As written, too, so that the offset in an error is one that the operator can count.
    parse(rule)?;
    if rule.split('/').any(|level| level.contains(OWN_NAME) && level != OWN_NAME) {
        return Err(format!("{:?}: {OWN_NAME} must be a whole level", shortened(rule)));
    }
    let levels: Vec<&str> =
        rule.split('/').map(|level| if level == OWN_NAME { own } else { level }).collect();
    parse(&levels.join("/"))
}

/// Enough of a text to know it again.
fn shortened(text: &str) -> String {
    text.chars().take(MAX_NAME_BYTES).collect()
}

#[cfg(test)]
mod tests;
