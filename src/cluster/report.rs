//! What the hub says of the cluster: in the log, which it does not fill, in figures, and under `$SYS/hub/cluster`.

mod newer;

use std::sync::Arc;

use tokio::time::{Duration, Instant};

use super::settings::Settings;
use super::stamp::NoStamp;
use super::stream::There;
use super::wire::Trouble;
use crate::backlog::GaveWay;
use crate::hub::{Figures, Hub};
use crate::moment::Moment;
use crate::seldom::Seldom;
use crate::talk::timestamp;
use crate::topic::Topic;

/// The least time between the line that a queue is full and the one that says how much was left out.
const EPISODE: Duration = Duration::from_secs(5);
/// A foreign subject is cut at so many characters.
const SHOWN: usize = 128;

/// What is said and counted.
pub(super) struct Report {
    hub: Arc<Hub>,
    servers: String,
    name: String,
    /// The last reason why there is no connection, and how often that was so without a break.
    trouble: Option<(String, u64)>,
    giving_way: Option<(GaveWay, Instant)>,
    is_widened: bool,
    /// Why last values are each hub's own, if they are.
    why_not_shared: Option<String>,
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN).flat_map(char::escape_debug).collect()
}

/// A sentence of a server.
fn shown_long(text: &str) -> String {
    text.chars().take(4 * SHOWN).flat_map(char::escape_debug).collect()
}

impl Report {
    /// For a hub that is about to join.
    pub(super) fn new(hub: &Arc<Hub>, settings: &Settings) -> Self {
        Self {
            hub: Arc::clone(hub),
            servers: settings.servers.join(", "),
            name: settings.name.clone(),
            trouble: None,
            giving_way: None,
            is_widened: false,
            why_not_shared: None,
        }
    }

    /// The figures of the hub.
    pub(super) fn figures(&self) -> &Figures {
        self.hub.figures()
    }

    /// The hub begins to join.
    pub(super) fn begins(&self, session: &str) {
        let Self { servers, name, .. } = self;
        tracing::info!(hub = name, session, servers, "joining the cluster");
        self.state("away", Some("not connected yet"));
    }

    /// There is a connection.
    pub(super) fn connected(
        &mut self,
        (server, version, max_payload): (String, String, usize),
        waiting: usize,
    ) {
        static CONNECTED: Seldom = Seldom::new();
        static SMALL: Seldom = Seldom::new();
        self.trouble = None;
        self.figures().cluster_connected.set(1);
        self.figures().cluster_connects.add(1);
        if let Some(times) = CONNECTED.each() {
            let left_out = times.left_out;
            tracing::info!(hub = self.name, server, version, waiting, left_out, "the cluster is there");
        }
        let most = self.hub.settings().message_bytes;
        if max_payload < most && SMALL.each().is_some() {
            tracing::warn!(
                server,
                max_payload,
                message_bytes = most,
                "the server takes smaller messages than this hub: larger ones stay \
                here; raise max_payload of the servers, or lower limits.message_bytes"
            );
        }
        self.state("connected", None);
    }

    /// There is none any more.
    pub(super) fn disconnected(&mut self) {
        static AWAY: Seldom = Seldom::new();
        self.figures().cluster_connected.set(0);
        if let Some(times) = AWAY.each() {
            let (servers, left_out) = (&self.servers, times.left_out);
            tracing::warn!(
                servers,
                left_out,
                "the connection to the cluster has ended: clients of this hub hear each other as before; what is \
                for other hubs waits (cluster.queue_messages), and what other hubs say is missed until it is back"
            );
        }
        self.state("away", Some("the connection has ended"));
    }

