//! How messages of other hubs are known again that come by way of a client which is a hub itself (`docs/protocol.md`, clause
//! 5.7). A mark is an id and the hubs that a message has passed; whoever carries messages between hubs knows what is in it.

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use super::publication::{Publication, Trail};

/// The key of the third element.
pub const MARK: &str = "clown-hub";

/// Who knows messages again.
pub trait KnowsAgain: Debug + Send + Sync {
    /// The mark of a message, as the next hub is to get it.
    fn onward(&self, message: &Publication) -> String;

    /// What to do with a message that has this mark: topic and payload.
    fn came(&self, mark: &str, message: (&str, &[u8])) -> Marked;
}

/// What to do with a marked message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marked {
    /// It has not been here.
    New,
    /// It has been here, or has passed too many hubs.
    Again,
    /// That is no mark, so nothing is known of it.
    Nonsense,
}

/// The marks of this hub.
#[derive(Debug, Default)]
pub struct Marks(OnceLock<Arc<dyn KnowsAgain>>);

impl Marks {
    /// From now on somebody knows messages again. Only the first one does.
    pub fn begin(&self, knows: Arc<dyn KnowsAgain>) {
        let _ = self.0.set(knows);
    }

    /// Where a message has been that a client says with this mark; an error where it has been here.
    pub(super) fn take(&self, mark: &str, message: (&str, &[u8]), from: &str) -> Result<Option<Trail>, ()> {
        let Some(knows) = self.0.get() else { return Ok(None) };
        match knows.came(mark, message) {
            Marked::New => {
                Ok(Some(Trail { stamp: mark.into(), heard_from: format!("client {from}").into() }))
            }
            Marked::Again => Err(()),
            Marked::Nonsense => Ok(None),
        }
    }

    /// Puts the mark of a message at the end of its third element.
    pub(super) fn add_to(&self, annotation: &mut String, message: &Publication) {
        if let Some(knows) = self.0.get()
            && annotation.pop().is_some()
        {
            let mark = Value::from(knows.onward(message));
            let _ = write!(annotation, ", \"{MARK}\": {mark}}}");
        }
    }
}
