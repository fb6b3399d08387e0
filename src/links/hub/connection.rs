//! One connection to another hub: what waits to be said, what was heard, and its signs of life.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Instant;

use crate::client::{self, Failure, Sign};
use crate::hub::{Outbox, Until};
use crate::links::far::{Broken, Event};
use crate::talk::Request;

/// After what silence the hub is asked whether it is still there, and after what it is given up.
const SILENCE: Duration = Duration::from_secs(30);
const DEAD: Duration = Duration::from_mins(1);

/// An open transmission with another hub.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a question of its own, about two halves of a connection"
)]
pub(in crate::links) struct Connection {
    inner: client::Connection,
    out: VecDeque<String>,
    unsent: usize,
    is_unflushed: bool,
    pub(super) heard: VecDeque<String>,
    heard_at: Instant,
    is_asked: bool,
    is_leaving: bool,
    is_closed: bool,
}

impl Connection {
    pub(super) fn new(inner: client::Connection) -> Self {
        Self {
            inner,
            out: VecDeque::new(),
            unsent: 0,
            is_unflushed: false,
            heard: VecDeque::new(),
            heard_at: Instant::now(),
            is_asked: false,
            is_leaving: false,
            is_closed: false,
        }
    }

    /// The longest message that the hub takes.
    pub(super) fn most_bytes(&self) -> usize {
        self.inner.limits.message_bytes.unwrap_or(usize::MAX)
    }

    /// Puts a frame behind what waits to be sent.
    pub(super) fn say(&mut self, frame: String) {
        self.unsent += frame.len();
        self.out.push_back(frame);
    }

    /// Bytes that wait to be sent.
    pub(super) fn unsent(&self) -> usize {
        self.unsent
    }

    /// Says good-bye when all is sent.
    pub(super) fn leave(&mut self) {
        self.is_leaving = true;
    }

    /// Whether the good-bye is sent.
    pub(super) fn has_left(&self) -> bool {
        self.is_closed
    }

    /// The next thing that happens, here or in the outbox. May be cancelled.
    pub(super) async fn next(&mut self, outbox: Option<&Outbox>) -> Result<Event, Broken> {
        poll_fn(|cx| {
            if let Poll::Ready(event) = self.poll_socket(cx) {
                return Poll::Ready(event.map_err(|failure| Broken::Closed(failure.to_string())));
            }
            let Some(outbox) = outbox else { return Poll::Pending };
            outbox.wakes(cx.waker());
            outbox.look(Until::Something).map_or(Poll::Pending, |found| Poll::Ready(Ok(Event::Hub(found))))
        })
        .await
    }

    /// Sends what it can, then reads.
    fn poll_socket(&mut self, cx: &mut Context<'_>) -> Poll<Result<Event, Failure>> {
        let mut has_sent = false;
        while let Some(frame) = self.out.front() {
            if self.inner.speaker.poll_ready(cx)?.is_pending() {
                break;
            }
            self.unsent -= frame.len();
            let frame = self.out.pop_front().unwrap_or_default();
            self.inner.speaker.start(frame)?;
            (has_sent, self.is_unflushed) = (true, true);
        }
        if self.is_unflushed && self.inner.speaker.poll_flush(cx)?.is_ready() {
            self.is_unflushed = false;
        }
        if self.is_leaving && self.out.is_empty() && !self.is_closed {
            ready!(self.inner.speaker.poll_close(cx))?;
            self.is_closed = true;
            return Poll::Ready(Ok(Event::Wrote));
        }
        loop {
            match self.inner.listener.poll_sign(cx)? {
                Poll::Ready(sign) => {
                    self.heard_at = Instant::now();
                    self.is_asked = false;
                    match sign {
                        Sign::Life => {}
                        Sign::Text(text) => {
                            self.heard.push_back(text.as_str().to_owned());
                            return Poll::Ready(Ok(Event::Read));
                        }
                        Sign::Closed => {
                            return Poll::Ready(Err(Failure::Lost(
                                "the hub closed the connection".to_owned(),
                            )));
                        }
                    }
                }
                Poll::Pending if has_sent => return Poll::Ready(Ok(Event::Wrote)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Asks a hub that is silent for a sign of life. Says when to look again.
    pub(super) fn look(&mut self, now: Instant) -> Result<Instant, Broken> {
        if now >= self.heard_at + DEAD {
            return Err(Broken::Lost(format!("nothing was heard of it for {} s", DEAD.as_secs())));
        }
        if now >= self.heard_at + SILENCE && !std::mem::replace(&mut self.is_asked, true) {
            self.say(format!("[\"{}\", null]", Request::SHOW));
        }
        Ok(now + SILENCE / 4)
    }
}
