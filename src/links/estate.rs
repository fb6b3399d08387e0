//! What waits for the broker when a link ends. The link that replaces it goes on with it. If there is none, what the store has
//! stays there, and the rest is lost, and never without a counter and a line in the log.

use std::sync::Arc;

use super::queue::Entry;
use crate::hub::{LinkFigures, Session};

/// Messages that waited, the oldest first, and the stay at the hub, which goes on hearing.
#[derive(Debug)]
pub(super) struct Estate {
    link: Arc<str>,
    figures: Arc<LinkFigures>,
    waiting: Vec<Entry>,
    session: Option<Session>,
}

impl Estate {
    pub(super) fn new(
        link: &Arc<str>,
        figures: &Arc<LinkFigures>,
        waiting: Vec<Entry>,
        session: Session,
    ) -> Self {
        let session = Some(session);
        Self { link: Arc::clone(link), figures: Arc::clone(figures), waiting, session }
    }

    /// How many they are.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Somebody takes them over.
    pub(super) fn take(&mut self) -> (Vec<Entry>, Option<Session>) {
        (std::mem::take(&mut self.waiting), self.session.take())
    }
}

impl Drop for Estate {
    fn drop(&mut self) {
        let link = &self.link;
        let stored = self.waiting.iter().filter_map(|entry| entry.stored.as_ref());
        let stored = stored.map(|stored| stored.ticket.stay()).count();
        if stored > 0 {
            tracing::info!(%link, stored, "link has ended, and what waited for the broker is in the store");
        }
        let lost = (self.waiting.len() - stored) as u64;
        if lost > 0 {
            self.figures.lost.add(lost);
            tracing::warn!(%link, lost, "link has ended, and what waited for the broker is lost");
        }
    }
}
