//! Where the store is, and with which settings.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{self, Durability, Place};
use crate::hub::TapeBounds;
use crate::server::{CopyStore, StoreCopy};
use crate::store;
use crate::store::history::{Ages, Rule, Rules};
use crate::store::upkeep;

/// The folder of the store; none where there is to be no store.
pub(in crate::cli) fn directory(settings: &config::Store) -> Option<PathBuf> {
    match &settings.directory {
        Place::Off => None,
        Place::Named(path) => Some(path.clone()),
        Place::Auto => usual_directory(|name| std::env::var_os(name)),
    }
}

/// What the settings make of it; none where there is to be no store.
pub(super) fn settings(
    settings: &config::Store,
    history: &config::History,
    events: &config::Events,
) -> Option<store::Settings> {
    let Some(directory) = directory(settings) else {
        if settings.directory == Place::Auto {
            tracing::info!(
                "no store: neither XDG_STATE_HOME nor HOME is set, and store.directory names no folder; last values are \
                 kept in memory"
            );
        }
        return None;
    };
    Some(store::Settings {
        directory,
        is_named: matches!(settings.directory, Place::Named(_)),
        durability: match settings.durability {
            Durability::Relaxed => store::Durability::Relaxed,
            Durability::Commit => store::Durability::Commit,
        },
        write: settings.write,
        sync: settings.sync,
        bytes: settings.bytes,
        keep_free: settings.keep_free,
        queue: TapeBounds { messages: settings.queue_messages, bytes: settings.queue_bytes },
        history: store::history::Settings {
            rules: rules(history),
            span: history.span,
            open_bytes: history.open_bytes,
            series: history.series,
            series_per_topic: history.series_per_topic,
        },
        events: store::events::Settings {
            age: events.age,
            records: events.records,
            bytes: events.bytes,
            never: events.never.clone(),
            ignore: events.ignore.clone(),
        },
    })
}

/// How admins get a copy over HTTP; none where there is no store.
pub(super) fn copier(settings: &config::Store) -> Option<CopyStore> {
    let (directory, keep_free) = (directory(settings)?, settings.keep_free);
    Some(Arc::new(move || {
        let (content, bytes) =
            upkeep::copy_to_send(&directory, keep_free).map_err(|trouble| trouble.to_string())?;
        Ok(StoreCopy { bytes, content: Box::new(content) })
    }))
}

fn rules(history: &config::History) -> Rules {
    let ages = |[raw, minutes, quarters]: [Duration; 3]| Ages { raw, minutes, quarters };
    let rule = |rule: &config::HistoryRule| Rule { filter: rule.filter.clone(), ages: rule.days.map(ages) };
    Rules { rules: history.rules.iter().map(rule).collect(), others: ages(history.days) }
}

/// Where this system keeps the state of programs: what systemd gives to the unit, or the folder of the XDG base directories.
/// Relative paths are none, as the specification of the latter has it.
fn usual_directory(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let path = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let of_the_unit = variable("STATE_DIRECTORY").and_then(|list| {
        // Several are joined by colons; the first one is ours.
        let first = list.to_str()?.split(':').next()?.to_owned();
        Some(PathBuf::from(first)).filter(|path| path.is_absolute())
    });
    let of_the_user =
        || path("XDG_STATE_HOME").or_else(|| path("HOME").map(|home| home.join(".local/state")));
    of_the_unit.or_else(|| of_the_user().map(|state| state.join("clown-hub")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_is_kept_where_the_system_keeps_it_and_never_in_the_current_directory() {
        let found = |set: &[(&str, &str)]| {
            usual_directory(|name| {
                set.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
            })
        };
        let home = ("HOME", "/home/jana");
        assert_eq!(found(&[home]), Some("/home/jana/.local/state/clown-hub".into()));
        assert_eq!(found(&[home, ("XDG_STATE_HOME", "/state")]), Some("/state/clown-hub".into()));
        assert_eq!(
            found(&[home, ("STATE_DIRECTORY", "/var/lib/clown-hub:/x")]),
            Some("/var/lib/clown-hub".into())
        );
        assert_eq!(found(&[("HOME", "jana"), ("XDG_STATE_HOME", "."), ("STATE_DIRECTORY", "x")]), None);
        assert_eq!(found(&[]), None);
    }
}
