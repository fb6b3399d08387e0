//! A link at work: the hub on one side, a far side of some kind on the other. One task with one loop; the hub is listened
//! to all the time, connected or not.

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::estate::Estate;
use super::far::{Broken, Event, Far};
use super::near::Near;
use crate::backoff::Backoff;

/// How long a link that is stopped goes on sending.
pub const GRACE: Duration = Duration::from_secs(2);
/// How long our good-bye may take.
const GOOD_BYE: Duration = Duration::from_millis(500);
/// The span that the wait before a second attempt is drawn from.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// A connection that held for so long was a good one: the waits between attempts begin anew.
const HELD: Duration = Duration::from_secs(3);

/// One link.
pub(super) struct Link<F: Far> {
    near: Near,
    far: F,
    backoff: Backoff,
    /// Whether the far side knew us, until it is said that we are connected.
    unannounced: Option<bool>,
}

impl<F: Far> Link<F> {
    pub(super) fn new(near: Near, far: F) -> Self {
        Self { near, far, backoff: Backoff::new(FIRST_WAIT, F::LONGEST_WAIT), unannounced: None }
    }

    /// Works until the sign to stop, which leaves some time to send what waits. Returns what could not be sent.
    pub(super) async fn run(mut self, stop: CancellationToken) -> Estate {
        let settings = Arc::clone(self.near.settings());
        let (link, file) = (&settings.name, &settings.file);
        tracing::info!(%link, %file, far = %settings.far, "link is on");
        self.near.report.tell("away", None);
        loop {
            let attempt = self.far.open();
            let Some(opened) = self.meanwhile(&stop, attempt).await else { break };
            let trouble = match opened {
                Err(trouble) => trouble,
                Ok(mut connection) => match self.connected(&mut connection, &stop).await {
                    Some(broken) => {
                        format!("the connection to {} is lost: {}", settings.far, broken.why())
                    }
                    None => break,
                },
            };
            self.far.away(&mut self.near);
            let wait = self.backoff.draw();
            self.near.report.complain(trouble, wait, self.near.waiting());
            if self.meanwhile(&stop, sleep(wait)).await.is_none() {
                break;
            }
        }
        self.far.away(&mut self.near);
        let estate = self.estate();
        self.near.measure(self.far.on_the_way());
        tracing::info!(%link, waiting = estate.len(), "link is off");
        estate
    }

    /// Waits for something while the hub is listened to. `None` at the sign to stop.
    async fn meanwhile<T>(&mut self, stop: &CancellationToken, future: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(future);
        loop {
            tokio::task::coop::consume_budget().await;
            self.near.end_turn().await;
            let outbox = Arc::clone(self.near.outbox());
            tokio::select! {
                () = stop.cancelled() => return None,
                done = &mut future => return Some(done),
                found = outbox.ready() => {
                    self.near.hear(found);
                    self.near.measure(self.far.on_the_way());
                }
            }
        }
    }

    /// The life of one connection; `None` where it was to end.
    async fn connected(
        &mut self,
        connection: &mut F::Connection,
        stop: &CancellationToken,
    ) -> Option<Broken> {
        let (since, carried) = (Instant::now(), self.near.report.carried());
        self.near.report.let_in();
        let welcomed = self.far.welcome(connection, &mut self.near);
        self.near.connected(welcomed.wants_last_values);
        self.unannounced = Some(welcomed.resumed);
        self.announce();
        let ended = self.talk(connection, stop).await;
        self.near.report.disconnected();
        self.near.disconnected();
        let Err(broken) = ended else {
            self.near.report.tell("away", None);
            return None;
        };
        self.far.ended(connection, &broken, &self.near.report);
        // Two clients of one name throw each other out without end; they are not to do it at full speed.
        let is_contest = matches!(broken, Broken::Replaced(_));
        let has_carried = F::CARRYING_IS_GOOD && self.near.report.carried() > carried;
        if !is_contest && (since.elapsed() >= HELD || has_carried) {
            self.backoff.reset();
        }
        Some(broken)
    }

