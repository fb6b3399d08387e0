//! A message on its way to those who take more than to be offered it: it enters the book for all that last in one piece, and then
//! their queues. And what a member of a group leaves behind, on its way to another one.

use std::sync::Arc;

use smallvec::SmallVec;

use super::{Group, Turn};
use crate::hub::Hub;
use crate::hub::lasting::{Ticket, is_worth_nothing_later};
use crate::hub::outbox::{Outbox, SessionId};
use crate::hub::publication::Publication;
use crate::hub::queue::{Item, Via};
use crate::hub::relay::Relayed;
use crate::hub::subscriptions::Apart;
use crate::seldom::Seldom;
use crate::topic::Share;

/// One who is to get a message.
#[derive(Debug, Clone, Copy)]
pub(in crate::hub) struct Target<'t> {
    pub(in crate::hub) outbox: &'t Arc<Outbox>,
    /// The group by which.
    pub(in crate::hub) share: Option<&'t Share>,
}

impl Target<'_> {
    fn offer(self, message: &Arc<Publication>, ticket: Option<Arc<Ticket>>) {
        match (self.share, ticket) {
            (None, None) => self.outbox.offer(message),
            (None, Some(ticket)) => self.outbox.offer_item(Item::Noted(Arc::clone(message), ticket), message),
            (Some(share), ticket) => self.outbox.offer_shared(message, Via { share: share.clone(), ticket }),
        }
    }
}

impl Hub {
    /// Offers a message to all of these but its publisher, as `deliver` does, and to one member of each of these groups, who may be its
    /// publisher. Returns to how many.
    #[cold]
    pub(in crate::hub) fn deliver_apart(
        &self,
        message: &Arc<Publication>,
        apart: &Apart,
        origin: Option<&Outbox>,
    ) -> u64 {
        let id = origin.map(|origin| origin.id);
        let turns: SmallVec<[Turn<'_>; 4]> =
            apart.groups.iter().filter_map(|group| group.turn(None)).collect();
        let all = apart.all.iter().filter(|target| Some(target.id) != id || target.wants_echo());
        let all = all.map(|outbox| Target { outbox, share: None });
        let chosen = turns.iter().map(|turn| Target { outbox: &turn.outbox, share: Some(turn.share) });
        let targets: SmallVec<[Target<'_>; 8]> = all.chain(chosen).collect();
        let routed = targets.len() as u64;
        if is_worth_nothing_later(message) {
            targets.iter().for_each(|target| target.offer(message, None));
            return routed;
        }
        let (tickets, given_up) = self.lasting.enter(message, &targets, origin, &self.figures);
        for (target, ticket) in targets.iter().zip(tickets) {
            target.offer(message, ticket);
        }
        drop(targets);
        drop(turns);
        for outbox in &given_up {
            outbox.give_up_for_the_store();
        }
        self.lasting.answer();
        routed
    }

    /// Gives a message that one member of a group leaves behind to another one. Whether there is one.
    pub(super) fn pass_on(&self, group: &Group, relayed: &Relayed, but: Option<SessionId>) -> bool {
        let Relayed { message, ticket, .. } = relayed;
        let Some(turn) = group.turn(but) else { return false };
        let target = Target { outbox: &turn.outbox, share: Some(turn.share) };
        let (entered, given_up) = if is_worth_nothing_later(message) {
            (None, SmallVec::new())
        } else {
            self.lasting.enter_again(message, target, ticket.as_deref())
        };
        target.offer(message, entered);
        drop(turn);
        for outbox in &given_up {
            outbox.give_up_for_the_store();
        }
        self.lasting.answer();
        true
    }

    /// Gives what a member of groups of this user leaves behind to others. What nobody is left for is lost, and counted.
    pub fn pass_on_all(
        &self,
        user: &Arc<str>,
        held: impl IntoIterator<Item = Relayed>,
        but: Option<SessionId>,
    ) {
        static LOST: Seldom = Seldom::new();
        let mut lost = 0;
        for relayed in held {
            let group = relayed.share.as_ref().and_then(|share| self.groups.find(user, share));
            lost += u64::from(!group.is_some_and(|group| self.pass_on(&group, &relayed, but)));
        }
        if lost > 0 {
            self.figures.lost.add(lost);
            if let Some(times) = LOST.again(user) {
                tracing::info!(%user, lost, %times,
                    "the last member of a shared subscription has gone before everything was acknowledged");
            }
        }
    }
}
