//! The command line: one file per subcommand. Errors here are for the operator, a sentence each.

mod access;
mod arguments;
mod banner;
mod bridge;
mod cert;
mod client_runtime;
mod cluster;
mod completions;
mod configuration;
mod context;
mod contexts;
mod doctor;
mod duration;
mod escape;
mod events;
mod exit;
mod export;
mod habit;
mod history;
mod hub_args;
mod import;
mod in_force;
mod logging;
mod memory;
mod nodes;
mod output;
mod publish;
mod repair;
mod reply;
mod request;
mod secrets;
mod serve;
mod sessions;
mod sim;
mod staying;
mod store;
mod subscribe;
mod token;
mod user;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::parser::ValueSource;
use clap::{Arg, CommandFactory, Parser, Subcommand};

use self::client_runtime::block_on;
use self::exit::OperatorError;
use self::serve::ServeArgs;

/// An IoT publish/subscribe hub that speaks Clown.Talk.
///
/// Without a subcommand it runs the hub: the page and the sockets. A hub without accounts is a demo: it has a demo user
/// and simulated nodes.
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
  clown-hub sub                                all messages of the hub that CLOWN_HUB_URL names
  clown-hub pub relay/i2c0-3b/set '{\"state\": true}'

Exit codes: 0 done, 1 something broke, 2 wrong input, 3 refused, 4 no answer in time";

const SERVE_EXAMPLES: &str = exit::help_end!(
    "Examples:
  clown-hub serve --listen 0.0.0.0:80 --users /etc/clown-hub/users.toml
  clown-hub serve --set limits.filters=50"
);

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the hub (the default)
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(ServeArgs),
    /// Publish messages
    Pub(publish::PubArgs),
    /// Print messages as they come
    Sub(subscribe::SubArgs),
    /// Send a command and print its answer
    Req(request::ReqArgs),
    /// Answer commands by running a program
    Reply(reply::ReplyArgs),
    /// List the nodes
    Nodes(nodes::NodesArgs),
    /// Print what was said, from the hub's history
    History(history::HistoryArgs),
    /// Write every reading of history, for other programs
    Export(export::ExportArgs),
    /// Print who did what, from the hub's record
    Events(events::EventsArgs),
    /// Run simulated nodes as clients of a hub
    Sim(sim::SimArgs),
    /// Check the links to MQTT brokers
    #[command(subcommand, after_help = bridge::EXAMPLES)]
    Bridge(bridge::BridgeCommand),
    /// Look at the hubs of a cluster
    #[command(subcommand, after_help = cluster::EXAMPLES)]
    Cluster(cluster::ClusterCommand),
    /// Make certificates for TLS, with an authority of the house
    #[command(subcommand, after_help = cert::EXAMPLES)]
    Cert(cert::CertCommand),
    /// Manage the accounts
    #[command(subcommand)]
    User(user::UserCommand),
    /// Manage the tokens: secrets for devices and for those who are shown something
    #[command(subcommand, after_help = token::EXAMPLES)]
    Token(token::TokenCommand),
    /// List the pages that are signed in, or end their sign-ins
    Sessions(sessions::SessionsArgs),
    /// Explain what an account may do
    #[command(subcommand)]
    Access(access::AccessCommand),
    /// Copy the store into a file, while the hub runs
    Backup(store::BackupArgs),
    /// Put a copy in the place of the store
    Restore(store::RestoreArgs),
    /// Care for the store: look through it, make it smaller, forget topics
    #[command(subcommand, after_help = store::EXAMPLES)]
    Store(store::StoreCommand),
    /// Look at all that the hub needs on this machine, and say what to do
    Doctor(doctor::DoctorArgs),
    /// Take over the files of another broker
    #[command(subcommand, after_help = import::EXAMPLES)]
    Import(import::ImportCommand),
    /// Check or print the configuration
    #[command(subcommand)]
    Config(configuration::ConfigCommand),
    /// Give names to the hubs that one works with
    #[command(subcommand, after_help = context::EXAMPLES)]
    Context(context::ContextCommand),
    /// Print the completion script of a shell
    Completions(completions::CompletionsArgs),
}

