//! A text that all hubs of a cluster have alike, the accounts, between its file here and the other hubs: which edition stands here,
//! and which one another hub has. Floor 0; time is an argument.
//!
//! The newer one wins, by when it was written; of two of one moment the larger text, so that all choose the same. What a hub finds in
//! its file when it starts is older than whatever the cluster has, but for a change of which the cluster was not told yet.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

/// One edition of the text, in the order of age.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edition {
    /// When it was written, in milliseconds since 1970; 0 where nobody knows.
    pub at: u64,
    /// What it says.
    pub text: Arc<str>,
}

impl std::fmt::Debug for Edition {
    /// There are hashes of passwords in it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Edition({}, {} bytes)", self.at, self.text.len())
    }
}

/// How an edition of another hub stands to the one here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// It is newer, and waits to be taken.
    Newer,
    /// It is the same.
    Known,
    /// It was refused before.
    Refused,
    /// It is older.
    Older,
}

/// What the file is to know.
#[derive(Debug)]
pub enum News {
    /// Another hub has this edition, and it is to be taken.
    There(Edition),
    /// The cluster has what was changed here.
    Told,
}

#[derive(Debug, Default)]
struct State {
    here: Option<Edition>,
    /// Whether that has changed since it was last asked.
    is_changed: bool,
    /// Whether it was changed here, and the cluster does not have it yet.
    is_untold: bool,
    /// Whether the file is to be told that the cluster has it.
    is_news: bool,
    /// What another hub has, until it is taken or refused.
    there: Option<Edition>,
    refused: Option<Edition>,
    /// When the cluster was found to have none, where nothing stood here yet.
    founded: Option<u64>,
    file: Option<Waker>,
    hubs: Option<Waker>,
}

impl State {
    fn is_told(&mut self) {
        if std::mem::take(&mut self.is_untold) {
            self.is_news = true;
            let _ = self.file.as_ref().map(Waker::wake_by_ref);
        }
    }
}

/// Both sides of it. The lock is a leaf.
#[derive(Debug, Default)]
pub struct Editions(Mutex<State>);

impl Editions {
    /// This is found in the file as the hub starts. Where it was changed here, and the cluster was not told, that was `untold`.
    pub fn begin(&self, text: Option<String>, untold: Option<u64>) {
        let mut state = self.0.lock();
        if state.here.is_none() {
            let at = untold.or(state.founded).unwrap_or(0);
            state.is_untold = untold.is_some();
            state.here = text.map(|text| Edition { at, text: text.into() });
            state.is_changed = true;
            let _ = state.hubs.as_ref().map(Waker::wake_by_ref);
        }
    }

    /// Somebody has changed the file, or had it changed.
    pub fn change(&self, text: String, now: u64) {
        let mut state = self.0.lock();
        let before = state.here.as_ref();
        if before.is_some_and(|before| *before.text == text) {
            return;
        }
        let at = before.map_or(now, |before| now.max(before.at.saturating_add(1)));
        state.here = Some(Edition { at, text: text.into() });
        (state.is_changed, state.is_untold, state.is_news) = (true, true, false);
        let _ = state.hubs.as_ref().map(Waker::wake_by_ref);
    }

    /// The cluster has none: what this hub has started with is the first. What was written since is as old as it is. Returns it.
    pub fn found(&self, now: u64) -> Option<Edition> {
        let mut state = self.0.lock();
        state.founded = Some(now);
        let here = state.here.as_mut()?;
        if here.at == 0 {
            here.at = now;
        }
        Some(here.clone())
    }

    /// What stands here.
    pub fn here(&self) -> Option<Edition> {
        self.0.lock().here.clone()
    }

    /// Another hub has this edition.
    pub fn offer(&self, edition: Edition) -> Heard {
        let mut guard = self.0.lock();
        let state = &mut *guard;
        match &state.here {
            // The same as here after one that made no sense is taken once more, so that this is told.
            Some(here)
                if *here.text == *edition.text
                    && here.at <= edition.at
                    && (here.at == edition.at
                        || state.refused.as_ref().is_none_or(|refused| *refused > edition)) =>
            {
                state.there.take_if(|there| *there <= edition);
                state.here = Some(edition);
                state.is_told();
                return Heard::Known;
            }
            Some(here) if *here > edition => return Heard::Older,
            Some(_) | None => {}
        }
        if state.refused.as_ref() == Some(&edition) {
            return Heard::Refused;
        }
        if state.there.as_ref().is_none_or(|there| *there < edition) {
            state.there = Some(edition);
            let _ = state.file.as_ref().map(Waker::wake_by_ref);
        }
        Heard::Newer
    }

