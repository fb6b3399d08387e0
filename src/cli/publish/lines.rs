//! Standard input, line by line, as much at a time as is there.

use anyhow::Context;
use tokio::io::{AsyncReadExt, Stdin, stdin};

/// Bytes that are asked for at one time.
const READ: usize = 256 * 1024;
/// The longest line where the hub does not tell its limit.
const LONGEST: usize = 1024 * 1024;

pub(super) struct Lines {
    input: Stdin,
    buffer: Vec<u8>,
    /// Where in the buffer the next line begins.
    at: usize,
    number: u64,
    longest: usize,
    /// The rest of a line that is too long is passed over.
    too_long: bool,
    ended: bool,
}

impl Lines {
    pub(super) fn new(longest: Option<usize>) -> Self {
        let longest = longest.unwrap_or(LONGEST);
        Self { input: stdin(), buffer: Vec::new(), at: 0, number: 0, longest, too_long: false, ended: false }
    }

    /// The next line that is here whole, with its number; or what is wrong with it.
    pub(super) fn ready(&mut self) -> Option<(u64, Result<&str, String>)> {
        let rest = self.buffer.get(self.at..).unwrap_or_default();
        let (len, step) = match memchr::memchr(b'\n', rest) {
            Some(len) => (len, len + 1),
            None if self.ended && (!rest.is_empty() || self.too_long) => (rest.len(), rest.len()),
            None => return None,
        };
        let line = self.at..self.at + len;
        self.at += step;
        self.number += 1;
        let line = self.buffer.get(line).unwrap_or_default();
        let line = if std::mem::take(&mut self.too_long) || len > self.longest {
            Err(format!("is longer than the {} bytes that this hub takes", self.longest))
        } else {
            std::str::from_utf8(line).map_err(|_| "is not UTF-8".to_owned())
        };
        Some((self.number, line))
    }

    /// Waits for more; `false` at the end.
    pub(super) async fn fill(&mut self) -> anyhow::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        self.buffer.drain(..self.at);
        self.at = 0;
        if self.buffer.len() > self.longest {
            self.too_long = true;
            self.buffer.clear();
        }
        self.buffer.reserve(READ);
        let read = self.input.read_buf(&mut self.buffer).await.context("standard input could not be read")?;
        self.ended = read == 0;
        Ok(read > 0 || !self.buffer.is_empty() || self.too_long)
    }
}