impl Cli {
    /// Reads the command line, or says what is wrong with it and ends.
    pub fn from_arguments() -> Self {
        let typed: Vec<_> =
            std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect();
        match habit::mosquitto(&typed) {
            Some(Ok(meant)) => {
                let meant = std::iter::once("clown-hub".to_owned()).chain(meant).map(OsString::from);
                Self::of(&meant.collect::<Vec<_>>())
            }
            Some(Err(sentence)) => arguments::end_with(&sentence),
            None => Self::of(&std::env::args_os().collect::<Vec<_>>()),
        }
    }

    fn of(words: &[OsString]) -> Self {
        let cli = Self::try_parse_from(words).unwrap_or_else(|error| {
            arguments::complain(error, words.to_vec(), Self::try_parse_from::<Vec<_>, _>)
        });
        match cli.command.is_some().then(|| Self::flag_in_front(words)).flatten() {
            Some((flag, command)) => arguments::end_with(&format!(
                "--{flag} stands before the command {command}, where it would count for nothing: write it behind, as in \
                 `clown-hub {command} … --{flag} …`"
            )),
            None => cli,
        }
    }

    /// A flag of `serve` that was typed before another command, and that command.
    fn flag_in_front(words: &[OsString]) -> Option<(String, String)> {
        let matches = Self::command().try_get_matches_from(words).ok()?;
        let was_typed =
            |flag: &&Arg| matches.value_source(flag.get_id().as_str()) == Some(ValueSource::CommandLine);
        let flag = Self::command().get_arguments().find(was_typed)?.get_long()?.to_owned();
        Some((flag, matches.subcommand_name()?.to_owned()))
    }

    /// Does what was asked for, and says so by the exit code.
    #[expect(clippy::print_stderr, reason = "the last word to the operator, also where no log is set up")]
    pub fn run(self) -> ExitCode {
        let result = match self.command {
            None => serve::serve(self.serve),
            Some(Command::Serve(args)) => serve::serve(args),
            Some(Command::Pub(args)) => publish::publish(&args),
            Some(Command::Context(command)) => context::context(&command),
            Some(Command::Sub(args)) => subscribe::subscribe(&args),
            Some(Command::Reply(args)) => reply::reply(&args),
            Some(Command::Req(args)) => request::request(&args),
            Some(Command::Nodes(args)) => nodes::nodes(&args),
            Some(Command::History(args)) => history::history(&args),
            Some(Command::Export(args)) => export::export(&args),
            Some(Command::Events(args)) => events::events(&args),
            Some(Command::Sim(args)) => sim::sim(&args),
            Some(Command::Bridge(command)) => bridge::bridge(command),
            Some(Command::Cluster(command)) => cluster::cluster(&command),
            Some(Command::Cert(command)) => cert::cert(&command),
            Some(Command::User(command)) => user::user(&command),
            Some(Command::Token(command)) => token::token(&command),
            Some(Command::Sessions(args)) => sessions::sessions(&args),
            Some(Command::Access(command)) => access::access(&command),
            Some(Command::Backup(args)) => store::backup(&args),
            Some(Command::Restore(args)) => store::restore(&args),
            Some(Command::Store(command)) => store::store(&command),
            Some(Command::Doctor(args)) => doctor::doctor(&args),
            Some(Command::Import(command)) => import::import(&command),
            Some(Command::Config(command)) => configuration::config(&command),
            Some(Command::Completions(args)) => completions::completions(&args, &mut Self::command()),
        };
        logging::finish();
        match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) if error.is::<output::ReaderGone>() => ExitCode::SUCCESS,
            Err(error) => {
                if let Some(error) = error.downcast_ref::<OperatorError>() {
                    eprintln!("clown-hub: {error}");
                    return ExitCode::from(error.code);
                }
                eprintln!("clown-hub: {}", escape::escaped(&format!("{error:#}")));
                ExitCode::FAILURE
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
