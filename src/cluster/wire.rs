//! The connections to the servers of NATS: one for messages, and one for what hubs say to each other, so that a flood of the
//! first does not delay the second. The only file that knows `async_nats`.
//!
//! What is handed to the library is bounded here: it keeps what it has without a bound while it is not connected, so it gets
//! nothing then, and no more at one time than [`WINDOW`] before it has written that.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, ClientError, ConnectOptions, Event, HeaderMap, Message, ServerAddr, ServerError};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::stream::{AbortHandle, BoxStream, SelectAll, StreamExt, abortable};
use tokio::sync::mpsc;

use super::settings::{Login, Settings};
use super::stamp;

/// A server that does not answer is noticed after three of these.
const PING: Duration = Duration::from_secs(2);
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(2);
/// The longest wait before the next attempt.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// Messages, and their bytes, that the library is handed before it has written those before.
pub(super) const WINDOW: (usize, usize) = (512, 1 << 20);
/// Commands that wait in the library: twice a window, and subscriptions.
const COMMANDS: usize = 4096;
/// Messages that wait in one subscription of the library. They are taken out each turn; what comes beyond is lost, and missed
/// by its number.
const WAITING: usize = 16 * 1024;
/// Beside a last value: the number of the one in whose place the servers are to take it.
const EXPECTED: &str = "Nats-Expected-Last-Subject-Sequence";
/// News that wait. What is lost of it is looked up.
const NEWS: usize = 256;

/// Which of the connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// That for messages.
    Messages,
    /// That between hubs.
    Between,
}

/// What happened to a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum News {
    /// It is there, or gone: to be looked up.
    Changed,
    /// A subscription had too much waiting.
    Slow,
    /// The server does not allow something.
    NotAllowed(String),
    /// There is no connection, for this reason.
    Trouble(Trouble),
    /// The server complains.
    Complaint(String),
}

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The server does not let the hub in.
    LogIn,
    /// The certificate of the server, or the hub's own.
    Tls,
    /// The name of the server is not known.
    Name,
    /// It does not answer.
    Silent,
    /// Nobody is there.
    Away,
    /// Something else.
    Other(String),
}

/// A message as it comes.
#[derive(Debug)]
pub(super) struct Arrived {
    /// By which subscription.
    pub(super) by: u64,
    /// Its subject.
    pub(super) subject: async_nats::Subject,
    /// What stands beside it.
    pub(super) stamp: Option<String>,
    /// The same of a command that holds for a time only.
    pub(super) lease: Option<String>,
    /// Whether more stands there, which only a newer hub knows.
    pub(super) says_more: bool,
    /// The payload.
    pub(super) payload: Bytes,
}

/// A message between hubs, or an answer of the servers.
#[derive(Debug)]
pub(super) struct Word {
    /// Its subject.
    pub(super) subject: String,
    /// Where it is to be answered, by which the servers say which message of a stream it is.
    pub(super) reply: Option<String>,
    /// What stands beside it.
    pub(super) stamp: Option<String>,
    /// What the servers say in place of a message.
    pub(super) status: Option<u16>,
    /// What it says.
    pub(super) payload: Bytes,
}

/// A question to the servers about a stream.
#[derive(Debug)]
pub(super) struct Question {
    /// What is asked.
    pub(super) subject: String,
    /// Where the answer comes to.
    pub(super) reply: String,
    /// The text.
    pub(super) payload: Bytes,
    /// What stands beside it, and the number of the message in whose place it is to be taken, if it is not to be taken in any
    /// case.
    pub(super) beside: Option<(String, Option<u64>)>,
}

/// Something that ends when the library has written what it was handed.
type Written = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Both connections.
pub(super) struct Wire {
    messages: Client,
    between: Client,
    news: mpsc::Receiver<(Which, News)>,
    ears: SelectAll<BoxStream<'static, (u64, Message)>>,
    words: SelectAll<BoxStream<'static, Message>>,
    written: Option<Written>,
    handed: (usize, usize),
}

/// A subscription. It ends when this is asked to.
#[derive(Debug)]
pub(super) struct Ear(AbortHandle);

impl Ear {
    /// The server is told that this is not wanted any more.
    pub(super) fn end(&self) {
        self.0.abort();
    }
}

/// The library took no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

impl Wire {
    /// Begins to connect. The sentence says what of the settings cannot be used.
    pub(super) async fn open(settings: &Settings) -> Result<Self, String> {
        let (sender, news) = mpsc::channel(NEWS);
        let messages = connect(settings, Which::Messages, sender.clone()).await?;
        let between = connect(settings, Which::Between, sender).await?;
        Ok(Self {
            messages,
            between,
            news,
            ears: SelectAll::new(),
            words: SelectAll::new(),
            written: None,
            handed: (0, 0),
        })
    }

    fn client(&self, which: Which) -> &Client {
        match which {
            Which::Messages => &self.messages,
            Which::Between => &self.between,
        }
    }

    /// Whether a connection is there.
    pub(super) fn is_connected(&self, which: Which) -> bool {
        self.client(which).connection_state() == State::Connected
    }

