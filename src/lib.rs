//! An IoT publish/subscribe hub that speaks Clown.Talk.
//!
//! The rooms, from the ground up; each knows those before it, as far as it needs them:
//!
//! * [`topic`]: topics, filters and bases as types.
//! * [`talk`]: what is on the wire, without a socket: frames, requests, replies, options.
//! * [`log`]: lines out of the hub, without waiting; [`seldom`]: which of them are worth writing.
//! * [`backoff`]: how long to wait before the next attempt.
//! * [`shutdown`]: how it stops, and the one place that spawns tasks.
//! * [`operator`]: files that people write: a bounded read, a watch, TOML to types with all mistakes at once.
//! * [`hub`]: who is here, who wants what, what was said last.
//! * [`access`]: who may come in.
//! * [`config`]: text to settings, all mistakes at once.
//! * [`simulator`]: nodes that are not there.
//! * [`connection`]: one byte stream, one session.
//! * [`server`]: listeners and doors.
//! * [`client`]: a client of any hub, for the subcommands that are one.
//! * [`links`]: links to MQTT brokers.
//! * [`cli`]: the program; it puts the others together.
//!
//! The life of a message: a connection in [`server`] reads a text and hands it to its [`hub::Session`], which walks
//! over the [`talk::Frames`] in it. A frame under `clown.talk/` is a [`talk::Request`] and is answered. Any other gets
//! the base before its topic and, if the user's [`hub::Rights`] allow it, becomes a [`hub::Publication`], encoded once.
//! The [`hub::Hub`] locks its topic, keeps the message if it is to be kept, and offers it to the [`hub::Outbox`] of each
//! session that wants it, without ever waiting. The connection of each takes what has gathered there when its last
//! write is done, and sends it in one piece.
//!
//! What is promised on the wire is in `docs/protocol.md`, why the code is as it is in `docs/architecture.md`, and every
//! bound in `docs/configuration.md`.

pub mod access;
pub mod backoff;

pub mod cli;
pub mod client;
pub mod config;
pub mod connection;
pub mod hub;
pub mod links;
pub mod log;
pub mod operator;
pub mod seldom;
pub mod server;
pub mod shutdown;
pub mod simulator;
pub mod talk;
pub mod topic;
