//! An IoT publish/subscribe hub that speaks Clown.Talk.
//!
//! The rooms, from the ground up; each knows those before it, as far as it needs them:
//!
//! * [`topic`]: topics, filters and bases as types.
//! * [`talk`]: what is on the wire, without a socket: frames, requests, replies, options.
//! * [`log`]: lines out of the hub, without waiting; [`seldom`]: which of them are worth writing.
//! * [`audit`]: the lines of the log that say who did what.
//! * `backlog`: what waits for somebody who is slower than it comes, and which readings give way.
//! * [`backoff`]: how long to wait before the next attempt.
//! * `bell`: what has woken a task.
//! * [`moment`]: the clock on the wall, and one that nobody sets.
//! * [`mqtt`]: packets of MQTT devices, from bytes and to bytes.
//! * [`shutdown`]: how it stops, and the one place that spawns tasks.
//! * [`operator`]: files that people write: a bounded read, a watch, TOML to types with all mistakes at once.
//! * [`hub`]: who is here, who wants what, what was said last.
//! * [`discovery`]: what Home Assistant is told of the nodes.
//! * [`store`]: what survives a restart.
//! * [`access`]: who may come in.
//! * [`accounts_file`]: the file of the accounts, changed without touching what stands around the change.
//! * [`config`]: text to settings, all mistakes at once.
//! * [`tls`]: certificates and their files, and what listeners and clients make of them.
//! * [`simulator`]: nodes that are not there.
//! * [`connection`]: one byte stream, one session.
//! * [`server`]: listeners and doors.
//! * [`client`]: a client of any hub, for the subcommands that are one.
//! * [`links`]: links to MQTT brokers.
//! * [`cli`]: the program; it puts the others together.
//!
//! `docs/protocol.md` has the promises of the wire, `docs/configuration.md` every bound. `docs/architecture.md` has the life
//! of a message, and why the code is as it is.

pub mod access;
pub mod accounts_file;
pub mod audit;
mod backlog;
pub mod backoff;
mod bell;
pub mod cli;
pub mod client;
pub mod cluster;
pub mod config;
pub mod connection;
pub mod crew;
pub mod discovery;
pub mod editions;
pub mod hub;
pub mod layout;
pub mod links;
pub mod log;
pub mod moment;
pub mod mqtt;
pub mod operator;
pub mod seldom;
pub mod server;
pub mod shutdown;
pub mod simulator;
pub mod store;
pub mod talk;
pub mod tls;
pub mod topic;
