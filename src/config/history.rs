//! Section `[history]`.

use std::time::Duration;

use super::reader::Reader;
use super::tables::Row;
use crate::operator::quoted;
use crate::topic::{self, Filter};

/// Rules that there may be: each message is compared with them.
const MOST_RULES: usize = 64;
/// What may stand in a rule.
const KEYS: [&str; 5] = ["filter", "off", "raw_days", "minute_days", "quarter_days"];
/// The keys of the section with the same meaning, from the shortest time to the longest.
const DAYS: [&str; 3] = ["history.raw_days", "history.minute_days", "history.quarter_days"];

/// Section `[history]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// What is kept of some topics. Of the rules that name a topic the first one counts.
    pub rules: Vec<HistoryRule>,
    /// What is kept of the others: each one not below the one before.
    pub days: [Duration; 3],
    /// After how long what was said is sealed.
    pub span: Duration,
    /// How many bytes of it are held in memory at the most.
    pub open_bytes: usize,
    /// How many series there may be.
    pub series: usize,
    /// How many series a topic may have.
    pub series_per_topic: usize,
}

/// One of `history.rules`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryRule {
    /// The topics.
    pub filter: Filter,
    /// How long each reading, steps of a minute and steps of a quarter of an hour are kept; none if nothing is.
    pub days: Option<[Duration; 3]>,
}

impl History {
    pub(super) fn read(reader: &mut Reader, topic: &topic::Limits) -> Self {
        let rows = reader.tables("history.rules", "rules", MOST_RULES);
        let days = DAYS.map(|key| reader.days(key, 1..=36_500));
        let span = reader.seconds("history.span_seconds", 1..=86_400);
        let open_bytes = reader.count("history.open_bytes", 65_536..=1024 * 1024 * 1024, "bytes");
        let series = reader.count("history.series", 1..=10_000_000, "series");
        let series_per_topic = reader.count("history.series_per_topic", 1..=1000, "series");
        let rules = rows.iter().filter_map(|row| HistoryRule::read(reader, row, days, topic));
        Self { rules: rules.collect(), days, span, open_bytes, series, series_per_topic }
    }

    /// Rules that never count, as one before them names all of their topics: both by their numbers, from 1.
    pub fn shadowed(&self) -> Vec<(usize, usize)> {
        let all = || self.rules.iter().enumerate();
        let before = |(at, rule): (usize, &HistoryRule)| {
            let first = all().take(at).find(|(_, before)| before.filter.covers(&rule.filter))?;
            Some((at + 1, first.0 + 1))
        };
        all().filter_map(before).collect()
    }
}

impl HistoryRule {
    fn read(reader: &mut Reader, row: &Row, others: [Duration; 3], topic: &topic::Limits) -> Option<Self> {
        reader.unknown(row, &KEYS);
        let filter = reader.text_in(row, "filter", |text| {
            Filter::parse(text, topic).map_err(|why| format!("{}: {why}", quoted(text)))
        });
        if !row.has("filter") {
            reader.mistake_in(row, None, "filter is missing: which topics is this rule for?".to_owned());
        }
        let is_off = reader.truth_in(row, "off").unwrap_or(false);
        let [_, _, names @ ..] = KEYS;
        if is_off {
            for name in names.iter().filter(|name| row.has(name)) {
                let sentence = "off = true keeps nothing: leave one of the two out".to_owned();
                reader.mistake_in(row, Some(name), sentence);
            }
            return Some(Self { filter: filter?, days: None });
        }
        let mut days = others;
        for (name, days) in names.iter().zip(&mut days) {
            if let Some(found) = reader.whole_in(row, name, 1..=36_500, "days") {
                *days = Duration::from_hours(24 * found);
            }
        }
        let pairs = [([names[0], names[1]], [days[0], days[1]]), ([names[1], names[2]], [days[1], days[2]])];
        for ([lower, higher], [less, more]) in pairs {
            if more < less && !DAYS.iter().any(|key| reader.is_wrong(key)) {
                Self::say_order(reader, row, [lower, higher], [less, more]);
            }
        }
        Some(Self { filter: filter?, days: Some(days) })
    }

    fn say_order(reader: &mut Reader, row: &Row, [lower, higher]: [&str; 2], times: [Duration; 2]) {
        let [less, more] = times.map(|time| time.as_secs() / 86_400);
        let whose = |name: &str| if row.has(name) { "in this rule" } else { "by default" };
        if row.has(higher) {
            let sentence = format!("{more} is below {lower}, which is {less} {}", whose(lower));
            reader.mistake_in(row, Some(higher), sentence);
        } else {
            let sentence =
                format!("{less} is above {higher}, which is {more} {}: give {higher}, too", whose(higher));
            reader.mistake_in(row, Some(lower), sentence);
        }
    }
}
