//! `clown-hub serve`: configuration, accounts, last values, listeners, links, simulated nodes; then it says where it is and runs until
//! it is told to stop.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio::net::{TcpListener, TcpSocket};

use super::banner::{Facts, addresses, banner};
use super::state::store_settings;
use super::{OperatorError, ServeArgs, key_and_value, logging, memory};
use crate::access::{self, Access, Accounts};
use crate::config::{self, Run, Settings};
use crate::connection::Patience;
use crate::hub::{self, Bounds, Client, Hub, Rates, Rights, Side};
use crate::links;
use crate::log::Log;
use crate::moment::Moment;
use crate::server::{self, Server};
use crate::shutdown::{Ended, Shutdown, Signals, Stage};
use crate::simulator::Kit;
use crate::simulator::run::{Pace, in_hub};
use crate::store::Store;
use crate::topic::Base;

pub(super) fn serve(args: ServeArgs) -> anyhow::Result<()> {
    let settings = configuration(args)?;
    logging::start(&settings.log.filter, settings.log.format)?;
    let accounts = accounts(&settings.users.file)?;
    refuse_demo_elsewhere(&accounts, &settings)?;
    for sentence in never_given_a_password(&accounts, &settings.users.file) {
        tracing::warn!("{sentence}");
    }
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
    let runtime = runtime(settings.server.io_threads)?;
    let ended = runtime.block_on(run(settings, accounts));
    // A file on a drive that hangs, or a name server that does not answer, would hold the end.
    runtime.shutdown_background();
    ended
}

/// Where the configuration is found; the same flags for everything that reads it.
#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    /// The configuration; without it config/hub.toml, if there is one
    #[arg(long, value_name = "FILE", env = "CLOWN_HUB_CONFIG", hide_env = true)]
    config: Option<PathBuf>,
    /// The accounts: users.file
    #[arg(long, value_name = "FILE")]
    users: Option<String>,
    /// Sets any key, as in --set limits.filters=50
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_and_value)]
    sets: Vec<(String, String)>,
}

impl ConfigArgs {
    pub(super) fn sources(&self) -> config::Sources {
        sources(self.config.clone(), None, self.users.clone(), self.sets.clone())
    }

