//! Who answers questions about events: a thread that reads the file while another one writes it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::super::tables::{Checked, EventRow, Fault, Tables};
use super::keeper::Shelf;
use crate::hub::{EventQuestion, EventQuestions, Figures, Recorder, UNKNOWN, WAITING};
use crate::talk::control::{Event, EventsAnswer};

/// How long it is waited for what has just happened to be on the disk.
const PATIENCE: Duration = Duration::from_secs(2);
/// So long one answer may take, and how many events are looked at between two looks at the clock.
const LONGEST: Duration = Duration::from_secs(2);
const BETWEEN: u64 = 256;
/// The largest answer.
const BYTES: usize = 1 << 20;

/// The thread's own state.
#[derive(Debug)]
pub(super) struct Library {
    recorder: Arc<Recorder>,
    shelf: Arc<Shelf>,
    file: PathBuf,
    figures: Arc<Figures>,
}

impl Library {
    pub(super) fn new(
        recorder: Arc<Recorder>,
        shelf: Arc<Shelf>,
        file: PathBuf,
        figures: &Arc<Figures>,
    ) -> Self {
        Self { recorder, shelf, file, figures: Arc::clone(figures) }
    }

    /// Answers until the questions are closed.
    pub(super) fn answer(self, questions: Arc<EventQuestions>) -> std::io::Result<()> {
        let run = move || {
            while let Some(question) = questions.next() {
                let answer = catch_unwind(AssertUnwindSafe(|| self.look_up(&question)));
                self.figures.events_questions.add(1);
                questions.done();
                question.answer(answer.unwrap_or_else(|_| {
                    tracing::error!(
                        "a question about events was ended by a fault of the hub; please report it"
                    );
                    Err("events cannot be read: a fault of the hub".to_owned())
                }));
            }
        };
        std::thread::Builder::new().name("events".to_owned()).spawn(run).map(drop)
    }

    fn look_up(&self, question: &EventQuestion) -> Result<EventsAnswer, String> {
        let unwritten = self.recorder.flush(PATIENCE);
        let unread = |fault: Fault| {
            format!("events cannot be read: {fault}; look at the log of the hub, and ask again")
        };
        let tables = Tables::open_to_read(&self.file).map_err(unread)?;
        let mut page = Page::new(question, &self.shelf);
        let get = &question.get;
        let (before, after) = (get.before.unwrap_or(u64::MAX), get.after.unwrap_or(0));
        let read = tables.events(before, after, |id, row| match row {
            Checked::Good(row) => page.look_at(id, Some(&row)),
            Checked::Damaged => page.look_at(id, None),
        });
        self.figures.store_damaged.add(page.damaged);
        read.map_err(unread)?;
        let more = page.goes_on_before.map(|before| get.more(before));
        Ok(EventsAnswer { id: None, events: page.events, more, unwritten })
    }
}

/// An answer in the making.
struct Page<'q> {
    question: &'q EventQuestion,
    shelf: &'q Shelf,
    began: Instant,
    looked_at: u64,
    events: Vec<Event>,
    bytes: usize,
    damaged: u64,
    /// Where the next answer begins, if this one is not the last.
    goes_on_before: Option<u64>,
}

impl<'q> Page<'q> {
    fn new(question: &'q EventQuestion, shelf: &'q Shelf) -> Self {
        let (events, began) = (Vec::new(), Instant::now());
        Self { question, shelf, began, looked_at: 0, events, bytes: 0, damaged: 0, goes_on_before: None }
    }

    /// Looks at the next event; none if it is damaged. Says whether to go on.
    fn look_at(&mut self, id: u64, row: Option<&EventRow<'_>>) -> bool {
        let is_full = self.events.len() >= self.question.get.limit;
        if is_full || (self.looked_at % BETWEEN == BETWEEN - 1 && self.began.elapsed() > LONGEST) {
            self.goes_on_before = Some(id + 1);
            return false;
        }
        self.looked_at += 1;
        let Some(row) = row else {
            self.damaged += 1;
            return true;
        };
        let Some(told) = self.told(id, row) else { return true };
        let len = told.text().len();
        if !self.events.is_empty() && self.bytes + len > BYTES.min(self.question.bytes) {
            self.goes_on_before = Some(id + 1);
            return false;
        }
        self.bytes += len;
        self.events.push(told);
        true
    }

    /// What the asker is told of an event.
    fn told(&self, id: u64, row: &EventRow<'_>) -> Option<Event> {
        let EventQuestion { get, reader, filters, .. } = self.question;
        let is_in_time =
            get.since.is_none_or(|since| row.at >= since) && get.until.is_none_or(|until| row.at <= until);
        let is_of = get.by.as_ref().is_none_or(|by| by == row.user);
        if !is_in_time || !is_of || !reader.asks_for(row.topic, filters.as_deref()) {
            return None;
        }
        let mut event = Event::read(row.data)?;
        (event.number, event.at) = (id, row.at);
        event.user = Some(row.user).filter(|user| !user.is_empty()).map(Into::into);
        let has_topic = event.named() != row.topic;
        event.topic = has_topic.then(|| row.topic.into());
        if event.result.as_deref() == Some(WAITING) && self.shelf.is_of_another_life(id) {
            event.result = Some(UNKNOWN.into());
            event.reason = Some("the hub has ended before the node had answered".into());
        }
        reader.told(event)
    }
}
