//! What each room gets of the configuration. A room knows no file and no key; this is the one place that maps them.

use super::super::memory;
use crate::config::{Clients, MqttRetain, Plain, ProxyProtocol, Settings};
use crate::connection::Patience;
use crate::hub::{self, Bounds, Rates};
use crate::server::PerNetwork;
use crate::{access, server, tls};

pub(super) fn hub(settings: &Settings) -> hub::Settings {
    hub::Settings {
        topic: settings.limits.topic,
        filters: settings.limits.filters,
        message_bytes: settings.limits.message_bytes,
        longest_batch: settings.limits.batch,
        outbox: Bounds {
            messages: settings.outbox.messages,
            bytes: settings.outbox.bytes,
            hard_messages: settings.outbox.hard_messages,
            hard_bytes: settings.outbox.hard_bytes,
        },
        retained_topics: settings.retained.topics,
        retained_bytes: settings.retained.bytes as u64,
        retain_always: settings.retained.always.clone(),
        retain_never: settings.retained.never.clone(),
        cached_routes: settings.routes.cached,
        memory_bytes: settings.limits.memory_bytes.unwrap_or_else(memory::a_quarter),
    }
}

pub(super) fn access(settings: &Settings) -> access::Settings {
    let users = &settings.users;
    access::Settings {
        failures_per_minute: users.failures_per_minute,
        remembered_logins: users.remembered_logins,
        remember: users.remember,
        web_sessions: users.web_sessions,
        web_sessions_per_user: users.web_sessions_per_user,
        web_session: users.web_session,
        stay_signed_in: users.stay_signed_in,
        tracked_failures: users.tracked_failures,
        hashing_at_once: users.hashing_at_once,
        waiting_logins: users.waiting_logins,
    }
}

/// The files of TLS, where there is a listener with TLS.
pub(in crate::cli) fn tls(settings: &Settings) -> Option<tls::Files> {
    let server = &settings.server;
    if !settings.has_tls() {
        return None;
    }
    // The configuration was checked: both are there.
    let (certificate, key) = server.tls.certificate.clone().zip(server.tls.key.clone())?;
    let clients = match server.tls.clients {
        Clients::Off => None,
        Clients::Optional | Clients::Required => server.tls.client_ca.clone(),
    };
    let are_all = server.tls.clients == Clients::Required;
    let revoked = server.tls.client_crl.clone();
    let clients = clients.map(|authorities| tls::Clients { authorities, revoked, are_all });
    Some(tls::Files { certificate, key, clients })
}

pub(super) fn server(settings: &Settings, is_demo: bool, tls_port: Option<u16>) -> server::Settings {
    let (limits, diagnostics) = (&settings.limits, &settings.diagnostics);
    server::Settings {
        origins: settings.server.origins.clone(),
        connections: limits.connections,
        handshakes: limits.handshakes,
        per_network: PerNetwork {
            connections: limits.connections_per_network,
            not_signed_in: limits.handshakes_per_network,
        },
        per_user: limits.connections_per_user,
        trusted_proxies: settings.server.trusted_proxies.clone(),
        proxy_protocol: match settings.server.proxy_protocol {
            ProxyProtocol::Off => server::ProxyProtocol::Off,
            ProxyProtocol::Lines => server::ProxyProtocol::Lines,
            ProxyProtocol::All => server::ProxyProtocol::All,
        },
        path_prefix: settings.server.path_prefix.clone(),
        handshake: limits.handshake,
        rates: Rates {
            frames_per_second: limits.messages_per_second.map(std::num::NonZero::get),
            bad_frames_per_minute: Some(limits.bad_frames_per_minute),
        },
        network_rate: limits.messages_per_second_per_network,
        patience: Patience {
            ping: limits.ping,
            pong: limits.pong,
            write: limits.write,
            vanished: limits.vanished,
        },
        figures_every: settings.figures.every,
        tls_port,
        plain: match settings.server.plain {
            Plain::Serve => server::Plain::Serve,
            Plain::Redirect => server::Plain::Redirect,
            Plain::Loopback => server::Plain::Loopback,
        },
        diagnostics: (is_demo || diagnostics.enabled).then_some(diagnostics.connections),
        diagnostics_of_demo: !diagnostics.enabled,
        token_in_url: settings.users.token_in_url,
        shortest_password: settings.users.shortest_password,
        webhooks: settings.server.webhooks,
        hixie: settings.legacy.hixie,
        mqtt: mqtt(settings),
    }
}

fn mqtt(settings: &Settings) -> server::MqttSettings {
    let mqtt = &settings.mqtt;
    let seconds = |time: std::time::Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    server::MqttSettings {
        websocket: mqtt.websocket,
        keeps_readings: mqtt.retain == MqttRetain::Readings,
        presence: mqtt.presence.clone(),
        session_seconds: seconds(mqtt.session),
        sessions: mqtt.sessions,
        window: mqtt.window,
        topic_aliases: mqtt.topic_aliases,
        keep_alive: u16::try_from(mqtt.keep_alive.as_secs()).unwrap_or(u16::MAX),
    }
}
