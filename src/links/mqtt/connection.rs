//! One connection to a broker: its socket, its packets, and its signs of life. What is said over it is decided in
//! `client`.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, BufMut, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_util::io::poll_read_buf;

use super::packets::{Hello, Packet, Reader, Refused, Version, Welcome, Writer};
use super::settings::MqttSettings;
use super::socket::{self, Socket};
use crate::hub::{Outbox, Until};
use crate::links::far::{Broken, Event};
use crate::links::near::CHUNK;
use crate::links::rules::Qos;

/// How much is read at one time.
const READ: usize = 32 * 1024;
/// Messages of the broker that may be on their way to us: each is taken at once.
const RECEIVE_MAX: u16 = 1000;

/// A connection that the broker has welcomed.
pub(in crate::links) struct Connection {
    socket: Box<dyn Socket>,
    /// From the broker.
    pub(super) reader: Reader,
    /// To the broker.
    pub(super) writer: Writer,
    /// What the broker allows.
    pub(super) welcome: Welcome,
    /// When it was made.
    pub(super) since: Instant,
    keep_alive: Duration,
    heard: Instant,
    sent: Instant,
    pinged: Option<Instant>,
    is_unflushed: bool,
    /// Whether we have said good-bye: what comes now is not read any more.
    pub(super) is_leaving: bool,
}

/// What happened on the socket.
enum Moved {
    Read,
    Wrote,
    Closed,
}

/// Connects and is welcomed; otherwise says why not, and what to do. May be cancelled.
pub(super) async fn open(
    settings: Arc<MqttSettings>,
    client_id: String,
    clean: bool,
) -> Result<Connection, String> {
    let login = login(&settings).await?;
    let socket = socket::connect(&settings).await.map_err(|error| error.to_string())?;
    let mut connection = Connection::over(socket, &settings);
    connection.writer.hello(Hello {
        client_id: &client_id,
        clean,
        session_seconds: u32::try_from(settings.session.as_secs()).unwrap_or(u32::MAX),
        keep_alive: u16::try_from(settings.keep_alive.as_secs()).unwrap_or(u16::MAX),
        packet_bytes: u32::try_from(settings.packet_bytes).unwrap_or(u32::MAX),
        receive_max: RECEIVE_MAX,
        login,
        will: settings.status_topic.as_deref().map(|topic| (topic, "offline")),
    });
    let welcome = connection.welcomed().await.map_err(|trouble| trouble.sentence(&settings))?;
    connection.welcome = welcome;
    if let Some(seconds) = welcome.keep_alive.filter(|seconds| *seconds > 0) {
        connection.keep_alive = Duration::from_secs(seconds.into());
    }
    Ok(connection)
}

/// User and password. A file may lie on a slow disk.
async fn login(settings: &MqttSettings) -> Result<Option<(String, String)>, String> {
    let Some(user) = settings.user.clone() else { return Ok(None) };
    let Some(secret) = settings.password.clone() else { return Ok(Some((user, String::new()))) };
    let password = tokio::task::spawn_blocking(move || secret.read()).await;
    Ok(Some((user, password.map_err(|error| error.to_string())??)))
}

/// Why a broker does not welcome us.
enum Trouble {
    Io(io::Error),
    Closed,
    Nonsense(String),
    Refused(Refused),
}

impl Trouble {
    fn sentence(self, settings: &MqttSettings) -> String {
        let broker = &settings.broker;
        let other = match settings.version {
            Version::V3 => "5",
            Version::V5 => "3.1.1",
        };
        match self {
            Self::Io(error) => {
                format!("{broker} broke the connection off: {error}; look into the broker's log")
            }
            Self::Closed => format!(
                "{broker} closed the connection without an answer; is that port for MQTT, and encrypted or not as \
                 in url? an old broker wants version = \"{other}\""
            ),
            Self::Nonsense(what) => {
                format!("{broker}: {what}; is that port for MQTT, and encrypted or not as in url?")
            }
            Self::Refused(Refused::Version) => {
                format!("{broker} does not speak this version of MQTT; set version = \"{other}\"")
            }
            Self::Refused(Refused::ClientId) => {
                format!("{broker} does not take our client id; set client_id to one that it allows")
            }
            Self::Refused(Refused::Login) => match &settings.user {
                Some(user) => format!("{broker} does not let {user:?} in; put user or the password right"),
                None => format!("{broker} lets nobody in without a name; set user and password_file"),
            },
            Self::Refused(Refused::Other(why)) => format!("{broker} refuses the connection: {why}"),
        }
    }
}

