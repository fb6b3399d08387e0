//! Messages that were sent and are not acknowledged, in their order. Pure.

use std::collections::VecDeque;

use crate::hub::Relayed;
use crate::mqtt::Qos;

/// One of them.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) id: u16,
    pub(super) qos: Qos,
    /// The message; `None` once the client has it, of QoS 2.
    pub(super) message: Option<Relayed>,
    /// Whether it was sent over this connection.
    is_out: bool,
    /// Whether it was sent over one before.
    again: bool,
}

impl Sent {
    fn bytes(&self) -> usize {
        self.message.as_ref().map_or(0, |message| message.message.len())
    }
}

/// What is to be sent once more over a new connection.
pub(super) enum Again<'f> {
    /// PUBLISH.
    Message(u16, Qos, &'f Relayed),
    /// PUBREL.
    Release(u16),
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Flight {
    sent: VecDeque<Sent>,
    /// How many of these were sent over this connection.
    out: usize,
    /// Bytes of these.
    out_bytes: usize,
    last: u16,
    bytes: usize,
}

impl Flight {
    /// How many were sent over this connection.
    pub(super) fn out(&self) -> usize {
        self.out
    }

    /// Bytes of the messages that were sent over this connection.
    pub(super) fn out_bytes(&self) -> usize {
        self.out_bytes
    }

    /// Bytes of the messages.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether one is to be sent again, before others.
    pub(super) fn has_some_to_repeat(&self) -> bool {
        self.out < self.sent.len()
    }

    /// Notes a message that is sent; returns its packet id. There are fewer than there are ids.
    pub(super) fn send(&mut self, qos: Qos, message: Relayed) -> u16 {
        loop {
            self.last = if self.last == u16::MAX { 1 } else { self.last + 1 };
            if !self.sent.iter().any(|sent| sent.id == self.last) {
                break;
            }
        }
        self.bytes += message.message.len();
        self.out_bytes += message.message.len();
        self.out += 1;
        self.sent.push_back(Sent { id: self.last, qos, message: Some(message), is_out: true, again: false });
        self.last
    }

    /// The next one that is to be sent again over this connection, which counts as sent.
    pub(super) fn repeat(&mut self) -> Option<Again<'_>> {
        let sent = self.sent.iter_mut().find(|sent| !sent.is_out)?;
        sent.is_out = true;
        self.out += 1;
        self.out_bytes += sent.bytes();
        Some(match &sent.message {
            Some(message) => Again::Message(sent.id, sent.qos, message),
            None => Again::Release(sent.id),
        })
    }

    /// The connection has ended: all of them are to be sent again.
    pub(super) fn lands(&mut self) {
        (self.out, self.out_bytes) = (0, 0);
        for sent in &mut self.sent {
            (sent.is_out, sent.again) = (false, true);
        }
    }

    /// Whether a message was sent before over another connection.
    pub(super) fn is_again(&self, id: u16) -> bool {
        self.sent.iter().any(|sent| sent.id == id && sent.again)
    }

    /// The client has acknowledged a message of QoS 1, or is done with one of QoS 2, or does not want it.
    pub(super) fn done(&mut self, id: u16, is_done: impl Fn(&Sent) -> bool) -> bool {
        let Some(at) = self.sent.iter().position(|sent| sent.id == id && is_done(sent)) else { return false };
        if let Some(sent) = self.sent.remove(at) {
            let bytes = sent.bytes();
            self.bytes -= bytes;
            if sent.is_out {
                self.out -= 1;
                self.out_bytes -= bytes;
            }
        }
        true
    }

    /// The client has received a message of QoS 2. Whether it was under way.
    pub(super) fn received(&mut self, id: u16) -> bool {
        let Some(sent) = self.sent.iter_mut().find(|sent| sent.id == id && sent.qos == Qos::ExactlyOnce)
        else {
            return false;
        };
        let bytes = sent.bytes();
        sent.message = None;
        self.bytes -= bytes;
        if sent.is_out {
            self.out_bytes -= bytes;
        }
        true
    }
}
