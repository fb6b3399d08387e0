//! `clown-hub nodes`: who is there, since when, and what they said last.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::timeout;

use super::exit::{broken, help_end};
use super::hub_args::HubArgs;
use super::{block_on, escape, output};
use crate::client::{Connection, Failure, Heard};
use crate::talk::{Frames, Reply};

const AFTER_HELP: &str = help_end!("Examples:\n  clown-hub nodes\n  clown-hub nodes --format json");

/// How long the hub may take to send its last values.
const PATIENCE: Duration = Duration::from_secs(30);
/// Values shown of a node, and characters of each.
const VALUES: usize = 3;
const VALUE_CHARS: usize = 32;

/// List the nodes: who is there, since when, and their last values.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct NodesArgs {
    /// A table, or one JSON object a line for each node
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    hub: HubArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
}

/// A base at which a node stands, or stood.
#[derive(Default)]
struct Node {
    state: String,
    since: String,
    values: BTreeMap<String, Box<str>>,
}

pub(super) fn nodes(args: &NodesArgs) -> anyhow::Result<()> {
    let address = args.hub.address()?;
    let values = block_on(async {
        // Without filters: all that the user may read.
        let connection = Connection::open(&address, false, "{}").await.map_err(broken)?;
        let values = timeout(PATIENCE, last_values(connection)).await;
        let silent = || Err(Failure::Lost("the last values took more than 30 s".to_owned()));
        values.unwrap_or_else(|_| silent()).map_err(broken)
    })?;
    let nodes = by_node(values);
    let text = match args.format {
        Format::Table => table(&nodes, OffsetDateTime::now_utc()),
        Format::Json => nodes.iter().map(|(base, node)| object(base, node)).collect(),
    };
    output::print(&text)
}

/// All last values, and what is said while they come.
async fn last_values(mut connection: Connection) -> Result<BTreeMap<String, Box<str>>, Failure> {
    let mut values = BTreeMap::new();
    connection.speaker.ask_for_a_sign().await?;
    loop {
        let Heard::Text(text) = connection.listener.next().await? else {
            return Err(Failure::Lost("the hub closed the connection".to_owned()));
        };
        for frame in Frames::of(&text).filter_map(Result::ok) {
            match Reply::read(&frame) {
                Some(Ok(Reply::SubscriptionOk { .. })) => {
                    connection.close().await;
                    return Ok(values);
                }
                Some(_) => {}
                None => {
                    values.insert(frame.topic.to_string(), frame.payload.into());
                }
            }
        }
    }
}

/// The values by the node that said them: the one whose base is the longest.
fn by_node(values: BTreeMap<String, Box<str>>) -> BTreeMap<String, Node> {
    let mut nodes = BTreeMap::<String, Node>::new();
    for (topic, payload) in &values {
        let presence: Option<Value> = serde_json::from_str(payload).ok();
        let text = |key: &str| Some(presence.as_ref()?.get(key)?.as_str()?.to_owned());
        if let (Some(base), Some(state), Some(since)) = (base_of(topic), text("state"), text("since")) {
            nodes.insert(base.to_owned(), Node { state, since, values: BTreeMap::new() });
        }
    }
    for (topic, payload) in values {
        let above = std::iter::successors(topic.rsplit_once('/'), |(base, _)| base.rsplit_once('/'));
        let mut bases = above.map(|(base, _)| (base, base.len() + 1)).chain([(HERE, 0)]);
        let Some((base, relative)) = bases.find(|(base, _)| nodes.contains_key(*base)) else { continue };
        let relative = topic.get(relative..).unwrap_or_default();
        if relative != "presence"
            && let Some(node) = nodes.get_mut(base)
        {
            node.values.insert(relative.to_owned(), payload);
        }
    }
    nodes
}

/// What a node at the base of the connection itself is called.
const HERE: &str = ".";

/// The base whose presence a topic is.
fn base_of(topic: &str) -> Option<&str> {
    if topic == "presence" { Some(HERE) } else { topic.strip_suffix("/presence") }
}

