//! What hubs that have died have left to be said: each piece is said by one of the others. Which one it is the servers decide:
//! who puts its own name in the place of the dead hub's first. Decides alone; what is asked and said is done by [`super::estate`].

use std::collections::{HashSet, VecDeque};

use tokio::time::{Duration, Instant};

use crate::hub::{Bequest, Clock, Heading};

/// After a connection was made, or this hub stood still, it is not known for so long who lives.
const GRACE: Duration = Duration::from_secs(12);
/// Who is not the first of those that live waits for so long: most likely there is nothing left then.
const BEHIND: Duration = Duration::from_millis(1500);
/// Between two turns of a hub that does not stand still.
const STILL: Duration = Duration::from_secs(5);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(2);
/// Numbers that are known of what was said.
const SAID: usize = 100_000;
/// Hubs that wait to be looked after. With more, everything is looked through.
const MOST: usize = 64;

/// What is to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// What has this hub left, from this number on? Without a hub: what has any left?
    Next(Option<String>, u64),
    /// This is to be ours.
    Claim(Left),
    /// What stands there by now?
    Look(Left),
}

/// Something that was left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// By this life of a hub.
    pub life: String,
    /// Who has claimed it, if anybody has.
    pub by: String,
    /// Its number, and the one under which it was found.
    pub number: u64,
    /// See above.
    pub at: u64,
    /// Where, and in whose place.
    pub heading: Heading,
    /// What.
    pub bequest: Bequest,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// This is left; or something is that cannot be read, with its number.
    Left(Result<Box<Left>, u64>),
    /// Nothing is left.
    Nothing,
    /// It is ours, under this number.
    Ours(u64),
    /// Somebody else has it.
    Theirs,
    /// What stands there is known here now.
    Known,
}

#[derive(Debug)]
struct Death {
    /// `None` for whoever is not there.
    life: Option<String>,
    /// What was said later was said by somebody who knew.
    clock: Option<Clock>,
    not_before: Instant,
}

/// All of it.
#[derive(Debug)]
pub struct Heirs {
    own: String,
    deaths: VecDeque<Death>,
    under_way: Option<(Death, Step)>,
    /// The question that is to be answered next, and when it was asked.
    asked: Option<(u64, Instant)>,
    last: u64,
    /// Since when it is known who lives; `None` while there is no connection.
    since: Option<Instant>,
    /// The last turn.
    turn: Instant,
    /// The numbers of what this hub has said, which may be there for a moment still.
    said: HashSet<u64>,
}

impl Heirs {
    /// For this life of a hub.
    pub fn new(own: &str, now: Instant) -> Self {
        Self {
            own: own.to_owned(),
            deaths: VecDeque::new(),
            under_way: None,
            asked: None,
            last: 0,
            since: None,
            turn: now,
            said: HashSet::new(),
        }
    }

    /// The connection was made, or is gone.
    pub fn connection(&mut self, is_there: bool, now: Instant) {
        if is_there != self.since.is_some() {
            self.begin_anew(is_there, now);
        }
    }

    fn begin_anew(&mut self, is_there: bool, now: Instant) {
        (self.under_way, self.asked) = (None, None);
        self.deaths.clear();
        self.since = is_there.then_some(now + GRACE);
        if is_there {
            // Whoever has died while nobody looked.
            self.deaths.push_back(Death { life: None, clock: None, not_before: now + GRACE });
        }
    }

    /// To be called each turn. Says whether the hub has stood still.
    pub fn turn(&mut self, now: Instant) -> bool {
        let stood_still = now >= self.turn + STILL;
        self.turn = now;
        if stood_still {
            self.begin_anew(self.since.is_some(), now);
        }
        stood_still
    }

    /// A hub has died. Its clock stood there when it was heard last, and so many of those that live come before this one.
    pub fn died(&mut self, life: String, clock: Clock, before: usize, now: Instant) {
        if self.since.is_none_or(|since| now < since) {
            // It is looked for with all others.
            return;
        }
        let wait = if before == 0 { Duration::ZERO } else { BEHIND };
        let whole = self.deaths.len() >= MOST;
        let (life, clock) = if whole { (None, None) } else { (Some(life), Some(clock)) };
        if whole {
            self.deaths.clear();
        }
        self.deaths.push_back(Death { life, clock, not_before: now + wait });
    }

