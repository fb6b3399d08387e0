//! How many connections there may be, and the place that each of them takes.
//!
//! A TLS handshake takes a stranger nothing to begin, and a client milliseconds to finish. So where no place is left, the
//! oldest handshake that is not finished gives its place to whoever comes: any number of handshakes that never finish keep
//! nobody out. In the share of a network it is the same, with the handshakes of that network.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::networks::{Connection, Networks, NotSignedIn, PerNetwork};
use crate::connection::network_of;
use crate::crew::Aboard;
use crate::hub::Network;
use crate::tls::Certificate;

/// The places that there are: for all connections, and of these for connections that are not signed in.
pub(super) struct Places {
    connections: Arc<Semaphore>,
    not_signed_in: Arc<Semaphore>,
    handshakes: Mutex<Handshakes>,
    pub(super) networks: Arc<Networks>,
}

/// Why there is no place for a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// There is none at all.
    All,
    /// Its network has its share.
    Network,
    /// The account that it has signed in has its share.
    User,
}

/// TLS handshakes that are not finished, the oldest first. As many as there are places for who is not signed in.
#[derive(Default)]
struct Handshakes {
    all: BTreeMap<u64, (Waiting, CancellationToken)>,
    begun: u64,
}

/// What a connection takes that is not signed in.
struct Waiting {
    place: OwnedSemaphorePermit,
    of_network: Option<NotSignedIn>,
}

/// The place of one TCP connection, from the time it is accepted until it has ended. Dropping it gives it back.
pub(crate) struct Place {
    /// Where the connection comes from: a client, or a proxy that says in a PROXY header whom it speaks for.
    pub(super) address: SocketAddr,
    /// What the PROXY header has said.
    /// Rare, and so not in the place itself.
    pub(super) proxied: Option<Box<Proxied>>,
    _connection: OwnedSemaphorePermit,
    of_network: Option<Connection>,
    /// For a moment, while there are very many places that last.
    not_signed_in: Mutex<Option<Box<Waiting>>>,
    encryption: Encryption,
    /// The thread that it is served on, where there are several.
    aboard: Option<Aboard>,
}

/// Whom a proxy speaks for, as its PROXY header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Proxied {
    /// The client; `None` where the proxy does not know.
    pub(super) client: Option<SocketAddr>,
    /// Whether the client has come to the proxy over TLS.
    pub(super) over_tls: bool,
}

/// Whether others on the network can read along, and who showed a certificate.
#[derive(Debug)]
pub(super) enum Encryption {
    /// They can.
    None,
    /// TLS.
    Tls,
    /// TLS, and a certificate of an authority that is trusted.
    TlsOf(Box<Certificate>),
}

/// A TLS handshake that is not finished. Dropping it gives its place back.
pub(super) struct Handshake<'p> {
    places: &'p Places,
    number: u64,
    /// Given when somebody else has got its place.
    pub(super) cut: CancellationToken,
}

impl Places {
    pub(super) fn new(connections: usize, not_signed_in: usize, per_network: PerNetwork) -> Self {
        let places = |number| Arc::new(Semaphore::new(number));
        Self {
            networks: Networks::new(per_network),
            connections: places(connections),
            not_signed_in: places(not_signed_in),
            handshakes: Mutex::default(),
        }
    }

    /// A place for a connection from this address, if there is one. What others send through it is `counted` later, where it
    /// is a proxy's.
    pub(super) fn take(&self, address: SocketAddr, counted: bool) -> Result<Place, Full> {
        let connection = Arc::clone(&self.connections).try_acquire_owned().map_err(|_| Full::All)?;
        let free = Arc::clone(&self.not_signed_in).try_acquire_owned().ok();
        let place = free.or_else(|| self.cut_the_oldest()).ok_or(Full::All)?;
        let mut place = Place {
            address,
            proxied: None,
            _connection: connection,
            of_network: None,
            not_signed_in: Mutex::new(Some(Box::new(Waiting { place, of_network: None }))),
            encryption: Encryption::None,
            aboard: None,
        };
        if counted {
            self.count(&mut place, address.ip())?;
        }
        Ok(place)
    }

    /// Counts a connection for the network of its client. Loopback is no network: its programs are the machine's own.
    pub(super) fn count(&self, place: &mut Place, client: IpAddr) -> Result<(), Full> {
        if client.to_canonical().is_loopback() {
            return Ok(());
        }
        let network = network_of(client);
        place.of_network = Some(self.networks.connection(network).ok_or(Full::Network)?);
        let free = self.networks.not_signed_in(network);
        let of_network = match free {
            Some(free) => free,
            None => self.cut_the_oldest_of(network).ok_or(Full::Network)?,
        };
        if let Some(waiting) = place.not_signed_in.get_mut() {
            waiting.of_network = Some(of_network);
        }
        Ok(())
    }

    /// Ends the oldest handshake that is not finished, and takes its place.
    fn cut_the_oldest(&self) -> Option<OwnedSemaphorePermit> {
        let (_, (waiting, cut)) = self.handshakes.lock().all.pop_first()?;
        cut.cancel();
        Some(waiting.place)
    }

