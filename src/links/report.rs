//! What a link says of itself: in the log, which it does not fill, and under `$SYS/hub/bridge`.

use std::time::Duration;

use tokio::time::Instant;

use super::link::Link;
use super::queue::{Entry, GaveWay};
use crate::moment::Moment;
use crate::talk::timestamp;

/// The least time from the line that says that something gives way to the one that says how much did.
const EPISODE: Duration = Duration::from_secs(5);

impl Link {
    /// Counts a message of the broker that is not taken. The log says it the first time, and then ever more rarely.
    pub(super) fn refuse(&mut self, topic: &str, why: &str) {
        self.figures.refused.add(1);
        let refused = self.figures.refused.value();
        if refused.is_power_of_two() {
            let (link, file) = (&self.settings.name, &self.settings.file);
            tracing::warn!(%link, %file, topic, refused, "message of the broker is not taken: {why}");
        }
    }

    /// A message for the broker is lost, for a reason that is its own.
    pub(super) fn lose(&mut self, entry: &Entry, why: &str) {
        self.figures.lost.add(1);
        let lost = self.figures.lost.value();
        if lost.is_power_of_two() {
            let (link, file) = (&self.settings.name, &self.settings.file);
            let (topic, bytes) = (entry.topic(), entry.relayed.message.len());
            tracing::warn!(%link, %file, ?topic, bytes, lost, "message for the broker is lost: {why}");
        }
    }

    /// Nothing gives way without a counter, and a line in the log when it begins and one when it is over.
    pub(super) fn account(&mut self, now: &GaveWay) {
        if *now == GaveWay::default() {
            return;
        }
        let link = &self.settings.name;
        self.figures.skipped.add(now.skipped);
        self.figures.lost.add(now.lost);
        if self.gave_way.is_none() {
            tracing::warn!(%link, waiting = self.queue.len(), bytes = self.queue.bytes(),
                "the queue for the broker is full: from here on only the newest reading of a topic is kept");
        }
        let (all, _) = self.gave_way.get_or_insert_with(|| (GaveWay::default(), Instant::now()));
        if now.lost > 0 && all.lost == 0 {
            tracing::warn!(%link, topic = ?now.topic, "the queue for the broker is full: the oldest messages are lost");
        }
        all.skipped += now.skipped;
        all.lost += now.lost;
    }

    /// Says how much waits, and what was left out when that is over: not more often than every [`EPISODE`], as a small
    /// queue may be full and empty again a thousand times a second.
    pub(super) fn measure(&mut self) {
        if !self.queue.is_full()
            && let Some((GaveWay { skipped, lost, .. }, _)) =
                self.gave_way.take_if(|(_, since)| since.elapsed() >= EPISODE)
        {
            let link = &self.settings.name;
            tracing::warn!(%link, skipped, lost, "the queue for the broker has room again");
        }
        self.figures.queued.set((self.queue.len() + self.flight.len()) as u64);
        self.figures.queued_bytes.set((self.queue.bytes() + self.flight.bytes()) as u64);
    }

    /// Says that the link is connected, when the broker has heard what it is to send us.
    pub(super) fn announce(&mut self) {
        if self.asked.is_empty()
            && let Some(resumed) = self.unannounced.take()
        {
            self.figures.connected.set(1);
            let (link, broker, waiting) = (&self.settings.name, &self.settings.broker, self.queue.len());
            tracing::info!(%link, %broker, resumed, waiting, "link is connected");
            self.tell("connected", None);
        }
    }

    pub(super) fn subscribed(&mut self, id: u16, refusals: &[Option<String>]) {
        let Some(first) = self.asked.remove(&id) else { return };
        self.announce();
        let (link, file) = (&self.settings.name, &self.settings.file);
        let rules = self.settings.rules.iter().filter(|rule| rule.direction.is_in()).skip(first);
        for (rule, refusal) in rules.zip(refusals) {
            if let Some(why) = refusal {
                let filter = &rule.remote.filter;
                tracing::warn!(%link, %file, line = rule.line, ?filter, why, "the broker refuses a subscription, so a rule of \
                    direction in carries nothing: give the user the right to read there, or change the rule");
            }
        }
    }

    /// Says what is wrong: the first time, and then ever more rarely.
    pub(super) fn complain(&mut self, sentence: String, wait: Duration) {
        let times = match &self.trouble {
            Some((before, times)) if *before == sentence => times + 1,
            _ => 1,
        };
        if times.is_power_of_two() {
            let (link, file, waiting) = (&self.settings.name, &self.settings.file, self.queue.len());
            tracing::warn!(%link, %file, times, waiting, "{sentence} (trying again in {:.1} s)", wait.as_secs_f64());
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
