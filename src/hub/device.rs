//! The stay of a device that speaks MQTT: its subscription grows filter by filter, its will says what is to become of it, and it
//! may outlive its connection. Nothing here knows a packet.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::Hub;
use super::allowance::Excess;
use super::doors::{Message, Refusal};
use super::figures::Figures;
use super::lease::End;
use super::outbox::Outbox;
use super::rights::Rights;
use super::saying::NotSaid;
use super::session::Session;
use super::step::{Change, Edit, LastValues, Occasion, Will};
use crate::moment::Moment;
use crate::talk::Request;
use crate::talk::control::is_unseen;
use crate::topic::{Base, Filter, Topic};

/// How long a client's name may be in the log.
const NAME: usize = 64;

impl Session {
    /// Opens the transmission, under the name by which the device is known.
    pub fn begins(&mut self, name: &str) {
        let name: String = name.chars().filter(|c| !c.is_control() && !is_unseen(*c)).take(NAME).collect();
        if !name.trim().is_empty() {
            self.outbox.lock().name = Some(name.into());
        }
        self.opened = true;
    }

    /// Whether the messages that it publishes from now on come back to it.
    pub fn wants_echo(&self, echo: bool) {
        self.outbox.set_echo(echo);
    }

    /// Publishes a message, which counts as a frame; nobody waits to hear whether it is on the disk.
    pub fn tell(&mut self, message: Message<'_>, now: impl Into<Moment>) -> Result<(), NotSaid> {
        let now = now.into();
        self.count_frame(now).map_err(NotSaid::TooMuch)?;
        if Request::claims(message.topic.as_str()) {
            return Err(Refusal::Reserved.into());
        }
        self.publish(message, now).map(drop).map_err(NotSaid::Refused)
    }

    /// Whether the user may read all that a filter names. What is refused is counted and recorded.
    pub fn may_hold(&self, filter: &Filter) -> bool {
        let may = self.client.rights.may_subscribe(filter);
        if !may {
            self.refuse_filters(std::iter::once(filter.clone()), vec![0]);
        }
        may
    }

    /// Whether the user may still read a message of this topic that waits for the client outside of its outbox. What may not be read
    /// is counted.
    pub fn may_read(&self, topic: &Topic) -> bool {
        let may = self.client.rights.may_read(topic);
        if !may {
            self.hub.figures.withheld.add(1);
        }
        may
    }

    /// Counts a request about the subscription of so many bytes that names so many filters.
    pub fn count_filters_of_request(
        &mut self,
        bytes: usize,
        filters: usize,
        now: impl Into<Moment>,
    ) -> Result<(), Excess> {
        self.count_request(bytes, filters, now.into()).map(drop)
    }

    /// Holds these filters, too. Where `last_values`, those of all that they name come behind what waits, also if other filters
    /// have brought them before. The error is a sentence: there are too many, or they would make every message dear.
    pub fn add_filters(&mut self, filters: Vec<Filter>, last_values: bool) -> Result<(), String> {
        let last_values = if last_values { LastValues::Asked } else { LastValues::Silent };
        self.change_filters(Edit::Add, filters, last_values)
    }

    /// Holds these filters no more.
    pub fn remove_filters(&mut self, filters: Vec<Filter>) {
        // There is always room for fewer.
        let _ = self.change_filters(Edit::Remove, filters, LastValues::New);
    }

    fn change_filters(
        &mut self,
        edit: Edit,
        filters: Vec<Filter>,
        last_values: LastValues,
    ) -> Result<(), String> {
        let mut change = Change::new(edit, Vec::new(), Occasion::Inside, last_values);
        change.wanted = filters;
        while !self.go_on_with(&mut change).map_err(|(reason, _)| reason)? {}
        Ok(())
    }

    /// The will: published when the session ends, unless it says good-bye. `lasts` is for how long it is worth delivering then.
    pub fn leave_will(&mut self, message: Message<'_>, lasts: Option<Duration>) -> Result<(), Refusal> {
        if Request::claims(message.topic.as_str()) {
            return Err(Refusal::Reserved);
        }
        self.check_rights(&message.topic, message.retention.is_some())?;
        let Message { topic, payload, kind, retention, extras, .. } = message;
        let (payload, passed_on) = (payload.to_owned(), extras.passed_on);
        self.set_will(Some(Will { topic, kind, payload, retention, passed_on, lasts }));
        Ok(())
    }

    /// The will is void.
    pub fn forget_will(&mut self) {
        self.set_will(None);
    }

    /// What the hub has counted.
    pub fn figures(&self) -> &Figures {
        &self.hub.figures
    }

    /// Whether the option `retain` of its messages is obeyed.
    pub fn may_retain(&self) -> bool {
        self.client.rights.retain
    }

    /// Its client is away: other members of its groups go before it.
    pub fn stands_back(&self) {
        self.is_away(true);
    }

    /// Its connection has ended, and it stays: nobody is connected.
    pub fn rests(&self) {
        self.stands_back();
        self.hub.figures.clients.sub(1);
        self.hub.figures.mqtt_sessions.add(1);
    }

    /// It rests no more: it goes on over another connection, or ends.
    pub fn rests_no_more(&self) {
        self.is_away(false);
        self.hub.figures.mqtt_sessions.sub(1);
        self.hub.figures.clients.add(1);
    }

