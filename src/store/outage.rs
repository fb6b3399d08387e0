//! The time in which nothing can be written: since when, when it is tried again, and what was said since. It is over when
//! everything is written that is in memory.

use std::path::Path;

use tokio::time::Instant;

use super::pace::{FIRST_WAIT, LONGEST_WAIT};
use super::tables::Fault;
use crate::backoff::Backoff;

/// Whether there is an outage, and which.
#[derive(Debug)]
pub(super) struct Outage {
    now: Option<Now>,
    backoff: Backoff,
}

#[derive(Debug)]
struct Now {
    since: Instant,
    next: Instant,
    unwritten: u64,
    /// Whether the operator has heard that nothing can be written.
    is_told: bool,
}

impl Outage {
    /// None.
    pub(super) fn none() -> Self {
        Self { now: None, backoff: Backoff::new(FIRST_WAIT, LONGEST_WAIT) }
    }

    pub(super) fn is_on(&self) -> bool {
        self.now.is_some()
    }

    /// Writing has failed. The operator hears of the first time only.
    pub(super) fn goes_on(&mut self, now: Instant, why: &Fault, directory: &Path) {
        let next = now + self.backoff.draw();
        let outage = self.now.get_or_insert(Now { since: now, next, unwritten: 0, is_told: false });
        outage.next = next;
        if std::mem::replace(&mut outage.is_told, true) {
            return;
        }
        let (directory, advice) = (directory.display(), why.advice());
        tracing::error!(%why, %directory,
            "the store cannot be written: messages are routed and last values are kept in memory; {advice}; it is tried again");
    }

    /// What was there is gone. It is tried again at once.
    pub(super) fn begins(&mut self, now: Instant) {
        let new = Now { since: now, next: now, unwritten: 0, is_told: false };
        self.now.get_or_insert(new).next = now;
    }

    /// Whether it is too early to try again.
    pub(super) fn waits(&self, now: Instant) -> bool {
        self.now.as_ref().is_some_and(|outage| now < outage.next)
    }

    /// So many messages were said and could not be written. Says how many of them fall into an outage.
    pub(super) fn missed(&mut self, messages: u64) -> u64 {
        let Some(outage) = &mut self.now else { return 0 };
        outage.unwritten += messages;
        messages
    }

    /// Everything is written that is in memory.
    pub(super) fn ends(&mut self, now: Instant) {
        let Some(Now { since, unwritten, .. }) = self.now.take() else { return };
        self.backoff.reset();
        let seconds = now.duration_since(since).as_secs();
        tracing::info!(
            seconds,
            unwritten,
            "the store can be written again: of what was said meanwhile the newest value of each topic is in it, and nothing older"
        );
    }
}

/// Tells how the file was closed, if there was one, and whether all is in it.
pub(super) fn tell_the_end(closed: Option<Result<(), Fault>>, is_whole: bool) {
    match closed {
        Some(Ok(())) if is_whole => tracing::info!("the store is closed: all last values are in it"),
        Some(Ok(())) => {
            tracing::warn!("the store is closed, and some of the newest last values are not in it");
        }
        Some(Err(fault)) => {
            tracing::warn!(%fault, "the store is not closed as it should be; the next start reads its journal");
        }
        None => tracing::error!(
            "the hub ends while its store cannot be written: what was said since then is lost"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_tried_less_and_less_often_and_what_was_missed_is_counted() {
        let (mut outage, start) = (Outage::none(), Instant::now());
        assert_eq!((outage.missed(5), outage.waits(start)), (0, false));
        for _ in 0..20 {
            outage.goes_on(start, &Fault::Full, Path::new("x"));
            assert!(outage.waits(start) && !outage.waits(start + LONGEST_WAIT));
        }
        assert_eq!(outage.missed(5), 5);
        outage.begins(start);
        assert!(outage.is_on() && !outage.waits(start));
        outage.ends(start);
        assert!(!outage.is_on());
        // The waits begin anew.
        outage.goes_on(start, &Fault::Full, Path::new("x"));
        assert!(!outage.waits(start + FIRST_WAIT));
    }
}
