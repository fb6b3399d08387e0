//! Last values that other hubs have said, of topics that nobody here asks for any more. They are not heard, so they would be
//! taken for what is said there now: they are forgotten, a piece at a time.

use std::collections::VecDeque;

use super::interest::Interest;
use super::inward::is_brought;
use crate::hub::{Drained, PageBounds, Pages, Session};
use crate::moment::Moment;
use crate::topic::{Filter, Limits};

/// One piece.
const PIECE: PageBounds = PageBounds { values: 64, bytes: 256 * 1024 };
/// Filters that wait. With more everything is looked through.
const MOST: usize = 1000;

/// What is to be looked through.
#[derive(Debug)]
pub(super) struct Stale {
    filters: VecDeque<Filter>,
    pages: Option<Pages>,
}

impl Default for Stale {
    /// What is there from before the start was heard by nobody meanwhile.
    fn default() -> Self {
        let mut stale = Self { filters: VecDeque::new(), pages: None };
        stale.look_through_everything();
        stale
    }
}

impl Stale {
    fn look_through_everything(&mut self) {
        let everything = Filter::parse("#", &Limits::default());
        self.filters = everything.into_iter().collect();
    }

    /// What a filter names is not asked for any more.
    pub(super) fn push(&mut self, filter: Filter) {
        if self.filters.len() >= MOST {
            self.look_through_everything();
        } else {
            self.filters.push_back(filter);
        }
    }

    /// Whether there is nothing to be looked through.
    pub(super) fn is_empty(&self) -> bool {
        self.filters.is_empty() && self.pages.is_none()
    }

    /// Looks through a piece.
    pub(super) fn forget_some(&mut self, session: &mut Session, interest: &Interest) {
        let now = Moment::now();
        if self.pages.is_none() {
            let Some(filter) = self.filters.pop_front() else { return };
            // Where too many read at one time, it is tried again.
            match session.read(filter.clone(), now) {
                Ok(pages) => self.pages = Some(pages),
                Err(_) => return self.filters.push_front(filter),
            }
        }
        let Some(pages) = &mut self.pages else { return };
        let Ok(page) = session.next_page(pages, PIECE, now) else {
            self.pages = None;
            return;
        };
        for value in &page.values {
            if is_brought(value) && !interest.names(&value.topic) {
                session.forget_brought(value, now);
            }
        }
        if page.left == Drained::Everything {
            self.pages = None;
        }
    }
}
