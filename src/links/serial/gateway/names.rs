//! Names of nodes: the gateway's own list of them, which counts, and changes that it is to store, one after the other.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::{Effects, Errand, Gateway, MOST_ERRANDS, Names, News, PAGE, PAGES, Stage};
use crate::links::serial::nodes::Id;
use crate::talk::foreign::from_text;

impl Gateway {
    /// Names a node that has no name after its firmware.
    pub(super) fn name_by(&mut self, id: Id, firmware: Option<&str>, effects: &mut Effects) {
        let is_named = self.nodes.name(id).is_some() || self.id == Some(id);
        // While the gateway has not listed its names the node may have one there.
        if is_named || !self.names_nodes || self.stage != Stage::Known {
            return;
        }
        if let Some(name) = firmware.and_then(|firmware| self.nodes.free_name(firmware)) {
            // A name that is free is taken.
            let _ = self.rename(id, Some(&name), effects);
        }
    }

    /// Gives a node a name, or takes it; what it has said goes with it.
    pub(super) fn rename(
        &mut self,
        id: Id,
        name: Option<&str>,
        effects: &mut Effects,
    ) -> Result<bool, String> {
        if name.is_some() && self.name().as_deref() == name {
            return Err("that is the name of the gateway".to_owned());
        }
        let Some(renamed) = self.nodes.rename(id, name)? else { return Ok(false) };
        for topic in &renamed.said {
            effects.news.push(News::Cleared(format!("node/{}/{topic}", renamed.before)));
        }
        if let Some(info) = renamed.info {
            effects.said(format!("node/{}/info", renamed.after), info.into());
        }
        self.store(Errand { id, name: name.map(Into::into) });
        Ok(true)
    }

    pub(super) fn store(&mut self, errand: Errand) {
        if self.errands.len() < MOST_ERRANDS {
            self.errands.push_back(errand);
        }
    }

    /// Says the first errand, if none is under way.
    pub(super) fn go_on_errands(&mut self, now: Instant, effects: &mut Effects) {
        if self.on_errand.is_some() || self.stage != Stage::Known {
            return;
        }
        let Some(Errand { id, name }) = self.errands.front() else { return };
        self.on_errand = Some(now);
        effects.lines.push(match name {
            Some(name) => {
                format!("[\"$eeprom/alias/add\", {{\"id\": \"{id}\", \"name\": {}}}]", from_text(name))
            }
            None => format!("[\"$eeprom/alias/remove\", \"{id}\"]"),
        });
    }

    /// The first errand is done, or failed.
    pub(super) fn came_of_errand(&mut self, failed: Option<&str>, now: Instant, effects: &mut Effects) {
        self.on_errand = None;
        if let Some(Errand { id, name }) = self.errands.pop_front()
            && let Some(gateway) = self.name()
        {
            let verb = if name.is_some() { "set" } else { "remove" };
            let alias = name.as_deref().map_or_else(|| "null".to_owned(), from_text);
            let (outcome, reason) = match failed {
                None => ("ok", String::new()),
                Some(reason) => ("error", format!(", \"reason\": {}", from_text(reason))),
            };
            let payload = format!("{{\"id\": \"{id}\", \"alias\": {alias}{reason}}}");
            effects.event(format!("gateway/{gateway}/alias/{verb}/{outcome}"), payload);
        }
        self.go_on_errands(now, effects);
    }

    /// A page of the gateway's list of names.
    pub(super) fn listed(&mut self, page: u32, payload: &str, now: Instant, effects: &mut Effects) {
        let Stage::Names(asked, _) = self.stage else { return };
        if asked != page {
            return;
        }
        let names: BTreeMap<String, String> = serde_json::from_str(payload).unwrap_or_default();
        let is_full = names.len() >= PAGE;
        for (id, name) in names {
            if let Some(id) = Id::parse(&id) {
                self.listed.insert(id, name.into());
            }
        }
        if is_full && page + 1 < PAGES {
            self.ask_for_names(page + 1, now, effects);
        } else {
            self.has_listed(now, effects);
        }
    }

    pub(super) fn ask_for_names(&mut self, page: u32, now: Instant, effects: &mut Effects) {
        self.stage = Stage::Names(page, now);
        effects.lines.push(format!("[\"$eeprom/alias/list\", {page}]"));
    }

    /// All names of the gateway are here. What it has counts, but for what the operator says and what is about to be stored.
    pub(super) fn has_listed(&mut self, now: Instant, effects: &mut Effects) {
        self.stage = Stage::Known;
        self.names = Names::Listed;
        let mut names = std::mem::take(&mut self.listed);
        for Errand { id, name } in &self.errands {
            match name {
                Some(name) => _ = names.insert(*id, name.clone()),
                None => _ = names.remove(id),
            }
        }
        let before = self.errands.len();
        for id in self.nodes.named() {
            if !names.contains_key(&id) {
                let _ = self.rename(id, None, effects);
            }
        }
        for (id, name) in &names {
            if let Err(why) = self.rename(*id, Some(name), effects) {
                effects.news.push(News::Refused(format!("alias {name} of {id}"), why));
            }
        }
        // The gateway has these already.
        self.errands.truncate(before);
        for (id, name) in self.given.clone() {
            if let Err(why) = self.rename(id, Some(&name), effects) {
                effects.news.push(News::Refused(format!("names.{id}"), why));
            }
        }
        for (id, firmware) in self.nodes.unnamed() {
            self.name_by(id, Some(&firmware), effects);
        }
        effects.lines.push("[\"/nodes/get\", null]".to_owned());
        self.go_on_errands(now, effects);
    }
}