    /// The next question, and its number. `is_there` says who lives.
    pub fn next(&mut self, now: Instant) -> Option<(u64, Step)> {
        if self.asked.is_some_and(|(_, since)| now >= since + ANSWER) {
            self.asked = None;
        }
        if self.asked.is_some() || self.since.is_none() {
            return None;
        }
        if self.under_way.is_none() {
            let death = self.deaths.pop_front_if(|death| now >= death.not_before)?;
            let step = Step::Next(death.life.clone(), 1);
            self.under_way = Some((death, step));
        }
        let (_, step) = self.under_way.as_ref()?;
        self.last += 1;
        self.asked = Some((self.last, now));
        Some((self.last, step.clone()))
    }

    /// When there is something to do although nothing comes.
    pub fn next_date(&self) -> Option<Instant> {
        let answer = self.asked.map(|(_, since)| since + ANSWER);
        let ready = self.under_way.as_ref().filter(|_| self.asked.is_none()).map(|_| self.turn);
        let death = self.deaths.front().filter(|_| self.under_way.is_none()).map(|death| death.not_before);
        answer.or(ready).or(death).filter(|_| self.since.is_some())
    }

    /// A question was answered. Returns what is to be said now, with the clock above which nothing is said.
    pub fn answered(&mut self, question: u64, answer: Answer, lives: impl Fn(&str) -> bool) -> Option<Left> {
        if self.asked.is_none_or(|(asked, _)| asked != question) {
            return None;
        }
        self.asked = None;
        let (death, step) = self.under_way.take()?;
        let go_on = |death: &Death, number: u64| Step::Next(death.life.clone(), number + 1);
        let (next, say) = match (step, answer) {
            (Step::Next(..), Answer::Left(Ok(left))) => {
                let is_free = left.by == left.life || !lives(&left.by);
                let is_over = left.life == self.own || lives(&left.life) || self.said.contains(&left.number);
                let next = if !is_over && left.by == self.own {
                    // It was claimed, and the answer got lost.
                    Step::Look(*left)
                } else if !is_over && is_free {
                    Step::Claim(*left)
                } else {
                    go_on(&death, left.number)
                };
                (Some(next), None)
            }
            (Step::Next(..), Answer::Left(Err(number))) => (Some(go_on(&death, number)), None),
            (Step::Claim(left), Answer::Ours(number)) => (Some(Step::Look(Left { number, ..left })), None),
            (Step::Claim(left), Answer::Theirs) => (Some(go_on(&death, left.number)), None),
            (Step::Look(mut left), Answer::Known) => {
                // Of a node it is known to the moment. What a client has said itself while it lived is no reason to keep its will.
                if let Some(clock) = death.clock.filter(|_| left.heading.client != 0) {
                    left.bequest.clock = left.bequest.clock.max(clock);
                }
                if self.said.len() >= SAID {
                    self.said.clear();
                }
                self.said.insert(left.number);
                (Some(go_on(&death, left.at)), Some(left))
            }
            (Step::Next(..), Answer::Nothing) => (None, None),
            // No answer to that: it is asked again.
            (step, _) => (Some(step), None),
        };
        self.under_way = next.map(|next| (death, next));
        say
    }

