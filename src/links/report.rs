//! What a link says of itself: in the log, which it does not fill, in figures, and under `$SYS/hub/bridge`.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::guard::Verdict;
use super::queue::{Entry, GaveWay, Queue};
use super::rules::Rule;
use super::settings::LinkSettings;
use crate::hub::{Hub, LinkFigures};
use crate::moment::Moment;
use crate::seldom::Seldom;
use crate::talk::timestamp;
use crate::topic::Topic;

/// The least time between the log line that a queue is full and the one that says how much was lost.
const EPISODE: Duration = Duration::from_secs(5);
/// Topics that are no text are cut at so many bytes.
const SHOWN_TOPIC: usize = 128;

/// What one link says and counts.
pub(super) struct Report {
    settings: Arc<LinkSettings>,
    hub: Arc<Hub>,
    figures: Arc<LinkFigures>,
    /// Why there is no connection, and how often that was so without a break.
    trouble: Option<(String, u64)>,
    /// What was skipped or lost since the first of these log lines, and the time of that line.
    giving_way: Option<(GaveWay, Instant)>,
}

/// A foreign text made fit for a log.
pub(super) fn shown(topic: &[u8]) -> String {
    let start = topic.get(..SHOWN_TOPIC).unwrap_or(topic);
    String::from_utf8_lossy(start).escape_debug().collect()
}

impl Report {
    pub(super) fn new(hub: &Arc<Hub>, settings: &Arc<LinkSettings>) -> Self {
        Self {
            figures: hub.links().enter(&settings.name),
            settings: Arc::clone(settings),
            hub: Arc::clone(hub),
            trouble: None,
            giving_way: None,
        }
    }

    pub(super) fn figures(&self) -> &Arc<LinkFigures> {
        &self.figures
    }

    /// Messages that the far side has taken.
    pub(super) fn told(&self, messages: usize) {
        self.figures.told.add(messages as u64);
    }

    /// Readings that gave way in the hub.
    pub(super) fn skipped(&self, readings: u64) {
        self.figures.skipped.add(readings);
    }

    /// All that was carried, in both directions.
    pub(super) fn carried(&self) -> u64 {
        self.figures.heard.value() + self.figures.told.value()
    }

    /// What became of a message of the far side.
    pub(super) fn arrived(&self, topic: &[u8], verdict: Result<Verdict, String>) {
        match verdict {
            Ok(Verdict::New) => self.figures.heard.add(1),
            Ok(Verdict::Returned) => self.figures.returned.add(1),
            Ok(Verdict::Worn) => {
                self.figures.returned.add(1);
                self.refuse(
                    &shown(topic),
                    "it goes round: hubs or brokers are joined in a circle, by other means than these links",
                );
            }
            Err(why) => self.refuse(&shown(topic), &why),
        }
    }

    /// Counts a message of the far side that is not taken.
    pub(super) fn refuse(&self, topic: &str, why: &str) {
        static REFUSED: Seldom = Seldom::new();
        self.figures.refused.add(1);
        let LinkSettings { name: link, file, noun, .. } = &*self.settings;
        if let Some(times) = REFUSED.again(link) {
            let refused = self.figures.refused.value();
            tracing::warn!(%link, %file, topic, refused, %times, "message of the {noun} is dropped: {why}");
        }
    }

    /// A message for the far side is lost, for a reason that is its own.
    pub(super) fn lose(&self, entry: &Entry, why: &str) {
        static LOST: Seldom = Seldom::new();
        self.figures.lost.add(1);
        let LinkSettings { name: link, file, noun, .. } = &*self.settings;
        if let Some(times) = LOST.again(link) {
            let (topic, bytes, lost) =
                (entry.topic(), entry.relayed.message.len(), self.figures.lost.value());
            tracing::warn!(%link, %file, ?topic, bytes, lost, %times, "message for the {noun} is lost: {why}");
        }
    }

    /// The hub has given up what waited for the link.
    pub(super) fn overflowed(&self, lost: u64) {
        static OVERFLOWED: Seldom = Seldom::new();
        self.figures.lost.add(lost);
        let LinkSettings { name: link, file, .. } = &*self.settings;
        if let Some(times) = OVERFLOWED.again(link) {
            tracing::error!(%link, %file, lost, %times, "the link was sent more than it could take at once, and that is \
                lost: raise outbox.hard_messages and outbox.hard_bytes");
        }
    }

    /// The link has taken over what waited for one of its name.
    pub(super) fn inherited(&self, waiting: usize, lost: u64) {
        self.figures.lost.add(lost);
        let link = &self.settings.name;
        if waiting > 0 || lost > 0 {
            tracing::info!(%link, waiting, lost, "link keeps the messages that waited; those that no rule carries any more are lost");
        }
    }

    /// Messages of the store that are in the queue again.
    pub(super) fn came_back(&self, waiting: usize, lost: u64) {
        self.figures.lost.add(lost);
        let link = &self.settings.name;
        if lost > 0 {
            tracing::warn!(%link, lost, "messages of the stored queue are lost: another version of the hub has written them, and this one cannot read them");
        }
        if waiting > 0 {
            tracing::info!(%link, waiting, "the queue of the link is back from the store");
        }
    }

