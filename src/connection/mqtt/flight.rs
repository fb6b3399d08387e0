//! Messages that were sent and are not acknowledged, in their order.

use std::collections::VecDeque;
use std::sync::Arc;

use super::rare::Rare;
use crate::hub::{Lasting, LastingTicket, Relayed, SentAs};
use crate::mqtt::Qos;

/// One of them.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) id: u16,
    pub(super) qos: Qos,
    /// The message; `None` once the client has it, of QoS 2.
    pub(super) message: Option<Relayed>,
    /// Its place among what survives a restart, where it has one.
    ticket: Option<Arc<LastingTicket>>,
    /// The change that has to be in the store before the next word about it.
    stamp: u64,
    /// Whether it was sent over this connection, or is about to be.
    is_out: bool,
    /// Whether it is not sent before it is in the store.
    is_held: bool,
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
    sent: Rare<VecDeque<Sent>>,
    /// How many of these were sent over this connection.
    out: u32,
    /// How many of these wait for the store.
    held: u32,
    /// Bytes of these.
    out_bytes: usize,
    last: u16,
    bytes: usize,
}

impl Flight {
    /// How many were sent over this connection.
    pub(super) fn out(&self) -> usize {
        self.out as usize
    }

    fn all(&self) -> impl Iterator<Item = &Sent> {
        self.sent.get().into_iter().flatten()
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
        self.out() < self.sent.get().map_or(0, VecDeque::len)
    }

    /// Whether some wait until they are in the store.
    pub(super) fn holds_some(&self) -> bool {
        self.held > 0
    }

    /// Notes a message that is sent; returns its packet id, and whether it is held. There are fewer than there are ids. One of QoS 2
    /// that is to survive a restart is held until its id is in the store: sent under another one it would come twice.
    pub(super) fn send(&mut self, qos: Qos, mut message: Relayed, lasting: Option<&Lasting>) -> (u16, bool) {
        loop {
            self.last = if self.last == u16::MAX { 1 } else { self.last + 1 };
            if !self.all().any(|sent| sent.id == self.last) {
                break;
            }
        }
        self.bytes += message.message.len();
        self.out_bytes += message.message.len();
        self.out += 1;
        let ticket = message.ticket.take();
        let is_held = qos == Qos::ExactlyOnce && lasting.is_some() && ticket.is_some();
        let again = qos == Qos::AtLeastOnce && ticket.as_ref().is_some_and(|ticket| ticket.is_doubtful());
        let sent = SentAs { id: self.last, qos: qos.number() };
        let noted = lasting.zip(ticket.as_ref());
        let stamp = noted.map_or(0, |(lasting, ticket)| lasting.sends(ticket, sent, is_held));
        // Of QoS 1 it may be sent again under any id.
        let stamp = if is_held { stamp } else { 0 };
        self.held += u32::from(is_held);
        let message = Some(message);
        self.sent.make().push_back(Sent {
            id: self.last,
            qos,
            message,
            ticket,
            stamp,
            is_out: true,
            is_held,
            again,
        });
        (self.last, is_held)
    }

    /// The next one that was held and is in the store now.
    pub(super) fn release(&mut self, is_written: impl Fn(u64) -> bool) -> Option<(u16, Relayed)> {
        let sent = self.sent.get_mut()?.iter_mut().find(|sent| sent.is_held)?;
        if !is_written(sent.stamp) {
            return None;
        }
        sent.is_held = false;
        self.held -= 1;
        Some((sent.id, sent.message.clone()?))
    }

    /// One that was sent before a restart, or whose release was, and is not acknowledged. In their order.
    pub(super) fn restore(
        &mut self,
        sent: SentAs,
        message: Option<Relayed>,
        ticket: Option<Arc<LastingTicket>>,
    ) {
        let Some(qos) = Qos::of(sent.qos) else { return };
        self.last = sent.id;
        self.bytes += message.as_ref().map_or(0, |message| message.message.len());
        let id = sent.id;
        let (stamp, is_out, is_held, again) = (0, false, false, true);
        self.sent.make().push_back(Sent { id, qos, message, ticket, stamp, is_out, is_held, again });
    }

