//! Who is at the other end: the client itself, or whoever a trusted proxy speaks for. Made at one place, for every request and
//! every stream of lines; what asks for the address of a client, for its host, or whether others can read along, asks this.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::HeaderMap;
use axum::http::header::HOST;
use ipnet::IpNet;
use parking_lot::Mutex;

use super::forwarded::{self, Forwarded};
use super::networks::Share;
use super::place::{Full, Place, Places};
use crate::connection::network_of;
use crate::tls::Certificate;

/// Who is at the other end of a connection, as far as it can be known.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a question of its own, and any of them may be answered alone"
)]
pub(crate) struct Peer {
    place: Arc<Place>,
    address: IpAddr,
    is_near: bool,
    is_encrypted: bool,
    host: Option<Box<str>>,
    /// Whether a proxy has said so in headers.
    is_forwarded: bool,
    /// Whether the connection is one of a trusted proxy that did not tell whom it speaks for: the client, if it is not the proxy
    /// itself, may be anybody.
    is_untold: bool,
    is_of_an_untrusted_proxy: bool,
    /// What it takes of the share of its network, where the connection is a proxy's.
    share: Mutex<Option<Share>>,
    /// Where requests of its connection are counted whose sender has signed in.
    asks: Option<Arc<AtomicUsize>>,
}

/// Whether an address is one of the proxies that are believed.
pub(super) fn is_trusted(proxies: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    proxies.iter().any(|network| network.contains(&address))
}

impl Peer {
    /// Who is at the other end of a connection, before it says anything.
    pub(super) fn of_connection(proxies: &[IpNet], place: Arc<Place>) -> Self {
        let (mut address, mut is_known, mut is_encrypted) = (place.address, true, place.is_encrypted());
        let mut is_untold = is_trusted(proxies, place.address.ip());
        if let Some(proxied) = &place.proxied {
            is_known = proxied.client.is_some();
            is_untold = !is_known;
            address = proxied.client.unwrap_or(address);
            is_encrypted |= proxied.over_tls;
        }
        let all_near = place.address.ip().to_canonical().is_loopback();
        let address = address.ip().to_canonical();
        Self {
            is_near: is_known && all_near && address.is_loopback(),
            place,
            address,
            is_encrypted,
            host: None,
            is_forwarded: false,
            is_untold,
            is_of_an_untrusted_proxy: false,
            share: Mutex::new(None),
            asks: None,
        }
    }

    /// With the counter of its connection.
    pub(super) fn counted(self, asks: Arc<AtomicUsize>) -> Self {
        Self { asks: Some(asks), ..self }
    }

    /// Somebody who has signed in asks.
    pub(super) fn has_signed_in(&self) {
        if let Some(asks) = &self.asks {
            asks.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Who has sent a request with these headers. They are believed if the connection is one of a trusted proxy; the error
    /// says what is wrong with them.
    pub(super) fn of_request(
        proxies: &[IpNet],
        place: &Arc<Place>,
        headers: &HeaderMap,
    ) -> Result<Self, &'static str> {
        let mut peer = Self::of_connection(proxies, Arc::clone(place));
        let own_host = headers.get(HOST).and_then(|host| host.to_str().ok()).map(Box::from);
        // Where a PROXY header names no client, the headers may be those of anybody.
        let is_somebody = place.proxied.as_ref().is_none_or(|proxied| proxied.client.is_some());
        let forwarded = if is_somebody && is_trusted(proxies, peer.address) {
            forwarded::read(peer.address, headers, |address| is_trusted(proxies, address))?
        } else {
            None
        };
        let Some(Forwarded { client, is_known, all_near, over_tls, host }) = forwarded else {
            // A proxy that nobody has told the hub of: whoever stands behind it may be anywhere.
            let is_a_proxys = forwarded::is_a_proxys(headers);
            peer.is_near &= !is_a_proxys;
            peer.is_of_an_untrusted_proxy =
                is_a_proxys && peer.address.is_loopback() && !is_trusted(proxies, peer.address);
            peer.host = own_host;
            return Ok(peer);
        };
        peer.address = client;
        peer.is_near &= is_known && all_near;
        peer.is_encrypted = over_tls.unwrap_or(peer.is_encrypted);
        peer.host = host.or(own_host);
        peer.is_forwarded = true;
        peer.is_untold = !is_known;
        Ok(peer)
    }

    /// Takes what a client needs that comes through a proxy: a place in the share of its own network.
    pub(super) fn take_a_share(&self, places: &Places) -> Result<(), Full> {
        if self.is_forwarded && !self.is_near {
            let share = places.networks.share(network_of(self.address)).ok_or(Full::Network)?;
            *self.share.lock() = Some(share);
        }
        Ok(())
    }

    /// Whether a proxy on this machine has sent this request that the hub was not told of.
    pub(super) fn is_of_an_untrusted_proxy(&self) -> bool {
        self.is_of_an_untrusted_proxy
    }

    /// The address of the client.
    pub(crate) fn address(&self) -> IpAddr {
        self.address
    }

    /// Whether it is a program of this machine: it and everybody in between.
    pub(super) fn is_near(&self) -> bool {
        self.is_near
    }

    /// Whether nobody on the network can read along.
    pub(super) fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    /// What the client calls the hub: a name or an address, perhaps with a port.
    pub(super) fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// Whether a proxy with TLS of its own stands in front.
    pub(super) fn is_forwarded(&self) -> bool {
        self.is_forwarded
    }

    /// Whether the address is that of a trusted proxy which did not tell whom it speaks for.
    pub(super) fn is_untold(&self) -> bool {
        self.is_untold
    }

    /// The certificate that the client has shown. One that a proxy has shown, where TLS of the client ended, is not the client's;
    /// and what a trusted proxy shows that does not tell whom it speaks for would sign in everybody behind it.
    pub(super) fn certificate(&self) -> Option<&Certificate> {
        let ended_there = self.place.proxied.as_ref().is_some_and(|proxied| proxied.over_tls);
        if self.is_forwarded || self.is_untold || ended_there { None } else { self.place.certificate() }
    }

    /// From now on this is the place of somebody who has signed in. Returns what is held as long as the connection is there;
    /// who is at its other end is no longer asked.
    pub(super) fn sign_in(&self) -> Held {
        self.place.is_signed_in();
        let share = self.share.lock().take().map(Share::signed_in);
        Held { _place: Arc::clone(&self.place), _share: share.map(Box::new) }
    }
}

/// The places that a connection takes. Dropping it gives them back.
pub(super) struct Held {
    _place: Arc<Place>,
    /// Rare, and so not in the connection itself.
    _share: Option<Box<Share>>,
}

/// As a line of the log names it.
impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direct = self.place.address;
        if direct.ip().to_canonical() == self.address && !self.is_forwarded {
            write!(f, "{direct}")
        } else {
            write!(f, "{} (through {direct})", self.address)
        }
    }
}
