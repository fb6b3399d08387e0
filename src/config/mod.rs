//! Text to typed settings: files, environment and flags are merged, every value is checked, and all mistakes are
//! told at once. The only module that knows the crate `config`.
//!
//! The defaults stand in `src/config/defaults.toml` and nowhere else; what is allowed stands in [`Settings`].
//!
//! ```
//! use clown_hub::config::{Sources, load};
//!
//! let directory = std::env::temp_dir().join("nothing-is-here");
//! let flags = vec![("server.listen".to_owned(), "127.0.0.1:0".to_owned())];
//! let settings = load(&Sources { directory, flags, ..Sources::default() })?;
//! assert_eq!(settings.server.listen.port(), 0);
//! # Ok::<(), clown_hub::operator::Mistakes>(())
//! ```

mod cluster;
mod events;
mod explained;
mod history;
mod layers;
mod listeners;
mod mqtt;
mod nats_server;
mod place;
mod reader;
mod server;
mod settings;
mod tables;
#[cfg(test)]
mod tests;
mod users;
mod web_origin;

use std::path::PathBuf;

pub use self::cluster::{Cluster, ClusterLogin, ClusterSecret};
pub use self::events::Events;
pub use self::explained::{Key, keys};
pub use self::history::{History, HistoryRule};
use self::layers::{Defaults, Layer};
pub use self::mqtt::{Mqtt, MqttRetain};
pub use self::place::Place;
use self::reader::{Asked, Reader};
pub use self::server::{Clients, Plain, ProxyProtocol, Server, TlsFiles};
pub use self::settings::{
    Bridges, Durability, Figures, Limits, Log, LogFormat, Outbox, Retained, Routes, Run, Settings, Simulator,
    Store,
};
pub use self::users::Users;
pub use self::web_origin::WebOrigin;
use crate::operator::small_file::{self, Unreadable};
use crate::operator::{Mistake, Mistakes};

/// Every key with its default, unit and meaning: a whole configuration, fit to be printed and edited.
pub const HUB_TOML: &str = include_str!("defaults.toml");
/// The most that is read of a configuration file; beyond it something else was named by mistake.
const FILE_BYTES: u64 = 1024 * 1024;

/// Where settings are looked for besides the defaults: one file, the environment, flags; the later wins.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// A file that was asked for by name, relative to the current directory. It must exist.
    pub file: Option<PathBuf>,
    /// Where `config/hub.toml` is looked for if no file was asked for; it may be absent. Empty is the current
    /// directory.
    pub directory: PathBuf,
    /// Variables by name and value, see [`environment`]. Those that do not start with `CLOWN_HUB_` are left alone.
    pub env: Vec<(String, String)>,
    /// Keys as `section.key`, and their values as text.
    pub flags: Vec<(String, String)>,
}

/// The variables of this process that are the hub's, for [`Sources::env`]. What is not UTF-8 is replaced by U+FFFD.
pub fn environment() -> Vec<(String, String)> {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    std::env::vars_os()
        .map(|(name, value)| (text(name), value))
        .filter(|(name, _)| layers::is_ours(name))
        .map(|(name, value)| (name, text(value)))
        .collect()
}

/// Reads, merges and checks. Only the value that counts is checked: one that is overridden may be out of range, but
/// never under an unknown key. Lists replace each other, they are not joined.
///
/// Reads at most one file, of at most 1 MiB, and does no other I/O.
pub fn load(sources: &Sources) -> Result<Settings, Mistakes> {
    let (settings, _, mistakes) = examine(sources);
    match Mistakes::of(mistakes) {
        Some(mistakes) => Err(mistakes),
        None => settings.ok_or_else(|| Mistake::at("the defaults", "could not be read").into()),
    }
}

/// Settings, the keys that were asked for, and everything that is wrong. There are no settings only where the
/// crate `config` or the defaults fail, and then there is a mistake.
fn examine(sources: &Sources) -> (Option<Settings>, Vec<Asked>, Vec<Mistake>) {
    let mut mistakes = Vec::new();
    let defaults = match Defaults::parse(HUB_TOML) {
        Ok(defaults) => defaults,
        Err(mistakes) => return (None, Vec::new(), mistakes.into_iter().collect()),
    };
    let file = file(&defaults, sources, &mut mistakes);
    let whole = file.is_some();
    let environment = defaults.environment(&sources.env, &mut mistakes);
    let flags = defaults.flags(&sources.flags, &mut mistakes);
    let merged = config::Config::builder()
        .add_source(defaults.layer)
        .add_source(file.unwrap_or_default())
        .add_source(environment)
        .add_source(flags)
        .build();
    let mut reader = match merged {
        Ok(merged) => Reader::new(merged.cache, mistakes),
        Err(error) => {
            mistakes.push(Mistake::at("the defaults", error));
            return (None, Vec::new(), mistakes);
        }
    };
    let settings = Settings::read(&mut reader);
    // Half a configuration says nothing about what belongs together.
    if whole {
        settings.check_together(&mut reader);
    }
    let (asked, mistakes) = reader.finish();
    (Some(settings), asked, mistakes)
}

/// What the file says; `None` if there is one that could not be read.
fn file(defaults: &Defaults, sources: &Sources, mistakes: &mut Vec<Mistake>) -> Option<Layer> {
    let path = sources.file.clone().unwrap_or_else(|| sources.directory.join("config/hub.toml"));
    let shown = path.display().to_string();
    let origin = if shown.is_empty() { "\"\"".to_owned() } else { shown };
    let sentence = match small_file::text(&path, FILE_BYTES) {
        Ok(text) => return defaults.file(&origin, &text, mistakes),
        Err(Unreadable::Missing) if sources.file.is_none() => return Some(Layer::default()),
        Err(Unreadable::Missing) => {
            "there is no such file; name one that exists, or none to run with the defaults".to_owned()
        }
        Err(error) => error.to_string(),
    };
    mistakes.push(Mistake::at(origin, sentence));
    None
}
