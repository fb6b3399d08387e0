use std::net::Ipv4Addr;

use super::password::cheap_hash;
use super::*;

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const AWAY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));

/// `jana` and `emil`, both with the password `right`.
fn accounts() -> Accounts {
    let hash = cheap_hash("right");
    let user = |name: &str| format!("[[user]]\nname = \"{name}\"\npassword = \"{hash}\"\nretain = true\n");
    Accounts::parse(&(user("jana") + &user("emil")), "users.toml").unwrap()
}

pub(super) fn access(settings: &Settings) -> Access {
    Access::new(accounts(), settings, CancellationToken::new()).unwrap()
}

fn wrong(tries_left: u32) -> LoginError {
    LoginError::Wrong { tries_left }
}

pub(super) async fn try_wrong(access: &Access, address: IpAddr, name: &str) -> LoginError {
    access.login(address, name, b"wrong").await.unwrap_err()
}

#[tokio::test]
async fn the_right_password_gives_the_user_and_others_nothing() {
    let access = access(&Settings::default());
    let user = access.login(HOME, "jana", b"right").await.unwrap().user;
    assert_eq!(&*user.name, "jana");
    assert!(user.rights.retain);
    for (name, password) in
        [("jana", "Right"), ("jana", ""), ("JANA", "right"), ("", "right"), ("j", "anaright")]
    {
        let error = access.login(HOME, name, password.as_bytes()).await.unwrap_err();
        assert!(matches!(error, LoginError::Wrong { .. }), "{name}:{password} {error}");
    }
    assert!(access.login(HOME, "jana", b"\xff\xfe").await.is_err());
}

#[tokio::test]
async fn the_demo_lets_the_clown_in() {
    let access = Access::new(Accounts::demo(), &Settings::default(), CancellationToken::new()).unwrap();
    assert_eq!(&*access.login(HOME, "clown", b"bigclown").await.unwrap().user.name, "clown");
    assert!(access.login(HOME, "clown", b"bigclow").await.is_err());
}

