//! `clown-hub pub`: a message, or one for each line of standard input.

mod compose;
mod flow;
mod lines;

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::Value;
use tokio::time::{Instant, timeout};

use self::compose::{Batch, Composer, Shape, Typed};
pub(super) use self::compose::{check_topic, check_typed};
use self::flow::{Flow, Tally};
use self::lines::Lines;
use super::duration::duration;
use super::exit::{broken, help_end};
use super::habit::{one_payload, shell};
use super::hub_args::{HubArgs, typed_url};
use super::secrets::no_url;
use super::{OperatorError, block_on, output};
use crate::client::{Address, Connection, Failure, Speaker};

const AFTER_HELP: &str = help_end!(
    "Example:
  clown-hub pub relay/i2c0-3b/set '{\"state\": true}' --lease 10m --safe '{\"state\": false}'"
);

/// Publish a message, or one for each line of standard input.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct PubArgs {
    /// The topic, relative to the base; without it each line of input is ["TOPIC", PAYLOAD]
    #[arg(allow_hyphen_values = true, value_parser = typed_topic)]
    topic: Option<String>,
    /// The payload, as JSON; without it each line of standard input is a payload
    #[arg(allow_negative_numbers = true)]
    payload: Option<String>,
    /// The further words of a payload that was typed without quotes.
    #[arg(hide = true, allow_negative_numbers = true)]
    rest: Vec<String>,
    /// Take the payload, or each line of input, for a text and not for JSON
    #[arg(long, requires = "topic")]
    text: bool,
    /// Take what is JSON for that, and everything else for a text.
    #[arg(long, hide = true, requires = "topic", conflicts_with = "text")]
    json_or_text: bool,
    /// Take the whole of a file for the payload; - is standard input
    #[arg(long, value_name = "FILE", requires = "topic", conflicts_with = "payload")]
    file: Option<PathBuf>,
    /// Have the hub keep the message as the last value of its topic
    #[arg(long)]
    retain: bool,
    /// Ask the hub to confirm every message
    #[arg(long)]
    confirm: bool,
    /// Let the command hold for so long only, as 30s, 10m or 2h
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "safe")]
    lease: Option<Duration>,
    /// The payload that the hub sends when the time of --lease is over
    #[arg(long, value_name = "JSON", requires = "lease", allow_negative_numbers = true)]
    safe: Option<String>,
    /// Be the node of the base: readings are kept, and it is shown online
    #[arg(long)]
    node: bool,
    #[command(flatten)]
    hub: HubArgs,
}

/// A topic may begin with `-`, as those of the bridge itself do, but a flag that is misspelt is no topic.
pub(super) fn typed_topic(text: &str) -> Result<String, String> {
    if text.starts_with("--") {
        return Err("there is no such flag; see --help".to_owned());
    }
    no_url(text)?;
    Ok(text.to_owned())
}

/// Bytes of frames that go out in one message; one frame may be more.
const MESSAGE_BYTES: usize = 64 * 1024;
/// How long the reason of a hub that cuts us off may take.
const LAST_WORD: Duration = Duration::from_millis(200);
/// Lines that are complained about one by one.
const COMPLAINTS: u64 = 10;

impl PubArgs {
    /// Who leaves before the hub has taken a lease has none, so the answer is waited for.
    fn is_confirmed(&self) -> bool {
        self.confirm || self.lease.is_some()
    }

    /// For how many seconds the command holds, and what is sent then.
    fn lease(&self) -> anyhow::Result<Option<(f64, Value)>> {
        let (Some(time), Some(safe)) = (self.lease, &self.safe) else { return Ok(None) };
        let safe = serde_json::from_str(safe)
            .map_err(|error| OperatorError::new(format!("--safe is not JSON: {error}")))?;
        Ok(Some((time.as_secs_f64(), safe)))
    }

    /// What the payload is.
    fn what(&self) -> Typed {
        match (self.text, self.json_or_text) {
            (true, _) => Typed::Text,
            (false, true) => Typed::Either,
            (false, false) => Typed::Json,
        }
    }

    /// What was typed, up to the topic, for a sentence that says what to type.
    fn command(&self, topic: &str) -> String {
        let flags = [(self.retain, "--retain"), (self.confirm, "--confirm"), (self.node, "--node")];
        let flags = flags.into_iter().filter_map(|(is_set, flag)| is_set.then_some(flag));
        let words = ["clown-hub", "pub"].into_iter().chain(typed_url()).chain(flags);
        format!("{} {}", words.collect::<Vec<_>>().join(" "), shell(topic))
    }
}

pub(super) fn publish(args: &PubArgs) -> anyhow::Result<()> {
    let address = args.hub.address()?;
    let (topic, retain, confirm) = (args.topic.clone(), args.retain, args.is_confirmed());
    let shape = Shape { topic, typed: args.what(), retain, confirm, lease: args.lease()? };
    let mut composer = Composer::new(shape);
    // Arguments are checked before the program connects.
    let first = typed(args, &mut composer)?;
    block_on(send(args, &address, composer, first))
}

/// The message of the command line, if there is one.
fn typed(args: &PubArgs, composer: &mut Composer) -> anyhow::Result<Batch> {
    let mut batch = Batch::default();
    let Some(topic) = &args.topic else { return Ok(batch) };
    check_topic(topic).map_err(OperatorError::new)?;
    if let Some(file) = &args.file {
        let text = whole(file)?;
        let named = |error| OperatorError::new(format!("{}: {error}", file.display()));
        composer.add(&text, &mut batch).map_err(named)?;
    } else if let Some(payload) = &args.payload {
        let command = args.command(topic);
        let payload = one_payload(&command, payload, &args.rest)?;
        if args.what() == Typed::Json {
            check_typed(&command, payload).map_err(OperatorError::new)?;
        }
        composer.add(payload, &mut batch).map_err(OperatorError::new)?;
    }
    Ok(batch)
}

