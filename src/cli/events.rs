//! `clown-hub events`: who did what.

use std::time::{Duration, SystemTime};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::exit::{broken, help_end};
use super::hub_args::HubArgs;
use super::subscribe::csv;
use super::{OperatorError, block_on, escape, output};
use crate::client::{Connection, Failure, Heard};
use crate::talk::control::{Event, EventKind, EventsAnswer, MOST_EVENTS, read_moment};
use crate::talk::{Frames, Reply, Request, timestamp};

const AFTER_HELP: &str = help_end!(
    "Examples:
  clown-hub events 'nodes/+/+/relay/#' --since 24h
  clown-hub events --by jana --csv > jana.csv
  clown-hub events --follow"
);

/// How long the hub may take for one answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is asked for what is new.
const EVERY: Duration = Duration::from_secs(1);
const COLUMNS: &str =
    "time,kind,user,client,side,address,topic,payload,delivered,result,after,reason,count,account\n";

/// Print who did what, from the hub's record: the newest first.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct EventsArgs {
    /// Topic filters, relative to the base; without a filter, all events that the user may read
    #[arg(value_name = "FILTER", value_parser = filter)]
    filters: Vec<String>,
    /// From when on: a time ago as 90s, 15m, 24h or 7d, or a moment as 2026-01-28T05:10:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<String>,
    /// Until when, written as above
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<String>,
    /// Only what this user did
    #[arg(long, value_name = "USER")]
    by: Option<String>,
    /// The most events that are printed
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Print what happens from now on, until Ctrl-C
    #[arg(long, conflicts_with_all = ["since", "until", "limit"])]
    follow: bool,
    /// A line an event, a line of comma-separated values an event, or a JSON object an event
    #[arg(long, value_enum, default_value_t = Format::Plain)]
    format: Format,
    /// The same as --format csv
    #[arg(long, conflicts_with_all = ["format", "json"])]
    csv: bool,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
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
fn moment(typed: &str) -> Result<String, String> {
    let ago = if typed.starts_with('-') { typed.to_owned() } else { format!("-{typed}") };
    let is_known = |text: &str| read_moment(text, 0).is_some();
    if is_known(&ago) {
        Ok(ago)
    } else if is_known(typed) {
        Ok(typed.to_owned())
    } else {
        Err("a time ago as 90s, 15m, 24h or 7d, or a moment as 2026-01-28T05:10:00Z".to_owned())
    }
}

fn filter(typed: &str) -> Result<String, String> {
    super::habit::wildcards(typed).map(|()| typed.to_owned())
}

pub(super) fn events(args: &EventsArgs) -> anyhow::Result<()> {
    let address = args.hub.address()?;
    let format = match (args.csv, args.json) {
        (true, _) => Format::Csv,
        (_, true) => Format::Json,
        _ => args.format,
    };
    if format == Format::Csv {
        output::print(COLUMNS)?;
    }
    block_on(async {
        let settings = r#"{"filters": [], "retained": false}"#;
        let mut connection = Connection::open(&address, false, settings).await.map_err(broken)?;
        if args.follow {
            follow(args, format, &mut connection).await?;
        } else {
            print_all(args, format, &mut connection).await?;
        }
        connection.close().await;
        Ok(())
    })
}

/// What is asked first.
fn question(args: &EventsArgs) -> Value {
    json!({
        "filters": (!args.filters.is_empty()).then_some(&args.filters),
        "since": args.since,
        "until": args.until,
        "by": args.by,
    })
}

async fn print_all(args: &EventsArgs, format: Format, connection: &mut Connection) -> anyhow::Result<()> {
    let (mut left, mut question) = (usize::try_from(args.limit).unwrap_or(usize::MAX), question(args));
    let mut printed = 0;
    while !question.is_null() && left > 0 {
        limit(&mut question, left.min(MOST_EVENTS));
        let answer = answer(connection, &question).await?;
        left = left.saturating_sub(answer.events.len());
        printed += answer.events.len();
        print(&answer.events, format)?;
        if answer.unwritten > 0 {
            let unwritten = answer.unwritten;
            output::notice(&format!(
                "{unwritten} of the newest events are not on the disk yet, and not shown"
            ));
        }
        question = answer.more.unwrap_or(Value::Null);
    }
    if printed == 0 {
        output::notice("nothing like that has happened, or this account may not read it");
    } else if left == 0 && !question.is_null() {
        output::notice("there may be older ones: see --limit and --until");
    }
    Ok(())
}

