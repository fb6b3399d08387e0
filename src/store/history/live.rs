//! What is known of history in memory: which series there are, which spans, and what was said and is not sealed. Pure; what is
//! said now and what is read from the log at the start go through the same [`say`](Live::say).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::chunk::MOST_SERIES;
use super::gap::{Gap, Gaps, few};
use super::heard::{Heard, Which};
use super::payload::{self, Found};
use super::run::{LONG, Run};
use super::settings::Settings;
use super::spans::{Gone, Span, Spans, oldest_piece};
use super::tables::SeriesRow;
use crate::topic::Topic;

/// The longest unit that is kept.
const LONGEST_UNIT: usize = 32;
/// So many series that cannot be read are told apart. Further ones are told as if they could be any topic's.
const MOST_LOST: usize = 1000;

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

    fn of_found(found: Found<'_>) -> Self {
        if matches!(found, Found::State(_)) { Self::States } else { Self::Numbers }
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
    /// The newest piece in which it has readings.
    pub(super) newest: u64,
    /// Up to which span nothing of it is left.
    pub(super) gone: Gone,
    /// How its age is counted.
    class: usize,
    /// What is being sealed, in front of what was said since.
    pub(super) sealing: Option<Arc<Run>>,
    pub(super) open: Run,
}

impl Series {
    /// As the file has it.
    pub(super) fn row(&self, newest: u64) -> SeriesRow {
        SeriesRow {
            topic: self.topic.as_str().into(),
            path: self.path.clone(),
            kind: self.kind.code(),
            unit: self.unit.clone(),
            newest,
        }
    }
}

/// What is known of a topic.
#[derive(Debug, Default)]
struct Spoken {
    /// The greatest number of a message that was heard, and the one that was heard when all last values were gone through.
    heard: u64,
    walked: u64,
    series: Vec<Place>,
}

impl Spoken {
    fn find(&self, path: &str, kind: Kind) -> Option<u32> {
        let is_it = |place: &&Place| place.kind == kind && *place.path == *path;
        self.series.iter().find(is_it).map(|place| place.id)
    }

    fn hears(&mut self, number: u64, is_walked: bool) {
        self.heard = self.heard.max(number);
        if is_walked {
            self.walked = number;
        }
    }
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
    /// Apart from the tree, which is small and near then.
    series: BTreeMap<u32, Box<Series>>,
    /// The series of each class of topics.
    classes: Vec<BTreeSet<u32>>,
    /// Series that cannot be read any more: the topic if it is known, and when something was said there.
    lost: Vec<(Option<Topic>, Gap)>,
    highest: u32,
    spans: Arc<Spans>,
    pub(super) gaps: Gaps,
    /// What the sums of the file begin with; none while there is no file.
    pub(super) mark: Option<u64>,
    open: Open,
    /// Whether something was heard when all last values were gone through.
    has_walked: bool,
    /// Memory that is used again.
    path: String,
}

/// What is open of all series together.
#[derive(Debug, Default)]
struct Open {
    bytes: usize,
    /// When its first reading was said.
    since: Option<u64>,
    /// Whether the readings of one series are so many that they should be sealed.
    is_long: bool,
}

impl Open {
    /// Adds a reading to a series, unless there is no room for it.
    fn put(&mut self, series: &mut Series, time: u64, unit: Option<&str>, found: Found<'_>) -> bool {
        if let Found::State(state) = found
            && series.open.last_state() == Some(state)
        {
            return true;
        }
        if let Some(unit) = unit.filter(|unit| unit.len() <= LONGEST_UNIT && **unit != *series.unit) {
            series.unit = unit.into();
        }
        let before = series.open.bytes();
        let is_taken = series.open.push(time, found);
        self.bytes += series.open.bytes() - before;
        self.since.get_or_insert(time);
        self.is_long |= series.open.len() >= LONG;
        is_taken
    }
}

impl Live {
    pub(super) fn new(settings: Arc<Settings>) -> Self {
        Self {
            settings,
            topics: HashMap::default(),
            series: BTreeMap::new(),
            classes: Vec::new(),
            lost: Vec::new(),
            highest: 0,
            spans: Arc::default(),
            gaps: Gaps::default(),
            mark: None,
            open: Open::default(),
            has_walked: false,
            path: String::new(),
        }
    }

