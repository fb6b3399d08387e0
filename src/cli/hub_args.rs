//! Which hub a client goes to: `--context`, else `--url`, else `CLOWN_HUB_URL`, else `CLOWN_HUB_CONTEXT`, else the context in use,
//! else `client.toml`, else the hub of this machine.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::Args;

use super::contexts::{Place, typed_name};
use super::{OperatorError, output};
use crate::client::Address;
use crate::operator::small_file::{self, Unreadable};
use crate::operator::{Form, Mistake, Mistakes, Tells};

/// Where a hub listens by default.
const HERE: &str = "ws://127.0.0.1:8080";
/// What to write in `client.toml`.
const FORM: &str = "ws://USER:PASSWORD@HOST:PORT/BASE";
/// The most that is read of `client.toml` and of a password's file.
const FILE_BYTES: u64 = 64 * 1024;
/// The keys of `client.toml`.
const KEYS: [&str; 3] = ["url", "password_file", "ca_file"];

const URL_HELP: &str = "Hub: ws://USER:PASSWORD@HOST:PORT/BASE; else CLOWN_HUB_URL or client.toml";

#[derive(Debug, Default, Args)]
pub(super) struct HubArgs {
    #[arg(long, value_name = "URL", env = "CLOWN_HUB_URL", hide_env = true, help = URL_HELP)]
    url: Option<Secret>,
    /// The hub of this context (`clown-hub context`)
    #[arg(long, value_name = "NAME", value_parser = typed_name)]
    context: Option<String>,
    /// For wss://: a file of authorities to trust besides those of the system
    #[arg(long, value_name = "FILE", env = "CLOWN_HUB_CA", hide_env = true, hide_short_help = true)]
    ca: Option<PathBuf>,
}

/// A text that Debug does not show.
#[derive(Clone)]
pub(super) struct Secret(String);

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Secret {
    /// As it was typed, for a file that only its owner can read.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }

    /// The address that it is; `origin` says where it was found.
    pub(super) fn address(&self, origin: &str) -> Result<Address, OperatorError> {
        parse(origin, &self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl HubArgs {
    pub(super) fn address(&self) -> anyhow::Result<Address> {
        Ok(self.trusted(self.named()?))
    }

    /// An address that was found elsewhere, with the authorities of `--ca`.
    pub(super) fn trusted(&self, mut address: Address) -> Address {
        if let Some(file) = &self.ca {
            address.trust(file.clone());
        }
        address
    }

    fn named(&self) -> anyhow::Result<Address> {
        let place = Place::of_the_user();
        let context = |name: &str, origin: &str| match &place {
            Some(place) => place.file(name, origin).and_then(|file| address_in(&file)),
            None => Err(OperatorError::new(format!("{origin}: there is no home directory: set HOME"))),
        };
        if let Some(name) = &self.context {
            if typed_url().is_some() {
                return Err(
                    OperatorError::new("--context and --url both say which hub: leave one out").into()
                );
            }
            return Ok(context(name, "--context")?);
        }
        // A variable that is there and empty says nothing.
        let says_something = |url: &&Secret| !url.0.is_empty() || typed_url().is_some();
        if let Some(url) = self.url.as_ref().filter(says_something) {
            return Ok(url.address("--url or CLOWN_HUB_URL")?);
        }
        if let Some(name) = std::env::var("CLOWN_HUB_CONTEXT").ok().filter(|name| !name.is_empty()) {
            let name =
                typed_name(&name).map_err(|why| OperatorError::new(format!("CLOWN_HUB_CONTEXT: {why}")))?;
            return Ok(context(&name, "CLOWN_HUB_CONTEXT")?);
        }
        let Some(place) = &place else { return Ok(parse("the address", HERE)?) };
        match place.chosen()? {
            Some(name) => Ok(context(&name, "the context in use")?),
            None => Ok(address_in(&place.client_file())?),
        }
    }
}

/// The text for `--url` in an advised command, if a URL was typed. The URL itself may contain a password.
pub(super) fn typed_url() -> Option<&'static str> {
    let is_url = |arg: std::ffi::OsString| arg.to_string_lossy().starts_with("--url");
    std::env::args_os().any(is_url).then_some("--url URL")
}

fn parse(origin: &str, text: &str) -> Result<Address, OperatorError> {
    Address::parse(text).map_err(|error| OperatorError::new(format!("{origin}: {error}")))
}

/// The address in a file as `client.toml`. One that is not there leads to this machine.
pub(super) fn address_in(path: &Path) -> Result<Address, OperatorError> {
    let Some(text) = read(path)? else { return parse("the address", HERE) };
    let shown = path.display().to_string();
    let mut form = Form::new(&shown, &text, Tells::Kinds);
    let table = form.table(|name| KEYS.contains(&name)).unwrap_or_default();
    form.unknown(&table, &KEYS, |_| None);
    let url = form.text(&table, "url");
    let password_file = form.text(&table, "password_file");
    let ca_file = form.text(&table, "ca_file");
    let [url_place, file_place, _] = KEYS.map(|key| format!("{}: {key}", form.place(table.at(key))));
    form.finish(()).map_err(told)?;
    let mut address = match url {
        Some(url) => parse(&url_place, url)?,
        None => parse("the address", HERE)?,
    };
    if address.has_password() {
        warn_of_readers(path);
    }
    let beside = |file: &str| path.parent().unwrap_or(path).join(from_home(file));
    if let Some(file) = ca_file {
        address.trust(beside(file));
    }
    if let Some(file) = password_file {
        let file = beside(file);
        add_password(&mut address, &file, &file_place)?;
    }
    Ok(address)
}

fn told(mistakes: Mistakes) -> OperatorError {
    let line = |mistake: Mistake| match mistake.key.as_deref() {
        None | Some("url") if !mistake.sentence.contains("; write ") => {
            format!("{mistake}; write url = \"{FORM}\"")
        }
        _ => mistake.to_string(),
    };
    let lines: Vec<_> = mistakes.into_iter().map(line).collect();
    match &lines[..] {
        [one] => OperatorError::new(one),
        several => OperatorError::list("client.toml", several),
    }
}

/// `place` is where the file is named.
fn add_password(address: &mut Address, file: &Path, place: &str) -> Result<(), OperatorError> {
    if !address.lacks_password() {
        let sentence = "goes with a url that has a user and no password, as ws://USER@HOST:PORT";
        return Err(OperatorError::new(format!("{place}: {sentence}")));
    }
    let password = read(file)?
        .ok_or_else(|| OperatorError::new(format!("{place}: there is no file {}", file.display())))?;
    warn_of_readers(file);
    address.set_password(password.trim_end_matches(['\r', '\n']).as_bytes());
    Ok(())
}

/// A password that others can read is worth a word, and no reason to stop working.
fn warn_of_readers(file: &Path) {
    use std::os::unix::fs::PermissionsExt;
    if std::fs::metadata(file).is_ok_and(|about| about.permissions().mode() & 0o077 != 0) {
        let file = file.display();
        output::notice(&format!("{file}: holds a password and others can read it; run chmod 600 {file}"));
    }
}

/// `~/` is the user's own directory.
fn from_home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => Path::new(&home).join(rest),
        _ => PathBuf::from(path),
    }
}

/// The text of a small file; `None` where there is none.
fn read(path: &Path) -> Result<Option<String>, OperatorError> {
    match small_file::text(path, FILE_BYTES) {
        Ok(text) => Ok(Some(text)),
        Err(Unreadable::Missing) => Ok(None),
        Err(why) => Err(OperatorError::new(format!("{}: {why}", path.display()))),
    }
}
