//! Where a gateway of radio nodes is plugged in and what it is called, as the file of a link says it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::nodes::Id;

/// A serial port, and the gateway that is expected there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SerialSettings {
    /// The file of the port, as `/dev/ttyUSB0`.
    pub port: PathBuf,
    /// How fast it is.
    pub baud: u32,
    /// What the gateway is called in topics; `{id}` stands for its id.
    pub gateway: Box<str>,
    /// Whether nodes without a name are given one, after their firmware.
    pub names_nodes: bool,
    /// Names that the operator gives.
    pub names: BTreeMap<Id, Box<str>>,
}
