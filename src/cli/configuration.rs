//! `clown-hub config`: what is set, by whom, and what could be.

use clap::{Args, Subcommand};

use super::exit::help_end;
use super::serve::ConfigArgs;
use super::{OperatorError, output};
use crate::config::{self, Key};

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Check the configuration and the accounts, and print every mistake
    Check(CheckArgs),
    /// Print every key with its value in effect, and where the value comes from
    Show(ShowArgs),
    /// Print every key with its default, range and meaning
    #[command(after_help = help_end!("Example:\n  clown-hub config docs | grep seconds"))]
    Docs,
}

#[derive(Debug, Args)]
#[command(after_help = help_end!("Example:\n  clown-hub config check --config /etc/clown-hub/hub.toml"))]
pub(super) struct CheckArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
#[command(after_help = help_end!("Example:\n  clown-hub config show --set limits.filters=50 | grep -v default"))]
pub(super) struct ShowArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn config(command: &ConfigCommand) -> anyhow::Result<()> {
    match command {
        ConfigCommand::Check(args) => check(&args.config),
        ConfigCommand::Show(args) => show(&args.config),
        ConfigCommand::Docs => docs(),
    }
}

fn check(args: &ConfigArgs) -> anyhow::Result<()> {
    let settings = args.settings()?;
    let accounts = super::serve::accounts(&settings.users.file)?;
    super::serve::refuse_demo_elsewhere(&accounts, &settings)?;
    for sentence in super::serve::never_given_a_password(&accounts, &settings.users.file) {
        output::notice(&sentence);
    }
    let rules = &settings.history.rules;
    let rule = |number: usize| rules.get(number - 1).map_or("", |rule| rule.filter.as_str());
    for (number, before) in settings.history.shadowed() {
        let [filter, other] = [number, before].map(rule);
        output::notice(&format!(
            "history.rules, rule {number} ({filter}) never counts: rule {before} ({other}) comes before it and names all of its topics"
        ));
    }
    let who = if accounts.is_demo() {
        "the demo user".to_owned()
    } else {
        settings.users.file.display().to_string()
    };
    output::print(&format!(
        "the configuration is good; it listens on {}, with {who}\n",
        settings.server.listen
    ))
}

fn show(args: &ConfigArgs) -> anyhow::Result<()> {
    let (keys, mistakes) = config::keys(&args.sources());
    let width =
        |of: fn(&Key) -> &str| keys.iter().map(|key| of(key).chars().count()).max().unwrap_or_default();
    let (names, values) = (width(|key| &key.name), width(|key| &key.value).min(40));
    let line = |key: &Key| format!("{:names$}  {:values$}  {}\n", key.name, key.value, key.origin);
    output::print(&keys.iter().map(line).collect::<String>())?;
    match mistakes {
        None => Ok(()),
        Some(mistakes) => Err(OperatorError::list("configuration", mistakes).into()),
    }
}

fn docs() -> anyhow::Result<()> {
    let (keys, _) =
        config::keys(&config::Sources { file: None, directory: "/nowhere".into(), ..Default::default() });
    let head = "| key | default | range | unit | meaning |\n|---|---|---|---|---|\n";
    let row = |key: &Key| {
        let Key { name, value, range, unit, meaning, .. } = key;
        format!("| `{name}` | `{value}` | {range} | {unit} | {meaning} |\n")
    };
    output::print(&format!("{head}{}", keys.iter().map(row).collect::<String>()))
}
