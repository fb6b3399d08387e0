//! The file of the accounts while the hub runs: what is taken of it, what becomes of those whom it concerns, and what is told
//! of it.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use parking_lot::Mutex;
use serde_json::json;
use tokio::time::{Duration, interval};
use tokio_util::sync::CancellationToken;

use super::App;
use super::accounts_desk::carry_out;
use super::accounts_elsewhere::{self, Elsewhere};
use crate::access::{Account, Accounts, AccountsNews, AccountsWatch, Replaced, Version};
use crate::audit::{self, By};
use crate::moment::Moment;
use crate::operator::Mistakes;

/// How often the file is looked at. What has changed is taken at the second look.
const LOOK: Duration = Duration::from_millis(500);

/// Where commands of this machine ask which version of the file is in force, and admins see and change accounts.
pub(super) const PATH: &str = "/api/accounts";

/// Under this name of the hub's topics its admins read what is wrong with the file.
const MISTAKES: &str = "accounts/refused";

/// Names that a line of the log repeats.
const SHOWN: usize = 10;

/// The file that was refused last, if it still is: its version, if it had one.
#[derive(Debug, Default)]
pub(super) struct RefusedFile(Mutex<Option<Version>>);

impl App {
    /// The version of the file that was refused last, if it still is.
    pub(super) fn refused_file(&self) -> Option<Version> {
        self.refused.0.lock().clone()
    }
}

/// Watches the file and the dates in it until the stop sign.
pub(super) async fn watch(app: Arc<App>, file: AccountsWatch, demo: CancellationToken) {
    // Side by side: a drive that hangs lets nobody stay longer.
    tokio::join!(watch_the_dates(&app), watch_the_file(&app, file, demo));
}

async fn watch_the_dates(app: &App) {
    let mut clock = interval(LOOK);
    let mut is_first = true;
    loop {
        tokio::select! {
            () = app.shutdown.drain().cancelled() => return,
            _ = clock.tick() => {}
        }
        let over = app.access.look_at_the_dates(Moment::now().wall());
        if !over.is_empty() {
            tracing::info!(accounts = ?shown(&over), "the time of accounts is over: their connections end");
            // What was over at the start has been for a while, and every start would tell it again.
            if !is_first {
                told(app, over.iter().map(|name| (&**name, "over")), By::Date);
            }
            withdraw(app, &over);
        }
        is_first = false;
    }
}

async fn watch_the_file(app: &App, mut watch: AccountsWatch, demo: CancellationToken) {
    let mut clock = interval(LOOK);
    let mut orders = app.desk.orders();
    let elsewhere = Elsewhere::of(&watch).await;
    let count = |app: &App| {
        let count = app.access.accounts().iter().count();
        app.hub.figures().accounts.set(count as u64);
    };
    count(app);
    loop {
        tokio::select! {
            () = app.shutdown.drain().cancelled() => return,
            _ = clock.tick() => {}
            Some(order) = orders.recv() => {
                tokio::select! {
                    () = app.shutdown.drain().cancelled() => return,
                    () = carry_out(app, &watch, order) => {}
                }
                elsewhere.tell(app).await;
                count(app);
                continue;
            }
            news = elsewhere.next() => {
                accounts_elsewhere::take(app, &watch, &elsewhere, news).await;
                end_the_demo(app, &demo);
                count(app);
                continue;
            }
        }
        let before = app.access.accounts();
        let news = tokio::select! {
            // A drive that hangs holds nothing up.
            () = app.shutdown.drain().cancelled() => return,
            news = watch.look(&app.access) => news,
        };
        match news {
            None => {}
            Some(AccountsNews::Taken(replaced)) => {
                taken(app, &before, &replaced, By::File);
                elsewhere.tell(app).await;
                count(app);
                end_the_demo(app, &demo);
            }
            Some(AccountsNews::Refused(version, mistakes)) => refused(app, version, &mistakes),
        }
    }
}

