//! Which hub a client goes to: `--url`, else `CLOWN_HUB_URL`, else `client.toml`, else the hub of this machine.

use std::fmt;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;
use toml::Spanned;

use super::{OperatorError, output};
use crate::client::Address;

/// Where a hub listens that nobody has told otherwise.
const HERE: &str = "ws://127.0.0.1:8080";
/// What to write in `client.toml`.
const FORM: &str = "ws://USER:PASSWORD@HOST:PORT/BASE";
/// The most that is read of `client.toml` and of a password's file.
const FILE_BYTES: usize = 64 * 1024;

const URL_HELP: &str =
    "ws://USER:PASSWORD@HOST:PORT/BASE; else CLOWN_HUB_URL, else url in ~/.config/clown-hub/client.toml";

#[derive(Debug, Default, Args)]
pub(super) struct HubArgs {
    #[arg(long, value_name = "URL", env = "CLOWN_HUB_URL", hide_env = true, help = URL_HELP)]
    url: Option<Secret>,
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

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ClientToml {
    url: Option<Spanned<String>>,
    password_file: Option<Spanned<String>>,
}

impl HubArgs {
    pub(super) fn address(&self) -> anyhow::Result<Address> {
        if let Some(url) = &self.url {
            return Ok(url.address("--url or CLOWN_HUB_URL")?);
        }
        match file() {
            Some(path) => Ok(from_file(&path)?),
            None => Ok(parse("the address", HERE)?),
        }
    }
}

/// What stands for `--url URL` in a command that is advised, where one was typed. The URL itself may hold a password.
pub(super) fn typed_url() -> Option<&'static str> {
    let is_url = |arg: std::ffi::OsString| arg.to_string_lossy().starts_with("--url");
    std::env::args_os().any(is_url).then_some("--url URL")
}

fn parse(origin: &str, text: &str) -> Result<Address, OperatorError> {
    Address::parse(text).map_err(|error| OperatorError::new(format!("{origin}: {error}")))
}

/// Where `client.toml` would be.
fn file() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let config = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")))?;
    Some(config.join("clown-hub/client.toml"))
}

fn from_file(path: &Path) -> Result<Address, OperatorError> {
    let Some(text) = read(path)? else { return parse("the address", HERE) };
    let place = |span: Range<usize>| {
        let before = text.get(..span.start).unwrap_or(&text);
        format!("{}: line {}", path.display(), before.matches('\n').count() + 1)
    };
    let settings: ClientToml = toml::from_str(&text).map_err(|error| {
        // Not the line itself, which may hold a password.
        let place = place(error.span().unwrap_or_default());
        OperatorError::new(format!("{place}: {}; write url = \"{FORM}\"", error.message()))
    })?;
    let mut address = match &settings.url {
        Some(url) => parse(&format!("{}: url", place(url.span())), url.get_ref())?,
        None => parse("the address", HERE)?,
    };
    if address.has_password() {
        warn_of_readers(path);
    }
    if let Some(file) = settings.password_file {
        let place = format!("{}: password_file", place(file.span()));
        if !address.lacks_password() {
            return Err(OperatorError::new(format!(
                "{place}: goes with a url that has a user and no password, as ws://USER@HOST:PORT"
            )));
        }
        let file = path.parent().unwrap_or(path).join(from_home(file.get_ref()));
        let password = read(&file)?;
        let password = password
            .ok_or_else(|| OperatorError::new(format!("{place}: there is no file {}", file.display())))?;
        warn_of_readers(&file);
        address.set_password(password.trim_end_matches(['\r', '\n']).as_bytes());
    }
    Ok(address)
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

fn read(path: &Path) -> Result<Option<String>, OperatorError> {
    let wrong = |what: String| OperatorError::new(format!("{}: {what}", path.display()));
    match std::fs::read_to_string(path) {
        Ok(text) if text.len() > FILE_BYTES => Err(wrong(format!("is larger than {FILE_BYTES} bytes"))),
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(wrong(error.to_string())),
    }
}
