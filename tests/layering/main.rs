//! Which room may know which: the map of `docs/architecture.md`, read off the sources; and how large files may be, and
//! how many may go round in circles.

#![expect(clippy::unwrap_used, reason = "a test that fails says so by a panic")]

mod circles;
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use crate::circles::{Crate, circles};
use crate::sources::{code, dependencies, imports, paths, sources, statements};

/// What one room may know.
struct Room {
    /// The start of the paths of its files, under `src`.
    files: &'static [&'static str],
    /// Files that belong to another room although their path begins like that.
    without: &'static [&'static str],
    /// Rooms of the crate, as `hub`, or single names in them, as `hub::Rights`.
    rooms: &'static [&'static str],
    /// Foreign crates; `std` is everybody's, less what `never` names.
    crates: &'static [&'static str],
    /// Paths that may not occur, whoever they belong to.
    never: &'static [&'static str],
}

/// Said of `std` where a room only decides.
const SOCKETS_FILES_CLOCKS: &[&str] =
    &["std::fs", "std::net", "std::process", "std::env", "tokio::net", "tokio::fs", "tokio::spawn"];

const ROOMS: &[Room] = &[
    Room {
        files: &["topic.rs", "topic/"],
        without: &[],
        rooms: &[],
        crates: &["memchr", "smallvec"],
        never: SOCKETS_FILES_CLOCKS,
    },
    Room {
        files: &["talk/"],
        without: &[],
        rooms: &[],
        crates: &["base64", "serde", "serde_json", "memchr", "time"],
        never: SOCKETS_FILES_CLOCKS,
    },
    Room {
        files: &["layout.rs"],
        without: &[],
        rooms: &["talk::control::is_unseen", "topic"],
        crates: &["serde", "serde_json"],
        never: SOCKETS_FILES_CLOCKS,
    },
    Room {
        files: &["mqtt/"],
        without: &[],
        rooms: &["talk"],
        crates: &["base64", "memchr", "serde", "serde_json", "thiserror"],
        never: SOCKETS_FILES_CLOCKS,
    },
    Room {
        files: &["hub/"],
        without: &[],
        rooms: &["topic", "talk", "log", "moment", "seldom", "audit", "backlog"],
        crates: &[
            "serde_json",
            "dashmap",
            "hashbrown",
            "smallvec",
            "parking_lot",
            "foldhash",
            "thiserror",
            "tracing",
        ],
        never: &[
            "std::fs",
            "std::net::TcpListener",
            "std::net::TcpStream",
            "std::net::UdpSocket",
            "std::process",
            "std::env",
            "tokio::net",
            "tokio::fs",
            "tokio::time",
            "tokio::spawn",
            "axum",
            "hyper",
            "tungstenite",
            "Instant",
        ],
    },
    Room {
        files: &["discovery/"],
        without: &["discovery/run.rs"],
        rooms: &[],
        crates: &["serde_json", "sha2"],
        never: SOCKETS_FILES_CLOCKS,
    },
    Room {
        files: &["discovery/run.rs"],
        without: &[],
        rooms: &["hub", "moment", "seldom", "talk", "topic"],
        crates: &["tokio", "tokio_util", "tracing"],
        never: &[
            "std::fs",
            "std::net",
            "std::env",
            "std::process",
            "tokio::net",
            "tokio::fs",
            "tokio::spawn",
        ],
    },
    Room {
        files: &["access/"],
        without: &[],
        rooms: &["topic", "bell", "hub::Rights", "moment", "operator", "seldom"],
        crates: &[
            "argon2",
            "base64",
            "getrandom",
            "hmac",
            "ipnet",
            "sha2",
            "subtle",
            "parking_lot",
            "thiserror",
            "time",
            "tokio",
            "tokio_util",
            "tracing",
        ],
        never: &["std::fs", "std::env", "tokio::net", "axum", "hyper", "tungstenite"],
    },
    Room {
        files: &[
            "store/tables.rs",
            "store/tables/",
            "store/rows.rs",
            "store/fault.rs",
            "store/history/tables.rs",
        ],
        without: &[],
        rooms: &["access::KeptWebSession", "access::Visitor", "access::WebSessionChanges"],
        crates: &["rusqlite", "thiserror"],
        never: &["tokio", "std::net", "std::env", "std::process"],
    },
    Room {
        files: &["store/"],
        without: &[
            "store/tables.rs",
            "store/tables/",
            "store/rows.rs",
            "store/fault.rs",
            "store/history/tables.rs",
        ],
        rooms: &[
            "access::KeptWebSession",
            "access::WebSessionChanges",
            "access::WebSessions",
            "hub",
            "talk",
            "topic",
            "moment",
            "seldom",
            "backoff",
        ],
        crates: &[
            "crc32c",
            "foldhash",
            "parking_lot",
            "rustix",
            "serde_json",
            "smallvec",
            "thiserror",
            "tokio",
            "tracing",
        ],
        never: &[
            "rusqlite",
            "std::net",
            "std::env",
            "tokio::net",
            "tokio::fs",
            "tokio::spawn",
            "axum",
            "hyper",
        ],
    },
    Room {
        files: &["config/"],
        without: &[],
        rooms: &["operator", "topic"],
        crates: &["config", "ipnet", "tracing_subscriber"],
        never: &["tokio", "std::process"],
    },
    Room {
        files: &["simulator/"],
        without: &["simulator/run.rs"],
        rooms: &[],
        crates: &["serde_json", "thiserror", "serde"],
        never: &["tokio", "Instant", "SystemTime", "std::net", "std::fs", "std::env"],
    },
    Room {
        files: &["simulator/run.rs"],
        without: &[],
        // The client is no edge of the hub: it is a library for those who are at the far side.
        rooms: &["hub", "talk", "client", "backoff", "moment", "seldom"],
        crates: &["tokio", "tokio_util", "tracing"],
        never: &["axum", "hyper", "std::fs", "std::env"],
    },
    Room {
        files: &["client/"],
        without: &[],
        rooms: &["talk", "tls"],
        crates: &[
            "base64",
            "futures_util",
            "percent_encoding",
            "thiserror",
            "tokio",
            "tokio_rustls",
            "tokio_tungstenite",
            "url",
        ],
        never: &["std::fs", "std::env", "std::process", "tokio::spawn"],
    },
    Room {
        files: &["tls/"],
        without: &[],
        rooms: &["operator"],
        crates: &[
            "base64",
            "parking_lot",
            "rcgen",
            "rustls_native_certs",
            "sha2",
            "thiserror",
            "time",
            "tokio",
            "tokio_rustls",
            "yasna",
        ],
        never: &["std::env", "std::process", "tokio::spawn", "axum", "hyper"],
    },
    Room {
        files: &["connection/"],
        without: &[],
        rooms: &[
            "access::Connected",
            "access::Standing",
            "bell",
            "crew::waker",
            "hub",
            "talk",
            "moment",
            "mqtt",
            "seldom",
            "topic",
        ],
        crates: &["bytes", "memchr", "tokio", "tokio_util", "tracing"],
        never: &["std::fs", "std::env", "std::process", "tokio::net", "tokio::spawn", "axum", "hyper"],
    },
    Room {
        files: &["log.rs"],
        without: &[],
        rooms: &[],
        crates: &["parking_lot"],
        never: &["std::fs", "std::net", "tokio"],
    },
    Room {
        files: &["backlog.rs", "backlog/"],
        without: &[],
        rooms: &["topic"],
        crates: &["foldhash"],
        never: SOCKETS_FILES_CLOCKS,
    },
    Room {
        files: &["backoff.rs"],
        without: &[],
        rooms: &[],
        crates: &["getrandom"],
        never: SOCKETS_FILES_CLOCKS,
    },
    Room {
        files: &["bell.rs"],
        without: &[],
        rooms: &[],
        crates: &["parking_lot"],
        never: SOCKETS_FILES_CLOCKS,
    },
    Room {
        files: &["crew.rs"],
        without: &[],
        rooms: &[],
        crates: &["futures_util", "parking_lot", "tokio", "tokio_util"],
        never: &["std::fs", "std::net", "tokio::net", "tokio::spawn"],
    },
    Room {
        files: &["moment.rs"],
        without: &[],
        rooms: &[],
        crates: &[],
        never: &["std::fs", "std::net", "tokio"],
    },
    Room {
        files: &["seldom.rs"],
        without: &[],
        rooms: &[],
        crates: &["parking_lot", "tokio"],
        never: &["std::fs", "std::net", "tokio::net", "tokio::spawn"],
    },
    Room {
        files: &["accounts_file.rs"],
        without: &[],
        rooms: &["access", "operator"],
        crates: &["thiserror", "toml_edit"],
        never: &["std::net", "std::env", "tokio", "axum", "hyper"],
    },
    Room {
        files: &["audit.rs"],
        without: &[],
        rooms: &["seldom"],
        crates: &["tracing"],
        never: &["std::fs", "tokio"],
    },
    Room {
        files: &["server/"],
        without: &[],
        rooms: &[
            "accounts_file",
            "audit",
            "hub",
            "talk",
            "topic",
            "access",
            "connection",
            "backoff",
            "crew",
            "moment",
            "seldom",
            "shutdown",
            "mqtt",
            "tls",
            "config::Key",
            "config::WebOrigin",
            "layout",
            "operator::Mistakes",
        ],
        crates: &[
            "axum",
            "base64",
            "foldhash",
            "getrandom",
            "hyper",
            "hyper_util",
            "ipnet",
            "md5",
            "parking_lot",
            "percent_encoding",
            "prometheus_client",
            "qrcode",
            "rustix",
            "serde",
            "serde_json",
            "rustix",
            "socket2",
            "thiserror",
            "tokio",
            "tokio_rustls",
            "tokio_tungstenite",
            "tokio_util",
            "time",
            "tower",
            "tracing",
            "utoipa",
        ],
        never: &["std::fs", "std::env", "std::process", "tokio::spawn"],
    },
    Room {
        files: &["links/"],
        without: &["links/hub/", "links/mqtt/", "links/process/", "links/serial/"],
        rooms: &[
            "client::Address",
            "discovery",
            "hub",
            "talk",
            "topic",
            "connection::Turn",
            "backlog",
            "backoff",
            "moment",
            "operator",
            "seldom",
            "shutdown",
        ],
        crates: &[
            "base64",
            "bytes",
            "foldhash",
            "getrandom",
            "memchr",
            "parking_lot",
            "serde_json",
            "tokio",
            "tokio_util",
            "tracing",
            "url",
        ],
        never: &[
            "axum",
            "hyper",
            "prometheus_client",
            "tokio::net",
            "tokio::spawn",
            "std::process",
            "rumqttc",
            "rustix",
            "tokio_rustls",
        ],
    },
    Room {
        files: &["links/mqtt/"],
        without: &[],
        rooms: &["hub", "moment", "operator", "tls"],
        crates: &[
            "bytes",
            "foldhash",
            "futures_util",
            "rumqttc",
            "thiserror",
            "tokio",
            "tokio_rustls",
            "tokio_tungstenite",
            "tokio_util",
        ],
        never: &["axum", "hyper", "prometheus_client", "tokio::spawn", "std::process"],
    },
    Room {
        files: &["links/hub/"],
        without: &[],
        rooms: &["client", "hub", "moment", "talk"],
        crates: &["serde_json", "tokio"],
        never: &[
            "axum",
            "hyper",
            "prometheus_client",
            "tokio::net",
            "tokio::spawn",
            "std::process",
            "rumqttc",
        ],
    },
    Room {
        files: &["links/process/"],
        without: &[],
        rooms: &["hub", "moment", "seldom", "talk"],
        crates: &["rustix", "tokio", "tracing"],
        never: &["axum", "hyper", "prometheus_client", "tokio::net", "tokio::spawn", "rumqttc"],
    },
    Room {
        files: &["links/serial/"],
        without: &[],
        rooms: &["hub", "moment", "operator", "talk"],
        crates: &["bytes", "parking_lot", "rustix", "serde_json", "tokio", "tracing"],
        never: &[
            "axum",
            "hyper",
            "prometheus_client",
            "tokio::net",
            "tokio::spawn",
            "std::process",
            "rumqttc",
        ],
    },
    Room {
        files: &["cluster/"],
        without: &["cluster/wire.rs"],
        rooms: &[
            "backlog",
            "connection::Turn",
            "hub",
            "moment",
            "operator",
            "seldom",
            "shutdown",
            "talk",
            "topic",
        ],
        crates: &[
            "base64",
            "bytes",
            "foldhash",
            "getrandom",
            "percent_encoding",
            "serde",
            "serde_json",
            "thiserror",
            "tokio",
            "tokio_util",
            "tracing",
        ],
        never: &[
            "async_nats",
            "std::net",
            "tokio::net",
            "tokio::spawn",
            "std::process",
            "axum",
            "hyper",
            "prometheus_client",
        ],
    },
    Room {
        files: &["cluster/wire.rs"],
        without: &[],
        rooms: &["tls"],
        crates: &["async_nats", "bytes", "futures_util", "tokio"],
        never: &[
            "tokio::net",
            "tokio::spawn",
            "std::process",
            "std::fs",
            "axum",
            "hyper",
            "prometheus_client",
        ],
    },
    Room {
        files: &["shutdown.rs"],
        without: &[],
        rooms: &[],
        crates: &["foldhash", "futures_util", "parking_lot", "tokio", "tokio_util"],
        never: &["std::fs", "std::net", "tokio::net"],
    },
    Room {
        files: &["operator/"],
        without: &[],
        rooms: &[],
        crates: &["strsim", "thiserror", "tokio", "toml", "tracing"],
        never: &["std::net", "std::env", "std::process", "tokio::net", "tokio::spawn"],
    },
    Room {
        files: &["cli/"],
        without: &[],
        rooms: NAMES,
        crates: &[
            "anyhow",
            "clap",
            "clap_complete",
            "listenfd",
            "rlimit",
            "rpassword",
            "rustix",
            "sd_notify",
            "serde",
            "serde_json",
            "thiserror",
            "tokio",
            "tokio_util",
            "tracing",
            "tracing_subscriber",
            "memchr",
            "percent_encoding",
            "qrcode",
            "time",
        ],
        never: &["tokio::spawn", "axum", "hyper", "rumqttc"],
    },
];

