//! A WebSocket to a hub.

use std::path::Path;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{FutureExt, SinkExt, StreamExt};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::Address;
use crate::talk::control::HubLimits;
use crate::talk::{Frames, Reply, Request};
use crate::tls::{self, NotShaken, Stream};

/// How long the hub may take to let us in, and to answer the opening. Its own limit for the former is as long.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long the hub may take to hear our good-bye.
const GOOD_BYE: Duration = Duration::from_secs(2);
/// Bytes that are read at one time.
const READ_BUFFER: usize = 128 * 1024;
/// A hub that says nothing for so long is asked by the kernel whether it is there, again and again, and so often.
const SILENCE: Duration = Duration::from_secs(30);
const ASKED_AGAIN: Duration = Duration::from_secs(5);
const ASKS: u32 = 4;
/// The largest message that is taken. A hub takes at most 16 MiB, and adds options when it passes a message on.
const MESSAGE: usize = 17 * 1024 * 1024;

/// Why there is no connection, or no longer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The hub said no, and will again.
    #[error("{0}")]
    Refused(String),
    /// The address leads nowhere.
    #[error("{0}")]
    Address(String),
    /// What may be better in a while.
    #[error("{0}")]
    Lost(String),
}

type Socket = WebSocketStream<Stream>;

/// An open transmission.
pub struct Connection {
    /// What is heard.
    pub listener: Listener,
    /// What is said.
    pub speaker: Speaker,
    /// The limits of the hub, from `config/ok`.
    pub limits: HubLimits,
}

/// What a client hears.
pub struct Listener {
    url: String,
    stream: SplitStream<Socket>,
}

/// Where a client speaks.
pub struct Speaker {
    url: String,
    sink: SplitSink<Socket, Message>,
}

/// What came.
pub enum Heard {
    /// One message, of one frame or several.
    Text(Utf8Bytes),
    /// The other side answered our close, or the connection ended after it.
    Closed,
}

impl Connection {
    /// Connects and opens the transmission with the payload of a `config/set`. Where the hub refuses some of the filters,
    /// the error is [`Failure::Refused`].
    pub async fn open(address: &Address, as_node: bool, settings: &str) -> Result<Self, Failure> {
        let url = address.socket(as_node);
        let socket = timeout(PATIENCE, connect(address, &url)).await;
        let socket = socket.unwrap_or_else(|_| {
            Err(Failure::Lost(format!("{url}: no answer in 15 s; is it a Clown Hub?")))
        })?;
        let (sink, stream) = socket.split();
        let listener = Listener { url: url.clone(), stream };
        let mut connection = Self { listener, speaker: Speaker { url, sink }, limits: HubLimits::default() };
        connection.limits = connection.configure(settings).await?;
        Ok(connection)
    }

    /// Says `config/set` and waits for its answer, which comes alone and before everything else.
    async fn configure(&mut self, settings: &str) -> Result<HubLimits, Failure> {
        self.speaker.say(format!("[\"{}\", {settings}]", Request::CONFIGURE)).await?;
        let answer = timeout(PATIENCE, async {
            loop {
                let Heard::Text(text) = self.listener.next().await? else {
                    return Err(Failure::Lost(format!("{}: closed before it answered", self.listener.url)));
                };
                for frame in Frames::of(&text).filter_map(Result::ok) {
                    match Reply::read(&frame) {
                        Some(Ok(Reply::ConfigOk(welcome))) => return Ok(welcome.limits),
                        Some(Ok(Reply::ConfigError { reason, filters })) => {
                            return Err(Failure::Refused(refusal(&reason, &filters)));
                        }
                        _ => {}
                    }
                }
            }
        });
        let silent =
            || Failure::Lost(format!("{}: no answer to config/set; is it a Clown Hub?", self.speaker.url));
        answer.await.map_err(|_| silent())?
    }
}

/// A refusal in words; a filter at fault is in it.
fn refusal(reason: &str, filters: &[String]) -> String {
    match (reason, filters) {
        (_, [_, ..]) if reason.starts_with("forbidden") => {
            format!("this user may not subscribe to {}", filters.join(", "))
        }
        (_, []) => format!("the hub refuses: {reason}"),
        (_, _) => format!("the hub refuses {}: {reason}", filters.join(", ")),
    }
}

/// A sign that the hub is there.
pub enum Sign {
    /// One message, of one frame or several.
    Text(Utf8Bytes),
    /// Something that is no message, such as a ping.
    Life,
    /// The other side answered our close, or the connection ended after it.
    Closed,
}

