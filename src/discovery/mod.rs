//! What Home Assistant is told of the nodes: the messages of its MQTT discovery, from what nodes say. The book is pure: topics
//! and payloads in, announcements out. `run` is the task that keeps one for the hub's own doors; a link to a broker has its own,
//! as topics have other names there.

mod book;
mod entity;
mod names;
pub mod run;

pub use self::book::{Announcement, Discovery, MOST_TOPICS};
pub use self::names::is_prefix;