    /// It makes sense, and stands here from now on. Says no where something newer was written here meanwhile.
    pub fn take(&self, edition: &Edition) -> bool {
        let mut state = self.0.lock();
        let is_newer = state.here.as_ref().is_none_or(|here| *here < *edition);
        if is_newer {
            state.here = Some(edition.clone());
            state.refused.take_if(|refused| *refused < *edition);
            state.is_told();
        }
        is_newer
    }

    /// The cluster has this edition.
    pub fn is_told(&self, edition: &Edition) {
        let mut state = self.0.lock();
        if state.here.as_ref() == Some(edition) {
            state.is_told();
        }
    }

    /// What was changed here, if the cluster does not have it yet.
    pub fn untold(&self) -> Option<Edition> {
        let state = self.0.lock();
        state.here.clone().filter(|_| state.is_untold)
    }

    /// Whether what stands here is this, or newer.
    pub fn is_up_to(&self, edition: &Edition) -> bool {
        self.0.lock().here.as_ref().is_some_and(|here| here >= edition)
    }

    /// It makes no sense here.
    pub fn refuse(&self, edition: Edition) {
        let mut state = self.0.lock();
        state.refused = Some(edition);
        state.is_changed = true;
        let _ = state.hubs.as_ref().map(Waker::wake_by_ref);
    }

    /// Whether that was the one that made no sense.
    pub fn has_refused(&self, edition: &Edition) -> bool {
        self.0.lock().refused.as_ref() == Some(edition)
    }

