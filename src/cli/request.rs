//! `clown-hub req`: a command, and what it is answered.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::duration::duration;
use super::exit::{broken, help_end};
use super::habit::{one_payload, shell};
use super::hub_args::{HubArgs, typed_url};
use super::publish::{check_topic, check_typed, typed_topic};
use super::{OperatorError, block_on, escape, output};
use crate::client::{Connection, Failure, Heard};
use crate::talk::control::PublishRefused;
use crate::talk::frame::encode;
use crate::talk::{Frames, Kind, Reply};

const AFTER_HELP: &str = help_end!(
    "What counts as the answer to a/b/set: a/b/ok, a/b/error, a/b/set/ok, a/b/set/error, or the state a/b that was asked for.

Examples:
  clown-hub req relay/i2c0-3b/set '{\"state\": true}'
  clown-hub req thermometer/i2c0-48/config/set '{\"publish-interval\": 5}' --timeout 2s"
);

/// The payload where none was typed.
const NO_PAYLOAD: &str = "{}";

/// Send a command and print its answer.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct ReqArgs {
    /// The command: its last level is set, get, list, update or scan
    #[arg(allow_hyphen_values = true, value_parser = typed_topic)]
    topic: String,
    /// The payload, as JSON
    #[arg(default_value = NO_PAYLOAD, allow_negative_numbers = true)]
    payload: String,
    /// The further words of a payload that was typed without quotes.
    #[arg(hide = true, allow_negative_numbers = true)]
    rest: Vec<String>,
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
    /// No node is there that could answer.
    Nobody,
}

/// The longest that a hub waits for a node.
const CONFIRM: Duration = Duration::from_mins(1);
/// The largest payload of which a hub says whether it came to be so.
const COMPARED: usize = 4096;

/// What the hub is asked for: to say whether the node has done it, or whether there is none.
fn options(args: &ReqArgs) -> String {
    if args.payload.trim().len() > COMPARED {
        return ", {\"id\": 0}]".to_owned();
    }
    format!(", {{\"id\": 0, \"confirm\": {}}}]", args.timeout.min(CONFIRM).as_secs_f64())
}

/// What to type, up to the topic.
fn typed(verb: &str, topic: &str) -> String {
    let words = ["clown-hub", verb].into_iter().chain(typed_url());
    format!("{} {}", words.collect::<Vec<_>>().join(" "), shell(topic))
}

impl ReqArgs {
    /// What to do about a topic that is no command.
    fn no_command(&self) -> String {
        let topic = &self.topic;
        let meant = match (Kind::of(topic) == Kind::Command, self.payload == NO_PAYLOAD) {
            // A verb with nothing in front.
            (true, _) => typed("req", &format!("relay/0/{}", topic.trim_matches('/'))),
            (false, true) => typed("req", &format!("{topic}/get")),
            (false, false) => {
                format!("{} {}", typed("req", &format!("{topic}/set")), shell(&self.payload))
            }
        };
        let as_it_is = format!("{} {}", typed("pub", topic), shell(&self.payload));
        format!(
            "{topic} is no command: a command names what it is for and ends with /set, /get, /list, /update or /scan; \
             type: {meant} (or, to send it all the same: {as_it_is})"
        )
    }

    /// What to do where nothing came, or something else than what was asked for.
    fn no_answer(&self, stem: &str, other: Option<String>) -> OperatorError {
        let (topic, time) = (&self.topic, self.timeout);
        let asked: Option<Value> = serde_json::from_str(&self.payload).ok();
        if let Some(other) = other {
            return OperatorError::no_answer(format!(
                "{stem} said {other}, which is not what {topic} asked for; what it is now: {}",
                typed("req", &format!("{stem}/get"))
            ));
        }
        let command = typed("req", topic);
        let advice = match asked {
            Some(value @ (Value::Bool(_) | Value::String(_))) if topic.ends_with("/set") => {
                format!("a node takes an object; type: {command} '{{\"state\": {value}}}'")
            }
            Some(Value::Object(_)) => "is the node there? `clown-hub nodes` shows it".to_owned(),
            _ => format!("a node takes an object, as {command} '{{\"state\": true}}'"),
        };
        OperatorError::no_answer(format!("no answer to {topic} in {time:?}; {advice}"))
    }
}

pub(super) fn request(args: &ReqArgs) -> anyhow::Result<()> {
    check_topic(&args.topic).map_err(OperatorError::new)?;
    let command = typed("req", &args.topic);
    check_typed(&command, one_payload(&command, &args.payload, &args.rest)?).map_err(OperatorError::new)?;
    let address = args.hub.address()?;
    let Some(stem) = stem(&args.topic, &address.base()) else {
        return Err(OperatorError::new(args.no_command()).into());
    };
    block_on(async {
        let answers = answers(&args.topic, stem);
        let settings = json!({"filters": answers, "retained": false}).to_string();
        let mut connection = Connection::open(&address, false, &settings).await.map_err(broken)?;
        let mut other = None;
        let answer = timeout(args.timeout, ask(args, &answers, &mut connection, &mut other)).await;
        connection.close().await;
        match answer {
            Ok(Ok(Answer::Good(line))) => output::print(&line),
            Ok(Ok(Answer::Bad(line))) => {
                output::print(&line)?;
                Err(OperatorError::refused(format!("{} was answered with an error", args.topic)).into())
            }
            Ok(Ok(Answer::Nobody)) => {
                let topic = &args.topic;
                let sentence = format!("no node reads {topic}; is it there? `clown-hub nodes` shows it");
                Err(OperatorError::no_answer(sentence).into())
            }
            Ok(Err(failure)) => Err(broken(failure)),
            Err(_) => Err(args.no_answer(stem, other).into()),
        }
    })
}

