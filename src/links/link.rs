//! A link at work: a session of the hub on one side, a client of a broker on the other. One task with one loop; the hub
//! is listened to all the time, connected or not.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::connection::{self, CHUNK, Connection, Event, Sign};
use super::ending::Ended;
use super::estate::Estate;
use super::flight::{Flight, Flying, Stage};
use super::guard::{Guard, LinkId};
use super::hearing::Recall;
use super::hearing::session;
use super::packets::{Outgoing, Packet, Version};
use super::queue::{GaveWay, Queue};
use super::settings::LinkSettings;
use crate::backoff::Backoff;
use crate::hub::{Hub, LinkFigures, Relayed, Session};

/// How long a link that is stopped goes on sending.
pub const GRACE: Duration = Duration::from_secs(2);
/// The span that the wait before a second attempt is drawn from.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest such span.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// Filters in one SUBSCRIBE.
const FILTERS: usize = 50;

/// One link.
pub(super) struct Link {
    pub(super) settings: Arc<LinkSettings>,
    pub(super) hub: Arc<Hub>,
    pub(super) guard: Arc<Guard>,
    pub(super) id: LinkId,
    pub(super) figures: Arc<LinkFigures>,
    pub(super) session: Session,
    pub(super) queue: Queue,
    pub(super) flight: Flight,
    /// Packet ids of QoS 2 that were taken and not yet released by the broker.
    pub(super) taken: HashSet<u16>,
    /// The broker, as trails name it.
    pub(super) broker: Arc<str>,
    pub(super) is_connected: bool,
    pub(super) recall: Recall,
    /// Room for what is taken from the hub.
    pub(super) heard: Vec<Relayed>,
    /// For each SUBSCRIBE that is not yet answered the first of its rules, counted among those of direction in.
    pub(super) asked: HashMap<u16, usize>,
    /// Whether the broker knew us, until it is said that we are connected.
    pub(super) unannounced: Option<bool>,
    client_id: String,
    has_connected: bool,
    pub(super) strikes: u32,
    /// What the link had carried when it was connected last.
    pub(super) carried_before: u64,
    pub(super) backoff: Backoff,
    pub(super) trouble: Option<(String, u64)>,
    /// What gave way since the log said that something does, and when that was.
    pub(super) gave_way: Option<(GaveWay, Instant)>,
}

impl Link {
    pub(super) fn new(settings: Arc<LinkSettings>, hub: Arc<Hub>, guard: Arc<Guard>) -> Self {
        let id = guard.enter(settings.version == Version::V3, Instant::now());
        let made = || format!("clown-hub-{}-{}-{id}", settings.name, guard.hub());
        Self {
            id,
            figures: hub.links().enter(&settings.name),
            session: session(&hub, &settings),
            queue: Queue::new(settings.queue_messages, settings.queue_bytes),
            flight: Flight::default(),
            taken: HashSet::new(),
            broker: settings.broker.to_string().to_ascii_lowercase().into(),
            client_id: settings.client_id.clone().unwrap_or_else(made),
            has_connected: false,
            is_connected: false,
            recall: Recall::Done,
            heard: Vec::new(),
            unannounced: None,
            asked: HashMap::new(),
            strikes: 0,
            carried_before: 0,
            backoff: Backoff::new(FIRST_WAIT, LONGEST_WAIT),
            trouble: None,
            gave_way: None,
            settings,
            hub,
            guard,
        }
    }

    /// Works until the sign to stop, which leaves some time to send what waits. Returns what could not be sent.
    pub(super) async fn run(mut self, stop: CancellationToken) -> Estate {
        let (link, file) = (Arc::clone(&self.settings.name), Arc::clone(&self.settings.file));
        tracing::info!(%link, %file, broker = %self.settings.broker, "link is on");
        self.tell("away", None);
        loop {
            let attempt = self.attempt();
            let Some(opened) = self.meanwhile(&stop, attempt).await else { break };
            let trouble = match opened {
                Err(trouble) => trouble,
                Ok(mut connection) => {
                    self.welcomed(&mut connection);
                    let ended = self.talk(&mut connection, &stop).await;
                    match self.ended(&connection, ended) {
                        Some(trouble) => trouble,
                        None => break,
                    }
                }
            };
            let wait = self.backoff.draw();
            self.complain(trouble, wait);
            if self.meanwhile(&stop, sleep(wait)).await.is_none() {
                break;
            }
        }
        self.gather(usize::MAX);
        let estate = self.estate();
        self.measure();
        tracing::info!(%link, waiting = estate.len(), "link is off");
        estate
    }