/// The rooms, as `crate::` names them.
const NAMES: &[&str] = &[
    "accounts_file",
    "audit",
    "topic",
    "talk",
    "tls",
    "hub",
    "access",
    "store",
    "config",
    "simulator",
    "server",
    "links",
    "cluster",
    "connection",
    "discovery",
    "log",
    "moment",
    "mqtt",
    "operator",
    "seldom",
    "backoff",
    "bell",
    "shutdown",
    "client",
    "cli",
];

/// What one file may have of lines, its tests left out.
const MOST_LINES: usize = 450;
/// A room that others may know without using it: whether they write lines that peers cause may change.
const ANYBODYS: &str = "seldom";
/// Groups of files of one room that all use each other.
const MOST_CIRCLES: usize = 3;

/// What a file names: the line, the path, and whether it is a name that a `use` of the same file brought in.
fn named(file: &Path) -> Vec<(usize, String)> {
    let statements = statements(file);
    let brought: BTreeSet<_> =
        statements.iter().flat_map(|(_, statement)| imports(statement)).map(|(name, _)| name).collect();
    let mut named = Vec::new();
    for (line, statement) in &statements {
        let is_use = !imports(statement).is_empty();
        for path in paths(statement) {
            // What a name that was brought in stands for was looked at where it was.
            let first = path.split("::").next().unwrap_or_default();
            if is_use || !brought.contains(first) {
                named.push((*line, path));
            }
        }
    }
    named
}

