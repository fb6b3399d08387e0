//! The accounts where all hubs of a cluster have them alike: what another hub has is checked as the file is, written to it, and in
//! force. The task that watches the file does it, so that the two never cross.

use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until};

use super::App;
use super::accounts::{refused, taken};
use super::accounts_desk::has_an_admin;
use crate::access::{Accounts, AccountsWatch, Check, Replaced, Version};
use crate::accounts_file::{self, FileError};
use crate::audit::By;
use crate::editions::{Edition, Editions, News};
use crate::moment::Moment;
use crate::operator::{Mistake, Mistakes};

/// What the mistakes call it.
const SHOWN: &str = "the accounts of the cluster";

/// After so long it is tried again to write the file.
const AGAIN: Duration = Duration::from_secs(5);

/// The editions of the file, if all hubs have it alike.
pub(super) struct Elsewhere {
    of: Option<(Arc<Editions>, PathBuf)>,
    /// Until then nothing is taken, as the file could not be written.
    later: Mutex<Option<Instant>>,
}

/// Why accounts are not taken.
enum Wrong {
    /// They make no sense.
    Text(Mistakes),
    /// The file cannot be read or written at present.
    File(FileError),
}

impl Elsewhere {
    /// That of this file, which is read.
    pub(super) async fn of(watch: &AccountsWatch) -> Self {
        let of = watch.editions().map(|editions| (Arc::clone(editions), watch.file().to_path_buf()));
        let elsewhere = Self { of, later: Mutex::new(None) };
        if let Some((editions, file)) = &elsewhere.of {
            let (text, file) = (elsewhere.text().await, file.clone());
            let found = spawn_blocking(move || {
                // A clock that was ahead then makes it no newer than now.
                let untold = text.as_ref().and_then(|text| accounts_file::untold(&file, text));
                (text, untold.map(|at| at.min(milliseconds())))
            });
            let (text, untold) = found.await.unwrap_or_default();
            editions.begin(text, untold);
        }
        elsewhere
    }

    /// What comes from the cluster next.
    pub(super) async fn next(&self) -> News {
        let later = *self.later.lock();
        if let Some(later) = later {
            sleep_until(later).await;
        }
        match &self.of {
            Some((editions, _)) => poll_fn(|cx| editions.poll_there(cx)).await,
            None => std::future::pending().await,
        }
    }

    /// Other hubs are to have what stands in the file, if it is in force.
    pub(super) async fn tell(&self, app: &App) {
        let Some((editions, file)) = &self.of else { return };
        let text = self.text().await;
        if let Some(text) = text.filter(|text| Version::of(text) == *app.access.accounts().version()) {
            editions.change(text, milliseconds());
            note(file, editions).await;
        }
    }

    /// It is taken later.
    fn again(&self, editions: &Editions, edition: Edition) {
        *self.later.lock() = Some(Instant::now() + AGAIN);
        editions.offer(edition);
    }

    async fn text(&self) -> Option<String> {
        let (_, file) = self.of.clone()?;
        // A file that cannot be read was told by whoever has looked at it.
        spawn_blocking(move || accounts_file::text(&file).ok().flatten()).await.ok().flatten()
    }
}

/// Notes whether the cluster is still to be told of what stands here, so that it is also after a restart.
async fn note(file: &Path, editions: &Editions) {
    let (untold, file) = (editions.untold(), file.to_path_buf());
    let noted = spawn_blocking(move || {
        accounts_file::note_untold(&file, untold.as_ref().map(|Edition { at, text }| (&**text, *at)))
    });
    if let Ok(Err(error)) = noted.await {
        tracing::error!(%error,
            "it could not be noted whether the cluster has the accounts of this hub: do not restart it before the servers are there");
    }
}

fn milliseconds() -> u64 {
    let since = Moment::now().wall().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Takes what comes from the cluster, away from the threads that serve sockets.
pub(super) async fn take(app: &App, watch: &AccountsWatch, elsewhere: &Elsewhere, news: News) {
    let Some((editions, file)) = &elsewhere.of else { return };
    let edition = match news {
        News::There(edition) => edition,
        News::Told => return note(file, editions).await,
    };
    *elsewhere.later.lock() = None;
    if editions.is_up_to(&edition) {
        return;
    }
    let before = app.access.accounts();
    let here = editions.here();
    if here.as_ref().is_some_and(|here| *here.text == *edition.text) {
        if editions.take(&edition) {
            taken(app, &before, &Replaced::default(), By::Cluster);
        }
        return;
    }
    // What stands in the file since before this hub started, or was not taken or told yet, may be known to nobody else.
    let known =
        here.filter(|here| here.at > 0 && editions.untold().is_none()).map(|here| Version::of(&here.text));
    let (path, check, text) = (file.clone(), watch.check(), Arc::clone(&edition.text));
    let written = spawn_blocking(move || put(&path, &text, &check, known.as_ref())).await;
    let Ok(written) = written else {
        tracing::error!(
            "a fault of the hub: the accounts of the cluster were not taken; it is tried again in 5 s"
        );
        return elsewhere.again(editions, edition);
    };
    match written {
        Ok(accounts) => {
            if editions.take(&edition) {
                let replaced = app.access.replace_accounts(accounts);
                taken(app, &before, &replaced, By::Cluster);
            } else if let Some(here) = editions.here() {
                // Something newer came meanwhile: it goes back into the file.
                let (path, known) = (file.clone(), Version::of(&edition.text));
                let back =
                    spawn_blocking(move || accounts_file::replace(&path, &here.text, Some(&known))).await;
                if let Ok(Err(error)) = back {
                    tracing::error!(%error, "the file has older accounts than those in force: write them again");
                }
            }
        }
        Err(Wrong::File(error)) => {
            tracing::error!(%error,
                "the accounts of the cluster could not be written to the file, so they are not in force here: it is tried again every 5 s");
            elsewhere.again(editions, edition);
        }
        Err(Wrong::Text(mistakes)) => {
            tracing::error!("another hub of the cluster has accounts that are not taken here");
            refused(app, None, &mistakes);
            editions.refuse(edition);
        }
    }
}

fn put(file: &Path, text: &str, check: &Check, known: Option<&Version>) -> Result<Accounts, Wrong> {
    let wrong = |error: FileError| match error {
        FileError::Mistakes(mistakes) => Wrong::Text(mistakes),
        FileError::Unfit(_) | FileError::Changed(_) | FileError::Broken { .. } => Wrong::File(error),
    };
    let accounts = Accounts::parse(text, SHOWN).map_err(Wrong::Text)?;
    check(&accounts).map_err(|mistake| Wrong::Text(mistake.into()))?;
    if !has_an_admin(&accounts) {
        let mistake =
            Mistake::at(SHOWN, "none of them is an admin: make one at the hub where they were changed");
        return Err(Wrong::Text(mistake.into()));
    }
    if let Some(copy) = accounts_file::replace(file, text, known).map_err(wrong)? {
        let (file, copy) = (file.display(), copy.display());
        tracing::warn!(%file, %copy, "the accounts of the cluster take the place of those in the file; these are in the copy");
    }
    Ok(accounts)
}
