//! The one who writes: a thread that comes by now and then, takes what waits, and puts it down in one transaction.
//!
//! What was said is put down in memory as it comes, for the next row of the log. Nothing counts as written before the
//! transaction is: what cannot be written is let go of, as the hub's memory has it, and what is in the file is read again. When
//! writing works again, all last values are gone through.

mod finish;
mod forgetting;
mod lasting;
mod putting;
mod queues;
mod reopening;
mod telling;
pub(super) use telling::AWAY;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::Instant;

use super::batch::{Batch, Desk};
use super::costs::Costs;
use super::errand::Errands;
use super::events;
use super::folder::{Closed, FileId, Folder};
use super::head::Head;
use super::history::{Keeper, Step};
use super::log::milliseconds;
use super::names::{Found, Names};
use super::opening::{self, Use};
use super::outage::Outage;
use super::pace::{LIFE, LOG_BYTES, LOOK, SLICE, SLICE_OF_LOG, TICK, TICK_OF_COMMIT, TICK_OF_DUTY};
use super::settings::{Durability, Settings};
use super::tables::{Fault, Life, Tables};
use super::walk::Walk;
use super::web_sessions::Sessions;
use crate::hub::{Hub, LastingChanges, LeaseChanges, Publication, QueueChanges, Tape};
use crate::moment::Moment;
use crate::seldom::Seldom;

/// The thread's own state.
pub(super) struct Writer {
    hub: Arc<Hub>,
    tape: Arc<Tape>,
    settings: Settings,
    folder: Option<Folder>,
    /// The file, while it can be written.
    tables: Option<Tables>,
    /// Which file it is, or was before it could not be written any more.
    file: Option<FileId>,
    /// What was found in the file, as long as nothing was made of that.
    found: Option<Waiting>,
    names: Names,
    head: Head,
    history: Keeper,
    sessions: Sessions,
    seq: u64,
    taken: VecDeque<crate::hub::Taped>,
    batch: Batch,
    walk: Walk,
    events: events::Keeper,
    was_replaced: bool,
    outage: Outage,
    written: Instant,
    looked: Option<Instant>,
    /// The oldest write that may not be on the medium.
    unsynced: Option<Instant>,
    lived: Option<Instant>,
    costs: Costs,
    errands: Errands,
}

/// What a file that was taken over waits for.
struct Waiting {
    found: Found,
    /// Whether it is in place of a damaged one.
    is_anew: bool,
    /// What the hub has in place of values of the file.
    changed: Vec<Publication>,
}

/// What else is written.
#[derive(Default)]
struct Duties {
    leases: LeaseChanges,
    step: Option<Step>,
    queued: QueueChanges,
    lasting: LastingChanges,
}

impl Writer {
    pub(super) fn new(
        hub: Arc<Hub>,
        tape: Arc<Tape>,
        settings: Settings,
        (sessions, history, events): (Sessions, Keeper, events::Keeper),
    ) -> Self {
        let now = Instant::now();
        Self {
            hub,
            tape,
            settings,
            folder: None,
            tables: None,
            file: None,
            found: None,
            names: Names::default(),
            head: Head::default(),
            history,
            sessions,
            seq: 0,
            taken: VecDeque::new(),
            batch: Batch::default(),
            walk: Walk::default(),
            events,
            was_replaced: false,
            outage: Outage::none(),
            written: now,
            looked: None,
            unsynced: None,
            lived: None,
            costs: Costs::default(),
            errands: Errands::default(),
        }
    }

    /// Begins with this folder, whose values go to the hub. A fault that may pass is no end: it is tried again.
    pub(super) fn begin(&mut self, folder: Folder) -> Result<(), Fault> {
        let opened = opening::open(&folder, &self.hub, self.settings.bytes, Use::GiveBack);
        self.errands.open(folder.path());
        self.folder = Some(folder);
        match opened {
            Ok(opened) => self.take_over(opened),
            Err(fault @ (Fault::Newer { .. } | Fault::Foreign)) => return Err(fault),
            Err(fault @ Fault::ReadOnly(_)) if self.settings.is_named => return Err(fault),
            Err(fault) => self.go_away(&fault),
        }
        self.tell_state();
        Ok(())
    }

    /// Begins without a folder that could be used.
    pub(super) fn begin_away(&mut self, why: &Closed) {
        self.go_away(&Fault::ReadOnly(why.to_string()));
        self.tell_state();
    }

    /// Comes by until the end, and then once more.
    pub(super) fn run(&mut self, end: &AtomicBool) {
        let tick = match self.settings.durability {
            Durability::Relaxed => TICK.min(self.settings.write),
            Durability::Commit => TICK_OF_COMMIT,
        };
        while !end.load(Ordering::Acquire) {
            self.come_by(Instant::now());
            let tick = if self.has_duty() { tick.min(TICK_OF_DUTY) } else { tick };
            std::thread::park_timeout(self.until_lasting_is_due(tick));
        }
        self.finish();
    }

