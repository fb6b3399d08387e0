//! `clown-hub history`: what was said.

use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::exit::{broken, help_end};
use super::hub_args::HubArgs;
use super::subscribe::csv;
use super::{OperatorError, block_on, escape, output};
use crate::client::{Connection, Failure, Heard};
use crate::talk::control::{COLUMNS, HistoryAnswer, PastGap, PastSeries, shown_moment};
use crate::talk::{Frames, Reply, Request};

const AFTER_HELP: &str = help_end!(
    "Examples:
  clown-hub history 'thermometer/+' --since 24h
  clown-hub history 'nodes/#' --since 7d --csv > week.csv
  clown-hub history relay/0/state --since 2026-01-28T05:00:00Z --step 0"
);

/// How long the hub may take for one answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Print what was said, from the hub's history.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct HistoryArgs {
    /// Topics, as filters: + is any one level, # the rest
    #[arg(required = true, value_name = "TOPIC", value_parser = filter)]
    topics: Vec<String>,
    /// From when on: a time ago as 90s, 15m, 24h or 7d, or a moment as 2026-01-28T05:10:00Z
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = moment)]
    since: String,
    /// Until when, written as above
    #[arg(long, value_name = "TIME", default_value = "now", value_parser = moment)]
    until: String,
    /// One part of the payloads only: a JSON pointer such as /temperature/0
    #[arg(long, value_name = "POINTER")]
    path: Option<String>,
    /// The most points of each series
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..=5000))]
    points: u16,
    /// Seconds from point to point, or 0 for each reading; the hub chooses if it is left out
    #[arg(long, value_name = "SECONDS")]
    step: Option<u64>,
    /// A line a point, a line of comma-separated values a point, or a JSON object a series
    #[arg(long, value_enum, default_value_t = Format::Plain)]
    format: Format,
    /// The same as --format csv
    #[arg(long, conflicts_with = "format")]
    csv: bool,
    #[command(flatten)]
    hub: HubArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Plain,
    Csv,
    Json,
}

/// What the hub is asked with: a time ago has a sign there.
pub(super) fn moment(typed: &str) -> Result<String, String> {
    let ago = if typed.starts_with('-') { typed.to_owned() } else { format!("-{typed}") };
    let is_known = |text: &str| crate::talk::control::read_moment(text, 0).is_some();
    if is_known(&ago) {
        Ok(ago)
    } else if is_known(typed) {
        Ok(typed.to_owned())
    } else {
        Err("a time ago as 90s, 15m, 24h or 7d, or a moment as 2026-01-28T05:10:00Z".to_owned())
    }
}

pub(super) fn filter(typed: &str) -> Result<String, String> {
    super::habit::wildcards(typed).map(|()| typed.to_owned())
}

pub(super) fn history(args: &HistoryArgs) -> anyhow::Result<()> {
    let address = args.hub.address()?;
    let format = if args.csv { Format::Csv } else { args.format };
    let mut printed = 0;
    if format == Format::Csv {
        output::print(&format!("{}\n", COLUMNS.join(",")))?;
    }
    block_on(async {
        let settings = r#"{"filters": [], "retained": false}"#;
        let mut connection = Connection::open(&address, false, settings).await.map_err(broken)?;
        let mut question = json!({
            "filters": args.topics,
            "since": args.since,
            "until": args.until,
            "path": args.path,
            "points": args.points,
            "step": args.step,
        });
        while !question.is_null() {
            let answer = answer_to(&mut connection, &question).await?.map_err(OperatorError::refused)?;
            let mut lines = Vec::new();
            for series in &answer.series {
                write(series, format, &mut lines);
                printed += 1;
            }
            output::print(&String::from_utf8_lossy(&lines))?;
            if question.get("after").is_none() {
                tell_gaps(answer.gaps.iter());
            }
            tell_gaps(answer.series.iter().flat_map(|series| &series.gaps));
            question = answer.more.unwrap_or(Value::Null);
        }
        connection.close().await;
        Ok::<_, anyhow::Error>(())
    })?;
    if printed == 0 {
        output::notice("nothing was said there in that time, or nothing that has history");
    }
    Ok(())
}

