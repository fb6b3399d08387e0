//! `clown-hub user`: what is needed to write `users.toml`.

use std::io::{IsTerminal, Write};

use anyhow::Context;
use clap::Subcommand;

use super::OperatorError;
use crate::access::hash_password;

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Ask for a password and print its hash, for `password` in users.toml
    #[command(after_help = "Example:\n  echo 'correct horse battery' | clown-hub user hash")]
    Hash,
}

pub(super) fn user(command: &UserCommand) -> anyhow::Result<()> {
    match command {
        UserCommand::Hash => hash(),
    }
}

fn hash() -> anyhow::Result<()> {
    let password = password()?;
    let hash = hash_password(&password).map_err(OperatorError::new)?;
    writeln!(std::io::stdout(), "{hash}").context("the hash could not be printed")
}

/// Asked for twice on a terminal; a line of standard input otherwise.
fn password() -> anyhow::Result<String> {
    if !std::io::stdin().is_terminal() {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).context("no password on standard input")?;
        return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
    }
    let password = rpassword::prompt_password("Password: ").context("the password could not be read")?;
    let again = rpassword::prompt_password("Once more: ").context("the password could not be read")?;
    if password == again { Ok(password) } else { Err(OperatorError::new("the two passwords differ").into()) }
}
