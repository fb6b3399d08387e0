//! What becomes an event: commands and answers, refusals, who comes in and who signs out, whose account was changed and who
//! has renamed what, which nodes are there, leases that end. Readings are none. Without a store nothing is recorded.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use super::Hub;
use super::confirm::Outcome as Confirmed;
use super::outbox::Outbox;
use super::publication::{Publication, SAFE};
use super::recorder::{Causer, Followed, Outcome, Recorder, came_to};
use super::session::Side;
use crate::audit;
use crate::moment::Moment;
use crate::talk::Kind;
use crate::talk::control::{Event, EventKind};
use crate::topic::{Base, Topic};

mod asking;
mod reader;
pub use asking::{EVENTS_ARE_OFF, EventQuestion, EventQuestions};
pub use reader::EventReader;

/// The most that is recorded of a payload, in bytes. Of a longer answer of a node nothing is.
const PAYLOAD: usize = 1024;

/// Somebody at a door, as the recorder knows it.
#[derive(Debug)]
pub struct SignIn<'s> {
    /// The name of the account. A name that is no account's is not recorded: it may be a password.
    pub user: Option<&'s str>,
    /// From where.
    pub address: IpAddr,
    /// Which door.
    pub door: &'static str,
    /// Where the client stands, or wanted to.
    pub base: Option<(&'s Base, Side)>,
    /// Whether it came in; if not, why, in a word and in a sentence.
    pub result: Result<(), (&'static str, Cow<'static, str>)>,
}

impl Hub {
    /// From now on events are recorded here, and these questions are answered. There is one for the life of the hub.
    pub fn record_events_on(&self, recorder: Arc<Recorder>, questions: Arc<EventQuestions>) {
        let _ = self.recorder.set((recorder, questions));
    }

    fn recorder(&self) -> Option<&Arc<Recorder>> {
        self.recorder.get().map(|(recorder, _)| recorder)
    }

    /// Records a command or an answer that has just been routed, under the lock of its channel.
    #[cold]
    pub(super) fn note(&self, message: &Publication, origin: Option<&Outbox>, delivered: u64) {
        if let Some(origin) = origin.filter(|_| message.kind == Kind::Command) {
            audit::command(&message.from, origin.address(), message.topic.as_str());
        }
        let Some(recorder) = self.recorder().filter(|recorder| !recorder.ignores(&message.topic)) else {
            return;
        };
        let kind = if message.kind == Kind::Answer { EventKind::Answer } else { EventKind::Command };
        let mut event = Event { kind, delivered: Some(delivered), ..of(&message.topic) };
        match message.payload() {
            _ if recorder.omits(&message.topic) => event.omitted = true,
            payload => tell_payload(&mut event, payload),
        }
        if message.lease > 0 && message.lease != SAFE {
            event.lease = Some(f64::from(message.lease) / 1000.0);
        }
        let causer = match origin {
            Some(origin) => {
                tell_who(&mut event, origin);
                Causer::User(&message.from)
            }
            None => Causer::Hub,
        };
        event.user = Some((*message.from).into());
        recorder.record(causer, event, message.number, Moment::now());
    }

    /// It will be recorded what comes of a command that is about to be routed.
    pub(super) fn follow(&self, command: &Publication) -> Option<Followed> {
        self.recorder()?.follow(&command.topic, command.number)
    }

    /// Records what came of a command: a node has said this.
    pub(super) fn note_outcome(
        &self,
        followed: Followed,
        command: &Topic,
        outcome: Confirmed,
        said: &Publication,
        after: Duration,
    ) {
        let result = match outcome {
            Confirmed::Confirmed => "confirmed",
            Confirmed::Refused => "refused",
            Confirmed::Superseded => "superseded",
        };
        let is_told = outcome == Confirmed::Refused && said.payload().len() <= PAYLOAD;
        let is_omitted = |recorder: &Arc<Recorder>| recorder.omits(&said.topic) || recorder.omits(command);
        let answer = is_told && !self.recorder().is_some_and(is_omitted);
        followed.ends(Outcome {
            after: Some((after.as_secs_f64() * 1000.0).round() / 1000.0),
            answered: Some(said.topic.as_str().into()),
            answer: answer.then(|| said.payload().to_owned()),
            ..came_to(result)
        });
    }

