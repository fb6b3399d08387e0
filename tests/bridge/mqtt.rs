//! A client of MQTT 3.1.1 that shares no code with the hub, and Mosquitto's own command line clients.

use std::collections::VecDeque;
use std::io::Read;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{in_time, until};

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub topic: String,
    pub payload: Vec<u8>,
    pub retain: bool,
}

impl Message {
    pub fn text(&self) -> String {
        format!("{} {}", self.topic, String::from_utf8_lossy(&self.payload))
    }
}

/// One connection. QoS 1 both ways.
pub struct Mqtt {
    stream: TcpStream,
    unread: Vec<u8>,
    messages: VecDeque<Message>,
    /// Packet ids that the broker has acknowledged.
    pub acknowledged: VecDeque<u16>,
    pub session_present: bool,
    next_id: u16,
}

fn string(text: &[u8]) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap().to_be_bytes();
    [&length[..], text].concat()
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut left = body.len();
    loop {
        let (low, more) = (u8::try_from(left % 128).unwrap(), left >= 128);
        bytes.push(if more { low | 0x80 } else { low });
        left /= 128;
        if !more {
            break;
        }
    }
    bytes.extend_from_slice(body);
    bytes
}

impl Mqtt {
    /// A session that ends with the connection.
    pub async fn connect(port: u16, id: &str) -> Self {
        in_time("the welcome of the broker", Self::try_connect(port, id, true)).await.unwrap()
    }

    pub async fn try_connect(port: u16, id: &str, clean: bool) -> std::io::Result<Self> {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let head = [&string(b"MQTT")[..], &[4, if clean { 2 } else { 0 }, 0, 0]].concat();
        stream.write_all(&packet(0x10, &[head, string(id.as_bytes())].concat())).await?;
        let mut connack = [0; 4];
        stream.read_exact(&mut connack).await?;
        assert_eq!(connack[3], 0, "the broker refuses the test's client");
        let session_present = connack[2] == 1;
        let (unread, messages, acknowledged) = (Vec::new(), VecDeque::new(), VecDeque::new());
        Ok(Self { stream, unread, messages, acknowledged, session_present, next_id: 0 })
    }

    pub async fn subscribe(&mut self, filter: &str) {
        let body = [&[0, 1][..], &string(filter.as_bytes()), &[1]].concat();
        self.stream.write_all(&packet(0x82, &body)).await.unwrap();
    }

    /// Publishes with QoS 0.
    pub async fn publish(&mut self, topic: &str, payload: &[u8], retain: bool) {
        self.publish_bytes(topic.as_bytes(), payload, retain).await;
    }

    pub async fn publish_bytes(&mut self, topic: &[u8], payload: &[u8], retain: bool) {
        let body = [string(topic), payload.to_vec()].concat();
        self.stream.write_all(&packet(0x30 | u8::from(retain), &body)).await.unwrap();
    }

    /// Publishes with QoS 1 and returns the packet id; does not wait for the acknowledgement.
    pub async fn send(&mut self, topic: &str, payload: &[u8]) -> std::io::Result<u16> {
        self.next_id = self.next_id.checked_add(1).unwrap_or(1);
        let id = self.next_id;
        let body = [&string(topic.as_bytes())[..], &id.to_be_bytes(), payload].concat();
        self.stream.write_all(&packet(0x32, &body)).await?;
        Ok(id)
    }

    /// The next message.
    pub async fn message(&mut self) -> std::io::Result<Message> {
        loop {
            if let Some(message) = self.messages.pop_front() {
                return Ok(message);
            }
            self.read().await?;
        }
    }

    /// The next message as `topic payload`.
    pub async fn hears(&mut self) -> String {
        in_time("a message of the broker", self.message()).await.unwrap().text()
    }

    /// Reads once, and acknowledges what came.
    pub async fn read(&mut self) -> std::io::Result<()> {
        let mut chunk = vec![0; 16 * 1024];
        let read = self.stream.read(&mut chunk).await?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        self.unread.extend_from_slice(&chunk[..read]);
        let mut answers = Vec::new();
        while let Some((first, body)) = self.take_packet() {
            match first >> 4 {
                3 => {
                    let length = usize::from(u16::from_be_bytes([body[0], body[1]]));
                    let topic = String::from_utf8_lossy(&body[2..2 + length]).into_owned();
                    let mut rest = &body[2 + length..];
                    if first & 6 != 0 {
                        answers.extend(packet(0x40, &rest[..2]));
                        rest = &rest[2..];
                    }
                    self.messages.push_back(Message {
                        topic,
                        payload: rest.to_vec(),
                        retain: first & 1 == 1,
                    });
                }
                4 => self.acknowledged.push_back(u16::from_be_bytes([body[0], body[1]])),
                _ => {}
            }
        }
        self.stream.write_all(&answers).await
    }

    fn take_packet(&mut self) -> Option<(u8, Vec<u8>)> {
        let (mut length, mut at) = (0, 1);
        loop {
            let byte = *self.unread.get(at)?;
            length |= usize::from(byte & 0x7f) << (7 * (at - 1));
            at += 1;
            if byte & 0x80 == 0 {
                break;
            }
        }
        if self.unread.len() < at + length {
            return None;
        }
        let packet: Vec<u8> = self.unread.drain(..at + length).collect();
        Some((packet[0], packet[at..].to_vec()))
    }
}

/// Runs `mosquitto_pub` to its end.
pub fn mosquitto_pub(port: u16, args: &[&str]) -> Output {
    let done =
        Command::new("mosquitto_pub").args(["-h", "127.0.0.1", "-p", &port.to_string()]).args(args).output();
    let done = done.expect("mosquitto_pub is not installed: run tests/brokers/install");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    done
}

/// Publishes each line with QoS 2, by `mosquitto_pub`.
pub fn mosquitto_pub_lines(port: u16, topic: &str, lines: &str) {
    use std::io::Write;
    let mut child = Command::new("mosquitto_pub")
        .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-q", "2", "-t", topic, "-l"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("mosquitto_pub is not installed: run tests/brokers/install");
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

/// `mosquitto_sub -v`, and what it has printed.
pub struct MosquittoSub {
    child: Child,
    text: Arc<Mutex<String>>,
}

impl MosquittoSub {
    pub fn start(port: u16, filter: &str) -> Self {
        let port = port.to_string();
        let mut child = Command::new("mosquitto_sub")
            .args(["-h", "127.0.0.1", "-p", &port, "-v", "-t", filter])
            .stdout(Stdio::piped())
            .spawn()
            .expect("mosquitto_sub is not installed: run tests/brokers/install");
        let text = Arc::new(Mutex::new(String::new()));
        follow(child.stdout.take().unwrap(), Arc::clone(&text));
        Self { child, text }
    }

    pub async fn prints(&self, line: &str) {
        until(&format!("{line:?} from mosquitto_sub"), || self.lines().iter().any(|printed| printed == line))
            .await;
    }

    pub fn lines(&self) -> Vec<String> {
        self.text.lock().unwrap().lines().map(str::to_owned).collect()
    }
}

impl Drop for MosquittoSub {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn follow(mut stdout: ChildStdout, text: Arc<Mutex<String>>) {
    std::thread::spawn(move || {
        let mut chunk = [0; 4096];
        while let Ok(read @ 1..) = stdout.read(&mut chunk) {
            text.lock().unwrap().push_str(&String::from_utf8_lossy(&chunk[..read]));
        }
    });
}
