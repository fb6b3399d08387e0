//! A gateway of TOWER radio nodes on a serial port, on the far side of a link: a radio dongle or a Core Module. `client` is
//! the [`Far`](super::far::Far); `port` and `opening` have the port. Pure are [`gateway`], [`nodes`], [`generation3`] and
//! [`ports`], which is handed the folder that it looks into.

pub mod claims;
pub(super) mod client;
pub mod gateway;
pub mod generation3;
pub mod nodes;
pub(super) mod opening;
mod port;
pub mod ports;
pub mod settings;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use self::settings::SerialSettings;

/// Asks what is at a port who it is: a gateway's id and firmware, or why none has answered, in words.
pub async fn who_is_there(port: &Path, baud: u32) -> Result<String, String> {
    let (port, gateway, names) = (port.to_owned(), "gateway".into(), BTreeMap::new());
    let settings = SerialSettings { port, baud, gateway, names_nodes: false, names };
    opening::open(Arc::new(settings)).await.map(|opened| opened.info)
}