    fn come_by(&mut self, now: Instant) {
        self.get_ready();
        self.history.look(wall());
        self.events.is_at_most(self.history.aged().unwrap_or(u64::MAX));
        if self.tables.is_none() {
            self.try_again(now);
        } else if self.looked.is_none_or(|looked| now.duration_since(looked) >= LOOK) {
            self.looked = Some(now);
            self.look_at_the_disk(now);
            self.do_errands();
        }
        self.take();
        if self.tables.is_some() {
            self.go_on(now);
        } else {
            self.let_go("the store cannot be written");
            self.let_lasting_pass();
            self.refuse_to_forget();
        }
        self.tell_state();
    }

    fn take(&mut self) {
        self.events.take();
        let missing = self.tape.take(&mut self.taken);
        self.tell_queue();
        // After a peak its memory goes back.
        let most = self.taken.len().max(1024) * 4;
        self.put_down();
        self.taken.shrink_to(most);
        if let Some(skipped) = missing {
            static BEHIND: Seldom = Seldom::new();
            self.history.miss(&skipped);
            self.walk.want(skipped.least);
            if !self.outage.is_on()
                && let Some(times) = BEHIND.again("store")
            {
                let skipped = self.hub.figures().store_skipped.value();
                tracing::warn!(
                    skipped,
                    times = times.times,
                    "the store cannot keep up: values did not fit into its queue, all are gone through again"
                );
            }
        }
    }

    fn go_on(&mut self, now: Instant) {
        if !self.batch.is_large() {
            self.walk_on();
        }
        let is_full =
            !self.head.is_settling() && (self.head.gathered() > LOG_BYTES || self.history.is_full(wall()));
        let is_time = now.duration_since(self.written) >= self.settings.write || self.sessions.has_ends();
        let queued = self.queued();
        let is_promised = self.settings.durability == Durability::Commit && !queued.is_empty();
        let is_asked_for = self.batch.is_asked_for() || self.sessions.is_asked_for() || is_promised;
        let has_news = !self.batch.is_empty() || self.sessions.is_due();
        let is_due = is_asked_for || self.batch.is_large() || (is_time && has_news);
        let is_due = is_due || self.events.is_due(is_time) || (is_full && !self.batch.is_empty());
        let step = self.tables.as_ref().map_or(Ok(None), |tables| self.history.step(tables));
        let step = match step {
            Ok(step) => step,
            Err(fault) => {
                self.not_queued(queued);
                return self.fail(&fault);
            }
        };
        let lasting = self.lasting();
        let is_safe_only_there = self.settings.durability == Durability::Commit && !lasting.is_empty();
        let is_duty = self.head.is_settling() || self.names.has_orphans() || step.is_some();
        let is_duty = is_duty || self.events.is_busy() || (is_time && self.history.has_gaps());
        let is_waited_for = self.hub.is_waited_for_leases();
        let leases =
            if is_time || is_waited_for { self.hub.lease_changes() } else { LeaseChanges::default() };
        let sync = is_asked_for
            || is_waited_for
            || is_safe_only_there
            || self.unsynced.is_some_and(|since| now.duration_since(since) >= self.settings.sync);
        // What is written with it costs nothing. And only who has written is back.
        let is_due = is_due || (sync && has_news);
        let is_proof = self.outage.is_on() && !self.walk.is_wanted();
        let has_rows = !leases.is_empty() || !queued.is_empty() || !lasting.is_empty();
        if is_due || is_duty || sync || is_proof || has_rows {
            self.write(now, is_due || is_proof, sync, false, Duties { leases, step, queued, lasting });
        }
        if is_full {
            self.begin_settling();
        }
        if self.tables.is_some() && !self.walk.is_wanted() && self.batch.is_empty() {
            self.outage.ends(now);
        }
    }

    /// Whether there is more to do than what was said just now.
    fn has_duty(&self) -> bool {
        let is_behind = self.head.is_settling() || self.walk.is_wanted();
        let is_behind = is_behind || self.names.has_orphans() || self.history.is_busy();
        self.tables.is_some() && (is_behind || self.events.is_busy())
    }

