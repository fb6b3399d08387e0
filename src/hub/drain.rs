//! What waits for a session, written as frames: what its outbox has, and the last values when their turn comes.

use std::collections::VecDeque;
use std::time::Duration;

use super::allowance::{A_LAST_VALUE, BYTES_A_STEP};
use super::generation::Generation;
use super::look_up::Progress;
use super::publication::Publication;
use super::queue::Item;
use super::session::Session;
use super::waiting::{Pause, Taken};
use crate::moment::Moment;
use crate::talk::Reply;

/// A queue of so many items keeps its room for the next ones.
const KEPT_ITEMS: usize = 64;

/// What [`Session::drain`] left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Nothing waits.
    Everything,
    /// There is more; call again once this much is written.
    More,
    /// There is more, but others are to have their turn before; or, if a time is given, the client has to wait so long
    /// for its next last values.
    Later(Duration),
}

/// So many steps are taken for one session before others have their turn: less than a millisecond.
pub(super) const TURN: u32 = 8192;

/// The next last value of those whose turn it is.
pub(super) enum NextValue {
    /// This one.
    Is(Publication),
    /// There are no more.
    None,
    /// It is to be looked up later: see [`Drained::Later`].
    Later(Duration),
}

impl Session {
    /// Writes what waits, one frame a call of `write`, in pieces to be put one after the other, until about `bytes`
    /// are written. Nothing before the transmission is open. Frames that are older than their sender allowed are
    /// left out and counted.
    pub fn drain(
        &mut self,
        bytes: usize,
        now: impl Into<Moment>,
        write: &mut impl FnMut(&[&[u8]]),
    ) -> Drained {
        let now = now.into();
        if !self.opened {
            let Some(answer) = self.outbox.take_urgent() else { return Drained::Everything };
            write(&[answer.as_bytes()]);
            self.hub.figures.sent.add(1);
            return Drained::More;
        }
        let mut written = 0;
        loop {
            let taken = self.drain_once(bytes.saturating_sub(written), now, &mut |pieces: &[&[u8]]| {
                written += pieces.iter().map(|piece| piece.len()).sum::<usize>();
                write(pieces);
            });
            // What goes alone ends the write, too.
            if taken.first.is_some() || !taken.more || written >= bytes {
                return if taken.more { Drained::More } else { Drained::Everything };
            }
            let Some(generation) = taken.last_values else { continue };
            loop {
                if written >= bytes {
                    return Drained::More;
                }
                match self.next_value(generation, now) {
                    NextValue::Is(message) => match self.write_last_value(&message, now, write) {
                        0 if self.is_turn_over() => return self.let_others_come(),
                        bytes => written += bytes,
                    },
                    NextValue::None => break,
                    NextValue::Later(wait) => return Drained::Later(wait),
                }
            }
        }
    }

    /// Returns how many bytes these are; none where it has expired.
    fn write_last_value(
        &mut self,
        message: &Publication,
        now: Moment,
        write: &mut impl FnMut(&[&[u8]]),
    ) -> usize {
        let mut written = 0;
        let is_sent = self.write_message(message, true, now, &mut |pieces: &[&[u8]]| {
            written += pieces.iter().map(|piece| piece.len()).sum::<usize>();
            write(pieces);
        });
        self.hub.figures.sent.add(u64::from(is_sent));
        if !is_sent {
            // It was copied all the same, and no socket tells when it is enough.
            self.add_to_turn(message.len() / BYTES_A_STEP);
        }
        written
    }

    fn let_others_come(&mut self) -> Drained {
        self.turn = 0;
        self.outbox.pause(Pause::Turn);
        Drained::Later(Duration::ZERO)
    }

    /// The next of the last values whose turn it is. It is looked up in steps that are counted, less those that were
    /// delivered live.
    pub(super) fn next_value(&mut self, generation: Generation, now: Moment) -> NextValue {
        if self.pending.as_ref().is_some_and(|change| change.is_being_noted()) {
            // Here, too, as nothing may be taken from the client any more.
            self.go_on();
            self.let_others_come();
            return NextValue::Later(Duration::ZERO);
        }
        loop {
            let Some(look_ups) = &mut self.look_ups else {
                self.outbox.last_values_done();
                return NextValue::None;
            };
            while let Some(channel) = look_ups.next(generation) {
                if self.outbox.view.names(&channel.topic)
                    && let Some(message) = channel.last_value_for(generation)
                {
                    return NextValue::Is(message);
                }
            }
            if let Some(wait) = self.wait_for_steps(now) {
                return NextValue::Later(wait);
            }
            if self.look_up(generation) == Progress::Done {
                self.outbox.last_values_done();
                return NextValue::None;
            }
        }
    }

