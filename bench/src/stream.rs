//! The bytes between a client and a hub: as they are, or over TLS.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore};

/// A socket, blocking or not, and what is spoken over it.
pub(crate) enum Stream<S> {
    Plain(S),
    Tls(Box<ClientConnection>, S),
}

/// How TLS is spoken to a hub.
#[derive(Clone)]
pub(crate) struct Tls {
    /// What was agreed on with the hub is kept, so that the next handshake is short.
    resumed: Arc<ClientConfig>,
    /// Every handshake is a whole one.
    full: Arc<ClientConfig>,
    resumes: bool,
}

impl Tls {
    /// Trusts what this authority has signed, and nothing else.
    pub(crate) fn new(authority: &Path) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_file(authority);
        roots.add(certificate.with_context(|| authority.display().to_string())?)?;
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?;
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let mut full = config.clone();
        full.resumption = Resumption::disabled();
        Ok(Self { resumed: Arc::new(config), full: Arc::new(full), resumes: true })
    }

    /// Whether the next handshakes go on with what was agreed on before.
    pub(crate) fn resume(&mut self, resume: bool) {
        self.resumes = resume;
    }

    /// Shakes hands over a blocking socket.
    pub(crate) fn over(&self, mut socket: TcpStream, host: IpAddr) -> anyhow::Result<Stream<TcpStream>> {
        let config = if self.resumes { &self.resumed } else { &self.full };
        let mut connection = ClientConnection::new(Arc::clone(config), host.into())?;
        while connection.is_handshaking() {
            connection.complete_io(&mut socket).context("the TLS handshake failed")?;
        }
        Ok(Stream::Tls(Box::new(connection), socket))
    }
}

impl<S> Stream<S> {
    pub(crate) fn socket(&self) -> &S {
        match self {
            Self::Plain(socket) | Self::Tls(_, socket) => socket,
        }
    }

    pub(crate) fn socket_mut(&mut self) -> &mut S {
        match self {
            Self::Plain(socket) | Self::Tls(_, socket) => socket,
        }
    }

    /// Whether TLS went on with a session that was there before.
    pub(crate) fn was_resumed(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(connection, _) => connection.handshake_kind() == Some(HandshakeKind::Resumed),
        }
    }

    /// The same over another form of the socket.
    pub(crate) fn map<T>(self, form: impl FnOnce(S) -> T) -> Stream<T> {
        match self {
            Self::Plain(socket) => Stream::Plain(form(socket)),
            Self::Tls(connection, socket) => Stream::Tls(connection, form(socket)),
        }
    }

    /// Whether a read that did not fill its buffer has emptied the socket. A record of TLS may be shorter than the
    /// buffer with more behind it.
    pub(crate) fn is_emptied_by_a_short_read(&self) -> bool {
        matches!(self, Self::Plain(_))
    }

    /// Takes what was read from the socket and is not handed out yet.
    pub(crate) fn take_rest(&mut self, rest: &mut Vec<u8>) {
        if let Self::Tls(connection, _) = self {
            // It ends with `WouldBlock` when nothing is left; another error comes back with the next read.
            let _ = connection.reader().read_to_end(rest);
        }
    }
}

impl<S: Read + Write> Stream<S> {
    /// Writes what TLS has still to send.
    pub(crate) fn push(&mut self) -> io::Result<()> {
        if let Self::Tls(connection, socket) = self {
            while connection.wants_write() {
                connection.write_tls(socket)?;
            }
        }
        Ok(())
    }
}

impl<S: Read + Write> Read for Stream<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (connection, socket) = match self {
            Self::Plain(socket) => return socket.read(buffer),
            Self::Tls(connection, socket) => (connection, socket),
        };
        loop {
            match connection.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                other => return other,
            }
            if connection.read_tls(socket)? == 0 {
                return Ok(0);
            }
            let state = connection.process_new_packets();
            state.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        }
    }
}

impl<S: Read + Write> Write for Stream<S> {
    /// Takes nothing while the socket has not taken what came before.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push()?;
        let written = match self {
            Self::Plain(socket) => return socket.write(bytes),
            Self::Tls(connection, _) => connection.writer().write(bytes)?,
        };
        match self.push() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(written),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.push()?;
        self.socket_mut().flush()
    }
}