    /// There is still none.
    pub(super) fn trouble(&mut self, trouble: &Trouble) {
        static TROUBLE: Seldom = Seldom::new();
        let servers = &self.servers;
        let sentence = match trouble {
            Trouble::LogIn => "the servers of the cluster do not let this hub in: correct cluster.user and its password, the token, the key \
                or the credentials"
                .to_owned(),
            Trouble::Tls => format!(
                "there is no encryption together with the servers of the cluster ({servers}): their certificates must be for the names in \
                 cluster.servers, and signed by who is trusted (cluster.tls_ca)"
            ),
            Trouble::Name => format!("no address is known of a server of the cluster: look at cluster.servers ({servers})"),
            Trouble::Silent => format!("the servers of the cluster do not answer ({servers}): look whether they run, and at firewalls"),
            // The library does not tell a certificate that is not trusted from a server that is not there.
            Trouble::Away if servers.contains("tls://") => format!(
                "no server of the cluster is there ({servers}), or its certificate is not trusted: start one, or correct cluster.servers and \
                 cluster.tls_ca"
            ),
            Trouble::Away => format!("no server of the cluster is there ({servers}): start one, or correct cluster.servers"),
            Trouble::Other(why) => format!("the cluster cannot be reached ({servers}): {}", shown(why)),
        };
        let times = match &self.trouble {
            Some((before, times)) if *before == sentence => times + 1,
            _ => 1,
        };
        if times.is_power_of_two()
            && let Some(line) = TROUBLE.each()
        {
            let left_out = line.left_out;
            tracing::warn!(
                times,
                left_out,
                "{sentence}; it is tried again every 2 s, and clients of this hub hear each other meanwhile"
            );
        }
        if times == 1 {
            self.state("away", Some(&sentence));
        }
        self.trouble = Some((sentence, times));
    }

    /// The server does not allow something.
    pub(super) fn not_allowed(&self, text: &str) {
        static NOT_ALLOWED: Seldom = Seldom::new();
        self.figures().cluster_not_allowed.add(1);
        if let Some(times) = NOT_ALLOWED.again("") {
            tracing::error!(answer = shown(text), %times, "the servers of the cluster do not allow this hub something, so messages between hubs are \
                missing: its user needs to publish and to subscribe to all under cluster.prefix (config/nats/)");
        }
    }

    /// The server complains.
    pub(super) fn complaint(text: &str) {
        static COMPLAINT: Seldom = Seldom::new();
        if let Some(times) = COMPLAINT.again("") {
            tracing::warn!(answer = shown(text), %times, "a server of the cluster complains; where that ends the connection, the hub connects again");
        }
    }

    /// A subscription of the library had too much waiting.
    pub(super) fn slow(&self) {
        static SLOW: Seldom = Seldom::new();
        self.figures().cluster_slow.add(1);
        if let Some(times) = SLOW.again("") {
            tracing::warn!(%times, "messages of other hubs come faster than this hub takes them, and some are lost; those that are missing are \
                counted when the next one of their topic comes");
        }
    }

    /// A message that came is not taken.
    pub(super) fn refuse(&self, subject: &str, hub: Option<&str>, why: &str) {
        self.refuse_as(subject, hub, hub.unwrap_or_default(), why);
    }

    /// Whoever causes it has lines of their own.
    fn refuse_as(&self, subject: &str, hub: Option<&str>, causer: &str, why: &str) {
        static REFUSED: Seldom = Seldom::new();
        self.figures().cluster_refused.add(1);
        let refused = self.figures().cluster_refused.value();
        if let Some(times) = REFUSED.again(causer) {
            tracing::warn!(subject = shown(subject), hub = hub.unwrap_or("unknown"), refused, %times, "message of the cluster is dropped: {why}");
        }
    }

    /// The same for one that is none of a hub, or of a newer one.
    pub(super) fn refuse_unread(&self, subject: &str, why: &NoStamp) {
        let causer = match why {
            NoStamp::Foreign => "a stranger",
            NoStamp::Newer(_) => "a newer hub",
        };
        self.refuse_as(subject, None, causer, &why.to_string());
    }

    /// Messages of another hub are missing.
    pub(super) fn missing(&self, hub: &str, topic: &Topic, missing: u64) {
        static MISSING: Seldom = Seldom::new();
        self.figures().cluster_gaps.add(missing);
        if let Some(times) = MISSING.again(hub) {
            let all = self.figures().cluster_gaps.value();
            tracing::warn!(hub, ?topic, missing, all, %times, "messages of another hub did not arrive");
        }
    }

