//! How many connections one network has: an IPv4 address, or an IPv6 /64. So that one stranger cannot take all places.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::hub::Network;

/// How many connections one network may have; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerNetwork {
    /// In all.
    pub connections: Option<usize>,
    /// Of these, connections that are not signed in.
    pub not_signed_in: Option<usize>,
}

/// The networks that have connections now: no more than there are connections.
pub(super) struct Networks {
    most: PerNetwork,
    held: Mutex<HashMap<Network, Held>>,
}

#[derive(Default)]
struct Held {
    connections: usize,
    not_signed_in: usize,
}

/// What a connection takes of the share of its network: a place, and one among those that are not signed in. Dropping it gives
/// both back.
pub(super) struct Share {
    _connection: Connection,
    not_signed_in: Option<NotSignedIn>,
}

impl Share {
    /// What is left of it when its client has signed in.
    pub(super) fn signed_in(mut self) -> Self {
        self.not_signed_in = None;
        self
    }
}

/// A connection of a network. Dropping it gives its place back.
pub(super) struct Connection {
    _counted: Counted,
}

/// A connection of a network that is not signed in. Dropping it gives its place back.
pub(super) struct NotSignedIn(Counted);

/// One that is counted, in one of the two counts.
struct Counted {
    networks: Arc<Networks>,
    network: Network,
    count: fn(&mut Held) -> &mut usize,
}

impl Networks {
    pub(super) fn new(most: PerNetwork) -> Arc<Self> {
        Arc::new(Self { most, held: Mutex::default() })
    }

    /// A place for one more connection of this network, signed in or not; `None` where it has too many.
    pub(super) fn connection(self: &Arc<Self>, network: Network) -> Option<Connection> {
        self.one(network, self.most.connections, |held| &mut held.connections)
            .map(|counted| Connection { _counted: counted })
    }

    /// A place for one more connection of this network that is not signed in; `None` where it has too many.
    pub(super) fn not_signed_in(self: &Arc<Self>, network: Network) -> Option<NotSignedIn> {
        self.one(network, self.most.not_signed_in, |held| &mut held.not_signed_in).map(NotSignedIn)
    }

    /// Both.
    pub(super) fn share(self: &Arc<Self>, network: Network) -> Option<Share> {
        let connection = self.connection(network)?;
        Some(Share { _connection: connection, not_signed_in: Some(self.not_signed_in(network)?) })
    }

    fn one(
        self: &Arc<Self>,
        network: Network,
        most: Option<usize>,
        count: fn(&mut Held) -> &mut usize,
    ) -> Option<Counted> {
        let mut all = self.held.lock();
        if most.is_some_and(|most| all.get_mut(&network).map_or(0, |held| *count(held)) >= most) {
            return None;
        }
        *count(all.entry(network).or_default()) += 1;
        Some(Counted { networks: Arc::clone(self), network, count })
    }
}

impl NotSignedIn {
    pub(super) fn network(&self) -> Network {
        self.0.network
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut all = self.networks.held.lock();
        let Some(held) = all.get_mut(&self.network) else { return };
        let counted = (self.count)(held);
        *counted = counted.saturating_sub(1);
        if held.connections == 0 && held.not_signed_in == 0 {
            all.remove(&self.network);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_its_share_others_have_theirs_and_what_is_given_back_is_forgotten() {
        let networks = Networks::new(PerNetwork { connections: Some(2), not_signed_in: Some(1) });
        let (one, other) = (Network(1), Network(2));
        let first = networks.share(one).unwrap();
        assert!(networks.share(one).is_none(), "one may be there without a sign-in");
        assert!(networks.share(other).is_some());
        let first = first.signed_in();
        let second = networks.share(one).unwrap().signed_in();
        assert!(networks.share(one).is_none(), "two may be there");
        drop(first);
        assert!(networks.share(one).is_some());
        drop(second);
        assert!(networks.held.lock().is_empty());
    }

    #[test]
    fn without_a_limit_a_network_may_have_any_number() {
        let networks = Networks::new(PerNetwork { connections: None, not_signed_in: None });
        let all: Vec<_> = (0..1000).map(|_| networks.share(Network(1)).unwrap()).collect();
        assert_eq!(networks.held.lock()[&Network(1)].connections, all.len());
    }
}
