//! Memory has one bound over all connections (`limits.memory_bytes`): whatever many of them leave lying, the process stays
//! small and others are served.
//!
//! Each kind of it is tried by some connections with a small budget; `CLOWN_LONG_TESTS=1` has thousands try it with what a
//! machine of 256 MB has.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{Bystander, Client, Hub, Line, Opcode, Raw, in_time};

const MIB: usize = 1024 * 1024;

/// A hub with little memory, and how many attack it.
struct Siege {
    hub: Hub,
    honest: Bystander,
    attackers: usize,
    /// What the hub may take beside its budget, in KiB: itself, the store, what sockets hold for a moment, and what the
    /// allocator has not given back.
    most_kib: u64,
}

impl Siege {
    async fn begin(more: &[&str]) -> Self {
        let is_long = std::env::var_os("CLOWN_LONG_TESTS").is_some();
        let (budget, attackers, most_kib) =
            if is_long { (64, 2000, 256 * 1024) } else { (16, 50, 64 * 1024) };
        let budget = format!("limits.memory_bytes={}", budget * MIB);
        let settings =
            ["server.line_listen=127.0.0.1:0", "limits.handshake_seconds=60", "limits.write_seconds=600"];
        let settings: Vec<&str> =
            settings.into_iter().chain([budget.as_str()]).chain(more.iter().copied()).collect();
        let hub = Hub::with(&settings);
        let honest = Bystander::at(&hub).await;
        Self { hub, honest, attackers, most_kib }
    }

    /// What must hold at every moment.
    async fn holds(&mut self) {
        self.honest.is_undisturbed().await;
        let resident = self.hub.resident_kib();
        assert!(resident < self.most_kib, "{resident} KiB");
    }

    /// What must be known at the end: somebody was cut off, counted and named.
    async fn cut_somebody_off(&mut self) {
        in_time("somebody to be cut off", async {
            while self.hub.figure("memory_cut").await == 0 {
                self.holds().await;
            }
        })
        .await;
        self.hub.logs("a large holder is cut off with 1013").await;
        self.holds().await;
    }
}

#[tokio::test]
async fn first_lines_that_never_end_take_no_memory() {
    let mut siege = Siege::begin(&[]).await;
    let mut strangers = Vec::new();
    for _ in 0..siege.attackers {
        let mut stranger = TcpStream::connect(siege.hub.lines.unwrap()).await.unwrap();
        // The hub may hang up in between.
        let _ = in_time("room to write", stranger.write_all(&vec![b'['; MIB])).await;
        strangers.push(stranger);
        siege.holds().await;
    }
    let resident = siege.hub.resident_kib();
    assert!(resident < siege.most_kib, "{resident} KiB");
}