    /// One attempt to connect. The broker resumes what it knows of us; one of 3.1.1 is asked to only where the client id
    /// is the operator's, as it would never forget one that we made. (A broker of MQTT 5 is not asked to begin anew the
    /// first time either: Mosquitto does not carry a session that began so over its own restart.)
    fn attempt(&self) -> impl Future<Output = Result<Connection, String>> + use<> {
        let clean = self.settings.version == Version::V3 && self.settings.client_id.is_none();
        let opening = connection::open(Arc::clone(&self.settings), self.client_id.clone(), clean);
        let (patience, broker) = (self.settings.connect, self.settings.broker.to_string());
        async move {
            let silence = |_| {
                format!(
                    "{broker} did not answer in {} s; is the host right, is there a firewall?",
                    patience.as_secs()
                )
            };
            timeout(patience, opening).await.map_err(silence)?
        }
    }

    /// Waits for something while the hub is listened to. `None` at the sign to stop.
    async fn meanwhile<T>(&mut self, stop: &CancellationToken, future: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(future);
        loop {
            tokio::task::coop::consume_budget().await;
            let outbox = Arc::clone(self.session.outbox());
            tokio::select! {
                () = stop.cancelled() => return None,
                done = &mut future => return Some(done),
                found = outbox.ready() => self.hear(found),
            }
        }
    }

    fn welcomed(&mut self, connection: &mut Connection) {
        let is_first = !std::mem::replace(&mut self.has_connected, true);
        self.is_connected = true;
        self.trouble = None;
        self.carried_before = self.carried();
        self.figures.connects.add(1);
        let resumed = connection.welcome.session_present;
        if resumed {
            self.resume(connection);
        } else {
            let flying = self.flight.len();
            let back: Vec<_> = self.flight.abandon().collect();
            self.figures.told.add((flying - back.len()) as u64);
            let gave_way = self.queue.put_back(back.into_iter());
            self.account(&gave_way);
            self.taken.clear();
        }
        // The rules may not be those of the life before, and a connection may have ended before the broker had read them.
        if !resumed || is_first || !self.asked.is_empty() {
            self.subscribe(connection);
            self.recall = Recall::Due;
        }
        if self.recall != Recall::Done {
            self.recall();
            // What waits already is found there before it is sent.
            if self.has_room() {
                self.gather(CHUNK);
            }
        }
        if let Some(topic) = self.settings.status_topic.as_deref() {
            let retains = connection.welcome.retains;
            connection.writer.publish(&Outgoing::status(topic, "online", retains));
        }
        self.unannounced = Some(resumed);
        self.announce();
    }

    /// Goes on with the session that the broker has kept. It may allow less than before.
    fn resume(&mut self, connection: &mut Connection) {
        let beyond = self.flight.cut(usize::from(connection.welcome.receive_max));
        let gave_way = self.queue.put_back(beyond);
        self.account(&gave_way);
        let flying: Vec<_> = self.flight.iter().cloned().collect();
        for Flying { id, entry, stage } in flying {
            match stage {
                Stage::Sent => self.send_again(connection, &entry, id),
                Stage::Released => connection.writer.release(id),
            }
        }
    }

    fn subscribe(&mut self, connection: &mut Connection) {
        let inward = self.settings.rules.iter().filter(|rule| rule.direction.is_in());
        let filters: Vec<_> = inward.map(|rule| (rule.remote.filter.to_string(), rule.qos)).collect();
        self.asked.clear();
        for (at, filters) in filters.chunks(FILTERS).enumerate() {
            let id = self.flight.free_id();
            self.asked.insert(id, at * FILTERS);
            connection.writer.subscribe(id, filters);
        }
    }

