//! What was said and is not settled yet: the sum of the log. Pure.
//!
//! It is a little ahead of the log: what is [said](Head::say) will be in the next row, and settling never begins before that is
//! written.
//!
//! From time to time what has gathered is *settled*: put down in the table of last values, a slice at a time. What is
//! said meanwhile gathers anew. When the last slice is down, the rows of the log up to then say nothing that is not
//! settled, and go.

use super::bases::Apart;
use super::log::{Bases, Draft, Record, Rest, Value};
use super::paged::Paged;
use crate::hub::Rhythm;
use crate::talk::Kind;

/// What was said last of one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unsettled {
    /// The row of the log that said it.
    pub(super) seq: u64,
    /// What was said; none if the value was forgotten.
    pub(super) value: Option<Kept>,
}

/// A last value, as the head holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) time: u64,
    pub(super) user: u64,
    pub(super) payload: Box<str>,
    pub(super) rest: Option<Box<Rest>>,
    /// How often the topic speaks.
    pub(super) rhythm: Rhythm,
}

impl Kept {
    fn of(value: Value<'_>) -> Self {
        let payload = value.payload.into_owned().into_boxed_str();
        let rest = value.rest.map(Box::new);
        Self { time: value.time, user: value.user, payload, rest, rhythm: value.rhythm }
    }

    /// Says something else now, in the same memory: values of one topic are often of one length.
    fn replace(&mut self, value: Value<'_>) {
        let mut payload = String::from(std::mem::take(&mut self.payload));
        payload.clear();
        payload.push_str(&value.payload);
        let (payload, rest) = (payload.into_boxed_str(), value.rest.map(Box::new));
        *self = Self { time: value.time, user: value.user, payload, rest, rhythm: value.rhythm };
    }

    fn is_a_reading(&self) -> bool {
        self.rest.as_ref().is_none_or(|rest| rest.kind == Kind::Reading)
    }
}

/// What was said of a topic: its new value, or that there is none any more.
pub(super) type Said = (u64, Option<Kept>);

/// What a record says.
pub(super) fn said(record: Record<'_>) -> Said {
    (record.topic, record.value.map(Kept::of))
}

/// Everything that is not settled, by the numbers of the topics.
#[derive(Debug, Default)]
pub(super) struct Head {
    open: Paged<u64, Unsettled>,
    settling: Paged<u64, Unsettled>,
    /// Up to this row the log is settled once nothing is left of `settling`.
    until: Option<u64>,
    /// What the next rows tell differences from.
    bases: Bases,
    /// Bytes of the rows that have gathered since the last settling began.
    gathered: u64,
}

impl Head {
    /// A row of the log that a start finds says this, and has so many bytes. The log has no rhythms, but it has the gaps. A span is of one life of the
    /// hub: from one to the next there is no gap of a topic, but one of the hub.
    pub(super) fn apply(&mut self, seq: u64, span: u64, bytes: usize, said: impl IntoIterator<Item = Said>) {
        self.gathered += bytes as u64;
        for (topic, mut value) in said {
            if let Some(Unsettled { seq: before, value: Some(older) }) = self.open.get(topic)
                && let Some(newer) = &mut value
            {
                let is_gap = *before >= span && newer.time > older.time && newer.is_a_reading();
                let gap = newer.time.saturating_sub(older.time);
                newer.rhythm = if is_gap { older.rhythm.and(gap) } else { older.rhythm };
            }
            self.open.insert(topic, Unsettled { seq, value });
        }
    }

    /// How often a topic spoke before that.
    pub(super) fn spoke_before(&mut self, topic: u64, rhythm: Rhythm) {
        if let Some(Unsettled { value: Some(kept), .. }) = self.open.get_mut(topic) {
            kept.rhythm = rhythm.then(kept.rhythm);
        }
    }

    /// The log of a file of this mark goes on with this row, in a span of its own.
    pub(super) fn go_on_with(&mut self, mark: u64, seq: u64) {
        self.bases.go_on(mark, seq);
    }

