//! Which room may know which: the map of `docs/architecture.md`, read off the sources.

#![expect(clippy::unwrap_used, reason = "a test that fails says so by a panic")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

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

const SOCKETS_FILES_CLOCKS: &[&str] =
    &["std::fs", "std::net", "std::process", "std::env", "tokio::net", "tokio::fs", "tokio::spawn"];

const ROOMS: &[Room] = &[
    Room {
        files: &["topic.rs", "topic/"],
        without: &[],
        rooms: &[],
        crates: &[],
        never: SOCKETS_FILES_CLOCKS,
    },
    Room {
        files: &["talk/"],
        without: &[],
        rooms: &["topic"],
        crates: &["serde", "serde_json", "memchr", "time"],
        never: SOCKETS_FILES_CLOCKS,
    },
    Room {
        files: &["hub/"],
        without: &[],
        rooms: &["topic", "talk", "log", "moment", "seldom"],
        crates: &[
            "serde_json",
            "tokio",
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
            "std::net",
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
        files: &["access/"],
        without: &[],
        rooms: &["topic", "hub::Rights", "seldom"],
        crates: &[
            "argon2",
            "base64",
            "getrandom",
            "hmac",
            "sha2",
            "subtle",
            "parking_lot",
            "thiserror",
            "tokio",
            "tokio_util",
            "toml",
            "tracing",
            "foldhash",
            "serde",
        ],
        never: &["std::fs", "std::env", "tokio::net", "axum", "hyper", "tungstenite"],
    },
    Room {
        files: &["config/"],
        without: &[],
        rooms: &["topic"],
        crates: &["config", "serde", "toml", "thiserror", "tracing_subscriber", "url"],
        never: &["tokio", "std::process"],
    },
    Room {
        files: &["simulator/"],
        without: &["simulator/run.rs"],
        rooms: &["topic", "talk"],
        crates: &["serde_json", "thiserror", "time", "serde"],
        never: &["tokio", "Instant", "SystemTime", "std::net", "std::fs", "std::env"],
    },
    Room {
        files: &["simulator/run.rs"],
        without: &[],
        // The client is no edge of the hub: it is a library for those who are at the far side.
        rooms: &["hub", "talk", "topic", "client", "backoff", "moment", "seldom"],
        crates: &["tokio", "tokio_util", "tracing"],
        never: &["axum", "hyper", "std::fs", "std::env"],
    },
    Room {
        files: &["client/"],
        without: &[],
        rooms: &["talk"],
        crates: &[
            "base64",
            "futures_util",
            "percent_encoding",
            "serde",
            "serde_json",
            "thiserror",
            "tokio",
            "tokio_tungstenite",
            "url",
        ],
        never: &["std::fs", "std::env", "std::process", "tokio::spawn"],
    },
    Room {
        files: &["connection/"],
        without: &[],
        rooms: &["hub", "talk", "moment", "seldom"],
        crates: &[
            "bytes",
            "futures_util",
            "memchr",
            "parking_lot",
            "serde",
            "serde_json",
            "tokio",
            "tokio_tungstenite",
            "tokio_util",
            "tracing",
        ],
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
        files: &["backoff.rs"],
        without: &[],
        rooms: &[],
        crates: &["getrandom"],
        never: SOCKETS_FILES_CLOCKS,
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
        files: &["server/"],
        without: &[],
        rooms: &[
            "hub",
            "talk",
            "topic",
            "access",
            "connection",
            "backoff",
            "moment",
            "seldom",
            "shutdown",
            "config::WebOrigin",
        ],
        crates: &[
            "axum",
            "base64",
            "bytes",
            "foldhash",
            "futures_util",
            "hyper",
            "hyper_util",
            "memchr",
            "parking_lot",
            "prometheus_client",
            "serde",
            "serde_json",
            "socket2",
            "tokio",
            "tokio_tungstenite",
            "tokio_util",
            "tower",
            "tracing",
        ],
        never: &["std::fs", "std::env", "std::process", "tokio::spawn"],
    },
    Room {
        files: &["links/"],
        without: &["links/mqtt/"],
        rooms: &[
            "hub",
            "talk",
            "topic",
            "backoff",
            "moment",
            "seldom",
            "shutdown",
            "config::quoted",
            "config::plain",
        ],
        crates: &[
            "base64",
            "foldhash",
            "getrandom",
            "parking_lot",
            "serde",
            "serde_json",
            "thiserror",
            "tokio",
            "tokio_util",
            "toml",
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
            "tokio_rustls",
        ],
    },
    Room {
        files: &["links/mqtt/"],
        without: &[],
        rooms: &["hub"],
        crates: &[
            "bytes",
            "foldhash",
            "futures_util",
            "rumqttc",
            "rustls_native_certs",
            "thiserror",
            "tokio",
            "tokio_rustls",
            "tokio_tungstenite",
            "tokio_util",
        ],
        never: &["axum", "hyper", "prometheus_client", "tokio::spawn", "std::process"],
    },
    Room {
        files: &["shutdown.rs"],
        without: &[],
        rooms: &[],
        crates: &["foldhash", "parking_lot", "tokio", "tokio_util"],
        never: &["std::fs", "std::net", "tokio::net"],
    },
];

/// The rooms, as `crate::` names them.
const NAMES: &[&str] = &[
    "topic",
    "talk",
    "hub",
    "access",
    "config",
    "simulator",
    "server",
    "links",
    "connection",
    "log",
    "moment",
    "seldom",
    "backoff",
    "shutdown",
    "client",
    "cli",
];

#[test]
fn every_room_knows_only_what_it_may_know() {
    let mut offences = String::new();
    let mut rooms_seen = BTreeSet::new();
    for file in sources() {
        let Some((number, room)) = room_of(&file) else { continue };
        rooms_seen.insert(number);
        for (line, code) in code_lines(&file) {
            for path in paths(&code) {
                if let Some(why) = offence(room, &path) {
                    writeln!(offences, "src/{}:{line}: {path}: {why}", file.display()).unwrap();
                }
            }
        }
    }
    assert!(offences.is_empty(), "\n{offences}");
    assert_eq!(rooms_seen.len(), ROOMS.len(), "a room has no files any more");
}

#[test]
fn every_file_is_in_one_room() {
    for file in sources() {
        let name = file.to_str().unwrap();
        let is_top = name.starts_with("cli/") || matches!(name, "lib.rs" | "main.rs");
        assert!(is_top != room_of(&file).is_some(), "src/{name} is in no room, or in two");
    }
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
    assert!(!offends("use tokio::sync::Notify;"));
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

/// The crates of Cargo.toml, as code names them.
fn dependencies() -> BTreeSet<String> {
    let manifest = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
    let section = manifest.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap().to_owned();
    section
        .lines()
        .filter_map(|line| line.split_once(" = ").map(|(name, _)| name.trim().replace('-', "_")))
        .collect()
}

fn sources() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
    let mut found = Vec::new();
    walk(root, &mut found);
    found.sort();
    found.iter().map(|path| path.strip_prefix(root).unwrap().to_path_buf()).collect()
}

/// The statements of a file with the number of the line in which each begins: without comments, without the tests,
/// and with a `use` of several lines as one.
fn code_lines(file: &Path) -> Vec<(usize, String)> {
    let name = file.to_str().unwrap();
    if name.ends_with("tests.rs") {
        return Vec::new();
    }
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(file)).unwrap();
    // Tests that stand in the file are its end; those in a file of their own are a line among others.
    let inside = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    let text = text.get(..inside).unwrap_or_default();
    let mut statements: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (number, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default().trim();
        if open {
            statements.last_mut().unwrap().1.push_str(code);
        } else {
            statements.push((number + 1, code.to_owned()));
        }
        let is_use = statements.last().unwrap().1.trim_start_matches("pub ").starts_with("use ");
        open = is_use && !statements.last().unwrap().1.ends_with(';');
    }
    statements
}

/// Every path with `::` in a piece of code, the braces of a `use` resolved.
fn paths(code: &str) -> Vec<String> {
    if let Some(tree) = code.trim_start_matches("pub ").trim_start_matches("pub(crate) ").strip_prefix("use ")
    {
        return branches(tree.trim_end_matches(';').trim());
    }
    let is_part = |character: char| character.is_alphanumeric() || matches!(character, '_' | ':');
    code.split(|character| !is_part(character))
        .map(|path| path.trim_matches(':').to_owned())
        .filter(|path| path.contains("::"))
        .collect()
}

fn branches(tree: &str) -> Vec<String> {
    let Some((stem, rest)) = tree.split_once('{') else {
        return vec![tree.split(" as ").next().unwrap_or_default().trim().to_owned()];
    };
    let inside = rest.strip_suffix('}').unwrap_or(rest);
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, character) in inside.char_indices().chain([(inside.len(), ',')]) {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let branch = inside.get(start..at).unwrap_or_default().trim();
                if !branch.is_empty() {
                    found.extend(branches(branch).into_iter().map(|path| format!("{stem}{path}")));
                }
                start = at + 1;
            }
            _ => {}
        }
    }
    found
}
