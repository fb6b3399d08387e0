//! How much all clients of one network may send together: messages in a second. Off as a rule, and then nobody has a share here.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use foldhash::fast::RandomState;
use parking_lot::Mutex;

use super::allowance::{Excess, burst};
use super::budget::Network;
use super::figures::Figures;
use crate::moment::Steady;
use crate::seldom::Seldom;

/// With so many networks more than there were when it was last looked, those that are gone are forgotten.
const MORE: usize = 64;

/// What each network has left.
#[derive(Debug)]
pub struct NetworkRates {
    per_second: u32,
    figures: Arc<Figures>,
    networks: Mutex<Networks>,
}

#[derive(Debug, Default)]
struct Networks {
    of: HashMap<Network, Arc<Mutex<Left>>, RandomState>,
    /// With so many it is looked again which are gone.
    look_at: usize,
}

/// What is left for one network. The lock is a leaf.
#[derive(Debug, Clone, Copy)]
struct Left {
    messages: f64,
    counted_at: Steady,
}

/// What a client has of what is left for its network.
#[derive(Debug)]
pub(crate) struct ShareOfNetwork {
    rates: Arc<NetworkRates>,
    left: Arc<Mutex<Left>>,
    address: IpAddr,
}

impl NetworkRates {
    /// For so many messages a second, with a burst of two seconds' worth; `None` for no limit.
    pub fn new(per_second: Option<NonZeroU32>, figures: &Arc<Figures>) -> Option<Arc<Self>> {
        let per_second = per_second?.get();
        Some(Arc::new(Self { per_second, figures: Arc::clone(figures), networks: Mutex::default() }))
    }

    /// The share of a client of this network. What the network has used stays known when its clients go, until it has everything
    /// again: else who is ended would come back at once with a new burst.
    pub(crate) fn share(self: &Arc<Self>, network: Network, address: IpAddr, now: Steady) -> ShareOfNetwork {
        let most = burst(self.per_second);
        let mut networks = self.networks.lock();
        if networks.of.len() >= networks.look_at {
            let is_wanted = |left: &Arc<Mutex<Left>>| {
                Arc::strong_count(left) > 1 || left.lock().earned(self.per_second, now) < most
            };
            networks.of.retain(|_, left| is_wanted(left));
            networks.look_at = 2 * networks.of.len() + MORE;
        }
        let full = || Arc::new(Mutex::new(Left { messages: most, counted_at: now }));
        let left = Arc::clone(networks.of.entry(network).or_insert_with(full));
        ShareOfNetwork { rates: Arc::clone(self), left, address }
    }
}

impl Left {
    fn earned(&mut self, per_second: u32, now: Steady) -> f64 {
        let passed = now.since(self.counted_at).as_secs_f64();
        self.messages = (self.messages + passed * f64::from(per_second)).min(burst(per_second));
        self.counted_at = now;
        self.messages
    }
}

impl ShareOfNetwork {
    /// How many messages a second all of the network may send.
    pub(super) fn per_second(&self) -> u32 {
        self.rates.per_second
    }

    /// Counts one message.
    pub(super) fn take(&self, now: Steady) -> Result<(), Excess> {
        let per_second = self.rates.per_second;
        {
            let mut left = self.left.lock();
            if left.earned(per_second, now) >= 1.0 {
                left.messages -= 1.0;
                return Ok(());
            }
        }
        self.is_over();
        Err(Excess::OfNetwork { per_second })
    }

    #[cold]
    fn is_over(&self) {
        static OVER: Seldom = Seldom::new();
        self.rates.figures.network_excess.add(1);
        if let Some(times) = OVER.again(&self.address.to_string()) {
            let (address, per_second) = (self.address, self.rates.per_second);
            tracing::warn!(
                %address, per_second, %times,
                "connection ended: all of its network together sent more than limits.messages_per_second_per_network; if many \
                 clients share this address, raise it, or name the proxy in server.trusted_proxies"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moment::Moment;
    use std::time::{Duration, SystemTime};

    fn rates() -> (Arc<NetworkRates>, Steady) {
        let rates = NetworkRates::new(NonZeroU32::new(10), &Arc::default()).unwrap();
        (rates, Moment::from(SystemTime::UNIX_EPOCH).steady())
    }

    fn share(rates: &Arc<NetworkRates>, network: u64, now: Steady) -> ShareOfNetwork {
        rates.share(Network(network), IpAddr::from([10, 0, 0, 1]), now)
    }

    #[test]
    fn all_clients_of_a_network_share_one_rate_and_another_network_has_its_own() {
        let (rates, now) = rates();
        let clients = [1, 1, 1, 2].map(|network| share(&rates, network, now));
        let passed = (0..100).filter(|n| clients[n % 3].take(now).is_ok()).count();
        assert_eq!(passed, 20, "two seconds' worth");
        assert_eq!(clients[1].take(now), Err(Excess::OfNetwork { per_second: 10 }));
        assert_eq!(clients[3].take(now), Ok(()));
        let later = now.after(Duration::from_secs(1));
        assert_eq!((0..100).filter(|n| clients[n % 3].take(later).is_ok()).count(), 10);
        assert_eq!(rates.figures.network_excess.value(), 80 + 1 + 90);
    }

    #[test]
    fn who_comes_back_has_no_new_burst_and_a_network_that_is_gone_is_forgotten_when_it_owes_nothing() {
        let (rates, now) = rates();
        let first = share(&rates, 1, now);
        while first.take(now).is_ok() {}
        drop(first);
        assert!(share(&rates, 1, now).take(now).is_err());
        for network in 2..1000 {
            share(&rates, network, now);
        }
        assert!(rates.networks.lock().of.len() <= 2 * MORE + 1, "all but the first owe nothing");
        assert!(rates.networks.lock().of.contains_key(&Network(1)));
        let later = now.after(Duration::from_secs(2));
        for network in 2..1000 {
            share(&rates, network, later);
        }
        assert!(!rates.networks.lock().of.contains_key(&Network(1)));
    }

    #[test]
    fn without_a_limit_there_is_nothing() {
        assert!(NetworkRates::new(None, &Arc::default()).is_none());
    }
}
