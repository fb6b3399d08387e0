//! Complaints about the command line, without what may hold a password.

use std::ffi::OsString;

use clap::Parser;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::habit::shell;
use super::publish::json_of;
use super::{Cli, OperatorError, escape};

/// Prints what is wrong with the arguments, or the help that was asked for, and ends.
#[expect(clippy::print_stderr, reason = "no log is set up yet")]
pub(super) fn complain(error: clap::Error) -> ! {
    if is_bench(&error) {
        eprintln!("clown-hub: {BENCH}");
        std::process::exit(error.exit_code());
    }
    // What a script typed may be the words of others. The same complaint, about those words as they may be shown:
    let args: Vec<_> = std::env::args_os()
        .map(|arg| OsString::from(escape::escaped(&arg.to_string_lossy()).into_owned()))
        .collect();
    let error = Cli::try_parse_from(&args).err().unwrap_or(error);
    let text = error.render().to_string();
    let shown = without_secrets(&text, args.into_iter().skip(1));
    let shown = escape::lines(&shown);
    if shown == text || matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        error.exit();
    }
    eprint!("{shown}");
    std::process::exit(error.exit_code());
}

/// The answer to a subcommand that there was once.
const BENCH: &str = "the load generator is a program of its own; in the folder of the sources, run: \
                     cargo build --release && cargo run --release -p clown-hub-bench -- --help";

fn is_bench(error: &clap::Error) -> bool {
    let word = error.get(ContextKind::InvalidSubcommand);
    matches!(word, Some(ContextValue::String(word)) if word == "bench")
}

/// Prints one sentence that says what to type, and ends.
pub(super) fn end_with(sentence: &str) -> ! {
    super::output::notice(sentence);
    std::process::exit(2);
}

/// The text with three dots in place of arguments that look like a URL.
fn without_secrets(text: &str, args: impl Iterator<Item = OsString>) -> String {
    let mut secrets: Vec<String> = args
        .map(|arg| arg.to_string_lossy().into_owned())
        .flat_map(|arg| [arg.split_once('=').map(|(_, value)| value.to_owned()), Some(arg)])
        .flatten()
        .filter(|arg| looks_secret(arg))
        .collect();
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "…"))
}

/// The payload, where it was typed as one word. A shell makes several of `{state: true}` without quotes.
pub(super) fn one_payload<'a>(
    command: &str,
    payload: &'a str,
    rest: &[String],
) -> Result<&'a str, OperatorError> {
    let Some(first) = rest.first() else { return Ok(payload) };
    if rest.iter().chain([&payload.to_owned()]).any(|word| looks_secret(word)) {
        return Err(OperatorError::new("there is more than one payload; a URL goes behind --url"));
    }
    let whole = [&[payload.to_owned()], rest].concat().join(" ");
    let meant = json_of(&whole).filter(|json| json.chars().count() <= 80);
    Err(OperatorError::new(match meant {
        Some(json) => format!(
            "the shell made {} words of the payload, so put it in single quotes; type: {command} {}",
            rest.len() + 1,
            shell(&json)
        ),
        None => format!(
            "one payload is enough, and {} is one more; put a payload of several words in single quotes",
            shell(first)
        ),
    }))
}

/// A word that may hold a password. It is not taken apart, as a URL that was typed wrong may have its password anywhere.
pub(super) fn looks_secret(word: &str) -> bool {
    word.contains('@') || word.contains("://")
}

/// A URL where a topic or a filter belongs is a hub that was meant to be called.
pub(super) fn no_url(text: &str) -> Result<(), String> {
    let is_url = ["ws://", "wss://", "http://", "https://"].iter().any(|scheme| text.starts_with(scheme));
    if is_url { Err("a URL goes behind --url".to_owned()) } else { Ok(()) }
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
}