    /// One transaction: what waits, if it is due, and a slice of the other duties.
    fn write(&mut self, now: Instant, is_due: bool, sync: bool, clean: bool, duties: Duties) {
        let Duties { leases, step, queued, lasting } = duties;
        let Some(tables) = &mut self.tables else {
            self.not_queued(queued);
            self.not_lasting(lasting);
            return self.hub.leases_not_written();
        };
        let (time, gaps) = (wall(), self.history.gaps());
        let seq = self.seq + 1;
        let row = is_due.then(|| self.batch.row(seq, time, self.head.bases()));
        let orphans: Vec<_> = self.names.orphans(SLICE).collect();
        let (head, batch, events) = (&self.head, &self.batch, &self.events);
        let sign_ins = self.sessions.due(is_due);
        // What writes nothing does not wait for the medium either.
        let is_alone = sync && !is_due;
        let life = (clean || is_alone || self.lived.is_none_or(|lived| now.duration_since(lived) >= LIFE))
            .then_some(Life { at: time, clean });
        let (began, history) = (Instant::now(), &self.history);
        let written = tables.write(sync, |writing| {
            if let Some(row) = &row {
                batch.write(writing, seq, row.as_deref())?;
            }
            let mut settled = 0;
            for (topic, unsettled) in head.slice(SLICE) {
                writing.settle(topic, unsettled)?;
                settled += 1;
            }
            step.as_ref().map_or(Ok(()), |step| step.write(writing))?;
            let shortened = match head.may_go().filter(|_| !history.is_sealing()) {
                Some(until) => Some(writing.shorten_log(until, SLICE_OF_LOG)?),
                None => None,
            };
            for id in &orphans {
                writing.forget_topic(*id)?;
            }
            sign_ins.write(writing)?;
            writing.change_leases(&leases)?;
            writing.change_queues(&queued, Moment::now())?;
            writing.change_lasting(&lasting, Moment::now())?;
            gaps.iter().try_for_each(|(id, gap)| writing.put_gap(*id, gap.as_ref()))?;
            let events = events.write(writing)?;
            life.map_or(Ok(()), |life| writing.live(life))?;
            Ok((settled, shortened, events))
        });
        match written {
            Ok((settled, shortened, events)) => {
                self.hub.leases_written(leases);
                self.hub.lasting().written(lasting);
                self.events.written(events);
                self.account(now, began, sync, life.is_some());
                self.history.gaps_written(&gaps);
                if let Some(step) = step {
                    self.history.stepped(step);
                }
                self.sessions.written(&sign_ins);
                self.names.buried(orphans.len());
                self.head.settled(settled);
                if let Some(row) = row {
                    self.has_written(row.as_deref());
                    self.written = now;
                }
                if shortened.is_some_and(|rows| rows < SLICE_OF_LOG) {
                    self.head.shortened();
                    let head = &self.head;
                    self.names.log_is_short(|topic| head.get(topic).is_some());
                }
            }
            Err(fault) => {
                self.not_queued(queued);
                self.not_lasting(lasting);
                self.fail(&fault);
            }
        }
    }

    fn fail(&mut self, fault: &Fault) {
        self.hub.figures().store_failed.add(1);
        if let Fault::Damaged(why) = fault {
            // What a command has asked for there goes with the file.
            let _ = self.tables.take().map(|tables| self.sessions.obey(&tables));
            self.was_replaced = true;
            if let Some(folder) = &self.folder
                && opening::set_aside(folder, &self.hub, why, 0, Moment::now()).is_ok()
            {
                self.file = None;
            }
        }
        self.go_away(fault);
    }

    /// Nothing can be written. What waits is let go of: the hub has it.
    fn go_away(&mut self, why: &Fault) {
        self.tables = None;
        self.history.is_away();
        self.outage.goes_on(Instant::now(), why, &self.settings.directory);
        self.let_go(&why.to_string());
    }

    fn try_again(&mut self, now: Instant) {
        if self.outage.waits(now) {
            return;
        }
        match self.reopen() {
            // It is back once it has written.
            Ok(()) => {}
            Err(why) => {
                self.hub.figures().store_failed.add(1);
                self.go_away(&why);
            }
        }
    }

    /// Whether the file is still there, and room for it.
    fn look_at_the_disk(&mut self, now: Instant) {
        let Some(folder) = &self.folder else { return };
        self.costs.tell(folder, &self.hub);
        self.sessions.look_at_the_wall(Moment::now());
        if let Err(why) = folder.has_free(self.settings.keep_free) {
            self.fail(&why);
        } else if folder.id() != self.file {
            tracing::error!(file = %folder.file().display(),
                "the file of the store has vanished while the hub ran: a new one is made from memory");
            let _ = self.tables.take().map(|tables| self.sessions.obey(&tables));
            self.outage.begins(now);
            self.let_go_of_the_batch("the file has vanished");
            self.try_again(now);
        } else if let Some(Err(fault)) = self.tables.as_ref().map(|tables| self.sessions.obey(tables)) {
            self.fail(&fault);
        }
    }
}

/// What the clock on the wall shows, in milliseconds since 1970.
fn wall() -> u64 {
    milliseconds(Moment::now().wall())
}

#[cfg(test)]
mod tests;
