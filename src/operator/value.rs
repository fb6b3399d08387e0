//! A TOML text as a tree that knows where everything stands.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value, and the byte at which it begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// Where it begins.
    pub at: usize,
    /// What it is.
    pub kind: Kind,
}

/// What a value may be.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// In quotes.
    Text(String),
    /// A whole number.
    Whole(i64),
    /// A whole number of more than 64 bits, as it is written.
    Vast(String),
    /// A number with a point or an exponent.
    Fraction(f64),
    /// True or false.
    Truth(bool),
    /// A date or a time, as it is written.
    Moment(String),
    /// In square brackets, or several `[[tables]]` of one name.
    List(Vec<Value>),
    /// Keys with values.
    Table(Table),
}

/// Keys with values, each key once.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// Where it begins.
    pub at: usize,
    entries: Vec<Entry>,
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The name of the key, without quotes.
    pub key: String,
    /// Where the key begins.
    pub at: usize,
    /// What it is given.
    pub value: Value,
}

impl Table {
    pub(super) fn new(at: usize, table: &DeTable<'_>) -> Self {
        let entries = table.iter().map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            at: key.span().start,
            value: Value::new(value),
        });
        Self { at, entries: entries.collect() }
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// Where the value of a key begins, or the table where there is no such key.
    pub fn at(&self, key: &str) -> usize {
        self.get(key).map_or(self.at, |value| value.at)
    }

    /// All keys with their values.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Whether there is no key in it.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl Value {
    fn new(value: &Spanned<DeValue<'_>>) -> Self {
        let at = value.span().start;
        let kind = match value.get_ref() {
            DeValue::String(text) => Kind::Text(text.to_string()),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map_or_else(|_| Kind::Vast(number.to_string()), Kind::Whole),
            // What the parser takes for a number is one.
            DeValue::Float(number) => Kind::Fraction(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(truth) => Kind::Truth(*truth),
            DeValue::Datetime(moment) => Kind::Moment(moment.to_string()),
            DeValue::Array(items) => Kind::List(items.iter().map(Self::new).collect()),
            DeValue::Table(table) => Kind::Table(Table::new(at, table)),
        };
        Self { at, kind }
    }
}
