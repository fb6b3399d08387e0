//! The number that all listeners of `/streaming` hear.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::shutdown::Shutdown;

/// How often there is a new number.
const EVERY: Duration = Duration::from_secs(2);

/// One number for all. A listener that is behind finds the newest one, so nothing piles up for it, and nobody waits
/// for it.
#[derive(Debug, Default)]
pub(super) struct Streaming {
    number: watch::Sender<u64>,
    runs: AtomicBool,
}

impl Streaming {
    /// The numbers from now on. The first listener starts the clock, and hears the first number at once.
    pub(super) fn listen(&self, shutdown: &Shutdown) -> watch::Receiver<u64> {
        let listener = self.number.subscribe();
        if !self.runs.swap(true, Ordering::Relaxed) {
            let (number, drain) = (self.number.clone(), shutdown.drain().clone());
            shutdown.spawn(async move {
                let mut clock = interval(EVERY);
                clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
                loop {
                    tokio::select! {
                        () = drain.cancelled() => return,
                        _ = clock.tick() => number.send_modify(|number| *number += 1),
                    }
                }
            });
        }
        listener
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn next(listener: &mut watch::Receiver<u64>) -> u64 {
        listener.changed().await.unwrap();
        *listener.borrow_and_update()
    }

    #[tokio::test(start_paused = true)]
    async fn the_number_is_shared_and_grows_every_two_seconds_from_the_first_listener_on() {
        let (streaming, shutdown) = (Streaming::default(), Shutdown::default());
        let mut first = streaming.listen(&shutdown);
        assert_eq!(next(&mut first).await, 1);
        let start = tokio::time::Instant::now();
        assert_eq!(next(&mut first).await, 2);
        assert_eq!(start.elapsed().as_millis(), 2000);
        let mut second = streaming.listen(&shutdown);
        assert_eq!((next(&mut first).await, next(&mut second).await), (3, 3));
        drop(first);
        assert_eq!(next(&mut second).await, 4);
        tokio::time::sleep(EVERY * 10 + EVERY / 2).await;
        assert_eq!(next(&mut second).await, 14, "who was away finds the newest");
    }
}
