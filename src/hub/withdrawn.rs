//! A user may do something else from now on: what becomes of a session that is open.

use std::sync::Arc;

use super::outbox::Outbox;
use super::rights::Rights;
use super::session::Session;
use super::step::{Answer, Change, LastValues};
use crate::seldom::Seldom;
use crate::talk::Reply;
use crate::talk::control::shown;
use crate::topic::Topic;

/// Filters that a line of the log repeats.
const SHOWN_FILTERS: usize = 4;

/// What a client hears whose subscription has ended.
const MAY_NOT_SUBSCRIBE: &str = "forbidden: the account was changed, and this takes the right subscribe";

static ENDED: Seldom = Seldom::new();

impl Session {
    /// The user may do this from now on. Whatever the client says next is asked by it, and so is its will. Subscriptions that
    /// are not allowed any more end, and the client is told which; what waits for it of them is not sent. The error says that
    /// the user may not stand here any more, so that the session is to end.
    pub fn take_rights(&mut self, rights: Arc<Rights>) -> Result<(), &'static str> {
        if Arc::ptr_eq(&rights, &self.client.rights) || *rights == *self.client.rights {
            return Ok(());
        }
        // A request that is under way was asked by the rights from before. What it brings is looked at with the rest.
        while self.pending.is_some() {
            self.go_on();
        }
        self.client.rights = rights;
        self.client.rights.may_stand(&self.client.base, self.client.side)?;
        if let Some(change) = self.withdrawn() {
            self.withdraw(change);
        }
        Ok(())
    }

    /// The user may do this, and the session ends: only its will is still asked.
    pub fn ends_with_rights(&mut self, rights: Arc<Rights>) {
        self.client.rights = rights;
    }

    /// The change that ends what is not allowed; none where all is.
    fn withdrawn(&self) -> Option<Change> {
        let held = self.held();
        let (mut gone, mut filters, mut stays) = (Vec::new(), Vec::new(), Vec::new());
        for (at, (filter, id)) in held.iter().zip(self.filters.iter().copied()).enumerate() {
            if self.client.rights.may_subscribe(filter) {
                filters.push(filter.clone());
                stays.push(Some(id));
            } else {
                gone.push((at, id));
            }
        }
        (!gone.is_empty()).then_some(Change { held, gone, filters, stays, last_values: LastValues::New })
    }

    fn withdraw(&mut self, change: Change) {
        let base = &self.client.base;
        let names = change.gone().filter_map(|filter| base.relative(filter.as_str()));
        let filters: Vec<_> = names.map(str::to_owned).collect();
        let first: Vec<_> = change.gone().take(SHOWN_FILTERS).map(|filter| shown(filter.as_str())).collect();
        self.hub.note_refused_filters(&self.outbox, &first);
        if let Some(times) = ENDED.again(&self.client.user) {
            let (client, user, filters) = (self.name(), &self.client.user, filters.len());
            tracing::info!(%client, %user, filters, ended = ?first, %times, "the account was changed: subscriptions have ended");
        }
        let reply = Reply::SubscriptionError { reason: MAY_NOT_SUBSCRIBE.to_owned(), filters }.text();
        self.count_answer(&reply);
        self.carry_out(change, Answer::InLine(reply));
        let rights = Arc::clone(&self.client.rights);
        self.outbox.withhold(|topic| rights.subscribe.iter().any(|filter| filter.matches(topic)));
    }
}

impl Outbox {
    /// Takes out what the reader may not read any more, and counts it.
    fn withhold(&self, may_read: impl Fn(&Topic) -> bool) {
        let mut inside = self.lock();
        self.figures.withheld.add(inside.queue.withhold(may_read));
        self.settle(&mut inside);
    }
}
