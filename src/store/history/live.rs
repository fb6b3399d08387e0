//! What is known of history in memory: which series there are, which spans, and what was said and is not sealed. Pure; what is
//! said now and what is read from the log at the start go through the same [`say`](Live::say).

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::chunk::MOST_SERIES;
use super::payload::{self, Found};
use super::run::Run;
use super::settings::Settings;
use super::tables::{SeriesRow, SpanRow};
use crate::topic::Topic;

/// The longest unit that is kept.
const LONGEST_UNIT: usize = 32;

/// Whether a series has numbers or states. Both may be at one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Numbers,
    States,
}

impl Kind {
    pub(super) fn code(self) -> u64 {
        match self {
            Self::Numbers => 0,
            Self::States => 1,
        }
    }

    fn of(code: u64) -> Option<Self> {
        [Self::Numbers, Self::States].into_iter().find(|kind| kind.code() == code)
    }
}

/// One series.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) topic: Topic,
    pub(super) path: Box<str>,
    pub(super) kind: Kind,
    pub(super) unit: Box<str>,
    /// The newest time of what is sealed.
    pub(super) at: u64,
    /// What is being sealed, in front of what was said since.
    pub(super) sealing: Option<Arc<Run>>,
    pub(super) open: Run,
}

impl Series {
    /// As the file has it.
    pub(super) fn row(&self, at: u64) -> SeriesRow {
        SeriesRow {
            topic: self.topic.as_str().into(),
            path: self.path.clone(),
            kind: self.kind.code(),
            unit: self.unit.clone(),
            at,
        }
    }
}

/// What is known of a topic.
#[derive(Debug, Default)]
struct Spoken {
    /// The newest message: its time, and what it said, where that is known.
    time: u64,
    digest: Option<u64>,
    series: Vec<Place>,
}

#[derive(Debug)]
struct Place {
    id: u32,
    kind: Kind,
    path: Box<str>,
}

/// Everything.
#[derive(Debug)]
pub(super) struct Live {
    settings: Arc<Settings>,
    topics: HashMap<Topic, Spoken, RandomState>,
    hasher: RandomState,
    series: BTreeMap<u32, Series>,
    highest: u32,
    spans: Arc<BTreeMap<u64, SpanRow>>,
    /// What the sums of the file begin with; none while there is no file.
    pub(super) mark: Option<u64>,
    /// Bytes and readings of what is open, and when its first one was said.
    open_bytes: usize,
    open_since: Option<u64>,
}

impl Live {
    pub(super) fn new(settings: Arc<Settings>) -> Self {
        Self {
            settings,
            topics: HashMap::default(),
            hasher: RandomState::default(),
            series: BTreeMap::new(),
            highest: 0,
            spans: Arc::default(),
            mark: None,
            open_bytes: 0,
            open_since: None,
        }
    }

    /// A topic said this. Returns how many of its readings were refused.
    pub(super) fn say(&mut self, topic: &Topic, time: u64, payload: &str) -> u64 {
        let digest = self.hasher.hash_one(payload);
        if let Some(spoken) = self.topics.get_mut(topic) {
            // What is gone through again after an outage, and the newest message of what is sealed.
            let is_known = spoken.digest.is_none_or(|known| known == digest);
            if spoken.time == time && is_known {
                return 0;
            }
            (spoken.time, spoken.digest) = (time, Some(digest));
        }
        let (mut refused, mut told) = (0, 0);
        let most = self.settings.series_per_topic;
        payload::readings(payload, &mut |path, unit, found| {
            told += 1;
            if told > most || !self.put(topic, time, path, unit, found) {
                refused += 1;
            }
            // The others are not looked at. They are not counted one by one either.
            told <= most
        });
        if let Some(spoken) = self.topics.get_mut(topic) {
            (spoken.time, spoken.digest) = (time, Some(digest));
        }
        refused
    }

    fn put(&mut self, topic: &Topic, time: u64, path: &str, unit: Option<&str>, found: Found<'_>) -> bool {
        let kind = if matches!(found, Found::State(_)) { Kind::States } else { Kind::Numbers };
        let known = self.topics.get(topic);
        let places = known.map_or(&[][..], |spoken| &*spoken.series);
        let mut of_path = places.iter().filter(|place| *place.path == *path);
        let id = of_path.find(|place| place.kind == kind).map(|place| place.id);
        let Some(id) = id.or_else(|| self.add(topic, path, kind)) else { return false };
        let Some(series) = self.series.get_mut(&id) else { return false };
        if let Found::State(state) = found {
            let last = series.open.last_state();
            if last == Some(state) {
                return true;
            }
        }
        if let Some(unit) = unit.filter(|unit| unit.len() <= LONGEST_UNIT && **unit != *series.unit) {
            series.unit = unit.into();
        }
        let before = series.open.bytes();
        let is_taken = series.open.push(time, found);
        self.open_bytes += series.open.bytes() - before;
        self.open_since.get_or_insert(time);
        is_taken
    }