impl Connection {
    /// A connection that the broker has not welcomed yet.
    fn over(socket: Box<dyn Socket>, settings: &MqttSettings) -> Self {
        let now = Instant::now();
        Self {
            socket,
            reader: Reader::new(settings.version, settings.packet_bytes),
            writer: Writer::new(settings.version),
            welcome: Welcome {
                session_present: false,
                receive_max: 1,
                packet_bytes: None,
                qos: Qos::AtMostOnce,
                retains: false,
                keep_alive: None,
            },
            since: now,
            keep_alive: settings.keep_alive,
            heard: now,
            sent: now,
            pinged: None,
            is_unflushed: false,
            is_leaving: false,
        }
    }

    async fn welcomed(&mut self) -> Result<Welcome, Trouble> {
        loop {
            match self.reader.packet() {
                Ok(Some(Packet::Welcome(welcome))) => return Ok(welcome),
                Ok(Some(Packet::Refused(why))) => return Err(Trouble::Refused(why)),
                Ok(Some(Packet::Bye(why, _))) => return Err(Trouble::Refused(Refused::Other(why))),
                Ok(Some(_)) => return Err(Trouble::Nonsense("it does not begin with CONNACK".to_owned())),
                Err(fault) => return Err(Trouble::Nonsense(fault.to_string())),
                Ok(None) => {}
            }
            match std::future::poll_fn(|cx| self.poll_socket(cx)).await {
                Ok(Moved::Closed) => return Err(Trouble::Closed),
                Ok(Moved::Read | Moved::Wrote) => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Err(Trouble::Closed),
                Err(error) => return Err(Trouble::Io(error)),
            }
        }
    }

    /// The next thing that happens, here or in the outbox. May be cancelled.
    pub(super) async fn next(&mut self, outbox: Option<&Outbox>) -> Result<Event, Broken> {
        std::future::poll_fn(|cx| {
            if let Poll::Ready(moved) = self.poll_socket(cx) {
                return Poll::Ready(match moved {
                    Ok(Moved::Read) => Ok(Event::Read),
                    Ok(Moved::Wrote) => Ok(Event::Wrote),
                    Ok(Moved::Closed) => Err(Broken::Closed("it closed the connection".to_owned())),
                    Err(error) => Err(Broken::Closed(error.to_string())),
                });
            }
            let Some(outbox) = outbox else { return Poll::Pending };
            outbox.wakes(cx.waker());
            outbox.look(Until::Something).map_or(Poll::Pending, |found| Poll::Ready(Ok(Event::Hub(found))))
        })
        .await
    }

