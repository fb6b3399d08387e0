//! How a command ends: the exit codes, and the sentence that goes with each.

use std::fmt;

use super::escape::escaped;
use crate::client::Failure;

/// The examples of a help text, with the exit codes below, as `docs/cli.md` has them.
macro_rules! help_end {
    ($examples:literal) => {
        concat!(
            $examples,
            "\n\nExit codes: 0 done, 1 something broke, 2 wrong input, 3 refused, 4 no answer in time"
        )
    };
}
pub(super) use help_end;

/// An error with an exit code of its own, and a sentence for the person who typed the command. The sentence is empty if
/// everything has been said.
#[derive(Debug, thiserror::Error)]
#[error("{sentence}")]
pub(super) struct OperatorError {
    pub(super) code: u8,
    sentence: String,
}

impl OperatorError {
    /// A mistake in arguments, files or payloads.
    pub(super) fn new(sentence: impl fmt::Display) -> Self {
        Self::with_code(2, sentence)
    }

    /// Several mistakes in what `head` names, a line each.
    pub(super) fn list(head: &str, mistakes: impl IntoIterator<Item = impl fmt::Display>) -> Self {
        let lines = mistakes.into_iter().map(|mistake| format!("\n{}", escaped(&mistake.to_string())));
        Self { code: 2, sentence: head.to_owned() + &lines.collect::<String>() }
    }

    /// A sentence stays on one line, even with texts of others in it.
    fn with_code(code: u8, sentence: impl fmt::Display) -> Self {
        Self { code, sentence: escaped(&sentence.to_string()).into_owned() }
    }

    /// The other side was asked, and said no.
    pub(super) fn refused(sentence: impl fmt::Display) -> Self {
        Self::with_code(3, sentence)
    }

    /// The other side said nothing for as long as was asked for.
    pub(super) fn no_answer(sentence: impl fmt::Display) -> Self {
        Self::with_code(4, sentence)
    }
}

/// What broke between us and the hub, with its exit code.
pub(super) fn broken(failure: Failure) -> anyhow::Error {
    match failure {
        Failure::Refused(sentence) => OperatorError::refused(sentence).into(),
        Failure::Address(sentence) => OperatorError::new(sentence).into(),
        Failure::Lost(sentence) => anyhow::anyhow!(sentence),
    }
}
