//! What a client leaves behind that it got as a member of groups: the hub gives it to others.

use super::talk::Rest;
use crate::hub::{Relayed, Session};
use crate::seldom::Seldom;
use crate::topic::Share;

impl Rest {
    /// The client is back, and joins again the groups of QoS 0 that it was not in meanwhile. One that has no room for it is forgotten:
    /// the client joins it with its next SUBSCRIBE.
    pub(crate) fn joins_again(&mut self, session: &mut Session) {
        static NOT_JOINED: Seldom = Seldom::new();
        for share in self.shares.some(true) {
            if !session.may_hold(share.filter()) {
                continue;
            }
            let Err(reason) = session.joins(&share) else { continue };
            self.shares.remove(&share);
            if let Some(times) = NOT_JOINED.again(&session.name()) {
                let (client, filter) = (session.name(), share.as_str());
                tracing::warn!(%client, ?filter, %reason, %times,
                    "MQTT: the client is back and not in its group any more, it has to subscribe anew");
            }
        }
    }

    /// The groups in which the client is with QoS 0, or those of the others.
    pub(crate) fn shares(&self, of_qos_0: bool) -> Vec<Share> {
        self.shares.some(of_qos_0)
    }

    /// Takes out what came by these groups and was not sent.
    pub(crate) fn take_unsent_of(&mut self, shares: &[Share]) -> Vec<Relayed> {
        let is_it = |relayed: &Relayed| relayed.share.as_ref().is_some_and(|share| shares.contains(share));
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::SystemTime;

    use super::*;
    use crate::hub::{Client, Hub, Rates, Rights, Settings, Side};
    use crate::mqtt::{Qos, Wish};
    use crate::topic::{Base, Limits};

    fn session(hub: &Arc<Hub>) -> Session {
        let client = Client {
            user: "jana".into(),
            rights: Arc::new(Rights::everything()),
            base: Base::ROOT,
            side: Side::Device,
            rates: Rates::UNLIMITED,
        };
        hub.connect(client, SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn a_client_that_comes_back_to_a_full_group_may_subscribe_anew_when_there_is_room() {
        let hub = Hub::new(Settings::default(), SystemTime::UNIX_EPOCH);
        let share = |text| Share::parse(text, &Limits::default()).unwrap();
        let (full, free) = (share("$share/g/jobs/#"), share("$share/h/jobs/#"));
        let mut rest = Rest::default();
        for share in [&full, &free] {
            let wish = Wish { qos: Qos::AtMostOnce, no_local: false, as_published: false, handling: 0 };
            rest.shares.put(share.clone(), wish, None);
        }
        let mut others: Vec<_> = (0..1000).map(|_| session(&hub)).collect();
        for other in &mut others {
            other.joins(&full).unwrap();
        }
        let mut back = session(&hub);
        rest.joins_again(&mut back);
        assert_eq!(rest.shares(true), [free]);
        others.pop();
        back.joins(&full).unwrap();
    }
}
