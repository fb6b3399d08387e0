//! What is said to a gateway: which messages are for it or its nodes, and the lines that they become.

use serde_json::Value;
use tokio::time::Instant;

use super::{Effects, Errand, Gateway};
use crate::links::serial::nodes::Id;
use crate::talk::foreign::from_text;
use crate::talk::{Kind, frame};

/// The longest line that a gateway takes; it drops longer ones without a word.
const LONGEST_COMMAND: usize = 1023;
/// Where a message for a gateway goes.
#[derive(Debug, PartialEq, Eq)]
enum Target<'t> {
    /// To all gateways, which answer with their names.
    Ping,
    /// To the gateway; what stands behind its name, or behind `all`.
    Gateway(&'t str),
    /// To a node, under this topic.
    Node(Id, &'t str),
}

impl Gateway {
    /// Where a message goes; `None` if it is not for this gateway or its nodes, or is no command. What nodes say is never said
    /// to a gateway: it takes a topic that is the beginning of a command for that command.
    fn target<'t>(&self, topic: &'t str) -> Option<Target<'t>> {
        if topic == "gateway/ping" {
            return Some(Target::Ping);
        }
        if let Some(rest) = topic.strip_prefix("gateway/") {
            let (name, command) = rest.split_at(rest.find('/')?);
            let is_ours = name == "all" || self.name().as_deref() == Some(name);
            return (is_ours && Kind::of(command) == Kind::Command).then_some(Target::Gateway(command));
        }
        let (name, command) = topic.strip_prefix("node/")?.split_once('/')?;
        if !is_command(command) && !self.nodes.has_command(command) {
            return None;
        }
        let own = self.id.filter(|_| self.name().as_deref() == Some(name));
        let id = own.or_else(|| self.nodes.id_of(name)).or_else(|| Id::parse(name));
        id.filter(|id| self.id == Some(*id) || self.nodes.is_ours(*id)).map(|id| Target::Node(id, command))
    }

    /// Whether a topic is one that this gateway takes. While its nodes are not known any of them may be its own.
    pub fn takes(&self, topic: &str) -> bool {
        let may_be_ours = || {
            let node = topic.strip_prefix("node/").and_then(|rest| rest.split_once('/'));
            !self.nodes.are_known() && node.is_some_and(|(_, command)| is_command(command))
        };
        self.target(topic).is_some() || may_be_ours()
    }

    /// A message for the gateway; an error where it makes no sense to it.
    pub fn command(
        &mut self,
        topic: &str,
        payload: &str,
        now: Instant,
        effects: &mut Effects,
    ) -> Result<(), String> {
        let payload = if payload.trim().is_empty() { "null" } else { payload };
        let line = match self.target(topic) {
            None => return Ok(()),
            Some(Target::Ping) => {
                if let Some(name) = self.name() {
                    effects.event("gateway/pong".to_owned(), from_text(&name));
                }
                return Ok(());
            }
            Some(Target::Gateway("/alias/set" | "/alias/remove")) => {
                return self.alias(topic, payload, now, effects);
            }
            Some(Target::Gateway(command)) => {
                match command {
                    "/nodes/add" | "/nodes/remove" => _ = id_in(payload)?,
                    // Whoever asked is to hear the answer.
                    "/info/get" => self.is_asked_for_life = false,
                    _ => {}
                }
                line(command, payload)?
            }
            Some(Target::Node(id, command)) => line(&format!("{id}/{command}"), payload)?,
        };
        effects.lines.push(line);
        Ok(())
    }

    /// Somebody gives a node a name, or takes it.
    fn alias(
        &mut self,
        topic: &str,
        payload: &str,
        now: Instant,
        effects: &mut Effects,
    ) -> Result<(), String> {
        let (id, alias) = if topic.ends_with("/remove") {
            (id_in(payload)?, None)
        } else {
            const SHAPE: &str = "it takes {\"id\": the id of a node, \"alias\": a name or null}";
            let asked: Value = serde_json::from_str(payload).map_err(|_| SHAPE)?;
            let id = asked.get("id").and_then(Value::as_str).and_then(Id::parse).ok_or(SHAPE)?;
            match asked.get("alias").ok_or(SHAPE)? {
                Value::Null => (id, None),
                Value::String(alias) => (id, Some(alias.clone())),
                Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                    return Err(SHAPE.to_owned());
                }
            }
        };
        match self.rename(id, alias.as_deref(), effects) {
            Ok(true) => {}
            // It is as asked, here; the gateway hears of it all the same.
            Ok(false) => self.store(Errand { id, name: alias.map(Into::into) }),
            Err(reason) => {
                if let Some(name) = self.name() {
                    let alias = alias.as_deref().map_or_else(|| "null".to_owned(), from_text);
                    let reason = from_text(&reason);
                    let payload = format!("{{\"id\": \"{id}\", \"alias\": {alias}, \"reason\": {reason}}}");
                    effects.event(format!("gateway/{name}/alias/set/error"), payload);
                }
            }
        }
        self.go_on_errands(now, effects);
        Ok(())
    }
}

/// Whether what stands behind a node asks it for something.
fn is_command(topic: &str) -> bool {
    Kind::of(topic) == Kind::Command || matches!(topic, "set" | "get")
}

fn id_in(payload: &str) -> Result<Id, String> {
    let text: Option<String> = serde_json::from_str(payload).ok();
    let id = text.as_deref().and_then(Id::parse);
    id.ok_or_else(|| "it takes the id of a node: 12 digits of 0 to 9 and a to f, as a string".to_owned())
}

/// A line for the gateway.
fn line(topic: &str, payload: &str) -> Result<String, String> {
    let mut line = String::new();
    frame::encode(topic, payload, &mut line);
    if line.len() > LONGEST_COMMAND {
        return Err(format!("its line has {} bytes, and the gateway takes {LONGEST_COMMAND}", line.len()));
    }
    Ok(line)
}
