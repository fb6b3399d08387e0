//! What the name of a topic says about its message: the four shapes of Clown.Model.

/// The shape of a message, read off its topic relative to the base of whoever sent it
/// (`docs/protocol.md`, clause 6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A measurement or a state: worth keeping, and worth replacing by a newer one.
    Reading,
    /// Asks a node to do or to say something: last level `set`, `get`, `list`, `update` or `scan`.
    Command,
    /// Answers a request: last level `ok` or `error`.
    Answer,
    /// Something happened: one level under the base, such as `boot`.
    Notification,
}

impl Kind {
    /// The shape of a message on `relative`, a topic relative to its sender's base.
    pub fn of(relative: &str) -> Self {
        let (levels_before, last) =
            relative.rsplit_once('/').map_or((false, relative), |(_, last)| (true, last));
        match last {
            "set" | "get" | "list" | "update" | "scan" => Self::Command,
            "ok" | "error" => Self::Answer,
            _ if levels_before => Self::Reading,
            _ => Self::Notification,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn the_last_level_tells_commands_and_answers_from_readings() {
        for (topic, kind) in [
            ("boot", Kind::Notification),
            ("thermometer/i2c0-48", Kind::Reading),
            ("836d1983718a/thermometer/0:0/temperature", Kind::Reading),
            ("relay/i2c0-3b/set", Kind::Command),
            ("thermometer/i2c0-48/config/update", Kind::Command),
            ("i2c/0/config/scan", Kind::Command),
            ("i2c/0/config/scan/ok", Kind::Answer),
            ("-/-/config/list", Kind::Command),
            ("-/-/config/list/ok", Kind::Answer),
            ("co2-sensor/i2c0-38/config/error", Kind::Answer),
            ("set", Kind::Command),
        ] {
            assert_eq!(Kind::of(topic), kind, "{topic}");
        }
    }
}
