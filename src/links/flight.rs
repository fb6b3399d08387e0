//! What is on its way to the broker and not yet acknowledged, and the packet ids of it (MQTT 5.0, 4.3 and 4.4). Pure.
//!
//! Messages are acknowledged in any order and sent again in the order in which they were sent first.

use std::collections::{HashSet, VecDeque};

use super::queue::Entry;
use crate::hub::Publication;

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
    flying: VecDeque<Flying>,
    used: HashSet<u16, foldhash::fast::RandomState>,
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
    pub fn iter(&self) -> impl Iterator<Item = &Flying> {
        self.flying.iter()
    }

    /// Whether the very message is on its way.
    pub fn holds(&self, message: &Publication) -> bool {
        self.flying.iter().any(|flying| flying.entry.relayed.message.number == message.number)
    }

    /// A packet id that nothing on its way has.
    pub fn free_id(&mut self) -> u16 {
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            // There are 65,535 of them, and the bound of what is on its way is far below.
            if !self.used.contains(&self.last_id) {
                return self.last_id;
            }
        }
    }

    /// One more; returns its packet id.
    pub fn send(&mut self, entry: Entry) -> u16 {
        let id = self.free_id();
        self.used.insert(id);
        self.bytes += entry.len();
        self.flying.push_back(Flying { id, entry, stage: Stage::Sent });
        id
    }

    /// PUBREC came in. Whether PUBREL is the answer: it is for what nobody knows, too (MQTT 5.0, 4.3.3).
    pub fn release(&mut self, id: u16) {
        if let Some(flying) = self.flying.iter_mut().find(|flying| flying.id == id) {
            flying.stage = Stage::Released;
        }
    }

    /// The last acknowledgement came in, or the broker refused it: it has arrived.
    pub fn land(&mut self, id: u16) -> Option<Entry> {
        let at = self.flying.iter().position(|flying| flying.id == id)?;
        self.used.remove(&id);
        let entry = self.flying.remove(at)?.entry;
        self.bytes -= entry.len();
        Some(entry)
    }

    /// The broker allows only so many on their way: those beyond go back, in their order.
    pub fn cut(&mut self, most: usize) -> impl DoubleEndedIterator<Item = Entry> + use<> {
        let sent = self.flying.iter().filter(|flying| flying.stage == Stage::Sent);
        let beyond: Vec<_> = sent.skip(most).map(|flying| flying.id).collect();
        beyond.into_iter().filter_map(|id| self.land(id)).collect::<Vec<_>>().into_iter()
    }

    /// The broker has lost the session: all but those it had taken go back, in their order.
    pub fn abandon(&mut self) -> impl DoubleEndedIterator<Item = Entry> + use<> {
        self.used.clear();
        self.bytes = 0;
        let flying = std::mem::take(&mut self.flying);
        flying.into_iter().filter(|flying| flying.stage == Stage::Sent).map(|flying| flying.entry)
    }
}

#[cfg(test)]
mod tests {
    use super::super::queue::tests::{entry, shown};
    use super::*;
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
        let back: Vec<_> = flight.abandon().map(|entry| shown(&entry)).collect();
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
        assert_eq!(flight.iter().map(|flying| flying.id).collect::<Vec<_>>(), ids[..3]);
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
    fn an_acknowledgement_of_nothing_changes_nothing() {
        let mut flight = Flight::default();
        let id = flight.send(entry("a/b", "1"));
        flight.release(id + 1);
        assert!(flight.land(id + 1).is_none());
        assert_eq!(flight.iter().map(|flying| flying.stage).collect::<Vec<_>>(), [Stage::Sent]);
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
            let left: Vec<_> = flight.iter().map(|flying| shown(&flying.entry)).collect();
            let expected: Vec<_> =
                (0..20).filter(|n| !acknowledged.contains(n)).map(|n| format!("a/b {n:02}")).collect();
            prop_assert_eq!(left, expected);
        }
    }
}
