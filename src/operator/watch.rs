//! What became of the files of a folder since it was looked at last.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::mark::{Again, Mark};
use super::mistake::Mistakes;

/// Files that are looked at in one folder.
const MOST_FILES: usize = 1000;

/// What became of one file. A file is called by its name without the ending.
#[derive(Debug)]
pub enum Change<T> {
    /// It is new, or it says something else.
    There(T),
    /// It is new or changed, and does not make sense.
    Bad(String, Mistakes),
    /// It is gone.
    Gone(String),
}

/// How a file becomes what it says.
type Load<T> = Arc<dyn Fn(&Path) -> Result<T, Mistakes> + Send + Sync>;

/// A file as it was last seen.
#[derive(Debug, Clone)]
struct Seen {
    mark: Mark,
    /// Whether this state of it was read. A file is read when it looks the same twice, as it may be half written.
    is_read: bool,
    /// Whether it was not there the last time.
    is_missing: bool,
    /// When it is tried again, where what was read is bad.
    again: Option<Again>,
}

/// A folder, and what was seen there.
pub struct Watch<T> {
    directory: PathBuf,
    is_ours: fn(&Path) -> bool,
    load: Load<T>,
    seen: BTreeMap<PathBuf, Seen>,
    /// What the files said last, by path.
    said: BTreeMap<PathBuf, Option<T>>,
    is_first: bool,
    /// Whether the last look found nothing that could be read.
    is_unreadable: bool,
}

impl<T: Clone + PartialEq + Send + 'static> Watch<T> {
    /// Watches those files of a folder that `is_ours` picks by their path. `load` reads one; it may wait for the disk.
    pub fn new(
        directory: PathBuf,
        is_ours: fn(&Path) -> bool,
        load: impl Fn(&Path) -> Result<T, Mistakes> + Send + Sync + 'static,
    ) -> Self {
        Self {
            directory,
            is_ours,
            load: Arc::new(load),
            seen: BTreeMap::new(),
            said: BTreeMap::new(),
            is_first: true,
            is_unreadable: false,
        }
    }

    /// Looks at the folder, away from the threads that serve sockets. A file is read when two looks in a row found it
    /// the same, so that one that is half written is not taken for a whole one.
    pub async fn look(&mut self) -> Vec<Change<T>> {
        let (directory, is_ours) = (self.directory.clone(), self.is_ours);
        let Ok(marks) = tokio::task::spawn_blocking(move || marks(&directory, is_ours)).await else {
            return Vec::new();
        };
        // A folder that cannot be read just now says nothing about its files.
        let Some(marks) = marks else {
            if !std::mem::replace(&mut self.is_unreadable, true) {
                let directory = self.directory.display();
                tracing::error!(%directory, "the folder cannot be read, so the hub does not notice changes there: give the user of clown-hub the right to read it");
            }
            return Vec::new();
        };
        if std::mem::take(&mut self.is_unreadable) {
            tracing::info!(directory = %self.directory.display(), "the folder can be read again");
        }
        let mut changes = self.gone(&marks);
        for path in self.due(marks) {
            let (read, load) = (path.clone(), Arc::clone(&self.load));
            let loaded = tokio::task::spawn_blocking(move || load(&read)).await;
            changes.extend(loaded.ok().and_then(|loaded| self.take(path, loaded)));
        }
        self.is_first = false;
        changes
    }

    /// Whether a file is there that was not read yet, or is perhaps only missing for a moment.
    pub fn is_unsettled(&self) -> bool {
        self.seen.values().any(|seen| !seen.is_read || seen.is_missing)
    }

    /// The files that are missing for the second time: between the two steps in which some programs replace a file it
    /// is not there.
    fn gone(&mut self, marks: &BTreeMap<PathBuf, Mark>) -> Vec<Change<T>> {
        let missing: Vec<_> = self.seen.keys().filter(|path| !marks.contains_key(*path)).cloned().collect();
        let mut gone = Vec::new();
        for path in missing {
            match self.seen.get_mut(&path) {
                Some(seen) if !seen.is_missing => seen.is_missing = true,
                _ => {
                    self.seen.remove(&path);
                    self.said.remove(&path);
                    gone.push(Change::Gone(name(&path)));
                }
            }
        }
        gone
    }

    /// The files that are to be read.
    fn due(&mut self, marks: BTreeMap<PathBuf, Mark>) -> Vec<PathBuf> {
        let mut due = Vec::new();
        for (path, mark) in marks {
            if let Some(seen) = self.seen.get_mut(&path).filter(|seen| seen.mark == mark) {
                seen.is_missing = false;
                if !seen.is_read || seen.again.as_mut().is_some_and(Again::is_due) {
                    seen.is_read = true;
                    due.push(path);
                }
                continue;
            }
            // What lay there before the hub was started is whole.
            if self.is_first {
                due.push(path.clone());
            }
            self.seen.insert(path, Seen { mark, is_read: self.is_first, is_missing: false, again: None });
        }
        due
    }

    fn take(&mut self, path: PathBuf, loaded: Result<T, Mistakes>) -> Option<Change<T>> {
        let again = self.seen.get_mut(&path).map(|seen| &mut seen.again);
        match loaded {
            Ok(says) => {
                again.map(Option::take);
                let before = self.said.insert(path, Some(says.clone())).flatten();
                (before.as_ref() != Some(&says)).then_some(Change::There(says))
            }
            Err(mistakes) => {
                let was_told = again.is_some_and(|again| again.replace(Again::default()).is_some());
                let name = name(&path);
                self.said.entry(path).or_default();
                (!was_told).then_some(Change::Bad(name, mistakes))
            }
        }
    }
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The files in a folder that are ours; `None` where it cannot be read. A folder that is not there has none.
fn marks(directory: &Path, is_ours: fn(&Path) -> bool) -> Option<BTreeMap<PathBuf, Mark>> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Some(BTreeMap::new()),
        Err(_) => return None,
    };
    let mut paths = BTreeSet::new();
    for entry in entries {
        let path = entry.ok()?.path();
        if is_ours(&path) {
            paths.insert(path);
        }
    }
    let mut marks = BTreeMap::new();
    // Always the same ones.
    for path in paths.into_iter().take(MOST_FILES) {
        match Mark::of(&path) {
            Ok(mark) => {
                marks.insert(path, mark);
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            // It is there, and reading it will tell what is wrong.
            Err(_) => {
                marks.insert(path, Mark::unknown());
            }
        }
    }
    Some(marks)
}

