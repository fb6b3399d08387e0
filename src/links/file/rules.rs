//! The rules of a link, from its file.

use toml::de::DeValue;

use super::reader::{Reader, Table, Value, at};
use super::{MOST_RULES, Mistake, Number, RULE_KEYS};
use crate::config::quoted;
use crate::links::mqtt::packets::Version;
use crate::links::rules::{Direction, Draft, Empty, Overlap, Qos, Retain, Rule, Rules, Text};

impl Reader<'_> {
    pub(super) fn rules(&mut self, table: &Table<'_>, version: Version) -> Option<Rules> {
        let found = match table.get("rule").map(|value| (value.span().start, value.get_ref())) {
            Some((_, DeValue::Array(rules))) if !rules.is_empty() => rules,
            Some((at, _)) => {
                self.say(at, Some("rule"), "is a list of tables: begin each rule with [[rule]]");
                return None;
            }
            None => {
                self.say(0, Some("rule"), "there is none: say with [[rule]] which messages are carried");
                return None;
            }
        };
        if found.len() > MOST_RULES {
            let sentence = format!("there are {} rules, a link has at most {MOST_RULES}", found.len());
            self.say(at(table, "rule"), Some("rule"), sentence);
            return None;
        }
        let rules: Vec<_> = found.iter().filter_map(|rule| self.rule(rule, version)).collect();
        if rules.len() < found.len() {
            return None;
        }
        Rules::new(rules).map_err(|overlaps| self.overlap(&overlaps)).ok()
    }

    fn overlap(&mut self, overlaps: &[Overlap]) {
        for overlap in overlaps {
            let [first, second] = overlap.lines;
            let way = if overlap.direction == Direction::In { "in" } else { "out" };
            let common = quoted(&overlap.common);
            let sentence = format!(
                "the rules of line {first} and line {second} would both carry {common} {way}; narrow one of them"
            );
            self.mistakes.push(Mistake {
                file: self.file.to_owned(),
                line: Some(second),
                key: Some("rule.filter".to_owned()),
                sentence,
            });
        }
    }

    fn rule(&mut self, value: Value<'_, '_>, version: Version) -> Option<Rule> {
        let start = value.span().start;
        let DeValue::Table(table) = value.get_ref() else {
            self.say(start, Some("rule"), "is a table: begin it with [[rule]]");
            return None;
        };
        let before = self.mistakes.len();
        self.unknown(table, Some("rule"), &RULE_KEYS);
        let directions = [("in", Direction::In), ("out", Direction::Out), ("both", Direction::Both)];
        let direction = self.choice(table, "direction", &directions);
        if !table.contains_key("direction") {
            self.say(start, Some("rule.direction"), "is missing: in, out or both, seen from the hub");
        }
        if !table.contains_key("filter") {
            self.say(start, Some("rule.filter"), "is missing: which messages? \"#\" is all of them");
        }
        let retains = [("readings", Retain::Readings), ("as-sent", Retain::AsSent), ("never", Retain::Never)];
        let texts = [("string", Text::String), ("bare", Text::Bare), ("drop", Text::Drop)];
        let empties = [("null", Empty::Null), ("clear", Empty::Clear), ("drop", Empty::Drop)];
        let draft = Draft {
            line: self.line(start),
            direction: direction.unwrap_or(Direction::In),
            filter: self.string(table, "filter").unwrap_or_default(),
            local_prefix: self.string(table, "local_prefix").unwrap_or_default(),
            remote_prefix: self.string(table, "remote_prefix").unwrap_or_default(),
            qos: self.qos(table),
            retain: self.choice(table, "retain", &retains).unwrap_or(Retain::Readings),
            text: self.choice(table, "text", &texts).unwrap_or(Text::String),
            empty: self.choice(table, "empty", &empties).unwrap_or(Empty::Null),
        };
        if draft.retain == Retain::AsSent && version == Version::V3 && draft.direction.is_in() {
            let sentence = "\"as-sent\" needs version = \"5\": a broker of 3.1.1 does not say what was published retained";
            self.say(at(table, "retain"), Some("rule.retain"), sentence);
        }
        if self.mistakes.len() > before {
            return None;
        }
        match Rule::new(&draft, self.limits) {
            Ok(rule) => Some(rule),
            Err(error) => {
                let at = table.get(error.key).map_or(start, |value| value.span().start);
                self.say(at, Some(&format!("rule.{}", error.key)), error.sentence);
                None
            }
        }
    }

    fn qos(&mut self, table: &Table<'_>) -> Qos {
        let number = Number { key: "qos", default: 1, least: 0, most: 2, unit: "" };
        match self.number(table, &number) {
            0 => Qos::AtMostOnce,
            1 => Qos::AtLeastOnce,
            _ => Qos::ExactlyOnce,
        }
    }
}
