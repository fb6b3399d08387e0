//! How the writer gets a file again after it had none.

use super::super::folder::Folder;
use super::super::head::Head;
use super::super::names::Names;
use super::super::opening::{self, Use};
use super::super::tables::Fault;
use super::{Writer, wall};
use crate::moment::Moment;

impl Writer {
    /// Opens the file, or makes a new one, as it is found.
    pub(super) fn reopen(&mut self) -> Result<(), Fault> {
        if self.folder.as_ref().is_none_or(Folder::is_gone) {
            self.folder = None;
            let taken = Folder::take(&self.settings.directory);
            self.folder = Some(taken.map_err(|closed| Fault::ReadOnly(closed.to_string()))?);
        }
        self.sessions.reopens();
        self.hub.stored_queues().all_again();
        let Some(folder) = &self.folder else { return Ok(()) };
        // Somewhat more than what is to be left free: otherwise it would come and go.
        folder.has_free(self.settings.keep_free + self.settings.keep_free / 8)?;
        match self.file {
            Some(file) if folder.id() == Some(file) => {
                // What it holds is read again: a write may have come to its end although it was told as failed, and the
                // last ones may be gone with the file system's own journal.
                let opened = opening::open(folder, &self.hub, self.settings.bytes, Use::LookOnly);
                self.take_over(opened?)?;
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
                self.take_over(opened?)?;
                self.walk.want(1);
            }
        }
        Ok(())
    }

    fn begin_anew(&mut self) -> Result<(), Fault> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let (tables, id) = opening::open_empty(folder, self.settings.bytes)?;
        (self.names, self.head, self.seq, self.lived) = (Names::default(), Head::default(), 0, None);
        self.head.go_on_with(tables.mark(), 1);
        self.history.load((&tables, &[]), true, wall())?;
        self.events.open(&tables, true);
        (self.tables, self.file) = (Some(tables), Some(id));
        self.walk.want(0);
        Ok(())
    }
}
