//! Simulated nodes at work: in the process of the hub, or as clients of any hub. Here is the clock and the socket
//! that the nodes themselves do without.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use tokio_util::sync::CancellationToken;

use super::{Kit, Line, Moment, Node};
use crate::hub::{Client, Drained, Found, Hub, Session};
use crate::moment;
use crate::talk::Frames;

/// Simulated time: where it began, and how fast it runs.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    began: Instant,
    at: Moment,
    speed: f64,
}

impl Pace {
    /// Starts now, at the time it is. A `speed` of 60 makes an hour of a minute.
    pub fn starting_now(speed: f64) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let at = Moment(u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
        Self { began: Instant::now(), at, speed }
    }

    fn now(&self) -> Moment {
        self.at.plus(milliseconds(self.began.elapsed().mul_f64(self.speed)))
    }

    /// When a simulated moment comes; never sooner than now and never later than in a minute, which a wake that is
    /// too early does no harm to.
    fn instant(&self, moment: Option<Moment>) -> Instant {
        const LONGEST: Duration = Duration::from_mins(1);
        let wait = moment.map_or(LONGEST, |moment| {
            let ahead = moment.0.saturating_sub(self.now().0);
            Duration::from_millis(ahead).div_f64(self.speed).min(LONGEST)
        });
        Instant::now() + wait
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What a kit says to open its transmission: the bridge listens as its firmware did, a gateway to its radio nodes.
fn opening(kit: Kit) -> &'static str {
    match kit {
        Kit::Bridge => r#"["clown.talk/-/config/set", {"filters": ["+/+/+", "+/+/+/+"], "retained": false}]"#,
        Kit::Tower => r#"["clown.talk/-/config/set", {"filters": ["+/+/+/+/+"], "retained": false}]"#,
    }
}

/// A node with its clock.
struct Running {
    node: Node,
    pace: Pace,
    logged_refusals: u64,
}

impl Running {
    fn new(kit: Kit, seed: u64, pace: Pace) -> Self {
        Self { node: Node::new(kit, seed), pace, logged_refusals: 0 }
    }

    fn boot(&mut self) -> Vec<Line> {
        self.node.boot(self.pace.now())
    }

    fn wake(&mut self) -> Vec<Line> {
        self.node.wake(self.pace.now())
    }

    fn next_wake(&self) -> Instant {
        self.pace.instant(self.node.next_wake())
    }

