//! One client's stay at the hub. Whoever holds a [`Session`] has been let in; dropping it means leaving.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::allowance::{Allowance, Excess, Rates};
use super::groups::Membership;
use super::lease::End;
use super::look_up::LookUps;
use super::network_rate::ShareOfNetwork;
use super::outbox::{Outbox, SessionId};
use super::presence;
use super::publication::{Extras, Publication, View};
use super::queue::Item;
use super::rights::Rights;
use super::step::{Change, Will};
use super::trie::Id;
use super::whereabouts::small_address;
use super::{Hub, Retention};
use crate::moment::Moment;
use crate::talk::Kind;
use crate::topic::{Base, Filter, Topic};

/// On which side of the hub a client stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// A dashboard or an operator: reads states, sends commands.
    Dashboard,
    /// A node or a gateway: sends states, reads commands.
    Node,
    /// A link to another system: what comes over it is kept like the word of a node, but nobody is at home there.
    Link,
    /// A device of another protocol, which names whole topics: its word is kept like that of a node, but it stands at no base.
    Device,
}

impl Side {
    /// What users call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dashboard => "dashboard",
            Self::Node => "node",
            Self::Link => "link",
            Self::Device => "device",
        }
    }
}

/// Who comes in, and where.
#[derive(Debug, Clone)]
pub struct Client {
    /// The user's name, as receivers see it in `from`.
    pub user: Arc<str>,
    /// What the user may do.
    pub rights: Arc<Rights>,
    /// Where the connection stands.
    pub base: Base,
    /// On which side.
    pub side: Side,
    /// How much it may send.
    pub rates: Rates,
}

/// The same, as long as the session lasts. How much it may send is in its allowance.
#[derive(Debug)]
pub(super) struct Who {
    pub(super) user: Arc<str>,
    pub(super) rights: Arc<Rights>,
    pub(super) base: Base,
    pub(super) side: Side,
}

/// The settings of a transmission, as the client's last `config/set` left them.
#[derive(Debug, Clone, Default)]
pub(super) struct Wishes {
    pub(super) options: bool,
    /// Whether the third element has the mark, too.
    pub(super) marks: bool,
    /// How long frames are collected, in milliseconds.
    pub(super) batch: u32,
}

/// A client at the hub. It is fed the messages of the client and drained of what is to be sent to it; it never
/// waits and knows no socket.
#[derive(Debug)]
pub struct Session {
    pub(super) hub: Arc<Hub>,
    pub(super) client: Who,
    pub(super) outbox: Arc<Outbox>,
    pub(super) allowance: Allowance,
    /// The filters that it holds, as the subscriptions call them.
    pub(super) filters: Box<[Id]>,
    /// The groups in which it is, or was. Few are in any.
    pub(super) groups: Option<Box<Membership>>,
    /// The last values that are still to be looked up.
    pub(super) look_ups: Option<Box<LookUps>>,
    /// What is still to be done of the client's last request.
    pub(super) pending: Option<Box<Change>>,
    /// Steps that were taken since others had their turn.
    pub(super) turn: u32,
    pub(super) wishes: Wishes,
    pub(super) opened: bool,
    /// Few have one.
    will: Option<Box<Will>>,
    pub(super) end: End,
    /// What is held for it outside of the hub.
    outside: usize,
    pub(super) taken: VecDeque<Item>,
    /// Whether its address is that of a proxy which did not tell whom it speaks for.
    pub(super) is_untold: bool,
}

impl Hub {
    /// Lets a client in. A node-side client is announced under its base.
    pub fn connect(self: &Arc<Self>, client: Client, now: impl Into<Moment>) -> Session {
        self.connect_from(client, None, now)
    }

