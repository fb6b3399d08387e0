//! Typed reading of lists of tables, such as rules. As in [`reader`](super::reader), all mistakes are noted, each with its place.

use std::ops::RangeInclusive;

use config::{Map, Value, ValueKind};

use super::reader::{DEFAULT, Reader, found};
use crate::operator::{Mistake, Tells, key_name, nearest, question};

/// A table in a list of tables.
pub(super) struct Row {
    /// Whose keys these are, as `history.rules, rule 2`.
    name: String,
    origin: Option<String>,
    keys: Map<String, Value>,
}

impl Row {
    /// Whether something is said under this key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }
}

impl Reader {
    /// A list of tables, `most` of them; `items` is what they are called. What stands in each is asked for below.
    pub(super) fn tables(&mut self, key: &'static str, items: &str, most: usize) -> Vec<Row> {
        self.ask(key, format!("a list of {items}"), "");
        let expected = format!("a list of {items}, as [{{ filter = \"attic/#\", raw_days = 30 }}]");
        let Some(ValueKind::Array(values)) = self.find(key).map(|value| value.kind.clone()) else {
            let sentence = self.found(key).mismatch(&expected, Tells::Values);
            self.mistake(key, sentence);
            return Vec::new();
        };
        if values.len() > most {
            self.mistake(key, format!("there are {} {items}, and {most} are the most", values.len()));
        }
        let mut rows = Vec::new();
        for (at, value) in values.into_iter().enumerate().take(most) {
            let origin = value.origin().map(str::to_owned);
            if let ValueKind::Table(keys) = value.kind {
                let name = format!("{key}, {} {}", items.trim_end_matches('s'), at + 1);
                rows.push(Row { name, origin, keys });
            } else {
                self.mistake_at(origin, key, found(&value.kind).mismatch(&expected, Tells::Values));
            }
        }
        rows
    }

    /// Notes the keys of a table that mean nothing.
    pub(super) fn unknown(&mut self, row: &Row, known: &[&'static str]) {
        let mut unknown: Vec<_> = row.keys.keys().filter(|key| !known.contains(&key.as_str())).collect();
        unknown.sort();
        for key in unknown {
            let sentence = match nearest(key, known.iter().copied()) {
                Some(near) => format!("unknown key; did you mean {near}?"),
                None => format!("unknown key; there are {}", known.join(", ")),
            };
            self.mistake_in(row, Some(key), sentence);
        }
    }

    /// A text of a table, if it is there and good.
    pub(super) fn text_in<T>(
        &mut self,
        row: &Row,
        key: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let value = row.keys.get(key)?;
        let answer = question::text(found(&value.kind), Tells::Values).and_then(parse);
        self.note_in(row, key, answer)
    }

    /// True or false, if it is there.
    pub(super) fn truth_in(&mut self, row: &Row, key: &str) -> Option<bool> {
        let value = row.keys.get(key)?;
        let answer = question::truth(found(&value.kind), Tells::Values);
        self.note_in(row, key, answer)
    }

    /// A whole number, if it is there.
    pub(super) fn whole_in(
        &mut self,
        row: &Row,
        key: &str,
        range: RangeInclusive<u64>,
        unit: &str,
    ) -> Option<u64> {
        let value = row.keys.get(key)?;
        let answer = question::whole(found(&value.kind), range, unit, Tells::Values);
        self.note_in(row, key, answer)
    }

    fn note_in<T>(&mut self, row: &Row, key: &str, answer: Result<T, String>) -> Option<T> {
        answer.map_err(|sentence| self.mistake_in(row, Some(key), sentence)).ok()
    }

    /// Notes a mistake of a table, or of one of its keys.
    pub(super) fn mistake_in(&mut self, row: &Row, key: Option<&str>, sentence: String) {
        let value = key.and_then(|key| row.keys.get(key));
        let origin = value.and_then(Value::origin).map(str::to_owned).or_else(|| row.origin.clone());
        let key = key.map_or_else(|| row.name.clone(), |key| format!("{}, key {}", row.name, key_name(key)));
        let place = origin.unwrap_or_else(|| DEFAULT.to_owned());
        self.mistakes.push(Mistake { place, key: Some(key), sentence });
    }
}
