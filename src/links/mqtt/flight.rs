//! What is on its way to the broker and not yet acknowledged, and the packet ids of it (MQTT 5.0, 4.3 and 4.4). Pure.
//!
//! Messages are acknowledged in any order and sent again in the order in which they were sent first. An acknowledgement is
//! looked up by its packet id; the order is made only where it is asked for, which is when a connection breaks.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::hub::Publication;
use crate::links::queue::Entry;

/// How far a message of QoS 2 has come; one of QoS 1 is only ever sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// PUBLISH is out.
    Sent,
    /// PUBREC is in and PUBREL is out.
    Released,
}

/// A message on its way.
#[derive(Debug, Clone)]
pub struct Flying {
    /// Its packet id.
    pub id: u16,
    /// The message.
    pub entry: Entry,
    /// How far it has come.
    pub stage: Stage,
}

/// All that are on their way.
#[derive(Debug, Default)]
pub struct Flight {
    /// By packet id: when it was sent, counted, and what it is.
    flying: HashMap<u16, (u64, Flying), RandomState>,
    /// How often each message is on its way, by its number at the hub.
    numbers: HashMap<u64, u32, RandomState>,
    sent: u64,
    last_id: u16,
    bytes: usize,
}

impl Flight {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.flying.len()
    }

    /// Their bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.flying.is_empty()
    }

    /// In the order in which they were sent.
    pub fn in_order(&self) -> Vec<Flying> {
        let mut all: Vec<_> = self.flying.values().collect();
        all.sort_unstable_by_key(|(sent, _)| *sent);
        all.into_iter().map(|(_, flying)| flying.clone()).collect()
    }

    /// The packet id of the one that was sent first.
    pub fn first(&self) -> Option<u16> {
        self.flying.values().min_by_key(|(sent, _)| *sent).map(|(_, flying)| flying.id)
    }

    /// The packet id of the largest one.
    pub fn largest(&self) -> Option<u16> {
        let largest = self.flying.values().max_by_key(|(sent, flying)| (flying.entry.len(), *sent));
        largest.map(|(_, flying)| flying.id)
    }

    /// Whether the very message is on its way. What came back from the store has no number of its own, so that is not known of it.
    pub fn holds(&self, message: &Publication) -> bool {
        message.number > 0 && self.numbers.contains_key(&message.number)
    }

    /// A packet id that nothing on its way has.
    pub fn free_id(&mut self) -> u16 {
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            // There are 65,535 of them, and the bound of what is on its way is far below.
            if !self.flying.contains_key(&self.last_id) {
                return self.last_id;
            }
        }
    }

    /// One more; returns its packet id.
    pub fn send(&mut self, entry: Entry) -> u16 {
        let id = self.free_id();
        self.bytes += entry.len();
        self.sent += 1;
        *self.numbers.entry(entry.relayed.message.number).or_default() += 1;
        self.flying.insert(id, (self.sent, Flying { id, entry, stage: Stage::Sent }));
        id
    }

    /// PUBREC came in.
    pub fn release(&mut self, id: u16) {
        if let Some((_, flying)) = self.flying.get_mut(&id) {
            flying.stage = Stage::Released;
        }
    }

    /// The last acknowledgement came in, or the broker refused it: it has arrived.
    pub fn land(&mut self, id: u16) -> Option<Entry> {
        let (_, Flying { entry, .. }) = self.flying.remove(&id)?;
        self.bytes -= entry.len();
        let number = entry.relayed.message.number;
        if let Some(times) = self.numbers.get_mut(&number) {
            *times -= 1;
            if *times == 0 {
                self.numbers.remove(&number);
            }
        }
        Some(entry)
    }

    /// The broker allows only so many on their way: those beyond go back, in their order.
    pub fn cut(&mut self, most: usize) -> impl DoubleEndedIterator<Item = Entry> + use<> {
        let sent = self.in_order().into_iter().filter(|flying| flying.stage == Stage::Sent);
        let beyond: Vec<_> = sent.skip(most).filter_map(|flying| self.land(flying.id)).collect();
        beyond.into_iter()
    }

    /// The broker has lost the session: all but those it had taken go back, in their order.
    pub fn abandon(&mut self) -> Vec<Entry> {
        let mut all: Vec<_> = std::mem::take(&mut self.flying).into_values().collect();
        all.sort_unstable_by_key(|(sent, _)| *sent);
        self.numbers.clear();
        self.bytes = 0;
        all.into_iter()
            .filter(|(_, flying)| flying.stage == Stage::Sent)
            .map(|(_, flying)| flying.entry)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use crate::links::queue::tests::{entry, shown};
    use proptest::prelude::*;

    #[test]
    fn ids_are_never_zero_and_never_used_twice_at_once() {
        let mut flight = Flight::default();
        let held = flight.send(entry("a/b", "0"));
        for _ in 0..70_000 {
            let id = flight.send(entry("a/b", "1"));
            assert!(id != 0 && id != held);
            assert!(flight.land(id).is_some());
        }
    }

    #[test]
    fn a_lost_session_gives_back_in_order_what_the_broker_has_not_taken() {
        let mut flight = Flight::default();
        let ids: Vec<_> = (0..5).map(|n| flight.send(entry("a/b", &n.to_string()))).collect();
        flight.land(ids[1]);
        flight.release(ids[3]);
        let back: Vec<_> = flight.abandon().iter().map(shown).collect();
        assert_eq!(back, ["a/b 0", "a/b 2", "a/b 4"]);
        assert!(flight.is_empty());
    }

    #[test]
    fn a_broker_that_allows_less_than_before_gets_the_rest_later_and_in_order() {
        let mut flight = Flight::default();
        let ids: Vec<_> = (0..5).map(|n| flight.send(entry("a/b", &n.to_string()))).collect();
        flight.release(ids[0]);
        let back: Vec<_> = flight.cut(2).map(|entry| shown(&entry)).collect();
        assert_eq!(back, ["a/b 3", "a/b 4"]);
        assert_eq!(flight.in_order().iter().map(|flying| flying.id).collect::<Vec<_>>(), ids[..3]);
    }

    #[test]
    fn its_bytes_are_those_of_what_is_on_its_way() {
        let mut flight = Flight::default();
        let ids: Vec<_> = (0..3).map(|n| flight.send(entry("a/b", &n.to_string()))).collect();
        let one = flight.bytes() / 3;
        assert!(one > 0);
        flight.land(ids[1]);
        flight.land(ids[1]);
        assert_eq!(flight.bytes(), 2 * one);
        drop(flight.abandon());
        assert_eq!(flight.bytes(), 0);
    }

    #[test]
    fn what_came_back_from_the_store_is_not_taken_for_another_message_that_did() {
        let mut flight = Flight::default();
        let mut restored = entry("a/b", "1");
        Arc::get_mut(&mut restored.relayed.message).unwrap().number = 0;
        let published = entry("c/d", "1");
        flight.send(restored.clone());
        flight.send(published.clone());
        assert!(flight.holds(&published.relayed.message));
        assert!(!flight.holds(&restored.relayed.message), "all of them have the number 0");
    }

    #[test]
    fn an_acknowledgement_of_nothing_changes_nothing() {
        let mut flight = Flight::default();
        let id = flight.send(entry("a/b", "1"));
        flight.release(id + 1);
        assert!(flight.land(id + 1).is_none());
        assert_eq!(flight.in_order().iter().map(|flying| flying.stage).collect::<Vec<_>>(), [Stage::Sent]);
    }

    proptest! {
        #[test]
        fn whatever_order_they_are_acknowledged_in_those_that_are_left_keep_theirs(
            acknowledged in prop::collection::vec(0..20_usize, 0..20),
        ) {
            let mut flight = Flight::default();
            let ids: Vec<_> = (0..20).map(|n| flight.send(entry("a/b", &format!("{n:02}")))).collect();
            for at in &acknowledged {
                flight.land(ids[*at]);
            }
            let left: Vec<_> = flight.in_order().iter().map(|flying| shown(&flying.entry)).collect();
            let expected: Vec<_> =
                (0..20).filter(|n| !acknowledged.contains(n)).map(|n| format!("a/b {n:02}")).collect();
            prop_assert_eq!(left, expected);
        }
    }
}
