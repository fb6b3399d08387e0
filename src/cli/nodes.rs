//! `clown-hub nodes`: who is there, since when, what they said last, and what is stale.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use serde_json::Number;
use serde_json::value::RawValue;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::timeout;

use super::exit::{broken, help_end};
use super::hub_args::HubArgs;
use super::{block_on, escape, output};
use crate::client::{Connection, Failure, Heard};
use crate::talk::nodes::{base_of, node_of, presence};
use crate::talk::{Every, Frames, Reply};

const AFTER_HELP: &str = help_end!("Examples:\n  clown-hub nodes\n  clown-hub nodes --format json");

/// How long the hub may take to send its last values.
const PATIENCE: Duration = Duration::from_secs(30);
/// Values shown of a node, and characters of each.
const VALUES: usize = 3;
const VALUE_CHARS: usize = 32;

/// Without filters: all that the user may read.
const OPTIONS: &str = r#"{"options": true}"#;

/// List the nodes: who is there, since when, their last values, and which of these are stale.
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
    values: BTreeMap<String, Said>,
}

/// A last value: its payload, and what stands in its options.
#[derive(Debug, PartialEq)]
struct Said {
    payload: Box<str>,
    time: Option<OffsetDateTime>,
    every: Option<Every>,
}

/// What the hub writes into the options of a last value.
#[derive(Deserialize)]
struct Told {
    time: Option<String>,
    every: Option<f64>,
}

impl Said {
    fn read(payload: &str, options: Option<&str>) -> Self {
        let told = options.and_then(|options| serde_json::from_str(options).ok());
        let Told { time, every } = told.unwrap_or(Told { time: None, every: None });
        let time = time.and_then(|time| OffsetDateTime::parse(&time, &Rfc3339).ok());
        Self { payload: payload.into(), time, every: every.and_then(Every::from_seconds) }
    }

    /// For how long it has been silent, and how often it usually speaks, if it is stale.
    fn stale(&self, now: OffsetDateTime) -> Option<(Duration, Every)> {
        let (time, every) = (self.time?, self.every?);
        let silence = Duration::try_from(now - time).ok()?;
        every.is_stale(silence).then_some((silence, every))
    }
}

pub(super) fn nodes(args: &NodesArgs) -> anyhow::Result<()> {
    let address = args.hub.address()?;
    let values = block_on(async {
        let connection = Connection::open(&address, false, OPTIONS).await.map_err(broken)?;
        let values = timeout(PATIENCE, last_values(connection)).await;
        let silent = || Err(Failure::Lost("the last values took more than 30 s".to_owned()));
        values.unwrap_or_else(|_| silent()).map_err(broken)
    })?;
    let nodes = by_node(values);
    let now = OffsetDateTime::now_utc();
    let text = match args.format {
        Format::Table => table(&nodes, now),
        Format::Json => nodes.iter().map(|(base, node)| object(base, node, now)).collect(),
    };
    output::print(&text)
}

/// All last values, and what is said while they come.
async fn last_values(mut connection: Connection) -> Result<BTreeMap<String, Said>, Failure> {
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
                    values.insert(frame.topic.to_string(), Said::read(frame.payload, frame.options));
                }
            }
        }
    }
}

/// The values by the node that said them: the one whose base is the longest.
fn by_node(values: BTreeMap<String, Said>) -> BTreeMap<String, Node> {
    let mut nodes = BTreeMap::<String, Node>::new();
    for (topic, said) in &values {
        if let Some(base) = base_of(topic)
            && let Some((state, since)) = presence(&said.payload)
        {
            nodes.insert(base.to_owned(), Node { state, since, values: BTreeMap::new() });
        }
    }
    for (topic, said) in values {
        let Some((base, relative)) = node_of(&topic, |base| nodes.contains_key(base)) else { continue };
        if relative != "presence"
            && let Some(node) = nodes.get_mut(base)
        {
            node.values.insert(relative.to_owned(), said);
        }
    }
    nodes
}

/// A node as JSON; its values as they came.
#[derive(Serialize)]
struct Object<'a> {
    node: &'a str,
    state: &'a str,
    since: &'a str,
    topics: usize,
    values: BTreeMap<&'a str, &'a RawValue>,
    stale: BTreeMap<&'a str, Stale>,
}

/// In seconds.
#[derive(Serialize)]
struct Stale {
    silent: u64,
    every: Number,
}

fn object(base: &str, node: &Node, now: OffsetDateTime) -> String {
    let Node { state, since, values } = node;
    let topics = values.len();
    let stale = values.iter().filter_map(|(topic, said)| {
        let (silence, every) = said.stale(now)?;
        Some((&**topic, Stale { silent: silence.as_secs(), every: every.to_string().parse().ok()? }))
    });
    let stale = stale.collect();
    let values =
        values.iter().filter_map(|(topic, said)| Some((&**topic, serde_json::from_str(&said.payload).ok()?)));
    let object = Object { node: base, state, since, topics, values: values.collect(), stale };
    escape::json(&serde_json::to_string(&object).unwrap_or_default()).into_owned() + "\n"
}