    /// How often the connection for messages was made.
    pub(super) fn connects(&self) -> u64 {
        self.messages.statistics().connects.load(Ordering::Relaxed)
    }

    /// The name and the version of the server of the connection for messages, and the largest message that it takes.
    pub(super) fn server(&self) -> (String, String, usize) {
        let info = self.messages.server_info();
        (info.server_name, info.version, self.messages.max_payload())
    }

    /// The largest message that the server takes.
    pub(super) fn max_payload(&self) -> usize {
        self.messages.max_payload()
    }

    /// Asks for a subject. The number comes with each message.
    pub(super) fn listen(&mut self, subject: String, number: u64) -> Result<Ear, Full> {
        let heard = at_once(self.messages.subscribe(subject)).ok_or(Full)?.map_err(|_| Full)?;
        let (stream, ear) = abortable(heard.map(move |message| (number, message)));
        self.ears.push(stream.boxed());
        Ok(Ear(ear))
    }

    /// Asks for a subject between hubs.
    pub(super) fn listen_between(&mut self, subject: String) -> Result<(), Full> {
        let subscribed = at_once(self.between.subscribe(subject)).ok_or(Full)?;
        self.words.push(subscribed.map_err(|_| Full)?.boxed());
        Ok(())
    }

    /// Whether the library may be handed more messages.
    pub(super) fn has_room(&self) -> bool {
        self.is_connected(Which::Messages) && self.handed.0 < WINDOW.0 && self.handed.1 < WINDOW.1
    }

    /// Hands a message to the library, which there is room for.
    pub(super) fn send(
        &mut self,
        subject: String,
        (stamp, lease): (&str, Option<&str>),
        payload: Bytes,
    ) -> Result<(), Full> {
        let mut headers = HeaderMap::new();
        headers.insert(stamp::HEADER, stamp);
        if let Some(lease) = lease {
            headers.insert(stamp::HEADER_OF_LEASE, lease);
        }
        let bytes = subject.len() + stamp.len() + payload.len();
        let sent = at_once(self.messages.publish_with_headers(subject, headers, payload));
        sent.ok_or(Full)?.map_err(|_| Full)?;
        self.hand(bytes);
        Ok(())
    }

    /// Says something between hubs, by this connection.
    pub(super) fn say(&mut self, which: Which, subject: String, payload: String) -> Result<(), Full> {
        let bytes = subject.len() + payload.len();
        let sent = at_once(self.client(which).publish(subject, payload.into()));
        sent.ok_or(Full)?.map_err(|_| Full)?;
        if which == Which::Messages {
            self.hand(bytes);
        }
        Ok(())
    }

    /// Asks the servers something.
    pub(super) fn ask(&mut self, question: Question) -> Result<(), Full> {
        let Question { subject, reply, payload, beside } = question;
        let mut headers = HeaderMap::new();
        if let Some((stamp, expected)) = beside {
            headers.insert(stamp::HEADER, stamp.as_str());
            if let Some(expected) = expected {
                headers.insert(EXPECTED, expected.to_string().as_str());
            }
        }
        let sent = if headers.is_empty() {
            at_once(self.between.publish_with_reply(subject, reply, payload))
        } else {
            at_once(self.between.publish_with_reply_and_headers(subject, reply, headers, payload))
        };
        sent.ok_or(Full)?.map_err(|_| Full)
    }

    fn hand(&mut self, bytes: usize) {
        self.handed = (self.handed.0 + 1, self.handed.1 + bytes);
    }

    /// Has the library say when it has written all this.
    pub(super) fn flush(&mut self) {
        if self.handed.0 > 0 && self.written.is_none() {
            let client = self.messages.clone();
            self.handed = (0, 0);
            self.written = Some(Box::pin(async move { _ = client.flush().await }));
        }
    }

    /// Whether all that was handed over is written.
    pub(super) fn is_written(&self) -> bool {
        self.handed.0 == 0 && self.written.is_none()
    }

    /// Waits until the library has written what it was handed.
    pub(super) fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(written) = &mut self.written else { return Poll::Pending };
        std::task::ready!(written.as_mut().poll(cx));
        self.written = None;
        Poll::Ready(())
    }

    /// What happened next.
    pub(super) fn poll_news(&mut self, cx: &mut Context<'_>) -> Poll<(Which, News)> {
        match self.news.poll_recv(cx) {
            Poll::Ready(Some(news)) => Poll::Ready(news),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    /// The next message.
    pub(super) fn poll_arrived(&mut self, cx: &mut Context<'_>) -> Poll<Arrived> {
        let Poll::Ready(Some((by, message))) = self.ears.poll_next_unpin(cx) else { return Poll::Pending };
        let header = |name| {
            let headers = message.headers.as_ref()?;
            Some(headers.get(name)?.as_str().to_owned())
        };
        let (stamp, lease) = (header(stamp::HEADER), header(stamp::HEADER_OF_LEASE));
        let known = usize::from(stamp.is_some()) + usize::from(lease.is_some());
        let says_more = message.headers.as_ref().is_some_and(|headers| headers.len() > known);
        Poll::Ready(Arrived {
            by,
            subject: message.subject,
            stamp,
            lease,
            says_more,
            payload: message.payload,
        })
    }

    /// The next word between hubs, or the next answer.
    pub(super) fn poll_word(&mut self, cx: &mut Context<'_>) -> Poll<Word> {
        let Poll::Ready(Some(message)) = self.words.poll_next_unpin(cx) else { return Poll::Pending };
        let stamp = message.headers.as_ref().and_then(|headers| headers.get(stamp::HEADER));
        Poll::Ready(Word {
            stamp: stamp.map(|stamp| stamp.as_str().to_owned()),
            subject: message.subject.into_string(),
            reply: message.reply.map(async_nats::Subject::into_string),
            status: message.status.map(|status| status.as_u16()),
            payload: message.payload,
        })
    }
}

/// What the library does at once; nothing where it would wait. A task that has done much is told to wait by the runtime, which
/// says nothing of the library.
fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    tokio::task::unconstrained(future).now_or_never()
}

