//! Another hub as the far side of a link: messages go there as a client says them, and come as a client hears them. Each has
//! the mark by which hubs know messages again.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::Value;
use tokio::time::Instant;

use super::connection::Connection;
use super::settings::HubSettings;
use crate::client;
use crate::hub::{MARK, Outbox};
use crate::links::carry::Arrived;
use crate::links::far::{Broken, Event, Far, Welcomed};
use crate::links::near::{CHUNK, Near};
use crate::links::queue::Entry;
use crate::links::report::{Report, shown};
use crate::links::settings::LinkSettings;
use crate::moment::Moment;
use crate::talk::{Frame, Frames, Reply, Request, frame};

/// Another hub, whether it is there or not.
pub(in crate::links) struct Client {
    link: Arc<LinkSettings>,
    hub: Arc<HubSettings>,
    /// What the hub has not acknowledged, by number, in the order in which it was said.
    flying: VecDeque<(u64, Entry)>,
    bytes: usize,
    said: u64,
}

impl Client {
    pub(in crate::links) fn new(link: &Arc<LinkSettings>, hub: &Arc<HubSettings>) -> Self {
        let (link, hub) = (Arc::clone(link), Arc::clone(hub));
        Self { link, hub, flying: VecDeque::new(), bytes: 0, said: 0 }
    }

    /// What is asked for: everything that comes in by a rule, its past and its marks.
    fn opening(&self) -> String {
        let inward = self.link.rules.iter().filter(|rule| rule.direction.is_in());
        let filters: Vec<_> = inward.map(|rule| rule.remote.filter.to_string()).collect();
        let filters = Value::from(filters);
        format!("{{\"filters\": {filters}, \"options\": true, \"marks\": true}}")
    }

    fn hear(&mut self, near: &mut Near, text: &str) -> Result<(), Broken> {
        for frame in Frames::of(text) {
            match frame {
                Err(error) => near.report.refuse(&shown(text.as_bytes()), &error.to_string()),
                Ok(frame) if Request::claims(&frame.topic) => self.answered(near, &frame)?,
                Ok(frame) => arrive(near, &frame),
            }
        }
        Ok(())
    }

    /// The hub says something to us alone.
    fn answered(&mut self, near: &Near, frame: &Frame<'_>) -> Result<(), Broken> {
        match Reply::read(frame) {
            Some(Ok(Reply::PublishOk(published))) => {
                near.report.told(usize::from(self.land(&published.id).is_some()));
            }
            Some(Ok(Reply::PublishError(refused))) => {
                if let Some(entry) = refused.id.as_deref().and_then(|id| self.land(id)) {
                    near.report.lose(&entry, &format!("the hub does not take it: {}", refused.reason));
                }
            }
            // Nobody has asked: a right was taken away. Until it is back the hub refuses what is asked for on connecting, which is said.
            Some(Ok(Reply::SubscriptionError { reason, filters })) => {
                return Err(Broken::Closed(format!("the hub has ended {filters:?}: {reason}")));
            }
            _ => {}
        }
        Ok(())
    }

    fn land(&mut self, id: &str) -> Option<Entry> {
        let id: u64 = id.parse().ok()?;
        let at = self.flying.iter().position(|(other, _)| *other == id)?;
        let (_, entry) = self.flying.remove(at)?;
        self.bytes -= entry.len();
        Some(entry)
    }

