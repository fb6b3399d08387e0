//! Mistakes in what was typed: a sentence each, without what may hold a password.

use std::ffi::OsString;
use std::fmt;

use clap::error::ErrorKind;

/// A mistake of whoever typed the command: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Mistake(String);

impl Mistake {
    pub(crate) fn new(sentence: impl fmt::Display) -> Self {
        Self(sentence.to_string())
    }
}

/// The two sides of `KEY=VALUE`, as one text that the hub takes for `--set`.
pub(crate) fn key_and_value(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some((key, _)) if !key.is_empty() => Ok(text.to_owned()),
        _ => Err("write it as KEY=VALUE, as in server.io_threads=2".to_owned()),
    }
}

/// Prints what is wrong with the arguments, or the help that was asked for, and ends.
#[expect(clippy::print_stderr, reason = "the last word to whoever typed it")]
pub(crate) fn complain(error: &clap::Error) -> ! {
    let text = error.render().to_string();
    let shown = without_secrets(&text, std::env::args_os().skip(1));
    if shown == text || matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        error.exit();
    }
    eprint!("{shown}");
    std::process::exit(error.exit_code());
}

/// The text with three dots in place of arguments that look like a URL. They are not taken apart, as a URL that was
/// typed wrong may have its password anywhere.
fn without_secrets(text: &str, args: impl Iterator<Item = OsString>) -> String {
    let mut secrets: Vec<String> = args
        .map(|arg| arg.to_string_lossy().into_owned())
        .flat_map(|arg| [arg.split_once('=').map(|(_, value)| value.to_owned()), Some(arg)])
        .flatten()
        .filter(|arg| arg.contains('@') || arg.contains("://"))
        .collect();
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "…"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_url_is_not_repeated() {
        let shown = |arg: &str| {
            let text = format!("error: unexpected argument '{arg}' found");
            without_secrets(&text, std::iter::once(OsString::from(arg)))
        };
        for arg in ["ws://u:secret@hub", "u:secret@hub", "--url=u:secret@hub", "ws://secret"] {
            assert!(!shown(arg).contains("secret"), "{arg}");
        }
        assert_eq!(shown("--bogus"), "error: unexpected argument '--bogus' found");
    }

    #[test]
    fn a_set_flag_is_a_key_and_a_value() {
        assert_eq!(key_and_value("a.b=c=d"), Ok("a.b=c=d".to_owned()));
        assert!(key_and_value("a.b").is_err() && key_and_value("=c").is_err());
    }
}
