//! What systemd sees of the hub: that it serves, lives and stops; and the sockets that systemd holds while it is restarted.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixDatagram};

use crate::support::{Hub, in_time, until};

#[tokio::test]
async fn the_hub_says_that_it_serves_lives_and_stops() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let watchdog = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "200000")];
    let mut hub = Hub::with_env(&watchdog, &[]);
    let mut told = BTreeSet::new();
    let next = async || {
        let mut buffer = vec![0; 4096];
        let length = in_time("what systemd is told", socket.recv(&mut buffer)).await.unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let first = next().await;
    assert!(
        first.contains(&"READY=1".to_owned())
            && first.contains(&"STATUS=0 clients, 1 last values".to_owned()),
        "{first:?}"
    );
    while !told.contains("WATCHDOG=1") {
        told.extend(next().await);
    }
    hub.signal("TERM");
    while !told.contains("STOPPING=1") {
        told.extend(next().await);
    }
    assert!(hub.ended().await.success());
}

/// A hub with this listener as the only socket that systemd passes. Its id has to be in the environment, so a shell becomes it.
fn activated(listener: &TcpListener, listen: &str) -> Child {
    let folder = std::env::temp_dir();
    let script = r#"exec 3<&0 0</dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" --listen "$1" --set simulator.run=off"#;
    Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_clown-hub"), listen])
        .current_dir(folder)
        .env_clear()
        .stdin(Stdio::from(OwnedFd::from(listener.try_clone().unwrap())))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

async fn ends(hub: &mut Child) -> std::process::ExitStatus {
    let mut status = None;
    until("the end of the hub", || {
        status = hub.try_wait().unwrap();
        status.is_some()
    })
    .await;
    status.unwrap()
}

#[tokio::test]
async fn a_restart_with_a_socket_of_systemd_loses_no_attempt_to_connect() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let asks = async || {
        let mut stream = TcpStream::connect(address).await.expect("nobody is refused");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        in_time("the answer", stream.read_to_string(&mut answer)).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    };
    for _ in 0..2 {
        // They come before there is a hub.
        let early: Vec<_> = (0..20).map(|_| asks()).collect();
        let serves = async {
            let hub = activated(&listener, &address.to_string());
            asks().await;
            hub
        };
        let (_, mut hub) = tokio::join!(futures_util::future::join_all(early), serves);
        let terminated = Command::new("kill").args(["-TERM", &hub.id().to_string()]).status().unwrap();
        assert!(terminated.success() && ends(&mut hub).await.success());
    }
}

#[tokio::test]
async fn a_socket_of_systemd_for_all_networks_is_not_taken_where_the_configuration_says_this_machine_alone() {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut hub = activated(&listener, &format!("127.0.0.1:{port}"));
    assert_eq!(ends(&mut hub).await.code(), Some(2));
}

#[tokio::test]
async fn a_socket_of_systemd_that_no_key_names_ends_the_start_with_what_to_do() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut hub = activated(&listener, "127.0.0.1:0");
    let status = ends(&mut hub).await;
    let mut said = String::new();
    std::io::Read::read_to_string(&mut hub.stderr.take().unwrap(), &mut said).unwrap();
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(said.contains("server.listen") && said.contains(".socket unit"), "{said}");
}

#[test]
fn the_unit_is_as_closed_as_it_can_be() {
    let unit = concat!(env!("CARGO_MANIFEST_DIR"), "/config/clown-hub.service");
    let text = std::fs::read_to_string(unit).unwrap();
    assert!(text.contains("Type=notify") && text.contains("WatchdogSec="));
    // Where systemd is not installed, there is nobody to ask.
    let Ok(asked) =
        Command::new("systemd-analyze").args(["security", "--offline=true", "--threshold=15", unit]).output()
    else {
        return;
    };
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stdout));
}
