//! What is on the far side of a link: a broker, or anything else that messages are carried to and from. One trait, one
//! kind a folder. The kind knows its protocol and nothing of the hub; what every link has ([`Near`], the rules, the guard,
//! the queue, the log) is not its affair.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use super::near::Near;
use super::queue::Entry;
use super::report::Report;
use crate::hub::{Found, Outbox};

/// A kind of far side, as a client of it. It outlives its connections, and knows what the far side has not acknowledged.
///
/// The loop in `link` calls [`open`](Self::open) until that is a success, then [`welcome`](Self::welcome) once, then
/// [`pump`](Self::pump), [`next`](Self::next) and [`read`](Self::read) in turn, and [`ended`](Self::ended) once where the
/// connection breaks. Nothing here waits but `open` and `next`.
pub(super) trait Far: Send + 'static {
    /// An open connection.
    type Connection: Send + 'static;

    /// The longest span that the wait before another attempt is drawn from.
    const LONGEST_WAIT: Duration = Duration::from_mins(1);

    /// Whether a connection that carried a message was a good one, however short: the waits between attempts begin anew.
    const CARRYING_IS_GOOD: bool = true;

    /// One attempt to connect; in words why not, and what to do. It borrows nothing, as the link listens to the hub in the
    /// meantime. May be cancelled.
    fn open(&self) -> impl Future<Output = Result<Self::Connection, String>> + Send + use<Self>;

    /// The connection is open: asks for what is to come in, and goes on with what was on its way.
    fn welcome(&mut self, connection: &mut Self::Connection, near: &mut Near) -> Welcomed;

    /// Whether the far side has heard what we want of it.
    fn is_ready(&self) -> bool;

    /// Sends what waits, as far as the far side allows and there is room.
    fn pump(&mut self, connection: &mut Self::Connection, near: &mut Near);

    /// The next thing that happens, on the connection or, where one is given, in the outbox. May be cancelled.
    fn next(
        connection: &mut Self::Connection,
        outbox: Option<&Outbox>,
    ) -> impl Future<Output = Result<Event, Broken>> + Send;

    /// Takes what has come in, until it is the others' turn. Says whether there is more.
    fn read(&mut self, connection: &mut Self::Connection, near: &mut Near) -> Result<bool, Broken>;

    /// Sees whether the far side is still there, and says when to look again.
    fn look(connection: &mut Self::Connection, now: Instant) -> Result<Instant, Broken>;

    /// Says good-bye, for [`next`](Self::next) to send.
    fn bye(&mut self, connection: &mut Self::Connection);

    /// Whether all that was said is on its way.
    fn is_written(connection: &Self::Connection) -> bool;

    /// The connection broke. What does that say about the messages that were on their way?
    fn ended(&mut self, connection: &Self::Connection, broken: &Broken, report: &Report);

    /// The far side is not there, or not any more: says at the hub what follows from that. May come several times in a row.
    fn away(&mut self, _: &mut Near) {}

    /// What is on its way and not acknowledged: messages, and their bytes.
    fn on_the_way(&self) -> (usize, usize);

    /// Gives back what is on its way, in its order, but for what the far side has surely taken.
    fn give_back(&mut self, report: &Report) -> Vec<Entry>;
}

/// What the far side knows at the start of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Welcomed {
    /// Whether it knows us from before.
    pub(super) resumed: bool,
    /// Whether it needs all last values.
    pub(super) wants_last_values: bool,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// There is something to be read.
    Read,
    /// There is something to be taken from the hub.
    Hub(Found),
    /// Something was written, so there is room for more.
    Wrote,
}

/// Why a connection broke; in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Broken {
    /// On the way, or by us.
    Lost(String),
    /// The far side closed it.
    Closed(String),
    /// The far side closed it because another client has our name.
    Replaced(String),
}

impl Broken {
    /// In words.
    pub(super) fn why(&self) -> &str {
        match self {
            Self::Lost(why) | Self::Closed(why) | Self::Replaced(why) => why,
        }
    }
}