    fn say(&mut self, connection: &mut Connection, near: &Near, entry: Entry) {
        let departing = match near.carry.outward(&entry) {
            Ok(departing) => departing,
            Err(why) => return near.report.lose(&entry, &why),
        };
        let Ok(payload) = std::str::from_utf8(&departing.payload) else {
            return near.report.lose(&entry, "it is no text");
        };
        // An empty payload clears a last value, which is said so among hubs.
        let payload = if payload.is_empty() { "null" } else { payload };
        self.said += 1;
        let mut text = String::new();
        frame::encode(departing.topic.as_str(), payload, &mut text);
        text.pop();
        let _ = write!(text, ", {{\"id\": {}", self.said);
        if departing.retain {
            text.push_str(", \"retain\": true");
        }
        if let Some(stamp) = &departing.stamp {
            let _ = write!(text, ", \"{MARK}\": {}", Value::from(stamp.as_str()));
        }
        text.push_str("}]");
        if text.len() > connection.most_bytes() {
            let (bytes, most) = (text.len(), connection.most_bytes());
            let why =
                format!("it has {bytes} bytes and the hub takes {most}; raise its limits.message_bytes");
            return near.report.lose(&entry, &why);
        }
        near.carry.went(&entry);
        connection.say(text);
        self.bytes += entry.len();
        self.flying.push_back((self.said, entry));
    }
}

/// A message of the hub.
fn arrive(near: &mut Near, frame: &Frame<'_>) {
    let options: Value =
        frame.options.and_then(|options| serde_json::from_str(options).ok()).unwrap_or_default();
    let is = |key: &str| options.get(key).and_then(Value::as_bool).unwrap_or(false);
    let is_old = is("retained");
    let clears = frame.payload == "null" && is("retain") && !is_old;
    near.arrive(&Arrived {
        topic: frame.topic.as_bytes(),
        payload: if clears { b"" } else { frame.payload.as_bytes() },
        retain: is_old || is("kept") || clears,
        stamp: options.get(MARK).and_then(Value::as_str),
        keep: None,
        is_old: Some(is_old),
    });
}

impl Far for Client {
    type Connection = Connection;

    fn open(&self) -> impl Future<Output = Result<Connection, String>> + Send + use<> {
        let (hub, opening) = (Arc::clone(&self.hub), self.opening());
        async move {
            let mut address = hub.address().map_err(|error| error.to_string())?;
            if let Some(secret) = hub.password.clone() {
                // A file may lie on a slow disk.
                let password = tokio::task::spawn_blocking(move || secret.read()).await;
                address.set_password(password.map_err(|error| error.to_string())??.as_bytes());
            }
            let opened = client::Connection::open(&address, false, &opening).await;
            opened.map(Connection::new).map_err(|failure| failure.to_string())
        }
    }

    fn welcome(&mut self, _: &mut Connection, near: &mut Near) -> Welcomed {
        let back = self.give_back(&near.report);
        near.put_back(back.into_iter());
        Welcomed { resumed: false, wants_last_values: true }
    }

    fn is_ready(&self) -> bool {
        true
    }

    fn pump(&mut self, connection: &mut Connection, near: &mut Near) {
        let now = Moment::now();
        while connection.unsent() < CHUNK
            && self.flying.len() < self.hub.inflight
            && self.bytes < self.link.queue_bytes
        {
            let Some(entry) = near.pop(now) else { return };
            self.say(connection, near, entry);
        }
    }

    async fn next(connection: &mut Connection, outbox: Option<&Outbox>) -> Result<Event, Broken> {
        connection.next(outbox).await
    }

    fn read(&mut self, connection: &mut Connection, near: &mut Near) -> Result<bool, Broken> {
        while !near.is_turn_over() {
            let Some(text) = connection.heard.pop_front() else { return Ok(false) };
            near.took(text.len());
            self.hear(near, &text)?;
        }
        Ok(!connection.heard.is_empty())
    }

    fn look(connection: &mut Connection, now: Instant) -> Result<Instant, Broken> {
        connection.look(now)
    }

    fn bye(&mut self, connection: &mut Connection) {
        connection.leave();
    }

    fn is_written(connection: &Connection) -> bool {
        connection.has_left()
    }

    fn ended(&mut self, _: &Connection, _: &Broken, _: &Report) {}

    fn on_the_way(&self) -> (usize, usize) {
        (self.flying.len(), self.bytes)
    }

    fn give_back(&mut self, _: &Report) -> Vec<Entry> {
        self.bytes = 0;
        self.flying.drain(..).map(|(_, entry)| entry).collect()
    }
}