    /// A message for other hubs is lost.
    pub(super) fn lose(&self, topic: &Topic, why: &str) {
        static LOST: Seldom = Seldom::new();
        self.figures().cluster_lost.add(1);
        if let Some(times) = LOST.again("") {
            let lost = self.figures().cluster_lost.value();
            tracing::warn!(?topic, lost, %times, "message for other hubs is lost: {why}");
        }
    }

    /// The hub has given up what waited for the cluster.
    pub(super) fn overflowed(&self, lost: u64) {
        static OVERFLOWED: Seldom = Seldom::new();
        self.figures().cluster_lost.add(lost);
        if let Some(times) = OVERFLOWED.again("") {
            tracing::error!(lost, %times, "more was said here than could be taken for other hubs at once, and that is lost for them: raise \
                outbox.hard_messages and outbox.hard_bytes");
        }
    }

    /// The servers keep last values.
    pub(super) fn shares(&mut self, stream: &str, there: &There) {
        static SHARES: Seldom = Seldom::new();
        let There { replicas, messages, .. } = there;
        self.figures().cluster_last_shared.set(1);
        self.why_not_shared = None;
        if SHARES.each().is_some() {
            tracing::info!(
                stream,
                replicas,
                last_values = messages,
                "the servers keep the last values of the whole cluster"
            );
        }
    }

    /// It is not known whether they do.
    pub(super) fn shares_no_more(&self) {
        self.figures().cluster_last_shared.set(0);
    }

    /// They do not.
    pub(super) fn not_shared(&mut self, why: &str) {
        static NOT_SHARED: Seldom = Seldom::new();
        self.figures().cluster_last_shared.set(0);
        if self.why_not_shared.as_deref() != Some(why) && NOT_SHARED.each().is_some() {
            tracing::warn!(
                "last values are each hub's own, and newcomers get what their hub has heard: {}",
                shown_long(why)
            );
        }
        self.why_not_shared = Some(why.to_owned());
    }

    /// There is one server, and the stream was to be on more.
    pub(super) fn one_server(replicas: usize) {
        static ONE: Seldom = Seldom::new();
        if ONE.each().is_some() {
            tracing::warn!(
                replicas,
                "the last values of the cluster are on one server only, as there is one only: they are away while it is"
            );
        }
    }

    /// Last values cannot be read.
    pub(super) fn not_read(why: &str) {
        static NOT_READ: Seldom = Seldom::new();
        if let Some(times) = NOT_READ.again("") {
            tracing::debug!(why = shown(why), %times, "last values of the cluster are read in another way");
        }
    }

    /// A last value is not kept at the servers.
    pub(super) fn unkept(&self, topic: &Topic, why: &str) {
        static UNKEPT: Seldom = Seldom::new();
        self.figures().cluster_last_refused.add(1);
        if let Some(times) = UNKEPT.again("") {
            let why = shown_long(why);
            tracing::warn!(?topic, %times, "the servers do not keep a last value, so newcomers at other hubs may get an older one: {why}");
        }
    }

    /// What a hub that has died had left to be said is said, or stays unsaid as somebody knows better.
    pub(super) fn said_for_another(&self, life: &str, topic: &Topic, is_said: bool) {
        static SAID: Seldom = Seldom::new();
        self.figures().cluster_inherited.add(u64::from(is_said));
        if let Some(times) = SAID.again(life) {
            tracing::warn!(session = shown(life), ?topic, is_said, %times, "a hub of the cluster has died: its nodes are told offline, and the wills of \
                its clients are published");
        }
    }

    /// Readings or messages gave way in the queue.
    pub(super) fn gave_way(&mut self, now: &GaveWay, waiting: usize) {
        static FULL: Seldom = Seldom::new();
        if *now == GaveWay::default() {
            return;
        }
        self.figures().cluster_skipped.add(now.skipped);
        self.figures().cluster_lost.add(now.lost);
        if self.giving_way.is_none() && FULL.each().is_some() {
            tracing::warn!(
                waiting,
                "the queue for other hubs is full: from here on only the newest reading of a topic is kept"
            );
        }
        let (all, _) = self.giving_way.get_or_insert_with(|| (GaveWay::default(), Instant::now()));
        if now.lost > 0 && all.lost == 0 && FULL.each().is_some() {
            tracing::warn!(topic = ?now.topic, "the queue for other hubs is full: the oldest messages are lost");
        }
        all.skipped += now.skipped;
        all.lost += now.lost;
    }

