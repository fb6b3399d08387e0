//! Files that are read again when they have changed, and only once they are whole.

use std::path::PathBuf;

use super::mark::{Again, Mark};

/// So many looks in a row find what is there bad before that is told: who changes two files writes one after the other.
const PATIENCE: u32 = 2;

/// Some files, as they were seen last. To be looked at now and then.
#[derive(Debug, Clone)]
pub struct Settled {
    paths: Vec<PathBuf>,
    seen: Vec<Option<Mark>>,
    state: State,
}

/// What became of what is there.
#[derive(Debug, Clone)]
enum State {
    /// It was taken.
    Taken,
    /// It is new, and was tried so often.
    New(u32),
    /// It was told to be bad.
    Bad(Again),
}

impl Settled {
    /// Files that were read just now.
    pub fn read(paths: Vec<PathBuf>) -> Self {
        let seen = marks(&paths);
        Self { paths, seen, state: State::Taken }
    }

    /// Files that were read before: they are read once more, as they may have changed since.
    pub fn read_before(paths: Vec<PathBuf>) -> Self {
        Self { state: State::New(0), ..Self::read(paths) }
    }

    /// Looks at the files, away from the threads that serve sockets. They are loaded when two looks in a row found them the
    /// same; `None` where there is nothing new. What was loaded once is loaded again when it has changed, and so is what was told to be
    /// bad: that is tried now and then besides, and told when it is good.
    pub async fn look<T: Send + 'static, E: Send + 'static>(
        &mut self,
        load: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Option<Result<T, E>> {
        let paths = self.paths.clone();
        let marks = tokio::task::spawn_blocking(move || marks(&paths)).await.ok()?;
        if marks != self.seen {
            (self.seen, self.state) = (marks, State::New(0));
            return None;
        }
        let is_due = match &mut self.state {
            State::Taken => false,
            State::New(_) => true,
            State::Bad(again) => again.is_due(),
        };
        if !is_due {
            return None;
        }
        let loaded = tokio::task::spawn_blocking(load).await.ok()?;
        match (&mut self.state, &loaded) {
            (State::New(tries), Err(_)) if *tries + 1 < PATIENCE => {
                *tries += 1;
                return None;
            }
            // It was told.
            (State::Bad(_), Err(_)) => return None,
            (State::Taken | State::New(_), Err(_)) => self.state = State::Bad(Again::default()),
            (State::Taken | State::New(_) | State::Bad(_), Ok(_)) => self.state = State::Taken,
        }
        Some(loaded)
    }
}

/// What tells that a file was changed; `None` where it is not there.
fn marks(paths: &[PathBuf]) -> Vec<Option<Mark>> {
    paths.iter().map(|path| Mark::of(path).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_could_not_be_read_is_tried_again_though_nothing_of_it_has_changed_and_told_once() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut settled = Settled::read_before(vec![file.path().to_owned()]);
        let mut told = Vec::new();
        for look in 0..100 {
            // As if there were no more open files for a while.
            let found =
                settled.look(move || if look < 20 { Err("too many open files") } else { Ok(()) }).await;
            told.extend(found.map(|found| (look, found)));
        }
        assert_eq!(told, [(1, Err("too many open files")), (33, Ok(()))]);
    }
}