    /// Whether the next steps have to wait, for the client's allowance or for the turn of others.
    fn wait_for_steps(&mut self, now: Moment) -> Option<Duration> {
        let work = self.look_ups.as_ref()?.work();
        let wait = self.waits_for_steps(work, now)?;
        self.outbox.pause(if wait.is_zero() { Pause::Turn } else { Pause::Allowance });
        Some(wait)
    }

    /// How long the next steps have to wait of a look-up that has taken so many and found so many last values; no time
    /// where only others are to have their turn.
    pub(super) fn waits_for_steps(
        &mut self,
        (taken, found): (usize, usize),
        now: Moment,
    ) -> Option<Duration> {
        let wait = self.allowance.look_up_waits(taken, found, now.steady());
        if wait.is_none() && self.turn < TURN {
            return None;
        }
        self.turn = 0;
        Some(wait.unwrap_or_default())
    }

    fn look_up(&mut self, generation: Generation) -> Progress {
        let Some(look_ups) = &mut self.look_ups else { return Progress::Done };
        let steps = TURN.saturating_sub(self.turn) as usize;
        let progress = self.hub.with_index(|index| look_ups.go_on(generation, index, steps));
        if look_ups.are_done() {
            self.look_ups = None;
        }
        if let Progress::Went { steps, found } = progress {
            let work = steps + found * A_LAST_VALUE;
            self.took(work);
        }
        progress
    }

    /// Counts work that was done for the client.
    pub(super) fn took(&mut self, steps: usize) {
        self.allowance.took(steps);
        self.add_to_turn(steps);
    }

    pub(super) fn add_to_turn(&mut self, steps: usize) {
        self.turn = self.turn.saturating_add(u32::try_from(steps).unwrap_or(u32::MAX));
    }

    /// Takes items that have about so many bytes.
    fn drain_once(&mut self, bytes: usize, now: Moment, write: &mut impl FnMut(&[&[u8]])) -> Taken {
        let mut items = std::mem::take(&mut self.taken);
        let taken = self.outbox.take(bytes, &mut items);
        let mut sent = 0;
        if let Some(first) = &taken.first {
            write(&[first.as_bytes()]);
            sent += 1;
        }
        if taken.skipped > 0 {
            write(&[Reply::Skipped { count: taken.skipped }.text().as_bytes()]);
            sent += 1;
        }
        for item in &items {
            sent += u64::from(self.write(item, now, write));
        }
        self.hub.figures.sent.add(sent);
        items.clear();
        self.keep_room(items);
        taken
    }

    /// A queue that is empty lends its room to the next items.
    pub(super) fn keep_room(&mut self, items: VecDeque<Item>) {
        if items.capacity() <= KEPT_ITEMS {
            self.taken = items;
        }
    }

    fn write(&self, item: &Item, now: Moment, write: &mut impl FnMut(&[&[u8]])) -> bool {
        match item {
            Item::Reply(text) => {
                write(&[text.as_bytes()]);
                true
            }
            Item::Message(message) | Item::Noted(message, _) | Item::Shared(message, _) => {
                self.write_message(message, false, now, write)
            }
            Item::LastValues(_) => false,
        }
    }

    fn write_message(
        &self,
        message: &Publication,
        retained: bool,
        now: Moment,
        write: &mut impl FnMut(&[&[u8]]),
    ) -> bool {
        if message.has_expired(now) {
            self.hub.figures.expired.add(1);
            tracing::debug!(client = %self.name(), topic = ?message.topic, "message expired before it was delivered");
            return false;
        }
        let view = self.outbox.view;
        if self.wishes.options {
            let mut annotation = if retained {
                message.annotation_of_last_value()
            } else {
                message.annotation_of_news(self.hub.rhythm_of(message))
            };
            if self.wishes.marks {
                self.hub.marks.add_to(&mut annotation, message);
            }
            write(&message.frame_with_options(view, &annotation));
        } else {
            write(&message.frame(view));
        }
        true
    }

    /// Whether what the client asked for was so much work that others are to have their turn now. Then the next turn
    /// begins.
    pub fn end_turn(&mut self) -> bool {
        let is_over = self.is_turn_over();
        if is_over {
            self.turn = 0;
        }
        is_over
    }

    pub(super) fn is_turn_over(&self) -> bool {
        self.turn >= TURN
    }
}
