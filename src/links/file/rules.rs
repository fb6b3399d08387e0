//! The rules of a link, from its file.

use super::keys::{MOST_RULES, Number, RULE_KEYS};
use super::reader::{Reader, instead};
use crate::links::mqtt::packets::Version;
use crate::links::rules::{Direction, Draft, Empty, Overlap, Qos, Retain, Rule, Rules, Text};
use crate::operator::{Kind, Table, Value, quoted};

impl Reader<'_> {
    pub(super) fn rules(&mut self, table: &Table, version: Version) -> Option<Rules> {
        let found = match table.get("rule").map(|value| (value.at, &value.kind)) {
            Some((_, Kind::List(rules))) if !rules.is_empty() => rules,
            Some((at, _)) => {
                self.form.say(at, "rule", "is a list of tables: begin each rule with [[rule]]");
                return None;
            }
            None => {
                self.form.say(0, "rule", "there is none: say with [[rule]] which messages are carried");
                return None;
            }
        };
        if found.len() > MOST_RULES {
            let sentence = format!("there are {} rules, a link has at most {MOST_RULES}", found.len());
            self.form.refuse(table, "rule", sentence);
            return None;
        }
        let rules: Vec<_> = found.iter().filter_map(|rule| self.rule(rule, version)).collect();
        if rules.len() < found.len() {
            return None;
        }
        Rules::new(rules).map_err(|overlaps| self.overlap(found, &overlaps)).ok()
    }

    fn overlap(&mut self, rules: &[Value], overlaps: &[Overlap]) {
        for overlap in overlaps {
            let [first, second] = overlap.lines;
            let way = if overlap.direction == Direction::In { "in" } else { "out" };
            let common = quoted(&overlap.common);
            let at = rules.iter().map(|rule| rule.at).find(|at| self.form.line(*at) == second);
            let sentence = format!(
                "the rules of line {first} and line {second} would both carry {common} {way}; narrow one of them"
            );
            self.form.say(at.unwrap_or_default(), "filter", sentence);
        }
    }

    fn rule(&mut self, value: &Value, version: Version) -> Option<Rule> {
        let start = value.at;
        let Kind::Table(table) = &value.kind else {
            self.form.within("");
            self.form.say(start, "rule", "is a table: begin it with [[rule]]");
            return None;
        };
        self.form.within("rule.");
        let before = self.form.mistakes();
        self.form.unknown(table, &RULE_KEYS, instead);
        let directions = [("in", Direction::In), ("out", Direction::Out), ("both", Direction::Both)];
        let direction = self.form.choice(table, "direction", &directions);
        if table.get("direction").is_none() {
            self.form.say(start, "direction", "is missing: in, out or both, seen from the hub");
        }
        if table.get("filter").is_none() {
            self.form.say(start, "filter", "is missing: which messages? \"#\" is all of them");
        }
        let retains = [("readings", Retain::Readings), ("as-sent", Retain::AsSent), ("never", Retain::Never)];
        let texts = [("string", Text::String), ("bare", Text::Bare), ("drop", Text::Drop)];
        let empties = [("null", Empty::Null), ("clear", Empty::Clear), ("drop", Empty::Drop)];
        let draft = Draft {
            line: self.form.line(start),
            direction: direction.unwrap_or(Direction::In),
            filter: self.text(table, "filter").unwrap_or_default(),
            local_prefix: self.text(table, "local_prefix").unwrap_or_default(),
            remote_prefix: self.text(table, "remote_prefix").unwrap_or_default(),
            qos: self.qos(table),
            retain: self.form.choice(table, "retain", &retains).unwrap_or(Retain::Readings),
            text: self.form.choice(table, "text", &texts).unwrap_or(Text::String),
            empty: self.form.choice(table, "empty", &empties).unwrap_or(Empty::Null),
        };
        if draft.retain == Retain::AsSent && version == Version::V3 && draft.direction.is_in() {
            let sentence = "\"as-sent\" needs version = \"5\": a broker of 3.1.1 does not say what was published retained";
            self.form.refuse(table, "retain", sentence);
        }
        if self.form.mistakes() > before {
            return None;
        }
        match Rule::new(&draft, self.limits) {
            Ok(rule) => Some(rule),
            Err(error) => {
                self.form.refuse(table, error.key, error.sentence);
                None
            }
        }
    }

    fn qos(&mut self, table: &Table) -> Qos {
        let number = Number { key: "qos", default: 1, least: 0, most: 2, unit: "" };
        match self.number(table, &number) {
            0 => Qos::AtMostOnce,
            1 => Qos::AtLeastOnce,
            _ => Qos::ExactlyOnce,
        }
    }
}
