//! What was said goes into the batch, and what becomes of that.

use smallvec::SmallVec;

use super::{Batch, Desk, Duties, Instant, Writer};
use crate::store::history::Heard;
use crate::store::walk::Met;
use crate::talk::Kind;

/// Messages that are put down while questions about the past wait, and so many of them are made ready together.
const SLICE: usize = 512;
const NEAR: usize = 32;

impl Writer {
    /// Puts down what was taken from the tape.
    pub(super) fn put_down(&mut self) {
        let greatest = self.taken.iter().map(|taped| taped.message.number).max();
        self.history.sees(greatest.unwrap_or_default());
        let mut taken = std::mem::take(&mut self.taken);
        while !taken.is_empty() {
            if self.tables.is_some() {
                let (batch, mut desk) = self.desk();
                for _ in 0..SLICE / NEAR {
                    let numbers = taken.iter().take(NEAR).map(|taped| batch.number(taped, desk.names));
                    let numbers: SmallVec<[_; NEAR]> = numbers.collect();
                    desk.bring_near(&numbers);
                    for (taped, number) in taken.drain(..numbers.len()).zip(&numbers) {
                        batch.add(taped, *number, &mut desk);
                    }
                }
            } else {
                let slice = taken.drain(..taken.len().min(SLICE));
                let mut history = self.history.listen();
                for taped in slice {
                    let message = &taped.message;
                    let (topic, time, payload) = (&message.topic, message.milliseconds(), message.payload());
                    if message.kind == Kind::Reading && !taped.forgets {
                        let (number, is_walked) = (message.number, false);
                        history.misses(&Heard {
                            topic,
                            id: None,
                            time,
                            payload,
                            apart: None,
                            number,
                            is_walked,
                        });
                    }
                    self.batch.miss(taped);
                }
            }
        }
        self.taken = taken;
        if self.tables.is_none() {
            self.let_go_of_the_batch("the store cannot be written");
        }
    }

    /// The batch, and what hears of what is put into it. Only while there is a file.
    pub(super) fn desk(&mut self) -> (&mut Batch, Desk<'_>) {
        let Self { batch, names, head, history, seq, .. } = self;
        (batch, Desk { seq: *seq + 1, names, head, history: history.listen() })
    }

    /// Goes on with the way through all last values.
    pub(super) fn walk_on(&mut self) {
        let met = self.walk.go_on(&self.hub, &self.names);
        if met.is_empty() {
            return;
        }
        let (batch, mut desk) = self.desk();
        for met in &met {
            match met {
                Met::Value(message) => batch.keep(message, &mut desk),
                Met::Gone(topic) => batch.forget(topic, &mut desk),
            }
        }
    }

    /// The batch is written, as this row.
    pub(super) fn has_written(&mut self, row: Option<&[u8]>) {
        if let Some(row) = row {
            self.head.written(row.len());
            self.seq += 1;
        }
        for (id, topic) in self.batch.written() {
            self.names.clear(id, Some(topic));
        }
        self.history.is_written();
    }

    /// Nothing can be written now: whoever waits hears it.
    pub(super) fn let_go(&mut self, why: &str) {
        self.sessions.give_up();
        self.hub.leases_not_written();
        self.let_go_of_the_batch(why);
    }

    /// The batch cannot be written any more. The hub has the values that are in it.
    pub(super) fn let_go_of_the_batch(&mut self, why: &str) {
        self.history.lose();
        let (messages, least) = self.batch.give_up(&format!("routed, but not on the disk: {why}"));
        self.hub.figures().store_unwritten.add(self.outage.missed(messages));
        if let Some(least) = least {
            self.walk.want(least);
        }
    }

    /// From now on the log is of a new span, and what it says so far is settled and sealed. What is in the batch has been heard
    /// already, so it is written before.
    pub(super) fn begin_settling(&mut self) {
        if !self.batch.is_empty() {
            self.write(Instant::now(), true, false, false, Duties::default());
        }
        if self.tables.is_some() {
            self.head.begin_settling(self.seq);
            self.history.begin_sealing(self.seq);
        }
    }
}