/// A node as JSON; its values as they came.
#[derive(Serialize)]
struct Object<'a> {
    node: &'a str,
    state: &'a str,
    since: &'a str,
    topics: usize,
    values: BTreeMap<&'a str, &'a RawValue>,
}

fn object(base: &str, node: &Node) -> String {
    let Node { state, since, values } = node;
    let topics = values.len();
    let values =
        values.iter().filter_map(|(topic, value)| Some((&**topic, serde_json::from_str(value).ok()?)));
    let object = Object { node: base, state, since, topics, values: values.collect() };
    escape::json(&serde_json::to_string(&object).unwrap_or_default()).into_owned() + "\n"
}

fn table(nodes: &BTreeMap<String, Node>, now: OffsetDateTime) -> String {
    if nodes.is_empty() {
        return "no node has connected yet, or this account may not read what they say; a device connects as a node with ?side=node\n".to_owned();
    }
    let head = ["NODE", "STATE", "FOR", "TOPICS", "LAST VALUES"].map(str::to_owned);
    let rows = nodes.iter().map(|(base, node)| {
        let mut values: Vec<_> =
            node.values.iter().take(VALUES).map(|(topic, value)| short(topic, value)).collect();
        if node.values.len() > VALUES {
            values.push("…".to_owned());
        }
        [
            escape::escaped(base).into_owned(),
            escape::escaped(&node.state).into_owned(),
            age(&node.since, now),
            node.values.len().to_string(),
            values.join("  "),
        ]
    });
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<_> = (0..4).filter_map(width).collect();
    let line = |row: &[String; 5]| {
        let cells = row.iter().zip(widths.iter().copied().chain([0]));
        let cells: Vec<_> = cells.map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

fn short(topic: &str, value: &str) -> String {
    let (topic, value) = (escape::escaped(topic), escape::readable_json(value));
    let value: String = if value.chars().count() > VALUE_CHARS {
        value.chars().take(VALUE_CHARS - 1).chain(['…']).collect()
    } else {
        value.into_owned()
    };
    format!("{topic} {value}")
}

/// How long ago, in the one unit that says most.
fn age(since: &str, now: OffsetDateTime) -> String {
    let Ok(since) = OffsetDateTime::parse(since, &Rfc3339) else {
        return "?".to_owned();
    };
    let seconds = (now - since).whole_seconds().max(0);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONLINE: &str = r#"{"state": "online", "since": "2026-11-21T09:00:00.123Z"}"#;

    fn value(topic: &str, payload: &str) -> (String, Box<str>) {
        (topic.to_owned(), payload.into())
    }

    #[test]
    fn values_belong_to_the_node_with_the_longest_base() {
        let nodes = by_node(BTreeMap::from([
            value("nodes/a/presence", ONLINE),
            value("nodes/a/b/presence", ONLINE),
            value("nodes/a/t", "1"),
            value("nodes/a/b/t", "[20.10, \"℃\"]"),
            value("elsewhere/t", "1"),
            value("alone", "1"),
        ]));
        let now = OffsetDateTime::parse("2026-11-21T11:30:00Z", &Rfc3339).unwrap();
        insta::assert_snapshot!(table(&nodes, now), @r#"
        NODE       STATE   FOR  TOPICS  LAST VALUES
        nodes/a    online  2 h  1       t 1
        nodes/a/b  online  2 h  1       t [20.10, "℃"]
        "#);
    }

    #[test]
    fn a_node_at_the_base_of_the_connection_has_what_no_other_node_has() {
        let nodes = by_node(BTreeMap::from([
            value("presence", ONLINE),
            value("a/presence", ONLINE),
            value("relay/0", "true"),
            value("a/t", "20.10"),
            value("t", "1"),
        ]));
        let lines: String = nodes.iter().map(|(base, node)| object(base, node)).collect();
        insta::assert_snapshot!(lines, @r#"
        {"node":".","state":"online","since":"2026-11-21T09:00:00.123Z","topics":2,"values":{"relay/0":true,"t":1}}
        {"node":"a","state":"online","since":"2026-11-21T09:00:00.123Z","topics":1,"values":{"t":20.10}}
        "#);
    }
}