    /// Whether history has this message already, or gets it from the tape, where messages up to `seen` were.
    pub(super) fn knows(&self, message: Which<'_>, seen: u64) -> bool {
        if !message.is_walked && !self.has_walked {
            return false;
        }
        let (heard, walked) =
            self.topics.get(message.topic).map_or((0, 0), |spoken| (spoken.heard, spoken.walked));
        if message.is_walked {
            message.number > seen || message.number <= heard
        } else {
            message.number > 0 && message.number == walked
        }
    }

    /// A topic said this. Returns how many of its readings were refused.
    pub(super) fn say(&mut self, message: &Heard<'_>) -> u64 {
        let Heard { topic, time, payload, number, is_walked } = *message;
        let mut path = std::mem::take(&mut self.path);
        let (mut refused, mut told, mut is_new) = (0, 0, true);
        let most = self.settings.series_per_topic;
        let Self { topics, series, open, .. } = self;
        if let Some(spoken) = topics.get_mut(topic) {
            spoken.hears(number, is_walked);
            is_new = false;
            payload::readings(payload, &mut path, &mut |path, unit, found| {
                let known = spoken.find(path, Kind::of_found(found));
                let Some(series) = known.and_then(|id| series.get_mut(&id)) else {
                    is_new = true;
                    return false;
                };
                told += 1;
                refused += u64::from(told > most || !open.put(series, time, unit, found));
                // The others are not looked at. They are not counted one by one either.
                told <= most
            });
        }
        if is_new {
            let known = std::mem::take(&mut told);
            payload::readings(payload, &mut path, &mut |path, unit, found| {
                told += 1;
                if told > known {
                    refused += u64::from(told > most || !self.put(topic, time, path, unit, found));
                }
                told <= most
            });
            if let Some(spoken) = self.topics.get_mut(topic) {
                spoken.hears(number, is_walked);
            }
        }
        self.has_walked |= is_walked;
        self.path = path;
        refused
    }

    /// What this process has heard of the topics, whatever became of the file.
    pub(super) fn remember(&mut self, before: &Self) {
        for (topic, spoken) in &mut self.topics {
            if let Some(before) = before.topics.get(topic) {
                (spoken.heard, spoken.walked) = (before.heard, before.walked);
            }
        }
        self.has_walked = before.has_walked;
    }

    fn put(&mut self, topic: &Topic, time: u64, path: &str, unit: Option<&str>, found: Found<'_>) -> bool {
        let kind = Kind::of_found(found);
        let known = self.topics.get(topic).and_then(|spoken| spoken.find(path, kind));
        let Some(id) = known.or_else(|| self.add(topic, path, kind)) else { return false };
        let Some(series) = self.series.get_mut(&id) else { return false };
        self.open.put(series, time, unit, found)
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
        // It has nothing in the spans that are there already.
        let newest = self.spans.last_key_value().map_or(0, |(id, _)| *id);
        let series = Series {
            topic: topic.clone(),
            path: path.into(),
            kind,
            unit: Box::default(),
            newest: 0,
            gone: [newest; 3],
            class: self.settings.rules.class(topic),
            sealing: None,
            open: Run::default(),
        };
        self.insert(id, series);
        Some(id)
    }

    fn insert(&mut self, id: u32, series: Series) {
        self.highest = self.highest.max(id);
        let spoken = self.topics.entry(series.topic.clone()).or_default();
        // Most topics have one.
        spoken.series.reserve_exact(1);
        spoken.series.push(Place { id, kind: series.kind, path: series.path.clone() });
        if self.classes.len() <= series.class {
            self.classes.resize_with(series.class + 1, BTreeSet::new);
        }
        if let Some(class) = self.classes.get_mut(series.class) {
            class.insert(id);
        }
        self.series.insert(id, Box::new(series));
    }

    /// Takes a series of the file.
    pub(super) fn restore(&mut self, id: u32, topic: Topic, row: SeriesRow) -> bool {
        let Some(kind) = Kind::of(row.kind) else { return false };
        let SeriesRow { path, unit, newest, .. } = row;
        let (gone, class) = (Gone::default(), self.settings.rules.class(&topic));
        let (sealing, open) = (None, Run::default());
        self.insert(id, Series { topic, path, kind, unit, newest, gone, class, sealing, open });
        true
    }

    /// Up to these spans nothing of a series is left.
    pub(super) fn is_gone(&mut self, id: u32, gone: Gone) {
        if let Some(series) = self.series.get_mut(&id) {
            series.gone = gone;
        }
    }

    /// Whether a class of topics has series.
    pub(super) fn has_series(&self, class: usize) -> bool {
        self.classes.get(class).is_some_and(|class| !class.is_empty())
    }

