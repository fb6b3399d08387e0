//! An operator wants topics to be forgotten: nothing of them is to be found in the file any more.
//!
//! That a row is deleted leaves its bytes where they are, in the file and in its journal. So the file is written anew
//! afterwards, which takes a while for a large one. The hub routes meanwhile, and what is said waits on the tape.

use super::{Duties, Folder, Instant, Writer};
use crate::moment::Moment;
use crate::store::errand::Forget;
use crate::store::folder;
use crate::store::tables::{Fault, HOLDERS, Holder};
use crate::topic::{Filter, Topic};

/// Places in the index of last values that are looked at with one lock.
const SLICE: usize = 1000;

impl Writer {
    /// Does what operators have asked for.
    pub(super) fn do_errands(&mut self) {
        while let Some(errand) = self.folder.as_ref().and_then(|folder| self.errands.next(folder.path())) {
            let done = self.filters(&errand.filters).and_then(|filters| match errand.what {
                Some(Forget::Everything) => self.forget(&filters),
                Some(Forget::History) => self.forget_history_only(&filters),
                None => Err("nothing was forgotten: use the command of the hub that runs".to_owned()),
            });
            // Their names are what was to be forgotten.
            match (&done, errand.what) {
                (Ok(_), Some(Forget::History)) => {
                    tracing::info!("the history of topics was forgotten, as an operator has asked for it");
                }
                (Ok(_), _) => tracing::info!("topics were forgotten, as an operator has asked for it"),
                (Err(why), _) => {
                    tracing::warn!(%why, "an operator has asked to forget topics, and they are not all gone");
                }
            }
            errand.answer(&done);
        }
        // One at a time: between two of them the writer has other things to do.
        if let Some(asked) = self.hub.questions().and_then(|questions| questions.next_to_forget()) {
            let done = self.forget_history_only(&asked.filters);
            let user = &asked.user;
            match &done {
                Ok(_) => {
                    tracing::info!(%user, "the history of topics was forgotten, as an admin has asked for it");
                }
                Err(why) => {
                    tracing::warn!(%user, %why, "an admin has asked to forget history, and it is not all gone");
                }
            }
            asked.answer(done);
        }
    }

    /// There is no file now: whoever waits hears it.
    pub(super) fn refuse_to_forget(&self) {
        while let Some(asked) = self.hub.questions().and_then(|questions| questions.next_to_forget()) {
            asked.answer(Err(
                "the history is not forgotten: the store cannot be written now; ask again later".to_owned(),
            ));
        }
    }

    fn filters(&self, asked: &[String]) -> Result<Vec<Filter>, String> {
        let limits = &self.hub.settings().topic;
        let filter =
            |text: &String| Filter::parse(text, limits).map_err(|error| format!("filter {text:?}: {error}"));
        asked.iter().map(filter).collect()
    }

    /// Forgets all topics that these filters name, and says what became of it.
    pub(super) fn forget(&mut self, filters: &[Filter]) -> Result<String, String> {
        self.has_a_file()?;
        let topics = self.topics(filters);
        let forgotten = topics.iter().filter(|topic| self.hub.forget_value(topic)).count();
        self.settle_and_seal(topics.first());
        // What fails keeps nothing else from being forgotten.
        let mut failed = Vec::new();
        let history = self.forget_history(filters).map(drop);
        failed.extend(history.map_err(|why| format!("not their history: {why}")).err());
        let events = self.forget_events(filters);
        failed.extend(events.map_err(|why| format!("not their events: {why}")).err());
        let now = Moment::now();
        let is_named = |topic: &Topic| filters.iter().any(|filter| filter.matches(topic));
        self.hub.stored_queues().forget(now, is_named);
        self.write_queues();
        self.hub.lasting().forget_topics(is_named);
        self.write_lasting();
        let bytes = self.write_anew();
        failed.extend(bytes.map_err(|why| format!("their bytes may still be in the file: {why}")).err());
        if !failed.is_empty() {
            let failed = failed.join(", and ");
            return Err(format!("topics forgotten: {forgotten}, but {failed}; ask again"));
        }
        Ok(format!("topics forgotten: {forgotten}{}", self.what_is_left(filters, HOLDERS)))
    }

    /// Forgets what can be looked back on of these topics. Last values and events stay.
    pub(super) fn forget_history_only(&mut self, filters: &[Filter]) -> Result<String, String> {
        self.has_a_file()?;
        self.settle_and_seal(None);
        let forgotten = self
            .forget_history(filters)
            .map_err(|why| format!("history is not all forgotten: {why}; ask again"))?;
        self.write_anew().map_err(|why| {
            format!(
                "series of history forgotten: {forgotten}, but their bytes may still be in the file: {why}; ask again"
            )
        })?;
        let is_history = |holder: &&Holder| holder.table == "series";
        let left = HOLDERS.iter().find(is_history).map(std::slice::from_ref).unwrap_or_default();
        let left = self.what_is_left(filters, left);
        Ok(format!("series of history forgotten: {forgotten}; last values and events stay{left}"))
    }

