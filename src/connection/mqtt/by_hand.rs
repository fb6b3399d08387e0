//! A conversation without a socket, fed and read by hand: for the fuzzer, which has bytes and no time.

use std::sync::Arc;

use super::rest::Rest;
use super::talk::{Bounds, Client, Talk};
use crate::hub::{Drained, Hub, Session};
use crate::moment::Moment;
use crate::mqtt::{Head, Packet, Version};
use crate::topic::Limits;

/// The largest packet.
const MOST: usize = 4096;

/// A device that was let in.
#[derive(Debug)]
pub struct ByHand {
    session: Session,
    talk: Talk,
    out: Vec<u8>,
}

impl ByHand {
    /// A device that speaks this version, with small bounds.
    pub fn new(mut session: Session, version: Version) -> Self {
        session.begins("device");
        let bounds = Bounds {
            window: 4,
            window_bytes: 1024,
            aliases: 3,
            keeps_readings: false,
            topic: Limits { max_bytes: 64, max_levels: 6 },
            session_seconds: 60,
        };
        let client = Client {
            version,
            receive_maximum: 3,
            packet_maximum: 256,
            alias_maximum: 2,
            session_seconds: 60,
            will_delay: 0,
        };
        Self { talk: Talk::new(Arc::new(bounds), client, Rest::default()), session, out: Vec::new() }
    }

    /// Has the store remember it under this name.
    pub fn lasts(&mut self, hub: &Arc<Hub>, user: &Arc<str>, name: &str) {
        let Self { session, talk, .. } = self;
        talk.rest.is_back(session, || hub.lasting().begin(user, name, session.outbox()));
        talk.remember();
    }

    /// It says this. False is the end of the conversation.
    pub fn says(&mut self, mut bytes: &[u8]) -> bool {
        while let Ok(Some(head)) = Head::read(bytes) {
            let Some(body) = bytes.get(head.len..head.whole()).filter(|_| head.whole() <= MOST) else {
                return false;
            };
            let Ok(packet) = Packet::read(self.talk.version(), head, body) else { return false };
            if let Packet::Disconnect(bye) = packet {
                let _ = self.talk.bye(bye);
                return false;
            }
            let now = Moment::now();
            if self.talk.receive(packet, head.whole(), &mut self.session, now, &mut self.out).is_err() {
                return false;
            }
            while self.talk.is_leaving() {
                self.session.end_turn();
                self.talk.go_on_leaving(&mut self.session, &mut self.out);
            }
            bytes = bytes.get(head.whole()..).unwrap_or_default();
        }
        bytes.is_empty()
    }

    /// What it hears: packets, and whether the conversation goes on. `None` where its queue was given up.
    pub fn hears(&mut self) -> Option<Vec<u8>> {
        if self.session.outbox().thrown() > 0 {
            return None;
        }
        let now = Moment::now();
        self.talk.go_on(&self.session, now, &mut self.out);
        while self.talk.give(&mut self.session, MOST, now, &mut self.out) == Drained::More {}
        Some(std::mem::take(&mut self.out))
    }

    /// Messages and bytes that are on their way to it.
    pub fn on_their_way(&self) -> (usize, usize) {
        (self.talk.rest.flight.out(), self.talk.held())
    }

    /// Its connection breaks, and it comes again.
    #[must_use]
    pub fn comes_again(mut self, version: Version) -> Self {
        let Talk { bounds, mut client, mut rest, .. } = self.talk;
        rest.lands();
        client.version = version;
        self.out.clear();
        Self { talk: Talk::new(bounds, client, rest), session: self.session, out: self.out }
    }
}