    /// Records that a message was not routed.
    pub(super) fn note_refusal(&self, of_whom: &Outbox, topic: &Topic, reason: impl Into<Cow<'static, str>>) {
        if self.recorder.get().is_some() {
            self.note_refused(of_whom, Event { kind: EventKind::Refused, ..of(topic) }, reason.into());
        }
    }

    /// Records that a subscription was refused because of these filters.
    pub(super) fn note_refused_filters(&self, of_whom: &Outbox, filters: &[&str]) {
        if self.recorder.get().is_some() {
            let payload = serde_json::to_string(filters).ok();
            let event = Event { kind: EventKind::Refused, payload, ..Event::default() };
            self.note_refused(of_whom, event, "forbidden: this takes the right subscribe".into());
        }
    }

    fn note_refused(&self, of_whom: &Outbox, mut event: Event, reason: Cow<'static, str>) {
        let Some(recorder) = self.recorder() else { return };
        tell_who(&mut event, of_whom);
        event.reason = Some(reason);
        recorder.record(Causer::Refused(&of_whom.user), event, 0, Moment::now());
    }

    /// Records that the first node of a base has come, or that the last one has gone.
    pub(super) fn note_presence(&self, topic: &Topic, state: &'static str, of_whom: &Outbox) {
        let Some(recorder) = self.recorder().filter(|recorder| !recorder.ignores(topic)) else { return };
        let mut event = Event { kind: EventKind::Presence, result: Some(state.into()), ..of(topic) };
        tell_who(&mut event, of_whom);
        recorder.record(Causer::User(&of_whom.user), event, 0, Moment::now());
    }

    /// Records that a node was there when the hub ended, and is not.
    pub(super) fn note_went_offline(&self, topic: &Topic) {
        let Some(recorder) = self.recorder().filter(|recorder| !recorder.ignores(topic)) else { return };
        let reason = Some("the hub had ended while the node was there".into());
        let event = Event { kind: EventKind::Presence, result: Some("offline".into()), reason, ..of(topic) };
        recorder.record(Causer::Hub, event, 0, Moment::now());
    }

    /// Records leases that are over. That the safe command is sent is an event of its own.
    pub(super) fn note_leases(&self, ended: Vec<(Topic, Arc<str>)>, reason: &'static str) {
        let Some(recorder) = self.recorder() else { return };
        for (topic, user) in ended.into_iter().filter(|(topic, _)| !recorder.ignores(topic)) {
            let (user, result) = (Some((*user).into()), Some("over".into()));
            let event =
                Event { kind: EventKind::Lease, user, result, reason: Some(reason.into()), ..of(&topic) };
            recorder.record(Causer::Hub, event, 0, Moment::now());
        }
    }

    /// Counts and records that a lease could not be put on the disk before its command was routed.
    pub(super) fn note_unstored_lease(&self, topic: &Topic, of_whom: &Outbox) {
        self.figures.leases_unstored.add(1);
        let Some(recorder) = self.recorder().filter(|recorder| !recorder.ignores(topic)) else { return };
        let reason = Some("the disk has not taken the lease: the hub ends it while it lives".into());
        let mut event =
            Event { kind: EventKind::Lease, result: Some("unstored".into()), reason, ..of(topic) };
        tell_who(&mut event, of_whom);
        recorder.record(Causer::User(&of_whom.user), event, 0, Moment::now());
    }

    /// Records that an account was changed: which, how in a word, and by which admin from which address, if it was one.
    pub fn note_account(&self, name: &str, change: &'static str, admin: Option<(&str, IpAddr)>) {
        let Some(recorder) = self.recorder() else { return };
        let (user, address) = admin.unzip();
        let event = Event {
            kind: EventKind::Account,
            account: Some(name.into()),
            result: Some(change.into()),
            user: user.map(Into::into),
            address: address.map(|address| address.to_canonical().to_string().into()),
            ..Event::default()
        };
        recorder.record(Causer::Hub, event, 0, Moment::now());
    }

