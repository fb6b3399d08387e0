//! A client of a broker of MQTT: what it keeps over its connections, and what it says and hears on one.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::connection::{self, Connection};
use super::flight::{Flight, Flying, Stage};
use super::packets::{Outgoing, Packet, Publish, TAKEN_OVER, Version};
use super::settings::MqttSettings;
use crate::hub::Outbox;
use crate::links::carry::{Arrived, Departing};
use crate::links::far::{Broken, Event, Far, Welcomed};
use crate::links::guard::Member;
use crate::links::near::{CHUNK, Near};
use crate::links::queue::Entry;
use crate::links::report::Report;
use crate::links::rules::Qos;
use crate::links::settings::LinkSettings;
use crate::moment::Moment;

/// Filters in one SUBSCRIBE.
const FILTERS: usize = 50;
/// Bytes of a packet beside topic, payload and stamp, at the most.
const HEADERS: usize = 32;
/// So many connections that broke while the same message was first in line, and the message is given up.
const STRIKES: u32 = 3;
/// A connection that broke sooner than this after it was made may have broken over a message.
const SHORT: Duration = Duration::from_secs(5);

/// A client of a broker.
pub(in crate::links) struct Client {
    link: Arc<LinkSettings>,
    mqtt: Arc<MqttSettings>,
    id: String,
    has_connected: bool,
    flight: Flight,
    /// Packet ids of QoS 2 that were taken and not yet released by the broker.
    taken: HashSet<u16>,
    /// For each SUBSCRIBE that is not yet answered the first of its rules, counted among those of direction in.
    asked: HashMap<u16, usize>,
    /// Connections in a row that broke over what may have been a message.
    strikes: u32,
}

impl Client {
    pub(in crate::links) fn new(link: &Arc<LinkSettings>, mqtt: &Arc<MqttSettings>, member: &Member) -> Self {
        let made = || format!("clown-hub-{}-{}-{}", link.name, member.hub(), member.id());
        Self {
            link: Arc::clone(link),
            mqtt: Arc::clone(mqtt),
            id: mqtt.client_id.clone().unwrap_or_else(made),
            has_connected: false,
            flight: Flight::default(),
            taken: HashSet::new(),
            asked: HashMap::new(),
            strikes: 0,
        }
    }

    /// Goes on with the session that the broker has kept. It may allow less than before.
    fn resume(&mut self, connection: &mut Connection, near: &mut Near) {
        near.put_back(self.flight.cut(usize::from(connection.welcome.receive_max)));
        for Flying { id, entry, stage } in self.flight.in_order() {
            match stage {
                Stage::Sent => self.send_again(connection, near, &entry, id),
                Stage::Released => connection.writer.release(id),
            }
        }
    }

    fn subscribe(&mut self, connection: &mut Connection) {
        let inward = self.link.rules.iter().filter(|rule| rule.direction.is_in());
        let filters: Vec<_> = inward.map(|rule| (rule.remote.filter.to_string(), rule.qos)).collect();
        self.asked.clear();
        for (at, filters) in filters.chunks(FILTERS).enumerate() {
            let id = self.flight.free_id();
            self.asked.insert(id, at * FILTERS);
            connection.writer.subscribe(id, filters);
        }
    }

    fn subscribed(&mut self, id: u16, refusals: &[Option<String>], report: &Report) {
        let Some(first) = self.asked.remove(&id) else { return };
        let rules = self.link.rules.iter().filter(|rule| rule.direction.is_in()).skip(first);
        for (rule, refusal) in rules.zip(refusals) {
            if let Some(why) = refusal {
                report.subscription_refused(rule, why);
            }
        }
    }

    /// A message of the broker. It is acknowledged when the hub has routed it, or will never.
    fn take_in(&mut self, connection: &mut Connection, near: &mut Near, publish: &Publish) {
        let is_new = publish.qos != Qos::ExactlyOnce || self.taken.insert(publish.id);
        if is_new {
            let Publish { topic, payload, retain, stamp, .. } = publish;
            near.arrive(&Arrived {
                topic,
                payload,
                retain: *retain,
                stamp: stamp.as_deref(),
                keep: None,
                is_old: None,
            });
        }
        self.acknowledge(connection, publish.id, publish.qos);
    }

    fn acknowledge(&mut self, connection: &mut Connection, id: u16, qos: Qos) {
        match qos {
            Qos::AtMostOnce => {}
            Qos::AtLeastOnce => connection.writer.acknowledge(id),
            Qos::ExactlyOnce => {
                self.taken.insert(id);
                connection.writer.receive(id);
            }
        }
    }

