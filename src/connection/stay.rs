//! A session, as a connection holds it.

use std::ops::{Deref, DerefMut};

use super::ending::Ending;
use super::watch::Background;
use crate::hub::Session;

/// A session that leaves no will once the hub is being stopped, however its connection ends: the end of the hub may cut off
/// a task before it has seen the sign. And whatever the account may do at the end decides about the will.
pub(crate) struct Stay {
    /// There until it is taken out.
    session: Option<Session>,
    background: Background,
    /// How many changes of the account have been looked at.
    changes: u64,
}

impl Stay {
    pub(super) fn new(session: Session, background: Background) -> Self {
        Self { session: Some(session), background, changes: 0 }
    }

    /// What it rests on.
    pub(super) fn background(&self) -> &Background {
        &self.background
    }

    /// Why the sign was given that ends this connection.
    pub(super) fn ending(&self) -> Ending {
        self.background.ending()
    }

    /// Whether the account stands otherwise than it did at the last look. At first it does, as there may have been a change before
    /// its bell was to ring here.
    pub(super) fn has_changed(&self) -> bool {
        self.background.standing.as_ref().is_some_and(|standing| standing.changes() != self.changes)
    }

    /// Looks what the account may do now, and from where; an error is the end.
    pub(super) fn look_at_the_account(&mut self) -> Result<(), Ending> {
        // Before the look: what changes after it is seen the next time.
        self.changes = self.background.standing.as_ref().map_or(0, |standing| standing.changes());
        let Some(standing) = &self.background.standing else { return Ok(()) };
        let Some(session) = &mut self.session else { return Ok(()) };
        let may_come =
            session.address().is_none_or(|address| standing.may_come_from(address, session.is_untold()));
        let stands = session.take_rights(standing.rights());
        if may_come && stands.is_ok() { Ok(()) } else { Err(Ending::AccountChanged) }
    }
}

impl Stay {
    /// The session, for somebody who keeps it. The hub is not being stopped, or else it ends here.
    pub(crate) fn into_session(mut self) -> Option<Session> {
        if self.background.drain.is_cancelled() { None } else { self.session.take() }
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        let Some(session) = &mut self.session else { return };
        if self.background.drain.is_cancelled() {
            session.dismiss();
        }
        if let Some(standing) = &self.background.standing {
            session.ends_with_rights(standing.rights());
        }
    }
}

impl Deref for Stay {
    type Target = Session;

    #[expect(clippy::expect_used, reason = "it is taken out only where this is taken apart")]
    fn deref(&self) -> &Session {
        self.session.as_ref().expect("there until it is taken out")
    }
}

impl DerefMut for Stay {
    #[expect(clippy::expect_used, reason = "it is taken out only where this is taken apart")]
    fn deref_mut(&mut self) -> &mut Session {
        self.session.as_mut().expect("there until it is taken out")
    }
}