    /// Records that names, rooms, order or limits of the page were changed: by whom, of which node or value, if it is one, and to
    /// what.
    pub fn note_layout(
        &self,
        about: Option<&Topic>,
        result: &'static str,
        payload: Option<&str>,
        who: (&str, IpAddr),
    ) {
        let Some(recorder) =
            self.recorder().filter(|recorder| !about.is_some_and(|topic| recorder.ignores(topic)))
        else {
            return;
        };
        let (user, address) = who;
        let mut event = Event {
            kind: EventKind::Layout,
            result: Some(result.into()),
            user: Some(user.into()),
            address: Some(address.to_canonical().to_string().into()),
            ..about.map(of).unwrap_or_default()
        };
        if let Some(payload) = payload {
            tell_payload(&mut event, payload);
        }
        recorder.record(Causer::User(user), event, 0, Moment::now());
    }

    /// Records that somebody has signed out.
    pub fn note_sign_out(&self, user: &str, address: IpAddr, door: &'static str) {
        audit::signed_out(user, Some(address), None);
        let Some(recorder) = self.recorder() else { return };
        let (address, door) = (Some(address.to_canonical().to_string().into()), Some(door.into()));
        let event =
            Event { kind: EventKind::SignOut, user: Some(user.into()), address, door, ..Event::default() };
        recorder.record(Causer::User(user), event, 0, Moment::now());
    }

    /// Records that the operator has ended so many sign-ins of a user.
    pub fn note_revoked(&self, user: &str, count: u64) {
        audit::signed_out(user, None, Some(count));
        let Some(recorder) = self.recorder() else { return };
        let (user, result) = (Some(user.into()), Some("revoked".into()));
        let reason = Some("the operator has ended it: clown-hub sessions revoke".into());
        let event =
            Event { kind: EventKind::SignOut, user, result, reason, count: Some(count), ..Event::default() };
        recorder.record(Causer::Hub, event, 0, Moment::now());
    }

    /// Records that somebody has come in, or has not.
    pub fn note_sign_in(&self, sign_in: SignIn<'_>) {
        let Some(recorder) = self.recorder() else { return };
        let SignIn { user, address, door, base, result } = sign_in;
        let address = address.to_canonical();
        let network;
        let causer = match (&result, user) {
            (Ok(()), Some(user)) => Causer::User(user),
            (Err(("forbidden", _)), Some(user)) => Causer::Refused(user),
            _ => {
                network = network_of(address);
                Causer::Stranger(&network)
            }
        };
        // Very many may come at one moment, of which few are recorded.
        let event = || {
            let (result, reason) = match result {
                Ok(()) => ("ok", None),
                Err((word, reason)) => (word, Some(reason)),
            };
            Event {
                kind: EventKind::SignIn,
                user: user.map(Into::into),
                address: Some(address.to_string().into()),
                door: Some(door.into()),
                base: base.map(|(base, _)| base.as_str().into()),
                side: base.map(|(_, side)| side.name().into()),
                result: Some(result.into()),
                reason,
                ..Event::default()
            }
        };
        recorder.record_made(causer, event, 0, Moment::now());
    }
}

/// An event about this topic.
fn of(topic: &Topic) -> Event {
    Event { topic: Some(topic.as_str().into()), ..Event::default() }
}

/// Puts a payload into an event, or the beginning of one that is too long.
fn tell_payload(event: &mut Event, payload: &str) {
    if payload.len() <= PAYLOAD {
        event.payload = Some(payload.to_owned());
    } else {
        event.cut = Some(payload.len() as u64);
        event.payload = serde_json::to_string(beginning(payload)).ok();
    }
}

/// Says in an event whose doing it is.
fn tell_who(event: &mut Event, outbox: &Outbox) {
    let (side, address) = (outbox.side, outbox.address());
    event.user = Some((*outbox.user).into());
    event.client = Some((*outbox.name()).into());
    event.side = Some(side.name().into());
    event.address = address.map(|address| address.to_string().into());
}

/// What may be one machine, by its address: that of IPv4, the first 64 bits of IPv6.
fn network_of(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let first = address.to_bits() >> 64 << 64;
            format!("{}/64", Ipv6Addr::from_bits(first))
        }
    }
}

/// As much of a text as is recorded.
fn beginning(text: &str) -> &str {
    let end = text.floor_char_boundary(PAYLOAD);
    text.get(..end).unwrap_or_default()
}