    /// The next that the file is to know.
    pub fn poll_there(&self, cx: &mut Context<'_>) -> Poll<News> {
        let mut state = self.0.lock();
        if std::mem::take(&mut state.is_news) {
            return Poll::Ready(News::Told);
        }
        if let Some(edition) = state.there.take() {
            return Poll::Ready(News::There(edition));
        }
        state.file = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Whether the edition here has changed.
    pub fn poll_here(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.lock();
        if std::mem::take(&mut state.is_changed) {
            return Poll::Ready(());
        }
        if !state.hubs.as_ref().is_some_and(|hubs| hubs.will_wake(cx.waker())) {
            state.hubs = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edition(at: u64, text: &str) -> Edition {
        Edition { at, text: text.into() }
    }

    fn there(editions: &Editions) -> Option<Edition> {
        loop {
            match editions.poll_there(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(News::There(edition)) => return Some(edition),
                Poll::Ready(News::Told) => {}
                Poll::Pending => return None,
            }
        }
    }

    #[test]
    fn what_a_hub_starts_with_gives_way_to_whatever_the_cluster_has_and_a_change_to_a_later_one() {
        let editions = Editions::default();
        editions.begin(Some("start".to_owned()), None);
        assert_eq!(editions.offer(edition(1, "theirs")), Heard::Newer);
        assert_eq!(editions.offer(edition(3, "newer")), Heard::Newer);
        assert_eq!(editions.offer(edition(2, "late")), Heard::Newer, "it waits for neither");
        let taken = there(&editions).unwrap();
        assert_eq!((taken.at, there(&editions)), (3, None));
        assert!(editions.take(&taken));
        assert_eq!(editions.offer(edition(3, "newer")), Heard::Known);
        editions.change("newer".to_owned(), 9);
        assert_eq!(editions.here().unwrap().at, 3, "that is no change");
        editions.change("mine".to_owned(), 2);
        assert_eq!(editions.here(), Some(edition(4, "mine")), "a clock that is behind");
        assert_eq!(editions.offer(edition(3, "newer")), Heard::Older);
        assert!(!editions.take(&edition(3, "newer")));
        assert_eq!(editions.offer(edition(5, "mine")), Heard::Known);
    }

    #[test]
    fn what_was_changed_back_while_it_was_written_is_not_taken_any_more() {
        let editions = Editions::default();
        editions.change("x".to_owned(), 1);
        editions.offer(edition(2, "y"));
        let being_written = there(&editions).unwrap();
        assert!(!editions.is_up_to(&being_written));
        assert_eq!(editions.offer(edition(3, "x")), Heard::Known);
        assert!(editions.is_up_to(&being_written) && !editions.take(&being_written));
        assert_eq!(editions.here(), Some(edition(3, "x")), "this goes back into the file");
        // The same where it waits to be written.
        editions.offer(edition(4, "z"));
        editions.change("mine".to_owned(), 5);
        assert!(editions.is_up_to(&there(&editions).unwrap()));
    }

    #[test]
    fn of_two_of_one_moment_all_choose_the_same_and_what_was_refused_is_not_offered_again() {
        let (one, other) = (Editions::default(), Editions::default());
        one.change("a".to_owned(), 7);
        other.change("b".to_owned(), 7);
        assert_eq!(one.offer(edition(7, "b")), Heard::Newer);
        assert_eq!(other.offer(edition(7, "a")), Heard::Older);
        one.refuse(there(&one).unwrap());
        assert_eq!((one.offer(edition(7, "b")), there(&one)), (Heard::Refused, None));
    }

    #[test]
    fn what_the_cluster_was_not_told_stands_against_it_also_after_a_restart() {
        let editions = Editions::default();
        editions.begin(Some("mine".to_owned()), Some(7));
        assert_eq!(editions.offer(edition(6, "theirs")), Heard::Older);
        assert_eq!(editions.found(9), Some(edition(7, "mine")));
        assert_eq!(editions.untold(), Some(edition(7, "mine")));
        assert_eq!(editions.offer(edition(8, "later")), Heard::Newer);
        assert!(editions.take(&there(&editions).unwrap()));
        assert_eq!(editions.untold(), None, "the later change holds");
    }

    #[test]
    fn the_file_knows_when_the_cluster_has_what_was_changed_here() {
        let editions = Editions::default();
        let news = || match editions.poll_there(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(News::Told) => true,
            Poll::Ready(News::There(_)) | Poll::Pending => false,
        };
        editions.begin(Some("start".to_owned()), None);
        assert!(editions.untold().is_none() && !news());
        editions.change("mine".to_owned(), 3);
        editions.is_told(&edition(2, "mine"));
        assert!(editions.untold().is_some() && !news(), "that is of another edition");
        editions.is_told(&edition(3, "mine"));
        assert!(editions.untold().is_none() && news() && !news());
        // By another hub that has it, too.
        editions.change("next".to_owned(), 4);
        assert_eq!(editions.offer(edition(4, "next")), Heard::Known);
        assert!(editions.untold().is_none() && news());
        // A change that comes before the file knows is another one.
        editions.change("third".to_owned(), 5);
        editions.is_told(&edition(5, "third"));
        editions.change("fourth".to_owned(), 6);
        assert!(!news() && editions.untold().is_some());
    }

    #[test]
    fn what_was_refused_is_over_when_the_others_go_back_to_what_stands_here() {
        let editions = Editions::default();
        editions.change("good".to_owned(), 1);
        editions.offer(edition(2, "bad"));
        editions.refuse(there(&editions).unwrap());
        assert_eq!(editions.offer(edition(1, "good")), Heard::Known, "that is from before it");
        assert!(editions.has_refused(&edition(2, "bad")));
        assert_eq!(editions.offer(edition(3, "good")), Heard::Newer);
        let again = there(&editions).unwrap();
        assert!(!editions.is_up_to(&again) && editions.take(&again));
        assert_eq!(
            (editions.offer(edition(3, "good")), editions.has_refused(&edition(2, "bad"))),
            (Heard::Known, false)
        );
    }

    #[test]
    fn the_first_of_a_cluster_is_of_the_moment_in_which_there_was_none() {
        let editions = Editions::default();
        assert_eq!(editions.found(5), None, "the demo has none");
        editions.begin(Some("first".to_owned()), None);
        let at = editions.here().unwrap().at;
        assert_eq!(
            (at, editions.found(9)),
            (5, Some(edition(5, "first"))),
            "it was said when nothing stood here yet"
        );
        let written = Editions::default();
        written.change("earlier".to_owned(), 3);
        assert_eq!(written.found(9), Some(edition(3, "earlier")), "another hub may have written later");
        assert!(!format!("{editions:?}").contains("first"), "hashes are in no log");
    }
}
