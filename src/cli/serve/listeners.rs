//! The addresses that are listened on.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

use super::super::exit::OperatorError;

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the kinds of I/O errors are not ours, and there are forty"
)]
pub(super) fn bind(address: SocketAddr, key: &str) -> Result<TcpListener, OperatorError> {
    listen(address).map_err(|error| {
        let advice = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                "another program listens there, perhaps a second hub; stop it, or choose another port"
            }
            std::io::ErrorKind::PermissionDenied => "ports below 1024 need a privilege; choose one above",
            std::io::ErrorKind::AddrNotAvailable => "this machine does not have that address",
            _ => "choose another address",
        };
        OperatorError::new(format!("cannot listen on {address} ({key}): {error}; {advice}"))
    })
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
