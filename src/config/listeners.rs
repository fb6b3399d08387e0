//! All addresses that may be listened on, over all sections.

use std::net::SocketAddr;

use super::reader::Reader;
use super::settings::Settings;

impl Settings {
    /// All addresses that may be listened on, and their keys.
    pub fn listeners(&self) -> [(&'static str, Option<SocketAddr>); 6] {
        let (server, mqtt) = (&self.server, &self.mqtt);
        [
            ("server.listen", Some(server.listen)),
            ("server.tls_listen", server.tls_listen),
            ("server.line_listen", server.line_listen),
            ("server.line_tls_listen", server.line_tls_listen),
            ("mqtt.listen", mqtt.listen),
            ("mqtt.tls_listen", mqtt.tls_listen),
        ]
    }

    /// Whether any of them is one with TLS.
    pub fn has_tls(&self) -> bool {
        let server = &self.server;
        server.tls_listen.or(server.line_tls_listen).or(self.mqtt.tls_listen).is_some()
    }

    /// What each key of a listener allows alone and all together do not.
    pub(super) fn check_listeners(&self, reader: &mut Reader) {
        self.check_addresses(reader);
        self.server.check_together(self.has_tls(), reader);
    }

    /// No two listeners have one address.
    fn check_addresses(&self, reader: &mut Reader) {
        let all = self.listeners();
        for (place, (key, address)) in all.iter().enumerate() {
            let Some(address) = address.filter(|address| address.port() != 0) else { continue };
            let mut before = all.iter().take(place);
            if let Some((other, _)) = before.find(|(_, other)| *other == Some(address)) {
                reader.mistake(key, format!("{address} is the address of {other} too"));
            }
        }
    }
}