/// Prints what is new, the oldest first.
async fn follow(args: &EventsArgs, format: Format, connection: &mut Connection) -> anyhow::Result<()> {
    // What is newest of all tells where to begin: without filters, so that the hub finds it at once.
    let newest = answer(connection, &json!({ "limit": 1 })).await?;
    let mut after = newest.events.first().map_or(0, |event| event.number);
    loop {
        let mut new = Vec::new();
        let mut question = question(args);
        if let Some(question) = question.as_object_mut() {
            question.insert("after".to_owned(), after.into());
        }
        while !question.is_null() {
            limit(&mut question, MOST_EVENTS);
            let answer = answer(connection, &question).await?;
            new.extend(answer.events);
            question = answer.more.unwrap_or(Value::Null);
        }
        after = new.first().map_or(after, |event: &Event| event.number);
        new.reverse();
        print(&new, format)?;
        tokio::select! {
            () = sleep(EVERY) => {}
            () = output::reader_gone() => return Err(output::ReaderGone.into()),
        }
    }
}

fn limit(question: &mut Value, limit: usize) {
    if let Some(question) = question.as_object_mut() {
        question.insert("limit".to_owned(), limit.into());
    }
}

/// The hub's answer.
async fn answer(connection: &mut Connection, question: &Value) -> anyhow::Result<EventsAnswer> {
    let answer = timeout(PATIENCE, ask(connection, question)).await;
    let silent = |_| Err(Failure::Lost("the hub took more than 30 s".to_owned()));
    let answer = answer.unwrap_or_else(silent).map_err(broken)?;
    answer.map_err(|reason| OperatorError::refused(reason).into())
}

async fn ask(connection: &mut Connection, question: &Value) -> Result<Result<EventsAnswer, String>, Failure> {
    connection.speaker.say(format!("[\"{}\", {question}]", Request::EVENTS)).await?;
    loop {
        let Heard::Text(text) = connection.listener.next().await? else {
            return Err(Failure::Lost("the hub closed the connection".to_owned()));
        };
        for frame in Frames::of(&text).filter_map(Result::ok) {
            match Reply::read(&frame) {
                Some(Ok(Reply::EventsOk(answer))) => return Ok(Ok(answer)),
                Some(Ok(Reply::EventsError(refused))) => return Ok(Err(refused.reason)),
                // A hub that is older.
                Some(Ok(Reply::PublishError(refused))) => return Ok(Err(refused.reason)),
                // A hub that is newer, and tells what this program does not know.
                Some(Err(error)) => return Ok(Err(format!("the answer of the hub cannot be read: {error}"))),
                _ => {}
            }
        }
    }
}

fn print(events: &[Event], format: Format) -> anyhow::Result<()> {
    let mut lines = Vec::new();
    for event in events {
        match format {
            Format::Plain => lines.extend_from_slice(plain(event).as_bytes()),
            Format::Csv => row(event, &mut lines),
            Format::Json => lines.extend_from_slice(escape::json(&event.text()).as_bytes()),
        }
        if format != Format::Csv {
            lines.push(b'\n');
        }
    }
    output::print(&String::from_utf8_lossy(&lines))
}

fn shown_time(at: u64) -> String {
    timestamp::milliseconds(SystemTime::UNIX_EPOCH + Duration::from_millis(at))
}

/// An event as a person reads it.
fn plain(event: &Event) -> String {
    let mut parts = vec![shown_time(event.at), event.kind.name().to_owned()];
    parts.extend(event.account.as_deref().map(|account| escape::escaped(account).into_owned()));
    parts.extend(event.topic.as_deref().map(|topic| escape::escaped(topic).into_owned()));
    if event.omitted {
        parts.push("(payload left out)".to_owned());
    }
    parts.extend(event.payload.as_deref().map(|payload| escape::readable_json(payload).into_owned()));
    parts.extend(event.cut.map(|bytes| format!("(cut: {bytes} bytes)")));
    parts.extend(who(event));
    let what: Vec<_> = what(event);
    let line = parts.join(" ");
    if what.is_empty() { line } else { format!("{line}: {}", what.join(", ")) }
}

fn who(event: &Event) -> Option<String> {
    let texts = [&event.client, &event.address].map(|text| text.as_deref().map(escape::escaped));
    let [client, address] = texts;
    let about: Vec<_> = [client, event.side.as_deref().map(escape::escaped), address]
        .into_iter()
        .flatten()
        .map(std::borrow::Cow::into_owned)
        .collect();
    let about = if about.is_empty() { String::new() } else { format!(" ({})", about.join(", ")) };
    match event.user.as_deref() {
        Some(user) => Some(format!("by {}{about}", escape::escaped(user))),
        None if about.is_empty() => None,
        None => Some(about.trim_start().to_owned()),
    }
}

