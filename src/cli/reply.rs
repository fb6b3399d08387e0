//! `clown-hub reply`: answers commands by what a program prints.

mod program;

use std::collections::VecDeque;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use self::program::{Outcome, Program};
use super::duration::duration;
use super::exit::help_end;
use super::hub_args::HubArgs;
use super::output::{self, notice};
use super::request::stem;
use super::secrets::no_url;
use super::staying::stay_connected;
use super::{OperatorError, block_on, escape, habit};
use crate::client::{Address, Connection, Failure, Heard, Speaker};
use crate::talk::frame::encode;
use crate::talk::{Frames, Reply};

const AFTER_HELP: &str = help_end!(
    "The program reads the payload from its standard input, and the topic from CLOWN_TOPIC.
What it prints is the answer: JSON as it is, other text as a JSON string.
a/b/set is answered on a/b/ok, and on a/b/error if the program fails. It is the node of its base.

Examples:
  clown-hub reply --state 'lamp/+/set' ./lamp.sh
  clown-hub reply 'printer/jobs/list' -- lpstat -o"
);

/// Commands that wait for the program. Further ones are answered with an error.
const WAITING: usize = 1000;

/// Answer commands by running a program
#[derive(Debug, Args)]
#[command(after_help = help_end!("Example:\n  clown-hub reply --state 'lamp/+/set' ./lamp.sh"), after_long_help = AFTER_HELP)]
pub(super) struct ReplyArgs {
    /// Which commands: a topic filter, relative to the base
    #[arg(value_parser = typed_filter)]
    filter: String,
    /// The program and its arguments, run once for each command
    #[arg(value_name = "PROGRAM", required = true, num_args = 1.., trailing_var_arg = true, allow_hyphen_values = true)]
    program: Vec<String>,
    /// Answer with the state: a/b/set on a/b
    #[arg(long)]
    state: bool,
    /// How long the program may take, as 500ms, 10s or 2m; then it is killed
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10s")]
    timeout: Duration,
    /// End after this many answers
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Reconnect when the connection to the hub is lost
    #[arg(long)]
    reconnect: bool,
    #[command(flatten)]
    hub: HubArgs,
}

fn typed_filter(text: &str) -> Result<String, String> {
    no_url(text)?;
    Ok(text.to_owned())
}

pub(super) fn reply(args: &ReplyArgs) -> anyhow::Result<()> {
    habit::wildcards(&args.filter).map_err(OperatorError::new)?;
    let address = args.hub.address()?;
    block_on(async {
        // The program has a group of its own, which no key of the terminal ends.
        let (mut interrupted, mut ended) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let mut answering = Answering::new(args, &address);
        let settings = json!({"filters": [args.filter], "retained": false}).to_string();
        let opened = stay_connected((&address, true, &settings), args.reconnect, None, async |connection| {
            answering.converse(connection).await
        });
        tokio::select! {
            ended = opened => ended,
            _ = interrupted.recv() => Ok(()),
            _ = ended.recv() => Ok(()),
        }
    })
}

/// Commands, and what is done about them.
struct Answering<'a> {
    args: &'a ReplyArgs,
    base: String,
    program: Program<'a>,
    answered: u64,
}

/// A command that came.
struct Asked {
    topic: String,
    payload: String,
}

/// What a command is answered with.
struct Answer {
    topic: String,
    payload: String,
}

impl<'a> Answering<'a> {
    fn new(args: &'a ReplyArgs, address: &Address) -> Self {
        let program = Program::new(&args.program, args.timeout);
        Self { args, base: address.base(), program, answered: 0 }
    }

    fn is_done(&self) -> bool {
        self.args.count == Some(self.answered)
    }

