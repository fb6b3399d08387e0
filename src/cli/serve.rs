//! `clown-hub serve`: configuration, accounts, last values, listeners, links, simulated nodes; then it says where it is and runs until
//! it is told to stop.

mod accounts;
mod arguments;
mod certificate;
mod cluster;
mod demo;
mod listeners;
mod rooms;
mod simulated;
mod store;
mod systemd;

use std::io::Write;
use std::sync::Arc;

use anyhow::Context;

use self::listeners::Listeners;
use self::simulated::simulate;
use self::systemd::Systemd;
use super::banner::{Facts, addresses, banner};
use super::exit::OperatorError;
use super::logging;
use crate::access::{Access, Accounts};
use crate::config::{self, Key, Settings};
use crate::crew::{self, Crew};
use crate::discovery;
use crate::editions::Editions;
use crate::hub::Hub;
use crate::links;
use crate::log::Log;
use crate::moment::Moment;
use crate::server::{Operator, Server};
use crate::shutdown::{Ended, Shutdown, Signals, Stage};
use crate::store::Store;

pub(super) use self::accounts::accounts;
pub(super) use self::arguments::{ConfigArgs, ServeArgs};
pub(super) use self::demo::{never_given_a_password, refuse_demo_elsewhere};
pub(super) use self::listeners::cannot_listen;
pub(super) use self::rooms::tls as tls_files;
pub(super) use self::store::directory as store_directory;

pub(super) fn serve(args: ServeArgs) -> anyhow::Result<()> {
    let sources = args.sources();
    let settings = arguments::load(&sources)?;
    let (keys, _) = config::keys(&sources);
    logging::start(&settings.log.filter, settings.log.format)?;
    let accounts = accounts(&settings.users.file)?;
    refuse_demo_elsewhere(&accounts, &settings)?;
    for sentence in never_given_a_password(&accounts, &settings.users.file) {
        tracing::warn!("{sentence}");
    }
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
    let runtime = crew::runtime().context("the runtime could not be started")?;
    let ended = runtime.block_on(run(settings, accounts, keys));
    // A file on a drive that hangs, or a name server that does not answer, would hold the end.
    runtime.shutdown_background();
    ended
}

/// How many threads serve sockets where nobody says it: one on a machine with one or two cores, else one less than there are, as the store,
/// hashing and links want one, too.
fn threads_of_this_machine() -> usize {
    const MOST: usize = 64;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    (cores - 1).clamp(1, MOST)
}

/// Opens the store, before anybody can come in.
fn open_store(
    hub: &Arc<Hub>,
    access: &Access,
    settings: &Settings,
    shutdown: &Shutdown,
) -> anyhow::Result<()> {
    let Some(settings) = store::settings(&settings.store, &settings.history, &settings.events) else {
        return Ok(());
    };
    let store = Store::open(hub, access.web_sessions(), &settings)
        .map_err(|refused| OperatorError::new(refused.to_string()))?;
    let sign = shutdown.sign(Stage::Store).clone();
    shutdown.spawn_in(Stage::Store, async move {
        sign.cancelled().await;
        store.stop().await;
    });
    Ok(())
}

async fn run(settings: Settings, accounts: Accounts, keys: Vec<Key>) -> anyhow::Result<()> {
    let mut signals = Signals::listen().context("signals cannot be listened to")?;
    let offer = certificate::offer(rooms::tls(&settings))?;
    let listeners = Listeners::bind(&settings.server, &settings.mqtt)?;
    let places = listeners.addresses()?;
    let (is_demo, count) = (accounts.is_demo(), accounts.iter().count());
    let shutdown = Shutdown::default();
    let hub = Hub::new(rooms::hub(&settings), Moment::now());
    let access = Access::new(accounts, &rooms::access(&settings), shutdown.drain().clone())?;
    open_store(&hub, &access, &settings, &shutdown)?;
    // Before anybody can ask for anything.
    let editions = settings.users.are_shared.then(Arc::<Editions>::default);
    cluster::join(&hub, &settings, editions.clone(), &shutdown).await?;
    // What ran out while there was no hub is over before anybody can come in.
    hub.tend(Moment::now());
    let doors = rooms::server(&settings, is_demo, places.https.map(|address| address.port()));
    let certified = offer.as_ref().and_then(|offer| offer.facts().certificate.host());
    let threads = settings.server.io_threads.unwrap_or_else(threads_of_this_machine);
    let crew = Crew::of(threads).context("the threads that serve sockets could not be started")?;
    let operator = Operator { config: keys.into(), copy_store: store::copier(&settings.store) };
    let server =
        Server::new(Arc::clone(&hub), access, doors, offer, shutdown.clone(), crew.clone(), operator);
    server.look_at_restored_leases();
    server.restore_sessions();
    listeners.serve(&server);
    server.watch_the_certificate();
    // What is there for the demo ends when there are accounts.
    let demo = shutdown.drain().child_token();
    server.watch_the_accounts(accounts::watch(&settings).shared(editions), demo.clone());
    server.tend_the_hub();
    server.tell_figures();
    server.end_what_expires();
    let (folder, every) = (settings.bridges.directory.clone(), settings.figures.every);
    shutdown.spawn_in(Stage::Links, links::run(Arc::clone(&hub), folder, every, shutdown.clone()));
    if settings.mqtt.home_assistant {
        let (stop, prefix) =
            (shutdown.sign(Stage::Links).clone(), settings.mqtt.home_assistant_prefix.clone());
        shutdown.spawn_in(Stage::Links, discovery::run::run(Arc::clone(&hub), prefix, stop));
    }
    let simulated = simulate(&hub, &settings, is_demo, &shutdown, &demo);
    let boards = is_demo || settings.diagnostics.enabled;
    say_where(&Facts {
        places: &places,
        certified: certified.as_deref(),
        machine: &addresses(),
        accounts: (!is_demo).then(|| {
            let file = std::path::absolute(&settings.users.file).unwrap_or(settings.users.file);
            (count, file.display().to_string())
        }),
        boards,
        simulated: &simulated,
    });

    let mut systemd = Systemd::new();
    systemd.ready(&hub);
    systemd.alive_until(&hub, signals.next()).await;
    systemd.stopping();
    tracing::info!("draining: no new connections, clients get what is queued; a second signal cuts them off");
    hub.end_leases_that_are_not_stored(Moment::now());
    let ended = shutdown.finish(settings.server.drain, async || signals.next().await);
    match systemd.alive_until(&hub, ended).await {
        Ended::Drained => tracing::info!("stopped"),
        Ended::CutOff(left) => tracing::warn!(left, "stopped before everything was sent"),
    }
    crew.dismiss();
    Ok(())
}

/// The first thing that a person sees. It goes to standard output, the log to standard error.
fn say_where(facts: &Facts<'_>) {
    let text = banner(facts);
    // If nobody reads, the hub neither waits nor stops.
    let _ = Log::to(std::io::stdout()).and_then(|mut out| out.write_all(text.as_bytes()));
}