    /// The series of a class from this one on, and up to which span nothing of each is left.
    pub(super) fn of_class(&self, class: usize, from: u32) -> impl Iterator<Item = (u32, Gone)> {
        let ids = self.classes.get(class).into_iter().flat_map(move |class| class.range(from..));
        ids.filter_map(|id| Some((*id, self.series.get(id)?.gone)))
    }

    /// How many topics have series.
    #[cfg(test)]
    pub(super) fn topics(&self) -> usize {
        self.topics.len()
    }

    /// Whether there are series of a topic.
    pub(super) fn has_topic(&self, topic: &Topic) -> bool {
        self.topics.contains_key(topic)
    }

    /// A series cannot be read any more. Its topic may be known.
    pub(super) fn lose(&mut self, topic: Option<Topic>, gap: Gap) {
        let is_full = self.lost.len() >= MOST_LOST;
        match self.lost.last_mut().filter(|_| is_full) {
            Some((of, last)) => (*of, *last) = (None, last.join(&gap)),
            None => self.lost.push((topic, gap)),
        }
    }

    /// Gaps that touch this time, those of topics that are named.
    pub(super) fn gaps_of(&self, is_named: impl Fn(&Topic) -> bool, since: u64, until: u64) -> Vec<Gap> {
        let is_told = |topic: &Option<Topic>| topic.as_ref().is_none_or(&is_named);
        let lost = self.lost.iter().filter(|(topic, _)| is_told(topic)).map(|(_, gap)| *gap);
        let lost = lost.filter(|gap| gap.first <= until && gap.last >= since);
        few(self.gaps.between(since, until).into_iter().chain(lost).collect())
    }

    /// A number that the file has given to a series that cannot be read.
    pub(super) fn is_taken(&mut self, id: u32) {
        self.highest = self.highest.max(id);
    }

    pub(super) fn series(&self) -> &BTreeMap<u32, Box<Series>> {
        &self.series
    }

    pub(super) fn get(&self, id: u32) -> Option<&Series> {
        self.series.get(&id).map(|series| &**series)
    }

    pub(super) fn spans(&self) -> &Arc<Spans> {
        &self.spans
    }

    pub(super) fn open_bytes(&self) -> usize {
        self.open.bytes
    }

    pub(super) fn open_since(&self) -> Option<u64> {
        self.open.since
    }

    /// Whether the readings of one series are so many that they should be sealed.
    pub(super) fn is_long(&self) -> bool {
        self.open.is_long
    }

    /// What is open is to be sealed from now on. Says which series that are, and how many parts the longest has.
    pub(super) fn begin_sealing(&mut self) -> (Vec<u32>, usize) {
        let (mut all, mut parts) = (Vec::new(), 1);
        for (id, series) in &mut self.series {
            if !series.open.is_empty() {
                parts = parts.max(series.open.parts());
                series.sealing = Some(Arc::new(std::mem::take(&mut series.open)));
                all.push(*id);
            }
        }
        self.open = Open::default();
        (all, parts)
    }

    /// Spans are in the file.
    pub(super) fn put_spans(&mut self, spans: impl IntoIterator<Item = (u64, Span)>) {
        Arc::make_mut(&mut self.spans).extend(spans);
    }

    /// What was sealed is in the file, and need not be held any more.
    pub(super) fn sealed(&mut self, spans: impl IntoIterator<Item = (u64, Span)>, piece: u64) {
        self.put_spans(spans);
        for series in self.series.values_mut().filter(|series| series.sealing.is_some()) {
            (series.sealing, series.newest) = (None, piece);
        }
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
        let oldest = oldest_piece(&self.spans).unwrap_or(u64::MAX);
        let is_empty =
            |series: &Series| series.open.is_empty() && series.sealing.is_none() && series.newest < oldest;
        let empty = self.series.iter().filter(|(_, series)| is_empty(series));
        empty.map(|(id, _)| *id).take(most).collect()
    }

    /// Series are gone.
    pub(super) fn forget_series(&mut self, ids: &[u32]) {
        for id in ids {
            let Some(series) = self.series.remove(id) else { continue };
            if let Some(class) = self.classes.get_mut(series.class) {
                class.remove(id);
            }
            if let Some(spoken) = self.topics.get_mut(&series.topic) {
                spoken.series.retain(|place| place.id != *id);
                if spoken.series.is_empty() {
                    self.topics.remove(&series.topic);
                }
            }
        }
    }
}