async fn connect(
    settings: &Settings,
    which: Which,
    news: mpsc::Sender<(Which, News)>,
) -> Result<Client, String> {
    let servers: Result<Vec<ServerAddr>, _> = settings.servers.iter().map(|server| server.parse()).collect();
    let servers = servers.map_err(|error| format!("cluster.servers: {error}"))?;
    let role = match which {
        Which::Messages => "messages",
        Which::Between => "between",
    };
    let mut options = ConnectOptions::new()
        .name(format!("clown-hub {} {role}", settings.name))
        .no_echo()
        .ping_interval(PING)
        .connection_timeout(CONNECT)
        .retry_on_initial_connect()
        .client_capacity(COMMANDS)
        .subscription_capacity(WAITING)
        .reconnect_delay_callback(|attempts| {
            let exponent = u32::try_from(attempts.saturating_sub(1)).unwrap_or(u32::MAX).min(12);
            let wait = if attempts <= 1 { 0 } else { 2_u64.saturating_pow(exponent) };
            Duration::from_millis(wait).min(LONGEST_WAIT)
        })
        .event_callback(move |event| {
            // What finds no room is looked up.
            let _ = told(event).map(|told| news.try_send((which, told)));
            async {}
        });
    options = match &settings.login {
        Login::None => options,
        Login::Password(user, password) => {
            options.user_and_password(user.clone(), password.reveal().to_owned())
        }
        Login::Token(token) => options.token(token.reveal().to_owned()),
        Login::Nkey(seed) => options.nkey(seed.reveal().to_owned()),
        Login::Credentials(text) => options.credentials(text.reveal()).map_err(|_| {
            "cluster.credentials_file: it holds no credentials of NATS (.creds): a JWT and a seed".to_owned()
        })?,
    };
    let identity =
        settings.identity.as_ref().map(|(certificate, key)| (certificate.as_path(), key.as_path()));
    let is_tls = settings.authorities.is_some()
        || identity.is_some()
        || settings.servers.iter().any(|server| server.starts_with("tls://"));
    if is_tls {
        options = options.tls_client_config(tls(settings, identity)?);
    }
    options.connect(servers).await.map_err(|error| format!("the cluster cannot be joined: {error}"))
}

fn tls(
    settings: &Settings,
    identity: Option<(&std::path::Path, &std::path::Path)>,
) -> Result<async_nats::rustls::ClientConfig, String> {
    use crate::tls::Unfit;
    crate::tls::client(settings.authorities.as_deref(), identity).map_err(|unfit| match unfit {
        Unfit::Nobody => {
            "no authority is trusted: install the package ca-certificates, or set cluster.tls_ca".to_owned()
        }
        Unfit::Authorities(sentence) => format!("cluster.tls_ca: {sentence}"),
        Unfit::Certificate(sentence) => format!("cluster.tls_certificate: {sentence}"),
        Unfit::Key(sentence) => format!("cluster.tls_key: {sentence}"),
    })
}

fn told(event: Event) -> Option<News> {
    Some(match event {
        Event::Connected | Event::Disconnected | Event::Closed => News::Changed,
        Event::SlowConsumer(_) | Event::ServerError(ServerError::SlowConsumer(_)) => News::Slow,
        Event::ServerError(ServerError::AuthorizationViolation) => News::Trouble(Trouble::LogIn),
        Event::ServerError(ServerError::Other(text)) => {
            let lower = text.to_ascii_lowercase();
            if lower.contains("permissions violation") {
                News::NotAllowed(text)
            } else if lower.contains("authentication") || lower.contains("authorization") {
                News::Trouble(Trouble::LogIn)
            } else {
                News::Complaint(text)
            }
        }
        Event::ClientError(ClientError::Other(text)) => News::Trouble(match &*text {
            "authorization violation" | "failed signing nonce" => Trouble::LogIn,
            "TLS error" => Trouble::Tls,
            "DNS error" => Trouble::Name,
            "timed out" => Trouble::Silent,
            "IO error" => Trouble::Away,
            _ => Trouble::Other(text),
        }),
        Event::ClientError(ClientError::MaxReconnects | ClientError::ServerNotInPool)
        | Event::LameDuckMode
        | Event::Draining => return None,
    })
}
