use super::super::kept::WebSessionChanges;
use super::super::password::cheap_hash;
use super::super::users::Accounts;
use super::stored::WRITTEN_WITHIN;
use super::*;

const HOUR: Duration = Duration::from_hours(1);

const DAY: Duration = Duration::from_hours(24);
const MONTH: Duration = Duration::from_hours(30 * 24);

fn user(name: &str, hash: &str) -> String {
    format!("[[user]]\nname = \"{name}\"\npassword = \"{hash}\"\n")
}

/// Jana and Emil, with hashes that are others each time.
fn both() -> String {
    let hash = cheap_hash("right");
    ["jana", "emil"].map(|name| user(name, &hash)).concat()
}

/// A hub with these accounts, which is a new process each time.
struct Room {
    roll: Arc<Roll>,
    drain: CancellationToken,
    sessions: Arc<WebSessions>,
}

impl Room {
    fn new(most: usize, most_of_user: usize) -> Self {
        Self::with(&both(), most, most_of_user)
    }

    fn with(accounts: &str, most: usize, most_of_user: usize) -> Self {
        let drain = CancellationToken::new();
        let roll = Arc::new(Roll::new(Accounts::parse(accounts, "users.toml").unwrap(), drain.clone()));
        let terms = Terms { lasts: HOUR, stays: MONTH, most, most_of_user };
        let sessions = WebSessions::new(Arc::clone(&roll), terms);
        sessions.keep(false);
        Self { roll, drain, sessions }
    }

    fn signed_in(&self, name: &str) -> SignedIn {
        self.roll.now().find(name).unwrap().1
    }

    fn start_as(&self, name: &str, stays: bool) -> String {
        let visitor = Visitor { address: "10.0.0.1".into(), browser: "Firefox on Linux".into() };
        self.sessions.start(&self.signed_in(name), visitor, stays, Instant::now()).unwrap().token
    }

    fn start(&self, name: &str) -> String {
        self.start_as(name, false)
    }

    fn find(&self, token: &str) -> Option<SignedIn> {
        self.sessions.find(token, Instant::now()).map(|page| page.signed_in)
    }

    fn len(&self) -> usize {
        self.sessions.book.lock().sessions.len()
    }

    fn restore(&self, stored: &[KeptWebSession]) -> usize {
        let now = Moment::now();
        self.sessions.restore(stored.to_vec(), now.wall(), now)
    }

    fn all(&self) -> WebSessionChanges {
        self.sessions.all_again();
        self.sessions.changes()
    }

    /// What a store has written that has asked for all changes since the start.
    fn stored(&self) -> Vec<KeptWebSession> {
        self.sessions.changes().kept
    }
}

