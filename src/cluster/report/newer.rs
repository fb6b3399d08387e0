//! What is said of hubs of other versions.

use super::{Report, shown};
use crate::seldom::Seldom;
use crate::topic::Topic;

impl Report {
    /// Another hub says more than this one understands.
    pub(in crate::cluster) fn says_more(hub: &str) {
        static MORE: Seldom = Seldom::new();
        if let Some(times) = MORE.again(hub) {
            tracing::warn!(hub, %times, "another hub says more beside its messages than this hub understands; they are taken, and that is passed over: it \
                is newer, update this one");
        }
    }

    /// The lease of a command of another hub cannot be read.
    pub(in crate::cluster) fn unread_lease(hub: &str, topic: &Topic) {
        static UNREAD: Seldom = Seldom::new();
        if let Some(times) = UNREAD.again(hub) {
            tracing::warn!(hub, ?topic, %times, "the lease of a command of another hub cannot be read: the command is taken, and only that hub ends it");
        }
    }

    /// A hub has come that is of another version.
    pub(in crate::cluster) fn another_version(hub: &str, version: &str) {
        static ANOTHER: Seldom = Seldom::new();
        if let Some(times) = ANOTHER.again(hub) {
            let (own, version) = (env!("CARGO_PKG_VERSION"), shown(version));
            tracing::info!(hub, version, own, %times, "a hub of another version is in the cluster");
        }
    }
}
