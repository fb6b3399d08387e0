//! The first words of a hub: where everything is. Facts to text; only [`addresses`] looks at the machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use crate::topic::Base;

/// The facts in the banner.
pub(super) struct Facts<'a> {
    /// Where the listeners are.
    pub(super) places: &'a Places,
    /// The name or the address that the certificate is for.
    pub(super) certified: Option<&'a str>,
    /// Addresses of this machine that others reach it by, for a hub that listens on all of them.
    pub(super) machine: &'a [IpAddr],
    /// The accounts, and the file that they are in; `None` for the demo.
    pub(super) accounts: Option<(usize, String)>,
    /// Whether the small servers for new boards are on.
    pub(super) boards: bool,
    /// Where simulated nodes stand.
    pub(super) simulated: &'a [Base],
}

/// Where the listeners are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places {
    /// HTTP and WebSocket.
    pub(super) http: SocketAddr,
    /// The same with TLS.
    pub(super) https: Option<SocketAddr>,
    /// Lines over TCP.
    pub(super) lines: Option<SocketAddr>,
    /// The same with TLS.
    pub(super) tls_lines: Option<SocketAddr>,
    /// MQTT.
    pub(super) mqtt: Option<SocketAddr>,
    /// The same with TLS.
    pub(super) tls_mqtt: Option<SocketAddr>,
}

/// The lines of the banner.
pub(super) fn banner(facts: &Facts<'_>) -> String {
    let hosts = hosts(facts.places.http, facts.machine);
    let main = hosts.first().cloned().unwrap_or_default();
    let (page_user, user) = match facts.accounts {
        None => ("clown:bigclown@", "clown:bigclown"),
        Some(_) => ("", "USER:PASSWORD"),
    };
    let base = facts.simulated.first().map_or_else(|| "nodes/bridge/0".to_owned(), Base::to_string);
    let mut lines = vec![format!("Clown Hub {}", env!("CARGO_PKG_VERSION"))];
    let mut line = |name: &str, text: String| lines.push(format!("  {name:9}  {text}"));
    for (place, host) in hosts.iter().enumerate() {
        line(if place == 0 { "page" } else { "" }, format!("http://{page_user}{host}/"));
    }
    match &facts.accounts {
        None => line("demo user", "clown, password bigclown, from this machine only".to_owned()),
        Some((count, file)) => line("accounts", format!("{count} in {file}; the demo user is off")),
    }
    line("WebSocket", format!("ws://{user}@{main}/talk/{base}"));
    let first = |address| self::hosts(address, facts.machine).first().cloned().unwrap_or_default();
    if let Some(address) = facts.places.lines {
        line("TCP lines", first(address));
    }
    // A client takes the certificate only under a name that stands in it.
    let certified = |address: SocketAddr| match facts.certified {
        Some(name) => format!("{name}:{}", address.port()),
        None => first(address),
    };
    if let Some(address) = facts.places.https {
        line("with TLS", format!("https://{0}/, wss://{0}/talk/{base}", certified(address)));
    }
    if let Some(address) = facts.places.tls_lines {
        line("TLS lines", certified(address));
    }
    if let Some(address) = facts.places.mqtt {
        line("MQTT", format!("mqtt://{}", first(address)));
    }
    if let Some(address) = facts.places.tls_mqtt {
        line("TLS MQTT", format!("mqtts://{}", certified(address)));
    }
    if facts.boards {
        line("new board", format!("http://{page_user}{main}/diagnostics"));
    }
    if let Some(first) = facts.simulated.first() {
        let more = match facts.simulated.len() {
            1 => String::new(),
            nodes => format!(" and {} more", nodes - 1),
        };
        line("simulated", format!("{first}{more}"));
    }
    lines.into_iter().map(|line| line + "\n").collect()
}

/// `HOST:PORT` for everybody who can reach it; the loopback address where no other is known.
pub(super) fn hosts(listen: SocketAddr, machine: &[IpAddr]) -> Vec<String> {
    let at = |ip: IpAddr| SocketAddr::new(ip, listen.port()).to_string();
    if !listen.ip().is_unspecified() {
        return vec![at(listen.ip())];
    }
    // A socket for all IPv6 addresses takes IPv4, too, as Linux has it.
    let reached = machine.iter().filter(|ip| listen.is_ipv6() || ip.is_ipv4()).copied();
    let hosts: Vec<_> = reached.map(at).collect();
    if !hosts.is_empty() {
        return hosts;
    }
    vec![at(if listen.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() })]
}

