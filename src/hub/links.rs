//! The links to other systems, as the hub shows them: their figures, by the name of the link.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;

use super::figures::{Figure, Grows};

macro_rules! link_figures {
    ($($(#[doc = $doc:literal])+ $field:ident $topic:literal $grows:ident;)+) => {
        /// What one link counts. In `/metrics` the names begin with `bridge_` and the link is a label; under
        /// `$SYS/hub/bridge` it is a level.
        #[derive(Debug, Default)]
        pub struct LinkFigures { $($(#[doc = $doc])+ pub $field: Figure,)+ }

        impl LinkFigures {
            /// All of them: the topic under `$SYS/hub/bridge/<link>`, what it means, how it moves, and its value.
            pub fn all(&self) -> impl Iterator<Item = (&'static str, &'static str, Grows, u64)> {
                [$(($topic, concat!($($doc),+), Grows::$grows, self.$field.value()),)+].into_iter()
            }
        }
    };
}

link_figures! {
    /// Whether the link is connected: 1 or 0
    connected "connected" AndShrinks;
    /// Connections made since the link was started
    connects "connects" Only;
    /// Messages that came in and were published here
    heard "messages/in" Only;
    /// Messages that went out, and were acknowledged where the rule asks for that
    told "messages/out" Only;
    /// Messages that wait to go out
    queued "queue/messages" AndShrinks;
    /// Bytes that wait to go out
    queued_bytes "queue/bytes" AndShrinks;
    /// Messages that wait and are in the store as well, or about to be
    stored "queue/stored" AndShrinks;
    /// Readings that gave way to newer ones while the other side was away or slow
    skipped "messages/skipped" Only;
    /// Messages for the other side that were lost
    lost "messages/lost" Only;
    /// Messages that wait in memory only, as the store had no room for them
    unstored "messages/unstored" Only;
    /// Messages of the other side that could not be taken
    refused "messages/refused" Only;
    /// Messages that had been here already
    returned "messages/returned" Only;
}

/// All links, by name.
#[derive(Debug, Default)]
pub struct Links(RwLock<BTreeMap<Arc<str>, Arc<LinkFigures>>>);

impl Links {
    /// The figures of a link, which is listed from now on.
    pub fn enter(&self, name: &Arc<str>) -> Arc<LinkFigures> {
        Arc::clone(self.0.write().entry(Arc::clone(name)).or_default())
    }

    /// The link is gone, and its figures with it.
    pub fn leave(&self, name: &str) {
        self.0.write().remove(name);
    }

    /// All that are there, by name.
    pub fn all(&self) -> Vec<(Arc<str>, Arc<LinkFigures>)> {
        self.0.read().iter().map(|(name, figures)| (Arc::clone(name), Arc::clone(figures))).collect()
    }
}
