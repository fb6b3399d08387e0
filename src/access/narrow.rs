//! Logins from a network that has failed too often this minute. Many people may be behind one address, so the network is not
//! locked: who gives the right password comes in. But nothing else can be learned there:
//!
//! * Each name has half of its usual tries, so that what a network guesses locks no name for everybody else.
//! * Such logins are hashed one after the other, over all networks: all others have the remaining turns.
//! * A name without an account costs no hash. Every login that is tried and refused is answered at the same time after it came,
//!   and with the same words, whether its name has an account or not, and whether the name has tries left or not.

use std::net::IpAddr;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

use super::{Access, Login, LoginError, SignedIn, too_many};

/// After so long a login is answered that is refused.
const ANSWERED_AFTER: Duration = Duration::from_secs(1);

impl Access {
    /// Tries a login from such a network.
    pub(super) async fn login_narrow(
        &self,
        login: Login,
        (address, name): (IpAddr, &str),
        password: &[u8],
    ) -> Result<SignedIn, LoginError> {
        let now = Instant::now();
        let answered = now + ANSWERED_AFTER;
        let (attempt, wait) =
            self.book.lockout.begin_narrow(login.who.clone(), login.from, now).map_err(too_many)?;
        let Some(attempt) = attempt else {
            sleep_until(answered).await;
            return Err(too_many(wait));
        };
        if let Some(signed_in) = self.book.passes_in_turn(&login, &attempt) {
            return Ok(signed_in);
        }
        let known = login.signed_in.as_ref().map(|signed_in| signed_in.user.name.clone());
        let is_known = known.is_some();
        let tried = async {
            // Nobody closes the semaphores.
            let narrow = self.narrow.clone().acquire_owned().await.map_err(|_| LoginError::Busy)?;
            let turn = self.hashing.clone().acquire_owned().await.map_err(|_| LoginError::Busy)?;
            self.hash(login, attempt, password.to_vec(), (narrow, turn)).await
        };
        if is_known && let Ok(Ok(signed_in)) = timeout_at(answered, tried).await {
            return Ok(signed_in);
        }
        self.log_failure(name, known.as_deref(), address, 0);
        sleep_until(answered).await;
        Err(too_many(wait))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::super::tests::{access, try_wrong};
    use super::super::{Access, Settings};
    use super::*;

    const OFFICE: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9));
    const ANOTHER_OFFICE: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 10));
    const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

    /// Does something in paused time. While a hash runs, time stands still: its thread has no clock.
    async fn paused<T>(access: &Access, doing: impl Future<Output = T>) -> T {
        let turns = access.hashing.available_permits();
        let time = async {
            loop {
                if access.hashing.available_permits() < turns {
                    tokio::task::yield_now().await;
                } else {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
        };
        tokio::select! { done = doing => done, () = time => unreachable!("it has no end") }
    }

    /// A network from which somebody has guessed at names that nobody has.
    async fn office(access: &Access) {
        for number in 0..20 {
            let made_up = format!("made-up {number}");
            assert!(matches!(try_wrong(access, OFFICE, &made_up).await, LoginError::Wrong { .. }));
        }
    }

    /// What is answered, and how long that takes.
    async fn timed(access: &Access, name: &str, password: &[u8]) -> (Option<LoginError>, Duration) {
        let began = Instant::now();
        let answer = access.login(OFFICE, name, password).await.err();
        (answer, began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn behind_one_address_who_gives_the_right_password_comes_in_whatever_others_guessed() {
        let access = access(&Settings::default());
        let test = async {
            office(&access).await;
            for name in ["jana", "emil"] {
                access
                    .login(OFFICE, name, b"right")
                    .await
                    .expect("for the first time, and from that address");
            }
        };
        paused(&access, test).await;
    }

    #[tokio::test(start_paused = true)]
    async fn neither_the_answer_nor_its_time_shows_whether_a_name_has_an_account() {
        let access = access(&Settings::default());
        let test = async {
            let mut answers = Vec::new();
            for name in ["jana", "nobody"] {
                // Each minute is a new one for both.
                tokio::time::advance(Duration::from_mins(2)).await;
                office(&access).await;
                let mut of_name = Vec::new();
                for _ in 0..12 {
                    of_name.push(timed(&access, name, b"wrong").await);
                }
                answers.push(of_name);
            }
            answers
        };
        let answers = paused(&access, test).await;
        let refused =
            |answer: &(Option<LoginError>, Duration)| matches!(answer.0, Some(LoginError::TooMany { .. }));
        assert!(answers.iter().flatten().all(refused), "{answers:?}");
        let times =
            |of_name: &[(_, Duration)]| of_name.iter().map(|(_, took)| took.as_secs()).collect::<Vec<_>>();
        assert_eq!(times(&answers[0]), [1; 12], "also when half of the usual tries are over");
        assert_eq!(times(&answers[1]), [1; 12]);
        assert_eq!(access.hash_runs(), 2 * 20 + 10, "a made-up name costs no hash there");
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_made_up_names_does_not_show_which_name_has_an_account() {
        let access = access(&Settings { tracked_failures: 30, ..Settings::default() });
        let test = async {
            office(&access).await;
            for name in ["jana", "nobody"].repeat(10) {
                timed(&access, name, b"wrong").await;
            }
            // The counts of made-up names that are no locks give way, and the count of an account does not.
            for number in 0..30 {
                timed(&access, &format!("another {number}"), b"wrong").await;
            }
            let (jana, nobody) =
                (timed(&access, "jana", b"wrong").await, timed(&access, "nobody", b"wrong").await);
            assert_eq!((jana.1.as_secs(), nobody.1.as_secs()), (1, 1), "{jana:?} {nobody:?}");
            for answer in [jana.0, nobody.0] {
                assert!(matches!(answer, Some(LoginError::TooMany { .. })), "{answer:?}");
            }
        };
        paused(&access, test).await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_guessed_there_locks_no_name_for_everybody_else() {
        let access = access(&Settings::default());
        let test = async {
            office(&access).await;
            for _ in 0..50 {
                try_wrong(&access, OFFICE, "jana").await;
            }
            access.login(ELSEWHERE, "jana", b"right").await.expect("from elsewhere, for the first time");
            access.login(ANOTHER_OFFICE, "jana", b"right").await.expect("from anywhere");
            access
                .login(OFFICE, "jana", b"right")
                .await
                .expect_err("that name was guessed at too often there");
            access.login(OFFICE, "emil", b"right").await.expect("another name from there");
        };
        paused(&access, test).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_login_that_waits_too_long_for_its_turn_is_refused_like_all_others() {
        let access = access(&Settings::default());
        let test = async {
            office(&access).await;
            let turn = access.narrow.clone().acquire_owned().await.unwrap();
            let (answer, took) = timed(&access, "jana", b"right").await;
            assert!(matches!(answer, Some(LoginError::TooMany { .. })) && took.as_secs() == 1, "{answer:?}");
            access.login(ELSEWHERE, "emil", b"right").await.expect("others do not wait for that turn");
            drop(turn);
            access.login(OFFICE, "jana", b"right").await.expect("the second try");
        };
        paused(&access, test).await;
    }
}
