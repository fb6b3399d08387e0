//! The accounts where all hubs of a cluster have them alike: what another hub has is checked as the file is, written to it, and in
//! force. The task that watches the file does it, so that the two never cross.

use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::App;
use super::accounts::{refused, taken};
use super::accounts_desk::has_an_admin;
use crate::access::{Accounts, AccountsWatch, Check, Version};
use crate::accounts_file::{self, FileError};
use crate::audit::By;
use crate::editions::{Edition, Editions};
use crate::moment::Moment;
use crate::operator::{Mistake, Mistakes};

/// What the mistakes call it.
const SHOWN: &str = "the accounts of the cluster";

/// The editions of the file, if all hubs have it alike.
pub(super) struct Elsewhere(Option<(Arc<Editions>, PathBuf)>);

impl Elsewhere {
    /// That of this file, which is read.
    pub(super) async fn of(watch: &AccountsWatch) -> Self {
        let elsewhere =
            Self(watch.editions().map(|editions| (Arc::clone(editions), watch.file().to_path_buf())));
        if let Some((editions, _)) = &elsewhere.0 {
            editions.begin(elsewhere.text().await);
        }
        elsewhere
    }

    /// What another hub has, next.
    pub(super) async fn next(&self) -> Edition {
        match &self.0 {
            Some((editions, _)) => poll_fn(|cx| editions.poll_there(cx)).await,
            None => std::future::pending().await,
        }
    }

    /// Other hubs are to have what stands in the file, if it is in force.
    pub(super) async fn tell(&self, app: &App) {
        let Some((editions, _)) = &self.0 else { return };
        let text = self.text().await;
        if let Some(text) = text.filter(|text| Version::of(text) == *app.access.accounts().version()) {
            editions.change(text, milliseconds());
        }
    }

    async fn text(&self) -> Option<String> {
        let (_, file) = self.0.clone()?;
        // A file that cannot be read was told by whoever has looked at it.
        spawn_blocking(move || accounts_file::text(&file).ok().flatten()).await.ok().flatten()
    }
}

fn milliseconds() -> u64 {
    let since = Moment::now().wall().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Takes what another hub has, away from the threads that serve sockets.
pub(super) async fn take(app: &App, watch: &AccountsWatch, elsewhere: &Elsewhere, edition: Edition) {
    let Some((editions, file)) = &elsewhere.0 else { return };
    let before = app.access.accounts();
    // What stands in the file since before this hub started, or was not taken yet, may be known to nobody else.
    let known = editions.here().filter(|here| here.at > 0).map(|here| Version::of(&here.text));
    let (file, check, text) = (file.clone(), watch.check(), Arc::clone(&edition.text));
    let written = spawn_blocking(move || put(&file, &text, &check, known.as_ref())).await;
    let Ok(written) = written else { return };
    match written {
        Ok(accounts) => {
            if editions.take(&edition) {
                let replaced = app.access.replace_accounts(accounts);
                taken(app, &before, &replaced, By::Cluster);
            }
        }
        Err(mistakes) => {
            tracing::error!("another hub of the cluster has accounts that are not taken here");
            refused(app, None, &mistakes);
            editions.refuse(edition);
        }
    }
}

fn put(file: &Path, text: &str, check: &Check, known: Option<&Version>) -> Result<Accounts, Mistakes> {
    let wrong = |error| match error {
        FileError::Mistakes(mistakes) => mistakes,
        error => Mistake::at(file.display().to_string(), error.to_string()).into(),
    };

    let accounts = Accounts::parse(text, SHOWN)?;
    check(&accounts)?;
    if !has_an_admin(&accounts) {
        return Err(Mistake::at(
            SHOWN,
            "none of them is an admin: make one at the hub where they were changed",
        )
        .into());
    }
    let before = accounts_file::text(file).map_err(wrong)?;
    let is_unknown = before.is_some_and(|before| known != Some(&Version::of(&before)));
    if let Some(copy) = accounts_file::replace(file, text, is_unknown).map_err(wrong)? {
        let (file, copy) = (file.display(), copy.display());
        tracing::warn!(%file, %copy, "the accounts of the cluster take the place of those in the file; these are in the copy");
    }
    Ok(accounts)
}