    fn add(&mut self, topic: &Topic, path: &str, kind: Kind) -> Option<u32> {
        let of_topic = self.topics.get(topic).map_or(0, |spoken| spoken.series.len());
        let has_room = of_topic < self.settings.series_per_topic
            && self.series.len() < self.settings.series
            && self.highest < MOST_SERIES;
        if !has_room {
            return None;
        }
        let id = self.highest + 1;
        let series = Series {
            topic: topic.clone(),
            path: path.into(),
            kind,
            unit: Box::default(),
            at: 0,
            sealing: None,
            open: Run::default(),
        };
        self.insert(id, series);
        Some(id)
    }

    fn insert(&mut self, id: u32, series: Series) {
        self.highest = self.highest.max(id);
        let spoken = self.topics.entry(series.topic.clone()).or_default();
        if series.at > spoken.time {
            (spoken.time, spoken.digest) = (series.at, None);
        }
        spoken.series.push(Place { id, kind: series.kind, path: series.path.clone() });
        self.series.insert(id, series);
    }

    /// Takes a series of the file.
    pub(super) fn restore(&mut self, id: u32, topic: Topic, row: SeriesRow) -> bool {
        let Some(kind) = Kind::of(row.kind) else { return false };
        let SeriesRow { path, unit, at, .. } = row;
        self.insert(id, Series { topic, path, kind, unit, at, sealing: None, open: Run::default() });
        true
    }

    /// A number that the file has given to a series that cannot be read.
    pub(super) fn is_taken(&mut self, id: u32) {
        self.highest = self.highest.max(id);
    }

    pub(super) fn series(&self) -> &BTreeMap<u32, Series> {
        &self.series
    }

    pub(super) fn get(&self, id: u32) -> Option<&Series> {
        self.series.get(&id)
    }

    pub(super) fn spans(&self) -> &Arc<BTreeMap<u64, SpanRow>> {
        &self.spans
    }

    pub(super) fn open_bytes(&self) -> usize {
        self.open_bytes
    }

    pub(super) fn open_since(&self) -> Option<u64> {
        self.open_since
    }

    /// What is open is to be sealed from now on. Says which series that are.
    pub(super) fn begin_sealing(&mut self) -> Vec<u32> {
        let mut all = Vec::new();
        for (id, series) in &mut self.series {
            if !series.open.is_empty() {
                series.sealing = Some(Arc::new(std::mem::take(&mut series.open)));
                all.push(*id);
            }
        }
        (self.open_bytes, self.open_since) = (0, None);
        all
    }

    /// A span is in the file, and what was sealed into it need not be held any more.
    pub(super) fn sealed(&mut self, spans: impl IntoIterator<Item = (u64, SpanRow)>) {
        Arc::make_mut(&mut self.spans).extend(spans);
        for series in self.series.values_mut() {
            if let Some(run) = series.sealing.take() {
                series.at = series.at.max(run.last_time().unwrap_or(0));
            }
        }
    }

    /// A span is there.
    pub(super) fn put_span(&mut self, id: u64, span: SpanRow) {
        Arc::make_mut(&mut self.spans).insert(id, span);
    }

    /// Spans are gone.
    pub(super) fn forget_spans(&mut self, ids: &[u64]) {
        let spans = Arc::make_mut(&mut self.spans);
        for id in ids {
            spans.remove(id);
        }
    }

    /// Series of which nothing is left, not more than `most` of them.
    pub(super) fn empty_series(&self, most: usize) -> Vec<u32> {
        let oldest = self.spans.values().map(|span| span.first).min().unwrap_or(u64::MAX);
        let is_empty =
            |series: &Series| series.open.is_empty() && series.sealing.is_none() && series.at < oldest;
        let empty = self.series.iter().filter(|(_, series)| is_empty(series));
        empty.map(|(id, _)| *id).take(most).collect()
    }

    /// Series are gone.
    pub(super) fn forget_series(&mut self, ids: &[u32]) {
        for id in ids {
            let Some(series) = self.series.remove(id) else { continue };
            if let Some(spoken) = self.topics.get_mut(&series.topic) {
                spoken.series.retain(|place| place.id != *id);
                if spoken.series.is_empty() {
                    self.topics.remove(&series.topic);
                }
            }
        }
    }
}