#[test]
fn a_token_is_long_random_and_not_in_the_map() {
    let room = Room::new(10, 10);
    let (one, two) = (room.start("jana"), room.start("jana"));
    assert_ne!(one, two);
    assert_eq!(one.len(), 43);
    assert!(one.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'), "{one}");
    assert_eq!(&*room.find(&one).unwrap().user.name, "jana");
    for wrong in ["", "x", &format!("{one} "), &format!("{one}="), &one.to_lowercase()] {
        assert!(room.find(wrong).is_none(), "{wrong}");
    }
    assert!(Room::new(10, 10).find(&one).is_none(), "another process knows nothing of it");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_ends_refuses_its_token_and_tells_its_sockets() {
    let room = Room::new(10, 10);
    let (token, other) = (room.start("jana"), room.start("jana"));
    let (socket, other_socket) = (room.find(&token).unwrap(), room.find(&other).unwrap());
    assert_eq!(room.sessions.end(&token, Instant::now()).as_deref(), Some("jana"));
    socket.ended.cancelled().await;
    assert!(room.find(&token).is_none());
    assert_eq!(room.sessions.end(&token, Instant::now()), None, "it ends once");
    assert!(room.find(&other).is_some());
    assert!(!other_socket.ended.is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn a_session_expires_at_the_next_look_or_sweep() {
    let room = Room::new(10, 10);
    let (looked, swept) = (room.start("jana"), room.start("jana"));
    let sockets = [&looked, &swept].map(|token| room.find(token).unwrap());
    tokio::time::advance(HOUR).await;
    assert!(room.find(&looked).is_none());
    assert!(sockets[0].ended.is_cancelled() && !sockets[1].ended.is_cancelled());
    room.sessions.sweep(Instant::now());
    assert!(sockets[1].ended.is_cancelled());
    assert_eq!(room.len(), 0);
}

#[test]
fn a_session_ends_with_its_account_and_its_account_does_not_end_with_it() {
    let room = Room::new(10, 10);
    let who = room.signed_in("jana");
    let start = || room.sessions.start(&who, Visitor::default(), false, Instant::now()).unwrap().token;
    let (signed_out, stays) = (start(), start());
    assert!(room.sessions.end(&signed_out, Instant::now()).is_some());
    assert!(!who.ended.is_cancelled());
    let socket = room.find(&stays).unwrap();
    who.ended.cancel();
    assert!(socket.ended.is_cancelled() && room.find(&stays).is_none());
    assert_eq!(room.len(), 0);
    assert!(room.find(&start()).is_none(), "a login that came too late");
}

#[tokio::test(start_paused = true)]
async fn too_many_sessions_of_one_user_end_the_oldest_of_theirs_and_of_nobody_else() {
    let room = Room::new(5, 5);
    let emil = room.start("emil");
    let mut flood = Vec::new();
    for _ in 0..100 {
        tokio::time::advance(Duration::from_secs(1)).await;
        flood.push(room.start("jana"));
        assert!(room.len() <= 5);
    }
    assert!(room.find(&emil).is_some());
    let alive: Vec<bool> = flood.iter().map(|token| room.find(token).is_some()).collect();
    assert!(alive[..96].iter().all(|alive| !alive), "the oldest went");
    assert!(alive[96..].iter().all(|alive| *alive), "the newest stay");
}

#[tokio::test(start_paused = true)]
async fn one_user_has_so_many_sessions_and_the_one_that_was_not_used_for_the_longest_time_gives_way() {
    let room = Room::new(100, 2);
    let emil = room.start("emil");
    let (used, idle) = (room.start("jana"), room.start_as("jana", true));
    room.find(&used).unwrap();
    let new = room.start("jana");
    assert!([&emil, &used, &new].iter().all(|token| room.find(token).is_some()));
    assert!(room.find(&idle).is_none());
    room.sessions.end(&used, Instant::now());
    let more = room.start("jana");
    assert!(room.find(&new).is_some() && room.find(&more).is_some(), "its place was free");
}

#[tokio::test(start_paused = true)]
async fn who_stays_signed_in_stays_so_with_every_use_and_nobody_else_does() {
    let room = Room::new(10, 10);
    let (stays, other) = (room.start_as("jana", true), room.start("jana"));
    let socket = room.find(&stays).unwrap();
    tokio::time::advance(HOUR).await;
    assert!(room.find(&other).is_none());
    for _ in 0..3 {
        tokio::time::advance(29 * DAY).await;
        room.sessions.sweep(Instant::now());
        assert_eq!(room.sessions.find(&stays, Instant::now()).unwrap().lasts, Some(MONTH));
    }
    tokio::time::advance(MONTH).await;
    assert!(!socket.ended.is_cancelled());
    room.sessions.sweep(Instant::now());
    assert!(socket.ended.is_cancelled() && room.find(&stays).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_session_comes_back_unless_its_account_is_gone_or_has_another_password() {
    let (same, old) = (cheap_hash("right"), cheap_hash("old"));
    let names = ["same", "changed", "gone"];
    let before =
        Room::with(&names.map(|name| user(name, if name == "same" { &same } else { &old })).concat(), 9, 9);
    let tokens = names.map(|name| before.start_as(name, true));
    let stored = before.stored();
    assert_eq!(stored.len(), 3);
    let shown = format!("{stored:?} {:?}", before.sessions);
    assert!(!tokens.iter().any(|token| shown.contains(token)) && !shown.contains("argon2"), "{shown}");
    let room = Room::with(&(user("same", &same) + &user("changed", &same)), 9, 9);
    assert_eq!(room.restore(&stored), 1);
    assert_eq!(tokens.each_ref().map(|token| room.find(token).is_some()), [true, false, false]);
    assert_eq!(&*room.find(&tokens[0]).unwrap().user.name, "same");
    assert_eq!(room.sessions.changes().gone.len(), 2, "they go from the file, too");
    assert_eq!(room.restore(&stored), 0, "the one in memory is newer");
}

#[tokio::test(start_paused = true)]
async fn what_comes_back_lasts_no_longer_than_it_would_have_and_what_has_expired_does_not_come_back() {
    let room = Room::new(10, 10);
    let token = room.start("jana");
    let [kept] = &room.stored()[..] else { panic!() };
    let with = |until: SystemTime| {
        let room = Room {
            sessions: WebSessions::new(Arc::clone(&room.roll), room.sessions.terms),
            ..Room::new(1, 1)
        };
        let count = room.restore(&[KeptWebSession { until, ..kept.clone() }]);
        (room, count)
    };
    let wall = Moment::now().wall();
    assert_eq!(with(wall - Duration::from_secs(1)).1, 0);
    for (until, lasts) in [(wall + HOUR / 2, HOUR / 2), (wall + 100 * MONTH, HOUR)] {
        let (room, count) = with(until);
        assert_eq!(count, 1);
        tokio::time::advance(lasts * 9 / 10).await;
        assert!(room.find(&token).is_some());
        tokio::time::advance(lasts / 10).await;
        assert!(room.find(&token).is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_wrong_for_a_while_ends_no_session() {
    let accounts = both();
    let before = Room::with(&accounts, 10, 10);
    let tokens = [before.start_as("jana", true), before.start_as("jana", true), before.start("emil")];
    let stored = before.stored();
    let now = Moment::now();
    // The hub ended now, and the next one starts where it is a year later.
    let wrong = now.with_wall(now.wall() + 12 * MONTH);
    let room = Room::with(&accounts, 10, 10);
    assert_eq!(room.sessions.restore(stored.clone(), now.wall(), wrong), 0);
    assert!(tokens.iter().all(|token| room.find(token).is_none()), "they may be over");
    assert!(!room.sessions.has_changes(), "but they stay in the file");
    assert!(room.all().kept == stored, "also if it is written anew");
    room.sessions.end(&tokens[0], Instant::now());
    room.sessions.revoke_user("emil");
    assert_eq!(room.sessions.changes().gone.len(), 2);
    room.sessions.wall_was_set(wrong.with_wall(wrong.wall() + DAY));
    assert!(room.find(&tokens[1]).is_none());
    room.sessions.wall_was_set(now);
    let found = tokens.each_ref().map(|token| room.find(token).is_some());
    assert_eq!(found, [false, true, false], "what somebody has ended meanwhile has ended");
    assert_eq!(room.stored().len(), 1, "and the rest is written with its right end");

    let late = Room::with(&accounts, 10, 10);
    assert_eq!(late.sessions.restore(stored, now.wall() + 2 * MONTH, wrong), 0);
    assert_eq!(late.sessions.changes().gone.len(), 3, "a hub has lived when they were over");
}

#[tokio::test(start_paused = true)]
async fn what_may_be_over_has_a_bound() {
    let accounts = both();
    let before = Room::with(&accounts, 10, 10);
    (0..10).for_each(|_| drop(before.start("jana")));
    let (room, now) = (Room::with(&accounts, 3, 3), Moment::now());
    let wrong = now.with_wall(now.wall() + MONTH);
    assert_eq!(room.sessions.restore(before.stored(), now.wall(), wrong), 0);
    let changes = room.sessions.changes();
    assert_eq!((changes.is_all, changes.kept.len()), (true, 3));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_set_back_does_not_make_new_sessions_give_way_to_old_ones() {
    let accounts = both();
    let before = Room::with(&accounts, 10, 10);
    let old = [before.start("jana"), before.start("jana")];
    let mut stored = before.stored();
    // Of those the clock, which was wrong then, says other things than their order in the file.
    for (kept, years) in stored.iter_mut().zip([20, 10]) {
        kept.used += 12 * years * MONTH;
        kept.created = kept.used;
    }
    let room = Room::with(&accounts, 10, 2);
    assert_eq!(room.restore(&stored), 2);
    let new = room.start("jana");
    assert_eq!(old.each_ref().map(|token| room.find(token).is_some()), [false, true]);
    let newer = room.start("jana");
    room.start("jana");
    assert!(room.find(&new).is_none() && room.find(&newer).is_some());
}

#[tokio::test(start_paused = true)]
async fn who_signs_out_is_answered_when_that_is_written_and_who_signs_in_need_not_wait() {
    let room = Room::new(10, 10);
    let token = room.start("jana");
    room.sessions.settled().await;
    room.stored();
    assert!(!room.sessions.has_ends());
    room.sessions.end(&token, Instant::now());
    assert!(room.sessions.has_ends(), "it is written soon");
    let mut waits = Box::pin(room.sessions.ends_settled());
    assert!(futures_util::poll!(&mut waits).is_pending());
    room.sessions.written(&room.sessions.changes());
    assert!(futures_util::poll!(&mut waits).is_ready() && !room.sessions.has_ends());
    let nobody = WebSessions::new(Arc::clone(&room.roll), room.sessions.terms);
    nobody.ends_settled().await;
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_hub_is_the_end_of_no_session() {
    let room = Room::new(10, 10);
    let (stays, signed_out) = (room.start("jana"), room.start("jana"));
    let written = room.start("jana");
    let before = room.stored();
    let new = room.start("jana");
    room.drain.cancel();
    room.sessions.sweep(Instant::now());
    for token in [&stays, &new, &written] {
        assert!(room.find(token).is_none(), "nobody comes in any more");
    }
    room.sessions.end(&signed_out, Instant::now());
    let changes = room.sessions.changes();
    assert_eq!((before.len(), changes.kept.len(), changes.gone.len()), (3, 1, 1));
    room.sessions.all_again();
    assert_eq!(room.stored().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_use_is_written_now_and_then_and_an_end_always() {
    let room = Room::new(10, 10);
    let token = room.start_as("jana", true);
    room.stored();
    for _ in 0..59 {
        tokio::time::advance(Duration::from_mins(1)).await;
        room.find(&token).unwrap();
    }
    assert!(!room.sessions.has_changes());
    tokio::time::advance(Duration::from_mins(1)).await;
    room.find(&token).unwrap();
    assert_eq!(room.stored().len(), 1);
    room.sessions.end(&token, Instant::now());
    let changes = room.sessions.changes();
    assert_eq!((changes.kept.len(), changes.gone.len(), changes.is_all), (0, 1, false));
    assert!(room.sessions.changes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn changes_that_nobody_takes_have_a_bound() {
    let room = Room::new(3, 3);
    (0..10).for_each(|_| drop(room.start("jana")));
    let changes = room.sessions.changes();
    assert!(changes.is_all && changes.kept.len() == 3 && changes.gone.is_empty());
    let nobody = WebSessions::new(Arc::clone(&room.roll), room.sessions.terms);
    nobody.start(&room.signed_in("jana"), Visitor::default(), true, Instant::now()).unwrap();
    assert!(!nobody.has_changes(), "without a store nothing waits");
}

#[tokio::test(start_paused = true)]
async fn a_session_and_all_of_a_user_are_revoked_with_their_sockets() {
    let room = Room::new(10, 10);
    let tokens = ["jana", "jana", "jana", "emil"].map(|name| room.start(name));
    let sockets = tokens.each_ref().map(|token| room.find(token).unwrap().ended);
    assert_eq!(room.sessions.revoke(digest(&tokens[0]).bytes()).as_deref(), Some("jana"));
    assert_eq!(sockets.each_ref().map(CancellationToken::is_cancelled), [true, false, false, false]);
    assert_eq!((room.sessions.revoke_user("jana"), room.sessions.revoke_user("jana")), (2, 0));
    assert_eq!(sockets.each_ref().map(CancellationToken::is_cancelled), [true, true, true, false]);
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_that_is_waited_for_is_answered_when_it_is_written_or_cannot_be() {
    let room = Room::new(10, 10);
    room.start("jana");
    room.sessions.settled().await;
    room.sessions.keep(true);
    room.start("jana");
    let mut waits = Box::pin(room.sessions.settled());
    assert!(futures_util::poll!(&mut waits).is_pending());
    let changes = room.sessions.changes();
    assert!(futures_util::poll!(&mut waits).is_pending(), "taken is not written");
    room.sessions.written(&changes);
    assert!(futures_util::poll!(&mut waits).is_ready());
    room.sessions.settled().await;
    room.start("jana");
    room.sessions.written(&changes);
    let mut waits = Box::pin(room.sessions.settled());
    assert!(futures_util::poll!(&mut waits).is_pending(), "that was written before");
    room.sessions.cannot_be_written();
    assert!(futures_util::poll!(&mut waits).is_ready());
    room.start("jana");
    let began = Instant::now();
    room.sessions.settled().await;
    assert_eq!(began.elapsed(), WRITTEN_WITHIN);
}
