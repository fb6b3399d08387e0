//! How much one connection does before others come to their turn. Pure.
//!
//! Nothing that a client sends may keep the others waiting, so a turn is counted in everything that takes time: frames,
//! bytes, and bytes written. What is counted is the work that was done, so a turn may go over by the last piece, which is
//! one frame or one read.

/// Frames and signs of life in one turn.
pub(crate) const FRAMES: usize = 32;

/// Bytes that are read, and bytes of messages that are taken, in one turn.
pub(crate) const BYTES: usize = 64 * 1024;

/// Bytes that are written in one turn.
const WRITTEN: usize = 256 * 1024;

/// What was done in this turn.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    frames: usize,
    bytes: usize,
    written: usize,
    /// Whether the session wants others to come between.
    is_given_up: bool,
}

impl Turn {
    /// The session has done its part of a long look-up.
    pub(crate) fn give_up(&mut self) {
        self.is_given_up = true;
    }

    /// A frame or a sign of life was taken.
    pub(crate) fn took(&mut self, bytes: usize) {
        self.frames += 1;
        self.bytes += bytes;
    }

    /// Bytes were read that complete nothing yet.
    pub(crate) fn read(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// Bytes were given to the socket.
    pub(crate) fn wrote(&mut self, bytes: usize) {
        self.written += bytes;
    }

    /// Whether no more may be taken from the client.
    pub(crate) fn has_taken_enough(&self) -> bool {
        self.is_given_up || self.frames >= FRAMES || self.bytes >= BYTES
    }

    /// Whether no more may be written to it.
    pub(crate) fn has_written_enough(&self) -> bool {
        self.written >= WRITTEN
    }

    /// Whether it is the others' turn.
    pub(crate) fn is_over(&self) -> bool {
        self.has_taken_enough() || self.has_written_enough()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_over_after_many_small_frames_or_a_few_large_ones() {
        let frames_of = |bytes| {
            let mut turn = Turn::default();
            (1..1000).find(|_| {
                turn.took(bytes);
                turn.is_over()
            })
        };
        assert_eq!(frames_of(50), Some(FRAMES));
        assert_eq!(frames_of(16 * 1024), Some(4));
        assert_eq!(frames_of(1024 * 1024), Some(1));
    }

    #[test]
    fn reading_and_writing_end_a_turn_as_well() {
        let mut turn = Turn::default();
        turn.read(BYTES - 1);
        assert!(!turn.is_over());
        turn.read(1);
        assert!(turn.has_taken_enough() && !turn.has_written_enough());
        let mut turn = Turn::default();
        turn.wrote(WRITTEN);
        assert!(turn.is_over() && !turn.has_taken_enough());
    }
}
