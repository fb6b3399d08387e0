//! What a client leaves behind that it got as a member of groups: the hub gives it to others.

use super::talk::Rest;
use crate::hub::Relayed;
use crate::topic::Share;

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
