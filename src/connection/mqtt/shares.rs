//! The groups in which a client is, and how it wants what it gets of them. Pure.

use std::collections::BTreeMap;

use super::subscriptions::Wanted;
use super::talk::Rest;
use crate::hub::Relayed;
use crate::mqtt::{Qos, Remembered, Wish};
use crate::topic::Share;

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Shares(BTreeMap<Share, (Wish, Option<u32>)>);

impl Shares {
    /// Adds one, or takes the place of the same one.
    pub(super) fn put(&mut self, share: Share, wish: Wish, id: Option<u32>) {
        self.0.insert(share, (wish, id));
    }

    /// Takes one away. Whether it was there.
    pub(super) fn remove(&mut self, share: &Share) -> bool {
        self.0.remove(share).is_some()
    }

    /// Puts down all of them.
    pub(super) fn tell(&self, session: &mut Remembered) {
        self.0.iter().for_each(|(share, (wish, id))| session.add(share.as_str(), *wish, *id));
    }

    /// Those of QoS 0, which nobody needs while the client is away, or the others.
    pub(super) fn some(&self, of_qos_0: bool) -> Vec<Share> {
        let is_it =
            |(_, (wish, _)): &(&Share, &(Wish, Option<u32>))| (wish.qos == Qos::AtMostOnce) == of_qos_0;
        self.0.iter().filter(is_it).map(|(share, _)| share.clone()).collect()
    }

    /// How the client wants a message of this group, and the id of the subscription; `None` if it is not in it any more.
    pub(super) fn wanted(&self, share: &Share, ids: &mut Vec<u32>) -> Option<Wanted> {
        ids.clear();
        let (wish, id) = self.0.get(share)?;
        ids.extend(*id);
        Some(Wanted { qos: wish.qos, as_published: wish.as_published })
    }
}

impl Rest {
    /// The groups in which the client is with QoS 0, or those of the others.
    pub(crate) fn shares(&self, of_qos_0: bool) -> Vec<Share> {
        self.shares.some(of_qos_0)
    }

    /// Takes out what came by a group and was not sent.
    pub(crate) fn take_unsent_of(&mut self, share: &Share) -> Vec<Relayed> {
        let is_it = |relayed: &Relayed| relayed.share.as_ref() == Some(share);
        let (taken, rest) = std::mem::take(&mut self.waiting).into_iter().partition(is_it);
        self.waiting = rest;
        taken.into()
    }

    /// Takes out what came by groups and has to go to other members, as the session ends: what was not sent, and of QoS 1 what is not
    /// acknowledged. What was sent with QoS 2 goes to nobody else ([MQTT-4.8.2-5]).
    pub(crate) fn take_shared(&mut self) -> Vec<Relayed> {
        let mut taken = self.flight.take_shared();
        taken.extend(std::mem::take(&mut self.waiting).into_iter().filter(|relayed| relayed.share.is_some()));
        taken
    }
}
