//! Where somebody comes in, as what, and why not, in the words of clients and of the recorder.

use serde::Deserialize;

use crate::access::LoginError;
use crate::hub::Side;

/// The side of a connection, as clients write it.
#[derive(Deserialize, Clone, Copy, Default)]
#[serde(rename_all = "lowercase")]
pub(super) enum SideWord {
    #[default]
    Dashboard,
    Node,
}

impl From<SideWord> for Side {
    fn from(word: SideWord) -> Self {
        match word {
            SideWord::Dashboard => Self::Dashboard,
            SideWord::Node => Self::Node,
        }
    }
}

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
