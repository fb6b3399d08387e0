//! A session that is to survive a restart of the hub: what is said only when the store has what it says, and how such a session comes
//! back.
//!
//! Said before, the end of the hub would take it back: a subscription that was answered, the release of a message of QoS 2 that is
//! sent again under its number, or the number of one that came and is taken for another.

use std::collections::VecDeque;

use super::answers::Later;
use super::flight::Again;
use super::rest::Rest;
use super::talk::{Client, Talk};
use crate::connection::ending::Ending;
use crate::hub::{Claimed, ClaimedMessage, Lasting, Relayed, Session};
use crate::moment::Moment;
use crate::mqtt::{Qos, Remembered, Version, Writer, code};
use crate::topic::{Filter, Limits, Share};

/// So many words may wait for the store before nothing more is read.
const LATER: usize = 1024;

impl Rest {
    /// Has the store remember how the session stands. Returns the change after which it does.
    pub(crate) fn remember(&self, client: &Client) -> u64 {
        let Some(lasting) = &self.lasting else { return 0 };
        let mut session = Remembered::new(client.version, client.session_seconds);
        self.subscriptions.tell(&mut session);
        self.shares.tell(&mut session);
        lasting.remembers(session.bytes())
    }

    /// Whether the store has this change.
    pub(super) fn is_written(&self, stamp: u64) -> bool {
        self.lasting.as_ref().is_none_or(|lasting| lasting.is_written(stamp))
    }

    /// The next message that was held and may be sent now.
    pub(super) fn release(&mut self) -> Option<(u16, Relayed)> {
        let Self { flight, lasting, .. } = self;
        flight.release(|stamp| lasting.as_ref().is_none_or(|lasting| lasting.is_written(stamp)))
    }

    /// The next one that is to be sent again.
    pub(super) fn repeat(&mut self) -> Option<Again<'_>> {
        let Self { flight, lasting, .. } = self;
        flight.repeat(|stamp| lasting.as_ref().is_none_or(|lasting| lasting.is_written(stamp)))
    }

    /// Notes a message that is sent. Returns its packet id, and whether it is held until the store has that.
    pub(super) fn send(&mut self, qos: Qos, mut message: Relayed) -> (u16, bool) {
        let Self { flight, lasting, .. } = self;
        if let Some(lasting) = lasting.as_ref().filter(|_| message.is_last_value && message.ticket.is_none())
        {
            message.ticket = lasting.note(&message.message);
        }
        flight.send(qos, message, lasting.as_ref())
    }

    /// Nothing is remembered of it any more: it ends.
    pub(crate) fn ends(&self) {
        if let Some(lasting) = &self.lasting {
            lasting.ends();
        }
    }

    /// Its client is away from now on.
    pub(crate) fn is_left(&self, now: Moment) {
        if let Some(lasting) = &self.lasting {
            lasting.is_left(Some(now.wall()));
        }
    }

    /// Its client is there. Where the session is not remembered so far and is to be, `begin` begins that.
    pub(crate) fn is_back(&mut self, session: &Session, begin: impl FnOnce() -> Option<Lasting>) {
        match &self.lasting {
            Some(lasting) if lasting.is_there() => lasting.is_left(None),
            _ => self.lasting = begin(),
        }
        if self.lasting.is_some() && (self.subscriptions.have_claims() || !self.shares(false).is_empty()) {
            session.is_to_be_noted();
        }
    }

    /// A session from before a restart, what its client had said of itself, and what waits for it and was not sent. `None` if it is none
    /// that could go on.
    pub(crate) fn restored(
        claimed: Claimed,
        limits: &Limits,
        now: Moment,
    ) -> Option<(Client, Self, Vec<Relayed>)> {
        let Claimed { words, received, messages, lasting, .. } = claimed;
        let Some(remembered) = Remembered::read(&words) else {
            lasting.ends();
            return None;
        };
        let client = Client {
            version: remembered.version(),
            receive_maximum: u16::MAX,
            packet_maximum: usize::MAX,
            alias_maximum: 0,
            session_seconds: remembered.seconds,
            will_delay: 0,
        };
        let mut rest = Self { lasting: Some(lasting), ..Self::default() };
        if !received.is_empty() {
            rest.received.make().extend(received);
        }
        for (filter, wish, id) in remembered.subscriptions() {
            if Share::claims(filter) {
                if let Some(share) = Share::parse(filter, limits) {
                    rest.shares.put(share, wish, id);
                }
            } else if let Ok(filter) = Filter::parse(filter, limits) {
                rest.subscriptions.put(filter, wish, id);
            }
        }
        let mut unsent = Vec::new();
        for ClaimedMessage { mut relayed, sent, is_received } in messages {
            match sent {
                Some(sent) => {
                    let ticket = relayed.ticket.take();
                    rest.flight.restore(sent, (!is_received).then_some(relayed), ticket);
                }
                // It goes, and leaves the store.
                None if relayed.message.has_expired(now) => {}
                None => unsent.push(relayed),
            }
        }
        Some((client, rest, unsent))
    }

    /// The session of the book, where it is remembered.
    pub(crate) fn lasting(&self) -> Option<&Lasting> {
        self.lasting.as_ref()
    }
}