impl Listener {
    /// The next sign of the hub, for those who wait for several things at once.
    pub fn poll_sign(&mut self, cx: &mut Context<'_>) -> Result<Poll<Sign>, Failure> {
        let Poll::Ready(message) = self.stream.poll_next_unpin(cx) else { return Ok(Poll::Pending) };
        Ok(Poll::Ready(match self.heard(message)? {
            Some(Heard::Text(text)) => Sign::Text(text),
            Some(Heard::Closed) => Sign::Closed,
            None => Sign::Life,
        }))
    }

    /// The next text.
    pub async fn next(&mut self) -> Result<Heard, Failure> {
        loop {
            let message = self.stream.next().await;
            if let Some(heard) = self.heard(message)? {
                return Ok(heard);
            }
        }
    }

    /// The next text, if it is here already.
    pub fn next_at_once(&mut self) -> Result<Option<Heard>, Failure> {
        while let Some(message) = self.stream.next().now_or_never() {
            if let Some(heard) = self.heard(message)? {
                return Ok(Some(heard));
            }
        }
        Ok(None)
    }

    fn heard(&self, message: Option<Result<Message, Error>>) -> Result<Option<Heard>, Failure> {
        match message {
            Some(Ok(Message::Text(text))) => Ok(Some(Heard::Text(text))),
            Some(Ok(Message::Close(Some(close)))) if u16::from(close.code) != 1000 => {
                Err(self.closed(&close))
            }
            Some(Ok(Message::Close(_)) | Err(Error::ConnectionClosed | Error::AlreadyClosed)) => {
                Ok(Some(Heard::Closed))
            }
            Some(Ok(_)) => Ok(None),
            Some(Err(error)) => Err(Failure::Lost(format!("{}: {error}", self.url))),
            None => Err(Failure::Lost(format!("{}: the connection broke", self.url))),
        }
    }

    fn closed(&self, close: &CloseFrame) -> Failure {
        let code = u16::from(close.code);
        let sentence = format!("{}: the hub closed the connection: {} ({code})", self.url, close.reason);
        match code {
            1008 | 1009 => Failure::Refused(sentence),
            _ => Failure::Lost(sentence),
        }
    }
}

impl Speaker {
    /// Says one message: a frame, or several separated by line feeds.
    pub async fn say(&mut self, text: String) -> Result<(), Failure> {
        self.sink.send(Message::text(text)).await.map_err(|error| self.lost(&error))
    }

    /// Whether there is room for one more message.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, Failure> {
        let polled = self.sink.poll_ready_unpin(cx);
        self.settled(polled)
    }

    /// Begins to say one message, for which there is room.
    pub fn start(&mut self, text: String) -> Result<(), Failure> {
        self.sink.start_send_unpin(Message::text(text)).map_err(|error| self.lost(&error))
    }

    /// Sends what was begun.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, Failure> {
        let polled = self.sink.poll_flush_unpin(cx);
        self.settled(polled)
    }

    /// Says good-bye.
    pub fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        let polled = self.sink.poll_close_unpin(cx);
        polled.map_err(|error| self.lost(&error))
    }

    fn settled(&self, polled: Poll<Result<(), Error>>) -> Result<Poll<()>, Failure> {
        match polled {
            Poll::Pending => Ok(Poll::Pending),
            Poll::Ready(Ok(())) => Ok(Poll::Ready(())),
            Poll::Ready(Err(error)) => Err(self.lost(&error)),
        }
    }

    /// Asks for a sign that everything said so far was handled: [`Reply::SubscriptionOk`].
    pub async fn ask_for_a_sign(&mut self) -> Result<(), Failure> {
        self.say(format!("[\"{}\", null]", Request::SHOW)).await
    }

    fn lost(&self, error: &Error) -> Failure {
        Failure::Lost(format!("{}: {error}", self.url))
    }
}

impl Connection {
    /// Says good-bye, and waits for a moment that the hub says it, too.
    pub async fn close(mut self) {
        let good_bye = async {
            if self.speaker.sink.send(Message::Close(None)).await.is_ok() {
                while let Ok(Heard::Text(_)) = self.listener.next().await {}
            }
        };
        let _ = timeout(GOOD_BYE, good_bye).await;
    }
}

async fn connect(address: &Address, url: &str) -> Result<Socket, Failure> {
    let nowhere = |reason: String| Failure::Address(format!("{url}: {reason}"));
    let mut request = url.into_client_request().map_err(|error| nowhere(error.to_string()))?;
    if let Some(authorization) = address.authorization() {
        let mut value = HeaderValue::from_str(&authorization).map_err(|error| nowhere(error.to_string()))?;
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .max_message_size(Some(MESSAGE))
        .max_frame_size(Some(MESSAGE));
    let stream = reach(address, url).await?;
    let stream = if address.is_encrypted() { encrypt(address, url, stream).await? } else { stream.into() };
    match client_async_with_config(request, stream, Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(answer)) => Err(turned_away(address, url, answer.status(), answer.body().as_deref())),
        Err(Error::Url(error)) => Err(nowhere(error.to_string())),
        Err(error) => Err(no_hub(url, &error)),
    }
}

