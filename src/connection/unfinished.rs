//! A message with more frames than one turn takes.

use super::ending::Ending;
use super::turn::Turn;
use crate::hub::{Drained, Session};
use crate::moment::Moment;
use crate::talk::Frames;

/// What is left of it.
pub(super) struct Unfinished {
    pub(super) text: String,
    /// Up to here it is done with.
    pub(super) at: usize,
}

/// Has the session take frames, until the turn is over or there are no more.
pub(super) fn take_frames(
    session: &mut Session,
    frames: &mut Frames<'_>,
    turn: &mut Turn,
) -> Result<Drained, Ending> {
    let now = Moment::now();
    loop {
        let before = frames.left();
        let more = session.receive_some(frames, 1, now).map_err(Ending::TooMuch)?;
        turn.took(before - frames.left());
        if session.end_turn() {
            turn.give_up();
        }
        if !more {
            return Ok(Drained::Everything);
        }
        if turn.has_taken_enough() || session.awaits() {
            return Ok(Drained::More);
        }
    }
}
