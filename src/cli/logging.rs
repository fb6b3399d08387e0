//! Where the log of this program goes: to standard error, by a writer that never waits.

use std::io::IsTerminal;
use std::sync::OnceLock;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

use super::exit::OperatorError;
use crate::config::LogFormat;
use crate::log::{LAST_LINES, Log};

/// Silent, unless `log.filter` names it.
const LIBRARY: &str = "async_nats";

static LOG: OnceLock<Log> = OnceLock::new();

/// Sends the log to standard error. A panic is a line of the log, too.
pub(super) fn start(filter: &str, format: LogFormat) -> anyhow::Result<()> {
    let is_word = !filter.is_empty() && filter.chars().all(char::is_alphanumeric);
    if is_word && filter.parse::<LevelFilter>().is_err() {
        let sentence = format!("log.filter: no level {filter:?}; use off, error, warn, info, debug or trace");
        return Err(OperatorError::new(sentence).into());
    }
    let mut targets: Targets =
        filter.parse().map_err(|error| OperatorError::new(format!("log.filter: {error}")))?;
    // The library for NATS repeats what goes wrong at each attempt. The hub says it in words of its own.
    if !filter.contains(LIBRARY) {
        targets = targets.with_target(LIBRARY, LevelFilter::OFF);
    }
    let filter = targets;
    let log = Log::to(std::io::stderr())?;
    let _ = LOG.set(log.clone());
    let lines = fmt::layer().with_ansi(std::io::stderr().is_terminal()).with_writer(move || log.clone());
    let filtered = tracing_subscriber::registry().with(filter);
    match format {
        LogFormat::Text => filtered.with(lines.with_target(false)).init(),
        LogFormat::Json => filtered.with(lines.json().flatten_event(true)).init(),
    }
    std::panic::set_hook(Box::new(|panic| tracing::error!("the program has a fault: {panic}")));
    Ok(())
}

/// Waits for the last lines of the log, a moment if nobody reads them.
pub(super) fn finish() {
    if let Some(log) = LOG.get() {
        log.flush_for(LAST_LINES);
    }
}
