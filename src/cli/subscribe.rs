//! `clown-hub sub`: prints what is said.

pub(super) mod csv;
mod format;
mod pretty;
pub(super) mod template;

use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::json;
use tokio::time::Instant;

use self::format::{Format, Formatter, Look};
use self::template::Template;
use super::duration::duration;
use super::exit::help_end;
use super::hub_args::HubArgs;
use super::output::{self, Output, notice, reader_gone};
use super::secrets::no_url;
use super::staying::{passed, stay_connected};
use super::{OperatorError, block_on, habit};
use crate::client::{Address, Connection, Failure, Heard};
use crate::talk::{Frames, Reply};

const AFTER_HELP: &str = help_end!(
    "Examples:
  clown-hub sub 'thermometer/#' relay/+ --format json --count 10
  clown-hub sub --retained only --format csv --timestamps > now.csv"
);

/// Print messages as they come, and last values first.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct SubArgs {
    /// Topic filters, relative to the base; without a filter, all that the user may read
    #[arg(value_name = "FILTER", value_parser = typed_filter)]
    filters: Vec<String>,
    /// How a message is printed: plain, json, pretty or csv
    #[arg(long, value_enum, default_value_t = Format::Plain, hide_possible_values = true)]
    format: Format,
    /// A line of your own for each message: %t topic, %p payload, %I time
    #[arg(long, value_name = "TEXT", value_parser = Template::parse, hide_short_help = true)]
    template: Option<Template>,
    /// Print when the hub received each message
    #[arg(long)]
    timestamps: bool,
    /// End after this many messages
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// End after this time, as 500ms, 10s, 2m or 1h
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    time: Option<Duration>,
    /// only: print the last values and end; no: leave the last values out
    #[arg(long, value_name = "WHICH", value_enum, hide_possible_values = true)]
    retained: Option<Retained>,
    /// Print everything as it came, without escapes; for pipes and files only
    #[arg(long)]
    raw: bool,
    /// Reconnect when the connection to the hub is lost
    #[arg(long)]
    reconnect: bool,
    #[command(flatten)]
    hub: HubArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
enum Retained {
    Only,
    No,
}

fn typed_filter(text: &str) -> Result<String, String> {
    no_url(text)?;
    Ok(text.to_owned())
}

pub(super) fn subscribe(args: &SubArgs) -> anyhow::Result<()> {
    if args.raw && output::is_terminal() {
        let sentence = "--raw is for pipes and files: on a terminal, messages of others could send it commands; \
                        leave --raw out, or add | less or > FILE";
        return Err(OperatorError::new(sentence).into());
    }
    for filter in &args.filters {
        habit::wildcards(filter).map_err(OperatorError::new)?;
        if let Some(meant) = filter.strip_prefix('/') {
            // It is a filter like any other, and mostly nobody ever says anything there.
            notice(&format!(
                "filter {filter:?} begins with a slash, which is a level of its own: it names no topic that {meant:?} names"
            ));
        }
    }
    let address = args.hub.address()?;
    block_on(async {
        let mut printer = Printer::new(args);
        tokio::select! {
            biased;
            ended = listen(args, &address, &mut printer) => ended?,
            () = reader_gone() => return Err(output::ReaderGone.into()),
        }
        printer.output.flush()?;
        match args.count {
            Some(count) if printer.printed < count => {
                let sentence = format!("{} of {count} messages came", printer.printed);
                Err(OperatorError::no_answer(sentence).into())
            }
            _ => Ok(()),
        }
    })
}

/// Listens until it has heard enough or the time of `--for` is over; with `--reconnect`, on one connection after another.
async fn listen(args: &SubArgs, address: &Address, printer: &mut Printer) -> anyhow::Result<()> {
    let until = args.time.map(|time| Instant::now() + time);
    let settings = settings(args);
    stay_connected((address, false, &settings), args.reconnect, until, async |connection| {
        let ended = converse(args, connection, printer, until).await?;
        printer.output.flush()?;
        Ok(ended)
    })
    .await
}

