//! Sessions of browsers: who signed in with a form comes back with a token.
//!
//! A token is 256 random bits, told once; the map knows it by its digest only, so that neither a look into the memory
//! nor the time of a look-up gives one away. A session that leaves the map, for whatever reason, has ended: what
//! was opened by it sees `ended` and closes.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::account::User;
use super::keyed::{self, Digest, Key, NoRandomness, Purpose};

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

/// Proof of a session that has not ended.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// Who.
    pub user: User,
    /// Fires when the session ends: signed out, expired and swept, or pushed out by newer ones. Cancelling it ends
    /// nothing else.
    pub ended: CancellationToken,
}

/// The sessions there are, at most so many.
pub(super) struct WebSessions {
    lasts: Duration,
    most: usize,
    sessions: Mutex<HashMap<Digest, Held>>,
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

impl WebSessions {
    /// Sessions of `lasts`, at most `most` of them, 1 at least.
    pub(super) fn new(lasts: Duration, most: usize) -> Self {
        Self { lasts, most: most.max(1), sessions: Mutex::default() }
    }

    /// Begins a session. Where there are too many, those that expired end, else the oldest of the user who has the
    /// most: nobody signs others out by signing in.
    pub(super) fn start(&self, user: &User, key: &Key, now: Instant) -> Result<WebSession, NoRandomness> {
        let token = URL_SAFE_NO_PAD.encode(keyed::random::<32>()?);
        let held = Held { user: user.clone(), until: now + self.lasts, ended: CancellationToken::new() };
        let digest = key.digest(Purpose::WebSession, &[token.as_bytes()]);
        // Ended sessions wake their sockets when they drop, which is after the lock.
        let _ended = {
            let mut sessions = self.sessions.lock();
            let ended = make_room(&mut sessions, self.most, now);
            sessions.insert(digest, held);
            ended
        };
        Ok(WebSession { token, lasts: self.lasts })
    }

    /// The session of a token; one that has expired ends here.
    pub(super) fn find(&self, token: &str, key: &Key, now: Instant) -> Option<SignedIn> {
        let digest = key.digest(Purpose::WebSession, &[token.as_bytes()]);
        let _expired = {
            let mut sessions = self.sessions.lock();
            let held = sessions.get(&digest)?;
            if held.until > now {
                return Some(SignedIn { user: held.user.clone(), ended: held.ended.child_token() });
            }
            sessions.remove(&digest)
        };
        None
    }

    /// Ends a session; whether there was one that had not expired.
    pub(super) fn end(&self, token: &str, key: &Key, now: Instant) -> bool {
        let digest = key.digest(Purpose::WebSession, &[token.as_bytes()]);
        let held = self.sessions.lock().remove(&digest);
        held.is_some_and(|held| held.until > now)
    }

    /// Ends what expired.
    pub(super) fn sweep(&self, now: Instant) {
        let _ended = take_expired(&mut self.sessions.lock(), now);
    }
}

fn take_expired(sessions: &mut HashMap<Digest, Held>, now: Instant) -> Vec<Held> {
    sessions.extract_if(|_, held| held.until <= now).map(|(_, held)| held).collect()
}

fn make_room(sessions: &mut HashMap<Digest, Held>, most: usize, now: Instant) -> Vec<Held> {
    if sessions.len() < most {
        return Vec::new();
    }
    let mut ended = take_expired(sessions, now);
    if sessions.len() >= most {
        let mut count: HashMap<Arc<str>, usize> = HashMap::new();
        for held in sessions.values() {
            *count.entry(held.user.name.clone()).or_default() += 1;
        }
        let rank = |held: &Held| (count.get(&held.user.name).copied(), Reverse(held.until));
        let oldest = sessions.iter().max_by_key(|(_, held)| rank(held)).map(|(digest, _)| *digest);
        ended.extend(oldest.and_then(|digest| sessions.remove(&digest)));
    }
    ended
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn user(name: &str) -> User {
        User { name: name.into(), rights: Arc::default() }
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
            self.sessions.start(&user(name), &self.key, Instant::now()).unwrap().token
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
        assert!(room.sessions.sessions.lock().is_empty());
    }

    #[test]
    fn a_socket_that_cancels_its_own_leaves_the_session_alone() {
        let room = Room::new(10);
        let token = room.start("jana");
        room.find(&token).unwrap().ended.cancel();
        assert!(!room.find(&token).unwrap().ended.is_cancelled());
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
