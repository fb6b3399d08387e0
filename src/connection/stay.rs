//! A session, as a connection holds it.

use std::ops::{Deref, DerefMut};

use tokio_util::sync::CancellationToken;

use super::ending::Ending;
use super::watch::why;
use crate::hub::Session;

/// A session that leaves no will once the hub is being stopped, however its connection ends: the end of the hub may cut off
/// a task before it has seen the sign.
pub(super) struct Stay {
    session: Session,
    /// The end of the hub.
    drain: CancellationToken,
}

impl Stay {
    pub(super) fn new(session: Session, drain: CancellationToken) -> Self {
        Self { session, drain }
    }

    /// Why the sign was given that ends this connection.
    pub(super) fn ending(&self) -> Ending {
        why(&self.drain)
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        if self.drain.is_cancelled() {
            self.session.dismiss();
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
