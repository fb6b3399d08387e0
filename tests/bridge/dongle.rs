//! A radio dongle on a real pseudo terminal: what its firmware does on the wire, traps included. The nodes behind it are those
//! of the simulator.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use clown_hub::simulator::{Kit, Moment, Node};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use crate::support::until;

/// The id of the gateway itself.
pub const GATEWAY: &str = "836d19839c3b";
/// What the firmware takes as commands of its own, in the order in which it compares them.
const COMMANDS: [&str; 10] = [
    "/info/get",
    "/nodes/get",
    "/nodes/add",
    "/nodes/remove",
    "/nodes/purge",
    "/scan/start",
    "/scan/stop",
    "/pairing-mode/start",
    "/pairing-mode/stop",
    "$eeprom/alias/add",
];
/// The longest line that it takes, with its end.
const LINE: usize = 1024;

/// What is plugged in; unplugged where it is dropped.
pub struct Dongle {
    /// Both ends: the device's, and one of the port, so that the port is there before anybody opens it.
    ends: Option<(OwnedFd, OwnedFd)>,
    state: Arc<Mutex<State>>,
}

struct State {
    node: Node,
    /// What the store of the dongle holds, over its being unplugged.
    aliases: BTreeMap<String, String>,
    nodes: Vec<String>,
    /// Lines that the hub has sent, as they came.
    heard: Vec<String>,
    /// How often the radio says that it is not ready yet.
    not_ready: u32,
    /// Commands that the firmware took, with the trap: a topic that is the beginning of a command is that command.
    fired: Vec<String>,
    is_mute: bool,
    ends: bool,
}

fn now() -> Moment {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Moment(u64::try_from(since.as_millis()).unwrap())
}

/// A pseudo terminal, raw at both ends, and the path of its port.
pub fn terminal() -> (OwnedFd, OwnedFd, PathBuf) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let path = PathBuf::from(ptsname(&master, Vec::new()).unwrap().to_str().unwrap());
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let slave = rustix::fs::open(&path, flags, Mode::empty()).unwrap();
    let mut mode = tcgetattr(&slave).unwrap();
    mode.make_raw();
    tcsetattr(&slave, OptionalActions::Now, &mode).unwrap();
    (master, slave, path)
}

/// Has a path lead to a port, as the names under `/dev/serial/by-id` do.
pub fn link_to(link: &Path, port: &Path) {
    let _ = std::fs::remove_file(link);
    std::os::unix::fs::symlink(port, link).unwrap();
}

impl Dongle {
    /// One with three radio nodes, plugged into this port.
    pub fn plugged_into(link: &Path) -> Self {
        let mut node = Node::new(Kit::Tower, 7);
        let booted = node.boot(now());
        let nodes = booted.iter().map(|line| line.topic.split('/').next().unwrap().to_owned());
        let nodes = nodes.collect();
        let state = State {
            node,
            aliases: BTreeMap::new(),
            nodes,
            heard: Vec::new(),
            not_ready: 0,
            fired: Vec::new(),
            is_mute: false,
            ends: false,
        };
        let mut dongle = Self { ends: None, state: Arc::new(Mutex::new(state)) };
        dongle.plug_into(link);
        dongle
    }

    /// Plugs it in, again.
    pub fn plug_into(&mut self, link: &Path) {
        let (master, slave, path) = terminal();
        self.state.lock().unwrap().ends = false;
        let (state, device) = (Arc::clone(&self.state), master.try_clone().unwrap());
        std::thread::spawn(move || serve(&state, device));
        self.ends = Some((master, slave));
        // Whoever opens the port in the middle of a line gets the end of one.
        self.raw(b"0:1/temperature\", 22.31]\n");
        link_to(link, &path);
    }

    /// Unplugs it.
    pub fn unplug(&mut self) {
        self.state.lock().unwrap().ends = true;
        self.ends = None;
    }

    /// It does not answer any more, as one that hangs.
    pub fn is_mute(&self, yes: bool) {
        self.state.lock().unwrap().is_mute = yes;
    }

    /// Its radio needs some time: so often it says that it has no id.
    pub fn is_not_ready(&self, times: u32) {
        self.state.lock().unwrap().not_ready = times;
    }

    /// The ids of its nodes: one on the mains, one in the yard, one push button.
    pub fn nodes(&self) -> Vec<String> {
        self.state.lock().unwrap().nodes.clone()
    }

    /// What its store has.
    pub fn aliases(&self) -> BTreeMap<String, String> {
        self.state.lock().unwrap().aliases.clone()
    }

    /// Its store has these names from before.
    pub fn has_aliases(&self, aliases: impl IntoIterator<Item = (String, String)>) {
        self.state.lock().unwrap().aliases.extend(aliases);
    }

    /// Sends these bytes.
    pub fn raw(&self, bytes: &[u8]) {
        let (master, _) = self.ends.as_ref().unwrap();
        let mut rest = bytes;
        while !rest.is_empty() {
            let written = rustix::io::write(master, rest).unwrap();
            rest = &rest[written..];
        }
    }

    /// Sends a line.
    pub fn says(&self, line: &str) {
        self.raw(format!("{line}\n").as_bytes());
    }

