//! A child process, and all that it starts itself: they live in one group, which ends as a whole. What they say on standard
//! error goes into the log, as far as that has room for it.

use std::io;
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::io::ioctl_fionread;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::process::{Child as Process, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::{Instant, timeout};

use super::pace::Pace;
use super::settings::ProcessSettings;
use crate::hub::Outbox;
use crate::links::far::{Broken, Event};
use crate::links::lines::{Input, Line, Stream};
use crate::links::report::shown;
use crate::seldom::Seldom;

/// The longest line that a program may say.
const LONGEST_LINE: usize = 1024 * 1024;
/// The longest line of its standard error; what is beyond is another one.
const LONGEST_ERROR: usize = 512;
/// How much of that is read at one time.
const READ: usize = 1024;
/// How long the last words of a program are waited for.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// What of the hub's environment a program gets. The rest may have secrets in it.
const ENVIRONMENT: [&str; 9] =
    ["PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "XDG_RUNTIME_DIR"];

/// The standard input and output of a program, as one stream.
pub(super) struct Pipes {
    input: ChildStdin,
    output: ChildStdout,
    /// Once the program has ended: so many bytes are still to be read of what was said until then.
    left: Option<usize>,
}

impl Pipes {
    /// The program has ended. What it has started outside of its group may hold the output open for ever, and is not heard.
    fn end(&mut self) {
        let left = ioctl_fionread(&self.output).unwrap_or(0);
        self.left = Some(usize::try_from(left).unwrap_or(usize::MAX));
    }
}

impl AsyncRead for Pipes {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { output, left, .. } = &mut *self;
        let Some(left) = left else { return Pin::new(output).poll_read(cx, buf) };
        let most = buf.remaining().min(*left);
        let mut some = ReadBuf::new(buf.initialize_unfilled_to(most));
        if most > 0 {
            ready!(Pin::new(output).poll_read(cx, &mut some))?;
        }
        let read = some.filled().len();
        *left -= read;
        buf.advance(read);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pipes {
    /// A program that does not read any more may still speak: that it is gone is seen where it is read.
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.input).poll_write(cx, bytes) {
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => Poll::Pending,
            polled @ (Poll::Ready(_) | Poll::Pending) => polled,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.input).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.input).poll_shutdown(cx)
    }
}

/// A program that runs.
pub(in crate::links) struct Child {
    link: Arc<str>,
    process: Process,
    group: Option<Pid>,
    pub(super) stream: Stream<Pipes>,
    pub(super) pace: Pace,
    errors: Option<ChildStderr>,
    said: Input,
    last_words: Option<String>,
    ended: Option<ExitStatus>,
    is_asked_to_end: bool,
}

impl Child {
    /// Starts a program; in words why it does not start.
    pub(super) fn start(settings: &ProcessSettings, link: &Arc<str>) -> Result<Self, String> {
        let program = settings.program();
        let mut command = Command::new(program);
        command.args(settings.command.iter().skip(1)).env_clear();
        command.envs(ENVIRONMENT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        if let Some(directory) = &settings.directory {
            command.current_dir(directory);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0).kill_on_drop(true);
        let mut process = command.spawn().map_err(|error| why_not(&error, settings))?;
        let (Some(input), Some(output)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(format!("{program}: it has no standard input and output"));
        };
        let errors = process.stderr.take();
        let group = process.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Ok(Self {
            link: Arc::clone(link),
            process,
            group,
            stream: Stream::new(Pipes { input, output, left: None }, LONGEST_LINE),
            pace: Pace::new(settings.messages_per_second, Instant::now()),
            errors,
            said: Input::new(LONGEST_ERROR),
            last_words: None,
            ended: None,
            is_asked_to_end: false,
        })
    }

    /// The next thing that happens. May be cancelled.
    pub(super) async fn next(&mut self, outbox: Option<&Outbox>) -> Result<Event, Broken> {
        let mut chunk = [0; READ];
        loop {
            let has_ended = self.ended.is_some();
            tokio::select! {
                event = self.stream.next(outbox) => match event {
                    Ok(event) => return Ok(event),
                    Err(_) => return Err(Broken::Closed(self.end().await)),
                },
                read = read(&mut self.errors, &mut chunk) => self.note(chunk.get(..read).unwrap_or_default()),
                ended = self.process.wait(), if !has_ended => {
                    self.ended = ended.ok();
                    // What it has left behind keeps its output open, and is nothing without it.
                    self.signal(Signal::KILL);
                    self.stream.inner().end();
                    if self.ended.is_none() || self.is_asked_to_end {
                        return Err(Broken::Closed(self.end().await));
                    }
                }
            }
        }
    }

    /// Bytes of standard error; none where it has ended.
    fn note(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            self.errors = None;
            return;
        }
        self.said.extend(bytes);
        while let Some(line) = self.said.next() {
            if let Line::Whole(line) = line {
                self.say(&line);
            }
        }
    }

    fn say(&mut self, line: &[u8]) {
        static SAYS: Seldom = Seldom::new();
        let text = shown(line.trim_ascii());
        if text.is_empty() {
            return;
        }
        if let Some(times) = SAYS.each_of(&self.link) {
            tracing::info!(link = %self.link, left_out = times.left_out, "the program says: {text}");
        }
        self.last_words = Some(text);
    }

    /// It has ended, or closed its output: how, and what it said last.
    async fn end(&mut self) -> String {
        let mut chunk = [0; READ];
        let last_words = async {
            while self.errors.is_some() {
                let read = read(&mut self.errors, &mut chunk).await;
                self.note(chunk.get(..read).unwrap_or_default());
            }
            if self.ended.is_none() {
                self.ended = self.process.wait().await.ok();
            }
        };
        let _ = timeout(LAST_WORDS, last_words).await;
        let rest = self.said.begun().to_vec();
        self.say(&rest);
        let how = match self.ended {
            Some(status) => format!("it has ended ({status})"),
            None => "it has closed its standard output".to_owned(),
        };
        match &self.last_words {
            Some(words) => format!("{how}; its last words: {words}"),
            None => how,
        }
    }

    /// Asks it to end, and all that it has started.
    pub(super) fn ask_to_end(&mut self) {
        self.is_asked_to_end = true;
        self.signal(Signal::TERM);
    }

    /// Whether it has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // The group may be gone already, as a whole.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// Reads standard error as long as there is one; then waits for ever.
async fn read(errors: &mut Option<ChildStderr>, chunk: &mut [u8]) -> usize {
    match errors {
        Some(errors) => errors.read(chunk).await.unwrap_or(0),
        None => std::future::pending().await,
    }
}

fn why_not(error: &io::Error, settings: &ProcessSettings) -> String {
    let program = settings.program();
    let directory = settings.directory.as_ref().filter(|directory| !directory.is_dir());
    match (error.kind(), directory) {
        (_, Some(directory)) => format!("{}: there is no such folder (directory)", directory.display()),
        (io::ErrorKind::NotFound, _) => {
            format!(
                "{program}: there is no such program; write its whole path, or put its folder into the PATH of the hub"
            )
        }
        (io::ErrorKind::PermissionDenied, _) => {
            format!("{program}: the user of the hub may not run it: chmod +x, or another user")
        }
        _ => format!("{program}: it does not start: {error}"),
    }
}
