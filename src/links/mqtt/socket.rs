//! A stream of bytes to a broker: TCP, TLS, WebSocket, or WebSocket over TLS.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};

use super::settings::MqttSettings;
use crate::operator::small_file;

/// The largest WebSocket message of a broker; a packet that is larger than it may be is passed over, up to here.
pub const MOST_MESSAGE: usize = 32 << 20;

/// Anything that MQTT goes over.
pub(super) trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Socket for T {}

/// Why there is no connection; a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unreachable(String);

/// Connects to the broker. May be cancelled.
pub(super) async fn connect(settings: &MqttSettings) -> Result<Box<dyn Socket>, Unreachable> {
    let broker = &settings.broker;
    let tcp = TcpStream::connect((broker.host.as_str(), broker.port)).await.map_err(|error| {
        let advice = if error.kind() == io::ErrorKind::ConnectionRefused {
            "is the broker running, and is the port right?"
        } else {
            "is the host right, and is there a network?"
        };
        Unreachable(format!("{broker} cannot be reached: {error}; {advice}"))
    })?;
    let _ = tcp.set_nodelay(true);
    let socket: Box<dyn Socket> =
        if broker.is_tls { Box::new(encrypt(settings, tcp).await?) } else { Box::new(tcp) };
    match &broker.websocket {
        Some(path) => Ok(Box::new(upgrade(settings, path, socket).await?)),
        None => Ok(socket),
    }
}

async fn encrypt(
    settings: &MqttSettings,
    tcp: TcpStream,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, Unreachable> {
    let files = (settings.ca_file.clone(), settings.identity.clone());
    // Certificates are files, and those of the system are many.
    let config = tokio::task::spawn_blocking(move || tls(files.0.as_deref(), files.1.as_ref()));
    let config = config.await.map_err(|error| Unreachable(error.to_string()))?.map_err(Unreachable)?;
    let host = &settings.broker.host;
    let name = ServerName::try_from(host.clone()).map_err(|_| {
        Unreachable(format!("{host} is no name that a certificate may have; put it right in url"))
    })?;
    TlsConnector::from(Arc::new(config)).connect(name, tcp).await.map_err(|error| {
        let broker = &settings.broker;
        Unreachable(format!("{broker} and the hub find no encryption together: {error}; {}", advice(&error)))
    })
}

/// What to do about a handshake that failed.
fn advice(error: &io::Error) -> &'static str {
    use rustls::CertificateError as Certificate;
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(Certificate::UnknownIssuer)) => {
            "set ca_file to the certificate of the authority that signed the broker's"
        }
        Some(rustls::Error::InvalidCertificate(
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. },
        )) => "the certificate is for another name; use that name in url",
        Some(rustls::Error::InvalidCertificate(
            Certificate::Expired | Certificate::ExpiredContext { .. },
        )) => "the broker's certificate has expired; renew it, or put the clock of this machine right",
        Some(rustls::Error::InvalidCertificate(_)) => {
            "the broker's certificate is not sound; look at it with openssl"
        }
        Some(rustls::Error::AlertReceived(_)) => {
            "the broker refuses us; does it want cert_file and key_file?"
        }
        Some(_) => "does that port speak TLS?",
        None => "does that port speak TLS? does the broker want cert_file and key_file?",
    }
}

type Identity = (std::path::PathBuf, std::path::PathBuf);

/// The authorities of the system and those of `ca_file`, and who we are.
fn tls(ca_file: Option<&Path>, identity: Option<&Identity>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    // One that cannot be read is not trusted, and no more than that.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = ca_file {
        for certificate in certificates("ca_file", path)? {
            let refused =
                |error| format!("ca_file: {} contains an invalid certificate: {error}", path.display());
            roots.add(certificate).map_err(refused)?;
        }
    }
    if roots.is_empty() {
        return Err("no authority is trusted: install the package ca-certificates, or set ca_file".to_owned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| error.to_string())?.with_root_certificates(roots);
    let Some((cert, key)) = identity else { return Ok(config.with_no_client_auth()) };
    let shown = key.display();
    let bytes =
        small_file::read(key, small_file::MOST_BYTES).map_err(|why| format!("key_file: {shown} {why}"))?;
    let private = PrivateKeyDer::from_pem_slice(&bytes)
        .map_err(|error| format!("key_file: {shown} contains no private key in PEM: {error}"))?;
    config
        .with_client_auth_cert(certificates("cert_file", cert)?, private)
        .map_err(|error| format!("cert_file and key_file do not belong together: {error}"))
}

fn certificates(key: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let shown = path.display();
    let bytes =
        small_file::read(path, small_file::MOST_BYTES).map_err(|why| format!("{key}: {shown} {why}"))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let found = found.map_err(|error| format!("{key}: {shown} holds no certificates in PEM: {error}"))?;
    if found.is_empty() { Err(format!("{key}: {shown} holds no certificate in PEM")) } else { Ok(found) }
}

async fn upgrade(
    settings: &MqttSettings,
    path: &str,
    socket: Box<dyn Socket>,
) -> Result<Bytewise, Unreachable> {
    let broker = &settings.broker;
    let failed = |why: String| {
        Unreachable(format!(
            "{broker} does not speak MQTT over WebSocket at {path}: {why}; is the path right? often it is /mqtt"
        ))
    };
    let mut request =
        format!("ws://{broker}{path}").into_client_request().map_err(|error| failed(error.to_string()))?;
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("mqtt"));
    let config =
        WebSocketConfig::default().max_message_size(Some(MOST_MESSAGE)).max_frame_size(Some(MOST_MESSAGE));
    let done = tokio_tungstenite::client_async_with_config(request, socket, Some(config)).await;
    let (stream, _) = done.map_err(|error| failed(error.to_string()))?;
    Ok(Bytewise { stream, unread: Bytes::new() })
}

/// A WebSocket whose binary messages are a stream of bytes (MQTT 5.0, 6).
struct Bytewise {
    stream: WebSocketStream<Box<dyn Socket>>,
    unread: Bytes,
}

fn broken(error: tungstenite::Error) -> io::Error {
    io::Error::other(error)
}

impl AsyncRead for Bytewise {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.unread.is_empty() {
            match std::task::ready!(Pin::new(&mut self.stream).poll_next(cx)) {
                Some(Ok(Message::Binary(bytes))) => self.unread = bytes,
                Some(Ok(Message::Close(_))) | None => return Poll::Ready(Ok(())),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Err(broken(error))),
            }
        }
        let taken = self.unread.len().min(buf.remaining());
        buf.put_slice(self.unread.get(..taken).unwrap_or_default());
        self.unread.advance(taken);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Bytewise {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        std::task::ready!(Pin::new(&mut self.stream).poll_ready(cx)).map_err(broken)?;
        let message = Message::Binary(Bytes::copy_from_slice(buf));
        Pin::new(&mut self.stream).start_send(message).map_err(broken)?;
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx).map_err(broken)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx).map_err(broken)
    }
}