/// All of a file, or of standard input, up to what the largest hub takes.
fn whole(file: &Path) -> Result<String, OperatorError> {
    const MOST: u64 = 16 << 20;
    let shown = file.display();
    let unreadable = |error: std::io::Error| OperatorError::new(format!("{shown}: {error}"));
    let input: Box<dyn Read> = match file.to_str() {
        Some("-") => Box::new(std::io::stdin()),
        _ => Box::new(std::fs::File::open(file).map_err(unreadable)?),
    };
    let mut text = String::new();
    input.take(MOST + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > MOST {
        return Err(OperatorError::new(format!(
            "{shown}: is longer than {MOST} bytes, the most that a hub takes"
        )));
    }
    Ok(text)
}

async fn send(
    args: &PubArgs,
    address: &Address,
    mut composer: Composer,
    mut first: Batch,
) -> anyhow::Result<()> {
    let settings = r#"{"filters": [], "retained": false}"#;
    let connection = Connection::open(address, args.node, settings).await.map_err(broken)?;
    let Connection { mut listener, mut speaker, limits } = connection;
    if let Some(most) = limits.message_bytes
        && first.text.len() > most
    {
        let sentence = format!("the message has {} bytes, this hub takes {most}", first.text.len());
        return Err(OperatorError::new(sentence).into());
    }
    let flow = Flow::new(limits, args.is_confirmed(), args.retain);
    let mut lines = (args.payload.is_none() && args.file.is_none()).then(|| Lines::new(limits.message_bytes));
    let speaking = async {
        if first.frames > 0 {
            flow.send(&mut speaker, &mut first).await?;
        }
        let mut bad = 0;
        if let Some(lines) = &mut lines {
            bad = pour(lines, &mut composer, &mut speaker, &flow).await?;
        }
        flow.finish(&mut speaker).await?;
        anyhow::Ok(bad)
    };
    let spoken = tokio::select! {
        spoken = speaking => spoken,
        failure = flow.listen(&mut listener) => Err(broken(flow.explain(failure))),
    };
    let bad = match spoken {
        Ok(bad) => bad,
        // A hub that cuts us off says why, behind what we could not read while we wrote.
        Err(error) => match timeout(LAST_WORD, flow.listen(&mut listener)).await {
            Ok(failure @ Failure::Refused(_)) => return Err(broken(flow.explain(failure))),
            Ok(_) | Err(_) => return Err(error),
        },
    };
    Connection { listener, speaker, limits }.close().await;
    verdict(flow.tally(), bad, args.is_confirmed())
}

/// Sends standard input, and returns how many lines were no good.
async fn pour(
    lines: &mut Lines,
    composer: &mut Composer,
    speaker: &mut Speaker,
    flow: &Flow,
) -> anyhow::Result<u64> {
    let mut batch = Batch::default();
    let mut bad = 0;
    // The cursor of who types is not to be moved.
    let shows = std::io::stderr().is_terminal() && !std::io::stdin().is_terminal();
    let mut progress = Progress::new(shows, "messages sent");
    if std::io::stdin().is_terminal() {
        output::notice("each line is a message; end with Ctrl-D");
    }
    loop {
        while batch.frames < flow.quantum() && batch.text.len() < MESSAGE_BYTES {
            let Some((number, line)) = lines.ready() else { break };
            let added = line.and_then(|line| composer.add(line, &mut batch));
            if let Err(error) = added {
                bad += 1;
                if bad <= COMPLAINTS {
                    output::notice(&format!("line {number}: {error}"));
                }
            }
        }
        if batch.frames > 0 {
            flow.send(speaker, &mut batch).await?;
            progress.show(flow.tally().sent);
        } else if !lines.fill().await? {
            return Ok(bad);
        }
    }
}

/// The result, as an error with one sentence if something went wrong.
fn verdict(tally: Tally, bad: u64, confirm: bool) -> anyhow::Result<()> {
    let Tally { sent, refused, confirmed } = tally;
    if refused > 0 {
        return Err(OperatorError::refused(format!("{refused} of {sent} messages were refused")).into());
    }
    if confirm && confirmed != sent {
        anyhow::bail!("{} of {sent} messages were not confirmed", sent - confirmed);
    }
    if bad > 0 {
        let sentence =
            format!("{bad} lines were not valid messages and were left out; the other {sent} were published");
        return Err(OperatorError::new(sentence).into());
    }
    Ok(())
}

/// How far it is, for a person who waits for longer than a second.
pub(super) struct Progress {
    what: &'static str,
    began: Instant,
    told: Option<Instant>,
    is_on: bool,
}

impl Progress {
    /// Counts `what`, if it is on.
    pub(super) fn new(is_on: bool, what: &'static str) -> Self {
        Self { what, began: Instant::now(), told: None, is_on }
    }

    #[expect(clippy::print_stderr, reason = "it is for the person at the terminal")]
    pub(super) fn show(&mut self, count: u64) {
        const EVERY: Duration = Duration::from_millis(250);
        const AFTER: Duration = Duration::from_secs(1);
        if !self.is_on || self.began.elapsed() < AFTER || self.told.is_some_and(|told| told.elapsed() < EVERY)
        {
            return;
        }
        self.told = Some(Instant::now());
        eprint!("\r{count} {}", self.what);
    }
}

impl Drop for Progress {
    #[expect(clippy::print_stderr, reason = "the line it wrote is taken away")]
    fn drop(&mut self) {
        if self.told.is_some() {
            eprint!("\r\x1b[K");
        }
    }
}