    /// Takes a message from the hub; its own language is not for the node.
    fn hear(&mut self, message: &str) -> Vec<Line> {
        let frames = Frames::of(message).filter_map(Result::ok);
        let frames = frames.filter(|frame| !frame.topic.starts_with("clown.talk/"));
        let lines = frames
            .flat_map(|frame| self.node.receive(&frame.topic, frame.payload, self.pace.now()))
            .collect();
        if self.node.refused() > self.logged_refusals {
            self.logged_refusals = self.node.refused();
            if let Some(refusal) = self.node.last_refusal() {
                tracing::debug!(%refusal, "the simulated node refused a frame");
            }
        }
        lines
    }
}

/// Runs a node inside the hub until the stop sign.
pub async fn in_hub(hub: Arc<Hub>, client: Client, kit: Kit, seed: u64, pace: Pace, stop: CancellationToken) {
    let mut session = hub.connect(client, moment::Moment::now());
    let mut running = Running::new(kit, seed, pace);
    tracing::info!(client = %session.name(), base = ?session.base(), ?kit, "simulated node is on");
    say(&mut session, opening(kit));
    let mut lines = running.boot();
    loop {
        for line in lines.drain(..) {
            say(&mut session, &line.to_string());
        }
        let outbox = Arc::clone(session.outbox());
        lines = tokio::select! {
            () = stop.cancelled() => return session.farewell(),
            () = sleep_until(running.next_wake()) => running.wake(),
            found = outbox.ready() => {
                if found == Found::Overflow {
                    tracing::error!(client = %session.name(), "the simulated node was sent too much and is off");
                    return;
                }
                listen(&mut session, &mut running)
            }
        };
    }
}

fn say(session: &mut Session, frame: &str) {
    if let Err(excess) = session.receive(frame, moment::Moment::now()) {
        tracing::error!(%excess, "the simulated node said too much");
    }
}

fn listen(session: &mut Session, running: &mut Running) -> Vec<Line> {
    const CHUNK: usize = 64 * 1024;
    let mut heard = Vec::new();
    let drained = session.drain(CHUNK, moment::Moment::now(), &mut |pieces| heard.push(pieces.concat()));
    let lines = heard.iter().filter_map(|frame| std::str::from_utf8(frame).ok());
    let lines = lines.flat_map(|frame| running.hear(frame)).collect();
    if drained == Drained::More {
        tracing::trace!("more waits for the simulated node");
    }
    lines
}

/// Where a hub is, and as whom to go there. Debug shows no password.
#[derive(Clone)]
pub struct Remote {
    /// The URL of the socket, without user and password.
    pub url: String,
    /// The header `Authorization`, if there is one to be sent.
    pub authorization: Option<String>,
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remote").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Why it makes no sense to try again.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The hub said no.
    #[error("{url}: the hub answered {status}: {advice}")]
    Status {
        /// Where.
        url: String,
        /// What it said.
        status: u16,
        /// What to do.
        advice: &'static str,
    },
    /// The address makes no sense.
    #[error("{url}: {reason}")]
    Address {
        /// Which.
        url: String,
        /// Why.
        reason: String,
    },
}

/// Runs a node as a client of a hub until the stop sign, connecting again for as long as it takes.
pub async fn at_remote(
    remote: Remote,
    kit: Kit,
    seed: u64,
    pace: Pace,
    stop: CancellationToken,
) -> Result<(), Refused> {
    const SHORTEST: Duration = Duration::from_millis(500);
    const LONGEST: Duration = Duration::from_secs(30);
    let mut running = Running::new(kit, seed, pace);
    let mut pending = running.boot();
    let mut wait = SHORTEST;
    loop {
        let socket = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            socket = connect(&remote) => socket,
        };
        match socket {
            Ok(socket) => {
                tracing::info!(url = remote.url, ?kit, "simulated node is connected");
                wait = SHORTEST;
                let mut socket = socket;
                tokio::select! {
                    () = stop.cancelled() => {
                        let _ = timeout(GOOD_BYE, socket.close(None)).await;
                        return Ok(());
                    }
                    () = converse(&mut socket, kit, &mut running, std::mem::take(&mut pending)) => {}
                }
                tracing::warn!(url = remote.url, "connection lost, trying again");
            }
            Err(Failure::Final(refused)) => return Err(refused),
            Err(Failure::Passing(reason)) => {
                tracing::warn!(url = remote.url, reason, "cannot connect, trying again in {wait:?}");
            }
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = sleep(wait) => {}
        }
        wait = (wait * 2).min(LONGEST);
    }
}

enum Failure {
    Final(Refused),
    Passing(String),
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(remote: &Remote) -> Result<Socket, Failure> {
    const DEADLINE: Duration = Duration::from_secs(10);
    let address = |reason: String| Failure::Final(Refused::Address { url: remote.url.clone(), reason });
    let mut request =
        remote.url.as_str().into_client_request().map_err(|error| address(error.to_string()))?;
    if let Some(authorization) = &remote.authorization {
        let mut value = HeaderValue::from_str(authorization).map_err(|error| address(error.to_string()))?;
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    match timeout(DEADLINE, connect_async(request)).await {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(Error::Http(response))) => Err(refused(remote, response.status())),
        Ok(Err(Error::Url(error))) => Err(address(error.to_string())),
        Ok(Err(error)) => Err(Failure::Passing(error.to_string())),
        Err(_) => Err(Failure::Passing("no answer in 10 s".to_owned())),
    }
}

fn refused(remote: &Remote, status: StatusCode) -> Failure {
    let advice = match status {
        StatusCode::UNAUTHORIZED => "check the user and the password in the URL",
        StatusCode::FORBIDDEN => "this user may not be a node there, ask whoever runs the hub",
        StatusCode::NOT_FOUND => "check the path of the URL, or leave it out",
        _ => return Failure::Passing(format!("the hub answered {status}")),
    };
    Failure::Final(Refused::Status { url: remote.url.clone(), status: status.as_u16(), advice })
}

/// How long the hub may take to hear our good-bye.
const GOOD_BYE: Duration = Duration::from_secs(1);

/// Talks until the connection is lost.
async fn converse(socket: &mut Socket, kit: Kit, running: &mut Running, mut lines: Vec<Line>) {
    if socket.send(Message::text(opening(kit))).await.is_err() {
        return;
    }
    loop {
        for line in lines.drain(..) {
            if socket.feed(Message::text(line.to_string())).await.is_err() {
                return;
            }
        }
        if socket.flush().await.is_err() {
            return;
        }
        lines = tokio::select! {
            () = sleep_until(running.next_wake()) => running.wake(),
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => running.hear(&text),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => Vec::new(),
            },
        };
    }
}
