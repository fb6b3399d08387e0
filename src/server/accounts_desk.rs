//! Changes of accounts that admins ask for: one after the other, each written to the file and put in force before anything else
//! is read of it. The task that watches the file does both, so that the two never cross.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use axum::http::StatusCode;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;

use super::App;
use super::accounts::{PATH, taken};
use super::sent::ENDED;
use crate::access::{Accounts, AccountsWatch, Check, SignedIn, Version};
use crate::accounts_file::{AccountsFile, Entry, FileError, TOKEN, USER};
use crate::audit::{self, By};
use crate::moment::Moment;
use crate::operator::Mistakes;
use crate::topic::foreign_wildcard;

/// Changes that may wait.
const WAITING: usize = 8;

/// Where they wait.
pub(super) struct Desk {
    orders: mpsc::Sender<Order>,
    /// Until somebody carries them out.
    taken: Mutex<Option<mpsc::Receiver<Order>>>,
}

/// A change that an admin asks for.
pub(super) struct Order {
    /// Who. The account may have been changed since the request began.
    pub(super) admin: SignedIn,
    /// From where.
    pub(super) address: IpAddr,
    /// Whether a proxy has not told that.
    pub(super) is_untold: bool,
    /// The versions of the accounts that the admin may have seen; any where nothing is said.
    pub(super) seen: Option<Vec<String>>,
    /// What.
    pub(super) change: Change,
    /// Where the answer goes. Nothing is done once nobody waits for it.
    pub(super) done: oneshot::Sender<Result<Done, Refusal>>,
}

/// What is to be changed.
pub(super) enum Change {
    /// An account is to be like this. One that is there keeps its password where no hash is given.
    Account(Wanted, Option<String>),
    /// A new token, with this hash.
    Token(Wanted, String),
    /// An account or a token, as its table is called, goes.
    Remove(&'static str, String),
}

/// How an account is to be.
#[derive(Default)]
pub(super) struct Wanted {
    pub(super) name: String,
    pub(super) role: Option<String>,
    pub(super) base: Option<String>,
    pub(super) subscribe: Vec<String>,
    pub(super) publish: Vec<String>,
    pub(super) retain: bool,
    pub(super) admin: bool,
    pub(super) certificate: bool,
    pub(super) from: Vec<String>,
    pub(super) valid_until: Option<String>,
    pub(super) note: Option<String>,
}

/// A change that is in force.
#[derive(Debug)]
pub(super) struct Done {
    /// Of these accounts.
    pub(super) version: Version,
    /// Whether it has made an account.
    pub(super) is_new: bool,
}

/// Why something is not done.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// In one word.
    pub(super) error: &'static str,
    pub(super) message: String,
    /// What is wrong in the file, or would be.
    pub(super) mistakes: Option<Mistakes>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, error: &'static str, message: impl Into<String>) -> Self {
        Self { status, error, message: message.into(), mistakes: None }
    }
}

impl Desk {
    pub(super) fn new() -> Self {
        let (orders, taken) = mpsc::channel(WAITING);
        Self { orders, taken: Mutex::new(Some(taken)) }
    }

    /// Puts an order in, if there is room.
    pub(super) fn ask(&self, order: Order) -> Result<(), Refusal> {
        self.orders.try_send(order).map_err(|_| {
            let sentence = "too many changes of accounts wait, or the hub is being stopped: try again";
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "busy", sentence)
        })
    }

    /// The orders, for the one who carries them out.
    pub(super) fn orders(&self) -> mpsc::Receiver<Order> {
        // Who asks a second time gets none.
        self.taken.lock().take().unwrap_or_else(|| mpsc::channel(1).1)
    }
}

/// Carries an order out, away from the threads that serve sockets.
pub(super) async fn carry_out(app: &App, watch: &AccountsWatch, order: Order) {
    let Order { admin, address, is_untold, seen, change, done } = order;
    if done.is_closed() {
        return;
    }
    // Accounts change in this task alone, so this holds until the change is in force.
    if let Err(refused) = still_admin(&admin, address, is_untold) {
        let _ = done.send(Err(refused));
        return;
    }
    let admin = admin.user.name;
    let before = app.access.accounts();
    let (file, check, now) = (watch.file().to_path_buf(), watch.check(), Arc::clone(&before));
    let written = spawn_blocking(move || write(&file, &now, &check, seen.as_deref(), &change)).await;
    let broken = |_| Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "the hub is being stopped"));
    let answer = written.unwrap_or_else(broken).map(|(accounts, is_new)| {
        let version = accounts.version().clone();
        let replaced = app.access.replace_accounts(accounts);
        taken(app, &before, &replaced, By::Admin(&admin, address));
        Done { version, is_new }
    });
    if let Err(refused) = &answer
        && refused.status.is_server_error()
    {
        tracing::error!(%admin, "a change of the accounts was not written: {}", refused.message);
    }
    // Who asked may be gone.
    let _ = done.send(answer);
}

/// Whether who asked is still an admin: a request can wait long for its body and for its turn.
fn still_admin(admin: &SignedIn, address: IpAddr, is_untold: bool) -> Result<(), Refusal> {
    let Some(now) = admin.again(address, is_untold) else {
        audit::refused(&admin.user.name, Some(address), "admin", PATH);
        return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "ends", ENDED));
    };
    if now.user.rights.admin {
        return Ok(());
    }
    audit::refused(&admin.user.name, Some(address), "admin", PATH);
    Err(Refusal::new(StatusCode::FORBIDDEN, "rights", "this is for admins"))
}

