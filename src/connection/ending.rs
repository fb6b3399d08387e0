//! Why a connection ended, and the one table from cause to close code and reason (`docs/protocol.md`, clause 8).

use std::borrow::Cow;

use crate::hub::Excess;
use crate::mqtt::Fault;

/// What an MQTT client hears whose place another one has taken. No other client does.
const TAKEN_OVER: &str = "another client came with the same client id";

/// Why a connection ended, by whose doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The client said good-bye.
    Farewell,
    /// The client vanished: the network, its power, its program.
    Vanished,
    /// The client did not answer two pings.
    Silent,
    /// The client broke the rules of WebSocket.
    Protocol(String),
    /// The client sent bytes where text belongs.
    Binary,
    /// The client sent bytes to a diagnostic endpoint that takes text.
    NotText,
    /// The client's text is not UTF-8.
    NotUtf8,
    /// The client sent a message above the limit.
    TooBig {
        /// The limit in bytes.
        limit: usize,
    },
    /// The client sent too much.
    TooMuch(Excess),
    /// The client reads too slowly: its queue went past the hard bound.
    SlowConsumer,
    /// The memory of the hub for what waits was used up, and this connection held much of it.
    CutOff {
        /// Bytes that it held.
        held: usize,
    },
    /// The client takes nothing at all: a write made no progress.
    Stuck,
    /// The client's sign-in was ended.
    SignedOut,
    /// The account was removed, or it has another password, or it may not do any more what the connection is for.
    AccountChanged,
    /// The client did not sign in, in the time for it or with the right words; the sentence says which.
    NotSignedIn(Cow<'static, str>),
    /// The client broke the rules of MQTT; the code is the reason of MQTT 5.
    Mqtt(u8, Cow<'static, str>),
    /// Another client came with the same client id, of MQTT.
    TakenOver,
    /// The client has gone with the wish that its will be published.
    WithWill,
    /// The hub is being stopped.
    ShuttingDown,
}

impl Ending {
    /// The close code of RFC 6455 section 7.4 and a reason of at most 123 bytes; `None` if nobody is there to
    /// read it, or if the client has closed first.
    pub(crate) fn close(&self) -> Option<(u16, Cow<'static, str>)> {
        let (code, reason): (u16, Cow<'static, str>) = match self {
            Self::Farewell | Self::Vanished | Self::WithWill => return None,
            Self::Mqtt(_, why) => (1002, why.clone()),
            Self::TakenOver => (1008, TAKEN_OVER.into()),
            Self::Silent => (1008, "no answer to two pings".into()),
            Self::Protocol(what) => (1002, what.clone().into()),
            Self::Binary => (1003, "binary message: Clown.Talk is text".into()),
            Self::NotText => (1003, "binary message: this endpoint takes text".into()),
            Self::NotUtf8 => (1007, "text is not UTF-8".into()),
            Self::TooBig { limit } => (1009, format!("message over {limit} bytes").into()),
            Self::TooMuch(excess) => (1008, excess.to_string().into()),
            Self::SlowConsumer => {
                (1013, "slow consumer: too much is waiting, read faster or subscribe to less".into())
            }
            Self::CutOff { held } => (
                1013,
                format!("the hub is out of memory, and {held} bytes waited here: read faster, send less")
                    .into(),
            ),
            Self::Stuck => (1013, "slow consumer: a write made no progress".into()),
            Self::SignedOut => (1008, "session ended".into()),
            Self::AccountChanged => (1008, "account changed".into()),
            Self::NotSignedIn(why) => (1008, why.clone()),
            Self::ShuttingDown => (1012, "hub is restarting".into()),
        };
        Some((code, cut(reason)))
    }

    /// Whether the client broke a rule, so that what it was answered before still matters to it.
    pub(crate) fn is_a_breach(&self) -> bool {
        match self {
            Self::Protocol(_)
            | Self::Binary
            | Self::NotText
            | Self::NotUtf8
            | Self::TooBig { .. }
            | Self::Mqtt(..)
            | Self::TooMuch(_) => true,
            Self::Farewell
            | Self::Vanished
            | Self::Silent
            | Self::SlowConsumer
            | Self::CutOff { .. }
            | Self::Stuck
            | Self::SignedOut
            | Self::AccountChanged
            | Self::NotSignedIn(_)
            | Self::TakenOver
            | Self::WithWill
            | Self::ShuttingDown => false,
        }
    }

    /// What the log says.
    pub(crate) fn cause(&self) -> Cow<'static, str> {
        match self.close() {
            Some((_, reason)) => reason,
            None if *self == Self::Farewell => "client said good-bye".into(),
            None if *self == Self::WithWill => "client said good-bye, and left its will".into(),
            None => "client vanished".into(),
        }
    }
}

impl From<Fault> for Ending {
    fn from(fault: Fault) -> Self {
        Self::Mqtt(fault.code, fault.why.into())
    }
}

/// A close frame has room for 123 bytes of reason.
fn cut(reason: Cow<'static, str>) -> Cow<'static, str> {
    const ROOM: usize = 123;
    if reason.len() <= ROOM {
        return reason;
    }
    let end = (0..=ROOM).rev().find(|end| reason.is_char_boundary(*end)).unwrap_or(0);
    reason.get(..end).unwrap_or_default().to_owned().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_fits_into_a_close_frame() {
        let (code, reason) = Ending::Protocol("ž".repeat(100)).close().unwrap();
        assert_eq!((code, reason.len()), (1002, 122));
    }
}