    /// Waits for a line of the hub that holds this.
    pub async fn hears(&self, text: &str) {
        until(&format!("{text:?} at the dongle"), || self.heard().iter().any(|line| line.contains(text)))
            .await;
    }

    /// All lines that came.
    pub fn heard(&self) -> Vec<String> {
        self.state.lock().unwrap().heard.clone()
    }

    /// Commands that the firmware took.
    pub fn fired(&self) -> Vec<String> {
        self.state.lock().unwrap().fired.clone()
    }
}

/// The firmware: reads lines, answers them.
fn serve(state: &Mutex<State>, device: OwnedFd) {
    let (mut device, mut unread) = (std::fs::File::from(device), Vec::new());
    let mut chunk = [0; 4096];
    loop {
        let wait = rustix::event::PollFd::new(&device, rustix::event::PollFlags::IN);
        let timeout = rustix::event::Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
        let ready = rustix::event::poll(&mut [wait], Some(&timeout)).unwrap_or(0);
        if state.lock().unwrap().ends {
            return;
        }
        if ready > 0 {
            match device.read(&mut chunk) {
                Ok(read @ 1..) => unread.extend_from_slice(&chunk[..read]),
                // Nobody has the port open.
                Ok(0) | Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        let mut said = String::new();
        while let Some(end) = unread.iter().position(|byte| *byte == b'\n') {
            let line: Vec<_> = unread.drain(..=end).collect();
            if line.len() <= LINE {
                state.lock().unwrap().take(String::from_utf8_lossy(&line).trim(), &mut said);
            }
        }
        state.lock().unwrap().wake(&mut said);
        if device.write_all(said.as_bytes()).is_err() {
            return;
        }
    }
}

impl State {
    fn wake(&mut self, said: &mut String) {
        if self.is_mute {
            return;
        }
        for line in self.node.wake(now()) {
            let _ = writeln!(said, "{line}");
        }
    }

    fn take(&mut self, line: &str, said: &mut String) {
        if line.is_empty() || self.is_mute {
            return;
        }
        self.heard.push(line.to_owned());
        let Ok(serde_json::Value::Array(frame)) = serde_json::from_str(line) else { return };
        let [serde_json::Value::String(topic), payload] = &frame[..] else { return };
        if topic.starts_with(['/', '$']) {
            // Only as many characters are compared as have come.
            for command in COMMANDS.iter().chain(&["$eeprom/alias/remove", "$eeprom/alias/list"]) {
                if command.starts_with(topic.as_str()) {
                    self.fired.push((*command).to_owned());
                    self.own(command, payload, said);
                }
            }
            return;
        }
        let known = ["led/-/state/set", "led/-/state/get", "relay/0:0/state/set", "relay/0:0/state/get"];
        let (id, command) = topic.split_once('/').unwrap_or((topic, ""));
        for full in known.into_iter().filter(|full| full.starts_with(command)) {
            self.fired.push(format!("{id}/{full}"));
        }
        for line in self.node.receive(topic, &payload.to_string(), now()) {
            let _ = writeln!(said, "{line}");
        }
    }

    /// What the dongle answers itself.
    fn own(&mut self, command: &str, payload: &serde_json::Value, said: &mut String) {
        let id = payload.as_str().unwrap_or_default().to_owned();
        let answer = match command {
            "/info/get" => {
                let is_ready = self.not_ready == 0;
                self.not_ready = self.not_ready.saturating_sub(1);
                let id = if is_ready { GATEWAY } else { "000000000000" };
                format!(
                    "[\"/info\", {{\"id\": \"{id}\", \"firmware\": \"bcf-gateway-usb-dongle\", \"version\": \"v1.7.0\"}}]"
                )
            }
            "/nodes/get" => format!("[\"/nodes\", {}]", serde_json::to_string(&self.nodes).unwrap()),
            "/nodes/purge" => {
                self.nodes.clear();
                "[\"/nodes\", []]".to_owned()
            }
            "/nodes/add" => {
                self.nodes.push(id.clone());
                format!("[\"/attach\", \"{id}\"]")
            }
            "/nodes/remove" => {
                self.nodes.retain(|node| *node != id);
                format!("[\"/detach\", \"{id}\"]")
            }
            "$eeprom/alias/add" => {
                let text = |key: &str| payload[key].as_str().unwrap_or_default().to_owned();
                self.aliases.insert(text("id"), text("name"));
                format!("[\"$eeprom/alias/add/ok\", \"{}\"]", text("id"))
            }
            "$eeprom/alias/remove" => {
                self.aliases.remove(&id);
                format!("[\"$eeprom/alias/remove/ok\", \"{id}\"]")
            }
            "$eeprom/alias/list" => {
                let page = usize::try_from(payload.as_u64().unwrap_or(9)).unwrap();
                if page > 3 {
                    return;
                }
                let listed: BTreeMap<_, _> = self.aliases.iter().skip(page * 8).take(8).collect();
                format!("[\"$eeprom/alias/list/{page}\", {}]", serde_json::to_string(&listed).unwrap())
            }
            verb => {
                let (topic, verb) = verb.rsplit_once('/').unwrap();
                format!("[\"{topic}\", \"{verb}\"]")
            }
        };
        said.push_str(&answer);
        said.push('\n');
    }
}
