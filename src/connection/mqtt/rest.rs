//! What outlives a connection with its session.

use std::collections::{HashSet, VecDeque};

use super::flight::Flight;
use super::rare::Rare;
use super::shares::Shares;
use super::subscriptions::Subscriptions;
use crate::hub::{Lasting, Relayed};
use crate::topic::Filter;

/// What outlives a connection with the session.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    /// There where it is to survive a restart of the hub. The first to be dropped: where the hub ends, all else stays in the store.
    pub(super) lasting: Option<Lasting>,
    pub(super) subscriptions: Subscriptions,
    pub(super) shares: Shares,
    pub(super) flight: Flight,
    /// Messages of QoS 2 that came and are not released.
    pub(super) received: Rare<HashSet<u16>>,
    /// Taken from the outbox, and there was no room for them.
    pub(super) waiting: Rare<VecDeque<Relayed>>,
}

impl Rest {
    /// The filters of QoS 0, or those of the others.
    pub(crate) fn filters(&self, of_qos_0: bool) -> Vec<Filter> {
        self.subscriptions.filters(of_qos_0)
    }

    /// Bytes of the messages.
    pub(crate) fn held(&self) -> usize {
        self.flight.bytes() + self.waiting_bytes()
    }

    /// Bytes of those that wait for room.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.waiting.get().into_iter().flatten().map(|relayed| relayed.message.len()).sum()
    }

    /// Whether nothing waits for room.
    pub(super) fn has_none_waiting(&self) -> bool {
        self.waiting.get().is_none_or(VecDeque::is_empty)
    }

    /// Whether a message of QoS 2 has come under this id and is not released.
    pub(super) fn has_received(&self, id: u16) -> bool {
        self.received.get().is_some_and(|received| received.contains(&id))
    }

    /// It is released, or none after all. Whether it was there.
    pub(super) fn releases(&mut self, id: u16) -> bool {
        self.received.get_mut().is_some_and(|received| received.remove(&id))
    }

    /// The connection has ended: what is not acknowledged is to be sent again.
    pub(crate) fn lands(&mut self) {
        self.flight.lands();
    }
}
