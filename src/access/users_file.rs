//! `users.toml`: text to accounts, or every mistake in it with its place. `config/users.toml.example` tells the
//! format. What stands at the key `password` is never shown.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use ipnet::IpNet;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime, Time};

use super::account::{Account, User};
use super::keyed::Digest;
use super::password::Hash;
use super::role::{Role, RoleName};
use crate::hub::Rights;
use crate::operator::{Form, Found, Kind, Mistakes, Table, Tells, Value};
use crate::topic::{Base, Filter, Limits};

const MAX_NAME_BYTES: usize = 64;
const FILE_KEYS: &[&str] = &["token", "user"];
const TOKEN_KEYS: &[&str] =
    &["base", "from", "hash", "name", "note", "publish", "retain", "role", "subscribe", "valid_until"];
const USER_KEYS: &[&str] = &[
    "admin",
    "base",
    "certificate",
    "from",
    "name",
    "note",
    "password",
    "publish",
    "retain",
    "role",
    "subscribe",
    "valid_until",
];

/// The longest note, in characters.
const NOTE_CHARACTERS: usize = 200;
/// Networks that an account may come from: each sign-in is compared with all.
const NETWORKS: usize = 100;

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
    let mut reader =
        Reader { form: Form::new(file, text, Tells::Kinds), lines: HashMap::new(), digests: HashMap::new() };
    let keys = [FILE_KEYS, USER_KEYS, TOKEN_KEYS];
    let is_key = |name: &str| keys.iter().any(|keys| keys.contains(&name));
    let table = reader.form.table(is_key);
    let accounts = table.map(|table| reader.accounts(&table)).unwrap_or_default();
    reader.form.finish(accounts)
}

/// What a table of the file is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    User,
    Token,
}

impl Sort {
    fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Token => "token",
        }
    }
}

/// The form, and what has to be known of the accounts that were read before.
struct Reader<'t> {
    form: Form<'t>,
    /// In which line which name was given.
    lines: HashMap<String, usize>,
    /// In which line which token was given.
    digests: HashMap<Digest, usize>,
}

