//! How fast a client may publish, so that the hub neither cuts it off nor loses a word.
//!
//! A hub that limits the messages of a second lets two seconds' worth come at once (`docs/protocol.md`, clause 8.3). What
//! we send in any time is at most a quarter of that and the rate, and what is on its way at any moment at most half of
//! it, which the hub's answers tell. So however the network delays and bunches what we send, it never adds up to more
//! than the hub allows.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use super::super::exit::broken;
use super::super::output;
use super::compose::Batch;
use crate::client::{Failure, Heard, Listener, Speaker};
use crate::talk::control::HubLimits;
use crate::talk::{Frames, Reply};

/// Messages on their way where the hub tells no limit.
const WINDOW: u32 = 65_536;
/// Messages on their way that are to be confirmed: less than a hub lets wait for a reader.
const CONFIRMED_WINDOW: u32 = 4_000;
/// The share of the rate that is used. The clocks of two machines differ.
const SHARE: f64 = 0.99;
/// How long the hub may take nothing.
const PATIENCE: Duration = Duration::from_secs(30);
/// Refusals that are printed one by one.
const COMPLAINTS: u64 = 10;

/// What came of it so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    /// Messages.
    pub(super) sent: u64,
    /// Of these refused.
    pub(super) refused: u64,
    /// Of these confirmed.
    pub(super) confirmed: u64,
}

pub(super) struct Flow {
    window: u64,
    quantum: u32,
    /// Frames a second, and how many may come at once.
    rate: Option<(f64, f64)>,
    allowed: Cell<(f64, Instant)>,
    /// Frames sent, our requests for a sign included, and those that the hub has handled.
    sent: Cell<u64>,
    handled: Cell<u64>,
    /// For each sign that was asked for, how many frames and messages had been sent.
    signs: RefCell<VecDeque<(u64, u64)>>,
    unsigned: Cell<u64>,
    arrived: Cell<u64>,
    tally: Cell<Tally>,
    answered: Notify,
    /// `--retain` takes a right of its own; whether that was said.
    retain: bool,
    /// Whether every message is answered.
    confirm: bool,
    advised: Cell<bool>,
}

impl Flow {
    pub(super) fn new(limits: HubLimits, confirm: bool, retain: bool) -> Self {
        let rate = limits.messages_per_second.map(|rate| f64::from(rate.max(1)));
        let window = limits.messages_per_second.map_or(WINDOW, |rate| rate.clamp(1, WINDOW));
        let window = if confirm { window.min(CONFIRMED_WINDOW) } else { window };
        let at_once = rate.map_or(0.0, |rate| (rate / 2.0).max(1.0));
        Self {
            window: window.into(),
            quantum: (window / 8).max(1),
            rate: rate.map(|rate| (rate * SHARE, at_once)),
            // The opening was a message, too.
            allowed: Cell::new(((at_once - 1.0).max(0.0), Instant::now())),
            sent: Cell::default(),
            handled: Cell::default(),
            signs: RefCell::default(),
            unsigned: Cell::default(),
            arrived: Cell::default(),
            tally: Cell::default(),
            answered: Notify::new(),
            retain,
            confirm,
            advised: Cell::default(),
        }
    }

    /// How many frames a batch holds at the most.
    pub(super) fn quantum(&self) -> u32 {
        self.quantum
    }

    pub(super) fn tally(&self) -> Tally {
        self.tally.get()
    }

    /// Sends a batch when its time has come, and empties it.
    pub(super) async fn send(&self, speaker: &mut Speaker, batch: &mut Batch) -> anyhow::Result<()> {
        self.permission(batch.frames).await?;
        speaker.say(std::mem::take(&mut batch.text)).await.map_err(broken)?;
        let frames = std::mem::take(&mut batch.frames);
        let mut tally = self.tally.get();
        tally.sent += u64::from(frames);
        self.tally.set(tally);
        self.unsigned.set(self.unsigned.get() + u64::from(frames));
        if self.unsigned.get() >= self.window / 4 {
            self.ask_for_a_sign(speaker).await?;
        }
        Ok(())
    }

    /// Waits until everything was handled by the hub.
    pub(super) async fn finish(&self, speaker: &mut Speaker) -> anyhow::Result<()> {
        if self.unsigned.get() > 0 {
            self.ask_for_a_sign(speaker).await?;
        }
        while !self.signs.borrow().is_empty() {
            self.sign().await?;
        }
        // What waits for the disk of the hub is answered behind the sign.
        while self.confirm && self.unanswered() {
            self.sign().await?;
        }
        Ok(())
    }

    fn unanswered(&self) -> bool {
        let Tally { sent, refused, confirmed } = self.tally.get();
        confirmed + refused < sent
    }