/// What `config/set` asks for.
fn settings(args: &SubArgs) -> String {
    let mut settings = json!({
        "retained": args.retained != Some(Retained::No),
        "options": args.timestamps
            || args.template.as_ref().is_some_and(Template::needs_options)
            || args.retained == Some(Retained::Only),
    });
    if !args.filters.is_empty()
        && let Some(keys) = settings.as_object_mut()
    {
        keys.insert("filters".to_owned(), args.filters.clone().into());
    }
    settings.to_string()
}

/// Prints what comes on one connection. The outer error ends the program.
async fn converse(
    args: &SubArgs,
    mut connection: Connection,
    printer: &mut Printer,
    until: Option<Instant>,
) -> anyhow::Result<Result<(), Failure>> {
    // With `only` its answer ends the program. Without filters it says whether there is anything to hear.
    if (args.retained == Some(Retained::Only) || args.filters.is_empty())
        && let Err(failure) = connection.speaker.ask_for_a_sign().await
    {
        return Ok(Err(failure));
    }
    loop {
        let heard = match connection.listener.next_at_once() {
            Ok(Some(heard)) => Ok(heard),
            Ok(None) => {
                printer.output.flush()?;
                tokio::select! {
                    biased;
                    // First, as messages may come without a pause.
                    () = passed(until) => {
                        connection.close().await;
                        return Ok(Ok(()));
                    }
                    heard = connection.listener.next() => heard,
                }
            }
            Err(failure) => Err(failure),
        };
        match heard {
            Ok(Heard::Text(text)) => {
                if printer.hear(&text)? {
                    printer.output.flush()?;
                    connection.close().await;
                    return Ok(Ok(()));
                }
            }
            Ok(Heard::Closed) => return Ok(Err(Failure::Lost("the hub closed the connection".to_owned()))),
            Err(failure) => return Ok(Err(failure)),
        }
    }
}

/// What is printed, and how much of it was.
struct Printer {
    output: Output,
    formatter: Formatter,
    retained: Option<Retained>,
    count: Option<u64>,
    printed: u64,
    /// Whether it was said that the account may read nothing; once is enough.
    said_nothing_to_read: bool,
}

impl Printer {
    fn new(args: &SubArgs) -> Self {
        let look = match (args.raw, output::in_colour()) {
            (true, _) => Look::Raw,
            (false, true) => Look::Coloured,
            (false, false) => Look::Escaped,
        };
        let formatter = Formatter::new(args.format, args.timestamps, look).with(args.template.clone());
        Self {
            output: Output::default(),
            formatter,
            retained: args.retained,
            count: args.count,
            printed: 0,
            said_nothing_to_read: false,
        }
    }

    /// Prints the messages of a text, and says whether that was enough.
    fn hear(&mut self, text: &str) -> anyhow::Result<bool> {
        for frame in Frames::of(text).filter_map(Result::ok) {
            match Reply::read(&frame) {
                None if self.retained == Some(Retained::Only) && !format::is_retained(&frame) => {}
                None => {
                    self.formatter.write(&frame, self.output.buffer());
                    self.printed += 1;
                    if self.count == Some(self.printed) {
                        return Ok(true);
                    }
                }
                Some(Ok(Reply::SubscriptionOk { filters })) => {
                    if filters.is_empty() && !self.said_nothing_to_read {
                        self.said_nothing_to_read = true;
                        notice(
                            "this account may not read anything here: it has no filter in `subscribe` for this base; \
                             `clown-hub access explain USER subscribe '#'` says what it may",
                        );
                    }
                    if self.retained == Some(Retained::Only) {
                        return Ok(true);
                    }
                }
                Some(Ok(Reply::Skipped { count })) => {
                    notice(&format!(
                        "{count} readings were skipped: newer ones came before they could be printed"
                    ));
                }
                // What was asked for at first is answered by a config/error. This comes when the account is changed.
                Some(Ok(Reply::SubscriptionError { reason, filters })) => {
                    let filters = filters.join(" ");
                    notice(&format!("{reason}; nothing more comes of {filters}"));
                }
                Some(_) => {}
            }
        }
        self.output.relieve()?;
        Ok(false)
    }
}