    /// The row `seq`, which is not written yet, will say this; `is_known` says whether history has it already. If the row cannot
    /// be written, the head is made anew. Gives the payload, where it was taken apart.
    pub(super) fn say(
        &mut self,
        seq: u64,
        record: Record<'_>,
        is_known: bool,
        draft: &mut Draft,
    ) -> Option<Apart<'_>> {
        let Self { open, bases, .. } = self;
        let topic = record.topic;
        let apart = draft.add(&record, is_known, || open.contains(topic), bases);
        match (open.get_mut(topic), record.value) {
            (Some(Unsettled { seq: row, value: Some(kept) }), Some(value)) => {
                *row = seq;
                kept.replace(value);
            }
            (_, value) => {
                open.insert(topic, Unsettled { seq, value: value.map(Kept::of) });
            }
        }
        apart
    }

    /// Looks at what is known of topics of these numbers, so that it is near.
    pub(super) fn look(&self, topics: impl Iterator<Item = u64> + Clone) -> usize {
        let byte = |topic| {
            let value = self.open.get(topic)?.value.as_ref()?;
            Some(usize::from(*value.payload.as_bytes().first()?))
        };
        self.bases.look(topics.clone()) + topics.filter_map(byte).sum::<usize>()
    }

    /// A row is written, which has so many bytes.
    pub(super) fn written(&mut self, bytes: usize) {
        self.gathered += bytes as u64;
    }

    /// What the next rows tell differences from.
    pub(super) fn bases(&self) -> &Bases {
        &self.bases
    }

    /// The settled value of a topic is to go, although no row of the log says so.
    pub(super) fn forget(&mut self, topic: u64) {
        let seq = self.open.get(topic).map_or(0, |unsettled| unsettled.seq);
        self.open.insert(topic, Unsettled { seq, value: None });
    }

    /// What was said of a topic is older than what is settled: rows of the log between the two are missing.
    pub(super) fn drop_older(&mut self, topic: u64) {
        self.open.remove(topic);
    }

    /// What is known of a topic beyond the table of last values.
    pub(super) fn get(&self, topic: u64) -> Option<&Unsettled> {
        self.open.get(topic).or_else(|| self.settling.get(topic))
    }

    /// All topics that have gathered, and what was said of each. Only while nothing is being settled.
    pub(super) fn open(&self) -> impl Iterator<Item = (u64, &Unsettled)> {
        self.open.iter()
    }

    /// Bytes of the log that have gathered since settling began the last time.
    pub(super) fn gathered(&self) -> u64 {
        self.gathered
    }

    /// Whether something waits to be settled, or the log to be shortened.
    pub(super) fn is_settling(&self) -> bool {
        self.until.is_some()
    }

    /// Begins to settle what has gathered; `newest` is the newest row of the log.
    pub(super) fn begin_settling(&mut self, newest: u64) {
        if self.until.is_none() {
            self.settling = std::mem::take(&mut self.open);
            self.until = Some(newest);
            self.gathered = 0;
            self.go_on_with(self.bases.mark(), newest + 1);
        }
    }

    /// The next topics to be settled, in the order of their numbers.
    pub(super) fn slice(&self, most: usize) -> impl Iterator<Item = (u64, &Unsettled)> {
        self.settling.iter().take(most)
    }

    /// The first so many of them are down. Gives those whose values are gone.
    pub(super) fn settled(&mut self, count: usize) -> Vec<u64> {
        let mut gone = Vec::new();
        for _ in 0..count {
            match self.settling.pop_first() {
                Some((topic, Unsettled { value: None, .. })) => gone.push(topic),
                Some(_) => {}
                None => break,
            }
        }
        gone
    }

    /// Up to which row the log may go, as nothing is left to be settled.
    pub(super) fn may_go(&self) -> Option<u64> {
        self.until.filter(|_| self.settling.is_empty())
    }

    /// The log is short again.
    pub(super) fn shortened(&mut self) {
        self.until = None;
    }
}

