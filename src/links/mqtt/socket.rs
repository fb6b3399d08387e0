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
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};

use super::settings::MqttSettings;
use crate::tls::{self, NotShaken, Unfit};

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
    let config = tokio::task::spawn_blocking(move || config_of(files.0.as_deref(), files.1.as_ref()));
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
    match NotShaken::of(error) {
        NotShaken::Untrusted => "set ca_file to the certificate of the authority that signed the broker's",
        NotShaken::OtherName => "the certificate is for another name; use that name in url",
        NotShaken::Expired => {
            "the broker's certificate has expired; renew it, or put the clock of this machine right"
        }
        NotShaken::Unsound => "the broker's certificate is not sound; look at it with openssl",
        NotShaken::Refused => "the broker refuses us; does it want cert_file and key_file?",
        NotShaken::NoTls => "does that port speak TLS?",
        NotShaken::Ended => "does that port speak TLS? does the broker want cert_file and key_file?",
    }
}

type Identity = (std::path::PathBuf, std::path::PathBuf);

/// The authorities of the system and those of `ca_file`, and who we are.
fn config_of(ca_file: Option<&Path>, identity: Option<&Identity>) -> Result<ClientConfig, String> {
    let own = identity.map(|(certificate, key)| (certificate.as_path(), key.as_path()));
    tls::client(ca_file, own).map_err(|unfit| match unfit {
        Unfit::Nobody => {
            "no authority is trusted: install the package ca-certificates, or set ca_file".to_owned()
        }
        Unfit::Authorities(sentence) => format!("ca_file: {sentence}"),
        Unfit::Certificate(sentence) => format!("cert_file: {sentence}"),
        Unfit::Key(sentence) => format!("key_file: {sentence}"),
    })
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
