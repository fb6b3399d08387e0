//! Programs that are not ours, which were told to trust the authority of `clown-hub cert`, and which come over TLS where a page of
//! 2017 did: curl and openssl here, Node and Chromium in `tests/browser`, Python in `tests/clients`.

use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::samples::clown_talk;
use crate::support::{Client, House, Hub, Opcode, Raw, basic, in_time};

const PATH: &str = "/auth/clown-talk-server_nodes_bridge_0";

/// A program with what it reads and prints. It ends with the test.
struct Program {
    child: Child,
    talk: UnixStream,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program, or `None` where it is not installed.
fn started(program: &str, args: &[&str]) -> Option<Program> {
    let (ours, its) = std::os::unix::net::UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let output = OwnedFd::from(its.try_clone().unwrap());
    let mut command = Command::new(program);
    command.args(args).stdin(OwnedFd::from(its)).stdout(output).stderr(Stdio::null());
    match command.spawn() {
        Ok(child) => Some(Program { child, talk: UnixStream::from_std(ours).unwrap() }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("{program} is not installed: it is not tried");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Reads until these bytes have come; returns all that came.
async fn reads_until(output: &mut (impl AsyncReadExt + Unpin), end: &[u8]) -> Vec<u8> {
    let mut read = Vec::new();
    while !read.windows(end.len()).any(|window| window == end) {
        let byte = in_time("more of the answer", output.read_u8()).await;
        read.push(byte.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&read))));
    }
    read
}

fn upgrade(key: &str) -> String {
    let authorization = basic("clown", "bigclown");
    format!(
        "GET {PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nAuthorization: {authorization}\r\n\r\n"
    )
}

#[tokio::test]
async fn openssl_says_every_line_of_the_vendor_over_tls() {
    let house = House::new();
    let settings = house.settings();
    let hub = Hub::with(&settings.iter().map(String::as_str).collect::<Vec<_>>());
    let mut reader =
        Client::open(&hub, "/talk", r#"{"filters": ["nodes/bridge/0/#"], "retained": false}"#).await;
    let (place, authority) = (format!("localhost:{}", hub.tls.unwrap().port()), house.path("authority.pem"));
    let args =
        ["s_client", "-quiet", "-verify_quiet", "-verify_return_error", "-verify_hostname", "localhost"];
    let more = ["-connect", &place, "-CAfile", authority.to_str().unwrap()];
    let Some(mut openssl) = started("openssl", &[&args[..], &more].concat()) else { return };
    let talk = &mut openssl.talk;
    talk.write_all(upgrade("dGhlIHNhbXBsZSBub25jZQ==").as_bytes()).await.unwrap();
    let head = reads_until(talk, b"\r\n\r\n").await;
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("HTTP/1.1 101 ") && head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
    let mut lines = 0;
    for line in clown_talk() {
        talk.write_all(&Raw::encoded(true, Opcode::Text, line.as_bytes())).await.unwrap();
        let (topic, payload) = line.strip_prefix("[\"").unwrap().split_once("\", ").unwrap();
        if topic == "clown.talk/-/config/set" {
            reads_until(talk, b"[\"clown.talk/-/config/ok\"").await;
        } else {
            assert_eq!(reader.hear().await, format!("[\"nodes/bridge/0/{topic}\", {payload}"));
            lines += 1;
        }
    }
    assert!(lines > 20, "{lines}");
}

#[tokio::test]
async fn curl_opens_a_websocket_over_tls_and_hears_why_it_ends() {
    let house = House::new();
    let settings = house.settings();
    let hub = Hub::with(&settings.iter().map(String::as_str).collect::<Vec<_>>());
    let port = hub.tls.unwrap().port();
    let url = format!("https://clown:bigclown@localhost:{port}{PATH}");
    let authority = house.path("authority.pem").display().to_string();
    let headers = [
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    let mut args = vec!["--silent", "--include", "--no-buffer", "--http1.1", "--cacert", &authority, &url];
    args.extend(headers.iter().flat_map(|header| ["--header", header]));
    let Some(mut curl) = started("curl", &args) else { return };
    hub.logs("connected").await;
    let mut printed = Vec::new();
    let (_, ()) = tokio::join!(in_time("the end", curl.talk.read_to_end(&mut printed)), hub.stopped());
    let end = printed.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let (head, rest) = (String::from_utf8_lossy(&printed[..end]), &printed[end..]);
    assert!(head.starts_with("HTTP/1.1 101 ") && head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
    // A close with 1012, as the hub ends.
    assert_eq!(rest[0], 0x80 | Opcode::Close as u8, "{rest:?}");
    assert_eq!(rest[2..4], 1012_u16.to_be_bytes(), "{rest:?}");
}
