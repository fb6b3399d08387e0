//! Simulated nodes: what a box of sensors would say, without the box.
//!
//! A [`Node`] is one of two kits: the `BigClown` Bridge Module of 2016, which speaks Clown.Model with values as
//! `[number, unit]`, or a TOWER gateway with its radio nodes, which sends bare values. It answers frames, and says readings
//! when it is woken. There is no clock, no socket and no task in here: time is an argument, and [`Node::next_wake`] says
//! when to wake it.
//!
//! The same seed, kit and inputs at the same moments give the same lines, byte for byte. Time may jump either way,
//! by any amount: a wake does the work of one wake, never that of every interval that was missed. A moment more
//! than a minute before the last one reads as a clock that was set back, so hand in the time it is, not the time
//! something was due.
//!
//! The handshake (`docs/protocol.md`, clause 3) is not the node's business, it belongs to the client that carries it.
//!
//! ```
//! use clown_hub::simulator::{Kit, Moment, Node};
//!
//! let now = Moment(1_790_000_000_000);
//! let mut node = Node::new(Kit::Bridge, 7);
//! assert_eq!(node.boot(now)[0].to_string(), r#"["boot", {"reason-for-reset": "power-on"}]"#);
//! let lines = node.receive("led/-/set", r#"{"state": "2-dot"}"#, now);
//! assert_eq!(lines[0].to_string(), r#"["led/-", {"state": "2-dot"}]"#);
//! ```

mod bridge;
mod chips;
mod devices;
mod display;
mod encoding;
mod i2c;
mod line;
mod moment;
mod payload;
mod random;
mod refusal;
mod request;
pub mod run;
mod sensor;
mod strip;
mod tower;
mod weather;

use bridge::Bridge;
use tower::Tower;

pub use display::Screen;
pub use line::Line;
pub use moment::Moment;
pub use refusal::Refusal;

/// Which hardware is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kit {
    /// Generation 1: one Bridge Module with tags and modules plugged in.
    Bridge,
    /// Generation 2: a TOWER gateway with three radio nodes; the first topic level is the id of the radio node.
    Tower,
}

/// One simulated node. Off until [`Node::boot`].
#[derive(Debug)]
pub struct Node {
    kit: Kit,
    seed: u64,
    hardware: Option<Hardware>,
    refused: u64,
    last_refusal: Option<Refusal>,
}

#[derive(Debug)]
enum Hardware {
    Bridge(Box<Bridge>),
    Tower(Box<Tower>),
}

impl Node {
    /// A node that is still off. The seed decides its ids, its weather and its noise.
    pub fn new(kit: Kit, seed: u64) -> Self {
        Self { kit, seed, hardware: None, refused: 0, last_refusal: None }
    }

    /// Power on, and what is said at once: `boot` from the bridge, `info` from each radio node of a TOWER.
    ///
    /// On a node that runs already this is a power cycle: states and intervals are forgotten, the count of refused
    /// frames is kept.
    pub fn boot(&mut self, now: Moment) -> Vec<Line> {
        match self.kit {
            Kit::Bridge => {
                self.hardware = Some(Hardware::Bridge(Box::new(Bridge::power_on(self.seed, now))));
                vec![Line::new("boot", r#"{"reason-for-reset": "power-on"}"#)]
            }
            Kit::Tower => {
                let tower = Tower::power_on(self.seed, now);
                let lines = tower.infos();
                self.hardware = Some(Hardware::Tower(Box::new(tower)));
                lines
            }
        }
    }

    /// One frame arrived: the topic relative to the base, the payload as JSON text. The answer may be empty although
    /// the frame was good: a relay reports after it has switched, from [`Node::wake`].
    ///
    /// A frame that is not understood is counted in [`Node::refused`] and otherwise met with silence; the one
    /// exception is a bad `publish-interval`, answered on `config/error`.
    pub fn receive(&mut self, topic: &str, payload: &str, now: Moment) -> Vec<Line> {
        let mut lines = Vec::new();
        let outcome = match &mut self.hardware {
            None => Err(Refusal::PoweredOff),
            Some(Hardware::Bridge(bridge)) => bridge.receive(topic, payload, now, &mut lines),
            Some(Hardware::Tower(tower)) => tower.receive(topic, payload, now, &mut lines),
        };
        if let Err(refusal) = outcome {
            self.refused = self.refused.saturating_add(1);
            self.last_refusal = Some(refusal);
        }
        lines
    }

    /// When the node next has something to do by itself; `None` while it is off or everything in it sleeps.
    pub fn next_wake(&self) -> Option<Moment> {
        match self.hardware.as_ref()? {
            Hardware::Bridge(bridge) => bridge.next_wake(),
            Hardware::Tower(tower) => tower.next_wake(),
        }
    }

    /// Does what is due up to `now`, each thing once. Waking early is harmless, waking late loses readings but no
    /// report of a relay and no reply of a bus.
    pub fn wake(&mut self, now: Moment) -> Vec<Line> {
        match &mut self.hardware {
            None => Vec::new(),
            Some(Hardware::Bridge(bridge)) => bridge.wake(now),
            Some(Hardware::Tower(tower)) => tower.wake(now),
        }
    }

    /// How many frames were refused since the node was made.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Why the last refused frame was refused.
    pub fn last_refusal(&self) -> Option<&Refusal> {
        self.last_refusal.as_ref()
    }

    /// What the display of a bridge shows; `None` while off and for a kit without one.
    pub fn screen(&self) -> Option<&Screen> {
        match self.hardware.as_ref()? {
            Hardware::Bridge(bridge) => bridge.screen(),
            Hardware::Tower(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
