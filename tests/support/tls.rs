//! Certificates, and clients that trust them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType, IsCa,
    KeyIdMethod, KeyPair, RevokedCertParams, SanType, SerialNumber,
};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, crypto, version};

use super::{Answer, Hub, in_time, run};

/// Both versions of TLS.
const BOTH: &[&SupportedProtocolVersion] = &[&version::TLS12, &version::TLS13];

/// A certificate of a client, and its key.
pub type Identity = (CertificateDer<'static>, PrivateKeyDer<'static>);

/// A folder with what `clown-hub cert make` has made.
pub struct House {
    folder: TempDir,
}

impl House {
    /// With a certificate for `localhost`.
    pub fn new() -> Self {
        let house = Self { folder: tempfile::tempdir().unwrap() };
        run(&["cert", "make", "--directory", house.folder.path().to_str().unwrap()], "").succeeds();
        house
    }

    /// One of its files.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The keys of the configuration for a listener with TLS.
    pub fn settings(&self) -> Vec<String> {
        let shown = |name: &str| self.path(name).display().to_string();
        vec![
            "server.tls_listen=127.0.0.1:0".to_owned(),
            format!("server.tls_certificate={}", shown("hub.pem")),
            format!("server.tls_key={}", shown("hub.key")),
        ]
    }

    /// A new certificate in place of the one before.
    pub fn renew(&self) {
        run(&["cert", "renew", "--directory", self.folder.path().to_str().unwrap()], "").succeeds();
    }

    /// The certificate of the hub that lies there.
    pub fn certificate(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.path("hub.pem")).unwrap()
    }

    /// A client that trusts the authority.
    pub fn client(&self) -> Arc<ClientConfig> {
        self.client_with(BOTH, None)
    }

    /// As [`client`](Self::client), with these versions and perhaps with a certificate of its own.
    pub fn client_with(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        identity: Option<&Identity>,
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.path("authority.pem")).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()));
        let config = config.with_protocol_versions(versions).unwrap().with_root_certificates(roots);
        Arc::new(match identity {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => {
                config.with_client_auth_cert(vec![certificate.clone()], key.clone_key()).unwrap()
            }
        })
    }

    /// As [`client`](Self::client), with a certificate.
    pub fn client_as(&self, identity: &Identity) -> Arc<ClientConfig> {
        self.client_with(BOTH, Some(identity))
    }
}

/// An authority of clients.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// What it has signed; the number of a certificate is its place here.
    signed: Mutex<Vec<CertificateDer<'static>>>,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer, signed: Mutex::default() }
    }

    /// Writes its certificate.
    pub fn write(&self, path: &Path) {
        write_pem(path, "CERTIFICATE", self.issuer.der());
    }

    /// Writes the list of the certificates that it has revoked.
    pub fn write_revoked(&self, path: &Path, revoked: &[&Identity]) {
        let signed = self.signed.lock().unwrap();
        let number = |identity: &Identity| signed.iter().position(|signed| *signed == identity.0).unwrap();
        let revoked = revoked.iter().map(|identity| RevokedCertParams {
            serial_number: SerialNumber::from(number(identity) as u64 + 1),
            revocation_time: rcgen::date_time_ymd(2026, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: rcgen::date_time_ymd(2026, 1, 1),
            next_update: rcgen::date_time_ymd(2026, 1, 2),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        write_pem(path, "X509 CRL", list.signed_by(&self.issuer).unwrap().der());
    }

    /// A certificate with this common name and these names of hosts, good until that year.
    pub fn identity(&self, common_name: &str, hosts: &[&str], until: i32) -> Identity {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.subject_alt_names =
            hosts.iter().map(|host| SanType::DnsName((*host).try_into().unwrap())).collect();
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().unwrap();
        let mut signed = self.signed.lock().unwrap();
        params.serial_number = Some(SerialNumber::from(signed.len() as u64 + 1));
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        signed.push(certificate.der().clone());
        (certificate.der().clone(), PrivatePkcs8KeyDer::from(key.serialize_der()).into())
    }
}

fn write_pem(path: &Path, kind: &str, der: &[u8]) {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    std::fs::write(path, format!("-----BEGIN {kind}-----\n{text}\n-----END {kind}-----\n")).unwrap();
}

impl Hub {
    /// A stream to the listener with TLS, which has signed nobody in.
    pub async fn encrypted(&self, client: &Arc<ClientConfig>) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.tls.unwrap()).await?;
        shake(stream, client).await
    }

    /// The same to the listener for lines.
    pub async fn encrypted_lines(&self, client: &Arc<ClientConfig>) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.tls_lines.unwrap()).await?;
        shake(stream, client).await
    }

    /// One request over TLS.
    pub async fn https(&self, client: &Arc<ClientConfig>, head: &str, body: &str) -> Answer {
        let mut stream = self.encrypted(client).await.unwrap();
        let host = if head.contains("Host: ") { String::new() } else { "Host: localhost\r\n".to_owned() };
        let (line, more) = head.split_once('\n').unwrap_or((head, ""));
        let more = if more.is_empty() { String::new() } else { more.replace('\n', "\r\n") + "\r\n" };
        let length = body.len();
        let text = format!(
            "{line} HTTP/1.1\r\n{host}Connection: close\r\nContent-Length: {length}\r\n{more}\r\n{body}"
        );
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        let _ = in_time("the end of the answer", stream.read_to_end(&mut bytes)).await;
        Answer { text: String::from_utf8_lossy(&bytes).into_owned() }
    }
}

/// A TLS handshake over this stream.
pub async fn shake(stream: TcpStream, client: &Arc<ClientConfig>) -> std::io::Result<TlsStream<TcpStream>> {
    stream.set_nodelay(true)?;
    let name = ServerName::try_from("localhost").unwrap();
    in_time("the TLS handshake", TlsConnector::from(Arc::clone(client)).connect(name, stream)).await
}