    /// It goes on over a connection from this address, with the rights as they stand now. The error says that the user may not
    /// stand here any more.
    pub fn goes_on(
        &mut self,
        address: IpAddr,
        is_untold: bool,
        rights: Arc<Rights>,
    ) -> Result<(), &'static str> {
        self.outbox.move_to(address);
        self.is_untold = is_untold;
        self.end = End::Vanished;
        self.take_rights(rights)
    }

    /// Tells that somebody is at home at a base, as long as what is returned is held. `None` where the user may not be the node of
    /// that base.
    pub fn at_home(&self, base: Base) -> Option<AtHome> {
        if !self.client.rights.may_be_node(&base) {
            return None;
        }
        let (hub, outbox) = (Arc::clone(&self.hub), Arc::clone(&self.outbox));
        hub.presence.enter(&base, || hub.announce(&base, "online", &outbox, Moment::now()));
        Some(AtHome { hub, base, outbox })
    }
}

/// Somebody is at home at a base; dropping it tells that nobody is.
#[derive(Debug)]
pub struct AtHome {
    hub: Arc<Hub>,
    base: Base,
    outbox: Arc<Outbox>,
}

impl Drop for AtHome {
    fn drop(&mut self) {
        let (hub, base) = (&self.hub, &self.base);
        hub.presence.leave(base, || hub.announce(base, "offline", &self.outbox, Moment::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{Client, Drained, Handed, Rates, Settings, Side};
    use crate::talk::Kind;
    use crate::topic::Limits;
    use std::time::SystemTime;

    fn device(hub: &Arc<Hub>, name: &str) -> Session {
        let client = Client {
            user: name.into(),
            rights: Arc::new(Rights::everything()),
            base: Base::ROOT,
            side: Side::Device,
            rates: Rates::UNLIMITED,
        };
        let mut session = hub.connect(client, SystemTime::UNIX_EPOCH);
        session.begins(name);
        session
    }

    fn message<'m>(topic: &str, payload: &'m str) -> Message<'m> {
        let (kind, topic) = (Kind::of(topic), Topic::parse(topic, &Limits::default()).unwrap());
        Message {
            topic,
            payload,
            kind,
            retention: None,
            extras: super::super::Extras::default(),
            was_kept: false,
        }
    }

    fn filter(text: &str) -> Vec<Filter> {
        vec![Filter::parse(text, &Limits::default()).unwrap()]
    }

    fn heard(session: &mut Session) -> Vec<String> {
        let mut heard = Vec::new();
        let mut note = |handed| {
            if let Handed::Message(relayed) = handed {
                let sign = if relayed.is_last_value { "=" } else { ":" };
                heard.push(format!("{}{sign}{}", relayed.message.topic, relayed.message.payload()));
            }
        };
        while session.take_everything(1, SystemTime::UNIX_EPOCH, &mut note).drained == Drained::More {}
        heard.sort();
        heard
    }

    #[test]
    fn last_values_come_for_each_filter_that_asks_for_them_whatever_brought_them_before() {
        let hub = Hub::new(Settings::default(), SystemTime::UNIX_EPOCH);
        let (mut speaks, mut reads) = (device(&hub, "a"), device(&hub, "b"));
        for topic in ["x/1", "x/2", "y/1"] {
            speaks.tell(message(topic, "1"), SystemTime::UNIX_EPOCH).unwrap();
        }
        reads.add_filters(filter("x/#"), true).unwrap();
        assert_eq!(heard(&mut reads), ["x/1=1", "x/2=1"]);
        reads.add_filters(filter("x/#"), true).unwrap();
        assert_eq!(heard(&mut reads), ["x/1=1", "x/2=1"]);
        reads.add_filters(filter("x/1"), true).unwrap();
        assert_eq!(heard(&mut reads), ["x/1=1"]);
        reads.add_filters(filter("y/#"), false).unwrap();
        assert_eq!(heard(&mut reads), [""; 0]);
        // Two requests, and a silent one between them, before anything was taken.
        reads.add_filters(filter("+/1"), true).unwrap();
        reads.add_filters(filter("z"), false).unwrap();
        reads.add_filters(filter("y/+"), true).unwrap();
        assert_eq!(heard(&mut reads), ["x/1=1", "y/1=1", "y/1=1"]);
        // What is not wanted any more by the time of its turn is left out.
        reads.add_filters(filter("x/2"), true).unwrap();
        reads.remove_filters(["x/2", "x/#"].into_iter().flat_map(filter).collect());
        assert_eq!(heard(&mut reads), [""; 0]);
    }

    #[test]
    fn what_is_said_after_the_request_comes_live_and_not_as_a_last_value() {
        let hub = Hub::new(Settings::default(), SystemTime::UNIX_EPOCH);
        let (mut speaks, mut reads) = (device(&hub, "a"), device(&hub, "b"));
        for topic in ["x/1", "x/2"] {
            speaks.tell(message(topic, "1"), SystemTime::UNIX_EPOCH).unwrap();
        }
        reads.add_filters(filter("x/#"), true).unwrap();
        assert_eq!(heard(&mut reads).len(), 2);
        reads.add_filters(filter("x/#"), true).unwrap();
        speaks.tell(message("x/1", "2"), SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(heard(&mut reads), ["x/1:2", "x/2=1"]);
    }

    #[test]
    fn a_session_that_rests_is_not_counted_as_a_client() {
        let hub = Hub::new(Settings::default(), SystemTime::UNIX_EPOCH);
        let session = device(&hub, "a");
        session.rests();
        assert_eq!((hub.figures().clients.value(), hub.figures().mqtt_sessions.value()), (0, 1));
        session.rests_no_more();
        assert_eq!((hub.figures().clients.value(), hub.figures().mqtt_sessions.value()), (1, 0));
    }
}