/// A connection to whatever listens there.
async fn reach(address: &Address, url: &str) -> Result<TcpStream, Failure> {
    let lost = |reason: String| Failure::Lost(format!("{url}: {reason}"));
    let parts = address.without_user();
    let host = parts.host_str().unwrap_or_default();
    let port = parts.port_or_known_default().unwrap_or(if address.is_encrypted() { 443 } else { 80 });
    let found = lookup_host((host.trim_matches(['[', ']']), port)).await.map_err(|error| {
        lost(format!(
            "no address is known for the name {host} ({error}); check the name, or write the address instead"
        ))
    })?;
    let found: Vec<_> = found.collect();
    let stream = TcpStream::connect(&found[..]).await.map_err(|error| {
        if error.kind() == std::io::ErrorKind::ConnectionRefused {
            lost("nobody listens there; is the hub running, and is that its port?".to_owned())
        } else {
            lost(format!("{host} cannot be reached ({error}); check the address and the network"))
        }
    })?;
    // Messages go out at once, and a hub whose machine has vanished is noticed, also by a client that only listens. A connection
    // without these options works, too.
    let _ = stream.set_nodelay(true);
    let asks = TcpKeepalive::new().with_time(SILENCE).with_interval(ASKED_AGAIN).with_retries(ASKS);
    let _ = SockRef::from(&stream).set_tcp_keepalive(&asks);
    Ok(stream)
}

/// Does the TLS handshake with the hub.
async fn encrypt(address: &Address, url: &str, stream: TcpStream) -> Result<Stream, Failure> {
    let nowhere = |reason: String| Failure::Address(format!("{url}: {reason}"));
    let authorities = address.authorities().map(Path::to_owned);
    // Certificates are files, and those of the system are many.
    let config = tokio::task::spawn_blocking(move || tls::trusting(authorities.as_deref())).await;
    let config = config.map_err(|error| nowhere(error.to_string()))?.map_err(nowhere)?;
    let parts = address.without_user();
    let host = parts.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(host.clone())
        .map_err(|_| nowhere(format!("{host} is no name that a certificate may have")))?;
    let connected = TlsConnector::from(config).connect(name, stream).await;
    let connected = connected.map_err(|error| {
        Failure::Lost(format!(
            "{url}: the hub and this program find no encryption together: {}",
            NotShaken::of(&error).advice()
        ))
    })?;
    Ok(Stream::Tls(Box::new(connected.into())))
}

/// Something listens there and does not speak HTTP, or hangs up.
fn no_hub(url: &str, error: &Error) -> Failure {
    let what = if matches!(error, Error::Io(_) | Error::Protocol(ProtocolError::HandshakeIncomplete)) {
        "it hung up".to_owned()
    } else if matches!(error, Error::Protocol(ProtocolError::HttparseError(_))) {
        "it does not speak HTTP".to_owned()
    } else {
        error.to_string()
    };
    Failure::Lost(format!(
        "{url}: what listens there is no Clown Hub: {what}; is that the port of an MQTT broker? \
         A hub prints its port when it starts; the default is 8080"
    ))
}

/// The most that is repeated of what a hub says when it refuses, in bytes.
const REASON: usize = 300;

fn turned_away(address: &Address, url: &str, status: StatusCode, body: Option<&[u8]>) -> Failure {
    let said = body.and_then(|body| std::str::from_utf8(body).ok()).map(str::trim);
    let said = said.filter(|said| !said.is_empty() && said.len() <= REASON);
    let advice = match status {
        StatusCode::UNAUTHORIZED if address.is_anonymous() => {
            "it needs a user and a password: give --url or CLOWN_HUB_URL as ws://USER:PASSWORD@HOST:PORT \
             (the demo's is ws://clown:bigclown@127.0.0.1:8080)"
        }
        StatusCode::UNAUTHORIZED if address.is_demo_user() => {
            "check the user and the password; the demo user clown exists only while a hub has no accounts, so take an \
             account of this hub (`clown-hub user list` shows them where it runs)"
        }
        StatusCode::UNAUTHORIZED => "check the user and the password",
        StatusCode::FORBIDDEN => {
            said.unwrap_or("this user has no right under this base, or may not be its node")
        }
        StatusCode::NOT_FOUND => "check the base, which is the path of the URL",
        StatusCode::TOO_MANY_REQUESTS => "too many wrong passwords; wait for a minute",
        _ => {
            return Failure::Lost(format!("{url}: the hub answered {}; is it a Clown Hub?", status.as_u16()));
        }
    };
    Failure::Refused(format!("{url}: the hub answered {}: {advice}", status.as_u16()))
}
