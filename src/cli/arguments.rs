//! Complaints about the command line, without what may hold a password.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Prints what is wrong with the arguments, or the help that was asked for, and ends.
#[expect(clippy::print_stderr, reason = "no log is set up yet")]
pub(super) fn complain(error: &clap::Error) -> ! {
    if is_bench(error) {
        eprintln!("clown-hub: {BENCH}");
        std::process::exit(error.exit_code());
    }
    let text = error.render().to_string();
    let shown = without_secrets(&text, std::env::args_os().skip(1));
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
