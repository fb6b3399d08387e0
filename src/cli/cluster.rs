//! `clown-hub cluster`: which hubs are one, and how they are.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;
use tokio::time::timeout;

use super::exit::{OperatorError, broken, help_end};
use super::hub_args::HubArgs;
use super::{block_on, escape, output};
use crate::client::{Connection, Failure, Heard};
use crate::talk::{Frames, Reply};

pub(super) const EXAMPLES: &str =
    help_end!("Examples:\n  clown-hub cluster status\n  clown-hub cluster status --format json");

/// How long the hub may take to say it.
const PATIENCE: Duration = Duration::from_secs(30);
const HUBS: &str = "$SYS/hub/cluster/hubs";
const STATE: &str = "$SYS/hub/cluster/state";

#[derive(Debug, Subcommand)]
pub(super) enum ClusterCommand {
    /// List the hubs: versions, clients, filters that they hear, what waits for others, what is missing
    Status(StatusArgs),
}

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct StatusArgs {
    /// A table, or one JSON object a line for each hub
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

pub(super) fn cluster(command: &ClusterCommand) -> anyhow::Result<()> {
    let ClusterCommand::Status(args) = command;
    let address = args.hub.address()?;
    // Topics of the hub itself are named from the root.
    let filters = format!("{{\"filters\": [\"{HUBS}\", \"{STATE}\"]}}");
    let (hubs, state) = block_on(async {
        let connection = Connection::open(&address, false, &filters).await.map_err(broken)?;
        let told = timeout(PATIENCE, told(connection)).await;
        told.unwrap_or_else(|_| Err(Failure::Lost("the hub did not say it within 30 s".to_owned())))
            .map_err(broken)
    })?;
    let Some(hubs) = hubs.as_ref().and_then(Value::as_array) else {
        let sentence = "this hub has no cluster, or this account may not read $SYS/hub/cluster: see cluster.servers, and connect at the root of \
            the hub";
        return Err(OperatorError::new(sentence).into());
    };
    output::print(&match args.format {
        Format::Table => format!("{}{}", table(hubs), away(&state.unwrap_or_default())),
        Format::Json => hubs.iter().map(object).collect(),
    })
}

/// What stands at the two topics.
async fn told(mut connection: Connection) -> Result<(Option<Value>, Option<Value>), Failure> {
    let (mut hubs, mut state) = (None, None);
    connection.speaker.ask_for_a_sign().await?;
    loop {
        let Heard::Text(text) = connection.listener.next().await? else {
            return Err(Failure::Lost("the hub closed the connection".to_owned()));
        };
        for frame in Frames::of(&text).filter_map(Result::ok) {
            match Reply::read(&frame) {
                Some(Ok(Reply::SubscriptionOk { .. })) => {
                    connection.close().await;
                    return Ok((hubs, state));
                }
                None if frame.topic == HUBS => hubs = serde_json::from_str(frame.payload).ok(),
                None if frame.topic == STATE => state = serde_json::from_str(frame.payload).ok(),
                Some(_) | None => {}
            }
        }
    }
}

/// What hubs say to each other alone is left out.
fn object(hub: &Value) -> String {
    let mut hub = hub.clone();
    if let Some(fields) = hub.as_object_mut() {
        fields.retain(|name, _| !matches!(name.as_str(), "clock" | "again"));
    }
    format!("{}\n", escape::json(&hub.to_string()))
}

fn table(hubs: &[Value]) -> String {
    let head = ["HUB", "VERSION", "CLIENTS", "FILTERS", "WAITING", "MISSING", "SESSION"].map(str::to_owned);
    let rows = hubs.iter().map(|hub| {
        let text = |key: &str| match hub.get(key) {
            None => "?".to_owned(),
            Some(told) => {
                let text = told.as_str().map_or_else(|| told.to_string(), str::to_owned);
                escape::escaped(&text).into_owned()
            }
        };
        ["hub", "version", "clients", "filters", "waiting", "missing", "session"].map(text)
    });
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<_> = (0..7).filter_map(width).collect();
    let line = |row: &[String; 7]| {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

/// What there is to say where the hub that was asked is not connected: then this is what it knew last.
fn away(state: &Value) -> String {
    let told = |key: &str| state.get(key).and_then(Value::as_str);
    if told("state").is_none_or(|state| state == "connected") {
        return String::new();
    }
    let reason = told("reason").unwrap_or("its cluster is away");
    format!("the hub that was asked is not connected, so this is old: {}\n", escape::escaped(reason))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn hubs_are_listed_with_what_they_say_of_themselves() {
        let hubs = [
            json!({"hub": "a", "session": "Xy", "version": "0.1.0", "clients": 12, "filters": 3, "waiting": 0, "missing": 7}),
            json!({"hub": "of-before", "session": "Z", "version": "0.0.9"}),
        ];
        insta::assert_snapshot!(table(&hubs), @r"
        HUB        VERSION  CLIENTS  FILTERS  WAITING  MISSING  SESSION
        a          0.1.0    12       3        0        7        Xy
        of-before  0.0.9    ?        ?        ?        ?        Z
        ");
        assert_eq!(away(&json!({"state": "connected"})), "");
        assert!(away(&json!({"state": "away", "reason": "so"})).ends_with("old: so\n"));
    }
}
