//! `clown-hub export`: every reading of history, for other programs.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::Value;

use self::pages::{Export, Found};
use super::exit::{broken, help_end};
use super::history::{answer_to, filter, moment, tell_gaps};
use super::hub_args::HubArgs;
use super::publish::Progress;
use super::subscribe::csv;
use super::{OperatorError, block_on, escape, output};
use crate::client::Connection;
use crate::store::upkeep::NewFile;
use crate::talk::control::{COLUMNS, PastSeries, PastValue, shown_moment};

mod pages;

const AFTER_HELP: &str = help_end!(
    "Examples:
  clown-hub export 'nodes/#' --since 7d -o week.csv
  clown-hub export 'thermometer/+' --format ndjson | gzip > day.ndjson.gz"
);

/// Bytes that are put together before they are written.
const BUFFER: usize = 64 * 1024;

/// Write every reading of history that is still there, for other programs.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct ExportArgs {
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
    /// A line of comma-separated values a reading, or a JSON object a line
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
    /// The file to write, which is there once it is whole; without it, standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace a file that is there
    #[arg(long, requires = "output")]
    force: bool,
    #[command(flatten)]
    hub: HubArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Csv,
    Ndjson,
}

pub(super) fn export(args: &ExportArgs) -> anyhow::Result<()> {
    let address = args.hub.address()?;
    let mut sink = Sink::open(args)?;
    let done = block_on(async {
        let settings = r#"{"filters": [], "retained": false}"#;
        let mut connection = Connection::open(&address, false, settings).await.map_err(broken)?;
        let mut export = Export::new(&args.topics, &args.since, &args.until, args.path.as_deref());
        let ask = async |question: Value| answer_to(&mut connection, &question).await;
        let run = export.run(ask, |found| match found {
            Found::Readings(series) => sink.put(&series),
            Found::Gaps(gaps) => {
                tell_gaps(gaps.iter());
                Ok(())
            }
        });
        tokio::select! {
            done = run => done?,
            _ = tokio::signal::ctrl_c() => return Err(anyhow::anyhow!("interrupted")),
            () = output::reader_gone(), if args.output.is_none() => return Err(output::ReaderGone.into()),
        }
        connection.close().await;
        Ok::<_, anyhow::Error>(export)
    })?;
    let readings = sink.finish()?;
    if readings == 0 {
        output::notice("nothing was said there in that time, or nothing that has history");
    } else if args.output.is_some() {
        output::notice(&format!("readings: {readings}, series: {}", done.series()));
    }
    if let Some(from) = done.thinned_until() {
        let from = shown_moment(from);
        output::notice(&format!(
            "of some series there is only each minute, or each quarter of an hour, of what is older than {from}: this is not \
             written; `clown-hub history --step 900 --csv --until {from}` prints it"
        ));
    }
    Ok(())
}

/// Where readings go.
struct Sink {
    format: Format,
    file: Option<(PathBuf, NewFile)>,
    buffer: Vec<u8>,
    readings: u64,
    progress: Progress,
}

/// A reading as JSON.
#[derive(Serialize)]
struct Line<'l> {
    time: &'l str,
    topic: &'l str,
    path: &'l str,
    unit: &'l str,
    value: &'l PastValue,
}

impl Sink {
    fn open(args: &ExportArgs) -> anyhow::Result<Self> {
        let create = |path: &PathBuf| match NewFile::create(path, args.force) {
            Ok(file) => Ok((path.clone(), file)),
            Err(error) => Err(OperatorError::new(format!("{}: {error}", path.display()))),
        };
        let file = args.output.as_ref().map(create).transpose()?;
        let shows = std::io::stderr().is_terminal() && (file.is_some() || !std::io::stdout().is_terminal());
        let mut buffer = Vec::with_capacity(2 * BUFFER);
        if args.format == Format::Csv {
            csv::line(COLUMNS.first_chunk::<5>().unwrap_or(&[""; 5]), &mut buffer);
        }
        let progress = Progress::new(shows, "readings written");
        Ok(Self { format: args.format, file, buffer, readings: 0, progress })
    }

    fn put(&mut self, series: &PastSeries) -> anyhow::Result<()> {
        let PastSeries { topic, path, unit, .. } = series;
        let texts = [topic, path, unit].map(|text| escape::escaped(text));
        for (time, value) in series.times.iter().zip(&series.value) {
            let time = &*shown_moment(*time);
            match self.format {
                Format::Csv => {
                    let value = value.to_string();
                    let [topic, path, unit] = &texts;
                    let fields: [&str; 5] = [time, topic, path, unit, &escape::escaped(&value)];
                    csv::line(&fields, &mut self.buffer);
                }
                Format::Ndjson => {
                    let line = serde_json::to_string(&Line { time, topic, path, unit, value })?;
                    self.buffer.extend_from_slice(escape::json(&line).as_bytes());
                    self.buffer.push(b'\n');
                }
            }
            if self.buffer.len() >= BUFFER {
                self.flush()?;
            }
        }
        self.readings += series.times.len() as u64;
        self.progress.show(self.readings);
        Ok(())
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        let Some((path, file)) = &mut self.file else {
            output::print(&String::from_utf8_lossy(&self.buffer))?;
            self.buffer.clear();
            return Ok(());
        };
        let written = file.file().write_all(&self.buffer);
        self.buffer.clear();
        written.map_err(|error| anyhow::anyhow!("{}: {error}; nothing was kept of it", path.display()))
    }

    /// Returns how many readings there were.
    fn finish(mut self) -> anyhow::Result<u64> {
        self.flush()?;
        if let Some((path, file)) = self.file {
            file.finish().map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
        }
        Ok(self.readings)
    }
}
