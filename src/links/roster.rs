//! Which links there are, and the state of each. One list by name, so no link can be there twice. Pure but for the
//! signs by which it speaks with its links; time is an argument.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot::Receiver;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;

/// Links that a hub may have.
pub const MOST_LINKS: usize = 64;

/// The span that the wait before a broken link is started anew is drawn from.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest such span.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// A link that ran for so long before it broke is started as one that never broke.
const HELD: Duration = Duration::from_mins(5);

/// Starts a link: with its plan, the sign by which it is stopped, and what waited for the one whose place it takes. Answers
/// with what waits when it has ended.
pub(super) trait Start<P, E> {
    fn start(&mut self, plan: &P, stop: CancellationToken, before: Option<Receiver<E>>) -> Receiver<E>;
}

impl<P, E, F: FnMut(&P, CancellationToken, Option<Receiver<E>>) -> Receiver<E>> Start<P, E> for F {
    fn start(&mut self, plan: &P, stop: CancellationToken, before: Option<Receiver<E>>) -> Receiver<E> {
        self(plan, stop, before)
    }
}

/// All links of a hub. `P` is what a link is to do, `E` what waits when it ends.
pub(super) struct Roster<P, E> {
    links: BTreeMap<Arc<str>, Member<P, E>>,
    /// What every link is stopped by.
    stop: CancellationToken,
    /// Files that came, counted: who came first has its turn first.
    came: u64,
}

struct Member<P, E> {
    plan: P,
    backoff: Backoff,
    state: State<E>,
}

enum State<E> {
    Runs {
        stop: CancellationToken,
        ended: Receiver<E>,
        since: Instant,
    },
    /// There are too many; it has its turn when another one goes. `before` is what waited for the one of this name.
    Waits {
        since: u64,
        before: Option<Receiver<E>>,
    },
    /// It broke, and is started anew then.
    Broken {
        until: Instant,
    },
    /// Its file is gone, and it sends what waits.
    Ends {
        ended: Receiver<E>,
    },
}

/// What the log must say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News<P> {
    /// There are too many links already.
    Waits(P),
    /// A link broke, which is a fault of the hub.
    Broke(P, Duration),
    /// A link is gone, and nobody is to hear of it any more.
    Gone(Arc<str>),
}

impl<P: Clone, E> Roster<P, E> {
    pub(super) fn new(stop: CancellationToken) -> Self {
        Self { links: BTreeMap::new(), stop, came: 0 }
    }

    /// Whether there is nothing to be watched.
    pub(super) fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// Whether there is a link of this name, in whatever state.
    pub(super) fn has(&self, name: &str) -> bool {
        self.links.contains_key(name)
    }

    /// Whether a link of this name runs.
    pub(super) fn runs(&self, name: &str) -> bool {
        self.links.get(name).is_some_and(|member| matches!(member.state, State::Runs { .. }))
    }

    /// A file is there that was not, or says something else.
    pub(super) fn there(
        &mut self,
        name: &Arc<str>,
        plan: P,
        now: Instant,
        start: &mut impl Start<P, E>,
    ) -> Option<News<P>> {
        let before = match self.links.remove(name).map(|member| member.state) {
            Some(State::Runs { stop, ended, .. }) => {
                stop.cancel();
                Some(ended)
            }
            Some(State::Ends { ended }) => Some(ended),
            // It keeps its place among those that wait.
            Some(State::Waits { since, before }) => {
                let state = State::Waits { since, before };
                self.put(name, plan, state);
                return None;
            }
            Some(State::Broken { .. }) | None => None,
        };
        if self.is_full() {
            self.came += 1;
            self.put(name, plan.clone(), State::Waits { since: self.came, before });
            return Some(News::Waits(plan));
        }
        let state = self.started(&plan, before, now, start);
        self.put(name, plan, state);
        None
    }

    /// A file is gone.
    pub(super) fn gone(&mut self, name: &str) -> Option<News<P>> {
        let (name, mut member) = self.links.remove_entry(name)?;
        let ended = match member.state {
            State::Runs { stop, ended, .. } => {
                stop.cancel();
                Some(ended)
            }
            State::Ends { ended } => Some(ended),
            State::Waits { before, .. } => before,
            State::Broken { .. } => None,
        };
        let Some(ended) = ended else { return Some(News::Gone(name)) };
        member.state = State::Ends { ended };
        self.links.insert(name, member);
        None
    }

