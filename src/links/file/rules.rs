//! The rules of a link, from its file.

use super::keys::{MOST_RULES, RULE_KEYS, Which};
use super::reader::{Reader, instead, is_for};
use crate::links::rules::{Direction, Draft, Empty, Overlap, Qos, Retain, Rule, Rules, Text};
use crate::operator::{Kind, Table, Value, quoted};

/// What the far side says of its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// All that a rule may ask for.
    Everything,
    /// The same, by a hub, which speaks JSON and knows no QoS.
    AllOfAHub,
    /// All but what was published retained just now, as brokers of 3.1.1.
    NotWhatIsNewAndRetained,
    /// Topic and payload.
    Little(Which),
}

impl Reader<'_> {
    pub(super) fn rules(&mut self, table: &Table, told: Told) -> Option<Rules> {
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
        let rules: Vec<_> = found.iter().filter_map(|rule| self.rule(rule, told)).collect();
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

    fn rule(&mut self, value: &Value, told: Told) -> Option<Rule> {
        let start = value.at;
        let Kind::Table(table) = &value.kind else {
            self.form.within("");
            self.form.say(start, "rule", "is a table: begin it with [[rule]]");
            return None;
        };
        self.form.within("rule.");
        let before = self.form.mistakes();
        self.form.unknown(table, &RULE_KEYS.map(|(key, _)| key), instead);
        self.only_rule_keys_of(table, told);
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
        if draft.retain == Retain::AsSent && draft.direction.is_in() {
            let sentence = match told {
                Told::Everything | Told::AllOfAHub => None,
                Told::NotWhatIsNewAndRetained => Some(
                    "\"as-sent\" needs version = \"5\": a broker of 3.1.1 does not say what was published retained",
                ),
                Told::Little(_) => Some(
                    "\"as-sent\" is not for this kind of link: the far side does not say what is retained",
                ),
            };
            if let Some(sentence) = sentence {
                self.form.refuse(table, "retain", sentence);
            }
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
        match self.form.whole(table, "qos", 0..=2, "") {
            Some(0) => Qos::AtMostOnce,
            None | Some(1) => Qos::AtLeastOnce,
            Some(_) => Qos::ExactlyOnce,
        }
    }

    fn only_rule_keys_of(&mut self, table: &Table, told: Told) {
        let which = match told {
            Told::Little(which) => which,
            Told::AllOfAHub => Which::Hub,
            Told::Everything | Told::NotWhatIsNewAndRetained => return,
        };
        for entry in table.iter() {
            let kinds = RULE_KEYS.iter().find(|(key, _)| *key == entry.key).map(|(_, kinds)| *kinds);
            if let Some(kinds) = kinds
                && !kinds.contains(&which)
            {
                let sentence = is_for(kinds, which);
                self.form.say(entry.at, &entry.key, sentence);
            }
        }
    }
}