    /// The loop of a connection. Ends without an error at the sign to stop.
    async fn talk(&mut self, connection: &mut F::Connection, stop: &CancellationToken) -> Result<(), Broken> {
        let mut end: Option<Instant> = None;
        // Both are made once and not for each message.
        let (stopped, clock) = (stop.cancelled(), sleep_until(F::look(connection, Instant::now())?));
        tokio::pin!(stopped, clock);
        // What came together with the welcome.
        let mut has_more = self.read(connection)?;
        loop {
            self.near.announce();
            self.far.pump(connection, &mut self.near);
            self.near.recall_if_due();
            let on_the_way = self.far.on_the_way();
            self.near.measure(on_the_way);
            let is_empty = self.near.waiting() == 0 && !self.near.has_news() && on_the_way.0 == 0;
            if end.is_some() && is_empty {
                self.leave(connection).await;
                return Ok(());
            }
            // However much the far side or the hub has for us, all others have their turn.
            self.near.end_turn().await;
            if has_more {
                has_more = self.read(connection)?;
                continue;
            }
            tokio::task::coop::consume_budget().await;
            let outbox = self.near.outbox_with_room().map(|outbox| &**outbox);
            let event = tokio::select! {
                biased;
                () = &mut stopped, if end.is_none() => {
                    self.near.gather(usize::MAX);
                    let until = Instant::now() + GRACE;
                    let look = until.min(clock.deadline());
                    clock.as_mut().reset(look);
                    end = Some(until);
                    continue;
                }
                () = &mut clock => {
                    let now = Instant::now();
                    if end.is_some_and(|end| now >= end) {
                        self.leave(connection).await;
                        return Ok(());
                    }
                    let look = F::look(connection, now)?;
                    clock.as_mut().reset(end.map_or(look, |end| look.min(end)));
                    continue;
                }
                event = F::next(connection, outbox) => event?,
                () = ready(()), if self.near.has_news() => continue,
            };
            match event {
                Event::Read => has_more = self.read(connection)?,
                Event::Hub(found) => self.near.hear(found),
                Event::Wrote => {}
            }
        }
    }

    /// Says whether there is more.
    fn read(&mut self, connection: &mut F::Connection) -> Result<bool, Broken> {
        let has_more = self.far.read(connection, &mut self.near)?;
        self.announce();
        Ok(has_more)
    }

    /// Says that the link is connected, when the far side has heard what it is to send us.
    fn announce(&mut self) {
        if self.far.is_ready()
            && let Some(resumed) = self.unannounced.take()
        {
            self.near.report.connected(resumed, self.near.waiting());
        }
    }

    /// Says good-bye, and listens to the hub until that is sent.
    async fn leave(&mut self, connection: &mut F::Connection) {
        self.far.bye(connection);
        let outbox = Arc::clone(self.near.outbox());
        let written = async {
            while !F::is_written(connection) {
                match F::next(connection, Some(&outbox)).await {
                    Ok(Event::Wrote | Event::Read) => {}
                    Ok(Event::Hub(found)) => self.near.hear(found),
                    Err(_) => return,
                }
            }
        };
        let _ = timeout(GOOD_BYE, written).await;
    }

    /// Takes over what waits for a link of this name: in the store, and of the link that it replaces.
    pub(super) fn begin(&mut self, before: Option<Estate>) {
        self.near.claim();
        if let Some(estate) = before {
            self.near.inherit(estate);
        }
    }

    fn estate(&mut self) -> Estate {
        self.near.gather_all();
        self.at_hand()
    }

    /// What the link has itself.
    fn at_hand(&mut self) -> Estate {
        let on_the_way = self.far.give_back(&self.near.report);
        self.near.estate(on_the_way)
    }
}

impl<F: Far> Drop for Link<F> {
    fn drop(&mut self) {
        // Nothing is left but where the link broke, or was cut off in the end. Where it broke, the hub is asked for nothing more;
        // what the link has stays in the store all the same.
        drop(if std::thread::panicking() { self.at_hand() } else { self.estate() });
        self.near.report.disconnected();
    }
}