#[test]
fn every_room_knows_only_what_it_may_know() {
    let mut offences = String::new();
    let mut rooms_seen = BTreeSet::new();
    for file in sources() {
        let Some((number, room)) = room_of(&file) else { continue };
        rooms_seen.insert(number);
        for (line, path) in named(&file) {
            if let Some(why) = offence(room, &path) {
                writeln!(offences, "src/{}:{line}: {path}: {why}", file.display()).unwrap();
            }
        }
    }
    assert!(offences.is_empty(), "\n{offences}");
    assert_eq!(rooms_seen.len(), ROOMS.len(), "a room has no files any more");
}

#[test]
fn every_crate_and_every_room_that_a_room_may_know_is_used_there() {
    let mut known: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    for file in sources() {
        let Some((number, _)) = room_of(&file) else { continue };
        let paths = named(&file).into_iter().map(|(_, path)| path.trim_start_matches("crate::").to_owned());
        known.entry(number).or_default().extend(paths);
    }
    let mut unused = String::new();
    for (number, room) in ROOMS.iter().enumerate() {
        let uses = |name: &str| {
            let is_in = |path: &String| path == name || path.starts_with(&format!("{name}::"));
            known.get(&number).is_some_and(|paths| paths.iter().any(is_in))
        };
        let rooms = if room.rooms == NAMES { &[] } else { room.rooms };
        let is_idle = |name: &&&str| !uses(name) && **name != ANYBODYS;
        for name in room.crates.iter().chain(rooms).filter(is_idle) {
            writeln!(unused, "{:?} may know {name}, and does not use it", room.files).unwrap();
        }
    }
    assert!(unused.is_empty(), "\n{unused}");
}