    fn has_a_file(&self) -> Result<(), String> {
        let no =
            || "nothing was forgotten: the store cannot be written now; see the log of the hub".to_owned();
        self.tables.as_ref().map(drop).ok_or_else(no)
    }

    /// Afterwards the log says nothing of what was said until now, but for one row of this topic or of another one.
    fn settle_and_seal(&mut self, topic: Option<&Topic>) {
        self.write_down();
        self.write_another_row(topic);
        self.do_all_duties();
        self.begin_settling();
        self.do_all_duties();
    }

    fn write_down(&mut self) {
        self.take();
        self.write(Instant::now(), true, true, false, Duties::default());
    }

    /// The newest row of the log is never deleted, and what was said before a topic was forgotten may be in it. So another one
    /// follows, which says only what has become of one topic.
    fn write_another_row(&mut self, topic: Option<&Topic>) {
        let Some(topic) = topic.cloned().or_else(|| self.names.topics().into_iter().next()) else { return };
        let value = self.hub.last_value(&topic);
        if self.tables.is_some() {
            let (batch, mut desk) = self.desk();
            match &value {
                Some(message) => batch.keep(message, &mut desk),
                None => batch.forget(&topic, &mut desk),
            }
        }
        self.write(Instant::now(), true, true, false, Duties::default());
    }

    /// Says how many series that were. What is said meanwhile is taken and written.
    fn forget_history(&mut self, filters: &[Filter]) -> Result<usize, String> {
        let is_named = |topic: &Topic| filters.iter().any(|filter| filter.matches(topic));
        let mut forgetting = self.history.named(is_named);
        let all = forgetting.len();
        loop {
            let Some(tables) = &mut self.tables else {
                return Err("the store cannot be written now".to_owned());
            };
            match self.history.forget(&mut forgetting, tables) {
                Ok(true) => {}
                Ok(false) => {
                    // Pieces that died meanwhile are not looked through, and go whole.
                    self.do_all_duties();
                    return Ok(all);
                }
                Err(fault) => {
                    self.fail(&fault);
                    return Err(fault.to_string());
                }
            }
            self.take();
            self.go_on(Instant::now());
        }
    }

    fn forget_events(&mut self, filters: &[Filter]) -> Result<(), String> {
        let Some(tables) = &mut self.tables else { return Err("the store cannot be written now".to_owned()) };
        let limits = &self.hub.settings().topic;
        let is_named = |text: &str| {
            Topic::parse(text, limits).is_ok_and(|topic| filters.iter().any(|filter| filter.matches(&topic)))
        };
        let done = self.events.forget(tables, is_named);
        if let Err(fault) = &done {
            self.fail(fault);
        }
        done.map_err(|fault| fault.to_string())
    }

    fn do_all_duties(&mut self) {
        while self.has_duty() {
            self.take();
            self.go_on(Instant::now());
        }
    }

    /// The topics that these filters name and that have a last value.
    fn topics(&self, filters: &[Filter]) -> Vec<Topic> {
        let mut named = Vec::new();
        let mut place = Some(0);
        while let Some(from) = place {
            place = self.hub.last_values_from(from, SLICE, 0, &mut |message| {
                if filters.iter().any(|filter| filter.matches(&message.topic)) {
                    named.push(message.topic);
                }
            });
        }
        named
    }

    fn write_anew(&mut self) -> Result<(), String> {
        let (Some(folder), Some(tables)) = (&self.folder, &mut self.tables) else {
            return Err("the store cannot be written now; see the log of the hub".to_owned());
        };
        let no = |fault: &Fault| format!("{fault}; {}", fault.advice());
        let pages = tables.pages().map_err(|fault| no(&fault))?;
        // Put together in a file of its own, and written through the journal.
        let needed = 2 * (pages.all - pages.unused);
        if let Some(free) = folder::free(folder.path()).filter(|free| *free < needed) {
            return Err(format!("this needs {needed} bytes for a time, and {free} are free: make room"));
        }
        let done = tables.rebuild(&folder.scratch());
        if let Err(fault @ Fault::Damaged(_)) = &done {
            self.fail(fault);
        }
        done.map_err(|fault| no(&fault))
    }

    /// What still speaks of these topics, for the operator.
    fn what_is_left(&self, filters: &[Filter], holders: &[Holder]) -> String {
        let limits = &self.hub.settings().topic;
        let is_named = |text: &str| {
            Topic::parse(text, limits).is_ok_and(|topic| filters.iter().any(|filter| filter.matches(&topic)))
        };
        let held = |holder: &Holder| {
            let held = self.tables.as_ref().map(|tables| tables.held(*holder, is_named));
            let held = held.and_then(Result::ok).unwrap_or_default();
            (held > 0).then(|| format!("; {}: {held}", holder.stays))
        };
        let others = self.folder.as_ref().map(Folder::others).unwrap_or_default();
        let others =
            (!others.is_empty()).then(|| format!("; older files may still have them: {}", others.join(", ")));
        holders.iter().filter_map(held).chain(others).collect()
    }
}
