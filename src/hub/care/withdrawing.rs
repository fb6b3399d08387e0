//! Users may do something else from now on: what becomes of their commands.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::may_hear_of;
use crate::hub::session::Session;
use crate::hub::{Hub, Rights};
use crate::moment::Moment;

/// What the sender of a command hears that was not routed yet.
const MAY_NOT_PUBLISH: &str = "forbidden: the account was changed, and this takes the right publish";

/// What the sender of a command hears that may have been carried out.
const MAY_NOT_HEAR: &str = "forbidden: the account was changed, and this takes the right subscribe for the state; the command was sent";

impl Session {
    /// Whoever may not read a state any more is not answered with it.
    pub(in crate::hub) fn wait_for_no_forbidden_state(&self) {
        if !self.outbox.part.takes_care.load(Ordering::Relaxed) {
            return;
        }
        let may_hear = |stem: &str| may_hear_of(&self.client.rights, stem, &self.hub.settings().topic);
        for waiting in self.hub.care.with(|book| book.confirmations.end(self.outbox.id, may_hear)) {
            self.hub.figures().commands_unanswered.add(1);
            waiting.asker.refuse(MAY_NOT_HEAR.to_owned(), None, None);
        }
    }
}

impl Hub {
    /// The users who have leases.
    pub fn users_with_leases(&self) -> Vec<Arc<str>> {
        self.care.with(|book| book.leases.users().cloned().collect())
    }

    /// These users may do this from now on. A lease on what its user may not command any more ends now: the node gets the safe
    /// command, which was allowed with the lease.
    pub fn withdraw_leases<S: BuildHasher>(
        &self,
        users: &HashMap<Arc<str>, Arc<Rights>, S>,
        now: impl Into<Moment>,
    ) {
        if !self.care.is_wanted() {
            return;
        }
        let now = now.into();
        let (ended, refused) = self.care.with(|book| {
            let may = |user: &str, topic: &_| users.get(user).is_none_or(|rights| rights.may_publish(topic));
            let (count, refused) = book.leases.withdraw(may, now);
            self.figures.leases_ended.add(count as u64);
            (book.leases.take_ended(), refused)
        });
        self.note_leases(ended, "its user may not give this command any more");
        for order in refused {
            self.refuse(*order, MAY_NOT_PUBLISH);
        }
        self.care.bell.ring();
    }
}