    /// A message waits in memory only.
    pub(super) fn not_stored(&self, topic: &Topic) {
        static UNSTORED: Seldom = Seldom::new();
        self.figures.unstored.add(1);
        let LinkSettings { name: link, file, .. } = &*self.settings;
        if let Some(times) = UNSTORED.again(link) {
            let unstored = self.figures.unstored.value();
            tracing::warn!(%link, %file, ?topic, unstored, %times, "the store has no room for more messages for brokers: this one waits in \
                memory only; raise store.bytes, or lower stored_queue_bytes");
        }
    }

    /// An operator has asked to forget a message that waits. Its topic is not to be told.
    pub(super) fn forgotten(&self) {
        self.figures.lost.add(1);
    }

    /// Every skipped or lost message is counted. The log has a line when that begins, and one when it is over.
    pub(super) fn gave_way(&mut self, now: &GaveWay, queue: &Queue) {
        static FULL: Seldom = Seldom::new();
        if *now == GaveWay::default() {
            return;
        }
        let (link, noun) = (&self.settings.name, self.settings.noun);
        self.figures.skipped.add(now.skipped);
        self.figures.lost.add(now.lost);
        if self.giving_way.is_none()
            && let Some(times) = FULL.each()
        {
            tracing::warn!(%link, waiting = queue.len(), bytes = queue.bytes(), left_out = times.left_out,
                "the queue for the {noun} is full: from here on only the newest reading of a topic is kept");
        }
        let (all, _) = self.giving_way.get_or_insert_with(|| (GaveWay::default(), Instant::now()));
        if now.lost > 0 && all.lost == 0 && FULL.each().is_some() {
            tracing::warn!(%link, topic = ?now.topic, "the queue for the {noun} is full: the oldest messages are lost");
        }
        all.skipped += now.skipped;
        all.lost += now.lost;
    }

    /// Says how much waits, and what was left out when that is over: not more often than every [`EPISODE`], as a small
    /// queue may be full and empty again a thousand times a second.
    pub(super) fn measure(&mut self, queue: &Queue, on_the_way: (usize, usize)) {
        static HAS_ROOM: Seldom = Seldom::new();
        if !queue.is_full()
            && let Some((GaveWay { skipped, lost, .. }, _)) =
                self.giving_way.take_if(|(_, since)| since.elapsed() >= EPISODE)
            && HAS_ROOM.each().is_some()
        {
            let (link, noun) = (&self.settings.name, self.settings.noun);
            tracing::warn!(%link, skipped, lost, "the queue for the {noun} has room again");
        }
        let (messages, bytes) = on_the_way;
        self.figures.queued.set((queue.len() + messages) as u64);
        self.figures.queued_bytes.set((queue.bytes() + bytes) as u64);
    }

    /// The far side has let us in.
    pub(super) fn let_in(&mut self) {
        self.trouble = None;
        self.figures.connects.add(1);
    }

    /// The far side has heard what we want of it.
    pub(super) fn connected(&self, resumed: bool, waiting: usize) {
        static CONNECTED: Seldom = Seldom::new();
        self.figures.connected.set(1);
        let LinkSettings { name: link, far, .. } = &*self.settings;
        if let Some(times) = CONNECTED.each() {
            let left_out = times.left_out;
            tracing::info!(%link, %far, resumed, waiting, left_out, "link is connected");
        }
        self.tell("connected", None);
    }

    pub(super) fn disconnected(&self) {
        self.figures.connected.set(0);
    }

    /// The far side does not give us what a rule asks for.
    pub(super) fn subscription_refused(&self, rule: &Rule, why: &str) {
        static REFUSED: Seldom = Seldom::new();
        let LinkSettings { name: link, file, noun, .. } = &*self.settings;
        let filter = &rule.remote.filter;
        if let Some(times) = REFUSED.again(&format!("{link}:{}", rule.line)) {
            tracing::warn!(%link, %file, line = rule.line, ?filter, why, %times, "the {noun} refuses a subscription, so a rule of \
                direction in carries nothing: give the user the right to read there, or change the rule");
        }
    }

    /// Says what is wrong: the first time, and then ever more rarely.
    pub(super) fn complain(&mut self, sentence: String, wait: Duration, waiting: usize) {
        static TROUBLE: Seldom = Seldom::new();
        let times = match &self.trouble {
            Some((before, times)) if *before == sentence => times + 1,
            _ => 1,
        };
        // What the far side says may be another sentence each time.
        if times.is_power_of_two()
            && let Some(line) = TROUBLE.each()
        {
            let LinkSettings { name: link, file, .. } = &*self.settings;
            let (left_out, wait) = (line.left_out, wait.as_secs_f64());
            tracing::warn!(%link, %file, times, waiting, left_out, "{sentence} (trying again in {wait:.1} s)");
        }
        self.tell("away", Some(&sentence));
        self.trouble = Some((sentence, times));
    }

    /// Publishes how things stand under `$SYS/hub/bridge`.
    pub(super) fn tell(&self, state: &str, reason: Option<&str>) {
        let now = Moment::now();
        let since = timestamp::milliseconds(now.wall());
        let reason = reason.map(|reason| format!(", \"reason\": {}", serde_json::Value::from(reason)));
        let payload =
            format!("{{\"state\": \"{state}\", \"since\": \"{since}\"{}}}", reason.unwrap_or_default());
        self.hub.tell(&format!("bridge/{}/state", self.settings.name), &payload, now);
    }
}