    /// Whether nothing is being looked after.
    pub fn is_idle(&self) -> bool {
        self.under_way.is_none() && self.deaths.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::Retention;
    use crate::talk::Kind;
    use crate::topic::{Limits, Topic};

    fn left(life: &str, by: &str, number: u64) -> Left {
        let topic = Topic::parse("n/presence", &Limits::default()).unwrap();
        let bequest = Bequest {
            payload: "null".to_owned(),
            kind: Kind::Reading,
            retention: Retention::Keep,
            from: "hub".into(),
            passed_on: Box::default(),
            lasts: None,
            clock: Clock::at(5),
        };
        Left {
            life: life.into(),
            by: by.into(),
            number,
            at: number,
            heading: Heading { client: 0, topic },
            bequest,
        }
    }

    fn found(left: Left) -> Answer {
        Answer::Left(Ok(Box::new(left)))
    }

    #[test]
    fn what_a_dead_hub_has_left_is_claimed_looked_at_and_said() {
        let now = Instant::now();
        let mut heirs = Heirs::new("me", now);
        heirs.connection(true, now);
        // It is not known yet who lives.
        heirs.died("early".into(), Clock::at(9), 0, now);
        assert_eq!(heirs.next(now), None);
        let now = now + GRACE;
        let (number, step) = heirs.next(now).unwrap();
        assert_eq!(step, Step::Next(None, 1));
        let lives = |life: &str| life == "lives";
        assert_eq!(heirs.answered(number, found(left("lives", "lives", 3)), lives), None);
        let (number, step) = heirs.next(now).unwrap();
        assert_eq!(step, Step::Next(None, 4));
        assert_eq!(heirs.answered(number, Answer::Nothing, lives), None);
        assert!(heirs.is_idle());
        heirs.died("dead".into(), Clock::at(9), 0, now);
        let (number, step) = heirs.next(now).unwrap();
        assert_eq!(step, Step::Next(Some("dead".into()), 1));
        assert_eq!(heirs.answered(number, found(left("dead", "dead", 7)), lives), None);
        let (number, step) = heirs.next(now).unwrap();
        assert_eq!(step, Step::Claim(left("dead", "dead", 7)));
        // An answer that comes late is none.
        assert_eq!(heirs.answered(number - 1, Answer::Theirs, lives), None);
        assert_eq!(heirs.answered(number, Answer::Ours(9), lives), None);
        let (number, step) = heirs.next(now).unwrap();
        assert_eq!(step, Step::Look(Left { number: 9, ..left("dead", "dead", 7) }));
        let said = heirs.answered(number, Answer::Known, lives).unwrap();
        assert_eq!((said.number, said.bequest.clock), (9, Clock::at(5)));
        // It may be found again for a moment.
        let (number, step) = heirs.next(now).unwrap();
        assert_eq!(step, Step::Next(Some("dead".into()), 8));
        assert_eq!(heirs.answered(number, found(left("dead", "me", 9)), lives), None);
        assert_eq!(heirs.next(now).unwrap().1, Step::Next(Some("dead".into()), 10));
    }

    #[test]
    fn what_another_one_has_claimed_is_left_to_it_while_it_lives() {
        let now = Instant::now();
        let mut heirs = Heirs::new("me", now);
        heirs.connection(true, now);
        let now = now + GRACE;
        let asks = |heirs: &mut Heirs, answer: Answer, lives: fn(&str) -> bool| {
            let (number, _) = heirs.next(now).unwrap();
            assert_eq!(heirs.answered(number, answer, lives), None);
            heirs.under_way.as_ref().map(|(_, step)| step.clone())
        };
        let mut heirs_of =
            |by: &str, lives: fn(&str) -> bool| asks(&mut heirs, found(left("dead", by, 7)), lives);
        assert_eq!(heirs_of("other", |life| life == "other"), Some(Step::Next(None, 8)));
        assert_eq!(heirs_of("other", |_| false), Some(Step::Claim(left("dead", "other", 7))));
        assert_eq!(asks(&mut heirs, Answer::Theirs, |_| false), Some(Step::Next(None, 8)));
        let again = asks(&mut heirs, found(left("dead", "me", 7)), |_| false);
        assert_eq!(again, Some(Step::Look(left("dead", "me", 7))));
    }

    #[test]
    fn who_stood_still_does_not_take_all_others_for_dead() {
        let now = Instant::now();
        let mut heirs = Heirs::new("me", now);
        heirs.connection(true, now);
        let later = now + GRACE * 3;
        assert!(heirs.turn(later));
        heirs.died("lives".into(), Clock::at(9), 0, later);
        assert_eq!(heirs.next(later), None);
    }
}
