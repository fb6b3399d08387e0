//! Events in the file: who switched what. The keeper writes them, with what else is written; a thread of its own reads
//! them for those who ask.

mod keeper;
mod library;
mod settings;

use std::path::PathBuf;
use std::sync::Arc;

pub(super) use keeper::Keeper;
use library::Library;
pub use settings::Settings;

use crate::hub::{EventQuestions, Hub, Recorder};

/// Lets the hub record, if it is to. Returns who writes.
pub(super) fn record(hub: &Hub, settings: &Settings, file: PathBuf) -> std::io::Result<Keeper> {
    let recorder = Recorder::new(settings.never.clone(), settings.ignore.clone(), hub.figures());
    let questions = Arc::<EventQuestions>::default();
    let keeper = Keeper::new(settings, Arc::clone(&recorder), Arc::clone(&questions), hub.figures());
    if settings.is_on() {
        let library = Library::new(Arc::clone(&recorder), keeper.shelf(), file, hub.figures());
        library.answer(Arc::clone(&questions))?;
        hub.record_events_on(recorder, questions);
    }
    Ok(keeper)
}