    fn send(&mut self, connection: &mut Connection, near: &Near, entry: &Entry) {
        match compose(connection, near, entry) {
            Err(why) => near.report.lose(entry, &why),
            Ok((departing, qos)) => {
                near.carry.went(entry);
                let id = if qos == Qos::AtMostOnce {
                    near.report.told(1);
                    0
                } else {
                    self.flight.send(entry.clone())
                };
                publish(connection, &departing, qos, id, false);
            }
        }
    }

    /// Sends what the broker has not acknowledged. It fitted before, and may not any more.
    fn send_again(&mut self, connection: &mut Connection, near: &Near, entry: &Entry, id: u16) {
        match compose(connection, near, entry) {
            // A broker that repeats to us what we say repeats this one, too.
            Ok((departing, qos)) if qos != Qos::AtMostOnce => {
                near.carry.went(entry);
                publish(connection, &departing, qos, id, true);
            }
            Ok((departing, qos)) => {
                near.carry.went(entry);
                self.flight.land(id);
                near.report.told(1);
                publish(connection, &departing, qos, 0, false);
            }
            Err(why) => {
                self.flight.land(id);
                near.report.lose(entry, &why);
            }
        }
    }

    /// The broker is done with a message of ours.
    fn landed(&mut self, id: u16, reason: u8, report: &Report) {
        // So it does not break over the first in line.
        self.strikes = 0;
        let Some(entry) = self.flight.land(id) else { return };
        let why = match reason {
            0..0x80 => return report.told(1),
            0x87 => "the broker does not allow it; give the user the right to write there".to_owned(),
            0x95 => "the broker finds it too large; raise the broker's largest message".to_owned(),
            0x97 => "the broker says that a quota is used up".to_owned(),
            code => format!("the broker refuses it with code {code:#x}; look into the broker's log"),
        };
        report.lose(&entry, &why);
    }

    fn give_up(&mut self, id: Option<u16>, why: &str, report: &Report) {
        if let Some(entry) = id.and_then(|id| self.flight.land(id)) {
            report.lose(&entry, why);
        }
    }

    fn hear(&mut self, connection: &mut Connection, near: &mut Near, packet: &Packet) -> Result<(), Broken> {
        match packet {
            Packet::Publish(publish) => self.take_in(connection, near, publish),
            Packet::Untakeable(it) => {
                near.report.refuse(&it.topic, &it.why);
                self.acknowledge(connection, it.id, it.qos);
            }
            Packet::Acknowledged(id, reason) => self.landed(*id, *reason, &near.report),
            Packet::Received(id, reason) if *reason >= 0x80 => self.landed(*id, *reason, &near.report),
            Packet::Received(id, _) => {
                // PUBREL is the answer to what nobody knows, too (MQTT 5.0, 4.3.3).
                self.flight.release(*id);
                connection.writer.release(*id);
            }
            Packet::Complete(id, _) => self.landed(*id, 0, &near.report),
            Packet::Release(id) => {
                self.taken.remove(id);
                connection.writer.complete(*id);
            }
            Packet::Subscribed(id, refusals) => self.subscribed(*id, refusals, &near.report),
            Packet::Pong => connection.ponged(),
            Packet::Bye(why, is_too_large) => {
                if *is_too_large {
                    let largest = self.flight.largest();
                    self.give_up(largest, "the broker finds it too large", &near.report);
                }
                let why = why.clone();
                let is_contest = why.starts_with(TAKEN_OVER);
                return Err(if is_contest { Broken::Replaced(why) } else { Broken::Closed(why) });
            }
            Packet::Welcome(_) | Packet::Refused(_) | Packet::Other => {}
        }
        Ok(())
    }

    fn status(&self, connection: &mut Connection, state: &str) {
        if let Some(topic) = self.mqtt.status_topic.as_deref() {
            let (id, qos, retain) = (0, Qos::AtMostOnce, connection.welcome.retains);
            let payload = state.as_bytes();
            connection.writer.publish(&Outgoing {
                topic,
                payload,
                id,
                qos,
                retain,
                again: false,
                stamp: None,
            });
        }
    }
}

/// A message as this broker is to have it, and with which QoS; an error where it cannot.
fn compose<'e>(
    connection: &Connection,
    near: &Near,
    entry: &'e Entry,
) -> Result<(Departing<'e>, Qos), String> {
    let welcome = &connection.welcome;
    let mut departing = near.carry.outward(entry)?;
    departing.retain &= welcome.retains;
    let Departing { topic, payload, stamp, .. } = &departing;
    let bytes = HEADERS + topic.as_str().len() + payload.len() + stamp.as_ref().map_or(0, String::len);
    let most = welcome.packet_bytes.unwrap_or(usize::MAX);
    if bytes > most {
        return Err(format!(
            "it has {bytes} bytes and the broker takes {most}; raise the broker's largest packet"
        ));
    }
    let qos = departing.qos.min(welcome.qos);
    Ok((departing, qos))
}