impl Reader<'_> {
    fn accounts(&mut self, root: &Table) -> Vec<Account> {
        self.form.within("key ");
        self.form.unknown(root, FILE_KEYS, |_| None);
        let (Some(users), Some(tokens)) = (self.tables(root, Sort::User), self.tables(root, Sort::Token))
        else {
            return Vec::new();
        };
        if users.is_empty() {
            self.form.say_alone(0, "no user in this file: add [[user]] with a name and a password");
        }
        let numbered = |(index, value)| (index + 1, value);
        let users = users.iter().enumerate().map(numbered).map(|(number, value)| (Sort::User, number, value));
        let tokens =
            tokens.iter().enumerate().map(numbered).map(|(number, value)| (Sort::Token, number, value));
        users.chain(tokens).filter_map(|(sort, number, value)| self.account(sort, number, value)).collect()
    }

    fn tables<'v>(&mut self, root: &'v Table, sort: Sort) -> Option<&'v [Value]> {
        let word = sort.word();
        match root.get(word).map(|value| (value, &value.kind)) {
            None => Some(&[]),
            Some((_, Kind::List(tables))) => Some(tables),
            Some((value, kind)) => {
                let expected = format!("a list of tables, each as [[{word}]]");
                self.form.say(value.at, word, Found::from(kind).mismatch(&expected, Tells::Kinds));
                None
            }
        }
    }

    fn account(&mut self, sort: Sort, number: usize, value: &Value) -> Option<Account> {
        let word = sort.word();
        self.form.within(format!("{word} number {number}, key "));
        let Kind::Table(table) = &value.kind else {
            self.form.say(value.at, word, Found::from(&value.kind).mismatch("a table", Tells::Kinds));
            return None;
        };
        if let Some(Value { kind: Kind::Text(name), .. }) = table.get("name")
            && !name.is_empty()
        {
            self.form.within(format!("{word} {:?}, key ", shortened(name)));
        }
        self.form.unknown(table, if sort == Sort::User { USER_KEYS } else { TOKEN_KEYS }, |_| None);
        // Each is read even if the others are wrong, so that all mistakes are reported.
        let name = self.name(table);
        let asks_for_certificate = self.form.truth(table, "certificate").unwrap_or(false);
        let hash = match sort {
            Sort::User => self.password(table, asks_for_certificate),
            Sort::Token => self.token(table),
        };
        let own = name.as_deref().unwrap_or("x");
        let role = self.role(table, own);
        if sort == Sort::Token && role.as_ref().is_some_and(|role| role.name() == RoleName::Admin) {
            self.form.refuse(table, "role", "must not be admin: a token is carried around");
        }
        let rights = self.rights(table, own, role.as_ref());
        let (valid_until, from, note) = (self.valid_until(table), self.from(table), self.note(table));
        Some(Account {
            user: User { name: name?, rights: Arc::new(rights) },
            hash: hash?,
            asks_for_certificate,
            role,
            valid_until,
            from,
            note,
        })
    }

    /// The rule set of a role, from the base on that it is given.
    fn role(&mut self, table: &Table, own: &str) -> Option<Role> {
        let base = self.form.text(table, "base").map(|text| base_of(text, own));
        let base = match base.transpose() {
            Ok(base) => base,
            Err(error) => {
                self.form.refuse(table, "base", error);
                None
            }
        };
        let name = self.form.choice(table, "role", &RoleName::ALL);
        if table.get("base").is_some() && table.get("role").is_none() {
            self.form.refuse(table, "base", "is where a role begins, and there is no role");
        }
        if table.get("base").is_some() && name == Some(RoleName::Admin) {
            self.form.refuse(table, "base", "is nothing for an admin, who may do everything");
        }
        name.map(|name| Role::new(name, base.unwrap_or(Base::ROOT)))
    }

    /// The filters of the account, and those of its role.
    fn rights(&mut self, table: &Table, own: &str, role: Option<&Role>) -> Rights {
        let mut rights = Rights {
            publish: self.filters(table, "publish", own),
            subscribe: self.filters(table, "subscribe", own),
            retain: self.form.truth(table, "retain").unwrap_or(false),
            admin: self.form.truth(table, "admin").unwrap_or(false),
        };
        if rights.admin {
            // What it takes to read the hub's own figures.
            rights.subscribe.extend(Filter::parse("$SYS/#", &Limits::default()).ok());
        }
        if let Some(role) = role {
            let of_role = role.rights();
            rights.publish.extend_from_slice(&of_role.publish);
            rights.subscribe.extend_from_slice(&of_role.subscribe);
            rights.retain |= of_role.retain;
            rights.admin |= of_role.admin;
        }
        rights
    }

    fn valid_until(&mut self, table: &Table) -> Option<SystemTime> {
        let value = table.get("valid_until")?;
        let found = match &value.kind {
            Kind::Moment(text) | Kind::Text(text) => moment(text),
            Kind::Whole(_)
            | Kind::Vast(_)
            | Kind::Fraction(_)
            | Kind::Truth(_)
            | Kind::List(_)
            | Kind::Table(_) => None,
        };
        if found.is_none() {
            let sentence = "must be a day, as 2026-12-31, which is included (UTC), or a moment with its offset, as \
                            2026-12-31T18:00:00Z or 2026-12-31T18:00:00+01:00";
            self.form.refuse(table, "valid_until", sentence);
        }
        found
    }

    fn from(&mut self, table: &Table) -> Vec<IpNet> {
        let Some(values) = self.form.list(table, "from", "networks") else { return Vec::new() };
        if values.is_empty() || values.len() > NETWORKS {
            let sentence = if values.is_empty() {
                "names no network, so nobody could sign in: leave the key out to allow all addresses"
                    .to_owned()
            } else {
                format!("has {} networks, the limit is {NETWORKS}", values.len())
            };
            self.form.refuse(table, "from", sentence);
        }
        let mut networks = Vec::new();
        for value in values.iter().take(NETWORKS) {
            let Some(text) = self.form.text_of(value, "from") else { continue };
            match network(text) {
                Ok(network) => networks.push(network),
                Err(sentence) => self.form.say(value.at, "from", sentence),
            }
        }
        networks
    }

    fn note(&mut self, table: &Table) -> Option<Box<str>> {
        let note = self.form.text(table, "note")?;
        let characters = note.chars().count();
        if characters > NOTE_CHARACTERS {
            let sentence = format!("has {characters} characters, the limit is {NOTE_CHARACTERS}");
            self.form.refuse(table, "note", sentence);
            return None;
        }
        if note.chars().any(char::is_control) {
            self.form.refuse(table, "note", "must not contain control characters: it is one line");
            return None;
        }
        Some(note.into())
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

    fn token(&mut self, table: &Table) -> Option<Hash> {
        const NO_TOKEN: &str = "is no hash of a token: run `clown-hub token add`";
        let hash = self.form.text(table, "hash").and_then(Hash::of_token);
        if hash.is_none() {
            self.form.refuse(table, "hash", NO_TOKEN);
        }
        let line = self.form.line(table.at("hash"));
        if let Some(digest) = hash.as_ref().and_then(Hash::token)
            && let Some(first) = self.digests.insert(digest, line)
        {
            let sentence =
                format!("is that of the token in line {first}: each token has a secret of its own");
            self.form.refuse(table, "hash", sentence);
            return None;
        }
        hash
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

/// The last moment of a day, or a moment.
fn moment(text: &str) -> Option<SystemTime> {
    let moment = match Date::parse(text, format_description!("[year]-[month]-[day]")) {
        Ok(day) => day.next_day()?.with_time(Time::MIDNIGHT).assume_utc(),
        Err(_) => OffsetDateTime::parse(text, &Rfc3339).ok()?,
    };
    Some(moment.into())
}

/// A network, or one address.
fn network(text: &str) -> Result<IpNet, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(address.to_canonical().into());
    }
    let network: IpNet = text.parse().map_err(|_| {
        format!("{:?} is no network: write 192.168.1.0/24, fd00::/8 or an address", shortened(text))
    })?;
    if network.trunc() == network {
        return Ok(network);
    }
    Err(format!("{network} is an address and a network: write {} for the network", network.trunc()))
}

/// The base of a role, with the user's name in place of `%u`.
fn base_of(text: &str, own: &str) -> Result<Base, String> {
    let levels: Vec<&str> =
        text.split('/').map(|level| if level == OWN_NAME { own } else { level }).collect();
    Base::parse(&levels.join("/"), &Limits::default())
        .map_err(|error| format!("{:?}: {error}", shortened(text)))
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