/// The addresses that this machine uses towards others, IPv4 first. Nothing is sent: a UDP socket that is connected only
/// chooses its address.
pub(super) fn addresses() -> Vec<IpAddr> {
    let towards = |from: IpAddr, to: IpAddr| {
        let socket = UdpSocket::bind((from, 0)).ok()?;
        socket.connect((to, 9)).ok()?;
        Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_unspecified() && !ip.is_loopback())
    };
    // Addresses for documents: a route to them is a route to everywhere. Then those of private networks, for a machine
    // without a way out.
    let v4 =
        [[192, 0, 2, 1], [192, 168, 255, 254], [10, 255, 255, 254], [172, 31, 255, 254]].map(Ipv4Addr::from);
    let v6 = [Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)];
    let v4 = v4.into_iter().filter_map(|to| towards(Ipv4Addr::UNSPECIFIED.into(), to.into()));
    let v6 = v6.into_iter().filter_map(|to| towards(Ipv6Addr::UNSPECIFIED.into(), to.into()));
    let mut found = Vec::new();
    for ip in v4.chain(v6) {
        if !found.contains(&ip) {
            found.push(ip);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::topic::Limits;

    fn facts(listen: &str) -> Facts<'static> {
        Facts {
            places: Box::leak(Box::new(Places {
                http: listen.parse().unwrap(),
                https: None,
                lines: None,
                tls_lines: None,
                mqtt: None,
                tls_mqtt: None,
            })),
            certified: None,
            machine: &[],
            accounts: Some((2, "/etc/clown-hub/users.toml".to_owned())),
            boards: false,
            simulated: &[],
        }
    }

    fn text(facts: &Facts<'_>) -> String {
        banner(facts).replace(env!("CARGO_PKG_VERSION"), "VERSION")
    }

    #[test]
    fn a_hub_that_listens_everywhere_tells_the_addresses_that_others_type() {
        let machine = ["192.168.1.20".parse().unwrap(), "2001:db8::5".parse().unwrap()];
        let places = Places {
            http: "[::]:8080".parse().unwrap(),
            https: Some("[::]:8443".parse().unwrap()),
            lines: Some("0.0.0.0:3000".parse().unwrap()),
            tls_lines: Some("0.0.0.0:3001".parse().unwrap()),
            mqtt: Some("0.0.0.0:1883".parse().unwrap()),
            tls_mqtt: Some("0.0.0.0:8883".parse().unwrap()),
        };
        let certified = Some("hub.local");
        let facts = Facts { machine: &machine, places: &places, certified, ..facts("[::]:8080") };
        assert_snapshot!(text(&facts), @r"
        Clown Hub VERSION
          page       http://192.168.1.20:8080/
                     http://[2001:db8::5]:8080/
          accounts   2 in /etc/clown-hub/users.toml; the demo user is off
          WebSocket  ws://USER:PASSWORD@192.168.1.20:8080/talk/nodes/bridge/0
          TCP lines  192.168.1.20:3000
          with TLS   https://hub.local:8443/, wss://hub.local:8443/talk/nodes/bridge/0
          TLS lines  hub.local:3001
          MQTT       mqtt://192.168.1.20:1883
          TLS MQTT   mqtts://hub.local:8883
        ");
        let v4_only = text(&Facts { machine: &machine, ..self::facts("0.0.0.0:80") });
        assert!(v4_only.contains("http://192.168.1.20:80/") && !v4_only.contains("2001"), "{v4_only}");
    }

    #[test]
    fn a_machine_without_a_network_tells_its_own_address() {
        assert!(text(&facts("0.0.0.0:80")).contains("http://127.0.0.1:80/"));
        assert!(text(&facts("[::]:80")).contains("http://[::1]:80/"));
    }

    #[test]
    fn the_demo_tells_its_user_and_where_its_nodes_stand() {
        let base = Base::parse("home", &Limits::default()).unwrap();
        let simulated = base.numbered(60, &Limits::default());
        let facts = Facts { accounts: None, boards: true, simulated: &simulated, ..facts("127.0.0.1:8080") };
        assert_snapshot!(text(&facts), @r"
        Clown Hub VERSION
          page       http://clown:bigclown@127.0.0.1:8080/
          demo user  clown, password bigclown, from this machine only
          WebSocket  ws://clown:bigclown@127.0.0.1:8080/talk/home
          new board  http://clown:bigclown@127.0.0.1:8080/diagnostics
          simulated  home and 59 more
        ");
    }
}
