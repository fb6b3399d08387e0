//! What listeners with TLS serve now. A renewed certificate takes its place for the next handshake; connections that are
//! open keep what they began with.

use std::path::Path;
use std::sync::Arc;

use parking_lot::RwLock;
use tokio_rustls::rustls::crypto::ring::Ticketer;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::server::{ProducesTickets, ServerSessionMemoryCache, StoresServerSessions};
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::{self, ServerConfig};

use super::certificate::Certificate;
use super::cryptography::provider;
use super::files::{Examiner, Files, Identity, authority_of};
use crate::operator::{Mistake, Settled};

/// Sessions that can be resumed without a ticket, which old clients of TLS 1.2 do. Those with a ticket are kept by the
/// clients.
const RESUMED: usize = 1024;

/// What is served now.
pub struct Offer {
    pub(super) files: Files,
    /// The files as they were before they were read: what is written while the hub starts is seen.
    pub(super) opened: Settled,
    now: RwLock<Now>,
}

#[derive(Clone)]
struct Now {
    http: Arc<ServerConfig>,
    lines: Arc<ServerConfig>,
    memory: Memory,
    clients: Option<Examiner>,
    facts: Arc<Facts>,
}

/// What can be known of the certificate that is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The certificate of the hub.
    pub certificate: Certificate,
    /// The root that signed it, where it stands in the file.
    pub authority: Option<CertificateDer<'static>>,
}

/// What it takes to resume a session. It outlives a renewal, but not a change of what makes certificates of clients good: who
/// resumes is not asked for one again.
#[derive(Clone)]
struct Memory {
    tickets: Arc<dyn ProducesTickets>,
    sessions: Arc<dyn StoresServerSessions>,
}

impl Memory {
    fn new() -> Result<Self, rustls::Error> {
        Ok(Self { tickets: Ticketer::new()?, sessions: ServerSessionMemoryCache::new(RESUMED) })
    }
}

impl Offer {
    /// Reads the files. Waits for the disk.
    pub fn open(files: Files) -> Result<Self, Mistake> {
        let opened = Settled::read(files.paths().map(Path::to_path_buf).collect());
        let identity = files.read()?;
        let now = Memory::new()
            .and_then(|memory| Now::new(&identity, memory))
            .map_err(|error| unusable(&files, &error.to_string()))?;
        Ok(Self { files, opened, now: RwLock::new(now) })
    }

    /// For the next handshake of a client that speaks HTTP.
    pub fn http(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.now.read().http)
    }

    /// For the next handshake of a client that speaks lines.
    pub fn lines(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.now.read().lines)
    }

    /// What is known of the certificate.
    pub fn facts(&self) -> Arc<Facts> {
        Arc::clone(&self.now.read().facts)
    }

    /// Serves this from now on, unless what is served now is better.
    pub(super) fn take(&self, identity: &Identity, now: i64) -> Result<Arc<Facts>, Mistake> {
        let current = self.now.read().clone();
        let (old, new) = (&current.facts.certificate, &identity.certificate);
        // What is served already is no worse than it was, and what makes certificates of clients good may have changed.
        let is_other = new != old;
        if is_other && new.until < now && new.until <= old.until {
            let days = -new.days_left(now);
            return Err(unusable(&self.files, &format!("has expired, {days} days ago; renew it")));
        }
        if is_other && new.from > now && old.is_valid(now) {
            return Err(unusable(&self.files, "is not valid yet; is the clock of this machine right?"));
        }
        let is_same = match (&current.clients, &identity.clients) {
            (Some(one), Some(other)) => one.agrees(other),
            (one, other) => one.is_none() && other.is_none(),
        };
        let next = if is_same { Ok(current.memory) } else { Memory::new() };
        let next = next
            .and_then(|memory| Now::new(identity, memory))
            .map_err(|error| unusable(&self.files, &error.to_string()))?;
        let facts = Arc::clone(&next.facts);
        *self.now.write() = next;
        Ok(facts)
    }
}

impl Now {
    fn new(identity: &Identity, memory: Memory) -> Result<Self, rustls::Error> {
        let mut http = config(identity, &memory)?;
        let lines = Arc::new(http.clone());
        http.alpn_protocols = vec![b"http/1.1".to_vec()];
        let facts =
            Facts { certificate: identity.certificate.clone(), authority: authority_of(&identity.keys.cert) };
        let clients = identity.clients.clone();
        Ok(Self { http: Arc::new(http), lines, memory, clients, facts: Arc::new(facts) })
    }
}

fn config(identity: &Identity, memory: &Memory) -> Result<ServerConfig, rustls::Error> {
    let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let builder = match &identity.clients {
        None => builder.with_no_client_auth(),
        Some(examiner) => builder.with_client_cert_verifier(Arc::clone(&examiner.verifier)),
    };
    let keys = CertifiedKey::clone(&identity.keys);
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(keys)));
    config.ticketer = Arc::clone(&memory.tickets);
    config.session_storage = Arc::clone(&memory.sessions);
    // One is enough to come back once, and each takes bytes of every handshake.
    config.send_tls13_tickets = 1;
    Ok(config)
}

fn unusable(files: &Files, sentence: &str) -> Mistake {
    Mistake {
        place: files.certificate.display().to_string(),
        key: Some("server.tls_certificate".to_owned()),
        sentence: sentence.to_owned(),
    }
}
