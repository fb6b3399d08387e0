//! A program as the far side of a link.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::child::Child;
use super::settings::ProcessSettings;
use crate::hub::{Outbox, Retention};
use crate::links::carry::Arrived;
use crate::links::far::{Broken, Event, Far, Welcomed};
use crate::links::lines::{Aloft, Line, MOST_UNWRITTEN};
use crate::links::near::Near;
use crate::links::queue::Entry;
use crate::links::report::{Report, shown};
use crate::links::settings::LinkSettings;
use crate::moment::Moment;
use crate::seldom::Seldom;
use crate::talk::{Frames, Kind, Request, frame, timestamp};

/// A program that has not ended by then runs.
const SETTLES: Duration = Duration::from_secs(1);
/// How often it is looked at.
const LOOK: Duration = Duration::from_secs(30);
/// Where it is said that the program is there.
const PRESENCE: &str = "presence";

/// A program, whether it runs or not.
pub(in crate::links) struct Client {
    link: Arc<LinkSettings>,
    process: Arc<ProcessSettings>,
    aloft: Aloft,
    is_told_online: bool,
}

impl Client {
    pub(in crate::links) fn new(
        link: &Arc<LinkSettings>,
        process: &Arc<ProcessSettings>,
        near: &mut Near,
    ) -> Self {
        if process.only_commands {
            near.only(Box::new(|topic| Kind::of(topic.as_str()) == Kind::Command));
        }
        let (link, process) = (Arc::clone(link), Arc::clone(process));
        Self { link, process, aloft: Aloft::default(), is_told_online: false }
    }

    fn hear(&self, near: &mut Near, line: &[u8]) {
        near.took(line.len());
        let Ok(text) = std::str::from_utf8(line) else {
            return near.report.refuse(&shown(line), "it is no text");
        };
        for frame in Frames::of(text) {
            match frame {
                Err(error) => near.report.refuse(&shown(line), &error.to_string()),
                Ok(frame) if Request::claims(&frame.topic) => {
                    tracing::debug!(link = %self.link.name, topic = %frame.topic, payload = frame.payload, "the program answers the handshake");
                }
                Ok(frame) if !near.asks_for(&frame.topic) => {}
                Ok(frame) => near.arrive(&Arrived {
                    topic: frame.topic.as_bytes(),
                    payload: frame.payload.as_bytes(),
                    retain: false,
                    stamp: None,
                    keep: None,
                    is_old: None,
                }),
            }
        }
    }

    /// Says that the program is read more slowly than it speaks.
    fn tell_pace(&self) {
        static FAST: Seldom = Seldom::new();
        let (link, most) = (&self.link.name, self.process.messages_per_second);
        if let Some(times) = FAST.again(link) {
            tracing::warn!(%link, %times, "the program says more than {most} messages a second: it is made to wait, and nothing is lost; \
                raise messages_per_second if it has to be faster");
        }
    }

    /// Says at the hub whether the program is there, if a rule carries that.
    fn tell(near: &mut Near, state: &str) {
        if !near.asks_for(PRESENCE) {
            return;
        }
        let since = timestamp::milliseconds(Moment::now().wall());
        let payload = format!("{{\"state\": \"{state}\", \"since\": \"{since}\"}}");
        near.arrive(&Arrived {
            topic: PRESENCE.as_bytes(),
            payload: payload.as_bytes(),
            retain: false,
            stamp: None,
            keep: Some(Retention::Keep),
            is_old: None,
        });
    }
}

impl Far for Client {
    type Connection = Child;

    /// One that ends again and again is not started more often for what it has said before.
    const CARRYING_IS_GOOD: bool = false;

    fn open(&self) -> impl Future<Output = Result<Child, String>> + Send + use<> {
        let (process, link) = (Arc::clone(&self.process), Arc::clone(&self.link.name));
        async move {
            let mut child = Child::start(&process, &link)?;
            if process.handshake {
                child.stream.say(&format!("[\"{}\", {{}}]", Request::CONFIGURE));
            }
            let settled = sleep(SETTLES);
            tokio::pin!(settled);
            loop {
                tokio::select! {
                    () = &mut settled => return Ok(child),
                    event = child.next(None) => match event {
                        Ok(Event::Read) => return Ok(child),
                        Ok(Event::Wrote | Event::Hub(_)) => {}
                        Err(broken) => return Err(format!("{}: {}", process.program(), broken.why())),
                    },
                }
            }
        }
    }

    fn welcome(&mut self, _: &mut Child, near: &mut Near) -> Welcomed {
        near.put_back(self.aloft.give_back().into_iter());
        self.is_told_online = true;
        Self::tell(near, "online");
        // It knows nothing; what it is to hear of the past are the last values that rules of its own carry.
        Welcomed { resumed: false, wants_last_values: !self.process.only_commands }
    }

    fn is_ready(&self) -> bool {
        true
    }

    fn pump(&mut self, child: &mut Child, near: &mut Near) {
        near.report.told(self.aloft.landed(child.stream.written()));
        let now = Moment::now();
        let mut line = String::new();
        while child.stream.unwritten() < MOST_UNWRITTEN
            && let Some(entry) = near.pop(now)
        {
            line.clear();
            let said = near.carry.outward(&entry).and_then(|departing| {
                let payload =
                    std::str::from_utf8(&departing.payload).map_err(|_| "it is no text".to_owned())?;
                let payload = if payload.is_empty() { "null" } else { payload };
                frame::encode(departing.topic.as_str(), payload, &mut line);
                Ok(())
            });
            match said {
                Ok(()) => {
                    near.carry.went(&entry);
                    self.aloft.went(child.stream.say(&line), entry);
                }
                Err(why) => near.report.lose(&entry, &why),
            }
        }
    }

    async fn next(child: &mut Child, outbox: Option<&Outbox>) -> Result<Event, Broken> {
        child.next(outbox).await
    }

    fn read(&mut self, child: &mut Child, near: &mut Near) -> Result<bool, Broken> {
        while !near.is_turn_over() {
            if let Some(until) = child.pace.rest(Instant::now()) {
                child.stream.rest_until(until);
                self.tell_pace();
                return Ok(false);
            }
            match child.stream.input.next() {
                Some(Line::Whole(line)) => self.hear(near, &line),
                Some(Line::TooLong) => near.report.refuse("", "the line is too long"),
                None => return Ok(false),
            }
            child.pace.count();
        }
        Ok(true)
    }

    fn look(_: &mut Child, now: Instant) -> Result<Instant, Broken> {
        Ok(now + LOOK)
    }

    fn bye(&mut self, child: &mut Child) {
        child.ask_to_end();
    }

    fn is_written(child: &Child) -> bool {
        child.has_ended()
    }

    fn ended(&mut self, _: &Child, _: &Broken, _: &Report) {}

    fn away(&mut self, near: &mut Near) {
        if std::mem::take(&mut self.is_told_online) {
            Self::tell(near, "offline");
        }
    }

    fn on_the_way(&self) -> (usize, usize) {
        self.aloft.measure()
    }

    fn give_back(&mut self, _: &Report) -> Vec<Entry> {
        self.aloft.give_back()
    }
}
