//! `clown-hub serve`: configuration, accounts, listeners, links, simulated nodes; then it says where it is and runs until
//! it is told to stop.

mod accounts;
mod arguments;
mod demo;
mod listeners;
mod rooms;
mod simulated;

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context;
use tokio::net::TcpListener;

use self::listeners::bind;
use self::simulated::simulate;
use super::logging;
use crate::access::{Access, Accounts};
use crate::config::Settings;
use crate::hub::Hub;
use crate::links;
use crate::server::Server;
use crate::shutdown::{Ended, Shutdown, Signals};
use crate::topic::Base;

pub(super) use self::accounts::{DEMO_WITHOUT, accounts};
pub(super) use self::arguments::{ConfigArgs, ServeArgs, key_and_value};
pub(super) use self::demo::{never_given_a_password, refuse_demo_elsewhere};

pub(super) fn serve(args: ServeArgs) -> anyhow::Result<()> {
    let settings = args.settings()?;
    logging::start(&settings.log.filter, settings.log.format)?;
    let accounts = accounts(&settings.users.file)?;
    refuse_demo_elsewhere(&accounts, &settings)?;
    for sentence in never_given_a_password(&accounts, &settings.users.file) {
        tracing::warn!("{sentence}");
    }
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
    runtime(settings.server.io_threads)?.block_on(run(settings, accounts))
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

async fn run(settings: Settings, accounts: Accounts) -> anyhow::Result<()> {
    let mut signals = Signals::listen().context("signals cannot be listened to")?;
    let http = bind(settings.server.listen, "server.listen")?;
    let lines = match settings.server.line_listen {
        Some(address) => Some(bind(address, "server.line_listen")?),
        None => None,
    };
    let is_demo = accounts.is_demo();
    let shutdown = Shutdown::default();
    let hub = Hub::new(rooms::hub(&settings), SystemTime::now());
    let access = Access::new(accounts, &rooms::access(&settings))?;
    let server = Server::new(Arc::clone(&hub), access, rooms::server(&settings, is_demo), shutdown.clone());

    let address = http.local_addr()?;
    let line_address = lines.as_ref().map(TcpListener::local_addr).transpose()?;
    server.serve_http(http);
    if let Some(lines) = lines {
        server.serve_lines(lines);
    }
    server.tell_figures();
    let bridges = settings.bridges.directory.clone();
    shutdown.spawn(links::run(Arc::clone(&hub), bridges, settings.figures.every, shutdown.clone()));
    let simulated = simulate(&hub, &settings, is_demo, &shutdown);
    let boards = is_demo || settings.diagnostics.enabled;
    say_where(address, line_address, is_demo, boards, &simulated);

    signals.next().await;
    tracing::info!("draining: no new connections, clients get what is queued; a second signal cuts them off");
    match shutdown.finish(settings.server.drain, signals.next()).await {
        Ended::Drained => tracing::info!("stopped"),
        Ended::CutOff(left) => tracing::warn!(left, "stopped before everybody had been served"),
    }
    Ok(())
}

/// The first thing that a person sees. It goes to standard output, the log to standard error.
fn say_where(
    address: SocketAddr,
    lines: Option<SocketAddr>,
    is_demo: bool,
    boards: bool,
    simulated: &[Base],
) {
    let ip = address.ip();
    let host =
        if ip.is_unspecified() { "THIS-MACHINE".to_owned() } else { SocketAddr::new(ip, 0).to_string() };
    let address = format!("{}:{}", host.trim_end_matches(":0"), address.port());
    let (page_user, user) =
        if is_demo { ("clown:bigclown@", "clown:bigclown") } else { ("", "USER:PASSWORD") };
    let base =
        simulated.first().map_or_else(|| "nodes/bridge/0".to_owned(), Base::to_string).replace('/', "_");
    let more = match simulated.len() {
        0 | 1 => String::new(),
        nodes => format!(" and {} more", nodes - 1),
    };
    let lines = [
        Some(format!("Clown Hub {}", env!("CARGO_PKG_VERSION"))),
        Some(format!("  page       http://{page_user}{address}/")),
        is_demo.then(|| "  demo user  clown, password bigclown, from this machine only".to_owned()),
        Some(format!("  WebSocket  ws://{user}@{address}/auth/clown-talk-server_{base}")),
        lines.map(|lines| format!("  TCP lines  {lines}")),
        boards.then(|| format!("  new board  http://{page_user}{address}/diagnostics")),
        simulated.first().map(|first| format!("  simulated  {first}{more}")),
    ];
    let text: String = lines.into_iter().flatten().map(|line| line + "\n").collect();
    let mut out = std::io::stdout().lock();
    // Nobody may be reading, and that is no reason to stop.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
