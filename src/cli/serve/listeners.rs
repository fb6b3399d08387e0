//! The addresses that are listened on.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

use super::super::banner::Places;
use super::super::exit::OperatorError;
use super::systemd::Passed;
use crate::config;
use crate::server::Server;

/// All listeners, before anybody is let in.
pub(super) struct Listeners {
    http: TcpListener,
    https: Option<TcpListener>,
    lines: Option<TcpListener>,
    tls_lines: Option<TcpListener>,
    mqtt: Option<TcpListener>,
    tls_mqtt: Option<TcpListener>,
}

impl Listeners {
    pub(super) fn bind(server: &config::Server, mqtt: &config::Mqtt) -> Result<Self, OperatorError> {
        let mut passed = Passed::take()?;
        let mut one = |address: SocketAddr, key| match passed.for_address(address) {
            Some(listener) => TcpListener::from_std(listener)
                .map_err(|error| OperatorError::new(format!("the socket of systemd for {key}: {error}"))),
            None => bind(address, key),
        };
        let http = one(server.listen, "server.listen")?;
        let mut some =
            |address: Option<SocketAddr>, key| address.map(|address| one(address, key)).transpose();
        let listeners = Self {
            http,
            https: some(server.tls_listen, "server.tls_listen")?,
            lines: some(server.line_listen, "server.line_listen")?,
            tls_lines: some(server.line_tls_listen, "server.line_tls_listen")?,
            mqtt: some(mqtt.listen, "mqtt.listen")?,
            tls_mqtt: some(mqtt.tls_listen, "mqtt.tls_listen")?,
        };
        passed.nothing_is_left()?;
        Ok(listeners)
    }

    /// Where they are.
    pub(super) fn addresses(&self) -> std::io::Result<Places> {
        let some =
            |listener: &Option<TcpListener>| listener.as_ref().map(TcpListener::local_addr).transpose();
        Ok(Places {
            http: self.http.local_addr()?,
            https: some(&self.https)?,
            lines: some(&self.lines)?,
            tls_lines: some(&self.tls_lines)?,
            mqtt: some(&self.mqtt)?,
            tls_mqtt: some(&self.tls_mqtt)?,
        })
    }

    /// Lets everybody in.
    pub(super) fn serve(self, server: &Server) {
        server.serve_http(self.http);
        if let Some(https) = self.https {
            server.serve_https(https);
        }
        if let Some(lines) = self.lines {
            server.serve_lines(lines);
        }
        if let Some(tls_lines) = self.tls_lines {
            server.serve_tls_lines(tls_lines);
        }
        if let Some(mqtt) = self.mqtt {
            server.serve_mqtt(mqtt);
        }
        if let Some(tls_mqtt) = self.tls_mqtt {
            server.serve_tls_mqtt(tls_mqtt);
        }
    }
}

fn bind(address: SocketAddr, key: &str) -> Result<TcpListener, OperatorError> {
    listen(address).map_err(|error| OperatorError::new(cannot_listen(address, key, &error)))
}

/// Why an address cannot be listened on, and what to do.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the kinds of I/O errors are not ours, and there are forty"
)]
pub(in crate::cli) fn cannot_listen(address: SocketAddr, key: &str, error: &std::io::Error) -> String {
    let advice = match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            "another program listens there, perhaps a second hub; stop it, or choose another port"
        }
        std::io::ErrorKind::PermissionDenied => "ports below 1024 need a privilege; choose one above",
        std::io::ErrorKind::AddrNotAvailable => "this machine does not have that address",
        _ => "choose another address",
    };
    format!("cannot listen on {address} ({key}): {error}; {advice}")
}

/// Listens with room for a storm of connections: what does not fit is tried again by the clients' kernels only after a
/// second.
fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    const BACKLOG: u32 = 4096;
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