#[test]
fn every_file_is_in_one_room() {
    for file in sources() {
        let name = file.to_str().unwrap();
        let is_top = matches!(name, "lib.rs" | "main.rs");
        assert!(is_top != room_of(&file).is_some(), "src/{name} is in no room, or in two");
    }
}

#[test]
fn no_file_has_more_lines_than_fit_into_a_head() {
    let lines = sources().into_iter().map(|file| (code(&file).lines().count(), file));
    let too_long: Vec<_> = lines.filter(|(lines, _)| *lines > MOST_LINES).collect();
    assert!(too_long.is_empty(), "more than {MOST_LINES} lines: {too_long:?}");
}

#[test]
fn no_files_of_different_rooms_and_few_of_one_room_use_each_other_in_a_circle() {
    let room = |file: &Path| file.iter().next().unwrap().to_owned();
    let (mut between, mut inside) = (String::new(), String::new());
    let mut count = 0;
    for circle in circles(&Crate::read().uses()) {
        let rooms: BTreeSet<_> = circle.iter().map(|file| room(file)).collect();
        let told = if rooms.len() > 1 { &mut between } else { &mut inside };
        count += usize::from(rooms.len() == 1);
        let files: Vec<_> = circle.iter().map(|file| file.display().to_string()).collect();
        writeln!(told, "{}", files.join(" ")).unwrap();
    }
    assert!(between.is_empty(), "files of different rooms use each other:\n{between}");
    assert!(count <= MOST_CIRCLES, "{count} circles, {MOST_CIRCLES} are allowed:\n{inside}");
}

