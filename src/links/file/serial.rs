//! What a link to a gateway on a serial port has, from its file.

use std::collections::BTreeMap;
use std::time::Duration;

use super::keys::{BAUD, WAIT, Which};
use super::reader::Reader;
use super::rules::Told;
use crate::links::rules::{Direction, Draft, Empty, Qos, Retain, Rule, Rules, Text};
use crate::links::serial::nodes::{Id, check_name};
use crate::links::serial::settings::SerialSettings;
use crate::operator::{Kind, Table, quoted};

/// Names of gateways that mean something else in topics.
const TAKEN: [&str; 3] = ["all", "ping", "pong"];

/// Whether some node has this name.
fn is_given(names: &BTreeMap<Id, Box<str>>, name: &str) -> bool {
    names.values().any(|other| **other == *name)
}

impl Reader<'_> {
    pub(super) fn serial(&mut self, link: &str, table: &Table) -> Option<(SerialSettings, Duration, Rules)> {
        let port = self.text(table, "port");
        if table.get("port").is_none() {
            let sentence =
                "is missing: where is the gateway plugged in? `clown-hub bridge ports` lists what there is";
            self.form.say(0, "port", sentence);
        } else if port.as_deref() == Some("") {
            self.form.refuse(table, "port", "is empty; `clown-hub bridge ports` lists what there is");
        }
        let baud = self.number(table, &BAUD);
        let patience = Duration::from_secs(self.number(table, &WAIT).into());
        let gateway = self.text(table, "gateway").unwrap_or_else(|| link.to_owned());
        let plain = gateway.replace("{id}", "0");
        if let Err(why) = check_name(&plain) {
            self.form.refuse(table, "gateway", why);
        } else if TAKEN.contains(&plain.as_str()) {
            let sentence =
                format!("{} is no name of one gateway: it has a meaning of its own", quoted(&plain));
            self.form.refuse(table, "gateway", sentence);
        }
        let names_nodes = self.form.truth(table, "name_nodes").unwrap_or(true);
        let names = self.names(table);
        let rules = self.serial_rules(table);
        let settings =
            SerialSettings { port: port?.into(), baud, gateway: gateway.into(), names_nodes, names };
        Some((settings, patience, rules?))
    }

    fn names(&mut self, table: &Table) -> BTreeMap<Id, Box<str>> {
        let mut names = BTreeMap::new();
        let Some(value) = table.get("names") else { return names };
        let Kind::Table(found) = &value.kind else {
            self.form.say(value.at, "names", "is a table: begin it with [names], a line for each node below");
            return names;
        };
        self.form.within("names.");
        for entry in found.iter() {
            let Some(name) = self.form.text_of(&entry.value, &entry.key) else { continue };
            match (Id::parse(&entry.key), check_name(name)) {
                (None, _) => {
                    let sentence = "is no id of a node: that is 12 digits of 0 to 9 and a to f, in quotes";
                    self.form.say(entry.at, &entry.key, sentence);
                }
                (_, Err(why)) => self.form.say(entry.value.at, &entry.key, why),
                (Some(_), Ok(())) if is_given(&names, name) => {
                    let sentence = format!("{} is the name of another node already", quoted(name));
                    self.form.say(entry.value.at, &entry.key, sentence);
                }
                (Some(id), Ok(())) => _ = names.insert(id, name.into()),
            }
        }
        self.form.within("");
        names
    }

    /// Without rules of its own all goes under the names that gateways have always had.
    fn serial_rules(&mut self, table: &Table) -> Option<Rules> {
        let prefix = self.text(table, "prefix").unwrap_or_default();
        if table.get("rule").is_some() {
            if table.get("prefix").is_some() {
                let sentence =
                    "is there together with [[rule]], which says itself what stands in front; give only one";
                self.form.refuse(table, "prefix", sentence);
            }
            return self.rules(table, Told::Little(Which::Serial));
        }
        self.made_rules(
            table,
            "prefix",
            &prefix,
            &[(Direction::Both, "node/#"), (Direction::Both, "gateway/#"), (Direction::In, "log/#")],
        )
    }

    /// Rules that a link has where its file has none, behind a prefix of this key.
    pub(super) fn made_rules(
        &mut self,
        table: &Table,
        key: &str,
        prefix: &str,
        rules: &[(Direction, &str)],
    ) -> Option<Rules> {
        let mut made = Vec::new();
        for (direction, filter) in rules {
            let draft = Draft {
                line: 0,
                direction: *direction,
                filter: (*filter).to_owned(),
                local_prefix: prefix.to_owned(),
                remote_prefix: String::new(),
                qos: Qos::AtMostOnce,
                retain: Retain::Readings,
                text: Text::String,
                empty: Empty::Null,
            };
            match Rule::new(&draft, self.limits) {
                Ok(rule) => made.push(rule),
                Err(error) => {
                    self.form.refuse(table, key, error.sentence);
                    return None;
                }
            }
        }
        Rules::new(made).ok()
    }
}
