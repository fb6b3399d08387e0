//! Simulated nodes at work: in the process of the hub, or as clients of any hub. Here is the clock and the socket
//! that the nodes themselves do without.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{Kit, Line, Moment, Node};
use crate::backoff::Backoff;
use crate::client::{Address, Connection, Failure, Heard};
use crate::hub::{Client, Drained, Found, Hub, Session};
use crate::moment;
use crate::seldom::Seldom;
use crate::talk::{Frames, Request};

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

/// What a kit asks for: the bridge listens as its firmware did, a gateway to its radio nodes.
fn settings(kit: Kit) -> &'static str {
    match kit {
        Kit::Bridge => r#"{"filters": ["+/+/+", "+/+/+/+"], "retained": false}"#,
        Kit::Tower => r#"{"filters": ["+/+/+/+/+"], "retained": false}"#,
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
        static REFUSED: Seldom = Seldom::new();
        let frames = Frames::of(message).filter_map(Result::ok);
        let frames = frames.filter(|frame| !Request::claims(&frame.topic));
        let lines = frames
            .flat_map(|frame| self.node.receive(&frame.topic, frame.payload, self.pace.now()))
            .collect();
        if self.node.refused() > self.logged_refusals {
            self.logged_refusals = self.node.refused();
            if let Some(refusal) = self.node.last_refusal()
                && let Some(times) = REFUSED.again("")
            {
                tracing::debug!(%refusal, %times, "a simulated node refused a frame");
            }
        }
        lines
    }
}

/// Runs a node inside the hub until the stop sign.
pub async fn in_hub(hub: Arc<Hub>, client: Client, kit: Kit, seed: u64, pace: Pace, stop: CancellationToken) {
    let mut session = hub.connect(client, moment::Moment::now());
    let mut running = Running::new(kit, seed, pace);
    tracing::debug!(client = %session.name(), base = ?session.base(), ?kit, "simulated node is on");
    say(&mut session, &format!("[\"clown.talk/-/config/set\", {}]", settings(kit)));
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
                    // Once in the life of a node.
                    tracing::error!(client = %session.name(), "the simulated node was sent too much and is off");
                    return;
                }
                listen(&mut session, &mut running)
            }
        };
    }
}

fn say(session: &mut Session, frame: &str) {
    static TOO_MUCH: Seldom = Seldom::new();
    if let Err(excess) = session.receive(frame, moment::Moment::now())
        && let Some(times) = TOO_MUCH.again(&session.name())
    {
        tracing::error!(%excess, %times, "the simulated node said too much");
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

/// The nodes that one program runs at a hub, for its log: sixty that come or go together are one line, not sixty.
#[derive(Debug)]
pub struct Crowd {
    nodes: usize,
    connected: AtomicUsize,
}

impl Crowd {
    /// So many nodes, none of which is connected yet.
    pub fn of(nodes: usize) -> Self {
        Self { nodes, connected: AtomicUsize::new(0) }
    }

    fn came(&self, address: &Address) {
        static ALL_CONNECTED: Seldom = Seldom::new();
        let connected = self.connected.fetch_add(1, Ordering::Relaxed) + 1;
        tracing::debug!(%address, connected, "simulated node is connected");
        if connected == self.nodes
            && let Some(times) = ALL_CONNECTED.again("")
        {
            tracing::info!(nodes = connected, %times, "all simulated nodes are connected");
        }
    }

    fn went(&self, reason: &Failure) {
        static LOST: Seldom = Seldom::new();
        let connected = self.connected.fetch_sub(1, Ordering::Relaxed) - 1;
        tracing::debug!(%reason, connected, "simulated node lost its connection");
        if (connected + 1 == self.nodes || connected == 0)
            && let Some(times) = LOST.again("")
        {
            let nodes = self.nodes;
            tracing::warn!(%reason, connected, nodes, %times, "simulated nodes lost their connection and try again");
        }
    }

    fn does_not_come(&self, reason: &str) {
        static NOT_CONNECTED: Seldom = Seldom::new();
        if let Some(times) = NOT_CONNECTED.again("") {
            let connected = self.connected.load(Ordering::Relaxed);
            let nodes = self.nodes;
            tracing::warn!(reason, connected, nodes, %times, "simulated nodes cannot connect and try again");
        }
    }
}

/// Runs a node as a client of a hub until the stop sign, connecting again for as long as it takes. The error is one that
/// another attempt would not change.
pub async fn at_remote(
    address: Address,
    kit: Kit,
    seed: u64,
    pace: Pace,
    crowd: Arc<Crowd>,
    stop: CancellationToken,
) -> Result<(), Failure> {
    const FIRST: Duration = Duration::from_secs(1);
    const LONGEST: Duration = Duration::from_secs(30);
    let mut running = Running::new(kit, seed, pace);
    let mut pending = running.boot();
    let mut backoff = Backoff::new(FIRST, LONGEST);
    loop {
        let opened = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            opened = Connection::open(&address, true, settings(kit)) => opened,
        };
        match opened {
            Ok(mut connection) => {
                crowd.came(&address);
                backoff.reset();
                let lost = tokio::select! {
                    () = stop.cancelled() => {
                        connection.close().await;
                        return Ok(());
                    }
                    lost = converse(&mut connection, &mut running, std::mem::take(&mut pending)) => lost,
                };
                crowd.went(&lost);
            }
            Err(Failure::Lost(reason)) => crowd.does_not_come(&reason),
            Err(refused @ (Failure::Refused(_) | Failure::Address(_))) => return Err(refused),
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = sleep(backoff.draw()) => {}
        }
    }
}

/// Talks until the connection is lost.
async fn converse(connection: &mut Connection, running: &mut Running, mut lines: Vec<Line>) -> Failure {
    loop {
        let frames: Vec<_> = lines.drain(..).map(|line| line.to_string()).collect();
        if !frames.is_empty()
            && let Err(lost) = connection.speaker.say(frames.join("\n")).await
        {
            return lost;
        }
        lines = tokio::select! {
            () = sleep_until(running.next_wake()) => running.wake(),
            heard = connection.listener.next() => match heard {
                Ok(Heard::Text(text)) => running.hear(&text),
                Ok(Heard::Closed) => return Failure::Lost("the hub closed the connection".to_owned()),
                Err(lost) => return lost,
            },
        };
    }
}
