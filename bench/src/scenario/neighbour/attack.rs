//! The attacker: it prepares what its plan needs, and then says what it has to say for as long as it is let, in a thread
//! of its own. It keeps to the rate that is allowed, and comes again when it is cut off.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::clock;
use crate::dialect::{Dialect, Guest, Side};
use crate::fleet::{Fleet, PATIENCE};
use crate::target::Door;

use super::kind::{self, ALLOWED, Plan, Says};
use super::sockets;

/// Where the attacker stands, and all that it may read and write.
pub(crate) const BASE: &str = "x";

/// The share of the allowed rate that it takes, so that its clock and the hub's need not agree.
const SHARE: f64 = 0.95;

/// Last values that one connection may bring at once.
const VALUES_AT_ONCE: usize = 30_000;

/// Bytes that are handed to the socket together.
const PIECE: usize = 64 * 1024;

/// How long it waits before it tries again to come in.
const PAUSE: Duration = Duration::from_millis(5);

pub(crate) struct Attack {
    plan: Plan,
    door: Door,
    fleet: Fleet,
    /// The client that speaks.
    speaker: usize,
    /// What it says in turn, as it is written to the socket, and the frames that it counts as.
    texts: Vec<(Vec<u8>, usize)>,
    turn: usize,
    pace: Pace,
    unanswered: usize,
    /// Answers that were no good ones.
    refusals: usize,
    said: Said,
    got: Got,
}

/// What was said on the connection that there is now.
#[derive(Debug, Default)]
struct Said {
    frames: u64,
    bytes: u64,
}

/// What the attacker got through.
#[derive(Debug, Default)]
pub(crate) struct Got {
    /// Frames that the hub has read, or connections where those are what it does.
    pub(crate) frames: u64,
    /// Connections that the hub ended, or did not let in.
    pub(crate) cut_offs: u64,
    /// Filters that it holds when it begins.
    pub(crate) filters: usize,
    /// The hub's words at the last end.
    pub(crate) words: Option<String>,
}

impl Attack {
    /// Has everything in its place, but does not begin.
    pub(crate) fn prepare(plan: Plan, door: Door) -> anyhow::Result<Self> {
        let mut fleet = Fleet::new(door.clone(), Dialect::Talk)?;
        keep_values(&mut fleet, plan.values)?;
        let mut filters = 0;
        for wanted in &plan.holders {
            let holder = fleet.join(BASE, Side::Dashboard, &[])?;
            filters += hold(&mut fleet, holder, wanted, &mut Pace::new(clock::now()))?;
        }
        let speaker = fleet.join(BASE, Side::Node, &[])?;
        let framed = |text: &String, cost| {
            let mut bytes = Vec::new();
            Dialect::Talk.say(text.as_bytes(), &mut bytes);
            (bytes, cost)
        };
        let texts = match &plan.says {
            Says::These(texts) => texts.iter().map(|text| framed(text, plan.cost)).collect(),
            Says::Largest(texts) => texts.iter().map(|set| framed(&set.text, set.cost)).collect(),
            Says::Numbered(..) | Says::Nothing => Vec::new(),
        };
        let got = Got { filters, ..Got::default() };
        let pace = Pace::new(clock::now());
        let (turn, unanswered, refusals, said) = (0, 0, 0, Said::default());
        let mut attack =
            Self { plan, door, fleet, speaker, texts, turn, pace, unanswered, refusals, said, got };
        attack.got.filters += attack.hold_filters()?;
        Ok(attack)
    }

    /// Has the one that speaks hold its filters; returns how many it holds.
    fn hold_filters(&mut self) -> anyhow::Result<usize> {
        hold(&mut self.fleet, self.speaker, &self.plan.filters, &mut self.pace)
    }

    /// Not before the attack begins: who sleeps for long is cut off.
    fn open(&mut self) {
        if self.plan.sleeps {
            self.fleet.fall_asleep(self.speaker);
        }
        if let Some((opening, cost)) = &self.plan.opening {
            self.pace.spend(*cost);
            self.fleet.put(self.speaker, opening.as_bytes());
            self.fleet.flush(self.speaker);
        }
    }

    /// Goes on until it is stopped and has said something, and leaves.
    pub(crate) fn run(mut self, stop: &AtomicBool) -> anyhow::Result<Got> {
        self.open();
        while !stop.load(Ordering::Relaxed) || self.has_said_nothing() {
            if let Says::Nothing = self.plan.says {
                self.come_and_vanish();
                continue;
            }
            if let Some(words) = self.fleet.ended(self.speaker) {
                self.got.cut_offs += 1;
                self.got.words = Some(words.to_owned());
                self.got.frames += std::mem::take(&mut self.said).frames;
                self.come_again(stop);
                continue;
            }
            self.speak();
            self.listen()?;
        }
        let (mut read, start) = (self.read_of_it()?, clock::now());
        while self.got.frames + read == 0 && clock::now() - start < clock::nanoseconds(PATIENCE.as_secs_f64())
        {
            self.listen()?;
            read = self.read_of_it()?;
        }
        self.got.frames += read;
        Ok(self.got)
    }