    /// Looks after all links: those that broke, those that have ended, and those that wait for their turn.
    pub(super) fn look_after(&mut self, now: Instant, start: &mut impl Start<P, E>) -> Vec<News<P>> {
        let mut news = Vec::new();
        let mut over = Vec::new();
        for (name, member) in &mut self.links {
            match &mut member.state {
                // A link ends only when it is stopped; one that ended otherwise broke.
                State::Runs { stop, ended, since } => {
                    let has_ended = matches!(ended.try_recv(), Err(TryRecvError::Closed));
                    if stop.is_cancelled() || !has_ended {
                        continue;
                    }
                    if now.duration_since(*since) >= HELD {
                        member.backoff.reset();
                    }
                    let wait = member.backoff.draw();
                    news.push(News::Broke(member.plan.clone(), wait));
                    member.state = State::Broken { until: now + wait };
                }
                State::Ends { ended } => {
                    if !matches!(ended.try_recv(), Err(TryRecvError::Empty)) {
                        over.push(Arc::clone(name));
                    }
                }
                State::Waits { .. } | State::Broken { .. } => {}
            }
        }
        for name in over {
            self.links.remove(&name);
            news.push(News::Gone(name));
        }
        self.start_due(now, start);
        news
    }

    /// Starts those that broke and have waited, and, as far as there is room, those that came when there was none.
    fn start_due(&mut self, now: Instant, start: &mut impl Start<P, E>) {
        let due = self.links.iter().filter_map(|(name, member)| match member.state {
            State::Broken { until } if until <= now => Some((0, Arc::clone(name))),
            State::Waits { since, .. } => Some((since, Arc::clone(name))),
            State::Runs { .. } | State::Ends { .. } | State::Broken { .. } => None,
        });
        let mut due: Vec<_> = due.collect();
        due.sort_unstable();
        for (since, name) in due {
            if since > 0 && self.is_full() {
                return;
            }
            let Some(mut member) = self.links.remove(&name) else { continue };
            let before = match member.state {
                State::Waits { before, .. } => before,
                State::Runs { .. } | State::Ends { .. } | State::Broken { .. } => None,
            };
            member.state = self.started(&member.plan, before, now, start);
            self.links.insert(name, member);
        }
    }

    fn started(
        &self,
        plan: &P,
        before: Option<Receiver<E>>,
        now: Instant,
        start: &mut impl Start<P, E>,
    ) -> State<E> {
        let stop = self.stop.child_token();
        let ended = start.start(plan, stop.clone(), before);
        State::Runs { stop, ended, since: now }
    }

    /// Whether there is no room for one more. A link that broke keeps its room.
    fn is_full(&self) -> bool {
        let has_room =
            |member: &&Member<P, E>| matches!(member.state, State::Runs { .. } | State::Broken { .. });
        self.links.values().filter(has_room).count() >= MOST_LINKS
    }

