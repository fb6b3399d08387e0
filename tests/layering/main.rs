//! Which room may know which: the map of `docs/architecture.md`, read off the sources; and how large files may be, and
//! how many may go round in circles.

#![expect(clippy::unwrap_used, reason = "a test that fails says so by a panic")]

mod circles;
mod rooms;
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use crate::circles::{Crate, circles};
use crate::rooms::{NAMES, ROOMS, Room};
use crate::sources::{code, dependencies, imports, paths, sources, statements};

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
