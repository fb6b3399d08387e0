//! Where the passwords of the demo and of the example are accepted.

use std::path::Path;

use super::super::exit::OperatorError;
use crate::access::Accounts;
use crate::config::Settings;

/// The demo's password stands in every manual, so it opens nothing that others can reach.
pub(in crate::cli) fn refuse_demo_elsewhere(accounts: &Accounts, settings: &Settings) -> anyhow::Result<()> {
    let listeners = settings.listeners();
    let Some(open) =
        listeners.into_iter().filter_map(|(_, address)| address).find(|address| !address.ip().is_loopback())
    else {
        return Ok(());
    };
    if accounts.is_demo() {
        let file = settings.users.file.display();
        return Err(OperatorError::new(format!(
            "refusing to listen on {open} with the demo user clown, whose password everybody knows: \
             make an account in {file} with `clown-hub user add NAME --admin`, \
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
pub(in crate::cli) fn never_given_a_password(accounts: &Accounts, file: &Path) -> Vec<String> {
    let sentence = |name| {
        let file = file.display();
        format!(
            "{file}: the account {name} still has the password of config/users.toml.example, which nobody knows; \
             give it one with `clown-hub user passwd {name}`, or remove it"
        )
    };
    accounts.from_the_example().map(sentence).collect()
}
