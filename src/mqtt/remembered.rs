//! What the hub has to know of the session of a client to go on with it after a restart: the words of this room in the store. JSON,
//! so that another version may add something.

use serde::{Deserialize, Serialize};

use super::{Qos, Version, Wish};

/// A session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    version: u8,
    /// For how many seconds it outlives its connection.
    pub seconds: u32,
    subscriptions: Vec<Subscription>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Subscription {
    filter: String,
    qos: u8,
    #[serde(default, skip_serializing_if = "is_not")]
    no_local: bool,
    #[serde(default, skip_serializing_if = "is_not")]
    as_published: bool,
    #[serde(default, skip_serializing_if = "is_usual")]
    handling: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<u32>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_not(flag: &bool) -> bool {
    !flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_usual(handling: &u8) -> bool {
    *handling == 0
}

impl Remembered {
    /// A session of a client that speaks this version.
    pub fn new(version: Version, seconds: u32) -> Self {
        let version = match version {
            Version::V3 => 4,
            Version::V5 => 5,
        };
        Self { version, seconds, subscriptions: Vec::new() }
    }

    /// With one more subscription.
    pub fn add(&mut self, filter: &str, wish: Wish, id: Option<u32>) {
        let Wish { qos, no_local, as_published, handling } = wish;
        let filter = filter.to_owned();
        self.subscriptions.push(Subscription {
            filter,
            qos: qos.number(),
            no_local,
            as_published,
            handling,
            id,
        });
    }

    /// The subscriptions.
    pub fn subscriptions(&self) -> impl Iterator<Item = (&str, Wish, Option<u32>)> {
        self.subscriptions.iter().filter_map(|held| {
            let Subscription { filter, qos, no_local, as_published, handling, id } = held;
            let qos = Qos::of(*qos)?;
            let wish = Wish { qos, no_local: *no_local, as_published: *as_published, handling: *handling };
            Some((filter.as_str(), wish, *id))
        })
    }

    /// Which MQTT the client speaks.
    pub fn version(&self) -> Version {
        if self.version == 5 { Version::V5 } else { Version::V3 }
    }

    /// To bytes.
    pub fn bytes(&self) -> Vec<u8> {
        // Nothing of it can fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// And back.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_of_a_session_comes_back() {
        let mut session = Remembered::new(Version::V5, 256);
        let wish = Wish { qos: Qos::ExactlyOnce, no_local: true, as_published: false, handling: 2 };
        session.add("a/+/ž\"", wish, Some(7));
        session.add(
            "#",
            Wish { qos: Qos::AtMostOnce, no_local: false, as_published: true, handling: 0 },
            None,
        );
        let again = Remembered::read(&session.bytes()).unwrap();
        assert_eq!(again, session);
        assert_eq!(again.subscriptions().next(), Some(("a/+/ž\"", wish, Some(7))));
        assert_eq!((again.version(), again.seconds), (Version::V5, 256));
        assert_eq!(Remembered::read(b"{}"), None);
    }
}