/// What a command is about. Whether it is one is decided by the whole topic, base included (`docs/protocol.md`, clause 6.1).
pub(super) fn stem<'t>(topic: &'t str, base: &str) -> Option<&'t str> {
    let stem = topic.rsplit_once('/')?.0;
    let whole = if base.is_empty() { topic } else { &format!("{base}/{topic}") };
    (Kind::of(whole) == Kind::Command && !stem.is_empty()).then_some(stem)
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

/// Sends the command and waits for its answer. A state that is not what was asked for is kept in `other`: it may have come
/// by chance, before the node heard the command.
async fn ask(
    args: &ReqArgs,
    answers: &[String; 5],
    connection: &mut Connection,
    other: &mut Option<String>,
) -> Result<Answer, Failure> {
    let mut frame = String::new();
    encode(&args.topic, args.payload.trim(), &mut frame);
    frame.pop();
    frame.push_str(&options(args));
    connection.speaker.say(frame).await?;
    let wish = args.topic.ends_with("/set").then(|| serde_json::from_str(&args.payload).ok()).flatten();
    let [state, ..] = answers;
    loop {
        let Heard::Text(text) = connection.listener.next().await? else {
            return Err(Failure::Lost("the hub closed the connection".to_owned()));
        };
        for frame in Frames::of(&text).filter_map(Result::ok) {
            match Reply::read(&frame) {
                // The hub has waited as long as we do.
                Some(Ok(Reply::PublishError(refused))) if refused.reason.starts_with("timeout:") => {}
                Some(Ok(Reply::PublishError(refused))) if refused.reason.starts_with("offline:") => {
                    return Ok(Answer::Nobody);
                }
                Some(Ok(Reply::PublishError(PublishRefused { answer: Some(_), .. }))) => {
                    // The answer itself is on its way, or was here.
                }
                Some(Ok(Reply::PublishError(refused))) => {
                    return Err(Failure::Refused(format!("{}: {}", args.topic, refused.reason)));
                }
                None if answers.iter().any(|answer| *answer == frame.topic) => {
                    let payload = escape::json(frame.payload);
                    if frame.topic == *state && contradicts(wish.as_ref(), frame.payload) {
                        *other = Some(payload.into_owned());
                        continue;
                    }
                    let line = format!("{} {payload}\n", escape::escaped(&frame.topic));
                    let is_bad = frame.topic.ends_with("/error");
                    return Ok(if is_bad { Answer::Bad(line) } else { Answer::Good(line) });
                }
                Some(_) | None => {}
            }
        }
    }
}

/// Whether a state is another one than was wished for: a key of both has truths or texts that differ. Numbers may be
/// rounded, and what is of another kind was written in another way.
fn contradicts(wish: Option<&Value>, state: &str) -> bool {
    let (Some(Value::Object(wish)), Ok(Value::Object(state))) = (wish, serde_json::from_str(state)) else {
        return false;
    };
    wish.iter().any(|(key, wish)| match (wish, state.get(key)) {
        (Value::Bool(wish), Some(Value::Bool(state))) => wish != state,
        (Value::String(wish), Some(Value::String(state))) => wish != state,
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_about_what_stands_before_its_last_level() {
        assert_eq!(stem("relay/i2c0-3b/set", ""), Some("relay/i2c0-3b"));
        assert_eq!(stem("-/-/config/list", ""), Some("-/-/config"));
        for none in ["set", "/set", "relay/i2c0-3b", "a/ok", "x/list"] {
            assert_eq!(stem(none, ""), None, "{none}");
        }
        assert_eq!(stem("x/list", "nodes/bridge/0"), Some("x"), "behind two levels");
        assert_eq!(stem("scan/start", "node/pairing-mode"), Some("scan"));
        assert_eq!(stem("set", "relay/0"), None, "the base itself has no name there");
    }

    #[test]
    fn a_state_that_came_by_chance_is_told_from_the_one_that_was_asked_for() {
        let contradicts =
            |wish: &str, state: &str| contradicts(serde_json::from_str(wish).ok().as_ref(), state);
        assert!(contradicts(r#"{"state": true}"#, r#"{"state": false}"#));
        assert!(contradicts(r#"{"state": "on", "a": 1}"#, r#"{"a": 1, "state": "off"}"#));
        for (wish, state) in [
            (r#"{"state": true}"#, r#"{"state": true, "since": 1}"#),
            (r#"{"state": true}"#, r#"{"state": "on"}"#),
            (r#"{"state": true}"#, "true"),
            (r#"{"level": 50}"#, r#"{"level": 49.8}"#),
            ("{}", r#"{"state": false}"#),
            ("true", r#"{"state": false}"#),
        ] {
            assert!(!contradicts(wish, state), "{wish} {state}");
        }
    }
}
