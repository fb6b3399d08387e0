//! How the writer gets a file, at the start and after it had none.

use super::super::folder::Folder;
use super::super::head::Head;
use super::super::names::Names;
use super::super::opening::{self, Opened, Use};
use super::super::tables::Fault;
use super::{Waiting, Writer, wall};
use crate::moment::Moment;

impl Writer {
    /// Takes a file over whose last values are with the hub. Before it can be written, the writer has to [get
    /// ready](Self::get_ready).
    pub(super) fn take_over(&mut self, opened: Opened) {
        let Opened { tables, id, found, head, seq, changed, sessions, was_replaced } = opened;
        if was_replaced {
            self.hub.leases_not_written();
            self.hub.stored_queues().all_again();
            self.hub.lasting().all_again(Moment::now());
        }
        self.events.open(&tables, was_replaced);
        self.sessions.take_over(sessions, was_replaced);
        (self.tables, self.file, self.head, self.seq) = (Some(tables), Some(id), head, seq);
        let changed = changed.iter().filter_map(|topic| self.hub.last_value(topic)).collect();
        self.found = Some(Waiting { found, is_anew: was_replaced, changed });
        if was_replaced {
            self.was_replaced = true;
            self.walk.want(0);
        }
    }

    /// Makes of a file that was taken over what it takes to write it: the numbers of its names, and its history. A start does
    /// that after it has let everybody in.
    pub(in crate::store) fn get_ready(&mut self) {
        if let Err(fault) = self.try_to_get_ready() {
            self.fail(&fault);
        }
    }

    fn try_to_get_ready(&mut self) -> Result<(), Fault> {
        let Some(Waiting { found, is_anew, changed }) = self.found.take() else { return Ok(()) };
        let Some(tables) = &self.tables else { return Ok(()) };
        let head = &self.head;
        let (names, topics) = found.names(|topic| head.get(topic).is_some());
        self.names = names;
        self.history.load((tables, &topics), is_anew, wall())?;
        let (batch, mut desk) = self.desk();
        for message in &changed {
            batch.say(message, &mut desk);
        }
        Ok(())
    }

    /// Opens the file, or makes a new one, as it is found.
    pub(super) fn reopen(&mut self) -> Result<(), Fault> {
        if self.folder.as_ref().is_none_or(Folder::is_gone) {
            self.folder = None;
            let taken = Folder::take(&self.settings.directory);
            self.folder = Some(taken.map_err(|closed| Fault::ReadOnly(closed.to_string()))?);
        }
        self.sessions.reopens();
        self.hub.stored_queues().all_again();
        self.hub.lasting().all_again(Moment::now());
        let Some(folder) = &self.folder else { return Ok(()) };
        // Somewhat more than what is to be left free: otherwise it would come and go.
        folder.has_free(self.settings.keep_free + self.settings.keep_free / 8)?;
        match self.file {
            Some(file) if folder.id() == Some(file) => {
                // What it holds is read again: a write may have come to its end although it was told as failed, and the
                // last ones may be gone with the file system's own journal.
                let opened = opening::open(folder, &self.hub, self.settings.bytes, Use::LookOnly);
                self.take_over(opened?);
                self.try_to_get_ready()?;
                self.walk.want(0);
            }
            Some(_) => {
                // Another file, or none: what it holds is not what this hub has written.
                if folder.id().is_some() {
                    let why = "another file stood in its place";
                    opening::set_aside(folder, &self.hub, why, 0, Moment::now())?;
                }
                self.begin_anew()?;
            }
            None if self.was_replaced => self.begin_anew()?,
            None => {
                let opened = opening::open(folder, &self.hub, self.settings.bytes, Use::GiveBack);
                self.take_over(opened?);
                self.try_to_get_ready()?;
                self.walk.want(1);
            }
        }
        Ok(())
    }

    fn begin_anew(&mut self) -> Result<(), Fault> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let (tables, id) = opening::open_empty(folder, self.settings.bytes)?;
        self.found = None;
        (self.names, self.head, self.seq, self.lived) = (Names::default(), Head::default(), 0, None);
        self.head.go_on_with(tables.mark(), 1);
        self.history.load((&tables, &[]), true, wall())?;
        self.events.open(&tables, true);
        (self.tables, self.file) = (Some(tables), Some(id));
        self.walk.want(0);
        Ok(())
    }
}
