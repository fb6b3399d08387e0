//! The other side of TLS: whom a client of a hub trusts, and what to do if that is not enough.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use super::cryptography::provider;
use super::files::roots;

/// Whom the process trusts: it asks once, as a thousand connections of `clown-hub sim` trust the same.
static TRUSTED: Mutex<Option<(Option<PathBuf>, Arc<ClientConfig>)>> = Mutex::new(None);

/// A client that trusts the authorities of the system and those in a file. Waits for the disk the first time. The sentence
/// says what is wrong with the file.
pub fn trusting(authorities: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let mut trusted = TRUSTED.lock();
    if let Some((path, config)) = &*trusted
        && path.as_deref() == authorities
    {
        return Ok(Arc::clone(config));
    }
    let config = Arc::new(read(authorities)?);
    *trusted = Some((authorities.map(Path::to_owned), Arc::clone(&config)));
    Ok(config)
}

fn read(authorities: Option<&Path>) -> Result<ClientConfig, String> {
    let mut all = RootCertStore::empty();
    // One that cannot be read is not trusted, and no more than that.
    all.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = authorities {
        let more = roots(path).map_err(|sentence| format!("{} {sentence}", path.display()))?;
        all.extend(more.roots);
    }
    let config = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let config = config.map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(all).with_no_client_auth())
}

/// What to do about a handshake that failed.
pub fn advice(error: &io::Error) -> &'static str {
    use rustls::CertificateError as Certificate;
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(Certificate::UnknownIssuer | Certificate::BadSignature)) => {
            "its certificate is of an authority that is not trusted here; name the file of the authority with --ca FILE"
        }
        Some(rustls::Error::InvalidCertificate(
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. },
        )) => "its certificate is for another name; use a name or an address that stands in it",
        Some(rustls::Error::InvalidCertificate(
            Certificate::Expired | Certificate::ExpiredContext { .. },
        )) => "its certificate has expired; renew it, or put the clock of this machine right",
        Some(rustls::Error::InvalidCertificate(_)) => "its certificate is not sound; look at it with openssl",
        Some(rustls::Error::AlertReceived(_)) => "it refuses us; does it want a certificate of its clients?",
        Some(_) | None => "does that port speak TLS? Without TLS the URL begins with ws://",
    }
}
