//! `clown-hub user`: the accounts in `users.toml`.

use std::io::IsTerminal;

use anyhow::Context;
use clap::{Args, Subcommand};

use super::exit::help_end;
use super::serve::ConfigArgs;
use super::{OperatorError, escape, habit, in_force, output};
use crate::access::{Account, Accounts, RoleName, check_new_password, hash_password};
use crate::accounts_file::{AccountsFile, Entry, FileError, USER};
use crate::config::Settings;
use crate::talk::timestamp;
use crate::topic::Filter;

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Add an account; asks for the password, or takes a line of standard input
    Add(Box<AddArgs>),
    /// Change the password of an account
    Passwd(NameArgs),
    /// List the accounts and what they may do
    List(ListArgs),
    /// Remove an account
    Remove(NameArgs),
    /// Ask for a password and print its hash, for `password` in users.toml
    #[command(after_help = "Example:\n  echo 'correct horse battery' | clown-hub user hash")]
    Hash(HashArgs),
}

#[derive(Debug, Args)]
#[command(after_help = help_end!("Examples:
  clown-hub user add jana --admin
  clown-hub user add kitchen --node nodes/kitchen/0"),
after_long_help = help_end!("The first account of a hub is an admin.

Examples:
  clown-hub user add jana --admin
  clown-hub user add kitchen --node nodes/kitchen/0
  clown-hub user add tablet --dashboard nodes --note 'on the wall of the hall'
  clown-hub user add guest --operator nodes/guestroom --valid-until 2026-12-31 --from 192.168.1.0/24
  pwgen 24 1 | tee gateway.pw | clown-hub user add gateway --publish 'nodes/#' --subscribe 'nodes/#'"))]
pub(super) struct AddArgs {
    /// The name of the account
    name: String,
    #[command(flatten)]
    role: RoleArgs,
    /// Topics that the user may publish to; may be given several times
    #[arg(long, value_name = "FILTER")]
    publish: Vec<String>,
    /// Topics that the user may read; may be given several times
    #[arg(long, value_name = "FILTER")]
    subscribe: Vec<String>,
    /// The user may have any message kept as a last value (`pub --retain`)
    #[arg(long, hide_short_help = true)]
    retain: bool,
    /// Networks or addresses that the user may come from; may be given several times
    #[arg(long, value_name = "NETWORK", hide_short_help = true)]
    from: Vec<String>,
    /// The last day of the account (UTC), or the moment at which it ends, as 2026-12-31T18:00:00Z
    #[arg(long, value_name = "DATE", hide_short_help = true)]
    valid_until: Option<String>,
    /// What to remember about the account
    #[arg(long, value_name = "TEXT", hide_short_help = true)]
    note: Option<String>,
    #[command(flatten)]
    config: ConfigArgs,
}

/// A word for the rules that most accounts need.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct RoleArgs {
    /// May do everything, and reads the hub's own figures
    #[arg(long)]
    admin: bool,
    /// A node or a gateway: reads and publishes everything under this base
    #[arg(long, value_name = "BASE")]
    node: Option<String>,
    /// Reads everything under this base; "" is the root
    #[arg(long, value_name = "BASE")]
    dashboard: Option<String>,
    /// Reads everything under this base, and sends set and get
    #[arg(long, value_name = "BASE")]
    operator: Option<String>,
}

impl RoleArgs {
    /// The role and its base.
    fn chosen(&self) -> Option<(RoleName, Option<&str>)> {
        let based = [
            (RoleName::Node, &self.node),
            (RoleName::Dashboard, &self.dashboard),
            (RoleName::Operator, &self.operator),
        ];
        let based = based.into_iter().find_map(|(name, base)| Some((name, Some(base.as_deref()?))));
        based.or_else(|| self.admin.then_some((RoleName::Admin, None)))
    }
}

#[derive(Debug, Args)]
pub(super) struct HashArgs {
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
        UserCommand::Hash(args) => {
            let settings = args.config.settings()?;
            output::print(&format!("{}\n", hash("Password", &settings)?))
        }
    }
}

