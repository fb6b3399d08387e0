//! History from a file: what is sealed, and from the log what is not.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::super::log::{self, Bases};
use super::super::tables::{Checked, Fault, Order, Tables};
use super::chunk;
use super::grain::RAW;
use super::live::Live;
use super::settings::Settings;
use crate::talk::Kind;
use crate::topic::{Limits, Topic};

/// The limits of topics may be other ones now.
const NO_LIMITS: Limits = Limits { max_bytes: usize::MAX, max_levels: usize::MAX };

/// What was found.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) live: Live,
    /// Up to this row of the log everything is sealed.
    pub(super) until: u64,
    /// Spans without a row, whose chunks are to go.
    pub(super) doomed: Vec<u64>,
    pub(super) next_span: u64,
    /// The newest time of what is sealed.
    pub(super) newest: Option<u64>,
    /// Rows that were not what had been written.
    pub(super) damaged: u64,
}

/// Reads all of it.
pub(super) fn load(tables: &Tables, settings: &Arc<Settings>) -> Result<Loaded, Fault> {
    let mut live = Live::new(Arc::clone(settings));
    let (mut damaged, mut spans, mut doomed) = (0, BTreeMap::new(), Vec::new());
    tables.spans(|id, row| match row {
        Checked::Good(row) => {
            spans.insert(id, row);
        }
        Checked::Damaged => damaged += 1,
    })?;
    tables.series(|id, row| {
        let id = u32::try_from(id).unwrap_or(chunk::MOST_SERIES);
        let restored = match row {
            Checked::Good(row) => {
                Topic::parse(&row.topic, &NO_LIMITS).is_ok_and(|topic| live.restore(id, topic, row))
            }
            Checked::Damaged => false,
        };
        if !restored {
            live.is_taken(id);
            damaged += 1;
        }
    })?;
    let until = spans.values().filter(|span| span.tier == RAW).map(|span| span.until).max().unwrap_or(0);
    let mut from = 0;
    while let Some(found) = tables.chunk_from(from)? {
        let span = chunk::span_of(found);
        if !spans.contains_key(&span) {
            doomed.push(span);
        }
        from = chunk::number(span + 1, 0);
    }
    let next_span = spans.keys().chain(&doomed).max().map_or(1, |span| span + 1);
    let newest = spans.values().map(|span| span.last).max();
    live.sealed(spans);
    live.mark = Some(tables.mark());
    replay(tables, settings, until, &mut live)?;
    Ok(Loaded { live, until, doomed, next_span, newest, damaged })
}

/// What the log says and no span has.
fn replay(tables: &Tables, settings: &Settings, until: u64, live: &mut Live) -> Result<(), Fault> {
    let mut topics: HashMap<u64, Topic> = HashMap::new();
    tables.topics(Order::Up, |id, name| {
        if let Checked::Good(name) = name
            && let Ok(topic) = Topic::parse(name, &NO_LIMITS)
        {
            topics.insert(id, topic);
        }
        true
    })?;
    let mut bases = Bases::starting_at(tables.mark(), 0);
    tables.log(Order::Up, |seq, bytes| {
        // What is wrong with a row has been told when the last values were read.
        let Ok(row) = log::read(seq, bytes, &mut bases) else { return true };
        for record in row.records.iter().filter(|_| seq > until) {
            let (Some(value), Some(topic)) = (&record.value, topics.get(&record.topic)) else { continue };
            let kind = value.rest.as_ref().map_or(Kind::Reading, |rest| rest.kind);
            if kind == Kind::Reading && settings.names(topic) {
                live.say(topic, value.time, &value.payload);
            }
        }
        true
    })
}