/// The hub's answer, or its reason why there is none.
pub(super) async fn answer_to(
    connection: &mut Connection,
    question: &Value,
) -> anyhow::Result<Result<HistoryAnswer, String>> {
    let answer = timeout(PATIENCE, ask(connection, question)).await;
    let silent = |_| Err(Failure::Lost("the hub took more than 30 s".to_owned()));
    answer.unwrap_or_else(silent).map_err(broken)
}

async fn ask(
    connection: &mut Connection,
    question: &Value,
) -> Result<Result<HistoryAnswer, String>, Failure> {
    connection.speaker.say(format!("[\"{}\", {question}]", Request::HISTORY)).await?;
    loop {
        let Heard::Text(text) = connection.listener.next().await? else {
            return Err(Failure::Lost("the hub closed the connection".to_owned()));
        };
        for frame in Frames::of(&text).filter_map(Result::ok) {
            match Reply::read(&frame) {
                Some(Ok(Reply::HistoryOk(answer))) => return Ok(Ok(answer)),
                Some(Ok(Reply::HistoryError { reason, .. })) => return Ok(Err(reason)),
                // A hub that is older.
                Some(Ok(Reply::PublishError(refused))) => return Ok(Err(refused.reason)),
                _ => {}
            }
        }
    }
}

fn write(series: &PastSeries, format: Format, out: &mut Vec<u8>) {
    if format == Format::Json {
        let text = serde_json::to_string(series).unwrap_or_default();
        out.extend_from_slice(escape::json(&text).as_bytes());
        out.push(b'\n');
        return;
    }
    for point in series.points() {
        let point = point.map(|text| escape::escaped(&text).into_owned());
        let [time, topic, path, unit, value, count, min, mean, max, _] = &point;
        if format == Format::Csv {
            csv::line(&point.each_ref().map(|text| &**text), out);
            continue;
        }
        let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
        let line = if count.is_empty() {
            format!("{time} {topic} {path} {value}{unit}\n")
        } else {
            format!("{time} {topic} {path} {mean}{unit} ({min} to {max}, {count} readings)\n")
        };
        out.extend_from_slice(line.as_bytes());
    }
}

/// Tells of what may be missing.
pub(super) fn tell_gaps<'g>(gaps: impl Iterator<Item = &'g PastGap>) {
    for PastGap { from, to, why, lost } in gaps {
        let (from, to) = (shown_moment(*from), shown_moment(*to));
        let lost = if *lost > 0 { format!(", {lost} messages") } else { String::new() };
        output::notice(&format!(
            "readings may be missing from {from} to {to}: {}{lost}",
            escape::escaped(why)
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::talk::control::PastValue;

    #[test]
    fn a_time_ago_is_typed_without_its_sign() {
        assert_eq!(moment("24h"), Ok("-24h".to_owned()));
        assert_eq!(moment("-24h"), Ok("-24h".to_owned()));
        assert_eq!(moment("now"), Ok("now".to_owned()));
        assert_eq!(moment("2026-01-28T05:10:00Z"), Ok("2026-01-28T05:10:00Z".to_owned()));
        assert!(moment("yesterday").is_err());
    }

    #[test]
    fn each_point_is_a_line() {
        let each = PastSeries {
            topic: "n/t,1".to_owned(),
            times: vec![1500],
            value: vec![PastValue::Number(20.5)],
            ..PastSeries::default()
        };
        let steps = PastSeries {
            topic: "n/t".to_owned(),
            path: "/a".to_owned(),
            unit: "℃".to_owned(),
            step: 60,
            times: vec![60_000],
            count: vec![2],
            min: vec![1.0],
            mean: vec![1.5],
            max: vec![2.0],
            last: vec![2.0],
            ..PastSeries::default()
        };
        let printed = |format| {
            let mut out = Vec::new();
            write(&each, format, &mut out);
            write(&steps, format, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            printed(Format::Csv),
            "1970-01-01T00:00:01.500Z,\"n/t,1\",,,20.5,,,,,\n1970-01-01T00:01:00.000Z,n/t,/a,℃,,2,1,1.5,2,2\n"
        );
        assert_eq!(
            printed(Format::Plain),
            "1970-01-01T00:00:01.500Z n/t,1  20.5\n1970-01-01T00:01:00.000Z n/t /a 1.5 ℃ (1 to 2, 2 readings)\n"
        );
    }
}
