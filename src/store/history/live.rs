//! What is known of history in memory: which series there are, which spans, and what was said and is not sealed. Pure; what is
//! said now and what is read from the log at the start go through the same [`say`](Live::say).

mod saying;
mod series;
mod spoken;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::super::paged::Paged;
use super::gap::{Gap, Gaps, few};
use super::payload::Found;
use super::run::LONG;
use super::settings::Settings;
use super::spans::{Gone, Span, Spans, oldest_piece};
use super::tables::SeriesRow;
use crate::topic::Topic;
use series::Labels;
pub(super) use series::{Kind, Series};
use spoken::Spoken;

/// The longest unit that is kept.
const LONGEST_UNIT: usize = 32;
/// So many series that cannot be read are told apart. Further ones are told as if they could be any topic's.
const MOST_LOST: usize = 1000;

/// Everything.
#[derive(Debug)]
pub(super) struct Live {
    settings: Arc<Settings>,
    topics: Paged<u64, Spoken>,
    /// Topics of the file that have not spoken, so that their numbers are not known.
    silent: HashMap<Topic, Spoken, RandomState>,
    /// Apart from the pages, which are small and near then.
    series: Paged<u32, Box<Series>>,
    /// Which write it is that is made ready.
    turn: u64,
    /// The series of each class of topics.
    classes: Vec<BTreeSet<u32>>,
    labels: Labels,
    /// Up to which span nothing is left of the series that was told so last.
    gone: Arc<Gone>,
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
    fn put(&mut self, series: &mut Series, time: u64, found: Found<'_>) -> bool {
        if let Found::State(state) = found
            && series.open.last_state() == Some(state)
        {
            return true;
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
            topics: Paged::default(),
            silent: HashMap::default(),
            series: Paged::default(),
            turn: 1,
            classes: Vec::new(),
            labels: Labels::default(),
            gone: Arc::default(),
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

    fn insert(&mut self, id: u32, series: Series) {
        self.highest = self.highest.max(id);
        if let Some(of) = series.of().filter(|of| !self.topics.contains(*of)) {
            self.topics.insert(of, Spoken::default());
        }
        let spoken = match series.of() {
            Some(of) => self.topics.get_mut(of),
            None => Some(self.silent.entry(series.topic.clone()).or_default()),
        };
        if let Some(spoken) = spoken {
            spoken.series.push(id);
        }
        if self.classes.len() <= series.class() {
            self.classes.resize_with(series.class() + 1, BTreeSet::new);
        }
        if let Some(class) = self.classes.get_mut(series.class()) {
            class.insert(id);
        }
        self.series.insert(id, Box::new(series));
    }

    /// Takes a series of the file.
    pub(super) fn restore(&mut self, id: u32, topic: Topic, row: SeriesRow) -> bool {
        let Some(kind) = Kind::of(row.kind) else { return false };
        let SeriesRow { path, unit, newest, .. } = row;
        let (label, class) = (self.labels.share(path, unit), self.settings.rules.class(&topic));
        let gone = self.share_gone(Gone::default());
        let mut series = Series::new(topic, label, kind, class, gone);
        series.newest = newest;
        self.insert(id, series);
        true
    }

    /// Up to these spans nothing of a series is left.
    pub(super) fn is_gone(&mut self, id: u32, gone: Gone) {
        let gone = self.share_gone(gone);
        if let Some(series) = self.series.get_mut(id) {
            series.gone = gone;
        }
    }

    fn share_gone(&mut self, gone: Gone) -> Arc<Gone> {
        if *self.gone != gone {
            self.gone = Arc::new(gone);
        }
        Arc::clone(&self.gone)
    }

    /// Whether a class of topics has series.
    pub(super) fn has_series(&self, class: usize) -> bool {
        self.classes.get(class).is_some_and(|class| !class.is_empty())
    }

    /// The series of a class from this one on, and up to which span nothing of each is left.
    pub(super) fn of_class(&self, class: usize, from: u32) -> impl Iterator<Item = (u32, Gone)> {
        let ids = self.classes.get(class).into_iter().flat_map(move |class| class.range(from..));
        ids.filter_map(|id| Some((*id, *self.series.get(*id)?.gone)))
    }

    /// How many topics have series.
    #[cfg(test)]
    pub(super) fn topics(&self) -> usize {
        self.topics.len() + self.silent.len()
    }

    /// Whether there are series of a topic that has not spoken.
    pub(super) fn has_silent(&self, topic: &Topic) -> bool {
        self.silent.contains_key(topic)
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

    pub(super) fn series(&self) -> &Paged<u32, Box<Series>> {
        &self.series
    }

    pub(super) fn get(&self, id: u32) -> Option<&Series> {
        self.series.get(id).map(|series| &**series)
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
        for (id, series) in self.series.iter_mut() {
            if !series.open.is_empty() {
                parts = parts.max(series.open.parts());
                series.sealing = Some(Arc::new(std::mem::take(&mut series.open)));
                all.push(id);
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
        let all = self.series.iter_mut().map(|(_, series)| series);
        for series in all.filter(|series| series.sealing.is_some()) {
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
        empty.map(|(id, _)| id).take(most).collect()
    }

    /// Series are gone.
    pub(super) fn forget_series(&mut self, ids: &[u32]) {
        for id in ids {
            let Some(series) = self.series.remove(*id) else { continue };
            if let Some(class) = self.classes.get_mut(series.class()) {
                class.remove(id);
            }
            let spoken = match series.of() {
                Some(of) => self.topics.get_mut(of),
                None => self.silent.get_mut(&series.topic),
            };
            let Some(spoken) = spoken else { continue };
            spoken.series.retain(|of_topic| of_topic != id);
            spoken.usual = None;
            if spoken.series.is_empty() {
                match series.of() {
                    Some(of) => drop(self.topics.remove(of)),
                    None => drop(self.silent.remove(&series.topic)),
                }
            }
        }
    }
}