fn add(args: &AddArgs) -> anyhow::Result<()> {
    let mut accounts = open(&args.config)?;
    let shown = &accounts.shown;
    if accounts.file.has(&args.name) {
        let sentence =
            format!("{shown} has an account {:?}; `clown-hub user passwd` changes its password", args.name);
        return Err(OperatorError::new(sentence).into());
    }
    let role = args.role.chosen();
    if role.is_none() && args.publish.is_empty() && args.subscribe.is_empty() {
        let sentence = "the account has no rights; give it a role, as --node nodes/kitchen/0, --dashboard nodes or --admin, or \
                        filters, as in --subscribe 'nodes/#'";
        return Err(OperatorError::new(sentence).into());
    }
    for filter in args.publish.iter().chain(&args.subscribe) {
        habit::wildcards(filter).map_err(OperatorError::new)?;
    }
    if accounts.file.users() == 0 && !args.role.admin {
        add_an_admin(&mut accounts)?;
    }
    let (role, base) = role.map_or((None, None), |(name, base)| (Some(name.word()), base));
    let mut account = Entry {
        sort: USER,
        name: &args.name,
        // So that what is wrong is said before anybody has typed a password.
        hash: Some(UNUSABLE),
        role,
        base,
        subscribe: &args.subscribe,
        publish: &args.publish,
        retain: args.retain,
        from: &args.from,
        valid_until: args.valid_until.as_deref(),
        note: args.note.as_deref(),
        ..Entry::default()
    };
    accounts.file.add(&account);
    accounts.file.accounts().map_err(told)?;
    accounts.file.remove(USER, &args.name);
    let hash = hash(&format!("Password of {}", args.name), &accounts.settings)?;
    account.hash = Some(&hash);
    accounts.file.add(&account);
    accounts.save(&format!("{} is in {}", args.name, accounts.shown))
}

/// A hash that no password has.
const UNUSABLE: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$h+NixyO4gGPt8Sx0VBu9PA$HscoF+yQJiRdCDeYRGHdTkxVRsh13gNPgh0t8vxx50Q";

/// With the first account the demo ends, and who runs the hub would be shut out of it.
fn add_an_admin(accounts: &mut Opened) -> anyhow::Result<()> {
    if !std::io::stdin().is_terminal() {
        let sentence = "the first account is an admin, so that somebody may see and do everything: run \
                        `clown-hub user add NAME --admin` first";
        return Err(OperatorError::new(sentence).into());
    }
    output::print(
        "There are no accounts yet. The first one is an admin, who may see and do everything.\nName of the admin: ",
    )?;
    let mut name = String::new();
    std::io::stdin().read_line(&mut name).context("no name on standard input")?;
    let name = name.trim();
    let hash = hash(&format!("Password of {name}"), &accounts.settings)?;
    let admin =
        Entry { sort: USER, name, hash: Some(&hash), role: Some(RoleName::Admin.word()), ..Entry::default() };
    accounts.file.add(&admin);
    accounts.file.accounts().map(drop).map_err(told)
}

fn passwd(args: &NameArgs) -> anyhow::Result<()> {
    let mut accounts = open(&args.config)?;
    known(&accounts.file, &args.name, &accounts.shown)?;
    let hash = hash("Password", &accounts.settings)?;
    accounts.file.set_password(&args.name, &hash);
    accounts.save(&format!("{} has another password in {}", args.name, accounts.shown))
}

fn remove(args: &NameArgs) -> anyhow::Result<()> {
    let mut accounts = open(&args.config)?;
    let shown = &accounts.shown;
    known(&accounts.file, &args.name, shown)?;
    if accounts.file.users() == 1 {
        let sentence = format!(
            "{} is the only account, and a hub needs one at least; to go back to the demo, stop the hub and delete {shown}",
            args.name
        );
        return Err(OperatorError::new(sentence).into());
    }
    accounts.file.remove(USER, &args.name);
    accounts.save(&format!("{} is not in {} any more", args.name, accounts.shown))
}

fn list(args: &ListArgs) -> anyhow::Result<()> {
    let path = args.config.settings()?.users.file;
    let accounts: Accounts = super::serve::accounts(&path)?;
    let about = if accounts.is_demo() {
        "no accounts yet; until the first `clown-hub user add` there is the demo user:\n"
    } else {
        ""
    };
    let users = accounts.iter().filter(|account| !account.is_token());
    output::print(&(about.to_owned() + &users.map(|account| described(account, false)).collect::<String>()))
}