#[tokio::test]
async fn a_long_first_line_of_somebody_who_may_come_in_is_read() {
    let siege = Siege::begin(&[]).await;
    let filters: Vec<String> =
        (0..900).map(|n| format!("\"some/filter/of/an/honest/user/{n:04}/#\"")).collect();
    let keys = format!(", \"filters\": [{}]", filters.join(", "));
    let mut line = Line::open(&siege.hub, &keys).await;
    line.say(r#"["clown.talk/-/subscription/get", null]"#).await;
    let held = line.hear().await.unwrap();
    assert!(held.contains("some/filter/of/an/honest/user/0899/#"), "{}", &held[..100]);
}

#[tokio::test]
async fn unfinished_messages_have_a_bound_over_all_connections() {
    let mut siege = Siege::begin(&[]).await;
    let mut message = Raw::encoded(true, Opcode::Text, &vec![b'x'; MIB - 100]);
    message.pop();
    let mut attackers = Vec::new();
    for _ in 0..siege.attackers {
        let mut raw = Raw::open(&siege.hub, "/talk", r#"{"filters": []}"#).await;
        let _ = raw.try_write(&message).await;
        attackers.push(raw);
        siege.holds().await;
    }
    siege.cut_somebody_off().await;
    // Those who were not cut off hear that the hub stops.
    siege.hub.signal("TERM");
    let mut cut_off = 0;
    for attacker in &mut attackers {
        let (code, reason) = attacker.closed().await;
        assert!(code == 1012 || (code == 1013 && reason.contains("out of memory")), "{code} {reason}");
        cut_off += usize::from(code == 1013);
    }
    assert!(cut_off >= siege.attackers - 32, "{cut_off}");
}

#[tokio::test]
async fn wills_have_a_bound_over_all_connections() {
    let mut siege = Siege::begin(&[]).await;
    let opening = format!(r#"{{"filters": [], "will": ["gone/x", "{}"]}}"#, "x".repeat(MIB - 1000));
    let mut attackers = Vec::new();
    for _ in 0..siege.attackers {
        attackers.push(Raw::open(&siege.hub, "/talk", &opening).await);
        siege.holds().await;
    }
    siege.cut_somebody_off().await;
}

/// Asks for long answers: some 8 MB of them.
fn questions() -> Vec<u8> {
    let filters: Vec<String> = (0..100).map(|n| format!("\"{}/{n}\"", "x".repeat(1000))).collect();
    let filters = format!("[\"clown.talk/-/subscription/set\", {{\"filters\": [{}]}}]\n", filters.join(", "));
    let questions = "[\"clown.talk/-/subscription/get\", null]\n".repeat(80);
    Raw::encoded(true, Opcode::Text, (filters + &questions).as_bytes())
}

#[tokio::test]
async fn answers_that_nobody_reads_have_a_bound_over_all_connections() {
    let mut siege = Siege::begin(&["outbox.hard_bytes=100000000"]).await;
    let questions = questions();
    let mut attackers = Vec::new();
    for _ in 0..siege.attackers / 16 {
        let mut raw = Raw::connect_narrow(&siege.hub, "/talk").await;
        raw.text(r#"["clown.talk/-/config/set", {"filters": []}]"#).await;
        let _ = raw.try_write(&questions).await;
        attackers.push(raw);
        siege.holds().await;
    }
    siege.cut_somebody_off().await;
}

#[tokio::test]
async fn answers_before_the_opening_have_a_bound_over_all_connections() {
    let mut siege = Siege::begin(&[]).await;
    let questions = questions();
    let mut attackers = Vec::new();
    for _ in 0..siege.attackers / 25 {
        let mut raw = Raw::connect(&siege.hub, "/talk").await;
        let _ = raw.try_write(&questions).await;
        attackers.push(raw);
        siege.holds().await;
    }
    siege.cut_somebody_off().await;
}

#[tokio::test]
async fn last_values_that_nobody_takes_wait_in_the_store_and_not_once_more_for_each_reader() {
    let mut siege = Siege::begin(&[]).await;
    let mut node = Client::open(&siege.hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    let long = "x".repeat(300);
    for n in 0..20_000 {
        node.feed(&format!("[\"r/{n}\", \"{long}\"]")).await;
    }
    node.publish("r/end", "1").await;
    let mut attackers = Vec::new();
    for _ in 0..siege.attackers {
        attackers.push(Raw::open(&siege.hub, "/talk", r##"{"filters": ["#"]}"##).await);
        siege.holds().await;
    }
    assert_eq!(siege.hub.figure("memory_cut").await, 0);
}

#[tokio::test]
async fn readers_who_wait_for_the_same_messages_do_not_pay_for_them_one_by_one() {
    let mut siege = Siege::begin(&[]).await;
    let mut slow = Vec::new();
    for _ in 0..30 {
        slow.push(Raw::open(&siege.hub, "/talk/n", r#"{"filters": ["r/+"]}"#).await);
    }
    let mut node = Client::open(&siege.hub, "/talk/n?side=node", r#"{"filters": []}"#).await;
    let long = format!("\"{}\"", "x".repeat(20_000));
    // What the sockets take does not wait in the hub.
    for n in 0..400 {
        node.publish(&format!("r/{n}"), &long).await;
    }
    siege.holds().await;
    assert_eq!(siege.hub.figure("memory_cut").await, 0);
}