    /// Writes what it can, then reads.
    fn poll_socket(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Moved>> {
        let mut has_written = false;
        let had_much = self.writer.bytes.len() > CHUNK;
        while !self.writer.bytes.is_empty() {
            match Pin::new(&mut self.socket).poll_write(cx, &self.writer.bytes)? {
                Poll::Ready(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(written) => {
                    self.writer.bytes.advance(written);
                    self.sent = Instant::now();
                    if had_much {
                        // The answer to a ping stands behind all that, so that it moves is the sign of life.
                        self.heard = self.sent;
                    }
                    (has_written, self.is_unflushed) = (true, true);
                }
                Poll::Pending => break,
            }
        }
        if self.writer.bytes.is_empty() && self.writer.bytes.capacity() > 4 * CHUNK {
            self.writer.bytes = BytesMut::new();
        }
        if self.is_unflushed && Pin::new(&mut self.socket).poll_flush(cx)?.is_ready() {
            self.is_unflushed = false;
        }
        if self.writer.bytes.len() < 2 * CHUNK {
            let bytes = &mut self.reader.bytes;
            if bytes.capacity() - bytes.len() < READ / 2 {
                bytes.reserve(READ);
            }
            let socket: &mut dyn Socket = &mut *self.socket;
            // After a large packet there is room for more than others should wait for.
            let mut bytes = bytes.limit(READ);
            if let Poll::Ready(read) = poll_read_buf(Pin::new(&mut Shim(socket)), cx, &mut bytes)? {
                self.heard = Instant::now();
                if self.is_leaving {
                    self.reader.bytes.clear();
                }
                return Poll::Ready(Ok(if read == 0 { Moved::Closed } else { Moved::Read }));
            }
        }
        if has_written { Poll::Ready(Ok(Moved::Wrote)) } else { Poll::Pending }
    }

    /// Whether all that was said is on its way.
    pub(super) fn is_written(&self) -> bool {
        self.writer.bytes.is_empty() && !self.is_unflushed
    }

    /// When to look again whether the broker is still there; often enough for whatever is heard or said until then.
    fn next_look(&self) -> Instant {
        let dead = self.heard + self.keep_alive;
        let due = if self.pinged.is_some() { dead } else { dead.min(self.ping_at()) };
        due.min(Instant::now() + self.keep_alive / 4)
    }

    fn ping_at(&self) -> Instant {
        self.heard.min(self.sent) + self.keep_alive / 2
    }

    /// Pings a broker that has been silent, or that we were silent to. Says when to look again.
    pub(super) fn look(&mut self, now: Instant) -> Result<Instant, Broken> {
        if now >= self.heard + self.keep_alive {
            return Err(Broken::Lost(format!("nothing was heard of it for {} s", self.keep_alive.as_secs())));
        }
        if self.pinged.is_none() && now >= self.ping_at() {
            self.writer.ping();
            self.pinged = Some(now);
        }
        Ok(self.next_look())
    }

    /// The ping was answered.
    pub(super) fn ponged(&mut self) {
        self.pinged = None;
    }
}

/// `poll_read_buf` wants a reader of a known size.
struct Shim<'s>(&'s mut dyn Socket);

impl AsyncRead for Shim<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_read(cx, buf)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::links::file;
    use crate::topic::Limits;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::{sleep_until, timeout_at};

    const PINGREQ: [u8; 2] = [0xc0, 0];
    const PINGRESP: [u8; 2] = [0xd0, 0];

    fn connection() -> (Connection, DuplexStream) {
        let text = "url = 'mqtt://a'\nkeep_alive_seconds = 30\n[[rule]]\ndirection = 'in'\nfilter = '#'\n";
        let plan = file::parse("house", "house.toml", text, &Limits::default()).unwrap();
        let (ours, theirs) = duplex(1024);
        (Connection::over(Box::new(ours), plan.far.mqtt().unwrap()), theirs)
    }

    /// Looks whenever it is due, until then.
    async fn look_until(connection: &mut Connection, end: Instant) -> Result<(), Broken> {
        while Instant::now() < end {
            let next = connection.look(Instant::now())?.min(end);
            if let Ok(event) = timeout_at(next, connection.next(None)).await
                && event? == Event::Read
            {
                while let Ok(Some(packet)) = connection.reader.packet() {
                    assert_eq!(packet, Packet::Pong);
                    connection.ponged();
                }
            }
            sleep_until(next).await;
        }
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn a_broker_that_falls_silent_is_pinged_once_and_then_taken_for_dead() {
        let (mut connection, mut broker) = connection();
        let began = Instant::now();
        let ended = look_until(&mut connection, began + Duration::from_hours(1)).await;
        assert_eq!(ended, Err(Broken::Lost("nothing was heard of it for 30 s".to_owned())));
        assert_eq!(began.elapsed(), Duration::from_secs(30));
        drop(connection);
        let mut said = Vec::new();
        broker.read_to_end(&mut said).await.unwrap();
        assert_eq!(said, PINGREQ);
    }

    #[tokio::test(start_paused = true)]
    #[expect(clippy::disallowed_methods, reason = "the task ends with the test")]
    async fn a_broker_that_answers_is_alive_however_little_it_says() {
        let (mut connection, mut broker) = connection();
        let answers = tokio::spawn(async move {
            let mut pings = 0;
            let mut ping = [0; 2];
            while broker.read_exact(&mut ping).await.is_ok() {
                assert_eq!(ping, PINGREQ);
                broker.write_all(&PINGRESP).await.unwrap();
                pings += 1;
            }
            pings
        });
        look_until(&mut connection, Instant::now() + Duration::from_hours(1)).await.unwrap();
        drop(connection);
        // Half a keep-alive after each answer.
        assert!((150..=240).contains(&answers.await.unwrap()));
    }
}
