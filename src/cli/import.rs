//! `clown-hub import`: what another broker was told, as files of ours. What has no counterpart is told with its line.

mod acl;
mod conf;
mod passwords;
mod told;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};

use self::acl::{Acl, Rules};
use self::conf::Conf;
use self::told::Told;
use super::exit::help_end;
use super::{OperatorError, output};
use crate::access::{hash_password, new_token};
use crate::accounts_file::{AccountsFile, Entry, FileError, USER};
use crate::config::{self, Sources};
use crate::operator::small_file;

/// The most that is read of one file.
const FILE_BYTES: u64 = 4 * 1024 * 1024;
/// Letters of a new password: 144 random bits, and short enough for every device.
const PASSWORD: usize = 24;

#[derive(Debug, Subcommand)]
pub(super) enum ImportCommand {
    /// Write the configuration and the accounts from the files of Mosquitto
    Mosquitto(MosquittoArgs),
}

pub(super) const EXAMPLES: &str = help_end!(
    "Example:
  clown-hub import mosquitto /etc/mosquitto/mosquitto.conf"
);

#[derive(Debug, Args)]
#[command(after_help = help_end!("Examples:
  clown-hub import mosquitto /etc/mosquitto/mosquitto.conf
  clown-hub import mosquitto mosquitto.conf passwd acl --directory /etc/clown-hub"))]
pub(super) struct MosquittoArgs {
    /// Its configuration, mosquitto.conf
    conf: PathBuf,
    /// Its users; else those of its configuration
    passwd: Option<PathBuf>,
    /// Who may do what; else as its configuration says
    acl: Option<PathBuf>,
    /// The folder for hub.toml and users.toml
    #[arg(long, value_name = "DIR", default_value = "config")]
    directory: PathBuf,
}

pub(super) fn import(command: &ImportCommand) -> anyhow::Result<()> {
    match command {
        ImportCommand::Mosquitto(args) => mosquitto(args),
    }
}

fn mosquitto(args: &MosquittoArgs) -> anyhow::Result<()> {
    let [hub, users] = ["hub.toml", "users.toml"].map(|name| args.directory.join(name));
    for ours in [&hub, &users] {
        if ours.exists() {
            let sentence =
                format!("{} is there already: name another --directory, or move it away", ours.display());
            return Err(OperatorError::new(sentence).into());
        }
    }
    let mut report = Report::default();
    let mut conf = Conf::read(&text(&args.conf)?);
    // What the configuration names lies beside it, if it is not named from the root.
    let beside = |name: &String| args.conf.parent().unwrap_or(Path::new("")).join(name);
    let passwd = args.passwd.clone().or_else(|| conf.password_file.as_ref().map(beside));
    let acl = args.acl.clone().or_else(|| conf.acl_file.as_ref().map(beside));
    let rights = match &acl {
        Some(path) => {
            let (acl, told) = Acl::read(&text(path)?);
            report.not_taken(path, told);
            Some(acl)
        }
        None => None,
    };
    let names = match &passwd {
        Some(path) => {
            let (names, told) = passwords::read(&text(path)?);
            report.not_taken(path, told);
            names
        }
        None => Vec::new(),
    };
    if let (Some(acl), Some(path)) = (&rights, &acl) {
        let known = |name: &str| names.iter().any(|(_, known)| known == name);
        report.not_taken(path, acl.strangers(known));
    }
    std::fs::create_dir_all(&args.directory)
        .with_context(|| format!("the folder {} could not be made", args.directory.display()))?;
    let accounts = accounts(&users, &names, rights.as_ref(), passwd.as_deref(), &mut report)?;
    if accounts > 0 {
        conf.users_are_in(&users);
    }
    report.not_taken(&args.conf, std::mem::take(&mut conf.told));
    let text = conf.toml(&args.conf.display().to_string());
    let written = std::fs::write(&hub, &text);
    // Before anything can go wrong: passwords are told this once, and what was not taken over says what is to be put right.
    output::print(&report.text(&hub, (accounts > 0).then_some((&users, accounts)), rights.is_some()))?;
    written.with_context(|| format!("{} could not be written", hub.display()))?;
    check(&hub)
}

