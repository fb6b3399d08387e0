//! Who the owner of an outbox is and where: its name in logs, its address, and the network for which its memory counts.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::budget::Network;
use super::outbox::{Inside, Outbox};

/// An address as small as it can be kept, as each connection has it: unspecified where there is none.
pub(super) fn small_address(address: Option<IpAddr>) -> Ipv6Addr {
    match address {
        Some(IpAddr::V4(address)) => address.to_ipv6_mapped(),
        Some(IpAddr::V6(address)) => address,
        None => Ipv6Addr::UNSPECIFIED,
    }
}

impl Outbox {
    /// What logs call the client.
    pub fn name(&self) -> Arc<str> {
        self.name_of(&self.lock())
    }

    pub(super) fn name_of(&self, inside: &Inside) -> Arc<str> {
        inside.name.as_ref().map_or_else(|| format!("{}-{}", self.user, self.id.0).into(), Arc::clone)
    }

    /// The address of its owner, where there is one.
    pub(super) fn address(&self) -> Option<IpAddr> {
        let address = self.lock().address;
        (!address.is_unspecified()).then(|| address.to_canonical())
    }

    /// Its owner is at this address from now on.
    pub(super) fn move_to(&self, address: IpAddr) {
        self.lock().address = small_address(Some(address));
    }

    /// Where its owner connects from.
    pub(super) fn network(&self) -> Network {
        Network(self.network.load(Ordering::Relaxed))
    }

    /// Says where its owner connects from. Before it holds anything.
    pub fn comes_from(&self, network: Network) {
        self.network.store(network.0, Ordering::Relaxed);
    }
}
