//! Who answers questions about the past: a thread with a connection of its own, which reads while the writer writes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::super::tables::Fault;
use super::answer::{Past, Told, Wanted};
use super::gap::Gap;
use super::live::{Kind, Live};
use super::tables::Chunks;
use crate::hub::{Figures, Question, Questions};
use crate::talk::control::HistoryAnswer;
use crate::topic::Topic;

/// Series that are looked at in one go, while the writer waits.
const SLICE: usize = 500;
/// Series of one answer.
const SERIES: usize = 100;
/// The largest answer.
const BYTES: usize = 1 << 20;
/// A question begins anew where what it reads goes meanwhile, so often.
const ATTEMPTS: usize = 8;
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

    /// Answers until the questions are closed, once history was read from the file: then the other end of `begins` goes.
    pub(crate) fn answer(self, questions: Arc<Questions>, begins: Receiver<()>) -> std::io::Result<()> {
        let run = move || {
            let _ = begins.recv();
            while let Some(question) = questions.next() {
                let began = Instant::now();
                let answer = catch_unwind(AssertUnwindSafe(|| self.look_up(&question, began)));
                self.figures.history_questions.add(1);
                let took = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
                self.figures.history_microseconds.set(took);
                questions.done();
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
        let chunks = Chunks::open(&self.file).map_err(|fault| unread(&fault))?;
        let get = &question.get;
        let mut answer = HistoryAnswer::default();
        let most = BYTES.min(question.bytes);
        let (mut bytes, mut last) = (0, None::<(String, String)>);
        for (topic, path, _, id) in self.matching(question) {
            let told = match self.series(question, began, &chunks, &topic, id) {
                Err(NotTold::Late) if last.is_some() => None,
                told => Some(told?),
            };
            let is_late = told.is_none();
            let told = told.unwrap_or_default();
            self.figures.store_damaged.add(told.damaged());
            let len = told.series.as_ref().map_or(0, len);
            // What has the same path is told in one answer: the rest is asked for by the path.
            let is_next = last.as_ref().is_some_and(|last| (&last.0, &last.1) != (&topic, &path));
            let is_full = is_next && (answer.series.len() >= SERIES || bytes + len > most);
            if let Some((topic, path)) =
                last.as_ref().filter(|_| is_late || (is_full && !answer.series.is_empty()))
            {
                answer.more = get.more(topic, path).and_then(|more| serde_json::from_str(more.get()).ok());
                break;
            }
            bytes += len;
            if bytes > most {
                return Err(format!(
                    "the answer would have more than {most} bytes, which is too much for this connection: ask for fewer points"
                ));
            }
            answer.series.extend(told.series);
            last = Some((topic, path));
        }
        let is_named = |topic: &Topic| {
            let is_in_sight = question.base.relative(topic.as_str()).is_some();
            is_in_sight && question.filters.iter().any(|filter| filter.matches(topic))
        };
        let gaps = self.live.lock().gaps_of(is_named, get.since, get.until);
        answer.gaps = gaps.iter().map(Gap::told).collect();
        Ok(answer)
    }

    /// What is told of one series.
    fn series(
        &self,
        question: &Question,
        began: Instant,
        chunks: &Chunks,
        topic: &str,
        id: u32,
    ) -> Result<Told, NotTold> {
        let get = &question.get;
        let wanted = Wanted { since: get.since, until: get.until, points: get.points, step: get.step };
        for _ in 0..ATTEMPTS {
            let found = {
                let live = self.live.lock();
                let mark = live.mark.ok_or(NotTold::Away)?;
                live.get(id).map(|series| Past::of(id, series, topic, live.spans(), mark))
            };
            let Some(past) = found else { return Ok(Told::default()) };
            let mut is_late = false;
            let told = past.tell(&wanted, &mut |number| {
                is_late = began.elapsed() > LONGEST;
                if is_late { Err(Fault::Other(String::new())) } else { chunks.chunk(number) }
            });
            if is_late {
                return Err(NotTold::Late);
            }
            let told = told.map_err(NotTold::Unread)?;
            let live = self.live.lock();
            let is_there = |span: &u64| live.spans().contains_key(span);
            // Where its own chunks have gone meanwhile, others are read.
            if live.get(id).is_none_or(|series| *series.gone != past.gone) {
                continue;
            }
            if Arc::ptr_eq(live.spans(), &past.spans) || told.read.iter().all(is_there) {
                return Ok(told);
            }
        }
        Err(NotTold::Late)
    }

    /// The series that are asked for, in the order in which they are told: topic, path, and number.
    fn matching(&self, question: &Question) -> Vec<(String, String, bool, u32)> {
        let mut found = Vec::new();
        let mut next = Some(0);
        let get = &question.get;
        while let Some(from) = next {
            let live = self.live.lock();
            let mut slice = live.series().from(from);
            for (id, series) in slice.by_ref().take(SLICE) {
                let is_asked = get.path.as_ref().is_none_or(|path| **path == *series.label.path);
                if !is_asked || !question.filters.iter().any(|filter| filter.matches(&series.topic)) {
                    continue;
                }
                if let Some(topic) = question.base.relative(series.topic.as_str()) {
                    let is_states = series.kind == Kind::States;
                    found.push((topic.to_owned(), series.label.path.to_string(), is_states, id));
                }
            }
            next = slice.next().map(|(id, _)| id);
        }
        found.sort_unstable();
        if let Some((topic, path)) = &get.after {
            found.retain(|(of_topic, of_path, ..)| (of_topic, of_path) > (topic, path));
        }
        found
    }
}

/// Why a series cannot be told.
enum NotTold {
    Late,
    Away,
    Unread(Fault),
}

impl From<NotTold> for String {
    fn from(why: NotTold) -> Self {
        match why {
            NotTold::Late => "this takes too long: ask for a shorter time, or fewer points".to_owned(),
            NotTold::Away => "history cannot be read at the moment: the store is away".to_owned(),
            NotTold::Unread(fault) => unread(&fault),
        }
    }
}

fn unread(fault: &Fault) -> String {
    format!("history cannot be read: {fault}")
}

fn len(series: &crate::talk::control::PastSeries) -> usize {
    serde_json::to_string(series).map_or(0, |text| text.len() + 2)
}

#[cfg(test)]
impl Library {
    /// The answer to somebody who may read everything.
    pub(crate) fn told(&self, asked: &str) -> Result<HistoryAnswer, String> {
        let get = crate::talk::control::HistoryGet::parse(asked, 1 << 42).map_err(|no| no.reason)?;
        let limits = crate::topic::Limits::default();
        let filters = get.filters.iter().filter_map(|text| crate::topic::Filter::parse(text, &limits).ok());
        let filters = filters.collect();
        let question = Question::new(get, filters, crate::topic::Base::ROOT, BYTES, |_| {});
        self.look_up(&question, Instant::now())
    }
}
