//! The section `[server]`: where the hub is reached, with TLS and without.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::reader::Reader;
use super::web_origin::WebOrigin;

/// Section `[server]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Where HTTP and WebSocket are served; port 0 is any free port.
    pub listen: SocketAddr,
    /// Origins of web pages that may connect besides the hub's own.
    pub origins: Vec<WebOrigin>,
    /// Where lines over TCP are served, if anywhere.
    pub line_listen: Option<SocketAddr>,
    /// Where HTTP and WebSocket are served with TLS, if anywhere.
    pub tls_listen: Option<SocketAddr>,
    /// Where lines are served with TLS, if anywhere.
    pub line_tls_listen: Option<SocketAddr>,
    /// What TLS takes from files. There are both of the hub's own where there is a listener with TLS.
    pub tls: TlsFiles,
    /// What the listeners without TLS do for other machines.
    pub plain: Plain,
    /// Proxies that are believed when they say whom they speak for.
    pub trusted_proxies: Vec<IpNet>,
    /// On which listeners these begin their connections with a PROXY header.
    pub proxy_protocol: ProxyProtocol,
    /// What a proxy leaves in front of every path, as `/hub`; empty is nothing.
    pub path_prefix: String,
    /// Whether webhooks of others may publish with a token in their path.
    pub webhooks: bool,
    /// Threads that serve sockets; 1 to 64. `None` goes by the cores of the machine.
    pub io_threads: Option<usize>,
    /// How long a stopping hub goes on sending; 0 to 300 s.
    pub drain: Duration,
}

/// The files of TLS: keys `tls_certificate`, `tls_key`, `tls_client_ca`, `tls_client_crl` and `tls_client`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsFiles {
    /// The hub's certificate and those between it and the root.
    pub certificate: Option<PathBuf>,
    /// Its private key.
    pub key: Option<PathBuf>,
    /// The authorities of clients.
    pub client_ca: Option<PathBuf>,
    /// The lists of their certificates that are revoked.
    pub client_crl: Option<PathBuf>,
    /// Whether clients show a certificate.
    pub clients: Clients,
}

/// Whether clients show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Clients {
    /// They are not asked.
    #[default]
    Off,
    /// Those who have one.
    Optional,
    /// All.
    Required,
}

/// What the listeners without TLS do for other machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Plain {
    /// The same as those with TLS.
    #[default]
    Serve,
    /// They say where TLS is.
    Redirect,
    /// They refuse them.
    Loopback,
}

/// On which listeners connections of trusted proxies begin with a PROXY header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProxyProtocol {
    /// On none.
    #[default]
    Off,
    /// On those for lines.
    Lines,
    /// On all.
    All,
}

impl Server {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let (clients, plain) = (Clients::Off, Plain::Serve);
        Self {
            listen: reader.address("server.listen"),
            origins: reader.web_origins("server.origins"),
            line_listen: reader.optional_address("server.line_listen"),
            tls_listen: reader.optional_address("server.tls_listen"),
            line_tls_listen: reader.optional_address("server.line_tls_listen"),
            tls: TlsFiles {
                certificate: reader.optional_path("server.tls_certificate"),
                key: reader.optional_path("server.tls_key"),
                client_ca: reader.optional_path("server.tls_client_ca"),
                client_crl: reader.optional_path("server.tls_client_crl"),
                clients: reader
                    .choice(
                        "server.tls_client",
                        [("off", clients), ("optional", Clients::Optional), ("required", Clients::Required)],
                    )
                    .unwrap_or_default(),
            },
            plain: reader
                .choice(
                    "server.plain",
                    [("serve", plain), ("redirect", Plain::Redirect), ("loopback", Plain::Loopback)],
                )
                .unwrap_or_default(),
            trusted_proxies: reader.networks("server.trusted_proxies"),
            proxy_protocol: reader
                .choice(
                    "server.proxy_protocol",
                    [
                        ("off", ProxyProtocol::Off),
                        ("lines", ProxyProtocol::Lines),
                        ("all", ProxyProtocol::All),
                    ],
                )
                .unwrap_or_default(),
            path_prefix: reader.path_prefix("server.path_prefix"),
            webhooks: reader.truth("server.webhooks"),
            io_threads: reader.count_or_auto("server.io_threads", 1..=64, "threads"),
            drain: reader.seconds("server.drain_seconds", 0..=300),
        }
    }

    /// What each key allows alone and all together do not.
    pub(super) fn check_together(&self, reader: &mut Reader) {
        self.check_addresses(reader);
        let (has_tls, tls) = (self.tls_listen.is_some() || self.line_tls_listen.is_some(), &self.tls);
        let mut mistake = |is_wrong, key, sentence: &str| {
            if is_wrong {
                reader.mistake(key, sentence.to_owned());
            }
        };
        mistake(
            has_tls && tls.certificate.is_none(),
            "server.tls_certificate",
            "is empty, and TLS needs a certificate; `clown-hub cert make` makes one",
        );
        mistake(
            has_tls && tls.certificate.is_some() && tls.key.is_none(),
            "server.tls_key",
            "is empty: a certificate is of no use without its key",
        );
        mistake(
            !has_tls && (tls.certificate.is_some() || tls.key.is_some()),
            "server.tls_listen",
            "is empty, so the certificate would not be used; write \"0.0.0.0:8443\", for example",
        );
        mistake(
            tls.clients != Clients::Off && tls.client_ca.is_none(),
            "server.tls_client_ca",
            "is empty: without authorities no certificate of a client is good",
        );
        mistake(
            tls.clients == Clients::Off && tls.client_ca.is_some(),
            "server.tls_client",
            "is off, so server.tls_client_ca would not be used; write \"optional\" or \"required\"",
        );
        mistake(
            tls.client_crl.is_some() && tls.client_ca.is_none(),
            "server.tls_client_ca",
            "is empty, so server.tls_client_crl would not be used",
        );
        mistake(
            self.plain != Plain::Serve && self.tls_listen.is_none() && self.trusted_proxies.is_empty(),
            "server.plain",
            "takes a listener with TLS, or a proxy with TLS: set server.tls_listen or server.trusted_proxies",
        );
        mistake(
            self.proxy_protocol != ProxyProtocol::Off && self.trusted_proxies.is_empty(),
            "server.proxy_protocol",
            "takes proxies that are believed: set server.trusted_proxies",
        );
    }

    /// No two listeners have one address.
    fn check_addresses(&self, reader: &mut Reader) {
        let all = [
            ("server.listen", Some(self.listen)),
            ("server.line_listen", self.line_listen),
            ("server.tls_listen", self.tls_listen),
            ("server.line_tls_listen", self.line_tls_listen),
        ];
        for (place, (key, address)) in all.iter().enumerate() {
            let Some(address) = address.filter(|address| address.port() != 0) else { continue };
            let mut before = all.iter().take(place);
            if let Some((other, _)) = before.find(|(_, other)| *other == Some(address)) {
                reader.mistake(key, format!("{address} is the address of {other} too"));
            }
        }
    }
}