impl Talk {
    /// As [`Rest::remember`].
    pub(crate) fn remember(&self) -> u64 {
        self.rest.remember(&self.client)
    }

    /// Says this when the store has this change.
    pub(super) fn after(&mut self, stamp: u64, later: Later, out: &mut Vec<u8>) {
        if self.has_said_everything() && self.rest.is_written(stamp) {
            return self.tell(later, out);
        }
        self.unanswered += usize::from(matches!(later, Later::Subscribed(..)));
        self.later.make().push_back((stamp, later));
    }

    fn tell(&self, later: Later, out: &mut Vec<u8>) {
        let mut writer = Writer::new(self.client.version, out);
        match later {
            Later::Answer(answer, id, code) => writer.answer(answer, id, code, ""),
            Later::Subscribed(id, codes) => writer.subscribed(id, &codes),
        }
    }

    /// Whether something waits for the store.
    pub(super) fn waits_for_the_store(&self) -> bool {
        let flight = &self.rest.flight;
        self.rest.lasting.is_some()
            && (!self.has_said_everything() || flight.holds_some() || flight.has_some_to_repeat())
    }

    /// Whether so much waits for the store that nothing more is taken from the client.
    pub(super) fn is_behind(&self) -> bool {
        self.later.get().is_some_and(|later| later.len() >= LATER)
    }

    fn has_said_everything(&self) -> bool {
        self.later.get().is_none_or(VecDeque::is_empty)
    }

    /// Says and sends what waited for the store, as far as it is.
    pub(super) fn go_on(&mut self, session: &Session, now: Moment, out: &mut Vec<u8>) {
        while let Some(waiting) = self.later.get_mut()
            && let Some((stamp, _)) = waiting.front()
            && self.rest.is_written(*stamp)
            && let Some((_, later)) = waiting.pop_front()
        {
            self.unanswered -= usize::from(matches!(later, Later::Subscribed(..)));
            self.tell(later, out);
        }
        self.send_what_waits(session, now, out);
        self.answers_others();
    }

    /// An answer of the hub has come, about a message that is to be on the disk.
    pub(super) fn hear(&mut self, number: u64, is_on_disk: bool, out: &mut Vec<u8>) -> Result<(), Ending> {
        let mut writer = Writer::new(self.client.version, out);
        if is_on_disk {
            self.answers.come(&mut writer, number, code::SUCCESS, "");
            return Ok(());
        }
        let why = "routed, but not on the disk";
        if self.client.version == Version::V3 {
            return Err(Ending::Mqtt(code::UNSPECIFIED, why.into()));
        }
        if let Some(id) = self.answers.come(&mut writer, number, code::UNSPECIFIED, why) {
            self.releases(id);
            self.forget_received(id);
        }
        Ok(())
    }

    /// A message of QoS 2 that came is released, or is none. Returns the change after which that is so after a restart, too.
    pub(super) fn forget_received(&self, id: u16) -> u64 {
        self.rest.lasting.as_ref().and_then(|lasting| lasting.releases(id)).unwrap_or_default()
    }

    /// Publishers whose messages this client has acknowledged are answered.
    pub(super) fn answers_others(&self) {
        if let Some(lasting) = &self.rest.lasting {
            lasting.answer();
        }
    }
}