    /// The loop of a connection.
    async fn talk(&mut self, connection: &mut Connection, stop: &CancellationToken) -> Ended {
        let mut end: Option<Instant> = None;
        // Both are made once and not for each message.
        let (stopped, clock) = (stop.cancelled(), sleep_until(connection.next_look()));
        tokio::pin!(stopped, clock);
        // What came together with the welcome.
        if let Err(ended) = self.read(connection) {
            return ended;
        }
        loop {
            self.pump(connection);
            self.recall_if_due();
            self.measure();
            if end.is_some() && self.queue.is_empty() && self.flight.is_empty() {
                return self.leave(connection).await;
            }
            // However much the hub has for us, its other tasks have their turn.
            tokio::task::coop::consume_budget().await;
            let outbox = self.has_room().then(|| &**self.session.outbox());
            let event = tokio::select! {
                biased;
                () = &mut stopped, if end.is_none() => {
                    self.gather(usize::MAX);
                    let until = Instant::now() + GRACE;
                    let look = until.min(clock.deadline());
                    clock.as_mut().reset(look);
                    end = Some(until);
                    continue;
                }
                () = &mut clock => {
                    let now = Instant::now();
                    if end.is_some_and(|end| now >= end) {
                        return self.leave(connection).await;
                    }
                    if connection.look(now) == Sign::Dead {
                        let seconds = connection.patience().as_secs();
                        return Ended::Broke(format!("nothing was heard of it for {seconds} s"));
                    }
                    let look = connection.next_look();
                    clock.as_mut().reset(end.map_or(look, |end| look.min(end)));
                    continue;
                }
                event = connection.next(outbox) => event,
            };
            match event {
                Ok(Event::Read) => {
                    if let Err(ended) = self.read(connection) {
                        return ended;
                    }
                }
                Ok(Event::Hub(found)) => self.hear(found),
                Ok(Event::Wrote) => {}
                Ok(Event::Closed) => return Ended::Closed("it closed the connection".to_owned()),
                Err(error) => return Ended::Closed(error.to_string()),
            }
        }
    }

    /// Says good-bye, with which the broker forgets our will, and also us, if we made the client id.
    async fn leave(&mut self, connection: &mut Connection) -> Ended {
        const GOOD_BYE: Duration = Duration::from_millis(500);
        if let Some(topic) = self.settings.status_topic.as_deref() {
            let retains = connection.welcome.retains;
            connection.writer.publish(&Outgoing::status(topic, "offline", retains));
        }
        connection.writer.bye(self.settings.client_id.is_none());
        let outbox = Arc::clone(self.session.outbox());
        let written = async {
            while !connection.is_written() {
                match connection.next(Some(&outbox)).await {
                    Ok(Event::Wrote | Event::Read) => connection.reader.bytes.clear(),
                    Ok(Event::Hub(found)) => self.hear(found),
                    Ok(Event::Closed) | Err(_) => return,
                }
            }
        };
        let _ = timeout(GOOD_BYE, written).await;
        Ended::Stopped
    }

    fn read(&mut self, connection: &mut Connection) -> Result<(), Ended> {
        loop {
            let packet = match connection.reader.packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => return Ok(()),
                Err(fault) => return Err(Ended::Broke(fault.to_string())),
            };
            match packet {
                Packet::Publish(publish) => self.take_in(connection, &publish),
                Packet::Untakeable(it) => {
                    self.refuse(&it.topic, &it.why);
                    self.acknowledge(connection, it.id, it.qos);
                }
                Packet::Acknowledged(id, reason) => self.landed(id, reason),
                Packet::Received(id, reason) if reason >= 0x80 => self.landed(id, reason),
                Packet::Received(id, _) => {
                    self.flight.release(id);
                    connection.writer.release(id);
                }
                Packet::Complete(id, _) => self.landed(id, 0),
                Packet::Release(id) => {
                    self.taken.remove(&id);
                    connection.writer.complete(id);
                }
                Packet::Subscribed(id, refusals) => self.subscribed(id, &refusals),
                Packet::Pong => connection.ponged(),
                Packet::Bye(why, true) => {
                    self.give_up_largest();
                    return Err(Ended::Closed(why));
                }
                Packet::Bye(why, false) => return Err(Ended::Closed(why)),
                Packet::Welcome(_) | Packet::Refused(_) | Packet::Other => {}
            }
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // Nothing is left but where the link broke, or was cut off in the end.
        drop(self.estate());
        self.guard.leave(self.id);
        self.figures.connected.set(0);
    }
}
