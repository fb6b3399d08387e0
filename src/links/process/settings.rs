//! Which program a link runs, as its file says it.

use std::path::PathBuf;

/// A program, and how it is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessSettings {
    /// The program and its arguments; there is a program.
    pub command: Vec<String>,
    /// Where it is run; where the hub was started if this says nothing.
    pub directory: Option<PathBuf>,
    /// How many lines a second are read of it.
    pub messages_per_second: u32,
    /// Whether it waits for the handshake before it says anything.
    pub handshake: bool,
    /// Whether the rules are those that a link has where its file has none: then it hears commands only.
    pub only_commands: bool,
}

impl ProcessSettings {
    /// The name of the program.
    pub fn program(&self) -> &str {
        self.command.first().map_or("", String::as_str)
    }
}
