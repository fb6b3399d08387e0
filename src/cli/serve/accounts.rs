//! The accounts that a hub starts with.

use std::path::Path;

use super::super::exit::OperatorError;
use super::demo::{never_given_a_password, refuse_demo_elsewhere};
use crate::access::{ACCOUNTS_BYTES, Accounts, AccountsWatch};
use crate::accounts_file::DEMO_WITHOUT;
use crate::config::Settings;
use crate::operator::Mistake;
use crate::operator::small_file::{self, Unreadable};

/// The accounts of the file; the demo user where there is no file.
pub(in crate::cli) fn accounts(file: &Path) -> Result<Accounts, OperatorError> {
    let shown = file.display();
    match small_file::text(file, ACCOUNTS_BYTES) {
        Ok(text) => Accounts::parse(&text, &shown.to_string())
            .map_err(|mistakes| OperatorError::list("accounts", &mistakes)),
        Err(Unreadable::Missing) if file == Path::new(DEMO_WITHOUT) => Ok(Accounts::demo()),
        Err(Unreadable::Missing) => Err(OperatorError::new(format!(
            "{shown}: there is no such file; `clown-hub user add NAME --admin --users {shown}` \
             creates it, or leave users.file out to try the hub with the demo user"
        ))),
        Err(why) => Err(OperatorError::new(format!("{shown}: the file of the accounts {why}"))),
    }
}

/// Watches that file. What the hub refuses at its start it refuses later, too.
pub(super) fn watch(settings: &Settings) -> AccountsWatch {
    let settings = settings.clone();
    AccountsWatch::new(settings.users.file.clone(), move |accounts| {
        refuse_demo_elsewhere(accounts, &settings)
            .map_err(|refused| Mistake::at(settings.users.file.display().to_string(), refused))?;
        for sentence in never_given_a_password(accounts, &settings.users.file) {
            tracing::warn!("{sentence}");
        }
        Ok(())
    })
}