fn publish(connection: &mut Connection, departing: &Departing<'_>, qos: Qos, id: u16, again: bool) {
    let Departing { topic, payload, retain, stamp, .. } = departing;
    let (topic, stamp) = (topic.as_str(), stamp.as_deref());
    connection.writer.publish(&Outgoing { topic, payload, id, qos, retain: *retain, again, stamp });
}

impl Far for Client {
    type Connection = Connection;

    /// The broker resumes what it knows of us; one of 3.1.1 is asked to only where the client id is the operator's, as it
    /// would never forget one that we made. (A broker of MQTT 5 is not asked to begin anew the first time either:
    /// Mosquitto does not carry a session that began so over its own restart.)
    fn open(&self) -> impl Future<Output = Result<Connection, String>> + Send + use<> {
        let clean = self.mqtt.version == Version::V3 && self.mqtt.client_id.is_none();
        let opening = connection::open(Arc::clone(&self.mqtt), self.id.clone(), clean);
        let (patience, broker) = (self.mqtt.connect, Arc::clone(&self.link.far));
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

    fn welcome(&mut self, connection: &mut Connection, near: &mut Near) -> Welcomed {
        let is_first = !std::mem::replace(&mut self.has_connected, true);
        let resumed = connection.welcome.session_present;
        if resumed {
            self.resume(connection, near);
        } else {
            let back = self.give_back(&near.report);
            near.put_back(back.into_iter());
            self.taken.clear();
        }
        // The rules may not be those of the life before, and a connection may have ended before the broker had read them.
        let wants_last_values = !resumed || is_first || !self.asked.is_empty();
        if wants_last_values {
            self.subscribe(connection);
        }
        self.status(connection, "online");
        Welcomed { resumed, wants_last_values }
    }

    fn is_ready(&self) -> bool {
        self.asked.is_empty()
    }

    fn pump(&mut self, connection: &mut Connection, near: &mut Near) {
        let inflight = usize::from(self.mqtt.inflight.min(connection.welcome.receive_max));
        let now = Moment::now();
        while connection.writer.bytes.len() < CHUNK
            && self.flight.len() < inflight
            && self.flight.bytes() < self.link.queue_bytes
        {
            let Some(entry) = near.pop(now) else { return };
            // A last value that was asked for may be on its way already.
            if !(entry.relayed.is_last_value && self.flight.holds(&entry.relayed.message)) {
                self.send(connection, near, &entry);
            }
        }
    }

    async fn next(connection: &mut Connection, outbox: Option<&Outbox>) -> Result<Event, Broken> {
        connection.next(outbox).await
    }

    fn read(&mut self, connection: &mut Connection, near: &mut Near) -> Result<bool, Broken> {
        while !near.is_turn_over() {
            match connection.reader.packet() {
                Ok(Some(packet)) => self.hear(connection, near, &packet)?,
                Ok(None) => return Ok(false),
                Err(fault) => return Err(Broken::Lost(fault.to_string())),
            }
            // Acknowledgements and the like are some work, too.
            near.took(0);
        }
        Ok(true)
    }

    fn look(connection: &mut Connection, now: Instant) -> Result<Instant, Broken> {
        connection.look(now)
    }

    /// With our good-bye the broker forgets our will, and also us, if we made the client id.
    fn bye(&mut self, connection: &mut Connection) {
        self.status(connection, "offline");
        connection.writer.bye(self.mqtt.client_id.is_none());
        connection.is_leaving = true;
    }

    fn is_written(connection: &Connection) -> bool {
        connection.is_written()
    }

    /// Some brokers say nothing of a message that they do not take, and close the connection: again and again, as it is
    /// sent again each time.
    fn ended(&mut self, connection: &Connection, broken: &Broken, report: &Report) {
        match broken {
            Broken::Lost(_) => {}
            Broken::Closed(_) | Broken::Replaced(_) => {
                let is_strike = connection.since.elapsed() < SHORT && !self.flight.is_empty();
                self.strikes = if is_strike { self.strikes + 1 } else { 0 };
                if self.strikes >= STRIKES {
                    self.strikes = 0;
                    let first = self.flight.first();
                    self.give_up(first, "the broker closes the connection each time it is sent", report);
                }
            }
        }
    }

    fn on_the_way(&self) -> (usize, usize) {
        (self.flight.len(), self.flight.bytes())
    }

    fn give_back(&mut self, report: &Report) -> Vec<Entry> {
        let flying = self.flight.len();
        let back = self.flight.abandon();
        report.told(flying - back.len());
        back
    }
}
