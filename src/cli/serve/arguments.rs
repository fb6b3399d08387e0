//! From flags to the sources of the configuration, for `serve` and for whatever else reads it.

use std::path::PathBuf;

use clap::Args;

use super::super::exit::OperatorError;
use crate::config::{self, Settings};

/// What `serve` takes; everything else is a key of the configuration.
#[derive(Debug, Args)]
pub(in crate::cli) struct ServeArgs {
    /// The configuration file; without it config/hub.toml, if that exists
    #[arg(long, value_name = "FILE", env = "CLOWN_HUB_CONFIG")]
    config: Option<PathBuf>,
    /// Where to listen for HTTP and WebSocket: the key server.listen
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// The file of the accounts: the key users.file
    #[arg(long, value_name = "FILE")]
    users: Option<String>,
    /// Set any key, as in --set limits.filters=50
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_and_value)]
    sets: Vec<(String, String)>,
}

/// Where the configuration is found; the same flags for everything that reads it.
#[derive(Debug, Args)]
pub(in crate::cli) struct ConfigArgs {
    /// The configuration file; without it config/hub.toml, if that exists
    #[arg(long, value_name = "FILE", env = "CLOWN_HUB_CONFIG", hide_env = true)]
    config: Option<PathBuf>,
    /// The file of the accounts: the key users.file
    #[arg(long, value_name = "FILE")]
    users: Option<String>,
    /// Set any key, as in --set limits.filters=50
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_and_value)]
    sets: Vec<(String, String)>,
}

impl ConfigArgs {
    pub(in crate::cli) fn sources(&self) -> config::Sources {
        sources(self.config.clone(), None, self.users.clone(), self.sets.clone())
    }

    pub(in crate::cli) fn settings(&self) -> anyhow::Result<Settings> {
        load(&self.sources())
    }
}

impl ServeArgs {
    pub(super) fn sources(self) -> config::Sources {
        sources(self.config, self.listen, self.users, self.sets)
    }
}

fn sources(
    file: Option<PathBuf>,
    listen: Option<String>,
    users: Option<String>,
    sets: Vec<(String, String)>,
) -> config::Sources {
    let named = [("server.listen", listen), ("users.file", users)];
    let named = named.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    config::Sources {
        file,
        env: config::environment(),
        flags: named.chain(sets).collect(),
        ..config::Sources::default()
    }
}

pub(super) fn load(sources: &config::Sources) -> anyhow::Result<Settings> {
    Ok(config::load(sources).map_err(|mistakes| OperatorError::list("configuration", &mistakes))?)
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err("write it as KEY=VALUE, as in limits.filters=50".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_flag_is_a_key_and_a_value() {
        assert_eq!(key_and_value("a.b=c=d"), Ok(("a.b".to_owned(), "c=d".to_owned())));
        assert!(key_and_value("a.b").is_err() && key_and_value("=c").is_err());
    }
}
