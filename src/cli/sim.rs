//! `clown-hub sim`: simulated nodes as clients of any hub.

use std::sync::Arc;

use anyhow::Context;
use clap::{Args, ValueEnum};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::exit::{broken, help_end};
use super::hub_args::{HubArgs, Secret};
use super::{OperatorError, logging};
use crate::client::Address;
use crate::config::LogFormat;
use crate::shutdown::Signals;
use crate::simulator::Kit;
use crate::simulator::run::{Crowd, Pace, at_remote};
use crate::topic::{Base, Limits};

/// Run simulated nodes as clients of a hub.
#[derive(Debug, Args)]
#[command(
    after_help = help_end!("Example:\n  clown-hub sim --url ws://clown:bigclown@127.0.0.1:8080 --base nodes/bridge/7 --nodes 3")
)]
pub(super) struct SimArgs {
    /// The hub, as with --url
    #[arg(value_name = "URL", hide = true)]
    place: Option<Secret>,
    /// Which hardware to simulate
    #[arg(long, value_enum, default_value_t = KitArg::Bridge)]
    kit: KitArg,
    /// The base of the first node; the other nodes count up from its last level
    /// [default: the base of the URL, else nodes/bridge/0, or node for a TOWER]
    #[arg(long, value_name = "TOPIC")]
    base: Option<String>,
    /// How many nodes
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    nodes: u32,
    /// Where the random readings begin; the same seed gives the same readings
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How fast time runs; at 60, an hour is simulated in a minute
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = speed)]
    speed: f64,
    #[command(flatten)]
    hub: HubArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum KitArg {
    /// A Bridge Module with sensors, relays, LED and display
    Bridge,
    /// A TOWER gateway with its radio nodes
    Tower,
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(speed) if (0.1..=10_000.0).contains(&speed) => Ok(speed),
        _ => Err("a number from 0.1 to 10000".to_owned()),
    }
}

pub(super) fn sim(args: &SimArgs) -> anyhow::Result<()> {
    let addresses = addresses(args)?;
    logging::start("info", LogFormat::Text)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(addresses, args))
}

async fn run(addresses: Vec<Address>, args: &SimArgs) -> anyhow::Result<()> {
    let mut signals = Signals::listen().context("signals cannot be listened to")?;
    let stop = CancellationToken::new();
    let pace = Pace::starting_now(args.speed);
    let kit = match args.kit {
        KitArg::Bridge => Kit::Bridge,
        KitArg::Tower => Kit::Tower,
    };
    let mut nodes = JoinSet::new();
    let crowd = Arc::new(Crowd::of(addresses.len()));
    for (address, seed) in addresses.into_iter().zip(args.seed..) {
        nodes.spawn(at_remote(address, kit, seed, pace, Arc::clone(&crowd), stop.clone()));
    }
    loop {
        tokio::select! {
            () = signals.next() => stop.cancel(),
            ended = nodes.join_next() => match ended {
                None => return Ok(()),
                Some(ended) => ended?.map_err(broken)?,
            },
        }
    }
}

/// One address per node.
fn addresses(args: &SimArgs) -> anyhow::Result<Vec<Address>> {
    let address = match &args.place {
        Some(url) => args.hub.trusted(url.address("the URL")?),
        None => args.hub.address()?,
    };
    let url = address.without_user();
    let path = url.path().trim_matches('/').to_owned();
    if path.starts_with("auth/") || url.query().is_some() {
        if args.nodes != 1 || args.base.is_some() {
            let sentence = "a URL with a path of its own is for one node; leave the path out and give --base";
            return Err(OperatorError::new(sentence).into());
        }
        return Ok(vec![address]);
    }
    let path = path.strip_prefix("talk/").unwrap_or(&path);
    let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
    let limits = Limits::default();
    let base = match (&args.base, args.kit) {
        (Some(base), _) if path.is_empty() || path == "talk" => base,
        (Some(_), _) => {
            let sentence =
                format!("the base is given twice, by --base and as {path} in the URL; leave one out");
            return Err(OperatorError::new(sentence).into());
        }
        (None, _) if !path.is_empty() && path != "talk" => &*path,
        (None, KitArg::Bridge) => "nodes/bridge/0",
        (None, KitArg::Tower) => "node",
    };
    let base = Base::parse(base, &limits)
        .map_err(|error| OperatorError::new(format!("the base {base:?}: {error}")))?;
    let bases = base.numbered(args.nodes as usize, &limits);
    Ok(bases.iter().map(|base| address.at(base.as_str())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_node_has_an_address_of_its_own() {
        let args = SimArgs {
            place: Some(Secret::from("ws://cl%40wn:p%3Aw@hub.local:8080".to_owned())),
            hub: HubArgs::default(),
            kit: KitArg::Bridge,
            base: Some("nodes/bridge/7".to_owned()),
            nodes: 2,
            seed: 1,
            speed: 1.0,
        };
        let addresses = addresses(&args).unwrap();
        let urls: Vec<_> = addresses.iter().map(|address| address.socket(true)).collect();
        assert_eq!(
            urls,
            [
                "ws://hub.local:8080/talk/nodes/bridge/7?side=node",
                "ws://hub.local:8080/talk/nodes/bridge/8?side=node"
            ]
        );
        assert!(addresses.iter().all(|address| address.authorization().is_some()));
        assert!(!format!("{args:?}{addresses:?}").contains("p%3Aw"));
    }
}