fn end_the_demo(app: &App, demo: &CancellationToken) {
    if !app.access.accounts().is_demo() {
        demo.cancel();
    }
}

pub(super) fn taken(app: &App, before: &Accounts, replaced: &Replaced, by: By<'_>) {
    let figures = app.hub.figures();
    if figures.accounts_mistakes.value() > 0 {
        figures.accounts_mistakes.set(0);
        app.hub.untell(MISTAKES, Moment::now());
        tracing::info!("the file of the accounts is good again");
    }
    *app.refused.0.lock() = None;
    if *replaced == Replaced::default() {
        return;
    }
    figures.accounts_taken.add(1);
    let Replaced { added, removed, renewed, changed } = replaced;
    tracing::info!(
        added = ?shown(added), removed = ?shown(removed), new_password = ?shown(renewed), changed = ?shown(changed),
        "the file of the accounts has changed, and is in force; nobody else notices"
    );
    let now = app.access.accounts();
    // What the account is now, and of one that is gone what it was.
    let word = |name: &str, words: [&'static str; 2]| {
        let is_token = now.get(name).or_else(|| before.get(name)).is_some_and(Account::is_token);
        words.into_iter().nth(usize::from(is_token)).unwrap_or_default()
    };
    let kinds = [
        (added, ["added", "token-added"]),
        (removed, ["removed", "token-revoked"]),
        (renewed, ["password", "token-renewed"]),
        (changed, ["rights", "rights"]),
    ];
    let changes: Vec<_> = kinds
        .into_iter()
        .flat_map(|(names, words)| names.iter().map(move |name| (&**name, words)))
        .map(|(name, words)| (name, word(name, words)))
        .collect();
    told(app, changes.into_iter(), by);
    withdraw(app, removed.iter().chain(renewed).chain(changed));
}

/// What became of accounts while no hub ran: leases of those that are gone, or may not command any more, end before anybody can
/// come in.
pub(super) fn look_at_restored_leases(app: &App) {
    // Links and the hub itself have names that no account can have.
    let users = app.hub.users_with_leases();
    withdraw(app, users.iter().filter(|user| !user.contains(':') && &***user != "hub"));
}

/// Tells which accounts were changed: the audit trail, and the recorder.
fn told<'n>(app: &App, changes: impl ExactSizeIterator<Item = (&'n str, &'static str)> + Clone, by: By<'_>) {
    let admin = if let By::Admin(name, address) = by { Some((name, address)) } else { None };
    for (name, change) in changes.clone() {
        app.hub.note_account(name, change, admin);
    }
    audit::accounts(changes, by);
}

/// Ends what leases these accounts have on what they may not command any more.
fn withdraw<'n>(app: &App, names: impl IntoIterator<Item = &'n Arc<str>>) {
    let (accounts, wall) = (app.access.accounts(), Moment::now().wall());
    let rights = |name: &Arc<str>| {
        let account =
            accounts.get(name).filter(|account| account.valid_until().is_none_or(|until| until > wall));
        account.map(|account| Arc::new(account.rights().clone())).unwrap_or_default()
    };
    let users: HashMap<_, _, RandomState> =
        names.into_iter().map(|name| (Arc::clone(name), rights(name))).collect();
    app.hub.withdraw_leases(&users, Moment::now());
}

/// Tells all mistakes: to the log, to the figures, and to those who may read the hub's topics.
pub(super) fn refused(app: &App, version: Option<Version>, mistakes: &Mistakes) {
    for mistake in mistakes {
        tracing::error!("{mistake}");
    }
    let count = mistakes.iter().count();
    tracing::error!(
        count,
        "the file of the accounts is not taken: the accounts from before are still in force"
    );
    app.hub.figures().accounts_mistakes.set(count as u64);
    *app.refused.0.lock() = version;
    let told: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
    app.hub.tell(MISTAKES, &json!(told).to_string(), Moment::now());
}

fn shown(names: &[Arc<str>]) -> Vec<&str> {
    names.iter().take(SHOWN).map(|name| &**name).collect()
}
