//! What a client leaves behind that it got as a member of groups: the hub gives it to others.

use std::collections::VecDeque;

use super::rest::Rest;
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
        let (taken, rest): (VecDeque<_>, _) = self.waiting.take().into_iter().partition(is_it);
        if !rest.is_empty() {
            *self.waiting.make() = rest;
        }
        taken.into()
    }

    /// Takes out what came by groups and has to go to other members, as the session ends: what was not sent, and of QoS 1 what is not
    /// acknowledged. What was sent with QoS 2 goes to nobody else ([MQTT-4.8.2-5]).
    pub(crate) fn take_shared(&mut self) -> Vec<Relayed> {
        let mut taken = self.flight.take_shared();
        taken.extend(self.waiting.take().into_iter().filter(|relayed| relayed.share.is_some()));
        taken
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, SystemTime};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::task::JoinSet;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::connection::mqtt::{Bounds, Mqtt, Taken, Talk};
    use crate::connection::{Patience, Signs, run};
    use crate::hub::{Client, Extras, Hub, Message, Rates, Rights, Settings, Side};
    use crate::mqtt::{Qos, Version, Welcome, Wish};
    use crate::talk::Kind;
    use crate::topic::{Base, Limits, Topic};

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

    /// Takes a share of the messages of QoS 0, as its SUBSCRIBE would have it.
    fn joined(session: &mut Session, share: &Share) -> Talk {
        let bounds = Bounds {
            window: 4,
            window_bytes: 1024,
            aliases: 0,
            keeps_readings: false,
            topic: Limits::default(),
            session_seconds: 0,
        };
        let client = crate::connection::MqttClient {
            version: Version::V5,
            receive_maximum: 4,
            packet_maximum: usize::MAX,
            alias_maximum: 0,
            session_seconds: 0,
            will_delay: 0,
        };
        session.begins("device");
        session.joins(share).unwrap();
        let mut rest = Rest::default();
        let wish = Wish { qos: Qos::AtMostOnce, no_local: false, as_published: false, handling: 0 };
        rest.shares.put(share.clone(), wish, None);
        Talk::new(Arc::new(bounds), client, rest)
    }

    #[tokio::test]
    async fn between_the_pieces_of_an_unsubscribe_others_have_their_turn() {
        const MESSAGES: usize = 9000;
        let hub = Hub::new(Settings::default(), SystemTime::UNIX_EPOCH);
        let share = Share::parse("$share/g/jobs/#", &Limits::default()).unwrap();
        let mut leaves = session(&hub);
        let talk = joined(&mut leaves, &share);
        let mut says = session(&hub);
        for _ in 0..MESSAGES {
            let (topic, kind) = (Topic::parse("jobs/set", &Limits::default()).unwrap(), Kind::of("jobs/set"));
            let message = Message {
                topic,
                payload: "1",
                kind,
                retention: None,
                extras: Extras::default(),
                was_kept: false,
            };
            says.tell(message, SystemTime::UNIX_EPOCH).unwrap();
        }
        let mut other = session(&hub);
        other.joins(&share).unwrap();
        let (ours, mut theirs) = tokio::io::duplex(4096);
        let welcome = Welcome {
            session_present: false,
            session_expiry: None,
            receive_maximum: 4,
            packet_maximum: 4096,
            assigned_id: None,
            alias_maximum: 0,
            keep_alive: None,
        };
        let mut wire = Mqtt::new(ours, 4096);
        wire.begin(&leaves, talk, Taken::default(), 4096, &welcome);
        let unsubscribe = b"\xa2\x14\0\x07\0\0\x0f$share/g/jobs/#";
        theirs.write_all(unsubscribe).await.unwrap();
        let (turns, seen) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let counts = Arc::clone(&turns);
        let mut others = JoinSet::new();
        others.spawn(async move {
            loop {
                counts.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        });
        let seconds = Duration::from_secs(10);
        let patience = Patience { ping: seconds, pong: seconds, write: seconds, vanished: seconds };
        let mut connection = JoinSet::new();
        connection.spawn(run(wire, leaves, patience, Signs::with(&CancellationToken::new(), None)));
        let mut heard = Vec::new();
        // An UNSUBACK of one filter.
        while !heard.ends_with(b"\xb0\x04\0\x07\0\0") {
            heard.push(theirs.read_u8().await.unwrap());
            seen.store(turns.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        // 256 of them are a turn.
        assert!(seen.load(Ordering::Relaxed) >= MESSAGES / 256, "{seen:?}");
        let mut got = 0;
        while other.take_everything(1 << 20, SystemTime::UNIX_EPOCH, &mut |_| got += 1).drained
            == crate::hub::Drained::More
        {}
        assert_eq!(got, MESSAGES);
        drop(theirs);
        connection.join_next().await.unwrap().unwrap();
    }
}
