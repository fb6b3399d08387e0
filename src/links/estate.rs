//! What waits for the broker when a link ends. The link that replaces it goes on with it; if there is none, it is
//! lost, and never without a counter and a line in the log.

use std::sync::Arc;

use crate::hub::{LinkFigures, Relayed, Session};

/// Messages that waited, the oldest first, and the stay at the hub, which goes on hearing.
#[derive(Debug)]
pub(super) struct Estate {
    link: Arc<str>,
    figures: Arc<LinkFigures>,
    waiting: Vec<Relayed>,
    session: Option<Session>,
}

impl Estate {
    pub(super) fn new(
        link: &Arc<str>,
        figures: &Arc<LinkFigures>,
        waiting: Vec<Relayed>,
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
    pub(super) fn take(&mut self) -> (Vec<Relayed>, Option<Session>) {
        (std::mem::take(&mut self.waiting), self.session.take())
    }
}

impl Drop for Estate {
    fn drop(&mut self) {
        let lost = self.waiting.len() as u64;
        if lost > 0 {
            self.figures.lost.add(lost);
            let link = &self.link;
            tracing::warn!(%link, lost, "link has ended, and what waited for the broker is lost");
        }
    }
}