    pub(super) fn settings(&self) -> anyhow::Result<Settings> {
        load(&self.sources())
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

fn load(sources: &config::Sources) -> anyhow::Result<Settings> {
    Ok(config::load(sources).map_err(|mistakes| OperatorError::list("configuration", mistakes.iter()))?)
}

pub(super) fn configuration(args: ServeArgs) -> anyhow::Result<Settings> {
    load(&sources(args.config, args.listen, args.users, args.sets))
}

/// Where accounts are looked for if nothing else is said, and the demo begins if they are not there. A file that was
/// named has to be there: a misspelt name must not open the demo.
pub(super) const DEMO_WITHOUT: &str = "config/users.toml";

/// The accounts of the file; the demo user where there is no file.
pub(super) fn accounts(file: &Path) -> anyhow::Result<Accounts> {
    let shown = file.display();
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Accounts::parse(&text, &shown.to_string()).map_err(|mistakes| {
            OperatorError::list("accounts", &mistakes)
        })?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && file == Path::new(DEMO_WITHOUT) => {
            Ok(Accounts::demo())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(OperatorError::new(format!(
            "{shown}: there is no such file; `clown-hub user add NAME --subscribe '#' --publish '#' --users {shown}` \
             begins it, or leave users.file out to try the hub with the demo user"
        ))
        .into()),
        Err(error) => Err(OperatorError::new(format!(
            "{shown}: the accounts cannot be read: {error}; give the hub's user the right to read the file"
        ))
        .into()),
    }
}

/// The demo's password stands in every manual, so it opens nothing that others can reach.
pub(super) fn refuse_demo_elsewhere(accounts: &Accounts, settings: &Settings) -> anyhow::Result<()> {
    let listeners = [Some(settings.server.listen), settings.server.line_listen];
    let Some(open) = listeners.into_iter().flatten().find(|address| !address.ip().is_loopback()) else {
        return Ok(());
    };
    if accounts.is_demo() {
        let file = settings.users.file.display();
        return Err(OperatorError::new(format!(
            "refusing to listen on {open} with the demo user clown, whose password everybody knows: \
             make an account in {file} with `clown-hub user add NAME --subscribe '#' --publish '#'`, \
             or listen on 127.0.0.1"
        ))
        .into());
    }
    match accounts.has_demo_password() {
        Some(user) => Err(OperatorError::new(format!(
            "refusing to listen on {open}: the account {user} has the demo password, which everybody knows; \
             give it another one with `clown-hub user passwd {user}`, or listen on 127.0.0.1"
        ))
        .into()),
        None => Ok(()),
    }
}

/// A sentence for each account that was copied from the example and left as it was: nobody can use it.
pub(super) fn never_given_a_password(accounts: &Accounts, file: &Path) -> Vec<String> {
    let sentence = |name| {
        let file = file.display();
        format!(
            "{file}: the account {name} still has the password of config/users.toml.example, which nobody knows; \
             give it one with `clown-hub user passwd {name}`, or remove it"
        )
    };
    accounts.from_the_example().map(sentence).collect()
}

/// One thread that serves all sockets, or several that share them; hashing goes elsewhere in both cases.
fn runtime(io_threads: usize) -> anyhow::Result<tokio::runtime::Runtime> {
    let mut builder = match io_threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    builder.worker_threads(io_threads).max_blocking_threads(8).enable_all();
    builder.build().context("the runtime could not be started")
}

/// How long the end waits for the store.
const STORING: Duration = Duration::from_secs(10);

/// Opens the store, before anybody can come in.
fn store(hub: &Arc<Hub>, settings: &Settings) -> anyhow::Result<Option<Store>> {
    let Some(settings) = store_settings(&settings.store) else { return Ok(None) };
    Ok(Some(Store::open(hub, &settings).map_err(|refused| OperatorError::new(refused.to_string()))?))
}

async fn run(settings: Settings, accounts: Accounts) -> anyhow::Result<()> {
    let mut signals = Signals::listen().context("signals cannot be listened to")?;
    let http = bind(settings.server.listen, "server.listen")?;
    let lines = match settings.server.line_listen {
        Some(address) => Some(bind(address, "server.line_listen")?),
        None => None,
    };
    let (is_demo, count) = (accounts.is_demo(), accounts.iter().count());
    let shutdown = Shutdown::default();
    let hub = Hub::new(hub_settings(&settings), Moment::now());
    let store = store(&hub, &settings)?;
    let access = Access::new(accounts, &access_settings(&settings), shutdown.drain().clone())?;
    let server = Server::new(Arc::clone(&hub), access, server_settings(&settings, is_demo), shutdown.clone());

    let address = http.local_addr()?;
    let line_address = lines.as_ref().map(TcpListener::local_addr).transpose()?;
    server.serve_http(http);
    if let Some(lines) = lines {
        server.serve_lines(lines);
    }
    server.tell_figures();
    server.end_what_expires();
    let (folder, every) = (settings.bridges.directory.clone(), settings.figures.every);
    shutdown.spawn_in(Stage::Links, links::run(Arc::clone(&hub), folder, every, shutdown.clone()));
    let simulated = simulate(&hub, &settings, is_demo, &shutdown);
    let boards = is_demo || settings.diagnostics.enabled;
    say_where(&Facts {
        http: address,
        lines: line_address,
        machine: &addresses(),
        accounts: (!is_demo).then(|| {
            let file = std::path::absolute(&settings.users.file).unwrap_or(settings.users.file);
            (count, file.display().to_string())
        }),
        boards,
        simulated: &simulated,
    });

    signals.next().await;
    tracing::info!("draining: no new connections, clients get what is queued; a second signal cuts them off");
    match shutdown.finish(settings.server.drain, signals.next()).await {
        Ended::Drained => tracing::info!("stopped"),
        Ended::CutOff(left) => tracing::warn!(left, "stopped before everybody had been served"),
    }
    // Behind all that the end of clients led to.
    if let Some(store) = store {
        let stopped = tokio::time::timeout(STORING, store.stop());
        tokio::select! {
            _ = stopped => {}
            () = signals.next() => {}
        }
    }
    Ok(())
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the kinds of I/O errors are not ours, and there are forty"
)]
fn bind(address: SocketAddr, key: &str) -> Result<TcpListener, OperatorError> {
    listen(address).map_err(|error| {
        let advice = match error.kind() {
            std::io::ErrorKind::AddrInUse => "something else listens there; stop it, or choose another port",
            std::io::ErrorKind::PermissionDenied => "ports below 1024 need a privilege; choose one above",
            std::io::ErrorKind::AddrNotAvailable => "this machine does not have that address",
            _ => "choose another address",
        };
        OperatorError::new(format!("cannot listen on {address} ({key}): {error}; {advice}"))
    })
}

/// Listens with room for a storm of connections: what does not fit is tried again by the clients' kernels only after a
/// second.
fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    const BACKLOG: u32 = 4096;
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Starts the simulated nodes; returns where they stand.
fn simulate(hub: &Arc<Hub>, settings: &Settings, is_demo: bool, shutdown: &Shutdown) -> Vec<Base> {
    let simulator = &settings.simulator;
    let runs = match simulator.run {
        Run::On => true,
        Run::Demo => is_demo,
        Run::Off => false,
    };
    if !runs {
        return Vec::new();
    }
    let pace = Pace::starting_now(simulator.speed);
    let kits = [
        (Kit::Bridge, &simulator.base, simulator.bridges),
        (Kit::Tower, &simulator.tower_base, simulator.towers),
    ];
    let mut bases = Vec::new();
    for (kit, first, count) in kits {
        for (number, base) in first.numbered(count, &settings.limits.topic).into_iter().enumerate() {
            let client = Client {
                user: "simulator".into(),
                rights: Arc::new(Rights::everything()),
                base: base.clone(),
                side: Side::Node,
                rates: Rates::UNLIMITED,
            };
            let seed = u64::from(simulator.seed) + number as u64;
            shutdown.spawn(in_hub(Arc::clone(hub), client, kit, seed, pace, shutdown.drain().clone()));
            bases.push(base);
        }
    }
    if let Some(first) = bases.first() {
        tracing::info!(nodes = bases.len(), ?first, "simulated nodes are on");
    }
    bases
}

/// The first thing that a person sees. It goes to standard output, the log to standard error.
fn say_where(facts: &Facts<'_>) {
    let text = banner(facts);
    // Nobody may be reading, and that is no reason to wait or to stop.
    let _ = Log::to(std::io::stdout()).and_then(|mut out| out.write_all(text.as_bytes()));
}

fn hub_settings(settings: &Settings) -> hub::Settings {
    hub::Settings {
        topic: settings.limits.topic,
        filters: settings.limits.filters,
        message_bytes: settings.limits.message_bytes,
        longest_batch: settings.limits.batch,
        outbox: Bounds {
            messages: settings.outbox.messages,
            bytes: settings.outbox.bytes,
            hard_messages: settings.outbox.hard_messages,
            hard_bytes: settings.outbox.hard_bytes,
        },
        retained_topics: settings.retained.topics,
        retained_bytes: settings.retained.bytes as u64,
        retain_always: settings.retained.always.clone(),
        retain_never: settings.retained.never.clone(),
        cached_routes: settings.routes.cached,
        memory_bytes: settings.limits.memory_bytes.unwrap_or_else(memory::a_quarter),
    }
}

fn access_settings(settings: &Settings) -> access::Settings {
    let users = &settings.users;
    access::Settings {
        failures_per_minute: users.failures_per_minute,
        remembered_logins: users.remembered_logins,
        remember_minutes: users.remember.as_secs() / 60,
        web_sessions: users.web_sessions,
        web_session_hours: users.web_session.as_secs() / 3600,
        tracked_failures: users.tracked_failures,
        hashing_at_once: users.hashing_at_once,
        waiting_logins: users.waiting_logins,
    }
}

fn server_settings(settings: &Settings, is_demo: bool) -> server::Settings {
    let (limits, diagnostics) = (&settings.limits, &settings.diagnostics);
    server::Settings {
        origins: settings.server.origins.clone(),
        connections: limits.connections,
        handshakes: limits.handshakes,
        handshake: limits.handshake,
        rates: Rates {
            frames_per_second: limits.messages_per_second.map(std::num::NonZero::get),
            bad_frames_per_minute: Some(limits.bad_frames_per_minute),
        },
        patience: Patience {
            ping: limits.ping,
            pong: limits.pong,
            write: limits.write,
            vanished: limits.vanished,
        },
        figures_every: settings.figures.every,
        diagnostics: (is_demo || diagnostics.enabled).then_some(diagnostics.connections),
    }
}
