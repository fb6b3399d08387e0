//! What the reader of an outbox waits for, and what it finds there.

use super::generation::Generation;

/// Why the last values whose turn it is do not come now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pause {
    /// They do.
    None,
    /// Others are to have their turn in between.
    Turn,
    /// What the client may have looked up is used up for the moment.
    Allowance,
}

/// What a reader waits for. In any case it hears that its queue was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Anything to be sent.
    Something,
    /// So much that it should not be collected any longer, or what is not to be collected.
    Pressing,
    /// What may be sent before the transmission is open.
    Urgent,
    /// Nothing else.
    Overflow,
}

/// What a reader finds when it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Something to be sent.
    Something,
    /// Something to be sent at once and alone.
    Urgent,
    /// The reader was so slow that its queue was given up.
    Overflow,
}

/// What `Outbox::take` found beside the items.
#[derive(Debug, Default)]
pub struct Taken {
    /// To be sent before the items, alone.
    pub first: Option<String>,
    /// To be told: readings left out since the last time.
    pub skipped: u64,
    /// Whether something is left.
    pub more: bool,
    /// Behind the items it is the turn of these last values.
    pub last_values: Option<Generation>,
}
