//! How many connections there may be, and the place that each of them takes.

use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places that there are: for all connections, and of these for connections that are not signed in.
pub(super) struct Places {
    connections: Arc<Semaphore>,
    not_signed_in: Arc<Semaphore>,
}

/// The place of one TCP connection, from the time it is accepted until it has ended. Dropping it gives it back.
pub(crate) struct Place {
    /// Where the connection comes from.
    pub(crate) address: SocketAddr,
    _connection: OwnedSemaphorePermit,
    not_signed_in: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Places {
    pub(super) fn new(connections: usize, not_signed_in: usize) -> Self {
        let places = |number| Arc::new(Semaphore::new(number));
        Self { connections: places(connections), not_signed_in: places(not_signed_in) }
    }

    /// A place for a connection from this address, if there is one.
    pub(super) fn take(&self, address: SocketAddr) -> Option<Place> {
        let connection = Arc::clone(&self.connections).try_acquire_owned().ok()?;
        let not_signed_in = Arc::clone(&self.not_signed_in).try_acquire_owned().ok()?;
        Some(Place { address, _connection: connection, not_signed_in: Mutex::new(Some(not_signed_in)) })
    }
}

impl Place {
    /// From now on this is the place of somebody who has signed in.
    pub(crate) fn is_signed_in(&self) {
        self.not_signed_in.lock().take();
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
}
