//! The documents are held to the code: what one names, the other has.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clown_hub::hub::{Figures, LinkFigures};
use clown_hub::links::file::{KEYS, NUMBERS, Number, RULE_KEYS};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn document(name: &str) -> String {
    read(&root().join("docs").join(name))
}

/// All files under a directory whose names end so, less what is generated or fetched.
fn files(directory: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if path.is_dir() {
            if !name.starts_with('.') && name != "target" && name != "node_modules" {
                found.extend(files(&path, ending));
            }
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn is_clause(word: &str) -> bool {
    let mut parts = word.split('.');
    let number = |part: Option<&str>| {
        part.is_some_and(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    number(parts.next()) && (parts.clone().next().is_none() || number(parts.next())) && parts.next().is_none()
}

/// The numbers that a text cites, as in "clause 8" and "clauses 3, 4 and 5.2", also over the end of a comment line.
fn cited(text: &str) -> BTreeSet<String> {
    let mut cited = BTreeSet::new();
    // Whether a number, or an "and" with a number behind it, may come next.
    let (mut number, mut and) = (false, false);
    for word in text.split_whitespace().filter(|word| !matches!(*word, "//" | "///" | "//!" | "#")) {
        let bare = word.trim_matches(|char: char| !char.is_ascii_alphanumeric());
        if number && is_clause(bare) {
            cited.insert(bare.to_owned());
            (number, and) = (word.ends_with(','), word.ends_with(bare));
        } else {
            number = matches!(bare, "clause" | "clauses" | "Clause" | "Clauses") || (and && bare == "and");
            and = false;
        }
    }
    cited
}

/// The numbers of the clauses that the protocol has, in their order.
fn clauses(protocol: &str) -> Vec<String> {
    let headings = protocol.lines().filter_map(|line| line.strip_prefix("## ").or(line.strip_prefix("**")));
    let numbers = headings.filter_map(|line| line.split_whitespace().next());
    numbers.map(|number| number.trim_end_matches('.').to_owned()).filter(|number| is_clause(number)).collect()
}

/// What stands under a heading of the protocol, up to the next one.
fn chapter(protocol: &str, number: u32) -> String {
    let start = format!("## {number}. ");
    let lines = protocol.lines().skip_while(|line| !line.starts_with(&start)).skip(1);
    lines.take_while(|line| !line.starts_with("## ")).collect::<Vec<_>>().join("\n")
}

/// What stands between single backticks, outside of blocks of code.
fn quoted(text: &str) -> Vec<String> {
    let inside = |line: &str| line.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    prose(text).iter().flat_map(|line| inside(line)).collect()
}

/// The lines outside of blocks of code.
fn prose(text: &str) -> Vec<&str> {
    let mut in_code = false;
    text.lines()
        .filter(|line| {
            let fence = line.trim_start().starts_with("```");
            in_code ^= fence;
            !fence && !in_code
        })
        .collect()
}

#[test]
fn citations_are_read_in_every_form() {
    let cites = |text: &str| cited(text).into_iter().collect::<Vec<_>>();
    assert_eq!(cites("(`docs/protocol.md`, clauses 3, 4 and 5.2)."), ["3", "4", "5.2"]);
    assert_eq!(cites("clause 1.2 and clause\n//! 4.1). 7 others"), ["1.2", "4.1"]);
    assert!(cites("RFC 6455, 5.2; a clause that says nothing of 8").is_empty());
}

#[test]
fn the_clauses_of_the_protocol_are_numbered_without_a_gap() {
    let clauses = clauses(&document("protocol.md"));
    let mut expected = (0, 0);
    for clause in &clauses {
        expected = match clause.split_once('.') {
            None => (expected.0 + 1, 0),
            Some(_) => (expected.0, expected.1 + 1),
        };
        let number = match expected {
            (chapter, 0) => chapter.to_string(),
            (chapter, number) => format!("{chapter}.{number}"),
        };
        assert_eq!(*clause, number);
    }
    assert!(clauses.len() > 40, "{} clauses were found", clauses.len());
}

#[test]
fn every_clause_that_is_cited_exists() {
    let known: BTreeSet<_> = clauses(&document("protocol.md")).into_iter().collect();
    let sources = files(&root().join("src"), ".rs").into_iter().chain(files(&root(), ".md"));
    let mut count = 0;
    for path in sources {
        let cited = cited(&read(&path));
        count += cited.len();
        let unknown: Vec<_> = cited.difference(&known).collect();
        assert!(
            unknown.is_empty(),
            "{} cites clauses that docs/protocol.md has not: {unknown:?}",
            path.display()
        );
    }
    assert!(count > 10, "only {count} citations were found");
}

#[test]
fn every_file_named_in_the_map_exists_and_every_room_stands_in_it() {
    const ENDINGS: [&str; 7] = [".rs", ".toml", ".md", ".example", ".service", ".html", "/"];
    let map = document("architecture.md");
    for name in quoted(&map) {
        let is_path = name.starts_with(|char: char| char.is_ascii_alphabetic())
            && !name.contains([' ', '*', '<'])
            && ENDINGS.iter().any(|ending| name.ends_with(ending));
        assert!(
            !is_path || root().join(&name).exists(),
            "docs/architecture.md names {name}, which is not there"
        );
    }
    for entry in fs::read_dir(root().join("src")).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        assert!(map.contains(&format!("`src/{name}")), "src/{name} does not stand in docs/architecture.md");
    }
}

#[test]
fn every_decision_is_listed_in_the_map() {
    let map = document("architecture.md");
    for path in files(&root().join("docs/adr"), ".md") {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(map.contains(&format!("(adr/{name})")), "docs/architecture.md does not link {name}");
    }
}

#[test]
fn every_relative_link_leads_somewhere() {
    let mut count = 0;
    for path in files(&root(), ".md") {
        let text = read(&path);
        for line in prose(&text) {
            for target in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                let target = target.split_whitespace().next().unwrap_or_default();
                if target.is_empty() || target.starts_with('#') || target.contains(':') {
                    continue;
                }
                let file = target.split('#').next().unwrap_or_default();
                let leads_to = path.parent().unwrap().join(file);
                assert!(leads_to.exists(), "{}: the link {target} leads nowhere", path.display());
                count += 1;
            }
        }
    }
    assert!(count > 10, "only {count} links were found");
}

#[test]
fn every_figure_of_the_hub_stands_in_the_protocol_and_no_other() {
    let figures = Figures::default();
    let mut told: BTreeSet<_> = figures.all().map(|(topic, ..)| format!("$SYS/hub/{topic}")).collect();
    told.extend(["$SYS/hub/version".to_owned(), "$SYS/hub/uptime".to_owned()]);
    let written: BTreeSet<_> = quoted(&document("protocol.md"))
        .into_iter()
        .filter(|name| name.starts_with("$SYS/hub/") && !name.ends_with(['#', '…']))
        .collect();
    assert_eq!(told, written);
}

#[test]
fn every_key_and_every_figure_of_a_link_stand_in_the_documents_and_no_others() {
    let table = document("configuration.md");
    let table = table.split("## The bounds of a link").nth(1).unwrap().to_owned();
    let rows: Vec<_> = table.lines().filter(|line| line.starts_with("| `")).collect();
    let expected = NUMBERS.map(|number| {
        let Number { key, default, least, most, unit, .. } = number;
        format!("| `{key}` | `{default}` | {least} to {most} | {unit} |")
    });
    assert_eq!(rows.len(), expected.len());
    for (row, expected) in rows.iter().zip(expected) {
        assert!(row.starts_with(&expected), "{row}\n{expected}");
    }
    let manual = document("bridge.md");
    for key in KEYS.iter().chain(&RULE_KEYS).map(|(key, _)| *key).filter(|key| *key != "rule") {
        let mut told = manual.lines().filter(|line| line.starts_with('|'));
        assert!(told.any(|row| row.contains(&format!("`{key}`"))), "docs/bridge.md lacks {key}");
    }
    for (figure, ..) in LinkFigures::default().all() {
        assert!(manual.contains(&format!("`{figure}`")), "docs/bridge.md lacks the figure {figure}");
    }
}

/// The closes in the source of `Ending::close`: each code, and its reason where that is a plain text.
fn closes() -> Vec<(u16, Option<String>)> {
    let source = read(&root().join("src/connection/ending.rs"));
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let close = |line: &str| {
        let (code, rest) = line.split_once("(1")?.1.split_once(", ")?;
        let code = format!("1{code}").parse().ok()?;
        let reason = rest.strip_prefix('"').and_then(|rest| rest.split('"').next());
        Some((code, reason.map(str::to_owned)))
    };
    source.lines().filter_map(close).collect()
}

#[test]
fn every_close_code_and_its_reason_stand_in_clause_8() {
    let chapter = chapter(&document("protocol.md"), 8);
    let closes = closes();
    assert!(closes.len() > 8, "only {} closes were found in src/connection/ending.rs", closes.len());
    for (code, reason) in &closes {
        let rows = chapter.lines().filter(|line| line.starts_with('|'));
        let told = rows.filter(|row| row.contains(&format!("`{code}`")));
        let reason = reason.as_deref().unwrap_or_default();
        let found = told.into_iter().any(|row| row.contains(reason));
        assert!(found, "clause 8 has no row with {code} and {reason:?}");
    }
    let known: BTreeSet<_> = closes.iter().map(|(code, _)| *code).collect();
    for code in
        quoted(&chapter).iter().filter_map(|text| text.parse::<u16>().ok()).filter(|code| *code >= 1000)
    {
        assert!(known.contains(&code), "clause 8 has {code}, which the hub never sends");
    }
}

#[test]
fn every_script_of_the_measurements_is_there() {
    let page = document("performance.md");
    let words = page.split(['`', '\n', ' ']);
    let scripts: BTreeSet<_> =
        words.filter(|word| word.starts_with("benches/") || word.starts_with("bench/")).collect();
    assert!(scripts.len() > 5, "{scripts:?}");
    for script in scripts {
        assert!(root().join(script).exists(), "{script}");
    }
}

/// The names of the test functions of the tree.
fn tests_of_the_tree() -> BTreeSet<String> {
    let sources = ["src", "tests"].into_iter().flat_map(|folder| files(&root().join(folder), ".rs"));
    let mut names = BTreeSet::new();
    for path in sources {
        let text = read(&path);
        // An attribute that makes a test stands above, perhaps with others below it.
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            let name = line.trim_start_matches("async ").strip_prefix("fn ");
            if line.starts_with("#[") {
                is_test |= line == "#[test]" || line.starts_with("#[tokio::test");
            } else if let Some((name, _)) = name.and_then(|rest| rest.split_once('(')) {
                if is_test {
                    names.insert(name.to_owned());
                }
                is_test = false;
            }
        }
    }
    names
}

/// What stands under a heading of a page, up to the next one of its kind.
fn section(page: &str, heading: &str) -> String {
    let lines = page.lines().skip_while(|line| *line != heading).skip(1);
    lines.take_while(|line| !line.starts_with("## ")).collect::<Vec<_>>().join("\n")
}

/// The points of a list, those inside of others apart.
fn points(section: &str) -> Vec<String> {
    let mut points = Vec::new();
    for line in section.lines() {
        if line.trim_start().starts_with("* ") {
            points.push(String::new());
        }
        if line.is_empty() || line.starts_with("**") {
            points.push(String::new());
        } else if let Some(point) = points.last_mut() {
            point.push_str(line);
            point.push('\n');
        }
    }
    points.retain(|point| point.trim_start().starts_with("* "));
    points
}

fn is_of_a_test(name: &str) -> bool {
    name.contains('_')
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

#[test]
fn every_promise_of_the_threat_model_names_a_test_and_every_test_that_it_names_is_there() {
    let (page, tests) = (document("threat-model.md"), tests_of_the_tree());
    for name in quoted(&page).iter().filter(|name| is_of_a_test(name)).filter(|name| *name != "hub_session") {
        assert!(tests.contains(name), "docs/threat-model.md names {name}, which is no test");
    }
    let promises = points(&section(&page, "## What holds"));
    assert!(promises.len() > 40, "only {} promises were found", promises.len());
    for promise in &promises {
        assert!(quoted(promise).iter().any(|name| tests.contains(name)), "no test holds this: {promise}");
    }
}

#[test]
fn what_does_not_hold_is_a_short_list() {
    const MOST: usize = 7;
    let weaknesses = points(&section(&document("threat-model.md"), "## What does not hold"));
    assert!((1..=MOST).contains(&weaknesses.len()), "{} weaknesses: mend one", weaknesses.len());
}