#[cfg(test)]
mod tests {
    use super::super::log;
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, HashMap};

    #[derive(Debug, Clone)]
    enum Step {
        Say(Vec<(u64, Option<u8>)>),
        Settle(usize),
        Restart,
    }

    fn step() -> impl Strategy<Value = Step> {
        let said = prop::collection::vec((0..8_u64, prop::option::weighted(0.7, any::<u8>())), 1..5);
        prop_oneof![
            4 => said.prop_map(Step::Say),
            3 => (1..4_usize).prop_map(Step::Settle),
            1 => Just(Step::Restart),
        ]
    }

    /// The file, as far as the head is concerned.
    #[derive(Default)]
    struct Disk {
        log: BTreeMap<u64, Vec<u8>>,
        last: HashMap<u64, Unsettled>,
    }

    impl Disk {
        fn replay(&self) -> Head {
            let (mut head, mut bases) = (Head::default(), Bases::default());
            for (seq, bytes) in &self.log {
                let row = log::read(*seq, bytes, &mut bases).unwrap();
                // What cannot be told any more is of a span whose first rows are gone, as it is settled.
                assert!(row.lost == 0 || !self.log.contains_key(&row.span));
                head.apply(*seq, row.span, bytes.len(), row.records.into_iter().map(said));
            }
            // As a start does it: what came after may be told from a row that is gone, and is settled.
            for (topic, settled) in &self.last {
                if head.get(*topic).is_some_and(|said| said.seq <= settled.seq) {
                    head.drop_older(*topic);
                }
            }
            head.go_on_with(0, self.log.last_key_value().map_or(0, |(seq, _)| *seq) + 1);
            head
        }

        /// What a start would find.
        fn values(&self, head: &Head) -> HashMap<u64, String> {
            let mut found: HashMap<_, _> = self.last.clone();
            for (topic, unsettled) in head.open() {
                if found.get(&topic).is_none_or(|settled| settled.seq < unsettled.seq) {
                    found.insert(topic, unsettled.clone());
                }
            }
            let text =
                |(topic, unsettled): (u64, Unsettled)| Some((topic, unsettled.value?.payload.to_string()));
            found.into_iter().filter_map(text).collect()
        }
    }

    proptest! {
        /// The twin is a map of what was said last. The hub may die between any two steps, each of which is a transaction.
        #[test]
        fn a_start_finds_what_was_said_last(steps in prop::collection::vec(step(), 0..60)) {
            let (mut disk, mut head, mut twin) = (Disk::default(), Head::default(), HashMap::new());
            let mut seq = 0;
            for step in steps {
                match step {
                    Step::Say(said) => {
                        seq += 1;
                        let texts: Vec<_> = said.iter().map(|(topic, value)| (*topic, value.map(|value| value.to_string()))).collect();
                        let records: Vec<_> = texts.iter().map(|(topic, text)| Record {
                            topic: *topic,
                            value: text.as_deref().map(|payload| Value { time: seq, user: 1, payload: payload.into(), rest: None, rhythm: Rhythm::default() }),
                        }).collect();
                        let mut draft = Draft::default();
                        for record in records {
                            head.say(seq, record, false, &mut draft);
                        }
                        let bytes = draft.row(seq, seq, head.bases()).unwrap();
                        head.written(bytes.len());
                        disk.log.insert(seq, bytes);
                        for (topic, text) in texts {
                            match text {
                                Some(text) => twin.insert(topic, text),
                                None => twin.remove(&topic),
                            };
                        }
                    }
                    Step::Settle(most) => {
                        if !head.is_settling() {
                            head.begin_settling(seq);
                        }
                        let slice: Vec<_> = head.slice(most).map(|(topic, unsettled)| (topic, unsettled.clone())).collect();
                        for (topic, unsettled) in &slice {
                            match unsettled.value {
                                Some(_) => disk.last.insert(*topic, unsettled.clone()),
                                None => disk.last.remove(topic),
                            };
                        }
                        head.settled(slice.len());
                        if let Some(until) = head.may_go() {
                            // A slice of it at a time, the newest row stays.
                            let old = disk.log.keys().copied().filter(|row| *row <= until && *row < seq).take(most).collect::<Vec<_>>();
                            for row in &old {
                                disk.log.remove(row);
                            }
                            if old.len() < most {
                                head.shortened();
                            }
                        }
                    }
                    Step::Restart => head = disk.replay(),
                }
                prop_assert_eq!(&disk.values(&disk.replay()), &twin);
            }
        }
    }
}
