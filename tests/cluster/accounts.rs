//! All hubs have the accounts alike: a change at one of them is in force at all.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use crate::nats::Node;
use crate::support::{Client, Hub, PASSWORD, basic, in_time, user};
use crate::{figure_is, hub};

/// Hubs that have accounts alike, each with a file of its own.
struct Sharing {
    hub: Hub,
    folder: TempDir,
}

/// An account that is an admin.
fn admin(name: &str) -> String {
    format!("{}admin = true\n", user(name, &["#"], &["#"], true))
}

impl Sharing {
    async fn start(name: &str, node: &Node, accounts: &[String]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("users.toml"), accounts.concat()).unwrap();
        Self { hub: of(name, node, folder.path()).await, folder }
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("users.toml")).unwrap()
    }

    /// Whether somebody comes in.
    async fn lets_in(&self, name: &str) -> bool {
        let headers = [("Authorization", &*basic(name, PASSWORD))];
        self.hub.knocks("/talk", &headers).await.status() == 101
    }

    /// Waits until somebody comes in, or does not.
    async fn soon_lets_in(&self, name: &str, does: bool) {
        in_time(name, async {
            while self.lets_in(name).await != does {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
    }

    /// An admin makes an account.
    async fn makes(&self, name: &str) {
        let body = json!({"password": PASSWORD, "role": "dashboard"}).to_string();
        let headers = [
            ("Authorization", &*basic("root", PASSWORD)),
            ("If-Match", "*"),
            ("Content-Type", "application/json"),
        ];
        let answer = self.hub.request("PUT", &format!("/api/accounts/{name}"), &headers, &body).await;
        assert_eq!(answer.status(), 201, "{}", answer.text);
    }
}

async fn of(name: &str, node: &Node, folder: &Path) -> Hub {
    let file = format!("users.file={}", folder.join("users.toml").display());
    hub(name, &[node], &["users.source=cluster", "users.failures_per_minute=100000", &file]).await
}

#[tokio::test]
async fn an_account_that_is_made_or_removed_at_one_hub_is_made_or_removed_at_all() {
    let node = Node::single().await;
    let a = Sharing::start("a", &node, &[admin("root"), user("jana", &["#"], &[], false)]).await;
    a.hub.logs("the servers keep the accounts of the cluster").await;
    let b = Sharing::start("b", &node, &[admin("boot")]).await;
    // The newcomer has those of the cluster, and what was in its file is in a copy.
    b.soon_lets_in("jana", true).await;
    assert!(!b.lets_in("boot").await);
    assert_eq!(a.text(), b.text());
    let copy = std::fs::read_to_string(b.folder.path().join("users.toml.before")).unwrap();
    assert_eq!(copy, admin("boot"));
    b.hub.logs("take the place of those in the file").await;
    // By an admin at the second one, by the file at the first one.
    let begun = Instant::now();
    b.makes("emil").await;
    a.soon_lets_in("emil", true).await;
    println!("an account that an admin has made is there after {:?}", begun.elapsed());
    assert!(a.lets_in("root").await);
    let mut jana = Client::open_as(&b.hub, "jana", "/talk", r#"{"filters": ["t"]}"#).await;
    let begun = Instant::now();
    std::fs::write(a.folder.path().join("users.toml"), admin("root")).unwrap();
    assert_eq!(jana.closed().await.0, 1008);
    println!("and one that was taken out of a file is gone after {:?}", begun.elapsed());
    b.soon_lets_in("emil", false).await;
    assert_eq!(a.text(), b.text());
}

#[tokio::test]
async fn a_hub_alone_goes_on_with_its_file_and_the_later_change_is_in_force_when_the_servers_are_back() {
    let mut node = Node::single().await;
    let a = Sharing::start("a", &node, &[admin("root")]).await;
    a.makes("jana").await;
    let b = Sharing::start("b", &node, &[admin("root")]).await;
    b.soon_lets_in("jana", true).await;
    node.kill().await;
    for one in [&a, &b] {
        figure_is(&one.hub, "cluster_connected", |connected| connected == 0).await;
    }
    a.makes("at-a").await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    b.makes("at-b").await;
    assert!(!a.lets_in("at-b").await && !b.lets_in("at-a").await, "each goes on with its file");
    node.start().await;
    a.soon_lets_in("at-b", true).await;
    assert!(!a.lets_in("at-a").await && a.lets_in("jana").await);
    assert_eq!(a.text(), b.text());
    // What a hub finds in its file as it starts is older than what the cluster has, and is not lost.
    let Sharing { hub, folder } = b;
    hub.stopped().await;
    std::fs::write(folder.path().join("users.toml"), admin("root") + &user("late", &["#"], &[], false))
        .unwrap();
    let b = Sharing { hub: of("b", &node, folder.path()).await, folder };
    b.soon_lets_in("at-b", true).await;
    assert!(!b.lets_in("late").await);
    assert!(std::fs::read_to_string(b.folder.path().join("users.toml.before")).unwrap().contains("late"));
    assert_eq!(a.text(), b.text());
}

#[tokio::test]
async fn who_was_shut_out_while_the_servers_were_away_stays_out_although_that_hub_was_killed() {
    let mut node = Node::single().await;
    let a = Sharing::start("a", &node, &[admin("root"), user("jana", &["#"], &[], false)]).await;
    a.hub.logs("the servers keep the accounts of the cluster").await;
    let b = Sharing::start("b", &node, &[admin("root")]).await;
    b.soon_lets_in("jana", true).await;
    node.kill().await;
    for one in [&a, &b] {
        figure_is(&one.hub, "cluster_connected", |connected| connected == 0).await;
    }
    std::fs::write(a.folder.path().join("users.toml"), admin("root")).unwrap();
    a.soon_lets_in("jana", false).await;
    let noted = a.folder.path().join("users.toml.untold");
    let is_noted = async |is_there: bool| {
        in_time("the note", async {
            while noted.exists() != is_there {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
    };
    is_noted(true).await;
    let Sharing { hub, folder } = a;
    hub.killed().await;
    node.start().await;
    let a = Sharing { hub: of("a", &node, folder.path()).await, folder };
    b.soon_lets_in("jana", false).await;
    assert!(!a.lets_in("jana").await && a.lets_in("root").await);
    // From then on it is as old as what others have.
    is_noted(false).await;
}

#[tokio::test]
async fn accounts_that_make_no_sense_or_have_no_admin_are_not_taken_from_anybody() {
    let node = Node::single().await;
    let a = Sharing::start("a", &node, &[admin("root")]).await;
    let b = Sharing::start("b", &node, &[admin("root")]).await;
    a.makes("jana").await;
    b.soon_lets_in("jana", true).await;
    let before = a.text();
    let mut stranger = node.stranger().await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let stamp = |at: u128| format!("1 other Life {at}");
    stranger.say("clown.a.users", Some(&stamp(now + 1000)), "[[user]]\nname = 7\n").await;
    a.hub.logs("another hub of the cluster has accounts that are not taken here").await;
    stranger.say("clown.a.users", Some(&stamp(now + 2000)), &user("eve", &["#"], &["#"], true)).await;
    a.hub.logs("none of them is an admin").await;
    stranger.say("clown.a.users", Some(&stamp(now + 3_600_000)), &admin("eve")).await;
    stranger.say("clown.a.users", None, &admin("eve")).await;
    figure_is(&a.hub, "cluster_messages_refused", |refused| refused == 2).await;
    assert!(!a.lets_in("eve").await && a.lets_in("jana").await);
    assert_eq!((a.text(), b.text()), (before.clone(), before));
    // The next change of a hub is the newest all the same.
    b.makes("emil").await;
    a.soon_lets_in("emil", true).await;
    assert_eq!(a.text(), b.text());
}

#[tokio::test]
async fn where_nothing_is_kept_a_newcomer_hears_of_a_change_from_whoever_has_lived_since() {
    let node = Node::with("host: 127.0.0.1, port: PORT, http: \"127.0.0.1:HTTP\"").await;
    let a = Sharing::start("a", &node, &[admin("root")]).await;
    let b = Sharing::start("b", &node, &[admin("root")]).await;
    a.hub.logs("the servers do not keep the accounts of the cluster").await;
    a.makes("jana").await;
    b.soon_lets_in("jana", true).await;
    a.hub.stopped().await;
    let c = Sharing::start("c", &node, &[admin("root")]).await;
    c.soon_lets_in("jana", true).await;
    assert_eq!(b.text(), c.text());
}
