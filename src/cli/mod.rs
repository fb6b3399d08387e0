//! The command line: one file per subcommand. Errors here are for the operator, a sentence each.

#[cfg(target_os = "linux")]
mod bench;
mod bridge;
mod serve;
mod sim;
mod user;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::LogFormat;

/// An IoT publish/subscribe hub that speaks Clown.Talk.
///
/// Without a subcommand it serves: the page, the sockets and, where no accounts are set up, a demo user and a
/// simulated node.
#[derive(Debug, Parser)]
#[command(name = "clown-hub", version, max_term_width = 100, subcommand_precedence_over_arg = true, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

const EXAMPLES: &str = "\
Examples:
  clown-hub                                    the demo, on http://127.0.0.1:8080/
  clown-hub --listen 0.0.0.0:80 --users /etc/clown-hub/users.toml
  clown-hub --set limits.filters=50            any key of config/hub.toml
  clown-hub sim ws://clown:bigclown@127.0.0.1:8080 --base nodes/bridge/7

Exit codes: 0 stopped as asked, 1 something broke, 2 a mistake in arguments or configuration.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the hub (the default)
    Serve(ServeArgs),
    /// Run simulated nodes as clients of a hub
    Sim(sim::SimArgs),
    /// Put a hub on this machine under load and count what comes back
    #[cfg(target_os = "linux")]
    Bench(bench::BenchArgs),
    /// Work on links to MQTT brokers
    #[command(subcommand)]
    Bridge(bridge::BridgeCommand),
    /// Work on accounts
    #[command(subcommand)]
    User(user::UserCommand),
}

/// What `serve` takes; everything else is a key of the configuration.
#[derive(Debug, Args)]
struct ServeArgs {
    /// The configuration; without it config/hub.toml, if there is one
    #[arg(long, value_name = "FILE", env = "CLOWN_HUB_CONFIG")]
    config: Option<PathBuf>,
    /// Where to serve HTTP and WebSocket: server.listen
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// The accounts: users.file
    #[arg(long, value_name = "FILE")]
    users: Option<String>,
    /// Sets any key, as in --set limits.filters=50
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_and_value)]
    sets: Vec<(String, String)>,
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err("write it as KEY=VALUE, as in limits.filters=50".to_owned()),
    }
}

/// What the operator did wrong, in words for the operator. The exit code is 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct OperatorError(String);

impl OperatorError {
    fn new(sentence: impl std::fmt::Display) -> Self {
        Self(sentence.to_string())
    }
}

impl Cli {
    /// Does what was asked for, and says so by the exit code.
    #[expect(clippy::print_stderr, reason = "the last word to the operator, also where no log is set up")]
    pub fn run(self) -> ExitCode {
        let result = match self.command {
            None => serve::serve(self.serve),
            Some(Command::Serve(args)) => serve::serve(args),
            Some(Command::Sim(args)) => sim::sim(&args),
            #[cfg(target_os = "linux")]
            Some(Command::Bench(args)) => bench::bench(&args),
            Some(Command::Bridge(command)) => bridge::bridge(command),
            Some(Command::User(command)) => user::user(&command),
        };
        match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("clown-hub: {error:#}");
                ExitCode::from(if error.is::<OperatorError>() { 2 } else { 1 })
            }
        }
    }
}

/// Sends the log to standard error.
fn start_log(filter: &str, format: LogFormat) -> anyhow::Result<()> {
    use std::io::IsTerminal;
    let is_word = !filter.is_empty() && filter.chars().all(char::is_alphanumeric);
    if is_word && filter.parse::<tracing_subscriber::filter::LevelFilter>().is_err() {
        let sentence = format!("log.filter: no level {filter:?}; use off, error, warn, info, debug or trace");
        return Err(OperatorError::new(sentence).into());
    }
    let filter = tracing_subscriber::EnvFilter::try_new(filter)
        .map_err(|error| OperatorError::new(format!("log.filter: {error}")))?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.with_target(false).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_set_flag_is_a_key_and_a_value() {
        assert_eq!(key_and_value("a.b=c=d"), Ok(("a.b".to_owned(), "c=d".to_owned())));
        assert!(key_and_value("a.b").is_err() && key_and_value("=c").is_err());
    }
}
