//! `clown-hub req`: a command, and what it is answered.

use std::time::Duration;

use clap::Args;
use serde_json::json;
use tokio::time::timeout;

use super::duration::duration;
use super::exit::{broken, help_end};
use super::hub_args::HubArgs;
use super::publish::{check_payload, check_topic, typed_topic};
use super::{OperatorError, block_on, output};
use crate::client::{Connection, Failure, Heard};
use crate::talk::frame::encode;
use crate::talk::{Frames, Kind, Reply};

const AFTER_HELP: &str = help_end!(
    "What counts as the answer to a/b/set: a/b/ok, a/b/error, a/b/set/ok, a/b/set/error, or the state that follows, a/b.

Examples:
  clown-hub req relay/i2c0-3b/set '{\"state\": true}'
  clown-hub req thermometer/i2c0-48/config/set '{\"publish-interval\": 5}' --timeout 2s"
);

/// Send a command and print its answer.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct ReqArgs {
    /// The command: its last level is set, get, list, update or scan
    #[arg(allow_hyphen_values = true, value_parser = typed_topic)]
    topic: String,
    /// The payload, as JSON
    #[arg(default_value = "{}", allow_negative_numbers = true)]
    payload: String,
    /// How long to wait, as 500ms, 10s or 2m
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "5s")]
    timeout: Duration,
    #[command(flatten)]
    hub: HubArgs,
}

/// What came of the command.
enum Answer {
    Good(String),
    Bad(String),
}

pub(super) fn request(args: &ReqArgs) -> anyhow::Result<()> {
    check_topic(&args.topic).map_err(OperatorError::new)?;
    check_payload(&args.payload).map_err(OperatorError::new)?;
    let Some(stem) = stem(&args.topic) else {
        return Err(OperatorError::new(format!(
            "{} is no command, whose last level is set, get, list, update or scan; to send it all the same, use pub",
            args.topic
        ))
        .into());
    };
    let address = args.hub.address()?;
    block_on(async {
        let answers = answers(&args.topic, stem);
        let settings = json!({"filters": answers, "retained": false}).to_string();
        let mut connection = Connection::open(&address, false, &settings).await.map_err(broken)?;
        let answer = timeout(args.timeout, ask(args, &answers, &mut connection)).await;
        connection.close().await;
        match answer {
            Ok(Ok(Answer::Good(line))) => output::print(&line),
            Ok(Ok(Answer::Bad(line))) => {
                output::print(&line)?;
                Err(OperatorError::refused(format!("{} was answered with an error", args.topic)).into())
            }
            Ok(Err(failure)) => Err(broken(failure)),
            Err(_) => Err(OperatorError::no_answer(format!(
                "no answer to {} in {:?}; is the node there? `clown-hub nodes` shows it",
                args.topic, args.timeout
            ))
            .into()),
        }
    })
}

/// What a command is about.
fn stem(topic: &str) -> Option<&str> {
    let stem = topic.rsplit_once('/')?.0;
    (Kind::of(topic) == Kind::Command && !stem.is_empty()).then_some(stem)
}

/// The topics that answer a command, by what the firmware and the document of 2016 say (`docs/protocol.md`, clause 9.3).
fn answers(topic: &str, stem: &str) -> [String; 5] {
    [
        stem.to_owned(),
        format!("{stem}/ok"),
        format!("{stem}/error"),
        format!("{topic}/ok"),
        format!("{topic}/error"),
    ]
}

async fn ask(args: &ReqArgs, answers: &[String], connection: &mut Connection) -> Result<Answer, Failure> {
    let mut frame = Vec::new();
    encode(&args.topic, args.payload.trim(), &mut frame);
    frame.pop();
    frame.extend_from_slice(b", {\"id\": 0}]");
    connection.speaker.say(String::from_utf8(frame).unwrap_or_default()).await?;
    loop {
        let Heard::Text(text) = connection.listener.next().await? else {
            return Err(Failure::Lost("the hub closed the connection".to_owned()));
        };
        for frame in Frames::of(&text).filter_map(Result::ok) {
            match Reply::read(&frame) {
                Some(Ok(Reply::PublishError(refused))) => {
                    return Err(Failure::Refused(format!("{}: {}", args.topic, refused.reason)));
                }
                None if answers.iter().any(|answer| *answer == frame.topic) => {
                    let line = format!("{} {}\n", frame.topic, frame.payload);
                    let is_bad = frame.topic.ends_with("/error");
                    return Ok(if is_bad { Answer::Bad(line) } else { Answer::Good(line) });
                }
                Some(_) | None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_about_what_stands_before_its_last_level() {
        assert_eq!(stem("relay/i2c0-3b/set"), Some("relay/i2c0-3b"));
        assert_eq!(stem("-/-/config/list"), Some("-/-/config"));
        for none in ["set", "/set", "relay/i2c0-3b", "a/ok"] {
            assert_eq!(stem(none), None, "{none}");
        }
    }
}