#[cfg(test)]
mod tests {
    use super::super::{Form, Mistake, Tells, small_file};
    use super::*;

    const NUMBER: &str = "number = 1\n";

    /// A folder of files with a number each.
    fn watch(directory: PathBuf) -> Watch<(String, u64)> {
        let is_ours = |path: &Path| path.extension().is_some_and(|ending| ending == "toml");
        Watch::new(directory, is_ours, |path| {
            let shown = path.display().to_string();
            let text = small_file::text(path, 1000).map_err(|why| Mistake::at(&shown, why))?;
            let mut form = Form::new(&shown, &text, Tells::Values);
            let number = form.table(|_| false).and_then(|table| form.whole(&table, "number", 0..=9, ""));
            form.finish((name(path), number.unwrap_or_default()))
        })
    }

    async fn looks(watch: &mut Watch<(String, u64)>) -> Vec<String> {
        let told = |change: Change<(String, u64)>| match change {
            Change::There(says) => format!("there {}", says.0),
            Change::Bad(name, mistakes) => format!("bad {name} {}", mistakes.iter().count()),
            Change::Gone(name) => format!("gone {name}"),
        };
        watch.look().await.into_iter().map(told).collect()
    }

    #[tokio::test]
    async fn a_file_that_comes_changes_or_goes_is_told_once_and_by_itself() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("one.toml", NUMBER);
        write("two.toml.example", NUMBER);
        let mut watch = watch(folder.path().to_owned());
        assert_eq!(looks(&mut watch).await, ["there one"], "what is there at the start");
        write("three.toml", "number = 2");
        assert_eq!(looks(&mut watch).await, [""; 0], "it may be half written");
        assert_eq!(looks(&mut watch).await, ["there three"]);
        write("one.toml", &format!("{NUMBER}# the same\n"));
        looks(&mut watch).await;
        assert_eq!(looks(&mut watch).await, [""; 0], "it says what it said");
        write("one.toml", "number = 10");
        looks(&mut watch).await;
        assert_eq!(looks(&mut watch).await, ["bad one 1"]);
        std::fs::remove_file(folder.path().join("one.toml")).unwrap();
        assert_eq!(looks(&mut watch).await, [""; 0], "it may be on its way back");
        assert_eq!(looks(&mut watch).await, ["gone one"]);
        assert_eq!(looks(&mut watch).await, [""; 0]);
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_has_no_files_and_may_come_later() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("bridges");
        let mut watch = watch(inside.clone());
        assert_eq!(looks(&mut watch).await, [""; 0]);
        std::fs::create_dir(&inside).unwrap();
        std::fs::write(inside.join("one.toml"), NUMBER).unwrap();
        looks(&mut watch).await;
        assert_eq!(looks(&mut watch).await, ["there one"]);
    }

    #[tokio::test]
    async fn a_file_that_is_replaced_in_two_steps_was_never_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one.toml");
        std::fs::write(&path, NUMBER).unwrap();
        let mut watch = watch(folder.path().to_owned());
        assert_eq!(looks(&mut watch).await, ["there one"]);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(looks(&mut watch).await, [""; 0]);
        std::fs::write(&path, NUMBER).unwrap();
        for _ in 0..3 {
            assert_eq!(looks(&mut watch).await, [""; 0], "it says what it said");
        }
    }

    #[tokio::test]
    async fn a_symbolic_link_is_followed_and_one_that_leads_nowhere_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("first"), NUMBER).unwrap();
        std::fs::write(path("second"), "number = 2").unwrap();
        std::os::unix::fs::symlink(path("first"), path("one.toml")).unwrap();
        std::os::unix::fs::symlink(path("nowhere"), path("two.toml")).unwrap();
        let mut watch = watch(folder.path().to_owned());
        assert_eq!(looks(&mut watch).await, ["there one"]);
        std::os::unix::fs::symlink(path("second"), path("new")).unwrap();
        std::fs::rename(path("new"), path("one.toml")).unwrap();
        looks(&mut watch).await;
        assert_eq!(looks(&mut watch).await, ["there one"], "it leads elsewhere now");
    }

    #[tokio::test]
    async fn a_pipe_a_folder_and_a_loop_of_links_are_told_and_hold_nobody_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        assert!(std::process::Command::new("mkfifo").arg(path("pipe.toml")).status().unwrap().success());
        std::fs::create_dir(path("folder.toml")).unwrap();
        std::os::unix::fs::symlink(path("loop.toml"), path("loop.toml")).unwrap();
        std::fs::write(path("one.toml"), NUMBER).unwrap();
        let mut watch = watch(folder.path().to_owned());
        assert_eq!(looks(&mut watch).await, ["bad folder 1", "bad loop 1", "there one", "bad pipe 1"]);
        assert_eq!(looks(&mut watch).await, [""; 0]);
    }
}