    async fn ask_for_a_sign(&self, speaker: &mut Speaker) -> anyhow::Result<()> {
        self.permission(1).await?;
        self.unsigned.set(0);
        self.signs.borrow_mut().push_back((self.sent.get(), self.tally.get().sent));
        speaker.ask_for_a_sign().await.map_err(broken)
    }

    /// Waits until so many frames may be sent, and counts them as sent.
    async fn permission(&self, frames: u32) -> anyhow::Result<()> {
        // One place is left for the request of a sign.
        while self.sent.get() - self.handled.get() + u64::from(frames) > self.window + 1
            && !self.signs.borrow().is_empty()
        {
            self.sign().await?;
        }
        if let Some((rate, at_once)) = self.rate {
            let (mut allowed, since) = self.allowed.get();
            allowed = (allowed + since.elapsed().as_secs_f64() * rate).min(at_once);
            let missing = f64::from(frames) - allowed;
            self.allowed.set((allowed, Instant::now()));
            if missing > 0.0 {
                sleep(Duration::from_secs_f64(missing / rate)).await;
            }
            self.allowed.set((-missing, self.allowed.get().1));
        }
        self.sent.set(self.sent.get() + u64::from(frames));
        Ok(())
    }

    async fn sign(&self) -> anyhow::Result<()> {
        let silent = || Failure::Lost("the hub has taken nothing for 30 s".to_owned());
        let answered = timeout(PATIENCE, self.answered.notified()).await;
        answered.map_err(|_| broken(self.explain(silent())))
    }

    /// Listens to the hub until it has nothing more to say.
    pub(super) async fn listen(&self, listener: &mut Listener) -> Failure {
        match self.listen_on(listener).await {
            Ok(never) => match never {},
            Err(failure) => failure,
        }
    }

    async fn listen_on(&self, listener: &mut Listener) -> Result<Infallible, Failure> {
        loop {
            match listener.next().await? {
                Heard::Text(text) => self.hear(&text),
                Heard::Closed => return Err(Failure::Lost("the hub closed the connection".to_owned())),
            }
        }
    }

    fn hear(&self, text: &str) {
        for said in Frames::of(text).filter_map(Result::ok).filter_map(|frame| Reply::read(&frame)?.ok()) {
            let mut tally = self.tally.get();
            match said {
                Reply::SubscriptionOk { .. } => {
                    if let Some((frames, messages)) = self.signs.borrow_mut().pop_front() {
                        self.handled.set(frames);
                        self.arrived.set(messages);
                    }
                    self.answered.notify_one();
                }
                Reply::PublishOk { .. } => {
                    tally.confirmed += 1;
                    self.answered.notify_one();
                }
                Reply::PublishError(refused) => {
                    tally.refused += 1;
                    self.answered.notify_one();
                    if tally.refused <= COMPLAINTS {
                        let topic = refused.topic.unwrap_or_else(|| "a message".to_owned());
                        output::notice(&format!("{topic}: {}", refused.reason));
                        self.advise(&topic, &refused.reason);
                    }
                }
                Reply::ConfigOk(_)
                | Reply::ConfigError { .. }
                | Reply::SubscriptionError { .. }
                | Reply::HistoryOk(_)
                | Reply::HistoryForgotten { .. }
                | Reply::HistoryError { .. }
                | Reply::LeaseOk { .. }
                | Reply::LeaseError { .. }
                | Reply::EventsOk(_)
                | Reply::EventsError(_)
                | Reply::Skipped { .. }
                | Reply::Close { .. } => {}
            }
            self.tally.set(tally);
        }
    }

    /// What to do about a refusal, once.
    fn advise(&self, topic: &str, reason: &str) {
        if !reason.starts_with("forbidden") || self.advised.replace(true) {
            return;
        }
        let advice = if topic.starts_with("$SYS/") {
            "topics under $SYS belong to the hub: no account may publish there; choose another topic"
        } else if reason.contains("retain") {
            "the right `retain` is missing: set retain = true for this account in users.toml and start the hub again, \
             or leave --retain out"
        } else if self.retain {
            "either no filter in `publish` of this account names the topic, or the right `retain` is missing, which \
             --retain takes; `clown-hub access explain USER retain TOPIC` says which"
        } else {
            "no filter in `publish` of this account names the topic; `clown-hub access explain USER publish TOPIC` \
             says what it may"
        };
        output::notice(advice);
    }

    /// A failure, with how far it went before.
    pub(super) fn explain(&self, failure: Failure) -> Failure {
        let (sent, arrived) = (self.tally.get().sent, self.arrived.get());
        let how_far = format!("{sent} messages were sent, {arrived} of them are known to have arrived");
        match failure {
            Failure::Refused(sentence) => Failure::Refused(format!("{sentence}; {how_far}")),
            Failure::Address(sentence) => Failure::Address(sentence),
            Failure::Lost(sentence) => Failure::Lost(format!("{sentence}; {how_far}")),
        }
    }
}
