//! What is said goes to history at once, before it is written: history is asked for it then, and what could not be written is
//! read anew from the file.

use parking_lot::MutexGuard;

use super::{Figures, Gap, Heard, Keeper, Live, Named, Seldom, Settings, Why};
use crate::topic::Topic;

/// Hears messages, one after the other. Questions wait meanwhile.
pub(crate) struct Hearing<'k> {
    live: MutexGuard<'k, Live>,
    unwritten: &'k mut Option<Gap>,
    settings: &'k Settings,
    is_on: bool,
    named: &'k Named,
    figures: &'k Figures,
    seen: u64,
}

impl Keeper {
    /// Messages up to this number were on the tape, or did not fit into it.
    pub(crate) fn sees(&mut self, number: u64) {
        self.seen = self.seen.max(number);
    }

    /// Begins to hear.
    pub(crate) fn listen(&mut self) -> Hearing<'_> {
        let (live, unwritten, seen) = (self.live.lock(), &mut self.unwritten, self.seen);
        let (settings, named, figures) = (&*self.settings, &self.named, &*self.figures);
        let is_on = settings.is_on();
        Hearing { live, unwritten, settings, is_on, named, figures, seen }
    }

    /// What was heard is written.
    pub(crate) fn is_written(&mut self) {
        self.unwritten = None;
        let mut live = self.live.lock();
        live.is_written();
        self.tell(&live);
    }

    /// It could not be written.
    pub(crate) fn lose(&mut self) {
        if let Some(lost) = self.unwritten.take() {
            self.live.lock().gaps.add(lost);
        }
    }
}

impl Hearing<'_> {
    /// Whether history has a message already.
    pub(crate) fn knows(&self, message: &Heard<'_>) -> bool {
        self.live.knows(message, self.seen)
    }

    /// Hears a reading that it does not know, and says whether it wants such readings at all.
    pub(crate) fn hear(&mut self, message: &Heard<'_>) -> bool {
        let is_wanted = self.wants(message.topic);
        if is_wanted {
            let refused = self.live.say(message);
            self.refuse(message.topic, refused);
            self.is_unwritten(message);
        }
        is_wanted
    }

    /// Looks at what is known of topics of these numbers, so that it is near.
    pub(crate) fn look(&self, topics: impl Iterator<Item = u64>) -> usize {
        self.live.look(topics)
    }

    /// A reading came when it could not be written.
    pub(crate) fn misses(&mut self, message: &Heard<'_>) {
        if self.wants(message.topic) {
            self.is_unwritten(message);
        }
    }

    fn wants(&self, topic: &Topic) -> bool {
        self.is_on && self.named.names(&self.settings.rules, topic)
    }

    fn is_unwritten(&mut self, message: &Heard<'_>) {
        if !message.is_walked {
            let lost = Gap { lost: 1, ..Gap::new(message.time, message.time, Why::Away) };
            *self.unwritten = Some(self.unwritten.map_or(lost, |unwritten| unwritten.join(&lost)));
        }
    }

    fn refuse(&self, topic: &Topic, refused: u64) {
        static REFUSED: Seldom = Seldom::new();
        if refused == 0 {
            return;
        }
        self.figures.history_refused.add(refused);
        if let Some(times) = REFUSED.again(topic.as_str()) {
            tracing::warn!(
                %topic,
                %times,
                "readings have no history, only a last value: there are history.series series, the topic has \
                 history.series_per_topic, or it says too many different texts"
            );
        }
    }
}
