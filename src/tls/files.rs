//! The files of a certificate, read and checked: what is wrong with them, in one sentence that says what to do.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{Error, InconsistentKeys, RootCertStore};

use super::certificate::Certificate;
use super::cryptography::provider;
use crate::operator::{Mistake, small_file};

/// Authorities in one file, and certificates in a chain.
const MOST_CERTIFICATES: usize = 1000;

/// Where the files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The certificate of the hub, and those between it and the root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The authorities of clients, where clients show certificates.
    pub clients: Option<Clients>,
}

/// Clients that show certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clients {
    /// The file of the authorities.
    pub authorities: PathBuf,
    /// The file of the certificates that these have revoked.
    pub revoked: Option<PathBuf>,
    /// Whether all have to.
    pub are_all: bool,
}

/// What is in the files.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The chain and the key, which belong together.
    pub(super) keys: Arc<CertifiedKey>,
    /// The first certificate of the chain.
    pub certificate: Certificate,
    /// Who asks clients for their certificates.
    pub(super) clients: Option<Examiner>,
}

/// Asks clients for their certificates.
#[derive(Debug, Clone)]
pub(super) struct Examiner {
    /// The authorities.
    roots: Arc<RootCertStore>,
    /// The lists of revoked certificates.
    revoked: Vec<CertificateRevocationListDer<'static>>,
    /// Made of both.
    pub(super) verifier: Arc<dyn ClientCertVerifier>,
}

impl Examiner {
    /// Whether both find the same certificates good.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        self.roots.roots == other.roots.roots && self.revoked == other.revoked
    }
}

impl Files {
    /// All paths, in a fixed order.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        let authorities = self.clients.as_ref().map(|clients| clients.authorities.as_path());
        let revoked = self.clients.as_ref().and_then(|clients| clients.revoked.as_deref());
        [self.certificate.as_path(), &self.key].into_iter().chain(authorities).chain(revoked)
    }

    /// Whether everybody on the machine may read the private key.
    pub fn key_is_open(&self) -> bool {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(&self.key).is_ok_and(|about| about.permissions().mode() & 0o007 != 0)
    }

    /// Reads all of them. Waits for the disk.
    pub fn read(&self) -> Result<Identity, Mistake> {
        const CERTIFICATE: &str = "server.tls_certificate";
        const KEY: &str = "server.tls_key";
        let wrong = |path: &Path, key: &str, sentence: String| Mistake {
            place: path.display().to_string(),
            key: Some(key.to_owned()),
            sentence,
        };
        let chain = certificates(&self.certificate)
            .map_err(|sentence| wrong(&self.certificate, CERTIFICATE, sentence))?;
        let certificate = chain.first().and_then(|first| Certificate::read(first)).ok_or_else(|| {
            wrong(&self.certificate, CERTIFICATE, "begins with a certificate that cannot be read".to_owned())
        })?;
        let private = private_key(&self.key).map_err(|sentence| wrong(&self.key, KEY, sentence))?;
        let keys = CertifiedKey::from_der(chain, private, &provider())
            .map_err(|error| wrong(&self.key, KEY, unfit(&error, &self.certificate)))?;
        let clients = match &self.clients {
            None => None,
            Some(Clients { authorities, revoked, are_all }) => {
                let roots = roots(authorities)
                    .map_err(|sentence| wrong(authorities, "server.tls_client_ca", sentence))?;
                let examiner =
                    examiner(roots, revoked.as_deref(), *are_all).map_err(|sentence| match revoked {
                        Some(path) => wrong(path, "server.tls_client_crl", sentence),
                        None => wrong(authorities, "server.tls_client_ca", sentence),
                    })?;
                Some(examiner)
            }
        };
        Ok(Identity { keys: Arc::new(keys), certificate, clients })
    }
}

/// Who asks for certificates of these authorities. One whose authority has signed no list is not revoked, and a list counts
/// also after the day on which the next one was to come.
fn examiner(roots: RootCertStore, revoked: Option<&Path>, of_all: bool) -> Result<Examiner, String> {
    let roots = Arc::new(roots);
    let revoked = revoked.map(revocations).transpose()?.unwrap_or_default();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), provider())
        .with_crls(revoked.clone())
        .allow_unknown_revocation_status();
    let verifier = if of_all { verifier } else { verifier.allow_unauthenticated() };
    let verifier = verifier.build().map_err(|error| format!("cannot be used: {error}"))?;
    Ok(Examiner { roots, revoked, verifier })
}

/// The lists of revoked certificates in a file.
fn revocations(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, String> {
    let bytes = small_file::read(path, small_file::MOST_BYTES).map_err(|why| why.to_string())?;
    let found: Result<Vec<_>, _> =
        CertificateRevocationListDer::pem_slice_iter(&bytes).take(MOST_CERTIFICATES).collect();
    let found = found.map_err(|error| format!("is not whole, or damaged: {error}"))?;
    if found.is_empty() {
        return Err(
            "holds no list of revoked certificates in PEM, which begins with -----BEGIN X509 CRL-----"
                .to_owned(),
        );
    }
    Ok(found)
}

/// Why a key and a certificate are no pair.
pub(super) fn unfit(error: &Error, certificate: &Path) -> String {
    let certificate = certificate.display();
    if let Error::InconsistentKeys(InconsistentKeys::KeyMismatch) = error {
        return format!(
            "is not the key of the first certificate in {certificate}; take the two files that were made together"
        );
    }
    format!(
        "holds a key that the hub cannot use ({error}); take one of EC (P-256, P-384), Ed25519, or RSA from 2048 bits on"
    )
}

/// The certificates in a file; the sentence goes behind its name. Waits for the disk.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let bytes = small_file::read(path, small_file::MOST_BYTES).map_err(|why| why.to_string())?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).take(MOST_CERTIFICATES).collect();
    let found = found.map_err(|error| format!("is not whole, or damaged: {error}"))?;
    if !found.is_empty() {
        return Ok(found);
    }
    Err(if PrivateKeyDer::from_pem_slice(&bytes).is_ok() {
        "holds a private key and no certificate; were the two files mixed up?".to_owned()
    } else {
        "holds no certificate in PEM, which begins with -----BEGIN CERTIFICATE-----".to_owned()
    })
}

