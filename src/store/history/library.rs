//! Who answers questions about the past: a thread with a connection of its own, which reads while the writer writes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::super::tables::Fault;
use super::answer::{Past, Wanted};
use super::live::{Kind, Live};
use super::tables::Chunks;
use crate::hub::{Figures, Question, Questions};
use crate::talk::control::HistoryAnswer;

/// Series that are looked at in one go, while the writer waits.
const SLICE: usize = 500;
/// Series of one answer.
const SERIES: usize = 100;
/// The largest answer.
const BYTES: usize = 1 << 20;
/// So long one answer may take.
const LONGEST: Duration = Duration::from_secs(2);

/// The thread's own state.
#[derive(Debug)]
pub(crate) struct Library {
    live: Arc<Mutex<Live>>,
    file: PathBuf,
    figures: Arc<Figures>,
}

impl Library {
    pub(super) fn new(live: Arc<Mutex<Live>>, file: PathBuf, figures: Arc<Figures>) -> Self {
        Self { live, file, figures }
    }

    /// Answers until the questions are closed.
    pub(crate) fn answer(self, questions: Arc<Questions>) -> std::io::Result<()> {
        let run = move || {
            while let Some(question) = questions.next() {
                let began = Instant::now();
                let answer = catch_unwind(AssertUnwindSafe(|| self.look_up(&question, began)));
                self.figures.history_questions.add(1);
                let took = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
                self.figures.history_microseconds.set(took);
                question.answer(answer.unwrap_or_else(|_| {
                    tracing::error!(
                        "a question about history was ended by a fault of the hub; please report it"
                    );
                    Err("history cannot be read: a fault of the hub".to_owned())
                }));
            }
        };
        std::thread::Builder::new().name("history".to_owned()).spawn(run).map(drop)
    }

    fn look_up(&self, question: &Question, began: Instant) -> Result<HistoryAnswer, String> {
        let unread = |fault: Fault| format!("history cannot be read: {fault}");
        let away = || "history cannot be read at the moment: the store is away".to_owned();
        let chunks = Chunks::open(&self.file).map_err(unread)?;
        let get = &question.get;
        let wanted = Wanted { since: get.since, until: get.until, points: get.points, step: get.step };
        let mut answer = HistoryAnswer::default();
        let (mut bytes, mut damaged) = (0, 0);
        let mut last: Option<(String, String)> = None;
        let mut is_late = false;
        for (topic, path, _, id) in self.matching(question) {
            let found = {
                let live = self.live.lock();
                let mark = live.mark.ok_or_else(away)?;
                live.get(id).map(|series| Past::of(id, series, &topic, live.spans(), mark))
            };
            let Some(past) = found else { continue };
            let told = past.tell(&wanted, &mut damaged, &mut |number| {
                if began.elapsed() > LONGEST {
                    is_late = true;
                    return Err(Fault::Other("it took too long".to_owned()));
                }
                chunks.chunk(number)
            });
            let told = match told {
                Err(_) if is_late && last.is_some() => None,
                Err(_) if is_late => {
                    return Err("this takes too long: ask for a shorter time, or fewer points".to_owned());
                }
                told => Some(told.map_err(unread)?),
            };
            let len = told.as_ref().map_or(0, |told| told.as_ref().map_or(0, len));
            // What has the same path is told in one answer: the rest is asked for by the path.
            let is_next = last.as_ref().is_some_and(|last| (&last.0, &last.1) != (&topic, &path));
            let is_full =
                is_next && (answer.series.len() >= SERIES || bytes + len > BYTES.min(question.bytes));
            if let Some((topic, path)) =
                last.as_ref().filter(|_| is_late || (is_full && !answer.series.is_empty()))
            {
                answer.more = get.more(topic, path).and_then(|more| serde_json::from_str(more.get()).ok());
                break;
            }
            bytes += len;
            answer.series.extend(told.flatten());
            last = Some((topic, path));
        }
        self.figures.store_damaged.add(damaged);
        Ok(answer)
    }

    /// The series that are asked for, in the order in which they are told: topic, path, and number.
    fn matching(&self, question: &Question) -> Vec<(String, String, bool, u32)> {
        let mut found = Vec::new();
        let mut next = Some(0);
        let get = &question.get;
        while let Some(from) = next {
            let live = self.live.lock();
            let mut slice = live.series().range(from..);
            for (id, series) in slice.by_ref().take(SLICE) {
                let is_asked = get.path.as_ref().is_none_or(|path| **path == *series.path);
                if !is_asked || !question.filters.iter().any(|filter| filter.matches(&series.topic)) {
                    continue;
                }
                if let Some(topic) = question.base.relative(series.topic.as_str()) {
                    let is_states = series.kind == Kind::States;
                    found.push((topic.to_owned(), series.path.to_string(), is_states, *id));
                }
            }
            next = slice.next().map(|(id, _)| *id);
        }
        found.sort_unstable();
        if let Some((topic, path)) = &get.after {
            found.retain(|(of_topic, of_path, ..)| (of_topic, of_path) > (topic, path));
        }
        found
    }
}

fn len(series: &crate::talk::control::PastSeries) -> usize {
    serde_json::to_string(series).map_or(0, |text| text.len() + 2)
}
