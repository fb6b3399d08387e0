//! One byte stream and one session, in one task. Floor 2: knows the hub and Clown.Talk, and no listener, no path and no
//! account.
//!
//! The doors of this room: [`WebSocket`], [`Lines`] and [`EventStream`] make a stream a [`Wire`]; [`run`] holds a wire and a session together
//! to their end; [`Ending`] says why that was; [`Heartbeat`] and [`Turn`] are for code with a loop of its own.

mod ending;
mod event_stream;
mod heartbeat;
mod last;
mod line;
#[doc(hidden)]
pub mod messages;
#[doc(hidden)]
pub mod mqtt;
mod network;
mod old_frames;
mod outgoing;
mod pump;
mod run;
mod shared;
mod spare;
mod stay;
#[cfg(test)]
mod tests;
mod turn;
mod unfinished;
mod watch;
mod websocket;
mod wire;
mod writing;

pub(crate) use self::ending::Ending;
pub(crate) use self::event_stream::{EventStream, event_id};
pub(crate) use self::heartbeat::{Beat, Heartbeat};
pub(crate) use self::line::{BEFORE_SIGN_IN, Lines};
pub(crate) use self::mqtt::{
    Bounds as MqttBounds, Carrier, Client as MqttClient, Mqtt, OverWebSocket, Rest as MqttRest, Taken,
    Talk as MqttTalk, retention,
};
pub(crate) use self::network::network_of;
pub(crate) use self::old_frames::OldFrames;
pub(crate) use self::run::{run, run_and_keep};
pub(crate) use self::stay::Stay;
pub(crate) use self::turn::Turn;
pub use self::watch::Patience;
pub(crate) use self::watch::Signs;
pub(crate) use self::websocket::WebSocket;
pub(crate) use self::wire::{Incoming, Wire};