    fn put(&mut self, name: &Arc<str>, plan: P, state: State<E>) {
        let backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        self.links.insert(Arc::clone(name), Member { plan, backoff, state });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot::{Sender, channel};

    /// A plan is the name of a file and what it says; what waits is a text.
    type Plan = (Arc<str>, u32);

    #[derive(Default)]
    struct Links {
        /// Every link that was ever started and not yet ended by [`end`](Self::end).
        running: Vec<(Plan, CancellationToken, Sender<String>)>,
        /// What was handed to a new link.
        inherited: Vec<(Plan, bool)>,
    }

    impl Start<Plan, String> for Links {
        fn start(
            &mut self,
            plan: &Plan,
            stop: CancellationToken,
            before: Option<Receiver<String>>,
        ) -> Receiver<String> {
            let (ending, ended) = channel();
            self.running.push((plan.clone(), stop, ending));
            self.inherited.push((plan.clone(), before.is_some()));
            ended
        }
    }

    impl Links {
        /// The plans of those that were not stopped.
        fn active(&self) -> Vec<Plan> {
            let mut active: Vec<_> =
                self.running.iter().filter(|(_, stop, _)| !stop.is_cancelled()).collect();
            active.sort_by_key(|(plan, ..)| plan.clone());
            active.into_iter().map(|(plan, ..)| plan.clone()).collect()
        }

        /// Those that were stopped end.
        fn end(&mut self) {
            for (plan, _, ending) in self.running.extract_if(.., |(_, stop, _)| stop.is_cancelled()) {
                let _ = ending.send(plan.0.to_string());
            }
        }
    }

    fn plan(number: usize, version: u32) -> Plan {
        (format!("link{number:02}").into(), version)
    }

    fn full() -> (Roster<Plan, String>, Links) {
        let (mut roster, mut links) = (Roster::new(CancellationToken::new()), Links::default());
        for number in 0..MOST_LINKS {
            assert_eq!(there(&mut roster, &mut links, plan(number, 0)), None);
        }
        (roster, links)
    }

    fn there(roster: &mut Roster<Plan, String>, links: &mut Links, plan: Plan) -> Option<News<Plan>> {
        roster.there(&Arc::clone(&plan.0), plan, Instant::now(), links)
    }

    #[test]
    fn a_file_beyond_the_last_link_that_changes_when_there_is_room_runs_once_and_as_it_says_now() {
        let (mut roster, mut links) = full();
        let beyond = plan(MOST_LINKS, 0);
        assert_eq!(there(&mut roster, &mut links, beyond.clone()), Some(News::Waits(beyond.clone())));
        assert!(!roster.runs(&beyond.0));
        // In one look a file goes, and the one that waits has changed.
        assert_eq!(roster.gone("link00"), None);
        let changed = plan(MOST_LINKS, 1);
        there(&mut roster, &mut links, changed.clone());
        for _ in 0..3 {
            roster.look_after(Instant::now(), &mut links);
        }
        let of_it: Vec<_> = links.active().into_iter().filter(|plan| plan.0 == beyond.0).collect();
        assert_eq!(of_it, [changed]);
        assert_eq!(links.active().len(), MOST_LINKS);
    }

    #[test]
    fn those_that_wait_have_their_turn_in_the_order_in_which_they_came() {
        let (mut roster, mut links) = full();
        for number in [90, 70, 80] {
            assert!(matches!(there(&mut roster, &mut links, plan(number, 0)), Some(News::Waits(_))));
        }
        // A change of what it says does not put it behind the others.
        there(&mut roster, &mut links, plan(90, 1));
        assert_eq!(roster.gone("link70"), Some(News::Gone("link70".into())));
        for (number, next) in [(1, plan(90, 1)), (2, plan(80, 0))] {
            roster.gone(&plan(number, 0).0);
            roster.look_after(Instant::now(), &mut links);
            assert!(links.active().contains(&next), "{:?}", links.active());
            assert_eq!(links.active().len(), MOST_LINKS);
        }
    }

    #[test]
    fn a_link_that_is_restarted_gets_what_waited_for_the_one_before() {
        let (mut roster, mut links) = (Roster::new(CancellationToken::new()), Links::default());
        there(&mut roster, &mut links, plan(1, 0));
        there(&mut roster, &mut links, plan(1, 1));
        roster.gone("link01");
        // It comes back before it has ended.
        there(&mut roster, &mut links, plan(1, 2));
        assert_eq!(links.active(), [plan(1, 2)]);
        assert_eq!(links.inherited, [(plan(1, 0), false), (plan(1, 1), true), (plan(1, 2), true)]);
    }

    #[test]
    fn a_link_that_is_gone_is_told_when_it_has_ended() {
        let (mut roster, mut links) = (Roster::new(CancellationToken::new()), Links::default());
        there(&mut roster, &mut links, plan(1, 0));
        assert_eq!(roster.gone("link01"), None);
        assert_eq!(roster.look_after(Instant::now(), &mut links), []);
        links.end();
        assert_eq!(roster.look_after(Instant::now(), &mut links), [News::Gone("link01".into())]);
        assert!(roster.is_empty());
    }

    #[test]
    fn a_link_that_breaks_at_once_is_started_ever_more_rarely_and_one_that_held_soon() {
        let (mut roster, mut links) = (Roster::new(CancellationToken::new()), Links::default());
        let began = Instant::now();
        there(&mut roster, &mut links, plan(1, 0));
        let mut started = 1;
        for second in 0..3600 {
            let now = began + Duration::from_secs(second);
            links.running.clear();
            roster.look_after(now, &mut links);
            started += links.running.len();
        }
        // The waits are drawn from 1, 2, 4 … 60 s, half of that on average, and looked at every second.
        assert!((60..300).contains(&started), "{started}");
        let later = began + Duration::from_hours(2);
        roster.look_after(later, &mut links);
        links.running.clear();
        let news = roster.look_after(later + HELD, &mut links);
        assert!(matches!(news[..], [News::Broke(_, wait)] if wait <= FIRST_WAIT), "{news:?}");
    }
}
