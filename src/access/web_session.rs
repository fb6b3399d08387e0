//! Sessions of browsers: who signed in with a form comes back with a token.
//!
//! A token is 256 random bits, told once; the map knows it by its digest only, so that neither a look into the memory
//! nor the time of a look-up gives one away. A session that leaves the map, for whatever reason, has ended: what
//! was opened by it sees `ended` and closes.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::account::User;
use super::bounded::{Bounded, Expires, lowest};
use super::keyed::{self, Digest, Key, NoRandomness, Purpose};
use super::roll::SignedIn;

/// 32 bytes in base64url.
const TOKEN_CHARACTERS: usize = 43;

/// A session that began: what the browser gets. `Debug` does not show the token.
pub struct WebSession {
    /// 43 characters of base64url. This is the only time it is told.
    pub token: String,
    /// How long from now it is good for.
    pub lasts: Duration,
}

impl fmt::Debug for WebSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSession").field("lasts", &self.lasts).finish_non_exhaustive()
    }
}

/// The sessions there are, at most so many.
pub(super) struct WebSessions {
    lasts: Duration,
    sessions: Mutex<Bounded<Digest, Held>>,
}

/// A session in the map. Dropping it ends it.
struct Held {
    user: User,
    until: Instant,
    ended: CancellationToken,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.ended.cancel();
    }
}

impl Expires for Held {
    fn until(&self) -> Instant {
        self.until
    }

    /// A session is over with its account, too.
    fn is_over(&self, now: Instant) -> bool {
        self.until <= now || self.ended.is_cancelled()
    }
}

impl WebSessions {
    /// Sessions of `lasts`, at most `most` of them, 1 at least.
    pub(super) fn new(lasts: Duration, most: usize) -> Self {
        Self { lasts, sessions: Mutex::new(Bounded::new(most.max(1))) }
    }

    /// Begins a session, which ends with `who` at the latest. Where there are too many, those that expired end, else the
    /// oldest of the user who has the most: nobody signs others out by signing in.
    pub(super) fn start(&self, who: &SignedIn, key: &Key, now: Instant) -> Result<WebSession, NoRandomness> {
        let token = URL_SAFE_NO_PAD.encode(keyed::random::<32>()?);
        let (user, ended) = (who.user.clone(), who.ended.child_token());
        let held = Held { user, until: now + self.lasts, ended };
        let digest = key.digest(Purpose::WebSession, &[token.as_bytes()]);
        // Ended sessions wake their sockets when they drop, which is after the lock.
        let _ended = self.sessions.lock().put(digest, held, now, oldest_of_who_has_most);
        Ok(WebSession { token, lasts: self.lasts })
    }

    /// Who signed in with a token; a session that is over ends here.
    pub(super) fn find(&self, token: &str, key: &Key, now: Instant) -> Option<SignedIn> {
        if token.len() != TOKEN_CHARACTERS {
            return None;
        }
        let digest = key.digest(Purpose::WebSession, &[token.as_bytes()]);
        let _over = {
            let mut sessions = self.sessions.lock();
            if let Some(held) = sessions.get(&digest, now) {
                return Some(SignedIn { user: held.user.clone(), ended: held.ended.clone() });
            }
            sessions.remove(&digest)
        };
        None
    }

    /// Ends a session; whether there was one that was not over.
    pub(super) fn end(&self, token: &str, key: &Key, now: Instant) -> bool {
        let digest = key.digest(Purpose::WebSession, &[token.as_bytes()]);
        let held = self.sessions.lock().remove(&digest);
        held.is_some_and(|held| !held.is_over(now))
    }

    /// Ends what is over. Returns when the next session expires.
    pub(super) fn sweep(&self, now: Instant) -> Option<Instant> {
        let mut sessions = self.sessions.lock();
        let (ended, next) = (sessions.sweep(now), sessions.next_end());
        drop(sessions);
        drop(ended);
        next
    }
}

