//! Users may do something else from now on: what becomes of their leases.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::Arc;

use crate::hub::{Hub, Rights};
use crate::moment::Moment;

/// What the sender of a command hears that was not routed yet.
const MAY_NOT_PUBLISH: &str = "forbidden: the account was changed, and this takes the right publish";

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
