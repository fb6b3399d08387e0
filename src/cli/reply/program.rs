//! One run of the program: its input, its output and its end.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::cli::OperatorError;

/// The most that a program may print for one command, in bytes.
const PRINTED: u64 = 1024 * 1024;

/// What is run.
pub(super) struct Program<'a> {
    words: &'a [String],
    patience: Duration,
}

/// What came of a run.
pub(super) enum Outcome {
    /// It ended well, and printed this.
    Printed(String),
    /// It did not; the sentence says why.
    Failed(String),
}

/// All processes that a run has begun. Dropping it kills those that are still there.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Mostly nobody is there any more.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl<'a> Program<'a> {
    pub(super) fn new(words: &'a [String], patience: Duration) -> Self {
        Self { words, patience }
    }

    /// Runs it once. The error is that it cannot be run at all.
    pub(super) async fn run(&self, topic: &str, payload: &str) -> Result<Outcome, OperatorError> {
        let (name, arguments) =
            self.words.split_first().map_or(("", [].as_slice()), |(name, rest)| (name, rest));
        let mut command = Command::new(name);
        command.args(arguments).env("CLOWN_TOPIC", topic);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0).kill_on_drop(true);
        let mut child = command
            .spawn()
            .map_err(|error| OperatorError::new(format!("the program {name} cannot be run: {error}")))?;
        let _group = Group(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)));
        match timeout(self.patience, talk(&mut child, payload)).await {
            Ok(Ok(outcome)) => Ok(outcome),
            Ok(Err(error)) => Ok(Outcome::Failed(format!("the program broke off: {error}"))),
            Err(_) => Ok(Outcome::Failed(format!(
                "the program took longer than {:?} and was killed",
                self.patience
            ))),
        }
    }
}

/// Gives a program the payload, and takes what it prints.
async fn talk(child: &mut Child, payload: &str) -> io::Result<Outcome> {
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let give = async {
        if let Some(mut stdin) = stdin {
            // Whoever needs no payload does not read it.
            let _ = stdin.write_all(payload.as_bytes()).await;
            let _ = stdin.write_all(b"\n").await;
        }
    };
    let take = async {
        let mut printed = Vec::new();
        if let Some(stdout) = stdout {
            stdout.take(PRINTED + 1).read_to_end(&mut printed).await?;
        }
        io::Result::Ok(printed)
    };
    let ((), printed) = tokio::join!(give, take);
    let printed = printed?;
    if printed.len() as u64 > PRINTED {
        return Ok(Outcome::Failed(format!("the program printed more than {PRINTED} bytes and was killed")));
    }
    let status = child.wait().await?;
    if !status.success() {
        return Ok(Outcome::Failed(format!("the program failed: {status}")));
    }
    Ok(match String::from_utf8(printed) {
        Ok(text) => Outcome::Printed(text),
        Err(_) => Outcome::Failed("what the program printed is not UTF-8".to_owned()),
    })
}