#[test]
fn a_path_in_the_wrong_place_is_found() {
    let hub = room_of(Path::new("hub/mod.rs")).unwrap().1;
    let offends = |code: &str| paths(code).iter().any(|path| offence(hub, path).is_some());
    assert!(offends("use crate::server::Server;"));
    assert!(offends("use crate::{talk::Kind, access::Access};"));
    assert!(offends("use tokio::{sync::Notify, net::TcpStream};"));
    assert!(offends("let now = std::time::Instant::now();"));
    assert!(offends("fn f(x: axum::Router) {}"));
    assert!(!offends("use crate::talk::{Kind, Reply};"));
    assert!(!offends("use parking_lot::Mutex;"));
    let access = room_of(Path::new("access/mod.rs")).unwrap().1;
    assert!(paths("use crate::hub::Hub;").iter().any(|path| offence(access, path).is_some()));
    assert!(paths("use crate::hub::Rights;").iter().all(|path| offence(access, path).is_none()));
}

fn room_of(file: &Path) -> Option<(usize, &'static Room)> {
    let name = file.to_str().unwrap();
    let is_in = |room: &Room| {
        room.files.iter().any(|start| name.starts_with(start))
            && !room.without.iter().any(|start| name.starts_with(start))
    };
    // The narrowest first: a file that is named alone is not in the room around it.
    let found: Vec<_> = ROOMS.iter().enumerate().filter(|(_, room)| is_in(room)).collect();
    assert!(found.len() <= 1 || name == "simulator/run.rs", "{name} is in {} rooms", found.len());
    found.last().copied()
}

fn offence(room: &Room, path: &str) -> Option<String> {
    if let Some(banned) = room.never.iter().find(|banned| holds(path, banned)) {
        return Some(format!("{banned} is not known here"));
    }
    if let Some(inside) = path.strip_prefix("crate::") {
        let name = inside.split("::").next().unwrap_or_default();
        let own = room.files.iter().any(|file| file.trim_end_matches(".rs").split('/').next() == Some(name));
        let may = own
            || !NAMES.contains(&name)
            || room.rooms.iter().any(|may| inside == *may || inside.starts_with(&format!("{may}::")));
        return (!may).then(|| format!("may know {:?}", room.rooms));
    }
    let first = path.split("::").next().unwrap_or_default();
    let is_module = room.files.iter().any(|folder| {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder).join(format!("{first}.rs")).exists()
    });
    let foreign = !is_module && dependencies().contains(first);
    (foreign && !room.crates.contains(&first)).then(|| format!("may know the crates {:?}", room.crates))
}

/// Whether `part` stands in the path as whole names.
fn holds(path: &str, part: &str) -> bool {
    format!("::{path}::").contains(&format!("::{part}::"))
}
