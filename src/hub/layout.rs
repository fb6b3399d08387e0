//! Where the layout of the page (`crate::layout`) is kept: as a last value that the hub says itself, and with it the word that there
//! is another version. It survives a restart as other last values do. The hub does not look into it.

use super::publication::Publication;
use super::{Hub, Retention, StoreFull};
use crate::moment::Moment;
use crate::talk::Kind;
use crate::topic::{Limits, Topic};

/// The layout itself, for those whose rights name `$SYS`.
pub(super) const LAYOUT: &str = "$SYS/layout";
/// Its version, for everybody: it tells nothing else.
pub(super) const LAYOUT_VERSION: &str = "$SYS/layout/version";

impl Hub {
    /// The layout that was kept last, as text.
    pub fn layout(&self) -> Option<String> {
        let topic = topic(LAYOUT)?;
        let text =
            |state: &super::State| state.last.as_ref().map(|last| last.message(&topic).payload().to_owned());
        self.channels.with_known(&topic, text).flatten()
    }

    /// Keeps a layout, and tells everybody that there is another version.
    pub fn keep_layout(&self, layout: &str, version: u64, now: impl Into<Moment>) -> Result<(), StoreFull> {
        let now = now.into();
        self.keep_for_itself(LAYOUT, layout, now)?;
        self.tell_layout_version(version, now)
    }

    /// Tells everybody which version of the layout there is.
    pub fn tell_layout_version(&self, version: u64, now: impl Into<Moment>) -> Result<(), StoreFull> {
        self.keep_for_itself(LAYOUT_VERSION, &format!("{{\"version\": {version}}}"), now.into())
    }

    /// Whether last values survive a restart.
    pub fn has_store(&self) -> bool {
        self.tape.get().is_some()
    }

    fn keep_for_itself(&self, name: &str, payload: &str, now: Moment) -> Result<(), StoreFull> {
        let Some(topic) = topic(name) else { return Ok(()) };
        // No reading: nothing of it is history, and nobody expects it to come again.
        let mut message = Publication::new(topic, payload, Kind::Notification, "hub".into(), now.wall());
        message.retention = Retention::Keep;
        self.publish(message, None)
    }
}

fn topic(name: &str) -> Option<Topic> {
    Topic::parse(name, &Limits::default()).ok()
}
