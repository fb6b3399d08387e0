//! `clown-hub events`.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use super::*;

#[tokio::test]
async fn the_command_line_tells_who_did_what_and_follows() {
    let dir = tempfile::tempdir().unwrap();
    let hub = Hub::with_store(dir.path(), &[]);
    let url = format!("ws://clown:bigclown@{}", hub.address);
    let mut phone = Client::open(&hub, "/talk", r#"{"filters": [], "name": "phone"}"#).await;
    phone.say(ON).await;
    phone.hears_nothing().await;
    let plain = run(&["events", "n/pump/#", "--since", "1h", "--url", &url], "").succeeds();
    let line = " command n/pump/0/set {\"state\": true} by clown (phone, dashboard, 127.0.0.1): to 0\n";
    assert!(plain.ends_with(line) && plain.lines().count() == 1, "{plain}");
    let json = run(&["events", "n/pump/#", "--json", "--url", &url], "").succeeds();
    let event: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&event["kind"], &event["user"]), (&json!("command"), &json!("clown")));
    let csv = run(&["events", "n/pump/#", "--csv", "--by", "clown", "--url", &url], "").succeeds();
    assert!(
        csv.starts_with("time,kind,user,client,") && csv.contains(",command,clown,phone,dashboard,"),
        "{csv}"
    );
    let none = run(&["events", "m/#", "--url", &url], "");
    assert!(none.code == Some(0) && none.stdout.is_empty() && none.stderr.contains("nothing like that"));

    let follows = Follows::start(&url);
    let line = in_time("a line", async {
        loop {
            phone.say(r#"["n/pump/0/set", "followed"]"#).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
            if let Ok(line) = follows.lines.try_recv() {
                return line;
            }
        }
    })
    .await;
    assert!(line.contains("n/pump/0/set \"followed\" by clown"), "{line}");
}

/// `clown-hub events --follow`, and what it prints.
struct Follows {
    child: Child,
    lines: Receiver<String>,
}

impl Follows {
    fn start(url: &str) -> Self {
        let mut command = binary();
        command.args(["events", "n/#", "--follow", "--url", url]).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let printed = BufReader::new(child.stdout.take().unwrap());
        let (say, lines) = sync_channel(1000);
        std::thread::spawn(move || printed.lines().map_while(Result::ok).try_for_each(|line| say.send(line)));
        Self { child, lines }
    }
}

impl Drop for Follows {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