/// Changes the file, if these accounts are what stands in it. Returns those that stand there now.
fn write(
    path: &Path,
    in_force: &Accounts,
    check: &Check,
    seen: Option<&[String]>,
    change: &Change,
) -> Result<(Accounts, bool), Refusal> {
    let version = in_force.version();
    if seen.is_some_and(|seen| !seen.iter().any(|seen| seen == version.as_str())) {
        let sentence = "the accounts were changed since you read them: read them again, and look whether the change still fits";
        return Err(Refusal::new(StatusCode::PRECONDITION_FAILED, "changed", sentence));
    }
    let mut file = AccountsFile::open(path).map_err(unfit)?;
    if file.version() != *version {
        let sentence =
            "somebody has just changed the file, and the hub has not taken it yet: ask again in a second";
        return Err(Refusal::new(StatusCode::CONFLICT, "file", sentence));
    }
    let is_new = apply(&mut file, change)?;
    let accounts = file.accounts().map_err(wrong)?;
    if !has_an_admin(&accounts) {
        let sentence = "this would leave no account that is an admin: make another one first";
        return Err(Refusal::new(StatusCode::CONFLICT, "admin", sentence));
    }
    check(&accounts).map_err(|mistake| wrong(FileError::Mistakes(mistake.into())))?;
    file.save().map_err(unfit)?;
    Ok((accounts, is_new))
}

/// Whether somebody may still change the accounts.
pub(super) fn has_an_admin(accounts: &Accounts) -> bool {
    let now = Moment::now().wall();
    accounts.iter().any(|account| account.rights().admin && !account.is_over(now))
}

/// Makes the change in the text. Returns whether it makes an account.
fn apply(file: &mut AccountsFile, change: &Change) -> Result<bool, Refusal> {
    match change {
        Change::Account(wanted, hash) => {
            has_rights(wanted)?;
            let entry = wanted.entry(USER, hash.as_deref());
            if file.has_in(USER, &wanted.name) {
                file.change(&entry);
                return Ok(false);
            }
            free(file, &wanted.name)?;
            file.add(&entry);
            Ok(true)
        }
        Change::Token(wanted, hash) => {
            has_rights(wanted)?;
            free(file, &wanted.name)?;
            file.add(&wanted.entry(TOKEN, Some(hash)));
            Ok(true)
        }
        Change::Remove(sort, name) => {
            if !file.has_in(sort, name) {
                let what = if *sort == USER { "account" } else { "token" };
                let sentence = format!("there is no {what} {name:?}");
                return Err(Refusal::new(StatusCode::NOT_FOUND, "account", sentence));
            }
            file.remove(sort, name);
            Ok(false)
        }
    }
}

impl Wanted {
    fn entry<'w>(&'w self, sort: &'static str, hash: Option<&'w str>) -> Entry<'w> {
        Entry {
            sort,
            name: &self.name,
            hash,
            role: self.role.as_deref(),
            base: self.base.as_deref(),
            subscribe: &self.subscribe,
            publish: &self.publish,
            retain: self.retain,
            admin: self.admin,
            certificate: self.certificate,
            from: &self.from,
            valid_until: self.valid_until.as_deref(),
            note: self.note.as_deref(),
        }
    }
}

/// As the command line wants it: an account without any right is a mistake, and so is a wildcard that means nothing here.
fn has_rights(wanted: &Wanted) -> Result<(), Refusal> {
    let refused = |sentence: String| Err(Refusal::new(StatusCode::BAD_REQUEST, "account", sentence));
    let filters = || wanted.subscribe.iter().chain(&wanted.publish);
    if wanted.role.is_none() && !wanted.admin && filters().next().is_none() {
        return refused("it would have no rights: give it a role or filters".to_owned());
    }
    match filters().find_map(|filter| Some((filter, foreign_wildcard(filter)?))) {
        Some((filter, (whose, meant))) => {
            refused(format!("{filter:?} has a wildcard {whose}; here it is {meant:?}"))
        }
        None => Ok(()),
    }
}

fn free(file: &AccountsFile, name: &str) -> Result<(), Refusal> {
    if file.has(name) {
        let sentence =
            format!("there is an account or a token {name:?}: choose another name, or remove that one first");
        return Err(Refusal::new(StatusCode::CONFLICT, "name", sentence));
    }
    Ok(())
}

/// The change makes no sense.
fn wrong(error: FileError) -> Refusal {
    let message = error.to_string();
    let mistakes = if let FileError::Mistakes(mistakes) = error { Some(mistakes) } else { None };
    Refusal { status: StatusCode::BAD_REQUEST, error: "account", message, mistakes }
}

/// The file cannot be changed as it is.
fn unfit(error: FileError) -> Refusal {
    const WRITABLE: &str = "nothing has changed. The hub writes the file beside the old one: its user has to be able to write the folder, \
                            too";
    match error {
        FileError::Broken { .. } => {
            let sentence = format!("{error}; {WRITABLE}");
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "file", sentence)
        }
        FileError::Mistakes(mistakes) => {
            let message =
                "the file has mistakes, and is not in force as it is: put them right first".to_owned();
            Refusal { status: StatusCode::CONFLICT, error: "file", message, mistakes: Some(mistakes) }
        }
        FileError::Unfit(_) | FileError::Changed(_) => {
            Refusal::new(StatusCode::CONFLICT, "file", error.to_string())
        }
    }
}