    fn has_said_nothing(&self) -> bool {
        self.said.frames == 0 && self.got.frames == 0 && self.got.cut_offs == 0
    }

    /// Frames of this connection, without those that the hub has not read yet: their share of the bytes.
    fn read_of_it(&self) -> anyhow::Result<u64> {
        let Some(port) = self.fleet.port(self.speaker) else { return Ok(0) };
        let unread =
            sockets::unread(port, self.door.address.port())? + self.fleet.waiting(self.speaker) as u64;
        let read = self.said.bytes.saturating_sub(unread);
        Ok(self.said.frames * read / self.said.bytes.max(1))
    }

    /// Says what it may and what the socket takes.
    fn speak(&mut self) {
        let now = clock::now();
        let mut waiting = self.fleet.waiting(self.speaker);
        while waiting < PIECE
            && self.plan.unanswered.is_none_or(|most| self.unanswered < most)
            && self.pace.take(
                now,
                next_of(&self.plan.says, &self.texts, self.turn, self.refusals)
                    .map_or(self.plan.cost, |(_, cost)| *cost),
            )
        {
            if let Says::Numbered(before, after) = &self.plan.says {
                let text = format!("{before}{:09}{after}", self.turn);
                self.fleet.put(self.speaker, text.as_bytes());
            } else if let Some((bytes, _)) = next_of(&self.plan.says, &self.texts, self.turn, self.refusals) {
                self.fleet.put_framed(self.speaker, bytes);
            }
            let before = std::mem::replace(&mut waiting, self.fleet.waiting(self.speaker));
            self.said.bytes += (waiting - before) as u64;
            self.said.frames += self.plan.frames as u64;
            self.turn += 1;
            self.unanswered += 1;
        }
        self.fleet.flush(self.speaker);
    }

    fn listen(&mut self) -> anyhow::Result<()> {
        let (speaker, before, mut answers) = (self.speaker, self.refusals, 0);
        let refusals = &mut self.refusals;
        self.fleet.turn_within(Duration::from_millis(1), &mut |client, text, _| {
            if client == speaker && is_answer(text) {
                answers += 1;
                *refusals += usize::from(!is_good(text));
            }
        })?;
        self.unanswered = self.unanswered.saturating_sub(answers);
        if let Says::Largest(sets) = &self.plan.says
            && let Some(taken) = sets.get(before).or(sets.last())
            && answers > self.refusals - before
        {
            self.pace.spend(taken.look_up);
        }
        Ok(())
    }

    /// In the place of the one that was cut off. A new connection has a new allowance.
    fn come_again(&mut self, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            let came = self.fleet.join_again(self.speaker, BASE, Side::Node, &[]);
            self.pace = Pace::new(clock::now());
            match came.and_then(|()| self.hold_filters()) {
                Ok(_) => {
                    self.open();
                    self.unanswered = 0;
                    return;
                }
                Err(error) => self.was_refused(&error),
            }
        }
    }

    /// One connection, without a good-bye: the hub finds it reset.
    fn come_and_vanish(&mut self) {
        if !self.pace.take(clock::now(), self.plan.cost) {
            return std::thread::sleep(PAUSE);
        }
        let guest = Guest { number: self.turn, base: BASE, side: Side::Dashboard, filters: &[] };
        let came = Dialect::Talk.enter(&self.door, guest).and_then(|(stream, _)| {
            // Else the ports of this machine would be used up.
            Ok(rustix::net::sockopt::set_socket_linger(stream.socket(), Some(Duration::ZERO))?)
        });
        self.turn += 1;
        match came {
            Ok(()) => self.got.frames += 1,
            Err(error) => self.was_refused(&error),
        }
    }

    fn was_refused(&mut self, error: &anyhow::Error) {
        self.got.cut_offs += 1;
        self.got.words = Some(format!("{error:#}"));
        std::thread::sleep(PAUSE);
    }
}

/// What is said next, of that which is ready, and the frames that it counts as.
fn next_of<'t>(
    says: &Says,
    texts: &'t [(Vec<u8>, usize)],
    turn: usize,
    refusals: usize,
) -> Option<&'t (Vec<u8>, usize)> {
    match says {
        Says::Largest(_) => texts.get(refusals).or(texts.last()),
        Says::These(_) => texts.get(turn % texts.len().max(1)),
        Says::Numbered(..) | Says::Nothing => None,
    }
}

/// Puts last values into the store, by as many connections as that takes at once.
fn keep_values(fleet: &mut Fleet, values: usize) -> anyhow::Result<()> {
    let numbers: Vec<_> = (0..values).collect();
    for part in numbers.chunks(VALUES_AT_ONCE) {
        let node = fleet.join(BASE, Side::Node, &[])?;
        let (last, others) = part.split_last().context("a part without values")?;
        for number in others {
            fleet.put(node, format!("[\"{}\", 1]", kind::value(*number)).as_bytes());
        }
        fleet.put(node, format!("[\"{}\", 1, {{\"id\": 1}}]", kind::value(*last)).as_bytes());
        fleet.flush(node);
        wait_for_answer(fleet, node)?;
    }
    Ok(())
}

