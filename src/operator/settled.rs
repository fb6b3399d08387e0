//! Files that are read again when they have changed, and only once they are whole.

use std::path::PathBuf;

use super::watch::Mark;

/// So many looks in a row find what is there bad before that is told: who changes two files writes one after the other.
const PATIENCE: u32 = 2;

/// Some files, as they were seen last. To be looked at now and then.
#[derive(Debug)]
pub struct Settled {
    paths: Vec<PathBuf>,
    seen: Vec<Option<Mark>>,
    /// How often what is there was tried; `None` where it was taken, or told to be bad.
    tries: Option<u32>,
}

impl Settled {
    /// Files that were read just now.
    pub fn read(paths: Vec<PathBuf>) -> Self {
        let seen = marks(&paths);
        Self { paths, seen, tries: None }
    }

    /// Files that were read before: they are read once more, as they may have changed since.
    pub fn read_before(paths: Vec<PathBuf>) -> Self {
        Self { tries: Some(0), ..Self::read(paths) }
    }

    /// Looks at the files, away from the threads that serve sockets. They are loaded when two looks in a row found them the
    /// same; `None` where there is nothing new. What was loaded once, or was told to be bad, is loaded when it has changed.
    pub async fn look<T: Send + 'static, E: Send + 'static>(
        &mut self,
        load: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Option<Result<T, E>> {
        let paths = self.paths.clone();
        let marks = tokio::task::spawn_blocking(move || marks(&paths)).await.ok()?;
        if marks != self.seen {
            (self.seen, self.tries) = (marks, Some(0));
            return None;
        }
        let tries = self.tries?;
        let loaded = tokio::task::spawn_blocking(load).await.ok()?;
        if loaded.is_err() && tries + 1 < PATIENCE {
            self.tries = Some(tries + 1);
            return None;
        }
        self.tries = None;
        Some(loaded)
    }
}

/// What tells that a file was changed; `None` where it is not there.
fn marks(paths: &[PathBuf]) -> Vec<Option<Mark>> {
    paths.iter().map(|path| Mark::of(path).ok()).collect()
}
