//! What a session may do, as filters relative to the root. Where the rights come from is the business of `access`.

use super::layout::{LAYOUT, LAYOUT_VERSION};
use super::session::Side;
use crate::topic::{Base, Filter, Limits, Topic};

/// The rights of one user, with their name already put in place of `%u`.
///
/// Nothing is allowed that no filter names. Wildcards in first place never name topics that start with `$`, so
/// reading the hub's figures takes a filter that says `$SYS`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rights {
    /// Topics that the user may publish to.
    pub publish: Vec<Filter>,
    /// Topics that the user may subscribe to.
    pub subscribe: Vec<Filter>,
    /// Whether the option `retain` of a single message is obeyed (`docs/protocol.md`, clause 5.3).
    pub retain: bool,
    /// Whether the user runs the hub: may have history forgotten over the wire. What an admin may read stands in the filters.
    pub admin: bool,
}

impl Rights {
    /// The topic that names the right to arrange.
    pub const LAYOUT: &str = LAYOUT;
    /// The topic that everybody may subscribe to.
    pub const LAYOUT_VERSION: &str = LAYOUT_VERSION;

    /// Everything, the hub's own figures included, but no writing to those.
    pub fn everything() -> Self {
        let filter = |text| Filter::parse(text, &Limits::default());
        Self {
            publish: filter("#").into_iter().collect(),
            subscribe: [filter("#"), filter("$SYS/#")].into_iter().flatten().collect(),
            retain: true,
            admin: true,
        }
    }

    /// Whether a message to this topic is allowed.
    pub fn may_publish(&self, topic: &Topic) -> bool {
        self.publish.iter().any(|filter| filter.matches(topic))
    }

    /// Whether this whole filter is allowed: every topic it names must be. Everybody may hear that the layout has another version.
    pub fn may_subscribe(&self, wanted: &Filter) -> bool {
        self.subscribe.iter().any(|filter| filter.covers(wanted)) || wanted.as_str() == LAYOUT_VERSION
    }

    /// Whether the user may change how the page shows things: an admin may, and who may publish to `$SYS/layout` by a filter that
    /// says so.
    pub fn may_arrange(&self) -> bool {
        let is_named =
            |filter: &Filter| Filter::parse(LAYOUT, &Limits::default()).is_ok_and(|all| filter.covers(&all));
        self.admin || self.publish.iter().any(is_named)
    }

    /// Whether the user may read a topic.
    pub fn may_read(&self, topic: &Topic) -> bool {
        self.subscribe.iter().any(|filter| filter.matches(topic)) || topic.as_str() == LAYOUT_VERSION
    }

    /// Whether the user may read anything at a base or below it.
    pub fn may_read_below(&self, base: &str) -> bool {
        let limits = Limits { max_bytes: usize::MAX, max_levels: usize::MAX };
        let below = Filter::parse(&format!("{base}/#"), &limits);
        below.is_ok_and(|below| self.subscribe.iter().any(|filter| filter.overlaps(&below)))
    }

    /// Whether there is anything to read or write for this user under a base.
    pub fn may_use(&self, base: &Base) -> bool {
        let limits = Limits { max_bytes: usize::MAX, max_levels: usize::MAX };
        let Ok(under) = base.filter("#", &limits) else {
            return false;
        };
        self.publish.iter().chain(&self.subscribe).any(|filter| filter.overlaps(&under))
    }

    /// Whether the user may stand at a base, on one side of it; the sentence says why not.
    pub fn may_stand(&self, base: &Base, side: Side) -> Result<(), &'static str> {
        if !self.may_use(base) {
            return Err("this user may not use this base: no filter of the account reaches it");
        }
        if side == Side::Node && !self.may_be_node(base) {
            return Err("this user may not be the node of this base: it may not publish its presence");
        }
        Ok(())
    }

    /// Whether the user may stand at a base as its node: who may say `presence` there may be it.
    pub fn may_be_node(&self, base: &Base) -> bool {
        base.topic("presence", &Limits { max_bytes: usize::MAX, max_levels: usize::MAX })
            .is_ok_and(|topic| self.may_publish(&topic))
    }
}