    /// Ends the oldest handshake of a network that is not finished, and takes its place in the share of the network.
    fn cut_the_oldest_of(&self, network: Network) -> Option<NotSignedIn> {
        let mut handshakes = self.handshakes.lock();
        let is_its =
            |waiting: &Waiting| waiting.of_network.as_ref().is_some_and(|of| of.network() == network);
        let (number, _) = handshakes.all.iter().find(|(_, (waiting, _))| is_its(waiting))?;
        let number = *number;
        let (waiting, cut) = handshakes.all.remove(&number)?;
        drop(handshakes);
        cut.cancel();
        waiting.of_network
    }

    /// A TLS handshake begins in this place.
    pub(super) fn handshake(&self, place: &Place) -> Option<Handshake<'_>> {
        let waiting = place.not_signed_in.lock().take()?;
        let cut = CancellationToken::new();
        let mut handshakes = self.handshakes.lock();
        handshakes.begun += 1;
        let number = handshakes.begun;
        handshakes.all.insert(number, (*waiting, cut.clone()));
        Some(Handshake { places: self, number, cut })
    }
}

impl Handshake<'_> {
    /// It is finished; false if somebody else has its place.
    pub(super) fn finish(self, place: &mut Place, encryption: Encryption) -> bool {
        let Some((waiting, _)) = self.places.handshakes.lock().all.remove(&self.number) else { return false };
        *place.not_signed_in.lock() = Some(Box::new(waiting));
        place.encryption = encryption;
        true
    }
}

impl Drop for Handshake<'_> {
    fn drop(&mut self) {
        self.places.handshakes.lock().all.remove(&self.number);
    }
}

impl Place {
    /// The connection is served on this thread.
    pub(super) fn is_aboard(&mut self, aboard: Aboard) {
        self.aboard = Some(aboard);
    }

    /// From now on this is the place of somebody who has signed in.
    pub(crate) fn is_signed_in(&self) {
        self.not_signed_in.lock().take();
    }

    /// The client, as far as the connection itself says it.
    pub(super) fn client(&self) -> SocketAddr {
        self.proxied.as_ref().and_then(|proxied| proxied.client).unwrap_or(self.address)
    }

    /// Whether nobody on the network can read along.
    pub(crate) fn is_encrypted(&self) -> bool {
        !matches!(self.encryption, Encryption::None)
    }

    /// The certificate that the client has shown.
    pub(super) fn certificate(&self) -> Option<&Certificate> {
        match &self.encryption {
            Encryption::TlsOf(certificate) => Some(certificate),
            Encryption::None | Encryption::Tls => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_LIMIT: PerNetwork = PerNetwork { connections: None, not_signed_in: None };

    fn taken(places: &Places, address: SocketAddr) -> Place {
        let Ok(place) = places.take(address, true) else { panic!("there is a place") };
        place
    }

    #[test]
    fn a_place_is_given_back_when_the_connection_ends_and_that_before_the_sign_in_sooner() {
        let address = "127.0.0.1:1".parse().unwrap();
        let places = Places::new(2, 1, NO_LIMIT);
        let first = taken(&places, address);
        assert!(places.take(address, true).is_err(), "one may be there without a sign-in");
        first.is_signed_in();
        let second = taken(&places, address);
        second.is_signed_in();
        assert!(places.take(address, true).is_err(), "two may be there");
        drop(first);
        assert!(places.take(address, true).is_ok());
    }

    #[test]
    fn a_handshake_that_is_not_finished_gives_its_place_to_whoever_comes() {
        let address = "127.0.0.1:1".parse().unwrap();
        let places = Places::new(100, 2, NO_LIMIT);
        let mut strangers = [taken(&places, address), taken(&places, address)];
        let [first, second] = strangers.each_ref().map(|place| places.handshake(place).unwrap());
        let newcomer = taken(&places, address);
        assert!(first.cut.is_cancelled() && !second.cut.is_cancelled());
        assert!(!first.finish(&mut strangers[0], Encryption::Tls), "its place is taken");
        assert!(second.finish(&mut strangers[1], Encryption::Tls) && strangers[1].is_encrypted());
        assert!(places.take(address, true).is_err(), "a handshake that is finished keeps its place");
        drop(newcomer);
        let third = taken(&places, address);
        drop(places.handshake(&third).unwrap());
        assert!(places.take(address, true).is_ok(), "a handshake that has failed gives its place back");
    }

    #[test]
    fn a_network_has_its_share_and_its_unfinished_handshakes_give_way_to_its_newcomers() {
        let (one, other) = ("10.0.0.1:1".parse().unwrap(), "10.0.0.2:1".parse().unwrap());
        let places = Places::new(100, 100, PerNetwork { connections: Some(3), not_signed_in: Some(1) });
        let stranger = taken(&places, one);
        assert_eq!(places.take(one, true).err(), Some(Full::Network), "one may be there without a sign-in");
        let others = taken(&places, other);
        let (of_stranger, of_other) =
            (places.handshake(&stranger).unwrap(), places.handshake(&others).unwrap());
        let newcomer = taken(&places, one);
        assert!(of_stranger.cut.is_cancelled() && !of_other.cut.is_cancelled());
        newcomer.is_signed_in();
        let third = taken(&places, one);
        third.is_signed_in();
        assert_eq!(places.take(one, true).err(), Some(Full::Network), "three may be there");
        assert!(places.take("127.0.0.1:1".parse().unwrap(), true).is_ok(), "loopback has no share");
    }
}
