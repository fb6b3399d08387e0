//! The sources as text: statements, paths and imports.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// All files under `src`, by their path there.
pub(crate) fn sources() -> Vec<PathBuf> {
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

/// The crates of Cargo.toml, as code names them.
pub(crate) fn dependencies() -> BTreeSet<String> {
    let manifest = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
    let of_section = |section: &str| {
        let lines = section.lines().skip(1).take_while(|line| !line.starts_with('['));
        let names = lines.filter_map(|line| line.split_once(" = "));
        names.map(|(name, _)| name.trim().replace('-', "_")).collect::<Vec<_>>()
    };
    let sections = manifest.match_indices("dependencies]\n").map(|(at, _)| manifest.split_at(at));
    let sections = sections.filter(|(before, _)| !before.ends_with("dev-")).map(|(_, section)| section);
    sections.flat_map(of_section).collect()
}

/// The text of a file without the tests that stand in it, which are its end. A file of tests has none.
pub(crate) fn code(file: &Path) -> String {
    let name = file.to_str().unwrap();
    if name.ends_with("tests.rs") || name.contains("/tests/") {
        return String::new();
    }
    let mut text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(file)).unwrap();
    let is_tests = |rest: &str| {
        let module = rest.lines().nth(1).unwrap_or_default();
        module.contains("mod ") && module.ends_with(" {")
    };
    let mut marks = text.match_indices("#[cfg(test)]\n").map(|(at, _)| at);
    if let Some(end) = marks.find(|at| is_tests(text.split_at(*at).1)) {
        text.truncate(end);
    }
    text
}

/// The statements of a file with the number of the line in which each begins: without comments, without the tests,
/// and with a `use` of several lines as one.
pub(crate) fn statements(file: &Path) -> Vec<(usize, String)> {
    let mut statements: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (number, line) in code(file).lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default().trim();
        if open {
            statements.last_mut().unwrap().1.push_str(code);
        } else {
            statements.push((number + 1, code.to_owned()));
        }
        let statement = &statements.last().unwrap().1;
        open = used(statement).is_some() && !statement.ends_with(';');
    }
    statements
}

/// What a `use` uses, whoever may see it.
fn used(statement: &str) -> Option<&str> {
    let private = match statement.strip_prefix("pub") {
        Some(rest) => {
            rest.strip_prefix('(').and_then(|rest| rest.split_once(") ")).map_or(rest, |(_, rest)| rest)
        }
        None => statement,
    };
    private.trim_start().strip_prefix("use ").map(|tree| tree.trim_end_matches(';').trim())
}

/// What a statement brings in by `use`: the names, and the paths that they stand for.
pub(crate) fn imports(statement: &str) -> Vec<(String, String)> {
    let Some(tree) = used(statement) else { return Vec::new() };
    let import = |branch: String| {
        if let Some((path, name)) = branch.split_once(" as ") {
            return (name.trim().to_owned(), path.trim().to_owned());
        }
        let path = branch.trim_end_matches("::self").to_owned();
        let name = path.rsplit("::").next().unwrap_or_default().to_owned();
        (name, path)
    };
    branches(tree).into_iter().map(import).collect()
}

/// Whether a statement is a `use` that others see, too.
pub(crate) fn is_handed_on(statement: &str) -> bool {
    statement.starts_with("pub") && used(statement).is_some()
}

/// Every path with `::` in a statement, the braces of a `use` resolved.
pub(crate) fn paths(statement: &str) -> Vec<String> {
    if used(statement).is_some() {
        return imports(statement).into_iter().map(|(_, path)| path).collect();
    }
    let is_part = |character: char| character.is_alphanumeric() || matches!(character, '_' | ':');
    statement
        .split(|character| !is_part(character))
        .map(|path| path.trim_matches(':').to_owned())
        .filter(|path| path.contains("::"))
        .collect()
}

fn branches(tree: &str) -> Vec<String> {
    let Some((stem, rest)) = tree.split_once('{') else {
        return vec![tree.trim().to_owned()];
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
