//! Which hub a client goes to: `--url`, else `CLOWN_HUB_URL`, else `client.toml`, else the hub of this machine.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;

use super::OperatorError;
use crate::client::Address;

/// Where a hub listens that nobody has told otherwise.
const HERE: &str = "ws://127.0.0.1:8080";
/// The most that is read of `client.toml` and of a password's file.
const FILE_BYTES: usize = 64 * 1024;

const URL_HELP: &str =
    "ws://USER:PASSWORD@HOST:PORT/BASE; else CLOWN_HUB_URL, else url in ~/.config/clown-hub/client.toml";

#[derive(Debug, Args)]
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

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ClientToml {
    url: Option<String>,
    password_file: Option<String>,
}

impl HubArgs {
    pub(super) fn address(&self) -> anyhow::Result<Address> {
        if let Some(Secret(text)) = &self.url {
            return Ok(parse("--url or CLOWN_HUB_URL", text)?);
        }
        match file() {
            Some(path) => Ok(from_file(&path)?),
            None => Ok(parse("the address", HERE)?),
        }
    }
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
    let shown = path.display().to_string();
    let Some(text) = read(path)? else { return parse("the address", HERE) };
    let settings: ClientToml = toml::from_str(&text).map_err(|error| {
        // Not the line itself, which may hold a password.
        let at =
            error.span().map_or(1, |span| text.get(..span.start).unwrap_or(&text).matches('\n').count() + 1);
        OperatorError::new(format!("{shown}: line {at}: {}; there are: url, password_file", error.message()))
    })?;
    let mut address = parse(&shown, settings.url.as_deref().unwrap_or(HERE))?;
    if let Some(file) = settings.password_file {
        if !address.lacks_password() {
            return Err(OperatorError::new(format!(
                "{shown}: password_file goes with a url that has a user and no password, as ws://USER@HOST:PORT"
            )));
        }
        let file = path.parent().unwrap_or(path).join(from_home(&file));
        let password = read(&file)?;
        let password = password.ok_or_else(|| {
            OperatorError::new(format!("{shown}: password_file: there is no file {}", file.display()))
        })?;
        address.set_password(password.trim_end_matches(['\r', '\n']).as_bytes());
    }
    Ok(address)
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