fn oldest_of_who_has_most(sessions: &HashMap<Digest, Held>) -> Option<Digest> {
    let mut count: HashMap<&str, usize> = HashMap::new();
    for held in sessions.values() {
        *count.entry(&held.user.name).or_default() += 1;
    }
    lowest(sessions, |held| Some((Reverse(count.get(&*held.user.name).copied()), held.until)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    const HOUR: Duration = Duration::from_hours(1);

    fn signed_in(name: &str) -> SignedIn {
        let user = User { name: name.into(), rights: Arc::default() };
        SignedIn { user, ended: CancellationToken::new() }
    }

    struct Room {
        key: Key,
        sessions: WebSessions,
    }

    impl Room {
        fn new(most: usize) -> Self {
            Self { key: Key::random().unwrap(), sessions: WebSessions::new(HOUR, most) }
        }

        fn start(&self, name: &str) -> String {
            self.sessions.start(&signed_in(name), &self.key, Instant::now()).unwrap().token
        }

        fn find(&self, token: &str) -> Option<SignedIn> {
            self.sessions.find(token, &self.key, Instant::now())
        }
    }

    #[test]
    fn a_token_is_long_random_and_not_in_the_map() {
        let room = Room::new(10);
        let (one, two) = (room.start("jana"), room.start("jana"));
        assert_ne!(one, two);
        assert_eq!(one.len(), 43);
        assert!(
            one.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'),
            "{one}"
        );
        assert_eq!(&*room.find(&one).unwrap().user.name, "jana");
        for wrong in ["", "x", &format!("{one} "), &format!("{one}="), &one.to_lowercase()] {
            assert!(room.find(wrong).is_none(), "{wrong}");
        }
        assert!(Room::new(10).find(&one).is_none(), "another process knows nothing of it");
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_that_ends_refuses_its_token_and_tells_its_sockets() {
        let room = Room::new(10);
        let (token, other) = (room.start("jana"), room.start("jana"));
        let (socket, other_socket) = (room.find(&token).unwrap(), room.find(&other).unwrap());
        assert!(room.sessions.end(&token, &room.key, Instant::now()));
        socket.ended.cancelled().await;
        assert!(room.find(&token).is_none());
        assert!(!room.sessions.end(&token, &room.key, Instant::now()), "it ends once");
        assert!(room.find(&other).is_some());
        assert!(!other_socket.ended.is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_expires_at_the_next_look_or_sweep() {
        let room = Room::new(10);
        let (looked, swept) = (room.start("jana"), room.start("jana"));
        let sockets = [&looked, &swept].map(|token| room.find(token).unwrap());
        tokio::time::advance(HOUR).await;
        assert!(room.find(&looked).is_none());
        assert!(sockets[0].ended.is_cancelled() && !sockets[1].ended.is_cancelled());
        room.sessions.sweep(Instant::now());
        assert!(sockets[1].ended.is_cancelled());
        assert!(room.sessions.sessions.lock().len() == 0);
    }

    #[test]
    fn a_session_ends_with_its_account_and_its_account_does_not_end_with_it() {
        let room = Room::new(10);
        let who = signed_in("jana");
        let start = || room.sessions.start(&who, &room.key, Instant::now()).unwrap().token;
        let (signed_out, stays) = (start(), start());
        assert!(room.sessions.end(&signed_out, &room.key, Instant::now()));
        assert!(!who.ended.is_cancelled());
        let socket = room.find(&stays).unwrap();
        who.ended.cancel();
        assert!(socket.ended.is_cancelled() && room.find(&stays).is_none());
        assert_eq!(room.sessions.sessions.lock().len(), 0);
        assert!(room.find(&start()).is_none(), "a login that came too late");
    }

    #[tokio::test(start_paused = true)]
    async fn too_many_sessions_of_one_user_end_the_oldest_of_theirs_and_of_nobody_else() {
        let room = Room::new(5);
        let emil = room.start("emil");
        let mut flood = Vec::new();
        for _ in 0..100 {
            tokio::time::advance(Duration::from_secs(1)).await;
            flood.push(room.start("jana"));
            assert!(room.sessions.sessions.lock().len() <= 5);
        }
        assert!(room.find(&emil).is_some());
        let alive: Vec<bool> = flood.iter().map(|token| room.find(token).is_some()).collect();
        assert!(alive[..96].iter().all(|alive| !alive), "the oldest went");
        assert!(alive[96..].iter().all(|alive| *alive), "the newest stay");
    }
}
