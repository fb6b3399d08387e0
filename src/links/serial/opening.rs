//! The first seconds of a port: is there a gateway, and which one? What it says meanwhile is kept.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

use super::generation3::{Device, Sniffer};
use super::nodes::Id;
use super::port::{self, Port};
use super::settings::SerialSettings;
use crate::links::lines::{Line, Stream};
use crate::talk::Frames;

/// The longest line of a gateway.
const LONGEST_LINE: usize = 8 * 1024;
/// How long a gateway may take to say who it is. It may have been plugged in just now.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is asked within that.
const AGAIN: Duration = Duration::from_secs(2);
/// Lines that are kept meanwhile.
const MOST_LINES: usize = 256;
/// So much of what is no line is repeated in a complaint.
const SHOWN: usize = 60;

/// A port on which a gateway has said who it is.
pub(in crate::links) struct Opened {
    /// The port.
    pub(super) stream: Stream<Port>,
    /// What it has said so far.
    pub(super) lines: Vec<Bytes>,
    /// Lines that were too long, or too many.
    pub(super) dropped: u64,
    /// What the gateway says it is.
    pub(in crate::links) info: String,
}

/// What a port that is no gateway has said.
#[derive(Debug, Default)]
struct Heard {
    bytes: usize,
    lines: usize,
    frames: usize,
    first: Vec<u8>,
}

/// Opens the port and asks what is there; otherwise says why not, and what to do. May be cancelled.
pub(in crate::links) async fn open(settings: Arc<SerialSettings>) -> Result<Opened, String> {
    let shown = settings.port.display().to_string();
    let (path, baud): (PathBuf, u32) = (settings.port.clone(), settings.baud);
    // A driver may take its time.
    let held = tokio::task::spawn_blocking(move || port::hold(&path, baud)).await;
    let held = held.map_err(|error| error.to_string())?.map_err(|why| format!("{shown}: {why}"))?;
    let port = Port::new(held).map_err(|error| format!("{shown}: {error}"))?;
    ask(Stream::new(port, LONGEST_LINE), &settings).await.map_err(|why| format!("{shown}: {why}"))
}

async fn ask(mut stream: Stream<Port>, settings: &SerialSettings) -> Result<Opened, String> {
    let (mut lines, mut dropped, mut heard, mut sniffer) =
        (Vec::new(), 0, Heard::default(), Sniffer::default());
    let until = Instant::now() + PATIENCE;
    stream.is_watched();
    // What the gateway has read of a line so far ends here.
    stream.say("");
    loop {
        stream.say("[\"/info/get\", null]");
        let again = (Instant::now() + AGAIN).min(until);
        while let Ok(event) = timeout_at(again, stream.next(None)).await {
            event.map_err(|broken| broken.why().to_owned())?;
            heard.note(stream.fresh());
            if let Some(device) = sniffer.look(stream.fresh()) {
                return Err(third(&device));
            }
            stream.clear_fresh();
            while let Some(line) = stream.input.next() {
                let Line::Whole(line) = line else {
                    dropped += 1;
                    continue;
                };
                heard.lines += 1;
                let info = info(&line, &mut heard);
                if lines.len() < MOST_LINES || info.is_some() {
                    lines.push(line);
                } else {
                    dropped += 1;
                }
                if let Some(info) = info {
                    return Ok(Opened { stream, lines, dropped, info });
                }
            }
        }
        if Instant::now() >= until {
            return Err(heard.is_no_gateway(settings.baud));
        }
    }
}

/// What a gateway says it is. One whose radio does not work yet says nothing of the kind.
fn info(line: &[u8], heard: &mut Heard) -> Option<String> {
    let begin = line.iter().position(|byte| *byte != 0)?;
    let text = std::str::from_utf8(line.get(begin..)?).ok()?;
    let frame = Frames::of(text).next()?.ok()?;
    heard.frames += 1;
    if frame.topic != "/info" {
        return None;
    }
    let info: serde_json::Value = serde_json::from_str(frame.payload).ok()?;
    let id = info.get("id").or_else(|| info.get("address"))?.as_str().and_then(Id::parse)?;
    let word = |key: &str| info.get(key).and_then(serde_json::Value::as_str).unwrap_or("?").to_owned();
    (!id.is_nobodys()).then(|| format!("{id}, {} {}", word("firmware"), word("version")))
}

fn third(device: &Device) -> String {
    let firmware = device.firmware.as_ref().map(|firmware| format!(", {firmware}")).unwrap_or_default();
    format!(
        "a TOWER device of the third generation is there (protocol {}{firmware}): it speaks no lines. Run `tower gateway` for \
         it, and link its broker with kind = \"mqtt\" and the filter tower/#",
        device.protocol
    )
}

impl Heard {
    fn note(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len();
        let room = SHOWN.saturating_sub(self.first.len());
        self.first.extend(bytes.iter().take(room));
    }

    /// What may be wrong, from what was heard.
    fn is_no_gateway(&self, baud: u32) -> String {
        let seconds = PATIENCE.as_secs();
        let begin: String = String::from_utf8_lossy(&self.first).escape_debug().collect();
        let is_text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace() || *byte == 0;
        if self.bytes == 0 {
            return format!(
                "nothing was heard there in {seconds} s, though it was asked who it is: is it a TOWER gateway (radio dongle or \
                 Core Module) with its firmware? unplug it and plug it in again"
            );
        }
        if self.frames > 0 {
            return format!(
                "it speaks lines, but does not say who it is, in {seconds} s: is its firmware that of a gateway? it began \
                 with {begin:?}"
            );
        }
        if self.first.iter().filter(|byte| !is_text(byte)).count() * 4 > self.first.len() {
            return format!(
                "what comes from there is no text: is it a TOWER gateway, and is baud = {baud} right? it began with {begin:?}"
            );
        }
        format!("what is there does not speak as a TOWER gateway: it began with {begin:?}")
    }
}
