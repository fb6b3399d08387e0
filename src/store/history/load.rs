//! History from a file: what is sealed, and from the log what is not.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::log::{self, Bases};
use super::super::names::{self, NO_LIMITS};
use super::super::tables::{Checked, Fault, Order, Tables};
use super::chunk;
use super::clock::ClockRow;
use super::gap::{Gap, Why};
use super::grain::{MINUTES, QUARTERS, RAW};
use super::heard::Heard;
use super::live::Live;
use super::settings::Settings;
use super::spans::{Span, Spans, sealed_until};
use crate::talk::Kind;
use crate::topic::Topic;

/// What was found.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) live: Live,
    /// Spans without a row, whose chunks are to go.
    pub(super) doomed: Vec<u64>,
    /// Series that cannot be read, and of which nothing is left.
    pub(super) unnamed: Vec<u32>,
    pub(super) next_span: u64,
    pub(super) clock: Option<ClockRow>,
    /// The newest sign of life of the hub that wrote the file; none if no hub has.
    pub(super) lived: Option<u64>,
    /// Rows that were not what had been written.
    pub(super) damaged: u64,
}

/// Reads all of it. `topics` are those of the file, in the order of their numbers. It is `now`, by the clock on the wall.
pub(super) fn load(
    tables: &Tables,
    topics: &[(u64, Topic)],
    settings: &Arc<Settings>,
    now: u64,
) -> Result<Loaded, Fault> {
    let mut live = Live::new(Arc::clone(settings));
    let (mut damaged, mut spans, mut broken, mut doomed) = (0, Spans::new(), BTreeSet::new(), Vec::new());
    let mut unread = Vec::new();
    tables.spans(|id, row| match row {
        Checked::Good(row) => {
            spans.insert(id, row);
        }
        Checked::Damaged => {
            broken.insert(id);
        }
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
            unread.push(id);
            damaged += 1;
        }
    })?;
    tables.thinned(|id, row| match (u32::try_from(id), row) {
        (Ok(id), Checked::Good(gone)) => live.is_gone(id, gone),
        // What is too old is gone through again.
        _ => damaged += 1,
    })?;
    tables.gaps(|id, row| match row {
        Checked::Good(gap) => live.gaps.restore(id, gap),
        Checked::Damaged => {
            live.gaps.is_taken(id);
            damaged += 1;
        }
    })?;
    damaged += broken.len() as u64;
    for id in broken {
        if let Some(span) = from_its_pair(&spans, id) {
            spans.insert(id, span);
        } else {
            live.gaps.add(without(&spans, id, now));
            doomed.push(id);
        }
    }
    // Whatever is wrong with this table is to be known now, and not when somebody asks.
    tables.chunk(0)?;
    let mut from = 0;
    while let Some(found) = tables.chunk_from(from)? {
        let span = chunk::span_of(found);
        if !spans.contains_key(&span) && !doomed.contains(&span) {
            doomed.push(span);
        }
        from = chunk::number(span + 1, 0);
    }
    let unnamed = lose(tables, &mut live, &spans, unread)?;
    let next_span = spans.keys().chain(&doomed).max().map_or(1, |span| span + 1);
    let until = sealed_until(&spans);
    live.put_spans(spans);
    live.mark = Some(tables.mark());
    let lived = replay(tables, topics, settings, until, now, &mut live)?;
    let lived = lived.max(tables.life()?.map(|life| life.at));
    Ok(Loaded { live, doomed, unnamed, next_span, clock: tables.clock()?, lived, damaged })
}

/// Tells of which times something is missing, as the rows of these series cannot be read. Returns those that have nothing.
fn lose(tables: &Tables, live: &mut Live, spans: &Spans, unread: Vec<u32>) -> Result<Vec<u32>, Fault> {
    let mut unnamed = Vec::new();
    for id in unread {
        let mut gap: Option<Gap> = None;
        for (span, row) in spans {
            if tables.size_of_chunk(chunk::number(*span, id))?.is_some() {
                let found = Gap::new(row.first, row.last, Why::Damaged);
                gap = Some(gap.map_or(found, |gap| gap.join(&found)));
            }
        }
        match gap {
            Some(gap) => live.lose(topic_of(tables, live, id)?, gap),
            None => unnamed.push(id),
        }
    }
    Ok(unnamed)
}

