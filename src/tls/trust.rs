//! The other side of TLS: whom a client of a hub or of a broker trusts, what it shows, and why that was not enough.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use super::cryptography::provider;
use super::files::{certificates, private_key, roots, unfit};

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
    client(authorities, None).map_err(|unfit| match unfit {
        Unfit::Nobody => {
            "no authority is trusted: install the package ca-certificates, or name a file with --ca FILE"
                .to_owned()
        }
        Unfit::Authorities(sentence) | Unfit::Certificate(sentence) | Unfit::Key(sentence) => sentence,
    })
}

/// What is wrong with the files of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// There is no authority, in the system neither.
    Nobody,
    /// The authorities.
    Authorities(String),
    /// The client's own certificate.
    Certificate(String),
    /// Its key, or both together.
    Key(String),
}

/// A client that trusts the authorities of the system and those in a file, and perhaps shows a certificate of its own: the
/// files of it and of its key. Waits for the disk.
pub fn client(authorities: Option<&Path>, own: Option<(&Path, &Path)>) -> Result<ClientConfig, Unfit> {
    let named = |path: &Path, sentence: String| format!("{} {sentence}", path.display());
    let mut all = RootCertStore::empty();
    // One that cannot be read is not trusted, and no more than that.
    all.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = authorities {
        let more = roots(path).map_err(|sentence| Unfit::Authorities(named(path, sentence)))?;
        all.extend(more.roots);
    }
    if all.is_empty() {
        return Err(Unfit::Nobody);
    }
    let config = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let config = config.map_err(|error| Unfit::Authorities(error.to_string()))?.with_root_certificates(all);
    let Some((certificate, key)) = own else { return Ok(config.with_no_client_auth()) };
    let chain =
        certificates(certificate).map_err(|sentence| Unfit::Certificate(named(certificate, sentence)))?;
    let private = private_key(key).map_err(|sentence| Unfit::Key(named(key, sentence)))?;
    config
        .with_client_auth_cert(chain, private)
        .map_err(|error| Unfit::Key(named(key, unfit(&error, certificate))))
}

/// Why a client has found no encryption together with a server. What to do about it depends on how the client is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotShaken {
    /// Nobody who is trusted has signed the certificate.
    Untrusted,
    /// It is for another name.
    OtherName,
    /// It has expired.
    Expired,
    /// There is something else wrong with it.
    Unsound,
    /// The server has refused the client.
    Refused,
    /// The server says what TLS does not know.
    NoTls,
    /// The connection has ended.
    Ended,
}

impl NotShaken {
    /// The reason behind an error of a handshake.
    pub fn of(error: &io::Error) -> Self {
        use rustls::CertificateError as Certificate;
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::InvalidCertificate(
                Certificate::UnknownIssuer | Certificate::BadSignature,
            )) => Self::Untrusted,
            Some(rustls::Error::InvalidCertificate(
                Certificate::NotValidForName | Certificate::NotValidForNameContext { .. },
            )) => Self::OtherName,
            Some(rustls::Error::InvalidCertificate(
                Certificate::Expired | Certificate::ExpiredContext { .. },
            )) => Self::Expired,
            Some(rustls::Error::InvalidCertificate(_)) => Self::Unsound,
            Some(rustls::Error::AlertReceived(_)) => Self::Refused,
            Some(_) => Self::NoTls,
            None => Self::Ended,
        }
    }

    /// What to do about it where the client is one of the commands.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Untrusted => {
                "its certificate is of an authority that is not trusted here; name the file of the authority with --ca FILE"
            }
            Self::OtherName => {
                "its certificate is for another name; use a name or an address that stands in it"
            }
            Self::Expired => "its certificate has expired; renew it, or put the clock of this machine right",
            Self::Unsound => "its certificate is not sound; look at it with openssl",
            Self::Refused => "it refuses us; does it want a certificate of its clients?",
            Self::NoTls | Self::Ended => "does that port speak TLS? Without TLS the URL begins with ws://",
        }
    }
}
