//! `clown-hub user`: the accounts in `users.toml`.

use std::io::IsTerminal;

use anyhow::Context;
use clap::{Args, Subcommand};

use super::accounts_file::AccountsFile;
use super::exit::help_end;
use super::serve::ConfigArgs;
use super::{OperatorError, habit, output};
use crate::access::{Accounts, hash_password};
use crate::topic::Filter;

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Add an account; asks for the password, or takes a line of standard input
    Add(AddArgs),
    /// Change the password of an account
    Passwd(NameArgs),
    /// List the accounts and what they may do
    List(ListArgs),
    /// Remove an account
    Remove(NameArgs),
    /// Ask for a password and print its hash, for `password` in users.toml
    #[command(after_help = "Example:\n  echo 'correct horse battery' | clown-hub user hash")]
    Hash,
}

#[derive(Debug, Args)]
#[command(after_help = help_end!("Examples:
  clown-hub user add jana --subscribe 'nodes/#' --publish 'nodes/+/+/relay/+/set'
  pwgen 24 1 | tee gateway.pw | clown-hub user add gateway --publish 'nodes/#' --subscribe 'nodes/#'"))]
pub(super) struct AddArgs {
    /// The name of the account
    name: String,
    /// Topics that the user may publish to; may be given several times
    #[arg(long, value_name = "FILTER")]
    publish: Vec<String>,
    /// Topics that the user may read; may be given several times
    #[arg(long, value_name = "FILTER")]
    subscribe: Vec<String>,
    /// The user may have any message kept as a last value (`pub --retain`)
    #[arg(long)]
    retain: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
#[command(after_help = help_end!("Examples:\n  clown-hub user passwd jana\n  clown-hub user remove jana"))]
pub(super) struct NameArgs {
    /// The name of the account
    name: String,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
#[command(after_help = help_end!("Example:\n  clown-hub user list --users /etc/clown-hub/users.toml"))]
pub(super) struct ListArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn user(command: &UserCommand) -> anyhow::Result<()> {
    match command {
        UserCommand::Add(args) => add(args),
        UserCommand::Passwd(args) => passwd(args),
        UserCommand::List(args) => list(args),
        UserCommand::Remove(args) => remove(args),
        UserCommand::Hash => output::print(&format!("{}\n", hash()?)),
    }
}

fn add(args: &AddArgs) -> anyhow::Result<()> {
    let (mut file, shown) = open(&args.config)?;
    if file.has(&args.name) {
        let sentence =
            format!("{shown} has an account {:?}; `clown-hub user passwd` changes its password", args.name);
        return Err(OperatorError::new(sentence).into());
    }
    if args.publish.is_empty() && args.subscribe.is_empty() {
        let sentence =
            "the account has no rights; give --subscribe or --publish a filter, as in --subscribe 'nodes/#'";
        return Err(OperatorError::new(sentence).into());
    }
    for filter in args.publish.iter().chain(&args.subscribe) {
        habit::wildcards(filter).map_err(OperatorError::new)?;
    }
    file.add(&args.name, &hash()?, &args.publish, &args.subscribe, args.retain);
    file.save()?;
    said(&format!("{} is in {shown} now", args.name))
}

fn passwd(args: &NameArgs) -> anyhow::Result<()> {
    let (mut file, shown) = open(&args.config)?;
    known(&file, &args.name, &shown)?;
    file.set_password(&args.name, &hash()?);
    file.save()?;
    said(&format!("{} has another password in {shown} now", args.name))
}

fn remove(args: &NameArgs) -> anyhow::Result<()> {
    let (mut file, shown) = open(&args.config)?;
    known(&file, &args.name, &shown)?;
    if file.len() == 1 {
        let sentence = format!(
            "{} is the only account, and a hub needs one at least; to go back to the demo, delete {shown}",
            args.name
        );
        return Err(OperatorError::new(sentence).into());
    }
    file.remove(&args.name);
    file.save()?;
    said(&format!("{} is not in {shown} any more", args.name))
}

fn list(args: &ListArgs) -> anyhow::Result<()> {
    let path = args.config.settings()?.users.file;
    let accounts: Accounts = super::serve::accounts(&path)?;
    let is_demo = accounts.is_demo();
    let listed = |filters: &[Filter]| {
        let names: Vec<_> = filters.iter().map(Filter::as_str).collect();
        if names.is_empty() { "nothing".to_owned() } else { names.join(" ") }
    };
    let accounts = accounts.iter().map(|(name, rights)| {
        let (subscribe, publish) = (listed(&rights.subscribe), listed(&rights.publish));
        let retain = if rights.retain { "; may retain" } else { "" };
        format!("{name}\n  subscribe  {subscribe}\n  publish    {publish}{retain}\n")
    });
    let about = if is_demo {
        "no accounts yet; until the first `clown-hub user add` there is the demo user:\n"
    } else {
        ""
    };
    output::print(&(about.to_owned() + &accounts.collect::<String>()))
}

fn open(config: &ConfigArgs) -> anyhow::Result<(AccountsFile, String)> {
    let path = config.settings()?.users.file;
    // Whole, as the hub may be started in another folder and look for its accounts there.
    let shown = std::path::absolute(&path).unwrap_or_else(|_| path.clone());
    Ok((AccountsFile::open(&path)?, shown.display().to_string()))
}

fn known(file: &AccountsFile, name: &str, shown: &str) -> Result<(), OperatorError> {
    if file.has(name) {
        return Ok(());
    }
    Err(OperatorError::new(format!("{shown} has no account {name:?}; `clown-hub user list` shows them")))
}

/// The running hub reads its accounts when it starts.
fn said(what: &str) -> anyhow::Result<()> {
    output::print(&format!("{what}; restart the hub, as it reads this file when it starts\n"))
}

fn hash() -> anyhow::Result<String> {
    // Shorter ones are guessed, in spite of the lockout.
    const LEAST: usize = 8;
    let password = password()?;
    let count = password.chars().count();
    if count < LEAST {
        let characters = if count == 1 { "character" } else { "characters" };
        let sentence = format!("the password has {count} {characters}; choose one of {LEAST} or more");
        return Err(OperatorError::new(sentence).into());
    }
    Ok(hash_password(&password).map_err(OperatorError::new)?)
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
