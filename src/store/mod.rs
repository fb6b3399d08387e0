//! The store: what survives a restart. Floor 1: knows the hub, of the access the sign-ins of pages, and nothing of sockets.
//!
//! One file of SQLite, written as a log first (`docs/adr/0016-one-file-log-first.md`). The hub never waits for it: what is
//! kept goes onto a bounded [`Tape`], and one thread takes it from there. The hub's memory is the truth, and the file a
//! copy of it that is a little behind: what could not be written is written later.
//!
//! The door: [`Store::open`] gives the last values of the file back to the hub and the sign-ins of pages to the access,
//! [`Store::stop`] writes the rest.

mod bases;
mod batch;
mod beside;
mod bytes;
mod costs;
mod errand;
pub mod events;
mod fault;
mod folder;
mod head;
pub mod history;
mod lasting;
mod leases;
pub mod log;
mod names;
mod opening;
mod outage;
mod pace;
mod paged;
mod queues;
mod restoring;
mod rows;
mod settings;
pub mod shape;
mod tables;
pub mod upkeep;
mod walk;
mod web_sessions;
mod writer;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::Thread;

use tokio::sync::oneshot;

pub use beside::{Asked, Beside};
use folder::{Closed, Folder};
use history::Keeper;
use log::milliseconds;
pub use settings::{Durability, Settings};
use web_sessions::Sessions;
use writer::Writer;

use crate::access::WebSessions;
use crate::hub::{Hub, Questions, Tape};
use crate::moment::Moment;

/// Why the hub does not start with this store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(String);

/// The part of the file that messages for brokers may take.
const QUEUES_PART: u64 = 4;

/// The part of the file that messages for sessions may take.
const LASTING_PART: u64 = 8;

/// A store that runs.
#[derive(Debug)]
pub struct Store {
    end: Arc<AtomicBool>,
    thread: Thread,
    ended: oneshot::Receiver<()>,
}

impl Store {
    /// Opens the store, gives its last values and its sign-ins of pages back, and begins to write. To be called before anybody
    /// is let in.
    pub fn open(hub: &Arc<Hub>, sessions: &Arc<WebSessions>, settings: &Settings) -> Result<Self, Refused> {
        let shown = settings.directory.display().to_string();
        let refused = |why: &dyn std::fmt::Display, advice: &str| {
            Refused(format!("the store in {shown} cannot be used (store.directory): {why}; {advice}"))
        };
        let confirms = settings.durability == Durability::Commit;
        let tape = Tape::new(settings.queue, confirms, hub.figures());
        let is_named = settings.is_named;
        let now = milliseconds(Moment::now().wall());
        let keeper = Keeper::new(settings.history.clone(), settings.bytes, hub.figures(), now);
        let library = keeper.library(settings.directory.join(folder::NAME));
        let events = events::record(hub, &settings.events, settings.directory.join(folder::NAME))
            .map_err(|error| refused(&error, "no thread could be started"))?;
        let beside = (Sessions::new(Arc::clone(hub), Arc::clone(sessions), confirms), keeper, events);
        let mut writer = Writer::new(Arc::clone(hub), Arc::clone(&tape), settings.clone(), beside);
        match Folder::take(&settings.directory) {
            Ok(folder) => writer.begin(folder).map_err(|fault| {
                refused(
                    &fault,
                    "the file was not changed; start the hub that has written it, or name another folder",
                )
            })?,
            Err(why @ Closed::Locked(_)) => {
                return Err(refused(
                    &why,
                    "stop that one, or name another folder; an empty name is no store",
                ));
            }
            Err(why @ Closed::Unwritable(_)) if is_named => {
                return Err(refused(
                    &why,
                    "give the hub's user the right to write there, or name another folder",
                ));
            }
            Err(why @ Closed::Unwritable(_)) => writer.begin_away(&why),
        }
        hub.record_on(Arc::clone(&tape));
        hub.stored_queues().turn_on(settings.bytes / QUEUES_PART);
        hub.lasting().turn_on(settings.bytes / LASTING_PART);
        let questions = Arc::<Questions>::default();
        if settings.history.is_on() {
            hub.ask_history_of(Arc::clone(&questions));
        }
        let (has_history, history_is_there) = sync_channel(1);
        let started = library
            .answer(Arc::clone(&questions), history_is_there)
            .and_then(|()| Self::run(writer, tape, hub, (questions, has_history)));
        started.map_err(|error| refused(&error, "no thread could be started"))
    }

    fn run(
        mut writer: Writer,
        tape: Arc<Tape>,
        hub: &Arc<Hub>,
        (questions, has_history): (Arc<Questions>, SyncSender<()>),
    ) -> std::io::Result<Self> {
        let (end, (tell, ended)) = (Arc::new(AtomicBool::new(false)), oneshot::channel());
        let (seen, book, hub) = (Arc::clone(&end), Arc::clone(hub.lasting()), Arc::clone(hub));
        let run = move || {
            let ran = catch_unwind(AssertUnwindSafe(|| {
                writer.get_ready();
                // Whatever has come of it: nobody waits any longer.
                drop(has_history);
                writer.run(&seen);
            }));
            if ran.is_err() {
                tracing::error!(
                    "the store has ended by a fault of the hub: last values are kept in memory only; please report it"
                );
                hub.figures().store_state.set(writer::AWAY);
            }
            tape.close();
            hub.lasting().turn_off();
            questions.close();
            drop(writer);
            let _ = tell.send(());
        };
        let handle = std::thread::Builder::new().name("store".to_owned()).spawn(run)?;
        book.is_written_by(handle.thread().clone());
        Ok(Self { end, thread: handle.thread().clone(), ended })
    }

    /// Writes what waits, and closes the file. What is published after this is not written.
    pub async fn stop(self) {
        self.end.store(true, Ordering::Release);
        self.thread.unpark();
        // The thread tells, whatever happens to it.
        let _ = self.ended.await;
    }
}