fn table(nodes: &BTreeMap<String, Node>, now: OffsetDateTime) -> String {
    if nodes.is_empty() {
        return "no node has connected yet, or this account may not read what they say; a device connects as a node with ?side=node\n".to_owned();
    }
    let head = ["NODE", "STATE", "FOR", "TOPICS", "STALE", "LAST VALUES"].map(str::to_owned);
    let rows = nodes.iter().map(|(base, node)| {
        // What is stale is what somebody looks for.
        let mut values: Vec<_> = node.values.iter().collect();
        values.sort_by_key(|(_, said)| said.stale(now).is_none());
        let mut values: Vec<_> =
            values.into_iter().take(VALUES).map(|(topic, said)| short(topic, said, now)).collect();
        let stale = node.values.values().filter(|said| said.stale(now).is_some()).count();
        if node.values.len() > VALUES {
            values.push("…".to_owned());
        }
        [
            escape::escaped(base).into_owned(),
            escape::escaped(&node.state).into_owned(),
            age(&node.since, now),
            node.values.len().to_string(),
            stale.to_string(),
            values.join("  "),
        ]
    });
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<_> = (0..5).filter_map(width).collect();
    let line = |row: &[String; 6]| {
        let cells = row.iter().zip(widths.iter().copied().chain([0]));
        let cells: Vec<_> = cells.map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

fn short(topic: &str, said: &Said, now: OffsetDateTime) -> String {
    let (topic, value) = (escape::escaped(topic), escape::readable_json(&said.payload));
    let value: String = if value.chars().count() > VALUE_CHARS {
        value.chars().take(VALUE_CHARS - 1).chain(['…']).collect()
    } else {
        value.into_owned()
    };
    let stale = said.stale(now).map(|(silence, every)| {
        format!(" (silent for {}, speaks every {})", span(silence.as_secs()), every_text(every))
    });
    format!("{topic} {value}{}", stale.unwrap_or_default())
}

/// How long ago, in the one unit that says most.
fn age(since: &str, now: OffsetDateTime) -> String {
    let Ok(since) = OffsetDateTime::parse(since, &Rfc3339) else {
        return "?".to_owned();
    };
    span(u64::try_from((now - since).whole_seconds()).unwrap_or(0))
}

/// An interval; many are less than a minute and no whole number of seconds.
fn every_text(every: Every) -> String {
    if every.time() < Duration::from_mins(2) { format!("{every} s") } else { span(every.time().as_secs()) }
}

/// A time in the one unit that says most.
fn span(seconds: u64) -> String {
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

    fn value(topic: &str, payload: &str) -> (String, Said) {
        (topic.to_owned(), Said::read(payload, None))
    }

    fn with(topic: &str, options: &str) -> (String, Said) {
        (topic.to_owned(), Said::read("1", Some(options)))
    }

    fn at(time: &str) -> OffsetDateTime {
        OffsetDateTime::parse(time, &Rfc3339).unwrap()
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
        insta::assert_snapshot!(table(&nodes, at("2026-11-21T11:30:00Z")), @r#"
        NODE       STATE   FOR  TOPICS  STALE  LAST VALUES
        nodes/a    online  2 h  1       0      t 1
        nodes/a/b  online  2 h  1       0      t [20.10, "℃"]
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
        let now = at("2026-11-21T11:30:00Z");
        let lines: String = nodes.iter().map(|(base, node)| object(base, node, now)).collect();
        insta::assert_snapshot!(lines, @r#"
        {"node":".","state":"online","since":"2026-11-21T09:00:00.123Z","topics":2,"values":{"relay/0":true,"t":1},"stale":{}}
        {"node":"a","state":"online","since":"2026-11-21T09:00:00.123Z","topics":1,"values":{"t":20.10},"stale":{}}
        "#);
    }

    #[test]
    fn what_is_silent_for_longer_than_three_times_its_interval_is_stale_and_stands_first() {
        let nodes = by_node(BTreeMap::from([
            value("a/presence", ONLINE),
            with(
                "a/1",
                r#"{"retained": true, "time": "2026-11-21T11:29:31.000Z", "from": "a", "every": 10}"#,
            ),
            with("a/2", r#"{"retained": true, "time": "2026-11-20T11:00:00.000Z", "from": "a"}"#),
            with(
                "a/3",
                r#"{"retained": true, "time": "2026-11-21T11:28:00.000Z", "from": "a", "every": 900}"#,
            ),
            with(
                "a/4",
                r#"{"retained": true, "time": "2026-11-21T11:24:55.000Z", "from": "a", "every": 0.5}"#,
            ),
        ]));
        let now = at("2026-11-21T11:30:00Z");
        insta::assert_snapshot!(table(&nodes, now), @r"
        NODE  STATE   FOR  TOPICS  STALE  LAST VALUES
        a     online  2 h  4       1      4 1 (silent for 5 min, speaks every 0.5 s)  1 1  2 1  …
        ");
        let later = at("2026-11-21T13:30:00Z");
        let node = &nodes["a"];
        insta::assert_snapshot!(object("a", node, later), @r#"
        {"node":"a","state":"online","since":"2026-11-21T09:00:00.123Z","topics":4,"values":{"1":1,"2":1,"3":1,"4":1},"stale":{"1":{"silent":7229,"every":10},"3":{"silent":7320,"every":900},"4":{"silent":7505,"every":0.5}}}
        "#);
        assert!(table(&nodes, later).contains("3 1 (silent for 2 h, speaks every 15 min)"));
    }
}
