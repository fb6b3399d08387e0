//! Where somebody comes in, and as what.

use serde::Deserialize;

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
}

impl Door {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::WebSocket => "websocket",
            Self::Lines => "lines",
            Self::Http => "http",
        }
    }
}