pub(super) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let bytes = small_file::read(path, small_file::MOST_BYTES).map_err(|why| why.to_string())?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| {
        let text = String::from_utf8_lossy(&bytes);
        if text.contains("ENCRYPTED") {
            let path = path.display();
            format!(
                "has a passphrase, which the hub cannot ask for; write it without one: openssl pkey -in {path} -out NEW"
            )
        } else if text.contains("-----BEGIN CERTIFICATE-----") {
            "holds a certificate and no private key; were the two files mixed up?".to_owned()
        } else {
            format!("holds no private key in PEM ({error})")
        }
    })
}

/// The authorities in a file.
pub(super) fn roots(path: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots
            .add(certificate)
            .map_err(|error| format!("holds a certificate that is no authority's: {error}"))?;
    }
    Ok(roots)
}

/// The root at the end of a chain, where it is there: an authority that names itself as its issuer.
pub fn authority_of(chain: &[CertificateDer<'static>]) -> Option<CertificateDer<'static>> {
    let last = chain.last()?;
    let read = Certificate::read(last)?;
    (read.is_authority && read.is_its_own_issuer).then(|| last.clone())
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions, write};
    use std::os::unix::fs::PermissionsExt;

    use super::super::house::{Pair, authority, leaf};
    use super::*;

    /// A folder with a certificate and its key, as an authority of the house makes them.
    fn folder() -> (tempfile::TempDir, Files) {
        let folder = tempfile::tempdir().unwrap();
        let root = authority("Attic", 1_700_000_000).unwrap();
        let Pair { certificate, key } = leaf(&root, &["hub.local".to_owned()], 1_700_000_000).unwrap();
        write(folder.path().join("hub.pem"), certificate + &root.certificate).unwrap();
        write(folder.path().join("hub.key"), key).unwrap();
        let files = Files {
            certificate: folder.path().join("hub.pem"),
            key: folder.path().join("hub.key"),
            clients: None,
        };
        (folder, files)
    }

    #[test]
    fn a_certificate_is_read_with_its_key_and_its_authority() {
        let (_folder, files) = folder();
        let identity = files.read().unwrap();
        assert_eq!(identity.certificate.all_names().next().as_deref(), Some("hub.local"));
        assert!(authority_of(&identity.keys.cert).is_some());
        set_permissions(&files.key, Permissions::from_mode(0o600)).unwrap();
        assert!(!files.key_is_open());
        set_permissions(&files.key, Permissions::from_mode(0o644)).unwrap();
        assert!(files.key_is_open());
    }

    #[test]
    fn each_mistake_is_one_sentence_that_says_what_to_do() {
        let (folder, files) = folder();
        let (other, _) = self::folder();
        let path = |name: &str| folder.path().join(name);
        let told = |files: &Files| files.read().unwrap_err().to_string();
        let with = |certificate: &Path, key: &Path| {
            told(&Files { certificate: certificate.to_owned(), key: key.to_owned(), clients: None })
        };
        let (certificate, key) = (&files.certificate, &files.key);
        let text = std::fs::read_to_string(certificate).unwrap();
        write(path("none"), "hello").unwrap();
        write(path("half"), text.split_at(text.len() / 3).0).unwrap();
        write(
            path("secret"),
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMA==\n-----END ENCRYPTED PRIVATE KEY-----\n",
        )
        .unwrap();
        write(path("odd"), "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n").unwrap();
        for (told, key, words) in [
            (with(&path("nowhere"), key), "server.tls_certificate", "there is no such file"),
            (with(&path("none"), key), "server.tls_certificate", "-----BEGIN CERTIFICATE-----"),
            (with(&path("half"), key), "server.tls_certificate", "not whole"),
            (with(&path("odd"), key), "server.tls_certificate", "cannot be read"),
            (with(key, key), "server.tls_certificate", "were the two files mixed up?"),
            (with(certificate, certificate), "server.tls_key", "were the two files mixed up?"),
            (with(certificate, &path("none")), "server.tls_key", "no private key in PEM"),
            (with(certificate, &path("secret")), "server.tls_key", "openssl pkey"),
            (with(certificate, &other.path().join("hub.key")), "server.tls_key", "made together"),
        ] {
            assert!(told.contains(key) && told.contains(words) && !told.contains('\n'), "{told}");
        }
        let asking = |authorities: &Path, revoked: Option<PathBuf>| {
            let clients = Clients { authorities: authorities.to_owned(), revoked, are_all: true };
            told(&Files { clients: Some(clients), ..files.clone() })
        };
        let odd = "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n";
        write(path("odd-list"), odd).unwrap();
        write(path("root"), authority("Clients", 1_700_000_000).unwrap().certificate).unwrap();
        for (told, key, words) in [
            (asking(&path("none"), None), "server.tls_client_ca", "no certificate in PEM"),
            (asking(&path("root"), Some(path("none"))), "server.tls_client_crl", "X509 CRL"),
            (asking(&path("root"), Some(path("odd-list"))), "server.tls_client_crl", "cannot be used"),
        ] {
            assert!(told.contains(key) && told.contains(words) && !told.contains('\n'), "{told}");
        }
    }
}
