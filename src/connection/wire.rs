//! What a connection needs of a socket, and which function may be called when.

use std::future::Future;
use std::task::{Context, Poll, Waker};

use super::ending::Ending;
use crate::hub::{Drained, Session};
use crate::moment::Moment;

/// What a kind of socket has to be able to do.
///
/// One task owns a wire and calls it, in this order:
///
/// 1. [`wakes`](Self::wakes), before the first `poll_read` and whenever the task's waker changes. After it the next
///    `poll_read` really looks at the socket.
/// 2. [`poll_read`](Self::poll_read), as often as the owner likes. Each call makes what the call before it gave worthless.
/// 3. [`text`](Self::text), after `poll_read` has returned [`Incoming::Text`] and before the next `poll_read`.
///
/// In between, and in any order: `frame`, `collect`, `end_collection` and `ping` put something in. They never wait, and
/// what they put in is not written before the next [`poll_flush`](Self::poll_flush). The caller bounds how much it puts in: the wire
/// does not. While a collection is open only `collect` and `end_collection` may be called. `poll_flush` wakes the task of its
/// own context, `poll_read` the one that `wakes` has named.
///
/// Nothing is lost where a call returns `Pending` and is not made again: what was read stays in the wire, and what was put
/// in stays in line. [`close`](Self::close) is the last call. It is bounded in time, and may be dropped half-way.
/// After an [`Incoming::End`], or an error of `poll_flush`, only `poll_read` and `close` make sense.
pub(crate) trait Wire {
    /// Says which task `poll_read` is to wake.
    fn wakes(&mut self, task: &Waker);

    /// The next thing from the other side. Reads from the socket at most once.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Incoming>;

    /// The text that came last; `None` if it is not UTF-8.
    fn text(&self) -> Option<&str>;

    /// Puts in one frame, given in pieces, as a message of its own.
    fn frame(&mut self, pieces: &[&[u8]]);

    /// Puts in one frame that may share a message with others, until `end_collection`.
    fn collect(&mut self, pieces: &[&[u8]]);

    /// Ends the message that was collected.
    fn end_collection(&mut self);

    /// Everything was put in that was said up to then. For a wire that tells it.
    fn has_everything(&mut self, _up_to: Moment) {}

    /// Puts in a sign that asks for an answer, where the wire knows one.
    fn ping(&mut self);

    /// Bytes of memory that it takes: what has not come whole, and what is not written.
    fn held(&self) -> usize;

    /// Gives back what was read and not taken. Nothing more is to be read.
    fn forget(&mut self);

    /// Bytes that were put in and are not written.
    fn waiting(&self) -> usize;

    /// Bytes that were written since the wire was made.
    fn progress(&self) -> u64;

    /// Writes what was put in.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ending>>;

    /// Has the session take what came last, after `poll_read` has returned [`Incoming::Packet`]. For a wire with a language of its own.
    fn receive(&mut self, _session: &mut Session, _now: Moment) -> Result<(), Ending> {
        Err(Ending::Binary)
    }

    /// Puts in about so many bytes of what waits for the session.
    fn give(&mut self, session: &mut Session, bytes: usize, now: Moment) -> Drained {
        session.drain(bytes, now, &mut |pieces| self.frame(pieces))
    }

    /// Puts in what has waited for something else than the socket and the outbox. To be called whenever the task is woken, and before
    /// it sleeps. Says whether that was something.
    fn go_on(&mut self, _session: &Session) -> bool {
        false
    }

    /// Whether `poll_read` reads nothing until something was written, or [`go_on`](Self::go_on) has put something in: then nobody wakes
    /// the task to read.
    fn is_held_back(&self) -> bool {
        false
    }

    /// Whether anything may be put in, as far as the other side is concerned: it may have to answer first.
    fn has_room(&self) -> bool {
        true
    }

    /// Why the connection ends from outside, where the wire knows better.
    fn explains(&self, ending: Ending) -> Ending {
        ending
    }

    /// Writes what was put in, says why this is the end, and gives the other side a moment to read it.
    fn close(&mut self, ending: &Ending) -> impl Future<Output = ()> + Send;
}

/// What came in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    /// One message: see [`Wire::text`].
    Text,
    /// One message of bytes.
    Binary,
    /// One message of so many bytes in a language that the wire knows: see [`Wire::receive`].
    Packet(usize),
    /// A sign of life of what is below the language of the wire: it is counted, and says nothing for those who wait for a word of that.
    Aside,
    /// A sign of life. The wire may have an answer to it, which is written with the next flush.
    Alive,
    /// So many bytes, which complete nothing yet.
    Part(usize),
    /// Nothing more will come.
    End(Ending),
}