    /// As [`connect`](Self::connect), for a client at this address.
    pub fn connect_from(
        self: &Arc<Self>,
        client: Client,
        address: Option<IpAddr>,
        now: impl Into<Moment>,
    ) -> Session {
        let (now, Client { user, rights, base, side, rates }) = (now.into(), client);
        let client = Who { user, rights, base, side };
        let id = SessionId(self.next_session.fetch_add(1, Ordering::Relaxed));
        let (view, user) = (View::from(&client.base), Arc::clone(&client.user));
        let (figures, budget) = (Arc::clone(&self.figures), Arc::clone(&self.budget));
        let stand = (client.side, small_address(address));
        let outbox = Outbox::new(id, view, user, stand, self.settings.outbox, figures, budget);
        self.figures.clients.add(1);
        self.figures.connections_accepted.add(1);
        outbox.part.carries_out.store(client.side != Side::Dashboard, Ordering::Relaxed);
        if client.side == Side::Node {
            self.presence.enter(&client.base, || self.announce(&client.base, "online", &outbox, now));
        }
        Session {
            hub: Arc::clone(self),
            allowance: Allowance::new(rates, now.steady()),
            client,
            outbox,
            filters: Box::default(),
            groups: None,
            look_ups: None,
            pending: None,
            turn: 0,
            wishes: Wishes::default(),
            opened: false,
            will: None,
            end: End::Vanished,
            outside: 0,
            taken: VecDeque::new(),
            is_untold: false,
        }
    }

    pub(super) fn announce(&self, base: &Base, state: &'static str, of: &Outbox, now: Moment) {
        let payload = presence::payload(state, now.wall());
        if let Ok(topic) = base.topic(presence::NAME, &self.settings.topic) {
            self.note_presence(&topic, state, of);
            let mut message =
                Publication::new(topic.clone(), &payload, Kind::Reading, "hub".into(), now.wall());
            message.retention = Retention::Keep;
            // A store that is full is in the log; those who listen now have heard it.
            let _ = self.publish(message, None);
            self.bequeath_presence(&topic, state == "online", now);
        }
    }
}

impl Session {
    /// The queue of what is to be sent, for waiting on it.
    pub fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// Says how much is held for the client outside of the hub: what it has not sent whole, and what its socket has not
    /// taken. Where everybody together holds too much, the largest holders are cut off.
    pub fn holds(&mut self, bytes: usize) {
        self.outside = bytes;
        let will = self.will.as_ref().map_or(0, |will| will.payload.len());
        self.outbox.hold_beside(bytes + will);
    }

    /// Cuts off the largest holders of memory where there is too much in use. To be called now and then.
    pub fn relieve(&self) {
        self.outbox.relieve();
    }

    /// From now on the client sends within the share of its network, too.
    pub(crate) fn within(&mut self, share: ShareOfNetwork) {
        self.allowance.within(share);
    }

    /// The address of the client is that of a proxy which did not tell whom it speaks for.
    pub(crate) fn is_behind_a_proxy(&mut self) {
        self.is_untold = true;
    }

    /// Whether it is.
    pub(crate) fn is_untold(&self) -> bool {
        self.is_untold
    }

    /// The address that the client comes from, where there is one.
    pub fn address(&self) -> Option<IpAddr> {
        self.outbox.address()
    }

    /// Where the client stands.
    pub fn base(&self) -> &Base {
        &self.client.base
    }

    /// What logs call the client.
    pub fn name(&self) -> Arc<str> {
        self.outbox.name()
    }

    /// Whether the client has asked for the transmission to begin, in words that were understood. Until then nothing
    /// may be sent to it but what was wrong with them.
    pub fn is_open(&self) -> bool {
        self.opened
    }

    /// How long frames are to be collected into one message; zero for not at all.
    pub fn batch(&self) -> Duration {
        Duration::from_millis(self.wishes.batch.into())
    }

    /// The client has said good-bye: its will is void.
    pub fn farewell(&mut self) {
        self.drop_will();
        self.end = End::Farewell;
    }

    /// The hub ends, which is not the client's doing: its will is void, and its leases outlive the hub.
    pub fn dismiss(&mut self) {
        self.drop_will();
        self.end = End::OfTheHub;
    }

