//! A change of a session's subscription: is there room for it, what does it replace, and which last values follow?

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::allowance::{A_FILTER, BYTES_A_STEP, Excess, STEPS_A_FRAME};
use super::branches::{Branches, TooMany};
use super::look_up::LookUps;
use super::queue::Item;
use super::session::{Session, Side};
use super::step::{Answer, Change, LastValues};
use super::trie::Id;
use crate::moment::Moment;
use crate::topic::Filter;

/// Filters that may be remembered for look-ups that are under way, as a multiple of those that a session may hold.
const REMEMBERED: usize = 3;

impl Session {
    /// The filters that it holds.
    pub(super) fn held(&self) -> Vec<Filter> {
        self.hub.subscriptions.held(&self.filters, &self.hub.settings.topic)
    }

    /// The same as the client calls them.
    pub(super) fn held_names(&self) -> Vec<String> {
        let mut texts = self.hub.subscriptions.texts(&self.filters);
        for text in &mut texts {
            let name = self.client.base.relative(text).map_or(0, str::len);
            text.drain(..text.len() - name);
        }
        texts
    }

    /// Counts a request about the subscription of so many bytes that names so many filters, before it is looked at.
    /// Returns how much work it is.
    pub(super) fn count_request(
        &mut self,
        bytes: usize,
        filters: usize,
        now: Moment,
    ) -> Result<usize, Excess> {
        let of_filters = A_FILTER * (filters + self.filters.len());
        let steps = STEPS_A_FRAME as usize + of_filters + bytes / BYTES_A_STEP;
        self.add_to_turn(steps);
        self.allowance.request(steps, now.steady())?;
        Ok(steps)
    }

    /// Counts the answer to such a request.
    pub(super) fn count_answer(&mut self, text: &str) {
        self.took(text.len() / BYTES_A_STEP);
    }

    /// Makes room for these filters in place of the [`held`](Self::held) ones. Nothing is changed before it is
    /// [carried out](Self::carry_out), which has to follow.
    pub(super) fn plan(
        &self,
        held: Vec<Filter>,
        filters: Vec<Filter>,
        last_values: LastValues,
    ) -> Result<Change, TooMany> {
        let mut places: HashMap<&Filter, (usize, Id), RandomState> =
            held.iter().zip(self.filters.iter().copied().enumerate()).collect();
        let stays: Vec<_> = filters.iter().map(|filter| places.remove(filter).map(|(_, id)| id)).collect();
        let mut gone: Vec<_> = places.into_values().collect();
        gone.sort_unstable();
        let change = Change { held, gone, filters, stays, last_values };
        let new: Vec<&Filter> = change.added().collect();
        // The filters of links are the operator's.
        let is_bounded = self.client.side != Side::Link;
        if last_values == LastValues::New
            && let Some(look_ups) = &self.look_ups
            && look_ups.stretches() + new.len() > self.hub.settings.filters.saturating_mul(REMEMBERED)
        {
            return Err(TooMany::Changes(look_ups.stretches()));
        }
        if is_bounded && new.iter().any(|filter| Branches::concern(filter.as_str())) {
            Branches::check(change.filters.iter())?;
        }
        self.hub.subscriptions.reserve(&new, is_bounded)?;
        Ok(change)
    }

    /// Changes the subscription, and puts the answer and then the place of the last values into the outbox, all in one
    /// piece.
    pub(super) fn carry_out(&mut self, change: Change, answer: Answer) {
        let new: Vec<&Filter> = change.added().collect();
        let gone: Vec<Id> = change.gone.iter().map(|(_, id)| *id).collect();
        let is_wanted = match change.last_values {
            LastValues::None => false,
            LastValues::All => !change.filters.is_empty(),
            LastValues::New => !new.is_empty(),
        };
        if change.last_values != LastValues::New || change.filters.is_empty() {
            self.abandon_look_ups();
        }
        let mut inside = self.outbox.lock();
        match answer {
            Answer::First(text) => inside.first.push_back(text),
            Answer::InLine(text) => {
                let offered = inside.queue.offer(Item::Reply(text));
                self.outbox.account(&mut inside, offered, "clown.talk/-");
            }
            Answer::None => {}
        }
        let (mut generation, ids) = self.hub.resubscribe(&self.outbox, &gone, &new);
        if is_wanted {
            if new.is_empty() && gone.is_empty() {
                generation = self.hub.subscriptions.renew();
            }
            inside.queue.put_last_values(generation, change.last_values == LastValues::All);
        }
        drop(inside);
        let mut ids = ids.into_iter();
        if is_wanted && change.last_values == LastValues::All {
            let mut look_ups = LookUps::default();
            look_ups.change(std::iter::empty(), change.filters.iter(), generation);
            self.look_ups = Some(Box::new(look_ups));
        } else if let Some(look_ups) = &mut self.look_ups {
            look_ups.change(change.gone(), change.added(), generation);
        } else if is_wanted {
            let mut look_ups = LookUps::of(&change.held);
            look_ups.change(change.gone(), change.added(), generation);
            self.look_ups = Some(Box::new(look_ups));
        }
        self.filters = change.stays.into_iter().filter_map(|stays| stays.or_else(|| ids.next())).collect();
        self.outbox.wake();
    }
}