    /// Answers what comes on one connection, one command after the other, and goes on listening meanwhile. The outer error ends
    /// the program.
    async fn converse(&mut self, mut connection: Connection) -> anyhow::Result<Result<(), Failure>> {
        let mut waiting = VecDeque::new();
        loop {
            let Some(asked) = waiting.pop_front() else {
                if let Err(failure) = hear(&mut connection, self, &mut waiting).await {
                    return Ok(Err(failure));
                }
                continue;
            };
            let outcome = {
                let run = self.program.run(&asked.topic, &asked.payload);
                tokio::pin!(run);
                loop {
                    tokio::select! {
                        outcome = &mut run => break outcome?,
                        heard = connection.listener.next() => {
                            let refused = match take(heard, self.args, &self.base, &mut waiting) {
                                Ok(refused) => refused,
                                Err(failure) => return Ok(Err(failure)),
                            };
                            if let Err(failure) = say(&mut connection.speaker, &refused).await {
                                return Ok(Err(failure));
                            }
                        }
                    }
                }
            };
            let answer = answer(&asked, outcome, self.args);
            if let Err(failure) = say(&mut connection.speaker, std::slice::from_ref(&answer)).await {
                return Ok(Err(failure));
            }
            output::print(&format!(
                "{} {}\n",
                escape::escaped(&answer.topic),
                escape::json(&answer.payload)
            ))?;
            self.answered += 1;
            if self.is_done() {
                connection.close().await;
                return Ok(Ok(()));
            }
        }
    }
}

/// Waits for something, and puts the commands of it in the queue.
async fn hear(
    connection: &mut Connection,
    answering: &Answering<'_>,
    waiting: &mut VecDeque<Asked>,
) -> Result<(), Failure> {
    let heard = connection.listener.next().await;
    let refused = take(heard, answering.args, &answering.base, waiting)?;
    say(&mut connection.speaker, &refused).await
}

/// Takes the commands of what came, and says how those are answered for which there is no room.
fn take(
    heard: Result<Heard, Failure>,
    args: &ReplyArgs,
    base: &str,
    waiting: &mut VecDeque<Asked>,
) -> Result<Vec<Answer>, Failure> {
    let Heard::Text(text) = heard? else {
        return Err(Failure::Lost("the hub closed the connection".to_owned()));
    };
    let mut refused = Vec::new();
    for frame in Frames::of(&text).filter_map(Result::ok) {
        match Reply::read(&frame) {
            None if stem(&frame.topic, base).is_none() => {}
            None => {
                let asked = Asked { topic: frame.topic.to_string(), payload: frame.payload.to_owned() };
                if waiting.len() < WAITING {
                    waiting.push_back(asked);
                } else {
                    notice(&format!(
                        "{}: {WAITING} commands wait already; it is answered with an error",
                        asked.topic
                    ));
                    let why = Outcome::Failed(format!("busy: {WAITING} commands wait already"));
                    refused.push(answer(&asked, why, args));
                }
            }
            Some(Ok(Reply::PublishError(no))) => notice(&format!("an answer was not taken: {}", no.reason)),
            Some(Ok(Reply::SubscriptionError { reason, filters })) => {
                notice(&format!("{reason}; nothing more comes of {}", filters.join(" ")));
            }
            Some(_) => {}
        }
    }
    Ok(refused)
}

fn answer(asked: &Asked, outcome: Outcome, args: &ReplyArgs) -> Answer {
    // Only commands are taken.
    let stem = asked.topic.rsplit_once('/').map_or("", |(stem, _)| stem);
    match outcome {
        Outcome::Printed(text) => {
            let topic = if args.state { stem.to_owned() } else { format!("{stem}/ok") };
            Answer { topic, payload: payload_of(&text) }
        }
        Outcome::Failed(reason) => {
            notice(&format!("{}: {reason}", asked.topic));
            Answer { topic: format!("{stem}/error"), payload: json!({ "reason": reason }).to_string() }
        }
    }
}

/// JSON as it is, other text as a JSON string; nothing is an empty object.
fn payload_of(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() {
        "{}".to_owned()
    } else if serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok() {
        text.replace(['\r', '\n'], " ")
    } else {
        Value::from(text).to_string()
    }
}

async fn say(speaker: &mut Speaker, answers: &[Answer]) -> Result<(), Failure> {
    for answer in answers {
        let mut frame = String::new();
        encode(&answer.topic, &answer.payload, &mut frame);
        speaker.say(frame).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_answered_as_it_is_and_other_text_as_a_string() {
        for (printed, payload) in [
            (" {\"state\": true}\n", "{\"state\": true}"),
            ("{\n\"a\": 1\r\n}", "{ \"a\": 1  }"),
            ("21.5\n", "21.5"),
            ("on\n", "\"on\""),
            ("two\nlines\n", "\"two\\nlines\""),
            ("\n", "{}"),
        ] {
            assert_eq!(payload_of(printed), payload, "{printed:?}");
        }
    }
}
