//! What happens at the doors, in the words of the recorder.

use crate::access::LoginError;

/// Where somebody comes in, as the recorder calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    Page,
    WebSocket,
    Lines,
    Http,
    Mqtt,
}

impl Door {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::WebSocket => "websocket",
            Self::Lines => "lines",
            Self::Http => "http",
            Self::Mqtt => "mqtt",
        }
    }
}

/// Why somebody was not let in, in one word of the recorder.
pub(super) fn word_of(error: LoginError) -> &'static str {
    match error {
        LoginError::Wrong { .. } => "wrong",
        LoginError::TooMany { .. } => "locked",
        LoginError::Busy => "busy",
        LoginError::NoCertificate => "certificate",
        LoginError::NotFromHere => "address",
        LoginError::Over => "over",
        LoginError::Changed => "changed",
    }
}
