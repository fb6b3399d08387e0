//! A session, as a connection holds it.

use std::ops::{Deref, DerefMut};

use super::ending::Ending;
use super::watch::Background;
use crate::hub::Session;

/// A session that leaves no will once the hub is being stopped, however its connection ends: the end of the hub may cut off
/// a task before it has seen the sign. And whatever the account may do at the end decides about the will.
pub(super) struct Stay {
    session: Session,
    background: Background,
}

impl Stay {
    pub(super) fn new(session: Session, background: Background) -> Self {
        Self { session, background }
    }

    /// What it rests on.
    pub(super) fn background(&self) -> &Background {
        &self.background
    }

    /// Why the sign was given that ends this connection.
    pub(super) fn ending(&self) -> Ending {
        self.background.ending()
    }

    /// Looks what the account may do now, and from where; an error is the end.
    pub(super) fn look_at_the_account(&mut self) -> Result<(), Ending> {
        let Some(standing) = &self.background.standing else { return Ok(()) };
        let may_come = self
            .session
            .address()
            .is_none_or(|address| standing.may_come_from(address, self.session.is_untold()));
        let stands = self.session.take_rights(standing.rights());
        if may_come && stands.is_ok() { Ok(()) } else { Err(Ending::AccountChanged) }
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        if self.background.drain.is_cancelled() {
            self.session.dismiss();
        }
        if let Some(standing) = &self.background.standing {
            self.session.ends_with_rights(standing.rights());
        }
    }
}

impl Deref for Stay {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl DerefMut for Stay {
    fn deref_mut(&mut self) -> &mut Session {
        &mut self.session
    }
}
