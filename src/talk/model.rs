//! What the name of a topic says about its message: the four shapes of Clown.Model.

/// The shape of a message: its topic shows it (`docs/protocol.md`, clause 6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A measurement or a state: worth keeping, and worth replacing by a newer one. Whatever is none of the others.
    Reading,
    /// Asks a node to do or to say something, as `relay/i2c0-3b/set`.
    Command,
    /// Answers a request, as `thermometer/i2c0-48/config/ok`.
    Answer,
    /// Something happened, as `boot`.
    Notification,
}

impl Kind {
    /// The shape of a message on this topic: of a node the topic relative to its base, of a dashboard the whole topic.
    pub fn of(topic: &str) -> Self {
        let Some((before, last)) = split_last(topic) else {
            return match topic {
                "boot" | "presence" | "$sub" => Self::Notification,
                _ => Self::Reading,
            };
        };
        match last {
            "ok" | "error" if is_request(before) => Self::Answer,
            "attach" | "attach-failure" | "detach" | "found" if before.is_empty() => Self::Notification,
            _ if is_command(before, last) => Self::Command,
            _ => Self::Reading,
        }
    }
}

/// Whether `last` is a command behind these levels. Two words, and not one, where makers use the one for readings, too.
fn is_command(before: &str, last: &str) -> bool {
    let is_behind = |words: &[&str]| words.contains(&last_level(before));
    match last {
        "set" | "get" => true,
        "list" | "update" | "scan" => before.contains('/'),
        "start" | "stop" => is_behind(&["pairing-mode", "automatic-pairing", "scan"]),
        "add" | "remove" => is_behind(&["nodes", "alias"]),
        "purge" => is_behind(&["nodes"]),
        "clear" => is_behind(&["screen"]),
        _ => false,
    }
}

/// Whether what stands before `ok` or `error` was asked for: only then is it an answer. `press/error` is a reading.
fn is_request(topic: &str) -> bool {
    last_level(topic) == "config" || split_last(topic).is_some_and(|(before, last)| is_command(before, last))
}

/// What stands before the last slash, and behind it. By bytes: `rsplit_once` looks for a character and takes three times as
/// long, and every publication comes by here.
fn split_last(topic: &str) -> Option<(&str, &str)> {
    let slash = memchr::memrchr(b'/', topic.as_bytes())?;
    Some((topic.get(..slash)?, topic.get(slash + 1..)?))
}

fn last_level(topic: &str) -> &str {
    split_last(topic).map_or(topic, |(_, last)| last)
}

#[cfg(test)]
mod tests;
