//! `clown-hub context`: the hubs that one works with, each under a name. A context is a file as `client.toml` is one.

use std::fs::{self, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::contexts::{Place, typed_name};
use super::exit::help_end;
use super::hub_args::{Secret, address_in};
use super::{OperatorError, escape, output};

pub(super) const EXAMPLES: &str = help_end!(
    "A context is the file contexts/NAME.toml beside client.toml, with the same keys; only you can read it.

Examples:
  clown-hub context add house wss://jana@hub.local/nodes --use
  clown-hub context list
  clown-hub sub --context lab
  clown-hub context use lab"
);

#[derive(Debug, Subcommand)]
pub(super) enum ContextCommand {
    /// Give a hub a name
    Add(AddArgs),
    /// Go to this hub from now on
    Use(UseArgs),
    /// List the contexts, and which one is in use
    List(ListArgs),
    /// Forget a context
    Remove(RemoveArgs),
}

#[derive(Debug, Args)]
#[command(after_help = help_end!("Examples:
  clown-hub context add house wss://jana@hub.local/nodes --use
  clown-hub context add lab ws://192.168.1.7:8080 --ca lab.pem"))]
pub(super) struct AddArgs {
    /// Its name
    #[arg(value_parser = typed_name)]
    name: String,
    /// The hub: ws://USER@HOST:PORT/BASE; the password is asked for
    url: Secret,
    /// For wss://: a file of authorities to trust besides those of the system
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// A file with the password
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Go to this hub from now on
    #[arg(long = "use")]
    chosen: bool,
    /// Put it in the place of the one that has this name
    #[arg(long)]
    replace: bool,
}

#[derive(Debug, Args)]
#[command(after_help = help_end!("Example:\n  clown-hub context use lab"))]
pub(super) struct UseArgs {
    /// Its name
    #[arg(value_parser = typed_name)]
    name: String,
}

#[derive(Debug, Args)]
#[command(after_help = help_end!("Example:\n  clown-hub context list"))]
pub(super) struct ListArgs {}

#[derive(Debug, Args)]
#[command(after_help = help_end!("Example:\n  clown-hub context remove lab"))]
pub(super) struct RemoveArgs {
    /// Its name
    #[arg(value_parser = typed_name)]
    name: String,
}

pub(super) fn context(command: &ContextCommand) -> anyhow::Result<()> {
    let place = Place::of_the_user().ok_or_else(|| {
        OperatorError::new("contexts are kept in the home directory, and there is none: set HOME")
    })?;
    match command {
        ContextCommand::Add(args) => place.add(args),
        ContextCommand::Use(args) => place.choose(&args.name),
        ContextCommand::List(_) => place.list(),
        ContextCommand::Remove(args) => place.remove(&args.name),
    }
}

impl Place {
    fn add(&self, args: &AddArgs) -> anyhow::Result<()> {
        let mut address = args.url.address("the URL")?;
        let file = self.file_of(&args.name);
        if file.exists() && !args.replace {
            let sentence =
                format!("there is a context {:?} already; --replace puts this one in its place", args.name);
            return Err(OperatorError::new(sentence).into());
        }
        let mut password_file = absolute(args.password_file.as_deref())?;
        if password_file.is_some() && !address.lacks_password() {
            let sentence =
                "--password-file goes with a URL that has a user and no password, as ws://USER@HOST:PORT";
            return Err(OperatorError::new(sentence).into());
        }
        let folder = self.folder();
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).with_context(|| shown(&folder))?;
        if password_file.is_none() && address.lacks_password() && io::stdin().is_terminal() {
            let password =
                rpassword::prompt_password("Password: ").context("the password could not be read")?;
            let beside = folder.join(format!("{}.password", args.name));
            write(&beside, &format!("{password}\n"))?;
            address.set_password(password.as_bytes());
            password_file = Some(beside);
        }
        let mut text = format!("url = {}\n", quoted(args.url.reveal()));
        for (key, path) in [("password_file", password_file), ("ca_file", absolute(args.ca.as_deref())?)] {
            if let Some(path) = path {
                let path =
                    path.to_str().with_context(|| format!("{}: the path is not UTF-8", path.display()))?;
                text.extend([key, " = ", &quoted(path), "\n"]);
            }
        }
        write(&file, &text)?;
        output::print(&format!("the context {} is {}\n", args.name, without_user(&file)?))?;
        if args.chosen { self.choose(&args.name) } else { Ok(()) }
    }

    fn choose(&self, name: &str) -> anyhow::Result<()> {
        let file = self.file(name, "context use")?;
        write(&self.chosen_file(), &format!("{name}\n"))?;
        output::print(&format!("commands go to {name} from now on: {}\n", without_user(&file)?))
    }

    fn list(&self) -> anyhow::Result<()> {
        let (names, chosen) = (self.names()?, self.chosen()?);
        if names.is_empty() {
            return output::print("there are no contexts; `clown-hub context add NAME URL` makes one\n");
        }
        for name in names {
            let mark = if chosen.as_ref() == Some(&name) { "*" } else { " " };
            let hub = without_user(&self.file_of(&name)).unwrap_or_else(|error| error.to_string());
            output::print(&format!("{mark} {name}  {}\n", escape::escaped(&hub)))?;
        }
        Ok(())
    }

    fn remove(&self, name: &str) -> anyhow::Result<()> {
        let file = self.file(name, "context remove")?;
        fs::remove_file(&file).with_context(|| shown(&file))?;
        // Only a password that was asked for is there.
        gone(&self.folder().join(format!("{name}.password")))?;
        if self.chosen()?.as_deref() == Some(name) {
            gone(&self.chosen_file())?;
        }
        output::print(&format!("the context {name} is forgotten\n"))
    }
}

/// What a context leads to, for people: without user and password.
fn without_user(file: &Path) -> Result<String, OperatorError> {
    Ok(address_in(file)?.without_user().to_string())
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn absolute(path: Option<&Path>) -> anyhow::Result<Option<PathBuf>> {
    path.map(|path| std::path::absolute(path).with_context(|| shown(path))).transpose()
}

/// Removes a file, if it is there.
fn gone(file: &Path) -> anyhow::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).with_context(|| shown(file)),
        _ => Ok(()),
    }
}

/// Writes a file that only its owner can read, whole or not at all.
fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    let half = file.with_extension(format!("{}.half", std::process::id()));
    let written =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&half).and_then(|mut made| {
            made.write_all(text.as_bytes())?;
            made.sync_all()?;
            fs::rename(&half, file)
        });
    if written.is_err() {
        let _ = fs::remove_file(&half);
    }
    written.with_context(|| shown(file))
}

/// A text in quotes: what JSON writes is TOML, too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
