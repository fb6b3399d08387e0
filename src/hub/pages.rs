//! The third door of a session: to read the last values that one filter names, without a subscription and in pages. The
//! reader holds [`Pages`] between two calls, for as long as it likes; meanwhile values come and go.
//!
//! What was there when the reading began, and stays, is given once, as it is when its page is made. What comes meanwhile
//! may be given or not, and no topic is given twice. It is the walk of a look-up (`trie::walk`) and is paid for like one.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::Hub;
use super::allowance::{A_FILTER, A_LAST_VALUE, BYTES_A_STEP, Excess, STEPS_A_FRAME};
use super::channel::Channel;
use super::drain::{Drained, TURN};
use super::publication::Publication;
use super::session::Session;
use super::trie::{Trie, Walk, Walked};
use crate::moment::Moment;
use crate::topic::Filter;

/// So many readings may be under way at one time, over all clients. Each keeps a place in the index of last values.
pub const OPEN_PAGES: usize = 1000;

/// So many last values are found before they are given.
const AT_ONCE: usize = 64;

/// Why last values are not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotRead {
    /// The filter names topics that have no name where the session stands.
    #[error("the filter is not below the base of the connection")]
    NotBelowBase,
    /// The user may not read all that the filter names.
    #[error("forbidden: this takes the right subscribe")]
    Forbidden,
    /// So many readings are under way, over all clients.
    #[error("{OPEN_PAGES} readings of last values are under way: try again later")]
    TooManyOpen,
    /// The work of earlier requests is not paid for.
    #[error("{0}")]
    TooMuch(Excess),
}

/// How large a page may be. It has at least one value where there is one, be that larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageBounds {
    /// The most values; none is one.
    pub values: usize,
    /// The most bytes of their frames.
    pub bytes: usize,
}

/// Some of the last values that were asked for.
#[derive(Debug)]
pub struct Page {
    /// In no order.
    pub values: Vec<Publication>,
    /// What is left: everything was given, or there may be more, at once or [later](Drained::Later). A page of which the
    /// rest comes later may have no value.
    pub left: Drained,
}

/// A reading that is under way, and how far it has come. Whoever lets go of it ends it.
#[derive(Debug)]
pub struct Pages {
    hub: Arc<Hub>,
    filter: Filter,
    /// The filter, as the walk wants it.
    filters: Trie<()>,
    walk: Walk,
    /// What was found and not given; few.
    found: VecDeque<Arc<Channel>>,
    /// The steps that were taken so far, and the last values that were found.
    work: (usize, usize),
    /// Whether everything was found.
    is_walked: bool,
}

/// How many readings are under way.
#[derive(Debug, Default)]
pub(super) struct OpenPages(AtomicUsize);

impl OpenPages {
    fn enter(&self) -> Result<(), NotRead> {
        let one_more = |open| (open < OPEN_PAGES).then_some(open + 1);
        let entered = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        entered.map(drop).map_err(|_| NotRead::TooManyOpen)
    }

    fn leave(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pages {
    /// The filter of which the last values are read.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Looks for more of them, for about so many steps. Returns what that was in steps.
    fn look_up(&mut self, steps: usize) -> usize {
        let Self { hub, filters, walk, found, .. } = self;
        let before = found.len();
        let Walked { steps, is_done } = hub.with_index(|index| {
            walk.go_on(index, filters, steps, &mut |channel: &Arc<Channel>, _| {
                found.push_back(Arc::clone(channel));
                found.len() < AT_ONCE
            })
        });
        let found = self.found.len() - before;
        self.is_walked = is_done;
        self.work = (self.work.0 + steps, self.work.1 + found);
        steps + found * A_LAST_VALUE
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        let (hub, walk) = (&self.hub, &mut self.walk);
        hub.with_index(|index| walk.abandon(index));
        hub.open_pages.leave();
    }
}

impl Session {
    /// Begins to read the last values that a filter names, which is a request that the client pays for. Nothing is looked
    /// up before the [first page](Self::next_page).
    pub fn read(&mut self, filter: Filter, now: impl Into<Moment>) -> Result<Pages, NotRead> {
        let steps = STEPS_A_FRAME as usize + A_FILTER + filter.as_str().len() / BYTES_A_STEP;
        self.add_to_turn(steps);
        self.allowance.request(steps, now.into().steady()).map_err(NotRead::TooMuch)?;
        self.check_read(&filter)?;
        self.hub.open_pages.enter()?;
        let mut filters = Trie::default();
        filters.change(filter.as_str(), |_| Some(()));
        Ok(Pages {
            hub: Arc::clone(&self.hub),
            filter,
            filters,
            walk: Walk::default(),
            found: VecDeque::new(),
            work: (0, 0),
            is_walked: false,
        })
    }

    /// The next values, as many as the bounds allow and one turn of work finds. Another session may go on with what one
    /// has begun, if it may read the filter, too. Values that are older than their sender allowed are left out and counted.
    pub fn next_page(
        &mut self,
        pages: &mut Pages,
        most: PageBounds,
        now: impl Into<Moment>,
    ) -> Result<Page, NotRead> {
        self.check_read(&pages.filter)?;
        let (now, mut values) = (now.into(), Vec::new());
        let left = loop {
            if let Some(left) = self.give(pages, most, now, &mut values) {
                break left;
            }
            if pages.is_walked {
                break Drained::Everything;
            }
            if let Some(wait) = self.waits_for_steps(pages.work, now) {
                break Drained::Later(wait);
            }
            let work = pages.look_up(TURN.saturating_sub(self.turn) as usize);
            self.took(work);
        };
        Ok(Page { values, left })
    }

    /// Gives what was found. Returns what is left where the page ends before all of it is given.
    fn give(
        &mut self,
        pages: &mut Pages,
        most: PageBounds,
        now: Moment,
        values: &mut Vec<Publication>,
    ) -> Option<Drained> {
        let mut room = most.bytes.saturating_sub(values.iter().map(Publication::len).sum());
        while let Some(channel) = pages.found.front() {
            if !values.is_empty() && values.len() >= most.values {
                return Some(Drained::More);
            }
            if self.end_turn() {
                return Some(Drained::Later(Duration::ZERO));
            }
            if self.outbox.view.names(&channel.topic) {
                let fits = if values.is_empty() { usize::MAX } else { room };
                let Ok(value) = channel.last_value_within(fits) else { return Some(Drained::More) };
                if let Some(value) = value {
                    self.add_to_turn(value.len() / BYTES_A_STEP);
                    if value.has_expired(now) {
                        self.hub.figures.expired.add(1);
                    } else {
                        room = room.saturating_sub(value.len());
                        values.push(value);
                    }
                }
            }
            pages.found.pop_front();
        }
        None
    }

    fn check_read(&self, filter: &Filter) -> Result<(), NotRead> {
        if self.client.base.relative(filter.as_str()).is_none() {
            return Err(NotRead::NotBelowBase);
        }
        self.check_filters(std::slice::from_ref(filter)).map_err(|_| NotRead::Forbidden)
    }
}
