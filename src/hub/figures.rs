//! What the hub counts. Counters only ever grow; gauges say how things stand now.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{log, seldom};

/// One number, changed without waiting.
#[derive(Debug, Default)]
pub struct Figure(AtomicU64);

impl Figure {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// Takes `n` away; for gauges.
    pub fn sub(&self, n: u64) {
        self.0.fetch_sub(n, Ordering::Relaxed);
    }

    /// One more; returns how many that makes.
    pub(super) fn count(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Makes it `n`; for gauges that one place alone keeps.
    pub fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    /// How it stands.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Whether a figure only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grows {
    /// A counter: what happened since the hub was started.
    Only,
    /// A gauge: what is there now.
    AndShrinks,
}

macro_rules! figures {
    ($($(#[doc = $doc:literal])+ $field:ident $topic:literal $grows:ident;)+) => {
        /// Every figure of the hub. In `/metrics` the names have underscores, under `$SYS/hub` slashes.
        #[derive(Debug, Default)]
        pub struct Figures { $($(#[doc = $doc])+ pub $field: Figure,)+ }

        impl Figures {
            /// All of them: the topic under `$SYS/hub`, what it means, how it moves, and its value.
            pub fn all(&self) -> impl Iterator<Item = (&'static str, &'static str, Grows, u64)> {
                self.log_lost.set(log::left_out());
                self.log_rare.set(seldom::left_out());
                [$(($topic, concat!($($doc),+), Grows::$grows, self.$field.value()),)+].into_iter()
            }
        }
    };
}

figures! {
    /// Clients that are connected
    clients "clients/connected" AndShrinks;
    /// Clients that have connected since the start
    connections_accepted "connections/accepted" Only;
    /// Connections that were turned away because there was no place for them
    connections_turned_away "connections/turned_away" Only;
    /// Of these, connections whose network (an IPv4 address, an IPv6 /64) or account had its share
    connections_over_share "connections/over_share" Only;
    /// Requests and first lines that were refused at the door for their form, their page, their base or the user's rights
    connections_refused "connections/refused" Only;
    /// TLS handshakes that clients have finished
    tls_handshakes "tls/handshakes" Only;
    /// Of these, handshakes that resumed an earlier session, which costs little
    tls_resumed "tls/resumed" Only;
    /// TLS handshakes that failed or took too long
    tls_failed "tls/failed" Only;
    /// Days until the certificate of the hub ends; 0 if it has ended or there is none
    tls_days_left "tls/days_left" AndShrinks;
    /// When the certificate of the hub ends, in seconds since 1970; 0 if there is none
    tls_expires "tls/expires" AndShrinks;
    /// Whether the files of the certificate have changed and cannot be used, so that the one from before is served: 0 no, 1 yes
    tls_refused "tls/refused" AndShrinks;
    /// Logins that failed: a wrong name or password, or too many of them
    logins_failed "logins/failed" Only;
    /// Accounts that may sign in
    accounts "accounts/count" AndShrinks;
    /// How often another file of accounts was taken
    accounts_taken "accounts/taken" Only;
    /// Mistakes in the file of accounts, which therefore is not in force: those from before are
    accounts_mistakes "accounts/mistakes" AndShrinks;
    /// Filters that are held by clients
    filters "subscriptions/count" AndShrinks;
    /// Frames that came in, good and bad
    received "messages/received" Only;
    /// Messages accepted for routing
    published "messages/published" Only;
    /// Copies put into the outboxes of receivers
    routed "messages/routed" Only;
    /// Frames handed to connections for sending
    sent "messages/sent" Only;
    /// Frames that were no frames
    bad_frames "messages/bad" Only;
    /// Messages and subscriptions that the user's rights did not allow
    forbidden "messages/forbidden" Only;
    /// Readings replaced by newer ones because a reader was too slow
    skipped "messages/skipped" Only;
    /// Readings replaced by newer ones because the reader had asked for it
    conflated "messages/conflated" Only;
    /// Messages lost with a connection that ended before they were sent
    lost "messages/lost" Only;
    /// Messages that waited for a reader who lost the right to read them
    withheld "messages/withheld" Only;
    /// Messages not delivered because they were older than their sender allowed
    expired "messages/expired" Only;
    /// Sessions of MQTT clients that are not connected, and wait for them
    mqtt_sessions "mqtt/sessions" AndShrinks;
    /// Sessions of MQTT clients that were given up with what waited in them: there were too many, or too much waited
    mqtt_given_up "mqtt/given_up" Only;
    /// Connections of MQTT clients that ended because another one came with their client id
    mqtt_taken_over "mqtt/taken_over" Only;
    /// Messages not sent to MQTT clients because they are larger than these take
    mqtt_too_large "mqtt/too_large" Only;
    /// Messages of other hubs that had been here already, as their marks say
    returned "messages/returned" Only;
    /// Messages of MQTT clients that were not published: the topic is too long or too deep, or reserved
    mqtt_refused "mqtt/refused" Only;
    /// Connections ended because all clients of their network (an IPv4 address, an IPv6 /64) together sent too much
    network_excess "clients/over_network_rate" Only;
    /// Connections ended because they read too slowly
    slow_consumers "clients/slow" Only;
    /// Bytes that wait or are unfinished and that a connection holds beyond what each may hold uncounted
    memory_held "memory/held" AndShrinks;
    /// Connections ended because the memory for what waits was used up and they held much of it
    memory_cut "memory/cut" Only;
    /// Topics with a last value
    retained "retained/count" AndShrinks;
    /// Bytes of all last values and of the index that finds them
    retained_bytes "retained/bytes" AndShrinks;
    /// Last values that could not be kept because the store was full
    retained_refused "retained/refused" Only;
    /// Commands that were confirmed by their nodes, of those whose senders asked for it
    commands_confirmed "commands/confirmed" Only;
    /// Commands that nodes answered with an error, of those whose senders asked for it
    commands_refused "commands/refused" Only;
    /// Commands that no node confirmed in time, of those whose senders asked for it
    commands_unanswered "commands/unanswered" Only;
    /// Leases that run, or whose safe command no node has heard yet
    leases "leases/count" AndShrinks;
    /// Leases whose time is over and whose safe command no node has confirmed yet
    leases_owed "leases/owed" AndShrinks;
    /// Leases that the hub has ended, because their time was over or their holder had gone
    leases_ended "leases/ended" Only;
    /// Commands with a lease that went out although it was not on the disk
    leases_unstored "leases/unstored" Only;
    /// Leases of other hubs of the cluster that this one does not run as well, as there are too many
    leases_not_run "leases/not_run" Only;
    /// How the store stands: 0 there is none, 1 on, 2 behind, 3 away, 4 replaced
    store_state "store/state" AndShrinks;
    /// Last values that the store holds
    store_values "store/values" AndShrinks;
    /// Messages that wait for the store
    store_queue "store/queue" AndShrinks;
    /// Bytes of the messages that wait for the store
    store_queue_bytes "store/queue_bytes" AndShrinks;
    /// Messages that found no room in the queue of the store; their values are written later
    store_skipped "store/skipped" Only;
    /// Messages whose publishers wait until they are on the disk
    store_unconfirmed "store/unconfirmed" AndShrinks;
    /// Times that the store has written
    store_writes "store/writes" Only;
    /// Times that it has waited until the medium had everything
    store_syncs "store/syncs" Only;
    /// Times that writing has failed
    store_failed "store/failed" Only;
    /// Messages that were said while nothing could be written; of each topic the newest one was written later
    store_unwritten "store/unwritten" Only;
    /// How long the last write took, in microseconds
    store_write_microseconds "store/write_microseconds" AndShrinks;
    /// How long the longest write took, in microseconds
    store_longest_write "store/longest_write_microseconds" AndShrinks;
    /// How long all writes took together, in microseconds
    store_writing "store/writing_microseconds" Only;
    /// Bytes that the store has given to the system for the disk
    store_written_bytes "store/written_bytes" Only;
    /// Bytes of the file of the store and of its journal
    store_bytes "store/bytes" AndShrinks;
    /// Bytes of the journal alone
    store_journal_bytes "store/journal_bytes" AndShrinks;
    /// Bytes of its log, of what is not settled
    store_log_bytes "store/log_bytes" AndShrinks;
    /// When the oldest last value was said, in seconds since 1970; 0 if that is not known yet
    store_oldest "store/oldest" AndShrinks;
    /// Rows that were read and were not what had been written
    store_damaged "store/damaged" Only;
    /// Times that a damaged file was set aside
    store_replaced "store/replaced" Only;
    /// Series that history has
    history_series "history/series" AndShrinks;
    /// Spans of history that are sealed, of all grains
    history_spans "history/spans" AndShrinks;
    /// When the oldest reading in history was said, in seconds since 1970; 0 if there is none
    history_oldest "history/oldest" AndShrinks;
    /// Bytes of readings in memory that are not sealed yet
    history_open_bytes "history/open_bytes" AndShrinks;
    /// Readings that have a last value only, as there were too many series or texts
    history_refused "history/refused" Only;
    /// Questions about history that were answered
    history_questions "history/questions" Only;
    /// How long the last answer took, in microseconds
    history_microseconds "history/microseconds" AndShrinks;
    /// Events that the store holds
    events "events/count" AndShrinks;
    /// Their bytes
    events_bytes "events/bytes" AndShrinks;
    /// Events that were lost because more happened at once than could be written, or nothing could be written
    events_lost "events/lost" Only;
    /// Events of users and addresses that caused very many; they were counted, and not recorded one by one
    events_left_out "events/left_out" Only;
    /// Questions about events that were answered
    events_questions "events/questions" Only;
    /// Whether the hub is connected to its cluster: 1 or 0
    cluster_connected "cluster/connected" AndShrinks;
    /// Connections that were made to the cluster
    cluster_connects "cluster/connects" Only;
    /// Other hubs of the cluster that have said lately that they are there
    cluster_hubs "cluster/others" AndShrinks;
    /// Messages of other hubs that were published here
    cluster_in "cluster/messages/in" Only;
    /// Messages that were handed to the servers of the cluster
    cluster_out "cluster/messages/out" Only;
    /// Messages of other hubs that did not arrive, found by their numbers
    cluster_gaps "cluster/messages/missing" Only;
    /// Copies of messages of other hubs that had come before, by another subscription or by a detour
    cluster_again "cluster/messages/again" Only;
    /// Readings of other hubs that were left out because a newer value of another hub or of this one stands at their topic
    cluster_overtaken "cluster/messages/overtaken" Only;
    /// Messages of the cluster that could not be taken
    cluster_refused "cluster/messages/refused" Only;
    /// Readings that gave way to newer ones while the cluster was away or slow
    cluster_skipped "cluster/messages/skipped" Only;
    /// Messages for other hubs that were lost here
    cluster_lost "cluster/messages/lost" Only;
    /// Messages that wait for the cluster
    cluster_queue "cluster/queue/messages" AndShrinks;
    /// Their bytes
    cluster_queue_bytes "cluster/queue/bytes" AndShrinks;
    /// Whether the last values of the whole cluster are kept at the servers: 1, or 0 where they are each hub's own
    cluster_last_shared "cluster/last_values/shared" AndShrinks;
    /// Last values that were read from the servers and stand here since
    cluster_last_read "cluster/last_values/read" Only;
    /// Last values that the servers have taken from this hub
    cluster_last_stored "cluster/last_values/stored" Only;
    /// Topics whose last values are still to be taken to the servers
    cluster_last_waiting "cluster/last_values/waiting" AndShrinks;
    /// Last values that the servers have not taken: the stream is full, or they are too large
    cluster_last_refused "cluster/last_values/refused" Only;
    /// Nodes that were told offline, and wills that were published, for other hubs that have died
    cluster_inherited "cluster/inherited" Only;
    /// Filters that the hub hears from other hubs, those that linger included
    cluster_filters "cluster/filters" AndShrinks;
    /// Subscriptions at the servers of the cluster
    cluster_subscriptions "cluster/subscriptions" AndShrinks;
    /// Whether filters are widened because there are more than may be subscriptions: 1 or 0
    cluster_widened "cluster/widened" AndShrinks;
    /// Answers to subscriptions that came although the servers had not said that they are in effect
    cluster_late "cluster/late" Only;
    /// Times that the library had more waiting than it takes
    cluster_slow "cluster/slow" Only;
    /// Times that the servers did not allow the hub something
    cluster_not_allowed "cluster/not_allowed" Only;
    /// Times that another hub was heard that has the name of this one
    cluster_conflicts "cluster/conflicts" Only;
    /// Times that the clock of the system was set by two seconds or more
    clock_jumps "clock/jumps" Only;
    /// Lines of the log that are missing because nobody read the log
    log_lost "log/lost" Only;
    /// Lines of the log that were left out because there were many of their kind
    log_rare "log/rare" Only;
}
