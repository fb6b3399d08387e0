//! A message on its way to sessions that last: it enters the book for all of them in one piece, and then their queues.

use std::sync::Arc;

use smallvec::SmallVec;

use super::rows::{Pledge, bytes};
use super::{FOR_ACKNOWLEDGEMENTS, LastingSessions, Ticket, UNHURRIED};
use crate::hub::outbox::{Outbox, SessionId};
use crate::hub::publication::Publication;
use crate::hub::subscriptions::deliver;
use crate::hub::tape::Ask;
use crate::hub::{Figures, Hub};
use crate::moment::Moment;
use crate::talk::control::PublishRefused;

/// Receivers that were given up to make room.
type GivenUp = SmallVec<[Arc<Outbox>; 1]>;

/// What the publisher of a message wants to hear of it, where sessions that last receive it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asks {
    /// What the answer has as its `id`.
    pub number: u64,
    /// How the publisher calls the message, where the book is to remember that it has come: it will be sent again otherwise.
    pub received: Option<u16>,
}

impl Hub {
    /// Sessions that are to survive a restart.
    pub fn lasting(&self) -> &Arc<LastingSessions> {
        &self.lasting
    }

    /// Offers a message to all of these but its publisher, as [`deliver`] does, some of whom last. Returns to how many.
    #[cold]
    pub(in crate::hub) fn deliver_noted(
        &self,
        message: &Arc<Publication>,
        targets: &[Arc<Outbox>],
        origin: Option<&Outbox>,
    ) -> u64 {
        let id = origin.map(|origin| origin.id);
        if is_worth_nothing_later(message) {
            return deliver(message, targets, id);
        }
        let (tickets, given_up) = self.lasting.enter(message, targets, origin, id, &self.figures);
        let mut routed = 0;
        for (target, ticket) in targets.iter().zip(tickets) {
            if Some(target.id) == id && !target.wants_echo() {
                continue;
            }
            match ticket {
                Some(ticket) => target.offer_noted(message, ticket),
                None => target.offer(message),
            }
            routed += 1;
        }
        for outbox in &given_up {
            outbox.give_up_for_the_store();
        }
        self.lasting.answer();
        routed
    }
}

/// Whether it was published with QoS 0: nobody has a claim to it.
fn is_worth_nothing_later(message: &Publication) -> bool {
    message.extras().is_some_and(|extras| extras.passed_on.ends_with("\"qos\": 0"))
}

impl LastingSessions {
    /// Enters a message for all of these that are remembered, in one piece, and with what its publisher asks.
    fn enter(
        self: &Arc<Self>,
        message: &Arc<Publication>,
        targets: &[Arc<Outbox>],
        origin: Option<&Outbox>,
        id: Option<SessionId>,
        figures: &Arc<Figures>,
    ) -> (SmallVec<[Option<Arc<Ticket>>; 8]>, GivenUp) {
        let is_noted =
            |target: &Arc<Outbox>| target.is_noted() && (Some(target.id) != id || target.wants_echo());
        if !targets.iter().any(is_noted) {
            return (targets.iter().map(|_| None).collect(), GivenUp::new());
        }
        let now = Moment::now();
        let asks = origin.and_then(|origin| Some((origin.takes_what_it_asks()?, origin.myself().upgrade()?)));
        let pledge = asks.as_ref().map(|(asks, outbox)| {
            let refusal = PublishRefused { id: Some(asks.number.to_string()), ..PublishRefused::default() };
            Arc::new(Pledge::new(Ask::new(outbox, figures, Box::new(refusal))))
        });
        let within = if pledge.is_some() { FOR_ACKNOWLEDGEMENTS } else { UNHURRIED };
        let mut inside = self.inside.lock();
        let more = targets.iter().filter(|target| is_noted(target)).count() as u64 * bytes(message);
        let mut gone = inside.make_room(more, now);
        if inside.bytes.saturating_add(more) > inside.most_bytes {
            let noted = targets.iter().filter(|target| is_noted(target));
            let noted = noted.map(|target| target.noted.session());
            gone.extend(noted.filter_map(|session| inside.remove(session, now)));
        }
        let enter = |target: &Arc<Outbox>| {
            let session = target.noted.session();
            let shared = Arc::clone(&inside.entries.get(&session).filter(|_| is_noted(target))?.shared);
            let row = inside.put(session, message, false, now);
            if let Some(entry) = inside.entries.get_mut(&session)
                && let Some(row) = entry.rows.get_mut(&row)
            {
                row.pledge.clone_from(&pledge);
            }
            inside.touch(session, now, within);
            Some(Arc::new(Ticket::new(self, shared, row)))
        };
        let tickets = targets.iter().map(enter).collect();
        if let Some((Asks { received: Some(received), .. }, outbox)) = &asks {
            let session = outbox.noted.session();
            if let Some(entry) = inside.entries.get_mut(&session) {
                entry.received.insert(*received);
                entry.is_dirty = true;
                entry.pledges.extend(pledge.clone());
                inside.touch(session, now, within);
            }
        }
        self.release(inside);
        let given_up = gone.iter().filter_map(|entry| entry.outbox.upgrade()).collect();
        drop(gone);
        // Where nobody was there after all, the publisher is answered here.
        drop(pledge);
        (tickets, given_up)
    }
}