    /// The next one that is to be sent again over this connection, which counts as sent; none before the store has what was said of it.
    pub(super) fn repeat(&mut self, is_written: impl Fn(u64) -> bool) -> Option<Again<'_>> {
        let sent = self
            .sent
            .get_mut()?
            .iter_mut()
            .find(|sent| !sent.is_out)
            .filter(|sent| is_written(sent.stamp))?;
        sent.is_out = true;
        self.out += 1;
        self.out_bytes += sent.bytes();
        Some(match &sent.message {
            Some(message) => Again::Message(sent.id, sent.qos, message),
            None => Again::Release(sent.id),
        })
    }

    /// Takes out what came by groups, and was not sent or, of QoS 1, is not acknowledged. Nothing is sent any more after that.
    pub(super) fn take_shared(&mut self) -> Vec<Relayed> {
        let sent = std::mem::take(self).sent.take().into_iter().filter_map(|sent| {
            let was_sent = !sent.is_held && (sent.is_out || sent.again);
            let Sent { qos, message, ticket, .. } = sent;
            let message = message.filter(|message| message.share.is_some())?;
            (qos == Qos::AtLeastOnce || !was_sent).then_some(Relayed { ticket, ..message })
        });
        sent.collect()
    }

    /// The connection has ended: all of them are to be sent again.
    pub(super) fn lands(&mut self) {
        (self.out, self.out_bytes, self.held) = (0, 0, 0);
        for sent in self.sent.get_mut().into_iter().flatten() {
            sent.again |= !sent.is_held;
            (sent.is_out, sent.is_held) = (false, false);
        }
    }

    /// Whether a message was sent before over another connection.
    pub(super) fn is_again(&self, id: u16) -> bool {
        self.all().any(|sent| sent.id == id && sent.again)
    }

    /// The client has acknowledged a message of QoS 1, or is done with one of QoS 2, or does not want it.
    pub(super) fn done(&mut self, id: u16, is_done: impl Fn(&Sent) -> bool) -> bool {
        let Some(all) = self.sent.get_mut() else { return false };
        let Some(at) = all.iter().position(|sent| sent.id == id && is_done(sent)) else { return false };
        if let Some(sent) = all.remove(at) {
            let bytes = sent.bytes();
            self.bytes -= bytes;
            if sent.is_out {
                self.out -= 1;
                self.out_bytes -= bytes;
            }
            self.held -= u32::from(sent.is_held);
        }
        true
    }

    /// Whether a message of QoS 2 was sent, and the client has not said that it has received it.
    pub(super) fn awaits_receipt(&self, id: u16) -> bool {
        let is_it = |sent: &Sent| sent.id == id && sent.qos == Qos::ExactlyOnce && !sent.is_held;
        self.all().any(|sent| is_it(sent) && sent.message.is_some())
    }

    /// The client has received a message of QoS 2. Which change has to be in the store before it is told so; `None` if it was not under
    /// way.
    pub(super) fn received(&mut self, id: u16, lasting: Option<&Lasting>) -> Option<u64> {
        let is_it = |sent: &&mut Sent| sent.id == id && sent.qos == Qos::ExactlyOnce && !sent.is_held;
        let sent = self.sent.get_mut()?.iter_mut().find(is_it)?;
        let bytes = sent.bytes();
        if sent.message.take().is_some()
            && let Some((lasting, ticket)) = lasting.zip(sent.ticket.as_ref())
        {
            sent.stamp = lasting.has_received(ticket);
        }
        let stamp = sent.stamp;
        self.bytes -= bytes;
        if sent.is_out {
            self.out_bytes -= bytes;
        }
        Some(stamp)
    }
}