    /// Counts a sign of life that is no frame, such as a ping: it is as much work to read.
    pub fn count_sign(&mut self, now: impl Into<Moment>) -> Result<(), Excess> {
        self.allowance.frame(now.into().steady())
    }

    pub(super) fn count_frame(&mut self, now: Moment) -> Result<(), Excess> {
        self.hub.figures.received.add(1);
        self.allowance.frame(now.steady())
    }

    pub(super) fn count_bad_frame(&mut self, now: Moment) -> Result<(), Excess> {
        self.hub.figures.bad_frames.add(1);
        self.allowance.bad_frame(now.steady())
    }

    fn drop_will(&mut self) {
        if self.will.take().is_some() {
            self.bequeath(None);
        }
    }

    pub(super) fn set_will(&mut self, will: Option<Will>) {
        if self.will.is_some() || will.is_some() {
            self.bequeath(will.as_ref());
        }
        self.will = will.map(Box::new);
        self.holds(self.outside);
    }

    /// Publishes the will, if there is one and it is allowed.
    pub fn publish_will(&mut self, now: impl Into<Moment>) {
        let Some(Will { topic, kind, payload, retention, passed_on, lasts }) =
            self.will.take().map(|will| *will)
        else {
            return;
        };
        // Nobody else is to say it from here on, should the hub end just now.
        self.bequeath(None);
        // Asked again: the account may have been changed since.
        if self.check_rights(&topic, false).is_err() {
            return;
        }
        let now = now.into();
        let retention = retention.filter(|_| self.client.rights.retain);
        let retention = retention.unwrap_or_else(|| self.usual_retention(&topic, kind));
        let from = Arc::clone(&self.client.user);
        let mut message = Publication::new(topic, &payload, kind, from, now.wall());
        let expires = lasts.map(|lasts| now.steady().after(lasts));
        message.set_extras(Extras { expires, passed_on, trail: None });
        // A store that is full is in the log; nobody is left to be told.
        let _ = self.route(message, retention, None);
    }

    /// What becomes of a message that says nothing about it itself: who says it decides
    /// (`docs/protocol.md`, clause 5.3).
    pub(super) fn usual_retention(&self, topic: &Topic, kind: Kind) -> Retention {
        let settings = &self.hub.settings;
        let named = |filters: &[Filter]| filters.iter().any(|filter| filter.matches(topic));
        let state = self.client.side != Side::Dashboard && kind == Kind::Reading;
        if (state || named(&settings.retain_always)) && !named(&settings.retain_never) {
            Retention::Keep
        } else {
            Retention::Pass
        }
    }

    /// Looks for no more of the last values that are on their way to the client.
    pub fn abandon_look_ups(&mut self) {
        if let Some(mut look_ups) = self.look_ups.take() {
            self.hub.with_index(|index| look_ups.abandon(index));
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let now = Moment::now();
        match self.outbox.noted.session() {
            0 => {}
            lasting => self.hub.lasting.freeze(lasting),
        }
        if self.client.rights.admin {
            self.withdraw_what_is_to_be_forgotten();
        }
        self.abandon_look_ups();
        if let Some(mut change) = self.pending.take() {
            self.give_up(&mut change);
        }
        self.hub.figures.filters.sub(self.filters.len() as u64);
        if self.hub.demand.get().is_some() {
            self.release(self.held().iter());
        }
        self.hub.subscriptions.leave(&self.outbox, &self.filters);
        if self.end == End::OfTheHub || self.outbox.noted.session() > 0 {
            self.go_from_all();
        } else if self.groups.is_some() {
            self.leaves_all(Vec::new());
        }
        self.hub.care.has_new_readers();
        self.outbox.close();
        if self.outbox.part.takes_care.load(Ordering::Relaxed) {
            self.hub.end_care(self.outbox.id, self.end, now);
        }
        self.publish_will(now);
        if self.client.side == Side::Node {
            let (hub, base) = (&self.hub, &self.client.base);
            hub.presence.leave(base, || hub.announce(base, "offline", &self.outbox, now));
        }
        self.hub.figures.clients.sub(1);
    }
}
