//! What a session leaves behind in groups, on its way to other members. It may be a whole queue, so it goes in turns: between two of
//! them others have theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::vec::IntoIter;

use super::Group;
use crate::hub::outbox::Outbox;
use crate::hub::publication::Publication;
use crate::hub::queue::Via;
use crate::hub::relay::Relayed;
use crate::hub::session::Session;
use crate::topic::Share;

/// What it takes to give a waiting message to another member, in the steps of the allowance.
pub(super) const STEPS_A_MOVE: usize = 32;

/// Waiting messages that are looked at in one step.
pub(super) const LOOKED_AT_IN_A_STEP: usize = 16;

/// What others do not have yet of groups that a session has left.
#[derive(Debug)]
pub(in crate::hub) struct LeftBehind {
    groups: BTreeMap<Share, Arc<Group>>,
    messages: IntoIter<Relayed>,
}

impl Session {
    /// Leaves groups, as [`begins_to_leave`](Self::begins_to_leave) does, and everything goes to others at once.
    pub fn leaves(&mut self, shares: &[Share], held: Vec<Relayed>) {
        self.begins_to_leave(shares, held);
        self.passes_everything_on();
    }

    /// Leaves groups. What has come for it by them, and what it holds of them outside of its outbox, goes to other members where
    /// there are some, as it is [passed on](Self::passes_on).
    pub fn begins_to_leave(&mut self, shares: &[Share], held: Vec<Relayed>) {
        self.passes_everything_on();
        let Some(of) = &mut self.groups else { return };
        let shares: BTreeSet<_> = shares.iter().collect();
        let gone: Vec<_> = of.groups.extract_if(.., |group| shares.contains(&group.share)).collect();
        if gone.is_empty() {
            return;
        }
        for group in &gone {
            self.go_from(group);
        }
        let mut messages = held;
        messages.extend(self.take_shared(|of| shares.contains(of)));
        let groups = gone.into_iter().map(|group| (group.share.clone(), group)).collect();
        let left_behind = LeftBehind { groups, messages: messages.into_iter() };
        self.groups.get_or_insert_default().left_behind = Some(left_behind);
    }

    /// Gives the next of what it has left behind to others, until these are to have their turn. The client pays for that. Whether
    /// nothing is left.
    pub fn passes_on(&mut self) -> bool {
        while !self.is_turn_over() {
            let Some(of) = &mut self.groups else { return true };
            let Some(behind) = &mut of.left_behind else { return true };
            let Some(relayed) = behind.messages.next() else {
                of.left_behind = None;
                return true;
            };
            if let Some(group) = relayed.share.as_ref().and_then(|share| behind.groups.get(share)) {
                // If nobody is left, nobody wants it.
                self.hub.pass_on(group, &relayed, Some(self.outbox.id));
            }
            self.took(STEPS_A_MOVE);
        }
        self.groups.as_ref().is_none_or(|of| of.left_behind.is_none())
    }

    /// The same without a pause: nobody is here any more who could go on with it.
    pub fn passes_everything_on(&mut self) {
        let mut turns = 0_u32;
        while !self.passes_on() {
            turns = turns.saturating_add(std::mem::take(&mut self.turn));
        }
        self.turn = self.turn.saturating_add(turns);
    }

    /// The session ends and leaves all groups. What it holds of them goes to other members, and is lost where there are none.
    pub fn leaves_all(&mut self, held: Vec<Relayed>) {
        self.passes_everything_on();
        self.go_from_all();
        let waiting = self.outbox.take_shared(|_| true);
        let held = held.into_iter().chain(waiting);
        self.hub.pass_on_all(&self.client.user, held, Some(self.outbox.id));
    }

    /// Takes out of the outbox what came by groups of which this holds.
    fn take_shared(&mut self, is_it: impl Fn(&Share) -> bool) -> Vec<Relayed> {
        let waiting = self.outbox.waiting();
        let taken = self.outbox.take_shared(is_it);
        self.took(waiting / LOOKED_AT_IN_A_STEP);
        taken
    }
}

impl Outbox {
    /// How many wait.
    fn waiting(&self) -> usize {
        self.lock().queue.len()
    }

    /// Takes out what came by groups of which this holds.
    fn take_shared(&self, is_it: impl Fn(&Share) -> bool) -> Vec<Relayed> {
        let mut inside = self.lock();
        let taken = inside.queue.take_shared(is_it);
        if !taken.is_empty() {
            self.settle(&mut inside);
        }
        drop(inside);
        let relayed = |(message, Via { share, ticket }): (Arc<Publication>, Via)| Relayed {
            message,
            is_last_value: false,
            ticket,
            share: Some(share),
        };
        taken.into_iter().map(relayed).collect()
    }
}
