//! A gateway as the far side of a link.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::claims::{Claim, Claims};
use super::gateway::{Effects, Gateway, News};
use super::opening::{self, Opened};
use super::port::Port;
use super::settings::SerialSettings;
use crate::hub::{Outbox, Retention};
use crate::links::carry::Arrived;
use crate::links::far::{Broken, Event, Far, Welcomed};
use crate::links::lines::{Aloft, Line, MOST_UNWRITTEN, Stream};
use crate::links::near::Near;
use crate::links::queue::Entry;
use crate::links::report::{Report, shown};
use crate::links::settings::LinkSettings;
use crate::moment::Moment;

/// A gateway, whether it is plugged in or not.
pub(in crate::links) struct Client {
    link: Arc<LinkSettings>,
    serial: Arc<SerialSettings>,
    claims: Arc<Claims>,
    gateway: Arc<Mutex<Gateway>>,
    aloft: Aloft,
}

/// An open port with a gateway.
pub(in crate::links) struct Connection {
    stream: Stream<Port>,
    gateway: Arc<Mutex<Gateway>>,
    /// Lines from before the gateway said who it is.
    early: VecDeque<Bytes>,
    dropped: u64,
    /// Whether no line was taken yet.
    is_first: bool,
    /// What the clock has led to.
    effects: Effects,
    _claim: Claim,
}

impl Client {
    pub(in crate::links) fn new(
        link: &Arc<LinkSettings>,
        serial: &Arc<SerialSettings>,
        claims: &Arc<Claims>,
        near: &mut Near,
    ) -> Self {
        let gateway = Arc::new(Mutex::new(Gateway::new(serial)));
        let of_near = Arc::clone(&gateway);
        near.only(Box::new(move |topic| of_near.lock().takes(topic.as_str())));
        Self {
            link: Arc::clone(link),
            serial: Arc::clone(serial),
            claims: Arc::clone(claims),
            gateway,
            aloft: Aloft::default(),
        }
    }

    /// Takes one line.
    fn hear(&mut self, connection: &mut Connection, near: &mut Near, line: &[u8]) {
        let is_first = std::mem::take(&mut connection.is_first);
        let mut effects = Effects::default();
        self.gateway.lock().hear(line, is_first, Instant::now(), &mut effects);
        near.took(line.len());
        follow(connection, near, effects);
    }
}

/// Does what a line, a command or the clock has led to. Returns where the last line of it ends.
fn follow(connection: &mut Connection, near: &mut Near, effects: Effects) -> Option<u64> {
    let end = effects.lines.iter().map(|line| connection.stream.say(line)).last();
    tell(near, effects.news);
    end
}

fn tell(near: &mut Near, news: Vec<News>) {
    for news in news {
        match news {
            // A rule of the operator's may carry less than there is.
            News::Said { topic, .. } | News::Cleared(topic) if !near.asks_for(&topic) => {}
            News::Said { topic, payload, is_event } => near.arrive(&Arrived {
                topic: topic.as_bytes(),
                payload: payload.as_bytes(),
                retain: false,
                stamp: None,
                keep: is_event.then_some(Retention::Pass),
                is_old: None,
            }),
            News::Cleared(topic) => near.arrive(&Arrived {
                topic: topic.as_bytes(),
                payload: b"null",
                retain: false,
                stamp: None,
                keep: Some(Retention::Clear),
                is_old: None,
            }),
            News::Refused(line, why) => near.report.refuse(&shown(line.as_bytes()), &why),
        }
    }
}

impl Far for Client {
    type Connection = Connection;

    /// A gateway that was plugged in again should not be waited for.
    const LONGEST_WAIT: Duration = Duration::from_secs(3);
    const CARRYING_IS_GOOD: bool = false;

    fn open(&self) -> impl Future<Output = Result<Connection, String>> + Send + use<> {
        let opening = opening::open(Arc::clone(&self.serial));
        let (claims, link) = (Arc::clone(&self.claims), Arc::clone(&self.link.name));
        let gateway = Arc::clone(&self.gateway);
        let pattern = self.serial.gateway.clone();
        async move {
            let Opened { mut stream, lines, dropped, info } = opening.await?;
            let id = info.split(',').next().unwrap_or_default();
            let claim = claims.claim(&pattern.replace("{id}", id), &link)?;
            tracing::info!(%link, gateway = %info, "there is a gateway");
            stream.is_known();
            Ok(Connection {
                stream,
                gateway,
                early: lines.into(),
                dropped,
                is_first: true,
                effects: Effects::default(),
                _claim: claim,
            })
        }
    }

    fn welcome(&mut self, connection: &mut Connection, near: &mut Near) -> Welcomed {
        near.put_back(self.aloft.give_back().into_iter());
        for _ in 0..std::mem::take(&mut connection.dropped) {
            near.report.refuse("", "the line was too long, or too many came at once");
        }
        while let Some(line) = connection.early.pop_front() {
            self.hear(connection, near, &line);
        }
        Welcomed { resumed: false, wants_last_values: false }
    }

    fn is_ready(&self) -> bool {
        true
    }

    fn pump(&mut self, connection: &mut Connection, near: &mut Near) {
        near.report.told(self.aloft.landed(connection.stream.written()));
        let effects = std::mem::take(&mut connection.effects);
        follow(connection, near, effects);
        let now = Moment::now();
        // Before its nodes are known nobody can say whether a command is for one of them.
        while connection.stream.unwritten() < MOST_UNWRITTEN
            && self.gateway.lock().is_known()
            && let Some(entry) = near.pop(now)
        {
            let mut effects = Effects::default();
            let said = near.carry.outward(&entry).and_then(|departing| {
                let payload =
                    std::str::from_utf8(&departing.payload).map_err(|_| "it is no text".to_owned())?;
                let topic = departing.topic.as_str();
                self.gateway.lock().command(topic, payload, Instant::now(), &mut effects)
            });
            if let Err(why) = said {
                near.report.lose(&entry, &why);
                continue;
            }
            match follow(connection, near, effects) {
                Some(end) => self.aloft.went(end, entry),
                // It was answered here.
                None => near.report.told(1),
            }
        }
    }

    async fn next(connection: &mut Connection, outbox: Option<&Outbox>) -> Result<Event, Broken> {
        connection.stream.next(outbox).await
    }

    fn read(&mut self, connection: &mut Connection, near: &mut Near) -> Result<bool, Broken> {
        while !near.is_turn_over() {
            match connection.stream.input.next() {
                Some(Line::Whole(line)) => self.hear(connection, near, &line),
                Some(Line::TooLong) => near.report.refuse("", "the line is too long"),
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    fn look(connection: &mut Connection, now: Instant) -> Result<Instant, Broken> {
        let heard = connection.stream.heard;
        connection.gateway.lock().look(heard, now, &mut connection.effects).map_err(Broken::Lost)
    }

    fn bye(&mut self, _: &mut Connection) {}

    fn is_written(connection: &Connection) -> bool {
        connection.stream.is_written()
    }

    fn ended(&mut self, _: &Connection, _: &Broken, _: &Report) {}

    fn away(&mut self, near: &mut Near) {
        let mut effects = Effects::default();
        self.gateway.lock().lost(&mut effects);
        tell(near, effects.news);
    }

    fn on_the_way(&self) -> (usize, usize) {
        self.aloft.measure()
    }

    fn give_back(&mut self, _: &Report) -> Vec<Entry> {
        self.aloft.give_back()
    }
}