/// What we wrote is what the hub takes: a mistake of ours is told here, and not by a hub that does not start.
fn check(hub: &Path) -> anyhow::Result<()> {
    let sources = Sources { file: Some(hub.to_owned()), ..Sources::default() };
    config::load(&sources).map(drop).map_err(|mistakes| {
        let head = "what was written has mistakes; correct them by hand:";
        OperatorError::list(head, mistakes).into()
    })
}

fn text(path: &Path) -> anyhow::Result<String> {
    let told = |error| OperatorError::new(format!("{} {error}", path.display()));
    Ok(small_file::text(path, FILE_BYTES).map_err(told)?)
}

/// Writes the accounts. Returns how many they are.
fn accounts(
    file: &Path,
    names: &[(usize, String)],
    acl: Option<&Acl>,
    passwd: Option<&Path>,
    report: &mut Report,
) -> anyhow::Result<usize> {
    let mut accounts = AccountsFile::open(file).map_err(broken)?;
    let everything = Rules { subscribe: vec!["#".to_owned()], publish: vec!["#".to_owned()] };
    let mut count = 0;
    for (line, name) in names {
        let rules = acl.map_or_else(|| everything.clone(), |acl| acl.rules_of(name));
        let password: String = new_token()?.token.chars().rev().take(PASSWORD).collect();
        let hash = hash_password(&password)?;
        let entry = Entry {
            sort: USER,
            name,
            hash: Some(&hash),
            subscribe: &rules.subscribe,
            publish: &rules.publish,
            // Mosquitto has no right for it.
            retain: !rules.publish.is_empty(),
            ..Entry::default()
        };
        let mut alone = AccountsFile::open(&file.with_extension("one")).map_err(broken)?;
        alone.add(&entry);
        let refused = match alone.accounts() {
            Err(FileError::Mistakes(mistakes)) => {
                mistakes.into_iter().next().map(|mistake| mistake.to_string())
            }
            Err(error) => Some(error.to_string()),
            Ok(_) => None,
        };
        if let (Some(refused), Some(passwd)) = (refused, passwd) {
            let why = refused.rsplit_once(": ").map_or(&*refused, |(_, why)| why);
            report.not_taken(
                passwd,
                vec![Told::new(*line, format!("the account {name:?} is not made: {why}"))],
            );
            continue;
        }
        accounts.add(&entry);
        report.passwords.push((name.clone(), password));
        count += 1;
    }
    if count > 0 {
        accounts.save().map_err(broken)?;
    }
    Ok(count)
}

fn broken(error: FileError) -> anyhow::Error {
    match error {
        FileError::Unfit(sentence) | FileError::Changed(sentence) => OperatorError::new(sentence).into(),
        FileError::Mistakes(mistakes) => OperatorError::list("the accounts have mistakes:", mistakes).into(),
        FileError::Broken { sentence, error } => anyhow::Error::new(error).context(sentence),
    }
}

/// What is told in the end.
#[derive(Default)]
struct Report {
    passwords: Vec<(String, String)>,
    /// File, line and sentence.
    told: Vec<String>,
}

impl Report {
    fn not_taken(&mut self, path: &Path, told: Vec<Told>) {
        let shown = path.display();
        self.told
            .extend(told.into_iter().map(|Told { line, sentence }| format!("{shown}:{line}: {sentence}")));
    }

    fn text(&self, hub: &Path, users: Option<(&PathBuf, usize)>, has_acl: bool) -> String {
        let mut text = format!("written: {}\n", hub.display());
        match users {
            Some((users, count)) => {
                let accounts = if count == 1 { "account" } else { "accounts" };
                let _ = writeln!(text, "written: {}, {count} {accounts}", users.display());
                text.push_str(
                    "\nNew passwords, told this once: hashes of mosquitto_passwd are of another kind.\n",
                );
                for (name, password) in &self.passwords {
                    let _ = writeln!(text, "  {name}  {password}");
                }
                text.push_str(
                    "\nNo account is an admin yet: `clown-hub user add NAME --admin` makes one for the page.\n",
                );
            }
            None => text.push_str(
                "\nThere were no users, and everybody has an account here: `clown-hub user add NAME --admin` makes the first.\n",
            ),
        }
        if has_acl {
            text.push_str("Who subscribes to more than the account may read is refused; Mosquitto leaves out what may not be read.\n");
        }
        if !self.told.is_empty() {
            text.push_str("\nNot taken over:\n");
            for line in &self.told {
                let _ = writeln!(text, "{line}");
            }
        }
        text
    }
}