/// Adds filters until all are held, or the hub refuses a single one more, no faster than is allowed; returns how many are.
fn hold(fleet: &mut Fleet, client: usize, filters: &[String], pace: &mut Pace) -> anyhow::Result<usize> {
    let (mut held, mut size) = (0, filters.len().div_ceil(20));
    while let Some(rest) = filters.get(held..)
        && let Some(part) = rest.get(..size.min(rest.len()))
        && !part.is_empty()
    {
        while !pace.take(clock::now(), kind::request(part, filters.get(..held).unwrap_or_default())) {
            fleet.turn_within(PAUSE, &mut |_, _, _| ())?;
        }
        let list = serde_json::json!({ "filters": part });
        fleet.put(client, format!("[\"clown.talk/-/subscription/add\", {list}]").as_bytes());
        fleet.flush(client);
        if wait_for_answer(fleet, client)? {
            held += part.len();
        } else {
            size /= 2;
        }
    }
    Ok(held)
}

/// Waits for an answer; returns whether it was a good one.
fn wait_for_answer(fleet: &mut Fleet, client: usize) -> anyhow::Result<bool> {
    let (mut answer, start) = (None, clock::now());
    while answer.is_none() {
        fleet.turn(&mut |from, text, _| {
            if from == client && is_answer(text) {
                answer = Some(is_good(text));
            }
        })?;
        if let Some(words) = fleet.ended(client) {
            bail!("the hub ended a connection of the attacker: {words}");
        }
        if clock::now() - start > clock::nanoseconds(PATIENCE.as_secs_f64() * 3.0) {
            bail!("the hub did not answer the attacker in a minute");
        }
    }
    Ok(answer.unwrap_or(false))
}

const ANSWERS: [&[u8]; 3] = [b"config/", b"subscription/", b"publish/"];

/// What follows the words that every answer begins with.
fn answered(text: &[u8]) -> Option<&[u8]> {
    let rest = text.strip_prefix(b"[\"clown.talk/-/")?;
    ANSWERS.iter().find_map(|answer| rest.strip_prefix(*answer))
}

fn is_answer(text: &[u8]) -> bool {
    answered(text).is_some()
}

fn is_good(text: &[u8]) -> bool {
    answered(text).is_some_and(|rest| rest.starts_with(b"ok\""))
}

/// The allowance of one connection, as the hub counts it: so many a second, and two seconds' worth at once.
struct Pace {
    left: f64,
    counted_at: u64,
}

impl Pace {
    fn new(now: u64) -> Self {
        Self { left: Self::most(), counted_at: now }
    }

    fn most() -> f64 {
        f64::from(ALLOWED) * 2.0 * SHARE
    }

    /// Whether so many frames may be sent now; then they count as sent. What counts as more than may ever be sent at once
    /// is owed: the next ones have to wait for it.
    fn take(&mut self, now: u64, frames: usize) -> bool {
        let earned = now.saturating_sub(self.counted_at) as f64 / 1e9 * f64::from(ALLOWED) * SHARE;
        self.left = (self.left + earned).min(Self::most());
        self.counted_at = now;
        let enough = self.left >= Self::most().min(frames as f64);
        if enough {
            self.spend(frames);
        }
        enough
    }

    fn spend(&mut self, frames: usize) {
        self.left -= frames as f64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_attacker_stays_below_the_rate_that_is_allowed() {
        let mut pace = Pace::new(0);
        let sent = |pace: &mut Pace, now: u64| (0..100_000).take_while(|_| pace.take(now, 1)).count();
        let at_once = sent(&mut pace, 0);
        assert!(at_once < 40_000 && at_once > 36_000, "{at_once}");
        let in_a_second: usize = (1..=1000).map(|ms| sent(&mut pace, ms * 1_000_000)).sum();
        assert!(in_a_second < 20_000 && in_a_second > 18_000, "{in_a_second}");
        assert!(!pace.take(1_000_000_000, 10_000) && pace.take(2_000_000_000, 10_000));
    }

    #[test]
    fn what_counts_as_more_than_is_allowed_at_once_is_paid_for_before_the_next_frame() {
        let mut pace = Pace::new(0);
        let seconds = |n: u64| n * 1_000_000_000;
        assert!(pace.take(0, 380_000), "two seconds' worth are there, and eighteen are owed");
        assert!(!pace.take(seconds(17), 1) && pace.take(seconds(19), 1));
    }

    #[test]
    fn answers_are_told_from_messages_and_good_ones_from_bad_ones() {
        let ok: &[u8] = b"[\"clown.talk/-/subscription/ok\", {\"filters\": []}]";
        let error: &[u8] = b"[\"clown.talk/-/config/error\", {\"reason\": \"no\"}]";
        let skipped: &[u8] = b"[\"clown.talk/-/skipped\", {\"count\": 3}]";
        assert_eq!([ok, error, skipped, b"[\"a/b\", 1]"].map(is_answer), [true, true, false, false]);
        assert_eq!([ok, error].map(is_good), [true, false]);
    }
}
