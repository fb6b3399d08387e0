//! What a client of a stream that was here before is told of the time in between (`Last-Event-ID`): what history has of it, and that the
//! rest does not come again.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::hub::{NO_HISTORY, Question};
use crate::moment::Moment;
use crate::server::App;
use crate::talk::control::{HistoryAnswer, HistoryGet, MOST_POINTS, PastValue, shown_moment};
use crate::talk::timestamp;
use crate::topic::{Base, Filter};

/// The most bytes that history may answer with.
const BYTES: usize = 256 * 1024;
/// Filters of one question.
const MOST_FILTERS: usize = 100;
/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// A reading of the past.
struct Reading {
    time: u64,
    event: Value,
}

/// The event `gap`, and an event `past` for each number and state that history has of this time. The client may read all that the
/// filters name. The last event is not closed: its id follows.
pub(super) async fn events(
    app: &App,
    user: &str,
    last: &str,
    filters: &[Filter],
    last_values: bool,
) -> String {
    let now = Moment::now().wall();
    let time = last.parse().ok().and_then(|id| SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(id)));
    let from = time.filter(|time| *time <= now);
    let past = match from {
        Some(from) => past(app, user, (from, now), filters).await,
        None => Err("Last-Event-ID is none of this hub".to_owned()),
    };
    let (mut readings, is_whole, why) = match past {
        Ok(answer) => {
            let (readings, is_whole) = readings(answer, from.map_or(0, milliseconds));
            (readings, is_whole, None)
        }
        Err(why) => (Vec::new(), false, Some(why)),
    };
    readings.sort_by_key(|reading| reading.time);
    let mut reason = "messages of this time do not come again".to_owned();
    if why.is_none() {
        reason.push_str("; their numbers and states follow as events `past`");
    }
    if last_values {
        reason.push_str("; the last values follow");
    }
    let gap = json!({
        "from": from.map(timestamp::milliseconds),
        "to": timestamp::milliseconds(now),
        "reason": reason,
        "past": readings.len(),
        "whole": is_whole,
        "why": why,
    });
    let mut text = format!("event: gap\ndata: {gap}\n");
    for Reading { event, .. } in readings {
        // A text takes everything.
        let _ = write!(text, "\nevent: past\ndata: {event}\n");
    }
    text
}

/// What history has of this time; why not where it has nothing to say.
async fn past(
    app: &App,
    user: &str,
    (from, to): (SystemTime, SystemTime),
    filters: &[Filter],
) -> Result<HistoryAnswer, String> {
    let questions = app.hub.questions().ok_or(NO_HISTORY)?;
    if filters.len() > MOST_FILTERS {
        return Err(format!("history answers {MOST_FILTERS} filters at a time"));
    }
    let get = HistoryGet {
        id: None,
        filters: filters.iter().map(ToString::to_string).collect(),
        path: None,
        since: milliseconds(from),
        until: milliseconds(to),
        points: MOST_POINTS,
        step: Some(0),
        after: None,
    };
    let (tell, told) = oneshot::channel();
    let mut question = Question::new(get, filters.to_vec(), Base::ROOT, BYTES, move |answer| {
        // Who asked may be gone.
        let _ = tell.send(answer);
    });
    question.is_of(user);
    questions.ask(question);
    match timeout(PATIENCE, told).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err("the hub is being stopped".to_owned()),
        Err(_) => Err("history has too much to do".to_owned()),
    }
}

/// Each reading since then, and whether these are all that the hub keeps.
fn readings(answer: HistoryAnswer, since: u64) -> (Vec<Reading>, bool) {
    let mut is_whole = answer.more.is_none() && answer.gaps.is_empty();
    let mut readings = Vec::new();
    for series in answer.series {
        is_whole &= series.step == 0 && series.gaps.is_empty() && series.times.len() < MOST_POINTS;
        if series.step > 0 {
            continue;
        }
        // The first state may have been said before.
        let told = series.times.iter().zip(&series.value).filter(|(time, _)| **time >= since);
        readings.extend(told.map(|(time, value)| Reading {
            time: *time,
            event: json!([series.topic, shown(value), {"path": series.path, "unit": series.unit, "time": shown_moment(*time)}]),
        }));
    }
    (readings, is_whole)
}

fn shown(value: &PastValue) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::talk::control::{PastGap, PastSeries};

    fn series(topic: &str, times: &[u64], step: u64) -> PastSeries {
        let value =
            times.iter().map(|time| PastValue::Number(f64::from(u32::try_from(*time).unwrap()))).collect();
        PastSeries { topic: topic.to_owned(), times: times.to_vec(), step, value, ..PastSeries::default() }
    }

    #[test]
    fn only_what_was_said_since_comes_and_what_is_missing_is_told() {
        let answer =
            HistoryAnswer { series: vec![series("a", &[900, 1000, 1100], 0)], ..HistoryAnswer::default() };
        let (told, is_whole) = readings(answer.clone(), 1000);
        assert_eq!(told.iter().map(|reading| reading.time).collect::<Vec<_>>(), [1000, 1100]);
        assert_eq!(told[0].event[0], "a");
        assert!(is_whole);
        let cases = [
            HistoryAnswer { more: Some(json!({})), ..answer.clone() },
            HistoryAnswer { gaps: vec![PastGap::default()], ..answer.clone() },
            HistoryAnswer { series: vec![series("a", &[1000], 60)], ..answer },
        ];
        for case in cases {
            assert!(!readings(case, 1000).1);
        }
    }
}
