//! The files of a certificate, watched: a renewed one is taken, and a bad one is told once while the old one stays.

use std::sync::Arc;

use super::offer::{Facts, Offer};
use crate::operator::{Mistake, Settled};

/// What a look has found.
#[derive(Debug)]
pub enum News {
    /// The files have changed, and are served from now on.
    Taken(Arc<Facts>),
    /// They have changed, and cannot be served.
    Refused(Mistake),
}

/// The files, as they were seen last. To be looked at every second.
pub struct Watch {
    offer: Arc<Offer>,
    files: Settled,
}

impl Watch {
    /// Watches the files of an offer, from when it has read them.
    pub fn new(offer: Arc<Offer>) -> Self {
        let files = offer.opened.clone();
        Self { offer, files }
    }

    /// Looks at the files, away from the threads that serve sockets; `now` is in seconds since 1970. They are read when two
    /// looks in a row found them the same.
    pub async fn look(&mut self, now: i64) -> Option<News> {
        let offer = Arc::clone(&self.offer);
        let load = move || offer.files.read().and_then(|identity| offer.take(&identity, now));
        Some(self.files.look(load).await?.map_or_else(News::Refused, News::Taken))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::write;

    use super::super::files::{Clients, Files};
    use super::super::house::{Pair, authority, leaf};
    use super::*;

    const NOW: i64 = 1_800_000_000;
    const DAY: i64 = 86_400;

    /// A folder with files of TLS, and the authority that signs for it.
    struct House {
        folder: tempfile::TempDir,
        root: Pair,
    }

    impl House {
        fn new() -> Self {
            Self { folder: tempfile::tempdir().unwrap(), root: authority("House", NOW - 2000 * DAY).unwrap() }
        }

        fn files(&self) -> Files {
            let path = |name: &str| self.folder.path().join(name);
            Files { certificate: path("hub.pem"), key: path("hub.key"), clients: None }
        }

        fn put(&self, name: &str, made: i64) -> Pair {
            let pair = leaf(&self.root, &[name.to_owned()], made).unwrap();
            write(self.files().certificate, &pair.certificate).unwrap();
            write(self.files().key, &pair.key).unwrap();
            pair
        }
    }

    async fn looks(watch: &mut Watch, now: i64) -> String {
        match watch.look(now).await {
            None => String::new(),
            Some(News::Taken(facts)) => facts.certificate.common_name.clone().unwrap_or_default(),
            Some(News::Refused(mistake)) => format!("refused: {mistake}"),
        }
    }

    #[tokio::test]
    async fn a_renewed_certificate_is_taken_when_two_looks_have_found_it_the_same() {
        let house = House::new();
        house.put("first", NOW);
        let offer = Arc::new(Offer::open(house.files()).unwrap());
        let mut watch = Watch::new(Arc::clone(&offer));
        assert_eq!(looks(&mut watch, NOW).await, "");
        let before = offer.http();
        house.put("second", NOW);
        assert_eq!(looks(&mut watch, NOW).await, "");
        assert_eq!(looks(&mut watch, NOW).await, "second");
        assert_eq!(looks(&mut watch, NOW).await, "", "it is told once");
        assert!(!Arc::ptr_eq(&before, &offer.http()));
        assert!(Arc::ptr_eq(&before.ticketer, &offer.http().ticketer), "sessions can be resumed");
        assert_eq!(offer.http().alpn_protocols, [b"http/1.1".to_vec()]);
        assert!(offer.lines().alpn_protocols.is_empty());
    }

    #[tokio::test]
    async fn a_bad_file_keeps_the_old_certificate_and_is_told_once() {
        let house = House::new();
        let good = house.put("good", NOW);
        let offer = Arc::new(Offer::open(house.files()).unwrap());
        let mut watch = Watch::new(Arc::clone(&offer));
        let mut told = async |words: &str| {
            assert_eq!(looks(&mut watch, NOW).await, "", "it may be half written");
            assert_eq!(looks(&mut watch, NOW).await, "", "the other one may follow");
            let told = looks(&mut watch, NOW).await;
            assert!(told.starts_with("refused: ") && told.contains(words), "{told}");
            assert_eq!(looks(&mut watch, NOW).await, "");
            assert_eq!(offer.facts().certificate.common_name.as_deref(), Some("good"));
        };
        write(house.files().certificate, good.certificate.split_at(100).0).unwrap();
        told("not whole").await;
        std::fs::remove_file(house.files().certificate).unwrap();
        told("no such file").await;
        house.put("old", NOW - 500 * DAY);
        told("has expired, 136 days ago").await;
        house.put("early", NOW + 20 * DAY);
        told("is not valid yet").await;
        write(house.files().certificate, &good.certificate).unwrap();
        told("made together").await;
        write(house.files().key, &good.key).unwrap();
        assert_eq!(looks(&mut watch, NOW).await, "");
        assert_eq!(looks(&mut watch, NOW).await, "good");
    }

    #[tokio::test]
    async fn a_certificate_that_is_written_before_its_key_is_not_told_to_be_bad() {
        let house = House::new();
        house.put("first", NOW);
        let mut watch = Watch::new(Arc::new(Offer::open(house.files()).unwrap()));
        let next = leaf(&house.root, &["next".to_owned()], NOW).unwrap();
        write(house.files().certificate, &next.certificate).unwrap();
        assert_eq!(looks(&mut watch, NOW).await, "");
        assert_eq!(looks(&mut watch, NOW).await, "", "it has no key yet");
        write(house.files().key, &next.key).unwrap();
        assert_eq!(looks(&mut watch, NOW).await, "");
        assert_eq!(looks(&mut watch, NOW).await, "next");
    }

    #[tokio::test]
    async fn what_is_written_while_the_hub_starts_is_seen() {
        let house = House::new();
        house.put("first", NOW);
        let offer = Arc::new(Offer::open(house.files()).unwrap());
        house.put("second", NOW);
        let mut watch = Watch::new(offer);
        assert_eq!(looks(&mut watch, NOW).await, "");
        assert_eq!(looks(&mut watch, NOW).await, "second");
    }

    #[tokio::test]
    async fn who_serves_an_expired_certificate_still_takes_what_is_new_about_clients() {
        let house = House::new();
        house.put("old", NOW - 500 * DAY);
        let root = house.folder.path().join("clients.pem");
        write(&root, &house.root.certificate).unwrap();
        let clients = Some(Clients { authorities: root.clone(), revoked: None, are_all: false });
        let offer = Arc::new(Offer::open(Files { clients, ..house.files() }).unwrap());
        let mut watch = Watch::new(Arc::clone(&offer));
        let before = offer.http();
        let others = authority("Others", NOW - 2000 * DAY).unwrap();
        write(&root, &others.certificate).unwrap();
        assert_eq!(looks(&mut watch, NOW).await, "");
        assert_eq!(looks(&mut watch, NOW).await, "old");
        assert!(!Arc::ptr_eq(&before.ticketer, &offer.http().ticketer), "who resumes is asked again");
    }

    #[tokio::test]
    async fn who_has_an_expired_certificate_takes_one_that_expires_later() {
        let house = House::new();
        house.put("older", NOW - 500 * DAY);
        let offer = Arc::new(Offer::open(house.files()).unwrap());
        let mut watch = Watch::new(offer);
        house.put("old", NOW - 450 * DAY);
        assert_eq!(looks(&mut watch, NOW).await, "");
        assert_eq!(looks(&mut watch, NOW).await, "old");
    }
}