fn what(event: &Event) -> Vec<String> {
    let mut what = Vec::new();
    what.extend(event.door.as_deref().map(|door| format!("by the door {}", escape::escaped(door))));
    what.extend(event.delivered.map(|delivered| format!("to {delivered}")));
    what.extend(event.lease.map(|seconds| format!("for {seconds} s")));
    let after = event.after.map(|after| format!(" after {after} s")).unwrap_or_default();
    what.extend(event.result.as_deref().map(|result| format!("{}{after}", escape::escaped(result))));
    what.extend(event.answer.as_deref().map(|answer| format!("answer {}", escape::readable_json(answer))));
    what.extend(event.reason.as_deref().map(|reason| escape::escaped(reason).into_owned()));
    if event.kind == EventKind::SignOut {
        what.extend(event.count.map(|count| format!("sign-ins: {count}")));
    }
    if event.kind == EventKind::Lost {
        what.extend(event.count.map(|count| format!("{count} events")));
        what.extend((event.since > 0).then(|| format!("since {}", shown_time(event.since))));
    }
    what.extend((event.left_out > 0).then(|| format!("{} more like this before it", event.left_out)));
    what
}

fn row(event: &Event, out: &mut Vec<u8>) {
    let text = |text: Option<&str>| escape::escaped(text.unwrap_or_default()).into_owned();
    let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    let payload = event.payload.as_deref().map(|payload| escape::json(payload).into_owned());
    let after = event.after.map(|after| after.to_string()).unwrap_or_default();
    let fields = [
        shown_time(event.at),
        event.kind.name().to_owned(),
        text(event.user.as_deref()),
        text(event.client.as_deref()),
        text(event.side.as_deref()),
        text(event.address.as_deref()),
        text(event.topic.as_deref()),
        payload.unwrap_or_default(),
        number(event.delivered),
        text(event.result.as_deref()),
        after,
        text(event.reason.as_deref()),
        number(event.count.or(Some(event.left_out).filter(|left_out| *left_out > 0))),
        text(event.account.as_deref()),
    ];
    csv::line(&fields.each_ref().map(String::as_str), out);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn switched() -> Event {
        Event {
            number: 5,
            at: 1_795_856_400_123,
            kind: EventKind::Command,
            user: Some("jana".into()),
            client: Some("kitchen, tablet".into()),
            side: Some("dashboard".into()),
            address: Some("10.0.0.7".into()),
            topic: Some("relay/0/set".into()),
            payload: Some(r#"{"state": true}"#.to_owned()),
            delivered: Some(2),
            result: Some("confirmed".into()),
            after: Some(0.124),
            ..Event::default()
        }
    }

    #[test]
    fn a_time_ago_is_typed_without_its_sign() {
        assert_eq!(moment("24h"), Ok("-24h".to_owned()));
        assert_eq!(moment("-24h"), Ok("-24h".to_owned()));
        assert_eq!(moment("2026-01-28T05:10:00Z"), Ok("2026-01-28T05:10:00Z".to_owned()));
        assert!(moment("yesterday").is_err());
    }

    #[test]
    fn each_event_is_a_line_that_a_person_can_read() {
        assert_eq!(
            plain(&switched()),
            r#"2026-11-28T09:00:00.123Z command relay/0/set {"state": true} by jana (kitchen, tablet, dashboard, 10.0.0.7): to 2, confirmed after 0.124 s"#
        );
        let lost = Event {
            at: 1_795_856_400_123,
            kind: EventKind::Lost,
            count: Some(7),
            since: 1_795_856_400_000,
            reason: Some("so\u{1b}[2J".into()),
            ..Event::default()
        };
        assert_eq!(
            plain(&lost),
            "2026-11-28T09:00:00.123Z lost: so\\u001b[2J, 7 events, since 2026-11-28T09:00:00.000Z"
        );
    }

    #[test]
    fn each_event_is_a_row_of_a_table() {
        let mut out = Vec::new();
        row(&switched(), &mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "2026-11-28T09:00:00.123Z,command,jana,\"kitchen, tablet\",dashboard,10.0.0.7,relay/0/set,\"{\"\"state\"\": true}\",2,confirmed,0.124,,,\n"
        );
        assert_eq!(COLUMNS.split(',').count(), 14);
    }
}