    /// How much waits; says so when nothing gives way any more.
    pub(super) fn measure(&mut self, messages: usize, bytes: usize, is_full: bool) {
        static HAS_ROOM: Seldom = Seldom::new();
        self.figures().cluster_queue.set(messages as u64);
        self.figures().cluster_queue_bytes.set(bytes as u64);
        if !is_full
            && let Some((GaveWay { skipped, lost, .. }, _)) =
                self.giving_way.take_if(|(_, since)| since.elapsed() >= EPISODE)
            && HAS_ROOM.each().is_some()
        {
            tracing::warn!(skipped, lost, "the queue for other hubs has room again");
        }
    }

    /// What is asked for at the servers.
    pub(super) fn asks(&mut self, wanted: usize, subscriptions: usize, depth: Option<usize>) {
        static WIDENED: Seldom = Seldom::new();
        self.figures().cluster_filters.set(wanted as u64);
        self.figures().cluster_subscriptions.set(subscriptions as u64);
        let is_widened = depth.is_some();
        self.figures().cluster_widened.set(u64::from(is_widened));
        if is_widened != self.is_widened && WIDENED.each().is_some() {
            if let Some(levels) = depth {
                tracing::warn!(
                    wanted,
                    subscriptions,
                    levels,
                    "more filters are held than cluster.subscriptions allows: they are widened to so many levels, and the hub \
                    hears more than its clients want"
                );
            } else {
                tracing::info!(wanted, subscriptions, "filters are asked for as they are again");
            }
        }
        self.is_widened = is_widened;
    }

    /// Answers to subscriptions did not wait any longer.
    pub(super) fn answered_late(&self) {
        static LATE: Seldom = Seldom::new();
        self.figures().cluster_late.add(1);
        if let Some(times) = LATE.again("") {
            tracing::warn!(%times, "the servers of the cluster did not say in time (cluster.answer_milliseconds) that subscriptions are in effect: their \
                clients are answered all the same, and may miss what other hubs say just now");
        }
    }

    /// Another hub has this one's name.
    pub(super) fn conflict(&self, session: &str) {
        static CONFLICT: Seldom = Seldom::new();
        self.figures().cluster_conflicts.add(1);
        if let Some(times) = CONFLICT.again(session) {
            tracing::error!(hub = self.name, session = shown(session), %times, "two hubs of the cluster have the same name: nobody can tell them apart in logs \
                and figures; give each a cluster.name of its own");
        }
        let other = serde_json::Value::from(shown(session));
        self.hub.tell(
            "cluster/conflict",
            &format!("{{\"name\": \"{}\", \"other\": {other}}}", self.name),
            Moment::now(),
        );
    }

    /// A clock of another hub is ahead.
    pub(super) fn ahead(hub: &str, seconds: u64) {
        static AHEAD: Seldom = Seldom::new();
        if let Some(times) = AHEAD.again(hub) {
            tracing::warn!(hub, seconds, %times, "the clock of another hub is ahead of this one: its messages get the time of this hub; have both follow \
                a time server");
        }
    }

    /// The hub leaves the cluster.
    pub(super) fn ended(&self, waiting: usize) {
        self.figures().cluster_connected.set(0);
        if waiting > 0 {
            self.figures().cluster_lost.add(waiting as u64);
            tracing::warn!(
                waiting,
                "messages for other hubs are lost: the hub ends, and the cluster is not there"
            );
        }
        self.state("away", Some("the hub ends"));
    }

    fn state(&self, state: &str, reason: Option<&str>) {
        let now = Moment::now();
        let since = timestamp::milliseconds(now.wall());
        let reason = reason.map(|reason| format!(", \"reason\": {}", serde_json::Value::from(reason)));
        let payload =
            format!("{{\"state\": \"{state}\", \"since\": \"{since}\"{}}}", reason.unwrap_or_default());
        self.hub.tell("cluster/state", &payload, now);
    }
}
