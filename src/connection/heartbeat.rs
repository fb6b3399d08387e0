//! Whether the other side is still there: silence, a ping, a second one, the end. Pure; time is an argument.

use std::sync::LazyLock;
use std::time::Duration;

use tokio::time::Instant;

/// Pings without an answer after which a client counts as gone.
const PINGS: u8 = 2;

/// Silence is looked at in so many steps a ping.
const STEPS: u32 = 24;

/// What is to be done when the time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beat {
    /// Nothing yet.
    Wait,
    /// Ask for a sign of life.
    Ping,
    /// The other side is gone.
    Gone,
}

/// What is known of the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It was heard at this moment, and was not asked since.
    Heard(Instant),
    /// It has not answered so many pings; the last one went out at this moment.
    Asked(u8, Instant),
}

/// The heartbeat of one connection.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    /// Silence after which it is asked.
    silence: Span,
    /// How long an answer is waited for.
    answer: Span,
    state: State,
}

/// A time in whole milliseconds; what is longer than 49 days is ten years. Each connection holds some, and this is a quarter of
/// a [`Duration`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Span(u32);

impl From<Duration> for Span {
    fn from(time: Duration) -> Self {
        // Rounded up: who waits for a moment waits for one millisecond.
        Self(u32::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX))
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        /// For those that are never asked, as those who send lines.
        const LONG: Duration = Duration::from_hours(87_600);
        if span.0 == u32::MAX { LONG } else { Self::from_millis(span.0.into()) }
    }
}

impl Heartbeat {
    /// Asks after a silence of `silence`, and gives each answer the time of `answer`.
    pub(crate) fn new(silence: Duration, answer: Duration, now: Instant) -> Self {
        Self { silence: silence.into(), answer: answer.into(), state: State::Heard(now) }
    }

    /// Something came from the other side. Says whether a ping was waiting for it.
    pub(crate) fn heard(&mut self, now: Instant) -> bool {
        let was_asked = matches!(self.state, State::Asked(..));
        self.state = State::Heard(now);
        was_asked
    }

    /// When there is something to be done, if nothing is heard until then.
    pub(crate) fn due(&self) -> Instant {
        match self.state {
            // Only the first ping may be late: an answer has its whole time.
            State::Heard(at) => {
                let silence = Duration::from(self.silence);
                in_step(at + silence, silence / STEPS)
            }
            State::Asked(_, at) => at + Duration::from(self.answer),
        }
    }

    /// What is to be done now. A ping counts as sent.
    pub(crate) fn check(&mut self, now: Instant) -> Beat {
        if now < self.due() {
            return Beat::Wait;
        }
        let pings = match self.state {
            State::Heard(_) => 0,
            State::Asked(pings, _) => pings,
        };
        if pings == PINGS {
            return Beat::Gone;
        }
        self.state = State::Asked(pings + 1, now);
        Beat::Ping
    }
}

/// The next step of a common clock. Ten thousand silent connections are then looked at together, a few hundred at a time,
/// and not each by a waking of its own.
fn in_step(moment: Instant, step: Duration) -> Instant {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let step = step.as_nanos().max(1);
    let late = moment.saturating_duration_since(*START).as_nanos() % step;
    moment + Duration::from_nanos(u64::try_from(step - late).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PING: Duration = Duration::from_secs(48);
    const PONG: Duration = Duration::from_secs(5);

    fn beating() -> (Heartbeat, Instant) {
        let now = Instant::now();
        (Heartbeat::new(PING, PONG, now), now)
    }

    #[test]
    fn a_silent_client_is_pinged_twice_and_then_gone() {
        let (mut heartbeat, start) = beating();
        let first = heartbeat.due();
        assert_eq!(heartbeat.check(first - Duration::from_nanos(1)), Beat::Wait);
        assert_eq!(heartbeat.check(first), Beat::Ping);
        assert_eq!(heartbeat.due(), first + PONG);
        assert_eq!(heartbeat.check(first + PONG), Beat::Ping);
        assert_eq!(heartbeat.check(first + PONG * 2), Beat::Gone);
        assert!(first >= start + PING && first <= start + PING + PING / STEPS);
    }

    #[test]
    fn any_sign_of_life_begins_a_new_silence() {
        let (mut heartbeat, start) = beating();
        assert!(!heartbeat.heard(start), "nothing was asked");
        let first = heartbeat.due();
        heartbeat.check(first);
        heartbeat.check(first + PONG);
        let answered = first + PONG * 2 - Duration::from_millis(1);
        assert!(heartbeat.heard(answered));
        assert!(heartbeat.due() >= answered + PING);
        assert_eq!(heartbeat.check(answered + PING / 2), Beat::Wait);
    }

    #[test]
    fn a_late_look_gives_the_answer_its_whole_time() {
        let (mut heartbeat, _) = beating();
        let late = heartbeat.due() + PING;
        assert_eq!(heartbeat.check(late), Beat::Ping);
        assert_eq!(heartbeat.check(late), Beat::Wait);
        assert_eq!(heartbeat.due(), late + PONG);
    }

    #[test]
    fn who_is_never_asked_is_never_gone() {
        let (never, now) = (Duration::from_hours(87_600), Instant::now());
        let mut heartbeat = Heartbeat::new(never, PONG, now);
        assert_eq!(heartbeat.check(now + Duration::from_hours(24 * 365)), Beat::Wait);
    }

    #[test]
    fn silent_connections_are_looked_at_together() {
        let now = Instant::now();
        let moments = (0..1000).map(|n| {
            let heard = now + PING * n / 1000;
            Heartbeat::new(PING, PONG, heard).due()
        });
        let moments: std::collections::BTreeSet<_> = moments.collect();
        assert!((24..=26).contains(&moments.len()), "{}", moments.len());
    }
}
