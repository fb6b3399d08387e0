//! How many connections there may be, and the place that each of them takes.
//!
//! A TLS handshake takes a stranger nothing to begin, and a client milliseconds to finish. So where no place is left, the
//! oldest handshake that is not finished gives its place to whoever comes: any number of handshakes that never finish keep
//! nobody out.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::tls::Certificate;

/// The places that there are: for all connections, and of these for connections that are not signed in.
pub(super) struct Places {
    connections: Arc<Semaphore>,
    not_signed_in: Arc<Semaphore>,
    handshakes: Mutex<Handshakes>,
}

/// TLS handshakes that are not finished, the oldest first. As many as there are places for who is not signed in.
#[derive(Default)]
struct Handshakes {
    all: BTreeMap<u64, (OwnedSemaphorePermit, CancellationToken)>,
    begun: u64,
}

/// The place of one TCP connection, from the time it is accepted until it has ended. Dropping it gives it back.
pub(crate) struct Place {
    /// Where the connection comes from.
    pub(crate) address: SocketAddr,
    _connection: OwnedSemaphorePermit,
    not_signed_in: Mutex<Option<OwnedSemaphorePermit>>,
    encryption: Encryption,
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
    pub(super) fn new(connections: usize, not_signed_in: usize) -> Self {
        let places = |number| Arc::new(Semaphore::new(number));
        Self {
            connections: places(connections),
            not_signed_in: places(not_signed_in),
            handshakes: Mutex::default(),
        }
    }

    /// A place for a connection from this address, if there is one.
    pub(super) fn take(&self, address: SocketAddr) -> Option<Place> {
        let connection = Arc::clone(&self.connections).try_acquire_owned().ok()?;
        let free = Arc::clone(&self.not_signed_in).try_acquire_owned().ok();
        let not_signed_in = free.or_else(|| self.cut_the_oldest())?;
        Some(Place {
            address,
            _connection: connection,
            not_signed_in: Mutex::new(Some(not_signed_in)),
            encryption: Encryption::None,
        })
    }

    /// Ends the oldest handshake that is not finished, and takes its place.
    fn cut_the_oldest(&self) -> Option<OwnedSemaphorePermit> {
        let (_, (place, cut)) = self.handshakes.lock().all.pop_first()?;
        cut.cancel();
        Some(place)
    }

    /// A TLS handshake begins in this place.
    pub(super) fn handshake(&self, place: &Place) -> Option<Handshake<'_>> {
        let permit = place.not_signed_in.lock().take()?;
        let cut = CancellationToken::new();
        let mut handshakes = self.handshakes.lock();
        handshakes.begun += 1;
        let number = handshakes.begun;
        handshakes.all.insert(number, (permit, cut.clone()));
        Some(Handshake { places: self, number, cut })
    }
}

impl Handshake<'_> {
    /// It is finished; false if somebody else has its place.
    pub(super) fn finish(self, place: &mut Place, encryption: Encryption) -> bool {
        let Some((permit, _)) = self.places.handshakes.lock().all.remove(&self.number) else { return false };
        *place.not_signed_in.lock() = Some(permit);
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
    /// From now on this is the place of somebody who has signed in.
    pub(crate) fn is_signed_in(&self) {
        self.not_signed_in.lock().take();
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

    #[test]
    fn a_place_is_given_back_when_the_connection_ends_and_that_before_the_sign_in_sooner() {
        let address = "127.0.0.1:1".parse().unwrap();
        let places = Places::new(2, 1);
        let first = places.take(address).unwrap();
        assert!(places.take(address).is_none(), "one may be there without a sign-in");
        first.is_signed_in();
        let second = places.take(address).unwrap();
        second.is_signed_in();
        assert!(places.take(address).is_none(), "two may be there");
        drop(first);
        assert!(places.take(address).is_some());
    }

    #[test]
    fn a_handshake_that_is_not_finished_gives_its_place_to_whoever_comes() {
        let address = "127.0.0.1:1".parse().unwrap();
        let places = Places::new(100, 2);
        let mut strangers = [places.take(address).unwrap(), places.take(address).unwrap()];
        let [first, second] = strangers.each_ref().map(|place| places.handshake(place).unwrap());
        let newcomer = places.take(address).unwrap();
        assert!(first.cut.is_cancelled() && !second.cut.is_cancelled());
        assert!(!first.finish(&mut strangers[0], Encryption::Tls), "its place is taken");
        assert!(second.finish(&mut strangers[1], Encryption::Tls) && strangers[1].is_encrypted());
        assert!(places.take(address).is_none(), "a handshake that is finished keeps its place");
        drop(newcomer);
        let third = places.take(address).unwrap();
        drop(places.handshake(&third).unwrap());
        assert!(places.take(address).is_some(), "a handshake that has failed gives its place back");
    }
}
