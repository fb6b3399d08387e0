//! What the cluster gets of the configuration, and the secrets that it names.

use std::sync::Arc;

use crate::cli::exit::OperatorError;
use crate::cluster::settings::{Login, Secret, Settings, Source};
use crate::config::{self, ClusterLogin, ClusterSecret};
use crate::editions::Editions;
use crate::hub::Hub;
use crate::shutdown::Shutdown;

/// Joins the hub to its cluster, if it has one.
pub(super) async fn join(
    hub: &Arc<Hub>,
    settings: &config::Settings,
    accounts: Option<Arc<Editions>>,
    shutdown: &Shutdown,
) -> anyhow::Result<()> {
    if settings.cluster.servers.is_empty() {
        return Ok(());
    }
    let settings = of(settings).map_err(OperatorError::new)?;
    crate::cluster::join(hub, settings, accounts, shutdown).await.map_err(OperatorError::new)?;
    Ok(())
}

fn of(settings: &config::Settings) -> Result<Settings, String> {
    let cluster = &settings.cluster;
    Ok(Settings {
        servers: cluster.servers.clone(),
        name: cluster.name.clone(),
        prefix: cluster.prefix.clone(),
        login: login(&cluster.login)?,
        authorities: cluster.authorities.clone(),
        identity: cluster.identity.clone(),
        subscriptions: cluster.subscriptions,
        linger: cluster.linger,
        answer: cluster.answer,
        queue_messages: cluster.queue_messages,
        queue_bytes: cluster.queue_bytes,
        topics: cluster.topics,
        replicas: cluster.replicas,
        last_values_bytes: cluster.last_values_bytes,
        figures_every: settings.figures.every,
    })
}

fn login(login: &ClusterLogin) -> Result<Login, String> {
    Ok(match login {
        ClusterLogin::None => Login::None,
        ClusterLogin::Password(user, secret) => Login::Password(user.clone(), line("password", secret)?),
        ClusterLogin::Token(secret) => Login::Token(line("token", secret)?),
        ClusterLogin::Nkey(secret) => Login::Nkey(line("nkey", secret)?),
        ClusterLogin::Credentials(secret) => {
            let text = source(secret).all();
            Login::Credentials(text.map_err(|why| format!("cluster.credentials: {why}"))?)
        }
    })
}

fn line(key: &str, secret: &ClusterSecret) -> Result<Secret, String> {
    source(secret).line().map_err(|why| format!("cluster.{key}: {why}"))
}

fn source(secret: &ClusterSecret) -> Source<'_> {
    match secret {
        ClusterSecret::Variable(name) => Source::Variable(name),
        ClusterSecret::File(path) => Source::File(path),
    }
}
