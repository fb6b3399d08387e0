//! `clown-hub token`: long random secrets for devices and for those who are shown something, in `users.toml`.

use clap::{Args, Subcommand};

use super::exit::help_end;
use super::serve::ConfigArgs;
use super::user::{described, open};
use super::{OperatorError, habit, output};
use crate::access::{Accounts, RoleName, new_token};
use crate::accounts_file::{Entry, TOKEN};

pub(super) const EXAMPLES: &str = help_end!(
    "A token is a sign-in by itself: as the password of its name, as `Authorization: Bearer TOKEN`, or as the subprotocol
auth.TOKEN of a socket. It is printed once, on standard output; the file has a digest of it.

Examples:
  clown-hub token add porch --node nodes/porch
  clown-hub token add visitors --dashboard nodes --valid-until 2026-12-31
  clown-hub token add meter --publish 'nodes/meter/#' --note 'in the cellar'
  clown-hub token revoke visitors"
);

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token, and print it
    Add(AddArgs),
    /// List the tokens and what they may do
    List(ListArgs),
    /// Remove a token: whatever came in by it is cut off
    Revoke(RevokeArgs),
}

#[derive(Debug, Args)]
#[command(after_help = help_end!("Examples:
  clown-hub token add porch --node nodes/porch
  clown-hub token add visitors --dashboard nodes --valid-until 2026-12-31"), after_long_help = EXAMPLES)]
pub(super) struct AddArgs {
    /// The name of the token: readers see it in `from`
    name: String,
    /// A node or a gateway: reads and publishes everything under this base
    #[arg(long, value_name = "BASE", group = "role")]
    node: Option<String>,
    /// Reads everything under this base; "" is the root
    #[arg(long, value_name = "BASE", group = "role")]
    dashboard: Option<String>,
    /// Reads everything under this base, and sends set and get
    #[arg(long, value_name = "BASE", group = "role")]
    operator: Option<String>,
    /// Topics to publish to; may be given several times
    #[arg(long, value_name = "FILTER")]
    publish: Vec<String>,
    /// Topics to read; may be given several times
    #[arg(long, value_name = "FILTER")]
    subscribe: Vec<String>,
    /// Networks or addresses that it may come from; may be given several times
    #[arg(long, value_name = "NETWORK", hide_short_help = true)]
    from: Vec<String>,
    /// The last day of the token (UTC), or the moment at which it ends, as 2026-12-31T18:00:00Z
    #[arg(long, value_name = "DATE", hide_short_help = true)]
    valid_until: Option<String>,
    /// What to remember about the token
    #[arg(long, value_name = "TEXT", hide_short_help = true)]
    note: Option<String>,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
#[command(after_help = help_end!("Example:\n  clown-hub token list"))]
pub(super) struct ListArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
#[command(after_help = help_end!("Example:\n  clown-hub token revoke visitors"))]
pub(super) struct RevokeArgs {
    /// The name of the token
    name: String,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn token(command: &TokenCommand) -> anyhow::Result<()> {
    match command {
        TokenCommand::Add(args) => add(args),
        TokenCommand::List(args) => list(args),
        TokenCommand::Revoke(args) => revoke(args),
    }
}

fn add(args: &AddArgs) -> anyhow::Result<()> {
    let mut accounts = open(&args.config)?;
    if accounts.file.has(&args.name) {
        let sentence =
            format!("{} has an account or a token {:?}; choose another name", accounts.shown, args.name);
        return Err(OperatorError::new(sentence).into());
    }
    if accounts.file.users() == 0 {
        let sentence = "there are no accounts yet, and the first one is an admin: run `clown-hub user add NAME --admin` first";
        return Err(OperatorError::new(sentence).into());
    }
    let roles = [
        (RoleName::Node, &args.node),
        (RoleName::Dashboard, &args.dashboard),
        (RoleName::Operator, &args.operator),
    ];
    let role = roles.into_iter().find_map(|(name, base)| Some((name.word(), base.as_deref()?)));
    if role.is_none() && args.publish.is_empty() && args.subscribe.is_empty() {
        let sentence = "the token has no rights; give it a role, as --dashboard nodes, or filters, as --publish 'nodes/meter/#'";
        return Err(OperatorError::new(sentence).into());
    }
    for filter in args.publish.iter().chain(&args.subscribe) {
        habit::wildcards(filter).map_err(OperatorError::new)?;
    }
    let new = new_token()?;
    accounts.file.add(&Entry {
        sort: TOKEN,
        name: &args.name,
        hash: Some(&new.hash),
        role: role.map(|(word, _)| word),
        base: role.map(|(_, base)| base),
        subscribe: &args.subscribe,
        publish: &args.publish,
        from: &args.from,
        valid_until: args.valid_until.as_deref(),
        note: args.note.as_deref(),
        ..Entry::default()
    });
    let became = accounts.written()?;
    output::print(&format!("{}\n", new.token))?;
    output::notice(&format!(
        "the token {} is in {}; {}. It is not shown again",
        args.name, accounts.shown, became.sentence
    ));
    became.is_in_effect()
}

fn list(args: &ListArgs) -> anyhow::Result<()> {
    let accounts: Accounts = super::serve::accounts(&args.config.settings()?.users.file)?;
    let tokens: String = accounts
        .iter()
        .filter(|account| account.is_token())
        .map(|account| described(account, false))
        .collect();
    output::print(if tokens.is_empty() { "there are no tokens\n" } else { &tokens })
}

fn revoke(args: &RevokeArgs) -> anyhow::Result<()> {
    let mut accounts = open(&args.config)?;
    if !accounts.file.has_in(TOKEN, &args.name) {
        let sentence =
            format!("{} has no token {:?}; `clown-hub token list` shows them", accounts.shown, args.name);
        return Err(OperatorError::new(sentence).into());
    }
    accounts.file.remove(TOKEN, &args.name);
    let became = accounts.written()?;
    let (name, file, sentence) = (&args.name, &accounts.shown, &became.sentence);
    output::print(&format!("the token {name} is not in {file} any more; {sentence}\n"))?;
    became.is_in_effect()
}