/// An account in some lines, with the filters of its role if all are wanted.
pub(super) fn described(account: &Account, all: bool) -> String {
    let (rights, role) = (account.rights(), account.role());
    let listed = |filters: &[Filter], of_role: &[Filter]| {
        let own = filters.iter().filter(|filter| all || !of_role.contains(filter));
        let names: Vec<_> = own.map(|filter| escape::escaped(filter.as_str()).into_owned()).collect();
        if names.is_empty() { None } else { Some(names.join(" ")) }
    };
    let of_role = role.map(|role| role.rights().clone()).unwrap_or_default();
    let nothing = || role.is_none().then(|| "nothing".to_owned());
    let retain = if rights.retain && (all || !of_role.retain) { "; may retain" } else { "" };
    let publish = listed(&rights.publish, &of_role.publish).or_else(nothing);
    let lines = [
        ("role", role.map(ToString::to_string)),
        ("subscribe", listed(&rights.subscribe, &of_role.subscribe).or_else(nothing)),
        ("publish", publish.map(|publish| publish + retain)),
        ("admin", (rights.admin && (all || !of_role.admin)).then(|| "yes".to_owned())),
        ("from", Some(account.from().collect::<Vec<_>>().join(" ")).filter(|from| !from.is_empty())),
        ("valid until", account.valid_until().map(timestamp::seconds)),
        ("note", account.note().map(|note| escape::escaped(note).into_owned())),
    ];
    let lines = lines.into_iter().filter_map(|(key, text)| Some(format!("  {key:<11}  {}\n", text?)));
    format!("{}\n{}", account.name(), lines.collect::<String>())
}

/// The file of the accounts, to be changed.
pub(super) struct Opened {
    pub(super) file: AccountsFile,
    settings: Settings,
    /// Whole, as the hub may be started in another folder and look for its accounts there.
    pub(super) shown: String,
}

impl Opened {
    /// Writes the file, and says what was done and whether that is in effect.
    fn save(&self, what: &str) -> anyhow::Result<()> {
        let became = self.written()?;
        output::print(&format!("{what}; {}\n", became.sentence))?;
        became.is_in_effect()
    }

    /// Writes the file, and says whether that is in effect.
    pub(super) fn written(&self) -> anyhow::Result<in_force::Became> {
        let version = self.file.save().map_err(told)?;
        Ok(in_force::wait_for(self.settings.server.listen, &version, self.settings.users.are_shared))
    }
}

pub(super) fn open(config: &ConfigArgs) -> anyhow::Result<Opened> {
    let settings = config.settings()?;
    let path = &settings.users.file;
    let shown = std::path::absolute(path).unwrap_or_else(|_| path.clone()).display().to_string();
    Ok(Opened { file: AccountsFile::open(path).map_err(told)?, settings, shown })
}

/// What is wrong with the file, with its exit code.
pub(super) fn told(error: FileError) -> anyhow::Error {
    match error {
        FileError::Unfit(sentence) => OperatorError::new(sentence).into(),
        FileError::Mistakes(mistakes) => OperatorError::list("accounts", mistakes).into(),
        FileError::Changed(_) => OperatorError::new(format!("{error}; run the command again")).into(),
        FileError::Broken { sentence, error } => anyhow::Error::new(error).context(sentence),
    }
}

fn known(file: &AccountsFile, name: &str, shown: &str) -> Result<(), OperatorError> {
    if file.has_in(USER, name) {
        return Ok(());
    }
    Err(OperatorError::new(format!("{shown} has no account {name:?}; `clown-hub user list` shows them")))
}

/// A new password, asked for under this name, and hashed.
fn hash(prompt: &str, settings: &Settings) -> anyhow::Result<String> {
    // Shorter ones are guessed, in spite of the lockout.
    let least = settings.users.shortest_password;
    let password = password(prompt)?;
    check_new_password(&password, least).map_err(OperatorError::new)?;
    Ok(hash_password(&password).map_err(OperatorError::new)?)
}

/// Asked for twice on a terminal; a line of standard input otherwise.
fn password(prompt: &str) -> anyhow::Result<String> {
    if !std::io::stdin().is_terminal() {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).context("no password on standard input")?;
        return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
    }
    let ask = |prompt: &str| rpassword::prompt_password(prompt).context("the password could not be read");
    let password = ask(&format!("{prompt}: "))?;
    let again = ask("Once more: ")?;
    if password == again { Ok(password) } else { Err(OperatorError::new("the two passwords differ").into()) }
}
