//! What a link to a program has, from its file.

use std::time::Duration;

use super::keys::{RATE, WAIT, Which};
use super::reader::Reader;
use super::rules::Told;
use crate::links::process::settings::ProcessSettings;
use crate::links::rules::{Direction, Rules};
use crate::operator::{Found, Table};
use crate::topic::Base;

/// Arguments that a program may be given, its name among them.
const MOST_ARGUMENTS: usize = 64;

impl Reader<'_> {
    pub(super) fn process(&mut self, table: &Table) -> Option<(ProcessSettings, Duration, Rules)> {
        let command = self.command(table);
        let directory = self.text(table, "directory").map(Into::into);
        let handshake = self.form.truth(table, "handshake").unwrap_or(true);
        let patience = Duration::from_secs(self.number(table, &WAIT).into());
        let messages_per_second = self.number(table, &RATE);
        let only_commands = table.get("rule").is_none();
        let rules = self.process_rules(table);
        let command = command?;
        let process = ProcessSettings { command, directory, messages_per_second, handshake, only_commands };
        Some((process, patience, rules?))
    }

    fn command(&mut self, table: &Table) -> Option<Vec<String>> {
        const SHAPE: &str = "a program and its arguments, as [\"/usr/bin/bc-bridge\", \"--furious\"]";
        let Some(value) = table.get("command") else {
            self.form.say(0, "command", format!("is missing: {SHAPE}"));
            return None;
        };
        if let Found::Text(_) = Found::from(&value.kind) {
            self.form.say(value.at, "command", format!("is a list: {SHAPE}"));
            return None;
        }
        let items = self.form.list(table, "command", "texts")?;
        let mut command = Vec::new();
        for item in items {
            command.push(self.form.text_of(item, "command")?.to_owned());
        }
        if command.first().is_none_or(String::is_empty) || command.len() > MOST_ARGUMENTS {
            self.form.refuse(table, "command", format!("has 1 to {MOST_ARGUMENTS} texts: {SHAPE}"));
            return None;
        }
        if command.iter().any(|text| text.contains('\0')) {
            self.form.refuse(table, "command", "holds a NUL byte, which no argument of a program may have");
            return None;
        }
        Some(command)
    }

    /// Without rules of its own all that it says is at its base, and it hears the commands there.
    fn process_rules(&mut self, table: &Table) -> Option<Rules> {
        let base = self.text(table, "base").unwrap_or_default();
        if table.get("rule").is_some() {
            if table.get("base").is_some() {
                let sentence =
                    "is there together with [[rule]], which says itself what stands in front; give only one";
                self.form.refuse(table, "base", sentence);
            }
            return self.rules(table, Told::Little(Which::Process));
        }
        let base = base.trim_end_matches('/');
        if let Err(error) = Base::parse(base, self.limits) {
            self.form.refuse(table, "base", error.to_string());
            return None;
        }
        let prefix = if base.is_empty() { String::new() } else { format!("{base}/") };
        self.made_rules(table, "base", &prefix, &[(Direction::Both, "#")])
    }
}