/// The topic of a series whose row cannot be read, if what stands there is a topic that is known otherwise.
fn topic_of(tables: &Tables, live: &Live, id: u32) -> Result<Option<Topic>, Fault> {
    let Some(text) = tables.topic_of_series(id.into())? else { return Ok(None) };
    let Ok(topic) = Topic::parse(&text, &NO_LIMITS) else { return Ok(None) };
    let mut is_known = live.has_silent(&topic);
    if !is_known {
        tables.topics(Order::Up, |_, name| {
            is_known |= matches!(name, Checked::Good(name) if *name == *topic.as_str());
            !is_known
        })?;
    }
    Ok(is_known.then_some(topic))
}

/// A span whose row cannot be read, from that of the same piece in the other grain.
fn from_its_pair(spans: &Spans, id: u64) -> Option<Span> {
    let minutes = spans.get(&(id + 1)).filter(|span| span.tier == MINUTES && span.from == id);
    let raw = id.checked_sub(1).and_then(|raw| spans.get(&raw).filter(|span| span.tier == RAW));
    let raw = raw.map(|span| Span { tier: MINUTES, ..*span });
    minutes.map(|span| Span { tier: RAW, ..*span }).or(raw)
}

/// When the readings were said that may be missing without a span. Of which pieces it was is not known.
fn without(spans: &Spans, id: u64, now: u64) -> Gap {
    let before = spans.range(..id).rev().find(|(_, span)| span.tier == QUARTERS);
    let behind = spans.range(id..).next().map(|(_, span)| span.first);
    Gap::new(before.map_or(0, |(_, span)| span.last), behind.unwrap_or(now), Why::Damaged)
}

/// What the log says and no span has. Gives the newest time that the log tells.
fn replay(
    tables: &Tables,
    topics: &[(u64, Topic)],
    settings: &Settings,
    until: u64,
    now: u64,
    live: &mut Live,
) -> Result<Option<u64>, Fault> {
    let mut bases = Bases::starting_at(tables.mark(), 0);
    let (mut newest, mut before, mut broken, mut next) = (None, None, false, 0);
    tables.log(Order::Up, |seq, bytes| {
        // What is wrong with a row has been told when the last values were read.
        let Ok(row) = log::read(seq, bytes, &mut bases) else {
            broken |= seq > until;
            return true;
        };
        newest = newest.max(Some(row.time));
        if seq <= until {
            before = Some(row.time);
            return true;
        }
        if broken || row.lost > 0 {
            live.gaps.add(Gap::new(before.unwrap_or(0), row.time, Why::Damaged));
            broken = false;
        }
        before = Some(row.time);
        let known: BTreeSet<_> = row.known.iter().copied().collect();
        for (at, record) in row.records.iter().enumerate() {
            let Some(value) = &record.value else { continue };
            let place = names::place(topics, |(id, _)| *id, record.topic, &mut next);
            let Some((_, topic)) = place.and_then(|place| topics.get(place)) else { continue };
            let kind = value.rest.as_ref().map_or(Kind::Reading, |rest| rest.kind);
            if kind == Kind::Reading && !known.contains(&at) && settings.rules.names(topic) {
                let (time, payload) = (value.time, &*value.payload);
                let (id, apart) = (Some(record.topic), None);
                live.say(&Heard { topic, id, time, payload, apart, number: 0, is_walked: false });
            }
        }
        true
    })?;
    if broken {
        live.gaps.add(Gap::new(before.unwrap_or(0), now, Why::Damaged));
    }
    Ok(newest)
}