#[tokio::test]
async fn ten_thousand_logins_cost_one_hash() {
    let access = access(&Settings::default());
    for _ in 0..10_000 {
        access.login(HOME, "jana", b"right").await.unwrap();
    }
    assert_eq!(access.hash_runs(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_logins_at_once_from_anywhere_cost_as_many_hashes_as_run_at_once() {
    let settings = Settings { waiting_logins: 10_000, ..Settings::default() };
    let access = access(&settings);
    let logins =
        (0..10_000_u32).map(|n| access.login(Ipv4Addr::from_bits(n % 5_000).into(), "jana", b"right"));
    for result in futures_util::future::join_all(logins).await {
        result.unwrap();
    }
    assert!(access.hash_runs() <= 2, "{}", access.hash_runs());
}

#[tokio::test(start_paused = true)]
async fn a_login_is_hashed_again_after_its_time() {
    let access = access(&Settings { remember: Duration::from_mins(5), ..Settings::default() });
    access.login(HOME, "jana", b"right").await.unwrap();
    tokio::time::advance(Duration::from_secs(299)).await;
    access.login(HOME, "jana", b"right").await.unwrap();
    assert_eq!(access.hash_runs(), 1);
    tokio::time::advance(Duration::from_secs(1)).await;
    access.login(HOME, "jana", b"right").await.unwrap();
    assert_eq!(access.hash_runs(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_twenty_first_failure_of_a_minute_waits_while_others_and_remembered_devices_come_in() {
    let access = access(&Settings::default());
    access.login(HOME, "jana", b"right").await.unwrap();
    for left in (0..20).rev() {
        assert_eq!(try_wrong(&access, AWAY, "jana").await, wrong(left));
    }
    let runs = access.hash_runs();
    // Each is answered after a second, as a password that is tried.
    for (password, left) in [("wrong", 60), ("right", 59)] {
        let error = access.login(AWAY, "jana", password.as_bytes()).await.unwrap_err();
        assert_eq!(error, LoginError::TooMany { retry_after: Duration::from_secs(left) });
    }
    assert_eq!(access.hash_runs(), runs, "nothing is tried");
    access.login(HOME, "jana", b"right").await.expect("the device that was in before");
    access.login(HOME, "emil", b"right").await.expect("another name from another address");
    assert!(matches!(try_wrong(&access, AWAY, "emil").await, LoginError::TooMany { .. }), "the address");
    assert!(matches!(try_wrong(&access, HOME, "jana").await, LoginError::TooMany { .. }), "the name");

    tokio::time::advance(Duration::from_mins(1)).await;
    access.login(AWAY, "jana", b"right").await.expect("after a minute");
}

#[tokio::test(start_paused = true)]
async fn a_device_behind_the_same_address_as_the_guessing_comes_in() {
    let access = access(&Settings::default());
    access.login(HOME, "jana", b"right").await.unwrap();
    for _ in 0..50 {
        try_wrong(&access, HOME, "jana").await;
    }
    assert!(access.login(HOME, "jana", b"right").await.is_ok());
    assert_eq!(access.hash_runs(), 21);
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_is_no_quicker_way_to_guess() {
    let access = access(&Settings::default());
    access.login(HOME, "jana", b"right").await.unwrap();
    for _ in 0..20 {
        try_wrong(&access, AWAY, "jana").await;
    }
    let elsewhere = access.login(AWAY, "jana", b"right").await;
    assert!(matches!(elsewhere, Err(LoginError::TooMany { .. })), "no answer, right or wrong");
    for _ in 0..100 {
        try_wrong(&access, HOME, "jana").await;
    }
    let neighbour = access.login(HOME, "jana", b"right").await;
    assert!(matches!(neighbour, Err(LoginError::TooMany { .. })), "so often a minute and no oftener");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_at_once_are_not_more_than_the_limit() {
    let access = access(&Settings::default());
    let guesses = (0..500_u32).map(|n| try_wrong(&access, Ipv4Addr::from_bits(n).into(), "jana"));
    let errors = futures_util::future::join_all(guesses).await;
    let tried = errors.iter().filter(|error| matches!(error, LoginError::Wrong { .. })).count();
    assert_eq!((tried, access.hash_runs()), (20, 20));
}

#[tokio::test(start_paused = true)]
async fn a_name_without_an_account_costs_a_hash_and_waits_like_a_real_one() {
    let access = access(&Settings { failures_per_minute: 2, ..Settings::default() });
    for (address, name) in [(HOME, "nobody"), (AWAY, "jana")] {
        let runs = access.hash_runs();
        assert_eq!(access.login(address, name, b"x").await.unwrap_err(), wrong(1), "{name}");
        assert_eq!(access.login(address, name, b"x").await.unwrap_err(), wrong(0), "{name}");
        assert_eq!(access.hash_runs(), runs + 2, "{name}");
        let elsewhere = IpAddr::V4(Ipv4Addr::LOCALHOST);
        assert!(matches!(try_wrong(&access, elsewhere, name).await, LoginError::TooMany { .. }), "{name}");
    }
    // The stand-in's own password opens nothing.
    tokio::time::advance(Duration::from_mins(1)).await;
    assert_eq!(access.login(HOME, "nobody", b"right").await.unwrap_err(), wrong(1));
    assert_eq!(access.login(HOME, "nobody", b"right").await.unwrap_err(), wrong(0));
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_names_and_addresses_frees_no_attacked_name() {
    let settings = Settings { failures_per_minute: 3, tracked_failures: 5, ..Settings::default() };
    let access = access(&settings);
    for n in 0..3_u8 {
        try_wrong(&access, Ipv4Addr::new(10, 1, 0, n).into(), "jana").await;
    }
    for n in 0..200_u8 {
        try_wrong(&access, Ipv4Addr::new(10, 2, 0, n).into(), &format!("made-up {n}")).await;
    }
    assert!(matches!(try_wrong(&access, AWAY, "jana").await, LoginError::TooMany { .. }));
}

#[tokio::test(start_paused = true)]
async fn more_than_may_wait_are_told_to_come_again_and_not_counted() {
    let access = access(&Settings { waiting_logins: 1, ..Settings::default() });
    let all = access.hashing.acquire_many(2).await.unwrap();
    let mut waits = Box::pin(access.login(HOME, "jana", b"right"));
    assert!(futures_util::poll!(&mut waits).is_pending());
    assert_eq!(access.login(HOME, "emil", b"right").await.unwrap_err(), LoginError::Busy);
    drop(all);
    assert!(waits.await.is_ok());
    assert_eq!(access.login(HOME, "emil", b"x").await.unwrap_err(), wrong(19), "the first that counts");
}

#[tokio::test]
async fn who_hangs_up_neither_frees_a_turn_early_nor_escapes_the_count() {
    let access = access(&Settings { hashing_at_once: 1, failures_per_minute: 3, ..Settings::default() });
    let mut gone = Box::pin(access.login(HOME, "jana", b"wrong"));
    let _ = futures_util::poll!(&mut gone);
    drop(gone);
    assert_eq!(try_wrong(&access, HOME, "jana").await, wrong(1));
    assert_eq!(access.hash_runs(), 2, "one after the other");
}

#[tokio::test(start_paused = true)]
async fn a_web_session_lives_until_it_is_ended_or_its_hours_are_over() {
    let access = access(&Settings::default());
    let jana = access.login(HOME, "jana", b"right").await.unwrap();
    let session = access.start_web_session(&jana, Visitor::default(), false).unwrap();
    assert_eq!(session.lasts, Duration::from_hours(12));
    let signed_in = access.web_session(&session.token).unwrap().signed_in;
    assert_eq!(signed_in.user, jana.user);
    assert_eq!(access.end_web_session(&session.token).as_deref(), Some("jana"));
    signed_in.ended.cancelled().await;
    assert!(access.web_session(&session.token).is_none());
    assert_eq!(access.end_web_session(&session.token), None);

    let session = access.start_web_session(&jana, Visitor::default(), false).unwrap();
    let signed_in = access.web_session(&session.token).unwrap().signed_in;
    tokio::time::advance(session.lasts).await;
    access.sweep();
    assert!(signed_in.ended.is_cancelled());
    assert!(access.web_session(&session.token).is_none());
    assert!(!jana.ended.is_cancelled(), "the account is still there");
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_when_its_hours_are_over_and_not_later() {
    let access = access(&Settings { web_session: Duration::from_hours(1), ..Settings::default() });
    let jana = access.login(HOME, "jana", b"right").await.unwrap();
    let begun = Instant::now();
    tokio::time::advance(Duration::from_millis(12_345)).await;
    let sessions = [access.start_web_session(&jana, Visitor::default(), false).unwrap(), {
        tokio::time::advance(Duration::from_secs(7)).await;
        access.start_web_session(&jana, Visitor::default(), false).unwrap()
    }];
    let sockets = sessions.map(|session| access.web_session(&session.token).unwrap().signed_in);
    let mut ends = Vec::new();
    while ends.len() < 2 {
        let next = access.sweep();
        let ended = sockets.iter().filter(|socket| socket.ended.is_cancelled()).count();
        ends.extend(std::iter::repeat_n(begun.elapsed().as_millis(), ended - ends.len()));
        tokio::time::sleep_until(next).await;
    }
    assert_eq!(ends, [3_612_345, 3_619_345]);
}

#[tokio::test]
async fn every_sign_in_ends_with_its_account() {
    let access = access(&Settings::default());
    let (jana, emil) = (
        access.login(HOME, "jana", b"right").await.unwrap(),
        access.login(HOME, "emil", b"right").await.unwrap(),
    );
    let page = access.start_web_session(&jana, Visitor::default(), false).unwrap();
    let cookie = access.web_session(&page.token).unwrap().signed_in;
    let hash = &emil_alone();
    let replaced = access.replace_accounts(Accounts::parse(hash, "users.toml").unwrap());
    assert_eq!((&*replaced.removed[0], &*replaced.renewed[0]), ("jana", "emil"));
    assert!([&jana, &emil, &cookie].iter().all(|signed_in| signed_in.ended.is_cancelled()));
    assert!(access.web_session(&page.token).is_none());
    assert!(matches!(try_wrong(&access, HOME, "jana").await, LoginError::Wrong { .. }));
    assert!(access.login(HOME, "emil", b"right").await.is_err(), "the old password");
    let emil = access.login(HOME, "emil", b"changed").await.unwrap();
    let again = access.replace_accounts(Accounts::parse(hash, "users.toml").unwrap());
    assert_eq!(again, Replaced::default());
    assert!(!emil.ended.is_cancelled());
}

/// `emil` with the password `changed`.
fn emil_alone() -> String {
    format!("[[user]]\nname = \"emil\"\npassword = \"{}\"\n", cheap_hash("changed"))
}

/// A runtime with one thread for what blocks, which is busy as long as the sender lives.
#[test]
fn a_name_look_up_that_hangs_does_not_hold_up_a_login() {
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    let (hangs, until) = std::sync::mpsc::sync_channel::<()>(1);
    let look_up = runtime.spawn_blocking(move || until.recv());
    let access = access(&Settings::default());
    let logins = async {
        let jana = access.login(HOME, "jana", b"right").await;
        (jana.is_ok(), try_wrong(&access, HOME, "emil").await)
    };
    assert_eq!(runtime.block_on(logins), (true, wrong(19)));
    drop(hangs);
    assert!(runtime.block_on(look_up).unwrap().is_err());
}

#[tokio::test]
async fn debug_of_nothing_shows_a_secret() {
    let access = access(&Settings::default());
    let jana = access.login(HOME, "jana", b"right").await.unwrap();
    let session = access.start_web_session(&jana, Visitor::default(), false).unwrap();
    let login = access.book.login("jana", b"right", Network::of(HOME));
    let shown = format!(
        "{access:?} {:?} {jana:?} {session:?} {:?} {:?} {:?} {:?}",
        access.accounts(),
        access.web_session(&session.token),
        login.account,
        login.digest,
        access.login(HOME, "jana", b"hunter2").await,
    );
    for secret in ["right\"", "hunter2", "argon2", session.token.as_str()] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    assert!(shown.contains("jana"));
}

#[test]
fn a_name_in_a_log_is_short_and_on_one_line() {
    assert_eq!(loggable("jana"), "jana");
    assert_eq!(loggable("a\nb\u{1b}[31m\u{202e}"), "a\\nb\\u{1b}[31m\\u{202e}");
    assert_eq!(loggable(&"ž".repeat(100)), "ž".repeat(64));
}

#[test]
fn a_refused_login_is_told_in_a_sentence() {
    assert_eq!(wrong(3).to_string(), "wrong name or password, 3 tries left");
    assert_eq!(
        LoginError::TooMany { retry_after: Duration::from_millis(1500) }.to_string(),
        "too many failed logins, wait 2 s"
    );
}

thread_local! {
    /// What the test of this thread has logged.
    static LOG: std::cell::RefCell<Vec<u8>> = const { std::cell::RefCell::new(Vec::new()) };
}

struct Log;

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.with_borrow_mut(|log| log.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_logged_without_its_password_also_where_that_was_typed_as_the_name() {
    // For the whole process: a log of one thread misses what another thread was first to come across.
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(|| Log).finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let access = access(&Settings { failures_per_minute: 100, ..Settings::default() });
    access.login(HOME, "jana", b"right").await.unwrap();
    for n in 0..16 {
        let _ = access.login(HOME, &format!("hunter{n:02}-long"), b"").await;
        let _ = access.login(HOME, "emil", b"hunter2").await;
    }
    let text = String::from_utf8(LOG.take()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2 * 5, "the 1st, 2nd, 4th, 8th and 16th of each: {text}");
    assert!(
        lines[0].contains("WARN") && lines[0].contains("login failed user=an unknown name of 13 characters")
    );
    assert!(lines[0].ends_with("address=10.0.0.1 tries_left=99 times=1"), "{text}");
    assert!(lines[1].contains("login failed user=emil address=10.0.0.1 tries_left=98 times=1"), "{text}");
    assert!(!text.contains("hunter"), "{text}");
}
