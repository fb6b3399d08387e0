//! A user may do something else from now on: what becomes of a session that is open.

use std::sync::Arc;

use super::outbox::Outbox;
use super::rights::Rights;
use super::session::Session;
use super::step::{Change, Edit, LastValues, Occasion};
use crate::seldom::Seldom;
use crate::talk::Reply;
use crate::talk::control::shown;
use crate::topic::{Filter, Topic};

/// Filters that a line of the log repeats.
const SHOWN_FILTERS: usize = 4;

/// What a client hears whose subscription has ended.
const MAY_NOT_SUBSCRIBE: &str = "forbidden: the account was changed, and this takes the right subscribe";

/// Why a session ends whose subscription cannot be made smaller.
const NOT_ENDED: &str = "the account was changed, and too many changes of the subscription are under way";

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
            self.wait_no_longer();
            self.go_on();
        }
        self.client.rights = rights;
        if !self.client.rights.admin {
            self.withdraw_what_is_to_be_forgotten();
        }
        self.client.rights.may_stand(&self.client.base, self.client.side)?;
        self.leave_what_is_forbidden();
        self.wait_for_no_forbidden_state();
        let gone = self.withdrawn();
        if gone.is_empty() { Ok(()) } else { self.withdraw(gone) }
    }

    /// The user may do this, and the session ends: only its will is still asked.
    pub fn ends_with_rights(&mut self, rights: Arc<Rights>) {
        self.client.rights = rights;
    }

    /// The filters that are held and not allowed any more.
    fn withdrawn(&self) -> Vec<Filter> {
        let held = self.held().into_iter();
        held.filter(|filter| !self.client.rights.may_subscribe(filter)).collect()
    }

    fn withdraw(&mut self, gone: Vec<Filter>) -> Result<(), &'static str> {
        let base = &self.client.base;
        let names = gone.iter().filter_map(|filter| base.relative(filter.as_str()));
        let filters: Vec<_> = names.map(str::to_owned).collect();
        let first: Vec<_> = gone.iter().take(SHOWN_FILTERS).map(|filter| shown(filter.as_str())).collect();
        self.hub.note_refused_filters(&self.outbox, &first);
        if let Some(times) = ENDED.again(&self.client.user) {
            let (client, user, filters) = (self.name(), &self.client.user, filters.len());
            tracing::info!(%client, %user, filters, ended = ?first, %times, "the account was changed: subscriptions have ended");
        }
        let mut change = Change::new(Edit::Remove, Vec::new(), Occasion::Withdrawn, LastValues::New);
        change.wanted = gone;
        change.answer = Reply::SubscriptionError { reason: MAY_NOT_SUBSCRIBE.to_owned(), filters }.text();
        self.count_answer(&change.answer);
        while !self.go_on_with(&mut change).map_err(|_| NOT_ENDED)? {}
        self.withhold_what_is_forbidden();
        Ok(())
    }

    /// Takes out of the outbox what the user may not read any more.
    pub(super) fn withhold_what_is_forbidden(&self) {
        let rights = &self.client.rights;
        self.outbox.withhold(|topic| rights.may_read(topic));
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
